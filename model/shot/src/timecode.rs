//! SMPTE timecode, drop-frame included (SMPTE ST 12-1).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::units::{FrameIndex, Rate};

/// A frame count from midnight, shown as hours, minutes, seconds and frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timecode {
    /// Frames since 00:00:00:00.
    pub frame: FrameIndex,
    /// Frames per second.
    pub rate: Rate,
    /// Whether frame numbers are dropped to keep up with the clock. Only 30000/1001 and 60000/1001 can.
    pub drop: bool,
}

/// Whether a rate has drop-frame timecode: 29.97 and 59.94 only.
pub fn can_drop(rate: Rate) -> bool {
    rate.den() == 1001 && (rate.num() == 30_000 || rate.num() == 60_000)
}

impl Timecode {
    /// A frame count shown as timecode; `drop` is ignored at rates that have no drop-frame form.
    pub fn new(frame: FrameIndex, rate: Rate, drop: bool) -> Self {
        Self { frame, rate, drop: drop && can_drop(rate) }
    }

    /// Reads `HH:MM:SS:FF`; a semicolon or dot before the frames means drop-frame.
    pub fn parse(text: &str, rate: Rate) -> Result<Self, Fault> {
        let bad = |why: &str| {
            Fault::new(
                Code::Argument,
                format!("'{text}' is not a timecode at {rate} frames per second: {why}"),
                "write it as 01:00:10:05, or 01:00:10;05 for drop-frame",
            )
        };
        let text_trimmed = text.trim();
        let drop = text_trimmed.contains([';', '.']);
        let parts: Vec<u32> = text_trimmed
            .split([':', ';', '.'])
            .map(|p| if p.is_empty() || p.len() > 3 { Err(()) } else { p.parse().map_err(|_| ()) })
            .collect::<Result<_, _>>()
            .map_err(|()| bad("it needs four numbers"))?;
        let [h, m, s, f] = parts[..] else { return Err(bad("it needs four numbers")) };
        let nominal = rate.nominal();
        if m > 59 || s > 59 || f >= nominal || h > 99 {
            return Err(bad("a part is too large"));
        }
        if drop && !can_drop(rate) {
            return Err(bad("this rate has no drop-frame form"));
        }
        let minutes = i64::from(h) * 60 + i64::from(m);
        let mut frame = (minutes * 60 + i64::from(s)) * i64::from(nominal) + i64::from(f);
        if drop {
            let skip = i64::from(nominal / 15);
            if m % 10 != 0 && s == 0 && i64::from(f) < skip {
                return Err(bad("drop-frame counting skips this number"));
            }
            frame -= skip * (minutes - minutes / 10);
        }
        Ok(Self { frame: FrameIndex(frame), rate, drop })
    }
}

impl fmt::Display for Timecode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nominal = i64::from(self.rate.nominal());
        let mut n = self.frame.0;
        let sign = if n < 0 { "-" } else { "" };
        n = n.abs();
        if self.drop {
            let skip = nominal / 15;
            let per_minute = 60 * nominal - skip;
            let per_ten = 10 * per_minute + skip;
            let (tens, rest) = (n / per_ten, n % per_ten);
            n += skip * 9 * tens;
            if rest > skip {
                n += skip * ((rest - skip) / per_minute);
            }
        }
        let (f, s) = (n % nominal, n / nominal);
        let mark = if self.drop { ';' } else { ':' };
        write!(out, "{sign}{:02}:{:02}:{:02}{mark}{f:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn drop_frame_skips_two_numbers_a_minute_but_not_every_tenth() {
        let rate: Rate = "30000/1001".parse().unwrap();
        for (frame, text) in
            [(1799, "00:00:59;29"), (1800, "00:01:00;02"), (17_981, "00:09:59;29"), (17_982, "00:10:00;00"), (107_892, "01:00:00;00")]
        {
            assert_eq!(Timecode::new(FrameIndex(frame), rate, true).to_string(), text);
            assert_eq!(Timecode::parse(text, rate).unwrap().frame, FrameIndex(frame));
        }
        assert!(Timecode::parse("00:01:00;00", rate).is_err());
        assert!(Timecode::parse("00:01:00;02", Rate::whole(25)).is_err());
    }

    proptest! {
        #[test]
        fn timecode_reads_what_it_writes(frame in 0i64..2_589_408, drop: bool, r in 0usize..7) {
            let rate: Rate = ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001"][r].parse().unwrap();
            let tc = Timecode::new(FrameIndex(frame), rate, drop);
            prop_assert_eq!(Timecode::parse(&tc.to_string(), rate).unwrap(), tc);
        }
    }
}
