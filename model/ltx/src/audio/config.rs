//! What the sound VAE's file says of itself: the sections `model.params.ddconfig` and `preprocessing` of `audio_vae`.

use crate::checkpoint::section::Section;
use crate::error::Result;

/// Sizes of the sound VAE and of the spectrum it works on.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Samples per second.
    pub rate: usize,
    /// Samples from one frame of the spectrum to the next.
    pub hop: usize,
    /// Samples in a frame.
    pub window: usize,
    /// Bins of the mel scale.
    pub bins: usize,
    /// Channels of sound.
    pub sound_channels: usize,
    /// Channels at full resolution.
    pub channels: usize,
    /// Channels at each resolution, as multiples of [`Config::channels`], the finest first.
    pub multipliers: Vec<usize>,
    /// Residual blocks per resolution in the encoder; the decoder has one more.
    pub blocks: usize,
    /// Channels of a latent before they are packed with its bins.
    pub latent_channels: usize,
    /// Whether the encoder gives variances beside the means.
    pub variances: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rate: 16_000,
            hop: 160,
            window: 1024,
            bins: 64,
            sound_channels: 2,
            channels: 128,
            multipliers: vec![1, 2, 4],
            blocks: 2,
            latent_channels: 8,
            variances: true,
        }
    }
}

impl Config {
    /// From the section `audio_vae`. Keys that are absent have the values of the published models.
    pub fn read(section: &Section) -> Result<Self> {
        let published = Self::default();
        let params = section.section("model").section("params");
        let net = params.section("ddconfig");
        let preprocessing = section.section("preprocessing");
        let (stft, mel) = (preprocessing.section("stft"), preprocessing.section("mel"));
        only(&net, "norm_type", "pixel")?;
        only(&net, "causality_axis", "height")?;
        if net.flag_or("mid_block_add_attention", false)? {
            return Err(net.wrong("mid_block_add_attention is true: attention in the sound VAE is in no published model"));
        }
        if !net.flag_or("resamp_with_conv", true)? {
            return Err(net.wrong("resamp_with_conv is false: no published model pools"));
        }
        let bins = if net.has("mel_bins") {
            net.size("mel_bins")?
        } else if mel.has("n_mel_channels") {
            mel.size("n_mel_channels")?
        } else {
            section.section("variables").size_or("mel_bins", published.bins)?
        };
        let config = Self {
            rate: params.size_or("sampling_rate", published.rate)?,
            hop: stft.size_or("hop_length", published.hop)?,
            window: stft.size_or("filter_length", published.window)?,
            bins,
            sound_channels: net.size_or("in_channels", published.sound_channels)?,
            channels: net.size_or("ch", published.channels)?,
            multipliers: net.sizes_or("ch_mult", &published.multipliers)?,
            blocks: net.size_or("num_res_blocks", published.blocks)?,
            latent_channels: net.size_or("z_channels", published.latent_channels)?,
            variances: net.flag_or("double_z", published.variances)?,
        };
        // A latent is four frames of four bins in every part of the model that counts them.
        if config.multipliers.len() != 3 || config.multipliers.contains(&0) {
            return Err(net.wrong(format!("ch_mult is {:?}, expected three whole numbers from 1", config.multipliers)));
        }
        if !config.bins.is_multiple_of(4) || !config.window.is_multiple_of(2) || config.window < 2 * config.hop {
            let Self { bins, window, hop, .. } = config;
            return Err(section.wrong(format!("{bins} mel bins, frames of {window} samples every {hop} make no spectrum of fours")));
        }
        if net.has("out_ch") && net.size("out_ch")? != config.sound_channels {
            return Err(net.wrong(format!("out_ch is not in_channels ({})", config.sound_channels)));
        }
        let attention = net.sizes_or("attn_resolutions", &[])?;
        let resolution = net.size_or("resolution", 256)?;
        if (0..config.multipliers.len()).any(|level| attention.contains(&(resolution >> level))) {
            return Err(net.wrong(format!("attn_resolutions {attention:?} asks for attention, which is in no published model")));
        }
        Ok(config)
    }

    /// Bins of a latent.
    pub fn latent_bins(&self) -> usize {
        self.bins / 4
    }

    /// Values of a latent: channels × bins.
    pub fn latent_width(&self) -> usize {
        self.latent_channels * self.latent_bins()
    }

    /// Channels of a level, the finest being 0.
    pub fn width(&self, level: usize) -> usize {
        self.channels * self.multipliers.get(level).copied().unwrap_or(1)
    }

    /// Number of resolutions.
    pub fn levels(&self) -> usize {
        self.multipliers.len()
    }
}

/// Refuses a word other than the one that is understood.
fn only(section: &Section, key: &str, understood: &str) -> Result<()> {
    let word = section.word_or(key, understood)?;
    if word == understood { Ok(()) } else { Err(section.wrong(format!("{key} is {word:?}, only {understood:?} is understood"))) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Config> {
        Config::read(&Section::new("a.safetensors", "audio_vae", value))
    }

    #[test]
    fn an_empty_section_is_the_published_model() {
        assert_eq!(read(json!({})).unwrap(), Config::default());
        assert_eq!(Config::default().latent_width(), 128);
    }

    #[test]
    fn what_makes_no_model_is_refused_by_name() {
        for (config, key) in [
            (json!({"model": {"params": {"ddconfig": {"norm_type": "group"}}}}), "norm_type"),
            (json!({"model": {"params": {"ddconfig": {"causality_axis": "width"}}}}), "causality_axis"),
            (json!({"model": {"params": {"ddconfig": {"mid_block_add_attention": true}}}}), "mid_block_add_attention"),
            (json!({"model": {"params": {"ddconfig": {"attn_resolutions": [64]}}}}), "attn_resolutions"),
            (json!({"model": {"params": {"ddconfig": {"ch_mult": [1, 2]}}}}), "ch_mult"),
            (json!({"model": {"params": {"ddconfig": {"ch": -4}}}}), "ch is -4"),
            (json!({"model": {"params": {"ddconfig": {"mel_bins": 63}}}}), "63 mel bins"),
        ] {
            let error = read(config).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains("a.safetensors"), "{error}");
        }
    }
}
