//! Which files there are: those named, and under folders everything that may hold weights. Shards that an index names are one unit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::configuration::Described;
use crate::checkpoint::weights::Store;
use crate::checkpoint::{Part, Section};
use crate::error::{Error, Result};

/// Folders below a given one that are searched: deep enough for a snapshot of a published repository.
const DEPTH: u32 = 3;
/// Largest text file that is read.
const LARGEST: u64 = 256 << 20;
/// How an index of shards is called.
const INDEX: &str = ".safetensors.index.json";

/// Files that hold one thing together: a file alone, or the shards of an index.
#[derive(Clone, Debug)]
pub struct Unit {
    /// In order of name.
    pub files: Vec<PathBuf>,
    /// Whether the user named it, and not a folder it lies in.
    pub named: bool,
    /// The index, where there is one.
    pub index: Option<PathBuf>,
}

impl Unit {
    /// What messages call it.
    pub fn label(&self) -> String {
        self.index.as_ref().or(self.files.first()).map(|path| path.display().to_string()).unwrap_or_default()
    }
}

/// What lies under the paths.
#[derive(Debug, Default)]
pub struct Listed {
    /// Weights.
    pub units: Vec<Unit>,
    /// Files called `tokenizer.json`.
    pub tokenizers: Vec<PathBuf>,
}

/// Lists files and folders; nothing but indices is opened.
pub fn list(paths: &[PathBuf]) -> Result<Listed> {
    let mut listed = Listed::default();
    // What is named comes first: a folder then adds only what is not there yet.
    let (folders, named): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.is_dir());
    for path in named {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name == "tokenizer.json" {
            listed.tokenizers.push(path.clone());
        } else if name.ends_with(INDEX) {
            listed.units.push(sharded(path, true)?);
        } else {
            listed.units.push(Unit { files: vec![path.clone()], named: true, index: None });
        }
    }
    for folder in folders {
        walk(folder, DEPTH, &mut listed)?;
    }
    let mut seen = BTreeSet::new();
    let place = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    for unit in &mut listed.units {
        unit.files.retain(|path| seen.insert(place(path)));
    }
    listed.units.retain(|unit| !unit.files.is_empty());
    Ok(listed)
}

fn walk(folder: &Path, depth: u32, listed: &mut Listed) -> Result<()> {
    let error = |source| Error::Read { path: folder.to_owned(), source };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect()).map_err(error)?;
    entries.sort();
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // Names that begin as an index does belong to it: a file left over from another download is not read.
    let indices: Vec<PathBuf> = entries.iter().filter(|path| name(path).ends_with(INDEX)).cloned().collect();
    let stems: Vec<String> = indices.iter().map(|path| name(path).trim_end_matches(INDEX).to_owned()).collect();
    for index in &indices {
        listed.units.push(sharded(index, false)?);
    }
    for path in entries {
        let name = name(&path);
        // What begins with a dot is a system's or a downloader's.
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            // A second language model, which writes prompts and encodes none.
            if depth > 0 && name != "prompt_enhancer" {
                walk(&path, depth - 1, listed)?;
            }
        } else if name == "tokenizer.json" {
            listed.tokenizers.push(path);
        } else if path.extension().is_some_and(|e| e == "safetensors" || e == "gguf") && !stems.iter().any(|stem| of_stem(&name, stem)) {
            listed.units.push(Unit { files: vec![path], named: false, index: None });
        }
    }
    Ok(())
}

/// Whether a file is the whole or a shard of what an index of this stem names.
fn of_stem(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| {
        let shard = rest.strip_suffix(".safetensors").unwrap_or("?");
        shard.is_empty() || shard.starts_with('-') && shard[1..].chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | 'o' | 'f'))
    })
}

/// The shards that an index names.
fn sharded(index: &Path, named: bool) -> Result<Unit> {
    let damaged = |why: String| Error::Damaged { path: index.to_owned(), why };
    let value: Value = serde_json::from_slice(&read(index)?).map_err(|e| damaged(format!("it is not JSON ({e})")))?;
    let map = value.get("weight_map").and_then(Value::as_object).ok_or_else(|| damaged("it has no weight_map".into()))?;
    let mut shards = BTreeSet::new();
    for shard in map.values() {
        let shard = shard.as_str().ok_or_else(|| damaged(format!("it names {shard} as a file")))?;
        // An index from a stranger must not lead out of its folder.
        let mut parts = Path::new(shard).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(damaged(format!("it names {shard:?}, which is no file beside it")));
        }
        shards.insert(shard);
    }
    if shards.is_empty() {
        return Err(damaged("it names no file".into()));
    }
    let mut files = Vec::new();
    for shard in shards {
        let path = index.with_file_name(shard);
        if !path.is_file() {
            return Err(damaged(format!("it names the shard {shard}, which is not beside it")));
        }
        files.push(path);
    }
    Ok(Unit { files, named, index: Some(index.to_owned()) })
}

/// The tokenizer: inside the text encoder's file, beside it, in a folder of that name, or wherever there is one.
pub fn tokenizer(all: &[&Described], paths: &[PathBuf], parts: &BTreeMap<Part, (Arc<Store>, Section)>) -> Result<Option<Vec<u8>>> {
    let encoder: BTreeSet<PathBuf> = match parts.get(&Part::TextEncoder) {
        Some((store, _)) => store.iter().map(|(_, file, _)| file.path().to_owned()).collect(),
        None => BTreeSet::new(),
    };
    let inside = |d: &&&Described| encoder.is_empty() || encoder.contains(d.file.path());
    for described in all.iter().filter(inside) {
        if let Some(entry) = described.file.entries().get("tokenizer_json") {
            return Ok(Some(described.file.bytes(entry).to_vec()));
        }
    }
    let beside = |path: &&PathBuf| encoder.iter().any(|file| file.parent() == path.parent());
    let called = |path: &&PathBuf| path.parent().and_then(Path::file_name).is_some_and(|n| n == "tokenizer");
    let path = paths.iter().find(beside).or_else(|| paths.iter().find(called)).or_else(|| paths.first());
    path.map(|path| read(path)).transpose()
}

/// A text file, if it is not absurdly large.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let error = |source| Error::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(error)?.len();
    if length > LARGEST {
        return Err(Error::Damaged { path: path.to_owned(), why: format!("it has {length} bytes, more than any such file needs") });
    }
    std::fs::read(path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::of_stem;

    #[test]
    fn leftovers_of_an_index_are_known_by_their_names() {
        for (name, belongs) in [
            ("model.safetensors", true),
            ("model-00001-of-00003.safetensors", true),
            ("model_2.safetensors", false),
            ("model-dev.safetensors", false),
            ("other.safetensors", false),
            ("model.gguf", false),
        ] {
            assert_eq!(of_stem(name, "model"), belongs, "{name}");
        }
    }
}
