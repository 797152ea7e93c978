//! A picture between two pictures.

use std::sync::Arc;

use rayon::prelude::*;
use shot::{Picture, Size};
use wide::f32x8;

use crate::cut::{Likeness, likeness};
use crate::flow::{self, Field, Settings};
use crate::frame::Frame;
use crate::plane::Grid;
use crate::warp::Sampler;

/// Two frames with the motion between them in both directions.
pub struct Pair {
    /// The earlier frame.
    pub a: Arc<Frame>,
    /// The later frame.
    pub b: Arc<Frame>,
    /// From `a` to `b`.
    pub forward: Field,
    /// From `b` to `a`.
    pub backward: Field,
    /// How alike the two are.
    pub likeness: Likeness,
}

/// What stands at one sample of the motion grid at time t: where to read both sides, in grid samples relative to here, and how
/// much each counts. What is missing from 1 is the plain dissolve.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    /// Reading position in the earlier frame, relative.
    pub a: [f32; 2],
    /// Reading position in the later frame, relative.
    pub b: [f32; 2],
    /// Weight of the earlier frame, warped.
    pub wa: f32,
    /// Weight of the later frame, warped.
    pub wb: f32,
}

impl Cell {
    /// The eight numbers that [`render`] reads.
    pub fn to_lanes(self) -> [f32; 8] {
        [self.a[0], self.a[1], self.b[0], self.b[1], self.wa, self.wb, 0.0, 0.0]
    }
}

impl Pair {
    /// Searches the motion in both directions at once. `hints` are flows that may be near: forward, backward.
    pub fn new(a: Arc<Frame>, b: Arc<Frame>, hints: Option<(&Field, &Field)>, settings: &Settings) -> Self {
        let (forward, backward) = rayon::join(
            || flow::flow(&a.pyramid, &b.pyramid, hints.map(|h| h.0), settings),
            || flow::flow(&b.pyramid, &a.pyramid, hints.map(|h| h.1), settings),
        );
        let likeness = likeness(a.pyramid.finest(), b.pyramid.finest(), &forward, &backward);
        Self { a, b, forward, backward, likeness }
    }

    /// The picture at time `t` between the two, 0 to 1.
    pub fn at(&self, t: f32) -> Picture {
        let plan = self.plan(t);
        render(&self.a, &self.b, self.forward.grid, &plan, t)
    }

    fn plan(&self, t: f32) -> Vec<[f32; 8]> {
        let grid = self.forward.grid;
        let mut plan = vec![[0.0; 8]; grid.len()];
        let s = 1.0 - t;
        plan.par_chunks_mut(grid.width).enumerate().for_each(|(y, row)| {
            for (x, cell) in row.iter_mut().enumerate() {
                let i = y * grid.width + x;
                let (f, g) = ([self.forward.u[i], self.forward.v[i]], [self.backward.u[i], self.backward.v[i]]);
                // Jiang et al., CVPR 2018, equation 4.
                let a = std::array::from_fn(|c| -s * t * f[c] + t * t * g[c]);
                let b = std::array::from_fn(|c| s * s * f[c] - s * t * g[c]);
                *cell = Cell { a, b, wa: s, wb: t }.to_lanes();
            }
        });
        plan
    }
}

/// Paints a plan at full size.
pub fn render(a: &Frame, b: &Frame, grid: Grid, plan: &[[f32; 8]], t: f32) -> Picture {
    let size = a.picture.size();
    let (width, height) = (size.width as usize, size.height as usize);
    let (sx, sy) = (width as f32 / grid.width as f32, height as f32 / grid.height as f32);
    let reduction = crate::luma::reduction(width, height) as f32;
    let scale = f32x8::new([reduction, reduction, reduction, reduction, 1.0, 1.0, 1.0, 1.0]);
    let (pa, pb) = (Sampler::new(&a.picture, a.linear), Sampler::new(&b.picture, b.linear));
    let _ = (sx, sy);
    let mut pixels = vec![[0.0_f32; 4]; size.pixels()];
    pixels.par_chunks_mut(width).with_min_len(8).enumerate().for_each_init(
        || vec![[0.0_f32; 8]; grid.width + 1],
        |line, (y, out)| {
            let gy = ((y as f32 + 0.5) / reduction - 0.5).clamp(0.0, (grid.height - 1) as f32);
            let iy = gy as usize;
            let fy = f32x8::splat(gy - iy as f32);
            let (top, low) = (&plan[iy * grid.width..], &plan[(iy + 1).min(grid.height - 1) * grid.width..]);
            for (x, l) in line[..grid.width].iter_mut().enumerate() {
                let (p, q) = (f32x8::new(top[x]), f32x8::new(low[x]));
                *l = ((p + fy * (q - p)) * scale).to_array();
            }
            line[grid.width] = line[grid.width - 1];
            for (x, o) in out.iter_mut().enumerate() {
                let gx = ((x as f32 + 0.5) / reduction - 0.5).clamp(0.0, (grid.width - 1) as f32);
                let ix = gx as usize;
                let (p, q) = (f32x8::new(line[ix]), f32x8::new(line[ix + 1]));
                let [ax, ay, bx, by, wa, wb, ..] = (p + f32x8::splat(gx - ix as f32) * (q - p)).to_array();
                let (px, py) = (x as f32, y as f32);
                let mut sum = pa.cubic(px + ax, py + ay) * wa + pb.cubic(px + bx, py + by) * wb;
                let rest = 1.0 - wa - wb;
                if rest > 1e-4 {
                    sum += (pa.nearest(px, py) * (1.0 - t) + pb.nearest(px, py) * t) * rest;
                }
                *o = sum.to_array();
            }
        },
    );
    Picture::new(Size::new(size.width, size.height), pixels).unwrap_or_else(|_| Picture::filled(size, [0.0; 4]))
}
