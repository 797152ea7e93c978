//! Variational refinement: the flow that explains brightness and gradients best while it stays smooth except at edges.
//!
//! The energy is that of section 2.4 of Kroeger et al. (ECCV 2016), after Brox, Bruhn, Papenberg and Weickert (ECCV 2004):
//! δ·Ψ(brightness) + γ·Ψ(gradient) + α·Ψ(smoothness), Ψ(s²) = √(s² + ε²), data terms normalised by their gradients
//! (Zimmer, Bruhn, Weickert, IJCV 2011). It is solved by red-black over-relaxation: samples of one colour of the chessboard see only the
//! other colour, so rows can be worked on at once and the result does not depend on the number of threads. Both colours are
//! stored apart to let one vector register hold eight samples of one colour.

use rayon::prelude::*;
use wide::f32x8;

use super::Field;
use crate::plane::{Grid, Plane, load8};

/// Weights and iteration counts.
#[derive(Clone, Copy, Debug)]
pub struct Smoothing {
    /// Smoothness α.
    pub alpha: f32,
    /// Brightness δ.
    pub delta: f32,
    /// Gradient γ.
    pub gamma: f32,
    /// How often the robust weights are computed again.
    pub rounds: usize,
    /// Relaxation sweeps for each.
    pub sweeps: usize,
}

impl Smoothing {
    /// The paper's weights (its section 3).
    pub const FINAL: Self = Self { alpha: 10.0, delta: 5.0, gamma: 10.0, rounds: 3, sweeps: 5 };
    /// Less work.
    pub const DRAFT: Self = Self { rounds: 2, sweeps: 3, ..Self::FINAL };
}

/// Over-relaxation factor (the value that DIS uses).
const OMEGA: f32 = 1.6;
/// ε² of Ψ.
const EPSILON2: f32 = 1e-6;
/// ζ² of the normalisation: gradients below a third of a grey level do not count.
const ZETA2: f32 = 0.1;

/// Free samples before and after every half row.
const PAD: usize = 8;

#[derive(Clone, Copy)]
struct Half {
    /// Samples of one colour in a row, padding included.
    stride: usize,
    /// Blocks of eight samples in a row.
    blocks: usize,
}

impl Half {
    fn new(grid: Grid) -> Self {
        let blocks = grid.width.div_ceil(2).div_ceil(8);
        Self { stride: 8 * blocks + 2 * PAD, blocks }
    }
}

/// Order of the coefficients in a row.
const I11: usize = 0;
const I12: usize = 1;
const I22: usize = 2;
const B1: usize = 3;
const B2: usize = 4;
const RIGHT: usize = 5;
const DOWN: usize = 6;
const KINDS: usize = 7;

/// Refines `field`, the flow from `from` to `to`; all of one grid.
pub fn refine(from: &Plane, to: &Plane, field: Field, how: &Smoothing) -> Field {
    let grid = from.grid();
    if how.rounds == 0 {
        return field;
    }
    let half = Half::new(grid);
    let warped = Plane::from_rows(grid, |y, out| {
        let (u, v) = (&field.u[y * grid.width..], &field.v[y * grid.width..]);
        for (x, o) in out.iter_mut().enumerate() {
            *o = to.sample(x as f32 + u[x], y as f32 + v[x]);
        }
    });
    let mean = Plane::from_rows(grid, |y, out| {
        for ((o, a), b) in out.iter_mut().zip(from.row(y)).zip(warped.row(y)) {
            *o = 0.5 * (a + b);
        }
    });
    let change = Plane::from_rows(grid, |y, out| {
        for ((o, a), b) in out.iter_mut().zip(from.row(y)).zip(warped.row(y)) {
            *o = b - a;
        }
    });
    let (dx, dy) = mean.gradients();
    let start = (plane_of(grid, &field.u), plane_of(grid, &field.v));
    let mut now = (start.0.clone(), start.1.clone());
    let mut red = pack(&now, half, 0);
    let mut black = pack(&now, half, 1);
    // Rows above the first and below the last hold zero weights, so that no row is a special case.
    let mut weights = vec![0.0; 2 * KINDS * half.stride * (grid.height + 2)];
    for _ in 0..how.rounds {
        let images = Images { dx: &dx, dy: &dy, change: &change, start: &start, now: &now };
        let row = 2 * KINDS * half.stride;
        weights[row..row * (grid.height + 1)].par_chunks_mut(row).with_min_len(8).enumerate().for_each_init(
            || vec![0.0; KINDS * (grid.width + 8) + 2 * (grid.width + 16)],
            |natural, (y, out)| images.row(y, how, natural, out, half),
        );
        divide(&mut weights, half, grid);
        for _ in 0..how.sweeps {
            relax(&mut red, &black, &weights, half, 0);
            relax(&mut black, &red, &weights, half, 1);
        }
        now = (unpack(grid, &red, &black, half, 0), unpack(grid, &red, &black, half, 1));
    }
    let mut out = field;
    for y in 0..grid.height {
        out.u[y * grid.width..(y + 1) * grid.width].copy_from_slice(now.0.row(y));
        out.v[y * grid.width..(y + 1) * grid.width].copy_from_slice(now.1.row(y));
    }
    out
}

