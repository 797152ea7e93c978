//! Times: a value at a rate, as the file has them, and frames of the cut, as we count them.

use serde_json::{Number, Value};
use shot::Rate;

use crate::error::Error;
use crate::json::{Node, object};

/// Beyond this, in frames or samples, a time is taken for a mistake: 600 years at 48 kHz.
const LARGEST: f64 = 1e15;

/// A `RationalTime`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time {
    pub value: f64,
    pub rate: f64,
}

impl Time {
    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        let number = |key: &str| {
            let value = node.value.get(key).and_then(Value::as_f64);
            value.filter(|v| v.is_finite() && v.abs() <= LARGEST).ok_or_else(|| Error::Time {
                place: format!("{}.{key}", node.place),
                what: match node.value.get(key) {
                    None => "it is missing".into(),
                    Some(v) => format!("{} is not a number in range", v.to_string().chars().take(40).collect::<String>()),
                },
            })
        };
        if !matches!(node.schema(), "RationalTime" | "") || !node.value.is_object() {
            return Err(node.unexpected("a RationalTime"));
        }
        let (value, rate) = (number("value")?, number("rate")?);
        if rate <= 0.0 || rate > 1e6 {
            let what = format!("a rate of {rate}");
            return Err(Error::Time { place: format!("{}.rate", node.place), what });
        }
        Ok(Self { value, rate })
    }

    pub fn seconds(self) -> f64 {
        let (num, den) = fraction(self.rate);
        self.value * den / num
    }
}

/// A `TimeRange`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub start: Time,
    pub duration: Time,
}

impl Range {
    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        if !matches!(node.schema(), "TimeRange" | "") || !node.value.is_object() {
            return Err(node.unexpected("a TimeRange"));
        }
        let part = |key: &'static str| node.get(key).map(|n| Time::read(&n)).transpose();
        let duration = part("duration")?;
        let start = part("start_time")?;
        let zero_like = |other: Option<Time>| other.map(|t| Time { value: 0.0, rate: t.rate });
        let missing = || Error::Time { place: node.place.to_string(), what: "it has neither start_time nor duration".into() };
        let range = Self {
            start: start.or(zero_like(duration)).ok_or_else(missing)?,
            duration: duration.or(zero_like(start)).ok_or_else(missing)?,
        };
        if range.duration.value < 0.0 {
            let what = format!("a length of {}", range.duration.value);
            return Err(Error::Time { place: format!("{}.duration.value", node.place), what });
        }
        Ok(range)
    }

    /// The range in a field of an item, if it has one.
    pub fn of(item: &Node<'_>, key: &'static str) -> Result<Option<Self>, Error> {
        item.get(key).map(|n| Self::read(&n)).transpose()
    }
}

/// A decimal rate as a fraction of whole numbers, where it is one.
fn fraction(rate: f64) -> (f64, f64) {
    match Rate::from_f64(rate) {
        Ok(r) if (r.as_f64() - rate).abs() < 6e-3 => (f64::from(r.num()), f64::from(r.den())),
        _ => (rate, 1.0),
    }
}

/// The cut's rate, as a fraction and as the file writes it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub rate: Rate,
    written: Value,
}

impl Clock {
    /// A clock that goes by the rate of a time in the file.
    pub fn of(time: &Node<'_>) -> Result<Self, Error> {
        let rate = Time::read(time)?.rate;
        let rate = Rate::from_f64(rate)
            .map_err(|_| Error::Time { place: format!("{}.rate", time.place), what: format!("a rate of {rate} frames per second") })?;
        Ok(Self { rate, written: time.value.get("rate").cloned().unwrap_or_default() })
    }

    /// A time as frames of the cut; whole where it is whole but for rounding.
    pub fn frames(&self, time: Time) -> f64 {
        let (num, den) = fraction(time.rate);
        // In one division: 30 at 30 is exactly 24 at 24.
        snap(time.value * den * f64::from(self.rate.num()) / (num * f64::from(self.rate.den())))
    }

    /// Frames of the cut as a `RationalTime`.
    pub fn time(&self, frames: f64) -> Value {
        let value = Number::from_f64(frames).map_or(Value::Null, Value::Number);
        object([("OTIO_SCHEMA", "RationalTime.1".into()), ("rate", self.written.clone()), ("value", value)])
    }

    /// A range of the cut's frames as a `TimeRange`.
    pub fn range(&self, start: f64, duration: f64) -> Value {
        object([("OTIO_SCHEMA", "TimeRange.1".into()), ("duration", self.time(duration)), ("start_time", self.time(start))])
    }
}

/// Takes away what rounding added to a whole number.
pub(crate) fn snap(frames: f64) -> f64 {
    let whole = frames.round();
    if (frames - whole).abs() < 1e-4 { whole } else { frames }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn clock(rate: f64) -> Clock {
        let value = json!({"OTIO_SCHEMA": "RationalTime.1", "value": 0.0, "rate": rate});
        Clock::of(&Node::new(&value, "global_start_time")).unwrap()
    }

    #[test]
    fn hosts_spell_the_same_rate_in_many_ways() {
        for rate in [23.976023976023978, 23.976, 23.98, 24000.0 / 1001.0] {
            assert_eq!(clock(rate).rate.to_string(), "24000/1001", "{rate}");
            // An hour of frames stays an hour of frames, whichever way the item spells it.
            assert_eq!(clock(24000.0 / 1001.0).frames(Time { value: 86_400.0, rate }), 86_400.0, "{rate}");
        }
        assert_eq!(clock(24.0).frames(Time { value: 96_000.0, rate: 48_000.0 }), 48.0);
        assert_eq!(clock(24.0).frames(Time { value: 25.0, rate: 25.0 }), 24.0);
    }

    #[test]
    fn impossible_times_are_named_with_their_place() {
        for (value, expected) in [
            (json!({"value": 1.0, "rate": 0.0}), "tracks.rate that cannot be: a rate of 0"),
            (json!({"value": 1.0, "rate": -24}), "tracks.rate that cannot be: a rate of -24"),
            (json!({"value": "1", "rate": 24}), "tracks.value that cannot be: \"1\" is not a number"),
            (json!({"rate": 24}), "tracks.value that cannot be: it is missing"),
            (json!({"value": 1e300, "rate": 24}), "tracks.value that cannot be: 1e+300 is not a number in range"),
            (json!([1]), "[1] at tracks where a RationalTime must stand"),
        ] {
            let error = Time::read(&Node::new(&value, "tracks")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_time_survives_a_change_of_rate(frames in 0i64..10_000_000, a in 0usize..6, b in 0usize..6) {
            let rates = [24000.0 / 1001.0, 24.0, 25.0, 30000.0 / 1001.0, 50.0, 60000.0 / 1001.0];
            let (from, to) = (clock(rates[a]), clock(rates[b]));
            let there = to.frames(Time { value: frames as f64, rate: rates[a] });
            let back = from.frames(Time { value: there, rate: rates[b] });
            prop_assert!((back - frames as f64).abs() < 1e-3, "{back}");
        }
    }
}
