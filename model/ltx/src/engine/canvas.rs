//! Between the editor's pictures and the model's: colour to display, size to canvas, values to −1…1, and back.
//!
//! Pictures are resampled with a Lanczos kernel of three lobes, widened when they are made smaller, so that nothing aliases.

use candle_core::Tensor;
use rayon::prelude::*;
use shot::{ColourSpace, Picture, Size};

use super::look::{Look, SEEN};
use super::plan::Canvas;
use crate::error::Result;
use crate::ops::slices;

/// Writes a picture onto the canvas: `canvas.height × canvas.width × 3` values in −1…1; what lies beyond the picture repeats its
/// last row and column.
pub fn show(picture: &Picture, look: Look, canvas: &Canvas, out: &mut [f32]) {
    let mut pixels = picture.pixels().to_vec();
    look.enter(&mut pixels);
    let small = resample(&pixels, picture.size(), canvas.picture);
    let (width, row) = (canvas.canvas.width as usize, canvas.picture.width as usize);
    for (y, line) in out.chunks_mut(width * 3).enumerate() {
        let source = y.min(canvas.picture.height as usize - 1) * row;
        for (x, value) in line.chunks_mut(3).enumerate() {
            let p = small[source + x.min(row - 1)];
            value.copy_from_slice(&[p[0] * 2.0 - 1.0, p[1] * 2.0 - 1.0, p[2] * 2.0 - 1.0]);
        }
    }
}

/// The share of a picture's pixels that lie beyond what a display shows: what the model cannot know.
pub fn beyond(picture: &Picture, space: ColourSpace) -> f64 {
    let mut pixels = picture.pixels().to_vec();
    if space != SEEN {
        colour::convert(&mut pixels, space, SEEN);
    }
    // Four 10-bit code values of headroom: noise at white is no highlight.
    pixels.iter().filter(|p| p[..3].iter().any(|v| *v > 1.004)).count() as f64 / pixels.len().max(1) as f64
}

/// The same for a still of another shape: it covers the picture, centred, and loses what is too long.
pub fn show_covering(still: &Picture, look: Look, canvas: &Canvas, out: &mut [f32]) {
    let (from, to) = (still.size(), canvas.picture);
    let wanted = f64::from(to.width) / f64::from(to.height);
    let (width, height) = (f64::from(from.width), f64::from(from.height));
    let (w, h) = if width / height > wanted { (height * wanted, height) } else { (width, width / wanted) };
    let side = |s: f64, most: u32| (s.round() as u32).clamp(1, most);
    let (w, h) = (side(w, from.width), side(h, from.height));
    if (w, h) == (from.width, from.height) {
        return show(still, look, canvas, out);
    }
    let (left, top) = ((from.width - w) as usize / 2, (from.height - h) as usize / 2);
    let pixels = (0..h as usize).flat_map(|y| still.row(top + y)[left..left + w as usize].iter().copied()).collect();
    match Picture::new(Size::new(w, h), pixels) {
        Ok(cut) => show(&cut, look, canvas, out),
        Err(_) => show(still, look, canvas, out),
    }
}

/// Frames of the model (`[frames, height, width, 3]`, −1…1) as pictures of `size` in the editor's space. Values that are not
/// finite are left as they are: the caller must see them.
pub fn read(frames: &Tensor, canvas: &Canvas, size: Size, look: Look) -> Result<Vec<Picture>> {
    let (count, height, width, _) = frames.dims4()?;
    let crop = canvas.picture;
    slices::with(frames, |values| {
        let of = |f: usize| {
            let frame = &values[f * height * width * 3..(f + 1) * height * width * 3];
            let mut pixels = Vec::with_capacity(crop.pixels());
            for y in 0..crop.height as usize {
                let line = &frame[y * width * 3..];
                pixels
                    .extend(line.chunks(3).take(crop.width as usize).map(|p| [p[0] * 0.5 + 0.5, p[1] * 0.5 + 0.5, p[2] * 0.5 + 0.5, 1.0]));
            }
            let mut pixels = resample(&pixels, crop, size);
            pixels.iter_mut().for_each(|p| p[3] = 1.0);
            look.leave(&mut pixels);
            Ok(Picture::new(size, pixels)?)
        };
        (0..count).map(of).collect()
    })?
}

