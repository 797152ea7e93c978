//! From what was asked to what the model can make: lengths of 8k+1 frames, sizes in steps of 32, a clock, and which latent frames
//! are the editor's own. Pure arithmetic.
//!
//! The clip that the model sees is `tail ++ made ++ head ++ spare`: frames of the shot before, the frames to make, frames of the
//! shot after, and frames that only fill the grid and are thrown away. Latent frame 0 stands for pixel frame 0, latent frame k for
//! the eight from 8k−7 to 8k (notes, §5.4). A tail of 8a+1 frames therefore ends exactly where a latent frame ends, and a head is
//! given a length that makes the whole 8k+1, so that as few latent frames as possible hold both kept and made pictures.

use std::ops::Range;

use shot::Size;

use crate::conditioning::{VideoGrid, grid};

/// Pixel frames of one latent frame, the first excepted.
pub const STEP: usize = grid::FRAMES;

/// Pixels of a latent, across and down.
pub const CELL: u32 = grid::PIXELS as u32;

/// Frames of each neighbour that are worth seeing: one second at 24 per second.
pub const HANDLE: usize = 3 * STEP + 1;

/// Longest clip of the model, in seconds: what its positions cover (notes, §5.4).
pub const LONGEST: f64 = 20.0;

/// Frames that are asked for and frames that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Frames to make, handles included, at the model's clock.
    pub made: usize,
    /// Frames before them that may be seen.
    pub tail: usize,
    /// Frames after them that may be seen.
    pub head: usize,
}

/// Frames of one clip of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// The shot before: 0, or 8a+1.
    pub tail: usize,
    /// Frames to make.
    pub made: usize,
    /// The shot after.
    pub head: usize,
    /// Frames that fill the grid.
    pub spare: usize,
}

impl Frames {
    /// The shortest clip that shows as much of the neighbours as is worth seeing.
    pub fn fit(wanted: Wanted) -> Self {
        let Wanted { made, tail, head } = wanted;
        let tail = if tail == 0 { 0 } else { (tail.min(HANDLE) - 1) / STEP * STEP + 1 };
        // Before the first latent frame of eight stands one frame: the tail's first, or the first one made.
        let rest = |head: usize| (tail + made + head).saturating_sub(1) % STEP;
        let most = head.min(HANDLE + STEP - 1);
        let head = (1..=most).rev().find(|h| rest(*h) == 0).unwrap_or(head.min(HANDLE));
        let spare = (STEP - rest(head)) % STEP;
        Self { tail, made, head, spare }
    }

    /// All frames: 8k+1.
    pub const fn total(&self) -> usize {
        self.tail + self.made + self.head + self.spare
    }

    /// Latent frames.
    pub const fn latents(&self) -> usize {
        (self.total() - 1) / STEP + 1
    }

    /// The frames to make, counted in the clip.
    pub const fn range(&self) -> Range<usize> {
        self.tail..self.tail + self.made
    }

    /// For every latent frame whether all its pictures are the editor's own.
    pub fn kept(&self) -> Vec<bool> {
        let made = self.range();
        let end = self.total() - self.spare;
        (0..self.latents()).map(latent_frames).map(|f| f.end <= made.start || (f.start >= made.end && f.end <= end)).collect()
    }
}

/// The pixel frames of a latent frame.
pub const fn latent_frames(k: usize) -> Range<usize> {
    let (start, end) = VideoGrid::frames_of(k);
    start..end
}

/// How a picture lies on the model's canvas: scaled alike in both directions, then continued to whole cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// The whole canvas: multiples of the cell.
    pub canvas: Size,
    /// The part that shows the picture, at the top left.
    pub picture: Size,
}

