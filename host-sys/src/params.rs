//! Parameters: defined while describing, read in any action, set only where OpenFX allows it (InstanceChanged).

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use crate::props::{PropertySet, keep};
use crate::raw;
use crate::status::{Error, Result, Status};
use crate::suites::Suites;

/// The types of parameter that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// On or off.
    Boolean,
    /// One of a list, by its place.
    Choice,
    /// A text, a label or a file; which one its string mode says.
    String,
    /// A button.
    PushButton,
    /// A group of others.
    Group,
    /// A page of others.
    Page,
}

impl Kind {
    /// The name OpenFX has for it.
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Integer => raw::kOfxParamTypeInteger,
            Self::Double => raw::kOfxParamTypeDouble,
            Self::Boolean => raw::kOfxParamTypeBoolean,
            Self::Choice => raw::kOfxParamTypeChoice,
            Self::String => raw::kOfxParamTypeString,
            Self::PushButton => raw::kOfxParamTypePushButton,
            Self::Group => raw::kOfxParamTypeGroup,
            Self::Page => raw::kOfxParamTypePage,
        }
    }
}

/// The parameters of an effect or of its description.
#[derive(Clone, Copy)]
pub struct ParamSet<'a> {
    suites: &'a Suites,
    table: &'a raw::OfxParameterSuiteV1,
    handle: raw::OfxParamSetHandle,
}

/// One parameter of an instance.
#[derive(Clone, Copy)]
pub struct Param<'a> {
    suites: &'a Suites,
    table: &'a raw::OfxParameterSuiteV1,
    handle: raw::OfxParamHandle,
    props: raw::OfxPropertySetHandle,
    name: &'a str,
}

/// A value of any type is read into this. Every pointer a host may take out of the variable arguments leads into a cell of its
/// own, so that a host that holds another type under the name writes no further than here.
#[repr(C, align(16))]
#[derive(Default)]
struct Cells([u64; 8]);

impl Cells {
    /// The addresses of the four values a host may write.
    fn places(&mut self) -> [*mut u64; 4] {
        let base = self.0.as_mut_ptr();
        // Two cells each: no scalar of OpenFX is larger.
        [base, base.wrapping_add(2), base.wrapping_add(4), base.wrapping_add(6)]
    }
}

impl<'a> ParamSet<'a> {
    pub(crate) fn new(suites: &'a Suites, handle: raw::OfxParamSetHandle) -> Result<Self> {
        let table = suites.param.ok_or(Error::NoSuite("parameter"))?;
        if handle.is_null() { Err(Error::BadHandle) } else { Ok(Self { suites, table, handle }) }
    }

    /// Defines a parameter; its properties are then set through what is returned.
    pub fn define(&self, kind: Kind, name: &str) -> Result<PropertySet<'a>> {
        let call = self.table.paramDefine.ok_or(Error::NoFunction("paramDefine"))?;
        let id = keep(name)?;
        let mut props = ptr::null_mut();
        // SAFETY: the set is the host's; both names live as long as the library; `props` can be written.
        match Status(unsafe { call(self.handle, kind.name().as_ptr(), id.as_ptr(), &raw mut props) }) {
            Status::OK => Ok(PropertySet::new(self.suites, props)),
            status => Err(Error::Param { name: name.to_owned(), wanted: "a new parameter", status }),
        }
    }

    /// A parameter by its id.
    pub fn get(&self, name: &'a str) -> Result<Param<'a>> {
        let call = self.table.paramGetHandle.ok_or(Error::NoFunction("paramGetHandle"))?;
        let id = keep(name)?;
        let (mut handle, mut props) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the set is the host's; the name ends in zero; both answers can be written.
        match Status(unsafe { call(self.handle, id.as_ptr(), &raw mut handle, &raw mut props) }) {
            Status::OK if !handle.is_null() => Ok(Param { suites: self.suites, table: self.table, handle, props, name }),
            status => Err(Error::Param { name: name.to_owned(), wanted: "a parameter", status }),
        }
    }

    /// Begins a group of changes that the host undoes as one, ended when the answer is dropped.
    pub fn edit(&self, what: &str) -> Edit<'a> {
        if let (Some(begin), Ok(what)) = (self.table.paramEditBegin, keep(what)) {
            // SAFETY: the set is the host's; the text lives as long as the library.
            unsafe { begin(self.handle, what.as_ptr()) };
        }
        Edit { table: self.table, handle: self.handle }
    }
}

/// A group of changes that the host undoes as one.
pub struct Edit<'a> {
    table: &'a raw::OfxParameterSuiteV1,
    handle: raw::OfxParamSetHandle,
}

impl Drop for Edit<'_> {
    fn drop(&mut self) {
        if let Some(end) = self.table.paramEditEnd {
            // SAFETY: begun in this action on the same set.
            unsafe { end(self.handle) };
        }
    }
}

