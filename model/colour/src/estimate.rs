//! What a clip and its neighbour both show, and the transform between.

use shot::{ColourSpace, Picture};

use crate::curve;
use crate::fit::{self, FLOOR, FOLDS, Kind, Model, Pair};
use crate::grade::{Match, curve_of};

/// Spots per row and column of the grid that colours are compared on.
const GRID: usize = 48;

impl Match {
    /// The transform that carries `clip` to the look of `reference`.
    ///
    /// Both are frames of one or more shots in the encoding `space`, of any size; the more of the same things they show, the
    /// surer the answer. Where the shots already match, or where nothing speaks clearly for a difference, this is exactly the
    /// identity. No frames on either side give the identity.
    pub fn estimate(clip: &[&Picture], reference: &[&Picture], space: ColourSpace) -> Self {
        let mut pairs = Vec::new();
        for (a, b) in clip.iter().zip(reference) {
            pairs.extend(in_place(&small(a, space), &small(b, space)));
        }
        decide(&pairs, space)
    }
}

/// A small picture in code values of the match's curve; `None` where a pixel cannot be trusted.
struct Small {
    pixels: Vec<Option<[f64; 3]>>,
}

fn small(picture: &Picture, space: ColourSpace) -> Small {
    let (w, h) = (picture.width(), picture.height());
    let mut pixels = Vec::with_capacity(GRID * GRID);
    for gy in 0..GRID {
        for gx in 0..GRID {
            let (x0, y0) = (gx * w / GRID, gy * h / GRID);
            let (x1, y1) = (((gx + 1) * w / GRID).max(x0 + 1).min(w), ((gy + 1) * h / GRID).max(y0 + 1).min(h));
            let mut sum = [0.0; 3];
            let mut n = 0.0;
            let mut clipped = 0.0;
            for y in y0..y1 {
                for p in &picture.row(y)[x0..x1] {
                    if p[..3].iter().any(|v| !v.is_finite()) {
                        continue;
                    }
                    if !space.is_linear() && p[..3].iter().any(|v| *v <= 0.002 || *v >= 0.998) {
                        clipped += 1.0;
                    }
                    for c in 0..3 {
                        sum[c] += f64::from(p[c]);
                    }
                    n += 1.0;
                }
            }
            pixels.push((n > 0.0 && clipped < 0.02 * n).then(|| sum.map(|v| v / n)));
        }
    }
    if space.is_linear() {
        for v in pixels.iter_mut().flatten().flatten() {
            let mut plane = [*v as f32];
            curve::encode(curve_of(space), &mut plane);
            *v = f64::from(plane[0]);
        }
    }
    Small { pixels }
}

fn in_place(a: &Small, b: &Small) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (i, (a, b)) in a.pixels.iter().zip(&b.pixels).enumerate() {
        if let (Some(from), Some(to)) = (a, b) {
            let fold = (i % GRID / 6 + i / GRID / 6 * 3) % usize::from(FOLDS);
            pairs.push(Pair { from: *from, to: *to, weight: 1.0, fold: fold as u8 });
        }
    }
    pairs
}

fn decide(pairs: &[Pair], space: ColourSpace) -> Match {
    if pairs.len() < 64 {
        return Match::identity(space);
    }
    let score = |kind: Option<Kind>| -> f64 {
        let mut sum = 0.0;
        for fold in 0..FOLDS {
            let (train, test): (Vec<Pair>, Vec<Pair>) = pairs.iter().partition(|p| p.fold != fold);
            let model = kind.map_or(Model::IDENTITY, |k| fit::fit(k, &train, space, Model::IDENTITY));
            sum += model.residuals(&test, space).iter().map(|r| fit::loss(*r, 3.0 * FLOOR)).sum::<f64>();
        }
        sum / pairs.len() as f64
    };
    let nothing = score(None);
    let mut best = (nothing * 0.9, None);
    for kind in [Kind::Gain, Kind::Affine, Kind::GainAffine] {
        let s = score(Some(kind));
        if s < best.0 * 0.98 {
            best = (s, Some(kind));
        }
    }
    best.1.map_or(Match::identity(space), |k| fit::fit(k, pairs, space, Model::IDENTITY).finish(space))
}
