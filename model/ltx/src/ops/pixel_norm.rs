//! What stands between two convolutions of the video VAE: every pixel divided by the root mean square of its channels, scaled and
//! shifted where the network is conditioned on a time, and activated. One pass over memory, straight into the padded frame that the
//! next convolution reads.

use rayon::prelude::*;

use crate::ops::activation::sigmoid;
use crate::ops::frame::Frame;
use crate::ops::wide::wide;

/// Keeps the division finite where all channels are zero: PixelNorm's default in the authors' package
/// (ltx_core/model/common/normalization.py at 400fd31).
const EPSILON: f32 = 1e-8;

/// What frames get at their edges, in rows and columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edge {
    /// Zeros.
    #[default]
    Zeros,
    /// Mirrored at the outermost pixel, which is not repeated.
    Reflect,
    /// The outermost pixel.
    Replicate,
    /// The other side of the picture.
    Circular,
}

impl Edge {
    /// From the word in a configuration.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "zeros" => Self::Zeros,
            "reflect" => Self::Reflect,
            "replicate" => Self::Replicate,
            "circular" => Self::Circular,
            _ => return None,
        })
    }

    /// The row or column that stands at `at` of `size`, one beyond either end allowed; `None` for zeros.
    fn source(self, at: isize, size: usize) -> Option<usize> {
        let last = size as isize - 1;
        let inside = (0..=last).contains(&at);
        Some(match self {
            _ if inside => at,
            Self::Zeros => return None,
            Self::Reflect => (if at < 0 { -at } else { 2 * last - at }).clamp(0, last),
            Self::Replicate => at.clamp(0, last),
            Self::Circular => at.rem_euclid(last + 1),
        } as usize)
    }
}

/// A per-channel `x·(1 + scale) + shift`.
#[derive(Clone, Debug, PartialEq)]
pub struct Modulation {
    /// One value per channel.
    pub scale: Vec<f32>,
    /// One value per channel.
    pub shift: Vec<f32>,
}

/// What happens to a pixel on its way into a convolution.
#[derive(Clone, Copy, Debug, Default)]
pub enum Before<'a> {
    /// Nothing.
    #[default]
    Nothing,
    /// Norm, modulation if there is one, SiLU.
    Activate(Option<&'a Modulation>),
}

/// Writes a frame, normalised and activated if so asked, into the middle of `out`, which is one pixel larger on every side, and
/// fills its edges.
///
/// # Panics
/// When `out` has another size.
pub fn pad(input: &Frame, edge: Edge, before: Before<'_>, out: &mut Frame) {
    assert_eq!((out.height, out.width, out.channels), (input.height + 2, input.width + 2, input.channels));
    let (channels, row, height, width) = (input.channels, out.row(), input.height, input.width);
    if channels == 0 || height == 0 || width == 0 {
        return;
    }
    out.data.par_chunks_mut(row).enumerate().for_each(|(y, out)| match edge.source(y as isize - 1, height) {
        None => out.fill(0.0),
        Some(y) => {
            let input = &input.data[y * input.row()..(y + 1) * input.row()];
            let middle = &mut out[channels..row - channels];
            match before {
                Before::Nothing => middle.copy_from_slice(input),
                Before::Activate(modulation) => activate(input, modulation, channels, middle),
            }
            for (at, x) in [(0, -1), (width + 1, width as isize)] {
                match edge.source(x, width) {
                    None => out[at * channels..(at + 1) * channels].fill(0.0),
                    Some(x) => out.copy_within((x + 1) * channels..(x + 2) * channels, at * channels),
                }
            }
        }
    });
}

/// Pixel norm, modulation and SiLU of pixels one after another.
pub fn activate(input: &[f32], modulation: Option<&Modulation>, channels: usize, out: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for (input, out) in input.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                let factor = 1.0 / (mean_square(input) + EPSILON).sqrt();
                match modulation {
                    None => out.iter_mut().zip(input).for_each(|(o, i)| *o = silu(i * factor)),
                    Some(Modulation { scale, shift }) => {
                        let affine = scale.iter().zip(shift);
                        out.iter_mut().zip(input).zip(affine).for_each(|((o, i), (scale, shift))| {
                            *o = silu((i * factor).mul_add(1.0 + scale, *shift));
                        });
                    }
                }
            }
        },
    );
}

/// `x / (1 + e⁻ˣ)`.
#[inline(always)]
fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

#[inline(always)]
fn mean_square(values: &[f32]) -> f32 {
    // Sixteen sums side by side: a fixed order that vector code can follow.
    let mut sums = [0.0f32; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (sum, v) in sums.iter_mut().zip(chunk) {
            *sum = v.mul_add(*v, *sum);
        }
    }
    for (sum, v) in sums.iter_mut().zip(rest) {
        *sum = v.mul_add(*v, *sum);
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
    }
    sums[0] / values.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_padded_frame_holds_activated_pixels_and_the_edge_that_was_asked_for(
            height in 2usize..6, width in 2usize..6, channels in 1usize..40, seed in 0u32..1000, kind in 0usize..4, activated: bool,
        ) {
            let edge = [Edge::Zeros, Edge::Reflect, Edge::Replicate, Edge::Circular][kind];
            let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed * 77) >> 8) as f32 / 16_777_216.0 - 0.5;
            let input = Frame::new(height, width, channels, (0..height * width * channels).map(value).collect());
            let modulation = Modulation { scale: (0..channels).map(|i| value(i + 31)).collect(), shift: (0..channels).map(|i| value(i + 7)).collect() };
            let before = if activated { Before::Activate((seed % 2 == 0).then_some(&modulation)) } else { Before::Nothing };
            let mut out = Frame::zeros(height + 2, width + 2, channels);
            pad(&input, edge, before, &mut out);
            let index = |at: isize, size: usize| -> Option<usize> {
                let (at, n) = (at - 1, size as isize);
                match edge {
                    Edge::Zeros => (0..n).contains(&at).then_some(at as usize),
                    Edge::Reflect => Some(if at < 0 { 1 } else if at >= n { size - 2 } else { at as usize }),
                    Edge::Replicate => Some(at.max(0).min(n - 1) as usize),
                    Edge::Circular => Some(((at + n) % n) as usize),
                }
            };
            for y in 0..height + 2 {
                for x in 0..width + 2 {
                    for c in 0..channels {
                        let got = f64::from(out.data[(y * (width + 2) + x) * channels + c]);
                        let want = match (index(y as isize, height), index(x as isize, width)) {
                            (Some(y), Some(x)) => {
                                let pixel = &input.data[(y * width + x) * channels..][..channels];
                                let square: f64 = pixel.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / channels as f64;
                                match before {
                                    Before::Nothing => f64::from(pixel[c]),
                                    Before::Activate(m) => {
                                        let v = f64::from(pixel[c]) / (square + 1e-8).sqrt();
                                        let v = m.map_or(v, |m| v * (1.0 + f64::from(m.scale[c])) + f64::from(m.shift[c]));
                                        v / (1.0 + (-v).exp())
                                    }
                                }
                            }
                            _ => 0.0,
                        };
                        prop_assert!((got - want).abs() < 3e-6, "{got} is not {want}");
                    }
                }
            }
        }
    }
}
