//! Rotary positions: channels of queries and keys turned in pairs by angles that grow with the position, each pair at its own rate
//! (Su et al., arXiv:2104.09864), for up to three axes whose rates alternate.

use candle_core::{D, Device, Tensor};

use crate::error::Result;
use crate::ops::norm::{by_rows, squares};
use crate::ops::slices;

/// Which channels make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// The first half of each head with the second.
    Split,
    /// Neighbours.
    Interleaved,
}

/// How angles come from positions.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// The ratio of the fastest rate to the slowest.
    pub theta: f64,
    /// Whether rates are computed in 64 bits before they become 32-bit, as newer models were trained.
    pub double: bool,
    /// Which channels make a pair.
    pub pairing: Pairing,
}

/// Cosines and sines for every token, `[tokens, channels / 2]`, pairs of head 0 first.
#[derive(Clone, Debug)]
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
    pairing: Pairing,
}

impl Rope {
    /// From positions as fractions of the longest one, by axis and token, for vectors of `channels`.
    ///
    /// The channels that the axes cannot share evenly are at the front and do not turn.
    pub fn new(fractions: &[Vec<f32>], channels: usize, rates: Rates, device: &Device) -> Result<Self> {
        let axes = fractions.len().max(1);
        let tokens = fractions.first().map_or(0, Vec::len);
        let (pairs, count) = (channels / 2, channels / (2 * axes));
        let frequencies = rates.frequencies(count);
        let front = pairs - count * axes;
        let (mut cos, mut sin) = (vec![1.0f32; tokens * pairs], vec![0.0f32; tokens * pairs]);
        for token in 0..tokens {
            for (axis, positions) in fractions.iter().enumerate() {
                let place = positions[token] * 2.0 - 1.0;
                for (j, rate) in frequencies.iter().enumerate() {
                    let (s, c) = (place * rate).sin_cos();
                    let at = token * pairs + front + j * axes + axis;
                    (cos[at], sin[at]) = (c, s);
                }
            }
        }
        let tensor = |values| slices::tensor(values, (tokens, pairs)).and_then(|t| Ok(t.to_device(device)?));
        Ok(Self { cos: tensor(cos)?, sin: tensor(sin)?, pairing: rates.pairing })
    }

    /// That of some tokens, one after another.
    pub fn part(&self, from: usize, count: usize) -> Result<Self> {
        let part = |table: &Tensor| table.narrow(0, from, count);
        Ok(Self { cos: part(&self.cos)?, sin: part(&self.sin)?, pairing: self.pairing })
    }

    /// The tables, `[tokens, channels / 2]`.
    pub fn tables(&self) -> (&Tensor, &Tensor) {
        (&self.cos, &self.sin)
    }
}

impl Rates {
    /// θ^(j/(n−1))·π/2 for j = 0 … n−1.
    fn frequencies(self, n: usize) -> Vec<f32> {
        let step = |j: usize| if n > 1 { j as f64 / (n - 1) as f64 } else { 0.0 };
        let double = |j| (self.theta.powf(step(j)) * std::f64::consts::FRAC_PI_2) as f32;
        let single = |j| (self.theta as f32).powf(step(j) as f32) * std::f32::consts::FRAC_PI_2;
        (0..n).map(|j| if self.double { double(j) } else { single(j) }).collect()
    }
}

/// Queries or keys `[tokens, heads·size]` made ready for attention: RMS norm over all heads with a weight per channel, then turned
/// by their positions. On the CPU they are changed where they lie: give what nobody else reads.
pub fn norm_and_turn(x: Tensor, weight: &Tensor, eps: f32, heads: usize, rope: Option<&Rope>) -> Result<Tensor> {
    let x = x.contiguous()?;
    if !matches!(x.device(), Device::Cpu) {
        return composed(&x, weight, eps, heads, rope);
    }
    let columns = x.dim(D::Minus1)?;
    slices::with(weight, |weight| match rope {
        None => slices::edit(&x, |x| {
            by_rows(
                x,
                columns,
                #[inline(always)]
                |_, row| scale(row, weight, eps),
            );
        }),
        Some(rope) => slices::with(&rope.cos, |cos| {
            slices::with(&rope.sin, |sin| {
                slices::edit(&x, |x| {
                    by_rows(
                        x,
                        columns,
                        #[inline(always)]
                        |token, row| {
                            scale(row, weight, eps);
                            let at = token * columns / 2..(token + 1) * columns / 2;
                            turn(row, &cos[at.clone()], &sin[at], columns / heads, rope.pairing);
                        },
                    );
                })
            })
        })??,
    })??;
    Ok(x)
}

