//! Group norm over frames: channels in groups, each brought to mean 0 and variance 1 over all pixels of all frames given.

use rayon::prelude::*;

use crate::checkpoint::Weights;
use crate::error::Result;
use crate::ops::activation::sigmoid;
use crate::ops::frame::Frame;
use crate::ops::wide::wide;

/// PyTorch's default, which the upsampler keeps.
const EPSILON: f64 = 1e-5;

/// Weight and bias per channel.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    groups: usize,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl GroupNorm {
    /// From `weight` and `bias`; `groups` divides `channels`.
    pub fn load(weights: &Weights, channels: usize, groups: usize) -> Result<Self> {
        Ok(Self { groups, weight: weights.values("weight", &[channels])?, bias: weights.values("bias", &[channels])? })
    }

    /// Normalises frames of one stream where they lie, adds `skip` if there is one, and applies SiLU.
    pub fn activate(&self, frames: &mut [Frame], skip: Option<&[Frame]>) {
        let channels = self.weight.len();
        let values: usize = frames.iter().map(|f| f.pixels()).sum::<usize>() * channels / self.groups;
        // Sums per channel and frame, then over frames in their order: the same for any number of threads.
        let sums: Vec<Vec<[f64; 2]>> = frames.par_iter().map(|f| channel_sums(&f.data, channels)).collect();
        let group = channels / self.groups;
        let (mut scale, mut shift) = (vec![0.0f32; channels], vec![0.0f32; channels]);
        for g in 0..self.groups {
            let [sum, square] = sums.iter().flat_map(|s| &s[g * group..(g + 1) * group]).fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
            let mean = sum / values as f64;
            let factor = 1.0 / ((square / values as f64 - mean * mean).max(0.0) + EPSILON).sqrt();
            for c in g * group..(g + 1) * group {
                scale[c] = (f64::from(self.weight[c]) * factor) as f32;
                shift[c] = (f64::from(self.bias[c]) - f64::from(self.weight[c]) * factor * mean) as f32;
            }
        }
        frames.par_iter_mut().enumerate().for_each(|(n, frame)| {
            let (skip, row) = (skip.map(|s| &s[n].data[..]), frame.row().max(1));
            frame.data.par_chunks_mut(row).enumerate().for_each(|(y, data)| {
                let skip = skip.map(|s| &s[y * row..][..data.len()]);
                apply(data, skip, &scale, &shift);
            });
        });
    }
}

fn channel_sums(data: &[f32], channels: usize) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0f64; 2]; channels];
    for pixel in data.chunks_exact(channels) {
        for (sum, v) in sums.iter_mut().zip(pixel) {
            let v = f64::from(*v);
            *sum = [sum[0] + v, v.mul_add(v, sum[1])];
        }
    }
    sums
}

fn apply(data: &mut [f32], skip: Option<&[f32]>, scale: &[f32], shift: &[f32]) {
    let channels = scale.len();
    wide(
        #[inline(always)]
        || match skip {
            None => data.chunks_exact_mut(channels).for_each(|pixel| {
                pixel.iter_mut().zip(scale).zip(shift).for_each(|((v, scale), shift)| {
                    let x = v.mul_add(*scale, *shift);
                    *v = x * sigmoid(x);
                });
            }),
            Some(skip) => data.chunks_exact_mut(channels).zip(skip.chunks_exact(channels)).for_each(|(pixel, skip)| {
                pixel.iter_mut().zip(skip).zip(scale).zip(shift).for_each(|(((v, skip), scale), shift)| {
                    let x = v.mul_add(*scale, *shift) + skip;
                    *v = x * sigmoid(x);
                });
            }),
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition() {
        let (channels, groups) = (6, 3);
        let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0;
        let norm = GroupNorm {
            groups,
            weight: (0..channels).map(|i| value(i + 90)).collect(),
            bias: (0..channels).map(|i| value(i + 50)).collect(),
        };
        let frame = |n: usize| Frame::new(2, 3, channels, (0..36).map(|i| value(i + 36 * n)).collect());
        let (input, skip) = ([frame(0), frame(1)], [frame(2), frame(3)]);
        for skip in [None, Some(&skip[..])] {
            let mut got = input.clone();
            norm.activate(&mut got, skip);
            for g in 0..groups {
                let inside = |i: &usize| i % channels / 2 == g;
                let all: Vec<f64> = input.iter().flat_map(|f| (0..36).filter(inside).map(|i| f64::from(f.data[i]))).collect();
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
                for (n, f) in input.iter().enumerate() {
                    for i in (0..36).filter(inside) {
                        let c = i % channels;
                        let x =
                            (f64::from(f.data[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(norm.weight[c]) + f64::from(norm.bias[c]);
                        let x = x + skip.map_or(0.0, |s| f64::from(s[n].data[i]));
                        assert!((f64::from(got[n].data[i]) - x / (1.0 + (-x).exp())).abs() < 1e-6);
                    }
                }
            }
        }
    }
}
