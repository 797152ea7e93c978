//! Convolutions over time and frequency on `[time, bins, channels]`, for spectrograms: positions are gathered tap by tap a block at
//! a time, which with hundreds of channels costs little beside the product.

use rayon::prelude::*;

use crate::checkpoint::matrix::Matrix;
use crate::checkpoint::weights::Weights;
use crate::error::Result;
use crate::ops::conv1d::by_tap;
use crate::ops::gemm::{Target, View, gemm};

/// Values that are gathered at once.
const GATHERED: usize = 1 << 20;

/// A picture of sound: `[time, bins, channels]`.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Positions in time.
    pub time: usize,
    /// Positions in frequency.
    pub bins: usize,
    /// Values at each.
    pub channels: usize,
    /// All of them, channels fastest.
    pub values: Vec<f32>,
}

/// Zeros around a plane.
#[derive(Clone, Copy, Debug)]
pub struct Padding {
    /// Before the first moment and after the last.
    pub time: (usize, usize),
    /// Below the first bin and above the last.
    pub bins: (usize, usize),
}

/// A convolution with square taps.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Matrix,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
    side: usize,
    stride: usize,
    padding: Padding,
}

impl Conv2d {
    /// `weight` `[outputs, inputs, side, side]` (time before frequency) and `bias` of the place. `padding` with `stride` is chosen
    /// by the caller.
    pub fn load(weights: &Weights, (inputs, outputs): (usize, usize), side: usize, stride: usize, padding: Padding) -> Result<Self> {
        let weight = weights.matrix("weight", &[outputs, inputs, side, side])?;
        let bias = weights.values("bias", &[outputs])?;
        Ok(Self { weight, bias, inputs, outputs, side, stride, padding })
    }

    /// # Panics
    /// When the plane has other channels than the layer takes.
    pub fn forward(&self, x: &Plane) -> Plane {
        assert_eq!(x.channels, self.inputs, "a convolution takes as many channels as it was made for");
        let size = |n: usize, (before, after): (usize, usize)| {
            (n + before + after).checked_sub(self.side).map_or(0, |room| room / self.stride + 1)
        };
        let (time, bins) = (size(x.time, self.padding.time), size(x.bins, self.padding.bins));
        let (inputs, outputs, taps) = (self.inputs, self.outputs, self.side * self.side);
        let mut values = vec![0.0; time * bins * outputs];
        if values.is_empty() {
            return Plane { time, bins, channels: outputs, values };
        }
        let weight = by_tap(&self.weight, inputs, taps);
        let block = (GATHERED / (taps * inputs)).clamp(64, 4096);
        values.par_chunks_mut(block * outputs).enumerate().for_each_init(Vec::new, |gathered, (index, out)| {
            let rows = out.len() / outputs;
            gathered.clear();
            for position in index * block..index * block + rows {
                self.gather(x, position / bins, position % bins, gathered);
            }
            out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(&self.bias));
            let (x, w) = (View::rows(gathered, rows, taps * inputs), View::rows(&weight, taps * inputs, outputs));
            gemm(&mut Target::new(out, rows, outputs, outputs), x, w, true);
        });
        Plane { time, bins, channels: outputs, values }
    }

    /// Appends what one position reads.
    fn gather(&self, x: &Plane, time: usize, bin: usize, out: &mut Vec<f32>) {
        let place = |at: usize, tap: usize, before: usize, size: usize| (at * self.stride + tap).checked_sub(before).filter(|p| *p < size);
        for t in 0..self.side {
            let row = place(time, t, self.padding.time.0, x.time);
            for b in 0..self.side {
                match row.zip(place(bin, b, self.padding.bins.0, x.bins)) {
                    Some((row, column)) => out.extend_from_slice(&x.values[(row * x.bins + column) * x.channels..][..x.channels]),
                    None => out.resize(out.len() + x.channels, 0.0),
                }
            }
        }
    }
}
