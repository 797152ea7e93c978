//! The spectrum that the sound VAE was trained on: magnitudes of centred Hann frames, gathered on Slaney's mel scale.
//!
//! Scale and weights are those of Slaney's Auditory Toolbox (M. Slaney, Technical Report 1998-010, Interval Research, 1998): linear to
//! 1 kHz, logarithmic above, triangles of equal area.

use std::f64::consts::TAU;

use candle_core::Tensor;

use super::config::Config;
use super::spectrum::{Bands, Frames};
use crate::error::{Error, Result};
use crate::ops::slices;

/// Samples → logarithmic mel spectrum.
#[derive(Clone, Debug)]
pub struct MelSpectrum {
    bands: Bands,
    frames: Frames,
    channels: usize,
}

impl MelSpectrum {
    /// With the sizes of a sound VAE.
    pub fn new(config: &Config) -> Self {
        let frequencies = config.window / 2 + 1;
        let bands = Bands { waves: waves(config.window), mel: filters(config.bins, frequencies, config.rate as f64), bins: config.bins };
        Self { bands, frames: Frames { window: config.window, hop: config.hop }, channels: config.sound_channels }
    }

    /// Samples `[n, channels]` → `[1 + n / hop, channels, bins]`. Beyond both ends the sound is mirrored.
    pub fn forward(&self, samples: &Tensor) -> Result<Tensor> {
        let (n, channels) = match samples.dims() {
            [n, channels] if *n > 0 && *channels == self.channels => (*n, *channels),
            shape => {
                return Err(Error::Unfit(format!("sound has the shape {shape:?}, expected [samples, {}] with samples", self.channels)));
            }
        };
        let (half, hop) = (self.frames.window / 2, self.frames.hop);
        let length = n / hop * hop + self.frames.window;
        let spectrum = slices::with(samples, |samples| {
            let mut mirrored = Vec::with_capacity(length * channels);
            for at in 0..length {
                let source = mirror(at as isize - half as isize, n);
                mirrored.extend_from_slice(&samples[source * channels..][..channels]);
            }
            self.bands.log_mel(&mirrored, channels, self.frames)
        })?;
        slices::tensor(spectrum, (n / hop + 1, channels, self.bands.bins))
    }
}

/// The place `at` of a signal of `n` samples that is mirrored at its first and last sample, as often as it takes.
fn mirror(at: isize, n: usize) -> usize {
    let period = 2 * (n - 1).max(1);
    let inside = at.rem_euclid(period as isize) as usize;
    if n == 1 { 0 } else { inside.min(period - inside) }
}

/// Cosines and negative sines of a discrete Fourier transform, `[2·(window / 2 + 1), window]`, weighted with a periodic Hann window.
fn waves(window: usize) -> Vec<f32> {
    let frequencies = window / 2 + 1;
    // One period in exact steps: the angle of a product is taken modulo the window before it becomes a float.
    let angle = |index: usize| TAU * (index % window) as f64 / window as f64;
    let hann: Vec<f64> = (0..window).map(|t| 0.5 - 0.5 * angle(t).cos()).collect();
    let wave = |f: fn(f64) -> f64, k: usize| {
        let hann = &hann;
        (0..window).map(move |t| (f(angle(k * t)) * hann[t]) as f32)
    };
    let cosines = (0..frequencies).flat_map(|k| wave(f64::cos, k));
    cosines.chain((0..frequencies).flat_map(|k| wave(|a| -a.sin(), k))).collect()
}

/// Triangles of equal area on the mel scale, `[bins, frequencies]`, from 0 to half of the rate.
fn filters(bins: usize, frequencies: usize, rate: f64) -> Vec<f32> {
    let top = to_mel(rate / 2.0);
    let edges: Vec<f64> = (0..bins + 2).map(|i| to_hertz(top * i as f64 / (bins + 1) as f64)).collect();
    let triangle = |edges: &[f64], hertz: f64| {
        let (low, middle, high) = (edges[0], edges[1], edges[2]);
        let height = ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle)).max(0.0);
        (height * 2.0 / (high - low)) as f32
    };
    let hertz = |k: usize| rate / 2.0 * k as f64 / (frequencies - 1) as f64;
    edges.windows(3).flat_map(|edges| (0..frequencies).map(move |k| triangle(edges, hertz(k)))).collect()
}

/// Hertz per mel below the knee.
const LINEAR: f64 = 200.0 / 3.0;
/// Where the scale becomes logarithmic, in hertz.
const KNEE: f64 = 1000.0;

/// Mels in which the frequency grows by one power of e above the knee: 27 of them are a factor of 6.4.
fn per_power() -> f64 {
    27.0 / 6.4f64.ln()
}

fn to_mel(hertz: f64) -> f64 {
    if hertz < KNEE { hertz / LINEAR } else { KNEE / LINEAR + (hertz / KNEE).ln() * per_power() }
}

fn to_hertz(mel: f64) -> f64 {
    let knee = KNEE / LINEAR;
    if mel < knee { mel * LINEAR } else { KNEE * ((mel - knee) / per_power()).exp() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_scale_is_turned_back(hertz in 0.0f64..24_000.0) {
            prop_assert!((to_hertz(to_mel(hertz)) - hertz).abs() < 1e-8 * hertz.max(1.0));
        }

        #[test]
        fn mirrored_places_are_inside_and_step_by_one(n in 1usize..50, at in -500isize..500) {
            let (a, b) = (mirror(at, n), mirror(at + 1, n));
            prop_assert!(a < n && b < n && (n == 1 || a.abs_diff(b) == 1));
        }
    }

    #[test]
    fn a_tone_is_in_its_own_bin() {
        let config = Config::default();
        let spectrum = MelSpectrum::new(&config);
        let hertz = 440.0;
        let samples: Vec<f32> = (0..8000)
            .flat_map(|t| {
                let v = (TAU * hertz * f64::from(t) / 16_000.0).sin() as f32;
                [v, 0.0]
            })
            .collect();
        let mel = spectrum.forward(&slices::tensor(samples, (8000, 2)).unwrap()).unwrap();
        assert_eq!(mel.dims(), [51, 2, 64]);
        let mel = mel.to_vec3::<f32>().unwrap();
        let loudest = mel[25][0].iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        let edge = |i: usize| to_hertz(to_mel(8000.0) * i as f64 / 65.0);
        assert!(edge(loudest) < hertz && hertz < edge(loudest + 2), "{loudest}");
        assert!(mel[25][1].iter().all(|v| (v - 1e-5f32.ln()).abs() < 1e-5), "silence is the floor");
    }

    #[test]
    fn no_samples_is_an_error() {
        let spectrum = MelSpectrum::new(&Config::default());
        let none = Tensor::zeros((0, 2), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        assert!(spectrum.forward(&none).unwrap_err().to_string().contains("[0, 2]"));
    }
}
