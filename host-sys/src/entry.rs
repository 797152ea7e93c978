//! The entries that a host calls: the panic barrier, the dispatch of actions, the instances that are alive.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

use crate::actions::{At, Change, RenderArgs, Sequence, reason};
use crate::effect::Effect;
use crate::geometry::RectD;
use crate::instance::{Context, Descriptor, Instance};
use crate::props::PropertySet;
use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::Suites;

/// Everything one effect needs while its library is in a process: a static made by [`export!`](crate::export).
pub struct Runtime<E: Effect> {
    effect: E,
    host: AtomicPtr<raw::OfxHost>,
    suites: RwLock<Option<Arc<Suites>>>,
    /// Data of the living instances, by the address of their handle. The host's own pointer property is not used for it: a
    /// pointer that comes back from a host would have to be believed.
    instances: Mutex<Option<HashMap<usize, Arc<E::Data>>>>,
    table: OnceLock<Table>,
}

/// The structure handed to the host.
struct Table(raw::OfxPlugin);

// SAFETY: written once, then only read; its pointers are to constants and functions.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

/// Connects an effect with its static runtime; implemented by [`export!`](crate::export).
pub trait Exported: Effect + Sized {
    /// The runtime.
    fn runtime() -> &'static Runtime<Self>;
}

/// Runs an entry: a panic that left it would end the editor's process, so it becomes `answer` and a line in the log.
pub(crate) fn barrier<T>(what: &str, answer: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            // The logger might be what panicked.
            let _ = catch_unwind(AssertUnwindSafe(|| log::error!("panic in {what}: {}", text.unwrap_or("no text"))));
            // Dropping a payload may panic again.
            std::mem::forget(payload);
            answer
        }
    }
}

impl<E: Exported> Runtime<E> {
    /// A runtime without a host.
    pub const fn new(effect: E) -> Self {
        Self {
            effect,
            host: AtomicPtr::new(ptr::null_mut()),
            suites: RwLock::new(None),
            instances: Mutex::new(None),
            table: OnceLock::new(),
        }
    }

    /// The structure that OfxGetPlugin answers with.
    pub fn plugin(&'static self) -> *mut raw::OfxPlugin {
        let table = self.table.get_or_init(|| {
            Table(raw::OfxPlugin {
                pluginApi: raw::kOfxImageEffectPluginApi.as_ptr(),
                apiVersion: 1,
                pluginIdentifier: E::IDENTIFIER.as_ptr(),
                pluginVersionMajor: E::VERSION.0 as c_uint,
                pluginVersionMinor: E::VERSION.1 as c_uint,
                setHost: Some(set_host::<E>),
                mainEntry: Some(main_entry::<E>),
            })
        });
        ptr::from_ref(&table.0).cast_mut()
    }

    fn load(&self) -> Result<()> {
        crate::logging::start();
        // SAFETY: the pointer is what the host handed to setHost, alive while the library is loaded (ofxCore.h).
        let suites = unsafe { Suites::fetch(self.host.load(Ordering::Acquire)) }?;
        let suites = Arc::new(suites);
        *self.suites.write() = Some(Arc::clone(&suites));
        self.effect.load(suites.info())
    }

    fn data(&self, handle: *const c_void) -> Result<Arc<E::Data>> {
        self.instances.lock().as_ref().and_then(|m| m.get(&handle.addr())).cloned().ok_or(Error::BadHandle)
    }
}

unsafe extern "C" fn set_host<E: Exported>(host: *mut raw::OfxHost) {
    barrier("setHost", (), || {
        if !host.is_null() {
            E::runtime().host.store(host, Ordering::Release);
        }
    });
}

/// OfxSetHost: newer hosts call it before anything else.
pub fn set_host_early<E: Exported>(host: *const raw::OfxHost) -> c_int {
    barrier("OfxSetHost", Status::FAILED.0, || {
        if !host.is_null() {
            E::runtime().host.store(host.cast_mut(), Ordering::Release);
        }
        Status::OK.0
    })
}

/// OfxGetPlugin.
pub fn get_plugin<E: Exported>(nth: c_int) -> *mut raw::OfxPlugin {
    barrier("OfxGetPlugin", ptr::null_mut(), || if nth == 0 { E::runtime().plugin() } else { ptr::null_mut() })
}

