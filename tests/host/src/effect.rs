//! Effects (descriptors and instances), their clips, and the images that are out.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_sys::raw;
use parking_lot::Mutex;

use crate::buffer::{Buffer, Components, Format, Rows};
use crate::cuda::DeviceImage;
use crate::host::Entry;
use crate::param::ParamSet;
use crate::picture::{Area, TestClip, View};
use crate::props::{PropSet, Values};
use crate::quirks::{Context, ImageFault};
use crate::registry::{self, Object};
use crate::render::Field;
use crate::schema;
use crate::state::{Answer, HostState, current};
use crate::status::Status;

/// How alpha and colour go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpha {
    /// There is none to speak of.
    Opaque,
    /// Colour is multiplied by alpha.
    Premultiplied,
    /// Colour is not multiplied.
    Straight,
}

impl Alpha {
    const fn name(self) -> &'static CStr {
        match self {
            Self::Opaque => raw::kOfxImageOpaque,
            Self::Premultiplied => raw::kOfxImagePreMultiplied,
            Self::Straight => raw::kOfxImageUnPreMultiplied,
        }
    }
}

/// The project an instance lives in.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Width and height of the project in canonical coordinates.
    pub size: (f64, f64),
    /// Lower left corner of the project.
    pub offset: (f64, f64),
    /// Width of a pixel over its height.
    pub aspect: f64,
    /// Frames per second.
    pub rate: f64,
    /// Length of the effect in frames.
    pub duration: f64,
    /// What images are made of.
    pub format: Format,
    /// How alpha and colour go together.
    pub alpha: Alpha,
    /// The style of colour management that was negotiated (1.5).
    pub style: &'static CStr,
    /// The path of the OpenColorIO configuration, empty for none.
    pub config: String,
    /// What the host calls the encoding of its inputs; empty where it says nothing.
    pub space: String,
    /// Clips that are connected, by name.
    pub clips: Vec<(&'static str, TestClip)>,
    /// Params that have other values than their defaults when the instance is made, as in a project that is opened.
    pub params: Vec<(String, crate::param::Value)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            size: (64.0, 36.0),
            offset: (0.0, 0.0),
            aspect: 1.0,
            rate: 24.0,
            duration: 100.0,
            format: Format::FLOAT_RGBA,
            alpha: Alpha::Premultiplied,
            style: raw::kOfxImageEffectColourManagementNone,
            config: String::new(),
            space: String::new(),
            clips: Vec::new(),
            params: Vec::new(),
        }
    }
}

impl Setup {
    /// A project with the clips that a context asks for, connected to moving scenes of the project's size. In a transition of 12
    /// frames the clips overlap from time 48 to 59; in General a hole of as many frames lies there, between `From` and `To`.
    pub fn connected(context: Context) -> Self {
        Self::sized(context, 64.0, 36.0)
    }

    /// As [`Setup::connected`], at another size.
    pub fn sized(context: Context, w: f64, h: f64) -> Self {
        let clip = |hue| TestClip::moving(w, h, hue);
        let (clips, duration) = match context {
            Context::Generator => (vec![], 100.0),
            Context::Transition => (vec![(SOURCE_FROM, clip(0.3).ranging(0.0, 59.0)), (SOURCE_TO, clip(0.3).ranging(48.0, 99.0))], 12.0),
            Context::General => (vec![(FROM, clip(0.3).ranging(0.0, 47.0)), (TO, clip(0.3).ranging(60.0, 99.0))], 12.0),
            _ => (vec![(SOURCE, clip(0.3))], 100.0),
        };
        Self { size: (w, h), clips, duration, ..Self::default() }
    }

    /// The same with a param that has another value than its default when the instance is made.
    pub fn with(mut self, name: &str, value: impl Into<crate::param::Value>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }
}

/// The one input of a filter.
pub const SOURCE: &str = "Source";
/// What a transition comes from.
pub const SOURCE_FROM: &str = "SourceFrom";
/// What a transition goes to.
pub const SOURCE_TO: &str = "SourceTo";
/// In General, what stands before the hole.
pub const FROM: &str = "From";
/// In General, what stands after it.
pub const TO: &str = "To";

