//! Capture: the frames of the neighbours that this host lets us see, as pictures of the request's size.
//!
//! Frames at other times are fetched only where host and clip grant temporal access; elsewhere the current frame must do, and
//! the status says so.

use std::collections::BTreeMap;

use half::f16;
use half::slice::HalfFloatSliceExt;
use host_sys::{Clip, Image, Instance, RectD, RectI, Row, raw};
use shot::request::{End, Keep};
use shot::{Code, Fault, Key, Picture, Rate, Size, Task};
use takes::Part;

use crate::geometry::{self, Fit};
use crate::placement::{Placement, nearest};
use crate::resample::{Scaler, taps};
use crate::values::Values;
use crate::{pixels, status};

/// Bytes of captured frames that may be in memory at once. Of large frames fewer are captured.
const MEMORY: usize = 2 << 30;
/// Frames of a reference shot.
const REFERENCE_FRAMES: usize = 3;

/// Which inputs play which part in a context.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Stands before the hole.
    pub tail: &'static str,
    /// Stands after the hole.
    pub head: &'static str,
    /// Shows what the shot should be like.
    pub reference: Option<&'static str>,
}

/// What was captured.
#[derive(Debug, Default)]
pub struct Captured {
    /// The frames, by their part, in time order.
    pub frames: BTreeMap<Part, Vec<Picture>>,
    /// What the editor should know about them.
    pub notes: Vec<String>,
}