impl Canvas {
    /// For pictures of `size` whose pixels are `aspect` times as wide as high, with at most `pixels` pixels and sides that are
    /// multiples of `cell`.
    pub fn fit(size: Size, aspect: f64, pixels: usize, cell: u32) -> Self {
        // The model knows square pixels only.
        let (width, height) = (f64::from(size.width) * aspect, f64::from(size.height));
        let scale = (pixels as f64 / (width * height)).sqrt().min(1.0);
        let side = |s: f64| ((s * scale).round() as u32).max(1);
        let whole = |s: u32| s.div_ceil(cell) * cell;
        let picture = Size::new(side(width), side(height));
        Self { canvas: Size::new(whole(picture.width), whole(picture.height)), picture }
    }

    /// The canvas at a multiple of its size.
    pub fn times(&self, n: u32) -> Self {
        let times = |s: Size| Size::new(s.width * n, s.height * n);
        Self { canvas: times(self.canvas), picture: times(self.picture) }
    }

    /// The canvas at the nth part of its size, in whole cells.
    pub fn part(&self, n: u32) -> Self {
        let n = n.max(1);
        let whole = |s: u32| (s / n).max(1).div_ceil(CELL) * CELL;
        let picture = Size::new((self.picture.width / n).max(1), (self.picture.height / n).max(1));
        Self { canvas: Size::new(whole(self.canvas.width), whole(self.canvas.height)), picture }
    }

    /// Latents of one frame: rows and columns.
    pub const fn latents(&self) -> (usize, usize) {
        ((self.canvas.height / CELL) as usize, (self.canvas.width / CELL) as usize)
    }
}

/// A stretch of the clip that is sampled in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its latent frames, counted in the clip.
    pub latents: Range<usize>,
    /// How many of them, from its first on, the window before has made.
    pub given: usize,
}

/// Latent frames that a window takes over from the one before. The first latent frame of anything the model sees stands for a single
/// picture, so the first of these is that picture of its own; the others are the same latents, to the bit.
pub const OVERLAP: usize = 4;

impl Window {
    /// Its frames, counted in the clip: of its first latent frame only the last one.
    pub const fn frames(&self) -> Range<usize> {
        latent_frames(self.latents.start).end - 1..latent_frames(self.latents.end.saturating_sub(1)).end
    }

    /// The frames to make that it shows, counted in the shot.
    pub fn shows(&self, clip: &Frames) -> Range<usize> {
        let (frames, made) = (self.frames(), clip.range());
        let inside = |frame: usize| frame.clamp(made.start, made.end) - made.start;
        inside(frames.start)..inside(frames.end)
    }

    /// Its latents of sound among the `all` of the clip. They are those of the clip, not its own: what one window made of them is
    /// what the next one takes over, whatever the picture's rate is.
    pub fn sound(&self, clip: &Frames, fps: f64, all: usize) -> Range<usize> {
        let at = |frame: usize| super::hearing::latents(frame, fps).min(all.saturating_sub(1));
        let frames = self.frames();
        let start = if self.latents.start == 0 { 0 } else { at(frames.start) };
        let end = if frames.end >= clip.total() { all } else { at(frames.end).max(start + 1) };
        start..end
    }
}

/// Cuts a clip that is longer than the model into windows that share [`OVERLAP`] latent frames.
pub fn windows(clip: &Frames, fps: f64) -> Vec<Window> {
    let all = clip.latents();
    let longest = (((LONGEST * fps) as usize).saturating_sub(1) / STEP + 1).max(2 * OVERLAP);
    if all <= longest {
        return vec![Window { latents: 0..all, given: 0 }];
    }
    // Equal windows: a last one of a few frames would have nothing to say of its own.
    let fresh = all - OVERLAP;
    let count = fresh.div_ceil(longest - OVERLAP);
    let at = |i: usize| fresh * i / count;
    (0..count).map(|i| Window { latents: at(i)..at(i + 1) + OVERLAP, given: if i == 0 { 0 } else { OVERLAP } }).collect()
}

