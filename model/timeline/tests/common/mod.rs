//! Small cuts, built as hosts write them.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Value, json};
use timeline::{Cut, Filling, Hole};

pub const NTSC_24: f64 = 23.976023976023978;

pub fn time(value: f64, rate: f64) -> Value {
    json!({"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": value})
}

pub fn range(start: f64, duration: f64, rate: f64) -> Value {
    json!({"OTIO_SCHEMA": "TimeRange.1", "duration": time(duration, rate), "start_time": time(start, rate)})
}

fn item(schema: &str, name: &str, source: Value) -> Value {
    json!({"OTIO_SCHEMA": schema, "metadata": {}, "name": name, "source_range": source, "effects": [], "markers": [], "enabled": true})
}

/// A clip over `/m/NAME.mov`, whose media begins at frame 1000 of its timecode and has 500 frames.
pub fn clip(name: &str, start: f64, duration: f64, rate: f64) -> Value {
    let mut clip = item("Clip.2", name, range(1000.0 + start, duration, rate));
    clip["media_references"] = json!({"DEFAULT_MEDIA": {
        "OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": "", "available_range": range(1000.0, 500.0, rate),
        "available_image_bounds": null, "target_url": format!("file:///m/{name}.mov"),
    }});
    clip["active_media_reference_key"] = "DEFAULT_MEDIA".into();
    clip
}

/// A clip whose media nobody has.
pub fn missing(name: &str, duration: f64, rate: f64) -> Value {
    let mut clip = item("Clip.2", name, range(0.0, duration, rate));
    clip["media_references"] = json!({"DEFAULT_MEDIA": {
        "OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": "", "available_range": null, "available_image_bounds": null,
    }});
    clip["active_media_reference_key"] = "DEFAULT_MEDIA".into();
    clip
}

pub fn gap(duration: f64, rate: f64) -> Value {
    item("Gap.1", "", range(0.0, duration, rate))
}

pub fn transition(into: f64, out: f64, rate: f64) -> Value {
    json!({"OTIO_SCHEMA": "Transition.1", "metadata": {}, "name": "", "in_offset": time(into, rate), "out_offset": time(out, rate),
        "transition_type": "SMPTE_Dissolve"})
}

pub fn marker(name: &str, start: f64, duration: f64, rate: f64) -> Value {
    json!({"OTIO_SCHEMA": "Marker.2", "metadata": {}, "name": name, "color": "RED", "comment": "", "marked_range": range(start, duration, rate)})
}

pub fn track(kind: &str, name: &str, children: Vec<Value>) -> Value {
    let mut track = item("Track.1", name, Value::Null);
    track["children"] = children.into();
    track["kind"] = kind.into();
    track
}

pub fn video(children: Vec<Value>) -> Value {
    track("Video", "V1", children)
}

pub fn audio(children: Vec<Value>) -> Value {
    track("Audio", "A1", children)
}

pub fn stack(name: &str, children: Vec<Value>) -> Value {
    let mut stack = item("Stack.1", name, Value::Null);
    stack["children"] = children.into();
    stack
}

/// A timeline that begins at 01:00:00:00.
pub fn timeline(rate: f64, tracks: Vec<Value>) -> Value {
    json!({
        "OTIO_SCHEMA": "Timeline.1", "metadata": {"host": {"build": 7, "odd": 0.1, "list": [1, 2.50, null]}}, "name": "cut",
        "global_start_time": time(rate.round() * 3600.0, rate), "tracks": stack("tracks", tracks),
    })
}

pub fn cut(timeline: &Value) -> Cut {
    Cut::parse(&timeline.to_string()).unwrap()
}

/// The holes, when every file is there but those whose name contains "absent".
pub fn holes(timeline: &Value) -> Vec<Hole> {
    cut(timeline).holes_with(&there).unwrap()
}

pub fn there(path: &Path) -> bool {
    !path.to_string_lossy().contains("absent")
}

/// Ranges as pairs, for short assertions.
pub fn spans(holes: &[Hole]) -> Vec<(i64, i64)> {
    holes.iter().map(|h| h.range.into()).collect()
}

/// A shot that fits a hole, with handles on both sides.
pub fn filling(name: &str, hole: &Hole, handles: i64) -> Filling {
    Filling {
        name: name.into(),
        picture: format!("/takes/{name}.mov").into(),
        first_number: 0,
        sound: hole.silent.then(|| format!("/takes/{name}.wav").into()),
        handle_in: handles,
        available: hole.range.frames() + 2 * handles,
        start: shot::FrameIndex(hole.start.0 - handles),
        metadata: json!({"take": "0123456789abcdef01234567"}),
    }
}
