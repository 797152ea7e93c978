//! The table of known checkpoints, and what a user adds to it. It is data: `known.json`, compiled in, and `weights.json` in the
//! weights folder, both in the same form:
//!
//! - `licences`: by name, with title, address and a sentence that says what it means;
//! - `sources`: by name, a repository at a revision, its licence, whether it needs a login, and where its facts come from;
//! - `parts`: by name, files of one source, each with its path there, its path here (`to`, where it differs), its size and its
//!   SHA-256; what is not known is null;
//! - `weights`: what can be asked for by name: a kind, a generation, and the parts that make it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shot::{Code, Fault};

use crate::durable;
use crate::record;

/// The form of the table, first word of both files.
pub const SCHEMA: &str = "pickup-weights/1";

/// The name of the user's table in the weights folder.
pub const OWN_TABLE: &str = "weights.json";

const KNOWN: &str = include_str!("known.json");

/// No table of a person is larger.
const MOST_BYTES: u64 = 4 << 20;

/// A licence that somebody has to accept by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// The name it is accepted by.
    #[serde(skip)]
    pub name: String,
    /// Its title.
    pub title: String,
    /// Where it is read.
    pub url: String,
    /// What it means to an editor, in one sentence.
    pub means: String,
}

/// A repository of the model hub at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `owner/name`.
    pub repository: String,
    /// A commit, a tag or a branch.
    pub revision: String,
    /// The name of its licence.
    pub licence: String,
    /// Whether the hub gives it only to people who are logged in.
    pub login: bool,
    /// Where what the table says of it comes from.
    #[serde(default)]
    pub facts: String,
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Everything that makes shots.
    Checkpoint,
    /// Words to what the model understands.
    TextEncoder,
    /// Larger pictures or more frames.
    Upscaler,
    /// A small change to a checkpoint.
    Lora,
    /// How long a shot should be.
    DurationHead,
    /// Anything else.
    Other,
}

/// One file that an entry is made of.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it comes from.
    pub source: Arc<Source>,
    /// Its path in the repository.
    pub path: String,
    /// Its path in the entry's folder, with `/` between the parts.
    pub to: String,
    /// Its length in bytes, where the table knows it.
    pub size: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal, where the table knows it.
    pub sha256: Option<String>,
}

/// Something that can be asked for by name.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name, also of its folder.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// What it is for.
    pub kind: Kind,
    /// The model's generation, such as `2.5`.
    pub generation: String,
    /// Its files.
    pub files: Vec<Wanted>,
    /// What has to be accepted first, each once.
    pub licences: Vec<Licence>,
}

impl Entry {
    /// Bytes of the files whose size is known, and whether that is all of them.
    pub fn size(&self) -> (u64, bool) {
        (self.files.iter().filter_map(|f| f.size).sum(), self.files.iter().all(|f| f.size.is_some()))
    }

    /// Whether a login is needed for any of its files.
    pub fn login(&self) -> bool {
        self.files.iter().any(|f| f.source.login)
    }
}

/// All entries: the known ones first, then the user's own.
#[derive(Clone, Debug)]
pub struct Table {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    #[serde(default)]
    licences: BTreeMap<String, Licence>,
    #[serde(default)]
    sources: BTreeMap<String, Source>,
    #[serde(default)]
    parts: BTreeMap<String, Part>,
    weights: Vec<Given>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    source: String,
    files: Vec<PartFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    path: String,
    to: Option<String>,
    size: Option<u64>,
    sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    kind: Kind,
    generation: String,
    title: String,
    parts: Vec<String>,
}

/// What is read so far: a later file may use the names of an earlier one.
#[derive(Default)]
struct Reader {
    licences: BTreeMap<String, Licence>,
    sources: BTreeMap<String, Arc<Source>>,
    parts: BTreeMap<String, Part>,
    entries: Vec<Entry>,
}

impl Table {
    /// The known entries, and those of `weights.json` in the folder of weights.
    pub fn load(root: &Path) -> Result<Self, Fault> {
        let mut reader = Reader::default();
        reader.add(KNOWN.as_bytes()).map_err(Fault::internal)?;
        let own = root.join(OWN_TABLE);
        if let Some(bytes) = durable::read_small(&own, MOST_BYTES)? {
            reader.add(&bytes).map_err(|why| {
                Fault::new(
                    Code::Input,
                    format!("{} cannot be used: {why}", own.display()),
                    "mend that entry or take it out; `pickup weights list --help` says what the file looks like",
                )
            })?;
        }
        Ok(Self { entries: reader.entries })
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }
}

