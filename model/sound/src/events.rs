//! Events: steps, doors, words, a dog, a horn, a telephone. Sounds that come suddenly, stand out from what is usual here and pass;
//! they belong to the picture they come with and must not come again in the hole.
//!
//! What is usual is learnt band by band from the quieter moments of the stretch itself, which an event cannot move: their level and
//! how far they scatter. Gusts, waves and passing cars stand out too but come slowly; crackle and drops come suddenly but so often
//! that they are the texture. Both stay.

use crate::RATE;
use crate::prepare::{at, sorted};
use crate::spectrum::{BANDS, HOP, PerBand, db};

/// Bands that are looked at: below, a band is a single bin of the spectrum; above, little is heard.
const AUDIBLE: std::ops::Range<usize> = 3..BANDS - 1;
/// The usual level of a band is this quantile, and it scatters by the distance to the lower one …
const USUAL: (f32, f32) = (0.15, 0.35);
/// … divided by what that distance is for a normal distribution; at least so many dB.
const SCATTER: (f32, f32) = (0.65, 0.7);
/// What lies this far below the loudest band is not heard, in dB.
const UNHEARD_DB: f32 = 60.0;
/// A band is up from this many dB and this many times its scatter above the usual level: an event has this share of bands up.
const UP: (f32, f32, f32) = (8.0, 3.5, 0.3);
/// Tones are narrow: this many bands that stand this many dB and this many times the scatter out are an event too.
const TONE: (f32, f32, usize) = (15.0, 6.0, 2);
/// It lasts as long as this share of bands is above the usual by so many dB and times the scatter.
const REST: (f32, f32, f32) = (5.0, 2.0, 0.15);
/// It comes suddenly: half of its bands rise this many dB within so many frames (53 ms).
const SUDDEN: (f32, usize) = (7.0, 5);
/// Frames before the first band is up that may belong to it, and after which it is no event but another place (1.6 s).
const FRAMES: (usize, usize) = (12, 150);
/// More in a second than this are a texture: rain on a roof, a fire, applause.
const PER_SECOND: f32 = 3.5;
/// Seconds below which nothing can be called unusual.
const LEAST: f32 = 0.5;

/// Events in a track of band powers: first frame and length of each. None where they are the texture itself.
pub(crate) fn find(track: &[PerBand]) -> Vec<(usize, usize)> {
    let seconds = (track.len() * HOP) as f32 / RATE as f32;
    if seconds < LEAST {
        return Vec::new();
    }
    let frames = Outstanding::all(track);
    let mut found = Vec::new();
    let mut i = 0;
    while i < frames.len() {
        if !frames[i].is_event {
            i += 1;
            continue;
        }
        let before = frames[..i].iter().rev().take(FRAMES.0).take_while(|f| f.lasts).count();
        let after = frames[i..].iter().take_while(|f| f.lasts).count().max(1);
        let (from, end) = (i - before, i + after);
        if end - from <= FRAMES.1 && (from <= 1 || is_sudden(&frames, from..(i + 4).min(frames.len()))) {
            found.push((from, end - from));
        }
        i = end;
    }
    if found.len() as f32 > PER_SECOND * seconds { Vec::new() } else { found }
}

/// A frame beside what is usual.
struct Outstanding {
    /// dB above the usual level, per band of [`AUDIBLE`].
    above: Vec<f32>,
    /// Bands that are up.
    up: Vec<bool>,
    is_event: bool,
    /// Whether an event that has begun goes on.
    lasts: bool,
}

impl Outstanding {
    fn all(track: &[PerBand]) -> Vec<Self> {
        // Level and scatter of every band.
        let mut usual: Vec<(f32, f32)> = AUDIBLE
            .map(|b| {
                let ranked = sorted(track.iter().map(|f| db(f[b])));
                let (low, level) = (at(&ranked, USUAL.0), at(&ranked, USUAL.1));
                (level, ((level - low) / SCATTER.0).max(SCATTER.1))
            })
            .collect();
        let unheard = usual.iter().fold(f32::NEG_INFINITY, |m, u| m.max(u.0)) - UNHEARD_DB;
        usual.iter_mut().for_each(|u| u.0 = u.0.max(unheard));
        track.iter().map(|frame| Self::new(frame, &usual)).collect()
    }

