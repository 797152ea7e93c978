//! Files of weights: what is in them ([`file`], [`matrix`]), what they say of themselves ([`section`]), how the published layouts
//! name things ([`layout`]), and tensors by name ([`weights`]).
//!
//! Everything inside this crate speaks the names of the published single file; other layouts are renamed when they are opened.

pub mod blocks;
pub mod file;
pub mod gguf;
pub mod identity;
pub mod layout;
pub mod matrix;
pub mod quantise;
pub mod section;
pub mod weights;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::lora::Lora;
pub use file::Mapped;
pub use layout::generations::Origin;
pub use matrix::Matrix;
pub use section::Section;
pub use weights::{Place, Store, Weights};

/// What a checkpoint is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The joint transformer and the text connectors: names after `model.diffusion_model.`.
    Transformer,
    /// From Gemma's hidden states to the connectors: names after `text_embedding_projection.`.
    TextProjection,
    /// Gemma's language model: `embed_tokens.weight`, `layers.N.…`, `norm.weight`.
    TextEncoder,
    /// Encoder, convolutional decoder and statistics: names after `vae.`.
    VideoVae,
    /// The diffusion decoder of 2.5, by diffusers' names: `conv_in`, `det_stages.…`, and `latents_mean`, `latents_std` beside them.
    /// Older files have gates besides, `…gate_msa`, `…gate_mlp`, `…gate_ctx`, which multiply the rows of the matrices they close.
    DiffusionDecoder,
    /// Encoder, decoder and statistics: names after `audio_vae.`.
    AudioVae,
    /// Names after `vocoder.`.
    Vocoder,
    /// The spatial latent upsampler: bare names.
    SpatialUpsampler,
    /// The temporal latent upsampler: bare names.
    TemporalUpsampler,
    /// Seconds from a prompt: names after `duration_head.`.
    DurationHead,
}

impl Part {
    /// What it is called in messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::TextProjection => "text projection",
            Self::TextEncoder => "text encoder",
            Self::VideoVae => "video VAE",
            Self::DiffusionDecoder => "diffusion decoder",
            Self::AudioVae => "sound VAE",
            Self::Vocoder => "vocoder",
            Self::SpatialUpsampler => "spatial upscaler",
            Self::TemporalUpsampler => "temporal upscaler",
            Self::DurationHead => "duration head",
        }
    }
}

/// Which generation of the model, from what the transformer's file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl Generation {
    /// 2.0: text projection shared, captions projected inside the transformer.
    pub const V2_0: Self = Self { major: 2, minor: 0 };
    /// 2.3: one projection and connector per modality, gated attention.
    pub const V2_3: Self = Self { major: 2, minor: 3 };
    /// 2.5: Gemma 4, keyframe embeddings, diffusion decoder.
    pub const V2_5: Self = Self { major: 2, minor: 5 };

    /// From a version as files write it: "2.3.0", "2-5-0-rc1".
    pub fn parse(text: &str) -> Option<Self> {
        let normal = text.trim().trim_start_matches('v').replace('-', ".");
        let mut parts = normal.split('.').map(|n| n.parse::<u32>().ok());
        let major = parts.next()??;
        Some(Self { major, minor: parts.next().flatten().unwrap_or(0) })
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The files that make one model together.
#[derive(Debug)]
pub struct Checkpoint {
    generation: Generation,
    parts: BTreeMap<Part, (Arc<Store>, Section)>,
    tokenizer: Option<Vec<u8>>,
    files: Vec<Mapped>,
    loras: Vec<PathBuf>,
    origin: Origin,
}

impl Checkpoint {
    /// Opens files and folders that belong together: single files, the split files of 2.5, diffusers folders, Gemma's folder, whole
    /// or in shards. A file that is named goes before one that is found in a folder; two that are found and hold the same part are
    /// refused ([`Error::Ambiguous`]), as are parts of different generations ([`Error::Generation`]).
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let layout::Found { parts, tokenizer, files, loras, generation, origin } = layout::collect(paths)?;
        Ok(Self { generation, parts, tokenizer, files, loras, origin })
    }

    /// Which generation it is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether a file says the generation or it follows from what the transformer is made of, as in diffusers folders.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// LoRA files that were among the files given: they are no part of the model and change nothing by being there.
    pub fn loras(&self) -> &[PathBuf] {
        &self.loras
    }

    /// The parts that are there.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.parts.keys().copied()
    }

    /// A part's tensors and its section of the configuration.
    pub fn part(&self, part: Part, place: &Place) -> Result<(Weights, Section)> {
        match self.parts.get(&part) {
            Some((store, section)) => Ok((Weights::new(store.clone(), place.clone()), section.clone())),
            None => {
                let files: Vec<_> = self.files.iter().map(Mapped::label).collect();
                Err(Error::MissingPart { part: part.label(), files: files.join(", ") })
            }
        }
    }

    /// Adds LoRAs with their strengths, in order, to what the transformer's parts will be made of from now on.
    pub fn adapt(&mut self, loras: &[(&Lora, f32)]) -> Result<()> {
        let generation = self.generation;
        let files = self.files.iter().map(Mapped::label).collect::<Vec<_>>().join(", ");
        let part = self.parts.get_mut(&Part::Transformer);
        let (store, _) = part.ok_or(Error::MissingPart { part: Part::Transformer.label(), files })?;
        let mut adapted = Store::clone(store);
        for (lora, strength) in loras {
            adapted.adapt(lora.bind(*strength, &adapted, generation)?);
        }
        *store = Arc::new(adapted);
        Ok(())
    }

    /// A part's tensors in order of name, with the file that each lies in.
    pub fn tensors(&self, part: Part) -> impl Iterator<Item = (&str, &Mapped, &file::Entry)> {
        self.parts.get(&part).into_iter().flat_map(|(store, _)| store.iter())
    }

    /// Whether a part is there.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains_key(&part)
    }

    /// The tokenizer's JSON, as it lies beside the text encoder or inside its file.
    pub fn tokenizer(&self) -> Result<&[u8]> {
        self.tokenizer.as_deref().ok_or_else(|| Error::MissingPart {
            part: "tokenizer (tokenizer.json)",
            files: self.files.iter().map(Mapped::label).collect::<Vec<_>>().join(", "),
        })
    }

    /// Every file.
    pub fn files(&self) -> &[Mapped] {
        &self.files
    }
}
