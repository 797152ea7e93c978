//! The image effect suite.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use host_sys::raw::{
    OfxImageClipHandle, OfxImageEffectHandle, OfxImageEffectSuiteV1, OfxImageMemoryHandle, OfxParamSetHandle, OfxPropertySetHandle,
    OfxRectD, OfxStatus,
};

use crate::effect::{Clip, Effect};
use crate::quirks::ImageFault;
use crate::registry::{self, Object, as_handle};
use crate::state::{Answer, HostState, current, number, open};
use crate::status::Status;
use crate::suites::memory::Block;

pub(crate) fn table() -> OfxImageEffectSuiteV1 {
    OfxImageEffectSuiteV1 {
        getPropertySet: Some(property_set),
        getParamSet: Some(param_set),
        clipDefine: Some(clip_define),
        clipGetHandle: Some(clip_handle),
        clipGetPropertySet: Some(clip_property_set),
        clipGetImage: Some(clip_image),
        clipReleaseImage: Some(release_image),
        clipGetRegionOfDefinition: Some(clip_region),
        abort: Some(abort),
        imageMemoryAlloc: Some(memory_alloc),
        imageMemoryFree: Some(memory_free),
        imageMemoryLock: Some(memory_lock),
        imageMemoryUnlock: Some(memory_unlock),
    }
}

fn effect(function: &'static str, handle: OfxImageEffectHandle) -> Answer<(Arc<HostState>, Arc<Effect>)> {
    open(function, handle, |o| if let Object::Effect(e) = o { Some(e) } else { None })
}

fn clip(function: &'static str, handle: OfxImageClipHandle) -> Answer<(Arc<HostState>, Arc<Clip>, Arc<Effect>)> {
    let (host, clip) = open(function, handle, |o| if let Object::Clip(c) = o { Some(c) } else { None })?;
    let Some(Object::Effect(effect)) = registry::get(clip.effect) else { return Err(Status::BAD_HANDLE) };
    if !clip.is_instance {
        host.violation(format!("{function} was given the clip of a descriptor"));
        return Err(Status::BAD_HANDLE);
    }
    Ok((host, clip, effect))
}

/// Writes a result where the plug-in wants it.
unsafe fn give<T>(host: &HostState, function: &str, out: *mut T, value: T) -> Answer {
    if out.is_null() {
        host.violation(format!("{function} was given nowhere to write"));
        return Err(Status::VALUE);
    }
    // SAFETY: see the top of `suites`.
    unsafe { out.write(value) };
    Ok(())
}

unsafe fn name(host: &HostState, function: &str, text: *const c_char) -> Answer<std::ffi::CString> {
    if text.is_null() {
        host.violation(format!("{function} was given no name"));
        return Err(Status::VALUE);
    }
    // SAFETY: see the top of `suites`.
    Ok(unsafe { CStr::from_ptr(text) }.to_owned())
}

unsafe extern "C" fn property_set(handle: OfxImageEffectHandle, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (host, effect) = effect("getPropertySet", handle)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "getPropertySet", out, as_handle(effect.props.id)) }
    })())
}

unsafe extern "C" fn param_set(handle: OfxImageEffectHandle, out: *mut OfxParamSetHandle) -> OfxStatus {
    number((|| {
        let (host, effect) = effect("getParamSet", handle)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "getParamSet", out, as_handle(effect.params.id)) }
    })())
}

unsafe extern "C" fn clip_define(handle: OfxImageEffectHandle, text: *const c_char, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (host, effect) = effect("clipDefine", handle)?;
        // SAFETY: see the top of `suites`.
        let name = unsafe { name(&host, "clipDefine", text) }?;
        if effect.setup.is_some() || effect.context.is_none() {
            host.violation(format!("clip {name:?} was defined outside DescribeInContext"));
            return Err(Status::FAILED);
        }
        if effect.clip(&name).is_some() {
            host.violation(format!("clip {name:?} was defined twice"));
            return Err(Status::EXISTS);
        }
        let clip = Clip::define(&host, effect.id, &name);
        let props = clip.props.id;
        effect.clips.lock().push(clip);
        if !out.is_null() {
            // SAFETY: see the top of `suites`.
            unsafe { out.write(as_handle(props)) };
        }
        Ok(())
    })())
}

