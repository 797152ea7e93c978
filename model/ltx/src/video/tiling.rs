//! Decoding a picture in parts, where a whole one does not fit the memory: tiles of a frame, windows of time, and ramps that blend
//! them.
//!
//! The ramps are those of the authors' package (ltx_core/tiling.py at 400fd31): linear, the two of an overlap adding up to one. Parts
//! are of even size here, so that none is all ramp.

/// How a decode is cut up. Sizes are in latent frames, rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tiling {
    /// Tiles; `None` decodes whole pictures as one stream in time, which has no seam anywhere.
    pub tiles: Option<Tiles>,
}

/// Tiles of a frame and windows of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Most rows and columns of a tile.
    pub size: [usize; 2],
    /// Rows and columns that neighbours share.
    pub overlap: usize,
    /// Most frames of a window.
    pub window: usize,
    /// Frames that windows share.
    pub window_overlap: usize,
}

/// Rows and columns that tiles share: 64 pixels, as the authors have it.
const OVERLAP: usize = 2;

/// Frames that windows share: 24 pictures, as the authors have it.
const WINDOW_OVERLAP: usize = 3;

/// Windows that are tried, longest first: the authors' 80 pictures, and as few as make sense with the overlap.
const WINDOWS: [usize; 2] = [10, 7];

/// Smallest rows or columns of a tile: less would be mostly overlap.
const SMALLEST: usize = 3 * OVERLAP;

impl Tiling {
    /// Whole pictures.
    pub const WHOLE: Self = Self { tiles: None };

    /// Whole pictures where that fits `budget` bytes, else the largest tiles that do. `bytes` says what a decode of tiles of so many
    /// rows and columns takes; `latent` is frames, rows, columns; `picture` is the bytes of one picture that is put together.
    pub fn for_budget(latent: [usize; 3], budget: usize, picture: usize, scale: usize, bytes: &dyn Fn(usize, usize) -> usize) -> Self {
        let [frames, rows, columns] = latent;
        if bytes(rows, columns) <= budget {
            return Self::WHOLE;
        }
        let part = |length: usize, count: usize| (length + OVERLAP * (count - 1)).div_ceil(count).max(SMALLEST.min(length));
        let most = |length: usize| length.div_ceil(SMALLEST - OVERLAP).max(1);
        let mut smallest = None;
        for window in WINDOWS {
            // One window and the overlap of the one before it are held while they are put together.
            let held = (window.min(frames) + WINDOW_OVERLAP) * scale * picture;
            let (mut down, mut across) = (1, 1);
            while down < most(rows) || across < most(columns) {
                // The longer side is cut first: tiles stay near square.
                if (part(rows, down) >= part(columns, across) && down < most(rows)) || across >= most(columns) {
                    down += 1;
                } else {
                    across += 1;
                }
                let size = [part(rows, down), part(columns, across)];
                let tiles = Tiles { size, overlap: OVERLAP, window, window_overlap: WINDOW_OVERLAP };
                if bytes(size[0], size[1]).saturating_add(held) <= budget {
                    return Self { tiles: Some(tiles) };
                }
                smallest = Some(tiles);
            }
        }
        Self { tiles: smallest }
    }
}

/// A part of an axis, and how many of its first and last places are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First place.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Shared with the part before.
    pub left: usize,
    /// Shared with the part after.
    pub right: usize,
}

/// Parts of at most `size` that share `overlap`, as even as can be. Where even parts would be so short that three of them met, they
/// share less.
pub fn spans(length: usize, size: usize, overlap: usize) -> Vec<Span> {
    let mut overlap = overlap.min(size.saturating_sub(1) / 2);
    if length <= size || size <= 2 * overlap {
        return vec![Span { start: 0, end: length, left: 0, right: 0 }];
    }
    let even = |overlap: usize| {
        let count = (length - overlap).div_ceil(size - overlap);
        (count, length + overlap * (count - 1))
    };
    let (mut count, mut total) = even(overlap);
    while overlap > 0 && total / count < 2 * overlap {
        overlap -= 1;
        (count, total) = even(overlap);
    }
    let mut start = 0;
    let part = |n: usize| {
        let end = start + total / count + usize::from(n < total % count);
        let span = Span { start, end, left: if n == 0 { 0 } else { overlap }, right: if n + 1 == count { 0 } else { overlap } };
        start = end - overlap;
        span
    };
    (0..count).map(part).collect()
}

