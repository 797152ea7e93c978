//! Whole pictures from one encoding to another.

use rayon::prelude::*;
use shot::ColourSpace;

use crate::curve;
use crate::fast::wide;
use crate::gamut::{self, Matrix};

/// Pixels that are worked on at a time: three planes of it stay in the first-level cache.
const BLOCK: usize = 256;
/// Pixels per parallel piece.
const PIECE: usize = 64 * BLOCK;

/// Turns pixels from one encoding into another, in place: decoded to light, brought to the other primaries, encoded.
///
/// Pixels are RGBA with premultiplied alpha. Where alpha lies between 0 and 1 the colour is divided by it first and multiplied
/// after; pixels of alpha 0 stay as they are, so that nothing stays nothing in encodings whose black is not 0. Values below 0
/// and above 1 are carried through. What is not a number stays none, in its own pixel only. Large slices are spread over
/// rayon's current pool; the result does not depend on it.
pub fn convert(pixels: &mut [[f32; 4]], from: ColourSpace, to: ColourSpace) {
    if from != to {
        convert_blocks(pixels, &Steps { decode: Some(from), matrix: narrow(&gamut::between(from, to)), encode: Some(to) });
    }
}

/// Code values to light in the space's own primaries, in place; alpha as in [`convert`]. Light is scene-linear, for display
/// encodings relative to reference white (for PQ and HLG 100 cd/m²; HLG as a 1000 cd/m² display shows it).
pub fn decode(pixels: &mut [[f32; 4]], space: ColourSpace) {
    convert_blocks(pixels, &Steps { decode: Some(space), matrix: None, encode: None });
}

/// Light in the space's own primaries to code values, in place: the inverse of [`decode`].
pub fn encode(pixels: &mut [[f32; 4]], space: ColourSpace) {
    convert_blocks(pixels, &Steps { decode: None, matrix: None, encode: Some(space) });
}

struct Steps {
    decode: Option<ColourSpace>,
    matrix: Option<[[f32; 3]; 3]>,
    encode: Option<ColourSpace>,
}

fn narrow(m: &Matrix) -> Option<[[f32; 3]; 3]> {
    (*m != gamut::IDENTITY).then(|| m.map(|row| row.map(|v| v as f32)))
}

fn convert_blocks(pixels: &mut [[f32; 4]], steps: &Steps) {
    by_blocks(
        pixels,
        #[inline(always)]
        |planes| run(planes, steps),
    );
}

/// Runs `work` on the planes of one block of pixels after the other, spread over rayon's current pool and compiled for the
/// machine's widest vectors: mark it and what it calls `#[inline(always)]`.
#[inline(always)]
pub(crate) fn by_blocks(pixels: &mut [[f32; 4]], work: impl Fn([&mut [f32]; 3]) + Sync) {
    pixels.par_chunks_mut(PIECE).for_each(|piece| {
        wide(
            #[inline(always)]
            || {
                for block in piece.chunks_mut(BLOCK) {
                    in_planes(
                        block,
                        #[inline(always)]
                        |planes| work(planes),
                    );
                }
            },
        );
    });
}

#[inline(always)]
fn run(planes: [&mut [f32]; 3], steps: &Steps) {
    let [r, g, b] = planes;
    if let Some(space) = steps.decode {
        for plane in [&mut *r, &mut *g, &mut *b] {
            curve::decode(space, plane);
        }
        if space == ColourSpace::Hlg {
            display_of_hlg(r, g, b);
        }
    }
    if let Some(m) = &steps.matrix {
        for ((r, g), b) in r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut()) {
            let v = [*r, *g, *b];
            let [x, y, z] = m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
            (*r, *g, *b) = (x, y, z);
        }
    }
    if let Some(space) = steps.encode {
        if space == ColourSpace::Hlg {
            scene_of_hlg(r, g, b);
        }
        for plane in [r, g, b] {
            curve::encode(space, plane);
        }
    }
}

/// Runs a function on the planes of at most [`BLOCK`] pixels, with alpha divided out around it.
#[inline(always)]
fn in_planes(block: &mut [[f32; 4]], work: impl FnOnce([&mut [f32]; 3])) {
    let (mut r, mut g, mut b) = ([0.0f32; BLOCK], [0.0f32; BLOCK], [0.0f32; BLOCK]);
    let n = block.len().min(BLOCK);
    let see_through = block.iter().any(|p| p[3] >= 0.0 && p[3] < 1.0);
    for (i, p) in block.iter().enumerate().take(n) {
        let scale = if see_through && p[3] > 0.0 && p[3] < 1.0 { 1.0 / p[3] } else { 1.0 };
        (r[i], g[i], b[i]) = (p[0] * scale, p[1] * scale, p[2] * scale);
    }
    work([&mut r[..n], &mut g[..n], &mut b[..n]]);
    for (i, p) in block.iter_mut().enumerate().take(n) {
        if see_through && p[3] == 0.0 {
            continue;
        }
        let scale = if see_through && p[3] > 0.0 && p[3] < 1.0 { p[3] } else { 1.0 };
        (p[0], p[1], p[2]) = (r[i] * scale, g[i] * scale, b[i] * scale);
    }
}

/// BT.2100 HLG's system gamma for a display of 1000 cd/m².
const SYSTEM_GAMMA: f32 = 1.2;
/// That display's peak, in units of 100 cd/m².
const PEAK: f32 = 10.0;
/// OpenColorIO's floor under the luminance, in its scale where scene light runs to 3: below it the gamma is a constant factor,
/// which keeps its slope finite at black.
const LUMINANCE_FLOOR: f32 = 1e-4;

#[inline(always)]
fn luminance(r: f32, g: f32, b: f32) -> f32 {
    (0.2627 * r + 0.6780 * g + 0.0593 * b).abs()
}

/// BT.2100 table 5, OOTF: scene light 0 to 1 becomes display light, 1 = 100 cd/m².
#[inline(always)]
fn display_of_hlg(r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
    let floor = LUMINANCE_FLOOR.powf(1.0 / SYSTEM_GAMMA) / 3.0;
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let y = luminance(*r, *g, *b).max(floor);
        let factor = PEAK * crate::fast::pow(y, SYSTEM_GAMMA - 1.0);
        (*r, *g, *b) = (*r * factor, *g * factor, *b * factor);
    }
}

/// The inverse of [`display_of_hlg`].
#[inline(always)]
fn scene_of_hlg(r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
    // OpenColorIO floors 3^1.2 times the light relative to the peak.
    let floor = LUMINANCE_FLOOR / 3.0f32.powf(SYSTEM_GAMMA);
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let v = [*r / PEAK, *g / PEAK, *b / PEAK];
        let y = luminance(v[0], v[1], v[2]).max(floor);
        let factor = crate::fast::pow(y, 1.0 / SYSTEM_GAMMA - 1.0);
        (*r, *g, *b) = (v[0] * factor, v[1] * factor, v[2] * factor);
    }
}
