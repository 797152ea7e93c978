//! The transform of a match: what it does to a pixel, how it is weakened and mixed.

use shot::{ColourSpace, Picture};

use crate::convert::by_blocks;
use crate::curve;
use crate::gamut::{IDENTITY, Matrix};

/// A colour transform that carries one shot's look to another's.
///
/// Two steps, each of which may be nothing: a gain per channel on light, as exposure and white balance act, then an affine map
/// of code values, as lift, contrast, saturation and tints act. Code values are the picture's own; for scene-linear pictures
/// they are those of the ACEScct curve, and for Rec.709 light is taken by the sRGB curve (a gain under a pure power is an affine
/// map already, so the pair covers both conventions of display pictures).
///
/// The transform is continuous and has no clamp: values outside 0 to 1 are carried on along it.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    pub(crate) space: ColourSpace,
    /// Factors on light.
    pub(crate) gain: [f64; 3],
    /// Rows make red, green and blue.
    pub(crate) matrix: Matrix,
    /// Added to code values.
    pub(crate) offset: [f64; 3],
}

/// Whose curve lies between a picture's code values and light, for the purposes of a match.
pub(crate) const fn curve_of(space: ColourSpace) -> ColourSpace {
    match space {
        ColourSpace::LinearRec709 | ColourSpace::AcesCg => ColourSpace::AcesCct,
        ColourSpace::Rec709 => ColourSpace::Srgb,
        other => other,
    }
}

impl Match {
    /// The transform that does nothing.
    pub const fn identity(space: ColourSpace) -> Self {
        Self { space, gain: [1.0; 3], matrix: IDENTITY, offset: [0.0; 3] }
    }

    /// The encoding of the pictures that it works on.
    pub const fn space(&self) -> ColourSpace {
        self.space
    }

    /// True when applying it leaves every bit as it is.
    pub fn is_identity(&self) -> bool {
        !self.has_gain() && !self.has_affine()
    }

    fn has_gain(&self) -> bool {
        self.gain != [1.0; 3]
    }

    fn has_affine(&self) -> bool {
        self.matrix != IDENTITY || self.offset != [0.0; 3]
    }

    /// The same look, weaker: 0 is nothing, 1 is all of it. Amounts outside are brought inside; what is not a number is 0.
    pub fn scaled(&self, amount: f64) -> Self {
        Self::lerp(&Self::identity(self.space), self, amount)
    }

    /// From `a` at `t` = 0 to `b` at `t` = 1: gains in stops, the rest in a straight line, so that equal steps look equal. Both
    /// must be for the same space; where they are not, the nearer one is given.
    pub fn lerp(a: &Self, b: &Self, t: f64) -> Self {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        if a.space != b.space || a == b || t == 0.0 || t == 1.0 {
            return if t < 0.5 { a.clone() } else { b.clone() };
        }
        let mix = |x: f64, y: f64| x + (y - x) * t;
        Self {
            space: a.space,
            gain: [0, 1, 2].map(|i| mix(a.gain[i].ln(), b.gain[i].ln()).exp()),
            matrix: [0, 1, 2].map(|i| [0, 1, 2].map(|j| mix(a.matrix[i][j], b.matrix[i][j]))),
            offset: [0, 1, 2].map(|i| mix(a.offset[i], b.offset[i])),
        }
    }

    /// Carries a picture over, in place. Alpha as in [`crate::convert`]; the identity touches nothing. Rows are spread over
    /// rayon's current pool; the result does not depend on it.
    pub fn apply(&self, picture: &mut Picture) {
        if self.is_identity() {
            return;
        }
        by_blocks(
            picture.pixels_mut(),
            #[inline(always)]
            |planes| self.run(planes),
        );
    }

    /// One colour, in code values of the picture.
    pub fn colour(&self, rgb: [f64; 3]) -> [f64; 3] {
        if self.is_identity() {
            return rgb;
        }
        let [mut r, mut g, mut b] = rgb.map(|v| [v as f32]);
        self.run([&mut r, &mut g, &mut b]);
        [r, g, b].map(|v| f64::from(v[0]))
    }

    #[inline(always)]
    fn run(&self, planes: [&mut [f32]; 3]) {
        let [r, g, b] = planes;
        let curve = curve_of(self.space);
        let linear = self.space.is_linear();
        if self.has_gain() {
            for (plane, gain) in [&mut *r, &mut *g, &mut *b].into_iter().zip(self.gain) {
                if !linear {
                    curve::decode(curve, plane);
                }
                plane.iter_mut().for_each(|v| *v *= gain as f32);
                if !linear {
                    curve::encode(curve, plane);
                }
            }
        }
        if !self.has_affine() {
            return;
        }
        if linear {
            for plane in [&mut *r, &mut *g, &mut *b] {
                curve::encode(curve, plane);
            }
        }
        let (m, o) = (self.matrix.map(|row| row.map(|v| v as f32)), self.offset.map(|v| v as f32));
        for ((r, g), b) in r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut()) {
            let (x, y, z) = (*r, *g, *b);
            *r = m[0][0] * x + m[0][1] * y + m[0][2] * z + o[0];
            *g = m[1][0] * x + m[1][1] * y + m[1][2] * z + o[1];
            *b = m[2][0] * x + m[2][1] * y + m[2][2] * z + o[2];
        }
        if linear {
            for plane in [r, g, b] {
                curve::decode(curve, plane);
            }
        }
    }

    /// What it does to a colour, told in one number each: the gains in stops, and the mean CIEDE2000 on nine greys and colours
    /// of the display. For logs and reports.
    pub fn describe(&self) -> String {
        if self.is_identity() {
            return "left as it is".into();
        }
        let stops = self.gain.map(f64::log2);
        let m = self.matrix;
        format!(
            "gain {:+.2} {:+.2} {:+.2} stops, contrast {:.2} {:.2} {:.2}, offset {:+.3} {:+.3} {:+.3}",
            stops[0],
            stops[1],
            stops[2],
            m[0].iter().sum::<f64>(),
            m[1].iter().sum::<f64>(),
            m[2].iter().sum::<f64>(),
            self.offset[0],
            self.offset[1],
            self.offset[2]
        )
    }

    /// Within what a grade is: gains of at most five stops, and an affine part that keeps the order of tones, with each channel
    /// rising with itself and with grey, neither crushed nor stretched beyond use.
    pub(crate) fn is_sound(&self) -> bool {
        let gains = self.gain.iter().all(|g| (1.0 / 32.0..=32.0).contains(g));
        let rows = self.matrix.iter().all(|row| (0.1..=10.0).contains(&row.iter().sum::<f64>()));
        let diagonal = (0..3).all(|i| (0.1..=10.0).contains(&self.matrix[i][i]));
        gains && rows && diagonal && self.offset.iter().all(|o| o.abs() < 2.0)
    }
}
