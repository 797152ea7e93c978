//! A host with a CUDA device that is not there: images lie in memory of the stand-in driver (c/cuda.c), which the processor cannot
//! touch.

use std::path::Path;

use libloading::Library;

use crate::buffer::{Buffer, Format, Rect, Rows};

/// The folder of the stand-in, for `LD_LIBRARY_PATH` of a process that is to meet it instead of a real driver.
pub fn folder() -> &'static Path {
    Path::new(env!("STAND_IN_CUDA"))
}

/// The stand-in, loaded by its path; the effect that opens the driver by name in the same process gets the same one.
pub struct Cuda {
    library: Library,
}

/// An address that stands for a stream.
pub const STREAM: usize = 0x57EA;
/// The stand-in's one context.
const CONTEXT: usize = 0xC0DE;

impl Cuda {
    /// Loads it. Panics when it was not built.
    pub fn load() -> Self {
        // SAFETY: a library of this crate, without initialisers.
        let library = unsafe { Library::new(folder().join("libcuda.so.1")) }.expect("the stand-in was built with this crate");
        Self { library }
    }

    /// Memory on the device for an image, `padding` bytes after each row.
    pub fn image(&self, bounds: Rect, format: Format, padding: usize) -> DeviceImage {
        let row_bytes = bounds.width() * format.pixel_bytes() + padding;
        let mut at = 0_u64;
        // SAFETY: the function's signature in cuda.h.
        let answer = unsafe {
            let alloc = self.library.get::<unsafe extern "C" fn(*mut u64, usize) -> i32>(b"cuMemAlloc_v2\0").expect("cuMemAlloc");
            alloc(&raw mut at, row_bytes * bounds.height())
        };
        assert_eq!(answer, 0, "the stand-in has no memory left");
        DeviceImage { at: at as usize, bounds, format, row_bytes: row_bytes as i32 }
    }

    /// Makes the context current on this thread, as hosts should before they call the effect.
    pub fn enter(&self) {
        // SAFETY: the function's signature in cuda.h.
        let push = unsafe { self.library.get::<unsafe extern "C" fn(usize) -> i32>(b"cuCtxPushCurrent_v2\0") };
        // SAFETY: as above.
        assert_eq!(unsafe { push.expect("cuCtxPushCurrent")(CONTEXT) }, 0);
    }

    /// The image as the device has it now, or once all that is queued is done.
    pub fn read(&self, image: &DeviceImage, finish: bool) -> Buffer {
        let row_bytes = image.row_bytes.unsigned_abs() as usize;
        let mut bytes = vec![0_u8; row_bytes * image.bounds.height()];
        // SAFETY: the signature that c/cuda.c gives it; room for as many bytes as are asked for.
        let answer = unsafe {
            let read =
                self.library.get::<unsafe extern "C" fn(*mut u8, u64, usize, i32) -> i32>(b"stand_in_read\0").expect("stand_in_read");
            read(bytes.as_mut_ptr(), image.at as u64, bytes.len(), i32::from(finish))
        };
        assert_eq!(answer, 0);
        let buffer = Buffer::new(image.bounds, image.format, Rows::default());
        let row = image.bounds.width() * image.format.pixel_bytes();
        for (y, line) in bytes.chunks(row_bytes).enumerate() {
            // SAFETY: row y of a buffer of these bounds, which nobody else has.
            unsafe { buffer.data().add(y * row).copy_from_nonoverlapping(line.as_ptr(), row) };
        }
        buffer
    }

    /// How often the effect waited for the device.
    pub fn waits(&self) -> i32 {
        // SAFETY: the signature that c/cuda.c gives it.
        unsafe { self.library.get::<unsafe extern "C" fn() -> i32>(b"stand_in_waits\0").expect("stand_in_waits")() }
    }
}

/// An image on the device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceImage {
    pub(crate) at: usize,
    /// Its place in pixels.
    pub bounds: Rect,
    /// What its pixels are.
    pub format: Format,
    pub(crate) row_bytes: i32,
}

impl DeviceImage {
    /// An image at an address that no driver knows.
    pub const fn nowhere(bounds: Rect, format: Format) -> Self {
        Self { at: 0xDEAD_0000, bounds, format, row_bytes: (bounds.width() * format.pixel_bytes()) as i32 }
    }

    /// The same with its rows from the top downward, which is not allowed on a device.
    pub const fn upside_down(self) -> Self {
        Self { row_bytes: -self.row_bytes, ..self }
    }
}
