//! The interact suite: this host shows no overlays, and says so.

use host_sys::raw::{OfxInteractHandle, OfxInteractSuiteV1, OfxPropertySetHandle, OfxStatus};

use crate::state::{enter, number};
use crate::status::Status;

pub(crate) fn table() -> OfxInteractSuiteV1 {
    OfxInteractSuiteV1 { interactSwapBuffers: Some(swap), interactRedraw: Some(redraw), interactGetPropertySet: Some(property_set) }
}

unsafe extern "C" fn swap(_interact: OfxInteractHandle) -> OfxStatus {
    number(enter("interactSwapBuffers", None).and(Err(Status::FAILED)))
}

unsafe extern "C" fn redraw(_interact: OfxInteractHandle) -> OfxStatus {
    number(enter("interactRedraw", None).and(Err(Status::FAILED)))
}

unsafe extern "C" fn property_set(_interact: OfxInteractHandle, _out: *mut OfxPropertySetHandle) -> OfxStatus {
    number(enter("interactGetPropertySet", None).and(Err(Status::BAD_HANDLE)))
}
