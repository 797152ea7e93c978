//! The worker's side: jobs in, events out.

use std::any::Any;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use shot::{Cancel, Code, Fault, Seconds, Stage, TakeId};

use crate::error::Error;
use crate::line::{Line, Lines};
use crate::protocol::{Decoded, FromWorker, Hello, Job, JobId, Level, Made, PROTOCOL, ToWorker, decode, encode};

/// Jobs that may wait in a worker.
const QUEUE: usize = 256;
/// Lines that may wait for a client that does not read.
const OUTBOX: usize = 1024;
/// How long the reader waits for a client that does not read before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Shortest time between two progress lines: 20 a second.
const PROGRESS: Duration = Duration::from_millis(50);

/// What a job ended in.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    /// A take was published.
    Take {
        /// Its name.
        id: TakeId,
        /// Its folder.
        folder: PathBuf,
    },
    /// Frames and sound lie in the job's `out` folder.
    Made(Made),
}

/// Serves one client.
pub struct Server {
    hello: Hello,
    grace: Duration,
    on_hang: Box<dyn FnOnce() + Send>,
}

/// Serves one client with the defaults of [`Server::new`].
pub fn serve(
    hello: Hello,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    handler: impl Fn(Job, &Events, &Cancel) -> Result<Finished, Fault>,
) -> Result<(), Fault> {
    Server::new(hello).serve(input, output, handler)
}

impl Server {
    /// A server that, when its client is gone, gives the running job two seconds to stop and then ends the process.
    pub fn new(hello: Hello) -> Self {
        Self {
            hello,
            grace: Duration::from_secs(2),
            on_hang: Box::new(|| {
                log::error!("the engine does not stop; the process ends without it");
                std::process::exit(3);
            }),
        }
    }

    /// Another time for a running job to stop once the client is gone.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// What to do, instead of ending the process, when a job does not stop within the grace time.
    #[must_use]
    pub fn on_hang(mut self, act: impl FnOnce() + Send + 'static) -> Self {
        self.on_hang = Box::new(act);
        self
    }

    /// Runs jobs on this thread, one after another in their order, until `input` ends or `output` breaks: both mean that the
    /// client is gone. What goes wrong in a job, panics included, becomes its `error` and stays inside it.
    pub fn serve(
        self,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        handler: impl Fn(Job, &Events, &Cancel) -> Result<Finished, Fault>,
    ) -> Result<(), Fault> {
        let (outbox, lines) = sync_channel(OUTBOX);
        let desk = Arc::new(Desk { state: Mutex::default(), changed: Condvar::new(), outbox });
        let no_thread = |e: std::io::Error| Fault::from(Error::Wire(e));
        let named = |name: &str| std::thread::Builder::new().name(name.into());

        let writer = {
            let desk = desk.clone();
            named("pickup-server-out").spawn(move || write_lines(&lines, output, &desk)).map_err(no_thread)?
        };
        // Never joined: it may sit in a read of stdin that nothing but the process's end can stop.
        {
            let (desk, hello) = (desk.clone(), self.hello);
            named("pickup-server-in").spawn(move || read_lines(Lines::new(input), &desk, &hello)).map_err(no_thread)?;
        }
        {
            let (desk, grace, on_hang) = (desk.clone(), self.grace, self.on_hang);
            named("pickup-server-guard").spawn(move || guard(&desk, grace, on_hang)).map_err(no_thread)?;
        }

        while let Some((job, cancel)) = desk.next() {
            let id = job.id.clone();
            let events = Events { job: id.clone(), cancel: cancel.clone(), desk: desk.clone(), pace: Mutex::new(Pace::default()) };
            let result = catch_unwind(AssertUnwindSafe(|| handler(job, &events, &cancel))).unwrap_or_else(|panic| Err(panicked(&panic)));
            // Free before the answer: a client may cancel or send the next job as soon as it has read it.
            desk.state.lock().running = None;
            desk.send(match result {
                Ok(Finished::Take { id: take, folder }) => FromWorker::Take { job: id, id: take, folder },
                Ok(Finished::Made(made)) => FromWorker::Made { job: id, made },
                Err(_) if cancel.is_cancelled() => FromWorker::Error { job: Some(id), fault: Fault::cancelled() },
                Err(fault) => FromWorker::Error { job: Some(id), fault },
            });
        }
        desk.send_stop();
        let written = writer.join().unwrap_or_else(|panic| Err(std::io::Error::other(panicked(&panic).what)));
        desk.state.lock().finished = true;
        desk.changed.notify_all();
        // A client that hung up is the ordinary end of a worker.
        match written {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Wire(e).into()),
            _ => Ok(()),
        }
    }
}

/// What the threads of a server share.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    /// `None` is the order to stop.
    outbox: SyncSender<Option<FromWorker>>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: Option<(JobId, Cancel)>,
    /// The protocol of a client that was refused.
    refused: Option<u32>,
    /// The client is gone.
    ended: bool,
    /// The server is done.
    finished: bool,
}

