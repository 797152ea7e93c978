//! One run of a program: its three pipes, its threads, and a certain end.
//!
//! On Unix the program leads a process group of its own, so that its end takes its children with it, and its stdin is a
//! socket: a write to a dead worker then gives an error instead of SIGPIPE, which would kill a host that has not silenced it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::Error;
use crate::line::{Line, Lines};

/// Lines that may wait for a worker that does not read; the client never has more than a hello, a job and its cancel on the way.
const OUTBOX: usize = 16;
/// Lines of stderr that are kept for error texts, and how much of each.
const LAST_WORDS: (usize, usize) = (6, 240);

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env_remove: Vec<OsString>,
}

/// What a program may write to stdout before it has said hello. Interpreters and libraries print a few lines; one that goes on
/// and on would keep a core of the host busy until the time for its hello is over.
pub(crate) const NOISE: usize = 1 << 20;

/// How many bytes of stdout are still read; clones share it.
#[derive(Clone)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// From now on everything is read.
    pub fn lift(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    /// Whether reading has stopped.
    pub fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        let less = |left: usize| (left != usize::MAX).then(|| left.saturating_sub(bytes));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// A started program.
pub(crate) struct Process {
    program: PathBuf,
    child: Child,
    outbox: Option<SyncSender<Vec<u8>>>,
    stdin: Stdin,
    stop: Arc<AtomicBool>,
    last: Arc<Mutex<VecDeque<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it. `on_line` and then, once, `on_end` are called on a thread of their own; stdout is read as far as `allowance`
    /// goes, and ends there.
    pub fn start(
        launch: &Launch,
        allowance: Allowance,
        mut on_line: impl FnMut(Line) + Send + 'static,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        let not_started = |why: io::Error| match why.kind() {
            io::ErrorKind::NotFound => Error::NoProgram { program: launch.program.clone() },
            _ => Error::NotStarted { program: launch.program.clone(), why },
        };
        let mut command = Command::new(&launch.program);
        command.args(&launch.args).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in &launch.env_remove {
            command.env_remove(name);
        }
        let (mut child, stdin) = Stdin::spawn(&mut command).map_err(not_started)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (outbox, lines) = sync_channel(OUTBOX);
        let mut process = Self {
            program: launch.program.clone(),
            child,
            outbox: Some(outbox),
            stdin,
            stop: Arc::default(),
            last: Arc::default(),
            threads: Vec::new(),
        };
        let stdout = stdout.map(|pipe| Lines::new(Allowed { pipe: Stoppable::new(pipe, process.stop.clone()), allowance }));
        let started = process.start_threads(lines, stdout, stderr, move |lines| {
            if let Some(mut lines) = lines {
                while let Ok(Some(line)) = lines.next_line() {
                    on_line(line);
                }
            }
            on_end();
        });
        if let Err(why) = started {
            process.finish(Duration::ZERO);
            return Err(Error::NotStarted { program: launch.program.clone(), why });
        }
        Ok(process)
    }

    fn start_threads(
        &mut self,
        outgoing: Receiver<Vec<u8>>,
        stdout: Option<Stdout>,
        stderr: Option<std::process::ChildStderr>,
        read_out: impl FnOnce(Option<Stdout>) + Send + 'static,
    ) -> io::Result<()> {
        let named = |name: &str| std::thread::Builder::new().name(name.into());
        let mut writer = self.stdin.writer()?;
        self.threads.push(named("pickup-worker-in").spawn(move || {
            while let Ok(line) = outgoing.recv() {
                if let Err(e) = writer.send(&line) {
                    log::debug!("the worker's stdin is closed: {e}");
                    break;
                }
            }
        })?);
        let (stop, last) = (self.stop.clone(), self.last.clone());
        self.threads.push(named("pickup-worker-err").spawn(move || {
            let Some(stderr) = stderr else { return };
            let mut lines = Lines::with_limit(Stoppable::new(stderr, stop), 64 << 10);
            while let Ok(Some(line)) = lines.next_line() {
                if let Line::Text(text) = line {
                    keep(&last, &String::from_utf8_lossy(&text));
                }
            }
        })?);
        self.threads.push(named("pickup-worker-out").spawn(move || read_out(stdout))?);
        Ok(())
    }

    /// The operating system's number for it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line without waiting; an error when the program does not read, or has ended.
    pub fn send(&self, line: Vec<u8>) -> Result<(), Error> {
        let not_reading = || Error::NotReading { program: self.program.clone() };
        self.outbox.as_ref().ok_or_else(not_reading)?.try_send(line).map_err(|_| not_reading())
    }

    /// Closes stdin: to the program that means "end at once".
    pub fn close_stdin(&mut self) {
        self.outbox = None;
        self.stdin.close();
    }

    /// Waits until the program has ended, at most `patience`; whether it has.
    pub fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            if self.has_ended() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Closes stdin, gives the program `grace` to end, kills what is left of it and of its children, joins the threads, and says
    /// how it ended. The process is reaped: no zombie stays.
    pub fn finish(&mut self, grace: Duration) -> String {
        self.close_stdin();
        self.ends_within(grace);
        self.kill();
        let status = self.child.wait();
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                log::error!("the thread {name} panicked");
            }
        }
        status.map_or_else(|e| e.to_string(), in_words)
    }

    /// Its last lines on stderr, newest last, as one text.
    pub fn last_words(&self) -> String {
        self.last.lock().iter().cloned().collect::<Vec<_>>().join(" | ")
    }

    #[cfg(unix)]
    fn has_ended(&mut self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        // NOWAIT leaves the zombie in place: its number cannot be given to another group before `kill` has used it.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None) | Err(rustix::io::Errno::INTR))
    }

    #[cfg(unix)]
    fn kill(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Err(e) = kill_process_group(Pid::from_child(&self.child), Signal::KILL) {
            log::debug!("the worker's group is gone: {e}");
        }
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    #[cfg(not(unix))]
    fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.finish(Duration::ZERO);
        }
    }
}

