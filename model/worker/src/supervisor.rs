//! The thread that owns the worker process: it starts it, hands it one job after the other, and sees to its end.
//!
//! A worker holds one job of ours at a time. So it is certain whose fault an end is, queued jobs outlive a crash, and an engine
//! that reads its stdin only between jobs is never flooded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shot::Fault;

use crate::client::{Cell, JobState, Known, Options};
use crate::error::Error;
use crate::line::Line;
use crate::process::{Allowance, Launch, NOISE, Process};
use crate::protocol::{Decoded, FromWorker, Hello, PROTOCOL, ToWorker, decode, encode};

/// What the supervisor is asked or told.
pub(crate) enum Ask {
    Submit(Arc<Cell>),
    Cancel(Arc<Cell>),
    Greet(SyncSender<Result<Hello, Fault>>),
    Stop,
    /// From the reader of run number …
    Said(u64, Hello),
    Settled(u64),
    Ended(u64),
}

pub(crate) struct Supervisor {
    options: Options,
    asks: Sender<Ask>,
    known: Arc<Mutex<Known>>,
    worker: Option<Worker>,
    runs: u64,
    waiting: VecDeque<Arc<Cell>>,
    greeters: Vec<SyncSender<Result<Hello, Fault>>>,
    crashes: VecDeque<Instant>,
    last_words: String,
}

struct Worker {
    process: Process,
    allowance: Allowance,
    run: u64,
    started: Instant,
    hello: Option<Hello>,
    /// The job it has, shared with its reader.
    job: Arc<Mutex<Option<Arc<Cell>>>>,
    idle_since: Instant,
}

impl Supervisor {
    pub fn new(options: Options, asks: Sender<Ask>, known: Arc<Mutex<Known>>) -> Self {
        Self {
            options,
            asks,
            known,
            worker: None,
            runs: 0,
            waiting: VecDeque::new(),
            greeters: Vec::new(),
            crashes: VecDeque::new(),
            last_words: String::new(),
        }
    }