unsafe extern "C" fn clip_handle(
    handle: OfxImageEffectHandle,
    text: *const c_char,
    out: *mut OfxImageClipHandle,
    props: *mut OfxPropertySetHandle,
) -> OfxStatus {
    number((|| {
        let (host, effect) = effect("clipGetHandle", handle)?;
        // SAFETY: see the top of `suites`.
        let name = unsafe { name(&host, "clipGetHandle", text) }?;
        if effect.setup.is_none() {
            host.violation("clipGetHandle was called while describing".into());
            return Err(Status::BAD_HANDLE);
        }
        let clip = effect.clip(&name).ok_or(Status::UNKNOWN)?;
        if !props.is_null() {
            // SAFETY: see the top of `suites`.
            unsafe { props.write(as_handle(clip.props.id)) };
        }
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "clipGetHandle", out, as_handle(clip.id)) }
    })())
}

unsafe extern "C" fn clip_property_set(handle: OfxImageClipHandle, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (host, clip, _) = clip("clipGetPropertySet", handle)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "clipGetPropertySet", out, as_handle(clip.props.id)) }
    })())
}

unsafe extern "C" fn clip_image(
    handle: OfxImageClipHandle,
    time: f64,
    region: *const OfxRectD,
    out: *mut OfxPropertySetHandle,
) -> OfxStatus {
    number((|| {
        let (host, clip, effect) = clip("clipGetImage", handle)?;
        if !region.is_null() {
            // SAFETY: see the top of `suites`.
            let r = unsafe { region.read() };
            if !(r.x1 <= r.x2 && r.y1 <= r.y2) {
                host.violation("clipGetImage was given a region inside out".into());
            }
        }
        if current().is_none() {
            host.violation(format!("an image of {:?} was fetched", clip.name));
        }
        let fault = if clip.is_output() { host.quirks.output } else { host.quirks.image };
        // SAFETY: see the top of `suites`.
        let give = |id: usize| unsafe { give(&host, "clipGetImage", out, as_handle(id)) };
        match fault {
            ImageFault::Fails(status) => return Err(status),
            ImageFault::NullHandle => return give(0),
            ImageFault::WildHandle => return give(0xDEAD_BEE0),
            _ => {}
        }
        give(clip.image(&effect, time)?.props.id)
    })())
}

unsafe extern "C" fn release_image(handle: OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (_, image) = open("clipReleaseImage", handle, |o| if let Object::Image(i) = o { Some(i) } else { None })?;
        image.take_back();
        Ok(())
    })())
}

unsafe extern "C" fn clip_region(handle: OfxImageClipHandle, _time: f64, out: *mut OfxRectD) -> OfxStatus {
    number((|| {
        let (host, clip, effect) = clip("clipGetRegionOfDefinition", handle)?;
        let [x1, y1, x2, y2] = clip.region(&effect)?.as_doubles();
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "clipGetRegionOfDefinition", out, OfxRectD { x1, y1, x2, y2 }) }
    })())
}

unsafe extern "C" fn abort(handle: OfxImageEffectHandle) -> c_int {
    let Ok((host, effect)) = effect("abort", handle) else { return 0 };
    let call = host.abort_calls.fetch_add(1, Ordering::Relaxed);
    c_int::from(effect.aborts.load(Ordering::Relaxed) || host.quirks.aborts_after.is_some_and(|n| call >= n))
}

fn block(function: &'static str, handle: OfxImageMemoryHandle) -> Answer<Arc<Block>> {
    open(function, handle, |o| if let Object::Block(b) = o { Some(b) } else { None }).map(|(_, block)| block)
}

unsafe extern "C" fn memory_alloc(handle: OfxImageEffectHandle, bytes: usize, out: *mut OfxImageMemoryHandle) -> OfxStatus {
    number((|| {
        let host = if handle.is_null() { crate::state::enter("imageMemoryAlloc", None)? } else { effect("imageMemoryAlloc", handle)?.0 };
        let block = Block::new(&host, bytes).ok_or(Status::MEMORY)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, "imageMemoryAlloc", out, as_handle(block.share())) }
    })())
}

unsafe extern "C" fn memory_free(handle: OfxImageMemoryHandle) -> OfxStatus {
    number(block("imageMemoryFree", handle).map(|block| {
        registry::remove(block.id);
    }))
}

unsafe extern "C" fn memory_lock(handle: OfxImageMemoryHandle, out: *mut *mut c_void) -> OfxStatus {
    number((|| {
        let block = block("imageMemoryLock", handle)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&block.host, "imageMemoryLock", out, block.address()) }
    })())
}

unsafe extern "C" fn memory_unlock(handle: OfxImageMemoryHandle) -> OfxStatus {
    number(block("imageMemoryUnlock", handle).map(|_| ()))
}
