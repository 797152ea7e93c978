//! Property sets: named values of the host, copied in and out at once.

use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use parking_lot::Mutex;

use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::Suites;

/// No property of OpenFX has more values than this; a host that claims more is not believed.
const MOST_VALUES: i32 = 65_536;

/// A property set of the host, valid within the action that it was got in. A null handle is a set without properties.
#[derive(Clone, Copy)]
pub struct PropertySet<'a> {
    suites: &'a Suites,
    handle: raw::OfxPropertySetHandle,
}

impl<'a> PropertySet<'a> {
    /// The caller has the handle from the host, in this action.
    pub(crate) const fn new(suites: &'a Suites, handle: raw::OfxPropertySetHandle) -> Self {
        Self { suites, handle }
    }

    pub(crate) const fn handle(&self) -> raw::OfxPropertySetHandle {
        self.handle
    }

    /// Whether the host gave a set at all.
    pub const fn is_null(&self) -> bool {
        self.handle.is_null()
    }

    /// How many values a property has.
    pub fn dimension(&self, name: &CStr) -> Result<i32> {
        let call = self.suites.property.propGetDimension.ok_or(Error::NoFunction("propGetDimension"))?;
        let mut count: c_int = 0;
        if self.handle.is_null() {
            return Err(missing(name, Status::BAD_HANDLE));
        }
        // SAFETY: the set is the host's and alive; the name ends in zero; `count` can be written.
        match Status(unsafe { call(self.handle, name.as_ptr(), &raw mut count) }) {
            Status::OK => Ok(count.clamp(0, MOST_VALUES)),
            status => Err(missing(name, status)),
        }
    }

    /// The first value of an integer property.
    pub fn int(&self, name: &CStr) -> Result<i32> {
        self.int_at(name, 0)
    }

    /// One value of an integer property.
    pub fn int_at(&self, name: &CStr, index: i32) -> Result<i32> {
        let call = self.suites.property.propGetInt.ok_or(Error::NoFunction("propGetInt"))?;
        let mut value: c_int = 0;
        // SAFETY: see `get`.
        self.get(name, index, "integer", || unsafe { call(self.handle, name.as_ptr(), index, &raw mut value) })?;
        Ok(value)
    }

    /// Several values of an integer property, one by one: some hosts have no N-functions.
    pub fn ints<const N: usize>(&self, name: &CStr) -> Result<[i32; N]> {
        let mut values = [0; N];
        for (i, v) in values.iter_mut().enumerate() {
            *v = self.int_at(name, i as i32)?;
        }
        Ok(values)
    }

    /// The first value of a double property.
    pub fn double(&self, name: &CStr) -> Result<f64> {
        self.double_at(name, 0)
    }

    /// One value of a double property. It may be any double, not-a-number included.
    pub fn double_at(&self, name: &CStr, index: i32) -> Result<f64> {
        let call = self.suites.property.propGetDouble.ok_or(Error::NoFunction("propGetDouble"))?;
        let mut value = 0.0;
        // SAFETY: see `get`.
        self.get(name, index, "double", || unsafe { call(self.handle, name.as_ptr(), index, &raw mut value) })?;
        Ok(value)
    }

    /// Several values of a double property.
    pub fn doubles<const N: usize>(&self, name: &CStr) -> Result<[f64; N]> {
        let mut values = [0.0; N];
        for (i, v) in values.iter_mut().enumerate() {
            *v = self.double_at(name, i as i32)?;
        }
        Ok(values)
    }

    /// The first value of a string property.
    pub fn string(&self, name: &CStr) -> Result<String> {
        self.string_at(name, 0)
    }

