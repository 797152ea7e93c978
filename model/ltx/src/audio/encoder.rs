//! Sound to latents.

use candle_core::Tensor;

use super::blocks::{Middle, Residual, causal, normalise};
use super::config::Config;
use super::mel::MelSpectrum;
use super::statistics::Statistics;
use super::{Cancel, go_on};
use crate::checkpoint::weights::{Place, Weights};
use crate::checkpoint::{Checkpoint, Part};
use crate::error::{Error, Result};
use crate::ops::conv2d::{Conv2d, Padding, Plane};
use crate::ops::slices;

/// Samples to normalised latents.
#[derive(Clone, Debug)]
pub struct Encoder {
    config: Config,
    spectrum: MelSpectrum,
    net: Net,
    statistics: Statistics,
}

#[derive(Clone, Debug)]
struct Net {
    first: Conv2d,
    levels: Vec<Level>,
    middle: Middle,
    last: Conv2d,
}

#[derive(Clone, Debug)]
struct Level {
    blocks: Vec<Residual>,
    down: Option<Conv2d>,
}

impl Encoder {
    /// From the part [`Part::AudioVae`].
    pub fn load(checkpoint: &Checkpoint, place: &Place) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::AudioVae, place)?;
        let config = Config::read(&section)?;
        let net = Net::load(&weights.at("encoder"), &config)?;
        let statistics = Statistics::load(&weights, config.latent_width())?;
        Ok(Self { spectrum: MelSpectrum::new(&config), net, statistics, config })
    }

    /// Sizes and rates.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Between raw and normalised latents.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Samples `[n, 2]` at [`Config::rate`] (16 kHz) → normalised latents `[time, 128]`; `time` is [`super::latents_of`] `n`.
    pub fn encode(&self, samples: &Tensor, cancel: Cancel<'_>) -> Result<Tensor> {
        let mel = self.spectrum.forward(samples)?;
        self.statistics.normalise(&self.raw(&mel, cancel)?)
    }

    /// A logarithmic mel spectrum `[frames, 2, bins]` → raw latents `[time, channels·bins / 4]`.
    pub fn raw(&self, mel: &Tensor, cancel: Cancel<'_>) -> Result<Tensor> {
        let Config { sound_channels, bins, latent_channels, .. } = self.config;
        match mel.dims() {
            [frames, channels, width] if *frames > 0 && *channels == sound_channels && *width == bins => {}
            shape => return Err(Error::Unfit(format!("a spectrum has the shape {shape:?}, expected [frames, {sound_channels}, {bins}]"))),
        }
        let x = plane(&mel.permute((0, 2, 1))?)?;
        let out = self.net.forward(x, cancel)?;
        let latent_bins = out.bins;
        // [time, bins, means and variances] → [time, means · bins].
        let mut packed = Vec::with_capacity(out.time * latent_channels * latent_bins);
        for row in out.values.chunks_exact(out.bins * out.channels) {
            for channel in 0..latent_channels {
                packed.extend((0..latent_bins).map(|bin| row[bin * out.channels + channel]));
            }
        }
        slices::tensor(packed, (out.time, latent_channels * latent_bins))
    }
}

/// A tensor `[time, bins, channels]` as a plane.
pub(super) fn plane(x: &Tensor) -> Result<Plane> {
    let (time, bins, channels) = x.dims3()?;
    let values = slices::with(x, <[f32]>::to_vec)?;
    Ok(Plane { time, bins, channels, values })
}

impl Net {
    fn load(weights: &Weights, config: &Config) -> Result<Self> {
        let first = causal(&weights.at("conv_in"), config.sound_channels, config.channels, 3)?;
        let mut width = config.channels;
        let mut levels = Vec::new();
        for level in 0..config.levels() {
            let place = weights.at("down").at(level);
            let mut blocks = Vec::new();
            for block in 0..config.blocks {
                blocks.push(Residual::load(&place.at("block").at(block), width, config.width(level))?);
                width = config.width(level);
            }
            let halved = || {
                let padding = Padding { time: (2, 0), bins: (0, 1) };
                Conv2d::load(&place.at("downsample.conv"), (width, width), 3, 2, padding)
            };
            let down = (level + 1 < config.levels()).then(halved).transpose()?;
            levels.push(Level { blocks, down });
        }
        let outputs = config.latent_channels * if config.variances { 2 } else { 1 };
        let last = causal(&weights.at("conv_out"), width, outputs, 3)?;
        Ok(Self { first, levels, middle: Middle::load(weights, width)?, last })
    }

    fn forward(&self, x: Plane, cancel: Cancel<'_>) -> Result<Plane> {
        let mut x = self.first.forward(&x);
        for level in &self.levels {
            for block in &level.blocks {
                go_on(cancel)?;
                x = block.forward(x);
            }
            if let Some(down) = &level.down {
                x = down.forward(&x);
            }
        }
        go_on(cancel)?;
        let mut x = self.middle.forward(x);
        normalise(&mut x);
        Ok(self.last.forward(&x))
    }
}
