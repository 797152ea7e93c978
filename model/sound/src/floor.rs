//! Room tone: the floor under dialogue, footsteps and whatever else comes and goes, and noise of that floor's spectrum.

use rayon::prelude::*;
use realfft::num_complex::Complex32;

use crate::prepare::{Neighbour, sorted};
use crate::random::Random;
use crate::shape::Glide;
use crate::spectrum::{BANDS, BINS, EMPTY, FRAME, HOP, PerBand, Spectrum, bin_gains, capped_mean, db, mean};

/// How far from the quietest frames to the border between floor and foreground a frame may rise to count as floor. Lower
/// leaves out the ambience's own livelier moments, higher lets the ends of words in (2.3 dB of error at .3, 2.5 at .5, 3.0 at
/// .7 on eight mixtures of speech and ambience).
const BELOW_BORDER: f32 = 0.4;
/// Share of all frames that is taken for the floor at least.
const LEAST_SHARE: f32 = 0.06;
/// Frames that a floor is made of, at least and at most.
const FRAMES: (usize, usize) = (8, 256);
/// A frame is judged by the highest rise among this many around it: words fade in and out.
const AROUND: usize = 2;
/// What stands this many times above a band's median in a frame of the floor is a remnant of the foreground.
const REMNANT: f32 = 10.0;
/// Frames of the floor that are mixed, with phases of their own, into one frame of noise.
const MIX: usize = 4;

/// The frames of a neighbour in which nothing but its floor is heard, in time order. Every frame has a rise: how far its bands
/// stand above their own quietest tenth in the mean. Where something stands over a floor the rises fall into two heaps; the
/// border between them is Otsu's ("A threshold selection method from gray-level histograms", 1979).
pub(crate) fn quiet_frames(track: &[PerBand]) -> Vec<usize> {
    // Digital silence is a gate or a hole in the recording, no room; it counts only where nothing else is there.
    let heard: Vec<usize> = (0..track.len()).filter(|i| track[*i].iter().any(|p| *p > EMPTY)).collect();
    let candidates = if heard.len() >= FRAMES.0 { heard } else { (0..track.len()).collect() };
    if candidates.is_empty() {
        return candidates;
    }
    let quietest: PerBand = std::array::from_fn(|b| {
        let levels = sorted(candidates.iter().map(|i| db(track[*i][b])));
        levels[levels.len() / 10]
    });
    let rise: Vec<f32> =
        candidates.iter().map(|i| track[*i].iter().zip(quietest).map(|(p, q)| (db(*p) - q).max(0.0)).sum::<f32>() / BANDS as f32).collect();
    let rise: Vec<f32> = (0..rise.len())
        .map(|i| rise[i.saturating_sub(AROUND)..(i + AROUND + 1).min(rise.len())].iter().fold(0.0f32, |m, r| m.max(*r)))
        .collect();
    let ranked = sorted(rise.iter().copied());
    let quiet = ranked[ranked.len() * 3 / 100];
    let at_least = ((ranked.len() as f32 * LEAST_SHARE) as usize).max(FRAMES.0).min(ranked.len());
    let limit = (quiet + BELOW_BORDER * (border(&ranked) - quiet)).max(ranked[at_least - 1]);
    candidates.iter().zip(rise).filter(|(_, r)| *r <= limit).map(|(i, _)| *i).collect()
}

/// The value that parts sorted values into two heaps with the greatest variance between them.
fn border(ranked: &[f32]) -> f32 {
    let total: f64 = ranked.iter().map(|v| f64::from(*v)).sum();
    let n = ranked.len() as f64;
    let mut best = (-1.0, ranked.last().copied().unwrap_or(0.0));
    let mut sum = 0.0;
    for (i, pair) in ranked.windows(2).enumerate() {
        sum += f64::from(pair[0]);
        let low = (i + 1) as f64;
        let gap = (total - sum) / (n - low) - sum / low;
        let between = low * (n - low) * gap * gap;
        if between > best.0 {
            best = (between, pair[1]);
        }
    }
    best.1
}

/// The level in dB of a channel's floor: the mean over its frames, without the remnants of what stood over it.
pub(crate) fn floor_level(track: &[PerBand], frames: &[usize]) -> PerBand {
    capped_mean(frames.iter().map(|i| &track[*i]), 0.5, REMNANT).map(db)
}

/// One side's floor: spectra of its frames per channel, and their mean level.
pub(crate) struct Floor {
    /// `spectra[channel][frame]`.
    spectra: Vec<Vec<Vec<Complex32>>>,
    /// Mean level per channel in dB.
    pub level: Vec<PerBand>,
}

