//! Robust fitting of a match to pairs of colours, some of which are not the same thing.

use shot::ColourSpace;

use crate::curve;
use crate::gamut::IDENTITY;
use crate::grade::{Match, curve_of};

/// The colour of one spot in both shots, in code values of the match's curve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// In the clip.
    pub from: [f64; 3],
    /// In the reference.
    pub to: [f64; 3],
    /// How likely the two are the same spot, and how many others tell the same, in one number.
    pub weight: f64,
    /// Which held-out part it belongs to, 0 … [`FOLDS`] − 1: spots near each other share one.
    pub fold: u8,
}

/// Parts for cross-validation.
pub(crate) const FOLDS: u8 = 4;

/// Families of transform, from the fewest numbers to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One gain on light for all channels: an iris, a shutter, a lamp.
    Exposure,
    /// One lift on code values for all channels: flare, and exposure where the curve is a logarithm.
    Lift,
    /// A gain on light per channel: exposure and white balance.
    Gain,
    /// An affine map of code values: lift, contrast, saturation, tint.
    Affine,
    /// Both.
    GainAffine,
}

/// Below this distance two code values are the same: one step of 8 bits.
pub(crate) const FLOOR: f64 = 1.0 / 255.0;

/// Geman-McClure: rises like a square and levels off at 1, so that a wrong pair counts once and pulls not at all.
pub(crate) fn loss(residual: f64, scale: f64) -> f64 {
    let q = (residual / scale).powi(2);
    q / (1.0 + q)
}

pub(crate) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// A match in the making: the same two steps, on code values in double precision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub gain: [f64; 3],
    pub matrix: [[f64; 3]; 3],
    pub offset: [f64; 3],
}

impl Model {
    pub(crate) const IDENTITY: Self = Self { gain: [1.0; 3], matrix: IDENTITY, offset: [0.0; 3] };

    pub(crate) fn finish(self, space: ColourSpace) -> Match {
        Match { space, gain: self.gain, matrix: self.matrix, offset: self.offset }
    }

    /// Only the affine step.
    fn affine(&self, x: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|i| self.matrix[i][0] * x[0] + self.matrix[i][1] * x[1] + self.matrix[i][2] * x[2] + self.offset[i])
    }

    /// Codes of all pairs' clip side after the whole model.
    pub(crate) fn predict(&self, pairs: &[Pair], space: ColourSpace) -> Vec<[f64; 3]> {
        gained(pairs, self.gain, space).into_iter().map(|x| self.affine(x)).collect()
    }

    /// The pairs with this model taken off their reference side. For models of exposure only: the matrix is left out.
    pub(crate) fn undone(&self, pairs: &[Pair], space: ColourSpace) -> Vec<Pair> {
        let lowered: Vec<Pair> = pairs.iter().map(|p| Pair { from: [0, 1, 2].map(|c| p.to[c] - self.offset[c]), ..*p }).collect();
        let codes = gained(&lowered, self.gain.map(f64::recip), space);
        pairs.iter().zip(codes).map(|(p, to)| Pair { to, ..*p }).collect()
    }

    pub(crate) fn residuals(&self, pairs: &[Pair], space: ColourSpace) -> Vec<f64> {
        self.predict(pairs, space).into_iter().zip(pairs).map(|(x, p)| distance(x, p.to)).collect()
    }
}

fn gained(pairs: &[Pair], gain: [f64; 3], space: ColourSpace) -> Vec<[f64; 3]> {
    let mut out: Vec<[f64; 3]> = pairs.iter().map(|p| p.from).collect();
    let curve = curve_of(space);
    for c in 0..3 {
        if gain[c] == 1.0 {
            continue;
        }
        let mut plane: Vec<f32> = pairs.iter().map(|p| p.from[c] as f32).collect();
        curve::decode(curve, &mut plane);
        plane.iter_mut().for_each(|v| *v *= gain[c] as f32);
        curve::encode(curve, &mut plane);
        for (o, v) in out.iter_mut().zip(plane) {
            o[c] = f64::from(v);
        }
    }
    out
}

