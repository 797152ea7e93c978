//! Where a take's picture lies in the host's image.
//!
//! OpenFX speaks of canonical coordinates (square pixels at full size, y upward); images are in pixels at the render scale.
//! A take is placed in the region of the shot (the project, or what the inputs cover), whole with bars, filling, or stretched.

use host_sys::{RectD, RectI};
use shot::Size;

/// How a take of another shape is placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it is seen, with bars.
    #[default]
    Whole,
    /// No bars are seen, some of it is cut.
    Fill,
    /// Distorted to cover the region exactly.
    Stretch,
}

impl Fit {
    /// By its place in the menu.
    pub const fn at(place: i32) -> Self {
        match place {
            1 => Self::Fill,
            2 => Self::Stretch,
            _ => Self::Whole,
        }
    }
}

/// A region of the host in pixels of an image: position of its edges, fractions allowed.
pub fn to_pixels(region: RectD, scale: (f64, f64), pixel_aspect: f64) -> RectD {
    let x = scale.0 / pixel_aspect;
    snapped(RectD::new(region.x1 * x, region.y1 * scale.1, region.x2 * x, region.y2 * scale.1))
}

/// Where the picture lies within `region` (in pixels of the image): `size` and `aspect` are the picture's, `pixel_aspect` is the
/// image's.
pub fn place(size: Size, aspect: f64, region: RectD, pixel_aspect: f64, fit: Fit) -> RectD {
    let (width, height) = (f64::from(size.width) * aspect, f64::from(size.height));
    let (room_w, room_h) = (region.width() * pixel_aspect, region.height());
    let (kx, ky) = (room_w / width, room_h / height);
    let (kx, ky) = match fit {
        Fit::Stretch => (kx, ky),
        Fit::Whole => (kx.min(ky), kx.min(ky)),
        Fit::Fill => (kx.max(ky), kx.max(ky)),
    };
    let (w, h) = (width * kx / pixel_aspect, height * ky);
    let (cx, cy) = ((region.x1 + region.x2) / 2.0, (region.y1 + region.y2) / 2.0);
    let mut rect = RectD::new(cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0);
    // Shapes that differ by less than a pixel are meant to be the same: no bar of half a pixel.
    if (rect.width() - region.width()).abs() < 1.0 && (rect.height() - region.height()).abs() < 1.0 {
        rect = region;
    }
    snapped(rect)
}

/// Edges within a thousandth of a pixel of a whole number are that number: 1920 × 0.1 × 10 is not 1920 in doubles.
fn snapped(r: RectD) -> RectD {
    let snap = |v: f64| if (v - v.round()).abs() < 1e-3 { v.round() } else { v };
    RectD::new(snap(r.x1), snap(r.y1), snap(r.x2), snap(r.y2))
}

/// The offset of a picture that lies pixel on pixel: its lower left corner. `None` where it must be scaled or lies off the grid.
pub fn pixel_on_pixel(size: Size, rect: RectD) -> Option<(i32, i32)> {
    let whole = |v: f64| (v.fract() == 0.0 && v.abs() < f64::from(i32::MAX / 2)).then_some(v as i32);
    let exact = rect.width() == f64::from(size.width) && rect.height() == f64::from(size.height);
    if exact { Some((whole(rect.x1)?, whole(rect.y1)?)) } else { None }
}

/// The smallest rectangle of whole pixels around a region, brought inside what an `i32` can count.
pub fn around(r: RectD) -> RectI {
    let edge = |v: f64| if v.is_nan() { 0 } else { v.clamp(-1e9, 1e9) as i32 };
    RectI::new(edge(r.x1.floor()), edge(r.y1.floor()), edge(r.x2.ceil()), edge(r.y2.ceil()))
}

/// What two regions cover together.
pub fn union(a: Option<RectD>, b: Option<RectD>) -> Option<RectD> {
    match (a, b) {
        (Some(a), Some(b)) => Some(RectD::new(a.x1.min(b.x1), a.y1.min(b.y1), a.x2.max(b.x2), a.y2.max(b.y2))),
        (a, b) => a.or(b),
    }
}

