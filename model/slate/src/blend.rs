//! The picture that is nearest to one that does not exist.

use std::borrow::Cow;

use shot::{Picture, Size};

/// How a picture is brought to another size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it, with black where it does not reach: letterbox or pillarbox.
    #[default]
    Letterbox,
    /// No black; what hangs over is cut off evenly.
    Fill,
    /// All of it, its shape distorted.
    Stretch,
}

/// A picture at another size, pixels taken to be of one shape in both. Smooth in both directions: averaged where it gets
/// smaller, interpolated where it gets larger. Black is opaque.
pub fn fit(picture: &Picture, size: Size, how: Fit) -> Picture {
    if picture.size() == size {
        return picture.clone();
    }
    let mut out = Picture::filled(size, [0.0, 0.0, 0.0, 1.0]);
    if picture.pixels().is_empty() || out.pixels().is_empty() {
        return out;
    }
    let (from_w, from_h) = (picture.width() as f64, picture.height() as f64);
    let (to_w, to_h) = (f64::from(size.width), f64::from(size.height));
    let (x, y) = (to_w / from_w.max(1.0), to_h / from_h.max(1.0));
    let (x, y) = match how {
        Fit::Letterbox => (x.min(y), x.min(y)),
        Fit::Fill => (x.max(y), x.max(y)),
        Fit::Stretch => (x, y),
    };
    let columns = Resample::new(picture.width(), size.width as usize, x);
    let rows = Resample::new(picture.height(), size.height as usize, y);
    // One row of the result at a time: first the rows that make it up, then along it.
    let mut mixed = vec![[0.0f32; 4]; picture.width()];
    for (target, taps) in rows.pixels() {
        mixed.fill([0.0; 4]);
        for (source, weight) in taps {
            for (sum, pixel) in mixed.iter_mut().zip(picture.row(*source)) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += value * weight;
                }
            }
        }
        let row = out.row_mut(target);
        for (target, taps) in columns.pixels() {
            let mut sum = [0.0f32; 4];
            for (source, weight) in taps {
                for (sum, value) in sum.iter_mut().zip(&mixed[*source]) {
                    *sum += value * weight;
                }
            }
            row[target] = sum;
        }
    }
    out
}

/// Which pixels of the source make up each pixel of the result, along one side.
struct Resample {
    /// First pixel of the result that the source reaches.
    first: usize,
    taps: Vec<Vec<(usize, f32)>>,
}

impl Resample {
    fn new(from: usize, to: usize, scale: f64) -> Self {
        let length = (from as f64 * scale).round().max(1.0);
        let scale = length / from.max(1) as f64;
        let start = ((to as f64 - length) / 2.0).floor();
        let first = start.max(0.0) as usize;
        let last = ((start + length) as usize).min(to);
        // A triangle, a pixel wide on each side in whichever of the two grids is coarser.
        let reach = (1.0 / scale).max(1.0);
        let taps = (first..last)
            .map(|pixel| {
                let centre = (pixel as f64 + 0.5 - start) / scale - 0.5;
                let low = (centre - reach).ceil().max(0.0) as usize;
                let high = ((centre + reach).floor().max(0.0) as usize).min(from.saturating_sub(1));
                let weights: Vec<(usize, f64)> = (low..=high).map(|i| (i, 1.0 - (i as f64 - centre).abs() / reach)).collect();
                let sum: f64 = weights.iter().map(|w| w.1).sum();
                weights.into_iter().map(|(i, w)| (i, (w / sum) as f32)).collect()
            })
            .collect();
        Self { first, taps }
    }

    fn pixels(&self) -> impl Iterator<Item = (usize, &Vec<(usize, f32)>)> {
        (self.first..).zip(&self.taps)
    }
}

/// A mix of two pictures: `a` at `t` = 0, `b` at 1; `t` outside is brought inside. It has the size of `a`; `b` is fitted into it.
pub fn dissolve(a: &Picture, b: &Picture, t: f64) -> Picture {
    let t = if t.is_finite() { t.clamp(0.0, 1.0) as f32 } else { 0.0 };
    if t == 0.0 {
        return a.clone();
    }
    let b = fitted(b, a.size());
    if t == 1.0 {
        return b.into_owned();
    }
    let mut out = a.clone();
    for (a, b) in out.pixels_mut().iter_mut().zip(b.pixels()) {
        for (a, b) in a.iter_mut().zip(b) {
            *a += (b - *a) * t;
        }
    }
    out
}

