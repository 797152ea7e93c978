//! The parameter suite. Its variadic functions are in c/variadic.c and come back here with their arguments as arrays.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::Arc;

use host_sys::raw::{self, OfxParamHandle, OfxParamSetHandle, OfxParameterSuiteV1, OfxPropertySetHandle, OfxRangeD, OfxStatus};

use crate::effect::Effect;
use crate::param::{Holds, Param, ParamSet, Value};
use crate::quirks::StrChoice;
use crate::registry::{self, Object, as_handle};
use crate::state::{Answer, HostState, current, depth, lend, number, open};
use crate::status::Status;

unsafe extern "C" {
    fn test_host_param_get_value(param: OfxParamHandle, ...) -> OfxStatus;
    fn test_host_param_get_value_at_time(param: OfxParamHandle, time: f64, ...) -> OfxStatus;
    fn test_host_param_get_derivative(param: OfxParamHandle, time: f64, ...) -> OfxStatus;
    fn test_host_param_get_integral(param: OfxParamHandle, from: f64, to: f64, ...) -> OfxStatus;
    fn test_host_param_set_value(param: OfxParamHandle, ...) -> OfxStatus;
    fn test_host_param_set_value_at_time(param: OfxParamHandle, time: f64, ...) -> OfxStatus;
}

pub(crate) fn table() -> OfxParameterSuiteV1 {
    OfxParameterSuiteV1 {
        paramDefine: Some(define),
        paramGetHandle: Some(get_handle),
        paramSetGetPropertySet: Some(set_property_set),
        paramGetPropertySet: Some(property_set),
        paramGetValue: Some(test_host_param_get_value),
        paramGetValueAtTime: Some(test_host_param_get_value_at_time),
        paramGetDerivative: Some(test_host_param_get_derivative),
        paramGetIntegral: Some(test_host_param_get_integral),
        paramSetValue: Some(test_host_param_set_value),
        paramSetValueAtTime: Some(test_host_param_set_value_at_time),
        paramGetNumKeys: Some(num_keys),
        paramGetKeyTime: Some(key_time),
        paramGetKeyIndex: Some(key_index),
        paramDeleteKey: Some(delete_key),
        paramDeleteAllKeys: Some(delete_all_keys),
        paramCopy: Some(copy),
        paramEditBegin: Some(edit_begin),
        paramEditEnd: Some(edit_end),
    }
}

fn param_set(function: &'static str, handle: OfxParamSetHandle) -> Answer<(Arc<HostState>, Arc<ParamSet>)> {
    open(function, handle, |o| if let Object::ParamSet(s) = o { Some(s) } else { None })
}

fn param(function: &'static str, handle: *const c_void) -> Answer<(Arc<HostState>, Arc<Param>)> {
    let (host, param) = open(function, handle, |o| if let Object::Param(p) = o { Some(p) } else { None })?;
    if !param.is_instance && function != "paramGetPropertySet" {
        host.violation(format!("{function} was called while describing"));
        return Err(Status::BAD_HANDLE);
    }
    Ok((host, param))
}

unsafe fn name(host: &HostState, function: &str, text: *const c_char) -> Answer<CString> {
    if text.is_null() {
        host.violation(format!("{function} was given no name"));
        return Err(Status::VALUE);
    }
    // SAFETY: see the top of `suites`.
    Ok(unsafe { CStr::from_ptr(text) }.to_owned())
}

unsafe extern "C" fn define(set: OfxParamSetHandle, kind: *const c_char, text: *const c_char, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (host, set) = param_set("paramDefine", set)?;
        // SAFETY: see the top of `suites`.
        let (kind, name) = unsafe { (name(&host, "paramDefine", kind)?, name(&host, "paramDefine", text)?) };
        let holds = Holds::of(&kind).ok_or(Status::UNKNOWN)?;
        let new = [raw::kOfxParamTypeStrChoice, raw::kOfxParamTypeBytes].contains(&kind.as_c_str());
        if new && kind.as_c_str() == raw::kOfxParamTypeBytes && host.quirks.api < (1, 5) {
            return Err(Status::UNSUPPORTED);
        }
        if kind.as_c_str() == raw::kOfxParamTypeStrChoice && host.quirks.str_choice == StrChoice::Unknown {
            return Err(Status::UNSUPPORTED);
        }
        if set.find(&name).is_some() {
            host.violation(format!("param {name:?} was defined twice"));
            return Err(Status::EXISTS);
        }
        let param = Param::define(&host, set.id, &kind, &name, holds);
        if !out.is_null() {
            // SAFETY: see the top of `suites`.
            unsafe { out.write(as_handle(param.props.id)) };
        }
        set.params.lock().push(param);
        Ok(())
    })())
}

