//! From the tree to a flat list: every clip with the stretch of the cut's frames it fills, and the layer it lies in.

use std::path::PathBuf;

use serde_json::Value;

use crate::error::Error;
use crate::json::Node;
use crate::media::{Finder, Media, active, available, speed, starts};
use crate::time::{Clock, Range, snap};

/// A clip as the timeline shows it.
pub(crate) struct Leaf<'v> {
    /// Its stretch in frames of the cut, cut to what the compositions around it let through.
    pub start: f64,
    pub end: f64,
    /// Its layer; the higher one is seen.
    pub layer: usize,
    pub clip: Node<'v>,
    /// The name of its track.
    pub track: &'v str,
    pub shows: Shows,
}

pub(crate) enum Shows {
    Offline(Option<String>),
    Opaque,
    File(Source),
}

/// Which moment of a file stands where.
#[derive(Clone)]
pub(crate) struct Source {
    pub path: PathBuf,
    /// Frames per second of the file.
    pub rate: f64,
    pub is_sequence: bool,
    /// The clip's first moment: in frames of the cut, and in seconds of the file from its beginning.
    pub origin: f64,
    pub media_origin: f64,
    /// Media time for each moment of the timeline: 0 stands still, below 0 runs backwards.
    pub speed: f64,
    /// Images for each frame of the file's rate: below 1 for stepped sequences.
    pub step: f64,
    /// The file's length in its own frames, if the cut says.
    pub length: Option<i64>,
    /// False when the cut does not say where the media begins, and 0 is taken.
    pub is_anchored: bool,
}

/// Where an item stands: from `start` to `end` of its composition, which is seen through the window.
struct Slot<'v> {
    track: &'v str,
    start: f64,
    end: f64,
    window: Window,
    kind: Kind,
}

/// A marker, whoever it speaks to, in frames of the cut.
pub(crate) struct Mark<'v> {
    pub start: f64,
    pub end: f64,
    /// The stretch of the clip it is pinned to; `None` when it is pinned to a gap or a composition.
    pub item: Option<(f64, f64)>,
    pub node: Node<'v>,
}

/// A transition, in frames of the cut: the cut it stands on, and its reach to both sides.
pub(crate) struct Dissolve {
    /// The layer of its track.
    pub layer: usize,
    pub at: f64,
    pub into: f64,
    pub out: f64,
}

/// How times inside a composition map to frames of the cut: outer = origin + inner × scale, seen between `low` and `high`.
#[derive(Clone, Copy)]
struct Window {
    origin: f64,
    scale: f64,
    low: f64,
    high: f64,
}

impl Window {
    fn clip(&self, start: f64, end: f64) -> (f64, f64) {
        let (a, b) = (self.origin + start * self.scale, self.origin + end * self.scale);
        (snap(a.max(self.low)), snap(b.min(self.high)))
    }
}

pub(crate) struct Walk<'v, 'f> {
    clock: &'f Clock,
    finder: &'f Finder<'f>,
    pub pictures: Vec<Leaf<'v>>,
    pub sounds: Vec<Leaf<'v>>,
    pub marks: Vec<Mark<'v>>,
    pub dissolves: Vec<Dissolve>,
    /// Frames of the longest enabled track.
    pub length: f64,
    pub has_picture_track: bool,
    layer: usize,
}

impl<'v, 'f> Walk<'v, 'f> {
    /// Walks the top stack of a timeline.
    pub fn new(stack: &Node<'v>, clock: &'f Clock, finder: &'f Finder<'f>) -> Result<Self, Error> {
        if stack.schema() != "Stack" {
            return Err(stack.unexpected("a Stack of tracks"));
        }
        let mut walk = Self {
            clock,
            finder,
            pictures: Vec::new(),
            sounds: Vec::new(),
            marks: Vec::new(),
            dissolves: Vec::new(),
            length: 0.0,
            has_picture_track: false,
            layer: 0,
        };
        let trim = Range::of(stack, "source_range")?;
        let mut length: f64 = 0.0;
        for child in stack.children()?.filter(Node::is_enabled) {
            length = length.max(duration(&child, clock, 0)?);
        }
        walk.length = snap(trim.map_or(length, |t| clock.frames(t.duration)));
        let origin = trim.map_or(0.0, |t| -clock.frames(t.start));
        let window = Window { origin, scale: 1.0, low: 0.0, high: walk.length };
        walk.stack(stack, window, true, 0)?;
        Ok(walk)
    }

