//! CMX 3600: the edit list that every host and every online suite reads.
//!
//! The form is that of the CMX 3600 manual as hosts write it today: `NNN REEL CHANNEL C|D LENGTH SOURCE-IN SOURCE-OUT RECORD-IN
//! RECORD-OUT`, comment lines that begin with an asterisk, `M2` for speeds. A list has one picture track: it gets what is seen.
//! Reels have eight characters, so the clip's and the file's name follow as comments.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use shot::{FrameIndex, Rate, Timecode};

use crate::cut::Cut;
use crate::error::Error;
use crate::export::Exported;
use crate::export::flat::{Media, Piece, pieces, seen};

/// Sound tracks that a list can name.
const CHANNELS: [&str; 4] = ["A", "A2", "A3", "A4"];
/// Events that old readers accept.
const MOST_EVENTS: usize = 999;

impl Cut {
    /// The cut as a CMX 3600 edit list.
    pub fn to_edl(&self) -> Result<Exported, Error> {
        // What the cut names is written, whether this machine has the file or not.
        self.surveyed(&|_| true, |survey| {
            let mut remarks = Vec::new();
            let picture = seen(&survey, &mut remarks)?;
            let sounds = pieces(&survey.walk.sounds, survey.clock, &mut remarks)?;
            let mut list = List {
                rate: survey.clock.rate,
                drop: survey.drop_frame,
                start: survey.start,
                reels: Reels::default(),
                events: 0,
                text: String::new(),
            };
            let _ = writeln!(list.text, "TITLE: {}", one_line(self.name()));
            let _ = writeln!(list.text, "FCM: {}\n", if list.drop { "DROP FRAME" } else { "NON-DROP FRAME" });
            let dissolve = |layer: usize, at: i64| {
                let here = survey.walk.dissolves.iter().find(|d| d.layer == layer && (d.at - at as f64).abs() < 0.5);
                here.map(|d| (d.into.round() as i64, d.out.round() as i64)).filter(|(into, out)| into + out > 0)
            };
            for (i, piece) in picture.iter().enumerate() {
                let beside = |p: &&Piece| p.layer == piece.layer;
                let before = i.checked_sub(1).and_then(|i| picture.get(i)).filter(|p| p.end == piece.start).filter(beside);
                let after = picture.get(i + 1).filter(|p| p.start == piece.end).filter(beside);
                let gives = after.and_then(|_| dissolve(piece.layer, piece.end)).map_or(0, |(into, _)| into);
                list.picture(piece, before.zip(dissolve(piece.layer, piece.start)), gives);
            }
            let mut layers: Vec<usize> = sounds.iter().map(|s| s.layer).collect();
            layers.sort_unstable();
            layers.dedup();
            if layers.len() > CHANNELS.len() {
                remarks.push(format!("an edit list names {} sound tracks, and the cut has {}", CHANNELS.len(), layers.len()));
            }
            for (layer, channel) in layers.iter().zip(CHANNELS) {
                sounds.iter().filter(|s| s.layer == *layer).for_each(|s| list.cut(s, channel, 0));
            }
            if list.events > MOST_EVENTS {
                remarks.push(format!("old readers stop at {MOST_EVENTS} events, and the list has {}", list.events));
            }
            if survey.walk.pictures.iter().any(|leaf| leaf.layer != survey.walk.pictures[0].layer) {
                remarks.push("an edit list has one picture track: it has what is seen, not what lies below".into());
            }
            Ok(Exported { text: list.text, remarks })
        })
    }
}

struct List {
    rate: Rate,
    drop: bool,
    start: FrameIndex,
    reels: Reels,
    events: usize,
    text: String,
}

impl List {
    /// A picture edit: a cut, or a dissolve from the piece before. `gives` is how many of its last frames the next dissolve takes.
    fn picture(&mut self, piece: &Piece, dissolve: Option<(&Piece, (i64, i64))>, gives: i64) {
        let Some((before, (into, out))) = dissolve else { return self.cut(piece, "V", gives) };
        // A dissolve is two lines of one event: the shot that goes, of no length, and the one that comes, early by what the
        // dissolve reaches into the other.
        self.events += 1;
        let went = before.media.first + before.media.span(before.frames() - into, self.rate);
        let (number, at) = (self.events, piece.start - into);
        let reel = self.reels.of(&before.media);
        let times = [self.source(&before.media, went), self.source(&before.media, went), self.record(at), self.record(at)];
        self.line(number, &reel, "V", "C   ", &times);
        let reel = self.reels.of(&piece.media);
        let first = piece.media.first - piece.media.span(into, self.rate);
        let times = self.times(&piece.media, first, at, piece.end - gives);
        self.line(number, &reel, "V", &format!("D {:03}", into + out), &times);
        self.comments(piece, Some(&before.name), first);
    }