impl Desk {
    /// The next job; waits for one. `None` once the client is gone.
    fn next(&self) -> Option<(Job, Cancel)> {
        let mut state = self.state.lock();
        loop {
            if state.ended {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                let cancel = Cancel::default();
                state.running = Some((job.id.clone(), cancel.clone()));
                return Some((job, cancel));
            }
            self.changed.wait(&mut state);
        }
    }

    /// The client is gone: nobody waits for what is queued or running.
    fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.queue.clear();
        if let Some((_, cancel)) = &state.running {
            cancel.cancel();
        }
        self.changed.notify_all();
    }

    /// Sends, and waits while the client does not read.
    fn send(&self, message: FromWorker) {
        let _ = self.outbox.send(Some(message));
    }

    /// Sends without waiting; whether there was room.
    fn try_send(&self, message: FromWorker) -> bool {
        self.outbox.try_send(Some(message)).is_ok()
    }

    fn send_stop(&self) {
        let _ = self.outbox.send(None);
    }

    /// Sends from the reader, which must go on to see a cancel or the end of stdin: whether there was room in time.
    fn send_soon(&self, message: FromWorker) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.try_send(message.clone()) {
            if Instant::now() > deadline {
                log::error!("the client does not read its answers");
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    fn accept(&self, job: Job) -> Result<(), Fault> {
        job.check()?;
        job.request.check()?;
        let mut state = self.state.lock();
        if let Some(got) = state.refused {
            return Err(Error::Protocol { name: "the client".into(), expected: PROTOCOL, got }.into());
        }
        if state.queue.len() >= QUEUE {
            return Err(Error::Full { waiting: state.queue.len() }.into());
        }
        let taken = state.running.as_ref().is_some_and(|(id, _)| *id == job.id) || state.queue.iter().any(|j| j.id == job.id);
        if taken {
            return Err(Error::BadJob { job: job.id.0, why: "an unfinished job has this name".into() }.into());
        }
        // Under the lock: `queued` must be on its way before the job can begin.
        if !self.try_send(FromWorker::Queued { job: job.id.clone() }) {
            return Err(Error::Full { waiting: state.queue.len() }.into());
        }
        state.queue.push_back(job);
        self.changed.notify_all();
        Ok(())
    }
}

fn write_lines(lines: &Receiver<Option<FromWorker>>, mut output: impl Write, desk: &Desk) -> std::io::Result<()> {
    while let Ok(Some(message)) = lines.recv() {
        let line = match encode(&message) {
            Ok(line) => line,
            // A path that is no Unicode, or a figure that is no number, must not leave its job without an end.
            Err(error) => {
                let job = match message {
                    FromWorker::Take { job, .. } | FromWorker::Made { job, .. } => Some(job),
                    FromWorker::Error { job, .. } => job,
                    _ => None,
                };
                encode(&FromWorker::Error { job, fault: error.into() }).unwrap_or_default()
            }
        };
        if let Err(e) = output.write_all(&line).and_then(|()| output.flush()) {
            log::info!("the client is gone: {e}");
            desk.end();
            return Err(e);
        }
    }
    Ok(())
}

fn read_lines(mut lines: Lines<impl Read>, desk: &Desk, hello: &Hello) {
    let answer = |message: FromWorker| desk.send_soon(message);
    loop {
        let text = match lines.next_line() {
            Ok(Some(Line::Text(text))) => text,
            Ok(Some(Line::TooLong { bytes })) => {
                answer(FromWorker::Error { job: None, fault: Error::TooLong { bytes, limit: crate::line::MAX_LINE }.into() });
                continue;
            }
            Ok(None) => break,
            Err(e) => {
                log::warn!("stdin cannot be read: {e}");
                break;
            }
        };
        let goes_on = match decode::<ToWorker>(&text) {
            Decoded::Blank => true,
            Decoded::Message(ToWorker::Bye) => break,
            Decoded::Message(ToWorker::Hello { protocol }) => {
                let error = Error::Protocol { name: "the client".into(), expected: PROTOCOL, got: protocol };
                let refused = protocol != PROTOCOL;
                desk.state.lock().refused = refused.then_some(protocol);
                answer(FromWorker::Hello(hello.clone())) && (!refused || answer(FromWorker::Error { job: None, fault: error.into() }))
            }
            Decoded::Message(ToWorker::Job(job)) => {
                let id = job.id.clone();
                match desk.accept(*job) {
                    Ok(()) => true,
                    Err(fault) => answer(FromWorker::Error { job: Some(id), fault }),
                }
            }
            Decoded::Message(ToWorker::Cancel { job }) => {
                let mut state = desk.state.lock();
                let queued = state.queue.iter().position(|j| j.id == job);
                if let Some(at) = queued {
                    state.queue.remove(at);
                } else if let Some((_, cancel)) = state.running.as_ref().filter(|(id, _)| *id == job) {
                    cancel.cancel();
                }
                drop(state);
                queued.is_none() || answer(FromWorker::Error { job: Some(job), fault: Fault::cancelled() })
            }
            Decoded::Unknown { kind } => {
                answer(FromWorker::Log { level: Level::Warn, text: format!("a message of the unknown type '{kind}' was skipped") })
            }
            Decoded::Bad { kind, job, why } => {
                let kind = kind.unwrap_or_else(|| "line".into());
                let fault = Fault::new(Code::Argument, format!("a {kind} cannot be understood: {why}"), "see docs/engine-protocol.md");
                answer(FromWorker::Error { job, fault })
            }
        };
        if !goes_on {
            break;
        }
    }
    desk.end();
}

/// Sees to it that the process ends even when the engine hangs or the client holds its end of stdout without reading.
fn guard(desk: &Desk, grace: Duration, on_hang: Box<dyn FnOnce() + Send>) {
    let mut state = desk.state.lock();
    while !state.ended && !state.finished {
        desk.changed.wait(&mut state);
    }
    let deadline = Instant::now() + grace;
    while !state.finished {
        if desk.changed.wait_until(&mut state, deadline).timed_out() {
            break;
        }
    }
    let hangs = !state.finished;
    drop(state);
    if hangs {
        on_hang();
    }
}

fn panicked(panic: &Box<dyn Any + Send>) -> Fault {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    Fault::internal(format!("the engine broke down: {}", text.unwrap_or_else(|| "it did not say why".into())))
}

/// How a running job speaks to its client. It may be used from several threads.
pub struct Events {
    job: JobId,
    cancel: Cancel,
    desk: Arc<Desk>,
    pace: Mutex<Pace>,
}

#[derive(Default)]
struct Pace {
    at: Option<(Stage, u64, u64)>,
    stage_began: Option<Instant>,
    sent: Option<Instant>,
}

impl Pace {
    /// Takes a step in; gives what to send now, if anything: never backwards, the first and last step of a stage always, the rest
    /// at most 20 times a second.
    fn step(&mut self, stage: Stage, done: u64, of: u64, now: Instant) -> Option<(u64, u64, Option<Seconds>)> {
        let done = done.min(of);
        let fresh = match self.at {
            Some((s, ..)) if stage < s => return None,
            Some((s, d, o)) if stage == s && (done < d || (done, of) == (d, o)) => return None,
            Some((s, ..)) => s != stage,
            None => true,
        };
        self.at = Some((stage, done, of));
        if fresh {
            self.stage_began = Some(now);
        }
        let due = self.sent.is_none_or(|sent| now.saturating_duration_since(sent) >= PROGRESS);
        if !(fresh || due || done == of) {
            return None;
        }
        self.sent = Some(now);
        let elapsed = self.stage_began.map_or(0.0, |began| now.saturating_duration_since(began).as_secs_f64());
        let eta = (done > 0 && elapsed > 0.5).then(|| Seconds(elapsed / done as f64 * (of - done) as f64));
        Some((done, of, eta))
    }
}

impl Events {
    /// Says how far a stage has come; too many calls do no harm. `Err` once the job was cancelled: stop then.
    pub fn progress(&self, stage: Stage, done: u64, of: u64) -> Result<(), Fault> {
        self.cancel.check()?;
        let mut pace = self.pace.lock();
        if let Some((done, of, eta)) = pace.step(stage, done, of, Instant::now()) {
            // Under the lock, so that two threads cannot swap their lines. A full outbox costs a progress line, nothing else.
            self.desk.try_send(FromWorker::Progress { job: self.job.clone(), stage, done, of, eta });
        }
        Ok(())
    }

    /// Tells the editor something.
    pub fn note(&self, text: impl Into<String>) {
        self.desk.send(FromWorker::Note { job: self.job.clone(), text: text.into() });
    }

    /// Writes into the client's log.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.desk.try_send(FromWorker::Log { level, text: text.into() });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever an engine reports, what leaves is monotone and at most 20 lines a second plus two a stage.
        #[test]
        fn progress_is_monotone_and_rare(steps in proptest::collection::vec((0usize..5, 0u64..40, 1u64..40, 0u64..30), 0..300)) {
            let stages = [Stage::Context, Stage::Weights, Stage::Picture, Stage::Sound, Stage::Publish];
            let began = Instant::now();
            let (mut pace, mut now, mut sent) = (Pace::default(), began, Vec::new());
            for (stage, done, of, wait) in steps {
                now += Duration::from_millis(wait);
                if let Some((done, of, eta)) = pace.step(stages[stage], done, of, now) {
                    prop_assert!(done <= of && eta.is_none_or(|e| e.0.is_finite() && e.0 >= 0.0));
                    sent.push((stages[stage], done));
                }
            }
            prop_assert!(sent.windows(2).all(|w| w[0].0 < w[1].0 || (w[0].0 == w[1].0 && w[0].1 <= w[1].1)));
        }
    }

    #[test]
    fn a_fast_stage_sends_its_first_and_its_last_step() {
        let now = Instant::now();
        let mut pace = Pace::default();
        let sent: Vec<u64> = (0..=100).filter_map(|i| pace.step(Stage::Picture, i, 100, now)).map(|s| s.0).collect();
        assert_eq!(sent, [0, 100]);
    }
}
