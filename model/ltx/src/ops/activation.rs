//! Exponential, sigmoid, GELU and SiLU as plain arithmetic, so that loops over them become vector code.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::error::Result;
use crate::ops::slices;
use crate::ops::wide::wide;

/// Values that one task works on: they fit the first cache.
const CHUNK: usize = 4096;

/// eˣ to about one unit in the last place; 0 below −87, where the result would be subnormal, and ∞ above 88.
///
/// Range reduction by Cody and Waite ("Software Manual for the Elementary Functions", 1980, chapter 6): x = n·ln 2 + r with
/// |r| ≤ ln 2 / 2, then the Taylor polynomial of eʳ to r⁷, whose next term is below 6e-9, and n added to the exponent's bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to whole numbers and leaves them in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first exact in few bits, so that n·HIGH has no rounding error.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    let inside = x.clamp(-87.0, 88.0);
    let shifted = inside.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LOW, n.mul_add(-HIGH, inside));
    let mut p = 1.0f32 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p.mul_add(r, c);
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    let y = p * power;
    let y = if x < -87.0 { 0.0 } else { y };
    if x > 88.0 { f32::INFINITY } else { y }
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// x·σ(2u) with u = √(2/π)·(x + 0.044715·x³): the same as ½x(1 + tanh u), the approximation of GELU by Hendrycks and Gimpel
/// (arXiv:1606.08415), without the cancellation of 1 + tanh for negative x.
#[inline(always)]
pub fn gelu_tanh_of(x: f32) -> f32 {
    const TWICE: f32 = 2.0 * 0.797_884_6;
    x * sigmoid(TWICE * x * (0.044715 * x).mul_add(x, 1.0))
}

/// GELU of every value of a slice.
pub fn gelu_tanh_slice(values: &mut [f32]) {
    wide(
        #[inline(always)]
        || {
            for v in &mut *values {
                *v = gelu_tanh_of(*v);
            }
        },
    );
}

/// GELU (tanh) of a tensor that an operation has just made: on the CPU it is changed where it lies.
pub fn gelu_tanh(x: Tensor) -> Result<Tensor> {
    if !matches!(x.device(), Device::Cpu) {
        return Ok(x.gelu()?);
    }
    let x = x.contiguous()?;
    slices::edit(&x, |x| x.par_chunks_mut(CHUNK).for_each(gelu_tanh_slice))?;
    Ok(x)
}

/// x·σ(x).
pub fn silu(x: &Tensor) -> Result<Tensor> {
    Ok(x.silu()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_exponential_is_within_a_unit_in_the_last_place() {
        let mut worst = 0.0f64;
        for i in 0..2_000_000 {
            let x = -87.0 + 175.0 * (i as f32 / 2e6);
            let want = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - want).abs() / want);
        }
        assert!(worst < 1.3e-7, "{worst:e}");
        assert_eq!((exp(0.0), exp(-200.0), exp(f32::NEG_INFINITY), exp(f32::MIN)), (1.0, 0.0, 0.0, 0.0));
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn gelu_agrees_with_its_definition() {
        for i in -2000..2000 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x);
            let u = (2.0 / std::f64::consts::PI).sqrt() * (exact + 0.044715 * exact.powi(3));
            // ½(1 + tanh u) = 1 / (1 + e^(−2u)); the left side cancels in f64 too.
            let want = exact / (1.0 + (-2.0 * u).exp());
            // The error of the argument is multiplied by its size.
            let bar = 3e-7 * want.abs() * (1.0 + 2.0 * u.abs()) + 1e-37;
            assert!((f64::from(gelu_tanh_of(x)) - want).abs() <= bar, "{x}: {} {want}", gelu_tanh_of(x));
        }
    }

    #[test]
    fn gelu_of_a_tensor_is_candles() {
        let values: Vec<f32> = (0..10_000).map(|i| (i as f32 / 1000.0).sin() * 5.0).collect();
        let x = Tensor::from_vec(values.clone(), (100, 100), &Device::Cpu).unwrap();
        let want = x.gelu().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let got = gelu_tanh(x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 2e-6));
    }
}
