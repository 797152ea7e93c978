//! From the neighbours to the sound in the hole: the order of the steps.

use shot::{Figure, Sound};

use crate::character::{self, Character};
use crate::floor::{self, Floor};
use crate::grains::{self, Material, Order};
use crate::prepare::{Edge, Neighbour};
use crate::shape::{EDGE, Glide, Level, Target, hold, level};
use crate::spectrum::{self, BANDS, FRAME, PerBand, Spectrum, db, mean};
use crate::{Error, Kind, MAX_CHANNELS, Options, RATE, integrated_loudness, joins};

/// Samples made beyond either end, where filters settle and joins are measured.
const MARGIN: usize = 2 * FRAME;
/// How far a momentary level at an edge may lie from the long-term level to be followed, in dB. What rises higher is an event,
/// and an event ends with its shot.
const FOLLOW: (f32, f32) = (-9.0, 6.0);
/// The same over room tone, where whatever rises is not the room.
const FOLLOW_FLOOR: (f32, f32) = (-3.0, 1.0);

/// The hole and what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Gap<'a> {
    /// Sound that ends where the hole begins; the nearest 30 s are looked at.
    pub before: Option<&'a Sound>,
    /// Sound that begins where the hole ends.
    pub after: Option<&'a Sound>,
    /// Length of the hole in samples at 48 kHz; 0 gives an empty sound.
    pub samples: usize,
    /// Channels of the result, 1 to 16; the neighbours are mapped to them.
    pub channels: usize,
    /// Another seed gives another, equally likely sound.
    pub seed: u64,
}

/// A made sound.
#[derive(Clone, Debug)]
pub struct Made {
    /// 48 kHz, the channels and exactly the samples that were asked for.
    pub sound: Sound,
    /// What was measured on it.
    pub figures: Vec<Figure>,
    /// What the editor should know, one sentence each.
    pub notes: Vec<String>,
}

/// Makes the sound in a hole, deciding by measure how; see [`fill`] for what a user can say about it.
pub fn ambience(before: Option<&Sound>, after: Option<&Sound>, samples: usize, channels: usize, seed: u64) -> Result<Made, Error> {
    fill(&Gap { before, after, samples, channels, seed }, &Options::default())
}

/// Makes the sound in a hole. Fails only on a channel count or a sample rate that cannot be; whatever the neighbours hold,
/// down to nothing at all, gives a sound and a note that says why it is what it is.
pub fn fill(gap: &Gap<'_>, options: &Options) -> Result<Made, Error> {
    if gap.channels == 0 || gap.channels > MAX_CHANNELS {
        return Err(Error::Channels { got: gap.channels });
    }
    let mut notes = Vec::new();
    let before = side(gap.before, gap.channels, Edge::Last, &mut notes)?;
    let after = side(gap.after, gap.channels, Edge::First, &mut notes)?;
    let heard: Vec<&Side> = [&before, &after].into_iter().flatten().filter(|s| s.level.is_some()).collect();
    if gap.samples == 0 || heard.is_empty() {
        if gap.samples > 0 {
            notes.push(match (gap.before, gap.after) {
                (None, None) => "the hole is silent: there is no sound before or after it to match".to_owned(),
                _ => "the hole is silent, as what stands around it is silent".to_owned(),
            });
        }
        let mut sound = Sound::silence(RATE, gap.channels, gap.samples).into_channels();
        join(&mut sound, &before, &after, 0, gap.samples);
        return finish(Sound::new(RATE, sound)?, Vec::new(), notes);
    }
    let spectrum = Spectrum::new();
    let voices = heard.iter().any(|s| s.character.has_voices());
    let kind = match options.kind {
        Kind::Auto if voices => Kind::RoomTone,
        Kind::Auto => Kind::Ambience,
        chosen => chosen,
    };
    if kind == Kind::RoomTone {
        notes.push("room tone from the quietest parts of the neighbours".to_owned());
    }
    let levels: Vec<Vec<Level>> = heard.iter().map(|s| s.levels(kind)).collect();
    let glides: Vec<Glide> = (0..gap.channels)
        .map(|c| match &levels[..] {
            [one] => Glide::new(one[c], one[c]),
            [one, two, ..] => Glide::new(one[c], two[c]),
            [] => Glide::new([0.0; BANDS], [0.0; BANDS]),
        })
        .collect();
    let samples = gap.samples + 2 * MARGIN;
    let materials: Vec<Material<'_>> = heard.iter().filter(|s| s.longest_run() >= grains::LEAST).map(|s| s.material()).collect();
    let mut made = if kind == Kind::Ambience && !materials.is_empty() {
        grains::lay(&materials, &Order { samples, glides: &glides, seed: gap.seed })
    } else {
        let floors: Vec<Floor> = heard.iter().map(|s| Floor::new(&s.neighbour, &s.frames(kind), &spectrum)).collect();
        floor::noise(&floors, samples, &glides, gap.seed, &spectrum)
    };
    let follow = if kind == Kind::RoomTone { FOLLOW_FLOOR } else { FOLLOW };
    for (c, channel) in made.iter_mut().enumerate() {
        let edge = |side: &Option<Side>, part: f32| -> Option<Level> {
            side.as_ref().filter(|s| s.level.is_some()).and_then(|s| s.edge(c, &spectrum)).map(|local| {
                let long = glides[c].at(part);
                std::array::from_fn(|b| local[b].clamp(long[b] + follow.0, long[b] + follow.1))
            })
        };
        let target = Target {
            glide: glides[c].clone(),
            head: edge(&before, 0.0),
            tail: edge(&after, 1.0),
            liveliness: liveliness(&heard, kind, c),
            spectrum: &spectrum,
        };
        hold(channel, MARGIN, &target);
    }
    join(&mut made, &before, &after, MARGIN, gap.samples);
    let figures = vec![];
    finish(Sound::new(RATE, made)?, figures, notes)
}

