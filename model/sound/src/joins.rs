//! Joining a made sound to its neighbours without touching them.
//!
//! No crossfade can reach into the neighbours: they are the editor's own samples. Instead the made sound is bent so that it
//! continues their waveform. Each neighbour is modelled by linear prediction (Burg's method, Burg 1967; Makhoul, "Linear
//! prediction: a tutorial review", 1975). The made sound is generated beyond its ends; the difference between what really
//! stands there and what was generated is run out through the model and added. For a Gaussian process of that model the sum
//! is exactly a draw conditioned on the neighbour's samples: noise is met without a dip in level, a hum keeps its phase, and
//! the difference dies away as fast as the neighbour's own memory does.

use shot::{Fault, Sound};

/// Samples by which a sound that [`join`] shall bend must begin before and go on after the hole.
pub const JOIN_MARGIN: usize = 4 * ORDER;

/// Bends both ends of a sound that somebody else made, so that it continues the neighbours' waveforms: no click, no dip, a hum
/// keeps its phase. `made` begins [`JOIN_MARGIN`] samples before the hole and ends as many after it; what is given back is the
/// hole alone. All sounds have one rate; neighbours with fewer channels lend their last one.
pub fn join(before: Option<&Sound>, made: Sound, after: Option<&Sound>) -> Result<Sound, Fault> {
    let rate = made.rate();
    let samples = made.len().checked_sub(2 * JOIN_MARGIN).ok_or_else(|| Fault::internal("a sound to join is shorter than its margins"))?;
    let mut channels = made.into_channels();
    let of = |side: Option<&Sound>, c: usize| side.and_then(|s| s.channels().get(c).or(s.channels().last()).cloned()).unwrap_or_default();
    for (c, channel) in channels.iter_mut().enumerate() {
        join_head(&of(before, c), channel, JOIN_MARGIN, samples);
        join_tail(&of(after, c), channel, JOIN_MARGIN, samples);
        channel.drain(..JOIN_MARGIN);
        channel.truncate(samples);
    }
    Sound::new(rate, channels)
}

/// Coefficients of the predictor.
const ORDER: usize = 64;
/// Samples of the neighbour from which the predictor is learnt.
const LEARN: usize = 8192;
/// The difference is faded out over this many samples at the latest, where the neighbour's memory is longer (a hum).
const REACH: usize = 4800;

/// Predictor coefficients a: x[n] ≈ Σ a[k] · x[n − 1 − k]. Stable by construction. Empty where there is nothing to learn.
fn burg(x: &[f32], order: usize) -> Vec<f64> {
    let n = x.len();
    let order = order.min(n / 3);
    let mut forward: Vec<f64> = x.iter().map(|s| f64::from(*s)).collect();
    let mut backward = forward.clone();
    let energy: f64 = forward.iter().map(|s| s * s).sum();
    let mut a: Vec<f64> = Vec::with_capacity(order);
    for m in 0..order {
        let (mut cross, mut both) = (0.0, 0.0);
        for i in m + 1..n {
            cross += forward[i] * backward[i - 1];
            both += forward[i] * forward[i] + backward[i - 1] * backward[i - 1];
        }
        // Nothing is left to predict.
        if both <= energy * 1e-12 {
            break;
        }
        // A little inside of the unit circle, so that a pure tone decays instead of ringing for ever.
        let k = (2.0 * cross / both).clamp(-0.99999, 0.99999);
        let old = a.clone();
        for (j, value) in a.iter_mut().enumerate() {
            *value -= k * old[m - 1 - j];
        }
        a.push(k);
        for i in (m + 1..n).rev() {
            let (f, b) = (forward[i], backward[i - 1]);
            forward[i] = f - k * b;
            backward[i] = b - k * f;
        }
    }
    a
}

/// What has to be added from the edge on: `real` ends at the edge, `made` is what was generated for the same time.
fn run_out(real: &[f32], made: &[f32], length: usize) -> Vec<f32> {
    let a = burg(&real[real.len().saturating_sub(LEARN)..], ORDER);
    let known = a.len().min(made.len()).min(real.len());
    let mut past: Vec<f64> = (0..a.len())
        .map(|i| {
            // Newest last; unknown places count as equal.
            let back = a.len() - i;
            if back <= known { f64::from(real[real.len() - back]) - f64::from(made[made.len() - back]) } else { 0.0 }
        })
        .collect();
    let mut out = Vec::with_capacity(length);
    if a.is_empty() {
        // Too short to model: the step itself, faded.
        let step = match (real.last(), made.last()) {
            (Some(r), Some(m)) => f64::from(*r) - f64::from(*m),
            _ => 0.0,
        };
        past.push(step);
    }
    for i in 0..length {
        let next: f64 = if a.is_empty() { past[0] } else { a.iter().zip(past.iter().rev()).map(|(c, p)| c * p).sum() };
        if !a.is_empty() {
            past.push(next);
            if past.len() > 4 * ORDER {
                past.drain(..past.len() - ORDER);
            }
        }
        // The fades of both ends add up to one where a short gap makes them meet.
        let fade = 0.5 + 0.5 * (std::f64::consts::PI * (i + 1) as f64 / (length + 1) as f64).cos();
        out.push((next * fade) as f32);
    }
    out
}