unsafe extern "C" fn get_handle(
    set: OfxParamSetHandle,
    text: *const c_char,
    out: *mut OfxParamHandle,
    props: *mut OfxPropertySetHandle,
) -> OfxStatus {
    number((|| {
        let (host, set) = param_set("paramGetHandle", set)?;
        // SAFETY: see the top of `suites`.
        let name = unsafe { name(&host, "paramGetHandle", text) }?;
        let param = set.find(&name).ok_or(Status::UNKNOWN)?;
        if !props.is_null() {
            // SAFETY: see the top of `suites`.
            unsafe { props.write(as_handle(param.props.id)) };
        }
        if !out.is_null() {
            // SAFETY: see the top of `suites`.
            unsafe { out.write(as_handle(param.id)) };
        }
        Ok(())
    })())
}

unsafe extern "C" fn set_property_set(set: OfxParamSetHandle, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (_, set) = param_set("paramSetGetPropertySet", set)?;
        // SAFETY: see the top of `suites`.
        unsafe { write(out, as_handle(set.props.id)) }
    })())
}

unsafe extern "C" fn property_set(handle: OfxParamHandle, out: *mut OfxPropertySetHandle) -> OfxStatus {
    number((|| {
        let (_, param) = param("paramGetPropertySet", handle.cast())?;
        // SAFETY: see the top of `suites`.
        unsafe { write(out, as_handle(param.props.id)) }
    })())
}

unsafe fn write<T>(out: *mut T, value: T) -> Answer {
    if out.is_null() {
        return Err(Status::VALUE);
    }
    // SAFETY: see the top of `suites`.
    unsafe { out.write(value) };
    Ok(())
}

/// What c/variadic.c must know to take arguments off its list.
#[repr(C)]
struct Shape {
    status: c_int,
    holds: c_int,
    count: c_int,
}

/// How a value is asked for, as in c/variadic.c, and the function's name for reading and for writing.
const ASKED: [(&str, &str); 4] = [
    ("paramGetValue", "paramSetValue"),
    ("paramGetValueAtTime", "paramSetValueAtTime"),
    ("paramGetDerivative", "paramGetDerivative"),
    ("paramGetIntegral", "paramGetIntegral"),
];

#[unsafe(no_mangle)]
extern "C" fn test_host_param_shape(handle: *const c_void, asked: c_int, writes: c_int) -> Shape {
    let names = ASKED[asked.clamp(0, 3) as usize];
    match param(if writes == 0 { names.0 } else { names.1 }, handle) {
        Err(status) => Shape { status: status.0, holds: 0, count: 0 },
        Ok((_, param)) => {
            let (holds, count) = match param.holds {
                Holds::Nothing => return Shape { status: Status::UNSUPPORTED.0, holds: 0, count: 0 },
                Holds::Ints(n) => (1, n),
                Holds::Doubles(n) => (2, n),
                Holds::Text => (3, 1),
            };
            Shape { status: 0, holds, count: count as c_int }
        }
    }
}

