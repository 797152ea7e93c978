//! A picture between two pictures.

use std::sync::Arc;

use rayon::prelude::*;
use shot::Picture;

use crate::cut::{Likeness, likeness};
use crate::flow::{self, Field, Settings};
use crate::frame::Frame;
use crate::paint::render;
use crate::plane::{Grid, Plane};

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
    /// What either frame says about the motion.
    sides: [Side; 2],
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
    /// Where it stands is not certain: sharpness would only make the error sharper.
    pub soft: bool,
}

impl Cell {
    /// The eight numbers that [`render`] reads.
    pub fn to_lanes(self) -> [f32; 8] {
        [self.a[0], self.a[1], self.b[0], self.b[1], self.wa, self.wb, f32::from(u8::from(!self.soft)), f32::from(u8::from(!self.soft))]
    }
}

/// What stands around a pair in time: how the motion goes on before and after it. It lets motion curve.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// From the pair's earlier frame to the one before it, and how many times as long the pair's own step is.
    pub before: Option<(&'a Field, f32)>,
    /// From the pair's later frame to the one after it, and how many times as long the pair's own step is.
    pub after: Option<(&'a Field, f32)>,
}

impl Pair {
    /// Searches the motion in both directions at once. `hints` are flows that may be near: forward, backward.
    pub fn new(a: Arc<Frame>, b: Arc<Frame>, hints: Option<(&Field, &Field)>, settings: &Settings) -> Self {
        let (forward, backward) = rayon::join(
            || flow::flow(&a.pyramid, &b.pyramid, hints.map(|h| h.0), settings),
            || flow::flow(&b.pyramid, &a.pyramid, hints.map(|h| h.1), settings),
        );
        Self::with_flows(a, b, forward, backward)
    }

    /// A pair whose motion is known.
    pub fn with_flows(a: Arc<Frame>, b: Arc<Frame>, forward: Field, backward: Field) -> Self {
        let (la, lb) = (a.pyramid.finest(), b.pyramid.finest());
        let likeness = likeness(la, lb, &forward, &backward);
        let doubt = doubt(likeness.explained);
        let (from_a, from_b) = rayon::join(|| Side::new(la, lb, &forward, doubt), || Side::new(lb, la, &backward, doubt));
        Self { a, b, forward, backward, likeness, sides: [from_a, from_b] }
    }

    /// The picture at time `t` between the two, 0 to 1.
    pub fn at(&self, t: f32) -> Picture {
        self.between(t, &Bend::default())
    }

    /// The picture at time `t` with motion that curves as the neighbours say.
    pub fn between(&self, t: f32, bend: &Bend) -> Picture {
        let plan = self.plan(t, bend);
        render(&self.a, &self.b, self.forward.grid, &plan, t, sure(self.likeness.explained))
    }

    /// How the motion of this pair curves, from what stands around it.
    pub fn bend(&self, around: Around<'_>) -> Bend {
        let (a, b) = rayon::join(
            || around.before.map(|(f, k)| acceleration(&self.forward, f, k)),
            || around.after.map(|(f, k)| acceleration(&self.backward, f, k)),
        );
        let long = [around.before, around.after].iter().flatten().any(|(_, k)| *k > 1.5);
        Bend { a, b, long }
    }

    /// What stands where at time `t`, for every sample of the motion grid.
    pub fn plan(&self, t: f32, bend: &Bend) -> Vec<[f32; 8]> {
        let grid = self.forward.grid;
        let width = grid.width;
        let s = 1.0 - t;
        let [from_a, from_b] = &self.sides;
        let mut plan = vec![[0.0; 8]; grid.len()];
        plan.par_chunks_mut(width).with_min_len(4).enumerate().for_each(|(y, row)| {
            let py = y as f32;
            for (x, cell) in row.iter_mut().enumerate() {
                let px = x as f32;
                let (here, there) = (from_a.at[y * width + x], from_b.at[y * width + x]);
                // Jiang et al., CVPR 2018, equation 4, as a first guess …
                let (u, v) = (s * here.u - t * there.u, s * here.v - t * there.v);
                // … then what either side says where that vector comes from.
                let one = from_a.at[grid.nearest(px - t * u, py - t * v)];
                let two = from_b.at[grid.nearest(px + s * u, py + s * v)];
                // A vector that was looked up where the guess led, but leads elsewhere, is somebody else's: what it misses by counts
                // beside what it leaves unexplained.
                let (l, n) =
                    (from_a.at[grid.nearest(px - t * one.u, py - t * one.v)], from_b.at[grid.nearest(px - s * two.u, py - s * two.v)]);
                let off1 = (one.u - l.u).powi(2) + (one.v - l.v).powi(2);
                let off2 = (two.u - n.u).powi(2) + (two.v - n.v).powi(2);
                let (e1, e2) = (one.miss + NOISE + STRAY * off1, two.miss + NOISE + STRAY * off2);
                let (w1, w2) = (s * e2 * e2, t * e1 * e1);
                let m = w1 / (w1 + w2);
                let (u, v) = (m * one.u - (1.0 - m) * two.u, m * one.v - (1.0 - m) * two.v);
                let (mut a, mut b) = ([-t * u, -t * v], [s * u, s * v]);
                let (shift, turn) = bend.shift(grid, [px + a[0], py + a[1]], [px + b[0], py + b[1]], t);
                for c in 0..2 {
                    a[c] += shift[c];
                    b[c] += shift[c];
                }
                let trust = s * here.trust + t * there.trust;
                // A dissolve of less than a thirtieth is not seen and costs two more reads.
                let trust = if trust > 0.97 { 1.0 } else { trust };
                // Where nothing moves the dissolve is the same picture, unsoftened by an interpolation.
                let trust = trust * smoothstep((u * u + v * v) * (1.0 / (STILL * STILL)) - 1.0);
                // What lies outside one side is read from the other.
                let (wa, wb) = (s * grid.holds([px + a[0], py + a[1]]), t * grid.holds([px + b[0], py + b[1]]));
                let share = trust / (wa + wb);
                *cell = Cell { a, b, wa: wa * share, wb: wb * share, soft: turn > SHAKY }.to_lanes();
            }
        });
        plan
    }
}

/// Variance of the noise that two matching samples may differ by, in grey levels squared.
const NOISE: f32 = 2.0;
/// What a vector that strays by one grid sample costs, in grey levels squared: a sample's step on an ordinary gradient.
const STRAY: f32 = 4.0;
/// Half the side of the window over which the two sides' vectors are compared, in grid samples.
const CHOICE: usize = 2;
/// Half the side of the window over which it is judged whether motion explains the change, in grid samples.
const WINDOW: usize = 12;

/// How many times less a warp is trusted in a pair of whose change the flow leaves the share `unexplained`. Footage that moves
/// leaves up to three quarters where it moves fast; a dissolve, a flash or fire leave more, and there a warp only tears. Flow fits
/// the two frames better than what lies between them, hence the half more.
fn doubt(unexplained: f32) -> f32 {
    1.5 + 20.0 * smoothstep((unexplained - 0.65) / 0.2) + 1000.0 * smoothstep((unexplained - 0.8) / 0.06)
}

/// How far sharpness is given back in a pair of whose change the flow leaves the share `unexplained`: where that is most of it, as
/// on water, the detail of the frames is not the detail between them.
fn sure(unexplained: f32) -> f32 {
    1.0 - smoothstep((unexplained - 0.33) / 0.14)
}

/// Motion that is no motion, in grid samples.
const STILL: f32 = 0.06;

fn smoothstep(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// What one frame of a pair says about the motion to the other, per sample.
struct Side {
    at: Vec<Word>,
}

/// What a frame says about one sample; together, because they are looked up together.
#[derive(Clone, Copy)]
struct Word {
    u: f32,
    v: f32,
    /// Mean squared difference that the motion leaves around a sample: one sample matches by chance, a neighbourhood seldom does.
    miss: f32,
    /// How much of a made picture shall be warped rather than dissolved: the two predictions' weights in proportion to how well
    /// each explains one frame by the other, which is the least expected squared error where their errors are independent.
    trust: f32,
}

impl Side {
    fn new(from: &Plane, to: &Plane, flow: &Field, doubt: f32) -> Self {
        let grid = from.grid();
        let mut miss = vec![0.0; grid.len()];
        let mut moved = vec![0.0; grid.len()];
        let mut plain = vec![0.0; grid.len()];
        let rows = miss.par_chunks_mut(grid.width).zip(moved.par_chunks_mut(grid.width).zip(plain.par_chunks_mut(grid.width)));
        rows.with_min_len(8).enumerate().for_each(|(y, (miss, (m, p)))| {
            let (here, there) = (from.row(y), to.row(y));
            for x in 0..grid.width {
                let i = y * grid.width + x;
                let (u, v) = (x as f32 + flow.u[i], y as f32 + flow.v[i]);
                let d = here[x] - to.sample(u, v);
                miss[x] = d * d;
                // What leaves the picture is evidence for nothing.
                if u > -1.0 && v > -1.0 && u < grid.width as f32 && v < grid.height as f32 {
                    m[x] = d * d;
                    p[x] = (here[x] - there[x]) * (here[x] - there[x]);
                }
            }
        });
        let (miss, moved, plain) = (boxed(&miss, grid, CHOICE), boxed(&moved, grid, WINDOW), boxed(&plain, grid, WINDOW));
        let word = |i: usize| Word {
            u: flow.u[i],
            v: flow.v[i],
            miss: miss[i],
            trust: (plain[i] + 1.0) / (plain[i] + 1.0 + doubt * (moved[i] + 1.0)),
        };
        Self { at: (0..grid.len()).into_par_iter().with_min_len(4096).map(word).collect() }
    }
}

/// How a pair's motion curves: second differences of position on the grids of both frames, in grid samples per step², as far as
/// they are believed (x, y), and how large they were before that.
#[derive(Clone, Debug, Default)]
pub struct Bend {
    a: Option<Vec<[f32; 3]>>,
    b: Option<Vec<[f32; 3]>>,
    /// The pair's own step is longer than those around it, which then tell the velocity at its ends.
    long: bool,
}

impl Bend {
    /// How far the path through a point at time `t` lies off the straight line: the cubic through four positions in time
    /// (Lagrange), in a long step the cubic through two positions and two velocities (Hermite), and the parabola where only one
    /// side is known.
    #[inline(always)]
    fn shift(&self, grid: Grid, a: [f32; 2], b: [f32; 2], t: f32) -> ([f32; 2], f32) {
        let at = |m: &Vec<[f32; 3]>, p: [f32; 2]| {
            let x = (p[0].max(0.0) + 0.5) as usize;
            let y = (p[1].max(0.0) + 0.5) as usize;
            m[y.min(grid.height - 1) * grid.width + x.min(grid.width - 1)]
        };
        let (ka, kb) = match (&self.a, &self.b) {
            (None, None) => return ([0.0; 2], 0.0),
            (Some(_), Some(_)) if self.long => (2.0 * (1.0 - t), 2.0 * t),
            (Some(_), Some(_)) => ((2.0 - t) / 3.0, (1.0 + t) / 3.0),
            _ if self.long => (2.0 * ONE_SIDED, 2.0 * ONE_SIDED),
            _ => (ONE_SIDED, ONE_SIDED),
        };
        let mut shift = [0.0; 2];
        let mut turn = 0.0_f32;
        for (m, p, k) in [(&self.a, a, ka), (&self.b, b, kb)] {
            if let Some(m) = m {
                let v = at(m, p);
                shift[0] += k * v[0];
                shift[1] += k * v[1];
                turn = turn.max(v[2]);
            }
        }
        let curve = 0.5 * t * (1.0 - t);
        ([curve * shift[0], curve * shift[1]], curve * turn)
    }
}

/// A path that may lie this far off the straight line, in grid samples, is not certain to a pixel.
const SHAKY: f32 = 1.0;
/// A parabola fitted to one side alone is trusted this much.
const ONE_SIDED: f32 = 0.4;
/// Accelerations up to this share of the motion are believed, twice that are not: what seems to turn that fast is a mismatch.
const TURN: f32 = 0.7;
/// Half the side of the window over which accelerations are averaged, in grid samples.
const CALM: usize = 4;

/// Second difference of position: `own` leads away from a frame in the pair's direction, `other` in the opposite one, over a
/// step that is `1 / ratio` as long. In a long step it is how much further than its velocity a sample comes.
fn acceleration(own: &Field, other: &Field, ratio: f32) -> Vec<[f32; 3]> {
    let grid = own.grid;
    let n = grid.len();
    let (mut x, mut y, mut raw) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        let (u, v) = (own.u[i], own.v[i]);
        let (p, q) = (other.u[i] * ratio, other.v[i] * ratio);
        let (ax, ay) = (u + p, v + q);
        let motion = (u * u + v * v).min(p * p + q * q).sqrt();
        let believed = (2.0 - (ax * ax + ay * ay).sqrt() / (TURN * motion + 0.01)).clamp(0.0, 1.0);
        x[i] = ax * believed;
        y[i] = ay * believed;
        raw[i] = (ax * ax + ay * ay).sqrt();
    }
    let (x, y, raw) = (boxed(&x, grid, CALM), boxed(&y, grid, CALM), boxed(&raw, grid, CALM));
    x.into_iter().zip(y).zip(raw).map(|((x, y), r)| [x, y, r]).collect()
}

/// Mean over a square window, held at the edges: two passes of running sums.
fn boxed(values: &[f32], grid: Grid, radius: usize) -> Vec<f32> {
    let (w, h) = (grid.width, grid.height);
    let r = radius as isize;
    let side = (2 * radius + 1) as f32;
    let mut across = vec![0.0; w * h];
    across.par_chunks_mut(w).with_min_len(16).zip(values.par_chunks(w)).for_each(|(out, row)| {
        let at = |x: isize| row[x.clamp(0, w as isize - 1) as usize];
        let mut sum: f32 = (-r..=r).map(at).sum();
        for (x, o) in out.iter_mut().enumerate() {
            *o = sum / side;
            sum += at(x as isize + r + 1) - at(x as isize - r);
        }
    });
    let line = |y: isize| {
        let y = y.clamp(0, h as isize - 1) as usize;
        &across[y * w..(y + 1) * w]
    };
    let mut out = vec![0.0; w * h];
    // Bands of fixed height, so that sums are formed in the same order whatever the number of threads.
    out.par_chunks_mut(w * BAND).enumerate().for_each(|(band, rows)| {
        let top = (band * BAND) as isize;
        let mut sums = vec![0.0_f32; w];
        for y in top - r..=top + r {
            sums.iter_mut().zip(line(y)).for_each(|(s, v)| *s += v);
        }
        for (k, row) in rows.chunks_mut(w).enumerate() {
            let y = top + k as isize;
            let (come, go) = (line(y + r + 1), line(y - r));
            for (((o, s), c), g) in row.iter_mut().zip(&mut sums).zip(come).zip(go) {
                *o = *s / side;
                *s += c - g;
            }
        }
    });
    out
}

/// Rows that one running sum walks down.
const BAND: usize = 64;
