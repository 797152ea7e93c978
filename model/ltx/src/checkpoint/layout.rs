//! The published layouts, and how their names become the single file's. A file is known by the names in it, never by its own:
//! people rename what they download.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::file::Mapped;
use super::section::Section;
use super::weights::Store;
use super::{Generation, Part};
use crate::error::{Error, Result};

/// What the files hold together.
#[derive(Debug, Default)]
pub struct Found {
    /// Tensors and configuration by part.
    pub parts: BTreeMap<Part, (Arc<Store>, Section)>,
    /// The tokenizer's JSON.
    pub tokenizer: Option<Vec<u8>>,
    /// Every file opened.
    pub files: Vec<Mapped>,
    generation: Option<(String, Generation)>,
}

impl Found {
    /// The transformer's generation.
    pub fn generation(&self) -> Result<Generation> {
        let found = self.generation.as_ref().map(|(_, g)| *g);
        found.ok_or_else(|| Error::MissingPart {
            part: "transformer with its metadata (model_version, config)",
            files: self.files.iter().map(Mapped::label).collect::<Vec<_>>().join(", "),
        })
    }
}

/// Opens everything under the paths and sorts tensors into parts.
pub fn collect(paths: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    let mut stores: BTreeMap<Part, Store> = BTreeMap::new();
    let mut sections: BTreeMap<Part, Section> = BTreeMap::new();
    for path in files_of(paths)? {
        if path.file_name().is_some_and(|n| n == "tokenizer.json") {
            found.tokenizer = Some(read(&path)?);
            continue;
        }
        let file = Mapped::open(&path)?;
        add(&file, &mut stores, &mut sections, &mut found)?;
        found.files.push(file);
    }
    for (part, store) in stores {
        let section = sections.remove(&part).unwrap_or_else(|| Section::new("the files given", part.label(), Value::Null));
        found.parts.insert(part, (Arc::new(store), section));
    }
    Ok(found)
}

fn add(file: &Mapped, stores: &mut BTreeMap<Part, Store>, sections: &mut BTreeMap<Part, Section>, found: &mut Found) -> Result<()> {
    let config = configuration(file)?;
    for (name, entry) in file.entries() {
        if name == "tokenizer_json" {
            found.tokenizer = Some(file.bytes(entry).to_vec());
            continue;
        }
        let Some((part, rest)) = place(name, file) else { continue };
        stores.entry(part).or_default().insert(rest, file, entry);
        let section = || section(file, part, &config);
        sections.entry(part).or_insert_with(section);
    }
    if let Some(version) = file.metadata().get("model_version")
        && file.entries().keys().any(|n| n.starts_with("model.diffusion_model."))
    {
        let wrong = || Error::Config { file: file.label(), why: format!("model_version is {version:?}") };
        found.generation = Some((file.label(), Generation::parse(version).ok_or_else(wrong)?));
    }
    Ok(())
}

/// The part a tensor belongs to, and its name there.
fn place(name: &str, file: &Mapped) -> Option<(Part, String)> {
    const PREFIXES: [(&str, Part); 8] = [
        ("model.diffusion_model.", Part::Transformer),
        ("text_embedding_projection.", Part::TextProjection),
        ("vae.", Part::VideoVae),
        ("audio_vae.", Part::AudioVae),
        ("vocoder.", Part::Vocoder),
        ("duration_head.", Part::DurationHead),
        ("language_model.model.", Part::TextEncoder),
        ("model.language_model.", Part::TextEncoder),
    ];
    if let Some((part, rest)) = PREFIXES.iter().find_map(|(prefix, part)| Some((*part, name.strip_prefix(prefix)?))) {
        return Some((part, rest.to_owned()));
    }
    let has = |name: &str| file.entries().contains_key(name);
    if has("initial_conv.weight") {
        return Some((Part::SpatialUpsampler, name.to_owned()));
    }
    if file.entries().keys().any(|n| n.starts_with("decoder.det_stages.")) {
        return Some((Part::DiffusionDecoder, name.strip_prefix("decoder.").unwrap_or(name).to_owned()));
    }
    None
}

/// What a file says of itself, in its metadata or in a `config.json` beside it.
fn configuration(file: &Mapped) -> Result<Value> {
    let parse =
        |text: &str| serde_json::from_str(text).map_err(|e| Error::Config { file: file.label(), why: format!("config is not JSON ({e})") });
    if let Some(text) = file.metadata().get("config") {
        return parse(text);
    }
    let beside = file.path().with_file_name("config.json");
    match std::fs::read_to_string(&beside) {
        Ok(text) => parse(&text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(json!({})),
        Err(source) => Err(Error::Read { path: beside, source }),
    }
}

fn section(file: &Mapped, part: Part, config: &Value) -> Section {
    let key = match part {
        Part::Transformer | Part::TextProjection => "transformer",
        Part::VideoVae => "vae",
        Part::AudioVae => "audio_vae",
        Part::Vocoder => "vocoder",
        Part::DiffusionDecoder | Part::TextEncoder | Part::SpatialUpsampler | Part::TemporalUpsampler | Part::DurationHead => {
            return Section::new(file.label(), part.label(), config.clone());
        }
    };
    Section::new(file.label(), key, config.get(key).cloned().unwrap_or(Value::Null))
}

/// Files of weights and tokenizers under the paths, in order of name.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, 3, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<()> {
    let error = |source| Error::Read { path: folder.to_owned(), source };
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.path())).collect()).map_err(error)?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, files)?;
            }
        } else if path.extension().is_some_and(|e| e == "safetensors" || e == "gguf")
            || path.file_name().is_some_and(|n| n == "tokenizer.json")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}