impl Reader {
    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let document: Document = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if document.schema != SCHEMA {
            return Err(format!("its schema is {:?}, this version reads {SCHEMA:?}", document.schema));
        }
        for (name, mut licence) in document.licences {
            name.clone_into(&mut licence.name);
            put(&mut self.licences, "licence", name, licence)?;
        }
        for (name, source) in document.sources {
            source.check(&name)?;
            if !self.licences.contains_key(&source.licence) {
                return Err(format!("the source {name:?} names the licence {:?}, which is nowhere described", source.licence));
            }
            put(&mut self.sources, "source", name, Arc::new(source))?;
        }
        for (name, part) in document.parts {
            put(&mut self.parts, "part", name, part)?;
        }
        for given in document.weights {
            let entry = self.entry(given)?;
            self.entries.push(entry);
        }
        Ok(())
    }

    fn entry(&self, given: Given) -> Result<Entry, String> {
        let name = given.name;
        if !is_name(&name) {
            return Err(format!("{name:?} cannot be a name: use letters, digits, '.', '-' and '_', a letter or digit first"));
        }
        if self.entries.iter().any(|e| e.name == name) {
            return Err(format!("{name:?} is a name that is taken already"));
        }
        let mut files: Vec<Wanted> = Vec::new();
        for part in &given.parts {
            let part = self.parts.get(part).ok_or_else(|| format!("{name:?} is made of {part:?}, which is nowhere described"))?;
            for file in &part.files {
                files.push(self.wanted(&name, part, file)?);
            }
        }
        if files.is_empty() {
            return Err(format!("{name:?} has no files"));
        }
        for (i, file) in files.iter().enumerate() {
            if files[..i].iter().any(|f| f.to == file.to) {
                return Err(format!("two files of {name:?} would be {:?}", file.to));
            }
        }
        let mut licences: Vec<Licence> = Vec::new();
        for file in &files {
            let licence = self.licences.get(&file.source.licence).ok_or_else(|| format!("{name:?} has a file without a licence"))?;
            if !licences.contains(licence) {
                licences.push(licence.clone());
            }
        }
        Ok(Entry { name, title: given.title, kind: given.kind, generation: given.generation, files, licences })
    }

    fn wanted(&self, name: &str, part: &Part, file: &PartFile) -> Result<Wanted, String> {
        let source = self
            .sources
            .get(&part.source)
            .ok_or_else(|| format!("{name:?} names the source {:?}, which is nowhere described", part.source))?;
        let to = file.to.clone().unwrap_or_else(|| file.path.clone());
        for path in [&file.path, &to] {
            if !is_path(path) {
                return Err(format!("{path:?} of {name:?} cannot be a file's path: it must stay inside its folder"));
            }
        }
        if file.sha256.as_ref().is_some_and(|h| !is_sha256(h)) {
            return Err(format!("the sha256 of {:?} of {name:?} must have 64 digits of 0-9 and a-f", file.path));
        }
        Ok(Wanted { source: source.clone(), path: file.path.clone(), to, size: file.size, sha256: file.sha256.clone() })
    }
}

fn put<T>(map: &mut BTreeMap<String, T>, what: &str, name: String, value: T) -> Result<(), String> {
    match map.insert(name.clone(), value) {
        Some(_) => Err(format!("the {what} {name:?} is described twice")),
        None => Ok(()),
    }
}

impl Source {
    fn check(&self, name: &str) -> Result<(), String> {
        let owner_and_name = self.repository.split('/').collect::<Vec<_>>();
        if owner_and_name.len() != 2 || !owner_and_name.iter().all(|p| is_name(p)) {
            return Err(format!("the repository {:?} of {name:?} must be OWNER/NAME", self.repository));
        }
        if !self.revision.split('/').all(is_name) {
            return Err(format!("the revision {:?} of {name:?} must be a commit, a tag or a branch", self.revision));
        }
        Ok(())
    }
}

/// Whether a text can be the name of a folder on every system, and means nothing but itself in an address.
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.len() <= 128 && text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.ends_with('.')
}

