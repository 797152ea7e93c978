//! The innermost loops of every convolution: a few pixels times a few outputs held in registers while the products of all taps are
//! summed, straight from the padded channels-last frames. Nothing is unfolded (no im2col), and an output is written once.
//!
//! Each output is one chain of fused multiply-adds per block of taps, in an order that depends on nothing but the layer's own shape:
//! whatever the split into rows, tiles, chunks of time or threads, the same pixel gets the same bits.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::ops::gemm::Target;

/// Most bytes of packed weights that are walked over a task's pixels at a time: they stay in the second-level cache.
const RESIDENT: usize = 1 << 20;

/// Where a task reads: padded frames, one per tap in time, and the rows of the output it makes.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As many padded channels-last frames as the kernel has taps in time.
    pub frames: &'a [&'a [f32]],
    /// Channels of a pixel.
    pub channels: usize,
    /// Values from one padded row to the next.
    pub row_stride: usize,
    /// Rows and columns of the kernel.
    pub taps: [usize; 2],
    /// Pixels from one output to the next, down and right.
    pub step: usize,
    /// Pixels in a row of the output.
    pub width: usize,
    /// First row of the output.
    pub first_row: usize,
}

/// Weights of up to [`PANEL`] outputs: `[taps in time, rows, columns, channels, width]`.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    /// The values.
    pub weights: &'a [f32],
    /// Outputs, padded with zeros to 16, 32 or 48.
    pub width: usize,
    /// One value per output that there really is, if the layer has a bias.
    pub bias: Option<&'a [f32]>,
}

/// Most outputs of one panel.
pub const PANEL: usize = 48;

/// Adds to (or writes into) `target`, whose rows are the pixels from `source.first_row` on and whose columns are the panel's outputs.
///
/// # Panics
/// When frames, weights and target do not fit each other.
pub fn convolve(source: Source<'_>, panel: Panel<'_>, target: &mut Target<'_>, add: bool) {
    struct Task<'a, 'b, 'c> {
        source: Source<'a>,
        panel: Panel<'b>,
        target: &'a mut Target<'c>,
        add: bool,
    }
    impl WithSimd for Task<'_, '_, '_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self { source, panel, target, add } = self;
            // Pixels × vectors of outputs: as many sums as registers hold beside the weights, one input and the places they come
            // from. More pixels than twelve and the places, or sums with them, go through memory in every step.
            match (S::F32_LANES, panel.width) {
                (16, 16) => run::<S, 12, 1>(simd, source, panel, target, add),
                (16, 32) => run::<S, 8, 2>(simd, source, panel, target, add),
                (16, 48) => run::<S, 6, 3>(simd, source, panel, target, add),
                (8, 16) => run::<S, 6, 2>(simd, source, panel, target, add),
                (8, 32) => run::<S, 3, 4>(simd, source, panel, target, add),
                (8, 48) => run::<S, 2, 6>(simd, source, panel, target, add),
                (4, 16) => run::<S, 6, 4>(simd, source, panel, target, add),
                (4, 32) => run::<S, 3, 8>(simd, source, panel, target, add),
                (4, 48) => run::<S, 2, 12>(simd, source, panel, target, add),
                _ => scalar(source, panel, target, add),
            }
        }
    }
    assert!(panel.width <= PANEL && panel.width > 0);
    pulp::Arch::new().dispatch(Task { source, panel, target, add });
}

/// Blocks of taps (time and row together) whose weights stay in the cache.
fn blocks(source: &Source<'_>, panel: &Panel<'_>) -> impl Iterator<Item = Range<usize>> {
    let taps = source.frames.len() * source.taps[0];
    let bytes = source.taps[1] * source.channels * panel.width * size_of::<f32>();
    let block = (RESIDENT / bytes.max(1)).clamp(1, taps.max(1));
    (0..taps).step_by(block).map(move |from| from..(from + block).min(taps))
}