/// A descriptor or an instance.
pub struct Effect {
    pub(crate) id: usize,
    pub(crate) host: Arc<HostState>,
    pub(crate) context: Option<Context>,
    pub(crate) props: Arc<PropSet>,
    pub(crate) params: Arc<ParamSet>,
    pub(crate) clips: Mutex<Vec<Arc<Clip>>>,
    /// The project of an instance; descriptors have none.
    pub(crate) setup: Option<Setup>,
    /// Where to tell an instance that a param changed.
    pub(crate) entry: Option<Entry>,
    pub(crate) aborts: AtomicBool,
}

impl Effect {
    pub(crate) fn descriptor(host: &Arc<HostState>, context: Option<Context>, bundle: &CStr) -> Arc<Self> {
        let id = registry::reserve(host.number);
        let effect = Arc::new(Self {
            id,
            host: host.clone(),
            context,
            props: schema::descriptor(host, context.map(Context::name), bundle).share(),
            params: ParamSet::new(host, id),
            clips: Mutex::default(),
            setup: None,
            entry: None,
            aborts: AtomicBool::new(false),
        });
        registry::insert(id, Object::Effect(effect.clone()));
        effect
    }

    pub(crate) fn instance(of: &Self, entry: Entry, setup: &Setup) -> Arc<Self> {
        let host = &of.host;
        let id = registry::reserve(host.number);
        let params = ParamSet::new(host, id);
        let copies: Vec<_> = of.params.params.lock().iter().map(|p| p.instantiate(params.id)).collect();
        *params.params.lock() = copies;
        let context = of.context.unwrap_or(Context::General);
        let effect = Arc::new(Self {
            id,
            host: host.clone(),
            context: Some(context),
            props: instance_props(host, of, context, setup).share(),
            params,
            clips: Mutex::new(of.clips.lock().iter().map(|c| c.instantiate(id, setup)).collect()),
            setup: Some(setup.clone()),
            entry: Some(entry),
            aborts: AtomicBool::new(false),
        });
        registry::insert(id, Object::Effect(effect.clone()));
        effect
    }

    pub(crate) fn clip(&self, name: &CStr) -> Option<Arc<Clip>> {
        self.clips.lock().iter().find(|c| c.name.as_c_str() == name).cloned()
    }

    /// Takes every handle of it out of use.
    pub(crate) fn retire(&self) {
        for clip in self.clips.lock().drain(..) {
            registry::remove(clip.props.id);
            registry::remove(clip.id);
        }
        self.params.retire();
        registry::remove(self.props.id);
        registry::remove(self.id);
    }
}

fn instance_props(host: &Arc<HostState>, of: &Effect, context: Context, setup: &Setup) -> PropSet {
    let (w, h) = setup.size;
    let set = PropSet::new(host, "instance")
        .text(raw::kOfxPropType, raw::kOfxTypeImageEffectInstance)
        .text(raw::kOfxImageEffectPropContext, context.name())
        .pointer(raw::kOfxPropInstanceData, 0)
        .doubles(raw::kOfxImageEffectPropProjectSize, &[w, h])
        .doubles(raw::kOfxImageEffectPropProjectOffset, &[setup.offset.0, setup.offset.1])
        .doubles(raw::kOfxImageEffectPropProjectExtent, &[w, h])
        .double(raw::kOfxImageEffectPropProjectPixelAspectRatio, setup.aspect)
        .double(raw::kOfxImageEffectInstancePropEffectDuration, setup.duration)
        .int(raw::kOfxImageEffectInstancePropSequentialRender, 0)
        .int(raw::kOfxImageEffectPropSupportsTiles, 1)
        .double(raw::kOfxImageEffectPropFrameRate, setup.rate)
        .int(raw::kOfxPropIsInteractive, 1)
        .pointer(raw::kOfxImageEffectPropPluginHandle, of.id);
    if host.quirks.api < (1, 5) {
        return set;
    }
    set.text(raw::kOfxImageEffectPropColourManagementStyle, setup.style)
        .text(raw::kOfxImageEffectPropOCIOConfig, &CString::new(setup.config.as_str()).unwrap_or_default())
}

