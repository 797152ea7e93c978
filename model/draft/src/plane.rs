//! One channel of a picture, with a replicated border so that patches near an edge need no special case.

use rayon::prelude::*;
use wide::f32x8;

/// Pixels of border on every side of a [`Plane`]: a patch may reach this far outside before its position is held.
pub const BORDER: usize = 16;

/// Width and height of a grid of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Samples in a row, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
}

impl Grid {
    /// Samples in all.
    pub const fn len(self) -> usize {
        self.width * self.height
    }

    /// True for a grid without a sample.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// 1 for a position inside, falling to a thousandth two samples outside.
    #[inline(always)]
    pub fn holds(self, p: [f32; 2]) -> f32 {
        let (right, bottom) = ((self.width - 1) as f32, (self.height - 1) as f32);
        let outside = (-p[0]).max(p[0] - right).max(-p[1]).max(p[1] - bottom).max(0.0);
        (1.0 - 0.5 * outside).max(0.001)
    }

    /// Index of the sample nearest to a position, held at the edges.
    #[inline(always)]
    pub fn nearest(self, x: f32, y: f32) -> usize {
        let ix = (x.max(0.0) + 0.5) as usize;
        let iy = (y.max(0.0) + 0.5) as usize;
        iy.min(self.height - 1) * self.width + ix.min(self.width - 1)
    }

    /// The grid of half the size, rounded up.
    pub const fn half(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }
}

/// One channel, float, rows from the top, with [`BORDER`] replicated samples around it.
#[derive(Clone, Debug)]
pub struct Plane {
    grid: Grid,
    stride: usize,
    data: Vec<f32>,
}

impl Plane {
    /// A plane of `grid` whose rows `fill(y, row)` writes; the border follows.
    pub fn from_rows(grid: Grid, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let stride = grid.width + 2 * BORDER;
        let mut data = vec![0.0; stride * (grid.height + 2 * BORDER)];
        data[BORDER * stride..(BORDER + grid.height) * stride].par_chunks_mut(stride).with_min_len(16).enumerate().for_each(|(y, row)| {
            fill(y, &mut row[BORDER..BORDER + grid.width]);
            let (first, last) = (row[BORDER], row[BORDER + grid.width - 1]);
            row[..BORDER].fill(first);
            row[BORDER + grid.width..].fill(last);
        });
        let (top, rest) = data.split_at_mut(BORDER * stride);
        for row in top.chunks_mut(stride) {
            row.copy_from_slice(&rest[..stride]);
        }
        let (body, bottom) = rest.split_at_mut(grid.height * stride);
        for row in bottom.chunks_mut(stride) {
            row.copy_from_slice(&body[(grid.height - 1) * stride..]);
        }
        Self { grid, stride, data }
    }

    /// Its size without the border.
    pub const fn grid(&self) -> Grid {
        self.grid
    }

    /// One row without its border.
    pub fn row(&self, y: usize) -> &[f32] {
        let start = (y + BORDER) * self.stride + BORDER;
        &self.data[start..start + self.grid.width]
    }

    /// One row with its border: sample 0 of the plane stands at index [`BORDER`]. `y` may lie in the border.
    pub fn wide_row(&self, y: isize) -> &[f32] {
        let start = (y + BORDER as isize) as usize * self.stride;
        &self.data[start..start + self.stride]
    }

    /// All samples with their border, and the distance from row to row.
    pub fn raw(&self) -> (&[f32], usize) {
        (&self.data, self.stride)
    }

    /// Where sample (x, y) stands in [`Plane::raw`]; the border may be named.
    pub const fn at(&self, x: isize, y: isize) -> usize {
        ((y + BORDER as isize) as usize) * self.stride + (x + BORDER as isize) as usize
    }

    /// The value at a fractional position, bilinear; positions outside are held at the edge.
    pub fn sample(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, (self.grid.width - 1) as f32);
        let y = y.clamp(0.0, (self.grid.height - 1) as f32);
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        let i = (iy + BORDER) * self.stride + ix + BORDER;
        let j = i + self.stride;
        let top = self.data[i] + fx * (self.data[i + 1] - self.data[i]);
        let low = self.data[j] + fx * (self.data[j + 1] - self.data[j]);
        top + fy * (low - top)
    }

    /// Half the size: each sample the weighted mean of a 4×4 neighbourhood, weights 1 3 3 1, which keeps aliases out of the
    /// coarser searches better than the plain mean of four.
    pub fn halved(&self) -> Self {
        Self::from_rows(self.grid.half(), |y, out| {
            let rows: [&[f32]; 4] =
                std::array::from_fn(|k| self.wide_row((2 * y as isize + k as isize - 1).min((self.grid.height + BORDER - 1) as isize)));
            for (x, o) in out.iter_mut().enumerate() {
                let i = (2 * x + BORDER - 1).min(self.stride - 4);
                let tap = |r: &[f32]| r[i] + r[i + 3] + 3.0 * (r[i + 1] + r[i + 2]);
                *o = (tap(rows[0]) + tap(rows[3]) + 3.0 * (tap(rows[1]) + tap(rows[2]))) * (1.0 / 64.0);
            }
        })
    }

    /// Central differences along x and along y.
    pub fn gradients(&self) -> (Self, Self) {
        let dx = Self::from_rows(self.grid, |y, out| {
            let row = self.wide_row(y as isize);
            for (x, o) in out.iter_mut().enumerate() {
                *o = 0.5 * (row[x + BORDER + 1] - row[x + BORDER - 1]);
            }
        });
        let dy = Self::from_rows(self.grid, |y, out| {
            let (up, down) = (self.wide_row(y as isize - 1), self.wide_row(y as isize + 1));
            for (x, o) in out.iter_mut().enumerate() {
                *o = 0.5 * (down[x + BORDER] - up[x + BORDER]);
            }
        });
        (dx, dy)
    }
}

/// Eight samples from `s[i..]`.
#[inline(always)]
pub fn load8(s: &[f32], i: usize) -> f32x8 {
    let mut a = [0.0; 8];
    a.copy_from_slice(&s[i..i + 8]);
    f32x8::new(a)
}