    fn stack(&mut self, stack: &Node<'v>, window: Window, pictures: bool, depth: usize) -> Result<(), Error> {
        if depth > crate::MAX_DEPTH {
            return Err(Error::TooDeep { place: stack.place.to_string() });
        }
        self.mark(stack, window, 0.0, None)?;
        for child in stack.children()? {
            if !child.is_enabled() {
                continue;
            }
            if child.schema() == "Track" {
                self.track(&child, window, pictures, depth + 1)?;
            } else {
                self.layer += 1;
                self.has_picture_track |= pictures;
                let kind = if pictures { Kind::Picture } else { Kind::Sound };
                let slot = Slot { track: stack.text("name"), start: 0.0, end: duration(&child, self.clock, depth)?, window, kind };
                self.item(&child, slot, depth + 1)?;
            }
        }
        Ok(())
    }

    fn track(&mut self, track: &Node<'v>, window: Window, pictures: bool, depth: usize) -> Result<(), Error> {
        if depth > crate::MAX_DEPTH {
            return Err(Error::TooDeep { place: track.place.to_string() });
        }
        let kind = match track.text("kind") {
            "Audio" => Kind::Sound,
            // The schema's own default, and what some adapters leave out.
            "Video" | "" if pictures => Kind::Picture,
            _ => return Ok(()),
        };
        self.has_picture_track |= kind == Kind::Picture;
        self.layer += 1;
        let window = match Range::of(track, "source_range")? {
            Some(trim) => self.inside(window, 0.0, self.clock.frames(trim.duration), self.clock.frames(trim.start), 1.0),
            None => window,
        };
        if kind == Kind::Picture {
            self.mark(track, window, 0.0, None)?;
        }
        let mut at = 0.0;
        for child in track.children()? {
            if child.schema() == "Transition" {
                self.dissolve(&child, window, at, kind)?;
                continue;
            }
            let end = snap(at + duration(&child, self.clock, depth)?);
            if child.is_enabled() {
                self.item(&child, Slot { track: track.text("name"), start: at, end, window, kind }, depth + 1)?;
            }
            at = end;
        }
        Ok(())
    }

    fn item(&mut self, item: &Node<'v>, slot: Slot<'v>, depth: usize) -> Result<(), Error> {
        let Slot { window, kind, .. } = slot;
        let (start, end) = window.clip(slot.start, slot.end);
        let source = Range::of(item, "source_range")?;
        let is_composition = matches!(item.schema(), "Stack" | "Track");
        if !is_composition && kind == Kind::Picture {
            // An item's markers lie in its own media time, from the first moment it shows.
            let first = match item.schema() {
                "Clip" => starts(source, available(item)?).0,
                _ => source.map(|s| s.start),
            };
            let first = first.map_or(0.0, |t| self.clock.frames(t));
            self.mark(item, window, slot.start - first, (item.schema() == "Clip").then_some((start, end)))?;
        }
        if end <= start {
            return Ok(());
        }
        let speed = speed(item)?;
        let shows = match item.schema() {
            "Gap" => return Ok(()),
            "Clip" => self.clip(item, source, &slot, speed)?,
            "Stack" | "Track" if speed > 0.0 => {
                let first = source.map_or(0.0, |s| self.clock.frames(s.start));
                let inner = self.inside(window, slot.start, slot.end - slot.start, first, speed);
                if item.schema() == "Stack" {
                    return self.stack(item, inner, kind == Kind::Picture, depth);
                }
                return self.track(item, inner, kind == Kind::Picture, depth);
            }
            // A composition that stands still or runs backwards, or something that we do not know: a picture to be left alone.
            _ => Shows::Opaque,
        };
        let leaf = Leaf { start, end, layer: self.layer, clip: item.clone(), track: slot.track, shows };
        match kind {
            Kind::Picture => self.pictures.push(leaf),
            Kind::Sound => self.sounds.push(leaf),
        }
        Ok(())
    }

    fn clip(&self, clip: &Node<'v>, source: Option<Range>, slot: &Slot<'_>, speed: f64) -> Result<Shows, Error> {
        Ok(match self.finder.look_up(clip, source)? {
            Media::Offline(url) => Shows::Offline(url),
            Media::Opaque => Shows::Opaque,
            Media::File(file) => {
                let (first, begins) = starts(source, file.available);
                let rate = file.sequence_rate.or(file.available.map(|a| a.duration.rate)).or(source.map(|s| s.start.rate));
                let seconds = |t: Option<crate::time::Time>| t.map_or(0.0, crate::time::Time::seconds);
                let rate = rate.unwrap_or_else(|| self.clock.rate.as_f64());
                Shows::File(Source {
                    path: file.path,
                    rate,
                    is_sequence: file.sequence_rate.is_some(),
                    origin: slot.window.origin + slot.start * slot.window.scale,
                    media_origin: seconds(first) - seconds(begins),
                    speed: speed / slot.window.scale,
                    step: 1.0 / file.step,
                    length: file.available.map(|a| (a.duration.seconds() * rate / file.step).round() as i64),
                    is_anchored: begins.is_some(),
                })
            }
        })
    }

