//! Messages to the user, and progress of long work.

use std::ffi::{CString, c_int, c_void};

use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::{ProgressSuite, Suites};

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Something to know.
    Message,
}

impl Grade {
    const fn name(self) -> &'static std::ffi::CStr {
        match self {
            Self::Error => raw::kOfxMessageError,
            Self::Warning => raw::kOfxMessageWarning,
            Self::Message => raw::kOfxMessageMessage,
        }
    }
}

fn c_text(text: &str) -> CString {
    // What stands after a zero byte would be cut by the host: cut it here.
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// Shows a message in a window of the host, at once.
pub(crate) fn show(suites: &Suites, instance: raw::OfxImageEffectHandle, grade: Grade, id: &str, text: &str) -> Result<()> {
    let table = suites.message.ok_or(Error::NoSuite("message"))?;
    let call = table.message.ok_or(Error::NoFunction("message"))?;
    let (id, text) = (c_text(id), c_text(text));
    // SAFETY: a living instance and texts that end in zero. The format is "%s": what a user typed is never a format.
    match Status(unsafe { call(instance.cast(), grade.name().as_ptr(), id.as_ptr(), c"%s".as_ptr(), text.as_ptr()) }) {
        status if status.is_ok() => Ok(()),
        status => Err(Error::Refused { what: "message", status }),
    }
}

/// Shows a message that stays with the instance until it is cleared.
pub(crate) fn hold(suites: &Suites, instance: raw::OfxImageEffectHandle, grade: Grade, id: &str, text: &str) -> Result<()> {
    let table = suites.message_v2().ok_or(Error::NoSuite("message"))?;
    let call = table.setPersistentMessage.ok_or(Error::NoFunction("setPersistentMessage"))?;
    let (id, text) = (c_text(id), c_text(text));
    // SAFETY: as in `show`.
    match Status(unsafe { call(instance.cast(), grade.name().as_ptr(), id.as_ptr(), c"%s".as_ptr(), text.as_ptr()) }) {
        status if status.is_ok() => Ok(()),
        status => Err(Error::Refused { what: "setPersistentMessage", status }),
    }
}

/// Clears the message that stays.
pub(crate) fn clear(suites: &Suites, instance: raw::OfxImageEffectHandle) -> Result<()> {
    let table = suites.message_v2().ok_or(Error::NoSuite("message"))?;
    let call = table.clearPersistentMessage.ok_or(Error::NoFunction("clearPersistentMessage"))?;
    // SAFETY: a living instance.
    match Status(unsafe { call(instance.cast()) }) {
        status if status.is_ok() => Ok(()),
        status => Err(Error::Refused { what: "clearPersistentMessage", status }),
    }
}

/// A progress bar of the host, shown until it is dropped. Without a progress suite it does nothing.
pub struct Progress<'a> {
    suite: Option<ProgressSuite>,
    instance: raw::OfxImageEffectHandle,
    _action: std::marker::PhantomData<&'a Suites>,
}

impl<'a> Progress<'a> {
    pub(crate) fn start(suites: &'a Suites, instance: raw::OfxImageEffectHandle, label: &str) -> Self {
        let label = c_text(label);
        let target = instance.cast::<c_void>();
        let status: Option<c_int> = match suites.progress {
            // SAFETY: a living instance and texts that end in zero, which the host copies.
            Some(ProgressSuite::V2(t)) => t.progressStart.map(|f| unsafe { f(target, label.as_ptr(), c"pickup".as_ptr()) }),
            // SAFETY: as above.
            Some(ProgressSuite::V1(t)) => t.progressStart.map(|f| unsafe { f(target, label.as_ptr()) }),
            None => None,
        };
        let works = status.is_some_and(|s| Status(s).is_ok());
        Self { suite: suites.progress.filter(|_| works), instance, _action: std::marker::PhantomData }
    }

    /// Shows how far the work has come, 0 to 1. False: the user wants it to stop.
    pub fn update(&mut self, done: f64) -> bool {
        let done = if done.is_finite() { done.clamp(0.0, 1.0) } else { 0.0 };
        let target = self.instance.cast::<c_void>();
        let call = match self.suite {
            Some(ProgressSuite::V2(t)) => t.progressUpdate,
            Some(ProgressSuite::V1(t)) => t.progressUpdate,
            None => None,
        };
        // SAFETY: a living instance with a progress begun.
        call.is_none_or(|f| Status(unsafe { f(target, done) }) != Status::REPLY_NO)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        let target = self.instance.cast::<c_void>();
        let call = match self.suite {
            Some(ProgressSuite::V2(t)) => t.progressEnd,
            Some(ProgressSuite::V1(t)) => t.progressEnd,
            None => None,
        };
        if let Some(end) = call {
            // SAFETY: a living instance with a progress begun.
            unsafe { end(target) };
        }
    }
}
