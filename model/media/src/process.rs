//! Child processes that cannot hang us, outlive us or die in silence.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// How many of the last lines of a child's stderr are kept for the error message.
const KEPT_LINES: usize = 6;

/// A pipe as large as Linux lets a user have: a 1080p frame then takes 3 to 12 hand-overs instead of 50 to 250.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// A running ffmpeg or ffprobe. Its stderr is drained on a thread, so that it never blocks on a full pipe; dropped before its
/// end it is killed and reaped. When we are killed ourselves its pipes break, and it ends of its own accord.
pub(crate) struct Process {
    child: Child,
    tool: &'static str,
    path: PathBuf,
    said: Arc<Mutex<VecDeque<String>>>,
    drain: Option<JoinHandle<()>>,
    over: bool,
}

impl Process {
    /// Starts `program` with stdin as given, stdout piped and stderr drained. `path` is the file it works on, for errors.
    pub(crate) fn start(
        tool: &'static str,
        program: &Path,
        path: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        stdin: Stdio,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(args).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own group: Ctrl-C reaches only us, and we end it with its helpers.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
                Error::ToolMissing { tool, looked: format!("{}: {e}", program.display()) }
            }
            _ => Error::ToolStopped { tool, path: path.to_owned(), said: e.to_string() },
        })?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let drain = child.stderr.take().map(|stderr| {
            let said = Arc::clone(&said);
            std::thread::Builder::new().name(format!("{tool} stderr")).spawn(move || keep_last_lines(stderr, &said))
        });
        let drain = match drain {
            Some(Ok(handle)) => Some(handle),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::ToolStopped { tool, path: path.to_owned(), said: "no thread could be started".into() });
            }
        };
        Ok(Self { child, tool, path: path.to_owned(), said, drain, over: false })
    }

    /// The child's stdout; once.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        let out = self.child.stdout.take();
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &out {
            // A refusal (a user's pipe quota) only costs speed.
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
        }
        out
    }

    /// The child's stdin; once.
    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        let into = self.child.stdin.take();
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &into {
            let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
        }
        into
    }

    /// Waits for the end and returns how it ended and the last lines of stderr. Its pipes must be closed or read to the end.
    pub(crate) fn finish(mut self) -> Result<(ExitStatus, String)> {
        drop(self.child.stdin.take());
        let status = self.child.wait();
        self.over = true;
        if let Some(drain) = self.drain.take() {
            let _ = drain.join();
        }
        let said = Vec::from(std::mem::take(&mut *self.said.lock())).join("; ");
        let status = status.map_err(|e| Error::ToolStopped { tool: self.tool, path: self.path.clone(), said: e.to_string() })?;
        Ok((status, said))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        #[cfg(unix)]
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What ended a child, in words: its own last lines, else its exit status.
pub(crate) fn ending(status: ExitStatus, said: &str) -> String {
    if said.is_empty() { format!("it ended with {status}") } else { said.to_owned() }
}

fn keep_last_lines(stderr: impl Read, said: &Mutex<VecDeque<String>>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // Bounded: a child that writes no line end must not fill our memory.
        match (&mut reader).take(4096).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        log::debug!(target: "media", "{text}");
        let mut kept = said.lock();
        if kept.back().is_some_and(|last| last == text) {
            continue;
        }
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(text.to_owned());
    }
}

/// Runs a child to its end and returns how it ended, its stdout and the last lines of its stderr.
pub(crate) fn run(
    tool: &'static str,
    program: &Path,
    path: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<(ExitStatus, Vec<u8>, String)> {
    let mut process = Process::start(tool, program, path, args, Stdio::null())?;
    let mut out = Vec::new();
    if let Some(mut pipe) = process.stdout() {
        pipe.read_to_end(&mut out).map_err(|e| Error::ToolStopped { tool, path: path.to_owned(), said: e.to_string() })?;
    }
    let (status, said) = process.finish()?;
    Ok((status, out, said))
}
