//! A cut for hosts that read no OpenTimelineIO: Final Cut Pro's XML and CMX 3600 edit lists.
//!
//! Both forms hold less than a cut does. What they cannot say (nested effects, colour, a third dimension of metadata) is left out,
//! and a remark names it; frames and samples stay where they were. Nothing is read back: the cut itself remains the document.

mod edl;
mod fcpxml;
mod flat;

use std::path::{Path, PathBuf};

pub use fcpxml::Facts;

use crate::cut::Cut;
use crate::durable::write_whole;
use crate::error::Error;

/// A cut in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The whole file.
    pub text: String,
    /// What it could not say, a sentence each.
    pub remarks: Vec<String>,
}

/// The forms of timeline that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OpenTimelineIO: the whole cut.
    Otio,
    /// Final Cut Pro's XML, version 1.10: tracks, transitions, markers, constant speeds.
    Fcpxml,
    /// A CMX 3600 edit list: what is seen, and up to four sound tracks.
    Edl,
}

impl Form {
    /// The form that a file's name asks for; `None` when it is no timeline of ours.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "otio" => Some(Self::Otio),
            "fcpxml" => Some(Self::Fcpxml),
            "edl" => Some(Self::Edl),
            _ => None,
        }
    }
}

impl Cut {
    /// Writes the cut in the form that the file's name asks for, in one step. `facts` tells of each media file what an edit
    /// in XML must say of it. Gives what the form could not hold.
    pub fn write_as(&self, path: &Path, facts: &dyn Fn(&Path) -> Facts) -> Result<Vec<String>, Error> {
        let exported = match Form::of(path) {
            Some(Form::Otio) => return self.write(path).map(|()| Vec::new()),
            Some(Form::Fcpxml) => self.to_fcpxml(facts)?,
            Some(Form::Edl) => self.to_edl()?,
            None => {
                let why = std::io::Error::new(std::io::ErrorKind::InvalidInput, "its name ends in none of .otio, .fcpxml and .edl");
                return Err(Error::Write { path: PathBuf::from(path), why });
            }
        };
        write_whole(path, &exported.text).map_err(|why| Error::Write { path: path.to_owned(), why })?;
        Ok(exported.remarks)
    }
}
