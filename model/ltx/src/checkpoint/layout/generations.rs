//! Which generation the files are of, and whether all are of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::configuration::Described;
use crate::checkpoint::weights::Store;
use crate::checkpoint::{Generation, Part, Section};
use crate::error::{Error, Result};

/// How a generation is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The transformer's file says it.
    Stated,
    /// No file says it: it follows from what the transformer is made of. The reason, in words.
    Derived(&'static str),
}

type Parts = BTreeMap<Part, (Arc<Store>, Section)>;

/// The transformer's generation.
pub fn of(all: &[&Described], parts: &Parts) -> Result<(Generation, Origin)> {
    let Some((store, section)) = parts.get(&Part::Transformer).filter(|(store, _)| store.iter().any(|(name, ..)| is_own(name))) else {
        let files = all.iter().map(|d| d.file.label()).collect::<Vec<_>>().join(", ");
        return Err(Error::MissingPart { part: "transformer", files });
    };
    let own = files_of(store, is_own);
    for described in all.iter().filter(|d| own.contains(d.file.path())) {
        if let Some(stated) = stated(described)? {
            return Ok((stated, Origin::Stated));
        }
    }
    if section.value().is_null() {
        let files = own.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Error::MissingPart { part: "transformer's description of itself (metadata config, or config.json)", files });
    }
    let (generation, why) = if section.flag_or("use_keyframes_abs_pos_embedding", false)? {
        (Generation::V2_5, "it has keyframe embeddings")
    } else if !section.flag_or("ff_bias", true)? {
        (Generation::V2_5, "its feed-forward layers have no biases")
    } else if section.flag_or("apply_gated_attention", false)? {
        (Generation::V2_3, "its attention is gated")
    } else {
        (Generation::V2_0, "its attention is not gated")
    };
    log::info!("the transformer does not say its generation; it is taken for {generation}: {why}");
    Ok((generation, Origin::Derived(why)))
}

/// Whether a tensor is the transformer's own, and not a connector's.
fn is_own(name: &str) -> bool {
    !name.contains("_embeddings_connector.")
}

fn files_of(store: &Store, which: impl Fn(&str) -> bool) -> BTreeSet<PathBuf> {
    store.iter().filter(|(name, ..)| which(name)).map(|(_, file, _)| file.path().to_owned()).collect()
}

fn stated(described: &Described) -> Result<Option<Generation>> {
    let Some(version) = described.file.metadata().get("model_version") else { return Ok(None) };
    let wrong = || Error::Config { file: described.file.label(), why: format!("model_version is {version:?}, expected one like 2.3.0") };
    Generation::parse(version).map(Some).ok_or_else(wrong)
}

/// Refuses files of another generation than the transformer's, by what they say or by the Gemma they hold.
pub fn check(expected: Generation, all: &[&Described], parts: &Parts) -> Result<()> {
    let refuse = |file: String, got: String| Err(Error::Generation { file, expected: expected.to_string(), got });
    let used: BTreeSet<PathBuf> = parts.values().flat_map(|(store, _)| files_of(store, |_| true)).collect();
    for described in all.iter().filter(|d| used.contains(d.file.path())) {
        if let Some(got) = stated(described)?
            && got != expected
        {
            return refuse(described.file.label(), got.to_string());
        }
    }
    let Some((store, section)) = parts.get(&Part::TextEncoder) else { return Ok(()) };
    let encoder = files_of(store, |_| true);
    let label = || all.iter().find(|d| encoder.contains(d.file.path())).map_or_else(String::new, |d| d.file.label());
    // Gemma 4 came with 2.5 and its betas.
    let later = expected > Generation::V2_3;
    match section.word_or("model_type", "")?.as_str() {
        "gemma3" | "gemma3_text" if later => return refuse(label(), "2.0 or 2.3 (its text encoder is Gemma 3)".into()),
        "gemma4_unified" | "gemma4_unified_text" if !later => return refuse(label(), "2.5 (its text encoder is Gemma 4)".into()),
        _ => {}
    }
    match_gemma(all, &encoder)
}

/// The exact Gemma that a transformer was trained with, where both sides name it.
fn match_gemma(all: &[&Described], encoder: &BTreeSet<PathBuf>) -> Result<()> {
    let version = |value: &Value| value.get("gemma_version").and_then(Value::as_str).map(str::to_owned);
    let source =
        |d: &&Described| d.file.metadata().get("gemma_source_checkpoint").and_then(|text| version(&serde_json::from_str(text).ok()?));
    let wanted = all.iter().find_map(source);
    let held = all.iter().filter(|d| encoder.contains(d.file.path())).find_map(|d| Some((d.file.label(), version(d.gemma())?)));
    match (wanted, held) {
        (Some(expected), Some((file, got))) if got != expected => {
            Err(Error::Generation { file, expected: format!("{expected} (its text encoder)"), got })
        }
        _ => Ok(()),
    }
}
