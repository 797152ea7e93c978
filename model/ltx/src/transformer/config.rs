//! What the checkpoint says of its transformer: the section `transformer` of its configuration, checked before anything is believed.

use crate::checkpoint::Section;
use crate::error::Result;
use crate::ops::rope::{Pairing, Rates};

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Channels of a token outside.
    pub inputs: usize,
    /// Channels of a velocity.
    pub outputs: usize,
    /// Attention heads.
    pub heads: usize,
    /// Channels of each head.
    pub head: usize,
    /// Channels of a context vector inside the blocks.
    pub context: usize,
    /// Whether the linear layers of the feed-forward have biases.
    pub feed_bias: bool,
}

impl Width {
    /// Channels of a token inside.
    pub fn inner(&self) -> usize {
        self.heads * self.head
    }
}

/// Sizes and switches of the joint transformer.
#[derive(Clone, Debug)]
pub struct Config {
    /// The picture's stream.
    pub video: Width,
    /// The sound's.
    pub audio: Width,
    /// How many blocks.
    pub layers: usize,
    /// Added under the root of every RMS norm.
    pub eps: f32,
    /// Whether each head's result is multiplied by a gate.
    pub gated: bool,
    /// Whether queries and context of the attention to the text are modulated by the noise level (from 2.3 on).
    pub text_modulation: bool,
    /// Whether the context's part of that depends on the noise level, or only on the block.
    pub prompt_levels: bool,
    /// Whether single-frame tokens get an embedding of their own (2.5).
    pub keyframes: bool,
    /// Channels of the captions, where they are projected inside the transformer (2.0).
    pub captions: Option<usize>,
    /// Longest positions: seconds, pixels down, pixels across.
    pub longest: [f32; 3],
    /// The longest position of the sound in seconds.
    pub longest_audio: f32,
    /// Whether a token stands at the middle of its span, or at its start.
    pub middle: bool,
    /// How positions become angles.
    pub rates: Rates,
    /// What a noise level of 1 is multiplied by.
    pub levels: f32,
    /// The same for the gates between the streams.
    pub gate_levels: f32,
}

impl Config {
    /// From the section `transformer`; what is absent has the value of the published loader.
    pub fn read(section: &Section) -> Result<Self> {
        let gated = section.flag_or("apply_gated_attention", false)?;
        let width = |prefix: &str, heads, head, context| -> Result<Width> {
            let key = |name: &str| format!("{prefix}{name}");
            let inputs = section.size_or(&key("in_channels"), 128)?;
            Ok(Width {
                inputs,
                outputs: section.size_or(&key("out_channels"), inputs)?,
                heads: section.size_or(&key("num_attention_heads"), heads)?,
                head: section.size_or(&key("attention_head_dim"), head)?,
                context: section.size_or(&key("cross_attention_dim"), context)?,
                feed_bias: section.flag_or(&key("ff_bias"), true)?,
            })
        };
        let (video, audio) = (width("", 32, 128, 4096)?, width("audio_", 32, 64, 2048)?);
        for (name, width) in [("attention_head_dim", video), ("audio_attention_head_dim", audio)] {
            if width.head % 2 != 0 {
                return Err(section.wrong(format!("{name} is {}, channels are turned in pairs", width.head)));
            }
        }
        let longest = section.sizes_or("positional_embedding_max_pos", &[20, 2048, 2048])?;
        let longest_audio = section.sizes_or("audio_positional_embedding_max_pos", &[20])?;
        let positive = |list: &[usize], n| list.len() == n && list.iter().all(|v| *v > 0);
        if !positive(&longest, 3) || !positive(&longest_audio, 1) {
            return Err(section.wrong(format!("positions reach to {longest:?} and {longest_audio:?}, expected three numbers and one")));
        }
        let rates = Rates {
            theta: section.number_or("positional_embedding_theta", 10_000.0)?,
            double: section.word_or("frequencies_precision", "float32")? == "float64",
            // The authors' loader (ltx_core/model/transformer/model_configurator.py at 400fd31); earlier ones had the other.
            pairing: match section.word_or("rope_type", "split")?.as_str() {
                "split" => Pairing::Split,
                "interleaved" => Pairing::Interleaved,
                other => return Err(section.wrong(format!("rope_type is {other:?}, expected split or interleaved"))),
            },
        };
        if rates.theta <= 1.0 {
            return Err(section.wrong(format!("positional_embedding_theta is {}, expected a number above 1", rates.theta)));
        }
        let captions = !section.flag_or("caption_proj_before_connector", false)?;
        Ok(Self {
            video,
            audio,
            layers: section.size_or("num_layers", 48)?,
            eps: section.number_or("norm_eps", 1e-6)? as f32,
            gated,
            text_modulation: section.flag_or("cross_attention_adaln", false)?,
            prompt_levels: section.flag_or("use_prompt_adaln_single", true)?,
            keyframes: section.flag_or("use_keyframes_abs_pos_embedding", false)?,
            captions: captions.then(|| section.size_or("caption_channels", 3840)).transpose()?,
            longest: [longest[0] as f32, longest[1] as f32, longest[2] as f32],
            longest_audio: longest_audio[0] as f32,
            middle: section.flag_or("use_middle_indices_grid", true)?,
            rates,
            levels: section.number_or("timestep_scale_multiplier", 1000.0)? as f32,
            gate_levels: section.number_or("av_ca_timestep_scale_multiplier", 1.0)? as f32,
        })
    }

    /// The longest time that the attention between the streams knows.
    pub fn longest_shared(&self) -> f32 {
        self.longest[0].max(self.longest_audio)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_that_make_no_model_are_refused_by_name() {
        for (key, value) in [
            ("num_layers", json!(0)),
            ("attention_head_dim", json!(63)),
            ("rope_type", json!("spiral")),
            ("positional_embedding_max_pos", json!([20, 2048])),
            ("positional_embedding_max_pos", json!([20, 0, 2048])),
            ("positional_embedding_theta", json!(0.5)),
            ("audio_num_attention_heads", json!(-4)),
        ] {
            let error = Config::read(&Section::new("file", "transformer", json!({ key: value }))).unwrap_err().to_string();
            assert!(error.contains("file") && (error.contains(key) || error.contains("positions")), "{error}");
        }
        let config = Config::read(&Section::new("file", "transformer", json!({}))).unwrap();
        assert_eq!((config.video.inner(), config.audio.inner(), config.layers), (4096, 2048, 48));
        assert_eq!(config.rates.pairing, Pairing::Split);
    }
}