unsafe extern "C" fn main_entry<E: Exported>(
    action: *const c_char,
    handle: *const c_void,
    in_args: raw::OfxPropertySetHandle,
    out_args: raw::OfxPropertySetHandle,
) -> c_int {
    barrier("mainEntry", Status::FAILED.0, || {
        if action.is_null() {
            return Status::BAD_HANDLE.0;
        }
        // SAFETY: an action is a string that ends in zero (ofxCore.h, OfxPluginEntryPoint).
        let action = unsafe { CStr::from_ptr(action) };
        // A second barrier inside names the action.
        barrier(&action.to_string_lossy(), Status::FAILED, || match dispatch::<E>(action, handle, in_args, out_args) {
            Ok(status) => status,
            Err(error) => {
                if !matches!(error, Error::Status(_)) {
                    log::warn!("{}: {error}", action.to_string_lossy());
                }
                error.status()
            }
        })
        .0
    })
}

fn answered<T>(answer: Option<T>, write: impl FnOnce(T) -> Result<()>) -> Result<Status> {
    match answer {
        Some(answer) => write(answer).map(|()| Status::OK),
        None => Ok(Status::REPLY_DEFAULT),
    }
}

fn dispatch<E: Exported>(
    action: &CStr,
    handle: *const c_void,
    in_args: raw::OfxPropertySetHandle,
    out_args: raw::OfxPropertySetHandle,
) -> Result<Status> {
    let runtime = E::runtime();
    let effect = &runtime.effect;
    if action == raw::kOfxActionLoad {
        return runtime.load().map(|()| Status::OK);
    }
    if action == raw::kOfxActionUnload {
        effect.unload();
        return Ok(Status::OK);
    }
    // An action before Load: some hosts scan so. Load by ourselves.
    let loaded = runtime.suites.read().clone();
    let suites = match loaded {
        Some(suites) => suites,
        None => {
            runtime.load()?;
            runtime.suites.read().clone().ok_or(Error::NoSuite("property"))?
        }
    };
    let suites: &Suites = &suites;
    let (inward, outward) = (PropertySet::new(suites, in_args), PropertySet::new(suites, out_args));
    let target = handle.cast_mut().cast::<raw::OfxImageEffectStruct>();
    if action == raw::kOfxActionPurgeCaches {
        effect.purge(runtime.data(handle).ok().as_deref());
        return Ok(Status::OK);
    }
    if handle.is_null() {
        return if is_known(action) { Err(Error::BadHandle) } else { Ok(Status::REPLY_DEFAULT) };
    }
    if action == raw::kOfxActionDescribe {
        return effect.describe(&Descriptor::new(suites, target)).map(|()| Status::OK);
    }
    if action == raw::kOfxImageEffectActionDescribeInContext {
        let name = inward.string(raw::kOfxImageEffectPropContext)?;
        let context = Context::parse(&name).ok_or(Error::Status(Status::UNSUPPORTED))?;
        return effect.describe_in_context(&Descriptor::new(suites, target), context).map(|()| Status::OK);
    }
    if !is_known(action) {
        return Ok(Status::REPLY_DEFAULT);
    }
    let instance = Instance::new(suites, target);
    if action == raw::kOfxActionCreateInstance {
        let data = Arc::new(effect.create(&instance));
        runtime.instances.lock().get_or_insert_default().insert(handle.addr(), data);
        return Ok(Status::OK);
    }
    if action == raw::kOfxActionDestroyInstance {
        let data = runtime.instances.lock().as_mut().and_then(|m| m.remove(&handle.addr()));
        if let Some(data) = data {
            effect.destroy(&instance, &data);
        }
        return Ok(Status::OK);
    }
    let data = runtime.data(handle)?;
    let data: &E::Data = &data;
    let done = |()| Status::OK;
    match action {
        a if a == raw::kOfxActionBeginInstanceChanged => effect.begin_changed(&instance, data, reason(&inward)).map(done),
        a if a == raw::kOfxActionInstanceChanged => effect.changed(&instance, data, &Change::read(&inward)).map(done),
        a if a == raw::kOfxActionEndInstanceChanged => effect.end_changed(&instance, data, reason(&inward)).map(done),
        a if a == raw::kOfxActionSyncPrivateData => effect.sync(&instance, data).map(done),
        a if a == raw::kOfxImageEffectActionGetRegionOfDefinition => {
            let answer = effect.region_of_definition(&instance, data, At::read(&inward)?)?;
            answered(answer, |r| outward.set_doubles(raw::kOfxImageEffectPropRegionOfDefinition, &[r.x1, r.y1, r.x2, r.y2]))
        }
        a if a == raw::kOfxImageEffectActionGetRegionsOfInterest => {
            let region = RectD::from(inward.doubles::<4>(raw::kOfxImageEffectPropRegionOfInterest)?);
            let answer = effect.regions_needed(&instance, data, At::read(&inward)?, region)?;
            answered(answer, |needed| needed.write(&outward))
        }
        a if a == raw::kOfxImageEffectActionGetFramesNeeded => {
            let answer = effect.frames_needed(&instance, data, At::read(&inward)?.time)?;
            answered(answer, |needed| needed.write(&outward))
        }
        a if a == raw::kOfxImageEffectActionGetTimeDomain => {
            let answer = effect.time_domain(&instance, data)?;
            answered(answer, |r| outward.set_doubles(raw::kOfxImageEffectPropFrameRange, &[r.min, r.max]))
        }
        a if a == raw::kOfxImageEffectActionIsIdentity => {
            let at = At::read(&inward)?;
            answered(effect.identity(&instance, data, at)?, |identity| identity.write(&outward, at))
        }
        a if a == raw::kOfxImageEffectActionGetClipPreferences => {
            answered(effect.clip_preferences(&instance, data)?, |preferences| preferences.write(&outward))
        }
        a if a == raw::kOfxImageEffectActionGetOutputColourspace => {
            let wishes = inward.strings(raw::kOfxImageClipPropPreferredColourspaces).unwrap_or_default();
            let answer = effect.output_colourspace(&instance, data, &wishes)?;
            answered(answer, |name| outward.set_string(raw::kOfxImageClipPropColourspace, &name))
        }
        a if a == raw::kOfxImageEffectActionBeginSequenceRender => {
            effect.begin_sequence(&instance, data, &Sequence::read(&inward)).map(done)
        }
        a if a == raw::kOfxImageEffectActionEndSequenceRender => effect.end_sequence(&instance, data, &Sequence::read(&inward)).map(done),
        a if a == raw::kOfxImageEffectActionRender => {
            let mut args = RenderArgs::read(instance, &inward)?;
            effect.render(&instance.on_device(args.is_on_device()), data, &mut args).map(done)
        }
        _ => Ok(Status::REPLY_DEFAULT),
    }
}