/// Weighted median; 0 for nothing.
pub(crate) fn median(values: &[f64], weights: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<(f64, f64)> = values.iter().copied().zip(weights).filter(|(v, w)| v.is_finite() && *w > 0.0).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sorted.iter().map(|s| s.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    for (v, w) in &sorted {
        sum += w;
        if sum >= half {
            return *v;
        }
    }
    0.0
}

/// Fits one family, by iteratively reweighted least squares from a wide scale to a narrow one (graduated non-convexity: Black
/// and Rangarajan, IJCV 1996). `start` is where the search begins.
pub(crate) fn fit(kind: Kind, pairs: &[Pair], space: ColourSpace, start: Model) -> Model {
    let mut model = start;
    let mut scale = f64::INFINITY;
    for round in 0..24 {
        let residuals = model.residuals(pairs, space);
        let typical = 1.5 * median(&residuals, pairs.iter().map(|p| p.weight));
        scale = typical.max(FLOOR).min(if round == 0 { 0.25 } else { scale * 0.8 }).max(FLOOR);
        let weights: Vec<f64> = residuals.iter().zip(pairs).map(|(r, p)| p.weight / (1.0 + (r / scale).powi(2)).powi(2)).collect();
        let next = step(kind, pairs, &weights, space, model, scale);
        if !next.finish(space).is_sound() {
            return model;
        }
        let moved =
            next.predict(pairs, space).into_iter().zip(model.predict(pairs, space)).map(|(a, b)| distance(a, b)).fold(0.0, f64::max);
        model = next;
        if moved < 1e-5 {
            break;
        }
    }
    model
}

fn step(kind: Kind, pairs: &[Pair], weights: &[f64], space: ColourSpace, model: Model, scale: f64) -> Model {
    let gain = match kind {
        Kind::Affine | Kind::Lift => [1.0; 3],
        Kind::Gain | Kind::GainAffine => gains(pairs, weights, space, &model, false),
        Kind::Exposure => gains(pairs, weights, space, &model, true),
    };
    let mut next = Model { gain, matrix: IDENTITY, offset: [0.0; 3] };
    match kind {
        Kind::Exposure | Kind::Gain => {}
        Kind::Lift => next.offset = lift(pairs, weights),
        Kind::Affine | Kind::GainAffine => affine(pairs, &gained(pairs, gain, space), weights, scale, &mut next),
    }
    next
}

/// One Gauss-Newton step on the logarithm of the gain, of each channel or of all together.
fn gains(pairs: &[Pair], weights: &[f64], space: ColourSpace, model: &Model, together: bool) -> [f64; 3] {
    const H: f64 = 0.01;
    let now = gained(pairs, model.gain, space);
    let more = gained(pairs, model.gain.map(|g| g * H.exp()), space);
    let mut sums = [(0.0, 1e-9); 3];
    for (k, p) in pairs.iter().enumerate() {
        for (c, (top, bottom)) in sums.iter_mut().enumerate() {
            let slope = (more[k][c] - now[k][c]) / H;
            *top += weights[k] * slope * (p.to[c] - now[k][c]);
            *bottom += weights[k] * slope * slope;
        }
    }
    if together {
        sums = [sums.iter().fold((0.0, 0.0), |a, s| (a.0 + s.0, a.1 + s.1)); 3];
    }
    [0, 1, 2].map(|c| model.gain[c] * (sums[c].0 / sums[c].1).clamp(-0.7, 0.7).exp())
}

/// The mean step that all channels share.
fn lift(pairs: &[Pair], weights: &[f64]) -> [f64; 3] {
    let (mut sum, mut total) = (0.0, 1e-9);
    for (p, w) in pairs.iter().zip(weights) {
        sum += w * (0..3).map(|c| p.to[c] - p.from[c]).sum::<f64>();
        total += 3.0 * w;
    }
    [sum / total; 3]
}

/// Weighted least squares for matrix and offset together, drawn toward the identity as a Gaussian prior of 0.5 on the matrix and
/// of 0.25 on the offset would: it only matters where the colours at hand do not span the space.
fn affine(pairs: &[Pair], x: &[[f64; 3]], weights: &[f64], scale: f64, model: &mut Model) {
    let mut normal = [[0.0; 4]; 4];
    let mut right = [[0.0; 4]; 3];
    for ((p, x), w) in pairs.iter().zip(x).zip(weights) {
        let v = [x[0], x[1], x[2], 1.0];
        for i in 0..4 {
            for j in 0..4 {
                normal[i][j] += w * v[i] * v[j];
            }
            for c in 0..3 {
                right[c][i] += w * v[i] * (p.to[c] - x[c]);
            }
        }
    }
    let ridge = scale * scale;
    for (i, row) in normal.iter_mut().enumerate() {
        row[i] += ridge / if i < 3 { 0.25 } else { 0.0625 };
    }
    for c in 0..3 {
        let Some(d) = solve(normal, right[c]) else { return };
        for j in 0..3 {
            model.matrix[c][j] = IDENTITY[c][j] + d[j];
        }
        model.offset[c] = d[3];
    }
}

/// Gaussian elimination with pivoting; `None` for a singular system.
pub(crate) fn solve<const N: usize>(mut m: [[f64; N]; N], mut y: [f64; N]) -> Option<[f64; N]> {
    for k in 0..N {
        let pivot = (k..N).max_by(|&a, &b| m[a][k].abs().total_cmp(&m[b][k].abs()))?;
        if m[pivot][k].abs() < 1e-14 {
            return None;
        }
        m.swap(k, pivot);
        y.swap(k, pivot);
        for i in k + 1..N {
            let f = m[i][k] / m[k][k];
            let above = m[k];
            m[i].iter_mut().zip(above).skip(k).for_each(|(a, b)| *a -= f * b);
            y[i] -= f * y[k];
        }
    }
    for k in (0..N).rev() {
        let known: f64 = (k + 1..N).map(|j| m[k][j] * y[j]).sum();
        y[k] = (y[k] - known) / m[k][k];
    }
    y.iter().all(|v| v.is_finite()).then_some(y)
}

/// Levenberg-Marquardt with a numeric Jacobian, for a handful of parameters.
pub(crate) fn levenberg<const N: usize>(
    start: [f64; N],
    cost: impl Fn(&[f64; N]) -> f64,
    residuals: impl Fn(&[f64; N]) -> Vec<f64>,
) -> [f64; N] {
    let (mut best, mut damping) = (start, 1e-3);
    let mut best_cost = cost(&best);
    for _ in 0..60 {
        let r = residuals(&best);
        let columns: Vec<Vec<f64>> = (0..N)
            .map(|i| {
                let mut p = best;
                p[i] += 1e-5;
                residuals(&p).iter().zip(&r).map(|(a, b)| (a - b) / 1e-5).collect()
            })
            .collect();
        let mut normal = [[0.0; N]; N];
        let mut right = [0.0; N];
        for i in 0..N {
            for j in 0..N {
                normal[i][j] = columns[i].iter().zip(&columns[j]).map(|(a, b)| a * b).sum();
            }
            right[i] = -columns[i].iter().zip(&r).map(|(a, b)| a * b).sum::<f64>();
        }
        let mut improved = false;
        for _ in 0..8 {
            let mut damped = normal;
            for (i, row) in damped.iter_mut().enumerate() {
                row[i] += damping * (row[i] + 1e-6);
            }
            if let Some(d) = solve(damped, right) {
                let mut p = best;
                p.iter_mut().zip(d).for_each(|(p, d)| *p += d);
                let c = cost(&p);
                if c < best_cost {
                    improved = best_cost - c > 1e-9 * best_cost;
                    (best, best_cost, damping) = (p, c, (damping / 5.0f64).max(1e-9));
                    break;
                }
            }
            damping *= 4.0;
        }
        if !improved {
            break;
        }
    }
    best
}
