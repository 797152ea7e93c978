//! The layouts in which the model is published, brought to one: the names and the configuration of the published single file.
//!
//! A file is known by the names in it and by what it or the `config.json` beside it says, never by its own name: people rename what
//! they download. [`files`] finds the files, [`names`] and [`diffusers`] name their tensors, [`configuration`] their settings,
//! [`generations`] says which model they make together.
//!
//! The diffusion decoder alone goes by the names of diffusers, whose three projections of attention can be had from the single
//! file's one without a copy and not the other way round.

pub mod configuration;
pub mod diffusers;
pub mod files;
pub mod generations;
pub mod names;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::file::{Entry, Mapped};
use super::section::Section;
use super::weights::Store;
use super::{Generation, Part};
use crate::error::{Error, Result};
use crate::text::config::GemmaConfig;
use configuration::{Described, Settings};
use files::Unit;
use generations::Origin;

/// What the files hold together.
#[derive(Debug)]
pub struct Found {
    /// Tensors and configuration by part.
    pub parts: BTreeMap<Part, (Arc<Store>, Section)>,
    /// The tokenizer's JSON.
    pub tokenizer: Option<Vec<u8>>,
    /// Every file that gives something.
    pub files: Vec<Mapped>,
    /// Files of small changes to the weights, which are no part of the model.
    pub loras: Vec<PathBuf>,
    /// The transformer's generation.
    pub generation: Generation,
    /// How the generation is known.
    pub origin: Origin,
}

/// Some tensors of one part, all from one unit.
struct Piece {
    unit: usize,
    tensors: Vec<(String, Mapped, Entry)>,
    section: Option<Settings>,
}

/// Opens everything under the paths and sorts tensors into parts.
pub fn collect(paths: &[PathBuf]) -> Result<Found> {
    let listed = files::list(paths)?;
    let mut opened = Vec::new();
    let mut loras = Vec::new();
    for unit in listed.units {
        let described = unit.files.iter().map(|path| Described::open(path)).collect::<Result<Vec<_>>>()?;
        let (changes, weights): (Vec<_>, Vec<_>) = described.into_iter().partition(|d| names::is_lora(&d.file));
        loras.extend(changes.into_iter().map(|d| d.file.path().to_owned()));
        if !weights.is_empty() {
            opened.push((unit, weights));
        }
    }
    let mut pieces: BTreeMap<Part, Vec<Piece>> = BTreeMap::new();
    for (index, (_, described)) in opened.iter().enumerate() {
        sort(index, described, &mut pieces)?;
    }
    let all: Vec<&Described> = opened.iter().flat_map(|(_, described)| described).collect();
    let units: Vec<&Unit> = opened.iter().map(|(unit, _)| unit).collect();
    let mut parts = BTreeMap::new();
    for (part, pieces) in pieces {
        let pieces = choose(part, pieces, &units)?;
        parts.insert(part, assemble(part, pieces, &all)?);
    }
    let (generation, origin) = generations::of(&all, &parts)?;
    generations::check(generation, &all, &parts)?;
    let tokenizer = files::tokenizer(&all, &listed.tokenizers, &parts)?;
    let files = all.iter().map(|d| d.file.clone()).collect();
    Ok(Found { parts, tokenizer, files, loras, generation, origin })
}

/// Adds the tensors of one unit to the parts they belong to.
fn sort(unit: usize, described: &[Described], pieces: &mut BTreeMap<Part, Vec<Piece>>) -> Result<()> {
    let mut own: BTreeMap<Part, Piece> = BTreeMap::new();
    // What a file is, its shards are: the one with the telling tensor need not be the first.
    let kind = names::Kind::of(described);
    for one in described {
        for (name, entry) in one.file.entries() {
            for (part, name, entry) in kind.place(name, entry, &one.file)? {
                let piece = own.entry(part).or_insert_with(|| Piece { unit, tensors: Vec::new(), section: None });
                piece.tensors.push((name, one.file.clone(), entry));
            }
        }
    }
    for (part, mut piece) in own {
        piece.section = described.iter().map(|one| one.section(part)).collect::<Result<Vec<_>>>()?.into_iter().flatten().next();
        pieces.entry(part).or_default().push(piece);
    }
    Ok(())
}

/// Which units give a part: one, or several that share no tensor. A file that was named goes before those found in a folder.
fn choose(part: Part, mut pieces: Vec<Piece>, units: &[&Unit]) -> Result<Vec<Piece>> {
    // The diffusion VAE of 2.5 holds the same encoder as the convolutional one, but not its decoder.
    if part == Part::VideoVae {
        let whole = |piece: &Piece| piece.tensors.iter().any(|(name, ..)| name.starts_with("decoder."));
        if pieces.iter().any(whole) {
            pieces.retain(whole);
        }
    }
    // Other language models of the family lie beside some releases; one that encodes goes before them.
    if part == Part::TextEncoder {
        let encodes = |piece: &Piece| piece.section.as_ref().is_some_and(|settings| GemmaConfig::encodes(settings.value()));
        if pieces.iter().any(encodes) {
            pieces.retain(encodes);
        }
    }
    let mut chosen: Vec<Piece> = Vec::new();
    for piece in pieces {
        let clash = chosen.iter().position(|other| overlap(part, other, &piece));
        let Some(at) = clash else {
            chosen.push(piece);
            continue;
        };
        let (first, second) = (units[chosen[at].unit], units[piece.unit]);
        match (first.named, second.named) {
            (true, false) => {}
            (false, true) => chosen[at] = piece,
            _ => return Err(Error::Ambiguous { part: part.label(), first: first.label(), second: second.label() }),
        }
    }
    Ok(chosen)
}

/// Whether two units give the same tensor. Connectors may lie with the text encoder as well as with the transformer.
fn overlap(part: Part, a: &Piece, b: &Piece) -> bool {
    let names = |piece: &Piece| -> std::collections::BTreeSet<String> {
        let own = piece.tensors.iter().map(|(name, ..)| name.clone());
        own.filter(|name| part != Part::Transformer || !name.contains("_embeddings_connector.")).collect()
    };
    !names(a).is_disjoint(&names(b))
}

fn assemble(part: Part, mut pieces: Vec<Piece>, all: &[&Described]) -> Result<(Arc<Store>, Section)> {
    // The piece with the transformer's own blocks last: of connectors that are there twice, its are taken.
    pieces.sort_by_key(|piece| piece.tensors.iter().any(|(name, ..)| !name.contains("_embeddings_connector.")));
    let mut store = Store::default();
    let mut sections = Vec::new();
    for piece in pieces {
        piece.tensors.into_iter().for_each(|(name, file, entry)| store.insert(name, &file, &entry));
        sections.extend(piece.section);
    }
    let shared = matches!(part, Part::Transformer | Part::TextProjection | Part::VideoVae | Part::AudioVae | Part::Vocoder);
    let section = match configuration::merge(sections) {
        // Settings may lie in another file: the sound VAE's in the transformer's, for one.
        None if shared => all.iter().map(|d| d.section(part)).collect::<Result<Vec<_>>>()?.into_iter().flatten().next(),
        own => own,
    };
    let unknown = || Section::new("the files given", part.label(), Value::Null);
    Ok((Arc::new(store), section.map_or_else(unknown, Settings::into_section)))
}
