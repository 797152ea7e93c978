//! From float pixels to the host's and back.
//!
//! Ours are RGBA floats, premultiplied. The host's are 8 or 16 bits, half or float; RGBA, RGB or alpha; perhaps BGRA; perhaps
//! not premultiplied.

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use host_sys::{Components, Layout, PixelOrder, Row, RowMut};

/// Writes pixels into a row of the host: as many as both have.
pub fn put(row: RowMut<'_>, layout: &Layout, pixels: &[[f32; 4]]) {
    let plan = Plan::of(layout);
    match row {
        RowMut::Float(out) if plan.is_plain() => {
            let flat = pixels.as_flattened();
            let n = out.len().min(flat.len());
            out[..n].copy_from_slice(&flat[..n]);
        }
        RowMut::Float(out) => plan.spread(out, pixels, |v| v),
        RowMut::Half(out) if plan.is_plain() => {
            let flat = pixels.as_flattened();
            let n = out.len().min(flat.len());
            out[..n].reinterpret_cast_mut::<f16>().convert_from_f32_slice(&flat[..n]);
        }
        RowMut::Half(out) => plan.spread(out, pixels, |v| f16::from_f32(v).to_bits()),
        // A cast to an integer saturates, and not-a-number becomes 0.
        RowMut::Short(out) => plan.spread(out, pixels, |v| (v * 65535.0 + 0.5) as u16),
        RowMut::Byte(out) => plan.spread(out, pixels, |v| (v * 255.0 + 0.5) as u8),
    }
}

/// Writes stored halves into a row of the host; `scratch` has room for the row. Rows of floats and halves take the short way.
pub fn put_halves(row: RowMut<'_>, layout: &Layout, halves: &[f16], scratch: &mut [[f32; 4]]) {
    let plain = Plan::of(layout).is_plain();
    match row {
        RowMut::Float(out) if plain => {
            let n = out.len().min(halves.len());
            halves[..n].convert_to_f32_slice(&mut out[..n]);
        }
        RowMut::Half(out) if plain => {
            let n = out.len().min(halves.len());
            out[..n].copy_from_slice(&halves[..n].reinterpret_cast()[..n]);
        }
        row => {
            let n = (scratch.len() * 4).min(halves.len());
            let pixels = &mut scratch[..n / 4];
            halves[..n / 4 * 4].convert_to_f32_slice(pixels.as_flattened_mut());
            put(row, layout, pixels);
        }
    }
}

/// What has to be done to a pixel.
#[derive(Clone, Copy)]
struct Plan {
    components: Components,
    bgra: bool,
    divide: bool,
}

impl Plan {
    fn of(layout: &Layout) -> Self {
        let colour = layout.components != Components::Alpha;
        Self {
            components: layout.components,
            bgra: layout.order == PixelOrder::Bgra,
            divide: colour && layout.components == Components::Rgba && layout.premultiplied == Some(false),
        }
    }

    const fn is_plain(self) -> bool {
        matches!(self.components, Components::Rgba) && !self.bgra && !self.divide
    }

    fn spread<T: Copy>(self, out: &mut [T], pixels: &[[f32; 4]], to: impl Fn(f32) -> T) {
        let ready = |p: &[f32; 4]| {
            let mut p = *p;
            // What is not covered has no colour of its own: it stays as it is.
            if self.divide && p[3] != 1.0 && p[3] > 0.0 {
                p = [p[0] / p[3], p[1] / p[3], p[2] / p[3], p[3]];
            }
            if self.bgra { [p[2], p[1], p[0], p[3]] } else { p }
        };
        match self.components {
            Components::Rgba => {
                for (out, p) in out.chunks_exact_mut(4).zip(pixels) {
                    let p = ready(p);
                    out.copy_from_slice(&[to(p[0]), to(p[1]), to(p[2]), to(p[3])]);
                }
            }
            Components::Rgb => {
                for (out, p) in out.chunks_exact_mut(3).zip(pixels) {
                    let p = ready(p);
                    out.copy_from_slice(&[to(p[0]), to(p[1]), to(p[2])]);
                }
            }
            Components::Alpha => {
                for (out, p) in out.iter_mut().zip(pixels) {
                    *out = to(p[3]);
                }
            }
        }
    }
}

/// A row of the host as our pixels: what has no alpha is opaque, what has no colour is white.
pub fn take(row: &Row, layout: &Layout) -> Vec<[f32; 4]> {
    match row {
        Row::Float(v) => gather(v, layout, |v| v),
        Row::Half(v) => gather(v, layout, |v| f16::from_bits(v).to_f32()),
        Row::Short(v) => gather(v, layout, |v| f32::from(v) / 65535.0),
        Row::Byte(v) => gather(v, layout, |v| f32::from(v) / 255.0),
    }
}