fn plane_of(grid: Grid, values: &[f32]) -> Plane {
    Plane::from_rows(grid, |y, out| out.copy_from_slice(&values[y * grid.width..(y + 1) * grid.width]))
}

/// Column of the first sample of a colour in a row.
const fn first(y: usize, colour: usize) -> usize {
    (y + colour) & 1
}

fn pack(uv: &(Plane, Plane), half: Half, colour: usize) -> Vec<f32> {
    let h = uv.0.grid().height;
    let mut out = vec![0.0; 2 * half.stride * (h + 2)];
    for y in 0..h {
        let row = &mut out[2 * half.stride * (y + 1)..2 * half.stride * (y + 2)];
        for (part, plane) in row.chunks_mut(half.stride).zip([&uv.0, &uv.1]) {
            for (o, s) in part[PAD..].iter_mut().zip(plane.row(y).iter().skip(first(y, colour)).step_by(2)) {
                *o = *s;
            }
        }
    }
    out
}

fn unpack(grid: Grid, red: &[f32], black: &[f32], half: Half, which: usize) -> Plane {
    Plane::from_rows(grid, |y, out| {
        let at = 2 * half.stride * (y + 1) + which * half.stride + PAD;
        for (colour, part) in [red, black].into_iter().enumerate() {
            for (o, s) in out.iter_mut().skip(first(y, colour)).step_by(2).zip(&part[at..]) {
                *o = *s;
            }
        }
    })
}

struct Images<'a> {
    dx: &'a Plane,
    dy: &'a Plane,
    change: &'a Plane,
    start: &'a (Plane, Plane),
    now: &'a (Plane, Plane),
}

impl Images<'_> {
    /// The equations of one row: data terms (A and b) in the places of the inverse, and the weights of the links to the right
    /// and downward.
    fn row(&self, y: usize, how: &Smoothing, natural: &mut [f32], out: &mut [f32], half: Half) {
        let grid = self.dx.grid();
        let padded = grid.width + 8;
        let s = f32x8::splat;
        let yi = y as isize;
        let rows = |p: &'_ Plane| -> (usize, usize, usize) { (p.at(0, yi - 1), p.at(0, yi), p.at(0, yi + 1)) };
        let (up, mid, down) = rows(self.dx);
        let (dx, dy, dz) = (self.dx.raw().0, self.dy.raw().0, self.change.raw().0);
        let (u0, v0) = (self.start.0.raw().0, self.start.1.raw().0);
        let (u, v) = (self.now.0.raw().0, self.now.1.raw().0);
        let difference = |p: &[f32], a: usize, b: usize| s(0.5) * (load8(p, b) - load8(p, a));
        let mut x = 0;
        while x < grid.width {
            let (i, j, k) = (up + x, mid + x, down + x);
            let (ix, iy, iz) = (load8(dx, j), load8(dy, j), load8(dz, j));
            let (ixx, ixy, iyy) = (difference(dx, j - 1, j + 1), difference(dx, i, k), difference(dy, i, k));
            let (ixz, iyz) = (difference(dz, j - 1, j + 1), difference(dz, i, k));
            let (ub, vb, un, vn) = (load8(u0, j), load8(v0, j), load8(u, j), load8(v, j));
            let (du, dv) = (un - ub, vn - vb);
            let norm = s(1.0) / (ix * ix + iy * iy + s(ZETA2));
            let r = iz + ix * du + iy * dv;
            let w = s(how.delta) * norm / (r * r * norm + s(EPSILON2)).sqrt();
            let (mut a11, mut a12, mut a22) = (w * ix * ix, w * ix * iy, w * iy * iy);
            let (mut b1, mut b2) = (w * iz * ix, w * iz * iy);
            let (n1, n2) = (s(1.0) / (ixx * ixx + ixy * ixy + s(ZETA2)), s(1.0) / (ixy * ixy + iyy * iyy + s(ZETA2)));
            let (r1, r2) = (ixz + ixx * du + ixy * dv, iyz + ixy * du + iyy * dv);
            let w = s(how.gamma) / (r1 * r1 * n1 + r2 * r2 * n2 + s(EPSILON2)).sqrt();
            let (w1, w2) = (w * n1, w * n2);
            a11 += w1 * ixx * ixx + w2 * ixy * ixy;
            a12 += w1 * ixx * ixy + w2 * ixy * iyy;
            a22 += w1 * ixy * ixy + w2 * iyy * iyy;
            b1 += w1 * ixz * ixx + w2 * iyz * ixy;
            b2 += w1 * ixz * ixy + w2 * iyz * iyy;
            // The unknown is the whole flow, not its change: b = −(…) + A·start.
            b1 = a11 * ub + a12 * vb - b1;
            b2 = a12 * ub + a22 * vb - b2;
            let (ux, uy) = (load8(u, j + 1) - un, load8(u, k) - un);
            let (vx, vy) = (load8(v, j + 1) - vn, load8(v, k) - vn);
            let smooth = s(how.alpha) / (ux * ux + uy * uy + vx * vx + vy * vy + s(EPSILON2)).sqrt();
            for (n, value) in [a11, a12, a22, b1, b2, smooth].into_iter().enumerate() {
                natural[n * padded + x..n * padded + x + 8].copy_from_slice(&value.to_array());
            }
            x += 8;
        }
        let last_row = y + 1 == grid.height;
        for colour in 0..2 {
            let skip = first(y, colour);
            let part = &mut out[colour * KINDS * half.stride..(colour + 1) * KINDS * half.stride];
            for (n, row) in part.chunks_mut(half.stride).enumerate() {
                let source = &natural[n.min(RIGHT) * padded..n.min(RIGHT) * padded + grid.width];
                for (o, v) in row[PAD..].iter_mut().zip(source.iter().skip(skip).step_by(2)) {
                    *o = *v;
                }
            }
            // No link leads out of the picture.
            if first(grid.width - 1, 0) == skip {
                part[RIGHT * half.stride + PAD + (grid.width - 1) / 2] = 0.0;
            }
            if last_row {
                part[DOWN * half.stride..][..half.stride].fill(0.0);
            }
        }
    }
}