fn is_known(action: &CStr) -> bool {
    [
        raw::kOfxActionDescribe,
        raw::kOfxImageEffectActionDescribeInContext,
        raw::kOfxActionCreateInstance,
        raw::kOfxActionDestroyInstance,
        raw::kOfxActionBeginInstanceChanged,
        raw::kOfxActionInstanceChanged,
        raw::kOfxActionEndInstanceChanged,
        raw::kOfxActionSyncPrivateData,
        raw::kOfxImageEffectActionGetRegionOfDefinition,
        raw::kOfxImageEffectActionGetRegionsOfInterest,
        raw::kOfxImageEffectActionGetFramesNeeded,
        raw::kOfxImageEffectActionGetTimeDomain,
        raw::kOfxImageEffectActionIsIdentity,
        raw::kOfxImageEffectActionGetClipPreferences,
        raw::kOfxImageEffectActionGetOutputColourspace,
        raw::kOfxImageEffectActionBeginSequenceRender,
        raw::kOfxImageEffectActionEndSequenceRender,
        raw::kOfxImageEffectActionRender,
    ]
    .contains(&action)
}

/// Exports an effect from a cdylib: the three functions that hosts look for, each behind the panic barrier.
///
/// `export!(Pickup)` where `Pickup` is a unit struct that implements [`Effect`](crate::Effect).
#[macro_export]
macro_rules! export {
    ($effect:ident) => {
        impl $crate::Exported for $effect {
            fn runtime() -> &'static $crate::Runtime<Self> {
                static RUNTIME: $crate::Runtime<$effect> = $crate::Runtime::new($effect);
                &RUNTIME
            }
        }

        /// How many effects the library holds.
        #[unsafe(no_mangle)]
        pub extern "C" fn OfxGetNumberOfPlugins() -> ::std::ffi::c_int {
            1
        }

        /// One of them, or null.
        #[unsafe(no_mangle)]
        pub extern "C" fn OfxGetPlugin(nth: ::std::ffi::c_int) -> *mut $crate::raw::OfxPlugin {
            $crate::get_plugin::<$effect>(nth)
        }

        /// The host, said before anything else.
        #[unsafe(no_mangle)]
        pub extern "C" fn OfxSetHost(host: *const $crate::raw::OfxHost) -> ::std::ffi::c_int {
            $crate::set_host_early::<$effect>(host)
        }
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_the_answer() {
        let quiet = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let answer = barrier("a test", 7, || panic!("{}", "on purpose"));
        let odd = barrier("a test", 8, || std::panic::panic_any(Grumpy));
        std::panic::set_hook(quiet);
        assert_eq!((answer, odd), (7, 8));
    }

    /// A payload that panics when it is dropped.
    struct Grumpy;

    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("again");
        }
    }
}
