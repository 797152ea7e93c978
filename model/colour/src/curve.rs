//! Transfer functions: code value ↔ light, per channel.
//!
//! "Light" is scene-linear for camera and ACES encodings, where 0.18 is mid grey. For the display encodings 1.0 is the
//! display's reference white: 100 cd/m² for PQ and HLG, as OpenColorIO's un-tone-mapped views define it. Every curve is
//! strictly increasing and defined for all finite numbers, negative ones included.

use shot::ColourSpace;

use crate::fast::{exp2, log2, pow};

/// A logarithm with a straight line below a break: the family to which nearly all camera encodings belong. Logarithms are to
/// base 2; `code = log_slope · log2(lin_slope · light + lin_offset) + log_offset` above the break.
#[derive(Clone, Copy)]
struct LogLine {
    lin_slope: f64,
    lin_offset: f64,
    log_slope: f64,
    log_offset: f64,
    /// In light.
    line_break: f64,
    line_slope: f64,
    line_offset: f64,
}

/// The same in the precision and the order in which a pixel needs it.
#[derive(Clone, Copy)]
struct LogLine32 {
    lin_slope: f32,
    lin_offset: f32,
    log_slope: f32,
    log_offset: f32,
    break_light: f32,
    break_code: f32,
    line_slope: f32,
    line_offset: f32,
}

impl LogLine {
    /// With the line that continues the logarithm's tangent at the break, which is how ARRI and RED define theirs.
    const fn tangent(lin_slope: f64, lin_offset: f64, log_slope: f64, log_offset: f64, line_break: f64, log_at_break: f64) -> Self {
        let line_slope = log_slope * lin_slope * std::f64::consts::LOG2_E / (lin_slope * line_break + lin_offset);
        let code = log_slope * log_at_break + log_offset;
        Self { lin_slope, lin_offset, log_slope, log_offset, line_break, line_slope, line_offset: code - line_slope * line_break }
    }

    const fn narrow(self) -> LogLine32 {
        LogLine32 {
            lin_slope: self.lin_slope as f32,
            lin_offset: self.lin_offset as f32,
            log_slope: self.log_slope as f32,
            log_offset: self.log_offset as f32,
            break_light: self.line_break as f32,
            break_code: (self.line_slope * self.line_break + self.line_offset) as f32,
            line_slope: self.line_slope as f32,
            line_offset: self.line_offset as f32,
        }
    }
}

impl LogLine32 {
    #[inline(always)]
    fn encode(self, x: f32) -> f32 {
        let log = self.log_slope * log2(self.lin_slope * x + self.lin_offset) + self.log_offset;
        let line = self.line_slope * x + self.line_offset;
        if x > self.break_light { log } else { line }
    }

    #[inline(always)]
    fn decode(self, v: f32) -> f32 {
        let log = (exp2((v - self.log_offset) / self.log_slope) - self.lin_offset) / self.lin_slope;
        let line = (v - self.line_offset) / self.line_slope;
        if v > self.break_code { log } else { line }
    }
}

const LOG2_10: f64 = std::f64::consts::LOG2_10;

/// ACEScct: AMPAS S-2016-001.
const ACES_CCT: LogLine32 = LogLine {
    lin_slope: 1.0,
    lin_offset: 0.0,
    log_slope: 1.0 / 17.52,
    log_offset: 9.72 / 17.52,
    line_break: 0.007_812_5,
    line_slope: 10.540_237_741_654_5,
    line_offset: 0.072_905_534_195_835_5,
}
.narrow();

/// DaVinci Intermediate: Blackmagic Design, "DaVinci Resolve 17 Wide Gamut Intermediate", 2021: A, B, C, M and the cut.
const DAVINCI: LogLine32 = LogLine {
    lin_slope: 1.0,
    lin_offset: 0.0075,
    log_slope: 0.073_292_48,
    log_offset: 7.0 * 0.073_292_48,
    line_break: 0.002_624_09,
    line_slope: 10.444_268_55,
    line_offset: 0.0,
}
.narrow();

/// ARRI LogC3 at EI 800: "ALEXA Log C Curve: Usage in VFX", 2017. The table there is rounded to six digits; these are the
/// values its derivation gives: encoding gain 500/1023 × 0.525 × (1 − 0.11/3), 1/0.18 in front of the light, and the tangent
/// at 1/9 of the logarithm's argument.
const LOG_C3: LogLine32 = LogLine::tangent(
    1.0 / 0.18,
    0.052_272_275_025_168_8,
    0.247_189_638_318_671 / LOG2_10,
    0.385_536_998_692_443,
    0.010_590_990_495_469_6,
    -3.169_925_001_442_312,
)
.narrow();

