//! Pictures read at fractional positions.

use shot::Picture;
use wide::f32x4;

use crate::detail::Detail;
use crate::frame::Frame;

/// Reads a frame between its pixels.
pub struct Sampler<'a> {
    pixels: &'a [[f32; 4]],
    detail: &'a Detail,
    width: usize,
    height: usize,
    bounded: bool,
}

/// Where to read: the pixel above and to the left, and how far on to the next ones, 0 to 1.
#[derive(Clone, Copy)]
pub struct Spot {
    /// Column.
    pub x: usize,
    /// Row.
    pub y: usize,
    /// To the right.
    pub fx: f32,
    /// Downward.
    pub fy: f32,
}

impl<'a> Sampler<'a> {
    /// In linear light what is read is kept within the range of the four nearest pixels: the lobes of a cubic beside a
    /// highlight would reach far below black.
    pub fn new(frame: &'a Frame) -> Self {
        let picture: &Picture = &frame.picture;
        Self { pixels: picture.pixels(), detail: &frame.detail, width: picture.width(), height: picture.height(), bounded: frame.linear }
    }

    /// One pixel of the row that starts at `start`.
    #[inline(always)]
    pub fn pixel(&self, i: usize) -> f32x4 {
        f32x4::new(self.pixels[i])
    }

    /// Whether the picture has detail around a position.
    #[inline(always)]
    pub fn is_fine(&self, x: f32, y: f32) -> bool {
        let (x, y) = (x.max(0.0) as usize, y.max(0.0) as usize);
        self.detail.at(x.min(self.width - 1), y.min(self.height - 1))
    }

    /// The value at a spot inside the picture: cubic where there is detail, linear where both are the same.
    #[inline(always)]
    pub fn read(&self, s: Spot, fine: bool) -> f32x4 {
        let inside = s.x.wrapping_sub(1) < self.width.wrapping_sub(3) && s.y.wrapping_sub(1) < self.height.wrapping_sub(3);
        if fine && inside && self.width > 3 && self.height > 3 { self.cubic(s) } else { self.linear(s) }
    }

    /// Bilinear.
    #[inline(always)]
    fn linear(&self, s: Spot) -> f32x4 {
        let (fx, fy) = (f32x4::splat(s.fx), f32x4::splat(s.fy));
        let i = s.y * self.width + s.x;
        let j = if s.y + 1 < self.height { i + self.width } else { i };
        let step = usize::from(s.x + 1 < self.width);
        let (a, b) = (self.pixel(i), self.pixel(i + step));
        let (c, d) = (self.pixel(j), self.pixel(j + step));
        let top = a + fx * (b - a);
        let low = c + fx * (d - c);
        top + fy * (low - top)
    }

    /// Catmull–Rom, the cubic that passes through the samples (Keys, 1981, a = −½). All taps must lie inside.
    #[inline(always)]
    fn cubic(&self, s: Spot) -> f32x4 {
        let [k0, k1, k2, k3] = keys(s.fx).map(f32x4::splat);
        let [l0, l1, l2, l3] = keys(s.fy).map(f32x4::splat);
        let i = (s.y - 1) * self.width + s.x - 1;
        let line = |k: usize| {
            let Some([a, b, c, d]) = self.pixels.get(i + k * self.width..).and_then(|p| p.first_chunk::<4>()) else {
                return f32x4::splat(0.0);
            };
            (f32x4::new(*a) * k0 + f32x4::new(*b) * k1) + (f32x4::new(*c) * k2 + f32x4::new(*d) * k3)
        };
        let sum = (line(0) * l0 + line(1) * l1) + (line(2) * l2 + line(3) * l3);
        if !self.bounded {
            return sum;
        }
        let j = i + self.width + 1;
        let (a, b) = (self.pixel(j), self.pixel(j + 1));
        let (c, d) = (self.pixel(j + self.width), self.pixel(j + self.width + 1));
        sum.fast_max(a.fast_min(b).fast_min(c.fast_min(d))).fast_min(a.fast_max(b).fast_max(c.fast_max(d)))
    }
}

/// The four weights of Keys' cubic at fraction `f`.
#[inline(always)]
fn keys(f: f32) -> [f32; 4] {
    let g = 1.0 - f;
    let (p, q) = (-0.5 * f * g * g, -0.5 * g * f * f);
    [p, g - 2.0 * p + q, f - 2.0 * q + p, q]
}
