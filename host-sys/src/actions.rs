//! The arguments of the actions, read tolerantly: what a host leaves out has the value that OpenFX means by it.

use crate::cuda::Device;
use crate::fields::Lines;
use crate::geometry::{Range, RectD, RectI};
use crate::image::{Image, Output};
use crate::instance::Instance;
use crate::props::{PropertySet, keep};
use crate::raw;
use crate::status::{Error, Result};

/// Why something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user did it.
    User,
    /// A plug-in did it.
    Plugin,
    /// The time moved.
    Time,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// A parameter, by its id.
    Param(String),
    /// A clip, by its name: connected, disconnected, or of another kind.
    Clip(String),
    /// The host does not say.
    Unknown,
}

/// The arguments of InstanceChanged.
#[derive(Clone, Debug)]
pub struct Change {
    /// What.
    pub what: Changed,
    /// Why.
    pub reason: Reason,
    /// When, in frames; the host's current time.
    pub time: f64,
    /// At which scale, x and y.
    pub scale: (f64, f64),
}

fn time(args: &PropertySet<'_>) -> Option<f64> {
    args.double(raw::kOfxPropTime).ok().filter(|t| t.is_finite())
}

/// A render scale; what is no number above zero is 1.
fn scale(args: &PropertySet<'_>) -> (f64, f64) {
    // What is absent is judged as a zero: judged within an Option, the optimiser looks at the value before it looks whether there
    // is one, which memcheck reports of every host that gives GetFramesNeeded no scale.
    let at = |i, other: f64| {
        let scale = args.double_at(raw::kOfxImageEffectPropRenderScale, i).unwrap_or(0.0);
        if scale > 0.0 && scale <= 1e3 { scale } else { other }
    };
    let x = at(0, 1.0);
    (x, at(1, x))
}

fn flag(args: &PropertySet<'_>, name: &std::ffi::CStr) -> bool {
    args.int(name).is_ok_and(|v| v != 0)
}

pub(crate) fn reason(args: &PropertySet<'_>) -> Reason {
    match args.string(raw::kOfxPropChangeReason) {
        Ok(r) if r.as_bytes() == raw::kOfxChangePluginEdited.to_bytes() => Reason::Plugin,
        Ok(r) if r.as_bytes() == raw::kOfxChangeTime.to_bytes() => Reason::Time,
        _ => Reason::User,
    }
}

impl Change {
    pub(crate) fn read(args: &PropertySet<'_>) -> Self {
        let name = args.string(raw::kOfxPropName);
        let kind = args.string(raw::kOfxPropType).unwrap_or_default();
        let what = match name {
            Ok(name) if kind.as_bytes() == raw::kOfxTypeClip.to_bytes() => Changed::Clip(name),
            Ok(name) => Changed::Param(name),
            Err(_) => Changed::Unknown,
        };
        Self { what, reason: reason(args), time: time(args).unwrap_or(0.0), scale: scale(args) }
    }
}

/// A time and a scale at which something is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// In whole frames where one field is asked for: the second field of frame 10 belongs to frame 10, though its time is 10.5.
    pub time: f64,
    /// The host's own time.
    asked: f64,
    /// Pixels for each canonical unit, x and y.
    pub scale: (f64, f64),
    /// Which lines of the picture.
    pub lines: Lines,
}

impl At {
    pub(crate) fn read(args: &PropertySet<'_>) -> Result<Self> {
        let asked = time(args).ok_or_else(|| no(raw::kOfxPropTime))?;
        let lines = Lines::asked(args);
        let time = if lines == Lines::All { asked } else { (asked + 1e-6).floor() };
        Ok(Self { time, asked, scale: scale(args), lines })
    }
}

fn no(name: &std::ffi::CStr) -> Error {
    Error::NoProperty { name: name.to_string_lossy().into_owned(), status: crate::Status::UNKNOWN }
}

/// A span of frames that the host is about to render, or has rendered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequence {
    /// First and last frame, if the host says them.
    pub range: Option<Range>,
    /// Whether a person looks at the result.
    pub is_interactive: bool,
}

impl Sequence {
    pub(crate) fn read(args: &PropertySet<'_>) -> Self {
        let range = args.doubles(raw::kOfxImageEffectPropFrameRange).ok();
        Self { range: range.map(|[min, max]| Range { min, max }), is_interactive: flag(args, raw::kOfxPropIsInteractive) }
    }
}

/// The arguments of Render, and the way to its output.
pub struct RenderArgs<'a> {
    instance: Instance<'a>,
    device: Option<Device>,
    /// Which frame, and at which scale.
    pub at: At,
    /// The pixels to be written, at the render scale.
    pub window: RectI,
    /// Whether the host renders for somebody who waits for it: a preview, not the delivery.
    pub is_interactive: bool,
    /// Whether frames come in order.
    pub is_sequential: bool,
    /// Whether speed matters more than looks (1.4).
    pub is_draft: bool,
    /// Whether it is for a thumbnail (1.5.1, and Resolve's property of its own).
    pub is_thumbnail: bool,
}

/// Resolve marks thumbnail renders on the clip: a name of its own from its developer kit.
const RESOLVE_THUMBNAIL: &std::ffi::CStr = c"OfxImageClipPropThumbnail";

