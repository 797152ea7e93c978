//! A cut as a plain list of pieces in whole frames: what both exports are written from.

use std::path::PathBuf;

use shot::Rate;

use crate::error::Error;
use crate::hole::Surveyor;
use crate::media::{active, available, starts};
use crate::time::{Clock, Range, Time};
use crate::walk::{Leaf, Shows};

/// A clip, or the part of one that shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// Its stretch in frames of the cut, counted from the cut's first one; the end is exclusive.
    pub start: i64,
    pub end: i64,
    /// Its layer; the higher one is seen.
    pub layer: usize,
    pub name: String,
    pub media: Media,
}

impl Piece {
    pub fn frames(&self) -> i64 {
        self.end - self.start
    }
}

/// Where a piece's pictures or sound lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Media {
    /// The file; a pattern of an image sequence; `None` where the cut names none.
    pub path: Option<PathBuf>,
    /// Number of the first file of a pattern.
    pub first_number: i64,
    /// Frames per second of the file.
    pub rate: Rate,
    /// The file's frame at the start of the piece, and that of the file's own beginning, in the count of the file's timecode.
    pub first: i64,
    pub begins: i64,
    /// Length of the file in its own frames, where the cut says.
    pub length: Option<i64>,
    /// Media time for each moment of the cut: 0 stands still, below 0 runs backwards.
    pub speed: f64,
    pub is_sequence: bool,
}

impl Media {
    /// Frames of the file that a piece of so many frames of the cut runs through, in the direction of its speed.
    pub fn span(&self, frames: i64, cut: Rate) -> i64 {
        (cut.seconds(frames).0 * self.rate.as_f64() * self.speed).round() as i64
    }
}

/// The pieces of some leaves, in order of time; what names no file is said once and left out.
pub(super) fn pieces(leaves: &[Leaf<'_>], clock: &Clock, remarks: &mut Vec<String>) -> Result<Vec<Piece>, Error> {
    let mut out = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        match piece(leaf, clock)? {
            Some(piece) if piece.end > piece.start => out.push(piece),
            Some(_) => {}
            None => remarks.push(format!("'{}' is made by the host itself and stays empty", leaf.clip.text("name"))),
        }
    }
    out.sort_by_key(|p| (p.start, p.layer));
    Ok(out)
}

/// A leaf as a piece; `None` when it shows no file, such as a title.
pub(super) fn piece(leaf: &Leaf<'_>, clock: &Clock) -> Result<Option<Piece>, Error> {
    let used = Range::of(&leaf.clip, "source_range")?;
    let whole = available(&leaf.clip)?;
    let (first, begins) = starts(used, whole);
    let seconds = |t: Option<Time>| t.map_or(0.0, Time::seconds);
    let media = match &leaf.shows {
        Shows::Opaque => return Ok(None),
        Shows::File(source) => {
            let rate = Rate::from_f64(source.rate).unwrap_or(clock.rate);
            let into = (leaf.start - source.origin) * f64::from(clock.rate.den()) / f64::from(clock.rate.num()) * source.speed;
            let frame = |s: f64| (s * rate.as_f64()).round() as i64;
            Media {
                path: Some(source.path.clone()),
                first_number: active(&leaf.clip).and_then(|r| r.value.get("start_frame")?.as_i64()).unwrap_or(1),
                rate,
                first: frame(seconds(begins) + source.media_origin + into),
                begins: frame(seconds(begins)),
                length: source.length,
                speed: source.speed,
                is_sequence: source.is_sequence,
            }
        }
        Shows::Offline(_) => {
            let rate = used.or(whole).and_then(|r| Rate::from_f64(r.start.rate).ok()).unwrap_or(clock.rate);
            let frame = |t: Option<Time>| (seconds(t) * rate.as_f64()).round() as i64;
            let (first, begins) = (frame(first), frame(begins));
            Media { path: None, first_number: 0, rate, first, begins, length: None, speed: 1.0, is_sequence: false }
        }
    };
    let stem = media.path.as_deref().and_then(|p| p.file_stem()).map(|s| s.to_string_lossy().into_owned());
    let name = match leaf.clip.text("name") {
        "" => stem.unwrap_or_default(),
        name => name.to_owned(),
    };
    Ok(Some(Piece { start: leaf.start.round() as i64, end: leaf.end.round() as i64, layer: leaf.layer, name, media }))
}

/// What is seen: the topmost piece at each moment.
pub(super) fn seen(survey: &Surveyor<'_, '_>, remarks: &mut Vec<String>) -> Result<Vec<Piece>, Error> {
    let mut out = Vec::new();
    for stretch in survey.stretches() {
        let Some(leaf) = stretch.top.and_then(|i| survey.walk.pictures.get(i)) else { continue };
        let Some(whole) = piece(leaf, survey.clock)? else {
            remarks.push(format!("'{}' is made by the host itself and stays empty", leaf.clip.text("name")));
            continue;
        };
        let (start, end) = (stretch.start.round() as i64, stretch.end.round() as i64);
        let first = whole.media.first + whole.media.span(start - whole.start, survey.clock.rate);
        if end > start {
            out.push(Piece { start, end, media: Media { first, ..whole.media }, ..whole });
        }
    }
    Ok(out)
}
