//! One neighbour of the hole with what is known of it.

use shot::Sound;

use crate::floor::{self, Floor};
use crate::grains::{self, Material};
use crate::prepare::{CELL, Edge, Neighbour};
use crate::shape::{EDGE, Level, level};
use crate::spectrum::{self, FRAME, HOP, PerBand, Spectrum, db, mean};
use crate::{Error, RATE, events, voice};

/// A side needs this much material of its own to be cut into grains while the other side is under voices, in samples.
const ENOUGH: usize = RATE as usize * 3 / 2;
/// How far a momentary level at an edge may lie from the long-term level to be followed, in dB. What rises higher is an event,
/// and an event ends with its shot.
const FOLLOW: (f32, f32) = (-9.0, 6.0);
/// The same over a floor, where whatever rises is not the room.
const FOLLOW_FLOOR: (f32, f32) = (-3.0, 1.0);

/// Foreground is held off by this many samples before and after: the attack and the room's answer belong to it.
const GUARD: (usize, usize) = (RATE as usize / 20, RATE as usize / 8);

/// Voices are left out as events are where this share of the neighbour is free of both, three quarters of a second of it on end.
const FREE: f32 = 0.5;
const RUN: usize = RATE as usize * 3 / 4;

/// A neighbour, measured.
pub(crate) struct Side {
    pub neighbour: Neighbour,
    /// How many events were left out.
    pub events: usize,
    /// Cells of [`CELL`] samples that belong to events and single voiced sounds.
    foreground: Vec<bool>,
    edge: Edge,
    /// Whether only its floor is of use: voices stand over it, or the user says so.
    pub over_floor: bool,
    /// Band powers per channel over time.
    tracks: Vec<Vec<PerBand>>,
    /// Frames of the tracks that the hole may sound like.
    frames: Vec<usize>,
}

impl Side {
    /// Measures a neighbour; `floor` says whether only its floor counts, `None` leaves that to measurement.
    pub fn new(sound: &Sound, channels: usize, edge: Edge, floor: Option<bool>, spectrum: &Spectrum) -> Result<Self, Error> {
        let neighbour = Neighbour::new(sound, channels, edge)?;
        let voices = voice::find(&neighbour);
        let tracks: Vec<Vec<PerBand>> = neighbour.channels.iter().map(|c| spectrum.track(c)).collect();
        let count = tracks.first().map_or(0, Vec::len);
        let together = together(&tracks);
        let mut events: Vec<(usize, usize)> =
            tracks.iter().flat_map(|t| events::find(t)).map(|(from, len)| (from * HOP, len * HOP)).collect();
        let mut foreground = vec![false; neighbour.len().div_ceil(CELL)];
        for (from, len) in events.iter().chain(&voices.stretches) {
            let cells = foreground.len();
            let end = (from + len + GUARD.1).div_ceil(CELL).min(cells);
            foreground[(from.saturating_sub(GUARD.0) / CELL).min(end)..end].fill(true);
        }
        merge(&mut events);
        // A call or a word in a clear ambience is an event like another; where voices leave little free, only the floor is of use.
        let calm: Vec<bool> = foreground.iter().map(|f| !f).collect();
        let free =
            calm.iter().filter(|c| **c).count() as f32 >= FREE * calm.len() as f32 && grains::longest_run(&calm, neighbour.len()) >= RUN;
        let over_floor = floor.unwrap_or_else(|| !free && (voices.are_dialogue() || voice::is_syllabic(&together)));
        let frames = if over_floor {
            floor::quiet_frames(&together)
        } else {
            let clear = |i: &usize| {
                let cells = i * HOP / CELL..((i * HOP + FRAME) / CELL).min(foreground.len());
                foreground.get(cells).is_none_or(|c| c.iter().all(|f| !f))
            };
            let clear: Vec<usize> = (0..count).filter(clear).collect();
            if clear.is_empty() { (0..count).collect() } else { clear }
        };
        Ok(Self { neighbour, events: events.len(), foreground, edge, over_floor, tracks, frames })
    }

    pub fn is_silent(&self) -> bool {
        self.neighbour.is_silent()
    }

    /// The level that the hole takes over, per channel.
    pub fn levels(&self) -> Vec<Level> {
        let last = self.tracks.first().map_or(0, Vec::len).saturating_sub(1);
        let distance = |i: usize| HOP * if self.edge == Edge::Last { last - i } else { i };
        self.tracks
            .iter()
            .map(|track| {
                if self.over_floor {
                    floor::floor_level(track, &self.frames)
                } else {
                    level(&self.frames.iter().map(|i| (distance(*i), &track[*i])).collect::<Vec<_>>())
                }
            })
            .collect()
    }

