//! Puts made shots into their holes, and touches nothing else.
//!
//! A shot replaces the gap, or the offline clip, that the hole is: on the lowest track that is a gap there, which keeps the cut as
//! flat as it was. Where the hole is no such thing (a marker over a picture, a nested stack, a stretch behind a track's end, or
//! a dissolve that needs more frames than were made), it goes to a track named "Pickup" above all others. Sound always goes to
//! a track of its own, "Pickup sound".

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shot::FrameIndex;

use crate::cut::Cut;
use crate::error::Error;
use crate::hole::Hole;
use crate::json::{Node, object, schema};
use crate::time::{Clock, Range, Time};
use crate::url;
use crate::walk::duration;

/// A made shot, to be placed.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling {
    /// The clip's name.
    pub name: String,
    /// A movie, or a pattern such as `/takes/x/%06d.exr`; absolute.
    pub picture: PathBuf,
    /// Number of the first file of a pattern.
    pub first_number: i64,
    /// The sound file, as long as the picture; absolute.
    pub sound: Option<PathBuf>,
    /// Frames of the file before the shot begins.
    pub handle_in: i64,
    /// Frames of the whole file, handles included.
    pub available: i64,
    /// Timecode of the file's first frame, as a frame count from midnight at the cut's rate.
    pub start: FrameIndex,
    /// Goes into the clip's metadata under `pickup`: the take's id, its provenance.
    pub metadata: Value,
}

/// Where a shot went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The name of its track.
    pub track: String,
    /// Whether it took the place of a gap or an offline clip; else it lies above.
    pub in_place: bool,
    /// The name of the sound's track.
    pub sound_track: Option<String>,
}

const PICTURE_TRACK: (&str, &str, &str) = ("Pickup", "Video", "picture");
const SOUND_TRACK: (&str, &str, &str) = ("Pickup sound", "Audio", "sound");

