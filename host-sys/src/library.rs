//! Where this library lies on disk.

use std::path::PathBuf;

/// The file that holds this code: the bundle's `Pickup.ofx` inside a host, the program itself in a test.
#[cfg(unix)]
pub fn path() -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt;

    // SAFETY: all zero is a valid Dl_info.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    let here = path as fn() -> Option<PathBuf> as *const std::ffi::c_void;
    // SAFETY: the address of a function of this library, and an answer that can be written.
    let found = unsafe { libc::dladdr(here, &raw mut info) } != 0;
    if !found || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's name of a loaded library ends in zero and lives as long as the library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let file = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    file.canonicalize().ok()
}

/// The file that holds this code; not known on this system.
#[cfg(not(unix))]
pub fn path() -> Option<PathBuf> {
    None
}
