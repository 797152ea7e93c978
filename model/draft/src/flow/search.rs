//! Inverse-compositional patch search: for every patch of one picture, where it stands in the other.
//!
//! T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast Optical Flow using Dense Inverse Search", ECCV 2016, sections 2.1 and
//! 2.2; the inverse-compositional step is Baker and Matthews, IJCV 2004. Two things differ from the paper. Every patch starts
//! from the best of several guesses (the coarser level, none, the flow of the pair before), because one wrong coarse vector
//! otherwise misleads everything below it. And patches learn from their neighbours in a second pass that reads only results
//! of the first, so that any number of threads gives the same bytes.

use rayon::prelude::*;
use wide::f32x8;

use super::Field;
use crate::plane::{BORDER, Grid, Plane, load8};

/// Side of a patch in samples (the paper's θ_ps of its operating points 1 to 3).
pub const PATCH: usize = 8;

/// How hard to search.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Samples from patch to patch.
    pub stride: usize,
    /// Most Gauss–Newton steps for a patch.
    pub steps: usize,
    /// Passes in which patches try their neighbours' results.
    pub passes: usize,
}

/// The vectors of all patches of one level.
pub struct Patches {
    /// Patches in a row and rows of patches.
    pub count: Grid,
    /// Samples from patch to patch; the last ones of a row or column are moved inside.
    pub stride: usize,
    found: Vec<Found>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    u: f32,
    v: f32,
    cost: f32,
}

/// A picture with its gradients.
pub struct Level {
    /// The samples.
    pub plane: Plane,
    dx: Plane,
    dy: Plane,
}

impl Level {
    /// Computes the gradients.
    pub fn new(plane: Plane) -> Self {
        let (dx, dy) = plane.gradients();
        Self { plane, dx, dy }
    }
}

struct Patch {
    x: f32,
    y: f32,
    template: [f32x8; PATCH],
    gx: [f32x8; PATCH],
    gy: [f32x8; PATCH],
    sum_gx: f32,
    sum_gy: f32,
    inverse: Option<[f32; 3]>,
}

const N: f32 = (PATCH * PATCH) as f32;

impl Patch {
    fn new(level: &Level, x: usize, y: usize) -> Self {
        let take = |p: &Plane| -> [f32x8; PATCH] { std::array::from_fn(|k| load8(p.wide_row((y + k) as isize), x + BORDER)) };
        let (template, gx, gy) = (take(&level.plane), take(&level.dx), take(&level.dy));
        let zero = f32x8::splat(0.0);
        let (mut sx, mut sy, mut xx, mut xy, mut yy) = (zero, zero, zero, zero, zero);
        for k in 0..PATCH {
            sx += gx[k];
            sy += gy[k];
            xx += gx[k] * gx[k];
            xy += gx[k] * gy[k];
            yy += gy[k] * gy[k];
        }
        let (sum_gx, sum_gy) = (sx.reduce_add(), sy.reduce_add());
        // Patches are compared after taking off their means (section 2.1 of the paper), so the Hessian loses its mean too.
        let a = xx.reduce_add() - sum_gx * sum_gx / N;
        let b = xy.reduce_add() - sum_gx * sum_gy / N;
        let c = yy.reduce_add() - sum_gy * sum_gy / N;
        // A quarter grey level of noise per sample: below it a gradient says nothing about where the patch went.
        let noise = 0.0625 * N;
        let (a, c) = (a + noise, c + noise);
        let det = a * c - b * b;
        let inverse = (det > 1e-3 && a + c > 4.0 * noise).then(|| [c / det, -b / det, a / det]);
        Self { x: x as f32, y: y as f32, template, gx, gy, sum_gx, sum_gy, inverse }
    }

