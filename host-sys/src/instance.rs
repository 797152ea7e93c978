//! Descriptions and instances of an effect, as handles that live no longer than the action they came with.

use std::ptr;

use crate::clips::Clip;
use crate::host::HostInfo;
use crate::messages::{self, Grade, Progress};
use crate::params::ParamSet;
use crate::props::{PropertySet, keep};
use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::Suites;

/// What an effect can be used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Pictures from nothing: `Output`.
    Generator,
    /// One picture in, one out: `Source`, `Output`.
    Filter,
    /// From one clip to another: `SourceFrom`, `SourceTo`, `Output`, parameter `Transition`.
    Transition,
    /// Anything.
    General,
    /// One clip at another time: `Source`, `Output`, parameter `SourceTime`.
    Retimer,
    /// A brush over a picture.
    Paint,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Generator, Self::Filter, Self::Transition, Self::General, Self::Retimer, Self::Paint];

    /// The name OpenFX has for it.
    pub const fn name(self) -> &'static std::ffi::CStr {
        match self {
            Self::Generator => raw::kOfxImageEffectContextGenerator,
            Self::Filter => raw::kOfxImageEffectContextFilter,
            Self::Transition => raw::kOfxImageEffectContextTransition,
            Self::General => raw::kOfxImageEffectContextGeneral,
            Self::Retimer => raw::kOfxImageEffectContextRetimer,
            Self::Paint => raw::kOfxImageEffectContextPaint,
        }
    }

    /// The context of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name().to_bytes() == name.as_bytes())
    }
}

fn effect_props(suites: &Suites, handle: raw::OfxImageEffectHandle) -> Result<PropertySet<'_>> {
    let call = suites.effect.getPropertySet.ok_or(Error::NoFunction("getPropertySet"))?;
    let mut props = ptr::null_mut();
    // SAFETY: the handle came with this action; the answer can be written.
    match Status(unsafe { call(handle, &raw mut props) }) {
        Status::OK => Ok(PropertySet::new(suites, props)),
        status => Err(Error::Refused { what: "getPropertySet", status }),
    }
}

fn effect_params(suites: &Suites, handle: raw::OfxImageEffectHandle) -> Result<ParamSet<'_>> {
    let call = suites.effect.getParamSet.ok_or(Error::NoFunction("getParamSet"))?;
    let mut set = ptr::null_mut();
    // SAFETY: as above.
    match Status(unsafe { call(handle, &raw mut set) }) {
        Status::OK => ParamSet::new(suites, set),
        status => Err(Error::Refused { what: "getParamSet", status }),
    }
}

/// An effect that is being described.
#[derive(Clone, Copy)]
pub struct Descriptor<'a> {
    suites: &'a Suites,
    handle: raw::OfxImageEffectHandle,
}

impl<'a> Descriptor<'a> {
    pub(crate) const fn new(suites: &'a Suites, handle: raw::OfxImageEffectHandle) -> Self {
        Self { suites, handle }
    }

    /// What the host says of itself.
    pub const fn host(&self) -> &'a HostInfo {
        self.suites.info()
    }

    /// Properties of the description.
    pub fn props(&self) -> Result<PropertySet<'a>> {
        effect_props(self.suites, self.handle)
    }

    /// Parameters of the description.
    pub fn params(&self) -> Result<ParamSet<'a>> {
        effect_params(self.suites, self.handle)
    }

    /// Defines a clip; its properties are then set through what is returned.
    pub fn define_clip(&self, name: &str) -> Result<PropertySet<'a>> {
        let call = self.suites.effect.clipDefine.ok_or(Error::NoFunction("clipDefine"))?;
        let id = keep(name)?;
        let mut props = ptr::null_mut();
        // SAFETY: the handle came with this action; the name lives as long as the library; the answer can be written.
        match Status(unsafe { call(self.handle, id.as_ptr(), &raw mut props) }) {
            Status::OK => Ok(PropertySet::new(self.suites, props)),
            status => Err(Error::Clip { name: name.to_owned(), status }),
        }
    }
}

/// An instance of an effect, within one action.
#[derive(Clone, Copy)]
pub struct Instance<'a> {
    suites: &'a Suites,
    handle: raw::OfxImageEffectHandle,
    /// Whether images lie on a device within this action.
    on_device: bool,
}

impl<'a> Instance<'a> {
    pub(crate) const fn new(suites: &'a Suites, handle: raw::OfxImageEffectHandle) -> Self {
        Self { suites, handle, on_device: false }
    }

    pub(crate) const fn on_device(self, on_device: bool) -> Self {
        Self { on_device, ..self }
    }

    /// What the host says of itself.
    pub const fn host(&self) -> &'a HostInfo {
        self.suites.info()
    }

    /// Properties of the instance.
    pub fn props(&self) -> Result<PropertySet<'a>> {
        effect_props(self.suites, self.handle)
    }

    /// Parameters of the instance.
    pub fn params(&self) -> Result<ParamSet<'a>> {
        effect_params(self.suites, self.handle)
    }

    /// A clip by name.
    pub fn clip(&self, name: &'a str) -> Result<Clip<'a>> {
        Ok(Clip::get(self.suites, self.handle, name)?.on_device(self.on_device))
    }

    /// The context the instance was made in, if the host says one that is known.
    pub fn context(&self) -> Option<Context> {
        Context::parse(&self.props().ok()?.string(raw::kOfxImageEffectPropContext).ok()?)
    }

    /// Whether the host wants the current action to end.
    pub fn is_aborted(&self) -> bool {
        // SAFETY: the handle came with this action.
        self.suites.effect.abort.is_some_and(|call| unsafe { call(self.handle) } != 0)
    }

    /// The time the user looks at, if the host has a timeline suite that works.
    pub fn timeline_time(&self) -> Option<f64> {
        let call = self.suites.timeline?.getTime?;
        let mut time = f64::NAN;
        // SAFETY: a living instance; the answer can be written.
        let status = Status(unsafe { call(self.handle.cast(), &raw mut time) });
        (status == Status::OK && time.is_finite()).then_some(time)
    }

    /// Shows a message in a window of the host, at once.
    pub fn show_message(&self, grade: Grade, id: &str, text: &str) -> Result<()> {
        messages::show(self.suites, self.handle, grade, id, text)
    }

    /// Shows a message that stays with the instance until it is cleared.
    pub fn hold_message(&self, grade: Grade, id: &str, text: &str) -> Result<()> {
        messages::hold(self.suites, self.handle, grade, id, text)
    }

    /// Clears the message that stays.
    pub fn clear_message(&self) -> Result<()> {
        messages::clear(self.suites, self.handle)
    }

    /// Shows a progress bar until what is returned is dropped.
    pub fn progress(&self, label: &str) -> Progress<'a> {
        Progress::start(self.suites, self.handle, label)
    }
}
