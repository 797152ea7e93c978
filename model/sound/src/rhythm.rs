//! Tempo and beats, after D. P. W. Ellis, "Beat tracking by dynamic programming", Journal of New Music Research 36, 2007.

use crate::spectrum::{BANDS, FRAME, HOP, PerBand, db};
use crate::{Estimate, RATE};

/// Frames per second of the onset envelope.
const FRAMES_PER_SECOND: f64 = RATE as f64 / HOP as f64;
/// Tempi that are looked for, in beats per minute.
const TEMPI: (f64, f64) = (40.0, 230.0);
/// People tap nearest to this tempo, within this many octaves (Ellis, section 3.2).
const FAVOURITE: (f64, f64) = (120.0, 0.9);
/// Onsets are measured down to this far below the loudest moment of a band, in dB.
const DEPTH_DB: f32 = 60.0;
/// Weights that smooth the onsets: a Gaussian of 16 ms, about what Ellis uses.
const SMOOTH: [f64; 7] = [0.04, 0.11, 0.22, 0.26, 0.22, 0.11, 0.04];
/// How strictly beats keep the tempo (Ellis's α).
const TIGHTNESS: f64 = 100.0;
/// Twice the tempo is the tempo when half the period is this much as periodic as the period …
const SURELY_FASTER: f64 = 0.8;
/// … and from this much on nobody can tell.
const MAYBE_FASTER: f64 = 0.55;
/// Half the tempo cannot be ruled out when twice the period is this much more periodic.
const MAYBE_SLOWER: f64 = 1.3;
/// Periodicity (normalised autocorrelation) below which there is no tempo to be sure of.
const PERIODIC: f64 = 0.3;
/// From beat to beat the period may differ in the mean by this much, relative, or by this many frames: footsteps come less evenly.
const EVEN: (f64, f64) = (0.025, 0.8);
/// Slower than this, in beats per minute, a pulse is as likely the bars of something faster.
const SLOWEST_SURE: f64 = 55.0;
/// Beats that must fit into what is heard before a tempo can be sure.
const BEATS: f64 = 8.0;
/// Both halves must agree with the whole within this, relative.
const AGREEMENT: f64 = 0.015;

/// A tempo with its beats.
#[derive(Clone, Debug, PartialEq)]
pub struct Tempo {
    /// Beats per minute.
    pub bpm: f64,
    /// Where the beats are, in samples at 48 kHz from the beginning.
    pub beats: Vec<usize>,
}

/// Onset strength per frame: rises in level, summed over bands, without their slow mean.
fn onsets(track: &[PerBand]) -> Vec<f64> {
    let loudest: PerBand = std::array::from_fn(|b| track.iter().map(|f| db(f[b])).fold(f32::NEG_INFINITY, f32::max));
    // A band far below the others holds only noise, whose rises mean nothing.
    let top = loudest.iter().fold(f32::NEG_INFINITY, |m, l| m.max(*l));
    let level = |f: &PerBand, b: usize| db(f[b]).max(loudest[b] - DEPTH_DB);
    let mut rises: Vec<f64> = track
        .windows(2)
        .map(|w| {
            (0..BANDS)
                .filter(|b| loudest[*b] > top - DEPTH_DB)
                .map(|b| f64::from((level(&w[1], b) - level(&w[0], b)).max(0.0)))
                .sum::<f64>()
        })
        .collect();
    rises.insert(0, 0.0);
    let reach = (FRAMES_PER_SECOND / 2.0) as usize;
    let mut sums = vec![0.0];
    rises.iter().for_each(|r| sums.push(sums.last().copied().unwrap_or(0.0) + r));
    let flat: Vec<f64> = (0..rises.len())
        .map(|i| {
            let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(rises.len()));
            (rises[i] - (sums[to] - sums[from]) / (to - from) as f64).max(0.0)
        })
        .collect();
    // Wider than a frame: a beat between two frames must weigh as much as one upon a frame.
    let flat: Vec<f64> = (0..flat.len())
        .map(|i| SMOOTH.iter().enumerate().map(|(k, w)| w * flat.get((i + k).wrapping_sub(SMOOTH.len() / 2)).copied().unwrap_or(0.0)).sum())
        .collect();
    let power = (flat.iter().map(|v| v * v).sum::<f64>() / flat.len().max(1) as f64).sqrt();
    if power < 1e-9 { vec![0.0; flat.len()] } else { flat.iter().map(|v| v / power).collect() }
}

