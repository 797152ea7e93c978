//! What an engine may see of the cut around the hole.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::colour::{ColourSpace, ColourStage};
use crate::fault::Fault;
use crate::picture::{Picture, Size};
use crate::sound::Sound;
use crate::units::{Rate, Seconds, Span};

/// A clip by name: a file that ffmpeg reads, or an image sequence pattern such as `shot.%06d.exr`, and which frames of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipRef {
    /// File or pattern.
    pub path: PathBuf,
    /// Frames of that file, counted from 0 whatever its timecode is; `None` means all of it. For a pattern, frame 0 is its
    /// lowest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// Frames per second where the file does not say (image sequences).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Encoding of this clip where it is not that of the whole context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<ColourSpace>,
}

impl ClipRef {
    /// All of a file or sequence.
    pub fn whole(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// A stretch of sound by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundRef {
    /// Anything ffmpeg reads.
    pub path: PathBuf,
    /// Where the stretch begins in the file.
    #[serde(default)]
    pub start: Seconds,
    /// How long it is; `None` means to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Seconds>,
}

/// One side of a hole: the handle frames and the sound that stand there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Handle frames in time order; the one next to the hole is last on the tail's side, first on the head's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<ClipRef>,
    /// Sound that ends (tail) or begins (head) at the hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<SoundRef>,
}

/// A still that a made shot shows at a moment of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keyframe {
    /// Frame of the shot, counted from 0 at its first frame without handles.
    pub frame: u32,
    /// The still.
    pub path: PathBuf,
}

/// The context of a request by name: files that the worker decodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct References {
    /// What stands before the hole.
    #[serde(default)]
    pub tail: Side,
    /// What stands after the hole.
    #[serde(default)]
    pub head: Side,
    /// The clip that is worked on (retime, retake).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipRef>,
    /// Shots whose place, light and lens an insert takes over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<ClipRef>,
    /// A still that an establishing shot starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still: Option<PathBuf>,
    /// What an engine kept of a light take that is to be made again larger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latents: Option<PathBuf>,
    /// Stills of a storyboard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyframes: Vec<Keyframe>,
    /// The encoding of all these pictures.
    #[serde(default)]
    pub colour: ColourSpace,
    /// Where in the colour pipeline they were taken.
    #[serde(default)]
    pub stage: ColourStage,
}

/// Frames that can be asked for one by one, in any order; asking in time order is fastest.
pub trait Frames: Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// Width and height of every one of them.
    fn size(&self) -> Size;
    /// One of them, `index` from 0 to count − 1.
    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault>;
}

/// Frames that are already in memory.
impl Frames for Vec<Arc<Picture>> {
    fn count(&self) -> usize {
        self.len()
    }

    fn size(&self) -> Size {
        self.first().map_or(Size::new(0, 0), |p| p.size())
    }

    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        self.get(index).cloned().ok_or_else(|| Fault::internal(format!("frame {index} of {} was asked for", self.len())))
    }
}

/// The context of a request, decoded: what an engine is given. All pictures have the request's size and colour space, all
/// sound has [`crate::SAMPLE_RATE`] and the request's number of channels.
#[derive(Default)]
pub struct Context<'a> {
    /// Handle frames before the hole; the last one touches it.
    pub tail: Option<&'a dyn Frames>,
    /// Handle frames after the hole; the first one touches it.
    pub head: Option<&'a dyn Frames>,
    /// The clip that is worked on: a retime's, or the span's own frames where a retake keeps its picture.
    pub clip: Option<&'a dyn Frames>,
    /// The span's own sound where a retake keeps it: exactly as long as the span.
    pub clip_sound: Option<Sound>,
    /// Frames of reference shots.
    pub like: Vec<&'a dyn Frames>,
    /// A still, at its own size.
    pub still: Option<Arc<Picture>>,
    /// Stills of a storyboard, each with its frame of the shot, at their own sizes.
    pub keyframes: Vec<(u32, Arc<Picture>)>,
    /// What the engine kept of a light take of this shot, by [`crate::Sink::keep`]: it goes on from there.
    pub latents: Option<Vec<u8>>,
    /// Sound that ends where the made sound begins.
    pub tail_sound: Option<Sound>,
    /// Sound that begins where the made sound ends.
    pub head_sound: Option<Sound>,
}
