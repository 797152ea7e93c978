//! The vocoder's nonlinearity, x + sin²(αx) / β, applied at twice the rate so that the harmonics it makes do not fold back: up, snake,
//! down, with the low-pass filters that the file stores (S. Lee et al., "BigVGAN", ICLR 2023, after T. Karras et al.,
//! "Alias-free generative adversarial networks", 2021).

use rayon::prelude::*;

use crate::checkpoint::weights::Weights;
use crate::error::{Error, Result};
use crate::ops::wide::wide;

/// Values of one block of time, so that everything between up and down stays in the cache.
const BLOCK: usize = 16_384;

/// Keeps a division by β from overflowing, as in the reference.
const EPSILON: f32 = 1e-9;

/// Longest low-pass filter that is believed.
const LONGEST: usize = 256;

/// The nonlinearity of one layer.
#[derive(Clone, Debug)]
pub struct Snake {
    alpha: Vec<f32>,
    inverse_beta: Vec<f32>,
    up: Vec<f32>,
    down: Vec<f32>,
}

impl Snake {
    /// `act.alpha`, `act.beta` (logarithms), `upsample.filter` and `downsample.lowpass.filter` of the place; without `act.beta` α takes
    /// its place.
    pub fn load(weights: &Weights, channels: usize) -> Result<Self> {
        let alpha: Vec<f32> = weights.values("act.alpha", &[channels])?.into_iter().map(f32::exp).collect();
        let beta = if weights.has("act.beta") {
            weights.values("act.beta", &[channels])?.into_iter().map(f32::exp).collect()
        } else {
            alpha.clone()
        };
        let inverse_beta = beta.into_iter().map(|b| 1.0 / (b + EPSILON)).collect();
        let (up, down) = (filter(weights, "upsample.filter")?, filter(weights, "downsample.lowpass.filter")?);
        Ok(Self { alpha, inverse_beta, up, down })
    }

    /// `[time, channels]` → the same shape.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let channels = self.alpha.len();
        let rows = (BLOCK / channels).max(32);
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(rows * channels).enumerate().for_each_init(Scratch::default, |scratch, (index, out)| {
            wide(|| self.block(x, index * rows, out, scratch));
        });
        out
    }

    /// The rows from `first` on. All places are counted in rows of the input; at twice the rate, place m has an even moment 2m and
    /// an odd one 2m + 1, which lie in two planes one after the other.
    #[inline(always)]
    fn block(&self, x: &[f32], first: usize, out: &mut [f32], scratch: &mut Scratch) {
        let channels = self.alpha.len();
        let (time, rows) = ((x.len() / channels) as isize, (out.len() / channels) as isize);
        let first = first as isize;
        // Down: output t reads the moments 2t + k − before.
        let before = self.down.len() as isize / 2 - 1;
        let low = (2 * first - before).div_euclid(2);
        let high = (2 * (first + rows - 1) + self.down.len() as isize - 1 - before).div_euclid(2);
        let plane = (high - low + 1) as usize * channels;
        // Up: even and odd moments read half of the filter's taps each, around their place.
        let half = self.up.len() as isize / 2;
        let (left, edge) = (3 * half - 3, half / 2 + 1);
        scratch.around.clear();
        for place in low - edge..=high + edge {
            let row = place.clamp(0, time - 1) as usize;
            scratch.around.extend_from_slice(&x[row * channels..][..channels]);
        }
        scratch.moments.resize(2 * plane, 0.0);
        for odd in 0..2 {
            scratch.taps.clear();
            for (k, weight) in self.up.iter().enumerate() {
                let shift = left + odd - k as isize;
                if shift.rem_euclid(2) == 0 {
                    let rows = shift.div_euclid(2) - (half - 1) + edge;
                    scratch.taps.push((rows as usize * channels, 2.0 * weight));
                }
            }
            let moments = &mut scratch.moments[odd as usize * plane..][..plane];
            filtered(moments, &scratch.around, &scratch.taps);
            for row in moments.chunks_exact_mut(channels) {
                for ((v, alpha), inverse_beta) in row.iter_mut().zip(&self.alpha).zip(&self.inverse_beta) {
                    *v += inverse_beta * sine_squared(*v * alpha);
                }
            }
        }
        // Beyond both ends the first and the last moment are held.
        for place in (low..0).chain(time..high + 1) {
            let held = if place < 0 { (-low) as usize * channels } else { plane + (time - 1 - low) as usize * channels };
            let to = (place - low) as usize * channels;
            scratch.moments.copy_within(held..held + channels, to);
            scratch.moments.copy_within(held..held + channels, plane + to);
        }
        scratch.taps.clear();
        for (k, weight) in self.down.iter().enumerate() {
            let shift = 2 * (first - low) + k as isize - before;
            let offset = shift.div_euclid(2) as usize * channels + shift.rem_euclid(2) as usize * plane;
            scratch.taps.push((offset, *weight));
        }
        filtered(out, &scratch.moments, &scratch.taps);
    }
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    around: Vec<f32>,
    moments: Vec<f32>,
    taps: Vec<(usize, f32)>,
}

