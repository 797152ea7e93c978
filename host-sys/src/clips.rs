//! Clips of an instance: what they are and the images they hold.

use std::ptr;

use crate::geometry::{Range, RectD};
use crate::image::{Image, PixelOrder};
use crate::props::{PropertySet, keep};
use crate::quirks::What;
use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::Suites;

/// The property in which Vegas says that pixels are BGRA (ofxSonyVegas.h, property of the clip).
const PIXEL_ORDER: &std::ffi::CStr = c"OfxImageEffectPropPixelOrder";

/// A clip of an instance, valid within the action.
#[derive(Clone, Copy)]
pub struct Clip<'a> {
    suites: &'a Suites,
    handle: raw::OfxImageClipHandle,
    props: PropertySet<'a>,
    name: &'a str,
    /// Whether its images lie on a device, where their pixels cannot be followed.
    on_device: bool,
}

impl<'a> Clip<'a> {
    pub(crate) fn get(suites: &'a Suites, instance: raw::OfxImageEffectHandle, name: &'a str) -> Result<Self> {
        let call = suites.effect.clipGetHandle.ok_or(Error::NoFunction("clipGetHandle"))?;
        let id = keep(name)?;
        let (mut handle, mut props) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a living instance, a name that ends in zero, two answers that can be written.
        let status = Status(unsafe { call(instance, id.as_ptr(), &raw mut handle, &raw mut props) });
        if status != Status::OK || handle.is_null() {
            return Err(Error::Clip { name: name.to_owned(), status });
        }
        if props.is_null()
            && let Some(call) = suites.effect.clipGetPropertySet
        {
            // SAFETY: the handle is the host's; the answer can be written.
            unsafe { call(handle, &raw mut props) };
        }
        Ok(Self { suites, handle, props: PropertySet::new(suites, props), name, on_device: false })
    }

    pub(crate) const fn on_device(self, on_device: bool) -> Self {
        Self { on_device, ..self }
    }

    /// The clip's properties.
    pub const fn props(&self) -> PropertySet<'a> {
        self.props
    }

    /// The clip's name.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Whether something is connected. A host that does not say has nothing connected.
    pub fn is_connected(&self) -> bool {
        self.props.int(raw::kOfxImageClipPropConnected).is_ok_and(|v| v != 0)
    }

    /// Whether images at other times than the current one can be fetched: only where host and clip both grant it and the host
    /// is not known to grant what it does not do.
    pub fn has_temporal_access(&self) -> bool {
        let info = self.suites.info();
        // A clip without the property follows the host: only a clip that says no is believed over it.
        let clip = self.props.int(raw::kOfxImageEffectPropTemporalClipAccess) != Ok(0);
        info.temporal_access && clip && !info.has(What::FetchesOnlyTheCurrentFrame)
    }

    /// Components of its images, as the host spells them; `None` where nothing is connected or the host does not say.
    pub fn components(&self) -> Option<String> {
        self.props.string(raw::kOfxImageEffectPropComponents).ok().filter(|c| c.as_bytes() != raw::kOfxImageComponentNone.to_bytes())
    }

    /// Frames per second, if the host says a number above zero.
    pub fn frame_rate(&self) -> Option<f64> {
        self.props.double(raw::kOfxImageEffectPropFrameRate).ok().filter(|r| r.is_finite() && *r > 0.0)
    }

    /// Width of a pixel over its height, if the host says a number above zero.
    pub fn pixel_aspect(&self) -> Option<f64> {
        self.props.double(raw::kOfxImagePropPixelAspectRatio).ok().filter(|r| r.is_finite() && *r > 0.0)
    }

    /// First and last time that has an image, if the host says two numbers in order.
    pub fn frame_range(&self) -> Option<Range> {
        let [min, max] = self.props.doubles(raw::kOfxImageEffectPropFrameRange).ok()?;
        (min.is_finite() && max.is_finite() && min <= max).then_some(Range { min, max })
    }

    /// Whether its pixels are multiplied by alpha: `None` where the host does not say.
    pub fn is_premultiplied(&self) -> Option<bool> {
        let text = self.props.string(raw::kOfxImageEffectPropPreMultiplication).ok()?;
        Some(text.as_bytes() != raw::kOfxImageUnPreMultiplied.to_bytes())
    }

    /// The colour space the host names (OpenFX 1.5), empty where it names none.
    pub fn colourspace(&self) -> String {
        self.props.string(raw::kOfxImageClipPropColourspace).unwrap_or_default()
    }

    /// The region in which it has pixels at a time, in canonical coordinates.
    pub fn region_of_definition(&self, time: f64) -> Option<RectD> {
        let call = self.suites.effect.clipGetRegionOfDefinition?;
        let mut rect = raw::OfxRectD::default();
        // SAFETY: the clip's handle in its action; the answer can be written.
        let status = Status(unsafe { call(self.handle, time, &raw mut rect) });
        let rect = RectD::new(rect.x1, rect.y1, rect.x2, rect.y2);
        (status == Status::OK && rect.is_usable()).then_some(rect)
    }

    /// Its image at a time. `None`: the host has none there, which means transparent black. `region` in canonical coordinates
    /// asks for a part.
    pub fn image(&self, time: f64, region: Option<RectD>) -> Result<Option<Image<'a>>> {
        if self.on_device {
            return Err(Error::OnDevice { what: "an input that is to be read", code: 0 });
        }
        self.fetch(time, region)
    }

    /// The output's image, wherever it lies.
    pub(crate) fn output(&self, time: f64) -> Result<Option<Image<'a>>> {
        self.fetch(time, None)
    }

    fn fetch(&self, time: f64, region: Option<RectD>) -> Result<Option<Image<'a>>> {
        let call = self.suites.effect.clipGetImage.ok_or(Error::NoFunction("clipGetImage"))?;
        let region = region.map(RectD::to_raw);
        let region_pointer = region.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mut handle = ptr::null_mut();
        // SAFETY: the clip's handle in its action; region is null or a rectangle; the answer can be written.
        match Status(unsafe { call(self.handle, time, region_pointer, &raw mut handle) }) {
            Status::OK if !handle.is_null() => {
                let rod = || self.region_of_definition(time);
                Image::new(self.suites, handle, &self.props, self.pixel_order(), rod).map(Some)
            }
            Status::OK | Status::FAILED | Status::REPLY_DEFAULT => Ok(None),
            status => Err(Error::Clip { name: self.name.to_owned(), status }),
        }
    }

    fn pixel_order(&self) -> PixelOrder {
        match self.props.string(PIXEL_ORDER) {
            Ok(order) if order == "OfxImagePixelOrderBGRA" => PixelOrder::Bgra,
            _ => PixelOrder::Rgba,
        }
    }
}
