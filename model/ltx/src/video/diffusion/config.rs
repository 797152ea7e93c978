//! What a file says of its diffusion decoder. The authors' files have it in `vae.decoder`, diffusers in a `config.json` of its own with
//! other words; absent keys have the values of the published model.

use serde_json::Value;

use crate::checkpoint::section::Section;
use crate::error::Result;

/// Frames, rows, columns.
pub type Extent = [usize; 3];

/// Sizes of the decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Channels of a latent.
    pub latent: usize,
    /// Channels of a picture.
    pub colours: usize,
    /// Pixels on a side of the patches that the last stage works on.
    pub patch: usize,
    /// Channels of a head of attention.
    pub head: usize,
    /// The stages that spread the latent out.
    pub stages: Vec<Stage>,
    /// Channels that the last of these gives to the diffusion stage.
    pub context: usize,
    /// The diffusion stage: its channels, blocks and window.
    pub channels: usize,
    /// Its number of blocks.
    pub depth: usize,
    /// Its window.
    pub window: Extent,
    /// Channels of the embedded time.
    pub time: usize,
    /// What a time of 0..1 is multiplied with before it is embedded.
    pub time_scale: f64,
    /// What the diffusion stage predicts.
    pub predicts: Prediction,
    /// Steps from noise to picture.
    pub steps: usize,
}

/// A stage: blocks of one width, then a step up.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Channels.
    pub channels: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Window of attention.
    pub window: Extent,
    /// How many times larger the step up makes each axis.
    pub up: Extent,
    /// How many times fewer channels it leaves.
    pub fewer: usize,
}

/// What the diffusion stage's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The picture.
    Picture,
    /// The velocity from picture to noise.
    Velocity,
}

impl Default for Config {
    fn default() -> Self {
        let stage = |channels, depth, window, up, fewer| Stage { channels, depth, window, up, fewer };
        Self {
            latent: 128,
            colours: 3,
            patch: 4,
            head: 64,
            stages: vec![
                stage(2048, 4, [3, 7, 7], [1, 2, 2], 2),
                stage(1024, 6, [3, 7, 7], [2, 1, 1], 2),
                stage(512, 4, [3, 5, 5], [2, 2, 2], 1),
                stage(512, 2, [3, 5, 5], [2, 2, 2], 2),
            ],
            context: 256,
            channels: 256,
            depth: 8,
            window: [11, 11, 11],
            time: 384,
            time_scale: 1000.0,
            predicts: Prediction::Picture,
            steps: 1,
        }
    }
}

