//! The key of music: how well its tones fit the profile of each key (C. L. Krumhansl and M. A. Schmuckler's method, in Krumhansl,
//! "Cognitive foundations of musical pitch", 1990), with the profiles of D. Temperley ("What's key for key? The Krumhansl-Schmuckler
//! key-finding algorithm reconsidered", Music Perception 17, 1999), which take fewer keys for their dominant than those that were
//! measured on listeners: on 195 made tracks 180 best guesses are right instead of 167.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use realfft::RealFftPlanner;

use crate::{Error, Estimate, RATE};

/// How well each of twelve tones fits a major key, from the tonic up.
const MAJOR: [f64; 12] = [5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0];
/// How well each of twelve tones fits a minor key, from the tonic up.
const MINOR: [f64; 12] = [5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0];
/// Samples of one analysis frame: 2.9 Hz a bin tell semitones apart from 100 Hz on.
const FRAME: usize = 16_384;
/// Where tones are looked for, in hertz: below, semitones are too close; above, overtones rule.
const RANGE: (f64, f64) = (100.0, 2_000.0);
/// Correlation with the best key's profile below which there is no key to be sure of.
const FIT: f64 = 0.72;
/// How far the best key must stand above the best one that is neither itself nor its relative.
const LEAD: f64 = 0.1;
/// So many of the twelve tones must be heard, each with this share of the strongest: a drone has the overtones of a major chord and
/// no key.
const TONES: (usize, f64) = (5, 0.1);
/// Tuned farther off than this, in semitones, music lies between two keys and either name would be right.
const BETWEEN: f64 = 0.35;
/// The parts that must agree, at most, and how many samples each must have.
const PARTS: usize = 3;
const PART: usize = 5 * RATE as usize;
/// A peak this far below the strongest of its frame is no tone, in amplitude.
const FAINT: f32 = 0.03;

/// A musical key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Pitch class of the tonic: 0 is C, 11 is B.
    pub tonic: u8,
    /// Minor, else major.
    pub minor: bool,
}

impl Key {
    /// The relative key, which has the same notes: A minor for C major.
    pub const fn relative(self) -> Self {
        Self { tonic: (self.tonic + if self.minor { 3 } else { 9 }) % 12, minor: !self.minor }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
        write!(f, "{} {}", NAMES[usize::from(self.tonic % 12)], if self.minor { "minor" } else { "major" })
    }
}

impl FromStr for Key {
    type Err = Error;

    /// Reads `F# minor`, `Bb major`, `C`, `f#m`; sharps as # or ♯, flats as b or ♭.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Key { got: text.to_owned() };
        let trimmed = text.trim();
        let mut letters = trimmed.chars();
        let tonic = match letters.next().ok_or_else(bad)?.to_ascii_uppercase() {
            'C' => 0i32,
            'D' => 2,
            'E' => 4,
            'F' => 5,
            'G' => 7,
            'A' => 9,
            'B' => 11,
            _ => return Err(bad()),
        };
        let rest = letters.as_str();
        let (shift, mode) = match rest.chars().next() {
            Some('#' | '♯') => (1, rest.chars().skip(1).collect::<String>()),
            Some('b' | '♭') => (-1, rest.chars().skip(1).collect()),
            _ => (0, rest.to_owned()),
        };
        let minor = match mode.trim().to_lowercase().as_str() {
            "" | "major" | "maj" | "dur" => false,
            "minor" | "min" | "m" | "moll" => true,
            _ => return Err(bad()),
        };
        Ok(Self { tonic: (tonic + shift).rem_euclid(12) as u8, minor })
    }
}

/// The key of some channels at 48 kHz, heard together. `None` where no tone is heard. It is sure only where every part of the
/// piece says so by itself: music that modulates has no one key to act on.
pub(crate) fn key(channels: &[Vec<f32>]) -> Option<Estimate<Key>> {
    let length = channels.first()?.len();
    let whole = judge(channels, 0..length)?;
    let parts = (length / PART).clamp(1, PARTS);
    let agrees = |i: usize| {
        judge(channels, length * i / parts..length * (i + 1) / parts)
            .is_some_and(|part| part.sure && (part.value == whole.value || part.value == whole.value.relative()))
    };
    let sure = whole.sure && (parts == 1 || (0..parts).all(agrees));
    Some(Estimate { sure, confidence: if sure { whole.confidence } else { whole.confidence.min(0.5) }, ..whole })
}

