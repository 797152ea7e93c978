//! From latents to colours without the decoder: the linear map that comes nearest to what the decoder makes of them, for looks at a
//! shot while it is made.

use candle_core::Tensor;
use shot::{Picture, Size};

use super::canvas::resample;
use super::look::Look;
use super::plan::CELL;
use crate::error::Result;
use crate::ops::slices;

/// Pixels of a preview to a latent, each way.
const PIXELS: u32 = 8;

/// What keeps the fit from following noise where there are fewer latents than numbers to find, as a part of the latents' own power.
const RIDGE: f64 = 1e-2;

/// Colours as weighted sums of a latent's channels.
#[derive(Clone, Debug)]
pub struct Projection {
    /// For each of red, green and blue: a weight of every channel, then the colour of no latent.
    weights: [Vec<f64>; 3],
}

impl Projection {
    /// From a latent frame `[1, rows, columns, channels]` and its picture `[1, height, width, 3]` of −1…1, by least squares over the
    /// means of the cells.
    pub fn fit(latent: &Tensor, picture: &Tensor) -> Result<Self> {
        let (_, rows, columns, channels) = latent.dims4()?;
        let means = cells(picture, rows, columns)?;
        let n = channels + 1;
        // Normal equations, with the three right sides beside them.
        let mut equations = vec![vec![0.0; n + 3]; n];
        slices::with(latent, |values| {
            for (latent, mean) in values.chunks_exact(channels).zip(&means) {
                let row: Vec<f64> = latent.iter().map(|v| f64::from(*v)).chain([1.0]).collect();
                for (i, equation) in equations.iter_mut().enumerate() {
                    row.iter().enumerate().for_each(|(j, v)| equation[j] += row[i] * v);
                    mean.iter().enumerate().for_each(|(c, v)| equation[n + c] += row[i] * v);
                }
            }
        })?;
        let power = (0..channels).map(|i| equations[i][i]).sum::<f64>() / channels.max(1) as f64;
        equations.iter_mut().enumerate().take(channels).for_each(|(i, e)| e[i] += RIDGE * power + 1e-9);
        equations[channels][channels] += 1e-9;
        solve(&mut equations);
        Ok(Self { weights: [0, 1, 2].map(|c| equations.iter().map(|e| e[n + c]).collect()) })
    }

    /// A latent frame `[1, rows, columns, channels]` as a small picture; `look` says what the model's values mean and in which space
    /// the picture is to be.
    pub fn show(&self, latent: &Tensor, look: Look) -> Result<Picture> {
        let (_, rows, columns, channels) = latent.dims4()?;
        let colour = |latent: &[f32], weights: &Vec<f64>| {
            let sum: f64 = latent.iter().zip(weights).map(|(v, w)| f64::from(*v) * w).sum();
            ((sum + weights.get(channels).copied().unwrap_or(0.0)) as f32 * 0.5 + 0.5).clamp(0.0, 1.0)
        };
        let mut pixels: Vec<[f32; 4]> = slices::with(latent, |values| {
            let pixel = |latent: &[f32]| {
                [colour(latent, &self.weights[0]), colour(latent, &self.weights[1]), colour(latent, &self.weights[2]), 1.0]
            };
            values.chunks_exact(channels).map(pixel).collect()
        })?;
        look.leave(&mut pixels);
        let (small, size) = (Size::new(columns as u32, rows as u32), Size::new(columns as u32 * PIXELS, rows as u32 * PIXELS));
        Ok(Picture::new(size, resample(&pixels, small, size))?)
    }
}

/// The mean colour of every cell of a picture.
fn cells(picture: &Tensor, rows: usize, columns: usize) -> Result<Vec<[f64; 3]>> {
    let (_, height, width, _) = picture.dims4()?;
    let cell = (height / rows.max(1)).min(width / columns.max(1)).clamp(1, CELL as usize);
    slices::with(picture, |values| {
        let mean = |row: usize, column: usize| {
            let mut sum = [0.0; 3];
            for y in row * cell..(row + 1) * cell {
                for x in column * cell..(column + 1) * cell {
                    (0..3).for_each(|c| sum[c] += f64::from(values[(y * width + x) * 3 + c]));
                }
            }
            sum.map(|s| s / (cell * cell) as f64)
        };
        (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(row, column)| mean(row, column)).collect()
    })
}

/// Gauss and Jordan's elimination with the largest pivot of each column; the matrix becomes the identity, what stands beside it the
/// solutions.
fn solve(equations: &mut [Vec<f64>]) {
    let n = equations.len();
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| equations[*a][i].abs().total_cmp(&equations[*b][i].abs())).unwrap_or(i);
        equations.swap(i, pivot);
        let divisor = equations[i][i];
        if divisor == 0.0 {
            continue;
        }
        equations[i].iter_mut().for_each(|v| *v /= divisor);
        let row = equations[i].clone();
        for (j, equation) in equations.iter_mut().enumerate() {
            let factor = equation[i];
            if j != i && factor != 0.0 {
                equation.iter_mut().zip(&row).for_each(|(v, r)| *v -= factor * r);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sampling::noise::{Noise, Purpose};
    use shot::ColourSpace;

    #[test]
    fn colours_that_are_a_linear_map_of_the_latents_are_found_again() {
        let (rows, columns, channels) = (12, 20, 9);
        let latent = Noise::new(3).grid(Purpose::Pixels, [1, rows, columns], channels).unwrap();
        let latent = latent.reshape((1, rows, columns, channels)).unwrap();
        let values: Vec<f32> = latent.flatten_all().unwrap().to_vec1().unwrap();
        let colour = |i: usize, c: usize| 0.1 * values[i * channels + c] - 0.05 * values[i * channels + 8] + 0.2;
        let (height, width) = (rows * 32, columns * 32);
        let picture: Vec<f32> = (0..height * width * 3).map(|k| colour(k / 3 / width / 32 * columns + k / 3 % width / 32, k % 3)).collect();
        let picture = slices::tensor(picture, (1, height, width, 3)).unwrap();
        let projection = Projection::fit(&latent, &picture).unwrap();
        let shown = projection.show(&latent, Look::display(ColourSpace::Rec709)).unwrap();
        assert_eq!(shown.size(), Size::new(160, 96));
        // The ridge takes one hundredth of it.
        for (c, weights) in projection.weights.iter().enumerate() {
            assert!((weights[c] - 0.1).abs() < 0.002 && (weights[9] - 0.2).abs() < 0.002, "{weights:?}");
        }
    }

    #[test]
    fn fewer_latents_than_channels_give_finite_colours() {
        let latent = Noise::new(4).grid(Purpose::Pixels, [1, 1, 2], 64).unwrap().reshape((1, 1, 2, 64)).unwrap();
        let picture = slices::tensor(vec![0.5; 32 * 64 * 3], (1, 32, 64, 3)).unwrap();
        let shown = Projection::fit(&latent, &picture).unwrap().show(&latent, Look::display(ColourSpace::Rec709)).unwrap();
        assert!(shown.pixels().iter().flatten().all(|v| v.is_finite()));
    }
}