impl Config {
    /// From what the decoder's file says, in either of the two dialects.
    pub fn read(section: &Section) -> Result<Self> {
        let vae = if section.has("vae") { section.section("vae") } else { section.clone() };
        let nested = vae.section("decoder");
        let own = if nested.value().is_object() { nested } else { vae.clone() };
        let keys = Keys { own: &own, outer: &vae };
        let published = Self::default();
        let n = published.stages.len();
        let widths = keys.sizes("stage_channels", || published.stages.iter().map(|s| s.channels).chain([published.context]).collect())?;
        let depths = keys.sizes("stage_depths", || published.stages.iter().map(|s| s.depth).chain([published.depth]).collect())?;
        let windows = keys.extents("stage_kernels", || published.stages.iter().map(|s| s.window).collect())?;
        let ups = keys.ups(&published)?;
        // The authors' lists have a fifth window that nothing reads.
        if widths.len() != n + 1 || depths.len() != n + 1 || windows.len() < n || ups.len() != n {
            let (w, d, k, u) = (widths.len(), depths.len(), windows.len(), ups.len());
            return Err(own.wrong(format!("{w} widths, {d} depths, {k} windows and {u} steps up do not make {n} stages and a last one")));
        }
        let stages = (0..n).map(|i| {
            let (up, fewer) = ups[i];
            Stage { channels: widths[i], depth: depths[i], window: windows[i], up, fewer }
        });
        let predicts = match keys.word("model_output_type", "x0")?.as_str() {
            "x0" => Prediction::Picture,
            "v" => Prediction::Velocity,
            other => return Err(own.wrong(format!("model_output_type is {other:?}, expected \"x0\" or \"v\""))),
        };
        let steps = keys.size("default_num_inference_steps", published.steps)?;
        let config = Self {
            latent: keys.size("latent_channels", keys.size("in_channels", published.latent)?)?,
            colours: keys.size("out_channels", published.colours)?,
            patch: keys.size("patch_size", published.patch)?,
            head: keys.size("head_dim", keys.size("na_head_dim", published.head)?)?,
            stages: stages.collect(),
            context: widths[n],
            channels: keys.size("stage5_channels", widths[n])?,
            depth: depths[n],
            window: keys.extents("stage5_kernel", || vec![published.window])?.first().copied().unwrap_or(published.window),
            time: keys.size("t_emb_dim", published.time)?,
            time_scale: keys.number("timestep_scale_multiplier", published.time_scale)?,
            predicts,
            steps: keys.size("num_inference_steps", steps)?,
        };
        config.check().map_err(|why| own.wrong(why))?;
        Ok(config)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let widths = self.stages.iter().map(|s| s.channels).chain([self.context]);
        if let Some((stage, next)) = self.stages.iter().zip(widths.skip(1)).find(|(s, next)| s.fewer == 0 || s.channels / s.fewer != *next)
        {
            return Err(format!("{} channels, {} times fewer, do not make {next}", stage.channels, stage.fewer));
        }
        let all = self.stages.iter().map(|s| s.channels).chain([self.channels]);
        if !self.head.is_multiple_of(8) || all.clone().any(|c| c % self.head != 0) {
            return Err(format!(
                "widths {:?} are no multiples of heads of {}, or these no multiple of 8",
                all.collect::<Vec<_>>(),
                self.head
            ));
        }
        let one = |e: &Extent| e.iter().all(|n| (1..=64).contains(n));
        if !self.stages.iter().all(|s| one(&s.window) && one(&s.up) && s.up[0] <= 2) || !one(&self.window) {
            return Err("a window or a step up is no number from 1 to 64, or time grows by more than 2 at once".into());
        }
        if self.patch > 64 || self.colours > 64 || self.steps > 1000 || self.depth > 1000 || self.stages.iter().any(|s| s.depth > 1000) {
            return Err("patch, colours, steps or depths are beyond belief".into());
        }
        Ok(())
    }

    /// How many times larger a picture is than its latent.
    pub fn scale(&self) -> Extent {
        let mut scale = [1, self.patch, self.patch];
        self.stages.iter().for_each(|s| (0..3).for_each(|axis| scale[axis] *= s.up[axis]));
        scale
    }

    /// Copies of the last latent frame that are decoded after it and thrown away: windows at the end of a clip are shifted inwards, and
    /// this keeps the shift out of the frames that count.
    pub fn trailing(&self) -> usize {
        self.stages.first().map_or(0, |s| s.window[0] / 2 * 2)
    }

    /// The smallest latent in which every stage has a whole window, the copies after its last frame counted.
    pub fn smallest(&self) -> Extent {
        let mut smallest = [1; 3];
        let mut scale = [1; 3];
        let windows = self.stages.iter().map(|s| (s.window, s.up)).chain([(self.window, [1; 3])]);
        for (window, up) in windows {
            for axis in 0..3 {
                smallest[axis] = smallest[axis].max(window[axis].div_ceil(scale[axis]));
                scale[axis] *= up[axis];
            }
        }
        smallest[0] = smallest[0].saturating_sub(self.trailing()).max(1);
        smallest
    }
}

/// Keys by the authors' name; diffusers puts `decoder_` before it, and some lie one section further out.
struct Keys<'a> {
    own: &'a Section,
    outer: &'a Section,
}