/// Normalised autocorrelation of the onsets at every lag up to `longest` frames, without their mean.
fn autocorrelation(onsets: &[f64], longest: usize) -> Vec<f64> {
    let n = onsets.len();
    let mean = onsets.iter().sum::<f64>() / n.max(1) as f64;
    let at = |lag: usize| {
        let sum: f64 = onsets.iter().zip(&onsets[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum();
        sum / (n - lag) as f64
    };
    let zero = at(0).max(1e-12);
    (0..=longest.min(n.saturating_sub(1))).map(|lag| at(lag) / zero).collect()
}

/// The highest value within half a frame and a bit of a fractional lag: peaks of clicks are as narrow as a frame.
fn near(correlation: &[f64], lag: f64) -> f64 {
    let from = (lag - 1.5).floor().max(1.0) as usize;
    let to = ((lag + 1.5).ceil() as usize).min(correlation.len().saturating_sub(1));
    correlation.get(from..=to).map_or(0.0, |c| c.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// The place of the peak around `lag`, by a parabola through three points.
fn peak(correlation: &[f64], lag: f64, reach: f64) -> Option<f64> {
    let from = (lag - reach).floor().max(1.0) as usize;
    let to = ((lag + reach).ceil() as usize).min(correlation.len().checked_sub(2)?);
    let i = (from..=to).max_by(|a, b| correlation[*a].total_cmp(&correlation[*b]))?;
    let (l, m, r) = (correlation[i - 1], correlation[i], correlation[i + 1]);
    let bend = l - 2.0 * m + r;
    Some(i as f64 + if bend < -1e-12 { (0.5 * (l - r) / bend).clamp(-0.5, 0.5) } else { 0.0 })
}

/// The period in frames and how far it may be trusted, 0 to 1; trust is 0 where it is one of several equally good ones.
fn period(onsets: &[f64]) -> Option<(f64, f64)> {
    let lags = (60.0 / TEMPI.1 * FRAMES_PER_SECOND, 60.0 / TEMPI.0 * FRAMES_PER_SECOND);
    let correlation = autocorrelation(onsets, (8.0 * lags.1) as usize);
    let weight = |lag: f64| {
        let octaves = (60.0 * FRAMES_PER_SECOND / lag / FAVOURITE.0).log2() / FAVOURITE.1;
        (-0.5 * octaves * octaves).exp()
    };
    let best = (lags.0 as usize..=(lags.1 as usize).min(correlation.len().checked_sub(3)?))
        .max_by(|a, b| (correlation[*a] * weight(*a as f64)).total_cmp(&(correlation[*b] * weight(*b as f64))))?;
    let mut lag = peak(&correlation, best as f64, 1.0)?;
    let mut clear = true;
    while lag / 2.0 >= lags.0 {
        let share = near(&correlation, lag / 2.0) / near(&correlation, lag).max(1e-6);
        if share > SURELY_FASTER {
            lag /= 2.0;
        } else {
            clear &= share < MAYBE_FASTER;
            break;
        }
    }
    // Three in the time of one is a beat in triple time, or its half note.
    if lag / 3.0 >= lags.0 {
        clear &= near(&correlation, lag / 3.0) < MAYBE_FASTER * near(&correlation, lag);
    }
    clear &= near(&correlation, 2.0 * lag) < MAYBE_SLOWER * near(&correlation, lag);
    let strength = near(&correlation, lag);
    // Peaks at multiples of the period tell it the more exactly the farther out they are.
    for multiple in [1.0, 2.0, 4.0, 8.0] {
        let far = lag * multiple;
        if far + 3.0 < correlation.len() as f64 && far * 1.5 < onsets.len() as f64 && near(&correlation, far) > 0.5 * strength {
            lag = peak(&correlation, far, 1.5)? / multiple;
        }
    }
    clear &= 60.0 * FRAMES_PER_SECOND / lag >= SLOWEST_SURE;
    Some((lag, if clear { strength.clamp(0.0, 1.0) } else { 0.0 }))
}

/// Beats at about `period` frames, by dynamic programming.
fn track_beats(onsets: &[f64], period: f64) -> Vec<usize> {
    let n = onsets.len();
    let (shortest, longest) = ((period / 2.0).round().max(1.0) as usize, (period * 2.0).round() as usize);
    let mut score = vec![0.0f64; n];
    let mut came = vec![usize::MAX; n];
    for i in 0..n {
        let mut best = (0.0, usize::MAX);
        for back in shortest..=longest.min(i) {
            let stretch = (back as f64 / period).ln();
            let value = score[i - back] - TIGHTNESS * stretch * stretch;
            if value > best.0 {
                best = (value, i - back);
            }
        }
        score[i] = onsets[i] + best.0;
        came[i] = best.1;
    }
    let last = n.saturating_sub(period.ceil() as usize)..n;
    let Some(mut at) = last.max_by(|a, b| score[*a].total_cmp(&score[*b])) else { return Vec::new() };
    let mut beats = vec![at];
    while came[at] != usize::MAX {
        at = came[at];
        beats.push(at);
    }
    beats.reverse();
    beats
}

/// The tempo of a track of band powers. `given` is a user's tempo in beats per minute: it is not doubted, only its beats are
/// looked for. `None` where there is too little sound to say anything.
pub(crate) fn tempo(track: &[PerBand], given: Option<f64>) -> Option<Estimate<Tempo>> {
    let onsets = onsets(track);
    // An onset shows when it enters a frame's better half.
    let at = |beats: Vec<usize>| beats.into_iter().map(|i| i * HOP + FRAME / 2).collect();
    if let Some(bpm) = given {
        let beats = at(track_beats(&onsets, 60.0 * FRAMES_PER_SECOND / bpm));
        return Some(Estimate { value: Tempo { bpm, beats }, confidence: 1.0, sure: true });
    }
    let (lag, strength) = period(&onsets)?;
    let beats = track_beats(&onsets, lag);
    let enough = onsets.len() as f64 >= BEATS * lag;
    let half = onsets.len() / 2;
    let agrees = |part: &[f64]| period(part).is_some_and(|(l, _)| (l / lag - 1.0).abs() < AGREEMENT);
    let steady = is_even(&beats, lag) && agrees(&onsets[..half]) && agrees(&onsets[half..]);
    let confidence = if enough && steady { strength } else { strength.min(0.5 * PERIODIC) };
    let value = Tempo { bpm: 60.0 * FRAMES_PER_SECOND / lag, beats: at(beats) };
    Some(Estimate { value, confidence, sure: confidence >= PERIODIC })
}

/// Whether beats keep their distance, in frames.
fn is_even(beats: &[usize], period: f64) -> bool {
    let strays: f64 = beats.windows(2).map(|w| ((w[1] - w[0]) as f64 - period).abs()).sum();
    strays <= (EVEN.0 * period).max(EVEN.1) * beats.len().saturating_sub(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::Random;
    use crate::spectrum::Spectrum;

    /// A strike at each of the times, in seconds, over 22 s.
    fn strikes(times: impl Iterator<Item = f64>) -> Vec<f32> {
        let mut r = Random::new(2, 2);
        let mut x: Vec<f32> = (0..22 * RATE as usize).map(|_| r.between(-0.003, 0.003) as f32).collect();
        for at in times {
            for (i, s) in x.iter_mut().skip((at * f64::from(RATE)) as usize).take(4_000).enumerate() {
                *s += (0.5 * (-(i as f64) / 900.0).exp() * r.between(-1.0, 1.0)) as f32;
            }
        }
        x
    }

    fn clicks(bpm: f64, seconds: usize, noise: f64) -> Vec<f32> {
        let mut r = Random::new(2, 2);
        let mut x: Vec<f32> = (0..seconds * RATE as usize).map(|_| (noise * r.between(-1.0, 1.0)) as f32).collect();
        let period = 60.0 / bpm * f64::from(RATE);
        let mut at = 3_000.0;
        while (at as usize) + 1_000 < x.len() {
            for i in 0..1_000 {
                x[at as usize + i] += (0.7 * (-(i as f64) / 150.0).exp() * r.between(-1.0, 1.0)) as f32;
            }
            at += period;
        }
        x
    }

    #[test]
    fn clicks_have_their_tempo_and_their_beats() {
        for bpm in [56.0, 60.0, 72.0, 90.0, 100.0, 117.3, 120.0, 140.0, 174.0, 200.0] {
            let found = tempo(&Spectrum::new().track(&clicks(bpm, 14, 0.003)), None).unwrap();
            assert!(found.sure && (found.value.bpm / bpm - 1.0).abs() < 0.01, "{bpm}: {} {}", found.value.bpm, found.confidence);
            let period = 60.0 / bpm * f64::from(RATE);
            for beat in &found.value.beats {
                let phase = ((*beat as f64 - 3_000.0) / period).rem_euclid(1.0);
                assert!(!(0.06..=0.94).contains(&phase), "{bpm}: {phase}");
            }
        }
    }

    #[test]
    fn noise_silence_and_a_wandering_tempo_have_none() {
        let s = Spectrum::new();
        assert!(tempo(&s.track(&clicks(0.1, 12, 0.1)), None).is_none_or(|t| !t.sure));
        assert!(tempo(&s.track(&vec![0.0; 480_000]), None).is_none_or(|t| !t.sure));
        assert!(tempo(&[], None).is_none());
        let mut wandering = clicks(80.0, 6, 0.003);
        wandering.extend(clicks(95.0, 6, 0.003));
        assert!(tempo(&s.track(&wandering), None).is_none_or(|t| !t.sure));
        // Bars of something four times as fast, as likely as slow beats.
        assert!(tempo(&s.track(&clicks(42.0, 20, 0.003)), None).is_none_or(|t| !t.sure));
        let steps = strikes((0..40).scan((0.0, Random::new(3, 3)), |(at, r), _| {
            *at += 0.55 * (1.0 + r.between(-0.1, 0.1));
            Some(*at)
        }));
        assert!(tempo(&s.track(&steps), None).is_none_or(|t| !t.sure));
    }

    #[test]
    fn a_users_tempo_is_not_doubted() {
        let found = tempo(&Spectrum::new().track(&clicks(120.0, 10, 0.003)), Some(60.0)).unwrap();
        assert!(found.sure && (found.value.bpm - 60.0).abs() < 1e-9);
        assert!((9..=11).contains(&found.value.beats.len()), "{}", found.value.beats.len());
    }
}
