//! What a path names: a file that ffmpeg decodes, one image, or a numbered sequence of images.

use std::path::{Path, PathBuf};

use shot::{ColourSpace, Rate, Size, Span};

use crate::error::{Error, Result};
use crate::probe::{ClipInfo, SEQUENCE_RATE};
use crate::sequence::Sequence;
use crate::still::{self, StillInfo};
use crate::tools::{FileId, Tools};

/// A path, understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Video(PathBuf),
    Still(PathBuf),
    Sequence(Sequence),
}

impl Source {
    /// A file of that very name comes first, whatever signs the name holds; then a pattern is a sequence.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        if path.exists() {
            FileId::of(path)?;
            return Ok(if still::is_image(path) { Self::Still(path.to_owned()) } else { Self::Video(path.to_owned()) });
        }
        match Sequence::find(path)? {
            Some(sequence) => Ok(Self::Sequence(sequence)),
            None => Err(Error::NotFound { path: path.to_owned() }),
        }
    }

    /// The facts of a still or a sequence, read from its first image. Gaps inside `span` (all, where `None`) are an error.
    pub(crate) fn image_info(&self, tools: &Tools, span: Option<Span>) -> Result<ClipInfo> {
        let (first, frames) = match self {
            Self::Sequence(sequence) => {
                check_span(&sequence.pattern, sequence.frames(), span)?;
                sequence.check(span)?;
                (sequence.file(span.map_or(0, |s| s.start().0 as u64)).unwrap_or_default(), sequence.frames())
            }
            Self::Still(path) | Self::Video(path) => {
                check_span(path, 1, span)?;
                (path.clone(), 1)
            }
        };
        let StillInfo { size, depth, has_alpha, colour, rate, pixel_aspect, timecode } = still::info(tools, &first)?;
        Ok(ClipInfo {
            size,
            pixel_aspect,
            rate: rate.unwrap_or(SEQUENCE_RATE),
            rate_is_known: rate.is_some(),
            variable_rate: false,
            frames,
            colour,
            depth,
            has_alpha,
            interlaced: false,
            start_timecode: timecode,
            sound: None,
        })
    }
}

/// Refuses a span beyond what is there.
fn check_span(path: &Path, frames: u64, span: Option<Span>) -> Result<()> {
    match span {
        Some(s) if s.start().0 < 0 || s.end().0 as u64 > frames => {
            Err(Error::OutOfRange { path: path.to_owned(), start: s.start().0, end: s.end().0, frames })
        }
        _ => Ok(()),
    }
}

impl StillInfo {
    /// An image of which only size and format are known.
    pub(crate) fn plain(size: Size, depth: u8, has_alpha: bool) -> Self {
        let colour = if depth == 32 { ColourSpace::LinearRec709 } else { ColourSpace::Srgb };
        Self { size, depth, has_alpha, colour, rate: None::<Rate>, pixel_aspect: 1.0, timecode: None }
    }
}
