//! Latents to the spectrum of sound.

use candle_core::Tensor;

use super::blocks::{Middle, Residual, causal, normalise};
use super::config::Config;
use super::encoder::plane;
use super::statistics::Statistics;
use super::{Cancel, frames_of, go_on};
use crate::checkpoint::weights::{Place, Weights};
use crate::checkpoint::{Checkpoint, Part};
use crate::error::{Error, Result};
use crate::ops::conv2d::{Conv2d, Plane};
use crate::ops::slices;

/// Normalised latents to a logarithmic mel spectrum.
#[derive(Clone, Debug)]
pub struct Decoder {
    config: Config,
    first: Conv2d,
    middle: Middle,
    /// In the order in which they run: the coarsest first.
    levels: Vec<Level>,
    last: Conv2d,
    statistics: Statistics,
}

#[derive(Clone, Debug)]
struct Level {
    blocks: Vec<Residual>,
    up: Option<Conv2d>,
}

impl Decoder {
    /// From the part [`Part::AudioVae`].
    pub fn load(checkpoint: &Checkpoint, place: &Place) -> Result<Self> {
        let (root, section) = checkpoint.part(Part::AudioVae, place)?;
        let config = Config::read(&section)?;
        let statistics = Statistics::load(&root, config.latent_width())?;
        let weights = root.at("decoder");
        let mut width = config.width(config.levels() - 1);
        let first = causal(&weights.at("conv_in"), config.latent_channels, width, 3)?;
        let middle = Middle::load(&weights, width)?;
        let mut levels = Vec::new();
        for level in (0..config.levels()).rev() {
            levels.push(Level::load(&weights.at("up").at(level), &config, level, width)?);
            width = config.width(level);
        }
        let last = causal(&weights.at("conv_out"), width, config.sound_channels, 3)?;
        Ok(Self { config, first, middle, levels, last, statistics })
    }

    /// Sizes and rates.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Between raw and normalised latents.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Normalised latents `[time, 128]` → spectrum `[4·time − 3, 2, bins]`.
    pub fn decode(&self, latent: &Tensor, cancel: Cancel<'_>) -> Result<Tensor> {
        self.spectrum(&self.statistics.denormalise(latent)?, cancel)
    }

    /// Raw latents → spectrum.
    pub fn spectrum(&self, raw: &Tensor, cancel: Cancel<'_>) -> Result<Tensor> {
        let (channels, bins) = (self.config.latent_channels, self.config.latent_bins());
        let time = match raw.dims() {
            [time, width] if *time > 0 && *width == channels * bins => *time,
            shape => return Err(Error::Unfit(format!("latents of sound have the shape {shape:?}, expected [time, {}]", channels * bins))),
        };
        let x = plane(&raw.reshape((time, channels, bins))?.permute((0, 2, 1))?)?;
        let mut x = self.middle.forward(self.first.forward(&x));
        for level in &self.levels {
            for block in &level.blocks {
                go_on(cancel)?;
                x = block.forward(x);
            }
            if let Some(up) = &level.up {
                x = up.forward(&doubled(&x));
                // The first moment of every doubling is a copy that causal time does not have.
                x.values.drain(..x.bins * x.channels);
                x.time -= 1;
            }
        }
        normalise(&mut x);
        let out = self.last.forward(&x);
        debug_assert_eq!((out.time, out.bins), (frames_of(time), self.config.bins));
        let spectrum = slices::tensor(out.values, (out.time, out.bins, out.channels))?;
        Ok(spectrum.permute((0, 2, 1))?.contiguous()?)
    }
}

impl Level {
    fn load(weights: &Weights, config: &Config, level: usize, width: usize) -> Result<Self> {
        let mut inputs = width;
        let outputs = config.width(level);
        let mut blocks = Vec::new();
        for block in 0..=config.blocks {
            blocks.push(Residual::load(&weights.at("block").at(block), inputs, outputs)?);
            inputs = outputs;
        }
        let up = (level > 0).then(|| causal(&weights.at("upsample.conv"), outputs, outputs, 3)).transpose()?;
        Ok(Self { blocks, up })
    }
}

/// Every position twice in time and twice in frequency.
fn doubled(x: &Plane) -> Plane {
    let mut values = Vec::with_capacity(x.values.len() * 4);
    for row in x.values.chunks_exact(x.bins * x.channels) {
        let start = values.len();
        for position in row.chunks_exact(x.channels) {
            values.extend_from_slice(position);
            values.extend_from_slice(position);
        }
        values.extend_from_within(start..);
    }
    Plane { time: x.time * 2, bins: x.bins * 2, channels: x.channels, values }
}