/// Taps of one output position: the first input position and the weights from there.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let reach = 3.0 * stretch;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale - 0.5;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(from - 1);
            let weights: Vec<f64> = (first..=last).map(|j| lanczos((j as f64 - centre) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            Taps { first, weights: weights.iter().map(|w| (w / sum) as f32).collect() }
        })
        .collect()
}

/// The three-lobed Lanczos kernel (Duchon, Journal of Applied Meteorology 18, 1979).
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

/// A picture at another size; the same pixels where the size is the same.
pub fn resample(pixels: &[[f32; 4]], from: Size, to: Size) -> Vec<[f32; 4]> {
    if from == to {
        return pixels.to_vec();
    }
    let (fw, tw) = (from.width as usize, to.width as usize);
    let (across, down) = (taps(fw, tw), taps(from.height as usize, to.height as usize));
    let mut wide = vec![[0.0; 4]; tw * from.height as usize];
    wide.par_chunks_mut(tw).zip(pixels.par_chunks(fw)).for_each(|(out, row)| {
        out.iter_mut().zip(&across).for_each(|(o, t)| *o = sum(t, |j| row[j]));
    });
    let mut out = vec![[0.0; 4]; to.pixels()];
    out.par_chunks_mut(tw).zip(&down).for_each(|(out, t)| {
        for (x, o) in out.iter_mut().enumerate() {
            *o = sum(t, |j| wide[j * tw + x]);
        }
    });
    out
}

fn sum(taps: &Taps, at: impl Fn(usize) -> [f32; 4]) -> [f32; 4] {
    let mut sum = [0.0; 4];
    for (i, w) in taps.weights.iter().enumerate() {
        let p = at(taps.first + i);
        (0..4).for_each(|c| sum[c] += w * p[c]);
    }
    sum
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture(size: Size) -> Picture {
        let at = |i: usize| {
            let (x, y) = ((i % size.width as usize) as f32, (i / size.width as usize) as f32);
            [0.5 + 0.4 * (x * 0.11).sin(), 0.5 + 0.4 * (y * 0.07).cos(), 0.3, 1.0]
        };
        Picture::new(size, (0..size.pixels()).map(at).collect()).unwrap()
    }

    fn there_and_back(size: Size, limit: usize, space: ColourSpace) -> f32 {
        let canvas = Canvas::fit(size, 1.0, limit, 32);
        let mut values = vec![0.0; canvas.canvas.pixels() * 3];
        let p = picture(size);
        let look = Look::display(space);
        show(&p, look, &canvas, &mut values);
        let shape = (1, canvas.canvas.height as usize, canvas.canvas.width as usize, 3);
        let back = read(&slices::tensor(values, shape).unwrap(), &canvas, size, look).unwrap();
        let differences = p.pixels().iter().zip(back[0].pixels()).flat_map(|(a, b)| (0..3).map(|c| (a[c] - b[c]).abs()));
        differences.fold(0.0, f32::max)
    }

    #[test]
    fn a_picture_that_fits_the_canvas_comes_back_as_it_was() {
        assert!(there_and_back(Size::new(70, 50), 1_000_000, ColourSpace::Rec709) < 1e-6);
        assert!(there_and_back(Size::new(70, 50), 1_000_000, ColourSpace::LinearRec709) < 1e-4);
    }

    #[test]
    fn a_larger_one_comes_back_nearly() {
        assert!(there_and_back(Size::new(200, 120), 100 * 60, ColourSpace::Rec709) < 0.02);
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        let canvas = Canvas::fit(Size::new(32, 32), 1.0, 4096, 32);
        let frames = slices::tensor(vec![f32::NAN; 32 * 32 * 3], (1, 32, 32, 3)).unwrap();
        let back = read(&frames, &canvas, Size::new(32, 32), Look::display(ColourSpace::Rec709)).unwrap();
        assert!(back[0].pixels()[0][0].is_nan());
    }
}
