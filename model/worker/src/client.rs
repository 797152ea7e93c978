//! The host's side: start, submit, watch, cancel, end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use shot::{Fault, Seconds, Stage, TakeId};

use crate::error::Error;
use crate::process::exists;
use crate::protocol::{Hello, Job, JobId, Made};
use crate::supervisor::{Ask, Supervisor};

/// Unfinished jobs a client holds; the next one is refused.
pub const MAX_JOBS: usize = 1024;

/// Which program, and how patient to be with it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program: `pickup`, or anything that speaks the protocol.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables of the host's environment that the worker must not inherit.
    pub env_remove: Vec<OsString>,
    /// How long it may take from its start to its hello. Interpreters that import a tensor library take half a minute.
    pub hello: Duration,
    /// How long it may go on after a cancel before it is killed.
    pub cancel: Duration,
    /// How long it may go on after its stdin closed before it is killed.
    pub grace: Duration,
    /// How long it is kept without work; its memory goes back to the host after that.
    pub idle: Duration,
    /// Ends without being asked that are forgiven within a minute.
    pub crashes_per_minute: usize,
}

impl Options {
    /// A program without arguments, with our defaults.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env_remove: Vec::new(),
            hello: Duration::from_secs(60),
            cancel: Duration::from_secs(10),
            grace: Duration::from_secs(2),
            idle: Duration::from_secs(60),
            crashes_per_minute: 5,
        }
    }

    /// `PROGRAM worker`: how Pickup's own executables are started.
    pub fn pickup(program: impl Into<PathBuf>) -> Self {
        Self { args: vec!["worker".into()], ..Self::new(program) }
    }
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub enum JobState {
    /// It waits.
    Queued,
    /// It is worked on.
    Running {
        /// With what.
        stage: Stage,
        /// So many steps of the stage …
        done: u64,
        /// … of so many, never less than `done`.
        of: u64,
        /// Until the stage ends, where the worker can tell.
        eta: Option<Seconds>,
    },
    /// The worker published a take.
    Done {
        /// Its name.
        id: TakeId,
        /// Its folder.
        folder: PathBuf,
    },
    /// An engine left frames and sound, all of them there: paths are absolute.
    Made(Made),
    /// It failed or was cancelled.
    Failed(Fault),
}

impl JobState {
    /// Whether nothing will change any more.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Made(_) | Self::Failed(_))
    }
}

/// A job as client, supervisor and reader share it.
pub(crate) struct Cell {
    pub job: Job,
    inner: Mutex<Inner>,
    changed: Condvar,
    unfinished: Arc<AtomicUsize>,
}

struct Inner {
    state: JobState,
    notes: Vec<String>,
    cancelled: Option<Instant>,
}

impl Cell {
    /// Changes the state unless it is final already; whether it did.
    pub fn set(&self, state: JobState) -> bool {
        let mut inner = self.inner.lock();
        if inner.state.is_final() {
            return false;
        }
        if state.is_final() {
            self.unfinished.fetch_sub(1, Ordering::Relaxed);
        }
        inner.state = state;
        self.changed.notify_all();
        true
    }

    pub fn fail(&self, error: Error) {
        self.set(JobState::Failed(error.into()));
    }

    /// The answer to a job whose worker is gone: a cancel that was under way has then reached its end.
    pub fn end(&self, error: Error) {
        let fault = if self.cancelled().is_some() { Fault::cancelled() } else { error.into() };
        self.set(JobState::Failed(fault));
    }

    pub fn note(&self, text: String) {
        // A worker that chatters must not fill the host's memory.
        let mut inner = self.inner.lock();
        if inner.notes.len() < 100 {
            inner.notes.push(text.chars().take(1000).collect());
        }
    }

    pub fn is_final(&self) -> bool {
        self.inner.lock().state.is_final()
    }

    pub fn cancelled(&self) -> Option<Instant> {
        self.inner.lock().cancelled
    }
}

/// A job that was submitted. Clones speak of the same job; dropping them changes nothing.
#[derive(Clone)]
pub struct JobHandle {
    cell: Arc<Cell>,
    asks: Sender<Ask>,
}

impl JobHandle {
    /// The job's name.
    pub fn id(&self) -> &JobId {
        &self.cell.job.id
    }

    /// What was submitted.
    pub fn job(&self) -> &Job {
        &self.cell.job
    }

    /// Where it stands. Never blocks.
    pub fn state(&self) -> JobState {
        self.cell.inner.lock().state.clone()
    }

    /// What the worker wants the editor to know, so far. Never blocks.
    pub fn notes(&self) -> Vec<String> {
        self.cell.inner.lock().notes.clone()
    }

