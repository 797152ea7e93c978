//! What two frames both show: spots of one found in the other, whatever was done to the colours between.
//!
//! Patches are compared by the zero-mean normalised cross-correlation of their luma (Lewis, "Fast Normalized
//! Cross-Correlation", 1995), which no gain, lift or contrast changes, coarse to fine: everywhere within a quarter of the
//! picture at a quarter of the working size, then refined. Patches without texture say nothing here; [`crate::estimate`] gives
//! them the motion of their neighbours and lets the colours decide.

use rayon::prelude::*;
use shot::{ColourSpace, Picture};

use crate::curve;
use crate::grade::curve_of;

/// Longest side that frames are compared at, in pixels.
const WORKING: usize = 240;
/// Working pixels between spots.
pub(crate) const SPACING: usize = 6;
/// Half the side of a patch.
const RADIUS: isize = 4;
/// Halvings from the working size to the size of the search.
const LEVELS: usize = 3;

/// A frame at working size.
pub(crate) struct View {
    pub width: usize,
    pub height: usize,
    /// Code values of the match's curve.
    pub code: Vec<[f32; 3]>,
    /// False where a channel was clipped or was not a number.
    pub trusted: Vec<bool>,
    /// Mean of the channels, at working size and halved again and again.
    luma: Vec<Plane>,
}

#[derive(Clone)]
struct Plane {
    width: usize,
    height: usize,
    v: Vec<f32>,
}

/// The size at which a picture of this size is looked at.
pub(crate) fn working_size(picture: &Picture) -> (usize, usize) {
    let (w, h) = (picture.width().max(1), picture.height().max(1));
    let long = w.max(h);
    if long <= WORKING { (w, h) } else { ((w * WORKING / long).max(1), (h * WORKING / long).max(1)) }
}

impl View {
    /// Brings a picture to `width` × `height` by averaging. What is not finite is left out of the average; a pixel more than a
    /// fiftieth of whose area is clipped is not trusted.
    pub(crate) fn new(picture: &Picture, space: ColourSpace, (width, height): (usize, usize)) -> Self {
        let (w, h) = (picture.width(), picture.height());
        let ceiling = clipping(picture, space);
        let rows: Vec<Vec<([f32; 3], bool)>> = (0..height)
            .into_par_iter()
            .map(|gy| {
                let (y0, y1) = range(gy, height, h);
                (0..width)
                    .map(|gx| {
                        let (x0, x1) = range(gx, width, w);
                        let (mut sum, mut n, mut clipped) = ([0.0f32; 3], 0.0f32, 0.0f32);
                        for p in (y0..y1).flat_map(|y| &picture.row(y)[x0..x1]) {
                            if p[..3].iter().all(|v| v.is_finite()) {
                                clipped += f32::from(u8::from((0..3).any(|c| p[c] >= ceiling[c].1 || p[c] <= ceiling[c].0)));
                                (0..3).for_each(|c| sum[c] += p[c]);
                                n += 1.0;
                            }
                        }
                        let all = ((y1 - y0) * (x1 - x0)) as f32;
                        (sum.map(|s| s / n.max(1.0)), n == all && clipped <= 0.02 * n)
                    })
                    .collect()
            })
            .collect();
        let (mut code, trusted): (Vec<[f32; 3]>, Vec<bool>) = rows.into_iter().flatten().unzip();
        if space.is_linear() {
            code.iter_mut().for_each(|p| curve::encode(curve_of(space), p));
        }
        let mut luma = vec![Plane { width, height, v: code.iter().map(|p| (p[0] + p[1] + p[2]) / 3.0).collect() }];
        while luma.len() < LEVELS {
            let half = luma[luma.len() - 1].halved();
            luma.push(half);
        }
        Self { width, height, code, trusted, luma }
    }

