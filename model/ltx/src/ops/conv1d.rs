//! Convolutions along time on `[time, channels]`: matrix products over rows that overlap, so no row is ever copied per tap.
//!
//! Weights stay in the mapped file and are laid out for the products while a layer runs: one layer's worth of memory, and what is
//! used once a shot is not kept twice.

use rayon::prelude::*;

use crate::checkpoint::matrix::Matrix;
use crate::checkpoint::weights::Weights;
use crate::error::Result;
use crate::ops::gemm::{Grid, Target, View, gemm};

/// Positions that are computed together. With the columns below it makes a task: large enough that laying the weights out for the
/// product is a small part of it, small enough that a second of sound occupies every core.
const ROWS: usize = 1024;

/// Outputs that are computed together.
const COLUMNS: usize = 128;

/// Weights `[outputs, inputs, taps]` of a file as a matrix `taps·inputs × outputs`: the values of neighbouring positions lie next to
/// each other in a signal, so one row of it meets one row of this.
pub fn by_tap(weight: &Matrix, inputs: usize, taps: usize) -> Vec<f32> {
    /// Outputs per task: their weights are read as one piece.
    const OUTPUTS: usize = 16;
    let outputs = weight.rows();
    let mut out = vec![0.0; taps * inputs * outputs];
    Grid::new(&mut out, taps * inputs, outputs, OUTPUTS).blocks().into_par_iter().for_each_init(Vec::new, |scratch, (start, mut block)| {
        let end = (start + OUTPUTS).min(outputs);
        let read = weight.read(start..end, scratch);
        for tap in 0..taps {
            for input in 0..inputs {
                let row = block.row(tap * inputs + input);
                for (value, weights) in row.iter_mut().zip(read.chunks_exact(inputs * taps)) {
                    *value = weights[input * taps + tap];
                }
            }
        }
    });
    out
}

/// A convolution that keeps the length: zeros beyond both ends.
#[derive(Clone, Debug)]
pub struct Conv1d {
    weight: Matrix,
    bias: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
    taps: usize,
    dilation: usize,
}

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Channels it takes.
    pub inputs: usize,
    /// Channels it gives.
    pub outputs: usize,
    /// Positions it reads for each that it writes.
    pub taps: usize,
}

impl Conv1d {
    /// `weight` `[outputs, inputs, taps]` and, where there is one, `bias` of the place.
    pub fn load(weights: &Weights, shape: Shape, dilation: usize, bias: bool) -> Result<Self> {
        let Shape { inputs, outputs, taps } = shape;
        let weight = weights.matrix("weight", &[outputs, inputs, taps])?;
        let bias = bias.then(|| weights.values("bias", &[outputs])).transpose()?;
        Ok(Self { weight, bias, inputs, outputs, taps, dilation })
    }

    /// Channels it gives.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `[time, inputs]` → `[time, outputs]`.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len() / self.inputs * self.outputs];
        self.add_to(x, &mut out);
        out
    }

    /// Adds the result to `out`.
    ///
    /// # Panics
    /// When the lengths of `x` and `out` do not fit each other.
    pub fn add_to(&self, x: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let time = x.len() / inputs;
        assert!(x.len() == time * inputs && out.len() == time * outputs, "a convolution keeps the length");
        let reach = (self.taps - 1) * self.dilation;
        let padded = padded(x, inputs, reach / 2, reach - reach / 2);
        let weight = by_tap(&self.weight, inputs, self.taps);
        tasks(out, outputs, ROWS).into_par_iter().for_each(|task| {
            let Task { first, start, columns, mut block } = task;
            let rows = block.rows();
            if let Some(bias) = &self.bias {
                (0..rows).for_each(|row| block.row(row).iter_mut().zip(&bias[start..]).for_each(|(v, b)| *v += b));
            }
            // Without gaps between the taps they are one long row; with gaps each tap is a product of its own.
            let (products, width) = if self.dilation == 1 { (1, self.taps * inputs) } else { (self.taps, inputs) };
            for product in 0..products {
                let x = View::new(&padded[(first + product * self.dilation) * inputs..], rows, width, inputs, 1);
                let w = View::new(&weight[product * inputs * outputs + start..], width, columns, outputs, 1);
                gemm(&mut block, x, w, true);
            }
        });
    }
}

/// A transposed convolution: each position is spread over `taps` outputs, `stride` apart from the next position's.
#[derive(Clone, Debug)]
pub struct ConvTranspose1d {
    weight: Matrix,
    bias: Vec<f32>,
    shape: Shape,
    stride: usize,
    crop: usize,
}

impl ConvTranspose1d {
    /// `weight` `[inputs, outputs, taps]` and `bias` of the place; `(taps − stride) / 2` positions are cropped at both ends.
    pub fn load(weights: &Weights, shape: Shape, stride: usize) -> Result<Self> {
        let weight = weights.matrix("weight", &[shape.inputs, shape.outputs, shape.taps])?;
        let bias = weights.values("bias", &[shape.outputs])?;
        Ok(Self { weight, bias, shape, stride, crop: shape.taps.saturating_sub(stride) / 2 })
    }

