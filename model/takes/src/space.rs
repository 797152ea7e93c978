//! How many bytes takes need, and how many a disk has.

use std::io;
use std::path::Path;

use shot::Size;

/// Bytes that are free for this user on the disk that holds `path`, which itself need not exist yet.
pub fn free(path: &Path) -> io::Result<u64> {
    let there = path.ancestors().find(|p| p.exists()).unwrap_or_else(|| Path::new("."));
    fs4::available_space(if there.as_os_str().is_empty() { Path::new(".") } else { there })
}

/// Bytes that one take of `frames` pictures and `samples` samples in `channels` channels can need at most: its EXR files as if
/// nothing could be compressed (grain cannot), its sound, its poster and its manifest.
pub fn bytes_needed(size: Size, frames: u32, samples: i64, channels: u16) -> u64 {
    const POSTER_AND_MANIFEST: u64 = 4 << 20;
    const PER_FRAME: u64 = 4096;
    let row_chunks = u64::from(size.height).div_ceil(16) * 16;
    let frame = size.pixels() as u64 * 8 + row_chunks + PER_FRAME;
    let sound = u64::try_from(samples).unwrap_or(0) * u64::from(channels) * 3;
    u64::from(frames) * frame + sound + POSTER_AND_MANIFEST
}