    /// Mean of the 3×3 pixels around a spot, and whether all of them are trusted; `None` outside.
    pub(crate) fn at(&self, x: isize, y: isize) -> Option<([f64; 3], bool)> {
        let mut sum = [0.0f32; 3];
        let mut trusted = true;
        let mut n = 0.0;
        let (w, h) = (self.width as isize, self.height as isize);
        if x < 0 || y < 0 || x >= w || y >= h {
            return None;
        }
        for yy in (y - 1).max(0)..=(y + 1).min(h - 1) {
            for xx in (x - 1).max(0)..=(x + 1).min(w - 1) {
                let i = (yy * w + xx) as usize;
                trusted &= self.trusted[i];
                (0..3).for_each(|c| sum[c] += self.code[i][c]);
                n += 1.0;
            }
        }
        Some((sum.map(|s| f64::from(s / n)), trusted))
    }

    /// Standard deviation of all luma.
    fn contrast(&self) -> f32 {
        let v = &self.luma[0].v;
        let n = v.len().max(1) as f32;
        let mean = v.iter().sum::<f32>() / n;
        (v.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n).sqrt()
    }
}

fn range(i: usize, parts: usize, whole: usize) -> (usize, usize) {
    let a = (i * whole / parts).min(whole.saturating_sub(1));
    (a, ((i + 1) * whole / parts).clamp(a + 1, whole.max(a + 1)))
}

/// Below and above which a channel counts as clipped: near 0 and 1 in encodings that end there, and wherever a picture's own
/// extreme value is held by many pixels, as a sensor's or a grade's ceiling is.
fn clipping(picture: &Picture, space: ColourSpace) -> [(f32, f32); 3] {
    let display = matches!(space, ColourSpace::Srgb | ColourSpace::Rec709);
    let (low, high) = if display { (0.002, 0.998) } else { (f32::NEG_INFINITY, f32::INFINITY) };
    [0, 1, 2].map(|c| {
        let values = || picture.pixels().iter().map(|p| p[c]).filter(|v| v.is_finite());
        let (min, max) = values().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let margin = (max - min) * 1e-3;
        let many = picture.pixels().len() / 200 + 16;
        let top = if values().filter(|v| *v >= max - margin).count() > many { max - margin } else { high };
        let bottom = if values().filter(|v| *v <= min + margin).count() > many { min + margin } else { low };
        if max > min { (bottom.max(low), top.min(high)) } else { (low, high) }
    })
}

impl Plane {
    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut v = Vec::with_capacity(width * height);
        for y in 0..height {
            let (y0, y1) = (2 * y, (2 * y + 1).min(self.height - 1));
            for x in 0..width {
                let (x0, x1) = (2 * x, (2 * x + 1).min(self.width - 1));
                let at = |x: usize, y: usize| self.v[y * self.width + x];
                v.push((at(x0, y0) + at(x1, y0) + at(x0, y1) + at(x1, y1)) / 4.0);
            }
        }
        Self { width, height, v }
    }

    /// The patch around a spot with its mean taken off, and its norm; `None` when it reaches over the edge.
    fn patch(&self, x: isize, y: isize) -> Option<([f32; SIDE * SIDE], f32)> {
        if x < RADIUS || y < RADIUS || x + RADIUS >= self.width as isize || y + RADIUS >= self.height as isize {
            return None;
        }
        let mut out = [0.0; SIDE * SIDE];
        for (row, out) in out.chunks_exact_mut(SIDE).enumerate() {
            let start = (y - RADIUS) as usize * self.width + row * self.width + (x - RADIUS) as usize;
            out.copy_from_slice(&self.v[start..start + SIDE]);
        }
        let mean = out.iter().sum::<f32>() / out.len() as f32;
        out.iter_mut().for_each(|v| *v -= mean);
        let norm = out.iter().map(|v| v * v).sum::<f32>().sqrt();
        Some((out, norm))
    }
}

const SIDE: usize = 2 * RADIUS as usize + 1;

fn correlation(a: &([f32; SIDE * SIDE], f32), b: &([f32; SIDE * SIDE], f32)) -> f32 {
    let dot: f32 = a.0.iter().zip(&b.0).map(|(x, y)| x * y).sum();
    dot / (a.1 * b.1).max(1e-9)
}

/// A spot of the clip found in the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// In working pixels of the clip.
    pub x: isize,
    /// In working pixels of the clip.
    pub y: isize,
    /// Where it is in the reference, relative to that.
    pub shift: (isize, isize),
    /// Correlation of the two patches less what any other place reaches beyond chance: 0 … 1.
    pub certainty: f32,
}

