//! Frames of a take as fast as a host can take them.
//!
//! An EXR frame costs tens of milliseconds to inflate, so each is inflated once per machine into the [`Cache`]: a file of its
//! half floats, uncompressed. From there rows are read by position, a few at a time so that they stay in the processor's own
//! cache, and handed to the caller, who converts them straight into the host's buffer.
//!
//! Files are never mapped: a disk that goes away is then an error and not a signal that ends the host. A cached frame is hashed
//! the first time a [`Playback`] touches it; whatever is wrong with it, it is removed and made again from the take. Where there
//! is no room or no permission for a cache, frames come from the EXR files each time, two of them kept in memory.

mod cache;
mod file;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use shot::Size;

pub use cache::Cache;
use cache::Slot;
use file::Frame;

use crate::error::{Error, Result};
use crate::exr;
use crate::halves::to_floats;
use crate::stored::Stored;

/// Bytes read at once: half of a small L2 cache, so that what was read is still there when it is converted.
const BLOCK_BYTES: usize = 128 << 10;

/// A take that is being played. It may be used from any number of threads at once; it holds no frame and no file itself.
#[derive(Debug)]
pub struct Playback {
    stored: Stored,
    cache: Arc<Cache>,
    /// A bit for each frame whose cached file was hashed.
    proven: Vec<AtomicU64>,
}

impl Playback {
    /// Plays a take. Reads nothing yet.
    pub fn open(stored: &Stored, cache: &Arc<Cache>) -> Self {
        let words = stored.frames().div_ceil(64) as usize;
        Self { stored: stored.clone(), cache: Arc::clone(cache), proven: std::iter::repeat_with(AtomicU64::default).take(words).collect() }
    }

    /// The take.
    pub const fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Width and height of every frame.
    pub fn size(&self) -> Size {
        self.stored.size()
    }

    /// Frames, handles included.
    pub fn frames(&self) -> u32 {
        self.stored.frames()
    }

    /// Hands out rows of a frame as premultiplied RGBA halves, top row first: `take_row(y, row)` for each y of `rows` in order,
    /// `row` being width × 4 long. Rows beyond the picture are an error. Should the cached file fail midway, it is made again
    /// and all rows are handed out a second time.
    pub fn rows(&self, index: u32, rows: Range<u32>, take_row: &mut dyn FnMut(u32, &[f16])) -> Result<()> {
        let size = self.size();
        if rows.start > rows.end || rows.end > size.height {
            return Err(Error::Unfit { why: format!("rows {} to {} of a picture of {size} were asked for", rows.start, rows.end) });
        }
        let frame = self.frame(index)?;
        let failed = match deliver(&frame, size, rows.clone(), take_row) {
            Ok(()) => return Ok(()),
            Err(e) => e,
        };
        log::warn!("a cached frame of take {} cannot be read ({failed}); it is made again", self.stored.id());
        self.cache.forget(&self.slot(index));
        let again = self.frame(index)?;
        deliver(&again, size, rows, take_row).map_err(|e| Error::read(&self.cache.path(&self.slot(index)).unwrap_or_default(), e))
    }

    /// Reads a whole frame as floats: row y goes to `out[y * stride ..][.. width * 4]`, top row first. `stride` is in floats.
    pub fn read_into(&self, index: u32, out: &mut [f32], stride: usize) -> Result<()> {
        let (width, height) = (self.size().width as usize * 4, self.size().height as usize);
        if stride < width || out.len() < stride * (height - 1) + width {
            let why = format!("a picture of {} does not fit into {} floats with rows of {stride}", self.size(), out.len());
            return Err(Error::Unfit { why });
        }
        self.rows(index, 0..self.size().height, &mut |y, row| {
            if let Some(out) = out.get_mut(y as usize * stride..).and_then(|o| o.get_mut(..width)) {
                to_floats(row, out);
            }
        })
    }

    /// Makes sure that a frame is cached, so that the first look at it is as fast as the second.
    pub fn prepare(&self, index: u32) -> Result<()> {
        self.frame(index).map(drop)
    }

    fn slot(&self, index: u32) -> Slot {
        Slot { take: *self.stored.fingerprint(), index }
    }

    fn frame(&self, index: u32) -> Result<Arc<Frame>> {
        // Refuses frames that the take does not have before anything is looked up by them.
        let source = self.stored.frame_path(index)?;
        let slot = self.slot(index);
        self.cache
            .get_or_make(slot, self.size(), !self.is_proven(index), || self.decode(index))
            .map_err(|e| match e {
                // The system's words for a lost share say nothing of takes.
                Error::Read { path, source: why } if path == source => {
                    Error::Damaged { id: self.stored.id().clone(), path, why: format!("cannot be read ({why})") }
                }
                e => e,
            })
            .inspect(|_| self.prove(index))
    }

    fn decode(&self, index: u32) -> Result<Vec<u16>> {
        let path = self.stored.frame_path(index)?;
        let damaged = |why: String| Error::Damaged { id: self.stored.id().clone(), path: path.clone(), why };
        let (size, pixels) = exr::read_halves(&path).map_err(|e| match e {
            Error::Picture { why, .. } => damaged(why),
            e => e,
        })?;
        if size != self.size() {
            return Err(damaged(format!("is {size} large, the take is {}", self.size())));
        }
        Ok(pixels.as_flattened().reinterpret_cast().to_vec())
    }

    fn is_proven(&self, index: u32) -> bool {
        self.proven.get(index as usize / 64).is_some_and(|w| w.load(Ordering::Relaxed) & (1 << (index % 64)) != 0)
    }

    fn prove(&self, index: u32) {
        if let Some(word) = self.proven.get(index as usize / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
    }
}

fn deliver(frame: &Frame, size: Size, rows: Range<u32>, take_row: &mut dyn FnMut(u32, &[f16])) -> std::io::Result<()> {
    let width = size.width as usize * 4;
    match frame {
        Frame::Memory(halves) => {
            for (y, row) in rows.clone().zip(halves.chunks_exact(width).skip(rows.start as usize)) {
                take_row(y, row.reinterpret_cast());
            }
        }
        Frame::File(file) => {
            let at_once = (BLOCK_BYTES / (width * 2)).max(1).min(rows.len().max(1));
            let mut block = vec![0u16; at_once * width];
            let mut y = rows.start;
            while y < rows.end {
                let count = at_once.min((rows.end - y) as usize);
                let block = &mut block[..count * width];
                file::read_at(file, bytemuck::cast_slice_mut(block), file::HEADER + u64::from(y) * width as u64 * 2)?;
                for row in block.chunks_exact(width) {
                    take_row(y, row.reinterpret_cast());
                    y += 1;
                }
            }
        }
    }
    Ok(())
}
