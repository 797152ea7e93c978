//! Bringing what stands before and after the hole into a state in which it can be measured and reused.

use shot::Sound;

use crate::{Error, RATE, resample::conform};

/// Context farther from the hole than this is not looked at, in samples: 30 s.
const REACH: usize = 30 * RATE as usize;
/// Below this length a middle is not an offset but the wave itself, in samples: 1 s …
const OFFSET_FROM: usize = RATE as usize;
/// … and below this it is chance.
const OFFSET_LEAST: f32 = 1e-3;
/// Usability is decided in cells of this many samples: 10 ms.
pub(crate) const CELL: usize = RATE as usize / 100;

/// What stands on one side of the hole, at 48 kHz in the channels that are asked for, without offset and without broken samples.
#[derive(Clone)]
pub(crate) struct Neighbour {
    pub channels: Vec<Vec<f32>>,
    /// The constant offset of each channel that was taken away.
    pub offset: Vec<f32>,
    /// Samples that were no numbers.
    pub broken: usize,
    /// Cells of [`CELL`] samples in which a channel is clipped.
    pub clipped: Vec<bool>,
}

/// Which end of the neighbour touches the hole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The neighbour stands before the hole.
    Last,
    /// The neighbour stands after the hole.
    First,
}

impl Neighbour {
    pub fn new(sound: &Sound, channels: usize, edge: Edge) -> Result<Self, Error> {
        let reach = (REACH as u64 * u64::from(sound.rate()) / u64::from(RATE)) as usize + 1;
        let keep = sound.len().min(reach);
        let mut range = if edge == Edge::Last { sound.len() - keep..sound.len() } else { 0..keep };
        // Whoever reads more than a file has gets silence beyond it: far from the hole that is no sound of the place.
        let heard = |i: &usize| sound.channels().iter().any(|c| c[*i] != 0.0);
        match edge {
            Edge::Last => range.start = range.clone().find(heard).unwrap_or(range.start),
            Edge::First => range.end = range.clone().rev().find(heard).map_or(range.end, |i| i + 1),
        }
        let near = Sound::new(sound.rate(), sound.channels().iter().map(|c| c[range.clone()].to_vec()).collect())?;
        let broken = near.channels().iter().flatten().filter(|s| !s.is_finite()).count();
        let clipped = clipped(&near);
        let mut channels = conform(&near, RATE, channels)?.into_channels();
        let length = channels[0].len();
        let offset: Vec<f32> = channels.iter().map(|c| offset(c)).collect();
        for (channel, offset) in channels.iter_mut().zip(&offset) {
            channel.iter_mut().for_each(|s| *s -= *offset);
        }
        let mut cells = vec![false; length.div_ceil(CELL)];
        for at in clipped {
            if let Some(cell) = cells.get_mut((at * u64::from(RATE) / u64::from(near.rate())) as usize / CELL) {
                *cell = true;
            }
        }
        Ok(Self { channels, offset, broken, clipped: cells })
    }

    /// A neighbour from clean channels, for tests.
    #[cfg(test)]
    pub fn of(channels: Vec<Vec<f32>>) -> Self {
        let cells = channels[0].len().div_ceil(CELL);
        Self { offset: vec![0.0; channels.len()], channels, broken: 0, clipped: vec![false; cells] }
    }

    pub fn len(&self) -> usize {
        self.channels[0].len()
    }

    /// The largest sample, offset included.
    pub fn peak(&self) -> f32 {
        let channels = self.channels.iter().zip(&self.offset);
        channels.flat_map(|(c, offset)| c.iter().map(move |s| (s + offset).abs())).fold(0.0, f32::max)
    }

    /// True when every sample of every channel is 0.
    pub fn is_silent(&self) -> bool {
        self.channels.iter().flatten().all(|s| *s == 0.0)
    }
}

