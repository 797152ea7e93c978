//! Music across a hole: what it is, and how it goes on.
//!
//! Where the tempo is certain, or the user gives it, both neighbours' beats are laid on one grid that runs evenly from the last
//! beat before the hole to the first beat after it; the beats of the first half come from before, in the order in which they
//! were played, whole bars earlier; those of the second half from after. Where the tempo is not certain nothing is guessed: the
//! music dies away, and the music after it comes up, as their last and first sounds held and faded.

use shot::Sound;

use crate::floor::{Floor, noise};
use crate::key::{Key, key};
use crate::rhythm::{Tempo, tempo};
use crate::shape::Glide;
use crate::side::{Side, together};
use crate::spectrum::{PerBand, Spectrum};
use crate::{Error, RATE, resample::conform};

/// Beats in a bar, as nearly all music has it; loops are whole bars where enough is heard.
const BAR: usize = 4;
/// Beats that are repeated at most.
const LOOP: usize = 16;
/// A slice comes in this many samples before its beat, and takes over within this many: attacks stay whole.
const LEAD: usize = RATE as usize / 33;
const BLEND: usize = RATE as usize / 66;
/// Two tempi that differ by more than this, relative, are two pieces of music.
const SAME: f64 = 0.06;
/// The held sound is made of this many frames (about a third of a second) …
const HELD: usize = 24;
/// … and has died away after this many samples; what follows comes up within half of it.
const DYING: usize = RATE as usize * 5 / 2;

/// Something found out, and how far it may be trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate<T> {
    /// The best guess.
    pub value: T,
    /// 0 to 1.
    pub confidence: f64,
    /// Whether it may be acted on. When not, say "not sure".
    pub sure: bool,
}

/// What is known of a piece of music.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Music {
    /// Tempo and beats; `None` where there is too little to say anything.
    pub tempo: Option<Estimate<Tempo>>,
    /// Key; `None` where no tone is heard.
    pub key: Option<Estimate<Key>>,
}

/// Finds tempo and key. Any rate and channel count; the first 90 s are listened to.
pub fn music(sound: &Sound) -> Result<Music, Error> {
    let reach = sound.len().min(90 * sound.rate() as usize);
    let head = Sound::new(sound.rate(), sound.channels().iter().map(|c| c[..reach].to_vec()).collect())?;
    let channels = conform(&head, RATE, sound.channels().len().clamp(1, crate::MAX_CHANNELS))?.into_channels();
    let spectrum = Spectrum::new();
    let tracks: Vec<Vec<PerBand>> = channels.iter().map(|c| spectrum.track(c)).collect();
    Ok(Music { tempo: tempo(&together(&tracks), None), key: key(&channels) })
}

/// A neighbour as music.
pub(crate) struct Heard {
    pub tempo: Option<Estimate<Tempo>>,
    pub key: Option<Estimate<Key>>,
}

impl Heard {
    pub fn new(side: &Side, given_tempo: Option<f64>, given_key: Option<Key>) -> Self {
        let key = given_key.map(|value| Estimate { value, confidence: 1.0, sure: true });
        Self { tempo: tempo(&side.together(), given_tempo), key: key.or_else(|| key_of(side)) }
    }

    /// Whether this is music without doubt.
    pub fn is_certain(&self) -> bool {
        self.tempo.as_ref().is_some_and(|t| t.sure) && self.key.as_ref().is_some_and(|k| k.sure)
    }

    /// What to tell the editor.
    pub fn describe(&self) -> String {
        let tempo = match &self.tempo {
            Some(t) if t.sure => format!("{:.1} beats per minute", t.value.bpm),
            _ => "tempo not sure".to_owned(),
        };
        let key = match &self.key {
            Some(k) if k.sure => k.value.to_string(),
            _ => "key not sure".to_owned(),
        };
        format!("{tempo}, {key}")
    }

    fn beats(&self) -> Option<&Tempo> {
        self.tempo.as_ref().filter(|t| t.sure && t.value.beats.len() >= 2).map(|t| &t.value)
    }
}

fn key_of(side: &Side) -> Option<Estimate<Key>> {
    key(&side.neighbour.channels)
}

/// One slice of the plan: where it stands in the hole (its beat, from the hole's first sample) and where it comes from.
struct Slice {
    at: isize,
    to: isize,
    after: bool,
    from: usize,
}

/// Plans beats across the hole; `None` where the tempo of a side that sounds is not certain or the two are no one music.
fn plan(before: Option<(&Side, &Heard)>, after: Option<(&Side, &Heard)>, samples: usize) -> Option<Vec<Slice>> {
    let beats = |side: Option<(&Side, &Heard)>| -> Option<Option<Tempo>> {
        side.map(|(_, h)| h.beats().cloned()).map_or(Some(None), |t| t.map(Some))
    };
    let (left, right) = (beats(before)?, beats(after)?);
    let period = |t: &Tempo| 60.0 / t.bpm * f64::from(RATE);
    if let (Some(l), Some(r)) = (&left, &right)
        && (l.bpm / r.bpm - 1.0).abs() > SAME
    {
        return None;
    }
    let start = left.as_ref().and_then(|t| Some(*t.beats.last()? as f64 - before?.0.neighbour.len() as f64));
    let end = right.as_ref().and_then(|t| Some(*t.beats.first()? as f64 + samples as f64));
    let pulse = left.as_ref().or(right.as_ref()).map(period)?;
    let (first, step, count) = match (start, end) {
        (Some(a), Some(b)) => {
            let count = ((b - a) / pulse).round().max(1.0);
            (a, (b - a) / count, count as usize)
        }
        (Some(a), None) => (a, pulse, ((samples as f64 - a) / pulse).ceil() as usize + 1),
        (None, Some(b)) => {
            let count = (b / pulse).ceil() as usize + 1;
            (b - count as f64 * pulse, pulse, count)
        }
        (None, None) => return None,
    };
    let bars = |t: &Tempo| {
        let whole = (t.beats.len() - 1).min(LOOP);
        if whole >= BAR { whole / BAR * BAR } else { whole }
    };
    let slices = (0..count).map(|j| {
        let from_after = right.is_some() && (left.is_none() || 2 * j >= count);
        let from = match (&left, &right) {
            (Some(t), _) if !from_after => t.beats[t.beats.len() - 1 - bars(t) + j % bars(t)],
            (_, Some(t)) => t.beats[bars(t) - 1 - (count - 1 - j) % bars(t)],
            _ => 0,
        };
        let place = |k: usize| (first + step * k as f64).round() as isize;
        Slice { at: place(j), to: place(j + 1), after: from_after, from }
    });
    Some(slices.collect())
}