impl Captured {
    /// Hash of all frames as they will be stored, and of `more`, which names what else the engine sees.
    pub fn key(&self, more: &str) -> Key {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        hasher.update(more.as_bytes());
        for (part, pictures) in &self.frames {
            hasher.update(format!("\0{part:?} {}", pictures.len()).as_bytes());
            for picture in pictures {
                hasher.update(format!("\0{}", picture.size()).as_bytes());
                for row in picture.pixels().chunks(picture.width().max(1)) {
                    let flat = row.as_flattened();
                    let mut halves = vec![f16::ZERO; flat.len()];
                    halves.convert_from_f32_slice(flat);
                    bytes.clear();
                    bytes.extend(halves.iter().flat_map(|h| h.to_le_bytes()));
                    hasher.update(&bytes);
                }
            }
        }
        Key::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// The shape and the pace of the shot, as the host tells them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Where the picture lies, in canonical coordinates.
    pub region: RectD,
    /// Its size at full scale.
    pub size: Size,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// Frames per second.
    pub rate: Rate,
}

/// The region, size, pixel aspect and rate of the shot: those of the inputs, else those of the project.
pub fn format(instance: &Instance<'_>, inputs: Inputs, time: f64) -> Result<Format, Fault> {
    let connected = |name| instance.clip(name).ok().filter(Clip::is_connected);
    let clips: Vec<Clip<'_>> =
        [Some(inputs.tail), Some(inputs.head), inputs.reference].into_iter().flatten().filter_map(connected).collect();
    let props = instance.props().map_err(|e| status::from_host(&e))?;
    let positive = |name| props.double(name).ok().filter(|v| v.is_finite() && *v > 0.0);
    let pixel_aspect =
        clips.iter().find_map(Clip::pixel_aspect).or_else(|| positive(raw::kOfxImageEffectPropProjectPixelAspectRatio)).unwrap_or(1.0);
    // From and To together; a reference only where there is neither.
    let sources = clips.iter().filter(|c| Some(c.name()) != inputs.reference).map(|c| c.region_of_definition(time));
    let reference = || clips.iter().find_map(|c| c.region_of_definition(time));
    let region = sources.fold(None, geometry::union).or_else(reference).or_else(|| project_region(instance));
    let Some(region) = region else {
        return Err(Fault::new(Code::Input, "the host tells no picture size", "connect an input, or set the project's size"));
    };
    let size = geometry::full_size(region, pixel_aspect).ok_or_else(|| {
        Fault::new(Code::Input, format!("a picture of {:.0}×{:.0} cannot be worked on", region.width(), region.height()), "crop the input")
    })?;
    let rate = clips.iter().find_map(Clip::frame_rate).or_else(|| positive(raw::kOfxImageEffectPropFrameRate)).unwrap_or(24.0);
    Ok(Format { region, size, pixel_aspect, rate: Rate::from_f64(rate).unwrap_or(Rate::whole(24)) })
}

/// The project's region, if the host tells one.
pub fn project_region(instance: &Instance<'_>) -> Option<RectD> {
    let props = instance.props().ok()?;
    let pair = |name| props.doubles::<2>(name).ok();
    let [w, h] = pair(raw::kOfxImageEffectPropProjectSize).or_else(|| pair(raw::kOfxImageEffectPropProjectExtent))?;
    let [x, y] = pair(raw::kOfxImageEffectPropProjectOffset).unwrap_or([0.0, 0.0]);
    let region = RectD::new(x, y, x + w, y + h);
    region.is_usable().then_some(region)
}

/// Captures what a task needs. `now` is the host's current time, `scale` that of its images.
pub fn capture(capture: &Wanted<'_, '_>) -> Result<Captured, Fault> {
    let Wanted { instance, inputs, task, place, format, frames, .. } = *capture;
    let mut captured = Captured::default();
    let (mut tail, mut head, mut like) = (0, 0, 0);
    match task {
        Task::Bridge => (tail, head) = (frames, frames),
        // A span that begins or ends its clip has one neighbour only; its own frames are none.
        Task::Retake { .. } => {
            let range = |name| instance.clip(name).ok().map_or((i64::MIN, i64::MAX), |c| bounds(&c));
            tail = if range(inputs.tail).0 < place.first { frames } else { 0 };
            head = if range(inputs.head).1 >= place.end() { frames } else { 0 };
        }
        Task::Extend { at: End::Tail } => tail = frames,
        Task::Extend { at: End::Head } => head = frames,
        Task::Insert => like = REFERENCE_FRAMES,
        Task::Establish | Task::Retime { .. } => {}
    }
    let room = (MEMORY / (format.size.pixels() * 16).max(1)).max(2);
    let fit = |n: usize, sides: usize| n.min((room / sides).max(1));
    if tail > 0 {
        let times = |c: &Clip<'_>| last_before(c, place.first, fit(tail, 2));
        captured.side(capture, Part::Tail, inputs.tail, "before", times)?;
    }
    if head > 0 {
        let times = |c: &Clip<'_>| first_from(c, place.end(), fit(head, 2));
        captured.side(capture, Part::Head, inputs.head, "after", times)?;
    }
    if like > 0 {
        let is_there = |name: &&'static str| instance.clip(name).is_ok_and(|c| c.is_connected());
        let names: Vec<&'static str> = inputs.reference.into_iter().chain([inputs.tail, inputs.head]).filter(is_there).collect();
        let mut seen: Vec<&'static str> = Vec::new();
        for name in names {
            if seen.contains(&name) {
                continue;
            }
            let part = Part::Like(seen.len() as u8);
            seen.push(name);
            let times =
                |c: &Clip<'_>| if name == inputs.head { first_from(c, place.end(), like) } else { last_before(c, place.first, like) };
            captured.side(capture, part, name, "like it", times)?;
        }
    }
    if needs_span(task) {
        if place.frames as usize > room {
            return Err(Fault::new(
                Code::Unsupported,
                format!("{} frames of {} are more than can be captured through the host, which is {room}", place.frames, format.size),
                format!("choose a shorter span, or use `pickup {}` on the file", task.word()),
            ));
        }
        captured.side(capture, Part::Clip, inputs.tail, "itself", |_| (place.first..place.end()).collect())?;
    }
    Ok(captured)
}

/// What is to be captured, and how the host's images are to be read.
#[derive(Clone, Copy)]
pub struct Wanted<'i, 'a> {
    /// The instance.
    pub instance: &'i Instance<'a>,
    /// Which inputs play which part.
    pub inputs: Inputs,
    /// What for.
    pub task: Task,
    /// Where the shot lies.
    pub place: Placement,
    /// Its shape.
    pub format: Format,
    /// How many frames of each neighbour.
    pub frames: usize,
    /// The host's current time.
    pub now: f64,
    /// The scale at which the host hands out images.
    pub scale: (f64, f64),
}

/// Whether a task works on the frames of the span itself, not only on its neighbours.
fn needs_span(task: Task) -> bool {
    matches!(task, Task::Retime { .. } | Task::Retake { keep: Keep::Picture })
}

/// The frames of a clip that [`capture`] would fetch beside the current one.
pub fn reach(instance: &Instance<'_>, name: &'static str, inputs: Inputs, values: &Values, place: Placement) -> Vec<host_sys::Range> {
    let Ok(clip) = instance.clip(name) else { return Vec::new() };
    if !clip.has_temporal_access() {
        return Vec::new();
    }
    let count = values.context_frames.max(1) as usize;
    let sides = [
        (name == inputs.tail).then(|| last_before(&clip, place.first, count)),
        (name == inputs.head).then(|| first_from(&clip, place.end(), count)),
    ];
    let range = |times: Vec<i64>| Some(host_sys::Range { min: *times.first()? as f64, max: *times.last()? as f64 });
    let mut ranges: Vec<_> = sides.into_iter().flatten().filter_map(range).collect();
    if needs_span(values.task()) && name == inputs.tail {
        ranges.push(host_sys::Range { min: place.first as f64, max: (place.end() - 1) as f64 });
    }
    ranges
}

fn last_before(clip: &Clip<'_>, first: i64, count: usize) -> Vec<i64> {
    let (min, max) = bounds(clip);
    let end = first.min(max.saturating_add(1)).max(min.saturating_add(1));
    (end.saturating_sub(count as i64).max(min)..end).collect()
}

fn first_from(clip: &Clip<'_>, from: i64, count: usize) -> Vec<i64> {
    let (min, max) = bounds(clip);
    let start = from.max(min).min(max);
    (start..start.saturating_add(count as i64).min(max.saturating_add(1))).collect()
}

fn bounds(clip: &Clip<'_>) -> (i64, i64) {
    clip.frame_range().map_or((i64::MIN / 2, i64::MAX / 2), |r| (nearest(r.min), nearest(r.max)))
}

impl Captured {
    fn side(
        &mut self,
        wanted: &Wanted<'_, '_>,
        part: Part,
        name: &'static str,
        word: &str,
        times: impl Fn(&Clip<'_>) -> Vec<i64>,
    ) -> Result<(), Fault> {
        let clip = wanted.instance.clip(name).map_err(|e| status::from_host(&e))?;
        if !clip.is_connected() {
            return Err(Fault::new(
                Code::Input,
                format!("nothing is connected to {name}"),
                format!("connect the shot that stands {word}, or give a context file"),
            ));
        }
        let times = if clip.has_temporal_access() {
            times(&clip)
        } else {
            if name == "Source" {
                return Err(Fault::new(
                    Code::Unsupported,
                    "this host shows an effect only the frame it renders, not its neighbours",
                    "give a context file from the timeline script, or use `pickup` on the files and choose the take here",
                ));
            }
            self.notes.push(format!("this host shows only one frame of {name}"));
            vec![nearest(wanted.now)]
        };
        let mut pictures = Vec::new();
        for time in &times {
            if wanted.instance.is_aborted() {
                return Err(Fault::cancelled());
            }
            if let Some(picture) = read(&clip, *time as f64, wanted.format, wanted.scale).map_err(|e| status::from_host(&e))? {
                pictures.push(picture);
            }
        }
        if pictures.is_empty() {
            let span = times.first().zip(times.last()).map_or_else(String::new, |(a, b)| format!(" from {a} to {b}"));
            return Err(Fault::new(
                Code::Input,
                format!("the host has no frame of {name}{span}"),
                "check that its media is online, and that In and Out lie within it",
            ));
        }
        if pictures.len() < times.len() {
            self.notes.push(format!("{} of {} frames of {name} are missing", times.len() - pictures.len(), times.len()));
        }
        self.frames.insert(part, pictures);
        Ok(())
    }
}

/// One frame of a clip as a picture of the shot's size; `None` where the host has none.
pub fn read(clip: &Clip<'_>, time: f64, format: Format, scale: (f64, f64)) -> host_sys::Result<Option<Picture>> {
    let Some(image) = clip.image(time, None)? else { return Ok(None) };
    let layout = *image.layout();
    let aspect = clip.pixel_aspect().unwrap_or(layout.pixel_aspect);
    let told = clip.region_of_definition(time).map(|r| geometry::around(geometry::to_pixels(r, scale, aspect)));
    // A host whose images do not have the scale that it says: then the image itself is all there is.
    let near = |r: &RectI| r.width().abs_diff(layout.bounds.width()) <= 2 && r.height().abs_diff(layout.bounds.height()) <= 2;
    let inside = |r: &RectI| r.contains(layout.bounds);
    let frame = told.filter(|r| near(r) || inside(r)).unwrap_or(layout.bounds);
    let Ok(size) = Size::new(frame.width(), frame.height()).checked() else { return Ok(None) };
    let mut picture = crop(&image, frame, size)?;
    drop(image);
    picture.heal();
    Ok(Some(if size == format.size { picture } else { fitted(&picture, aspect, format) }))
}

/// The part `frame` of an image, top row first; what the image does not cover is transparent.
fn crop(image: &Image<'_>, frame: RectI, size: Size) -> host_sys::Result<Picture> {
    let layout = image.layout();
    let mut picture = Picture::filled(size, [0.0; 4]);
    let both = frame.intersect(layout.bounds);
    if both.is_empty() {
        return Ok(picture);
    }
    for y in both.y1..both.y2 {
        let row: Row = image.row(y, both.x1, both.x2)?;
        let pixels = pixels::take(&row, layout);
        let (from_top, from_left) = ((frame.y2 - 1 - y) as usize, (both.x1 - frame.x1) as usize);
        if let Some(out) = picture.row_mut(from_top).get_mut(from_left..from_left + pixels.len()) {
            out.copy_from_slice(&pixels);
        }
    }
    Ok(picture)
}

/// A picture of another size as one of the shot's size: all of it, on black.
fn fitted(picture: &Picture, aspect: f64, format: Format) -> Picture {
    let canvas = RectD::new(0.0, 0.0, f64::from(format.size.width), f64::from(format.size.height));
    let rect = geometry::place(picture.size(), aspect, canvas, format.pixel_aspect, Fit::Whole);
    let mut out = Picture::filled(format.size, [0.0, 0.0, 0.0, 1.0]);
    let columns = taps(picture.width(), rect.x1, rect.x2, 0, format.size.width as i32, false);
    let rows = taps(picture.height(), rect.y1, rect.y2, 0, format.size.height as i32, true);
    let mut scaler = Scaler::new(&columns, &rows, 0);
    let inside: Vec<usize> = columns.iter().enumerate().filter(|(_, t)| !t.weights.is_empty()).map(|(x, _)| x).collect();
    let (Some(&x1), Some(&x2)) = (inside.first(), inside.last()) else { return out };
    let height = out.height();
    for y in 0..picture.height() {
        scaler.push(y, picture.row(y), |n, row| {
            out.row_mut(height - 1 - n as usize)[x1..=x2].copy_from_slice(&row[x1..=x2]);
        });
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FORMAT: Format =
        Format { region: RectD::new(0.0, 0.0, 8.0, 4.0), size: Size::new(8, 4), pixel_aspect: 1.0, rate: Rate::whole(24) };

    #[test]
    fn a_picture_of_another_shape_is_whole_and_upright() {
        let mut square = Picture::filled(Size::new(2, 2), [0.5, 0.5, 0.5, 1.0]);
        square.row_mut(0).fill([1.0, 0.0, 0.0, 1.0]);
        let out = fitted(&square, 1.0, FORMAT);
        assert_eq!(out.row(0)[0], [0.0, 0.0, 0.0, 1.0], "a bar");
        assert_eq!(out.row(0)[4], [1.0, 0.0, 0.0, 1.0], "the top row stays the top row");
        assert_eq!(out.row(3)[3], [0.5, 0.5, 0.5, 1.0]);
    }

    #[test]
    fn the_key_follows_every_pixel_and_its_part() {
        let with = |part, v: f32| {
            let mut c = Captured::default();
            c.frames.insert(part, vec![Picture::filled(Size::new(3, 2), [v, 0.0, 0.0, 1.0])]);
            c.key("")
        };
        assert_eq!(with(Part::Tail, 0.5), with(Part::Tail, 0.5));
        assert_ne!(with(Part::Tail, 0.5), with(Part::Tail, 0.25));
        assert_ne!(with(Part::Tail, 0.5), with(Part::Head, 0.5));
    }
}
