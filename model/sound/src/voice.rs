//! Voices: voiced sounds that come and go, and whatever else comes and goes like syllables.

use crate::RATE;
use crate::prepare::{Neighbour, at, sorted};
use crate::spectrum::{HOP, PerBand, db};

/// Samples that are averaged into one for the pitch search: 6 kHz are plenty for a voice's fundamental.
const DECIMATE: usize = 8;
/// Length and step of a pitch frame, in decimated samples: 80 ms and 20 ms.
const FRAME: usize = 480;
const STEP: usize = 120;
/// Fundamentals of voices, as lags at 6 kHz: 400 Hz down to 80 Hz.
const LAGS: std::ops::RangeInclusive<usize> = 15..=75;
/// Lags of shorter periods. What is as periodic there is a whistle or a bird, no voice.
const SHORT_LAGS: std::ops::RangeInclusive<usize> = 4..=9;
/// Normalised autocorrelation from which a frame counts as voiced.
const VOICED: f32 = 0.7;
/// The same at a short lag, relative to that at the period, up to which it is a voice.
const WHISTLE: f32 = 0.97;
/// A voice is looked for only in frames this much above the quiet ones, in dB: a hum is part of the floor.
const ABOVE_DB: f32 = 8.0;
/// Fewer voiced frames on end than this (140 ms) are chance.
const RUN: usize = 4;

/// Bands in which syllables are looked for: 200 Hz to 5 kHz.
const SPEECH: std::ops::RangeInclusive<usize> = 9..=23;
/// Loud frames (95th percentile) of syllables stand this far above quiet ones (20th), in dB …
const SYLLABLE_DB: f32 = 14.5;
/// … they come this often in a second (speech is slowest at two words; Scheirer and Slaney, ICASSP 1997, look at 4 Hz) …
const SYLLABLES_PER_SECOND: f32 = 2.2;
/// … or, where they stand this far above the floor, so that the pauses between words no longer reach down to it, this often …
const WORDS: (f32, f32) = (20.0, 1.2);
/// … and in this share of the bands at once, each by this many dB: birds and crickets keep to a few.
const SYLLABLE_BANDS: (f32, f32) = (0.8, 12.0);
/// Both sides of the middle level that a syllable has to cross, in dB.
const HYSTERESIS_DB: f32 = 2.0;
/// Less than this many frames (1.5 s) do not tell.
const SYLLABLE_FRAMES: usize = RATE as usize * 3 / 2 / HOP;

/// Whether a track of band powers rises and falls as a whisper, a hoarse voice or steps do, far above its floor. Speech over
/// ambience 15 dB below it has a range of 15 to 35 dB and three rises a second in all bands; of 44 stretches of ambience the
/// nearest are a storm (14 dB, 2.0 a second) and a café full of voices (13.6 dB, 2.7 a second).
pub(crate) fn is_syllabic(track: &[PerBand]) -> bool {
    if track.len() < SYLLABLE_FRAMES {
        return false;
    }
    let levels: Vec<f32> = track.iter().map(|f| db(SPEECH.map(|b| f[b]).sum())).collect();
    let range = |values: Vec<f32>| {
        let ranked = sorted(values.into_iter());
        (at(&ranked, 0.2), at(&ranked, 0.95))
    };
    let (low, high) = range(levels.clone());
    let middle = 0.5 * (low + high);
    let (mut rises, mut up) = (0, false);
    for level in levels {
        if !up && level > middle + HYSTERESIS_DB {
            up = true;
            rises += 1;
        } else if up && level < middle - HYSTERESIS_DB {
            up = false;
        }
    }
    let rate = rises as f32 / ((track.len() * HOP) as f32 / RATE as f32);
    let moved = SPEECH
        .filter(|b| {
            let (low, high) = range(track.iter().map(|f| db(f[*b])).collect());
            high - low > SYLLABLE_BANDS.1
        })
        .count();
    let lively = (high - low >= SYLLABLE_DB && rate >= SYLLABLES_PER_SECOND) || (high - low >= WORDS.0 && rate >= WORDS.1);
    lively && moved as f32 >= SYLLABLE_BANDS.0 * SPEECH.count() as f32
}

/// What was heard of voices.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Voices {
    /// Share of frames, 0 to 1, that are voiced and stand above the quiet ones.
    pub share: f32,
    /// Level in dB that loud moments (95th percentile of 50 ms) have above quiet ones (20th).
    pub spread: f32,
    /// Voiced stretches: first sample and length.
    pub stretches: Vec<(usize, usize)>,
}

impl Voices {
    /// Dialogue stands over a floor. Speech over ambience that lies 15 dB below it is voiced in at least .4 of its frames with
    /// a spread above 18 dB; 33 stretches of rain, wind, fire, city, sea, storm, crickets, birds and a full café reach .04.
    pub fn are_dialogue(&self) -> bool {
        self.share >= 0.12 && self.spread >= 9.0
    }
}

/// Looks for voices. In silence and stretches too short to tell there are none.
pub(crate) fn find(neighbour: &Neighbour) -> Voices {
    let voice = voice_band(neighbour);
    let power = |c: &[f32]| 10.0 * (c.iter().map(|s| s * s).sum::<f32>() / c.len() as f32).max(1e-14).log10();
    let levels = sorted(voice.chunks(RATE as usize / DECIMATE / 20).map(power));
    if levels.len() < 8 {
        return Voices::default();
    }
    let threshold = at(&levels, 0.2) + ABOVE_DB;
    let voiced: Vec<bool> = voice.windows(FRAME).step_by(STEP).map(|frame| power(frame) > threshold && is_voiced(frame)).collect();
    let mut stretches = Vec::new();
    let mut count = 0;
    for (i, run) in voiced.chunk_by(|a, b| a == b).scan(0, |at, run| Some((std::mem::replace(at, *at + run.len()), run))) {
        if run[0] && run.len() >= RUN {
            count += run.len();
            stretches.push((i * STEP * DECIMATE, ((run.len() - 1) * STEP + FRAME) * DECIMATE));
        }
    }
    Voices { share: count as f32 / voiced.len().max(1) as f32, spread: at(&levels, 0.95) - at(&levels, 0.2), stretches }
}

