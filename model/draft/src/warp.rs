//! Pictures read at fractional positions.

use shot::Picture;
use wide::f32x4;

/// Reads a picture between its pixels. Positions outside are held at the edge.
pub struct Sampler<'a> {
    pixels: &'a [[f32; 4]],
    width: usize,
    height: usize,
    bounded: bool,
}

impl<'a> Sampler<'a> {
    /// `bounded` keeps what is read within the range of the four nearest pixels: needed in linear light, where the lobes of a
    /// cubic beside a highlight would reach far below black.
    pub fn new(picture: &'a Picture, bounded: bool) -> Self {
        Self { pixels: picture.pixels(), width: picture.width(), height: picture.height(), bounded }
    }

    /// The nearest pixel.
    #[inline(always)]
    pub fn nearest(&self, x: f32, y: f32) -> f32x4 {
        let ix = (x.clamp(0.0, (self.width - 1) as f32) + 0.5) as usize;
        let iy = (y.clamp(0.0, (self.height - 1) as f32) + 0.5) as usize;
        f32x4::new(self.pixels[iy * self.width + ix])
    }

    /// Bilinear.
    #[inline(always)]
    pub fn linear(&self, x: f32, y: f32) -> f32x4 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (f32x4::splat(x - ix as f32), f32x4::splat(y - iy as f32));
        let i = iy * self.width + ix;
        let j = if iy + 1 < self.height { i + self.width } else { i };
        let step = usize::from(ix + 1 < self.width);
        let (a, b) = (f32x4::new(self.pixels[i]), f32x4::new(self.pixels[i + step]));
        let (c, d) = (f32x4::new(self.pixels[j]), f32x4::new(self.pixels[j + step]));
        let top = a + fx * (b - a);
        let low = c + fx * (d - c);
        top + fy * (low - top)
    }

    /// Catmull–Rom, the cubic that passes through the samples (Keys, 1981, a = −½).
    #[inline(always)]
    pub fn cubic(&self, x: f32, y: f32) -> f32x4 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (ix, iy) = (x as usize, y as usize);
        let (fx, fy) = (x - ix as f32, y - iy as f32);
        if ix == 0 || iy == 0 || ix + 2 >= self.width || iy + 2 >= self.height {
            return self.linear(x, y);
        }
        let (kx, ky) = (keys(fx), keys(fy));
        let i = (iy - 1) * self.width + ix - 1;
        let mut sum = f32x4::splat(0.0);
        let (mut low, mut high) = (f32x4::splat(f32::MAX), f32x4::splat(f32::MIN));
        for (k, wy) in ky.into_iter().enumerate() {
            let p = &self.pixels[i + k * self.width..i + k * self.width + 4];
            let (a, b, c, d) = (f32x4::new(p[0]), f32x4::new(p[1]), f32x4::new(p[2]), f32x4::new(p[3]));
            let line = a * kx[0] + b * kx[1] + c * kx[2] + d * kx[3];
            sum += line * wy;
            if self.bounded && (k == 1 || k == 2) {
                low = low.min(b).min(c);
                high = high.max(b).max(c);
            }
        }
        if self.bounded { sum.max(low).min(high) } else { sum }
    }
}

/// The four weights of Keys' cubic at fraction `f`.
#[inline(always)]
fn keys(f: f32) -> [f32x4; 4] {
    let g = 1.0 - f;
    [
        f32x4::splat(-0.5 * f * g * g),
        f32x4::splat(g * (1.0 + f - 1.5 * f * f)),
        f32x4::splat(f * (1.0 + g - 1.5 * g * g)),
        f32x4::splat(-0.5 * g * f * f),
    ]
}