/// Index of the sample to the left of sample `i` of a colour in row `y`, in the other colour's half row.
const fn left(y: usize, colour: usize) -> usize {
    1 - first(y, colour)
}

/// Turns each sample's A and the sum of its links into the inverse of its 2×2 system, once for all sweeps.
fn divide(weights: &mut [f32], half: Half, grid: Grid) {
    let (stride, row) = (half.stride, 2 * KINDS * half.stride);
    let links: Vec<f32> = weights.to_vec();
    weights[row..row * (grid.height + 1)].par_chunks_mut(row).with_min_len(8).enumerate().for_each(|(y, out)| {
        for colour in 0..2 {
            let own = colour * KINDS * stride;
            let other = (1 - colour) * KINDS * stride;
            let here = &links[row * (y + 1)..row * (y + 2)];
            let above = &links[row * y..row * (y + 1)];
            for b in 0..half.blocks {
                let i = PAD + 8 * b;
                let total = load8(here, own + RIGHT * stride + i)
                    + load8(here, own + DOWN * stride + i)
                    + load8(here, other + RIGHT * stride + i - left(y, colour))
                    + load8(above, other + DOWN * stride + i);
                let a11 = load8(here, own + I11 * stride + i) + total;
                let a12 = load8(here, own + I12 * stride + i);
                let a22 = load8(here, own + I22 * stride + i) + total;
                let inverse = f32x8::splat(1.0) / (a11 * a22 - a12 * a12).max(f32x8::splat(1e-20));
                for (n, value) in [a22 * inverse, -a12 * inverse, a11 * inverse].into_iter().enumerate() {
                    out[own + n * stride + i..own + n * stride + i + 8].copy_from_slice(&value.to_array());
                }
            }
        }
    });
}

/// One sweep over the samples of one colour.
fn relax(own: &mut [f32], other: &[f32], weights: &[f32], half: Half, colour: usize) {
    let stride = half.stride;
    let height = own.len() / (2 * stride) - 2;
    let row = 2 * KINDS * stride;
    let (mine, theirs) = (colour * KINDS * stride, (1 - colour) * KINDS * stride);
    own[2 * stride..2 * stride * (height + 1)].par_chunks_mut(2 * stride).with_min_len(16).enumerate().for_each(|(y, uv)| {
        let here = &weights[row * (y + 1)..row * (y + 2)];
        let above = &weights[row * y..row * (y + 1)];
        let part = |y: usize| &other[2 * stride * y..2 * stride * (y + 1)];
        let (up, mid, down) = (part(y), part(y + 1), part(y + 2));
        let (us, vs) = uv.split_at_mut(stride);
        let back = left(y, colour);
        for b in 0..half.blocks {
            let i = PAD + 8 * b;
            let (l, r) = (i - back, i + 1 - back);
            let wl = load8(here, theirs + RIGHT * stride + l);
            let wr = load8(here, mine + RIGHT * stride + i);
            let wu = load8(above, theirs + DOWN * stride + i);
            let wd = load8(here, mine + DOWN * stride + i);
            let sum = |o: usize, b: usize| {
                load8(here, mine + b * stride + i)
                    + wl * load8(mid, o + l)
                    + wr * load8(mid, o + r)
                    + wu * load8(up, o + i)
                    + wd * load8(down, o + i)
            };
            let (su, sv) = (sum(0, B1), sum(stride, B2));
            let (i11, i12, i22) =
                (load8(here, mine + I11 * stride + i), load8(here, mine + I12 * stride + i), load8(here, mine + I22 * stride + i));
            let (u, v) = (load8(us, i), load8(vs, i));
            let omega = f32x8::splat(OMEGA);
            us[i..i + 8].copy_from_slice(&(u + omega * (i11 * su + i12 * sv - u)).to_array());
            vs[i..i + 8].copy_from_slice(&(v + omega * (i12 * su + i22 * sv - v)).to_array());
        }
    });
}
