//! The levels that a made sound follows from one neighbour's to the other's, and the filter that keeps it there.

use rayon::prelude::*;
use realfft::num_complex::Complex32;

use crate::RATE;
use crate::spectrum::{BANDS, BINS, EMPTY, FRAME, HOP, PerBand, Spectrum, bin_gains, capped_mean, db, liveliness, mean, power};

/// The nearer a frame is to the hole the more its level counts: time constant in seconds. Chosen on twelve recordings: shorter
/// follows single events, longer forgets that a car has passed.
const MEMORY: f32 = 1.0;
/// Bands over which the difference between near and far level is averaged: what lasts is the level, not single tones.
const LEVEL_WIDTH: usize = 3;
/// How far the middle of a glide may stand above the mean of both levels in dB.
const BULGE: f32 = 1.0;
/// Stretch over which the made sound is held to its target, in samples: long enough to leave its own ups and downs alone.
const SECTION: usize = 8 * RATE as usize;
/// The most that a section is corrected, in dB.
const CORRECTION: f32 = 9.0;
/// The most that a frame's distance from the mean level is stretched or drawn in.
const BEND: f32 = 0.5;
/// A hole is as a rule longer than what is seen of a neighbour, and in a longer stretch more happens: its liveliness is e to
/// this power higher (measured on forty stretches of 3 s against the 6 s beside them).
const LONGER_IS_LIVELIER: f32 = 0.1;
/// What stands this far below the loudest band is not heard; there a single frame of a codec's leavings must not set the level.
const UNHEARD_DB: f32 = 80.0;
/// There a frame counts as no more than twice what 98 of 100 stay below.
const UNHEARD_CAP: (f32, f32) = (0.98, 2.0);
/// Length over which the level at an edge is taken, in samples.
pub(crate) const EDGE: usize = 8192;
/// Samples over which the made sound goes from the neighbour's momentary level to its own.
const SETTLE: usize = RATE as usize / 2;

/// Level in dB per band.
pub(crate) type Level = PerBand;

/// The long-term level of a neighbour as seen from the hole, from some of its frames: band powers and how many samples each
/// frame is away from the hole.
pub(crate) fn level(frames: &[(usize, &PerBand)]) -> Level {
    let plain = mean(&frames.iter().map(|f| *f.1).collect::<Vec<_>>());
    let capped = capped_mean(frames.iter().map(|f| f.1), UNHEARD_CAP.0, UNHEARD_CAP.1);
    let heard = plain.iter().fold(0.0f32, |m, p| m.max(*p)) / power(UNHEARD_DB);
    let mut near = [0.0f64; BANDS];
    let mut weights = 0.0f64;
    for (distance, frame) in frames {
        let w = f64::from(-(*distance as f32 / RATE as f32) / MEMORY).exp();
        weights += w;
        near.iter_mut().zip(*frame).for_each(|(s, p)| *s += w * f64::from(*p));
    }
    let drift: PerBand = std::array::from_fn(|b| db((near[b] / weights.max(1e-30)) as f32) - db(plain[b]));
    std::array::from_fn(|b| {
        let around = (b as isize - LEVEL_WIDTH as isize..=b as isize + LEVEL_WIDTH as isize)
            .map(|i| drift[i.clamp(0, BANDS as isize - 1) as usize])
            .sum::<f32>();
        db(if plain[b] < heard { capped[b] } else { plain[b] }) + around / (2 * LEVEL_WIDTH + 1) as f32
    })
}

/// The level a channel has at each moment of the hole.
#[derive(Clone)]
pub(crate) struct Glide {
    from: Level,
    to: Level,
    bulge: f32,
}

impl Glide {
    pub fn new(from: Level, to: Level) -> Self {
        let excess = (0..BANDS).map(|b| db(0.5 * (power(from[b]) + power(to[b]))) - 0.5 * (from[b] + to[b])).sum::<f32>() / BANDS as f32;
        Self { from, to, bulge: excess.min(BULGE) }
    }

    /// The level at `part` of the hole, 0 to 1.
    pub fn at(&self, part: f32) -> Level {
        let part = part.clamp(0.0, 1.0);
        // Powers add, decibels do not: in the mean over the hole a glide that is straight in dB lies below the mean power of its
        // ends by two thirds of what this parabola, whose mean is 2/3, adds.
        let lift = 4.0 * part * (1.0 - part) * self.bulge;
        std::array::from_fn(|b| self.from[b] + (self.to[b] - self.from[b]) * part + lift)
    }
}

