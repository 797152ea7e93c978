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
    let mut out = Picture::filled(size, [0.0, 0.0, 0.0, 1.0]);
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