#[inline(always)]
fn run<S: Simd, const P: usize, const V: usize>(simd: S, source: Source<'_>, panel: Panel<'_>, target: &mut Target<'_>, add: bool) {
    let pixels = target.rows();
    let length = source.taps[1] * source.channels;
    let mut sums = [[0.0f32; PANEL]; P];
    for taps in blocks(&source, &panel) {
        let first = taps.start == 0;
        let weights = &panel.weights[taps.start * length * panel.width..taps.end * length * panel.width];
        for start in (0..pixels).step_by(P) {
            // The last tile reaches beyond the end: it computes its last pixel several times and writes it once.
            let mut places = [0; P];
            for (p, place) in places.iter_mut().enumerate() {
                *place = origin(&source, (start + p).min(pixels - 1));
            }
            tile::<S, P, V>(simd, &source, &places, taps.clone(), weights, &mut sums);
            for (p, sums) in sums.iter().enumerate().take(pixels - start) {
                write(target.row(start + p), sums, panel.bias.filter(|_| first), add || !first);
            }
        }
    }
}

/// Where the window of an output pixel begins in a padded frame.
#[inline(always)]
fn origin(source: &Source<'_>, pixel: usize) -> usize {
    let (y, x) = (source.first_row + pixel / source.width, pixel % source.width);
    y * source.step * source.row_stride + x * source.step * source.channels
}

#[inline(always)]
fn tile<S: Simd, const P: usize, const V: usize>(
    simd: S,
    source: &Source<'_>,
    places: &[usize; P],
    taps: Range<usize>,
    weights: &[f32],
    out: &mut [[f32; PANEL]; P],
) {
    let length = source.taps[1] * source.channels;
    let width = V * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; P];
    for (tap, weights) in taps.zip(weights.chunks_exact(length * width)) {
        let (time, row) = (tap / source.taps[0], tap % source.taps[0]);
        let frame = source.frames[time];
        let shift = row * source.row_stride;
        let inputs: [&[f32]; P] = std::array::from_fn(|p| &frame[places[p] + shift..][..length]);
        // Counted, not zipped: the compiler then sees that every input has this length and checks none of them inside.
        for k in 0..length {
            let weights = &weights[k * width..][..width];
            let weights: [S::f32s; V] =
                std::array::from_fn(|v| bytemuck::pod_read_unaligned(bytemuck::cast_slice(&weights[v * S::F32_LANES..][..S::F32_LANES])));
            for p in 0..P {
                let input = simd.splat_f32s(inputs[p][k]);
                for v in 0..V {
                    sums[p][v] = simd.mul_add_e_f32s(input, weights[v], sums[p][v]);
                }
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(&sums) {
        let sums: &[f32] = bytemuck::cast_slice(sums);
        out[..width].copy_from_slice(sums);
    }
}

#[inline(always)]
fn write(out: &mut [f32], sums: &[f32; PANEL], bias: Option<&[f32]>, add: bool) {
    match (bias, add) {
        (Some(bias), false) => out.iter_mut().zip(sums).zip(bias).for_each(|((o, s), b)| *o = s + b),
        (Some(bias), true) => out.iter_mut().zip(sums).zip(bias).for_each(|((o, s), b)| *o += s + b),
        (None, false) => out.iter_mut().zip(sums).for_each(|(o, s)| *o = *s),
        (None, true) => out.iter_mut().zip(sums).for_each(|(o, s)| *o += s),
    }
}

/// The same sums in the same order on machines without vectors that are known here.
fn scalar(source: Source<'_>, panel: Panel<'_>, target: &mut Target<'_>, add: bool) {
    let length = source.taps[1] * source.channels;
    for taps in blocks(&source, &panel) {
        for pixel in 0..target.rows() {
            let mut sums = [0.0f32; PANEL];
            let place = origin(&source, pixel);
            for tap in taps.clone() {
                let input = &source.frames[tap / source.taps[0]][place + tap % source.taps[0] * source.row_stride..][..length];
                let weights = panel.weights[tap * length * panel.width..].chunks_exact(panel.width);
                for (value, weights) in input.iter().zip(weights) {
                    sums.iter_mut().zip(weights).for_each(|(s, w)| *s = value.mul_add(*w, *s));
                }
            }
            write(target.row(pixel), &sums, panel.bias.filter(|_| taps.start == 0), add || taps.start > 0);
        }
    }
}
