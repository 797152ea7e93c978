//! From a take to the file or folder that was asked for.

use std::path::{Path, PathBuf};

use shot::{ClipRef, Fault, FrameIndex, Frames, Picture, Request, Sound};
use takes::Stored;

use crate::cli::FormatArg;
use crate::place::Known;

/// What goes where.
pub struct Order<'a> {
    /// The ffmpeg executables.
    pub tools: &'a media::Tools,
    /// The file or folder.
    pub out: &'a Path,
    /// Form of frames in a folder.
    pub format: FormatArg,
    /// Bits per channel of a picture file.
    pub depth: media::Depth,
    /// Whether the handle frames of the take are delivered too.
    pub with_handles: bool,
}

/// Bits per channel of what is delivered: as deep as the footage, never less than 8, never more than 16.
pub const fn depth(info: &media::ClipInfo) -> media::Depth {
    if info.depth <= 8 { media::Depth::Eight } else { media::Depth::Sixteen }
}

/// Frames of a neighbour that go before or after the made ones.
pub struct Neighbour {
    /// Which frames.
    pub clip: ClipRef,
    /// Their sound.
    pub sound: Option<Sound>,
}

impl Neighbour {
    /// All frames of a clip, with their sound, as far as it reaches: padded with silence or cut to the sample.
    pub fn of(tools: &media::Tools, known: &Known, request: &Request, timeline_start: i64) -> Result<Self, Fault> {
        let span = known.span()?;
        let clip = known.part(span.start().0, span.end().0, known.info.colour)?;
        let from = shot::SoundRef {
            path: clip.path.clone(),
            start: known.info.rate.seconds(span.start().0),
            length: Some(known.info.rate.seconds(span.frames())),
        };
        let samples = request.rate.samples_in(FrameIndex(timeline_start), span.frames()).0.max(0) as usize;
        let is_heard = request.sound != shot::SoundMode::None && known.info.sound.is_some();
        let sound = if is_heard { tools.sound(&from)? } else { None };
        let sound = sound.map(|s| sound::conform(&s, shot::SAMPLE_RATE, usize::from(request.channels))).transpose()?;
        Ok(Self { clip, sound: Some(fitted(sound, usize::from(request.channels), samples)) })
    }
}

fn fitted(sound: Option<Sound>, channels: usize, samples: usize) -> Sound {
    let mut all = sound.map_or_else(|| vec![Vec::new(); channels], Sound::into_channels);
    all.iter_mut().for_each(|c| c.resize(samples, 0.0));
    Sound::new(shot::SAMPLE_RATE, all).unwrap_or_else(|_| Sound::silence(shot::SAMPLE_RATE, channels, samples))
}

/// Writes a take to where it was asked for.
pub fn take(order: &Order<'_>, stored: &Stored, before: Option<&Neighbour>, after: Option<&Neighbour>) -> Result<(), Fault> {
    let take = stored.take();
    let request = &take.request;
    let (skip_in, skip_out) = if order.with_handles { (0, 0) } else { (take.handle_in, take.handle_out) };
    let made = skip_in..take.frames - skip_out;
    let lead = before.map(|n| frames_of(&n.clip)).unwrap_or(0);
    let first = FrameIndex(take.first_frame.0 + i64::from(skip_in) - lead);
    let mut delivery = media::Delivery::create(order.tools, order.out, &spec(order, stored, first))?;
    if let Some(n) = before {
        copy(order.tools, &n.clip, request, &mut delivery)?;
    }
    for index in made.clone() {
        delivery.picture(&stored.frame(index)?)?;
    }
    if let Some(n) = after {
        copy(order.tools, &n.clip, request, &mut delivery)?;
    }
    if let Some(sound) = sound_of(order, stored, made, before, after)? {
        delivery.sound(&sound)?;
    }
    delivery.finish()?;
    Ok(())
}

fn frames_of(clip: &ClipRef) -> i64 {
    clip.span.map_or(0, shot::Span::frames)
}

fn copy(tools: &media::Tools, clip: &ClipRef, request: &Request, delivery: &mut media::Delivery) -> Result<(), Fault> {
    let frames = crate::context::open(tools, request, clip)?;
    for i in 0..frames.count() {
        let frame = frames.frame(i)?;
        match clip.colour.filter(|c| *c != request.context.colour) {
            Some(from) => {
                let mut picture: Picture = (*frame).clone();
                colour::convert(picture.pixels_mut(), from, request.context.colour);
                delivery.picture(&picture)?;
            }
            None => delivery.picture(&frame)?,
        }
    }
    Ok(())
}

/// How a take's delivery describes itself.
fn spec(order: &Order<'_>, stored: &Stored, first: FrameIndex) -> media::DeliverySpec {
    let take = stored.take();
    let request = &take.request;
    media::DeliverySpec {
        size: request.size,
        rate: request.rate,
        start: first,
        drop_frame: request.drop_frame,
        colour: request.context.colour,
        pixel_aspect: request.pixel_aspect,
        format: format(order.format),
        depth: order.depth,
        alpha: false,
        description: describe(stored),
        source_type: Some(take.provenance.source_type),
    }
}

/// The form of frames in a folder.
pub const fn format(format: FormatArg) -> media::Format {
    match format {
        FormatArg::Png => media::Format::Png,
        FormatArg::Exr => media::Format::Exr,
    }
}

fn describe(stored: &Stored) -> String {
    let take = stored.take();
    format!(
        "{}: {} by the engine {} (version {}), take {}",
        take.provenance.generator,
        take.request.task.word(),
        take.provenance.engine,
        take.provenance.engine_version,
        take.id
    )
}

fn sound_of(
    order: &Order<'_>,
    stored: &Stored,
    made: std::ops::Range<u32>,
    before: Option<&Neighbour>,
    after: Option<&Neighbour>,
) -> Result<Option<Sound>, Fault> {
    let take = stored.take();
    if take.samples.is_none() {
        return Ok(None);
    }
    let from = shot::SoundRef { path: sound_path(stored), start: shot::Seconds(0.0), length: None };
    let Some(whole) = order.tools.sound(&from)? else { return Ok(None) };
    let at = |frame: u32| take.request.rate.samples_in(take.first_frame, i64::from(frame)).0 as usize;
    let cut = at(made.start)..at(made.end);
    let mut channels: Vec<Vec<f32>> = Vec::new();
    for (i, channel) in whole.channels().iter().enumerate() {
        let mut all = Vec::new();
        let part = |n: Option<&Neighbour>| n.and_then(|n| n.sound.as_ref()).and_then(|s| s.channels().get(i)).cloned().unwrap_or_default();
        all.extend(part(before));
        all.extend_from_slice(channel.get(cut.clone()).unwrap_or_default());
        all.extend(part(after));
        channels.push(all);
    }
    Ok(Some(Sound::new(shot::SAMPLE_RATE, channels)?))
}

/// The sound file of a take.
pub fn sound_path(stored: &Stored) -> PathBuf {
    stored.folder().join(takes::SOUND)
}
