//! The memory suite.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock};

use host_sys::raw::{OfxMemorySuiteV1, OfxStatus};
use parking_lot::Mutex;

use crate::registry::{self, Object};
use crate::state::{HostState, enter, number};
use crate::status::Status;

pub(crate) fn table() -> OfxMemorySuiteV1 {
    OfxMemorySuiteV1 { memoryAlloc: Some(alloc), memoryFree: Some(free) }
}

/// More than any test needs; what asks for more has miscalculated.
const AT_MOST: usize = 1 << 32;

/// Memory behind a handle (`imageMemoryAlloc`).
pub(crate) struct Block {
    pub id: usize,
    pub host: Arc<HostState>,
    address: usize,
    layout: Layout,
}

impl Block {
    pub(crate) fn new(host: &Arc<HostState>, bytes: usize) -> Option<Self> {
        let (address, layout) = take(bytes)?;
        Some(Self { id: registry::reserve(host.number), host: host.clone(), address, layout })
    }

    pub(crate) fn share(self) -> usize {
        let id = self.id;
        registry::insert(id, Object::Block(Arc::new(self)));
        id
    }

    pub(crate) fn address(&self) -> *mut c_void {
        self.address as *mut c_void
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.address as *mut u8, self.layout) };
    }
}

fn take(bytes: usize) -> Option<(usize, Layout)> {
    let layout = Layout::from_size_align(bytes.max(1), 16).ok().filter(|_| bytes <= AT_MOST)?;
    // SAFETY: the size is not 0.
    let address = unsafe { alloc_zeroed(layout) };
    (!address.is_null()).then_some((address as usize, layout))
}

static LIVE: LazyLock<Mutex<HashMap<usize, Layout>>> = LazyLock::new(Mutex::default);

unsafe extern "C" fn alloc(handle: *mut c_void, bytes: usize, out: *mut *mut c_void) -> OfxStatus {
    number((|| {
        let host = enter("memoryAlloc", registry::host_of(registry::as_id(handle)))?;
        if out.is_null() {
            host.violation("memoryAlloc was given nowhere to write".into());
            return Err(Status::VALUE);
        }
        let (address, layout) = take(bytes).ok_or(Status::MEMORY)?;
        LIVE.lock().insert(address, layout);
        // SAFETY: see the top of `suites`.
        unsafe { out.write(address as *mut c_void) };
        Ok(())
    })())
}

unsafe extern "C" fn free(data: *mut c_void) -> OfxStatus {
    number((|| {
        let host = enter("memoryFree", None)?;
        let Some(layout) = LIVE.lock().remove(&(data as usize)) else {
            host.violation("memoryFree was given what memoryAlloc never gave".into());
            return Err(Status::BAD_HANDLE);
        };
        // SAFETY: allocated with this layout, and just taken out of the list.
        unsafe { dealloc(data.cast(), layout) };
        Ok(())
    })())
}
