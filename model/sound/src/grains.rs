//! Ambience from grains of the neighbours: pieces of a quarter to nine tenths of a second, in an order that never was.
//!
//! Each piece of material is used as seldom as the length of the hole allows. Where it must come again it is turned: every
//! frequency gets its own small delay (an all-pass of constant relative bandwidth), so that the ear keeps the texture and
//! neither ear nor autocorrelation finds the repetition. All channels share one score, offsets and phases: the picture of
//! the room between them stays.

use rayon::prelude::*;
use realfft::RealFftPlanner;

use crate::RATE;
use crate::prepare::{CELL, Neighbour};
use crate::random::Random;
use crate::shape::Glide;
use crate::spectrum::{BANDS, PerBand, bin_gains};

/// Grains are this long, in samples, where the material allows it.
const LENGTH: (usize, usize) = (RATE as usize / 4, RATE as usize * 9 / 10);
/// Neighbouring grains overlap by this many samples at least …
const OVERLAP: usize = RATE as usize * 3 / 50;
/// … and by this many more for each decibel of difference in level at the join.
const OVERLAP_PER_DB: f32 = RATE as f32 * 0.05;
/// A decibel of such a difference counts this much.
const STEP: f32 = 2.0;
/// Streams of random numbers below this one belong to the score.
const FIRST_STREAM: u64 = 16;
/// Pieces that are weighed against each other for one grain.
const CANDIDATES: usize = 48;
/// A second use of the same cell counts as this many decibels of mismatch.
const REUSE_DB: f32 = 30.0;
/// A step in waveform at the join (1 − correlation) counts as this many decibels.
const PHASE_DB: f32 = 3.0;
/// All-pass: independent phases stand this far apart, relative to frequency …
const TURN_RELATIVE: f32 = 0.04;
/// … but no closer than this, in hertz: bounds the delay to about 60 ms.
const TURN_LEAST: f32 = 8.0;
/// How far the all-pass's delays reach, in samples.
const TURN_REACH: usize = RATE as usize / 16;
/// Shortest material from which grains are cut, in samples; below this noise of its spectrum serves better.
pub(crate) const LEAST: usize = RATE as usize / 2;

/// One side's material.
pub(crate) struct Material<'a> {
    pub neighbour: &'a Neighbour,
    /// Cells that may be used.
    pub usable: Vec<bool>,
    /// Level per channel, as it stands in the material.
    pub level: Vec<PerBand>,
}

/// One grain of the score.
#[derive(Clone, Debug)]
struct Grain {
    /// Where it begins in the made sound.
    at: usize,
    len: usize,
    side: usize,
    from: usize,
    /// Samples over which it comes in and goes out.
    rise: usize,
    fall: usize,
    /// Stream of the all-pass's phases; 0 for none.
    turn: u64,
}

/// What the made sound is to be.
pub(crate) struct Order<'a> {
    /// Samples to make.
    pub samples: usize,
    /// One glide per channel.
    pub glides: &'a [Glide],
    pub seed: u64,
}

