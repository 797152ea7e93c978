//! What can go wrong between a client and its worker.

use std::path::PathBuf;
use std::time::Duration;

use shot::{Code, Fault};

/// An error of the wire or of the process at its other end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not there.
    #[error("the engine {} is not on this machine", .program.display())]
    NoProgram {
        /// What was to be started.
        program: PathBuf,
    },
    /// The program is there and does not start.
    #[error("the engine {} does not start: {why}", .program.display())]
    NotStarted {
        /// What was to be started.
        program: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// It was started and did not say hello.
    #[error("the engine {} did not say hello within {} s{}", .program.display(), .waited.as_secs_f32(), said(.last))]
    NoHello {
        /// What was started.
        program: PathBuf,
        /// How long it had.
        waited: Duration,
        /// Its last words on stderr.
        last: String,
    },
    /// It wrote to stdout without end, and no hello was in it.
    #[error("the engine {} wrote {bytes} bytes to stdout and no hello{}", .program.display(), said(.last))]
    Noise {
        /// What was started.
        program: PathBuf,
        /// How much was read.
        bytes: usize,
        /// Its last words on stderr.
        last: String,
    },
    /// It speaks another protocol.
    #[error("{name} speaks protocol {got}, and this Pickup speaks protocol {expected}")]
    Protocol {
        /// The name of the other side.
        name: String,
        /// Our protocol.
        expected: u32,
        /// Theirs.
        got: u32,
    },
    /// The process ended while it had work.
    #[error("the engine {} ended before its work did: {how}{}", .program.display(), said(.last))]
    Ended {
        /// What was running.
        program: PathBuf,
        /// Exit code or signal, in words.
        how: String,
        /// Its last words on stderr.
        last: String,
    },
    /// It ended too often.
    #[error("the engine {} was started {starts} times within a minute and ended each time{}", .program.display(), said(.last))]
    TooManyStarts {
        /// What was running.
        program: PathBuf,
        /// How often it was started.
        starts: usize,
        /// Its last words on stderr.
        last: String,
    },
    /// It does not read what it is sent.
    #[error("the engine {} does not read its jobs", .program.display())]
    NotReading {
        /// What is running.
        program: PathBuf,
    },
    /// Too many unfinished jobs.
    #[error("{waiting} jobs are waiting already")]
    Full {
        /// How many.
        waiting: usize,
    },
    /// A job that cannot be sent.
    #[error("the job {job} cannot be sent: {why}")]
    BadJob {
        /// Its name.
        job: String,
        /// Why.
        why: String,
    },
    /// A message that does not fit into a line.
    #[error("a message of {bytes} bytes is longer than the {limit} that a line may have")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A value that JSON cannot hold, such as a path that is not Unicode.
    #[error("a message cannot be written: {0}")]
    Encode(#[from] serde_json::Error),
    /// A final answer that cannot be understood.
    #[error("the answer of the engine {} to the job {job} cannot be understood: {why}", .program.display())]
    BadAnswer {
        /// What is running.
        program: PathBuf,
        /// Which job.
        job: String,
        /// What is wrong with it.
        why: String,
    },
    /// An answer that is not what was asked for.
    #[error("the engine answered the job {job} with {got} where {expected} was asked for")]
    WrongAnswer {
        /// Which job.
        job: String,
        /// What was asked.
        expected: String,
        /// What came.
        got: String,
    },
    /// The client was closed while a job ran.
    #[error("the job was given up because its host closed it")]
    Closed,
    /// The other side closed the wire.
    #[error("the wire is closed: {0}")]
    Wire(std::io::Error),
}

fn said(last: &str) -> String {
    if last.is_empty() { String::new() } else { format!("; it said: {last}") }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, remedy) = match &error {
            Error::NoProgram { .. } => (Code::Missing, "install Pickup's bundle again, or name the engine's program in full"),
            Error::NotStarted { .. } => (Code::Missing, "make it executable (chmod +x) and start it once by hand to see what it lacks"),
            Error::NoHello { .. } | Error::Noise { .. } => {
                (Code::Worker, "run `pickup doctor --engine PROGRAM` to see what it does instead")
            }
            Error::Protocol { .. } => (Code::Unsupported, "install the plug-in, the program and the engine of one release"),
            Error::Ended { .. } => (Code::Worker, "try again; if it ends again, try a smaller size or run `pickup doctor`"),
            Error::TooManyStarts { .. } => (Code::Worker, "run `pickup doctor`, mend what it names, and try again in a minute"),
            Error::NotReading { .. } => (Code::Worker, "run `pickup doctor --engine PROGRAM`: an engine must read stdin while it works"),
            Error::Full { .. } => (Code::Worker, "wait until some are finished, or cancel them"),
            Error::BadJob { .. } => (Code::Argument, "give absolute paths that are Unicode, and each job its own name"),
            Error::TooLong { .. } => (Code::Argument, "shorten the prompt"),
            Error::Encode(_) => (Code::Argument, "rename the file or folder so that its name is Unicode"),
            Error::BadAnswer { .. } | Error::WrongAnswer { .. } => {
                (Code::Engine, "run `pickup doctor --engine PROGRAM` and mend the engine")
            }
            Error::Closed => (Code::Cancelled, "start it again; nothing was published"),
            Error::Wire(_) => (Code::Worker, "try again"),
        };
        Self::new(code, error.to_string(), remedy)
    }
}