/// Whether a path leads to a file below its folder, and to none that this crate keeps there itself.
fn is_path(text: &str) -> bool {
    text.split('/').all(is_name)
        && text != record::NAME
        && !text.ends_with(".part")
        && !text.ends_with(".part.json")
        && !text.ends_with(".new")
}

/// Whether a text is a SHA-256 in lower-case hexadecimal.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn own(json: &str) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(OWN_TABLE), json).unwrap();
        Table::load(folder.path()).map_err(|f| f.what)
    }

    fn with(weights: &str, files: &str) -> String {
        format!(
            r#"{{"schema":"pickup-weights/1","sources":{{"mine":{{"repository":"me/model","revision":"main","licence":"gemma","login":false}}}},
                "parts":{{"p":{{"source":"mine","files":[{files}]}}}},
                "weights":[{{"name":"{weights}","kind":"other","generation":"x","title":"x","parts":["p"]}}]}}"#
        )
    }

    #[test]
    fn the_known_table_is_sound_and_says_what_the_generations_need() {
        let table = Table::load(Path::new("/nowhere")).unwrap();
        for entry in table.entries() {
            assert!(!entry.title.is_empty() && !entry.licences.is_empty(), "{}", entry.name);
            for file in &entry.files {
                // A size without a hash, or the other way round, would be a slip: both came from the same place.
                assert_eq!(file.size.is_some(), file.sha256.is_some(), "{} {}", entry.name, file.path);
                assert!(!file.source.facts.is_empty(), "{} {} cites nothing", entry.name, file.path);
            }
        }
        let distilled = table.find("ltx-2.5-distilled").unwrap();
        assert_eq!(distilled.size(), (72_571_031_016, true));
        assert!(distilled.login());
        assert_eq!(distilled.licences.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["ltx-2.x-community"]);
        let older = table.find("ltx-2.3-dev").unwrap();
        assert_eq!(older.licences.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["ltx-2-community", "gemma"]);
        assert!(older.files.iter().any(|f| f.to == "text_encoder/tokenizer.json"));
        assert!(!table.find("ltx-2-19b-dev").unwrap().size().1, "sizes that were never seen are not invented");
    }

    #[test]
    fn a_user_adds_entries_and_may_use_known_licences() {
        let table = own(&with("my-lora", r#"{"path":"a/b.safetensors","size":3,"sha256":null}"#)).unwrap();
        let entry = table.find("my-lora").unwrap();
        assert_eq!((entry.size(), entry.files[0].to.as_str(), entry.licences[0].name.as_str()), ((3, true), "a/b.safetensors", "gemma"));
        assert!(table.find("ltx-2.5-distilled").is_some());
    }

    #[test]
    fn entries_that_cannot_be_used_are_named() {
        let file = r#"{"path":"a.safetensors"}"#;
        assert!(own("{").is_err());
        assert!(own(r#"{"schema":"pickup-weights/9","weights":[]}"#).unwrap_err().contains("pickup-weights/9"));
        assert!(own(&with("ltx-2.5-dev", file)).unwrap_err().contains("taken"));
        assert!(own(&with("..", file)).unwrap_err().contains("cannot be a name"));
        for path in ["../x", "/x", "a/../b", "a//b", "c:x", "a\\\\b", ".hidden", "x.part", "pickup-weights.json", ""] {
            let said = own(&with("mine", &format!(r#"{{"path":"{path}"}}"#))).unwrap_err();
            assert!(said.contains("inside its folder"), "{path}: {said}");
        }
        assert!(own(&with("mine", r#"{"path":"a","sha256":"12"}"#)).unwrap_err().contains("64"));
        assert!(own(&with("mine", &format!("{file},{file}"))).unwrap_err().contains("two files"));
        assert!(own(&with("mine", "")).unwrap_err().contains("no files"));
        assert!(own(&with("mine", r#"{"path":"a","colour":"red"}"#)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_path_that_passes_leads_out_of_its_folder(text in "[a-z./\\\\:~ -]{0,12}") {
            if is_path(&text) {
                let path = Path::new(&text);
                proptest::prop_assert!(path.is_relative());
                proptest::prop_assert!(path.components().all(|c| matches!(c, std::path::Component::Normal(_))));
            }
        }
    }
}
