//! Room tone: the floor under dialogue, footsteps and whatever else comes and goes, and noise of that floor's spectrum.

use rayon::prelude::*;
use realfft::num_complex::Complex32;

use crate::prepare::Neighbour;
use crate::random::Random;
use crate::shape::Glide;
use crate::spectrum::{BANDS, BINS, FRAME, HOP, PerBand, Spectrum, bin_gains, db, mean};

/// Share of frames that is taken for the floor.
const SHARE: f32 = 0.2;
/// Frames that a floor is made of, at least and at most.
const FRAMES: (usize, usize) = (8, 256);
/// Frames of the floor that are mixed, with phases of their own, into one frame of noise.
const MIX: usize = 4;

/// The frames of a neighbour in which nothing but its floor is heard, in time order: those that rise least above the quietest
/// tenth, band by band.
pub(crate) fn quiet_frames(track: &[PerBand]) -> Vec<usize> {
    if track.is_empty() {
        return Vec::new();
    }
    let quietest: PerBand = std::array::from_fn(|b| {
        let mut levels: Vec<f32> = track.iter().map(|f| db(f[b])).collect();
        levels.sort_by(f32::total_cmp);
        levels[levels.len() / 10]
    });
    let rise: Vec<f32> =
        track.iter().map(|f| f.iter().zip(quietest).map(|(p, q)| (db(*p) - q).max(0.0)).sum::<f32>() / BANDS as f32).collect();
    let around = |i: usize| {
        let near = &rise[i.saturating_sub(2)..(i + 3).min(rise.len())];
        near.iter().sum::<f32>() / near.len() as f32
    };
    let mut order: Vec<(f32, usize)> = (0..rise.len()).map(|i| (around(i), i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = ((track.len() as f32 * SHARE) as usize).clamp(FRAMES.0, FRAMES.1).min(track.len());
    let mut chosen: Vec<usize> = order[..count].iter().map(|o| o.1).collect();
    chosen.sort_unstable();
    chosen
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
        assert!(quiet.len() >= 40 && quiet.iter().all(|i| !(48..152).contains(i)), "{quiet:?}");
        assert!(quiet_frames(&[]).is_empty());
        assert_eq!(quiet_frames(&track[..3]).len(), 3);
    }

    #[test]
    fn noise_has_the_level_and_the_channels_of_its_floor() {
        let mut r = Random::new(1, 1);
        let x: Vec<f32> = (0..48_000).map(|_| r.between(-0.1, 0.1) as f32).collect();
        let n = Neighbour {
            channels: vec![x.clone(), x.iter().map(|s| 0.5 * s).collect()],
            offset: vec![0.0; 2],
            broken: 0,
            clipped: Vec::new(),
        };
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
