//! What motion is searched in: one bounded, roughly perceptual channel of the picture, at a size that flow can afford.

use shot::{ColourSpace, Picture};

use crate::plane::{Grid, Plane};

/// Scale of the luma that flow works on: its weights and thresholds are in eighths of a bit of video, as in the papers.
pub const WHITE: f32 = 255.0;

/// Whole-number reduction of a picture before its motion is searched.
///
/// Small pictures keep their size. Half the size of ordinary video is not only cheaper but better than all of it: a patch of 8 covers more, and noise and
/// interlace are averaged (DIS stops at half size or coarser too, its θ_sf). Measured on seven clips of 640 pixels across,
/// flow at half size gave in-betweens 0.05 dB better than at full size, for a third of the time. Larger pictures are brought to
/// about 480 × 270 samples, those beyond 4K to about 640 × 360.
pub fn reduction(width: usize, height: usize) -> usize {
    let pixels = width * height;
    match pixels {
        0..=200_000 => 1,
        200_001..=600_000 => 2,
        600_001..=1_300_000 => 3,
        1_300_001..=3_000_000 => 4,
        3_000_001..=9_500_000 => 6,
        _ => (pixels as f64 / 260_000.0).sqrt().ceil() as usize,
    }
}

/// The grid that motion of a picture of this size is searched on.
pub fn grid_of(width: usize, height: usize) -> Grid {
    let r = reduction(width, height);
    Grid { width: width.div_ceil(r), height: height.div_ceil(r) }
}

/// Monotone and bounded for every float, near the identity for display and log encodings between 0 and 1.
#[inline(always)]
fn bounded(y: f32) -> f32 {
    if (0.0..=1.0).contains(&y) {
        y
    } else if y > 1.0 {
        // Highlights keep an order: 1.25 is never passed.
        1.0 + 0.25 * (1.0 - 1.0 / (1.0 + (y - 1.0)))
    } else if y < 0.0 {
        -0.1 * (1.0 - 1.0 / (1.0 - y))
    } else {
        0.0
    }
}

/// Scene-linear light, compressed so that 18 % grey lies in the middle (Naka and Rushton, 1966: x / (x + σ)).
#[inline(always)]
fn seen(y: f32) -> f32 {
    if y > 0.0 { if y < 1e6 { y / (y + 0.18) } else { 1.0 } } else { bounded(y) }
}

/// The luma of a picture on [`grid_of`] its size: mean over blocks, 0 to about [`WHITE`].
pub fn luma(picture: &Picture, space: ColourSpace) -> Plane {
    let (width, height) = (picture.width(), picture.height());
    let r = reduction(width, height);
    let linear = space.is_linear();
    Plane::from_rows(grid_of(width, height), |gy, out| {
        let rows = gy * r..((gy + 1) * r).min(height);
        out.fill(0.0);
        for y in rows.clone() {
            let row = picture.row(y);
            for (o, block) in out.iter_mut().zip(row.chunks(r)) {
                let mut sum = 0.0;
                for p in block {
                    // Rec.601 weights: motion needs the contrast of reds and blues as well as that of greens.
                    let y = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
                    sum += if linear { seen(y) } else { bounded(y) };
                }
                *o += sum;
            }
        }
        let last = width - (width - 1) / r * r;
        let scale = WHITE / (rows.len() * r) as f32;
        for o in out.iter_mut() {
            *o *= scale;
        }
        if let Some(o) = out.last_mut() {
            *o *= r as f32 / last as f32;
        }
    })
}
