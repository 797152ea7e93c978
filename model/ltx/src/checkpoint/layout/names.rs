//! Which part a tensor belongs to, and its name there, from the names in its file.

use super::configuration::{Class, Described};
use super::diffusers;
use crate::checkpoint::Part;
use crate::checkpoint::file::{Entry, Mapped};
use crate::error::{Error, Result};

/// Names of the published files that tell by themselves where they belong. Longer ones before those they begin with.
const PREFIXES: [(&str, Part, &str); 16] = [
    ("model.diffusion_model.duration_head.", Part::DurationHead, ""),
    ("model.diffusion_model.", Part::Transformer, ""),
    ("diffusion_model.", Part::Transformer, ""),
    ("text_embedding_projection.", Part::TextProjection, ""),
    ("audio_vae.", Part::AudioVae, ""),
    ("vocoder.", Part::Vocoder, ""),
    ("duration_head.", Part::DurationHead, ""),
    // Gemma as Hugging Face has it, 3 before and after its tree was changed, and 4.
    ("language_model.model.", Part::TextEncoder, ""),
    ("model.language_model.", Part::TextEncoder, ""),
    // Gemma flattened, and a language model alone.
    ("model.embed_tokens.", Part::TextEncoder, "embed_tokens."),
    ("model.layers.", Part::TextEncoder, "layers."),
    ("model.norm.", Part::TextEncoder, "norm."),
    ("vae.decoder.", Part::VideoVae, "decoder."),
    ("vae.encoder.", Part::VideoVae, "encoder."),
    ("vae.per_channel_statistics.", Part::VideoVae, "per_channel_statistics."),
    ("vae.", Part::VideoVae, ""),
];

/// A tensor's places: a part, a name in it, and the entry or a part of it.
pub type Places = Vec<(Part, String, Entry)>;

/// What the names of a unit are to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    class: Option<Class>,
    /// Names without a prefix belong here.
    bare: Option<Part>,
    /// Whether `decoder.` is a diffusion decoder's.
    diffusion: bool,
}

impl Kind {
    /// From all files of a unit.
    pub fn of(described: &[Described]) -> Self {
        let any = |found: &dyn Fn(&str) -> bool| described.iter().any(|d| d.file.entries().keys().any(|name| found(name)));
        let has = |name: &str| described.iter().find_map(|d| d.file.entries().get(name));
        let class = described.iter().find_map(|d| d.class);
        let stages = |name: &str| name.strip_prefix("vae.").unwrap_or(name).starts_with("decoder.det_stages.");
        let bare = if has("initial_conv.weight").is_some() {
            // A convolution over time has three axes of taps where one over pictures has two.
            let five = ["upsampler.0.weight", "upsampler.conv.weight"].iter().find_map(|n| has(n)).is_some_and(|e| e.shape.len() == 5);
            Some(if described.iter().find_map(Described::is_temporal).unwrap_or(five) {
                Part::TemporalUpsampler
            } else {
                Part::SpatialUpsampler
            })
        } else if any(&|name| name.starts_with("per_channel_statistics.") || name.starts_with("encoder.down_blocks.")) {
            Some(Part::VideoVae)
        } else if has("patchify_proj.weight").is_some() {
            Some(Part::Transformer)
        } else if has("attention_pooler.query_tokens").is_some() {
            Some(Part::DurationHead)
        } else {
            None
        };
        Self { class, bare, diffusion: any(&stages) }
    }

    /// Where a tensor goes; nowhere when the model has no use for it.
    pub fn place(&self, name: &str, entry: &Entry, file: &Mapped) -> Result<Places> {
        if let Some(class) = self.class {
            return Ok(match diffusers::name(class, name) {
                Some((part, name)) => vec![(self.upsampler(part), name, entry.clone())],
                None => Vec::new(),
            });
        }
        let known = PREFIXES.iter().find_map(|(prefix, part, kept)| Some((*part, format!("{kept}{}", name.strip_prefix(prefix)?))));
        let Some((part, rest)) = known.or_else(|| Some((self.bare?, name.to_owned()))) else { return Ok(Vec::new()) };
        if part == Part::VideoVae && self.diffusion {
            return diffusion(&rest, entry, file);
        }
        Ok(vec![(part, rest, entry.clone())])
    }

    fn upsampler(&self, part: Part) -> Part {
        if part == Part::SpatialUpsampler { self.bare.unwrap_or(part) } else { part }
    }
}

/// Tensors of the VAE file with a diffusion decoder: the encoder is the VAE's, the decoder is renamed as diffusers has it.
fn diffusion(name: &str, entry: &Entry, file: &Mapped) -> Result<Places> {
    let statistics = match name {
        "per_channel_statistics.mean-of-means" => Some("latents_mean"),
        "per_channel_statistics.std-of-means" => Some("latents_std"),
        _ => None,
    };
    if let Some(beside) = statistics {
        let own = (Part::VideoVae, name.to_owned(), entry.clone());
        return Ok(vec![own, (Part::DiffusionDecoder, beside.to_owned(), entry.clone())]);
    }
    let Some(rest) = name.strip_prefix("decoder.") else { return Ok(vec![(Part::VideoVae, name.to_owned(), entry.clone())]) };
    // A small picture for previews, which nothing here shows.
    if rest.contains("coarse_") {
        return Ok(Vec::new());
    }
    let name = rest
        .replace("t_embedder.mlp.0.", "t_embedder.timestep_embedder.linear_1.")
        .replace("t_embedder.mlp.2.", "t_embedder.timestep_embedder.linear_2.")
        .replace(".attn.proj.", ".attn.to_out.0.")
        .replace(".q_norm.", ".norm_q.")
        .replace(".k_norm.", ".norm_k.");
    let Some((stem, leaf)) = name.split_once(".qkv.") else { return Ok(vec![(Part::DiffusionDecoder, name, entry.clone())]) };
    let rows = entry.shape.first().copied().unwrap_or(0);
    let wrong =
        || Error::Shape { name: rest.to_owned(), file: file.label(), expected: vec![3 * rows.div_ceil(3)], got: entry.shape.clone() };
    if rows == 0 || !rows.is_multiple_of(3) {
        return Err(wrong());
    }
    let third = rows / 3;
    let part = |i: usize, which: &str| -> Result<(Part, String, Entry)> {
        let entry = entry.rows(i * third..(i + 1) * third).ok_or_else(wrong)?;
        Ok((Part::DiffusionDecoder, format!("{stem}.to_{which}.{leaf}"), entry))
    };
    Ok(vec![part(0, "q")?, part(1, "k")?, part(2, "v")?])
}

/// Whether a file holds a low-rank change to a model's weights, and not a model.
pub fn is_lora(file: &Mapped) -> bool {
    const MARKS: [&str; 4] = [".lora_A.", ".lora_B.", ".lora_down.", ".lora_up."];
    file.entries().keys().any(|name| MARKS.iter().any(|mark| name.contains(mark)))
}
