//! Frames of a clip, one by one, in any order.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use shot::{ClipRef, Fault, Frames, Picture, Size};

use crate::ClipInfo;
use crate::conform::{Conform, Resampler};
use crate::error::{Error, Result};
use crate::sequence::Sequence;
use crate::source::Source;
use crate::still;
use crate::tools::Tools;
use crate::video::Video;

/// What the cache may hold: enough for an engine that looks at two neighbours of a frame, in 1080p about 16 frames.
const CACHE_BYTES: usize = 512 << 20;

/// The fewest frames it holds, however large they are.
const CACHE_FRAMES: usize = 2;

/// A clip, opened. Frame `index` counts from the start of the reference's span.
///
/// Asking in order streams from one ffmpeg process (or file by file); asking back, or far ahead, starts another at the nearest
/// point from which decoding is exact. Any thread may ask; they wait for each other. The process ends with the clip.
pub struct Clip {
    tools: Tools,
    info: ClipInfo,
    path: PathBuf,
    first: u64,
    count: usize,
    resampler: Option<Resampler>,
    inner: Mutex<Inner>,
}

struct Inner {
    reader: Reader,
    /// Most recently used last.
    cache: VecDeque<(usize, Arc<Picture>)>,
}

enum Reader {
    Video(Video),
    Still(PathBuf),
    Sequence(Sequence),
}

impl Tools {
    /// Opens a clip. Its span must lie within the file; a span of no frame is an error as well.
    pub fn open(&self, clip: &ClipRef, conform: &Conform) -> Result<Clip> {
        let info = self.probe(clip)?;
        let source = Source::find(&clip.path)?;
        let (first, count) = match clip.span {
            Some(s) if s.is_empty() => {
                return Err(Error::OutOfRange { path: clip.path.clone(), start: s.start().0, end: s.end().0, frames: info.frames });
            }
            Some(s) => (s.start().0 as u64, s.frames() as u64),
            None => (0, info.frames),
        };
        let resampler = conform.resampler(info.size, info.pixel_aspect);
        let reader = match source {
            Source::Video(path) => Reader::Video(Video::new(self, &path, first + count)?),
            Source::Still(path) => Reader::Still(path),
            Source::Sequence(sequence) => Reader::Sequence(sequence),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let inner = Mutex::new(Inner { reader, cache: VecDeque::new() });
        Ok(Clip { tools: self.clone(), info, path: clip.path.clone(), first, count, resampler, inner })
    }
}

impl Clip {
    /// What the clip is, before it was conformed.
    pub const fn info(&self) -> &ClipInfo {
        &self.info
    }

    /// One frame, counted from the start of the span.
    pub fn picture(&self, index: usize) -> Result<Arc<Picture>> {
        if index >= self.count {
            return Err(Error::OutOfRange {
                path: self.path.clone(),
                start: index as i64,
                end: index as i64 + 1,
                frames: self.count as u64,
            });
        }
        let mut inner = self.inner.lock();
        if let Some(at) = inner.cache.iter().position(|(i, _)| *i == index)
            && let Some(hit) = inner.cache.remove(at)
        {
            inner.cache.push_back(hit.clone());
            return Ok(hit.1);
        }
        let picture = match &mut inner.reader {
            Reader::Video(video) => video.frame(&self.tools, self.first + index as u64)?,
            Reader::Still(path) => still::read(&self.tools, path)?,
            Reader::Sequence(sequence) => {
                let path = sequence.file(self.first + index as u64).unwrap_or_default();
                let picture = still::read(&self.tools, &path)?;
                // With a size to conform to, a sequence of mixed sizes would still change its look from frame to frame.
                if picture.size() != self.info.size {
                    return Err(Error::SizeChanged { path, got: picture.size(), expected: self.info.size });
                }
                picture
            }
        };
        let picture = Arc::new(match &self.resampler {
            Some(resampler) => resampler.apply(&picture),
            None => picture,
        });
        let keep = (CACHE_BYTES / (self.size().pixels() * 16).max(1)).max(CACHE_FRAMES);
        while inner.cache.len() >= keep {
            inner.cache.pop_front();
        }
        inner.cache.push_back((index, Arc::clone(&picture)));
        Ok(picture)
    }
}

impl Frames for Clip {
    fn count(&self) -> usize {
        self.count
    }

    fn size(&self) -> Size {
        self.resampler.as_ref().map_or(self.info.size, Resampler::size)
    }

    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        Ok(self.picture(index)?)
    }
}
