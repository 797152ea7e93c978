//! A cut: the file, opened, and written again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shot::{FrameIndex, Rate};

use crate::durable::write_whole;
use crate::error::Error;
use crate::fill::uses_old_clips;
use crate::hole::{Around, Hole, Survey, Surveyor};
use crate::json::{Node, schema};
use crate::media::Finder;
use crate::time::{Clock, Time};
use crate::url;
use crate::walk::{Walk, common_rate};

/// A timeline. Everything of its file is kept, known or not.
#[derive(Clone, Debug)]
pub struct Cut {
    pub(crate) root: Value,
    /// Which item of a `SerializableCollection` the timeline is.
    item: Option<usize>,
    /// The folder that its relative addresses are seen from.
    folder: Option<PathBuf>,
    pub(crate) clock: Clock,
    start: FrameIndex,
    /// Whether its clips have the form before `media_references`, so that its host may know no other.
    pub(crate) old_clips: bool,
    /// Addresses of what was placed since it was read; they may become relative when it is written.
    pub(crate) placed: Vec<String>,
}

impl Cut {
    /// Reads a `.otio` file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let no = |why| Error::Read { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(no)?;
        let mut cut = Self::parse(&text)?;
        cut.folder = std::path::absolute(path).map_err(no)?.parent().map(Path::to_owned);
        Ok(cut)
    }

    /// Reads the text of a `.otio` file. Relative addresses in it are then seen from nowhere; see [`Cut::in_folder`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let root: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|why| Error::Json { why })?;
        let item = match schema(&root) {
            "SerializableCollection" => {
                let children = root.get("children").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                children.iter().position(|c| schema(c) == "Timeline")
            }
            _ => None,
        };
        let node = timeline(&root, item);
        if node.schema() != "Timeline" {
            return Err(Node::new(&root, "the top").unexpected("a Timeline"));
        }
        let stack = node.get("tracks").ok_or_else(|| node.unexpected("a Timeline with tracks"))?;
        let begin = node.get("global_start_time");
        let clock = match begin.clone().or(common_rate(&stack)?) {
            Some(time) => Clock::of(&time)?,
            None => return Err(Error::NoPicture),
        };
        let start = match begin {
            Some(time) => FrameIndex(clock.frames(Time::read(&time)?).round() as i64),
            None => FrameIndex(0),
        };
        Ok(Self { item, folder: None, clock, start, old_clips: uses_old_clips(&root), placed: Vec::new(), root })
    }

    /// A new cut, on one picture track, whose shots are all still to be made: each is an offline clip of its name and length in
    /// frames, and so a hole. It begins at `start`.
    pub fn to_be_made(name: &str, rate: Rate, start: FrameIndex, shots: &[(&str, u32)]) -> Result<Self, Error> {
        let fps = rate.as_f64();
        let time = |frames: i64| json!({"OTIO_SCHEMA": "RationalTime.1", "rate": fps, "value": frames as f64});
        let item = |schema: &str, name: &str| json!({"OTIO_SCHEMA": schema, "metadata": {}, "name": name, "source_range": null, "effects": [], "markers": [], "enabled": true});
        let clips = shots.iter().map(|(name, frames)| {
            let mut clip = item("Clip.2", name);
            clip["source_range"] = json!({"OTIO_SCHEMA": "TimeRange.1", "duration": time(i64::from(*frames)), "start_time": time(0)});
            clip["media_references"] = json!({"DEFAULT_MEDIA": {
                "OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": "", "available_range": null, "available_image_bounds": null,
            }});
            clip["active_media_reference_key"] = "DEFAULT_MEDIA".into();
            clip
        });
        let mut track = item("Track.1", "V1");
        track["children"] = clips.collect();
        track["kind"] = "Video".into();
        let mut stack = item("Stack.1", "tracks");
        stack["children"] = json!([track]);
        let root = json!({
            "OTIO_SCHEMA": "Timeline.1", "metadata": {}, "name": name, "global_start_time": time(start.0), "tracks": stack,
        });
        Self::parse(&root.to_string())
    }

    /// The same cut, its relative addresses seen from an absolute folder.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Frames per second of the record side.
    pub fn rate(&self) -> Rate {
        self.clock.rate
    }

    /// The first frame, counted from midnight of the record timecode.
    pub fn start(&self) -> FrameIndex {
        self.start
    }

    /// The timeline's name.
    pub fn name(&self) -> &str {
        timeline(&self.root, self.item).text("name")
    }

    /// Whether the metadata says that the timecode is drop-frame. OpenTimelineIO itself has no word for it; hosts write keys such
    /// as `drop_frame` into the timeline's metadata.
    pub fn drop_frame(&self) -> bool {
        fn says_so(value: &Value, depth: usize) -> bool {
            value.as_object().filter(|_| depth < 8).is_some_and(|map| {
                map.iter().any(|(key, value)| match key.to_ascii_lowercase().replace(['_', ' ', '-'], "").as_str() {
                    "dropframe" | "isdropframe" | "dropframetimecode" => {
                        matches!(value, Value::Bool(true)) || value.as_str().is_some_and(|v| matches!(v, "1" | "true" | "DF"))
                    }
                    "timecodeformat" | "tcformat" => value.as_str() == Some("DF"),
                    _ => says_so(value, depth + 1),
                })
            })
        }
        let node = timeline(&self.root, self.item);
        shot::timecode::can_drop(self.clock.rate) && node.get("metadata").is_some_and(|m| says_so(m.value, 0))
    }

    /// Length in frames: that of the longest enabled track.
    pub fn frames(&self) -> Result<i64, Error> {
        self.surveyed(&|_| true, |s| Ok(s.walk.length.round() as i64))
    }

    /// The holes, in time order. Looks whether the media files are there.
    pub fn holes(&self) -> Result<Vec<Hole>, Error> {
        Ok(self.survey(&|path| path.exists())?.holes)
    }

    /// The holes, when a closure tells which files are there.
    pub fn holes_with(&self, exists: &dyn Fn(&Path) -> bool) -> Result<Vec<Hole>, Error> {
        Ok(self.survey(exists)?.holes)
    }

    /// The holes, and what a person should know beside them.
    pub fn survey(&self, exists: &dyn Fn(&Path) -> bool) -> Result<Survey, Error> {
        self.surveyed(exists, |s| s.survey())
    }

    /// What stands on both sides of a frame of the record timecode. Looks whether the media files are there.
    pub fn around(&self, frame: FrameIndex) -> Result<Around, Error> {
        self.surveyed(&|path| path.exists(), |s| Ok(s.around((frame.0 - self.start.0) as f64)))
    }

    pub(crate) fn surveyed<T>(
        &self,
        exists: &dyn Fn(&Path) -> bool,
        then: impl FnOnce(Surveyor<'_, '_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // A cut names the same file hundreds of times, and a share is slow to answer.
        let known = RefCell::new(HashMap::<PathBuf, bool>::new());
        let exists = |path: &Path| {
            let seen = known.borrow().get(path).copied();
            seen.unwrap_or_else(|| {
                let there = exists(path);
                known.borrow_mut().insert(path.to_owned(), there);
                there
            })
        };
        let finder = Finder { folder: self.folder.as_deref(), exists: &exists };
        let node = timeline(&self.root, self.item);
        let stack = node.get("tracks").ok_or_else(|| node.unexpected("a Timeline with tracks"))?;
        let walk = Walk::new(&stack, &self.clock, &finder)?;
        then(Surveyor::new(walk, &self.clock, self.start, self.drop_frame()))
    }

    pub(crate) fn timeline_node(&self) -> Node<'_> {
        timeline(&self.root, self.item)
    }

    /// The top stack, to be changed.
    pub(crate) fn stack_mut(&mut self) -> Option<&mut Value> {
        let node = match self.item {
            Some(i) => self.root.get_mut("children")?.get_mut(i)?,
            None => &mut self.root,
        };
        node.get_mut("tracks")
    }

    /// The text of the file, as OpenTimelineIO lays it out: four spaces, fields in their order.
    pub fn to_text(&self) -> String {
        text_of(&self.root)
    }

    /// Writes the cut in one step: a reader sees the old file or the new one, whole. What was placed is addressed relative to
    /// the file when it lies below it. Relative addresses that were there before become absolute when the file moves to another
    /// folder, since they would lead nowhere; nothing else changes.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let no = |why| Error::Write { path: path.to_owned(), why };
        let path = std::path::absolute(path).map_err(no)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let mut root = self.root.clone();
        let moves = self.folder.as_deref().filter(|f| *f != folder);
        rebase(&mut root, &|address| {
            if self.placed.iter().any(|p| p == address) {
                let url::Target::File(files) = url::target(address, None) else { return None };
                let is_folder = address.ends_with('/');
                let below = files.first().and_then(|f| url::below(f, folder))?;
                return Some(if is_folder { format!("{below}/") } else { below });
            }
            let from = moves.filter(|_| url::is_relative(address))?;
            let url::Target::File(files) = url::target(address, Some(from)) else { return None };
            let file = files.iter().find(|f| f.exists()).or(files.first())?;
            Some(format!("{}{}", url::absolute(file)?, if address.ends_with('/') { "/" } else { "" }))
        });
        write_whole(&path, &text_of(&root)).map_err(no)
    }
}

fn timeline(root: &Value, item: Option<usize>) -> Node<'_> {
    Node::new(item.and_then(|i| root.get("children")?.get(i)).unwrap_or(root), "timeline")
}

/// Gives every media reference the chance of another address.
fn rebase(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    let key = match schema(value) {
        "ExternalReference" => Some("target_url"),
        "ImageSequenceReference" => Some("target_url_base"),
        _ => None,
    };
    if let Some(address) = key.and_then(|k| value.get_mut(k))
        && let Some(new) = address.as_str().and_then(change)
    {
        *address = new.into();
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| rebase(v, change)),
        // Metadata is opaque: what looks like a reference in it is none.
        Value::Object(map) => map.iter_mut().filter(|(k, _)| *k != "metadata").for_each(|(_, v)| rebase(v, change)),
        _ => {}
    }
}

fn text_of(root: &Value) -> String {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
    // Writing a tree of values into memory cannot fail.
    if let Err(e) = serde::Serialize::serialize(root, &mut serializer) {
        log::error!("the cut cannot be written as text: {e}");
    }
    String::from_utf8(out).unwrap_or_default()
}