/// Lays grains until the order is filled. `sides` are one or two materials in time order with at least one usable run each.
pub(crate) fn lay(sides: &[Material<'_>], order: &Order<'_>) -> Vec<Vec<f32>> {
    let score = score(sides, order);
    (0..order.glides.len())
        .into_par_iter()
        .map(|c| {
            let mut out = vec![0.0f32; order.samples];
            let mut planner = RealFftPlanner::<f32>::new();
            for grain in &score {
                let piece = cut(sides, order, grain, c, &mut planner);
                for (k, sample) in piece.iter().enumerate() {
                    let Some(place) = out.get_mut(grain.at + k) else { break };
                    *place += sample * fade(k, grain.rise) * fade(grain.len - 1 - k, grain.fall);
                }
            }
            out
        })
        .collect()
}

/// Gain at the `k`-th of `length` samples of a fade-in. Equal power, as the pieces know nothing of each other; flat at both ends
/// (the window of Vorbis), as a kink in a loud bass would be heard as a click where the treble is empty.
fn fade(k: usize, length: usize) -> f32 {
    if k >= length {
        return 1.0;
    }
    let s = (std::f32::consts::FRAC_PI_2 * (k as f32 + 0.5) / length as f32).sin();
    (std::f32::consts::FRAC_PI_2 * s * s).sin()
}

/// Which grain comes when.
fn score(sides: &[Material<'_>], order: &Order<'_>) -> Vec<Grain> {
    let mut random = Random::new(order.seed, 1);
    let profiles: Vec<Vec<[f32; 4]>> = sides.iter().map(|s| profile(s.neighbour)).collect();
    let mut uses: Vec<Vec<f32>> = sides.iter().map(|s| vec![0.0; s.usable.len()]).collect();
    let runs: Vec<Vec<(usize, usize)>> = sides.iter().map(|s| runs(&s.usable, s.neighbour.len())).collect();
    let mut score: Vec<Grain> = Vec::new();
    let mut filled = 0;
    let mut stream = FIRST_STREAM;
    while filled < order.samples {
        let part = filled as f64 / order.samples as f64;
        let side = usize::from(sides.len() > 1 && random.unit() < part);
        let longest = runs[side].iter().map(|r| r.1).max().unwrap_or(0);
        let wish = random.between(LENGTH.0 as f64, LENGTH.1 as f64) as usize;
        // Short material still has to offer a choice.
        let len = wish.min(longest * 2 / 3).max(3 * OVERLAP).min(longest);
        let fitting: Vec<(usize, usize)> = runs[side].iter().copied().filter(|r| r.1 >= len).collect();
        let mut best: Option<(f32, usize, f32)> = None;
        for _ in 0..CANDIDATES {
            let from = place(&fitting, len, &mut random);
            let cells = cells(from, len, uses[side].len());
            let worn = uses[side][cells.clone()].iter().sum::<f32>() / cells.len().max(1) as f32;
            let step = score.last().map_or(0.0, |last| mismatch(&profiles, sides, last, side, from));
            let phase = score.last().map_or(0.0, |last| 1.0 - likeness(sides, last, side, from));
            let cost = REUSE_DB * worn + STEP * step + PHASE_DB * phase + random.unit() as f32;
            if best.is_none_or(|(least, ..)| cost < least) {
                best = Some((cost, from, step));
            }
        }
        let (_, from, step) = best.unwrap_or_default();
        let cells = cells(from, len, uses[side].len());
        let again = uses[side][cells.clone()].iter().any(|u| *u >= 0.5);
        uses[side][cells].iter_mut().for_each(|u| *u += 1.0);
        stream += 1;
        let mut grain = Grain { at: 0, len, side, from, rise: 0, fall: 0, turn: if again { stream } else { 0 } };
        if let Some(last) = score.last_mut() {
            // What differs in level is blended longer, as far as both grains go.
            let wish = OVERLAP + (OVERLAP_PER_DB * (step - 1.5).max(0.0)) as usize;
            let overlap = wish.min((last.len - last.rise) * 2 / 3).min(len * 2 / 5).max(1);
            last.fall = overlap;
            grain.rise = overlap;
            grain.at = last.at + last.len - overlap;
        }
        filled = (grain.at + grain.len).saturating_sub(OVERLAP).max(filled + 1);
        score.push(grain);
    }
    score
}

/// A random place for `len` samples within runs that are at least as long.
fn place(fitting: &[(usize, usize)], len: usize, random: &mut Random) -> usize {
    let mut pick = random.below(fitting.iter().map(|r| r.1 - len + 1).sum());
    for run in fitting {
        let here = run.1 - len + 1;
        if pick < here {
            return run.0 + pick;
        }
        pick -= here;
    }
    0
}

fn cells(from: usize, len: usize, all: usize) -> std::ops::Range<usize> {
    (from / CELL).min(all)..(from + len).div_ceil(CELL).min(all)
}

/// Stretches of usable cells: first sample and length.
fn runs(usable: &[bool], samples: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (cell, good) in usable.iter().copied().chain([false]).enumerate() {
        match (good, start) {
            (true, None) => start = Some(cell * CELL),
            (false, Some(from)) => {
                let to = (cell * CELL).min(samples);
                if to > from {
                    found.push((from, to - from));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The longest usable stretch in samples.
pub(crate) fn longest_run(usable: &[bool], samples: usize) -> usize {
    runs(usable, samples).iter().map(|r| r.1).max().unwrap_or(0)
}

/// Levels in dB in four broad bands per cell, from one-pole splits at 200 Hz, 1 kHz and 5 kHz, of all channels together: enough
/// to tell whether two pieces go together, cheap enough to be had for every cell.
fn profile(neighbour: &Neighbour) -> Vec<[f32; 4]> {
    let poles = [200.0f32, 1000.0, 5000.0].map(|hz| 1.0 - (-std::f32::consts::TAU * hz / RATE as f32).exp());
    let mut out = vec![[0.0f32; 4]; neighbour.len().div_ceil(CELL)];
    for channel in &neighbour.channels {
        let mut low = [0.0f32; 3];
        for (i, sample) in channel.iter().enumerate() {
            low.iter_mut().zip(poles).for_each(|(l, p)| *l += p * (sample - *l));
            let bands = [low[0], low[1] - low[0], low[2] - low[1], sample - low[2]];
            out[i / CELL].iter_mut().zip(bands).for_each(|(o, b)| *o += b * b);
        }
    }
    let floor = 1e-12 * CELL as f32;
    out.iter().map(|cell| cell.map(|e| 10.0 * (e + floor).log10())).collect()
}

/// Root mean square difference in dB between the end of the last grain and the beginning of a candidate.
fn mismatch(profiles: &[Vec<[f32; 4]>], sides: &[Material<'_>], last: &Grain, side: usize, from: usize) -> f32 {
    let around = |side: usize, at: usize| -> [f32; 4] {
        let cells = &profiles[side];
        let first = (at / CELL).min(cells.len().saturating_sub(1));
        let end = (first + OVERLAP / CELL).min(cells.len());
        let n = (end - first).max(1) as f32;
        let mut sum = [0.0f32; 4];
        cells[first..end].iter().for_each(|c| sum.iter_mut().zip(c).for_each(|(s, v)| *s += v / n));
        sum
    };
    let (a, b) = (around(last.side, last.from + last.len.saturating_sub(OVERLAP)), around(side, from));
    // Grains are brought to one level before they are laid, so what differs between the sides as such does not count.
    let shift = if last.side == side { 0.0 } else { tilt(&sides[side]) - tilt(&sides[last.side]) };
    (a.iter().zip(b).map(|(x, y)| (y - x - shift) * (y - x - shift)).sum::<f32>() / 4.0).sqrt()
}

fn tilt(side: &Material<'_>) -> f32 {
    side.level.first().map_or(0.0, |l| l.iter().sum::<f32>() / BANDS as f32)
}

/// Normalised correlation of the overlap, −1 to 1, of all channels together.
fn likeness(sides: &[Material<'_>], last: &Grain, side: usize, from: usize) -> f32 {
    let end = last.from + last.len;
    let start = end.saturating_sub(OVERLAP);
    let (mut cross, mut left, mut right) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in sides[last.side].neighbour.channels.iter().zip(&sides[side].neighbour.channels) {
        let (Some(a), Some(b)) = (a.get(start..end), b.get(from..from + OVERLAP)) else { continue };
        for (x, y) in a.iter().zip(b) {
            cross += x * y;
            left += x * x;
            right += y * y;
        }
    }
    cross / (left * right).sqrt().max(1e-20)
}

/// One channel of a grain: cut, brought to the level of its place in the hole, turned where it comes again.
fn cut(sides: &[Material<'_>], order: &Order<'_>, grain: &Grain, channel: usize, planner: &mut RealFftPlanner<f32>) -> Vec<f32> {
    let side = &sides[grain.side];
    // A turned grain draws on what stands around it, as the delays reach there; never on what may not be used.
    let reach = if grain.turn == 0 { 0 } else { TURN_REACH };
    let may = |at: usize| side.usable.get(at / CELL).copied().unwrap_or(false);
    let lead = (CELL..=reach.min(grain.from)).step_by(CELL).take_while(|d| may(grain.from - d)).last().unwrap_or(0);
    let end = grain.from + grain.len;
    let trail = (CELL..=reach.min(side.neighbour.len() - end)).step_by(CELL).take_while(|d| may(end + d - 1)).last().unwrap_or(0);
    let source = &side.neighbour.channels[channel][grain.from - lead..end + trail];
    let want = order.glides[channel].at((grain.at + grain.len / 2) as f32 / order.samples as f32);
    let have = &side.level[channel];
    let gains: PerBand = std::array::from_fn(|b| (want[b] - have[b]).clamp(-24.0, 24.0));
    let size = (source.len() + TURN_REACH).next_power_of_two();
    let forward = planner.plan_fft_forward(size);
    let inverse = planner.plan_fft_inverse(size);
    let mut time = vec![0.0f32; size];
    time[..source.len()].copy_from_slice(source);
    let mut bins = forward.make_output_vec();
    // Lengths are those of the plan, so this cannot fail.
    let _ = forward.process(&mut time, &mut bins);
    let curve = bin_gains(&gains, bins.len());
    bins.iter_mut().zip(&curve).for_each(|(z, g)| *z *= g / size as f32);
    if grain.turn != 0 {
        let turns = turns(bins.len(), &mut Random::new(order.seed, grain.turn));
        bins.iter_mut().zip(turns).for_each(|(z, (sin, cos))| *z *= realfft::num_complex::Complex32::new(cos, sin));
    }
    let end = bins.len() - 1;
    bins[0].im = 0.0;
    bins[end].im = 0.0;
    let _ = inverse.process(&mut bins, &mut time);
    time[lead..lead + grain.len].to_vec()
}

/// Sine and cosine of the all-pass's phase at every bin: independent phases at nodes, straight lines between them.
fn turns(bins: usize, random: &mut Random) -> Vec<(f32, f32)> {
    let bin = 0.5 * RATE as f32 / (bins - 1) as f32;
    let mut out = Vec::with_capacity(bins);
    let turn = |random: &mut Random| random.between(-std::f64::consts::PI, std::f64::consts::PI) as f32;
    let (mut low, mut high) = (0.0f32, TURN_LEAST);
    let (mut from, mut to) = (0.0f32, turn(random));
    for k in 0..bins {
        let hz = k as f32 * bin;
        while hz >= high {
            low = high;
            high += (high * TURN_RELATIVE).max(TURN_LEAST);
            from = to;
            to = turn(random);
        }
        out.push((from + (to - from) * (hz - low) / (high - low)).sin_cos());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(seconds: usize) -> Neighbour {
        let mut r = Random::new(9, 9);
        let x: Vec<f32> = (0..seconds * RATE as usize).map(|_| r.between(-0.1, 0.1) as f32).collect();
        Neighbour::of(vec![x.clone(), x.iter().map(|s| -0.5 * s).collect()])
    }

    fn material(n: &Neighbour) -> Material<'_> {
        Material { neighbour: n, usable: vec![true; n.len().div_ceil(CELL)], level: vec![[0.0; BANDS]; 2] }
    }

    #[test]
    fn the_room_between_channels_stays_and_no_piece_comes_twice_alike() {
        let n = neighbour(3);
        let glide = Glide::new([0.0; BANDS], [0.0; BANDS]);
        let glides = [glide.clone(), glide];
        let made = lay(&[material(&n)], &Order { samples: 12 * RATE as usize, glides: &glides, seed: 5 });
        let (mut cross, mut left, mut right) = (0.0f64, 0.0f64, 0.0f64);
        for (l, r) in made[0].iter().zip(&made[1]) {
            cross += f64::from(l * r);
            left += f64::from(l * l);
            right += f64::from(r * r);
        }
        assert!(cross / (left * right).sqrt() < -0.999);
        // Level neither sags nor swells at the overlaps.
        let rms = |x: &[f32]| (x.iter().map(|s| s * s).sum::<f32>() / x.len() as f32).sqrt();
        let whole = rms(&made[0]);
        for second in made[0].chunks_exact(RATE as usize) {
            assert!((20.0 * (rms(second) / whole).log10()).abs() < 0.8);
        }
        // White noise of 12 s correlates with itself by chance at about 0.006.
        for lag in (RATE as usize / 4..6 * RATE as usize).step_by(7_919) {
            let r: f32 =
                made[0].iter().zip(&made[0][lag..]).map(|(a, b)| a * b).sum::<f32>() / (whole * whole * (made[0].len() - lag) as f32);
            assert!(r.abs() < 0.1, "{lag}: {r}");
        }
    }

    #[test]
    fn forbidden_cells_are_not_used() {
        let mut n = neighbour(3);
        for s in &mut n.channels[0][48_000..96_000] {
            *s = 1000.0;
        }
        let mut m = material(&n);
        m.usable[100..200].fill(false);
        let glide = Glide::new([0.0; BANDS], [0.0; BANDS]);
        let glides = [glide.clone(), glide];
        let made = lay(&[m], &Order { samples: 4 * RATE as usize, glides: &glides, seed: 1 });
        assert!(made[0].iter().all(|s| s.abs() < 5.0));
    }

    #[test]
    fn runs_are_found() {
        assert_eq!(runs(&[true, true, false, true], 4 * CELL - 3), [(0, 2 * CELL), (3 * CELL, CELL - 3)]);
        assert!(runs(&[], 0).is_empty());
        assert_eq!(longest_run(&[false, true, true], 3 * CELL), 2 * CELL);
    }
}
