//! Frames that flow through a stack of layers, each of which keeps what it still needs of the past and gives a frame as soon as it
//! can. The stack is walked depth first: the frames of one layer go all the way down, a few at a time, before it takes more.

use crate::error::{Error, Result};
use crate::ops::conv3d::Conv3d;
use crate::ops::frame::Frame;
use crate::ops::pixel_norm::{Before, Edge, pad};

/// Pixels that go through a layer together: enough to keep many cores busy, few enough that what is under way stays small beside
/// what the layers keep.
const TOGETHER: usize = 32_768;

/// A layer with its memory of one stream.
pub trait Stage {
    /// Takes further frames, of which the very last may be one, and gives those that have become complete.
    fn push(&mut self, frames: Vec<Frame>, last: bool) -> Vec<Frame>;
}

/// Sends frames through all stages and hands what comes out to `sink`. With `last` set, everything that is still held comes out.
pub fn flow(
    stages: &mut [Box<dyn Stage + '_>],
    frames: Vec<Frame>,
    last: bool,
    cancel: &dyn Fn() -> bool,
    sink: &mut dyn FnMut(Vec<Frame>) -> Result<()>,
) -> Result<()> {
    if cancel() {
        return Err(Error::Cancelled);
    }
    let Some((stage, rest)) = stages.split_first_mut() else {
        return if frames.is_empty() { Ok(()) } else { sink(frames) };
    };
    let mut outs = stage.push(frames, last);
    loop {
        let together = outs.first().map_or(1, |f| together(f.pixels()));
        let later = outs.split_off(together.min(outs.len()));
        let last = last && later.is_empty();
        if !outs.is_empty() || last {
            flow(rest, outs, last, cancel, sink)?;
        }
        if later.is_empty() {
            return Ok(());
        }
        outs = later;
    }
}

/// The most of them, however small they are: else the latents of a long clip would all go through at once, and memory grow
/// with the clip.
const MOST_TOGETHER: usize = 8;

/// Frames of so many pixels that go through a layer together.
pub fn together(pixels: usize) -> usize {
    (TOGETHER / pixels.max(1)).clamp(1, MOST_TOGETHER)
}

/// A convolution with the padded frames it still needs.
pub struct TimeConv<'a> {
    conv: &'a Conv3d,
    edge: Edge,
    causal: bool,
    steps: [usize; 2],
    before: Before<'a>,
    frames: Vec<Frame>,
    spare: Vec<Frame>,
}

impl<'a> TimeConv<'a> {
    /// At the beginning of a stream; `steps` in time and space.
    pub fn new(conv: &'a Conv3d, edge: Edge, causal: bool, steps: [usize; 2], before: Before<'a>) -> Self {
        Self { conv, edge, causal, steps, before, frames: Vec::new(), spare: Vec::new() }
    }

    /// Takes frames; says how many outputs can be made. Before the first frame stand copies of it, and behind the last one copies of
    /// that (only before the first, where nothing may look ahead).
    pub fn absorb(&mut self, frames: &[Frame], last: bool) -> usize {
        let taps = self.conv.shape().taps[0];
        let begins = self.frames.is_empty();
        for frame in frames {
            let mut padded = self.spare.pop().unwrap_or_else(|| Frame::zeros(frame.height + 2, frame.width + 2, frame.channels));
            pad(frame, self.edge, self.before, &mut padded);
            self.frames.push(padded);
        }
        if begins && let Some(first) = self.frames.first().cloned() {
            let copies = if self.causal { taps - 1 } else { (taps - 1) / 2 };
            self.frames.splice(0..0, std::iter::repeat_n(first, copies));
        }
        if last
            && !self.causal
            && let Some(end) = self.frames.last().cloned()
        {
            self.frames.extend(std::iter::repeat_n(end, (taps - 1) / 2));
        }
        self.frames.len().checked_sub(taps).map_or(0, |beyond| beyond / self.steps[0] + 1)
    }

    /// Rows and columns of the frames that came in.
    pub fn size(&self) -> Option<(usize, usize)> {
        self.frames.first().map(|f| (f.height - 2, f.width - 2))
    }

    /// Makes outputs, at most as many as [`Self::absorb`] said, adding to what they hold when `add` is set.
    pub fn emit(&mut self, outs: &mut [Frame], add: bool) {
        self.conv.run(&self.frames, self.steps, outs, add);
        let done = (outs.len() * self.steps[0]).min(self.frames.len());
        self.spare.extend(self.frames.drain(..done));
        // What was needed at once for the longest run is enough.
        let most = outs.len().max(1);
        self.spare.truncate(most);
    }

    /// Makes all outputs that can be made, of this size.
    pub fn emit_new(&mut self, count: usize, height: usize, width: usize) -> Vec<Frame> {
        let channels = self.conv.shape().outputs;
        let mut outs: Vec<_> = (0..count).map(|_| Frame::zeros(height, width, channels)).collect();
        self.emit(&mut outs, false);
        outs
    }
}