/// Bends the beginning of `made[margin..]` so that it continues `before`; `made` begins `margin` samples before the edge.
pub(crate) fn join_head(before: &[f32], made: &mut [f32], margin: usize, samples: usize) {
    if before.is_empty() || samples == 0 {
        return;
    }
    let (lead, rest) = made.split_at_mut(margin);
    let add = run_out(before, lead, REACH.min(samples));
    rest.iter_mut().zip(add).for_each(|(s, d)| *s += d);
}

/// Bends the end of `made[.. margin + samples]` so that it runs into `after`; `made` goes on `margin` samples beyond.
pub(crate) fn join_tail(after: &[f32], made: &mut [f32], margin: usize, samples: usize) {
    if after.is_empty() || samples == 0 {
        return;
    }
    let flip = |x: &[f32]| x.iter().rev().copied().collect::<Vec<f32>>();
    let real = flip(&after[..after.len().min(LEARN)]);
    let (rest, lead) = made.split_at_mut(margin + samples);
    let add = run_out(&real, &flip(lead), REACH.min(samples));
    rest.iter_mut().rev().zip(add).for_each(|(s, d)| *s += d);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::Random;

    /// As much as the predictor looks back.
    const MARGIN: usize = ORDER;

    fn noise(n: usize, seed: u64, smooth: f32) -> Vec<f32> {
        let mut r = Random::new(seed, 0);
        let mut state = 0.0;
        (0..n)
            .map(|_| {
                state = smooth * state + (1.0 - smooth * smooth).sqrt() * (r.between(-1.0, 1.0) * 3f64.sqrt()) as f32;
                state
            })
            .collect()
    }

    fn steepest(x: &[f32]) -> f32 {
        x.windows(2).fold(0.0, |w, p| w.max((p[1] - p[0]).abs()))
    }

    #[test]
    fn a_hum_keeps_its_phase() {
        let tone = |i: f32, phase: f32| (std::f32::consts::TAU * 50.0 * i / 48_000.0 + phase).sin();
        let before: Vec<f32> = (0..9600).map(|i| tone(i as f32, 0.0)).collect();
        let mut made: Vec<f32> = (0..9600 + MARGIN).map(|i| tone(9600.0 - MARGIN as f32 + i as f32, 2.5)).collect();
        join_head(&before, &mut made, MARGIN, 9600);
        for i in 0..240 {
            assert!((made[MARGIN + i] - tone((9600 + i) as f32, 0.0)).abs() < 0.1, "{i}");
        }
    }

    #[test]
    fn noise_is_met_without_a_click_and_without_a_dip() {
        let (mut first, mut later) = (0.0, 0.0);
        for seed in 0..200 {
            let before = noise(8000, 2 * seed, 0.98);
            let after = noise(8000, 2 * seed + 1000, 0.98);
            let mut made = noise(9600 + 2 * MARGIN, 2 * seed + 1, 0.98);
            join_head(&before, &mut made, MARGIN, 9600);
            join_tail(&after, &mut made, MARGIN, 9600);
            let made = &made[MARGIN..MARGIN + 9600];
            let usual = steepest(&before);
            assert!((made[0] - before[7999]).abs() < 1.3 * usual && (after[0] - made[9599]).abs() < 1.3 * usual, "{seed}");
            first += made[..200].iter().map(|s| s * s).sum::<f32>();
            later += made[4000..4200].iter().map(|s| s * s).sum::<f32>();
        }
        let ratio = 10.0 * (first / later).log10();
        assert!(ratio.abs() < 0.5, "{ratio} dB");
    }

    #[test]
    fn a_step_decays_and_nothing_explodes() {
        for before in [vec![1.0; 4], vec![1.0; 100], vec![0.0; 5000], vec![0.5]] {
            let mut made = vec![0.0; 20_000 + 2 * MARGIN];
            join_head(&before, &mut made, MARGIN, 20_000);
            join_tail(&before, &mut made, MARGIN, 20_000);
            assert!(made.iter().all(|s| s.is_finite() && s.abs() <= 1.5));
            assert!(made[MARGIN + 10_000].abs() < 1e-6);
            let edge = before.last().copied().unwrap_or(0.0);
            assert!((made[MARGIN] - edge).abs() < 0.05, "{} {edge}", made[MARGIN]);
        }
    }

    #[test]
    fn a_sound_that_others_made_is_joined_in_every_channel() {
        let before = Sound::new(48_000, vec![noise(9000, 1, 0.98)]).unwrap();
        let made = Sound::new(48_000, vec![noise(4800 + 2 * JOIN_MARGIN, 2, 0.98), noise(4800 + 2 * JOIN_MARGIN, 3, 0.98)]).unwrap();
        let joined = join(Some(&before), made, None).unwrap();
        assert_eq!((joined.len(), joined.channels().len()), (4800, 2));
        let usual = steepest(&before.channels()[0]);
        for channel in joined.channels() {
            assert!((channel[0] - before.channels()[0][8999]).abs() < 1.3 * usual);
        }
        assert!(join(None, Sound::silence(48_000, 1, 10), None).is_err());
    }

    #[test]
    fn one_sample_lies_between_its_neighbours() {
        let mut made = vec![0.0; 1 + 2 * MARGIN];
        join_head(&[0.4; 200], &mut made, MARGIN, 1);
        join_tail(&[0.4; 200], &mut made, MARGIN, 1);
        assert!((made[MARGIN] - 0.4).abs() < 0.01, "{}", made[MARGIN]);
    }
}
