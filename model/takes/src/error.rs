//! What can go wrong with files, with the facts that make a remedy possible.

use std::io;
use std::path::{Path, PathBuf};

use shot::take::TAKE_VERSION;
use shot::{Code, Fault, TakeId};

/// What a call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way in which the store, a take or the playback cache can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{} cannot be read ({source})", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("{} cannot be written ({source})", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk has no room left.
    #[error("the disk that holds {} is full: {} are needed{}", path.display(), bytes(*needed), free_text(*free))]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// Bytes of that file or work.
        needed: u64,
        /// Bytes that are free, where the system says so.
        free: Option<u64>,
    },
    /// The store's path leads to something that is no folder.
    #[error("{} is not a folder, so no takes can be kept there", path.display())]
    NotAFolder {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A picture file is damaged, cut off or of a kind that is not understood.
    #[error("the picture {} {why}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// A clause that goes on from the file's name.
        why: String,
    },
    /// A picture cannot be put into a file or a buffer.
    #[error("{why}")]
    Unfit {
        /// What does not fit, and the sizes.
        why: String,
    },
    /// A take's files do not hold what its manifest says.
    #[error("the take {id} is damaged: {} {why}", path.display())]
    Damaged {
        /// The take.
        id: TakeId,
        /// The file at fault.
        path: PathBuf,
        /// A clause that goes on from the file's name.
        why: String,
    },
    /// A file of choices or rankings cannot be understood.
    #[error("{} is torn or was written by something else ({why})", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        why: String,
    },
    /// A take of a later form than this program knows.
    #[error("the take {id} is of form {version}, and this Pickup knows forms up to {TAKE_VERSION}")]
    Newer {
        /// The take.
        id: TakeId,
        /// Its form.
        version: u32,
    },
    /// There is no such take in the store.
    #[error("the take {id} is not in {}", store.display())]
    Absent {
        /// The take.
        id: TakeId,
        /// The store.
        store: PathBuf,
    },
    /// A frame outside the take was asked for.
    #[error("the take {id} has no frame {index}: it has {frames}")]
    NoFrame {
        /// The take.
        id: TakeId,
        /// Frame asked for, from 0.
        index: i64,
        /// Frames it has.
        frames: u32,
    },
    /// The wait for another process's work was cancelled.
    #[error("stopped while {holder} was making the take {id}")]
    Cancelled {
        /// The take.
        id: TakeId,
        /// Who is at work on it.
        holder: String,
    },
    /// No environment variable tells where this user's files go.
    #[error("this system does not say where your data folder is")]
    NoHome,
    /// A take uses this and it cannot go.
    #[error("the take {id} is in use: {why}")]
    InUse {
        /// The take.
        id: TakeId,
        /// By what.
        why: String,
    },
    /// A publication lacks what its manifest promises.
    #[error("the take {id} cannot be published: {why}")]
    Incomplete {
        /// The take.
        id: TakeId,
        /// What is missing.
        why: String,
    },
}

impl Error {
    /// A failed read, with its file.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// A failed write, with its file and how many bytes it wanted; a full disk gets its own words.
    pub(crate) fn write(path: &Path, needed: u64, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::DiskFull { path: path.to_owned(), needed, free: crate::space::free(path).ok() };
        }
        Self::Write { path: path.to_owned(), source }
    }

    /// A picture file that cannot be used.
    pub(crate) fn picture(path: &Path, why: impl Into<String>) -> Self {
        Self::Picture { path: path.to_owned(), why: why.into() }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, remedy): (Code, String) = match &error {
            Error::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                (Code::Input, "allow your user to read it, or choose another takes folder".into())
            }
            Error::Read { .. } => (Code::Input, "check that the disk or share is connected, then try again".into()),
            Error::Write { .. } => (Code::Output, "choose a takes folder that can be written to, or change its permissions".into()),
            Error::DiskFull { .. } => {
                (Code::Output, "free some space, run `pickup takes gc`, or choose a takes folder on another disk".into())
            }
            Error::NotAFolder { .. } => (Code::Output, "choose a folder as takes folder".into()),
            Error::Picture { .. } => (Code::Input, "render or copy the file again, as an OpenEXR file with R, G and B channels".into()),
            Error::Unfit { .. } => (Code::Argument, "ask again with a size that fits".into()),
            Error::Damaged { .. } => {
                (Code::Take, "restore the take's folder from a backup, or remove that folder and generate the shot again".into())
            }
            Error::Torn { .. } => (Code::Take, "restore the file from a backup, or remove it and choose again".into()),
            Error::Newer { .. } => (Code::Take, "install the newer Pickup that made it".into()),
            Error::Absent { .. } => (Code::Take, "choose the takes folder that holds it, or generate the shot again".into()),
            Error::NoFrame { .. } => (Code::Take, "trim the clip to the take's length, or generate a longer shot".into()),
            Error::Cancelled { .. } => (Code::Cancelled, "start it again; nothing was published".into()),
            Error::NoHome => (Code::Argument, "set PICKUP_TAKES to the folder that shall hold takes, or give --takes-dir".into()),
            Error::InUse { .. } => (Code::Argument, "unpin it or choose another take first".into()),
            Error::Incomplete { .. } => (Code::Engine, "generate the shot again, and report the engine when it happens twice".into()),
        };
        Self::new(code, error.to_string(), remedy)
    }
}

/// A number of bytes as people read it.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

fn free_text(free: Option<u64>) -> String {
    free.map_or_else(String::new, |n| format!(", {} are free", bytes(n)))
}