    fn cut(&mut self, piece: &Piece, channel: &str, gives: i64) {
        self.events += 1;
        let reel = self.reels.of(&piece.media);
        let times = self.times(&piece.media, piece.media.first, piece.start, piece.end - gives);
        self.line(self.events, &reel, channel, "C   ", &times);
        self.comments(piece, None, piece.media.first);
    }

    fn times(&self, media: &Media, first: i64, start: i64, end: i64) -> [String; 4] {
        // The source side of a changed speed is as long as the record side: M2 says how it runs.
        let span = if (media.speed - 1.0).abs() < 1e-9 { media.span(end - start, self.rate) } else { end - start };
        [self.source(media, first), self.source(media, first + span), self.record(start), self.record(end)]
    }

    fn record(&self, frame: i64) -> String {
        Timecode::new(FrameIndex(self.start.0 + frame), self.rate, self.drop).to_string()
    }

    fn source(&self, media: &Media, frame: i64) -> String {
        Timecode::new(FrameIndex(frame.max(0)), media.rate, self.drop).to_string()
    }

    fn line(&mut self, number: usize, reel: &str, channel: &str, how: &str, [a, b, c, d]: &[String; 4]) {
        let _ = writeln!(self.text, "{number:03}  {reel:<8} {channel:<5} {how:<8} {a} {b} {c} {d}");
    }

    fn comments(&mut self, piece: &Piece, from: Option<&str>, first: i64) {
        let media = &piece.media;
        if (media.speed - 1.0).abs() > 1e-9 {
            let (reel, speed) = (self.reels.of(media), media.speed * media.rate.as_f64());
            let _ = writeln!(self.text, "M2   {reel:<8} {speed:>9.1}  {}", self.source(media, first));
        }
        match from {
            Some(from) => {
                let _ = writeln!(self.text, "* FROM CLIP NAME: {}\n* TO CLIP NAME: {}", one_line(from), one_line(&piece.name));
            }
            None => {
                let _ = writeln!(self.text, "* FROM CLIP NAME: {}", one_line(&piece.name));
            }
        }
        if let Some(path) = &media.path {
            let _ = writeln!(self.text, "* SOURCE FILE: {}", one_line(&path.to_string_lossy()));
        }
    }
}

/// Reel names: at most eight letters and digits, one for each file.
#[derive(Default)]
struct Reels {
    of_file: HashMap<PathBuf, String>,
    taken: HashMap<String, usize>,
}

impl Reels {
    fn of(&mut self, media: &Media) -> String {
        let Some(path) = &media.path else { return "AX".into() };
        if let Some(reel) = self.of_file.get(path) {
            return reel.clone();
        }
        let stem = path.file_stem().map(|s| s.to_string_lossy()).unwrap_or_default();
        let letters: String = stem.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>().to_ascii_uppercase();
        let base = if letters.is_empty() { "REEL".into() } else { letters };
        let mut reel = base.clone();
        while self.taken.contains_key(&reel) {
            let count = self.taken.entry(base.clone()).or_default();
            *count += 1;
            let number = count.to_string();
            reel = format!("{}{number}", base.chars().take(8_usize.saturating_sub(number.len())).collect::<String>());
        }
        self.taken.insert(reel.clone(), 0);
        self.of_file.insert(path.clone(), reel.clone());
        reel
    }
}

/// A list has one line for each fact.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reels_are_short_and_differ() {
        let mut reels = Reels::default();
        let mut reel = |path: &str| {
            let media = Media {
                path: Some(path.into()),
                first_number: 1,
                rate: Rate::whole(24),
                first: 0,
                begins: 0,
                length: None,
                speed: 1.0,
                is_sequence: false,
            };
            reels.of(&media)
        };
        assert_eq!(reel("/a/A001_C003_0412.mov"), "A001C003");
        assert_eq!(reel("/b/A001_C003_0413.mov"), "A001C0031".chars().take(7).collect::<String>() + "1");
        assert_eq!(reel("/c/A001_C003_0414.mov"), "A001C002");
        assert_eq!(reel("/a/A001_C003_0412.mov"), "A001C003");
        assert_eq!(reel("/a/ääää.mov"), "REEL");
    }
}