/// A clip of a descriptor or of an instance.
pub struct Clip {
    pub(crate) id: usize,
    pub(crate) effect: usize,
    pub(crate) name: CString,
    pub(crate) props: Arc<PropSet>,
    pub(crate) source: Mutex<Option<TestClip>>,
    pub(crate) is_instance: bool,
}

impl Clip {
    pub(crate) fn define(host: &Arc<HostState>, effect: usize, name: &CStr) -> Arc<Self> {
        let props = schema::clip_descriptor(host, name).share();
        Self::share(host, effect, name, props, None, false)
    }

    fn share(
        host: &Arc<HostState>,
        effect: usize,
        name: &CStr,
        props: Arc<PropSet>,
        source: Option<TestClip>,
        is_instance: bool,
    ) -> Arc<Self> {
        let id = registry::reserve(host.number);
        let clip = Arc::new(Self { id, effect, name: name.to_owned(), props, source: Mutex::new(source), is_instance });
        registry::insert(id, Object::Clip(clip.clone()));
        clip
    }

    pub(crate) fn is_output(&self) -> bool {
        self.name.as_c_str() == raw::kOfxImageEffectOutputClipName
    }

    fn instantiate(&self, effect: usize, setup: &Setup) -> Arc<Self> {
        let host = &self.props.host;
        let source = setup.clips.iter().find(|(name, _)| self.name.to_bytes() == name.as_bytes()).map(|(_, clip)| clip.clone());
        let props = PropSet::copy_of(&self.props, "clip");
        let connected = source.is_some() || self.is_output();
        let props = if !connected && host.quirks.bare_clips {
            PropSet::new(host, "clip")
                .text(raw::kOfxPropType, raw::kOfxTypeClip)
                .text(raw::kOfxPropName, &self.name)
                .int(raw::kOfxImageClipPropConnected, 0)
        } else {
            let (depth, components) = if connected {
                (setup.format.depth.name(), setup.format.components.name())
            } else {
                (raw::kOfxBitDepthNone, raw::kOfxImageComponentNone)
            };
            let range = source.as_ref().map_or((0.0, setup.duration - 1.0), |c| c.range);
            let rate = source.as_ref().map_or(setup.rate, |c| c.rate);
            let set = props
                .text(raw::kOfxImageEffectPropPixelDepth, depth)
                .text(raw::kOfxImageEffectPropComponents, components)
                .text(raw::kOfxImageClipPropUnmappedPixelDepth, depth)
                .text(raw::kOfxImageClipPropUnmappedComponents, components)
                .text(raw::kOfxImageEffectPropPreMultiplication, setup.alpha.name())
                .double(raw::kOfxImagePropPixelAspectRatio, setup.aspect)
                .double(raw::kOfxImageEffectPropFrameRate, rate)
                .double(raw::kOfxImageEffectPropUnmappedFrameRate, rate)
                .doubles(raw::kOfxImageEffectPropFrameRange, &[range.0, range.1])
                .doubles(raw::kOfxImageEffectPropUnmappedFrameRange, &[range.0, range.1])
                .text(raw::kOfxImageClipPropFieldOrder, raw::kOfxImageFieldNone)
                .int(raw::kOfxImageClipPropConnected, i32::from(source.is_some()))
                .int(raw::kOfxImageClipPropContinuousSamples, 0);
            let space = CString::new(if connected { setup.space.as_str() } else { "" }).unwrap_or_default();
            if host.quirks.api < (1, 5) { set } else { set.text(raw::kOfxImageClipPropColourspace, &space) }
        };
        Self::share(host, effect, &self.name, props.share(), source, true)
    }