    fn new(frame: &PerBand, usual: &[(f32, f32)]) -> Self {
        let above: Vec<f32> = AUDIBLE.zip(usual).map(|(b, u)| db(frame[b]) - u.0).collect();
        let count = |by: f32, scatters: f32| above.iter().zip(usual).filter(|(a, u)| **a > by.max(scatters * u.1)).count();
        let share = |of: (f32, f32, f32)| count(of.0, of.1) as f32 >= of.2 * usual.len() as f32;
        let tones = count(TONE.0, TONE.1);
        let up = above.iter().zip(usual).map(|(a, u)| *a > UP.0.max(UP.1 * u.1)).collect();
        Self { up, is_event: share(UP) || tones >= TONE.2, lasts: share(REST) || tones > 0, above }
    }
}

/// Whether the bands that are up in one of these frames were down shortly before.
fn is_sudden(frames: &[Outstanding], range: std::ops::Range<usize>) -> bool {
    range.into_iter().any(|t| {
        let (now, past) = (&frames[t], &frames[t.saturating_sub(SUDDEN.1)]);
        let rises = sorted((0..now.above.len()).filter(|b| now.up[*b]).map(|b| now.above[b] - past.above[b]));
        rises.len() >= TONE.2 && at(&rises, 0.5) >= SUDDEN.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::spectrum::Spectrum;

    fn floor() -> Vec<f32> {
        let mut r = Random::new(4, 4);
        (0..3 * RATE as usize).map(|_| r.between(-0.01, 0.01) as f32).collect()
    }

    fn bursts(times: impl Iterator<Item = usize>, decay: f64) -> Vec<f32> {
        let mut x = floor();
        let mut r = Random::new(5, 5);
        for at in times {
            for (i, s) in x.iter_mut().skip(at).take(12_000).enumerate() {
                *s += (r.between(-0.8, 0.8) * (-(i as f64) / decay).exp()) as f32;
            }
        }
        x
    }

    /// The floor with something laid over part of it.
    fn over(from: usize, len: usize, f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let mut x = floor();
        let mut r = Random::new(9, 9);
        for i in 0..len {
            x[from + i] += f(i as f32 / RATE as f32, r.between(-1.0, 1.0) as f32);
        }
        x
    }

    fn found(x: &[f32]) -> Vec<(usize, usize)> {
        find(&Spectrum::new().track(x))
    }

    #[test]
    fn footsteps_are_found() {
        let steps = found(&bursts((0..5).map(|k| 10_000 + k * 28_000), 1500.0));
        assert_eq!(steps.len(), 5);
        for (k, (from, len)) in steps.iter().enumerate() {
            let at = 10_000 + k * 28_000;
            assert!(from * HOP <= at && (from + len) * HOP >= at + 3000, "{k}: {from} {len}");
        }
    }

    #[test]
    fn a_horn_a_clink_and_a_cough_are_each_one_event() {
        let tone = |hz: f32, t: f32| (std::f32::consts::TAU * hz * t).sin();
        let horn = over(40_000, 40_000, |t, _| 0.05 * (tone(415.0, t) + tone(350.0, t)) * (t / 0.03).min(1.0));
        let clink = over(60_000, 20_000, |t, _| 0.1 * (tone(3_120.0, t) + tone(4_870.0, t) + tone(7_331.0, t)) * (-t / 0.1).exp());
        let cough = over(30_000, 24_000, |t, noise| 0.2 * noise * ((-t / 0.05).exp() + 0.7 * (-(t - 0.25).abs() / 0.05).exp()));
        for (name, x, at, len) in [("horn", horn, 40_000, 40_000), ("clink", clink, 60_000, 10_000), ("cough", cough, 30_000, 16_000)] {
            let events = found(&x);
            assert!((1..=2).contains(&events.len()), "{name}: {events:?}");
            // A frame is four hops long.
            let (from, end) = (events[0].0 * HOP, events.iter().map(|e| (e.0 + e.1 + 3) * HOP).max().unwrap_or(0));
            assert!(from <= at && from + 4_800 >= at && end >= at + len && end < at + len + 9_600, "{name}: {events:?}");
        }
    }

    #[test]
    fn texture_steady_sound_and_what_comes_slowly_have_none() {
        let mut r = Random::new(6, 6);
        let crackle: Vec<usize> = (0..60).map(|_| r.below(140_000)).collect();
        assert!(found(&bursts(crackle.into_iter(), 60.0)).is_empty());
        assert!(found(&floor()).is_empty());
        assert!(found(&[0.0; 96_000]).is_empty());
        assert!(find(&[]).is_empty());
        // A gust: 20 dB up and down again within two seconds.
        let gust = over(20_000, 100_000, |t, noise| 0.1 * noise * (std::f32::consts::PI * t / 2.083).sin().powi(2));
        assert!(found(&gust).is_empty());
    }
}