/// The mean of all channels between about 80 Hz and 1.5 kHz, decimated.
fn voice_band(neighbour: &Neighbour) -> Vec<f32> {
    let pole = |hz: f32| 1.0 - (-std::f32::consts::TAU * hz / RATE as f32).exp();
    let (high, low) = (pole(80.0), pole(1500.0));
    let (mut rumble, mut first, mut second) = (0.0f32, 0.0f32, 0.0f32);
    let mut out = Vec::with_capacity(neighbour.len() / DECIMATE + 1);
    let mut sum = 0.0;
    for i in 0..neighbour.len() {
        let x = neighbour.channels.iter().map(|c| c[i]).sum::<f32>() / neighbour.channels.len() as f32;
        rumble += high * (x - rumble);
        first += low * (x - rumble - first);
        second += low * (first - second);
        sum += second;
        if i % DECIMATE == DECIMATE - 1 {
            out.push(sum / DECIMATE as f32);
            sum = 0.0;
        }
    }
    out
}

fn is_voiced(frame: &[f32]) -> bool {
    let highest = |lags: std::ops::RangeInclusive<usize>| lags.map(|lag| likeness(frame, lag)).fold(-1.0, f32::max);
    let period = highest(LAGS);
    period > VOICED && highest(SHORT_LAGS) < WHISTLE * period
}

/// Normalised autocorrelation, −1 to 1.
fn likeness(frame: &[f32], lag: usize) -> f32 {
    let (mut cross, mut left, mut right) = (0.0f32, 0.0f32, 0.0f32);
    for (x, y) in frame[lag..].iter().zip(frame) {
        cross += x * y;
        left += x * x;
        right += y * y;
    }
    cross / (left * right).sqrt().max(1e-20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn floor(seconds: usize) -> Vec<f32> {
        let mut r = Random::new(4, 4);
        (0..seconds * RATE as usize).map(|_| r.between(-0.01, 0.01) as f32).collect()
    }

    /// A pulse train at 120 Hz through one formant, gated or not.
    fn pulses(gate: bool) -> Vec<f32> {
        let mut x = floor(3);
        let mut state = [0.0f32; 2];
        for (i, s) in x.iter_mut().enumerate() {
            let speaks = !gate || (i / 14_400) % 2 == 0;
            let pulse = if speaks && i % 400 == 0 { 1.0 } else { 0.0 };
            let formant = pulse + 1.94 * state[0] - 0.95 * state[1];
            state = [formant, state[0]];
            *s += 0.1 * formant;
        }
        x
    }

    #[test]
    fn a_voice_is_told_from_a_hum_and_from_noise() {
        let speaks = find(&Neighbour::of(vec![pulses(true)]));
        assert!(speaks.are_dialogue(), "{} {}", speaks.share, speaks.spread);
        assert!(!find(&Neighbour::of(vec![pulses(false)])).are_dialogue());
        assert_eq!(find(&Neighbour::of(vec![floor(3)])).share, 0.0);
    }

    #[test]
    fn a_whisper_is_syllabic_and_noise_and_crackle_are_not() {
        let s = crate::spectrum::Spectrum::new();
        let mut r = Random::new(7, 7);
        let mut whisper = floor(4);
        for (i, x) in whisper.iter_mut().enumerate() {
            let phase = i as f32 / RATE as f32 * 3.5;
            let open = (std::f32::consts::PI * phase.fract()).sin().powi(4) * if phase as usize % 5 == 4 { 0.0 } else { 1.0 };
            *x += open * r.between(-0.15, 0.15) as f32;
        }
        assert!(is_syllabic(&s.track(&whisper)));
        assert!(!is_syllabic(&s.track(&whisper[..RATE as usize])));
        assert!(!is_syllabic(&s.track(&floor(4))));
        let mut crackle = floor(4);
        for _ in 0..80 {
            let at = r.below(crackle.len() - 400);
            (0..300).for_each(|i| crackle[at + i] += (r.between(-0.05, 0.05) * (-(i as f64) / 60.0).exp()) as f32);
        }
        assert!(!is_syllabic(&s.track(&crackle)));
        assert!(!is_syllabic(&s.track(&[0.0; 192_000])));
    }

    #[test]
    fn a_bird_is_no_voice() {
        let mut x = floor(3);
        for (i, s) in x.iter_mut().enumerate() {
            let sings = (i / 9_600) % 2 == 0;
            let phase = std::f32::consts::TAU * 1_200.0 * i as f32 / 48_000.0;
            *s += if sings { 0.3 * phase.sin() } else { 0.0 };
        }
        assert!(!find(&Neighbour::of(vec![x])).are_dialogue());
    }

    #[test]
    fn silence_and_splinters_have_no_voice() {
        assert_eq!(find(&Neighbour::of(vec![vec![0.0; 96_000]])).share, 0.0);
        assert_eq!(find(&Neighbour::of(vec![vec![0.1; 7]])), Voices::default());
        assert_eq!(find(&Neighbour::of(vec![Vec::new()])), Voices::default());
    }
}