/// ARRI LogC4: "ARRI LogC4 Logarithmic Color Space Specification", 2022: a = (2¹⁸ − 16)/117.45, b = (1023 − 95)/1023,
/// c = 95/1023, code = (log2(a·E + 64) − 6)/14 · b + c, and the tangent below code 0.
const LOG_C4: LogLine32 = {
    const A: f64 = (262_144.0 - 16.0) / 117.45;
    const B: f64 = (1023.0 - 95.0) / 1023.0;
    const C: f64 = 95.0 / 1023.0;
    // log2(a·t + 64) where the code is 0: 6 − 14 c/b, and 2 to that power.
    const LOG_AT_BREAK: f64 = 6.0 - 14.0 * C / B;
    const ARGUMENT_AT_BREAK: f64 = 23.699_920_996_848_775;
    LogLine::tangent(A, 64.0, B / 14.0, C - 6.0 * B / 14.0, (ARGUMENT_AT_BREAK - 64.0) / A, LOG_AT_BREAK).narrow()
};

/// Sony S-Log3: "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3", 2014.
const S_LOG3: LogLine32 = LogLine {
    lin_slope: 1.0 / 0.19,
    lin_offset: 0.01 / 0.19,
    log_slope: 261.5 / 1023.0 / LOG2_10,
    log_offset: 420.0 / 1023.0,
    line_break: 0.011_25,
    line_slope: (171.210_294_692_9 - 95.0) / 1023.0 / 0.011_25,
    line_offset: 95.0 / 1023.0,
}
.narrow();

/// RED Log3G10: RED, "White Paper on REDWideGamutRGB and Log3G10", 2017: a, b, c; the line begins 0.01 below black.
const LOG3_G10: LogLine32 = LogLine::tangent(155.975_327, 0.01 * 155.975_327 + 1.0, 0.224_282 / LOG2_10, 0.0, -0.01, 0.0).narrow();

/// Canon Log 3: Canon, "Canon Log Gamma Curves", 2018 (the curve of 2016 in IRE, whose reflectance is 0.9 of full scale):
/// a logarithm, a line through black, and the mirrored logarithm.
mod canon {
    use super::{exp2, log2};

    const LOG_SLOPE: f32 = (0.367_268_45 / super::LOG2_10) as f32;
    const GAIN: f32 = 14.983_25;
    const LINE_SLOPE: f32 = 1.975_479_8;
    const BLACK: f32 = 0.125_122_19;
    const UPPER: f32 = 0.122_405_37;
    const LOWER: f32 = 0.127_839_01;
    /// The line ends where the logarithms begin, in reflectance / 0.9 and in code.
    const LINE_LIGHT: f32 = 0.014;
    const LINE_CODE: (f32, f32) = (0.097_465_473_f64 as f32, 0.152_778_91_f64 as f32);

    #[inline(always)]
    pub(super) fn encode(light: f32) -> f32 {
        let x = light / 0.9;
        let log = LOG_SLOPE * log2(GAIN * x.abs() + 1.0);
        let line = LINE_SLOPE * x + BLACK;
        let outer = if x > 0.0 { UPPER + log } else { LOWER - log };
        if x.abs() > LINE_LIGHT { outer } else { line }
    }

    #[inline(always)]
    pub(super) fn decode(v: f32) -> f32 {
        let above = (exp2((v - UPPER) / LOG_SLOPE) - 1.0) / GAIN;
        let below = (1.0 - exp2((LOWER - v) / LOG_SLOPE)) / GAIN;
        let line = (v - BLACK) / LINE_SLOPE;
        let x = if v > LINE_CODE.1 { above } else { line };
        0.9 * if v < LINE_CODE.0 { below } else { x }
    }
}

/// sRGB: IEC 61966-2-1, mirrored about black. The break is where the two pieces meet in slope, 0.055/1.4, as OpenColorIO and
/// ISO 22028 have it; the standard's rounded 0.04045 differs by 1e-8 of light.
mod srgb {
    use super::pow;

    const BREAK_CODE: f32 = (0.055 / 1.4) as f32;
    /// The slope of the line that touches the power there.
    const SLOPE: f32 = 12.923_210_180_787_86_f64 as f32;

