//! Pictures read at fractional positions.

use shot::Picture;

use crate::detail::Detail;
use crate::frame::Frame;

/// Steps between two pixels at which pictures are read. Reading half a step away, a 256th of a pixel, changes an 8-bit code
/// value of the steepest edge by less than one.
const PHASES: usize = 128;
/// What brings a position's steps into the low bits of its float: from here to twice as much, floats lie a step apart.
const MAGIC: f32 = (1_u32 << 23) as f32 / PHASES as f32;
/// The mantissa of a float.
const MANTISSA: u32 = 0x7f_ffff;
/// Largest position that can be named.
const FARTHEST: f32 = MAGIC - 1.0;
/// A picture must be this wide and high to be read between its pixels.
pub const LEAST: usize = 4;

/// Where a row of pixels reads a frame. Arrays side by side, so that eight positions are worked out at once.
#[derive(Default)]
pub struct Places {
    /// Column and row, relative to the pixel; fractional.
    pub x: Vec<f32>,
    /// See `x`.
    pub y: Vec<f32>,
    /// How much what is read counts.
    pub weight: Vec<f32>,
    /// Above a quarter: the cubic is worth its sixteen pixels.
    pub fine: Vec<f32>,
    /// The pixel at or before the position, counted from the first.
    at: Vec<u32>,
    /// How far on to the right and downward, 0 to 1, in whole steps.
    on: [Vec<f32>; 2],
    /// Whether the cubic is read.
    cubic: Vec<bool>,
}

impl Places {
    /// Room for a row of `width` pixels.
    pub fn new(width: usize) -> Self {
        let row = || vec![0.0; width];
        Self { x: row(), y: row(), weight: row(), fine: row(), at: vec![0; width], on: [row(), row()], cubic: vec![false; width] }
    }
}

/// Weights of the four pixels around a position, for every step.
pub struct Kernel {
    /// Each weight four times, once for every channel.
    across: Vec<[f32; 16]>,
    down: Vec<[f32; 4]>,
}

impl Kernel {
    /// Catmull–Rom, the cubic that passes through the pixels (Keys, 1981, a = −½), and `gain` times what it keeps of a picture
    /// that the smoothing cubic B-spline does not: for every gain a member of the family of Mitchell and Netravali (1988), with
    /// B = −gain. Detail that two averaged pictures lost comes back in the reading itself, at no further cost.
    pub fn new(gain: f32) -> Self {
        let weights = |i: usize| {
            let f = i as f32 / PHASES as f32;
            let g = 1.0 - f;
            let (p, q) = (-0.5 * f * g * g, -0.5 * g * f * f);
            let through = [p, g - 2.0 * p + q, f - 2.0 * q + p, q];
            let smooth = [g * g * g, 4.0 - 6.0 * f * f + 3.0 * f * f * f, 4.0 - 6.0 * g * g + 3.0 * g * g * g, f * f * f];
            std::array::from_fn(|k| through[k] + gain * (through[k] - smooth[k] * (1.0 / 6.0)))
        };
        let down: Vec<[f32; 4]> = (0..=PHASES).map(weights).collect();
        let across = down.iter().map(|k| std::array::from_fn(|n| k[n / 4])).collect();
        Self { across, down }
    }
}

/// Reads a frame between its pixels.
pub struct Sampler<'a> {
    pixels: &'a [[f32; 4]],
    detail: &'a Detail,
    width: usize,
    height: usize,
    bounded: bool,
}

impl<'a> Sampler<'a> {
    /// In linear light what is read is kept within the range of the four nearest pixels: the lobes of a cubic beside a
    /// highlight would reach far below black.
    pub fn new(frame: &'a Frame) -> Self {
        let picture: &Picture = &frame.picture;
        let (width, height) = (picture.width(), picture.height());
        Self { pixels: picture.pixels(), detail: &frame.detail, width, height, bounded: frame.linear }
    }

