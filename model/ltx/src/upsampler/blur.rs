//! Every second (third, fourth) pixel of a softened picture: the second half of a rational scale.

use rayon::prelude::*;

use crate::checkpoint::Weights;
use crate::error::Result;
use crate::ops::frame::Frame;

/// Rows and columns of the kernel.
const SIZE: usize = 5;

/// A 5×5 kernel, the same for all channels, and the step.
#[derive(Clone, Debug)]
pub struct Blur {
    kernel: Vec<f32>,
    step: usize,
}

impl Blur {
    /// With the kernel that the file holds; where it holds none, the binomial one (1, 4, 6, 4, 1 in both directions) that the
    /// reference is built with.
    pub fn load(weights: &Weights, step: usize) -> Result<Self> {
        let kernel = match weights.has("kernel") {
            true => weights.values("kernel", &[1, 1, SIZE, SIZE])?,
            false => {
                let row = [1.0f32, 4.0, 6.0, 4.0, 1.0];
                row.iter().flat_map(|a| row.iter().map(move |b| a * b / 256.0)).collect()
            }
        };
        Ok(Self { kernel, step })
    }

    /// Zeros around the picture count as pixels.
    pub fn apply(&self, frame: &Frame) -> Frame {
        let (height, width, channels) = (frame.height.div_ceil(self.step), frame.width.div_ceil(self.step), frame.channels);
        let mut out = Frame::zeros(height, width, channels);
        let half = SIZE / 2;
        out.data.par_chunks_mut((width * channels).max(1)).enumerate().for_each(|(y, out)| {
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                for (tap, weight) in self.kernel.iter().enumerate() {
                    let (row, column) = (y * self.step + tap / SIZE, x * self.step + tap % SIZE);
                    if row < half || column < half || row - half >= frame.height || column - half >= frame.width {
                        continue;
                    }
                    let pixel = &frame.data[((row - half) * frame.width + column - half) * channels..][..channels];
                    out.iter_mut().zip(pixel).for_each(|(o, p)| *o += weight * p);
                }
            }
        });
        out
    }
}