    /// Sum of squared differences without the means at displacement (u, v), and the right-hand side of the Gauss–Newton step.
    #[inline(always)]
    fn compare(&self, to: &Plane, u: f32, v: f32) -> (f32, f32, f32) {
        let (raw, stride) = to.raw();
        let reach = (BORDER - 2) as f32;
        let x = (self.x + u).clamp(-reach, to.grid().width as f32 + reach - (PATCH + 1) as f32) + BORDER as f32;
        let y = (self.y + v).clamp(-reach, to.grid().height as f32 + reach - (PATCH + 1) as f32) + BORDER as f32;
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (f32x8::splat(x - ix as f32), f32x8::splat(y - iy as f32));
        let line = |k: usize| {
            let start = (iy + k) * stride + ix;
            let s = &raw[start..start + PATCH + 1];
            let (l, r) = (load8(s, 0), load8(s, 1));
            l + fx * (r - l)
        };
        let zero = f32x8::splat(0.0);
        let (mut sum, mut square, mut bx, mut by) = (zero, zero, zero, zero);
        let mut above = line(0);
        for k in 0..PATCH {
            let below = line(k + 1);
            let d = above + fy * (below - above) - self.template[k];
            sum += d;
            square += d * d;
            bx += d * self.gx[k];
            by += d * self.gy[k];
            above = below;
        }
        let sum = sum.reduce_add();
        let mean = sum / N;
        (square.reduce_add() - sum * mean, bx.reduce_add() - mean * self.sum_gx, by.reduce_add() - mean * self.sum_gy)
    }

    fn descend(&self, to: &Plane, start: Found, steps: usize) -> Found {
        let Some([a, b, c]) = self.inverse else { return start };
        let (mut best, mut u, mut v) = (start, start.u, start.v);
        let (_, mut bx, mut by) = self.compare(to, u, v);
        for _ in 0..steps {
            let (du, dv) = (a * bx + b * by, b * bx + c * by);
            u -= du;
            v -= dv;
            // A patch that wandered further than its own size has lost what it looked for (section 2.2 of the paper).
            if (u - start.u).abs().max((v - start.v).abs()) > PATCH as f32 {
                break;
            }
            let (cost, nx, ny) = self.compare(to, u, v);
            (bx, by) = (nx, ny);
            if cost >= best.cost {
                break;
            }
            best = Found { u, v, cost };
            if du * du + dv * dv < 0.0004 {
                break;
            }
        }
        best
    }
}

fn origins(length: usize, stride: usize) -> usize {
    length.saturating_sub(PATCH).div_ceil(stride) + 1
}

fn origin(index: usize, length: usize, stride: usize) -> usize {
    (index * stride).min(length.saturating_sub(PATCH))
}

/// Finds every patch of `from` in `to`, starting from the best of the guesses; all fields have the level's grid.
pub fn search(from: &Level, to: &Plane, guesses: &[&Field], effort: Effort) -> Patches {
    let grid = from.plane.grid();
    let stride = effort.stride;
    let count = Grid { width: origins(grid.width, stride), height: origins(grid.height, stride) };
    let patch = |i: usize, j: usize| Patch::new(from, origin(i, grid.width, stride), origin(j, grid.height, stride));
    let mut found = vec![Found { u: 0.0, v: 0.0, cost: 0.0 }; count.len()];
    found.par_chunks_mut(count.width).enumerate().for_each(|(j, row)| {
        for (i, f) in row.iter_mut().enumerate() {
            let p = patch(i, j);
            let centre = (p.y as usize + PATCH / 2).min(grid.height - 1) * grid.width + (p.x as usize + PATCH / 2).min(grid.width - 1);
            let mut best = Found { u: 0.0, v: 0.0, cost: p.compare(to, 0.0, 0.0).0 };
            for g in guesses {
                let (u, v) = (g.u[centre], g.v[centre]);
                let cost = p.compare(to, u, v).0;
                // The first guess is the coarser level's and has seen more of the picture: nothing replaces it for a trifle.
                if cost < best.cost || (std::ptr::eq(*g, guesses[0]) && cost < 1.1 * best.cost + N) {
                    best = Found { u, v, cost };
                }
            }
            *f = p.descend(to, best, effort.steps);
        }
    });
    for _ in 0..effort.passes {
        let before = found.clone();
        found.par_chunks_mut(count.width).enumerate().for_each(|(j, row)| {
            for (i, f) in row.iter_mut().enumerate() {
                let own = *f;
                let around = [(i.wrapping_sub(1), j), (i + 1, j), (i, j.wrapping_sub(1)), (i, j + 1)];
                let mut p = None;
                let mut best = own;
                for (a, b) in around {
                    if a >= count.width || b >= count.height {
                        continue;
                    }
                    let n = before[b * count.width + a];
                    if (n.u - own.u).abs().max((n.v - own.v).abs()) < 0.5 {
                        continue;
                    }
                    let cost = p.get_or_insert_with(|| patch(i, j)).compare(to, n.u, n.v).0;
                    if cost < best.cost {
                        best = Found { cost, ..n };
                    }
                }
                if let Some(p) = p.filter(|_| best.cost < own.cost) {
                    *f = p.descend(to, best, effort.steps);
                }
            }
        });
    }
    Patches { count, stride, found }
}