/// Spots on a grid of [`SPACING`] that have texture and were found, row by row.
pub(crate) fn find(clip: &View, reference: &View) -> Vec<Found> {
    let texture = (0.06 * clip.contrast()).max(0.004) * SIDE as f32;
    let spots: Vec<(isize, isize)> =
        (0..clip.height).step_by(SPACING).flat_map(|y| (0..clip.width).step_by(SPACING).map(move |x| (x as isize, y as isize))).collect();
    // All patches of the reference at the search's size are wanted by every spot.
    let top = LEVELS - 1;
    let coarse = &reference.luma[top];
    let patches: Vec<_> = (0..coarse.height as isize)
        .flat_map(|y| (0..coarse.width as isize).map(move |x| (x, y)))
        .map(|(x, y)| coarse.patch(x, y))
        .collect();
    spots.into_par_iter().filter_map(|spot| find_one(clip, reference, &patches, spot, texture)).collect()
}

type Patch = Option<([f32; SIDE * SIDE], f32)>;

fn find_one(clip: &View, reference: &View, patches: &[Patch], (x, y): (isize, isize), texture: f32) -> Option<Found> {
    let fine = clip.luma[0].patch(x, y)?;
    if fine.1 < texture {
        return None;
    }
    let top = LEVELS - 1;
    let (cx, cy) = (x >> top, y >> top);
    let patch = clip.luma[top].patch(cx, cy)?;
    if patch.1 < texture {
        return None;
    }
    let plane = &reference.luma[top];
    let reach = (plane.width.max(plane.height) / 4) as isize;
    let mut scores: Vec<(f32, isize, isize)> = Vec::new();
    for yy in (cy - reach).max(0)..=(cy + reach).min(plane.height as isize - 1) {
        for xx in (cx - reach).max(0)..=(cx + reach).min(plane.width as isize - 1) {
            if let Some(p) = &patches[yy as usize * plane.width + xx as usize] {
                scores.push((correlation(&patch, p), xx - cx, yy - cy));
            }
        }
    }
    let best = *scores.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let second = scores.iter().filter(|s| (s.1 - best.1).abs() > 2 || (s.2 - best.2).abs() > 2).max_by(|a, b| a.0.total_cmp(&b.0)).copied();
    let mut found: Option<(f32, (isize, isize))> = None;
    for candidate in [Some(best), second].into_iter().flatten() {
        if let Some(refined) = refine(clip, reference, (x, y), (candidate.1, candidate.2))
            && found.is_none_or(|f| refined.0 > f.0)
        {
            found = Some(refined);
        }
    }
    let (score, shift) = found?;
    let rival = second.map_or(0.0, |s| s.0.min(best.0));
    // A lone peak is certain at its own height; one among equals only as far as it is better.
    let lone = ((best.0 - rival) / 0.1).clamp(0.0, 1.0);
    let certainty = ((score - 0.6) / 0.4).clamp(0.0, 1.0) * (0.25 + 0.75 * lone);
    (certainty > 0.05).then_some(Found { x, y, shift, certainty })
}

/// From the search's size down to the working size, two pixels to each side at every step.
fn refine(clip: &View, reference: &View, (x, y): (isize, isize), coarse: (isize, isize)) -> Option<(f32, (isize, isize))> {
    let mut shift = coarse;
    let mut score = 0.0;
    for level in (0..LEVELS - 1).rev() {
        let patch = clip.luma[level].patch(x >> level, y >> level)?;
        let around = (2 * shift.0, 2 * shift.1);
        let mut best: Option<(f32, (isize, isize))> = None;
        for dy in -2..=2 {
            for dx in -2..=2 {
                let s = (around.0 + dx, around.1 + dy);
                if let Some(p) = reference.luma[level].patch((x >> level) + s.0, (y >> level) + s.1) {
                    let c = correlation(&patch, &p);
                    if best.is_none_or(|b| c > b.0) {
                        best = Some((c, s));
                    }
                }
            }
        }
        (score, shift) = best?;
    }
    Some((score, shift))
}
