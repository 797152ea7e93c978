//! Reads every file again and compares its hash with the one that was recorded, or that the table knows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shot::{Code, Fault};

use crate::durable;
use crate::fetch::{Doing, Event, Progress, Watch};
use crate::library::Library;
use crate::part::{self, Hashed};
use crate::record::{Record, inside};
use crate::table::is_name;

/// How a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Condition {
    /// Its content is the one expected.
    Whole,
    /// Nobody knows which content it should have; this is the one it has.
    Unknown {
        /// Its SHA-256.
        sha256: String,
    },
    /// It is not there.
    Missing,
    /// It has another length.
    WrongSize {
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        got: u64,
    },
    /// It has another content.
    Damaged {
        /// The SHA-256 it should have.
        expected: String,
        /// The one it has.
        got: String,
    },
}

impl Condition {
    /// Whether the file can be used.
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::Whole | Self::Unknown { .. })
    }
}

/// A file and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its path in the folder.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// How it is.
    #[serde(flatten)]
    pub condition: Condition,
}

/// What a file should be.
#[derive(Clone, Default)]
struct Expected {
    size: Option<u64>,
    sha256: Option<String>,
}

/// Checks every file of a name: those of the table, and those that its record holds. `told` gets each result as it is known.
///
/// # Errors
/// When nothing of that name is there, or when a file cannot be read; damage is a result, no error.
pub fn verify(library: &Library, name: &str, watch: &mut dyn Watch, told: &mut dyn FnMut(&Checked)) -> Result<Vec<Checked>, Fault> {
    let folder = library.folder(name)?;
    if library.table().find(name).is_none() && !folder.is_dir() {
        library.entry(name)?;
    }
    if !folder.is_dir() {
        let get = format!("run `pickup weights get {name}`");
        return Err(Fault::new(Code::Missing, format!("the weights {name} are not in {}", library.root().display()), get));
    }
    let expected = expected(library, name)?;
    if expected.is_empty() {
        return Err(Fault::new(
            Code::Missing,
            format!("nothing is recorded of {name}, so there is nothing to compare its files with"),
            "only what `pickup weights` fetched or made can be verified",
        ));
    }
    let all: u64 = expected.values().filter_map(|e| e.size).sum();
    let mut before = 0;
    let mut results = Vec::new();
    for (file, expected) in expected {
        let path = inside(&folder, &file);
        let condition = condition(&path, &expected, &mut |done, of| {
            let (all_done, all_of) = (before + done, all.max(before + of));
            watch.told(Event::Progress(Progress { doing: Doing::Checking, file: &file, done, of: Some(of), all_done, all_of }));
            !watch.is_stopped()
        })?;
        before += expected.size.unwrap_or(0);
        let checked = Checked { file, path, condition };
        told(&checked);
        results.push(checked);
    }
    note_down(&folder, name, &results)?;
    Ok(results)
}

/// Marks damaged files in the record, so that nothing uses them and `get` fetches them anew.
fn note_down(folder: &Path, name: &str, results: &[Checked]) -> Result<(), Fault> {
    let mut record = Record::load(folder, name)?;
    let mut has_changed = false;
    for checked in results {
        let is_damaged = !checked.condition.is_fine();
        if let Some(kept) = record.files.get_mut(&checked.file).filter(|k| k.damaged != is_damaged) {
            kept.damaged = is_damaged;
            has_changed = true;
        }
    }
    if has_changed { record.save(folder) } else { Ok(()) }
}

fn expected(library: &Library, name: &str) -> Result<BTreeMap<String, Expected>, Fault> {
    let mut all: BTreeMap<String, Expected> = BTreeMap::new();
    for (file, kept) in Record::load(&library.folder(name)?, name)?.files {
        if file.split('/').all(is_name) {
            all.insert(file, Expected { size: Some(kept.size), sha256: Some(kept.sha256) });
        }
    }
    for file in library.table().find(name).iter().flat_map(|e| &e.files) {
        let entry = all.entry(file.to.clone()).or_default();
        // The table is surer than a record that was made from what came: it was compiled in.
        entry.size = file.size.or(entry.size);
        entry.sha256 = file.sha256.clone().or(entry.sha256.take());
    }
    Ok(all)
}

fn condition(path: &Path, expected: &Expected, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<Condition, Fault> {
    let fault = |e: std::io::Error| durable::read_fault(path, &e);
    let mut file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Condition::Missing),
        opened => opened.map_err(fault)?,
    };
    let got = file.metadata().map_err(fault)?.len();
    if let Some(expected) = expected.size.filter(|e| *e != got) {
        return Ok(Condition::WrongSize { expected, got });
    }
    match part::hash(&mut file, watch).map_err(fault)? {
        Hashed::Stopped => {
            Err(Fault::new(Code::Cancelled, format!("stopped at {}", path.display()), "start it again; nothing was changed"))
        }
        Hashed::Done(_, hash) => {
            let got = part::hex(hash);
            Ok(match &expected.sha256 {
                None => Condition::Unknown { sha256: got },
                Some(expected) if *expected == got => Condition::Whole,
                Some(expected) => Condition::Damaged { expected: expected.clone(), got },
            })
        }
    }
}
