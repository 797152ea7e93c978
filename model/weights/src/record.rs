//! The record in an entry's folder: where each file came from, its size and hash, which licences were accepted and when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shot::{Code, Fault};

use crate::durable;
use crate::table::Licence;
use crate::when;

/// The record's name in the folder.
pub const NAME: &str = "pickup-weights.json";

const SCHEMA: &str = "pickup-weights-record/1";

/// No record is larger.
const MOST_BYTES: u64 = 4 << 20;

/// A licence that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its name.
    pub name: String,
    /// Its title then.
    pub title: String,
    /// Where it could be read.
    pub url: String,
    /// When, RFC 3339.
    pub accepted: String,
}

/// A file that stands in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 as it was when it was put there.
    pub sha256: String,
    /// Repository, commit and path: `owner/name@commit/path`.
    pub from: String,
    /// Whether the hash was known from the table or the server, and agreed; else it was only measured here.
    pub confirmed: bool,
    /// Whether it was found to be another since: then it is fetched anew, and not used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    /// When, RFC 3339.
    pub checked: String,
}

/// What is known of a folder of weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    schema: String,
    /// The entry's name.
    pub name: String,
    /// Licences that were accepted.
    #[serde(default)]
    pub licences: Vec<Accepted>,
    /// Files by their path in the folder.
    #[serde(default)]
    pub files: BTreeMap<String, Kept>,
}

impl Record {
    /// The record of a folder; an empty one where there is none yet.
    pub fn load(folder: &Path, name: &str) -> Result<Self, Fault> {
        let path = folder.join(NAME);
        let Some(bytes) = durable::read_small(&path, MOST_BYTES)? else {
            return Ok(Self { schema: SCHEMA.to_owned(), name: name.to_owned(), licences: Vec::new(), files: BTreeMap::new() });
        };
        let bad = |why: String| {
            Fault::new(
                Code::Input,
                format!("{} is damaged: {why}", path.display()),
                format!("delete that one file and run `pickup weights get {name}` again: what is there is hashed, not fetched anew"),
            )
        };
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if record.schema != SCHEMA {
            return Err(bad(format!("its schema is {:?}, this version reads {SCHEMA:?}", record.schema)));
        }
        Ok(record)
    }

    /// Writes it into the folder, which has to exist.
    pub fn save(&self, folder: &Path) -> Result<(), Fault> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| Fault::internal(e.to_string()))?;
        durable::replace(&folder.join(NAME), &text)
    }

    /// Whether a licence was accepted.
    pub fn has_accepted(&self, licence: &Licence) -> bool {
        self.licences.iter().any(|a| a.name == licence.name && a.url == licence.url)
    }

    /// Notes that a licence was accepted now.
    pub fn accept(&mut self, licence: &Licence) {
        if !self.has_accepted(licence) {
            let (name, title, url) = (licence.name.clone(), licence.title.clone(), licence.url.clone());
            self.licences.push(Accepted { name, title, url, accepted: when::now() });
        }
    }
}

/// A path of the table or the record, in a folder.
pub fn inside(folder: &Path, to: &str) -> PathBuf {
    to.split('/').fold(folder.to_owned(), |path, part| path.join(part))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let licence = Licence { name: "l".into(), title: "L".into(), url: "u".into(), means: "m".into() };
        let mut record = Record::load(folder.path(), "x").unwrap();
        assert!(!record.has_accepted(&licence));
        record.accept(&licence);
        record.accept(&licence);
        record.save(folder.path()).unwrap();
        let again = Record::load(folder.path(), "x").unwrap();
        assert_eq!(again.licences, record.licences);
        assert_eq!(again.licences.len(), 1);
        std::fs::write(folder.path().join(NAME), "{").unwrap();
        let fault = Record::load(folder.path(), "x").unwrap_err();
        assert!(fault.what.contains(NAME) && fault.remedy.contains("weights get x"), "{fault}");
    }
}