/// What one channel is held to.
pub(crate) struct Target<'a> {
    pub glide: Glide,
    /// Momentary level of the neighbours at the edges in dB, where the made sound shall meet it.
    pub head: Option<Level>,
    pub tail: Option<Level>,
    /// Standard deviation over mean of the bands' power at the begin and the end of the hole, where it shall be kept.
    pub liveliness: Option<(PerBand, PerBand)>,
    pub spectrum: &'a Spectrum,
}

/// What a section of the made sound needs.
struct Section {
    /// Correction of the level in dB.
    gain: Level,
    /// The level in dB as made.
    have: Level,
    /// By how much of its distance from the mean a frame's level is stretched (above 0) or drawn in.
    bend: PerBand,
}

impl Section {
    fn new(track: &[PerBand], want: Level, lively: Option<PerBand>) -> Self {
        let power_have = mean(track);
        let have = power_have.map(db);
        let bend: PerBand = lively.map_or([0.0; BANDS], |want| {
            let got = liveliness(track);
            let heard = power_have.iter().fold(0.0f32, |m, p| m.max(*p)) / power(UNHEARD_DB);
            std::array::from_fn(|b| {
                if power_have[b] < heard || got[b] < 1e-3 || want[b] < 1e-3 {
                    0.0
                } else {
                    ((want[b] / got[b]).ln() + LONGER_IS_LIVELIER).clamp(-BEND, BEND)
                }
            })
        });
        // Stretching lifts the mean power: the gain takes that back.
        let mut bent = [0.0f64; BANDS];
        for frame in track {
            bent.iter_mut().enumerate().for_each(|(b, s)| *s += f64::from(power(db(frame[b]) + bend[b] * apart(frame[b], have[b]))));
        }
        let frames = track.len().max(1) as f64;
        let gain = std::array::from_fn(|b| {
            if power_have[b] <= 10.0 * EMPTY { 0.0 } else { (want[b] - db((bent[b] / frames) as f32)).clamp(-CORRECTION, CORRECTION) }
        });
        Self { gain, have, bend }
    }
}

/// How far in dB a frame stands from the mean, within reason.
fn apart(power: f32, mean_db: f32) -> f32 {
    (db(power) - mean_db).clamp(-15.0, 15.0)
}