    #[inline(always)]
    pub(super) fn encode(x: f32) -> f32 {
        let a = x.abs();
        let power = 1.055 * pow(a, 1.0 / 2.4) - 0.055;
        (if a > BREAK_CODE / SLOPE { power } else { a * SLOPE }).copysign(x)
    }

    #[inline(always)]
    pub(super) fn decode(v: f32) -> f32 {
        let a = v.abs();
        let power = pow((a + 0.055) / 1.055, 2.4);
        (if a > BREAK_CODE { power } else { a / SLOPE }).copysign(v)
    }
}

/// PQ: SMPTE ST 2084, ITU-R BT.2100 table 4; light in units of 100 cd/m², mirrored about black.
mod pq {
    use super::{LIGHT_LIMIT, log2, pow};

    const M1: f32 = 2610.0 / 16384.0;
    const M2: f32 = 2523.0 / 4096.0 * 128.0;
    const C1: f32 = 3424.0 / 4096.0;
    const C2: f32 = 2413.0 / 4096.0 * 32.0;
    const C3: f32 = 2392.0 / 4096.0 * 32.0;
    /// The code of the largest half float, 65504 × 100 cd/m²: the curve has a pole soon after, and light is held there.
    const LIMIT: f32 = 1.546_94;

    #[inline(always)]
    pub(super) fn encode(light: f32) -> f32 {
        let y = pow(light.abs().min(LIGHT_LIMIT) / 100.0, M1);
        pow((C1 + C2 * y) / (1.0 + C3 * y), M2).copysign(light)
    }

    #[inline(always)]
    pub(super) fn decode(v: f32) -> f32 {
        let a = if v.abs() > LIMIT { LIMIT } else { v.abs() };
        // n − 1 and not n: what the standard subtracts from n is nearly n, and a single's rounding of it would be seen. As
        // C1 = C3 − C2 + 1, both sides of the fraction hold 1 − C1. Below −0.3 there is no light.
        let z = (log2(a) * (std::f32::consts::LN_2 / M2)).max(-0.3);
        let less = z * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0 + z * (1.0 / 120.0 + z / 720.0)))));
        let top = (1.0 - C1) + less;
        let y = (if top < 0.0 { 0.0 } else { top }) / ((1.0 - C1) - C3 * less) + a * 0.0;
        (100.0 * pow(y, 1.0 / M1)).copysign(v)
    }
}

/// HLG: ARIB STD-B67, ITU-R BT.2100 table 5: the camera's curve alone, light 0 to 1, mirrored about black. What the display
/// adds depends on all three channels and is [`crate::convert`]'s.
mod hlg {
    use super::{exp2, log2};

    const A: f32 = 0.178_832_77;
    const B: f32 = 0.284_668_92;
    const C: f32 = 0.559_910_73_f64 as f32;
    const LN_2: f32 = std::f32::consts::LN_2;

    #[inline(always)]
    pub(super) fn encode(light: f32) -> f32 {
        let e = light.abs();
        let log = A * LN_2 * log2((12.0 * e - B).max(1e-3)) + C;
        (if e > 1.0 / 12.0 { log } else { (3.0 * e).sqrt() }).copysign(light)
    }

    #[inline(always)]
    pub(super) fn decode(v: f32) -> f32 {
        let a = v.abs();
        let log = (exp2((a - C) / (A * LN_2)) + B) / 12.0;
        (if a > 0.5 { log } else { a * a / 3.0 }).copysign(v)
    }
}

/// No curve decodes to more than this: sums of such numbers in a gamut's matrix stay finite.
pub(crate) const LIGHT_LIMIT: f32 = 1e30;

#[inline(always)]
fn map(plane: &mut [f32], curve: impl Fn(f32) -> f32) {
    for v in plane {
        *v = curve(*v);
    }
}

#[inline(always)]
fn hold(x: f32) -> f32 {
    // `clamp` lets NaN through: one bad pixel stays recognisable and does not become white.
    x.clamp(-LIGHT_LIMIT, LIGHT_LIMIT)
}