impl<'a> Param<'a> {
    /// Its properties.
    pub fn props(&self) -> PropertySet<'a> {
        if self.props.is_null() {
            let mut props = ptr::null_mut();
            if let Some(call) = self.table.paramGetPropertySet {
                // SAFETY: the handle is the host's; the answer can be written.
                unsafe { call(self.handle, &raw mut props) };
            }
            return PropertySet::new(self.suites, props);
        }
        PropertySet::new(self.suites, self.props)
    }

    /// A whole number, the place in a list, or a switch (0 or 1).
    pub fn int(&self, time: Option<f64>) -> Result<i32> {
        let cells = self.read(time, "a whole number")?;
        // The host wrote a C int at the address of the first cell.
        let [a, b, c, d, ..] = cells.0[0].to_ne_bytes();
        Ok(i32::from_ne_bytes([a, b, c, d]))
    }

    /// A number. It may be any double, not-a-number included.
    pub fn double(&self, time: Option<f64>) -> Result<f64> {
        Ok(f64::from_bits(self.read(time, "a number")?.0[0]))
    }

    /// A switch.
    pub fn bool(&self, time: Option<f64>) -> Result<bool> {
        Ok(self.int(time)? != 0)
    }

    /// A text, copied at once. A host that answers OK and no text has an empty one.
    pub fn string(&self, time: Option<f64>) -> Result<String> {
        // A number under this name would be taken for an address: the host must say that it is a text.
        let props = self.props();
        if let Ok(kind) = props.string(raw::kOfxParamPropType)
            && kind.as_bytes() != raw::kOfxParamTypeString.to_bytes()
            && kind.as_bytes() != raw::kOfxParamTypeCustom.to_bytes()
        {
            return Err(self.wrong("a text", Status::VALUE));
        }
        let mut value: *mut c_char = ptr::null_mut();
        let status = match time {
            Some(time) => {
                let call = self.table.paramGetValueAtTime.ok_or(Error::NoFunction("paramGetValueAtTime"))?;
                // SAFETY: a living parameter of type string takes one pointer to a pointer (ofxParam.h).
                unsafe { call(self.handle, time, &raw mut value) }
            }
            None => {
                let call = self.table.paramGetValue.ok_or(Error::NoFunction("paramGetValue"))?;
                // SAFETY: as above.
                unsafe { call(self.handle, &raw mut value) }
            }
        };
        if Status(status) != Status::OK {
            return Err(self.wrong("a text", Status(status)));
        }
        if value.is_null() {
            return Ok(String::new());
        }
        // SAFETY: the host answered OK with a string valid until the next suite call.
        Ok(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
    }

    /// Sets a whole number, the place in a list, or a switch. Only within InstanceChanged.
    pub fn set_int(&self, value: i32) -> Result<()> {
        let call = self.table.paramSetValue.ok_or(Error::NoFunction("paramSetValue"))?;
        // SAFETY: a living parameter takes its one value as a variable argument.
        self.done(unsafe { call(self.handle, value as c_int) })
    }

    /// Sets a number. Only within InstanceChanged.
    pub fn set_double(&self, value: f64) -> Result<()> {
        let call = self.table.paramSetValue.ok_or(Error::NoFunction("paramSetValue"))?;
        // SAFETY: as above.
        self.done(unsafe { call(self.handle, value) })
    }

    /// Sets a text, which the host copies. Only within InstanceChanged.
    pub fn set_string(&self, value: &str) -> Result<()> {
        let call = self.table.paramSetValue.ok_or(Error::NoFunction("paramSetValue"))?;
        let value = CString::new(value).map_err(|_| Error::ZeroByte)?;
        // SAFETY: as above; the host copies the text before it returns.
        self.done(unsafe { call(self.handle, value.as_ptr()) })
    }

    /// Shows or hides it.
    pub fn set_secret(&self, secret: bool) -> Result<()> {
        self.props().set_int(raw::kOfxParamPropSecret, i32::from(secret))
    }

    /// Lets the user change it or not.
    pub fn set_enabled(&self, enabled: bool) -> Result<()> {
        self.props().set_int(raw::kOfxParamPropEnabled, i32::from(enabled))
    }

    fn read(&self, time: Option<f64>, wanted: &'static str) -> Result<Cells> {
        let mut cells = Cells::default();
        let [a, b, c, d] = cells.places();
        let status = match time {
            Some(time) => {
                let call = self.table.paramGetValueAtTime.ok_or(Error::NoFunction("paramGetValueAtTime"))?;
                // SAFETY: a living parameter writes one to four values through the pointers given, each at most 16 bytes.
                unsafe { call(self.handle, time, a, b, c, d) }
            }
            None => {
                let call = self.table.paramGetValue.ok_or(Error::NoFunction("paramGetValue"))?;
                // SAFETY: as above.
                unsafe { call(self.handle, a, b, c, d) }
            }
        };
        if Status(status) == Status::OK { Ok(cells) } else { Err(self.wrong(wanted, Status(status))) }
    }

    fn done(&self, status: c_int) -> Result<()> {
        if Status(status) == Status::OK { Ok(()) } else { Err(self.wrong("a parameter to be set", Status(status))) }
    }

    fn wrong(&self, wanted: &'static str, status: Status) -> Error {
        Error::Param { name: self.name.to_owned(), wanted, status }
    }
}
