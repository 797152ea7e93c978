//! Holes: where they are, what stands beside them, and how to fill them.

use serde_json::Value;
use shot::{ClipRef, FrameIndex, Rate, Seconds, SoundRef, Span, Task};

use crate::error::Error;
use crate::marker::{self, Wish};
use crate::setup;
use crate::time::Clock;
use crate::walk::{Dissolve, Leaf, Mark, Shows, Source, Walk};

/// A hole in the cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// Its frames, counted from the cut's first frame. Never empty.
    pub range: Span,
    /// Its first frame, counted from midnight of the record timecode.
    pub start: FrameIndex,
    /// The cut's rate.
    pub rate: Rate,
    /// Whether the cut's metadata says that its timecode is drop-frame.
    pub drop_frame: bool,
    /// The nearest shot before it that is a file.
    pub tail: Option<Neighbour>,
    /// The nearest shot after it that is a file.
    pub head: Option<Neighbour>,
    /// What to make.
    pub plan: Plan,
    /// Why, for people.
    pub why: String,
    /// What a marker or its comment says the shot should show.
    pub prompt: Option<String>,
    /// What later markers in it say, each from its frame of the hole on: the rows of a storyboard.
    pub rows: Vec<(i64, String)>,
    /// The offline clip that stands in it.
    pub offline: Option<Offline>,
    /// Frames that transitions at its start and end need beyond them.
    pub handles: (i64, i64),
    /// True when no audio track makes a sound anywhere in it. An offline sound makes none.
    pub silent: bool,
    /// Sound that ends where the hole begins: the camera's own where it is, else that of the first track that has one.
    pub tail_sound: Option<SoundRef>,
    /// Sound that begins where the hole ends.
    pub head_sound: Option<SoundRef>,
    /// Whether pictures are shown in it all the same: a marker named it.
    pub(crate) over_picture: bool,
}

/// How to fill a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// As a marker says.
    Marked(Task),
    /// Both sides touch the hole and are of one set-up: bridge it.
    OneSetUp,
    /// The sides are not of one set-up, or a dissolve or only one side adjoins: insert.
    Apart,
    /// No shot stands on either side: establish.
    Alone,
}

impl Plan {
    /// The task to ask for.
    pub const fn task(self) -> Task {
        match self {
            Self::Marked(task) => task,
            Self::OneSetUp => Task::Bridge,
            Self::Apart => Task::Insert,
            Self::Alone => Task::Establish,
        }
    }
}

/// A shot beside a hole.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Its file or sequence, and the frames of it that the cut shows on this side, in the file's own rate.
    pub clip: ClipRef,
    /// The clip's name.
    pub name: String,
    /// The track's name.
    pub track: String,
    /// False when something else, such as another hole or a title, stands between it and the hole.
    pub touches: bool,
    /// Its time warp: 1 is none, below 0 runs backwards, 0 stands still.
    pub speed: f64,
    /// Frames of the whole file, where the cut says.
    pub length: Option<i64>,
    /// False when the cut does not say at which time the file begins, and its first frame is taken for time 0.
    pub is_anchored: bool,
    /// The clip's metadata.
    pub metadata: Value,
}

/// An offline clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Offline {
    /// Its name.
    pub name: String,
    /// The address that leads nowhere, if it has one.
    pub url: Option<String>,
    /// Its metadata.
    pub metadata: Value,
}

/// What stands on both sides of a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Around {
    /// The nearest shot before it that is a file.
    pub tail: Option<Neighbour>,
    /// The nearest shot from it on that is a file.
    pub head: Option<Neighbour>,
    /// Sound that ends there.
    pub tail_sound: Option<SoundRef>,
    /// Sound that begins there.
    pub head_sound: Option<SoundRef>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The holes, in time order; they do not overlap.
    pub holes: Vec<Hole>,
    /// What a person should know, such as a marker that says nothing, a sentence each.
    pub remarks: Vec<String>,
}

