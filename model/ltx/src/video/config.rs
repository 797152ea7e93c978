//! What the `vae` section of a checkpoint says: block lists, sizes, padding.
//!
//! Keys and defaults as in the authors' configurator (ltx_core/model/video_vae/model_configurator.py at 400fd31).

use serde_json::Value;

use crate::checkpoint::Section;
use crate::error::Result;
use crate::ops::pixel_norm::Edge;

/// Pixels of a picture for one of the latent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Frames (the first latent frame stands for one).
    pub time: usize,
    /// Rows and columns.
    pub space: usize,
}

impl Scale {
    /// Pictures for this many latent frames.
    pub fn pictures(self, latents: usize) -> usize {
        latents.saturating_sub(1) * self.time + usize::from(latents > 0)
    }

    /// Latent frames for this many pictures; `None` where pictures are not 1 more than a multiple.
    pub fn latents(self, pictures: usize) -> Option<usize> {
        let rest = pictures.checked_sub(1)?;
        rest.is_multiple_of(self.time).then_some(rest / self.time + 1)
    }
}

/// One entry of a block list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Residual blocks at one size.
    Residual {
        /// How many.
        layers: usize,
    },
    /// A change of size.
    Resample {
        /// Factors in time, rows, columns.
        factors: [usize; 3],
        /// Encoder: channels grow by it. Decoder: channels shrink by it.
        multiplier: usize,
        /// How it is done.
        kind: Resample,
    },
}

/// How a change of size is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    /// A convolution and a rearrangement of channels and pixels.
    Rearranged,
    /// The same, added to the rearranged input.
    RearrangedWithSkip,
    /// A convolution that steps (encoder only).
    Strided,
}

/// Which half a block list belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Encoder,
    Decoder,
}

/// How wide the pictures, latents and blocks of one half are, and how it is padded.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfConfig {
    /// Blocks in the order in which they run.
    pub blocks: Vec<Block>,
    /// Channels of the first block.
    pub first: usize,
    /// Edges of pictures.
    pub edge: Edge,
    /// Whether no frame looks ahead.
    pub causal: bool,
    /// What the blocks scale by, patches included.
    pub scale: Scale,
}

/// The configuration of a video VAE.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Channels of a latent.
    pub latent_channels: usize,
    /// Rows and columns of pixels that are one pixel of the network's first layer.
    pub patch: usize,
    /// Values of a picture's pixel.
    pub colours: usize,
    /// Encoder; `None` where the file describes none.
    pub encoder: Option<HalfConfig>,
    /// Outputs of the encoder's last layer that are not means.
    pub variances: usize,
    /// Convolutional decoder; `None` where the file describes none (the diffusion decoder of 2.5).
    pub decoder: Option<HalfConfig>,
    /// Whether the decoder is told how noisy its latent is; `None` where the file does not say.
    pub conditioned: Option<bool>,
}

