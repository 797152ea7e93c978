//! Rotary positions: Gemma's kinds and the connectors' one.
//!
//! Su et al., "RoFormer", 2021. Angles are made on the CPU in the precision of the reference: frequencies decide how far rounding
//! shows after a thousand positions.

use candle_core::{D, Tensor};

use crate::checkpoint::Place;
use crate::error::{Result, Stage};

/// Which values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Value `i` with value `i + half` of the same head.
    Split,
    /// Value `2i` with value `2i + 1`.
    Interleaved,
}

/// How Gemma makes frequencies from its base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// All as they are.
    Default,
    /// All divided by a factor.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Only the first part of each head turns, with frequencies as if all did; all divided by a factor.
    Proportional {
        /// The part that turns, 0..1.
        part: f64,
        /// The divisor.
        factor: f64,
    },
}

/// Cosines and sines, `[positions, heads or 1, half a head]`.
#[derive(Clone, Debug)]
pub struct Angles {
    cos: Tensor,
    sin: Tensor,
    pairs: Pairs,
}

impl Angles {
    /// Gemma's: one angle per position and pair, the same in every head.
    pub fn gemma(positions: usize, head: usize, base: f64, scaling: Scaling, place: &Place) -> Result<Self> {
        let frequencies = gemma_frequencies(head, base, scaling);
        let angles: Vec<f32> = (0..positions).flat_map(|p| frequencies.iter().map(move |w| p as f32 * w)).collect();
        Self::new(&angles, &[positions, 1, head / 2], Pairs::Split, place)
    }

    /// A connector's: position `p` is the fraction `p / longest`, the frequencies are spread over all heads.
    pub fn connector(positions: usize, heads: usize, head: usize, axis: &Axis, place: &Place) -> Result<Self> {
        let frequencies = axis.frequencies(heads * head / 2);
        let fraction = |p: usize| p as f32 / axis.longest * 2.0 - 1.0;
        let angles: Vec<f32> = (0..positions).flat_map(|p| frequencies.iter().map(move |w| fraction(p) * w)).collect();
        // Both kinds give head h the frequencies from h·half on.
        Self::new(&angles, &[positions, heads, head / 2], axis.pairs, place)
    }

    fn new(angles: &[f32], shape: &[usize], pairs: Pairs, place: &Place) -> Result<Self> {
        let table = |f: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|a| f(*a)).collect();
            Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?.to_device(&place.device)?.to_dtype(place.dtype)
        };
        Ok(Self { cos: table(f32::cos).stage("rotary positions")?, sin: table(f32::sin).stage("rotary positions")?, pairs })
    }

    /// Turns `[positions, heads, head]`.
    pub fn turn(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let (positions, heads, head) = x.dims3()?;
        match self.pairs {
            Pairs::Split => {
                let (first, second) = (x.narrow(2, 0, head / 2)?, x.narrow(2, head / 2, head / 2)?);
                let (first, second) = self.pair(&first, &second)?;
                Tensor::cat(&[first, second], 2)
            }
            Pairs::Interleaved => {
                let x = x.reshape((positions, heads, head / 2, 2))?;
                let (first, second) = (x.narrow(3, 0, 1)?.squeeze(3)?, x.narrow(3, 1, 1)?.squeeze(3)?);
                let (first, second) = self.pair(&first, &second)?;
                Tensor::stack(&[first, second], D::Minus1)?.reshape((positions, heads, head))
            }
        }
    }

    fn pair(&self, a: &Tensor, b: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let first = (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?;
        let second = (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?;
        Ok((first, second))
    }
}

/// The one axis of a connector's positions.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Base of the frequencies.
    pub base: f64,
    /// The position that is the fraction 1.
    pub longest: f32,
    /// Whether frequencies are made in f64.
    pub double: bool,
    /// Which values turn together.
    pub pairs: Pairs,
}

impl Axis {
    /// `base^(j/(n−1))·π/2` for j = 0..n−1.
    fn frequencies(&self, n: usize) -> Vec<f32> {
        use std::f64::consts::PI;
        let step = if n > 1 { 1.0 / (n - 1) as f64 } else { 0.0 };
        // From both ends inwards, as the reference's linspace rounds.
        let fraction = |j: usize| if j < n / 2 { step * j as f64 } else { 1.0 - step * (n - 1 - j) as f64 };
        let single = |j: usize| {
            let step = step as f32;
            let fraction = if j < n / 2 { step * j as f32 } else { 1.0 - step * (n - 1 - j) as f32 };
            self.base.powf(f64::from(fraction)) as f32 * PI as f32 / 2.0
        };
        (0..n).map(|j| if self.double { (self.base.powf(fraction(j)) * PI / 2.0) as f32 } else { single(j) }).collect()
    }
}

/// Half a head of frequencies, rounded step by step in f32 as the reference does.
fn gemma_frequencies(head: usize, base: f64, scaling: Scaling) -> Vec<f32> {
    let (turning, factor) = match scaling {
        Scaling::Default => (head / 2, 1.0),
        Scaling::Linear { factor } => (head / 2, factor),
        Scaling::Proportional { part, factor } => (((part * head as f64) as usize / 2).min(head / 2), factor),
    };
    let one = |i: usize| {
        let exponent = (2 * i) as f32 / head as f32;
        1.0 / (base.powf(f64::from(exponent)) as f32) / factor as f32
    };
    (0..head / 2).map(|i| if i < turning { one(i) } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_of_the_head_stands_still() {
        let all = gemma_frequencies(16, 1e4, Scaling::Default);
        let part = gemma_frequencies(16, 1e4, Scaling::Proportional { part: 0.25, factor: 2.0 });
        assert_eq!(all.len(), 8);
        assert_eq!(all[0], 1.0);
        assert!((all[4] - 1e-2).abs() < 1e-8, "{all:?}");
        assert_eq!(part[..3], [all[0] / 2.0, all[1] / 2.0, 0.0]);
        assert!(part[2..].iter().all(|w| *w == 0.0));
        assert_eq!(gemma_frequencies(16, 1e4, Scaling::Linear { factor: 8.0 })[3], all[3] / 8.0);
    }

    #[test]
    fn a_connectors_frequencies_reach_from_a_quarter_turn_to_the_base() {
        for double in [true, false] {
            let w = Axis { base: 1e4, longest: 4096.0, double, pairs: Pairs::Split }.frequencies(9);
            let quarter = std::f32::consts::FRAC_PI_2;
            assert!((w[0] - quarter).abs() < 1e-6 && (w[8] / quarter - 1e4).abs() < 1e-2 && (w[4] / quarter - 1e2).abs() < 1e-3, "{w:?}");
        }
    }

    #[test]
    fn both_kinds_of_pairs_turn_by_the_same_angle() {
        let place = Place::default();
        let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], (1, 1, 4), &place.device).unwrap();
        let angle = [0.5f32, 1.5];
        let values = |pairs| {
            let angles = Angles::new(&angle, &[1, 1, 2], pairs, &place).unwrap();
            angles.turn(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let turned = |a: f32, b: f32, w: f32| [a * w.cos() - b * w.sin(), b * w.cos() + a * w.sin()];
        let ([a, c], [b, d]) = (turned(1.0, 3.0, 0.5), turned(2.0, 4.0, 1.5));
        assert_eq!(values(Pairs::Split), [a, b, c, d]);
        let ([a, b], [c, d]) = (turned(1.0, 2.0, 0.5), turned(3.0, 4.0, 1.5));
        assert_eq!(values(Pairs::Interleaved), [a, b, c, d]);
    }
}
