//! The spectrum of sound to samples.

use candle_core::Tensor;

use super::Cancel;
use super::bandwidth::{self, Bandwidth};
use super::generator::{self, Generator};
use crate::checkpoint::section::Section;
use crate::checkpoint::weights::Place;
use crate::checkpoint::{Checkpoint, Part};
use crate::error::{Error, Result};
use crate::ops::slices;

/// Channels of sound: every published model is stereo.
const CHANNELS: usize = 2;
/// Values of a frame of the spectrum that every published vocoder takes: two channels of 64 bins.
const INPUTS: usize = 128;

/// What the file says of the vocoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// From the spectrum to the first signal.
    pub generator: generator::Config,
    /// From there to the full bandwidth; generation 2.0 has none.
    pub bandwidth: Option<bandwidth::Config>,
    /// Samples per second of the first signal.
    pub rate: usize,
}

impl Config {
    /// From the section `vocoder`.
    pub fn read(section: &Section) -> Result<Self> {
        if !section.has("bwe") {
            let rate = section.size_or("output_sampling_rate", 24_000)?;
            return Ok(Self { generator: generator::Config::read(section)?, bandwidth: None, rate });
        }
        let bandwidth = bandwidth::Config::read(&section.section("bwe"))?;
        let rate = bandwidth.from;
        Ok(Self { generator: generator::Config::read(&section.section("vocoder"))?, bandwidth: Some(bandwidth), rate })
    }
}

/// Spectrum to samples.
#[derive(Clone, Debug)]
pub struct Vocoder {
    generator: Generator,
    bandwidth: Option<Bandwidth>,
    rate: usize,
    inputs: usize,
}

impl Vocoder {
    /// From the part [`Part::Vocoder`].
    pub fn load(checkpoint: &Checkpoint, place: &Place) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::Vocoder, place)?;
        let config = Config::read(&section)?;
        let root = if config.bandwidth.is_some() { weights.at("vocoder") } else { weights.clone() };
        // The configuration does not say how many values a frame has: the first layer's weights do.
        let inputs = match root.shape("conv_pre.weight") {
            Some([_, inputs, _]) if *inputs > 0 && inputs % CHANNELS == 0 => *inputs,
            _ => INPUTS,
        };
        let generator = Generator::load(&root, &config.generator, inputs, CHANNELS)?;
        let bandwidth = config.bandwidth.map(|config| Bandwidth::load(&weights, config, CHANNELS)).transpose()?;
        Ok(Self { generator, bandwidth, rate: config.rate, inputs })
    }

    /// Samples per second of the result: 48,000, or 24,000 in generation 2.0.
    pub fn rate(&self) -> usize {
        self.bandwidth.as_ref().map_or(self.rate, Bandwidth::rate)
    }

    /// Without the limit to −1..1 between the two halves: diffusers has none, the authors' own code has. For comparisons.
    pub fn without_limit(mut self) -> Self {
        if self.bandwidth.is_some() {
            self.generator.open();
        }
        self
    }

    /// A logarithmic mel spectrum `[frames, 2, bins]` → samples `[n, 2]` in −1..1.
    pub fn synthesise(&self, mel: &Tensor, cancel: Cancel<'_>) -> Result<Tensor> {
        match mel.dims() {
            [frames, CHANNELS, bins] if *frames > 0 && CHANNELS * bins == self.inputs => {}
            shape => {
                let bins = self.inputs / CHANNELS;
                return Err(Error::Unfit(format!("a spectrum has the shape {shape:?}, the vocoder takes [frames, {CHANNELS}, {bins}]")));
            }
        }
        let mut samples = slices::with(mel, |mel| self.generator.forward(mel, cancel))??;
        if let Some(bandwidth) = &self.bandwidth {
            samples = bandwidth.forward(&samples, CHANNELS, cancel)?;
        }
        let n = samples.len() / CHANNELS;
        slices::tensor(samples, (n, CHANNELS))
    }
}
