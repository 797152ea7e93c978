//! What can be wrong with a cut.

use std::path::PathBuf;

use shot::{Code, Fault};

/// An error in a cut; `place` is the way to it inside the file, such as `tracks.children[0].children[12].source_range`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{} cannot be read: {why}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The file is no JSON.
    #[error("the cut is not JSON that can be read: {why}")]
    Json {
        /// What and where: the text ends with line and column.
        why: serde_json::Error,
    },
    /// JSON, but no timeline.
    #[error("the cut has {got} at {place} where {expected} must stand")]
    Schema {
        /// Where.
        place: String,
        /// What was expected.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// A time that is none.
    #[error("the cut has a time at {place} that cannot be: {what}")]
    Time {
        /// Where.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// An item whose length nobody tells.
    #[error("the cut does not say how long the item at {place} is")]
    NoLength {
        /// Where.
        place: String,
    },
    /// Nested too deeply.
    #[error("the cut is nested deeper than {} compositions at {place}", crate::MAX_DEPTH)]
    TooDeep {
        /// Where.
        place: String,
    },
    /// No picture track.
    #[error("the cut has no picture track that is enabled")]
    NoPicture,
    /// A filling that does not fit.
    #[error("the shot {name} has {got} frames from frame {from} of its file on, and the hole has {expected}")]
    TooShort {
        /// The filling's name.
        name: String,
        /// Frames that the hole has.
        expected: i64,
        /// Where the shot begins in its file.
        from: i64,
        /// Frames that the filling has from there.
        got: i64,
    },
    /// A path that cannot be written as an address.
    #[error("the path {} is not absolute or not Unicode", .path.display())]
    Path {
        /// Which.
        path: PathBuf,
    },
    /// A storyboard, or a screenplay, that says something impossible.
    #[error("the storyboard cannot be used: {what}")]
    Storyboard {
        /// What is wrong.
        what: String,
    },
    /// The file cannot be written.
    #[error("{} cannot be written: {why}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, remedy) = match &error {
            Error::Read { .. } => (Code::Input, "check the path and its permissions"),
            Error::Json { .. } => (Code::Input, "export the timeline as OpenTimelineIO (.otio) again"),
            Error::Schema { .. } | Error::Time { .. } | Error::NoLength { .. } => {
                (Code::Input, "export the timeline again; if it comes from a program of your own, mend it there")
            }
            Error::TooDeep { .. } => (Code::Input, "decompose some of the compound clips before the export"),
            Error::NoPicture => (Code::Input, "enable a picture track, or export one, and try again"),
            Error::TooShort { .. } => (Code::Internal, "this is a mistake in Pickup: please report it with the log"),
            Error::Path { .. } => (Code::Argument, "give an absolute path whose names are Unicode"),
            Error::Storyboard { .. } => {
                (Code::Input, "mend the file; docs/storyboard.schema.json and docs/storyboard.md say what may stand there")
            }
            Error::Write { .. } => (Code::Output, "make room, check the folder's permissions, or write elsewhere"),
        };
        Self::new(code, error.to_string(), remedy)
    }
}