/// Spreads the patches' vectors over all samples: the mean of the patches that cover a sample, each weighing by how well it
/// explains that very sample (equation 3 of the paper).
pub fn densify(patches: &Patches, from: &Plane, to: &Plane) -> Field {
    let grid = from.grid();
    let (stride, width) = (patches.stride, grid.width);
    let (raw, pitch) = to.raw();
    let reach = (BORDER - 2) as f32;
    let mut field = Field::zero(grid);
    let rows = 4 * stride;
    field.u.par_chunks_mut(rows * width).zip(field.v.par_chunks_mut(rows * width)).enumerate().for_each(|(chunk, (us, vs))| {
        let top = chunk * rows;
        let bottom = top + us.len() / width;
        let padded = width + PATCH;
        let mut sums = vec![0.0_f32; 3 * padded * (bottom - top)];
        for j in 0..patches.count.height {
            let y0 = origin(j, grid.height, stride);
            if y0 + PATCH <= top || y0 >= bottom {
                continue;
            }
            for i in 0..patches.count.width {
                let x0 = origin(i, width, stride);
                let Found { u, v, .. } = patches.found[j * patches.count.width + i];
                let x = (x0 as f32 + u).clamp(-reach, width as f32 + reach - (PATCH + 1) as f32) + BORDER as f32;
                let y = (y0 as f32 + v).clamp(-reach, grid.height as f32 + reach - (PATCH + 1) as f32) + BORDER as f32;
                let (ix, iy) = (x as usize, y as usize);
                let (fx, fy) = (f32x8::splat(x - ix as f32), f32x8::splat(y - iy as f32));
                for k in top.max(y0)..bottom.min(y0 + PATCH) {
                    let start = (iy + k - y0) * pitch + ix;
                    let (s, t) = (&raw[start..start + PATCH + 1], &raw[start + pitch..start + pitch + PATCH + 1]);
                    let (a, b) = (load8(s, 0), load8(t, 0));
                    let (a, b) = (a + fx * (load8(s, 1) - a), b + fx * (load8(t, 1) - b));
                    let d = a + fy * (b - a) - load8(from.wide_row(k as isize), x0 + BORDER);
                    let w = f32x8::splat(1.0) / d.abs().max(f32x8::splat(1.0));
                    let at = 3 * padded * (k - top) + x0;
                    for (n, part) in [w, w * f32x8::splat(u), w * f32x8::splat(v)].into_iter().enumerate() {
                        let s = &mut sums[at + n * padded..at + n * padded + PATCH];
                        let sum = load8(s, 0) + part;
                        s.copy_from_slice(&sum.to_array());
                    }
                }
            }
        }
        for (y, (u, v)) in us.chunks_mut(width).zip(vs.chunks_mut(width)).enumerate() {
            let line = &sums[3 * padded * y..3 * padded * (y + 1)];
            for x in 0..width {
                let w = 1.0 / line[x].max(1e-9);
                u[x] = line[padded + x] * w;
                v[x] = line[2 * padded + x] * w;
            }
        }
    });
    field
}
