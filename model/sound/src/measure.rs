//! Figures of a made sound: does it repeat, does it join.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex32;

use crate::RATE;
use crate::shape::EDGE;
use crate::spectrum::{BANDS, Spectrum, db, mean};

/// Repetition is looked for in this many samples from the beginning at most: 60 s. Memory stays bounded, and what has not come
/// again within a minute is not heard as a loop.
const LONGEST: usize = 60 * RATE as usize;
/// Shorter lags are the sound's own colour, in samples.
const FIRST_LAG: usize = RATE as usize / 4;

/// The highest normalised autocorrelation at lags from 0.25 s to half the length: near 1 is an audible loop, noise has about
/// .05. Channels are added. `None` below one second.
pub(crate) fn repetition(channels: &[Vec<f32>]) -> Option<f64> {
    let n = channels.first()?.len().min(LONGEST);
    if n < RATE as usize {
        return None;
    }
    let mut x = vec![0.0f32; (2 * n).next_power_of_two()];
    for channel in channels {
        x.iter_mut().zip(&channel[..n]).for_each(|(s, c)| *s += c);
    }
    let offset = (x[..n].iter().map(|s| f64::from(*s)).sum::<f64>() / n as f64) as f32;
    x[..n].iter_mut().for_each(|s| *s -= offset);
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(x.len()), planner.plan_fft_inverse(x.len()));
    let mut bins = forward.make_output_vec();
    forward.process(&mut x, &mut bins).ok()?;
    bins.iter_mut().for_each(|z| *z = Complex32::new(z.norm_sqr(), 0.0));
    inverse.process(&mut bins, &mut x).ok()?;
    if x[0] <= 0.0 {
        return None;
    }
    let highest = (FIRST_LAG..n / 2).map(|lag| f64::from(x[lag]) / (n - lag) as f64).fold(f64::NEG_INFINITY, f64::max);
    Some(highest * n as f64 / f64::from(x[0]))
}

/// How far the level jumps, in dB (root mean square over bands from 40 Hz to 17 kHz), from the last 8,192 samples of `left` to the
/// first 8,192 of `right`. `None` where either is shorter.
pub(crate) fn jump(left: &[f32], right: &[f32], spectrum: &Spectrum) -> Option<f64> {
    let a = mean(&spectrum.track(left.get(left.len().checked_sub(EDGE)?..)?));
    let b = mean(&spectrum.track(right.get(..EDGE)?));
    let audible = 3..BANDS - 1;
    let n = audible.len() as f32;
    Some(f64::from((audible.map(|i| (db(a[i]) - db(b[i])).powi(2)).sum::<f32>() / n).sqrt()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::Random;

    fn noise(n: usize) -> Vec<f32> {
        let mut r = Random::new(8, 8);
        (0..n).map(|_| r.between(-0.1, 0.1) as f32).collect()
    }

    #[test]
    fn a_loop_repeats_and_noise_does_not() {
        let once = noise(48_000);
        let looped: Vec<f32> = once.iter().chain(&once).chain(&once).copied().collect();
        assert!(repetition(&[looped]).unwrap() > 0.95);
        assert!(repetition(&[noise(144_000)]).unwrap() < 0.03);
        assert_eq!(repetition(&[noise(1000)]), None);
        assert_eq!(repetition(&[vec![0.0; 96_000]]), None);
    }

    #[test]
    fn a_step_in_level_is_seen() {
        let s = Spectrum::new();
        let x = noise(20_000);
        let louder: Vec<f32> = x.iter().map(|v| 2.0 * v).collect();
        assert!(jump(&x, &louder, &s).unwrap() > 5.0);
        assert!(jump(&x, &x, &s).unwrap() < 2.5);
        assert_eq!(jump(&x[..100], &x, &s), None);
    }
}