    /// A row of pixels.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &[[f32; 4]] {
        self.pixels.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }

    /// Whether the picture has detail around a position.
    #[inline(always)]
    pub fn is_fine(&self, x: f32, y: f32) -> bool {
        let (x, y) = (x.max(0.0) as usize, y.max(0.0) as usize);
        self.detail.at(x.min(self.width - 1), y.min(self.height - 1))
    }

    /// Adds to `out`, row `y` of a picture of the same size, what stands at `places`, each by its weight. Positions outside are
    /// held at the edge. `nothing` is the least weight that is added.
    #[inline(always)]
    pub fn add(&self, places: &mut Places, y: usize, kernel: &Kernel, out: &mut [[f32; 4]], nothing: f32) {
        self.find(places, y);
        let Places { weight, at, on: [fx, fy], cubic, .. } = places;
        let reads = at.iter().zip(fx.iter().zip(&*fy)).zip(&*cubic);
        for ((o, w), ((i, (fx, fy)), cubic)) in out.iter_mut().zip(&*weight).zip(reads) {
            if *w > nothing {
                let read = if *cubic { self.cubic(*i as usize, *fx, *fy, kernel) } else { self.linear(*i as usize, *fx, *fy) };
                for n in 0..4 {
                    o[n] += w * read[n];
                }
            }
        }
    }

    /// Works out the pixels and steps of a row of places: nothing in here depends on the pixel before, so that eight go at once.
    #[inline(always)]
    fn find(&self, places: &mut Places, y: usize) {
        let Places { x: dx, y: dy, fine, at, on: [fx, fy], cubic, .. } = places;
        let (width, height) = (self.width as u32, self.height as u32);
        let (right, bottom) = (((width - 1) as f32).min(FARTHEST), ((height - 1) as f32).min(FARTHEST));
        // Written out because f32::max and f32::min also settle what becomes of NaN, which costs as much again.
        let steps = |p: f32, last: f32| {
            let p = if p > 0.0 { p } else { 0.0 };
            let p = if p < last { p } else { last };
            (p + MAGIC).to_bits() & MANTISSA
        };
        let (count, line) = (dx.len(), y as f32);
        let (dx, dy, fine) = (&dx[..count], &dy[..count], &fine[..count]);
        let (at, fx, fy, cubic) = (&mut at[..count], &mut fx[..count], &mut fy[..count], &mut cubic[..count]);
        for i in 0..count {
            let (x, y) = (steps(i as i32 as f32 + dx[i], right), steps(line + dy[i], bottom));
            let (ix, iy) = ((x / PHASES as u32).min(width - 2), (y / PHASES as u32).min(height - 2));
            fx[i] = (x - ix * PHASES as u32) as i32 as f32 * (1.0 / PHASES as f32);
            fy[i] = (y - iy * PHASES as u32) as i32 as f32 * (1.0 / PHASES as f32);
            at[i] = iy.wrapping_mul(width).wrapping_add(ix);
            cubic[i] = (fine[i] > 0.25) & (ix.wrapping_sub(1) < width - 3) & (iy.wrapping_sub(1) < height - 3);
        }
    }

    /// Bilinear, from pixel `i` and the three to the right of it and below.
    #[inline(always)]
    fn linear(&self, i: usize, fx: f32, fy: f32) -> [f32; 4] {
        let pair = |i: usize| self.pixels.get(i..).and_then(|p| p.first_chunk::<2>());
        let (Some([a, b]), Some([c, d])) = (pair(i), pair(i + self.width)) else { return [0.0; 4] };
        let mut out = [0.0; 4];
        for n in 0..4 {
            let top = a[n] + fx * (b[n] - a[n]);
            let low = c[n] + fx * (d[n] - c[n]);
            out[n] = top + fy * (low - top);
        }
        out
    }

    /// Cubic, around pixel `i`. All sixteen pixels must lie inside.
    #[inline(always)]
    fn cubic(&self, i: usize, fx: f32, fy: f32, kernel: &Kernel) -> [f32; 4] {
        let (px, py) = ((fx * PHASES as f32) as usize, (fy * PHASES as f32) as usize);
        let (Some(across), Some(down)) = (kernel.across.get(px), kernel.down.get(py)) else { return [0.0; 4] };
        let row = |i: usize| self.pixels.get(i..).and_then(|p| p.first_chunk::<4>()).map(|p| p.as_flattened());
        let i = i - self.width - 1;
        let (Some(r0), Some(r1)) = (row(i), row(i + self.width)) else { return [0.0; 4] };
        let (Some(r2), Some(r3)) = (row(i + 2 * self.width), row(i + 3 * self.width)) else { return [0.0; 4] };
        let mut sum = [0.0; 16];
        for n in 0..16 {
            sum[n] = across[n] * ((r0[n] * down[0] + r1[n] * down[1]) + (r2[n] * down[2] + r3[n] * down[3]));
        }
        let mut out: [f32; 4] = std::array::from_fn(|c| (sum[c] + sum[c + 4]) + (sum[c + 8] + sum[c + 12]));
        if self.bounded {
            for (c, o) in out.iter_mut().enumerate() {
                let (p, q, r, s) = (r1[4 + c], r1[8 + c], r2[4 + c], r2[8 + c]);
                *o = o.max(p.min(q).min(r.min(s))).min(p.max(q).max(r.max(s)));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use shot::{ColourSpace, Size};

    use super::*;

    #[test]
    fn both_readings_keep_pixels_and_follow_a_ramp() {
        let size = Size::new(16, 12);
        let pixels = (0..size.pixels()).map(|i| [(i % 16) as f32, (i / 16) as f32, 5.0, 1.0]).collect();
        let frame = Frame::new(Arc::new(Picture::new(size, pixels).unwrap()), ColourSpace::Rec709);
        let sampler = Sampler::new(&frame);
        for (fine, gain) in [(0.0, 0.0), (1.0, 0.0), (1.0, 0.4)] {
            let kernel = Kernel::new(gain);
            for (dx, dy) in [(0.0, 0.0), (3.25, -2.5), (-0.5, 0.75), (-7.125, 30.0), (100.0, -100.0)] {
                for y in 0..12 {
                    let mut places = Places::new(16);
                    places.x.fill(dx);
                    places.y.fill(dy);
                    places.weight.fill(0.5);
                    places.fine.fill(fine);
                    let mut out = vec![[1.0; 4]; 16];
                    sampler.add(&mut places, y, &kernel, &mut out, 0.0);
                    for (x, got) in out.iter().enumerate() {
                        let truth = [(x as f32 + dx).clamp(0.0, 15.0), (y as f32 + dy).clamp(0.0, 11.0), 5.0, 1.0];
                        for (g, e) in got.iter().zip(truth) {
                            assert!((g - 1.0 - 0.5 * e).abs() < 1e-4, "({x}, {y}) by ({dx}, {dy}), fine {fine}: {got:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_position_between_two_steps_is_read_at_the_nearer() {
        let size = Size::new(4, 4);
        let pixels = (0..16).map(|i| [(i % 4) as f32, 0.0, 0.0, 1.0]).collect();
        let frame = Frame::new(Arc::new(Picture::new(size, pixels).unwrap()), ColourSpace::Rec709);
        let kernel = Kernel::new(0.0);
        let mut places = Places::new(4);
        places.x.fill(0.3);
        places.weight.fill(1.0);
        let mut out = vec![[0.0; 4]; 4];
        Sampler::new(&frame).add(&mut places, 1, &kernel, &mut out, 0.0);
        assert!((out[1][0] - 1.3).abs() <= 0.5 / PHASES as f32, "{:?}", out[1]);
    }
}
