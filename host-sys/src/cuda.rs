//! Pixels into memory of a CUDA device, by the driver that the host has loaded.
//!
//! No CUDA library is linked: the driver is opened by name when a host first renders on a device, and every function of it may be
//! missing. Names and signatures are those of the CUDA Driver API, version 12 (cuda.h); the versioned ones (`_v2`) have been the
//! only ones since CUDA 4. Whatever fails is [`Error::OnDevice`], which an entry answers with `kOfxStatGPURenderFailed`: hosts then
//! ask again with images in ordinary memory (ofxGPURender.h).

use std::ffi::{c_int, c_uint, c_void};
use std::ptr;
use std::sync::OnceLock;

use libloading::Library;

use crate::props::PropertySet;
use crate::raw;
use crate::status::{Error, Result};

/// Where the images of a render lie when they lie on a device.
#[derive(Clone, Copy)]
pub(crate) struct Device {
    /// The stream that the host wants work to be queued on; null for none: then all is done when the action ends.
    stream: *mut c_void,
}

impl Device {
    /// The device of a render, where the host renders on one.
    pub(crate) fn read(args: &PropertySet<'_>) -> Option<Self> {
        let enabled = args.int(raw::kOfxImageEffectPropCudaEnabled).is_ok_and(|v| v != 0);
        enabled.then(|| Self { stream: args.pointer(raw::kOfxImageEffectPropCudaStream).unwrap_or(ptr::null_mut()) })
    }

    /// Copies `height` rows of `width` bytes to the device, which lie `stride` bytes apart in `rows` and `pitch` bytes apart from
    /// the device's address `to`. With a stream the copy is queued and the rows may go: memory that is not
    /// page-locked is read before the call returns (Driver API, "API synchronization behavior").
    pub(crate) fn upload(self, rows: &[u8], stride: usize, width: usize, height: usize, to: usize, pitch: usize) -> Result<()> {
        if stride.checked_mul(height) != Some(rows.len()) || stride < width || pitch < width {
            return Err(failed("a copy of another size than its rows"));
        }
        let driver = Driver::get().ok_or(failed("no CUDA driver that can be used"))?;
        let _context = Current::of(driver, to)?;
        let copy = Copy2d {
            source_type: HOST,
            source: rows.as_ptr().cast(),
            source_pitch: stride,
            target_type: DEVICE,
            target_device: to as u64,
            target_pitch: pitch,
            width,
            height,
            ..Copy2d::default()
        };
        // SAFETY: the description is complete, `rows` outlives the call, and the driver checks the device's side itself.
        check("cuMemcpy2DAsync", unsafe { (driver.copy)(&raw const copy, self.stream) })?;
        if self.stream.is_null() {
            // SAFETY: the default stream of the current context.
            check("cuStreamSynchronize", unsafe { (driver.synchronize)(ptr::null_mut()) })?;
        }
        Ok(())
    }
}

fn failed(what: &'static str) -> Error {
    Error::OnDevice { what, code: 0 }
}

fn check(what: &'static str, code: c_int) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(Error::OnDevice { what, code }) }
}

/// `CU_MEMORYTYPE_HOST` and `CU_MEMORYTYPE_DEVICE`.
const HOST: c_uint = 1;
const DEVICE: c_uint = 2;
/// `CU_POINTER_ATTRIBUTE_CONTEXT`.
const CONTEXT_OF: c_int = 1;

/// `CUDA_MEMCPY2D`.
#[repr(C)]
struct Copy2d {
    source_x: usize,
    source_y: usize,
    source_type: c_uint,
    source: *const c_void,
    source_device: u64,
    source_array: *const c_void,
    source_pitch: usize,
    target_x: usize,
    target_y: usize,
    target_type: c_uint,
    target: *const c_void,
    target_device: u64,
    target_array: *const c_void,
    target_pitch: usize,
    width: usize,
    height: usize,
}

impl Default for Copy2d {
    fn default() -> Self {
        Self {
            source_x: 0,
            source_y: 0,
            source_type: HOST,
            source: ptr::null(),
            source_device: 0,
            source_array: ptr::null(),
            source_pitch: 0,
            target_x: 0,
            target_y: 0,
            target_type: DEVICE,
            target: ptr::null(),
            target_device: 0,
            target_array: ptr::null(),
            target_pitch: 0,
            width: 0,
            height: 0,
        }
    }
}

/// The functions of the driver that are needed; all of them were there.
struct Driver {
    current: unsafe extern "C" fn(*mut *mut c_void) -> c_int,
    push: unsafe extern "C" fn(*mut c_void) -> c_int,
    pop: unsafe extern "C" fn(*mut *mut c_void) -> c_int,
    attribute: unsafe extern "C" fn(*mut c_void, c_int, u64) -> c_int,
    copy: unsafe extern "C" fn(*const Copy2d, *mut c_void) -> c_int,
    synchronize: unsafe extern "C" fn(*mut c_void) -> c_int,
    /// Keeps the functions in memory.
    _library: Library,
}

impl Driver {
    /// The driver, opened at the first use; `None` where there is none, for the life of the process.
    fn get() -> Option<&'static Self> {
        static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
        DRIVER.get_or_init(|| Self::open().inspect_err(|e| log::info!("no CUDA driver: {e}")).ok()).as_ref()
    }

    fn open() -> std::result::Result<Self, libloading::Error> {
        let name = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
        // SAFETY: the vendor's driver, by the name under which every program loads it; the host has it in memory already.
        let library = unsafe { Library::new(name) }?;
        // SAFETY: each function has the signature that cuda.h gives it.
        unsafe {
            Ok(Self {
                current: *library.get(b"cuCtxGetCurrent\0")?,
                push: *library.get(b"cuCtxPushCurrent_v2\0")?,
                pop: *library.get(b"cuCtxPopCurrent_v2\0")?,
                attribute: *library.get(b"cuPointerGetAttribute\0")?,
                copy: *library.get(b"cuMemcpy2DAsync_v2\0")?,
                synchronize: *library.get(b"cuStreamSynchronize\0")?,
                _library: library,
            })
        }
    }
}

/// A context that is current on this thread: the host's own, or the one of the memory for as long as this lives.
struct Current {
    pushed: Option<&'static Driver>,
}

impl Current {
    /// Hosts should have made their context current; where they have not, the memory knows its own.
    fn of(driver: &'static Driver, memory: usize) -> Result<Self> {
        let mut context = ptr::null_mut();
        // SAFETY: the answer can be written.
        check("cuCtxGetCurrent", unsafe { (driver.current)(&raw mut context) })?;
        if !context.is_null() {
            return Ok(Self { pushed: None });
        }
        // SAFETY: the attribute is a context, written to where one fits; the driver knows whether the address is its own.
        check("cuPointerGetAttribute", unsafe { (driver.attribute)((&raw mut context).cast(), CONTEXT_OF, memory as u64) })?;
        if context.is_null() {
            return Err(failed("memory without a context"));
        }
        // SAFETY: a context that the driver has just named.
        check("cuCtxPushCurrent", unsafe { (driver.push)(context) })?;
        Ok(Self { pushed: Some(driver) })
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if let Some(driver) = self.pushed {
            let mut context = ptr::null_mut();
            // SAFETY: pushed on this thread by `of`; the answer can be written.
            unsafe { (driver.pop)(&raw mut context) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_a_copy_is_as_large_as_the_drivers() {
        // CUDA_MEMCPY2D on 64 bits: 16 words, two of them enums with padding.
        assert_eq!(size_of::<Copy2d>(), 128);
        assert_eq!(std::mem::offset_of!(Copy2d, target_device), 88);
    }
}
