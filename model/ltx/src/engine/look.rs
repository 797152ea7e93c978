//! What the model's values mean: an ordinary display picture, or with a LoRA for high dynamic range the codes of a log curve.

use shot::ColourSpace;

use crate::lora::Curve;

/// What the model sees without such a LoRA: the display rendering that its training pictures had.
pub const SEEN: ColourSpace = ColourSpace::Rec709;

/// How pictures of the editor's space become the model's 0…1 and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The editor's.
    pub space: ColourSpace,
    /// The model's curve; `None` for a display picture.
    pub curve: Option<Curve>,
}

impl Look {
    /// Display pictures of a space.
    pub const fn display(space: ColourSpace) -> Self {
        Self { space, curve: None }
    }

    /// To what the model sees: 0 to 1.
    pub fn enter(self, pixels: &mut [[f32; 4]]) {
        let to = |pixels: &mut [[f32; 4]], space| {
            if self.space != space {
                colour::convert(pixels, self.space, space);
            }
        };
        match self.curve {
            None => to(pixels, SEEN),
            Some(Curve::LogC3) => {
                to(pixels, ColourSpace::LinearRec709);
                each(pixels, logc3);
            }
            Some(Curve::AcesCct) => {
                to(pixels, ColourSpace::AcesCg);
                each(pixels, |v| v.max(0.0));
                colour::convert(pixels, ColourSpace::AcesCg, ColourSpace::AcesCct);
            }
        }
        each(pixels, |v| v.clamp(0.0, 1.0));
    }

    /// Back from what the model gives. What is no number stays none: the caller must see it.
    pub fn leave(self, pixels: &mut [[f32; 4]]) {
        let inside = |v: f32| if v.is_finite() { v.clamp(0.0, 1.0) } else { f32::NAN };
        let from = match self.curve {
            None => SEEN,
            Some(Curve::LogC3) => {
                each(pixels, |v| linear(inside(v)));
                ColourSpace::LinearRec709
            }
            Some(Curve::AcesCct) => {
                each(pixels, inside);
                ColourSpace::AcesCct
            }
        };
        if self.space != from {
            colour::convert(pixels, from, self.space);
        }
    }
}

fn each(pixels: &mut [[f32; 4]], change: impl Fn(f32) -> f32) {
    pixels.iter_mut().for_each(|p| p[..3].iter_mut().for_each(|v| *v = change(*v)));
}

/// LogC3 at EI 800: a, b, c, d, e, f and the cut (ARRI, "ALEXA LogC curve: usage in VFX", 2017, table of section 3.2).
const A: f32 = 5.555_556;
const B: f32 = 0.052_272;
const C: f32 = 0.247_19;
const D: f32 = 0.385_537;
const E: f32 = 5.367_655;
const F: f32 = 0.092_809;
const CUT: f32 = 0.010_591;

fn logc3(light: f32) -> f32 {
    let light = light.max(0.0);
    if light > CUT { C * (A * light + B).log10() + D } else { E * light + F }
}

fn linear(code: f32) -> f32 {
    // Codes below that of no light are no light.
    let light = if code > E * CUT + F { (10f32.powf((code - D) / C) - B) / A } else { (code - F) / E };
    if light < 0.0 { 0.0 } else { light }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_far_above_white_comes_back_through_a_log_curve_and_not_without_one() {
        for curve in [Curve::LogC3, Curve::AcesCct] {
            for light in [0.0, 0.002, 0.0106, 0.18, 1.0, 4.0, 40.0] {
                let look = Look { space: ColourSpace::LinearRec709, curve: Some(curve) };
                let mut pixels = [[light, light * 0.9, light * 0.8, 1.0]];
                look.enter(&mut pixels);
                assert!(pixels[0][..3].iter().all(|v| (0.0..=1.0).contains(v)));
                look.leave(&mut pixels);
                for (got, want) in pixels[0].iter().zip([light, light * 0.9, light * 0.8]) {
                    assert!((got - want).abs() < 2e-4 + 2e-3 * want, "{curve:?}: {got} for {want}");
                }
            }
        }
        let look = Look::display(ColourSpace::LinearRec709);
        let mut pixels = [[4.0, 4.0, 4.0, 1.0]];
        look.enter(&mut pixels);
        look.leave(&mut pixels);
        assert!((pixels[0][0] - 1.0).abs() < 1e-3);
    }

    #[test]
    fn the_curve_has_the_published_codes_of_grey_and_white() {
        // 18 % grey is code 400 of 1023 (ARRI, the same document, section 3.1).
        assert!((logc3(0.18) - 400.0 / 1023.0).abs() < 5e-4, "{}", logc3(0.18));
        assert!((linear(1.0) - 55.08).abs() < 0.1, "{}", linear(1.0));
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for curve in [None, Some(Curve::LogC3), Some(Curve::AcesCct)] {
            let mut pixels = [[f32::NAN, 0.5, 0.5, 1.0]];
            Look { space: ColourSpace::LinearRec709, curve }.leave(&mut pixels);
            assert!(pixels[0][0].is_nan(), "{curve:?}");
        }
    }
}