/// The music in the hole with `margin` samples more on either side, and whether it keeps the beat.
pub(crate) fn lay(before: Option<(&Side, &Heard)>, after: Option<(&Side, &Heard)>, hole: &Hole<'_>) -> (Vec<Vec<f32>>, bool) {
    match plan(before, after, hole.samples) {
        Some(slices) => (beat(before.map(|b| b.0), after.map(|a| a.0), &slices, hole), true),
        None => (fade(before.map(|b| b.0), after.map(|a| a.0), hole), false),
    }
}

/// What both ways of laying need to know of the hole.
pub(crate) struct Hole<'a> {
    pub samples: usize,
    pub margin: usize,
    pub channels: usize,
    pub seed: u64,
    pub spectrum: &'a Spectrum,
}

fn beat(before: Option<&Side>, after: Option<&Side>, slices: &[Slice], hole: &Hole<'_>) -> Vec<Vec<f32>> {
    let length = hole.samples + 2 * hole.margin;
    let lead = LEAD as isize;
    (0..hole.channels)
        .map(|c| {
            let mut out = vec![0.0f32; length];
            for (i, slice) in slices.iter().enumerate() {
                let Some(side) = (if slice.after { after } else { before }) else { continue };
                let source = &side.neighbour.channels[c];
                // From one lead before its beat until the next slice has taken over; the first and the last go on as far as needed.
                let begin = if i == 0 { -(hole.margin as isize) } else { slice.at - lead };
                let end = if i + 1 == slices.len() { (length - hole.margin) as isize } else { slice.to - lead + BLEND as isize };
                for t in begin..end {
                    let Some(place) = usize::try_from(t + hole.margin as isize).ok().and_then(|p| out.get_mut(p)) else { continue };
                    let at = slice.from as isize + (t - slice.at);
                    let value = usize::try_from(at).ok().and_then(|k| source.get(k)).copied().unwrap_or(0.0);
                    let rise = if i == 0 { 1.0 } else { ((t - begin) as f32 / BLEND as f32).min(1.0) };
                    let fall = if i + 1 == slices.len() { 1.0 } else { ((end - t) as f32 / BLEND as f32).min(1.0) };
                    // Straight fades: neighbouring beats of one music are alike more often than not.
                    *place += value * rise * fall;
                }
            }
            out
        })
        .collect()
}

fn fade(before: Option<&Side>, after: Option<&Side>, hole: &Hole<'_>) -> Vec<Vec<f32>> {
    let length = hole.samples + 2 * hole.margin;
    let mut out = vec![vec![0.0f32; length]; hole.channels];
    let share = if before.is_some() && after.is_some() { hole.samples * 3 / 5 } else { hole.samples };
    for (side, is_after) in [(before, false), (after, true)] {
        let Some(side) = side else { continue };
        let frames = side.edge_frames(HELD);
        if frames.is_empty() {
            continue;
        }
        let floor = Floor::new(&side.neighbour, &frames, hole.spectrum);
        let glides: Vec<Glide> = floor.level.iter().map(|l| Glide::new(*l, *l)).collect();
        let reach = if is_after { (DYING / 2).min(share * 2 / 3) } else { DYING.min(share) };
        let made = noise(&[floor], (reach + hole.margin).min(length), &glides, hole.seed.wrapping_add(u64::from(is_after)), hole.spectrum);
        for (channel, held) in out.iter_mut().zip(&made) {
            let n = channel.len();
            for (k, value) in held.iter().enumerate() {
                let distance = k.saturating_sub(hole.margin) as f32 / reach.max(1) as f32;
                let gain = (0.5 + 0.5 * (std::f32::consts::PI * distance.min(1.0)).cos()).powi(2);
                let place = if is_after { n - 1 - k } else { k };
                channel[place] += value * gain;
            }
        }
    }
    out
}

/// Whether two keys can stand together: the same notes.
pub(crate) fn clash(left: &Heard, right: &Heard) -> bool {
    match (&left.key, &right.key) {
        (Some(l), Some(r)) if l.sure && r.sure => l.value != r.value && l.value != r.value.relative(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_clash_unless_relatives() {
        let of = |text: &str| Heard { tempo: None, key: Some(Estimate { value: text.parse().unwrap(), confidence: 1.0, sure: true }) };
        assert!(!clash(&of("C"), &of("Am")));
        assert!(clash(&of("C"), &of("F#")));
        assert!(!clash(&of("C"), &Heard { tempo: None, key: None }));
    }

    #[test]
    fn silence_has_neither_tempo_nor_key() {
        let found = music(&Sound::silence(44_100, 2, 441_000)).unwrap();
        assert!(found.tempo.is_none_or(|t| !t.sure) && found.key.is_none());
        assert_eq!(music(&Sound::silence(48_000, 1, 0)).unwrap(), Music::default());
    }
}