    /// Connects or disconnects a source: the clip's properties follow.
    pub(crate) fn connect(&self, source: Option<TestClip>, setup: &Setup) {
        let depth = if source.is_some() { setup.format.depth.name() } else { raw::kOfxBitDepthNone };
        let components = if source.is_some() { setup.format.components.name() } else { raw::kOfxImageComponentNone };
        self.props.put(raw::kOfxImageClipPropConnected, Values::Int(vec![i32::from(source.is_some())]));
        self.props.put(raw::kOfxImageEffectPropPixelDepth, Values::Text(vec![depth.to_owned()]));
        self.props.put(raw::kOfxImageEffectPropComponents, Values::Text(vec![components.to_owned()]));
        if let Some(clip) = &source {
            self.props.put(raw::kOfxImageEffectPropFrameRange, Values::Double(vec![clip.range.0, clip.range.1]));
            self.props.put(raw::kOfxImageEffectPropFrameRate, Values::Double(vec![clip.rate]));
        }
        *self.source.lock() = source;
    }

    /// Region of definition at a time.
    pub(crate) fn region(&self, effect: &Effect) -> Answer<Area> {
        if let Some(clip) = &*self.source.lock() {
            return Ok(clip.area);
        }
        match &effect.setup {
            Some(s) if self.is_output() => Ok(Area::new(s.offset.0, s.offset.1, s.offset.0 + s.size.0, s.offset.1 + s.size.1)),
            _ => Err(Status::FAILED),
        }
    }

    /// Fetches an image for the plug-in.
    pub(crate) fn image(&self, effect: &Effect, time: f64) -> Answer<Arc<Image>> {
        let call = current();
        let job = call.as_ref().and_then(|c| c.job.clone());
        let serial = call.map_or(0, |c| c.serial);
        let setup = effect.setup.as_ref().ok_or(Status::BAD_HANDLE)?;
        if self.is_output() {
            let job = job.ok_or(Status::FAILED)?;
            return Image::share(effect, self, job.output.clone(), job.scale, &effect.host.quirks.output, serial, true);
        }
        let host = &effect.host;
        let source = self.source.lock().clone().ok_or(Status::FAILED)?;
        host.record.lock().fetched.push((self.name.to_string_lossy().into_owned(), time));
        let shown = if host.quirks.frozen_time { job.as_ref().map_or(time, |j| j.time) } else { time };
        if !host.quirks.frozen_time && !(source.range.0..=source.range.1).contains(&shown) {
            return Err(Status::FAILED);
        }
        let rows = job.as_ref().map_or(Rows::default(), |j| j.rows);
        let scale = job.as_ref().map_or((1.0, 1.0), |j| j.scale);
        let view = View {
            scale,
            aspect: setup.aspect,
            format: setup.format,
            rows: Rows { negative: rows.negative || host.quirks.negative_rows, ..rows },
            premultiplied: setup.alpha == Alpha::Premultiplied && setup.format.components == Components::Rgba,
            not_numbers: host.quirks.image == ImageFault::NotNumbers,
        };
        Image::share(effect, self, Arc::new(source.draw(shown, &view)), scale, &host.quirks.image, serial, false)
    }
}

/// What is being rendered on a thread.
pub(crate) struct Job {
    pub time: f64,
    pub scale: (f64, f64),
    pub rows: Rows,
    pub field: Field,
    pub device: Option<DeviceImage>,
    pub output: Arc<Buffer>,
}

/// An image that is out.
pub struct Image {
    pub(crate) props: Arc<PropSet>,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) name: CString,
    /// The call that fetched it.
    pub(crate) serial: u64,
    /// Sum of a source's bytes when it went out.
    sum: Option<u64>,
}

static UNIQUE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

