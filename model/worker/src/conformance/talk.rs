//! A program at the other end of two pipes, and patience that ends.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Outcome;
use crate::line::{Line, Lines};

/// Messages that may wait to be looked at; a program that floods us waits.
const WAITING: usize = 1024;
/// Longest stderr that is kept for an error.
const SAID: u64 = 2000;

/// A running program.
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    noise: usize,
}

impl Talk {
    /// Starts it.
    pub fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (send, messages) = sync_channel(WAITING);
        if let Some(output) = output {
            std::thread::Builder::new().name("pickup-check-read".into()).spawn(move || {
                let mut lines = Lines::new(output);
                while let Ok(Some(line)) = lines.next_line() {
                    let text = match line {
                        Line::Text(text) => text,
                        Line::TooLong { .. } => Vec::new(),
                    };
                    // What is no message is passed on as null: it is counted, and named when an answer is missed.
                    if send.send(serde_json::from_slice(&text).unwrap_or(Value::Null)).is_err() {
                        return;
                    }
                }
            })?;
        }
        if let Some(mut errors) = errors {
            // Stderr is free text; it only must not fill its pipe.
            std::thread::Builder::new().name("pickup-check-stderr".into()).spawn(move || {
                let _ = io::copy(&mut errors.by_ref().take(SAID), &mut io::stderr());
                let _ = io::copy(&mut errors, &mut io::sink());
            })?;
        }
        Ok(Self { child, input, messages, noise: 0 })
    }

    /// Sends a message.
    pub fn say(&mut self, message: &Value) -> Result<(), (String, &'static str)> {
        self.say_raw(format!("{message}\n").as_bytes())
    }

    /// Sends bytes.
    pub fn say_raw(&mut self, bytes: &[u8]) -> Result<(), (String, &'static str)> {
        let input = self.input.as_mut().ok_or_else(|| ("its input is closed".to_owned(), "run the check again"))?;
        input
            .write_all(bytes)
            .and_then(|()| input.flush())
            .map_err(|e| (format!("it does not read any more: {e}"), "read stdin until it closes, and end only then"))
    }

    /// Waits for a message that `wanted` takes; else a clause that says what came instead.
    pub fn wait(&mut self, patience: Duration, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value, String> {
        let deadline = Instant::now() + patience;
        loop {
            match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Value::Null) => self.noise += 1,
                Ok(message) if wanted(&message) => return Ok(message),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if self.noise > 0 => {
                    return Err(format!("; it printed {} lines that are no messages", self.noise));
                }
                Err(RecvTimeoutError::Timeout) => return Err(String::new()),
                Err(RecvTimeoutError::Disconnected) => return Err("; it ended".to_owned()),
            }
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes its input and waits for its end.
    pub fn close(mut self, patience: Duration) -> Outcome {
        if !self.is_alive() {
            return Err(("it had ended before".into(), "read stdin until it closes, and end only then"));
        }
        self.input = None;
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > deadline {
                return Err((format!("it still ran {} s later", patience.as_secs()), "end at once when stdin closes: the client is gone"));
            }
            // Its last words must not keep it: nobody reads them.
            while self.messages.try_recv().is_ok() {}
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok("it did".into())
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