    pub fn run(mut self, asked: &Receiver<Ask>) {
        loop {
            let wait = self.deadline().map_or(Duration::from_secs(3600), |d| d.saturating_duration_since(Instant::now()));
            match asked.recv_timeout(wait) {
                Ok(Ask::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(ask) => self.answer(ask),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_at_the_clock();
            self.hand_out();
        }
        let job = self.worker.as_ref().and_then(|w| w.job.lock().clone());
        self.retire(self.options.grace);
        for cell in job.into_iter().chain(self.waiting.drain(..)) {
            cell.end(Error::Closed);
        }
        // Handles may have sent a job or a cancel after the stop.
        while let Ok(ask) = asked.try_recv() {
            if let Ask::Submit(cell) | Ask::Cancel(cell) = ask {
                cell.end(Error::Closed);
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Submit(cell) => self.waiting.push_back(cell),
            Ask::Cancel(cell) => self.cancel(&cell),
            Ask::Greet(greeter) => match self.worker.as_ref().and_then(|w| w.hello.clone()) {
                Some(hello) => drop(greeter.try_send(Ok(hello))),
                None => self.greeters.push(greeter),
            },
            Ask::Said(run, hello) if self.is_current(run) => self.greeted(hello),
            Ask::Settled(run) if self.is_current(run) => {
                if let Some(worker) = &mut self.worker {
                    worker.idle_since = Instant::now();
                }
            }
            Ask::Ended(run) if self.is_current(run) => self.ended(),
            // News of a run that is over.
            Ask::Said(..) | Ask::Settled(_) | Ask::Ended(_) | Ask::Stop => {}
        }
    }

    fn is_current(&self, run: u64) -> bool {
        self.worker.as_ref().is_some_and(|w| w.run == run)
    }

    fn greeted(&mut self, hello: Hello) {
        if let Err(error) = hello.check() {
            self.retire(self.options.grace);
            let fault = Fault::from(error);
            self.refuse_all(|| fault.clone());
            return;
        }
        for greeter in self.greeters.drain(..) {
            let _ = greeter.try_send(Ok(hello.clone()));
        }
        self.known.lock().hello = Some(hello.clone());
        if let Some(worker) = &mut self.worker {
            worker.hello = Some(hello);
            worker.idle_since = Instant::now();
        }
    }

    fn cancel(&mut self, cell: &Arc<Cell>) {
        if let Some(at) = self.waiting.iter().position(|c| Arc::ptr_eq(c, cell)) {
            self.waiting.remove(at);
            cell.set(JobState::Failed(Fault::cancelled()));
            return;
        }
        let Some(worker) = &self.worker else { return };
        if worker.job.lock().as_ref().is_some_and(|c| Arc::ptr_eq(c, cell)) {
            // When the line cannot be sent, the clock kills the worker.
            let line = encode(&ToWorker::Cancel { job: cell.job.id.clone() });
            if let Err(e) = line.and_then(|line| worker.process.send(line)) {
                log::warn!("the cancel of job {} was not sent: {e}", cell.job.id);
            }
        }
    }

    /// The next moment at which something is overdue.
    fn deadline(&self) -> Option<Instant> {
        let worker = self.worker.as_ref()?;
        if worker.hello.is_none() {
            return worker.started.checked_add(self.options.hello);
        }
        match worker.job.lock().as_ref() {
            Some(cell) => cell.cancelled().and_then(|at| at.checked_add(self.options.cancel)),
            None => worker.idle_since.checked_add(self.options.idle),
        }
    }

    fn look_at_the_clock(&mut self) {
        if self.deadline().is_none_or(|d| Instant::now() < d) {
            return;
        }
        let Some(worker) = &self.worker else { return };
        if worker.hello.is_none() {
            log::warn!("{} does not say hello and is killed", self.options.program.display());
            self.retire(Duration::ZERO);
            self.crashes.push_back(Instant::now());
            let (program, waited, last) = (self.options.program.clone(), self.options.hello, self.last_words.clone());
            self.refuse_all(|| Error::NoHello { program: program.clone(), waited, last: last.clone() }.into());
            return;
        }
        let job = worker.job.lock().clone();
        if let Some(cell) = job {
            log::warn!("job {} does not heed its cancel; its worker is killed", cell.job.id);
            self.retire(Duration::ZERO);
            cell.set(JobState::Failed(Fault::cancelled()));
        } else if self.waiting.is_empty() {
            log::debug!("{} has nothing to do and is closed", self.options.program.display());
            self.retire(self.options.grace);
        }
    }

    /// The worker closed its stdout.
    fn ended(&mut self) {
        let Some(worker) = &mut self.worker else { return };
        let greeted = worker.hello.is_some();
        let job = worker.job.lock().take();
        if worker.allowance.is_spent() {
            log::warn!("{} writes without end, says no hello, and is killed", self.options.program.display());
            self.retire(Duration::ZERO);
            self.crashes.push_back(Instant::now());
            let (program, last) = (self.options.program.clone(), self.last_words.clone());
            self.refuse_all(|| Error::Noise { program: program.clone(), bytes: NOISE, last: last.clone() }.into());
            return;
        }
        let how = self.retire(Duration::from_millis(500));
        if greeted && job.is_none() {
            log::info!("{} ended while it had no work: {how}", self.options.program.display());
            return;
        }
        log::warn!("{} ended: {how}", self.options.program.display());
        self.crashes.push_back(Instant::now());
        let (program, last) = (self.options.program.clone(), self.last_words.clone());
        let error = || Error::Ended { program: program.clone(), how: how.clone(), last: last.clone() };
        match job {
            Some(cell) => cell.end(error()),
            // Dead before its hello: the next start would end the same way.
            None => self.refuse_all(|| error().into()),
        }
    }

    /// Gives a free worker the next job; starts one when there is none.
    fn hand_out(&mut self) {
        if self.worker.is_none() && !(self.waiting.is_empty() && self.greeters.is_empty()) {
            self.start();
        }
        let Some(worker) = &mut self.worker else { return };
        let Some(hello) = &worker.hello else { return };
        while worker.job.lock().is_none() {
            let Some(cell) = self.waiting.pop_front() else { return };
            let mut job = cell.job.clone();
            if !hello.publishes {
                job.store = None;
            }
            let line = match encode(&ToWorker::Job(Box::new(job))) {
                Ok(line) => line,
                Err(error) => {
                    cell.fail(error);
                    continue;
                }
            };
            // The reader must know the job before its first word about it can come.
            *worker.job.lock() = Some(cell.clone());
            if let Err(error) = worker.process.send(line) {
                worker.job.lock().take();
                cell.fail(error);
            }
        }
    }

    fn start(&mut self) {
        let minute = Instant::now().checked_sub(Duration::from_secs(60));
        while self.crashes.front().zip(minute).is_some_and(|(crash, minute)| *crash < minute) {
            self.crashes.pop_front();
        }
        let program = self.options.program.clone();
        if self.crashes.len() >= self.options.crashes_per_minute.max(1) {
            let (starts, last) = (self.crashes.len(), self.last_words.clone());
            self.refuse_all(|| Error::TooManyStarts { program: program.clone(), starts, last: last.clone() }.into());
            return;
        }
        self.runs += 1;
        let run = self.runs;
        let job = Arc::new(Mutex::new(None));
        let allowance = Allowance::new(NOISE);
        let mut reader =
            Reader { asks: self.asks.clone(), run, job: job.clone(), allowance: allowance.clone(), options: self.options.clone(), odd: 0 };
        let asks = self.asks.clone();
        let launch = Launch { program, args: self.options.args.clone(), env_remove: self.options.env_remove.clone() };
        let on_end = move || drop(asks.send(Ask::Ended(run)));
        let started = Process::start(&launch, allowance.clone(), move |line| reader.line(line), on_end).and_then(|process| {
            process.send(encode(&ToWorker::Hello { protocol: PROTOCOL })?)?;
            Ok(process)
        });
        match started {
            Ok(process) => {
                self.known.lock().pid = Some(process.pid());
                let now = Instant::now();
                self.worker = Some(Worker { process, allowance, run, started: now, hello: None, job, idle_since: now });
            }
            Err(error) => {
                let fault = Fault::from(error);
                self.refuse_all(|| fault.clone());
            }
        }
    }

    /// Ends the worker, if there is one, and says how it ended.
    fn retire(&mut self, grace: Duration) -> String {
        let Some(mut worker) = self.worker.take() else { return String::new() };
        let how = worker.process.finish(grace);
        self.last_words = worker.process.last_words();
        self.known.lock().pid = None;
        how
    }

    fn refuse_all(&mut self, fault: impl Fn() -> Fault) {
        for greeter in self.greeters.drain(..) {
            let _ = greeter.try_send(Err(fault()));
        }
        for cell in self.waiting.drain(..) {
            cell.set(JobState::Failed(fault()));
        }
    }
}

/// What the reader thread does with each line of one run.
struct Reader {
    asks: Sender<Ask>,
    run: u64,
    job: Arc<Mutex<Option<Arc<Cell>>>>,
    /// What it may write before its hello.
    allowance: Allowance,
    options: Options,
    odd: u32,
}

impl Reader {
    fn line(&mut self, line: Line) {
        let text = match line {
            Line::Text(text) => text,
            Line::TooLong { bytes } => return self.odd(&format!("a line of {bytes} bytes")),
        };
        match decode::<FromWorker>(&text) {
            Decoded::Blank => {}
            Decoded::Message(message) => self.message(message),
            Decoded::Unknown { kind } => self.odd(&format!("a message of the unknown type '{kind}'")),
            Decoded::Bad { kind, job, why } => {
                let ends = matches!(kind.as_deref(), Some("take" | "made" | "error"));
                match self.cell(job.as_ref().filter(|_| ends)) {
                    Some(cell) => {
                        let (program, job) = (self.options.program.clone(), cell.job.id.to_string());
                        self.settle(&cell, JobState::Failed(Error::BadAnswer { program, job, why }.into()));
                    }
                    None => self.odd(&format!("'{}': {why}", String::from_utf8_lossy(&text).chars().take(120).collect::<String>())),
                }
            }
        }
    }

    fn message(&mut self, message: FromWorker) {
        match message {
            FromWorker::Hello(hello) => {
                self.allowance.lift();
                let _ = self.asks.send(Ask::Said(self.run, hello));
            }
            FromWorker::Queued { .. } => {}
            FromWorker::Progress { job, stage, done, of, eta } => {
                if let Some(cell) = self.cell(Some(&job)) {
                    let eta = eta.filter(|e| e.0.is_finite() && e.0 >= 0.0);
                    cell.set(JobState::Running { stage, done: done.min(of), of, eta });
                }
            }
            FromWorker::Note { job, text } => {
                if let Some(cell) = self.cell(Some(&job)) {
                    cell.note(text);
                }
            }
            FromWorker::Take { job, id, folder } => {
                if let Some(cell) = self.cell(Some(&job)) {
                    self.settle(&cell, JobState::Done { id, folder });
                }
            }
            FromWorker::Made { job, made } => {
                if let Some(cell) = self.cell(Some(&job)) {
                    let state = made.resolved(&cell.job).map_or_else(|e| JobState::Failed(e.into()), JobState::Made);
                    self.settle(&cell, state);
                }
            }
            FromWorker::Error { job: Some(job), fault } => {
                if let Some(cell) = self.cell(Some(&job)) {
                    self.settle(&cell, JobState::Failed(fault));
                }
            }
            FromWorker::Error { job: None, fault } => log::error!(target: "engine", "{fault}"),
            FromWorker::Log { level, text } => {
                log::log!(target: "engine", level.into(), "{}", text.chars().take(2000).collect::<String>());
            }
        }
    }

    /// The job in work, if it has this name.
    fn cell(&self, id: Option<&crate::JobId>) -> Option<Arc<Cell>> {
        self.job.lock().as_ref().filter(|c| Some(&c.job.id) == id).cloned()
    }

    fn settle(&self, cell: &Cell, state: JobState) {
        // Free the worker first: who waits for the state may look at once whether it is free.
        self.job.lock().take();
        cell.set(state);
        let _ = self.asks.send(Ask::Settled(self.run));
    }

    /// Logs what is no message, the first few times.
    fn odd(&mut self, what: &str) {
        self.odd += 1;
        match self.odd {
            1..=20 => log::warn!("{} writes to stdout what is no message: {what}", self.options.program.display()),
            21 => log::warn!("{} goes on like that; no more of it is logged", self.options.program.display()),
            _ => {}
        }
    }
}
