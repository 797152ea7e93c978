//! From the neighbours to the sound in the hole: the order of the steps.

use shot::{Figure, Sound};

use crate::floor::{self, Floor};
use crate::grains::{self, Material, Order};
use crate::music::{self, Heard, Hole};
use crate::prepare::Edge;
use crate::shape::{EDGE, Glide, Level, Target, hold};
use crate::side::Side;
use crate::spectrum::{FRAME, Spectrum};
use crate::{Error, Kind, MAX_CHANNELS, Options, RATE, integrated_loudness, joins, measure};

/// Samples made beyond either end, where filters settle and joins are measured.
const MARGIN: usize = 2 * FRAME;
/// Holes up to this many samples are made several times, and the one that repeats itself least is kept …
const CHOICE_UP_TO: usize = 20 * RATE as usize;
/// … of this many.
const CHOICE: u64 = 3;
/// Next to a silent neighbour the made sound is faded over this many samples.
const FADE: usize = RATE as usize / 20;

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
    /// What was measured on it, as far as it can be: `loudness` (LUFS), `sound-repetition` (highest autocorrelation at lags from
    /// 0.25 s on, near 1 is a loop), `sound-seam-in` and `sound-seam-out` (dB by which third-octave levels jump at the edges).
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
    options.check()?;
    let spectrum = Spectrum::new();
    let floor = match options.kind {
        Kind::Auto | Kind::Music => None,
        Kind::RoomTone => Some(true),
        Kind::Ambience => Some(false),
    };
    let side = |sound: Option<&Sound>, edge| {
        sound.filter(|s| !s.is_empty()).map(|s| Side::new(s, gap.channels, edge, floor, &spectrum)).transpose()
    };
    let sides = Sides { before: side(gap.before, Edge::Last)?, after: side(gap.after, Edge::First)? };
    let mut notes = sides.notes();
    let heard = sides.heard();
    let mut made = if gap.samples == 0 || heard.is_empty() {
        if gap.samples > 0 {
            let why = if sides.before.is_none() && sides.after.is_none() {
                "no sound stands before or after it"
            } else {
                "what stands around it is silent"
            };
            notes.push(format!("the hole is silent: {why}"));
        }
        vec![vec![0.0; gap.samples + 2 * MARGIN]; gap.channels]
    } else if let Some(played) = play(gap, options, &sides, &spectrum, &mut notes) {
        played
    } else {
        notes.extend(sides.notes_on_events());
        make(gap, &sides, &heard, &spectrum, &mut notes)
    };
    made.iter_mut().enumerate().for_each(|(c, channel)| sides.join(c, channel, gap.samples));
    if let Some(ceiling) = sides.ceiling() {
        made.iter_mut().flatten().for_each(|s| *s = s.clamp(-ceiling, ceiling));
    }
    let figures = figures(&made, &sides, &spectrum);
    let sound = Sound::new(RATE, made)?;
    let loudness = integrated_loudness(&sound).map(|value| figure("loudness", value, "LUFS"));
    Ok(Made { sound, figures: loudness.into_iter().chain(figures).collect(), notes })
}