    /// Standard deviation over mean of each band's power, where the neighbour is long enough to tell and no floor.
    pub fn liveliness(&self, channel: usize) -> Option<PerBand> {
        let tellable = !self.over_floor && self.frames.len() * HOP >= RATE as usize;
        tellable.then(|| spectrum::liveliness(&self.chosen(channel)))
    }

    /// What grains may be cut from: `None` where there is too little, or where only the floor counts.
    pub fn material(&self) -> Option<Material<'_>> {
        if self.over_floor {
            return None;
        }
        let len = self.neighbour.len();
        let run = |usable: &Vec<bool>| grains::longest_run(usable, len) >= 2 * grains::LEAST;
        let calm: Vec<bool> = self.foreground.iter().map(|f| !f).collect();
        let clean: Vec<bool> = calm.iter().zip(&self.neighbour.clipped).map(|(a, c)| *a && !c).collect();
        // Clipped parts are left out where enough remains; what stands over the floor always, as far as any grain remains.
        let usable = [clean, calm.clone()].into_iter().find(run).unwrap_or(calm);
        if grains::longest_run(&usable, len) < grains::LEAST {
            return None;
        }
        let level = (0..self.tracks.len()).map(|c| mean(&self.chosen(c)).map(db)).collect();
        Some(Material { neighbour: &self.neighbour, usable, level })
    }

    /// Whether there is material enough to stand for both sides.
    pub fn has_plenty(&self) -> bool {
        !self.over_floor && self.frames.len() * HOP >= ENOUGH
    }

    /// The floor, or all there is where no floor was looked for, as a source of noise.
    pub fn floor(&self, spectrum: &Spectrum) -> Floor {
        Floor::new(&self.neighbour, &self.frames, spectrum)
    }

    /// The momentary level of a channel where the neighbour touches the hole, as far as it may be followed from `long`.
    pub fn edge_level(&self, channel: usize, long: &Level, spectrum: &Spectrum) -> Option<Level> {
        let x = &self.neighbour.channels[channel];
        if x.len() < FRAME {
            return None;
        }
        let edge = EDGE.min(x.len());
        let range = if self.edge == Edge::Last { x.len() - edge..x.len() } else { 0..edge };
        let cells = range.start / CELL..range.end / CELL;
        let eventful = self.foreground.get(cells).is_some_and(|c| c.iter().any(|f| *f));
        let (least, most) = if self.over_floor || eventful { FOLLOW_FLOOR } else { FOLLOW };
        let local = mean(&spectrum.track(&x[range])).map(db);
        Some(std::array::from_fn(|b| local[b].clamp(long[b] + least, long[b] + most)))
    }

    /// The samples of a channel next to the hole, in time order.
    pub fn near(&self, channel: usize, samples: usize) -> &[f32] {
        let x = &self.neighbour.channels[channel];
        let n = samples.min(x.len());
        if self.edge == Edge::Last { &x[x.len() - n..] } else { &x[..n] }
    }

    /// Band powers over time of all channels together.
    pub fn together(&self) -> Vec<PerBand> {
        together(&self.tracks)
    }

    /// The frames nearest to the hole, at most `count` of them.
    pub fn edge_frames(&self, count: usize) -> Vec<usize> {
        let all = self.tracks.first().map_or(0, Vec::len);
        if self.edge == Edge::Last { (all.saturating_sub(count)..all).collect() } else { (0..count.min(all)).collect() }
    }

    fn chosen(&self, channel: usize) -> Vec<PerBand> {
        self.frames.iter().filter_map(|i| self.tracks[channel].get(*i).copied()).collect()
    }
}

/// Stretches in time order, those that touch as one: what several channels hear is one event.
fn merge(stretches: &mut Vec<(usize, usize)>) {
    stretches.sort_unstable();
    stretches.dedup_by(|next, last| {
        let touches = next.0 <= last.0 + last.1;
        if touches {
            last.1 = last.1.max(next.0 + next.1 - last.0);
        }
        touches
    });
}

/// Band powers of all channels together.
pub(crate) fn together(tracks: &[Vec<PerBand>]) -> Vec<PerBand> {
    let frames = tracks.first().map_or(0, Vec::len);
    (0..frames).map(|i| std::array::from_fn(|b| tracks.iter().map(|t| t[i][b]).sum())).collect()
}