    /// One value of a string property, copied at once: hosts reuse the memory at the next call. What is not UTF-8 is replaced.
    pub fn string_at(&self, name: &CStr, index: i32) -> Result<String> {
        let call = self.suites.property.propGetString.ok_or(Error::NoFunction("propGetString"))?;
        let mut value: *mut c_char = ptr::null_mut();
        // SAFETY: see `get`.
        self.get(name, index, "string", || unsafe { call(self.handle, name.as_ptr(), index, &raw mut value) })?;
        if value.is_null() {
            return Err(self.wrong(name, index, "string", Status::OK));
        }
        // SAFETY: the host answered OK with a string that is valid until the next suite call (ofxProperty.h).
        Ok(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
    }

    /// All values of a string property.
    pub fn strings(&self, name: &CStr) -> Result<Vec<String>> {
        (0..self.dimension(name)?).map(|i| self.string_at(name, i)).collect()
    }

    /// The first value of a pointer property. What it points to is for the caller to check.
    pub(crate) fn pointer(&self, name: &CStr) -> Result<*mut std::ffi::c_void> {
        let call = self.suites.property.propGetPointer.ok_or(Error::NoFunction("propGetPointer"))?;
        let mut value = ptr::null_mut();
        // SAFETY: see `get`.
        self.get(name, 0, "pointer", || unsafe { call(self.handle, name.as_ptr(), 0, &raw mut value) })?;
        Ok(value)
    }

    /// Sets the first value of an integer property.
    pub fn set_int(&self, name: &CStr, value: i32) -> Result<()> {
        self.set_ints(name, &[value])
    }

    /// Sets the values of an integer property.
    pub fn set_ints(&self, name: &CStr, values: &[i32]) -> Result<()> {
        let call = self.suites.property.propSetInt.ok_or(Error::NoFunction("propSetInt"))?;
        for (i, v) in values.iter().enumerate() {
            // SAFETY: see `set`.
            self.set(name, || unsafe { call(self.handle, name.as_ptr(), i as c_int, *v) })?;
        }
        Ok(())
    }

    /// Sets the first value of a double property.
    pub fn set_double(&self, name: &CStr, value: f64) -> Result<()> {
        self.set_doubles(name, &[value])
    }

    /// Sets the values of a double property.
    pub fn set_doubles(&self, name: &CStr, values: &[f64]) -> Result<()> {
        let call = self.suites.property.propSetDouble.ok_or(Error::NoFunction("propSetDouble"))?;
        for (i, v) in values.iter().enumerate() {
            // SAFETY: see `set`.
            self.set(name, || unsafe { call(self.handle, name.as_ptr(), i as c_int, *v) })?;
        }
        Ok(())
    }

    /// Sets the first value of a string property. Some hosts keep the pointer instead of a copy, so the text is kept for the
    /// life of the library: use it for the fixed words of descriptions, not for what changes.
    pub fn set_string(&self, name: &CStr, value: &str) -> Result<()> {
        self.set_string_at(name, 0, value)
    }

    /// Sets one value of a string property; see [`set_string`](Self::set_string).
    pub fn set_string_at(&self, name: &CStr, index: i32, value: &str) -> Result<()> {
        let value = keep(value)?;
        let call = self.suites.property.propSetString.ok_or(Error::NoFunction("propSetString"))?;
        // SAFETY: see `set`; the value lives for ever.
        self.set(name, || unsafe { call(self.handle, name.as_ptr(), index, value.as_ptr()) })
    }

    /// Sets several values of a string property; see [`set_string`](Self::set_string).
    pub fn set_strings<'t>(&self, name: &CStr, values: impl IntoIterator<Item = &'t CStr>) -> Result<()> {
        for (i, v) in values.into_iter().enumerate() {
            self.set_string_at(name, i as i32, &v.to_string_lossy())?;
        }
        Ok(())
    }

    /// A getter of the suite, called with a living set, a name that ends in zero and a value that can be written.
    fn get(&self, name: &CStr, index: i32, wanted: &'static str, call: impl FnOnce() -> c_int) -> Result<()> {
        if self.handle.is_null() {
            return Err(missing(name, Status::BAD_HANDLE));
        }
        match Status(call()) {
            Status::OK => Ok(()),
            status => Err(self.wrong(name, index, wanted, status)),
        }
    }

    /// Hosts answer one code for "no such property" and "not of that type"; the dimension tells them apart.
    fn wrong(&self, name: &CStr, index: i32, wanted: &'static str, status: Status) -> Error {
        match self.dimension(name) {
            Ok(dimension) => Error::WrongType { name: text(name), index, dimension, wanted, status },
            Err(_) => missing(name, status),
        }
    }

    /// A setter of the suite, called with a living set and a name that ends in zero.
    fn set(&self, name: &CStr, call: impl FnOnce() -> c_int) -> Result<()> {
        if self.handle.is_null() {
            return Err(missing(name, Status::BAD_HANDLE));
        }
        match Status(call()) {
            Status::OK => Ok(()),
            status => Err(Error::ReadOnly { name: text(name), status }),
        }
    }
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn missing(name: &CStr, status: Status) -> Error {
    Error::NoProperty { name: text(name), status }
}

/// A C string that lives as long as the library, one for each text.
pub(crate) fn keep(text: &str) -> Result<&'static CStr> {
    static KEPT: Mutex<Option<HashSet<&'static CStr>>> = Mutex::new(None);
    let owned = CString::new(text).map_err(|_| Error::ZeroByte)?;
    let mut guard = KEPT.lock();
    let kept = guard.get_or_insert_default();
    if let Some(known) = kept.get(owned.as_c_str()) {
        return Ok(known);
    }
    let leaked: &'static CStr = Box::leak(owned.into_boxed_c_str());
    kept.insert(leaked);
    Ok(leaked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fake;

    #[test]
    fn a_missing_property_is_told_from_one_of_another_type() {
        let suites = fake::suites(c"org.example.host");
        let set = fake::Set::default().ints(c"count", &[1, 2]).text(c"name", c"x\u{e9}").with(c"part", fake::Value::Double(0.5));
        let props = PropertySet::new(&suites, set.handle());
        assert_eq!(props.ints::<2>(c"count"), Ok([1, 2]));
        assert_eq!(props.string(c"name").unwrap(), "x\u{e9}");
        assert_eq!(props.double(c"part"), Ok(0.5));
        assert!(matches!(props.int(c"absent"), Err(Error::NoProperty { .. })));
        assert!(matches!(props.int_at(c"count", 2), Err(Error::WrongType { index: 2, dimension: 2, .. })));
        assert!(matches!(props.double(c"count"), Err(Error::WrongType { wanted: "double", .. })));
        assert_eq!(props.set_int(c"count", 1), Err(Error::NoFunction("propSetInt")));
        let null = PropertySet::new(&suites, std::ptr::null_mut());
        assert!(matches!(null.int(c"count"), Err(Error::NoProperty { status: Status::BAD_HANDLE, .. })));
        assert!(null.set_strings(c"count", [c"a"]).is_err());
    }

    #[test]
    fn a_kept_text_has_one_address() {
        let a = keep("kept").unwrap().as_ptr();
        assert_eq!(a, keep(&String::from("kept")).unwrap().as_ptr());
        assert_eq!(keep("a\0b"), Err(Error::ZeroByte));
    }
}