/// Holds `made`, which has `margin` samples more on either side of the hole, to its target. Memory: a few frames and some
/// values per band and section.
pub(crate) fn hold(made: &mut [f32], margin: usize, target: &Target<'_>) {
    let samples = made.len() - 2 * margin;
    if samples == 0 {
        return;
    }
    let count = samples.div_ceil(SECTION).max(1);
    let bounds = |s: usize| margin + (samples as u128 * s as u128 / count as u128) as usize;
    let sections: Vec<Section> = (0..count)
        .into_par_iter()
        .map(|s| {
            let (from, to) = (bounds(s), bounds(s + 1));
            // A hole shorter than a frame is measured with its margins.
            let (from, to) = if to - from < 2 * FRAME { (from.saturating_sub(margin), (to + margin).min(made.len())) } else { (from, to) };
            let steps = 16;
            let mut want = [0.0f32; BANDS];
            for step in 0..steps {
                let at = target.glide.at((s as f32 + (step as f32 + 0.5) / steps as f32) / count as f32);
                want.iter_mut().zip(at).for_each(|(w, l)| *w += power(l) / steps as f32);
            }
            let middle = (s as f32 + 0.5) / count as f32;
            let lively = target.liveliness.map(|(a, b)| std::array::from_fn(|i| a[i].powf(1.0 - middle) * b[i].powf(middle)));
            Section::new(&target.spectrum.track(&made[from..to]), want.map(db), lively)
        })
        .collect();
    let edge = EDGE.min(samples);
    let offset = |local: Option<Level>, range: std::ops::Range<usize>, section: &Section| -> Level {
        let Some(local) = local else { return [0.0; BANDS] };
        let have = mean(&target.spectrum.track(&made[range]));
        std::array::from_fn(|b| {
            if have[b] <= 10.0 * EMPTY { 0.0 } else { (local[b] - db(have[b]) - section.gain[b]).clamp(-CORRECTION, CORRECTION) }
        })
    };
    let (Some(first), Some(last)) = (sections.first(), sections.last()) else { return };
    let head = offset(target.head, margin..margin + edge, first);
    let tail = offset(target.tail, margin + samples - edge..margin + samples, last);
    filter(made, target.spectrum, |middle, frame| {
        let at = middle - margin as f32;
        let place = (at / samples as f32 * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let s = (place as usize).min(count - 1);
        let (one, two, part) = (&sections[s], &sections[(s + 1).min(count - 1)], place - s as f32);
        let (h, t) = (settle(at, samples), settle(samples as f32 - at, samples));
        // At the edges the neighbour's moment rules, and nothing is bent.
        let free = (1.0 - h) * (1.0 - t);
        std::array::from_fn(|b| {
            let need = |s: &Section| s.gain[b] + free * s.bend[b] * apart(frame[b], s.have[b]);
            need(one) * (1.0 - part) + need(two) * part + h * head[b] + t * tail[b]
        })
    });
}

/// How much of an edge's momentary level is felt `distance` samples from it: all of it over the stretch where it is measured,
/// then less and less. In short holes both edges share.
fn settle(distance: f32, samples: usize) -> f32 {
    let flat = (EDGE as f32).min(samples as f32 / 3.0);
    let end = (flat + SETTLE as f32).min(samples as f32 - flat);
    if distance <= flat {
        1.0
    } else if distance >= end {
        0.0
    } else {
        0.5 + 0.5 * (std::f32::consts::PI * (distance - flat) / (end - flat)).cos()
    }
}

/// Filters in place with zero-phase gains (in dB per band) that depend on time; `gains` gets the middle of a frame and its band powers. Frames reach
/// only forward of what is already written, so no copy of the sound is needed.
fn filter(x: &mut [f32], spectrum: &Spectrum, gains: impl Fn(f32, &PerBand) -> PerBand) {
    let n = x.len() as isize;
    let mut bins = vec![Complex32::default(); BINS];
    let mut frame = vec![0.0f32; FRAME];
    let mut pending = vec![0.0f32; FRAME];
    let mut at = HOP as isize - FRAME as isize;
    while at < n {
        spectrum.analyse(x, at, &mut bins);
        let curve = bin_gains(&gains(at as f32 + FRAME as f32 / 2.0, &spectrum.bands(&bins)), BINS);
        bins.iter_mut().zip(&curve).for_each(|(z, g)| *z *= g);
        spectrum.synthesise(&mut bins, &mut frame);
        pending.iter_mut().zip(&frame).for_each(|(p, f)| *p += f);
        for (i, value) in pending[..HOP].iter().enumerate() {
            if let Some(sample) = usize::try_from(at + i as isize).ok().and_then(|k| x.get_mut(k)) {
                *sample = *value;
            }
        }
        pending.copy_within(HOP.., 0);
        pending[FRAME - HOP..].fill(0.0);
        at += HOP as isize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn noise(n: usize) -> Vec<f32> {
        let mut r = Random::new(3, 0);
        (0..n).map(|_| r.between(-0.1, 0.1) as f32).collect()
    }

    #[test]
    fn the_filter_leaves_sound_alone_at_unity() {
        let x = noise(10_000);
        let mut y = x.clone();
        filter(&mut y, &Spectrum::new(), |_, _| [0.0; BANDS]);
        for (i, (a, b)) in x.iter().zip(&y).enumerate() {
            assert!((a - b).abs() < 1e-5, "{i}: {a} {b}");
        }
    }

    #[test]
    fn noise_is_brought_to_its_glide() {
        let s = Spectrum::new();
        let mut y = noise(10 * 48_000 + 2 * FRAME);
        let was = mean(&s.track(&y));
        let from: Level = std::array::from_fn(|b| db(was[b]) + 3.0);
        let to: Level = std::array::from_fn(|b| db(was[b]) - 3.0);
        hold(&mut y, FRAME, &Target { glide: Glide::new(from, to), head: None, tail: None, liveliness: None, spectrum: &s });
        let now = mean(&s.track(&y[FRAME..FRAME + 240_000]));
        for b in 4..BANDS {
            assert!((db(now[b]) - db(was[b]) - 1.5).abs() < 1.5, "{b}: {}", db(now[b]) - db(was[b]));
        }
    }

    #[test]
    fn edges_meet_the_momentary_level() {
        let s = Spectrum::new();
        let mut y = noise(6 * 48_000 + 2 * FRAME);
        let was = mean(&s.track(&y)).map(db);
        let target = Target { glide: Glide::new(was, was), head: Some(was.map(|l| l + 2.0)), tail: None, liveliness: None, spectrum: &s };
        hold(&mut y, FRAME, &target);
        let head = mean(&s.track(&y[FRAME..FRAME + EDGE])).map(db);
        for b in 12..BANDS {
            assert!((head[b] - was[b] - 2.0).abs() < 0.8, "{b}: {}", head[b] - was[b]);
        }
    }

    #[test]
    fn a_glide_between_equal_levels_stays_there() {
        let level: Level = std::array::from_fn(|b| -(b as f32));
        assert_eq!(Glide::new(level, level).at(0.5), level);
    }
}
