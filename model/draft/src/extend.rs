//! More of a shot after its last frame: a loop where the handle holds one, a camera move that settles, or a hold.

use std::sync::Arc;

use shot::{ColourSpace, Fault, Frames, Picture, Size};

use crate::camera::Affine;
use crate::flow::{Field, Settings, flow};
use crate::frame::{Frame, healed};
use crate::inbetween::{Cell, Pair};
use crate::paint::render;
use crate::plane::Plane;
use crate::thumb::{difference, thumb};

/// Frames of the handle that are looked at: two seconds at 24 per second.
pub const HANDLE: usize = 48;
/// Shortest loop: a third of a second, below which repetition reads as a stutter.
const SHORTEST: usize = 8;
/// Frames over which the loop's seam is spread.
const SEAM: usize = 6;
/// How much of its speed a camera move keeps from frame to frame while it settles.
const DECAY: f32 = 0.8;

/// Frames in the other order: what stands before a shot is made as what stands after its mirror image in time.
pub struct Reversed<'a>(pub &'a dyn Frames);

impl Frames for Reversed<'_> {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn size(&self) -> Size {
        self.0.size()
    }

    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        self.0.frame(self.0.count().saturating_sub(1).saturating_sub(index))
    }
}

/// How a shot goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// From its last frame to the one after `after`, and on to the last again.
    Loop {
        /// The frame that looks and moves like the last one.
        after: usize,
    },
    /// The camera's motion goes on and settles.
    Settle(Affine),
    /// The last frame stands.
    Hold,
}

/// A shot that goes on.
pub struct Extension<'a> {
    frames: &'a dyn Frames,
    space: ColourSpace,
    settings: Settings,
    last: Arc<Frame>,
    motion: f32,
    /// How it goes on.
    pub way: Way,
    /// How far a loop jumps at its seam, before it is blended, in mean steps from frame to frame: 1 is unseen.
    pub jump: Option<f32>,
    /// Where the samples of the last frame stand in the one that the loop joins it to.
    seam: Option<Field>,
}

/// Where the handle can be joined to itself: Schödl et al., "Video Textures", SIGGRAPH 2000: alike in position and in motion.
/// `None` where going back would jump; else where, and how far that jumps in steps from frame to frame.
fn find_loop(thumbs: &[Plane]) -> Option<(usize, f32)> {
    let last = thumbs.len().checked_sub(1)?;
    if last < SHORTEST + 1 {
        return None;
    }
    let step: f32 = thumbs.windows(2).map(|p| difference(&p[0], &p[1])).sum::<f32>() / last as f32;
    let cost = |j: usize| 0.5 * (difference(&thumbs[j], &thumbs[last]) + difference(&thumbs[j - 1], &thumbs[last - 1]));
    // Among joins that are nearly as good the longest loop repeats least.
    let best = (1..=last - SHORTEST).map(|j| (cost(j), j)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    if best.0 > 1.6 * step + 0.25 {
        return None;
    }
    let after = (1..=last - SHORTEST).find(|&j| cost(j) <= 1.1 * best.0 + 0.05)?;
    // A still has no steps: a grey level's twentieth stands for them.
    Some((after, cost(after) / step.max(0.05)))
}

impl<'a> Extension<'a> {
    /// Looks at the handle and decides. `motion` scales how far a camera move goes on.
    pub fn new(frames: &'a dyn Frames, space: ColourSpace, settings: Settings, motion: f32) -> Result<Self, Fault> {
        let count = frames.count();
        let last = Frame::read(frames, count.saturating_sub(1), space)?;
        let start = count.saturating_sub(HANDLE);
        let thumbs = (start..count).map(|i| Ok(thumb(&healed(&frames.frame(i)?), space))).collect::<Result<Vec<_>, Fault>>()?;
        let (mut way, mut jump) = (Way::Hold, None);
        if let Some((after, seam)) = find_loop(&thumbs) {
            way = Way::Loop { after: start + after };
            jump = Some(seam);
        } else if count >= 2 {
            let before = Frame::read(frames, count - 2, space)?;
            let pair = Pair::new(before, Arc::clone(&last), None, &settings);
            let map = Affine::fit(&pair.backward);
            let grid = pair.backward.grid;
            // Below a twentieth of a sample a frame the eye sees no move; below half of the samples it is no camera's.
            if !pair.likeness.is_cut() && map.share > 0.5 && map.speed(grid.width, grid.height) > 0.05 {
                way = Way::Settle(map);
            }
        }
        Ok(Self { frames, space, settings, last, motion, way, jump, seam: None })
    }

    /// The picture `distance` frames after the last one, from 1.
    pub fn at(&mut self, distance: usize) -> Result<Picture, Fault> {
        match self.way {
            Way::Hold => Ok(Picture::clone(&self.last.picture)),
            Way::Settle(map) => Ok(self.settle(map, distance)),
            Way::Loop { after } => {
                let length = self.frames.count() - 1 - after;
                let k = (distance - 1) % length;
                let index = after + 1 + k;
                let seam = SEAM.min(length / 2);
                if k >= seam {
                    return Ok(Picture::clone(&healed(&self.frames.frame(index)?)));
                }
                // Motion goes on at its own speed: what fades over the seam is only how far the two ends of the loop lie apart.
                let left = 1.0 - (k + 1) as f32 / (seam + 1) as f32;
                let apart = match self.seam.take() {
                    Some(field) => field,
                    None => {
                        let end = Frame::read(self.frames, after, self.space)?;
                        flow(&self.last.pyramid, &end.pyramid, None, &self.settings)
                    }
                };
                let cell = |(u, v): (&f32, &f32)| Cell { a: [left * u, left * v], b: [0.0; 2], wa: 1.0, wb: 0.0, soft: false }.to_lanes();
                let plan: Vec<[f32; 8]> = apart.u.iter().zip(&apart.v).map(cell).collect();
                let frame = Frame::read(self.frames, index, self.space)?;
                let picture = render(&frame, &frame, apart.grid, &plan, 0.0, 1.0);
                self.seam = Some(apart);
                Ok(picture)
            }
        }
    }

    fn settle(&self, map: Affine, distance: usize) -> Picture {
        let grid = self.last.pyramid.grid();
        let reach = self.motion * DECAY * (1.0 - DECAY.powi(distance.min(1000) as i32)) / (1.0 - DECAY);
        let plan: Vec<[f32; 8]> = (0..grid.len())
            .map(|i| {
                let (x, y) = ((i % grid.width) as f32, (i / grid.width) as f32);
                // The map leads from the last frame to the one before it: the way on is the way back again.
                let (u, v) = map.at(x, y, grid.width, grid.height);
                Cell { a: [u * reach, v * reach], b: [0.0; 2], wa: 1.0, wb: 0.0, soft: false }.to_lanes()
            })
            .collect();
        render(&self.last, &self.last, grid, &plan, 0.0, 1.0)
    }
}