/// Music with its margins, where this is music: because the user says so, or because tempo and key of all that sounds are
/// certain.
fn play(gap: &Gap<'_>, options: &Options, sides: &Sides, spectrum: &Spectrum, notes: &mut Vec<String>) -> Option<Vec<Vec<f32>>> {
    let said = options.kind == Kind::Music || options.tempo.is_some() || options.key.is_some();
    if !said && options.kind != Kind::Auto {
        return None;
    }
    let listen = |side: &Option<Side>| side.as_ref().filter(|s| !s.is_silent()).map(|s| Heard::new(s, options.tempo, options.key));
    let (left, right) = (listen(&sides.before), listen(&sides.after));
    if !said && ![&left, &right].into_iter().flatten().all(Heard::is_certain) {
        return None;
    }
    for (heard, place) in [(&left, "before"), (&right, "after")] {
        notes.extend(heard.as_ref().map(|h| format!("music {place} the hole: {}", h.describe())));
    }
    let clash = left.as_ref().zip(right.as_ref()).is_some_and(|(l, r)| music::clash(l, r));
    let hole = Hole { samples: gap.samples, margin: MARGIN, channels: gap.channels, seed: gap.seed, spectrum };
    let (made, on_beat) = music::lay(sides.before.as_ref().zip(left.as_ref()), sides.after.as_ref().zip(right.as_ref()), &hole);
    notes.push(if on_beat {
        "the music goes on in beats of both sides, joined on the beat".to_owned()
    } else {
        "the music fades, as no common tempo is certain; give its tempo to have it joined on the beat".to_owned()
    });
    if clash && on_beat {
        notes.push("the key changes in the middle of the hole".to_owned());
    }
    Some(made)
}

/// The sound with its margins, before it is joined.
fn make(gap: &Gap<'_>, sides: &Sides, heard: &[&Side], spectrum: &Spectrum, notes: &mut Vec<String>) -> Vec<Vec<f32>> {
    let levels: Vec<Vec<Level>> = heard.iter().map(|s| s.levels()).collect();
    let glides: Vec<Glide> =
        (0..gap.channels).filter_map(|c| Some(Glide::new(levels.first()?.get(c).copied()?, levels.last()?.get(c).copied()?))).collect();
    let under_voices = heard.iter().any(|s| s.over_floor);
    // Where one side lies under voices, grains can only come from the other, and only if it has enough for both.
    let cut: Vec<Material<'_>> = heard.iter().filter(|s| !under_voices || s.has_plenty()).filter_map(|s| s.material()).collect();
    let floors: Vec<Floor> = if cut.is_empty() { heard.iter().map(|s| s.floor(spectrum)).collect() } else { Vec::new() };
    if under_voices {
        notes.push(match cut.is_empty() {
            true => "room tone, made from the quietest parts of what stands around it".to_owned(),
            false => "made from the side without voices, as quiet as the room under the voices".to_owned(),
        });
    }
    let samples = gap.samples + 2 * MARGIN;
    let attempt = |seed: u64| {
        let mut made = if cut.is_empty() {
            floor::noise(&floors, samples, &glides, seed, spectrum)
        } else {
            grains::lay(&cut, &Order { samples, glides: &glides, seed })
        };
        for (c, (channel, glide)) in made.iter_mut().zip(&glides).enumerate() {
            let edge = |side: &Option<Side>, part: f32| {
                side.as_ref().filter(|s| !s.is_silent()).and_then(|s| s.edge_level(c, &glide.at(part), spectrum))
            };
            let lively = |side: Option<&&Side>| side.and_then(|s| s.liveliness(c));
            let target = Target {
                glide: glide.clone(),
                head: edge(&sides.before, 0.0),
                tail: edge(&sides.after, 1.0),
                liveliness: lively(heard.first()).zip(lively(heard.last())),
                spectrum,
            };
            hold(channel, MARGIN, &target);
        }
        made
    };
    let attempts = if cut.is_empty() || gap.samples > CHOICE_UP_TO { 1 } else { CHOICE };
    let mut best = (f64::INFINITY, Vec::new());
    for i in 0..attempts {
        let made = attempt(gap.seed.wrapping_add(i << 48));
        let repeats = if attempts > 1 { measure::repetition(&made).unwrap_or(0.0) } else { 0.0 };
        if repeats < best.0 {
            best = (repeats, made);
        }
    }
    best.1
}

/// Both neighbours.
struct Sides {
    before: Option<Side>,
    after: Option<Side>,
}

impl Sides {
    /// Those that sound, in time order.
    fn heard(&self) -> Vec<&Side> {
        [&self.before, &self.after].into_iter().flatten().filter(|s| !s.is_silent()).collect()
    }

