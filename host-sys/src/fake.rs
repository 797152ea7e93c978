//! A small host for the unit tests of this crate: property sets that are maps, one image, and every other function missing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

use crate::raw;
use crate::status::Status;
use crate::suites::Suites;

/// A value of a property.
#[derive(Clone, Debug)]
pub enum Value {
    Ints(Vec<i32>),
    Double(f64),
    Text(CString),
    Pointer(*mut c_void),
}

/// A property set.
#[derive(Default)]
pub struct Set {
    pub values: RefCell<HashMap<CString, Value>>,
    pub released: Cell<u32>,
}

impl Set {
    pub fn with(self, name: &CStr, value: Value) -> Self {
        self.values.borrow_mut().insert(name.to_owned(), value);
        self
    }

    pub fn text(self, name: &CStr, value: &CStr) -> Self {
        self.with(name, Value::Text(value.to_owned()))
    }

    pub fn ints(self, name: &CStr, values: &[i32]) -> Self {
        self.with(name, Value::Ints(values.to_vec()))
    }

    pub fn handle(&self) -> raw::OfxPropertySetHandle {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// Looks a property up and lets `found` use it; the code is that of a host.
fn look<T>(handle: raw::OfxPropertySetHandle, name: *const c_char, found: impl FnOnce(&Value) -> Option<T>) -> Result<T, c_int> {
    // SAFETY: only handles of living sets and names that end in zero are handed in by these tests.
    let (set, name) = unsafe { (&*handle.cast::<Set>(), CStr::from_ptr(name)) };
    let values = set.values.borrow();
    let value = values.get(name).ok_or(raw::kOfxStatErrUnknown)?;
    found(value).ok_or(raw::kOfxStatErrUnknown)
}

fn answer<T>(result: Result<T, c_int>, out: *mut T) -> c_int {
    match result {
        Ok(value) => {
            // SAFETY: the caller's place for the answer.
            unsafe { out.write(value) };
            raw::kOfxStatOK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn get_int(set: raw::OfxPropertySetHandle, name: *const c_char, index: c_int, out: *mut c_int) -> c_int {
    answer(look(set, name, |v| if let Value::Ints(v) = v { v.get(index as usize).copied() } else { None }), out)
}

unsafe extern "C" fn get_double(set: raw::OfxPropertySetHandle, name: *const c_char, _index: c_int, out: *mut f64) -> c_int {
    answer(look(set, name, |v| if let Value::Double(v) = v { Some(*v) } else { None }), out)
}

unsafe extern "C" fn get_string(set: raw::OfxPropertySetHandle, name: *const c_char, _index: c_int, out: *mut *mut c_char) -> c_int {
    answer(look(set, name, |v| if let Value::Text(v) = v { Some(v.as_ptr().cast_mut()) } else { None }), out)
}

unsafe extern "C" fn get_pointer(set: raw::OfxPropertySetHandle, name: *const c_char, _index: c_int, out: *mut *mut c_void) -> c_int {
    answer(look(set, name, |v| if let Value::Pointer(v) = v { Some(*v) } else { None }), out)
}

unsafe extern "C" fn dimension(set: raw::OfxPropertySetHandle, name: *const c_char, out: *mut c_int) -> c_int {
    answer(look(set, name, |v| Some(if let Value::Ints(v) = v { v.len() as c_int } else { 1 })), out)
}

unsafe extern "C" fn release(set: raw::OfxPropertySetHandle) -> c_int {
    // SAFETY: as in `look`.
    let set = unsafe { &*set.cast::<Set>() };
    set.released.set(set.released.get() + 1);
    raw::kOfxStatOK
}

unsafe extern "C" fn fetch(_host: raw::OfxPropertySetHandle, name: *const c_char, _version: c_int) -> *const c_void {
    // SAFETY: suites are asked for by names that end in zero.
    let name = unsafe { CStr::from_ptr(name) };
    if name == raw::kOfxPropertySuite {
        let table = raw::OfxPropertySuiteV1 {
            propGetInt: Some(get_int),
            propGetDouble: Some(get_double),
            propGetString: Some(get_string),
            propGetPointer: Some(get_pointer),
            propGetDimension: Some(dimension),
            ..raw::OfxPropertySuiteV1::default()
        };
        std::ptr::from_ref(Box::leak(Box::new(table))).cast()
    } else if name == raw::kOfxImageEffectSuite {
        let table = raw::OfxImageEffectSuiteV1 { clipReleaseImage: Some(release), ..raw::OfxImageEffectSuiteV1::default() };
        std::ptr::from_ref(Box::leak(Box::new(table))).cast()
    } else {
        std::ptr::null()
    }
}

/// The suites of a host that calls itself so.
pub fn suites(name: &CStr) -> Suites {
    let set: &'static Set = Box::leak(Box::new(Set::default().text(raw::kOfxPropName, name).ints(raw::kOfxPropAPIVersion, &[1, 4])));
    let host: &'static raw::OfxHost = Box::leak(Box::new(raw::OfxHost { host: set.handle(), fetchSuite: Some(fetch) }));
    // SAFETY: a host that lives for ever.
    match unsafe { Suites::fetch(host) } {
        Ok(suites) => suites,
        Err(error) => unreachable!("the fake host has what is needed: {error} {}", Status::FAILED),
    }
}