/// The same along time: every part but the first begins one latent frame earlier, because its first frame stands for a single
/// picture without a past.
pub fn windows(length: usize, size: usize, overlap: usize) -> Vec<Span> {
    let mut spans = spans(length, size, overlap);
    for span in spans.iter_mut().skip(1) {
        span.start -= 1;
        span.left += 1;
    }
    spans
}

impl Span {
    /// Its pictures, and the weight of each.
    pub fn weights_in_time(&self, scale: usize) -> (usize, Vec<f32>) {
        let length = (self.end - self.start - 1) * scale + 1;
        let left = if self.left == 0 { 0 } else { (self.left - 1) * scale + 1 };
        // The first picture of the overlap is the single one: the ramp begins at zero there.
        (self.start * scale, ramp(length, left, self.right * scale, 0))
    }

    /// Its rows or columns of pixels, and the weight of each.
    pub fn weights_in_space(&self, scale: usize) -> (usize, Vec<f32>) {
        (self.start * scale, ramp((self.end - self.start) * scale, self.left * scale, self.right * scale, 1))
    }
}

fn ramp(length: usize, left: usize, right: usize, first: usize) -> Vec<f32> {
    let up = |k: usize| (k + first) as f32 / (left + first) as f32;
    let down = |k: usize| 1.0 - (k + 1) as f32 / (right + 1) as f32;
    let at = |i: usize| {
        let rise = if i < left { up(i) } else { 1.0 };
        let fall = if i + right >= length { down(i + right - length) } else { 1.0 };
        rise * fall
    };
    (0..length).map(at).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_parts_never_meet() {
        let parts = spans(26, 15, 7);
        assert!(parts.windows(3).all(|p| p[0].end <= p[2].start), "{parts:?}");
        assert!(parts.windows(2).all(|p| p[0].end > p[1].start), "{parts:?}");
    }

    proptest! {
        #[test]
        fn the_parts_of_an_axis_add_up_to_one_everywhere(length in 1usize..200, size in 1usize..40, overlap in 0usize..8, scale in 1usize..9) {
            for time in [false, true] {
                let parts = if time { windows(length, size, overlap) } else { spans(length, size, overlap) };
                let pixels = if time { (length - 1) * scale + 1 } else { length * scale };
                let mut sum = vec![0.0f32; pixels];
                for part in &parts {
                    prop_assert!(part.end - part.start <= size.max(1) + usize::from(time) || parts.len() == 1);
                    let (start, weights) = if time { part.weights_in_time(scale) } else { part.weights_in_space(scale) };
                    for (i, w) in weights.iter().enumerate() {
                        prop_assert!((0.0..=1.0).contains(w));
                        sum[start + i] += w;
                    }
                }
                prop_assert!(sum.iter().all(|s| (s - 1.0).abs() < 1e-6), "{parts:?} {sum:?}");
            }
        }

        #[test]
        fn a_budget_is_kept_where_it_can_be(frames in 1usize..40, rows in 1usize..80, columns in 1usize..80, budget in 1usize..2_000_000) {
            let bytes = |r: usize, c: usize| 1000 * r * c;
            let tiling = Tiling::for_budget([frames, rows, columns], budget, 1000, 8, &bytes);
            match tiling.tiles {
                None => prop_assert!(bytes(rows, columns) <= budget || (rows <= SMALLEST && columns <= SMALLEST)),
                Some(tiles) => {
                    prop_assert!(bytes(rows, columns) > budget);
                    let held = (tiles.window.min(frames) + tiles.window_overlap) * 8 * 1000;
                    let smallest = tiles.size.iter().zip([rows, columns]).all(|(s, l)| *s <= SMALLEST.max(l.div_ceil(l.div_ceil(SMALLEST - OVERLAP)) + OVERLAP));
                    prop_assert!(bytes(tiles.size[0], tiles.size[1]) + held <= budget || smallest, "{tiles:?}");
                }
            }
        }
    }

    #[test]
    fn ramps_are_those_of_the_notes() {
        let tiles = spans(10, 6, 2);
        assert_eq!(tiles, [Span { start: 0, end: 6, left: 0, right: 2 }, Span { start: 4, end: 10, left: 2, right: 0 }]);
        assert_eq!(tiles[1].weights_in_space(1).1[..3], [1.0 / 3.0, 2.0 / 3.0, 1.0]);
        let windows = windows(10, 6, 2);
        let (start, weights) = windows[1].weights_in_time(8);
        assert_eq!((start, weights[0], weights[17]), (24, 0.0, 1.0));
    }
}