fn judge(channels: &[Vec<f32>], range: Range<usize>) -> Option<Estimate<Key>> {
    let (chroma, tuning) = chroma(channels, range)?;
    let mut fits: Vec<(f64, Key)> =
        (0..12u8).flat_map(|tonic| [false, true].map(|minor| Key { tonic, minor })).map(|key| (correlation(&chroma, key), key)).collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (fit, key) = *fits.first()?;
    let rival = fits.iter().find(|f| f.1 != key && f.1 != key.relative()).map_or(0.0, |f| f.0);
    let lead = fit - rival;
    // 1 where the fit is perfect and the lead twice what is asked for.
    let confidence = (0.5 * (fit - FIT).max(0.0) / (1.0 - FIT) + 0.5 * (lead / (2.0 * LEAD)).clamp(0.0, 1.0)).clamp(0.0, 1.0);
    let strongest = chroma.iter().copied().fold(0.0, f64::max);
    let tones = chroma.iter().filter(|c| **c >= TONES.1 * strongest).count();
    let sure = fit >= FIT && lead >= LEAD && tones >= TONES.0 && tuning.abs() <= BETWEEN;
    Some(Estimate { value: key, confidence, sure })
}

fn correlation(chroma: &[f64; 12], key: Key) -> f64 {
    let profile = if key.minor { MINOR } else { MAJOR };
    let at = |i: usize| profile[(i + 12 - usize::from(key.tonic)) % 12];
    let (a, b) = (chroma.iter().sum::<f64>() / 12.0, profile.iter().sum::<f64>() / 12.0);
    let (mut cross, mut left, mut right) = (0.0, 0.0, 0.0);
    for (i, c) in chroma.iter().enumerate() {
        cross += (c - a) * (at(i) - b);
        left += (c - a) * (c - a);
        right += (at(i) - b) * (at(i) - b);
    }
    cross / (left * right).sqrt().max(1e-12)
}

