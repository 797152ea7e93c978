//! An error that reaches a person: what is wrong, where, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of fault, stable for programs that read `--json` or the worker protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The request itself is wrong. Exit code 2 on the command line.
    Argument,
    /// A file cannot be read or understood.
    Input,
    /// A file cannot be written: no space, no permission.
    Output,
    /// Something that Pickup needs is not on this machine.
    Missing,
    /// The engine cannot do what was asked.
    Unsupported,
    /// The engine failed.
    Engine,
    /// The worker process ended before its work did.
    Worker,
    /// The user or the host stopped it. Exit code 130.
    Cancelled,
    /// A take in the store is damaged or gone.
    Take,
    /// Our own mistake.
    Internal,
}

/// An error in words an editor understands, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind.
    pub code: Code,
    /// What was wrong, and where: one sentence without a full stop.
    pub what: String,
    /// What to do about it: one sentence without a full stop.
    pub remedy: String,
}

impl Fault {
    /// A fault with its facts and its remedy.
    pub fn new(code: Code, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, what: what.into(), remedy: remedy.into() }
    }

    /// The answer to a cancel.
    pub fn cancelled() -> Self {
        Self::new(Code::Cancelled, "stopped before it was finished", "start it again; nothing was published")
    }

    /// A broken own invariant.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Code::Internal, what, "this is a mistake in Pickup: please report it with the log")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Fault {}