/// The model's clock for a timeline's rate: frames that the model makes for each of the timeline's, as a fraction 1 / n.
pub fn frames_per_model_frame(fps: f64) -> u32 {
    // It was trained between 24 and 60 frames per second (notes, §5.4): beyond that every nth frame is made, the rest in-betweens.
    (fps / 60.5).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::conditioning::Clock;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_clip_is_on_the_grid_and_shows_what_was_asked(made in 1usize..600, tail in 0usize..60, head in 0usize..60) {
            let f = Frames::fit(Wanted { made, tail, head });
            prop_assert_eq!(f.total() % STEP, 1);
            prop_assert!(f.tail <= tail && f.head <= head && f.spare < STEP && f.made == made);
            prop_assert_eq!(f.tail > 0, tail > 0);
            prop_assert_eq!(f.head > 0, head > 0);
            // Enough handle frames: nothing is wasted.
            prop_assert!(head < STEP || f.spare == 0);
            let kept = f.kept();
            prop_assert_eq!(kept.len(), f.latents());
            for (k, kept) in kept.iter().enumerate() {
                let frames = latent_frames(k);
                let touches = frames.start < f.range().end && frames.end > f.range().start;
                prop_assert!(!(*kept && touches), "a latent frame with made pictures is kept");
            }
        }

        #[test]
        fn windows_cover_the_clip_and_hand_over_whole_latents(made in 1usize..4000, tail in 0usize..40, head in 0usize..40, fps in 20.0f64..61.0) {
            let clip = Frames::fit(Wanted { made, tail, head });
            let windows = windows(&clip, fps);
            let sounds = super::super::hearing::latents(clip.total(), fps);
            prop_assert_eq!(windows[0].latents.start, 0);
            prop_assert_eq!(windows[0].given, 0);
            prop_assert_eq!(windows[windows.len() - 1].latents.end, clip.latents());
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[1].latents.start + pair[1].given, pair[0].latents.end);
                let (a, b) = (pair[0].sound(&clip, fps, sounds), pair[1].sound(&clip, fps, sounds));
                prop_assert!(b.start < a.end && a.end < b.end, "sound {a:?} {b:?}");
                // The clocks of picture and sound part by half a latent of sound at most.
                prop_assert!((b.start as f64 / 25.0 - pair[1].frames().start as f64 / fps).abs() <= 0.02 + 1e-9);
            }
            prop_assert_eq!(windows[windows.len() - 1].sound(&clip, fps, sounds).end, sounds);
            for w in &windows {
                prop_assert!(w.latents.len() > w.given);
                prop_assert!(w.frames().len() as f64 <= LONGEST * fps);
                prop_assert_eq!(w.frames().len() % STEP, 1);
            }
            let shown: usize = windows.iter().map(|w| w.shows(&clip).len()).sum();
            prop_assert!(shown >= made);
        }

        #[test]
        fn a_canvas_holds_its_picture(w in 16u32..5000, h in 16u32..3000, pixels in 65_536usize..1_000_000) {
            let c = Canvas::fit(Size::new(w, h), 1.0, pixels, 64);
            prop_assert!(c.canvas.width.is_multiple_of(64) && c.canvas.height.is_multiple_of(64));
            prop_assert!(c.canvas.width >= c.picture.width && c.canvas.width < c.picture.width + 64);
            prop_assert!(c.picture.width <= w && c.picture.height <= h);
        }
    }

    #[test]
    fn a_bridge_of_twelve_frames_keeps_whole_latent_frames() {
        let f = Frames::fit(Wanted { made: 12, tail: 25, head: 32 });
        assert_eq!(f, Frames { tail: 25, made: 12, head: 28, spare: 0 });
        assert_eq!(f.kept().iter().filter(|k| !**k).count(), 2);
    }

    #[test]
    fn the_clock_follows_the_timeline_up_to_sixty() {
        for (fps, n, told) in [(23.976, 1, 23.976), (25.0, 1, 25.0), (30.0, 1, 30.0), (50.0, 1, 60.0), (60.0, 1, 60.0), (120.0, 2, 60.0)] {
            assert_eq!(frames_per_model_frame(fps), n);
            assert_eq!(Clock::snapped(fps / f64::from(n)).unwrap().rate(), told);
        }
    }
}