impl Image {
    #[allow(clippy::too_many_arguments)]
    fn share(
        effect: &Effect,
        clip: &Clip,
        buffer: Arc<Buffer>,
        scale: (f64, f64),
        fault: &ImageFault,
        serial: u64,
        is_output: bool,
    ) -> Answer<Arc<Self>> {
        let host = &effect.host;
        let setup = effect.setup.as_ref().ok_or(Status::BAD_HANDLE)?;
        let area = clip.region(effect)?;
        let (mut data, mut row_bytes, mut bounds) = (buffer.data() as usize, buffer.row_bytes(), buffer.bounds.as_ints());
        let (mut depth, mut components) = (buffer.format.depth.name().to_owned(), buffer.format.components.name().to_owned());
        let job = current().and_then(|c| c.job.clone());
        if let Some(image) = job.as_ref().and_then(|j| j.device) {
            // Inputs lie there too: an address that nothing may be read from.
            data = if is_output { image.at } else { registry::reserve(host.number) };
            if is_output {
                (bounds, row_bytes) = (image.bounds.as_ints(), image.row_bytes);
            }
        }
        match *fault {
            ImageFault::NullData => data = 0,
            ImageFault::RowBytes(bytes) => row_bytes = bytes,
            ImageFault::Bounds(other) => bounds = other,
            ImageFault::Depth(name) => depth = CString::new(name).unwrap_or_default(),
            ImageFault::Components(name) => components = CString::new(name).unwrap_or_default(),
            ImageFault::Claims(claim) => {
                (bounds, row_bytes) = (claim.bounds, claim.row_bytes);
                data = crate::buffer::arena(claim.bounds, claim.row_bytes).map_or(0, |at| at + usize::from(claim.offset));
                depth = CString::new(claim.depth).unwrap_or_default();
                components = CString::new(claim.components).unwrap_or_default();
            }
            ImageFault::None | ImageFault::Fails(_) | ImageFault::NullHandle | ImageFault::WildHandle | ImageFault::NotNumbers => {}
        }
        let unique = format!("{}-{}", clip.name.to_string_lossy(), UNIQUE.fetch_add(1, Ordering::Relaxed));
        let unique = CString::new(unique).unwrap_or_default();
        let field = job.as_ref().map_or(Field::None, |j| j.field);
        // Sources come as whole frames, as the effect asks (kOfxImageClipPropFieldExtraction).
        let field = match field {
            Field::None => Field::None,
            _ if !is_output => Field::Both,
            field => field,
        };
        let lines = if field.is_alone() { 0.5 } else { 1.0 };
        let region = area.pixels((scale.0, scale.1 * lines), setup.aspect);
        let mut props = PropSet::new(host, if is_output { "output image" } else { "image" })
            .text(raw::kOfxPropType, raw::kOfxTypeImage)
            .text(raw::kOfxImageEffectPropPixelDepth, &depth)
            .text(raw::kOfxImageEffectPropComponents, &components)
            .text(raw::kOfxImageEffectPropPreMultiplication, setup.alpha.name())
            .double(raw::kOfxImagePropPixelAspectRatio, setup.aspect)
            .pointer(raw::kOfxImagePropData, data)
            .ints(raw::kOfxImagePropBounds, &bounds)
            .ints(raw::kOfxImagePropRegionOfDefinition, &region.as_ints())
            .int(raw::kOfxImagePropRowBytes, row_bytes)
            .text(raw::kOfxImagePropUniqueIdentifier, &unique);
        if !host.quirks.bare_images {
            props = props.doubles(raw::kOfxImageEffectPropRenderScale, &[scale.0, scale.1]).text(raw::kOfxImagePropField, field.name());
        }
        let sum = (!is_output && host.quirks.watches).then(|| buffer.sum());
        let image = Arc::new(Self { props: Arc::new(props), buffer, name: clip.name.clone(), serial, sum });
        registry::insert(image.props.id, Object::Image(image.clone()));
        Ok(image)
    }

    /// Takes the image back and looks for damage.
    pub(crate) fn take_back(&self) {
        registry::remove(self.props.id);
        let host = &self.props.host;
        let name = self.name.to_string_lossy();
        if let Some(damage) = self.buffer.damage() {
            host.violation(format!("image of {name}: {damage}"));
        }
        if self.sum.is_some_and(|sum| sum != self.buffer.sum()) {
            host.violation(format!("the source picture of {name} was written to"));
        }
    }
}