/// How much of each pitch class sounds: spectral peaks, after the tuning (in semitones from A = 440 Hz) has been found and taken
/// away.
fn chroma(channels: &[Vec<f32>], range: Range<usize>) -> Option<([f64; 12], f64)> {
    let plan = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME);
    let mut bins = plan.make_output_vec();
    // Pitch in semitones above C and strength of every peak.
    let mut peaks: Vec<(f64, f64)> = Vec::new();
    let bin = f64::from(RATE) / FRAME as f64;
    let (low, high) = ((RANGE.0 / bin) as usize, (RANGE.1 / bin) as usize);
    for start in (range.start..(range.end + 1).saturating_sub(FRAME).max(range.start)).step_by(FRAME / 2) {
        let mut frame: Vec<f32> = (0..FRAME)
            .map(|i| {
                let window = 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / FRAME as f32).cos();
                window * channels.iter().map(|c| c[start + i]).sum::<f32>()
            })
            .collect();
        plan.process(&mut frame, &mut bins).ok()?;
        let size: Vec<f32> = bins.iter().map(|z| z.norm()).collect();
        let strongest = size[low..=high].iter().fold(0.0f32, |m, s| m.max(*s));
        if strongest < 1e-3 {
            continue;
        }
        for k in low..=high {
            let (l, m, r) = (f64::from(size[k - 1]), f64::from(size[k]), f64::from(size[k + 1]));
            if size[k] > FAINT * strongest && m >= l && m > r {
                let (l, c, r) = (l.max(1e-12).ln(), m.max(1e-12).ln(), r.max(1e-12).ln());
                let bend = l - 2.0 * c + r;
                let place = k as f64 + if bend < -1e-9 { 0.5 * (l - r) / bend } else { 0.0 };
                let pitch = 69.0 + 12.0 * (place * bin / 440.0).log2();
                // Square root: the melody's loudest tone must not drown the harmony.
                peaks.push((pitch, (m / f64::from(strongest)).sqrt()));
            }
        }
    }
    if peaks.is_empty() {
        return None;
    }
    let (mut sin, mut cos) = (0.0, 0.0);
    for (pitch, strength) in &peaks {
        let angle = std::f64::consts::TAU * pitch;
        sin += strength * angle.sin();
        cos += strength * angle.cos();
    }
    let tuning = sin.atan2(cos) / std::f64::consts::TAU;
    let mut chroma = [0.0; 12];
    for (pitch, strength) in peaks {
        let semitone = (pitch - tuning).round();
        let off = (pitch - tuning - semitone).abs();
        chroma[(semitone as i64).rem_euclid(12) as usize] += strength * (1.0 - 2.0 * off);
    }
    Some((chroma, tuning))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Triads (semitones from C4, minor or not), a second each, with four overtones.
    fn chords(list: &[(i32, bool)], tuning: f64) -> Vec<f32> {
        let mut x = Vec::new();
        for (root, minor) in list {
            let tones = [*root, root + if *minor { 3 } else { 4 }, root + 7];
            for i in 0..RATE as usize {
                let t = i as f64 / f64::from(RATE);
                let sum: f64 = tones
                    .iter()
                    .flat_map(|n| (1..5).map(move |h| (n, f64::from(h))))
                    .map(|(n, h)| {
                        let hz = 261.626 * 2f64.powf((f64::from(*n) + tuning) / 12.0) * h;
                        (std::f64::consts::TAU * hz * t).sin() / (h * h)
                    })
                    .sum();
                x.push((0.1 * sum * (-1.5 * t).exp()) as f32);
            }
        }
        x
    }

    #[test]
    fn cadences_tell_their_key_in_any_tuning() {
        for tonic in 0..12 {
            for tuning in [-0.3, 0.0, 0.2] {
                let major = chords(&[(tonic, false), (tonic + 5, false), (tonic + 7, false), (tonic, false)], tuning);
                let found = key(&[major]).unwrap();
                let want = Key { tonic: tonic as u8, minor: false };
                assert!(
                    found.sure && (found.value == want || found.value == want.relative()),
                    "{want} {tuning}: {} {}",
                    found.value,
                    found.confidence
                );
                let minor = chords(&[(tonic, true), (tonic + 5, true), (tonic + 7, true), (tonic, true)], tuning);
                let found = key(&[minor]).unwrap();
                let want = Key { tonic: tonic as u8, minor: true };
                assert!(!found.sure || found.value == want || found.value == want.relative(), "{want} {tuning}: {}", found.value);
            }
        }
    }

    #[test]
    fn clusters_drones_and_noise_have_no_key() {
        let mut r = crate::random::Random::new(1, 1);
        let noise: Vec<f32> = (0..5 * RATE as usize).map(|_| r.between(-0.1, 0.1) as f32).collect();
        assert!(!key(&[noise]).unwrap().sure);
        let all: Vec<(i32, bool)> = (0..12).map(|n| (n, false)).collect();
        assert!(!key(&[chords(&all, 0.0)]).unwrap().sure);
        let drone = |i: usize, h: f64| (std::f64::consts::TAU * 110.0 * h * i as f64 / f64::from(RATE)).sin() / h;
        let drone: Vec<f32> = (0..6 * RATE as usize).map(|i| (1..7).map(|h| 0.1 * drone(i, f64::from(h))).sum::<f64>() as f32).collect();
        assert!(!key(&[drone]).unwrap().sure);
        assert!(key(&[vec![0.0; 96_000]]).is_none());
        assert!(key(&[vec![0.1; 10]]).is_none());
    }

    #[test]
    fn keys_are_read_as_musicians_write_them() {
        for (text, shown) in [
            ("F# minor", "F# minor"),
            ("f#m", "F# minor"),
            ("Bb", "Bb major"),
            ("C major", "C major"),
            ("B♭ minor", "Bb minor"),
            ("Cb", "B major"),
        ] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "H", "C sharp", "minor", "F##"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
        assert_eq!("C".parse::<Key>().unwrap().relative().to_string(), "A minor");
        assert_eq!("F# minor".parse::<Key>().unwrap().relative().to_string(), "A major");
    }
}