/// Turns one channel of code values into light, in place.
#[inline(always)]
pub(crate) fn decode(space: ColourSpace, plane: &mut [f32]) {
    match space {
        ColourSpace::LinearRec709 | ColourSpace::AcesCg => {}
        ColourSpace::Srgb => map(plane, |v| hold(srgb::decode(v))),
        ColourSpace::Rec709 => map(plane, |v| hold(pow(v.abs(), 2.4).copysign(v))),
        ColourSpace::AcesCct => map(plane, |v| hold(ACES_CCT.decode(v))),
        ColourSpace::DavinciIntermediate => map(plane, |v| hold(DAVINCI.decode(v))),
        ColourSpace::LogC3 => map(plane, |v| hold(LOG_C3.decode(v))),
        ColourSpace::LogC4 => map(plane, |v| hold(LOG_C4.decode(v))),
        ColourSpace::SLog3 | ColourSpace::SLog3Cine => map(plane, |v| hold(S_LOG3.decode(v))),
        ColourSpace::CanonLog3 => map(plane, |v| hold(canon::decode(v))),
        ColourSpace::Log3G10 => map(plane, |v| hold(LOG3_G10.decode(v))),
        ColourSpace::Pq => map(plane, pq::decode),
        ColourSpace::Hlg => map(plane, |v| hold(hlg::decode(v))),
    }
}

/// Turns one channel of light into code values, in place.
#[inline(always)]
pub(crate) fn encode(space: ColourSpace, plane: &mut [f32]) {
    match space {
        ColourSpace::LinearRec709 | ColourSpace::AcesCg => {}
        ColourSpace::Srgb => map(plane, srgb::encode),
        ColourSpace::Rec709 => map(plane, |x| pow(x.abs(), 1.0 / 2.4).copysign(x)),
        ColourSpace::AcesCct => map(plane, |x| ACES_CCT.encode(x)),
        ColourSpace::DavinciIntermediate => map(plane, |x| DAVINCI.encode(x)),
        ColourSpace::LogC3 => map(plane, |x| LOG_C3.encode(x)),
        ColourSpace::LogC4 => map(plane, |x| LOG_C4.encode(x)),
        ColourSpace::SLog3 | ColourSpace::SLog3Cine => map(plane, |x| S_LOG3.encode(x)),
        ColourSpace::CanonLog3 => map(plane, canon::encode),
        ColourSpace::Log3G10 => map(plane, |x| LOG3_G10.encode(x)),
        ColourSpace::Pq => map(plane, pq::encode),
        ColourSpace::Hlg => map(plane, hlg::encode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(space: ColourSpace, f: fn(ColourSpace, &mut [f32]), x: f32) -> f32 {
        let mut v = [x];
        f(space, &mut v);
        v[0]
    }

    #[test]
    fn mid_grey_has_its_published_code() {
        // The vendors' own papers: 18 % grey in 10-bit code, or as a fraction of full scale.
        for (space, code) in [
            (ColourSpace::AcesCct, 0.413_588),
            (ColourSpace::DavinciIntermediate, 0.336_043),
            (ColourSpace::LogC3, 0.391_007),
            (ColourSpace::LogC4, 0.278_396),
            (ColourSpace::SLog3, 420.0 / 1023.0),
            (ColourSpace::CanonLog3, 0.343_389),
            (ColourSpace::Log3G10, 1.0 / 3.0),
        ] {
            assert!((at(space, encode, 0.18) - code).abs() < 2e-6, "{space}: {}", at(space, encode, 0.18));
        }
        assert!((at(ColourSpace::Pq, encode, 100.0) - 1.0).abs() < 1e-6, "10,000 cd/m² is code 1");
        assert!((at(ColourSpace::Hlg, encode, 1.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn every_curve_rises_and_comes_back() {
        for space in ColourSpace::ALL {
            let mut before = f32::NEG_INFINITY;
            for i in -400..=1200 {
                let code = i as f32 / 1000.0;
                let light = at(space, decode, code);
                assert!(light >= before, "{space} falls at {code}");
                before = light;
                let back = at(space, encode, light);
                // PQ cannot tell codes below its own black apart.
                assert!((back - code).abs() < 2e-5 || (space == ColourSpace::Pq && code.abs() < 2e-3), "{space}: {code} became {back}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_does_not_become_one_and_nothing_overflows() {
        for space in ColourSpace::ALL {
            assert!(at(space, decode, f32::NAN).is_nan(), "{space}");
            for v in [-1e6, -20.0, 20.0, 1e6, f32::MAX] {
                assert!(space.is_linear() || at(space, decode, v).is_finite(), "{space} decodes {v} to {}", at(space, decode, v));
                assert!(at(space, encode, v).is_finite(), "{space} encodes {v} to {}", at(space, encode, v));
            }
        }
    }
}
