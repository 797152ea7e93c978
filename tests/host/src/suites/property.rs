//! The property suite.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Arc;

use host_sys::raw::{OfxPropertySetHandle, OfxPropertySuiteV1, OfxStatus};

use crate::props::{PropSet, Scalar};
use crate::registry::Object;
use crate::state::{Answer, lend, number, open};
use crate::status::Status;

pub(crate) fn table() -> OfxPropertySuiteV1 {
    OfxPropertySuiteV1 {
        propSetPointer: Some(set_pointer),
        propSetString: Some(set_string),
        propSetDouble: Some(set_double),
        propSetInt: Some(set_int),
        propSetPointerN: Some(set_pointer_n),
        propSetStringN: Some(set_string_n),
        propSetDoubleN: Some(set_double_n),
        propSetIntN: Some(set_int_n),
        propGetPointer: Some(get_pointer),
        propGetString: Some(get_string),
        propGetDouble: Some(get_double),
        propGetInt: Some(get_int),
        propGetPointerN: Some(get_pointer_n),
        propGetStringN: Some(get_string_n),
        propGetDoubleN: Some(get_double_n),
        propGetIntN: Some(get_int_n),
        propReset: Some(reset),
        propGetDimension: Some(dimension),
    }
}

/// Finds a set and reads the property's name.
unsafe fn find(function: &'static str, set: OfxPropertySetHandle, name: *const c_char) -> Answer<(Arc<PropSet>, CString)> {
    let (host, props) = open(function, set, |o| match o {
        Object::Props(set) => Some(set),
        Object::Image(image) => Some(image.props.clone()),
        _ => None,
    })?;
    if name.is_null() {
        host.violation(format!("{function} was given no name"));
        return Err(Status::UNKNOWN);
    }
    // SAFETY: the suite's contract: a name is a string that ends with a zero byte.
    Ok((props, unsafe { CStr::from_ptr(name) }.to_owned()))
}

unsafe fn text(function: &'static str, props: &PropSet, value: *const c_char) -> Answer<CString> {
    if value.is_null() {
        props.host.violation(format!("{function} was given a null string"));
        return Err(Status::VALUE);
    }
    // SAFETY: the suite's contract: a value is a string that ends with a zero byte.
    Ok(unsafe { CStr::from_ptr(value) }.to_owned())
}

/// Where a result goes.
unsafe fn give<T>(function: &str, props: &PropSet, out: *mut T, value: T) -> Answer {
    if out.is_null() {
        props.host.violation(format!("{function} was given nowhere to write"));
        return Err(Status::VALUE);
    }
    // SAFETY: the suite's contract: the plug-in gives the address of a variable of this type.
    unsafe { out.write(value) };
    Ok(())
}

unsafe fn give_all<T: Scalar, U>(
    function: &'static str,
    set: OfxPropertySetHandle,
    name: *const c_char,
    count: c_int,
    out: *mut U,
    turn: impl Fn(T) -> U,
) -> Answer {
    // SAFETY: as the caller.
    let (props, name) = unsafe { find(function, set, name) }?;
    for i in 0..count {
        let value = turn(props.get::<T>(&name, i)?);
        // SAFETY: the suite's contract: room for `count` values.
        unsafe { give(function, &props, out.wrapping_add(i as usize), value) }?;
    }
    Ok(())
}

macro_rules! setters {
    ($($one:ident, $many:ident, $one_name:literal, $many_name:literal, $raw:ty, $turn:expr;)*) => { $(
        unsafe extern "C" fn $one(set: OfxPropertySetHandle, name: *const c_char, index: c_int, value: $raw) -> OfxStatus {
            // SAFETY: arguments as the suite's contract says.
            number((|| unsafe {
                let (props, name) = find($one_name, set, name)?;
                props.set(&name, index, $turn($one_name, &props, value)?)
            })())
        }

        unsafe extern "C" fn $many(set: OfxPropertySetHandle, name: *const c_char, count: c_int, values: *const $raw) -> OfxStatus {
            // SAFETY: arguments as the suite's contract says: `count` values.
            number((|| unsafe {
                let (props, name) = find($many_name, set, name)?;
                for i in 0..count {
                    props.set(&name, i, $turn($many_name, &props, *values.add(i as usize))?)?;
                }
                Ok(())
            })())
        }
    )* };
}

fn same<T>(_: &'static str, _: &PropSet, value: T) -> Answer<T> {
    Ok(value)
}

fn address(_: &'static str, _: &PropSet, value: *mut c_void) -> Answer<usize> {
    Ok(value as usize)
}

setters! {
    set_pointer, set_pointer_n, "propSetPointer", "propSetPointerN", *mut c_void, address;
    set_string, set_string_n, "propSetString", "propSetStringN", *const c_char, text;
    set_double, set_double_n, "propSetDouble", "propSetDoubleN", f64, same::<f64>;
    set_int, set_int_n, "propSetInt", "propSetIntN", c_int, same::<i32>;
}

macro_rules! getters {
    ($($one:ident, $many:ident, $one_name:literal, $many_name:literal, $type:ty, $raw:ty, $turn:expr;)*) => { $(
        unsafe extern "C" fn $one(set: OfxPropertySetHandle, name: *const c_char, index: c_int, out: *mut $raw) -> OfxStatus {
            // SAFETY: arguments as the suite's contract says.
            number((|| unsafe {
                let (props, name) = find($one_name, set, name)?;
                let value = props.get::<$type>(&name, index)?;
                give($one_name, &props, out, $turn(value))
            })())
        }

        unsafe extern "C" fn $many(set: OfxPropertySetHandle, name: *const c_char, count: c_int, out: *mut $raw) -> OfxStatus {
            // SAFETY: arguments as the suite's contract says: room for `count` values.
            number(unsafe { give_all::<$type, $raw>($many_name, set, name, count, out, $turn) })
        }
    )* };
}

getters! {
    get_pointer, get_pointer_n, "propGetPointer", "propGetPointerN", usize, *mut c_void, |v: usize| v as *mut c_void;
    get_string, get_string_n, "propGetString", "propGetStringN", CString, *mut c_char, |v: CString| lend(&v);
    get_double, get_double_n, "propGetDouble", "propGetDoubleN", f64, f64, |v: f64| v;
    get_int, get_int_n, "propGetInt", "propGetIntN", i32, c_int, |v: i32| v;
}

unsafe extern "C" fn reset(set: OfxPropertySetHandle, name: *const c_char) -> OfxStatus {
    // SAFETY: arguments as the suite's contract says.
    number((|| unsafe {
        let (props, name) = find("propReset", set, name)?;
        props.reset(&name)
    })())
}

unsafe extern "C" fn dimension(set: OfxPropertySetHandle, name: *const c_char, out: *mut c_int) -> OfxStatus {
    // SAFETY: arguments as the suite's contract says.
    number((|| unsafe {
        let (props, name) = find("propGetDimension", set, name)?;
        give("propGetDimension", &props, out, props.dimension(&name)?)
    })())
}