impl Config {
    /// From the `vae` section.
    pub fn read(section: &Section) -> Result<Self> {
        // The diffusion VAE of 2.5 has its encoder in a section of its own.
        let nested = section.section("encoder");
        let part = if section.has("encoder") { &nested } else { section };
        let list = if part.has("blocks") { "blocks" } else { "encoder_blocks" };
        let norm = part.word_or("norm_layer", "pixel_norm")?;
        if norm != "pixel_norm" {
            return Err(part.wrong(format!("norm_layer is {norm:?}: no published checkpoint has it, and it is not understood here")));
        }
        let latent_channels = match section.has("encoder") && nested.has("out_channels") {
            true => nested.size("out_channels")?,
            false => section.size_or("latent_channels", 128)?,
        };
        let patch = part.size_or("patch_size", 4)?;
        if !matches!(patch, 1 | 2 | 4 | 8) {
            return Err(part.wrong(format!("patch_size is {patch}, expected 1, 2, 4 or 8")));
        }
        let variances = match part.word_or("latent_log_var", "uniform")?.as_str() {
            "uniform" | "constant" => 1,
            "per_channel" => latent_channels,
            "none" => 0,
            other => return Err(part.wrong(format!("latent_log_var is {other:?}, expected uniform, constant, per_channel or none"))),
        };
        let encoder_edge = match part.has("spatial_padding_mode") {
            true => edge(part, "spatial_padding_mode", Edge::Zeros)?,
            false => edge(section, "encoder_spatial_padding_mode", Edge::Zeros)?,
        };
        let encoder = half(part, list, Half::Encoder, patch)?.map(|(blocks, scale)| HalfConfig {
            first: latent_channels,
            blocks,
            edge: encoder_edge,
            causal: true,
            scale,
        });
        let decoder = match half(section, "decoder_blocks", Half::Decoder, patch)? {
            None => None,
            Some((blocks, scale)) => {
                let base = section.size_or("decoder_base_channels", 128)?;
                let multiplier = |b: &Block| if let Block::Resample { multiplier, .. } = b { *multiplier } else { 1 };
                let first = blocks.iter().map(multiplier).try_fold(base, usize::checked_mul).filter(|n| *n <= 1 << 20);
                let first = first.ok_or_else(|| section.wrong("decoder_blocks multiply to more channels than any model has"))?;
                let edge = edge(section, "spatial_padding_mode", Edge::Reflect)?;
                Some(HalfConfig { blocks, first, edge, causal: section.flag_or("causal_decoder", false)?, scale })
            }
        };
        let conditioned = match section.has("timestep_conditioning") {
            true => Some(section.flag_or("timestep_conditioning", false)?),
            false => None,
        };
        let colours = section.size_or("in_channels", 3)?;
        Ok(Self { latent_channels, patch, colours, encoder, variances, decoder, conditioned })
    }

    /// What the VAE scales by.
    pub fn scale(&self) -> Option<Scale> {
        self.encoder.as_ref().or(self.decoder.as_ref()).map(|half| half.scale)
    }
}

fn edge(section: &Section, key: &str, default: Edge) -> Result<Edge> {
    if !section.has(key) {
        return Ok(default);
    }
    section.read(key, |v| v.as_str().and_then(Edge::parse), "zeros, reflect, replicate or circular")
}

/// A block list in run order, and what it scales by.
fn half(section: &Section, key: &str, half: Half, patch: usize) -> Result<Option<(Vec<Block>, Scale)>> {
    if !section.has(key) {
        return Ok(None);
    }
    let list = section.read(key, |v| v.as_array().filter(|l| !l.is_empty() && l.len() <= 64).cloned(), "a list of blocks")?;
    let mut blocks = list.iter().map(|entry| block(section, key, half, entry)).collect::<Result<Vec<_>>>()?;
    if half == Half::Decoder {
        // Stored from output to input.
        blocks.reverse();
    }
    let mut scale = Scale { time: 1, space: patch };
    for block in &blocks {
        if let Block::Resample { factors: [time, space, _], .. } = block {
            scale = Scale { time: scale.time * time, space: scale.space * space };
            if scale.time > 64 || scale.space > 256 {
                return Err(section.wrong(format!("{key} scales by more than any model does")));
            }
        }
    }
    Ok(Some((blocks, scale)))
}

