//! Where a picture has detail: there a cubic is worth its sixteen taps, elsewhere four do.

use rayon::prelude::*;
use shot::Picture;
use wide::f32x4;

/// Side of a block as a power of two: 4 pixels.
const SHIFT: usize = 2;
/// Second differences below this, absolute and relative to the value, are left to the linear interpolation. Both interpolations
/// then differ by at most an eighth of it along each axis: less than a code value of 8-bit video.
const VISIBLE: f32 = 7.0 / 255.0;

/// One flag per block of pixels.
#[derive(Clone, Debug)]
pub struct Detail {
    width: usize,
    flags: Vec<bool>,
}

impl Detail {
    /// Looks at every pixel once; a block also answers for the pixels next to it.
    pub fn new(picture: &Picture) -> Self {
        let (w, h) = (picture.width(), picture.height());
        let width = w.div_ceil(1 << SHIFT);
        let mut flags = vec![false; width * h.div_ceil(1 << SHIFT)];
        flags.par_chunks_mut(width).with_min_len(8).enumerate().for_each(|(by, out)| {
            let top = (by << SHIFT).saturating_sub(1);
            let bottom = (((by + 1) << SHIFT) + 1).min(h);
            for y in top..bottom {
                let (up, here, down) = (picture.row(y.saturating_sub(1)), picture.row(y), picture.row((y + 1).min(h - 1)));
                for x in 0..w {
                    let blocks = (x.saturating_sub(1) >> SHIFT, ((x + 1) >> SHIFT).min(width - 1));
                    if out[blocks.0] && out[blocks.1] {
                        continue;
                    }
                    let c = f32x4::new(here[x]);
                    let twice = c + c;
                    let across = f32x4::new(here[x.saturating_sub(1)]) + f32x4::new(here[(x + 1).min(w - 1)]) - twice;
                    let along = f32x4::new(up[x]) + f32x4::new(down[x]) - twice;
                    let limit = f32x4::splat(VISIBLE) * c.abs().fast_max(f32x4::splat(0.25));
                    let over = (across.abs().fast_max(along.abs()) - limit).to_array();
                    if over.iter().any(|v| *v > 0.0) {
                        out[blocks.0] = true;
                        out[blocks.1] = true;
                    }
                }
            }
        });
        Self { width, flags }
    }

    /// Whether there is detail around pixel (x, y).
    #[inline(always)]
    pub fn at(&self, x: usize, y: usize) -> bool {
        self.flags[(y >> SHIFT) * self.width + (x >> SHIFT)]
    }
}
