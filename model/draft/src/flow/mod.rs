//! Dense optical flow: for every sample of one picture, where it stands in another.
//!
//! The method is DIS (Kroeger et al., ECCV 2016): patches searched coarse to fine ([`search`]), spread over all samples, and
//! smoothed by a variational refinement ([`refine`]) on every level.

pub mod refine;
pub mod search;

use rayon::prelude::*;

use crate::plane::{Grid, Plane};
use refine::Smoothing;
use search::{Effort, Level};

/// A vector per sample, in samples of its grid: sample (x, y) of the first picture stands at (x + u, y + v) in the second.
#[derive(Clone, Debug)]
pub struct Field {
    /// The grid.
    pub grid: Grid,
    /// To the right.
    pub u: Vec<f32>,
    /// Downward.
    pub v: Vec<f32>,
}

impl Field {
    /// No motion anywhere.
    pub fn zero(grid: Grid) -> Self {
        Self { grid, u: vec![0.0; grid.len()], v: vec![0.0; grid.len()] }
    }

    /// The vector at a fractional position, bilinear, held at the edges.
    pub fn sample(&self, x: f32, y: f32) -> (f32, f32) {
        let (w, h) = (self.grid.width, self.grid.height);
        let x = x.clamp(0.0, (w - 1) as f32);
        let y = y.clamp(0.0, (h - 1) as f32);
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        let (jx, jy) = ((ix + 1).min(w - 1), (iy + 1).min(h - 1));
        let mix = |p: &[f32]| {
            let top = p[iy * w + ix] + fx * (p[iy * w + jx] - p[iy * w + ix]);
            let low = p[jy * w + ix] + fx * (p[jy * w + jx] - p[jy * w + ix]);
            top + fy * (low - top)
        };
        (mix(&self.u), mix(&self.v))
    }

    /// The same motion on another grid of the same picture.
    pub fn resized(&self, grid: Grid) -> Self {
        let (sx, sy) = (grid.width as f32 / self.grid.width as f32, grid.height as f32 / self.grid.height as f32);
        let mut out = Self::zero(grid);
        out.u.par_chunks_mut(grid.width).zip(out.v.par_chunks_mut(grid.width)).with_min_len(16).enumerate().for_each(|(y, (us, vs))| {
            let py = (y as f32 + 0.5) / sy - 0.5;
            for x in 0..grid.width {
                let (u, v) = self.sample((x as f32 + 0.5) / sx - 0.5, py);
                us[x] = u * sx;
                vs[x] = v * sy;
            }
        });
        out
    }
}

/// How much work flow may cost.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The patch search.
    pub effort: Effort,
    /// The refinement.
    pub smoothing: Smoothing,
}

impl Settings {
    /// For a take that is looked at.
    pub const FINAL: Self = Self { effort: Effort { stride: 4, steps: 8, passes: 4 }, smoothing: Smoothing::FINAL };
    /// For the fastest idea of a take.
    pub const DRAFT: Self = Self { effort: Effort { stride: 5, steps: 6, passes: 2 }, smoothing: Smoothing::DRAFT };
}

/// A picture's pyramid, finest first, made once and used for the pairs on both of its sides.
pub struct Pyramid {
    levels: Vec<Level>,
}

impl Pyramid {
    /// Halves the plane until its shorter side is below 24 samples: there a patch of 8 still covers less than a third, and any
    /// motion that is left is a few samples long.
    pub fn new(finest: Plane) -> Self {
        let mut levels = vec![Level::new(finest)];
        while let Some(last) = levels.last().map(|l| &l.plane).filter(|p| p.grid().width.min(p.grid().height) >= 24) {
            let next = last.halved();
            levels.push(Level::new(next));
        }
        Self { levels }
    }

    /// The finest level.
    pub fn finest(&self) -> &Plane {
        &self.levels[0].plane
    }

    /// Its grid.
    pub fn grid(&self) -> Grid {
        self.finest().grid()
    }
}

/// The flow from one picture to another of the same size. `hint` is a flow that may already be near, such as that of the pair
/// before; it is tried where it explains the pictures better and costs nothing where it does not.
pub fn flow(from: &Pyramid, to: &Pyramid, hint: Option<&Field>, settings: &Settings) -> Field {
    let mut field: Option<Field> = None;
    for (a, b) in from.levels.iter().zip(&to.levels).rev() {
        let grid = a.plane.grid();
        let start = field.map_or_else(|| Field::zero(grid), |f| f.resized(grid));
        let hint = hint.map(|h| h.resized(grid));
        let guesses: Vec<&Field> = std::iter::once(&start).chain(hint.as_ref()).collect();
        let patches = search::search(a, &b.plane, &guesses, settings.effort);
        let dense = search::densify(&patches, &a.plane, &b.plane);
        field = Some(refine::refine(&a.plane, &b.plane, dense, &settings.smoothing));
    }
    field.unwrap_or_else(|| Field::zero(from.grid()))
}