fn block(section: &Section, key: &str, half: Half, entry: &Value) -> Result<Block> {
    let wrong = |why: String| section.wrong(format!("{key}: {why}"));
    let (name, value) = match entry.as_array().map(Vec::as_slice) {
        Some([Value::String(name), value]) => (name.as_str(), value),
        _ => return Err(wrong(format!("{entry} is not a name with its values"))),
    };
    let number = |key: &str, default: Option<u64>| -> Result<usize> {
        let found = match value {
            Value::Number(_) if key == "num_layers" => value.as_u64(),
            _ => value.get(key).filter(|v| !v.is_null()).map_or(default, Value::as_u64),
        };
        found.filter(|n| (1..=64).contains(n)).map(|n| n as usize).ok_or_else(|| wrong(format!("{name} has no {key} from 1 to 64")))
    };
    let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    if flag("inject_noise") {
        return Err(wrong(format!("{name} injects noise: no published checkpoint does, and it is not understood here")));
    }
    if name == "res_x" {
        return Ok(Block::Residual { layers: number("num_layers", None)? });
    }
    let stem = name.strip_suffix("_res").unwrap_or(name);
    let factors = match (half, stem) {
        (Half::Encoder, "compress_all_x_y") => [2, 2, 2],
        (_, "compress_all") => [2, 2, 2],
        (_, "compress_space") => [1, 2, 2],
        (_, "compress_time") => [2, 1, 1],
        _ => return Err(wrong(format!("{name} is in no published checkpoint and is not understood here"))),
    };
    let skip = name.ends_with("_res");
    let (kind, multiplier) = match (half, name) {
        (Half::Decoder, _) if skip => return Err(wrong(format!("{name} is a block of encoders"))),
        (Half::Decoder, "compress_all") if flag("residual") => (Resample::RearrangedWithSkip, number("multiplier", Some(1))?),
        (Half::Decoder, _) => (Resample::Rearranged, number("multiplier", Some(1))?),
        (Half::Encoder, "compress_all_x_y") => (Resample::Strided, number("multiplier", Some(2))?),
        (Half::Encoder, _) if skip => (Resample::RearrangedWithSkip, number("multiplier", Some(2))?),
        (Half::Encoder, _) => (Resample::Strided, 1),
    };
    Ok(Block::Resample { factors, multiplier, kind })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn section(value: Value) -> Section {
        Section::new("a.safetensors", "vae", value)
    }

    #[test]
    fn the_published_lists_scale_by_32_and_8() {
        let config = Config::read(&section(json!({
            "encoder_blocks": [["res_x", {"num_layers": 4}], ["compress_space_res", {"multiplier": 2}], ["res_x", 6], ["compress_time_res", {"multiplier": 2}],
                ["res_x", {"num_layers": 4}], ["compress_all_res", {"multiplier": 2}], ["res_x", {"num_layers": 2}], ["compress_all_res", {"multiplier": 1}]],
            "decoder_blocks": [["res_x", {"num_layers": 4}], ["compress_space", {"multiplier": 2}], ["res_x", {"num_layers": 6}], ["compress_time", {"multiplier": 2}],
                ["res_x", {"num_layers": 4}], ["compress_all", {"multiplier": 1}], ["res_x", {"num_layers": 2}], ["compress_all", {"multiplier": 2}]],
            "spatial_padding_mode": "zeros",
        })))
        .unwrap();
        assert_eq!(config.scale(), Some(Scale { time: 8, space: 32 }));
        let decoder = config.decoder.unwrap();
        assert_eq!((decoder.first, decoder.scale, decoder.edge), (1024, Scale { time: 8, space: 32 }, Edge::Zeros));
        assert!(matches!(decoder.blocks[0], Block::Resample { factors: [2, 2, 2], multiplier: 2, kind: Resample::Rearranged }));
        assert_eq!(config.encoder.unwrap().blocks[2], Block::Residual { layers: 6 });
    }

    #[test]
    fn pictures_and_latents_count_each_other() {
        let scale = Scale { time: 8, space: 32 };
        assert_eq!((scale.pictures(0), scale.pictures(1), scale.pictures(16)), (0, 1, 121));
        assert_eq!((scale.latents(0), scale.latents(1), scale.latents(121), scale.latents(120)), (None, Some(1), Some(16), None));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (value, word) in [
            (json!({"decoder_blocks": [["attn", {}]]}), "attn"),
            (json!({"decoder_blocks": [["res_x", {"num_layers": 0}]]}), "num_layers"),
            (json!({"decoder_blocks": [["res_x", {"num_layers": 2, "inject_noise": true}]]}), "noise"),
            (json!({"decoder_blocks": ["res_x"]}), "res_x"),
            (json!({"encoder_blocks": [["compress_all_res", {"multiplier": 1e9}]]}), "multiplier"),
            (json!({"norm_layer": "group_norm"}), "group_norm"),
            (json!({"spatial_padding_mode": "mirror"}), "mirror"),
            (json!({"patch_size": 3}), "patch_size"),
        ] {
            let message = Config::read(&section(value)).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("a.safetensors"), "{message}");
        }
    }
}