/// A region in canonical coordinates as a picture size at full scale; at least 1×1, `None` beyond what can be worked on.
pub fn full_size(region: RectD, pixel_aspect: f64) -> Option<Size> {
    let side = |v: f64| if v.is_finite() && v < f64::from(u32::MAX) { v.round().max(1.0) as u32 } else { u32::MAX };
    Size::new(side(region.width() / pixel_aspect), side(region.height())).checked().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const HD: Size = Size::new(1920, 1080);

    #[test]
    fn the_same_size_lies_pixel_on_pixel_at_any_origin() {
        let region = to_pixels(RectD::new(-10.0, 20.0, 1910.0, 1100.0), (1.0, 1.0), 1.0);
        for fit in [Fit::Whole, Fit::Fill, Fit::Stretch] {
            assert_eq!(pixel_on_pixel(HD, place(HD, 1.0, region, 1.0, fit)), Some((-10, 20)), "{fit:?}");
        }
    }

    #[test]
    fn a_proxy_is_the_whole_picture_made_smaller() {
        let region = to_pixels(RectD::new(0.0, 0.0, 1920.0, 1080.0), (0.25, 0.25), 1.0);
        assert_eq!(place(HD, 1.0, region, 1.0, Fit::Whole), RectD::new(0.0, 0.0, 480.0, 270.0));
        assert_eq!(pixel_on_pixel(HD, place(HD, 1.0, region, 1.0, Fit::Whole)), None);
    }

    #[test]
    fn another_shape_gets_bars_or_is_cut() {
        let square = RectD::new(0.0, 0.0, 1000.0, 1000.0);
        let wide = Size::new(2000, 1000);
        assert_eq!(place(wide, 1.0, square, 1.0, Fit::Whole), RectD::new(0.0, 250.0, 1000.0, 750.0));
        assert_eq!(place(wide, 1.0, square, 1.0, Fit::Fill), RectD::new(-500.0, 0.0, 1500.0, 1000.0));
        assert_eq!(place(wide, 1.0, square, 1.0, Fit::Stretch), square);
    }

    #[test]
    fn anamorphic_pixels_keep_their_shape() {
        // 720×576 pixels of 16:11 in a canonical region of 1047.27 × 576.
        let pal = Size::new(720, 576);
        let region = to_pixels(RectD::new(0.0, 0.0, 720.0 * 16.0 / 11.0, 576.0), (1.0, 1.0), 16.0 / 11.0);
        assert_eq!(pixel_on_pixel(pal, place(pal, 16.0 / 11.0, region, 16.0 / 11.0, Fit::Whole)), Some((0, 0)));
        assert_eq!(full_size(RectD::new(0.0, 0.0, 720.0 * 16.0 / 11.0, 576.0), 16.0 / 11.0), Some(pal));
    }

    #[test]
    fn nonsense_has_no_size() {
        assert_eq!(full_size(RectD::new(0.0, 0.0, f64::INFINITY, 10.0), 1.0), None);
        assert_eq!(full_size(RectD::new(0.0, 0.0, 1e9, 10.0), 1.0), None);
    }

    proptest! {
        #[test]
        fn fit_stays_inside_and_fill_covers(
            w in 1u32..9000, h in 1u32..9000, rw in 1.0..9000.0f64, rh in 1.0..9000.0f64, aspect in 0.5..2.0f64,
        ) {
            let region = RectD::new(3.0, -7.0, 3.0 + rw, -7.0 + rh);
            let inside = place(Size::new(w, h), aspect, region, 1.0, Fit::Whole);
            let over = place(Size::new(w, h), aspect, region, 1.0, Fit::Fill);
            let e = 2e-3;
            prop_assert!(inside.x1 >= region.x1 - e && inside.x2 <= region.x2 + e && inside.y1 >= region.y1 - e && inside.y2 <= region.y2 + e);
            prop_assert!(over.x1 <= region.x1 + e && over.x2 >= region.x2 - e && over.y1 <= region.y1 + e && over.y2 >= region.y2 - e);
        }
    }
}