impl Keys<'_> {
    /// Where a key is, and under which name.
    fn find(&self, key: &str) -> Option<(&Section, String)> {
        let prefixed = format!("decoder_{key}");
        let places = [(self.own, key), (self.own, prefixed.as_str()), (self.outer, key)];
        places.into_iter().find(|(section, key)| section.has(key)).map(|(section, key)| (section, key.to_owned()))
    }

    fn size(&self, key: &str, default: usize) -> Result<usize> {
        self.find(key).map_or(Ok(default), |(section, key)| section.size(&key))
    }

    fn number(&self, key: &str, default: f64) -> Result<f64> {
        self.find(key).map_or(Ok(default), |(section, key)| section.number(&key))
    }

    fn word(&self, key: &str, default: &str) -> Result<String> {
        self.find(key).map_or(Ok(default.to_owned()), |(section, key)| section.word_or(&key, default))
    }

    fn sizes(&self, key: &str, default: impl Fn() -> Vec<usize>) -> Result<Vec<usize>> {
        self.find(key).map_or_else(|| Ok(default()), |(section, key)| section.sizes(&key))
    }

    /// A list of extents, or a single one.
    fn extents(&self, key: &str, default: impl Fn() -> Vec<Extent>) -> Result<Vec<Extent>> {
        let read = |v: &Value| extent(v).map(|e| vec![e]).or_else(|| v.as_array()?.iter().map(extent).collect());
        self.find(key).map_or_else(|| Ok(default()), |(section, key)| section.read(&key, read, "three whole numbers, or lists of them"))
    }

    /// Steps up with the channels they cost: pairs in one dialect, two lists in the other.
    fn ups(&self, published: &Config) -> Result<Vec<(Extent, usize)>> {
        if let Some((section, key)) = self.find("upsamples") {
            let pair = |v: &Value| match v.as_array()?.as_slice() {
                [up, fewer] => Some((extent(up)?, fewer.as_u64().filter(|n| (1..=1024).contains(n))? as usize)),
                _ => None,
            };
            return section.read(&key, |v| v.as_array()?.iter().map(pair).collect(), "pairs of a stride and a number");
        }
        let strides = self.extents("upsample_strides", || published.stages.iter().map(|s| s.up).collect())?;
        let fewer = self.sizes("upsample_channel_reductions", || published.stages.iter().map(|s| s.fewer).collect())?;
        if strides.len() != fewer.len() {
            return Err(self.own.wrong(format!("{} strides and {} channel reductions", strides.len(), fewer.len())));
        }
        Ok(strides.into_iter().zip(fewer).collect())
    }
}

fn extent(value: &Value) -> Option<Extent> {
    let list: Vec<usize> =
        value.as_array()?.iter().map(|n| n.as_u64().filter(|n| *n <= 1024).map(|n| n as usize)).collect::<Option<_>>()?;
    list.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Config> {
        Config::read(&Section::new("a.safetensors", "diffusion decoder", value))
    }

    #[test]
    fn an_empty_section_is_the_published_model() {
        let config = read(json!({})).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!((config.scale(), config.trailing(), config.smallest()), ([8, 32, 32], 2, [1, 7, 7]));
    }

    #[test]
    fn both_dialects_say_the_same() {
        let ours = json!({"vae": {"_class_name": "CausalDiffusionVAE", "latent_channels": 4, "model_output_type": "v", "decoder": {
            "stage_channels": [64, 32, 16, 16, 16], "stage_depths": [1, 2, 1, 1, 3], "stage_kernels": [[3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
            "upsamples": [[[1, 2, 2], 2], [[2, 1, 1], 2], [[2, 2, 2], 1], [[2, 2, 2], 1]], "stage5_kernel": [3, 5, 5], "na_head_dim": 16,
            "t_emb_dim": 32, "default_num_inference_steps": 2, "timestep_scale_multiplier": 1000.0}}});
        let theirs = json!({"latent_channels": 4, "decoder_model_output_type": "v", "decoder_stage_channels": [64, 32, 16, 16, 16],
            "decoder_stage_depths": [1, 2, 1, 1, 3], "decoder_stage_kernels": [[3, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
            "decoder_upsample_strides": [[1, 2, 2], [2, 1, 1], [2, 2, 2], [2, 2, 2]], "decoder_upsample_channel_reductions": [2, 2, 1, 1],
            "decoder_stage5_kernel": [3, 5, 5], "decoder_head_dim": 16, "decoder_t_emb_dim": 32, "decoder_num_inference_steps": 2});
        assert_eq!(read(ours).unwrap(), read(theirs).unwrap());
    }

    #[test]
    fn what_makes_no_decoder_is_refused() {
        for (config, why) in [
            (json!({"decoder_stage_channels": [2048, 1024]}), "2 widths"),
            (json!({"decoder_stage_channels": [2048, 1024, 512, 512, 128]}), "do not make 128"),
            (json!({"decoder_head_dim": 60}), "heads of 60"),
            (json!({"decoder_stage5_kernel": [11, 11]}), "stage5_kernel"),
            (json!({"decoder_stage5_kernel": [11, 11, 0]}), "window"),
            (json!({"decoder_model_output_type": "eps"}), "eps"),
        ] {
            let error = read(config).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("a.safetensors"), "{error}");
        }
    }
}