    /// `[time, inputs]` → `[(time − 1)·stride + taps − 2·crop, outputs]`.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let Shape { inputs, outputs, taps } = self.shape;
        let (stride, time) = (self.stride, x.len() / inputs);
        if time == 0 {
            return Vec::new();
        }
        let length = (time - 1) * stride + taps - 2 * self.crop;
        // Output u is at phase (u + crop) mod stride; the positions that reach it are `reach` neighbours, so each phase is an
        // ordinary convolution over overlapping rows whose taps are every `stride`-th one, the last first.
        let reach = taps.div_ceil(stride);
        let padded = padded(x, inputs, reach - 1, taps.div_ceil(stride) + 1);
        let phases: Vec<Vec<f32>> = (0..stride).into_par_iter().map(|phase| self.phase(phase, reach)).collect();
        let mut out = vec![0.0; length * outputs];
        let block = ROWS.div_ceil(stride) * stride;
        out.par_chunks_mut(block * outputs).enumerate().for_each(|(index, out)| {
            out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(&self.bias));
            for local in 0..stride.min(out.len() / outputs) {
                let rows = (out.len() / outputs - local).div_ceil(stride);
                let at = index * block + local + self.crop;
                let x = View::new(&padded[at / stride * inputs..], rows, reach * inputs, inputs, 1);
                let mut target = Target::new(&mut out[local * outputs..], rows, outputs, stride * outputs);
                gemm(&mut target, x, View::rows(&phases[at % stride], reach * inputs, outputs), true);
            }
        });
        out
    }

    /// The weights `reach·inputs × outputs` of one phase.
    fn phase(&self, phase: usize, reach: usize) -> Vec<f32> {
        let Shape { inputs, outputs, taps } = self.shape;
        let mut out = vec![0.0; reach * inputs * outputs];
        let mut scratch = Vec::new();
        for input in 0..inputs {
            let read = self.weight.read(input..input + 1, &mut scratch);
            for neighbour in 0..reach {
                let tap = phase + (reach - 1 - neighbour) * self.stride;
                if tap < taps {
                    let row = &mut out[(neighbour * inputs + input) * outputs..][..outputs];
                    row.iter_mut().zip(read.chunks_exact(taps)).for_each(|(value, weights)| *value = weights[tap]);
                }
            }
        }
        out
    }
}

/// A part of the result that one thread computes.
struct Task<'a> {
    /// Its first row.
    first: usize,
    /// Its first column.
    start: usize,
    columns: usize,
    block: Target<'a>,
}

fn tasks(out: &mut [f32], outputs: usize, rows: usize) -> Vec<Task<'_>> {
    let pieces = out.chunks_mut(rows * outputs).enumerate();
    let blocks = pieces.flat_map(|(index, piece)| {
        let height = piece.len() / outputs;
        let blocks = Grid::new(piece, height, outputs, COLUMNS).blocks().into_iter();
        blocks.map(move |(start, block)| Task { first: index * rows, start, columns: COLUMNS.min(outputs - start), block })
    });
    blocks.collect()
}

/// A signal with rows of zeros before and after it.
fn padded(x: &[f32], channels: usize, before: usize, after: usize) -> Vec<f32> {
    let mut out = vec![0.0; x.len() + (before + after) * channels];
    out[before * channels..][..x.len()].copy_from_slice(x);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use candle_core::{Device, Tensor};
    use proptest::prelude::*;

    use super::*;
    use crate::checkpoint::Place;
    use crate::checkpoint::file::Mapped;
    use crate::checkpoint::weights::Store;

    fn value(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0 - 0.5
    }

    /// Weights and bias of these shapes from a file.
    fn weights(weight: &[usize], bias: usize) -> (Weights, Tensor, Tensor) {
        let made = |shape: &[usize], from: usize| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|i| value(i + from)).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (weight, bias) = (made(weight, 17), made(&[bias], 3));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.safetensors");
        let tensors = std::collections::HashMap::from([("weight".to_owned(), weight.clone()), ("bias".to_owned(), bias.clone())]);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let file = Mapped::open(&path).unwrap();
        let mut store = Store::default();
        file.entries().iter().for_each(|(name, entry)| store.insert(name.clone(), &file, entry));
        (Weights::new(store.into(), Place::default()), weight, bias)
    }

    fn channels_first(x: &[f32], channels: usize) -> Tensor {
        Tensor::from_vec(x.to_vec(), (1, x.len() / channels, channels), &Device::Cpu)
            .unwrap()
            .transpose(1, 2)
            .unwrap()
            .contiguous()
            .unwrap()
    }

    fn agree(got: &[f32], want: &Tensor) -> bool {
        let want: Vec<f32> = want.transpose(1, 2).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        got.len() == want.len() && got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn convolutions_agree_with_candle(time in 1usize..1500, inputs in 1usize..20, outputs in 1usize..200, half in 0usize..6, dilation in 1usize..6) {
            let (time, taps) = (if outputs > 20 { time % 50 + 1 } else { time }, 2 * half + 1);
            let (place, weight, bias) = weights(&[outputs, inputs, taps], outputs);
            let layer = Conv1d::load(&place, Shape { inputs, outputs, taps }, dilation, true).unwrap();
            let x: Vec<f32> = (0..time * inputs).map(value).collect();
            let want = channels_first(&x, inputs).conv1d(&weight, half * dilation, 1, dilation, 1).unwrap();
            let want = want.broadcast_add(&bias.reshape((1, outputs, 1)).unwrap()).unwrap();
            prop_assert!(agree(&layer.forward(&x), &want));
        }

        #[test]
        fn transposed_convolutions_agree_with_candle(time in 1usize..700, inputs in 1usize..10, outputs in 1usize..10, stride in 1usize..8, more in 0usize..7) {
            let taps = stride + 2 * more;
            let (place, weight, bias) = weights(&[inputs, outputs, taps], outputs);
            let layer = ConvTranspose1d::load(&place, Shape { inputs, outputs, taps }, stride).unwrap();
            let x: Vec<f32> = (0..time * inputs).map(value).collect();
            let want = channels_first(&x, inputs).conv_transpose1d(&weight, more, 0, stride, 1, 1).unwrap();
            let want = want.broadcast_add(&bias.reshape((1, outputs, 1)).unwrap()).unwrap();
            prop_assert!(agree(&layer.forward(&x), &want));
        }
    }
}