fn found(handle: *const c_void) -> Option<Arc<Param>> {
    if let Some(Object::Param(param)) = registry::get(registry::as_id(handle)) { Some(param) } else { None }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn test_host_param_read(handle: *const c_void, asked: c_int, from: f64, to: f64, out: *const *mut c_void) -> OfxStatus {
    number((|| {
        let param = found(handle).ok_or(Status::BAD_HANDLE)?;
        let curve = param.curve.lock();
        let numbers = |time: f64| if let Value::Doubles(v) = curve.at(time) { Ok(v) } else { Err(Status::UNSUPPORTED) };
        let value = match asked {
            // The value "now": a host shows it at the play head.
            0 if curve.keys.is_empty() => curve.still.clone(),
            0 => curve.at(*param.props.host.time.lock()),
            1 => curve.at(from),
            2 => {
                let (a, b) = (numbers(from - 0.005)?, numbers(from + 0.005)?);
                Value::Doubles(a.iter().zip(b).map(|(a, b)| (b - a) / 0.01).collect())
            }
            _ => {
                let steps = 256;
                let width = (to - from) / f64::from(steps);
                let mut sum = vec![0.0; numbers(from)?.len()];
                for i in 0..steps {
                    for (s, v) in sum.iter_mut().zip(numbers(from + (f64::from(i) + 0.5) * width)?) {
                        *s += v * width;
                    }
                }
                Value::Doubles(sum)
            }
        };
        // SAFETY: c/variadic.c gives an array of 4 addresses, of which the plug-in gave as many as the param holds values.
        let target = |i: usize| unsafe { *out.add(i) };
        let targets = match &value {
            Value::None => 0,
            Value::Ints(v) => v.len(),
            Value::Doubles(v) => v.len(),
            Value::Text(_) => 1,
        };
        if (0..targets).any(|i| target(i).is_null()) {
            param.props.host.violation(format!("{} of {:?} was given nowhere to write", ASKED[asked.clamp(0, 3) as usize].0, param.name));
            return Err(Status::VALUE);
        }
        // SAFETY: the plug-in gave addresses of variables of the param's type, as the suite's header says.
        unsafe {
            match value {
                Value::None => {}
                Value::Ints(v) => v.iter().enumerate().for_each(|(i, v)| target(i).cast::<c_int>().write(*v)),
                Value::Doubles(v) => v.iter().enumerate().for_each(|(i, v)| target(i).cast::<f64>().write(*v)),
                Value::Text(text) => target(0).cast::<*mut c_char>().write(lend(&CString::new(text).unwrap_or_default())),
            }
        }
        Ok(())
    })())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn test_host_param_write(
    handle: *const c_void,
    asked: c_int,
    time: f64,
    ints: *const c_int,
    doubles: *const f64,
    text: *const c_char,
) -> OfxStatus {
    number((|| {
        let param = found(handle).ok_or(Status::BAD_HANDLE)?;
        let host = param.props.host.clone();
        // SAFETY: c/variadic.c gives arrays of 4 values, and the plug-in a string that ends with a zero byte.
        let value = unsafe {
            match param.holds {
                Holds::Nothing => return Err(Status::UNSUPPORTED),
                Holds::Ints(n) => Value::Ints(std::slice::from_raw_parts(ints, n).to_vec()),
                Holds::Doubles(n) => Value::Doubles(std::slice::from_raw_parts(doubles, n).to_vec()),
                Holds::Text if text.is_null() => {
                    host.violation(format!("param {:?} was set to a null string", param.name));
                    return Err(Status::VALUE);
                }
                Holds::Text => Value::Text(CStr::from_ptr(text).to_string_lossy().into_owned()),
            }
        };
        changed(&host, &param, |curve| if asked == 1 { curve.set_key(time, value) } else { curve.still = value })
    })())
}

/// Changes a param on the plug-in's behalf: is it allowed now, and does the plug-in hear of it on the same stack?
fn changed(host: &Arc<HostState>, param: &Param, change: impl FnOnce(&mut crate::param::Curve)) -> Answer {
    let allowed = current().is_some_and(|c| {
        [raw::kOfxActionInstanceChanged, raw::kOfxActionBeginInstanceChanged, raw::kOfxActionEndInstanceChanged]
            .contains(&c.action.as_c_str())
    });
    if !allowed {
        host.violation(format!("param {:?} was set", param.name));
    }
    let shown = {
        let mut curve = param.curve.lock();
        change(&mut curve);
        format!("{:?}", curve.still)
    };
    host.record.lock().sets.push((param.name.to_string_lossy().into_owned(), shown));
    if !(host.quirks.reentrant && allowed) {
        return Ok(());
    }
    if depth() > 32 {
        host.violation(format!("setting {:?} never ends", param.name));
        return Ok(());
    }
    let Some(Object::ParamSet(set)) = registry::get(param.set) else { return Ok(()) };
    if let Some(Object::Effect(effect)) = registry::get(set.effect) {
        told(&effect, &param.name);
    }
    Ok(())
}

/// Tells the plug-in that it changed a param itself, as most hosts do at once.
fn told(effect: &Arc<Effect>, name: &CStr) {
    let Some(entry) = effect.entry else { return };
    let time = *effect.host.time.lock();
    entry.changed(effect, raw::kOfxTypeParameter, name, raw::kOfxChangePluginEdited, time);
}

unsafe extern "C" fn num_keys(handle: OfxParamHandle, out: *mut c_uint) -> OfxStatus {
    number((|| {
        let (_, param) = param("paramGetNumKeys", handle.cast())?;
        let keys = param.curve.lock().keys.len() as c_uint;
        // SAFETY: see the top of `suites`.
        unsafe { write(out, keys) }
    })())
}

unsafe extern "C" fn key_time(handle: OfxParamHandle, nth: c_uint, out: *mut f64) -> OfxStatus {
    number((|| {
        let (_, param) = param("paramGetKeyTime", handle.cast())?;
        let time = param.curve.lock().keys.get(nth as usize).map(|k| k.0).ok_or(Status::BAD_INDEX)?;
        // SAFETY: see the top of `suites`.
        unsafe { write(out, time) }
    })())
}

unsafe extern "C" fn key_index(handle: OfxParamHandle, time: f64, direction: c_int, out: *mut c_int) -> OfxStatus {
    number((|| {
        let (_, param) = param("paramGetKeyIndex", handle.cast())?;
        let curve = param.curve.lock();
        let index = match direction {
            0 => curve.keys.iter().position(|k| k.0 == time),
            d if d < 0 => curve.keys.iter().rposition(|k| k.0 < time),
            _ => curve.keys.iter().position(|k| k.0 > time),
        };
        // SAFETY: see the top of `suites`.
        unsafe { write(out, index.ok_or(Status::FAILED)? as c_int) }
    })())
}

unsafe extern "C" fn delete_key(handle: OfxParamHandle, time: f64) -> OfxStatus {
    number((|| {
        let (host, param) = param("paramDeleteKey", handle.cast())?;
        let at = param.curve.lock().keys.iter().position(|k| k.0 == time).ok_or(Status::BAD_INDEX)?;
        changed(&host, &param, |curve| {
            curve.keys.remove(at);
        })
    })())
}

unsafe extern "C" fn delete_all_keys(handle: OfxParamHandle) -> OfxStatus {
    number((|| {
        let (host, param) = param("paramDeleteAllKeys", handle.cast())?;
        changed(&host, &param, |curve| curve.keys.clear())
    })())
}

unsafe extern "C" fn copy(to: OfxParamHandle, from: OfxParamHandle, offset: f64, range: *const OfxRangeD) -> OfxStatus {
    number((|| {
        let (host, to) = param("paramCopy", to.cast())?;
        let (_, from) = param("paramCopy", from.cast())?;
        if to.kind != from.kind {
            return Err(Status::VALUE);
        }
        let mut curve = from.curve.lock().clone();
        if !range.is_null() {
            // SAFETY: see the top of `suites`.
            let range = unsafe { range.read() };
            curve.keys.retain(|(t, _)| (range.min..=range.max).contains(t));
        }
        curve.keys.iter_mut().for_each(|(t, _)| *t += offset);
        changed(&host, &to, |target| *target = curve)
    })())
}

unsafe extern "C" fn edit_begin(set: OfxParamSetHandle, text: *const c_char) -> OfxStatus {
    number((|| {
        let (host, _) = param_set("paramEditBegin", set)?;
        // SAFETY: see the top of `suites`.
        unsafe { name(&host, "paramEditBegin", text) }.map(|_| ())
    })())
}

unsafe extern "C" fn edit_end(set: OfxParamSetHandle) -> OfxStatus {
    number(param_set("paramEditEnd", set).map(|_| ()))
}