/// A stretch in frames, and what is on top in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub start: f64,
    pub end: f64,
    /// Index of the topmost picture.
    pub top: Option<usize>,
}

/// A hole on the way.
struct Draft {
    start: f64,
    end: f64,
    offline: Option<usize>,
    over_picture: bool,
    wish: Option<Wish>,
    /// Later wishes, with their frames of the cut.
    rows: Vec<(f64, String)>,
}

pub(crate) struct Surveyor<'a, 'v> {
    pub walk: Walk<'v, 'a>,
    pub clock: &'a Clock,
    pub start: FrameIndex,
    pub drop_frame: bool,
    remarks: Vec<String>,
}

impl<'a, 'v> Surveyor<'a, 'v> {
    pub fn new(mut walk: Walk<'v, 'a>, clock: &'a Clock, start: FrameIndex, drop_frame: bool) -> Self {
        // A sort that keeps the order of equals: the same file gives the same holes.
        walk.marks.sort_by(|a, b| a.start.total_cmp(&b.start));
        Self { walk, clock, start, drop_frame, remarks: Vec::new() }
    }

    pub fn survey(mut self) -> Result<Survey, Error> {
        if !self.walk.has_picture_track {
            return Err(Error::NoPicture);
        }
        let stretches = self.stretches();
        let marks = std::mem::take(&mut self.walk.marks);
        let named = self.named_ranges(&marks, &stretches);
        let is_online = |s: &Stretch| s.top.is_some_and(|i| !matches!(self.walk.pictures[i].shows, Shows::Offline(_)));
        let mut drafts: Vec<Draft> = subtract(stretches.iter().filter(|s| !is_online(s)), &named)
            .map(|s| Draft { start: s.start, end: s.end, offline: s.top, over_picture: false, wish: None, rows: Vec::new() })
            .collect();
        let shown: Vec<Stretch> = subtract(stretches.iter().filter(|s| is_online(s)), &named).collect();
        for (start, end, wish) in named {
            let inside: Vec<&Stretch> = stretches.iter().filter(|s| s.start < end && s.end > start).collect();
            let offline = inside.first().filter(|s| inside.len() == 1 && !is_online(s)).and_then(|s| s.top);
            let over_picture = inside.iter().any(|s| is_online(s));
            drafts.push(Draft { start, end, offline, over_picture, wish: Some(wish), rows: Vec::new() });
        }
        drafts.sort_by(|a, b| a.start.total_cmp(&b.start));
        self.attach_points(&marks, &mut drafts);
        let holes = drafts.into_iter().filter_map(|d| self.hole(d, &shown)).collect();
        Ok(Survey { holes, remarks: self.remarks })
    }

    /// What stands on both sides of a frame of the cut.
    pub fn around(&self, at: f64) -> Around {
        let mut shown = Vec::new();
        for mut s in self.stretches() {
            if s.top.is_none_or(|i| matches!(self.walk.pictures[i].shows, Shows::Offline(_))) {
                continue;
            }
            if s.start < at && s.end > at {
                shown.push(Stretch { end: at, ..s });
                s.start = at;
            }
            shown.push(s);
        }
        let (tail, head) = (self.neighbour(&shown, at, Way::Back), self.neighbour(&shown, at, Way::On));
        Around { tail_sound: self.sound(at, Way::Back, tail.as_ref()), head_sound: self.sound(at, Way::On, head.as_ref()), tail, head }
    }

