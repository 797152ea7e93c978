//! A strip of frames that is walked along: at any time a handful of frames and flows is held, whatever its length.

use std::collections::VecDeque;
use std::sync::Arc;

use shot::{ColourSpace, Fault, Frames, Picture, Size};

use crate::flow::Settings;
use crate::frame::Frame;
use crate::inbetween::{Around, Bend, Pair};
use crate::interlace::is_interlaced;

/// Frames held at once: the four around a gap and two that are shared with the next step.
const FRAMES: usize = 6;
/// Pairs held at once: the one that is painted and its neighbours.
const PAIRS: usize = 3;

/// Frames of one side or clip, with the motion between neighbours, made when first asked for.
pub struct Reel<'a> {
    frames: &'a dyn Frames,
    space: ColourSpace,
    settings: Settings,
    held: VecDeque<(usize, Arc<Frame>)>,
    pairs: VecDeque<(usize, Arc<Pair>)>,
    bend: Option<(usize, Bend)>,
    /// Neighbours that were found interlaced, and all that could be judged.
    combed: (usize, usize),
}

impl<'a> Reel<'a> {
    /// A reel over `frames`, whose encoding is `space`.
    pub fn new(frames: &'a dyn Frames, space: ColourSpace, settings: Settings) -> Self {
        Self { frames, space, settings, held: VecDeque::new(), pairs: VecDeque::new(), bend: None, combed: (0, 0) }
    }

    /// How many frames there are.
    pub fn count(&self) -> usize {
        self.frames.count()
    }

    /// Frame `index`.
    pub fn frame(&mut self, index: usize) -> Result<Arc<Frame>, Fault> {
        if let Some((_, frame)) = self.held.iter().find(|h| h.0 == index) {
            return Ok(Arc::clone(frame));
        }
        let frame = Frame::read(self.frames, index, self.space)?;
        if self.held.len() == FRAMES {
            self.held.pop_front();
        }
        self.held.push_back((index, Arc::clone(&frame)));
        Ok(frame)
    }

    /// The frame as it was given, without motion being searched.
    pub fn original(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        match self.held.iter().find(|h| h.0 == index) {
            Some((_, frame)) => Ok(Arc::clone(&frame.original)),
            None => self.frames.frame(index),
        }
    }

    /// Frames `index` and `index + 1` with the motion between them.
    pub fn pair(&mut self, index: usize) -> Result<Arc<Pair>, Fault> {
        if let Some((_, pair)) = self.pairs.iter().find(|p| p.0 == index) {
            return Ok(Arc::clone(pair));
        }
        let before = self.pairs.iter().find(|p| p.0 + 1 == index).map(|p| Arc::clone(&p.1));
        let hints = before.as_ref().map(|p| (&p.forward, &p.backward));
        let pair = Arc::new(Pair::new(self.frame(index)?, self.frame(index + 1)?, hints, &self.settings));
        if let Some(combed) = is_interlaced(&pair.a.picture, &pair.b.picture).filter(|_| !pair.likeness.is_cut()) {
            self.combed.0 += usize::from(combed);
            self.combed.1 += 1;
        }
        if self.pairs.len() == PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back((index, Arc::clone(&pair)));
        Ok(pair)
    }

    /// Whether most of the neighbours that were looked at are interlaced.
    pub fn is_interlaced(&self) -> bool {
        2 * self.combed.0 > self.combed.1
    }

    /// The picture a part `t` of the way from frame `index` to the next, where `index + 1` lies `steps` frames later: one in
    /// a clip, one more than the missing frames at a hole. Motion curves as the frames around say.
    pub fn between(&mut self, index: usize, t: f32, steps: u32) -> Result<Picture, Fault> {
        if self.bend.as_ref().is_none_or(|b| b.0 != index) {
            // In the order of time, so that every pair finds the one before it as its hint.
            let before = if index > 0 { Some(self.pair(index - 1)?) } else { None };
            let pair = self.pair(index)?;
            let after = if index + 2 < self.count() { Some(self.pair(index + 1)?) } else { None };
            let whole = |p: &&Arc<Pair>| !p.likeness.is_cut();
            let around = Around {
                before: before.as_ref().filter(whole).map(|p| (&p.backward, steps as f32)),
                after: after.as_ref().filter(whole).map(|p| (&p.forward, steps as f32)),
            };
            self.bend = Some((index, pair.bend(around)));
        }
        let pair = self.pair(index)?;
        let Some((_, bend)) = &self.bend else { return Err(Fault::internal("a pair lost its bend")) };
        Ok(pair.between(t, bend))
    }
}

/// The handles of both sides of a hole as one strip: the tail's last frame is followed by the head's first.
pub struct Joined<'a> {
    /// Before the hole.
    pub tail: &'a dyn Frames,
    /// After the hole.
    pub head: &'a dyn Frames,
}

impl Frames for Joined<'_> {
    fn count(&self) -> usize {
        self.tail.count() + self.head.count()
    }

    fn size(&self) -> Size {
        self.tail.size()
    }

    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        let tail = self.tail.count();
        if index < tail { self.tail.frame(index) } else { self.head.frame(index - tail) }
    }
}