impl Cut {
    /// Puts a shot into a hole of this cut. Holes found before an earlier filling stay good.
    pub fn fill(&mut self, hole: &Hole, filling: &Filling) -> Result<Placed, Error> {
        let frames = hole.range.frames();
        let got = filling.available - filling.handle_in;
        if filling.handle_in < 0 || got < frames {
            return Err(Error::TooShort { name: filling.name.clone(), expected: frames, from: filling.handle_in, got });
        }
        let maker = Maker { clock: self.clock.clone(), filling, frames, old_form: self.old_clips };
        let (picture, mut addresses) = maker.picture()?;
        let sound = match &filling.sound {
            Some(path) => {
                let (clip, address) = maker.sound(path)?;
                addresses.push(address);
                Some(clip)
            }
            None => None,
        };
        let (start, end) = self.in_stack(hole)?;
        let has_handles = filling.handle_in >= hole.handles.0 && got - frames >= hole.handles.1;
        let in_place = if has_handles && !hole.over_picture { self.target(hole, start, end)? } else { None };
        let clock = self.clock.clone();
        let missing = || Error::Schema { place: "timeline.tracks".into(), expected: "a Stack of tracks", got: "nothing".into() };
        let tracks = self.stack_mut().and_then(|s| s.get_mut("children")).and_then(Value::as_array_mut).ok_or_else(missing)?;
        let track = match in_place {
            Some(Target { track, child, begins, ends }) => {
                let track = tracks.get_mut(track).ok_or_else(missing)?;
                let children = track.get_mut("children").and_then(Value::as_array_mut).ok_or_else(missing)?;
                let old = children.remove(child);
                children.splice(child..child, pieces(&clock, old, picture, (start - begins, ends - end)));
                track.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            None => {
                let above = tracks.iter().rposition(|t| !is_audio(t)).map_or(0, |i| i + 1);
                let top = above.checked_sub(1);
                let own = top.filter(|&i| is_own(&tracks[i], PICTURE_TRACK.2));
                lay(&clock, tracks, own.into_iter().collect(), above, PICTURE_TRACK, (start, end, picture))
            }
        };
        let sound_track = sound.map(|clip| {
            let own = (0..tracks.len()).filter(|&i| is_own(&tracks[i], SOUND_TRACK.2)).collect();
            let last = tracks.len();
            lay(&clock, tracks, own, last, SOUND_TRACK, (start, end, clip))
        });
        self.placed.extend(addresses);
        Ok(Placed { track, in_place: in_place.is_some(), sound_track })
    }

    /// A hole's range in the time of the top stack, whose trim may cut off its first frames.
    fn in_stack(&self, hole: &Hole) -> Result<(f64, f64), Error> {
        let trim = self.timeline_node().get("tracks").map(|s| Range::of(&s, "source_range")).transpose()?.flatten();
        let offset = trim.map_or(0.0, |t| self.clock.frames(t.start));
        Ok((hole.range.start().0 as f64 + offset, hole.range.end().0 as f64 + offset))
    }

    /// The item that a hole is: the offline clip itself, else a gap around it on the lowest track that has one.
    fn target(&self, hole: &Hole, start: f64, end: f64) -> Result<Option<Target>, Error> {
        let Some(stack) = self.timeline_node().get("tracks") else { return Ok(None) };
        let mut tracks: Vec<_> = stack.children()?.enumerate().collect();
        // Of two offline clips at one place the upper one is seen.
        if hole.offline.is_some() {
            tracks.reverse();
        }
        for (index, track) in tracks {
            // A track that is trimmed as a whole counts its frames from elsewhere.
            if track.schema() != "Track" || is_audio(track.value) || !track.is_enabled() || track.get("source_range").is_some() {
                continue;
            }
            let mut at = 0.0;
            for (child, item) in track.children()?.enumerate() {
                if item.schema() == "Transition" {
                    continue;
                }
                let (begins, ends) = (at, crate::time::snap(at + duration(&item, &self.clock, 0)?));
                at = ends;
                let fits = match (&hole.offline, item.schema()) {
                    (Some(offline), "Clip") => begins == start && ends == end && item.text("name") == offline.name,
                    (None, "Gap") => begins <= start && end <= ends,
                    _ => false,
                };
                if fits && item.is_enabled() {
                    return Ok(Some(Target { track: index, child, begins, ends }));
                }
                // What lies under a clip that is seen does not uncover the hole when it is replaced.
                let is_seen = hole.offline.is_some() && item.schema() == "Clip" && item.is_enabled();
                if is_seen && begins < end && ends > start {
                    return Ok(None);
                }
                if at > start {
                    break;
                }
            }
        }
        Ok(None)
    }
}

/// A child of a track of the top stack, and its stretch.
#[derive(Clone, Copy)]
struct Target {
    track: usize,
    child: usize,
    begins: f64,
    ends: f64,
}

/// Makes the JSON of clips.
struct Maker<'a> {
    clock: Clock,
    filling: &'a Filling,
    frames: i64,
    /// Whether the file has clips of the form before `media_references`, so that its host may know no other.
    old_form: bool,
}