impl Floor {
    /// The floor from chosen frames of a neighbour (numbers of [`Spectrum::track`]).
    pub fn new(neighbour: &Neighbour, frames: &[usize], spectrum: &Spectrum) -> Self {
        let step = frames.len().div_ceil(FRAMES.1).max(1);
        let spectra: Vec<Vec<Vec<Complex32>>> = neighbour
            .channels
            .iter()
            .map(|channel| {
                let frame = |i: &usize| {
                    let mut bins = vec![Complex32::default(); BINS];
                    spectrum.analyse(channel, (i * HOP) as isize, &mut bins);
                    bins
                };
                frames.iter().step_by(step).map(frame).collect()
            })
            .collect();
        let level = spectra.iter().map(|frames| mean(&frames.iter().map(|f| spectrum.bands(f)).collect::<Vec<_>>()).map(db)).collect();
        Self { spectra, level }
    }

    fn frames(&self) -> usize {
        self.spectra.first().map_or(0, Vec::len)
    }
}

/// Noise with the floors' spectra and the floors' likeness between channels: every frame mixes a few of the floor's frames, each
/// bin turned by a random angle that is the same in all channels. `floors` are one or two in time order.
pub(crate) fn noise(floors: &[Floor], samples: usize, glides: &[Glide], seed: u64, spectrum: &Spectrum) -> Vec<Vec<f32>> {
    (0..glides.len())
        .into_par_iter()
        .map(|c| {
            let mut out = vec![0.0f32; samples];
            let mut bins = vec![Complex32::default(); BINS];
            let mut frame = vec![0.0f32; FRAME];
            let frames = (samples + FRAME).div_ceil(HOP);
            for i in 0..frames {
                let at = (i * HOP) as isize - (FRAME - HOP) as isize;
                let part = (at + FRAME as isize / 2).max(0) as f32 / samples.max(1) as f32;
                let mut random = Random::new(seed, (1 << 32) + i as u64);
                bins.fill(Complex32::default());
                let want = glides[c].at(part);
                for _ in 0..MIX {
                    let side = usize::from(floors.len() > 1 && random.unit() < f64::from(part));
                    let floor = &floors[side];
                    let source = random.below(floor.frames());
                    let gains: PerBand = std::array::from_fn(|b| want[b] - floor.level[c][b]);
                    let curve = bin_gains(&gains.map(|g| g.clamp(-24.0, 24.0)), BINS);
                    // Frames of unlike phase add in power: 2 makes up for the two windows, see Spectrum.
                    let scale = 2.0 / (MIX as f32).sqrt();
                    let Some(from) = floor.spectra[c].get(source) else { continue };
                    for ((z, x), g) in bins.iter_mut().zip(from).zip(&curve) {
                        let (sin, cos) = (random.unit() as f32 * std::f32::consts::TAU).sin_cos();
                        *z += x * Complex32::new(cos, sin) * (g * scale);
                    }
                }
                spectrum.synthesise(&mut bins, &mut frame);
                for (k, value) in frame.iter().enumerate() {
                    if let Some(sample) = usize::try_from(at + k as isize).ok().and_then(|p| out.get_mut(p)) {
                        *sample += value;
                    }
                }
            }
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_frames_are_those_without_the_event() {
        let mut track = vec![[1e-6f32; BANDS]; 200];
        track[50..150].iter_mut().for_each(|f| f.fill(1e-2));
        let quiet = quiet_frames(&track);
        assert!(quiet.len() >= 90 && quiet.iter().all(|i| !(48..152).contains(i)), "{quiet:?}");
        track[..20].iter_mut().for_each(|f| f.fill(0.0));
        assert!(quiet_frames(&track).iter().all(|i| (20..48).contains(i) || *i >= 152));
        assert!(quiet_frames(&[]).is_empty());
        assert_eq!(quiet_frames(&track[..3]).len(), 3);
    }

    #[test]
    fn noise_has_the_level_and_the_channels_of_its_floor() {
        let mut r = Random::new(1, 1);
        let x: Vec<f32> = (0..48_000).map(|_| r.between(-0.1, 0.1) as f32).collect();
        let n = Neighbour::of(vec![x.clone(), x.iter().map(|s| 0.5 * s).collect()]);
        let s = Spectrum::new();
        let floor = Floor::new(&n, &(0..80).collect::<Vec<_>>(), &s);
        let glides: Vec<Glide> = floor.level.iter().map(|l| Glide::new(*l, *l)).collect();
        let made = noise(&[floor], 48_000, &glides, 1, &s);
        let rms = |x: &[f32]| (x.iter().map(|s| s * s).sum::<f32>() / x.len() as f32).sqrt();
        assert!((20.0 * (rms(&made[0]) / rms(&x)).log10()).abs() < 0.7, "{}", 20.0 * (rms(&made[0]) / rms(&x)).log10());
        for (l, r) in made[0].iter().zip(&made[1]) {
            assert!((0.5 * l - r).abs() < 1e-4);
        }
    }
}