    /// The cut from its start to its end, with what is on top at each moment.
    pub fn stretches(&self) -> Vec<Stretch> {
        // Begin and end of every picture; at equal times ends come first.
        let mut events: Vec<(f64, bool, usize)> = Vec::with_capacity(2 * self.walk.pictures.len());
        for (i, leaf) in self.walk.pictures.iter().enumerate() {
            events.push((leaf.start, true, i));
            events.push((leaf.end, false, i));
        }
        events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut active = std::collections::BTreeSet::new();
        let mut out: Vec<Stretch> = Vec::new();
        let mut at = 0.0;
        let mut advance = |to: f64, top: Option<usize>| {
            if to > at {
                match out.last_mut() {
                    Some(last) if last.top == top => last.end = to,
                    _ => out.push(Stretch { start: at, end: to, top }),
                }
                at = to;
            }
        };
        for (time, begins, index) in events {
            advance(time, active.last().map(|&(_, i)| i));
            let key = (self.walk.pictures[index].layer, index);
            if begins {
                active.insert(key);
            } else {
                active.remove(&key);
            }
        }
        advance(self.walk.length, None);
        out
    }

    /// Ranges that markers name, without overlap, in time order.
    fn named_ranges(&mut self, marks: &[Mark<'_>], stretches: &[Stretch]) -> Vec<(f64, f64, Wish)> {
        let mut named: Vec<(f64, f64, Wish)> = Vec::new();
        for mark in marks {
            let Some(wish) = wish(mark) else { continue };
            let (start, end) = match (mark.end - mark.start > 1.0, mark.item) {
                (true, _) => (mark.start, mark.end),
                (false, Some(item)) if is_online_at(stretches, &self.walk.pictures, mark.start) => item,
                (false, _) => continue,
            };
            let (start, end) = (start.round().max(0.0), end.round().min(self.walk.length.round()));
            let from = named.last().map_or(start, |last| last.1.max(start));
            if end <= start {
                self.remark(&wish, mark.start, "lies outside the cut");
            } else if end <= from {
                self.remark(&wish, start, "lies in a range that another marker names");
            } else if self.is_ours(from, end, stretches) {
                self.remark(&wish, start, "is filled already");
            } else {
                named.push((from, end, wish));
            }
        }
        named
    }

    /// Whether a shot of ours fills a range: cuts that were filled once may be filled again.
    fn is_ours(&self, start: f64, end: f64, stretches: &[Stretch]) -> bool {
        let made = |s: &Stretch| {
            let clip = s.top.map(|i| &self.walk.pictures[i].clip);
            clip.is_some_and(|c| c.get("metadata").and_then(|m| m.get("pickup")).is_some())
        };
        stretches.iter().filter(|s| s.start < end - 0.5 && s.end > start + 0.5).all(made)
    }

    /// Gives markers without a range to the holes they stand in.
    fn attach_points(&mut self, marks: &[Mark<'_>], drafts: &mut [Draft]) {
        for mark in marks.iter().filter(|m| m.end - m.start <= 1.0) {
            let Some(wish) = wish(mark) else { continue };
            let hole = drafts.iter_mut().find(|d| d.start <= mark.start && mark.start < d.end);
            match hole {
                Some(Draft { wish: slot @ None, .. }) => *slot = Some(wish),
                // The clip it is pinned to became this hole.
                Some(Draft { wish: Some(w), .. }) if *w == wish => {}
                Some(Draft { rows, .. }) if wish.task.is_none() && !wish.prompt.is_empty() => rows.push((mark.start, wish.prompt)),
                Some(_) => self.remark(&wish, mark.start, "stands in a hole that another marker speaks for"),
                None if mark.item.is_none() => {
                    self.remark(&wish, mark.start, "has no range and stands in no hole: give it a length");
                }
                None => {}
            }
        }
    }

    fn remark(&mut self, wish: &Wish, at: f64, what: &str) {
        let timecode = shot::Timecode::new(FrameIndex(self.start.0 + at.round() as i64), self.clock.rate, self.drop_frame);
        self.remarks.push(format!("the marker '{}' at {timecode} {what}", wish.name));
    }

    fn hole(&self, draft: Draft, shown: &[Stretch]) -> Option<Hole> {
        let (start, end) = (draft.start.round(), draft.end.round());
        let range = Span::new(FrameIndex(start as i64), FrameIndex(end as i64)).ok().filter(|s| !s.is_empty())?;
        let (tail, head) = (self.neighbour(shown, start, Way::Back), self.neighbour(shown, end, Way::On));
        let need = |at: f64, reach: fn(&Dissolve) -> f64| {
            let near = self.walk.dissolves.iter().filter(|d| (d.at - at).abs() < 0.5);
            near.map(|d| reach(d).ceil() as i64).max().unwrap_or(0)
        };
        let handles = (need(start, |d| d.into), need(end, |d| d.out));
        let (plan, why) = choose(draft.wish.as_ref(), tail.as_ref(), head.as_ref(), handles);
        let offline = draft.offline.map(|i| {
            let leaf = &self.walk.pictures[i];
            let url = match &leaf.shows {
                Shows::Offline(url) => url.clone(),
                _ => None,
            };
            Offline { name: leaf.clip.text("name").to_owned(), url, metadata: metadata(leaf) }
        });
        let sounds = |s: &&Leaf<'_>| !matches!(s.shows, Shows::Offline(_)) && s.start < end && s.end > start;
        Some(Hole {
            range,
            start: FrameIndex(self.start.0 + range.start().0),
            rate: self.clock.rate,
            drop_frame: self.drop_frame,
            plan,
            why,
            rows: draft.rows.iter().map(|(at, text)| ((at - start).round().max(0.0) as i64, text.clone())).collect(),
            prompt: draft.wish.map(|w| w.prompt).filter(|p| !p.is_empty()),
            offline,
            handles,
            silent: !self.walk.sounds.iter().any(|s| sounds(&s)),
            tail_sound: self.sound(start, Way::Back, tail.as_ref()),
            head_sound: self.sound(end, Way::On, head.as_ref()),
            tail,
            head,
            over_picture: draft.over_picture,
        })
    }

    fn neighbour(&self, shown: &[Stretch], at: f64, way: Way) -> Option<Neighbour> {
        let file = |s: &Stretch| match &self.walk.pictures[s.top?].shows {
            Shows::File(source) => Some((*s, &self.walk.pictures[s.top?], source)),
            _ => None,
        };
        let (stretch, leaf, source) = match way {
            Way::Back => shown.iter().rev().filter(|s| s.end <= at + 0.5).find_map(file)?,
            Way::On => shown.iter().filter(|s| s.start >= at - 0.5).find_map(file)?,
        };
        let edge = if way == Way::Back { stretch.end } else { stretch.start };
        Some(Neighbour {
            clip: ClipRef {
                span: self.media_span(source, stretch.start, stretch.end),
                rate: source.is_sequence.then(|| Rate::from_f64(source.rate).ok()).flatten(),
                ..ClipRef::whole(&source.path)
            },
            name: leaf.clip.text("name").to_owned(),
            track: leaf.track.to_owned(),
            touches: (edge - at).abs() < 0.5,
            speed: source.speed,
            length: source.length,
            is_anchored: source.is_anchored,
            metadata: metadata(leaf),
        })
    }

    /// The frames of a file that show between two moments of the cut.
    fn media_span(&self, source: &Source, start: f64, end: f64) -> Option<Span> {
        let first = start.ceil();
        let last = (end.ceil() - 1.0).max(first);
        let frame = |t: f64| {
            let seconds = source.media_origin + self.seconds(t - source.origin) * source.speed;
            // A frame shows until the next one begins; rounding must not give the one before.
            (seconds * source.rate * source.step + 1e-3).floor().max(0.0) as i64
        };
        let (a, b) = (frame(first), frame(last));
        let (low, high) = (a.min(b), a.max(b) + 1);
        let limit = source.length.filter(|l| *l > 0).unwrap_or(i64::MAX);
        let high = high.min(limit);
        let low = low.min(high - 1);
        Span::new(FrameIndex(low), FrameIndex(high)).ok()
    }

    fn seconds(&self, frames: f64) -> f64 {
        frames * f64::from(self.clock.rate.den()) / f64::from(self.clock.rate.num())
    }

    /// The sound that plays up to, or from, a moment: that of the neighbour's own file, else of the first track with one.
    fn sound(&self, at: f64, way: Way, neighbour: Option<&Neighbour>) -> Option<SoundRef> {
        let playing = self.walk.sounds.iter().filter_map(|leaf| match &leaf.shows {
            Shows::File(source) if source.speed > 0.0 => {
                let (start, end) = match way {
                    Way::Back => (leaf.start, leaf.end.min(at)),
                    Way::On => (leaf.start.max(at), leaf.end),
                };
                let edge = if way == Way::Back { end } else { start };
                (end > start && (edge - at).abs() < 0.5).then_some((source, start, end))
            }
            _ => None,
        });
        let of_camera = |(source, ..): &(&Source, f64, f64)| neighbour.is_none_or(|n| n.clip.path != source.path);
        // The key is false for the camera's own sound, and the first of equals wins.
        let (source, start, end) = playing.min_by_key(of_camera)?;
        let place = |t: f64| source.media_origin + self.seconds(t - source.origin) * source.speed;
        let length = (place(end) - place(start)).max(0.0);
        Some(SoundRef { path: source.path.clone(), start: Seconds(place(start).max(0.0)), length: Some(Seconds(length)) })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Back,
    On,
}

fn wish(mark: &Mark<'_>) -> Option<Wish> {
    marker::read(mark.node.text("name"), mark.node.text("comment"))
}

fn metadata(leaf: &Leaf<'_>) -> Value {
    leaf.clip.get("metadata").map_or(Value::Null, |m| m.value.clone())
}

fn is_online_at(stretches: &[Stretch], pictures: &[Leaf<'_>], at: f64) -> bool {
    let top = stretches.iter().find(|s| s.start <= at && at < s.end).and_then(|s| s.top);
    top.is_some_and(|i| !matches!(pictures[i].shows, Shows::Offline(_)))
}

/// What is left of stretches when named ranges are taken out.
fn subtract<'s>(stretches: impl Iterator<Item = &'s Stretch>, named: &[(f64, f64, Wish)]) -> impl Iterator<Item = Stretch> {
    stretches.flat_map(|s| {
        let mut left = Vec::new();
        let mut at = s.start;
        for (start, end, _) in named.iter().filter(|(start, end, _)| *start < s.end && *end > s.start) {
            if *start > at {
                left.push(Stretch { start: at, end: *start, top: s.top });
            }
            at = at.max(*end);
        }
        if at < s.end {
            left.push(Stretch { start: at, end: s.end, top: s.top });
        }
        left
    })
}

fn choose(wish: Option<&Wish>, tail: Option<&Neighbour>, head: Option<&Neighbour>, handles: (i64, i64)) -> (Plan, String) {
    if let Some((task, name)) = wish.and_then(|w| w.task.map(|t| (t, &w.name))) {
        return (Plan::Marked(task), format!("the marker '{name}' says so"));
    }
    let (Some(tail), Some(head)) = (tail, head) else {
        return match (tail, head) {
            (None, None) => (Plan::Alone, "no shot stands on either side".into()),
            (Some(_), _) => (Plan::Apart, "no shot follows it".into()),
            _ => (Plan::Apart, "no shot stands before it".into()),
        };
    };
    if !(tail.touches && head.touches) {
        return (Plan::Apart, "not both sides touch it".into());
    }
    if handles != (0, 0) {
        return (Plan::Apart, "a transition adjoins it".into());
    }
    match setup::same(tail, head) {
        Some(why) => (Plan::OneSetUp, why),
        None => (Plan::Apart, "the sides are not known to be of one set-up".into()),
    }
}
