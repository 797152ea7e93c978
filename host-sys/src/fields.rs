//! Interlaced pictures: which lines are asked for, and images that hold one field alone.
//!
//! OpenFX counts lines from the bottom: the lower field is lines 0, 2, 4 …, the upper one 1, 3, 5 …. Hosts ask for both at once,
//! or for one after the other, half a frame apart, into an image of the whole frame or into one that holds only that field's
//! lines. The rest of this crate and the effect see lines of whole frames; the difference ends here.

use crate::geometry::{RectD, RectI};
use crate::props::PropertySet;
use crate::raw;

/// Lines of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lines {
    /// Every line.
    #[default]
    All,
    /// Lines 0, 2, 4 … from the bottom.
    Lower,
    /// Lines 1, 3, 5 … from the bottom.
    Upper,
}

impl Lines {
    fn named(text: &str) -> Self {
        match text.as_bytes() {
            t if t == raw::kOfxImageFieldLower.to_bytes() => Self::Lower,
            t if t == raw::kOfxImageFieldUpper.to_bytes() => Self::Upper,
            _ => Self::All,
        }
    }

    /// The lines that an action asks for; all of them where the host does not say.
    pub(crate) fn asked(args: &PropertySet<'_>) -> Self {
        Self::named(&args.string(raw::kOfxImageEffectPropFieldToRender).unwrap_or_default())
    }

    /// The field that an image says it holds.
    pub(crate) fn held(image: &PropertySet<'_>) -> Self {
        Self::named(&image.string(raw::kOfxImagePropField).unwrap_or_default())
    }

    /// Whether line y of a frame is one of them.
    pub const fn hold(self, y: i32) -> bool {
        match self {
            Self::All => true,
            Self::Lower => y.rem_euclid(2) == 0,
            Self::Upper => y.rem_euclid(2) == 1,
        }
    }
}

/// Whether an image of one field has only that field's lines, and so half the height of its frame. Hosts mark images of both
/// kinds alike, so its shape is compared with that of its clip, `frame` in canonical coordinates.
pub(crate) fn is_half_height(image: RectI, pixel_aspect: f64, frame: Option<RectD>) -> bool {
    let Some(frame) = frame.filter(|f| f.is_usable()) else { return false };
    let expected = frame.height() * f64::from(image.width()) * pixel_aspect / frame.width();
    let height = f64::from(image.height());
    (height * 2.0 - expected).abs() < (height - expected).abs()
}

/// A rectangle of one field's lines as the lines of the frame that they stand for.
pub(crate) const fn doubled(r: RectI) -> RectI {
    RectI::new(r.x1, r.y1.saturating_mul(2), r.x2, r.y2.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_bottom_also_below_zero() {
        assert!(Lines::Lower.hold(0) && Lines::Lower.hold(-2) && !Lines::Lower.hold(-1) && !Lines::Lower.hold(3));
        assert!(Lines::Upper.hold(1) && Lines::Upper.hold(-1) && !Lines::Upper.hold(0) && Lines::All.hold(7));
    }

    #[test]
    fn half_of_a_frame_is_known_by_its_shape_at_every_scale() {
        let pal = Some(RectD::new(0.0, 0.0, 768.0, 576.0));
        let par = 768.0 / 720.0;
        assert!(is_half_height(RectI::new(0, 0, 720, 288), par, pal));
        assert!(!is_half_height(RectI::new(0, 0, 720, 576), par, pal));
        assert!(is_half_height(RectI::new(0, 0, 360, 144), par, pal));
        assert!(!is_half_height(RectI::new(0, 0, 360, 288), par, pal));
        assert!(!is_half_height(RectI::new(0, 0, 720, 288), par, None), "nothing to compare with");
    }
}