    /// The window of a composition whose moment `first` stands at `at` of the outer one, for `duration`.
    fn inside(&self, outer: Window, at: f64, duration: f64, first: f64, speed: f64) -> Window {
        let (low, high) = outer.clip(at, at + duration);
        let scale = outer.scale / speed;
        Window { origin: outer.origin + at * outer.scale - first * scale, scale, low, high }
    }

    fn mark(&mut self, owner: &Node<'v>, window: Window, offset: f64, item: Option<(f64, f64)>) -> Result<(), Error> {
        for node in owner.list("markers") {
            // Markers that are not ours are only carried along: one with a broken range is no reason to refuse the cut.
            let range = match Range::of(&node, "marked_range") {
                Err(_) if !crate::marker::is_ours(node.text("name")) => continue,
                range => range?,
            };
            let start = offset + range.map_or(-offset, |r| self.clock.frames(r.start));
            let end = start + range.map_or(0.0, |r| self.clock.frames(r.duration));
            let outer = |t: f64| snap(window.origin + t * window.scale);
            self.marks.push(Mark { start: outer(start), end: outer(end), item, node });
        }
        Ok(())
    }

    fn dissolve(&mut self, node: &Node<'v>, window: Window, at: f64, kind: Kind) -> Result<(), Error> {
        let reach = |key: &'static str| match node.get(key) {
            Some(n) => crate::time::Time::read(&n).map(|t| (self.clock.frames(t) * window.scale).max(0.0)),
            None => Ok(0.0),
        };
        let (into, out) = (reach("in_offset")?, reach("out_offset")?);
        if kind == Kind::Picture {
            self.dissolves.push(Dissolve { layer: self.layer, at: snap(window.origin + at * window.scale), into, out });
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Picture,
    Sound,
}

/// How many frames of the cut an item takes.
pub(crate) fn duration(item: &Node<'_>, clock: &Clock, depth: usize) -> Result<f64, Error> {
    if depth > crate::MAX_DEPTH {
        return Err(Error::TooDeep { place: item.place.to_string() });
    }
    if let Some(range) = Range::of(item, "source_range")? {
        return Ok(clock.frames(range.duration));
    }
    match item.schema() {
        "Clip" => {
            let range = available(item)?.ok_or_else(|| Error::NoLength { place: item.place.to_string() })?;
            Ok(clock.frames(range.duration))
        }
        "Stack" => item.children()?.try_fold(0.0, |longest: f64, child| Ok(longest.max(duration(&child, clock, depth + 1)?))),
        "Track" => {
            let lengths = item.children()?.filter(|c| c.schema() != "Transition").map(|c| duration(&c, clock, depth + 1));
            Ok(snap(lengths.sum::<Result<f64, Error>>()?))
        }
        "" => Err(item.unexpected("an item of a timeline")),
        _ => Err(Error::NoLength { place: item.place.to_string() }),
    }
}

/// The rate that most clips below a composition are cut in; the first of equals.
pub(crate) fn common_rate<'v>(stack: &Node<'v>) -> Result<Option<Node<'v>>, Error> {
    fn collect<'v>(node: &Node<'v>, depth: usize, found: &mut Vec<(Value, Node<'v>, usize)>) -> Result<(), Error> {
        if depth > crate::MAX_DEPTH {
            return Err(Error::TooDeep { place: node.place.to_string() });
        }
        for child in node.children()? {
            if child.schema() == "Track" && child.text("kind") == "Audio" {
                continue;
            }
            let own = child.get("source_range").and_then(|r| r.get("duration"));
            let media = || active(&child).and_then(|r| r.get("available_range")).and_then(|r| r.get("duration"));
            if let Some(time) = own.or_else(media)
                && let Some(rate) = time.value.get("rate")
            {
                match found.iter_mut().find(|(r, ..)| r == rate) {
                    Some((.., count)) => *count += 1,
                    None => found.push((rate.clone(), time, 1)),
                }
            }
            collect(&child, depth + 1, found)?;
        }
        Ok(())
    }
    let mut found = Vec::new();
    collect(stack, 0, &mut found)?;
    // `max_by_key` gives the last of equals; the first one is wanted.
    Ok(found.into_iter().rev().max_by_key(|(.., count)| *count).map(|(_, time, _)| time))
}
