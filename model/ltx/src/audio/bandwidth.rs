//! From 16 to 48 kHz: the spectrum of what the vocoder made goes through a second generator, whose result is added to the signal at
//! the higher rate. The spectrum looks back in time only; its waves and bands are stored in the file, as rounded as they were in
//! training.

use super::Cancel;
use super::generator::{self, Finish, Generator};
use super::resample::Upsample;
use super::spectrum::{Bands, Frames};
use crate::checkpoint::section::Section;
use crate::checkpoint::weights::Weights;
use crate::error::Result;

/// Sizes of the extension.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The second generator.
    pub generator: generator::Config,
    /// Samples per second that come in.
    pub from: usize,
    /// Samples per second that go out.
    pub to: usize,
    /// Samples in a frame of the spectrum.
    pub window: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Bins of the mel scale.
    pub bins: usize,
}

impl Config {
    /// From the section `vocoder.bwe`.
    pub fn read(section: &Section) -> Result<Self> {
        let generator = generator::Config { finish: Finish::Open, ..generator::Config::read(section)? };
        let config = Self {
            generator,
            from: section.size_or("input_sampling_rate", 16_000)?,
            to: section.size_or("output_sampling_rate", 48_000)?,
            window: section.size_or("n_fft", 512)?,
            hop: section.size_or("hop_length", 80)?,
            bins: section.size_or("num_mels", 64)?,
        };
        let Self { from, to, hop, window, .. } = config;
        if to % from != 0 || config.generator.ratio() != hop * (to / from) || window < hop || window % 2 != 0 {
            let ratio = config.generator.ratio();
            return Err(section.wrong(format!("{ratio} samples per frame of {window} every {hop} do not lead from {from} to {to} Hz")));
        }
        Ok(config)
    }
}

/// The extension of one model.
#[derive(Clone, Debug)]
pub struct Bandwidth {
    config: Config,
    spectrum: Spectrum,
    generator: Generator,
    resample: Upsample,
}

impl Bandwidth {
    /// `mel_stft` and `bwe_generator` of the place, for signals of so many channels.
    pub fn load(weights: &Weights, config: Config, channels: usize) -> Result<Self> {
        let spectrum = Spectrum::load(&weights.at("mel_stft"), &config)?;
        let generator = Generator::load(&weights.at("bwe_generator"), &config.generator, channels * config.bins, channels)?;
        Ok(Self { resample: Upsample::new(config.to / config.from), spectrum, generator, config })
    }

    /// Samples per second of the result.
    pub fn rate(&self) -> usize {
        self.config.to
    }

    /// Interleaved samples `[n, channels]` → `[n·to / from, channels]`, in −1..1.
    pub fn forward(&self, samples: &[f32], channels: usize, cancel: Cancel<'_>) -> Result<Vec<f32>> {
        let n = samples.len() / channels;
        // Whole hops, so that the residual is as long as the signal.
        let mut padded = samples.to_vec();
        padded.resize(n.next_multiple_of(self.config.hop) * channels, 0.0);
        let spectrum = self.spectrum.log_mel(&padded, channels);
        let mut out = self.generator.forward(&spectrum, cancel)?;
        let signal = self.resample.forward(&padded, channels);
        out.iter_mut().zip(&signal).for_each(|(v, s)| *v = (*v + s).clamp(-1.0, 1.0));
        out.truncate(n * (self.config.to / self.config.from) * channels);
        Ok(out)
    }
}

/// The causal spectrum that the second generator reads.
#[derive(Clone, Debug)]
pub struct Spectrum {
    bands: Bands,
    frames: Frames,
}

impl Spectrum {
    /// `stft_fn.forward_basis` and `mel_basis` of the place.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self> {
        let frequencies = config.window / 2 + 1;
        let waves = weights.values("stft_fn.forward_basis", &[2 * frequencies, 1, config.window])?;
        let mel = weights.values("mel_basis", &[config.bins, frequencies])?;
        Ok(Self { bands: Bands { waves, mel, bins: config.bins }, frames: Frames { window: config.window, hop: config.hop } })
    }

    /// Interleaved samples `[n, channels]` → `[n / hop, channels, bins]`.
    pub fn log_mel(&self, samples: &[f32], channels: usize) -> Vec<f32> {
        self.bands.log_mel(&self.after_silence(samples, channels), channels, self.frames)
    }

    /// Magnitudes of one channel, `[n / hop, frequencies]`.
    pub fn magnitudes(&self, samples: &[f32], channels: usize, channel: usize) -> Vec<f32> {
        self.bands.magnitudes(&self.after_silence(samples, channels), channels, channel, self.frames)
    }

    /// A frame ends with the hop it stands for, so the first ones begin in silence.
    fn after_silence(&self, samples: &[f32], channels: usize) -> Vec<f32> {
        let mut out = vec![0.0; (self.frames.window - self.frames.hop) * channels];
        out.extend_from_slice(samples);
        out
    }
}