impl Maker<'_> {
    fn picture(&self) -> Result<(Value, Vec<String>), Error> {
        let path = &self.filling.picture;
        let no = || Error::Path { path: path.clone() };
        let text = path.to_str().ok_or_else(no)?;
        let (reference, address) = match Pattern::of(text) {
            Some(pattern) => {
                let address = format!("{}/", url::absolute(Path::new(pattern.folder)).ok_or_else(no)?.trim_end_matches('/'));
                let reference = object([
                    ("OTIO_SCHEMA", "ImageSequenceReference.1".into()),
                    ("metadata", json!({})),
                    ("name", "".into()),
                    ("available_range", self.available()),
                    ("available_image_bounds", Value::Null),
                    ("target_url_base", address.clone().into()),
                    ("name_prefix", url::encode(pattern.prefix).into()),
                    ("name_suffix", url::encode(pattern.suffix).into()),
                    ("start_frame", self.filling.first_number.into()),
                    ("frame_step", 1.into()),
                    ("rate", self.rate()),
                    ("frame_zero_padding", pattern.digits.into()),
                    ("missing_frame_policy", "error".into()),
                ]);
                (reference, address)
            }
            None => self.external(path)?,
        };
        Ok((self.clip(reference), vec![address]))
    }

    fn sound(&self, path: &Path) -> Result<(Value, String), Error> {
        let (reference, address) = self.external(path)?;
        Ok((self.clip(reference), address))
    }

    fn external(&self, path: &Path) -> Result<(Value, String), Error> {
        let address = url::absolute(path).ok_or_else(|| Error::Path { path: path.to_owned() })?;
        let reference = object([
            ("OTIO_SCHEMA", "ExternalReference.1".into()),
            ("metadata", json!({})),
            ("name", "".into()),
            ("available_range", self.available()),
            ("available_image_bounds", Value::Null),
            ("target_url", address.clone().into()),
        ]);
        Ok((reference, address))
    }

    fn clip(&self, reference: Value) -> Value {
        let from = (self.filling.start.0 + self.filling.handle_in) as f64;
        let mut clip = object([
            ("OTIO_SCHEMA", if self.old_form { "Clip.1" } else { "Clip.2" }.into()),
            ("metadata", json!({"pickup": self.filling.metadata})),
            ("name", self.filling.name.clone().into()),
            ("source_range", self.clock.range(from, self.frames as f64)),
            ("effects", json!([])),
            ("markers", json!([])),
            ("enabled", true.into()),
        ]);
        if self.old_form {
            clip["media_reference"] = reference;
        } else {
            clip["media_references"] = json!({"DEFAULT_MEDIA": reference});
            clip["active_media_reference_key"] = "DEFAULT_MEDIA".into();
        }
        clip
    }

    fn available(&self) -> Value {
        self.clock.range(self.filling.start.0 as f64, self.filling.available as f64)
    }

    fn rate(&self) -> Value {
        self.clock.time(0.0)["rate"].clone()
    }
}

/// An image sequence's path in its parts.
struct Pattern<'a> {
    folder: &'a str,
    prefix: &'a str,
    digits: u32,
    suffix: &'a str,
}

impl<'a> Pattern<'a> {
    /// `None` when the path has no `%d` or `%0Nd` in its last part.
    fn of(path: &'a str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        let (prefix, rest) = name.rsplit_once('%')?;
        let (digits, suffix) = rest.split_once('d')?;
        let digits = if digits.is_empty() { 0 } else { digits.strip_prefix('0')?.parse().ok().filter(|d| *d <= 20)? };
        Some(Self { folder, prefix, digits, suffix })
    }
}

/// What takes the place of an item: what is left of it before, the clip, what is left of it after.
fn pieces(clock: &Clock, old: Value, mut clip: Value, (before, after): (f64, f64)) -> Vec<Value> {
    if before <= 0.0 && after <= 0.0 {
        // Nothing that people or hosts wrote is lost with what stood there.
        let is_filled = |key: &str| old.get(key).is_some_and(|v| !matches!(v, Value::Null) && *v != json!([]) && *v != json!({}));
        if schema(&old) == "Clip" || ["metadata", "markers", "effects"].into_iter().any(is_filled) {
            let metadata = &mut clip["metadata"]["pickup"];
            if !metadata.is_object() {
                *metadata = json!({"note": metadata.take()});
            }
            metadata["replaces"] = old;
        }
        return vec![clip];
    }
    let mut out = Vec::with_capacity(3);
    let mut rest = old;
    if before > 0.0 {
        let first = trimmed(clock, &rest, 0.0, before);
        // Markers and metadata stay with the first piece alone.
        for (key, empty) in [("markers", json!([])), ("metadata", json!({})), ("effects", json!([]))] {
            if let Some(slot) = rest.get_mut(key) {
                *slot = empty;
            }
        }
        out.push(first);
    }
    let length = clip["source_range"]["duration"]["value"].as_f64().unwrap_or_default();
    out.push(clip);
    if after > 0.0 {
        out.push(trimmed(clock, &rest, before.max(0.0) + length, after));
    }
    out
}