impl<'a> RenderArgs<'a> {
    pub(crate) fn read(instance: Instance<'a>, args: &PropertySet<'_>) -> Result<Self> {
        let window = RectI::from(args.ints::<4>(raw::kOfxImageEffectPropRenderWindow)?);
        let on_clip = || instance.clip("Output").is_ok_and(|c| flag(&c.props(), RESOLVE_THUMBNAIL));
        Ok(Self {
            instance,
            device: Device::read(args),
            at: At::read(args)?,
            window,
            is_interactive: flag(args, raw::kOfxImageEffectPropInteractiveRenderStatus),
            is_sequential: flag(args, raw::kOfxImageEffectPropSequentialRenderStatus),
            is_draft: flag(args, raw::kOfxImageEffectPropRenderQualityDraft),
            is_thumbnail: flag(args, raw::kOfxImageEffectPropThumbnailRender) || on_clip(),
        })
    }

    /// Whether the host's images lie on a device: inputs cannot be read there, and what is written goes there at the end.
    pub const fn is_on_device(&self) -> bool {
        self.device.is_some()
    }

    /// Refuses what needs images that can be read and written here: the host then asks again with such.
    pub const fn in_memory(&self) -> Result<()> {
        if self.is_on_device() { Err(Error::OnDevice { what: "anything but a stored frame", code: 0 }) } else { Ok(()) }
    }

    /// The output image and its window, handed to `write`. It can be had once at a time: two references to one pixel would be
    /// undefined behaviour. `None` when the host has no output image.
    pub fn with_output<T>(&mut self, write: impl FnOnce(Output<'_>) -> Result<T>) -> Result<Option<T>> {
        let Some(mut image) = self.instance.output_clip()?.output(self.at.asked)? else { return Ok(None) };
        let Some(device) = self.device else { return write(Output::new(&mut image, self.window, self.at.lines)).map(Some) };
        if self.at.lines != Lines::All {
            return Err(Error::OnDevice { what: "one field of a frame", code: 0 });
        }
        image.staged(self.window, device, write).map(Some)
    }
}

impl<'a> Instance<'a> {
    fn output_clip(&self) -> Result<crate::Clip<'a>> {
        self.clip("Output")
    }

    /// An image of an input clip at a time; see [`crate::Clip::image`]. The output is had through [`RenderArgs::with_output`].
    pub fn source_image(&self, name: &'a str, time: f64) -> Result<Option<Image<'a>>> {
        self.clip(name)?.image(time, None)
    }
}

/// What GetFramesNeeded answers: for each clip, ranges of frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FramesNeeded(pub Vec<(&'static str, Vec<Range>)>);

impl FramesNeeded {
    pub(crate) fn write(&self, out: &PropertySet<'_>) -> Result<()> {
        for (clip, ranges) in &self.0 {
            let name = keep(&format!("OfxImageClipPropFrameRange_{clip}"))?;
            let flat: Vec<f64> = ranges.iter().flat_map(|r| [r.min, r.max]).collect();
            // A host without the property asks for nothing of that clip; the other clips' answers still count.
            if let Err(error) = out.set_doubles(name, &flat) {
                log::debug!("passed over: {error}");
            }
        }
        Ok(())
    }
}

/// What GetRegionsOfInterest answers: for each clip, the region needed of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegionsNeeded(pub Vec<(&'static str, RectD)>);

impl RegionsNeeded {
    pub(crate) fn write(&self, out: &PropertySet<'_>) -> Result<()> {
        for (clip, r) in &self.0 {
            // As above: what a host does not ask about is no reason to fail.
            if let Err(error) = out.set_doubles(keep(&format!("OfxImageClipPropRoI_{clip}"))?, &[r.x1, r.y1, r.x2, r.y2]) {
                log::debug!("passed over: {error}");
            }
        }
        Ok(())
    }
}

/// What IsIdentity answers when the output is a clip's image.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Which clip.
    pub clip: &'static str,
    /// At which time.
    pub time: f64,
}

impl Identity {
    pub(crate) fn write(&self, out: &PropertySet<'_>, at: At) -> Result<()> {
        out.set_string(raw::kOfxPropName, self.clip)?;
        // The field that was asked for, not its frame's other one.
        let is_same = self.time.to_bits() == at.time.to_bits();
        out.set_double(raw::kOfxPropTime, if is_same { at.asked } else { self.time })
    }
}

/// What GetClipPreferences answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClipPreferences {
    /// Whether the output changes from frame to frame though no parameter does.
    pub is_frame_varying: bool,
    /// Whether there is an image at fractional times.
    pub is_continuous: bool,
    /// Whether the output's colours are multiplied by alpha; `None` leaves it to the host.
    pub premultiplied: Option<bool>,
    /// Frames per second of the output; `None` leaves it to the host.
    pub frame_rate: Option<f64>,
    /// For each input, names of encodings it would best have, best first (1.5); inputs that are fine as they are, are left out.
    pub colourspaces: Vec<(&'static str, Vec<String>)>,
}

impl ClipPreferences {
    pub(crate) fn write(&self, out: &PropertySet<'_>) -> Result<()> {
        out.set_int(raw::kOfxImageEffectFrameVarying, i32::from(self.is_frame_varying))?;
        // Hosts that lack one of the rest are none the worse for it.
        let _ = out.set_int(raw::kOfxImageClipPropContinuousSamples, i32::from(self.is_continuous));
        if let Some(premultiplied) = self.premultiplied {
            let word = if premultiplied { raw::kOfxImagePreMultiplied } else { raw::kOfxImageUnPreMultiplied };
            let _ = out.set_strings(raw::kOfxImageEffectPropPreMultiplication, [word]);
        }
        if let Some(rate) = self.frame_rate {
            let _ = out.set_double(raw::kOfxImageEffectPropFrameRate, rate);
        }
        for (clip, names) in &self.colourspaces {
            let property = keep(&format!("OfxImageClipPropPreferredColourspaces_{clip}"))?;
            for (i, name) in names.iter().enumerate() {
                let _ = out.set_string_at(property, i as i32, name);
            }
        }
        Ok(())
    }
}
