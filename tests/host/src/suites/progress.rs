//! The progress suite, versions 1 and 2.

use std::ffi::{CStr, c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use host_sys::raw::{OfxProgressSuiteV1, OfxProgressSuiteV2, OfxStatus};

use crate::registry::Object;
use crate::state::{Answer, HostState, number, open};
use crate::status::Status;

pub(crate) fn table_v1() -> OfxProgressSuiteV1 {
    OfxProgressSuiteV1 { progressStart: Some(start_v1), progressUpdate: Some(update), progressEnd: Some(end) }
}

pub(crate) fn table_v2() -> OfxProgressSuiteV2 {
    OfxProgressSuiteV2 { progressStart: Some(start_v2), progressUpdate: Some(update), progressEnd: Some(end) }
}

fn host(function: &'static str, effect: *mut c_void) -> Answer<Arc<HostState>> {
    open(function, effect, |o| if let Object::Effect(_) = o { Some(()) } else { None }).map(|(host, ())| host)
}

fn begin(effect: *mut c_void, label: *const c_char) -> Answer {
    let host = host("progressStart", effect)?;
    // SAFETY: see the top of `suites`.
    let label = if label.is_null() { String::new() } else { unsafe { CStr::from_ptr(label) }.to_string_lossy().into_owned() };
    let mut record = host.record.lock();
    record.progress.push(label);
    record.progress_open += 1;
    Ok(())
}

unsafe extern "C" fn start_v1(effect: *mut c_void, label: *const c_char) -> OfxStatus {
    number(begin(effect, label))
}

unsafe extern "C" fn start_v2(effect: *mut c_void, message: *const c_char, _id: *const c_char) -> OfxStatus {
    number(begin(effect, message))
}

unsafe extern "C" fn update(effect: *mut c_void, progress: f64) -> OfxStatus {
    number((|| {
        let host = host("progressUpdate", effect)?;
        if host.record.lock().progress_open <= 0 {
            host.violation("progress was updated before it was started".into());
        }
        if !(0.0..=1.0).contains(&progress) {
            host.violation(format!("progress {progress} is outside 0 to 1"));
        }
        host.record.lock().progress_values.push(progress);
        let n = host.progress_updates.fetch_add(1, Ordering::Relaxed);
        if host.quirks.cancels_progress_after.is_some_and(|after| n >= after) { Err(Status::NO) } else { Ok(()) }
    })())
}

unsafe extern "C" fn end(effect: *mut c_void) -> OfxStatus {
    number((|| {
        let host = host("progressEnd", effect)?;
        let mut record = host.record.lock();
        record.progress_open -= 1;
        let left = record.progress_open;
        drop(record);
        if left < 0 {
            host.violation("progress was ended before it was started".into());
        }
        Ok(())
    })())
}
