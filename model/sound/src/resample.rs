//! Bringing sound to another rate and channel count.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};
use shot::Sound;

use crate::{Error, channels};

/// Sample rates that are understood, in hertz.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Input samples in one block of the resampler. Its anti-alias filter is as long as the block: the longer, the closer to the
/// Nyquist frequency the pass band reaches (at 44.1 → 48 kHz to 21.4 kHz with 1024).
const BLOCK: usize = 1024;

/// Input samples that are laid around the sound before it is resampled, at least: as much as the filter reaches.
const MARGIN: usize = 2 * BLOCK;

/// The sound at `rate` hertz (within [`RATES`]) in `channels` channels (1 to 16), `round(n · rate / sound.rate())` samples
/// long, in time to the sample. Resampling is band-limited (a synchronous FFT resampler, Blackman-Harris anti-alias filter);
/// both ends are continued by point reflection while the filter runs over them, so that the first and last samples, where a
/// made sound is joined on, do not sag toward silence. Samples that are no numbers become 0. Channel maps: see the module
/// `channels` for the matrices.
pub fn conform(sound: &Sound, rate: u32, channels: usize) -> Result<Sound, Error> {
    for got in [rate, sound.rate()] {
        if !RATES.contains(&got) {
            return Err(Error::Rate { got });
        }
    }
    let sound = channels::map(sound, channels)?;
    let n = sound.len();
    let from = sound.rate();
    let out_len = scaled(n, from, rate);
    if from == rate || n == 0 {
        let rest = sound.into_channels().into_iter().map(|c| c.into_iter().map(number).collect()).collect();
        return Ok(Sound::new(rate, rest)?);
    }
    let inside = |step, why: String| Error::Inside { step, why };
    let gcd = gcd(from, rate);
    let unit = (from / gcd) as usize;
    // A whole number of units: the margin then is a whole number of output samples too.
    let margin = MARGIN.div_ceil(unit) * unit;
    let skip = scaled(margin, from, rate);
    // An even number of samples in a block: the delay is half of it, and rubato drops the half sample of an odd one.
    let block = BLOCK.div_ceil(2 * unit) * 2 * unit;
    let mut resampler = Fft::<f64>::new_custom(from as usize, rate as usize, block, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
        .map_err(|e| inside("preparing to resample", e.to_string()))?;
    let mut made = Vec::with_capacity(channels);
    for channel in sound.channels() {
        let framed = [framed(channel, margin)];
        let frames = framed[0].len();
        let input = SequentialSliceOfVecs::new(&framed, 1, frames).map_err(|e| inside("resampling", e.to_string()))?;
        let output = resampler.process_all(&input, frames, None).map_err(|e| inside("resampling", e.to_string()))?.take_data();
        let mut out: Vec<f32> = output.into_iter().skip(skip).take(out_len).map(|s| s as f32).collect();
        out.resize(out_len, 0.0);
        made.push(out);
    }
    Ok(Sound::new(rate, made)?)
}

/// `round(n · to / from)`, ties upward.
fn scaled(n: usize, from: u32, to: u32) -> usize {
    let (n, from, to) = (n as u128, u128::from(from), u128::from(to));
    usize::try_from((2 * n * to + from) / (2 * from)).unwrap_or(usize::MAX)
}

/// The channel between its own point reflections at both ends.
fn framed(channel: &[f32], margin: usize) -> Vec<f64> {
    let clean = |i: usize| f64::from(number(channel[i]));
    let last = channel.len() - 1;
    let head = (1..=margin).rev().map(|i| 2.0 * clean(0) - clean(i.min(last)));
    let tail = (1..=margin).map(|i| 2.0 * clean(last) - clean(last.saturating_sub(i)));
    head.chain((0..=last).map(clean)).chain(tail).collect()
}

fn number(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn sine(rate: u32, hz: f64, n: usize) -> Vec<f32> {
        (0..n).map(|i| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate) + 0.3).sin()) as f32).collect()
    }

    #[test]
    fn a_sine_stays_that_sine_in_time_to_the_sample() {
        for (rate, floor_db) in [(44_100, -90.0), (96_000, -90.0), (32_000, -90.0), (8_000, -90.0)] {
            for hz in [50.0, 997.0, 3_000.0] {
                let made = conform(&Sound::new(rate, vec![sine(rate, hz, rate as usize)]).unwrap(), 48_000, 1).unwrap();
                let want = sine(48_000, hz, 48_000);
                assert_eq!(made.len(), want.len());
                let worst = made.channels()[0][4800..43_200].iter().zip(&want[4800..43_200]).fold(0.0f32, |w, (a, b)| w.max((a - b).abs()));
                assert!(20.0 * worst.log10() < floor_db, "{rate} Hz, {hz} Hz: {} dB", 20.0 * worst.log10());
            }
        }
    }

    #[test]
    fn the_ends_do_not_sag() {
        let made = conform(&Sound::new(44_100, vec![sine(44_100, 100.0, 44_100)]).unwrap(), 48_000, 1).unwrap();
        let want = sine(48_000, 100.0, 48_000);
        for i in (0..480).chain(47_520..48_000) {
            assert!((made.channels()[0][i] - want[i]).abs() < 0.02, "{i}: {} {}", made.channels()[0][i], want[i]);
        }
    }

    #[test]
    fn what_lies_above_the_new_range_is_gone() {
        let made = conform(&Sound::new(96_000, vec![sine(96_000, 30_000.0, 96_000)]).unwrap(), 48_000, 1).unwrap();
        let rest = made.channels()[0][4800..43_200].iter().fold(0.0f32, |w, s| w.max(s.abs()));
        assert!(rest < 1e-4, "{rest}");
    }

    #[test]
    fn broken_samples_and_rates_are_caught() {
        let made = conform(&Sound::new(44_100, vec![vec![f32::NAN, f32::INFINITY, 0.5, -0.5]]).unwrap(), 48_000, 2).unwrap();
        assert!(made.channels().iter().flatten().all(|s| s.is_finite()));
        assert!(matches!(conform(&Sound::silence(999, 1, 9), 48_000, 1), Err(Error::Rate { got: 999 })));
        assert!(matches!(conform(&Sound::silence(48_000, 1, 9), 1_000_000, 1), Err(Error::Rate { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_length_is_exact(n in 0usize..5_000, rate in prop::sample::select(vec![8_000u32, 11_025, 22_050, 32_000, 44_056, 44_100, 47_952, 48_000, 88_200, 96_000, 192_000])) {
            let made = conform(&Sound::silence(rate, 1, n), 48_000, 1).unwrap();
            prop_assert_eq!(made.len(), (n as f64 * 48_000.0 / f64::from(rate) + 0.5).floor() as usize);
        }
    }
}