/// A gap cut down to `duration` frames from `skip` on. It keeps its own rate.
fn trimmed(clock: &Clock, gap: &Value, skip: f64, duration: f64) -> Value {
    let mut gap = gap.clone();
    let old = gap.get("source_range").map(|r| Range::read(&Node::new(r, "")));
    match old {
        Some(Ok(range)) => {
            // Frames of the cut in the time's own rate.
            let own = |frames: f64, time: Time| {
                let one = clock.frames(Time { value: 1.0, rate: time.rate });
                crate::time::snap(frames / one)
            };
            let source = &mut gap["source_range"];
            source["duration"]["value"] = own(duration, range.duration).into();
            if skip > 0.0 && source.get("start_time").is_some_and(Value::is_object) {
                source["start_time"]["value"] = crate::time::snap(range.start.value + own(skip, range.start)).into();
            }
        }
        _ => gap["source_range"] = clock.range(skip, duration),
    }
    gap
}

/// Lays a clip on one of our own tracks that is free there, else on a new one at `above`; gives the track's name.
fn lay(
    clock: &Clock,
    tracks: &mut Vec<Value>,
    own: Vec<usize>,
    above: usize,
    (name, kind, role): (&str, &str, &str),
    (start, end, clip): (f64, f64, Value),
) -> String {
    for index in own {
        let Some(children) = tracks.get_mut(index).and_then(|t| t.get_mut("children")).and_then(Value::as_array_mut) else { continue };
        if lay_on(clock, children, start, end, &clip) {
            return tracks[index].get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        }
    }
    let taken = |n: &str| tracks.iter().any(|t| t.get("name").and_then(Value::as_str) == Some(n));
    let free = (1..).map(|i| if i == 1 { name.to_owned() } else { format!("{name} {i}") }).find(|n| !taken(n)).unwrap_or_default();
    let mut children = Vec::new();
    lay_on(clock, &mut children, start, end, &clip);
    let track = object([
        ("OTIO_SCHEMA", "Track.1".into()),
        ("metadata", json!({"pickup": {"track": role}})),
        ("name", free.clone().into()),
        ("source_range", Value::Null),
        ("effects", json!([])),
        ("markers", json!([])),
        ("enabled", true.into()),
        ("children", children.into()),
        ("kind", kind.into()),
    ]);
    tracks.insert(above.min(tracks.len()), track);
    free
}

/// Lays a clip into a track's gap, or behind its end; whether there was room.
fn lay_on(clock: &Clock, children: &mut Vec<Value>, start: f64, end: f64, clip: &Value) -> bool {
    let mut at = 0.0;
    for index in 0..children.len() {
        let item = Node::new(&children[index], "");
        let Ok(length) = duration(&item, clock, 0) else { return false };
        let (begins, ends) = (at, crate::time::snap(at + length));
        if item.schema() == "Gap" && begins <= start && end <= ends {
            let old = children.remove(index);
            children.splice(index..index, pieces(clock, old, clip.clone(), (start - begins, ends - end)));
            return true;
        }
        at = ends;
        if at > start {
            return false;
        }
    }
    if start > at {
        children.push(object([
            ("OTIO_SCHEMA", "Gap.1".into()),
            ("metadata", json!({})),
            ("name", "".into()),
            ("source_range", clock.range(0.0, start - at)),
            ("effects", json!([])),
            ("markers", json!([])),
            ("enabled", true.into()),
        ]));
    }
    children.push(clip.clone());
    true
}

fn is_audio(track: &Value) -> bool {
    track.get("kind").and_then(Value::as_str) == Some("Audio")
}

fn is_own(track: &Value, role: &str) -> bool {
    let ours = track.get("metadata").and_then(|m| m.get("pickup")).and_then(|p| p.get("track"));
    ours.and_then(Value::as_str) == Some(role) && Node::new(track, "").is_enabled()
}

/// Whether a file was written before clips had several references (OpenTimelineIO 0.15).
pub(crate) fn uses_old_clips(root: &Value) -> bool {
    fn find(value: &Value, name: &str) -> bool {
        match value {
            Value::Object(map) => {
                map.get("OTIO_SCHEMA").and_then(Value::as_str) == Some(name)
                    || map.iter().any(|(key, v)| key != "metadata" && find(v, name))
            }
            Value::Array(items) => items.iter().any(|v| find(v, name)),
            _ => false,
        }
    }
    find(root, "Clip.1") && !find(root, "Clip.2")
}
