//! Figures that tell how pictures compare: how different they look, how sharp, how noisy.
//!
//! Sharpness and noise are of luma (the mean of the channels in code values) and in code values of the picture's own encoding:
//! compare them between pictures of one encoding and size.

use shot::{ColourSpace, Picture};

use crate::difference::{delta_e2000, lab_of};

/// How a seam between two pictures looks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seam {
    /// Mean CIEDE2000 over all pixels.
    pub mean: f64,
    /// The largest mean CIEDE2000 of a block of a sixteenth of the longer side: what an eye catches.
    pub worst_block: f64,
}

/// Compares two pictures of one size and encoding, pixel by pixel; `None` where the sizes differ or there is no pixel. Pixels
/// that are not finite in either are left out.
pub fn seam(one: &Picture, two: &Picture, space: ColourSpace) -> Option<Seam> {
    if one.size() != two.size() || one.pixels().is_empty() {
        return None;
    }
    let (width, height) = (one.width(), one.height());
    let side = width.max(height).div_ceil(16);
    let columns = width.div_ceil(side);
    let mut blocks = vec![(0.0, 0u32); columns * height.div_ceil(side)];
    for (i, (a, b)) in lab_of(one, space).into_iter().zip(lab_of(two, space)).enumerate() {
        let d = delta_e2000(a, b);
        if d.is_finite() {
            let block = &mut blocks[i / width / side * columns + i % width / side];
            *block = (block.0 + d, block.1 + 1);
        }
    }
    let (sum, count) = blocks.iter().fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let worst_block = blocks.iter().filter(|b| b.1 > 0).map(|b| b.0 / f64::from(b.1)).fold(0.0, f64::max);
    Some(Seam { mean: sum / f64::from(count.max(1)), worst_block })
}

/// Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000): it falls when detail is lost. 0 for pictures under 3×3.
pub fn sharpness(picture: &Picture) -> f64 {
    let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
    inner(picture, |p| {
        let v = p[1][0] + p[1][2] + p[0][1] + p[2][1] - 4.0 * p[1][1];
        (sum, squares, n) = (sum + v, squares + v * v, n + 1.0);
    });
    if n > 0.0 { squares / n - (sum / n) * (sum / n) } else { 0.0 }
}

/// Standard deviation of the noise, by Immerkær's mask (Computer Vision and Image Understanding 64, 1996), with the median in
/// place of the mean so that edges do not count as noise. 0 for pictures under 3×3.
pub fn noise(picture: &Picture) -> f64 {
    let mut responses = Vec::new();
    inner(picture, |p| {
        let corners = p[0][0] + p[0][2] + p[2][0] + p[2][2];
        let edges = p[0][1] + p[1][0] + p[1][2] + p[2][1];
        responses.push((corners - 2.0 * edges + 4.0 * p[1][1]).abs());
    });
    if responses.is_empty() {
        return 0.0;
    }
    let middle = responses.len() / 2;
    let (_, median, _) = responses.select_nth_unstable_by(middle, f64::total_cmp);
    // The mask's own gain on white noise is 6; the median of |N(0, 1)| is 0.6745.
    *median / (6.0 * 0.674_489_75)
}

/// Visits the luma of every 3×3 neighbourhood whose values are all finite.
fn inner(picture: &Picture, mut visit: impl FnMut([[f64; 3]; 3])) {
    let luma: Vec<f64> = picture.pixels().iter().map(|p| f64::from(p[0] + p[1] + p[2]) / 3.0).collect();
    let w = picture.width();
    for y in 1..picture.height().saturating_sub(1) {
        for x in 1..w.saturating_sub(1) {
            let around = [0, 1, 2].map(|r| [0, 1, 2].map(|c| luma[(y + r - 1) * w + x + c - 1]));
            if around.iter().flatten().all(|v| v.is_finite()) {
                visit(around);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shot::Size;

    use super::*;

    fn noisy(sigma: f64) -> Picture {
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let size = Size::new(200, 150);
        let pixels = (0..size.pixels())
            .map(|i| {
                let gauss = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
                let v = (0.2 + 0.4 * (i % 200) as f64 / 200.0 + sigma * gauss) as f32;
                [v, v, v, 1.0]
            })
            .collect();
        Picture::new(size, pixels).unwrap()
    }

    #[test]
    fn noise_is_what_was_put_in() {
        for sigma in [0.005, 0.02, 0.05] {
            let found = noise(&noisy(sigma));
            assert!((found / sigma - 1.0).abs() < 0.05, "{sigma} was measured as {found}");
        }
        assert!(noise(&noisy(0.0)) < 1e-6);
    }

    #[test]
    fn a_seam_has_no_size_where_there_is_none_and_its_worst_block_is_found() {
        let one = Picture::filled(Size::new(64, 32), [0.5, 0.5, 0.5, 1.0]);
        assert_eq!(seam(&one, &one, ColourSpace::Srgb).unwrap(), Seam::default());
        let mut two = one.clone();
        (0..4).for_each(|y| two.row_mut(y)[..4].fill([0.6, 0.5, 0.5, 1.0]));
        let found = seam(&one, &two, ColourSpace::Srgb).unwrap();
        assert!(found.worst_block > 5.0 && (found.mean * 128.0 / found.worst_block - 1.0).abs() < 1e-9, "{found:?}");
        assert!(seam(&one, &Picture::filled(Size::new(1, 1), [0.0; 4]), ColourSpace::Srgb).is_none());
    }

    #[test]
    fn a_blur_lowers_sharpness() {
        let sharp = noisy(0.02);
        let mut soft = sharp.clone();
        for y in 0..sharp.height() {
            for x in 1..sharp.width() - 1 {
                let v = (sharp.row(y)[x - 1][0] + sharp.row(y)[x][0] + sharp.row(y)[x + 1][0]) / 3.0;
                soft.row_mut(y)[x] = [v, v, v, 1.0];
            }
        }
        assert!(sharpness(&soft) < 0.6 * sharpness(&sharp));
        assert_eq!(sharpness(&Picture::filled(Size::new(2, 2), [1.0; 4])), 0.0);
    }
}