fn gather<T: Copy>(values: &[T], layout: &Layout, to: impl Fn(T) -> f32) -> Vec<[f32; 4]> {
    let bgra = layout.order == PixelOrder::Bgra;
    let multiply = layout.premultiplied == Some(false);
    let finish = |mut p: [f32; 4]| {
        if bgra {
            p.swap(0, 2);
        }
        if multiply { [p[0] * p[3], p[1] * p[3], p[2] * p[3], p[3]] } else { p }
    };
    match layout.components {
        Components::Rgba => values.chunks_exact(4).map(|c| finish([to(c[0]), to(c[1]), to(c[2]), to(c[3])])).collect(),
        Components::Rgb => values.chunks_exact(3).map(|c| finish([to(c[0]), to(c[1]), to(c[2]), 1.0])).collect(),
        Components::Alpha => values.iter().map(|a| [to(*a); 4]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use host_sys::{Depth, RectI};

    use super::*;

    fn layout(depth: Depth, components: Components) -> Layout {
        Layout {
            bounds: RectI::new(0, 0, 2, 1),
            row_bytes: 64,
            depth,
            components,
            order: PixelOrder::Rgba,
            premultiplied: Some(true),
            pixel_aspect: 1.0,
        }
    }

    const PIXELS: [[f32; 4]; 2] = [[0.25, 0.5, 1.0, 1.0], [-0.5, 2.0, f32::NAN, 0.5]];

    #[test]
    fn integers_round_and_saturate() {
        let mut bytes = [9u8; 8];
        put(RowMut::Byte(&mut bytes), &layout(Depth::Byte, Components::Rgba), &PIXELS);
        assert_eq!(bytes, [64, 128, 255, 255, 0, 255, 0, 128]);
        let mut shorts = [9u16; 6];
        put(RowMut::Short(&mut shorts), &layout(Depth::Short, Components::Rgb), &PIXELS);
        assert_eq!(shorts, [16384, 32768, 65535, 0, 65535, 0]);
        let mut alpha = [9u8; 2];
        put(RowMut::Byte(&mut alpha), &layout(Depth::Byte, Components::Alpha), &PIXELS);
        assert_eq!(alpha, [255, 128]);
    }

    #[test]
    fn floats_keep_what_is_outside_of_0_to_1() {
        let mut floats = [9.0f32; 8];
        put(RowMut::Float(&mut floats), &layout(Depth::Float, Components::Rgba), &[[-0.5, 2.0, 70000.0, 1.0]; 2]);
        assert_eq!(floats[..4], [-0.5, 2.0, 70000.0, 1.0]);
    }

    #[test]
    fn colours_are_divided_by_alpha_only_where_the_host_wants_it() {
        let mut plan = layout(Depth::Float, Components::Rgba);
        plan.premultiplied = Some(false);
        let mut floats = [0.0f32; 8];
        put(RowMut::Float(&mut floats), &plan, &[[0.25, 0.25, 0.25, 0.5], [0.25, 0.25, 0.25, 0.0]]);
        assert_eq!(floats, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.0]);
        let back = take(&Row::Float(floats.to_vec()), &plan);
        assert_eq!(back[0], [0.25, 0.25, 0.25, 0.5]);
    }

    #[test]
    fn blue_stands_first_in_bgra() {
        let mut plan = layout(Depth::Byte, Components::Rgba);
        plan.order = PixelOrder::Bgra;
        let mut bytes = [0u8; 4];
        put(RowMut::Byte(&mut bytes), &plan, &[[1.0, 0.5, 0.0, 1.0]]);
        assert_eq!(bytes, [0, 128, 255, 255]);
        assert_eq!(take(&Row::Byte(bytes.to_vec()), &plan)[0][0], 1.0);
    }

    #[test]
    fn stored_halves_reach_every_kind_of_row() {
        let halves: Vec<f16> = PIXELS[..1].as_flattened().iter().map(|v| f16::from_f32(*v)).collect();
        let mut scratch = [[0.0; 4]; 1];
        let mut floats = [0.0f32; 4];
        put_halves(RowMut::Float(&mut floats), &layout(Depth::Float, Components::Rgba), &halves, &mut scratch);
        assert_eq!(floats, PIXELS[0]);
        let mut bits = [0u16; 4];
        put_halves(RowMut::Half(&mut bits), &layout(Depth::Half, Components::Rgba), &halves, &mut scratch);
        assert_eq!(bits.map(|b| f16::from_bits(b).to_f32()), PIXELS[0]);
        let mut rgb = [0.0f32; 3];
        put_halves(RowMut::Float(&mut rgb), &layout(Depth::Float, Components::Rgb), &halves, &mut scratch);
        assert_eq!(rgb, [0.25, 0.5, 1.0]);
    }
}