    /// What a recorder cut off has no peaks, but what is made of it has: held where the neighbours are held, it sounds as they do.
    fn ceiling(&self) -> Option<f32> {
        let heard = self.heard();
        let clipped = heard.iter().any(|s| s.neighbour.clipped.iter().any(|c| *c));
        clipped.then(|| heard.iter().map(|s| s.neighbour.peak()).fold(0.0, f32::max))
    }

    /// What was found on them that the editor should know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (side, place) in [(&self.before, "before"), (&self.after, "after")] {
            let Some(side) = side else { continue };
            if side.neighbour.broken > 0 {
                notes.push(format!("{} samples {place} the hole are no numbers and were taken as silence", side.neighbour.broken));
            }
            if side.neighbour.clipped.iter().any(|c| *c) {
                notes.push(format!("the sound {place} the hole is clipped; clipped parts were not reused where others suffice"));
            }
        }
        notes
    }

    /// What was left out of it.
    fn notes_on_events(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (side, place) in [(&self.before, "before"), (&self.after, "after")] {
            let Some(side) = side else { continue };
            if !side.over_floor && side.events > 0 {
                notes.push(match side.events {
                    1 => format!("one sound {place} the hole comes and goes, as a step or a word does, and was left out"),
                    n => format!("{n} sounds {place} the hole come and go, as steps or words do, and were left out"),
                });
            }
        }
        notes
    }

    /// Bends both ends of a channel to its neighbours, cuts the margins off and lays the offset under it.
    fn join(&self, c: usize, channel: &mut Vec<f32>, samples: usize) {
        let sounds = |side: &Option<Side>| side.as_ref().is_some_and(|s| s.near(c, usize::MAX).iter().any(|v| *v != 0.0));
        let fade = FADE.min(samples / 2);
        let gain = |k: usize| 0.5 - 0.5 * (std::f32::consts::PI * (k as f32 + 0.5) / fade as f32).cos();
        if let Some(side) = &self.before {
            if sounds(&self.before) {
                joins::join_head(side.near(c, usize::MAX), channel, MARGIN, samples);
            } else {
                channel[MARGIN..MARGIN + fade].iter_mut().enumerate().for_each(|(k, s)| *s *= gain(k));
            }
        }
        if let Some(side) = &self.after {
            if sounds(&self.after) {
                joins::join_tail(side.near(c, usize::MAX), channel, MARGIN, samples);
            } else {
                channel[..MARGIN + samples].iter_mut().rev().take(fade).enumerate().for_each(|(k, s)| *s *= gain(k));
            }
        }
        channel.truncate(MARGIN + samples);
        channel.drain(..MARGIN);
        let offset = |side: &Option<Side>| side.as_ref().map(|s| s.neighbour.offset[c]);
        let (from, to) = match (offset(&self.before), offset(&self.after)) {
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

fn figure(name: &str, value: f64, unit: &str) -> Figure {
    Figure { name: name.to_owned(), value, unit: unit.to_owned() }
}

fn figures(made: &[Vec<f32>], sides: &Sides, spectrum: &Spectrum) -> Vec<Figure> {
    let mut found = Vec::new();
    found.extend(measure::repetition(made).map(|value| figure("sound-repetition", value, "correlation")));
    let worst = |jumps: Vec<Option<f64>>| jumps.into_iter().flatten().reduce(f64::max);
    if let Some(side) = sides.before.as_ref().filter(|s| !s.is_silent()) {
        let jumps = made.iter().enumerate().map(|(c, m)| measure::jump(side.near(c, EDGE), m, spectrum)).collect();
        found.extend(worst(jumps).map(|value| figure("sound-seam-in", value, "dB")));
    }
    if let Some(side) = sides.after.as_ref().filter(|s| !s.is_silent()) {
        let jumps = made.iter().enumerate().map(|(c, m)| measure::jump(m, side.near(c, EDGE), spectrum)).collect();
        found.extend(worst(jumps).map(|value| figure("sound-seam-out", value, "dB")));
    }
    found
}