/// One neighbour with what is known of it.
struct Side {
    neighbour: Neighbour,
    edge: Edge,
    character: Character,
    /// Band powers per channel over time; `level` is `None` for silence.
    tracks: Vec<Vec<PerBand>>,
    level: Option<()>,
}

fn side(sound: Option<&Sound>, channels: usize, edge: Edge, notes: &mut Vec<String>) -> Result<Option<Side>, Error> {
    let Some(sound) = sound else { return Ok(None) };
    let neighbour = Neighbour::new(sound, channels, edge)?;
    let place = if edge == Edge::Last { "before" } else { "after" };
    if neighbour.broken > 0 {
        notes.push(format!("{} samples {place} the hole are no numbers and were taken as silence", neighbour.broken));
    }
    if neighbour.clipped.iter().any(|c| *c) {
        notes.push(format!("the sound {place} the hole is clipped; clipped parts were not reused where others suffice"));
    }
    let spectrum = Spectrum::new();
    let tracks = neighbour.channels.iter().map(|c| spectrum.track(c)).collect();
    let level = (!neighbour.is_silent()).then_some(());
    let character = character::measure(&neighbour);
    Ok(Some(Side { neighbour, edge, character, tracks, level }))
}

impl Side {
    fn newest_last(&self) -> bool {
        self.edge == Edge::Last
    }

    /// Band powers of all channels together.
    fn together(&self) -> Vec<PerBand> {
        let frames = self.tracks.first().map_or(0, Vec::len);
        (0..frames).map(|i| std::array::from_fn(|b| self.tracks.iter().map(|t| t[i][b]).sum())).collect()
    }

    /// The frames that noise is made from.
    fn frames(&self, kind: Kind) -> Vec<usize> {
        if kind == Kind::RoomTone { floor::quiet_frames(&self.together()) } else { (0..self.tracks.first().map_or(0, Vec::len)).collect() }
    }

    /// The level that the hole takes over, per channel.
    fn levels(&self, kind: Kind) -> Vec<Level> {
        let frames = self.frames(kind);
        self.tracks
            .iter()
            .map(|track| if kind == Kind::RoomTone { floor::floor_level(track, &frames) } else { level(track, self.newest_last()) })
            .collect()
    }

    /// Cells that grains may be cut from.
    fn usable(&self) -> Vec<bool> {
        let clean: Vec<bool> = self.neighbour.clipped.iter().map(|c| !c).collect();
        if grains::longest_run(&clean, self.neighbour.len()) >= 2 * grains::LEAST { clean } else { vec![true; clean.len()] }
    }

    fn longest_run(&self) -> usize {
        grains::longest_run(&self.usable(), self.neighbour.len())
    }

    fn material(&self) -> Material<'_> {
        Material { neighbour: &self.neighbour, usable: self.usable(), level: self.tracks.iter().map(|t| mean(t).map(db)).collect() }
    }

    /// The momentary level of a channel where the neighbour touches the hole.
    fn edge(&self, channel: usize, spectrum: &Spectrum) -> Option<Level> {
        let x = &self.neighbour.channels[channel];
        if x.len() < FRAME {
            return None;
        }
        let edge = EDGE.min(x.len());
        let near = if self.newest_last() { &x[x.len() - edge..] } else { &x[..edge] };
        Some(mean(&spectrum.track(near)).map(db))
    }
}

/// How lively the hole shall be, at its begin and its end: as lively as the neighbours, where they are long enough to tell.
fn liveliness(heard: &[&Side], kind: Kind, channel: usize) -> Option<(PerBand, PerBand)> {
    if kind == Kind::RoomTone || heard.iter().any(|s| s.neighbour.len() < RATE as usize) {
        return None;
    }
    let of = |s: &&Side| spectrum::liveliness(&s.tracks[channel]);
    Some((heard.first().map(of)?, heard.last().map(of)?))
}

/// Cuts the margins off, joins both ends to the neighbours and lays the offset under it.
fn join(made: &mut [Vec<f32>], before: &Option<Side>, after: &Option<Side>, margin: usize, samples: usize) {
    for (c, channel) in made.iter_mut().enumerate() {
        let lead = joins::MARGIN.max(margin);
        if margin < lead {
            // Silence: room for the joins on either side.
            let mut wide = vec![0.0; samples + 2 * lead];
            wide[lead..lead + samples].copy_from_slice(channel);
            *channel = wide;
        }
        if let Some(side) = before {
            joins::join_head(&side.neighbour.channels[c], channel, lead, samples);
        }
        if let Some(side) = after {
            joins::join_tail(&side.neighbour.channels[c], channel, lead, samples);
        }
        channel.truncate(lead + samples);
        channel.drain(..lead);
        let offset = |side: &Option<Side>| side.as_ref().map(|s| s.neighbour.offset[c]);
        let (from, to) = match (offset(before), offset(after)) {
            (Some(from), Some(to)) => (from, to),
            (Some(one), None) | (None, Some(one)) => (one, one),
            (None, None) => (0.0, 0.0),
        };
        if from != 0.0 || to != 0.0 {
            let n = samples as f32;
            channel.iter_mut().enumerate().for_each(|(i, s)| *s += from + (to - from) * (i as f32 + 0.5) / n);
        }
    }
}

fn finish(sound: Sound, mut figures: Vec<Figure>, notes: Vec<String>) -> Result<Made, Error> {
    if let Some(loudness) = integrated_loudness(&sound) {
        figures.push(Figure { name: "loudness".to_owned(), value: loudness, unit: "LUFS".to_owned() });
    }
    Ok(Made { sound, figures, notes })
}
