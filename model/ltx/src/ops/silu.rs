//! `x / (1 + e⁻ˣ)`, written so that a plain loop over it becomes vector code.

/// ln 2 in two parts, the first exact in few bits, so that `x − n·ln 2` loses nothing (Cody and Waite, "Software Manual for the
/// Elementary Functions", 1980, chapter 6).
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Adding it rounds to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// `e^x` within 2 units in the last place for |x| ≤ 87; held at the ends beyond.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2[1], n.mul_add(-LN_2[0], x));
    // Taylor's series: |r| ≤ ln 2 / 2, so the first term left out is below 6e-9 of the sum.
    let mut sum = 1.0 / 5040.0;
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0f32] {
        sum = r.mul_add(sum, term);
    }
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    sum * f32::from_bits(power)
}

/// The activation of the video VAE and the upsampler.
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library_function() {
        for i in -8700..=8700 {
            let x = i as f32 * 0.01;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 2.5e-7, "exp({x})");
            let want = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(silu(x)) - want).abs() <= want.abs() * 4e-7 + 1e-35, "silu({x}) = {} not {want}", silu(x));
        }
        assert!(silu(f32::NAN).is_nan());
        assert_eq!(silu(f32::INFINITY), f32::INFINITY);
    }
}