/// A low-pass filter of an even number of taps.
fn filter(weights: &Weights, name: &str) -> Result<Vec<f32>> {
    let taps = weights.shape(name).and_then(|s| s.last().copied()).unwrap_or(12);
    if !taps.is_multiple_of(2) || !(4..=LONGEST).contains(&taps) {
        let (file, entry) = weights.entry(name)?;
        return Err(Error::Shape { name: weights.full(name), file: file.label(), expected: vec![1, 1, 12], got: entry.shape.clone() });
    }
    weights.values(name, &[1, 1, taps])
}

/// `out[i] = Σ weight · from[offset + i]`: sums stay in registers over all taps.
#[inline(always)]
fn filtered(out: &mut [f32], from: &[f32], taps: &[(usize, f32)]) {
    const LANES: usize = 32;
    let (wide, narrow) = out.as_chunks_mut::<LANES>();
    for (index, out) in wide.iter_mut().enumerate() {
        let mut sums = [0.0f32; LANES];
        for (offset, weight) in taps {
            let from = &from[offset + index * LANES..][..LANES];
            for (sum, v) in sums.iter_mut().zip(from) {
                *sum += weight * v;
            }
        }
        *out = sums;
    }
    let start = wide.len() * LANES;
    for (i, out) in narrow.iter_mut().enumerate() {
        *out = taps.iter().map(|(offset, weight)| weight * from[offset + start + i]).sum();
    }
}

/// sin², to about 1e-7: the period is taken off in three parts (W. Cody and W. Waite, "Software manual for the elementary functions",
/// 1980), then the series of the sine to the eleventh power. Beyond some millions an f32 no longer tells a phase, and the result is
/// only kept in 0..1.
#[inline(always)]
fn sine_squared(x: f32) -> f32 {
    /// Adding and taking off this number rounds to a whole one.
    const ROUND: f32 = 12_582_912.0;
    const HALF: f32 = std::f32::consts::FRAC_PI_2;
    let periods = (x * std::f32::consts::FRAC_1_PI + ROUND) - ROUND;
    // π in three parts, the first two short enough that their products are exact.
    let rest = ((x - periods * 3.140_625) - periods * 9.675_026e-4) - periods * 1.509_958e-7;
    let rest = rest.clamp(-HALF, HALF);
    let square = rest * rest;
    let series = 1.0
        + square
            * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square * (1.0 / 362_880.0 - square * (1.0 / 39_916_800.0)))));
    let sine = rest * series;
    sine * sine
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, sample by sample: up with zeros between and a filter, nonlinearity, filter and every second.
    fn naive(snake: &Snake, x: &[f32]) -> Vec<f64> {
        let channels = snake.alpha.len();
        let time = x.len() / channels;
        let (up, down) = (snake.up.len(), snake.down.len());
        let pad = up / 2 - 1;
        let left = pad * 2 + (up - 2) / 2;
        let mut out = vec![0.0; x.len()];
        for channel in 0..channels {
            let at = |i: isize| f64::from(x[i.clamp(0, time as isize - 1) as usize * channels + channel]);
            let mut spread = vec![0.0; (time + 2 * pad - 1) * 2 + up];
            for i in 0..time + 2 * pad {
                for k in 0..up {
                    spread[2 * i + k] += 2.0 * f64::from(snake.up[k]) * at(i as isize - pad as isize);
                }
            }
            let moments: Vec<f64> = spread[left..left + 2 * time]
                .iter()
                .map(|v| v + f64::from(snake.inverse_beta[channel]) * (v * f64::from(snake.alpha[channel])).sin().powi(2))
                .collect();
            for t in 0..time {
                let moment =
                    |k: usize| moments[(2 * t as isize + k as isize - (down as isize / 2 - 1)).clamp(0, 2 * time as isize - 1) as usize];
                out[t * channels + channel] = (0..down).map(|k| f64::from(snake.down[k]) * moment(k)).sum();
            }
        }
        out
    }

    proptest! {
        #[test]
        fn blocks_agree_with_the_definition(time in 1usize..200, channels in 1usize..40, up in 2usize..8, down in 2usize..8, seed in 0u32..1000) {
            let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 8_388_608.0 - 1.0;
            let snake = Snake {
                alpha: (0..channels).map(|i| value(i).exp()).collect(),
                inverse_beta: (0..channels).map(|i| value(i + 99).exp()).collect(),
                up: (0..2 * up).map(|i| value(i + 7) / 2.0).collect(),
                down: (0..2 * down).map(|i| value(i + 31) / 2.0).collect(),
            };
            let x: Vec<f32> = (0..time * channels).map(|i| 3.0 * value(i + 1000)).collect();
            for (got, want) in snake.forward(&x).iter().zip(naive(&snake, &x)) {
                prop_assert!((f64::from(*got) - want).abs() < 2e-5, "{} {}", got, want);
            }
        }

        #[test]
        fn squares_of_sines_are_exact_enough(x in -3000.0f32..3000.0) {
            let want = f64::from(x).sin().powi(2);
            prop_assert!((f64::from(sine_squared(x)) - want).abs() < 4e-7, "{} {}", sine_squared(x), want);
        }
    }

    #[test]
    fn squares_of_sines_stay_bounded() {
        for x in [1e6f32, -1e8, 1e20, f32::MAX] {
            assert!((0.0..=1.0001).contains(&sine_squared(x)), "{x}");
        }
    }
}
