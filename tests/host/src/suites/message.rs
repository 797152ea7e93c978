//! The message suite, versions 1 and 2. The variadic part is in c/variadic.c.

use std::ffi::{CStr, c_char, c_int, c_void};

use host_sys::raw::{OfxMessageSuiteV1, OfxMessageSuiteV2, OfxStatus};

use crate::record::Message;
use crate::registry;
use crate::state::{enter, number};
use crate::status::Status;

unsafe extern "C" {
    fn test_host_message_show(handle: *mut c_void, kind: *const c_char, id: *const c_char, format: *const c_char, ...) -> OfxStatus;
    fn test_host_message_persist(handle: *mut c_void, kind: *const c_char, id: *const c_char, format: *const c_char, ...) -> OfxStatus;
}

pub(crate) fn table_v1() -> OfxMessageSuiteV1 {
    OfxMessageSuiteV1 { message: Some(test_host_message_show) }
}

pub(crate) fn table_v2() -> OfxMessageSuiteV2 {
    OfxMessageSuiteV2 {
        message: Some(test_host_message_show),
        setPersistentMessage: Some(test_host_message_persist),
        clearPersistentMessage: Some(clear),
    }
}

unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: see the top of `suites`.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn test_host_message(
    handle: *const c_void,
    kind: *const c_char,
    id: *const c_char,
    format: *const c_char,
    shown: *const c_char,
    persistent: c_int,
) -> OfxStatus {
    let function = if persistent == 0 { "message" } else { "setPersistentMessage" };
    number((|| {
        let host = enter(function, registry::host_of(registry::as_id(handle)))?;
        // SAFETY: see the top of `suites`.
        let message =
            unsafe { Message { kind: text(kind), id: text(id), text: text(shown), format: text(format), persistent: persistent != 0 } };
        if format.is_null() || kind.is_null() {
            host.violation(format!("{function} was given no kind or no text"));
            return Err(Status::VALUE);
        }
        // A text used as its own format crashes on the first prompt that holds a per cent sign.
        if message.format.contains('%') && message.format != "%s" {
            host.violation(format!("{function} was given the format {:?}", message.format));
        }
        let question = message.kind == "OfxMessageQuestion";
        let mut record = host.record.lock();
        if persistent != 0 {
            record.persistent = Some(message.clone());
        }
        record.messages.push(message);
        drop(record);
        if question { Err(host.quirks.reply) } else { Ok(()) }
    })())
}

unsafe extern "C" fn clear(handle: *mut c_void) -> OfxStatus {
    number((|| {
        let host = enter("clearPersistentMessage", registry::host_of(registry::as_id(handle)))?;
        host.record.lock().persistent = None;
        Ok(())
    })())
}
