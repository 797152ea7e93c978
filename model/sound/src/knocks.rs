//! Knocks: footsteps, doors, things put down. Short broad sounds over a steady floor, which belong to the picture they come with.

use crate::RATE;
use crate::prepare::{at, sorted};
use crate::spectrum::{BANDS, HOP, PerBand, db};

/// Bands that are looked at: what a step or a door has.
const BROAD: std::ops::Range<usize> = 4..BANDS - 2;
/// A knock rises this far above the floor, in dB, in this share of the bands …
const RISE: (f32, f32) = (12.0, 0.6);
/// … and is over when no more than this is left.
const REST: (f32, f32) = (6.0, 0.4);
/// It lasts this many frames, whose own length is in it. Crackle is shorter; passing cars, gusts and waves last longer.
const FRAMES: std::ops::RangeInclusive<usize> = 6..=48;
/// More knocks in a second than this are a texture: rain on a roof, a fire, applause.
const PER_SECOND: f32 = 4.0;
/// Between knocks the level keeps within this range (10th to 90th percentile), in dB: they stand over a floor.
const STEADY_DB: f32 = 6.0;

/// Knocks in a track of band powers: first frame and length of each. None where they are the texture itself.
pub(crate) fn find(track: &[PerBand]) -> Vec<(usize, usize)> {
    let seconds = (track.len() * HOP) as f32 / RATE as f32;
    if seconds < 0.5 {
        return Vec::new();
    }
    let floors: PerBand = std::array::from_fn(|b| at(&sorted(track.iter().map(|f| db(f[b]))), 0.3));
    let risen = |frame: &PerBand, (by, share): (f32, f32)| {
        let count = BROAD.filter(|b| db(frame[*b]) > floors[*b] + by).count();
        count as f32 >= share * BROAD.len() as f32
    };
    let mut found = Vec::new();
    let mut i = 0;
    while i < track.len() {
        if risen(&track[i], RISE) {
            let start = i;
            while i < track.len() && risen(&track[i], REST) {
                i += 1;
            }
            i = i.max(start + 1);
            found.push((start, i - start));
        } else {
            i += 1;
        }
    }
    found.retain(|k| FRAMES.contains(&k.1));
    if found.len() as f32 > PER_SECOND * seconds {
        return Vec::new();
    }
    let loud = |i: usize| found.iter().any(|(from, len)| (from.saturating_sub(2)..from + len + 4).contains(&i));
    let level = |f: &PerBand| BROAD.map(|b| db(f[b])).sum::<f32>() / BROAD.len() as f32;
    let between = sorted(track.iter().enumerate().filter(|(i, _)| !loud(*i)).map(|(_, f)| level(f)));
    let steady = between.len() * 3 > track.len() && at(&between, 0.9) - at(&between, 0.1) <= STEADY_DB;
    if steady { found } else { Vec::new() }
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

    #[test]
    fn footsteps_are_found() {
        let steps = find(&Spectrum::new().track(&bursts((0..5).map(|k| 10_000 + k * 28_000), 1500.0)));
        assert_eq!(steps.len(), 5);
        for (k, (from, len)) in steps.iter().enumerate() {
            let at = 10_000 + k * 28_000;
            assert!(from * HOP <= at && (from + len) * HOP >= at + 3000, "{k}: {from} {len}");
        }
    }

    #[test]
    fn texture_and_steady_sound_have_none() {
        let mut r = Random::new(6, 6);
        let crackle: Vec<usize> = (0..60).map(|_| r.below(140_000)).collect();
        let s = Spectrum::new();
        assert!(find(&s.track(&bursts(crackle.into_iter(), 60.0))).is_empty());
        assert!(find(&s.track(&floor())).is_empty());
        assert!(find(&s.track(&[0.0; 96_000])).is_empty());
        assert!(find(&[]).is_empty());
    }
}