fn keep(last: &Mutex<VecDeque<String>>, line: &str) {
    // Progress bars rewrite their line with carriage returns: the last state of it is what a person saw.
    let shown: String =
        line.rsplit('\r').next().unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(LAST_WORDS.1).collect();
    if shown.is_empty() {
        return;
    }
    log::info!(target: "engine", "{shown}");
    let mut last = last.lock();
    if last.len() == LAST_WORDS.0 {
        last.pop_front();
    }
    last.push_back(shown);
}

fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal {
            6 => "it aborted (signal 6)".into(),
            9 => "it was killed (signal 9), perhaps for lack of memory".into(),
            11 => "it crashed (signal 11)".into(),
            15 => "it was asked to end (signal 15)".into(),
            _ => format!("signal {signal}"),
        };
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// Whether a path can be started at all, for a message before anybody waits for it.
pub(crate) fn exists(program: &Path) -> bool {
    program.components().count() < 2 || program.exists()
}

#[cfg(unix)]
struct Stdin(std::os::unix::net::UnixStream);

#[cfg(unix)]
struct Writer(std::os::unix::net::UnixStream);

#[cfg(unix)]
impl Stdin {
    fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        use std::os::unix::process::CommandExt;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let child = command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs))).process_group(0).spawn();
        // The command keeps a copy of the worker's end; as long as it is open, our end would never see the worker's death.
        command.stdin(Stdio::null());
        Ok((child?, Self(ours)))
    }

    fn writer(&self) -> io::Result<Writer> {
        Ok(Writer(self.0.try_clone()?))
    }

    fn close(&self) {
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

#[cfg(unix)]
impl Writer {
    fn send(&mut self, mut line: &[u8]) -> io::Result<()> {
        while !line.is_empty() {
            match rustix::net::send(&self.0, line, rustix::net::SendFlags::NOSIGNAL) {
                Ok(n) => line = line.get(n..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

#[cfg(not(unix))]
struct Stdin(Option<std::process::ChildStdin>);

#[cfg(not(unix))]
struct Writer(std::process::ChildStdin);

#[cfg(not(unix))]
impl Stdin {
    fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        Ok((child, Self(stdin)))
    }

    fn writer(&mut self) -> io::Result<Writer> {
        self.0.take().map(Writer).ok_or_else(|| io::Error::other("the program has no stdin"))
    }

    fn close(&self) {}
}

#[cfg(not(unix))]
impl Writer {
    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        use std::io::Write;
        self.0.write_all(line)
    }
}

/// The lines of a program's stdout.
type Stdout = Lines<Allowed<Stoppable<std::process::ChildStdout>>>;

/// A stream that ends where its allowance does.
struct Allowed<T> {
    pipe: T,
    allowance: Allowance,
}

impl<T: Read> Read for Allowed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance.is_spent() {
            return Ok(0);
        }
        let n = self.pipe.read(buffer)?;
        self.allowance.spend(n);
        Ok(n)
    }
}

/// A pipe whose reader can be told to stop: a grandchild that left the group may hold the pipe open for ever.
struct Stoppable<T> {
    pipe: T,
    stop: Arc<AtomicBool>,
    /// What is still read after the stop: the last words of the dead.
    allowance: usize,
}

impl<T> Stoppable<T> {
    fn new(pipe: T, stop: Arc<AtomicBool>) -> Self {
        Self { pipe, stop, allowance: 1 << 20 }
    }
}

#[cfg(unix)]
impl<T: Read + std::os::fd::AsFd> Read for Stoppable<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        loop {
            let stopped = self.stop.load(Ordering::Relaxed);
            let wait = Timespec { tv_sec: 0, tv_nsec: if stopped { 0 } else { 250_000_000 } };
            let ready = match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&wait)) {
                Ok(n) => n > 0,
                Err(rustix::io::Errno::INTR) => false,
                Err(e) => return Err(e.into()),
            };
            if ready && self.allowance > 0 {
                let n = self.pipe.read(buffer)?;
                if stopped {
                    self.allowance = self.allowance.saturating_sub(n);
                }
                return Ok(n);
            }
            if stopped {
                return Ok(0);
            }
        }
    }
}

#[cfg(not(unix))]
impl<T: Read> Read for Stoppable<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) && self.allowance == 0 {
            return Ok(0);
        }
        self.pipe.read(buffer)
    }
}