#[inline(always)]
fn scale(row: &mut [f32], weight: &[f32], eps: f32) {
    let factor = 1.0 / (squares(row, 0.0) / row.len() as f32 + eps).sqrt();
    for (x, w) in row.iter_mut().zip(weight) {
        *x = *x * factor * w;
    }
}

#[inline(always)]
fn turn(row: &mut [f32], cos: &[f32], sin: &[f32], head: usize, pairing: Pairing) {
    match pairing {
        Pairing::Split => {
            let half = head / 2;
            for (row, (cos, sin)) in row.chunks_exact_mut(head).zip(cos.chunks_exact(half).zip(sin.chunks_exact(half))) {
                let (first, second) = row.split_at_mut(half);
                for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                    (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
                }
            }
        }
        Pairing::Interleaved => {
            for ((pair, c), s) in row.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                *pair = [pair[0] * c - pair[1] * s, pair[1] * c + pair[0] * s];
            }
        }
    }
}

/// The same from candle's own operations: the path of other devices, and what the tests compare with.
fn composed(x: &Tensor, weight: &Tensor, eps: f32, heads: usize, rope: Option<&Rope>) -> Result<Tensor> {
    let dtype = x.dtype();
    let (tokens, columns) = x.dims2()?;
    let x = x.to_dtype(candle_core::DType::F32)?;
    let x = x.broadcast_div(&(x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?)?;
    let x = x.broadcast_mul(&weight.to_dtype(candle_core::DType::F32)?)?;
    let Some(rope) = rope else { return Ok(x.to_dtype(dtype)?) };
    let half = columns / heads / 2;
    let (shape, axis) = match rope.pairing {
        Pairing::Split => ([tokens, heads, 2, half], 2),
        Pairing::Interleaved => ([tokens, heads, half, 2], 3),
    };
    let x = x.reshape(&shape)?;
    let of = |t: &Tensor| t.reshape((tokens, heads, half))?.unsqueeze(axis);
    let (cos, sin) = (of(&rope.cos)?, of(&rope.sin)?);
    let (a, b) = (x.narrow(axis, 0, 1)?, x.narrow(axis, 1, 1)?);
    let turned = Tensor::cat(&[&((&a * &cos)? - (&b * &sin)?)?, &((&b * &cos)? + (&a * &sin)?)?], axis)?;
    Ok(turned.reshape((tokens, columns))?.to_dtype(dtype)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wave(shape: (usize, usize), rate: f32) -> Tensor {
        Tensor::from_vec((0..shape.0 * shape.1).map(|i| (i as f32 * rate).sin()).collect(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn turning_agrees_with_the_composed_form() {
        for pairing in [Pairing::Split, Pairing::Interleaved] {
            for (tokens, heads, size, axes) in [(5, 2, 16, 3), (33, 4, 8, 1), (1, 1, 64, 3), (7, 3, 10, 2)] {
                let fractions: Vec<Vec<f32>> = (0..axes).map(|a| (0..tokens).map(|t| (t * (a + 1)) as f32 / 50.0).collect()).collect();
                let rates = Rates { theta: 10_000.0, double: true, pairing };
                let rope = Rope::new(&fractions, heads * size, rates, &Device::Cpu).unwrap();
                let (x, weight) = (wave((tokens, heads * size), 0.37), wave((1, heads * size), 0.11).flatten_all().unwrap());
                let want = composed(&x, &weight, 1e-6, heads, Some(&rope)).unwrap();
                let got = norm_and_turn(x.copy().unwrap(), &weight, 1e-6, heads, Some(&rope)).unwrap();
                let difference = (got - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(difference < 2e-6, "{pairing:?} {tokens} {heads} {size} {axes}: {difference}");
            }
        }
    }

    #[test]
    fn channels_left_over_do_not_turn() {
        // 2·3 axes do not divide 16: two rates per axis, and two pairs at the front stay.
        let rates = Rates { theta: 10_000.0, double: true, pairing: Pairing::Split };
        let rope = Rope::new(&[vec![0.3], vec![0.4], vec![0.9]], 16, rates, &Device::Cpu).unwrap();
        let cos = rope.tables().0.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(&cos[..2], &[1.0, 1.0]);
        // The slowest rate of the first axis: (2·0.3 − 1)·π/2.
        assert!((f64::from(cos[2]) - (0.4 * std::f64::consts::FRAC_PI_2).cos()).abs() < 1e-6);
    }
}
