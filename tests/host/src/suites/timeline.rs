//! The timeline suite.

use std::ffi::c_void;
use std::sync::Arc;

use host_sys::raw::{OfxStatus, OfxTimeLineSuiteV1};

use crate::registry::Object;
use crate::state::{Answer, HostState, number, open};
use crate::status::Status;

pub(crate) fn table() -> OfxTimeLineSuiteV1 {
    OfxTimeLineSuiteV1 { getTime: Some(get_time), gotoTime: Some(goto_time), getTimeBounds: Some(get_bounds) }
}

fn host(function: &'static str, effect: *mut c_void) -> Answer<Arc<HostState>> {
    open(function, effect, |o| if let Object::Effect(_) = o { Some(()) } else { None }).map(|(host, ())| host)
}

unsafe extern "C" fn get_time(effect: *mut c_void, out: *mut f64) -> OfxStatus {
    number((|| {
        let host = host("getTime", effect)?;
        if out.is_null() {
            return Err(Status::VALUE);
        }
        // SAFETY: see the top of `suites`.
        unsafe { out.write(*host.time.lock()) };
        Ok(())
    })())
}

unsafe extern "C" fn goto_time(effect: *mut c_void, time: f64) -> OfxStatus {
    number((|| {
        let host = host("gotoTime", effect)?;
        *host.time.lock() = time;
        Ok(())
    })())
}

unsafe extern "C" fn get_bounds(effect: *mut c_void, first: *mut f64, last: *mut f64) -> OfxStatus {
    number((|| {
        let host = host("getTimeBounds", effect)?;
        if first.is_null() || last.is_null() {
            return Err(Status::VALUE);
        }
        let bounds = *host.bounds.lock();
        // SAFETY: see the top of `suites`.
        unsafe {
            first.write(bounds.0);
            last.write(bounds.1);
        }
        Ok(())
    })())
}
