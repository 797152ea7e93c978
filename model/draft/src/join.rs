//! Where two takes of one scene join best: a frame before and a frame after the hole that look alike and move alike.
//!
//! Schödl et al., "Video Textures", SIGGRAPH 2000: a jump is unseen where position and direction of motion agree. The frames
//! around a hole are the editor's own and stay; a better join is told, not taken.

use shot::{ColourSpace, Fault, Frames};

use crate::frame::healed;
use crate::plane::Plane;
use crate::thumb::{change, difference, thumb};

/// Frames of each side that are looked at: half a second at 24 per second.
pub const REACH: usize = 12;
/// A join is worth telling that leaves at most this share of the difference.
const WORTH: f32 = 0.6;
/// Differences below this many grey levels hide anyway.
const UNSEEN: f32 = 2.0;

/// A better join than that of the last frame before the hole with the first after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Join {
    /// Frames to take off the end of the shot before the hole.
    pub before: usize,
    /// Frames to take off the beginning of the shot after it.
    pub after: usize,
    /// Share of the difference in picture and motion that is left.
    pub left: f32,
}

/// Looks for a join that is clearly better than the one at the hole, trimming as little as possible.
pub fn search(tail: &dyn Frames, head: &dyn Frames, space: ColourSpace) -> Result<Option<Join>, Fault> {
    let start = tail.count().saturating_sub(REACH);
    let read = |frames: &dyn Frames, from: usize, to: usize| {
        (from..to).map(|i| Ok(thumb(&healed(&frames.frame(i)?), space))).collect::<Result<Vec<Plane>, Fault>>()
    };
    let (before, after) = (read(tail, start, tail.count())?, read(head, 0, head.count().min(REACH))?);
    if before.len() < 2 || after.len() < 2 {
        return Ok(None);
    }
    let last = before.len() - 1;
    // Frame i is followed, some time later, by frame j: how far they differ, and how far what changes from frame to frame does.
    let cost = |i: usize, j: usize| {
        let change = |k: usize| change([&before[k], &before[k + 1]], [&after[j], &after[j + 1]]);
        let motion = if i < last { change(i - 1).min(change(i)) } else { change(i - 1) };
        difference(&before[i], &after[j]) + motion
    };
    let now = cost(last, 0);
    if now < UNSEEN {
        return Ok(None);
    }
    let mut all: Vec<(f32, usize, usize)> =
        (1..=last).flat_map(|i| (0..after.len() - 1).map(move |j| (i, j))).map(|(i, j)| (cost(i, j), i, j)).collect();
    let best = all.iter().map(|c| c.0).fold(now, f32::min);
    all.retain(|c| c.0 <= 1.1 * best + 0.05);
    let chosen = all.into_iter().min_by_key(|(_, i, j)| (last - i + j, *j));
    Ok(chosen.map(|(cost, i, j)| Join { before: last - i, after: j, left: cost / now }).filter(|j| j.left < WORTH))
}
