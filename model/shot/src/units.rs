//! Units in types: a frame is not a second is not a sample.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::{Code, Fault};

/// A frame number on a timeline or in a clip. Timeline frames count from midnight of the record timecode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameIndex(pub i64);

/// The time an OpenFX host speaks of: frames, possibly fractional.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostTime(pub f64);

/// A length or position in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

/// A length or position in samples at [`crate::SAMPLE_RATE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub i64);

/// Frames per second as a fraction: 24000/1001 exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    num: u32,
    den: u32,
}

impl Rate {
    /// A rate of `num`/`den` frames per second, in lowest terms; both must be above zero and the rate at most 1000 per second.
    pub fn new(num: u32, den: u32) -> Result<Self, Fault> {
        if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den) {
            return Err(Fault::new(
                Code::Argument,
                format!("{num}/{den} is not a frame rate"),
                "give frames per second above 0 and at most 1000, such as 24, 25, 29.97 or 24000/1001",
            ));
        }
        let g = gcd(num, den);
        Ok(Self { num: num / g, den: den / g })
    }

    /// A whole number of frames per second, 1 to 1000; values outside are brought inside.
    pub const fn whole(fps: u32) -> Self {
        let num = if fps == 0 {
            1
        } else if fps > 1000 {
            1000
        } else {
            fps
        };
        Self { num, den: 1 }
    }

    /// The nearest fraction to a decimal rate: the NTSC family (23.976, 29.97, 59.94 …) as n·1000/1001, else thousandths.
    pub fn from_f64(fps: f64) -> Result<Self, Fault> {
        if !fps.is_finite() || fps <= 0.0 || fps > 1000.0 {
            return Err(Fault::new(
                Code::Argument,
                format!("{fps} is not a frame rate"),
                "give frames per second above 0 and at most 1000",
            ));
        }
        if (fps - fps.round()).abs() < 1e-4 && fps.round() >= 1.0 {
            return Self::new(fps.round() as u32, 1);
        }
        let nominal = (fps * 1.001).round();
        if nominal >= 1.0 && (fps - nominal / 1.001).abs() < 6e-3 {
            return Self::new(nominal as u32 * 1000, 1001);
        }
        Self::new((fps * 1000.0).round().max(1.0) as u32, 1000)
    }

    /// Numerator, in lowest terms.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator, in lowest terms.
    pub const fn den(self) -> u32 {
        self.den
    }

    /// Frames per second as a decimal.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The number that timecode counts to: 24 for 24000/1001, 30 for 30000/1001.
    pub fn nominal(self) -> u32 {
        self.num.div_ceil(self.den)
    }

    /// The sample at which a frame begins: round(frame × 48000 / rate), ties upward. Neighbouring takes therefore abut.
    pub fn sample_at(self, frame: FrameIndex) -> Samples {
        let n = i128::from(frame.0) * i128::from(crate::SAMPLE_RATE) * i128::from(self.den);
        let d = i128::from(self.num);
        Samples((2 * n + d).div_euclid(2 * d) as i64)
    }

    /// Samples that `frames` frames from `start` get: DESIGN.md §4.
    pub fn samples_in(self, start: FrameIndex, frames: i64) -> Samples {
        Samples(self.sample_at(FrameIndex(start.0 + frames)).0 - self.sample_at(start).0)
    }

    /// The nearest whole number of frames in a length, at least 1 for any length above zero.
    pub fn frames_in(self, length: Seconds) -> i64 {
        let n = (length.0 * self.as_f64()).round() as i64;
        if length.0 > 0.0 { n.max(1) } else { n }
    }

    /// The length of `frames` frames.
    pub fn seconds(self, frames: i64) -> Seconds {
        Seconds(frames as f64 * f64::from(self.den) / f64::from(self.num))
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

impl FromStr for Rate {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::new(Code::Argument, format!("'{text}' is not a frame rate"), "write it as 24, 29.97 or 24000/1001");
        match text.trim().split_once('/') {
            Some((n, d)) => Self::new(n.trim().parse().map_err(|_| bad())?, d.trim().parse().map_err(|_| bad())?),
            None => Self::from_f64(text.trim().parse().map_err(|_| bad())?),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(|f: Fault| serde::de::Error::custom(f.what))
    }
}

/// A range of frames, the out point exclusive. Never of negative length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(i64, i64)", into = "(i64, i64)")]
pub struct Span {
    start: FrameIndex,
    end: FrameIndex,
}

impl Span {
    /// From the in point to the exclusive out point.
    pub fn new(start: FrameIndex, end: FrameIndex) -> Result<Self, Fault> {
        if end < start {
            return Err(Fault::new(
                Code::Argument,
                format!("the in point {} lies after the out point {}", start.0, end.0),
                "give the in point first; the out point is the first frame that is no longer part",
            ));
        }
        Ok(Self { start, end })
    }

    /// The in point.
    pub const fn start(self) -> FrameIndex {
        self.start
    }

    /// The exclusive out point.
    pub const fn end(self) -> FrameIndex {
        self.end
    }

    /// How many frames.
    pub const fn frames(self) -> i64 {
        self.end.0 - self.start.0
    }

    /// True for a span of no frame.
    pub const fn is_empty(self) -> bool {
        self.end.0 == self.start.0
    }
}

impl TryFrom<(i64, i64)> for Span {
    type Error = String;

    fn try_from((a, b): (i64, i64)) -> Result<Self, String> {
        Self::new(FrameIndex(a), FrameIndex(b)).map_err(|f| f.what)
    }
}

impl From<Span> for (i64, i64) {
    fn from(s: Span) -> Self {
        (s.start.0, s.end.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_as_editors_write_them() {
        for (text, shown) in [
            ("24", "24"),
            ("23.976", "24000/1001"),
            ("23.98", "24000/1001"),
            ("29.97", "30000/1001"),
            ("59.94", "60000/1001"),
            ("48000/2002", "24000/1001"),
            ("12.5", "25/2"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "0", "-24", "24/0", "abc", "1e9", "nan"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_hour_of_23976_has_its_published_time_reference() {
        // 01:00:00:00 non-drop at 24000/1001 is frame 86,400.
        assert_eq!("24000/1001".parse::<Rate>().unwrap().sample_at(FrameIndex(86_400)), Samples(172_972_800));
    }

    proptest! {
        #[test]
        fn neighbouring_takes_abut(start in -1_000_000i64..10_000_000, a in 0i64..5_000, b in 0i64..5_000, r in 0usize..6) {
            let rate: Rate = ["24000/1001", "24", "25", "30000/1001", "50", "60000/1001"][r].parse().unwrap();
            let whole = rate.samples_in(FrameIndex(start), a + b).0;
            let parts = rate.samples_in(FrameIndex(start), a).0 + rate.samples_in(FrameIndex(start + a), b).0;
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn a_rate_survives_its_own_text(num in 1u32..100_000, den in 1u32..2_000) {
            if let Ok(rate) = Rate::new(num, den) {
                prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
            }
        }
    }
}