    /// Stops it, queued or running. Never blocks; the state becomes `Failed` with [`shot::Code::Cancelled`] soon, or the
    /// result when that was faster. A worker that does not answer in time is killed.
    pub fn cancel(&self) {
        {
            let mut inner = self.cell.inner.lock();
            if inner.state.is_final() || inner.cancelled.is_some() {
                return;
            }
            inner.cancelled = Some(Instant::now());
        }
        if self.asks.send(Ask::Cancel(self.cell.clone())).is_err() {
            self.cell.end(Error::Closed);
        }
    }

    /// Blocks until the state is final or `patience` is over, and gives the state. Not for a host's thread.
    pub fn wait(&self, patience: Duration) -> JobState {
        let deadline = Instant::now().checked_add(patience);
        let mut inner = self.cell.inner.lock();
        while !inner.state.is_final() {
            match deadline {
                Some(deadline) if self.cell.changed.wait_until(&mut inner, deadline).timed_out() => break,
                Some(_) => {}
                None => self.cell.changed.wait(&mut inner),
            }
        }
        inner.state.clone()
    }
}

/// A worker on call. Make one for each program and host process.
pub struct Client {
    options: Options,
    asks: Sender<Ask>,
    unfinished: Arc<AtomicUsize>,
    known: Arc<Mutex<Known>>,
    supervisor: Option<JoinHandle<()>>,
}

/// What is known of the worker.
#[derive(Default)]
pub(crate) struct Known {
    pub hello: Option<Hello>,
    pub pid: Option<u32>,
    /// Names of unfinished jobs are checked against this list.
    pub cells: Vec<Arc<Cell>>,
}

impl Client {
    /// A client; the program is not started before the first job.
    pub fn new(options: Options) -> Self {
        let (asks, asked) = channel();
        let known = Arc::default();
        let supervisor = Supervisor::new(options.clone(), asks.clone(), Arc::clone(&known));
        // Without its thread the receiver is gone, and every later call says so.
        let supervisor = std::thread::Builder::new()
            .name("pickup-client".into())
            .spawn(move || supervisor.run(&asked))
            .inspect_err(|e| log::error!("the client has no thread: {e}"))
            .ok();
        Self { options, asks, unfinished: Arc::default(), known, supervisor }
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the worker said of itself when it last started. Never blocks.
    pub fn hello(&self) -> Option<Hello> {
        self.known.lock().hello.clone()
    }

    /// The process number while a worker runs. Never blocks.
    pub fn pid(&self) -> Option<u32> {
        self.known.lock().pid
    }

    /// How many jobs are queued or running. Never blocks.
    pub fn unfinished(&self) -> usize {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// Starts the program if need be and waits for its hello. Not for a host's thread.
    pub fn greet(&self, patience: Duration) -> Result<Hello, Fault> {
        let (answer, answered) = sync_channel(1);
        self.asks.send(Ask::Greet(answer)).map_err(|_| Fault::from(Error::Closed))?;
        answered
            .recv_timeout(patience)
            .unwrap_or_else(|_| Err(Error::NoHello { program: self.options.program.clone(), waited: patience, last: String::new() }.into()))
    }

    /// Queues a job and returns at once, whatever the worker does. An error means that it was not queued: the job is wrong, the
    /// program is missing, or too many jobs wait.
    pub fn submit(&self, job: Job) -> Result<JobHandle, Fault> {
        job.check()?;
        job.request.check()?;
        if !exists(&self.options.program) {
            return Err(Error::NoProgram { program: self.options.program.clone() }.into());
        }
        let mut known = self.known.lock();
        known.cells.retain(|c| !c.is_final());
        if known.cells.len() >= MAX_JOBS {
            return Err(Error::Full { waiting: known.cells.len() }.into());
        }
        if known.cells.iter().any(|c| c.job.id == job.id) {
            return Err(Error::BadJob { job: job.id.0, why: "an unfinished job has this name".into() }.into());
        }
        let cell = Arc::new(Cell {
            job,
            inner: Mutex::new(Inner { state: JobState::Queued, notes: Vec::new(), cancelled: None }),
            changed: Condvar::new(),
            unfinished: self.unfinished.clone(),
        });
        self.asks.send(Ask::Submit(cell.clone())).map_err(|_| Fault::from(Error::Closed))?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        known.cells.push(cell.clone());
        Ok(JobHandle { cell, asks: self.asks.clone() })
    }
}

impl Drop for Client {
    /// Blocks until the worker has ended: at most the grace time and what a kill takes.
    fn drop(&mut self) {
        let _ = self.asks.send(Ask::Stop);
        if self.supervisor.take().is_some_and(|s| s.join().is_err()) {
            log::error!("the client's thread panicked");
        }
        for cell in self.known.lock().cells.drain(..) {
            cell.end(Error::Closed);
        }
    }
}
