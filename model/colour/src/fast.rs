//! Logarithm and power in single precision that the compiler can turn into SIMD, and loops compiled for the widest one.
//!
//! The standard library's calls stop vectorisation; these are straight-line arithmetic on the bits of an `f32`. Relative
//! error below 3e-7 for `exp2` and absolute error below 2e-7 for `log2` (measured in the tests), which leaves the curves of
//! this crate three orders of magnitude under the 1e-4 they are held to.

use pulp::NullaryFnOnce;

/// Runs `f` compiled for the widest vectors that this machine has. Only what is inlined into it is: mark closures and functions
/// on the way `#[inline(always)]`. Results do not depend on the width, as nothing is summed across and nothing fused.
#[inline(always)]
pub(crate) fn wide(f: impl FnMut()) {
    struct Call<F>(F);
    impl<F: FnMut()> NullaryFnOnce for Call<F> {
        type Output = ();
        #[inline(always)]
        fn call(mut self) {
            (self.0)();
        }
    }
    pulp::Arch::new().dispatch(Call(f));
}

/// Added and subtracted, it rounds to the nearest integer: 1.5 × 2²³.
const ROUND: f32 = 12_582_912.0;

/// Base-2 logarithm of a positive, normal number. Zero and subnormals give a large negative number, never an infinity.
#[inline(always)]
pub(crate) fn log2(x: f32) -> f32 {
    // Mantissa in [√½, √2): subtracting the bits of √½ moves the seam of the exponent field there.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(SQRT_HALF) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    // ln m = 2 artanh((m − 1)/(m + 1)); |s| ≤ 0.1716, so five terms leave 4e-10.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = ((((1.0 / 9.0) * q + 1.0 / 7.0) * q + 1.0 / 5.0) * q + 1.0 / 3.0) * q + 1.0;
    exponent as f32 + s * series * (2.0 * std::f32::consts::LOG2_E)
}

/// 2 to the power of `x`; `x` is held to −126 … 127, so the result is normal and finite.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    let x = if x > -126.0 { x } else { -126.0 };
    let x = if x < 127.0 { x } else { 127.0 };
    let shifted = x + ROUND;
    let f = (x - (shifted - ROUND)) * std::f32::consts::LN_2;
    // Taylor series of e^f, |f| ≤ 0.347: eight terms leave 6e-9.
    let p = ((((((f / 5040.0 + 1.0 / 720.0) * f + 1.0 / 120.0) * f + 1.0 / 24.0) * f + 1.0 / 6.0) * f + 0.5) * f + 1.0) * f + 1.0;
    // The low bits of the shifted number hold the integer; 0x4b40_0000 are the bits of ROUND.
    let n = shifted.to_bits().wrapping_sub(0x4b40_0000);
    f32::from_bits(p.to_bits().wrapping_add(n << 23))
}

/// `x` to the power of `p`, for `x` ≥ 0; 0 gives 0 when `p` is positive.
#[inline(always)]
pub(crate) fn pow(x: f32, p: f32) -> f32 {
    let y = exp2(p * log2(x));
    // Times zero, so that what is not a number stays none.
    if x > f32::MIN_POSITIVE { y } else { x * 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_power_agree_with_the_standard_library() {
        let (mut worst_log, mut worst_exp) = (0.0f64, 0.0f64);
        for i in 0..200_000 {
            let x = (f64::from(i) / 200_000.0 * 200.0 - 100.0) as f32;
            let e = f64::from(x).exp2();
            worst_exp = worst_exp.max((f64::from(exp2(x)) - e).abs() / e);
            let v = e as f32;
            worst_log = worst_log.max((f64::from(log2(v)) - f64::from(v).log2()).abs() / f64::from(v).log2().abs().max(1.0));
        }
        assert!(worst_exp < 3e-7, "exp2 errs by {worst_exp}");
        assert!(worst_log < 2e-7, "log2 errs by {worst_log}");
    }

    #[test]
    fn the_ends_of_the_range_stay_finite() {
        assert!(exp2(1e9).is_finite() && exp2(-1e9) > 0.0 && exp2(f32::INFINITY).is_finite());
        assert!(log2(0.0) < -120.0 && log2(1e-40).is_finite());
        assert_eq!(pow(0.0, 2.4), 0.0);
        assert_eq!(pow(1.0, 78.84375), 1.0);
    }
}