/// The nearest thing to a frame that is not there, `t` from 0 at the tail to 1 at the head: a dissolve between both neighbours,
/// the one there is, or `None`. At the size asked for, letterboxed.
pub fn nearest(tail: Option<&Picture>, head: Option<&Picture>, t: f64, size: Size) -> Option<Picture> {
    match (tail, head) {
        (Some(tail), Some(head)) => Some(dissolve(&fitted(tail, size), head, t)),
        (Some(one), None) | (None, Some(one)) => Some(fitted(one, size).into_owned()),
        (None, None) => None,
    }
}

fn fitted(picture: &Picture, size: Size) -> Cow<'_, Picture> {
    if picture.size() == size { Cow::Borrowed(picture) } else { Cow::Owned(fit(picture, size, Fit::Letterbox)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grey(size: Size, value: f32) -> Picture {
        Picture::filled(size, [value, value, value, 1.0])
    }

    #[test]
    fn letterbox_fill_and_stretch_keep_or_change_the_shape() {
        let wide = grey(Size::new(40, 10), 0.5);
        let lit = |p: &Picture| p.pixels().iter().filter(|p| p[0] > 0.25).count();
        let boxed = fit(&wide, Size::new(20, 20), Fit::Letterbox);
        assert_eq!(lit(&boxed), 20 * 5);
        assert!(boxed.row(6).iter().chain(boxed.row(12)).all(|p| *p == [0.0, 0.0, 0.0, 1.0]));
        assert!(boxed.row(7).iter().chain(boxed.row(11)).all(|p| (p[0] - 0.5).abs() < 1e-6));
        let pillar = fit(&grey(Size::new(10, 40), 0.5), Size::new(20, 20), Fit::Letterbox);
        assert_eq!(lit(&pillar), 20 * 5);
        for how in [Fit::Fill, Fit::Stretch] {
            assert_eq!(lit(&fit(&wide, Size::new(20, 20), how)), 400);
        }
    }

    #[test]
    fn the_ends_of_a_dissolve_are_the_pictures_themselves() {
        let (a, b) = (grey(Size::new(3, 2), 2.5), grey(Size::new(3, 2), -1.0));
        assert_eq!(dissolve(&a, &b, 0.0), a);
        assert_eq!(dissolve(&a, &b, 1.0), b);
        assert_eq!(dissolve(&a, &b, -3.0), a);
        assert_eq!(dissolve(&a, &b, f64::NAN), a);
        assert_eq!(dissolve(&a, &b, 0.5).pixels()[5], [0.75, 0.75, 0.75, 1.0]);
        assert_eq!(dissolve(&a, &grey(Size::new(9, 6), -1.0), 1.0).size(), a.size());
    }

    #[test]
    fn the_nearest_thing_is_what_there_is() {
        let (size, a, b) = (Size::new(4, 4), grey(Size::new(4, 4), 0.25), grey(Size::new(8, 8), 0.75));
        assert_eq!(nearest(None, None, 0.5, size), None);
        assert_eq!(nearest(Some(&a), None, 0.9, size), Some(a.clone()));
        assert!(nearest(None, Some(&b), 0.1, size).is_some_and(|p| p.size() == size && (p.pixels()[0][0] - 0.75).abs() < 1e-6));
        assert!(nearest(Some(&a), Some(&b), 0.5, size).is_some_and(|p| (p.pixels()[3][1] - 0.5).abs() < 1e-6));
    }

    proptest! {
        #[test]
        fn any_size_becomes_any_other(w in 0u32..30, h in 0u32..30, to_w in 0u32..40, to_h in 0u32..40, how in 0usize..3, value in -4.0f32..4.0) {
            let how = [Fit::Letterbox, Fit::Fill, Fit::Stretch][how];
            let out = fit(&grey(Size::new(w, h), value), Size::new(to_w, to_h), how);
            prop_assert_eq!(out.size(), Size::new(to_w, to_h));
            for pixel in out.pixels() {
                prop_assert!((pixel[0] - value).abs() < 1e-4 || pixel[0] == 0.0);
                prop_assert!((pixel[3] - 1.0).abs() < 1e-5);
            }
        }
    }
}