/// The constant offset of a channel: its median, as voices and breath are one-sided and would move a mean.
fn offset(channel: &[f32]) -> f32 {
    if channel.len() < OFFSET_FROM {
        return 0.0;
    }
    let mut values = channel.to_vec();
    let (_, middle, _) = values.select_nth_unstable_by(channel.len() / 2, f32::total_cmp);
    if middle.abs() < OFFSET_LEAST { 0.0 } else { *middle }
}

pub(crate) fn sorted(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values
}

/// The value at a quantile, 0 to 1, of sorted values; 0 where there is none.
pub(crate) fn at(sorted: &[f32], quantile: f32) -> f32 {
    sorted.get((sorted.len().saturating_sub(1) as f32 * quantile).round() as usize).copied().unwrap_or(0.0)
}

/// Where a channel stands still at its extreme for three samples or more, close to full scale or beyond: clipping.
fn clipped(sound: &Sound) -> Vec<u64> {
    let mut found = Vec::new();
    for channel in sound.channels() {
        let top = channel.iter().filter(|s| s.is_finite()).fold(0.0f32, |t, s| t.max(s.abs()));
        if top < 0.5 {
            continue;
        }
        for (i, run) in channel.windows(3).enumerate() {
            if run[0].abs() >= 0.999 * top && run[1] == run[0] && run[2] == run[0] {
                found.push(i as u64);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn offset_clipping_and_broken_samples_are_found() {
        let mut x: Vec<f32> = (0..48_000).map(|i| (0.9 * (i as f32 * 0.01).sin()).clamp(-0.7, 0.7) + 0.25).collect();
        x[100] = f32::NAN;
        let n = Neighbour::new(&Sound::new(48_000, vec![x]).unwrap(), 2, Edge::Last).unwrap();
        assert_eq!((n.channels.len(), n.len(), n.broken), (2, 48_000, 1));
        assert!((n.offset[0] - 0.25).abs() < 0.05, "{}", n.offset[0]);
        assert!(n.clipped.iter().filter(|c| **c).count() > 20);
        assert!(!n.is_silent());
    }

    #[test]
    fn only_what_is_near_the_hole_is_kept() {
        let x: Vec<f32> = (0..40 * 48_000).map(|i| i as f32).collect();
        let sound = Sound::new(48_000, vec![x]).unwrap();
        let last = Neighbour::new(&sound, 1, Edge::Last).unwrap();
        assert!(last.len() <= REACH + 1);
        assert_eq!(last.channels[0][last.len() - 1] + last.offset[0], 1_919_999.0);
        let first = Neighbour::new(&sound, 1, Edge::First).unwrap();
        assert!((first.channels[0][0] + first.offset[0]).abs() < 1.0);
    }

    #[test]
    fn silence_beyond_a_file_is_no_part_of_the_neighbour() {
        let noise: Vec<f32> = (0..48_000).map(|i| 0.1 + ((i * 7919) % 101) as f32 / 1e3).collect();
        let gap = vec![0.0; 96_000];
        for (edge, parts) in [(Edge::Last, [&gap[..], &noise[..]]), (Edge::First, [&noise[..], &gap[..]])] {
            let n = Neighbour::new(&Sound::new(48_000, vec![parts.concat()]).unwrap(), 1, edge).unwrap();
            assert_eq!(n.len(), 48_000);
        }
        // Silence at the hole is what stands there.
        let n = Neighbour::new(&Sound::new(48_000, vec![[&noise[..], &gap[..]].concat()]).unwrap(), 1, Edge::Last).unwrap();
        assert_eq!(n.len(), 144_000);
        assert!(Neighbour::new(&Sound::silence(48_000, 1, 4_800), 1, Edge::First).unwrap().is_silent());
    }

    #[test]
    fn a_few_samples_keep_their_offset() {
        let n = Neighbour::new(&Sound::new(48_000, vec![vec![0.5; 10]]).unwrap(), 1, Edge::Last).unwrap();
        assert_eq!(n.offset, [0.0]);
        assert_eq!(n.channels[0], [0.5; 10]);
        assert_eq!(Neighbour::new(&Sound::silence(48_000, 1, 0), 1, Edge::Last).unwrap().len(), 0);
    }
}
