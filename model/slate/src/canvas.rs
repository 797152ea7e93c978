//! Drawing on a picture: rectangles and text, with smooth edges, cut off at the picture's.

use shot::{Picture, Size};

use crate::lettering::{ASPECT, Glyph, Weight, draw};

/// A colour with its opacity, 0 to 1, not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ink {
    pub rgb: [f32; 3],
    pub opacity: f32,
}

impl Ink {
    pub(crate) const fn grey(value: f32) -> Self {
        Self { rgb: [value; 3], opacity: 1.0 }
    }
}

/// A picture being drawn on. Places are in square units of a pixel's height: x is squeezed by the pixel aspect on the way in.
pub(crate) struct Canvas<'a> {
    picture: &'a mut Picture,
    /// Pixels per unit along x.
    squeeze: f32,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(picture: &'a mut Picture, pixel_aspect: f64) -> Self {
        let aspect = if pixel_aspect.is_finite() && pixel_aspect > 0.0 { pixel_aspect } else { 1.0 };
        Self { picture, squeeze: (1.0 / aspect) as f32 }
    }

    /// A filled rectangle; edges between pixels are smooth.
    pub(crate) fn rectangle(&mut self, x: f32, y: f32, width: f32, height: f32, ink: Ink) {
        let Size { width: columns, height: rows } = self.picture.size();
        let (left, right) = (x * self.squeeze, (x + width) * self.squeeze);
        let covered = |from: f32, to: f32, count: u32| {
            (from.max(0.0) as u32..(to.max(0.0).ceil() as u32).min(count))
                .map(move |i| (i as usize, (to.min(i as f32 + 1.0) - from.max(i as f32)).clamp(0.0, 1.0)))
        };
        for (y, of_row) in covered(y, y + height, rows) {
            let row = self.picture.row_mut(y);
            for (x, of_column) in covered(left, right, columns) {
                if let Some(pixel) = row.get_mut(x) {
                    lay(pixel, ink, of_row * of_column);
                }
            }
        }
    }

    /// A frame of lines of a thickness, its outside at the rectangle.
    pub(crate) fn outline(&mut self, x: f32, y: f32, width: f32, height: f32, line: f32, ink: Ink) {
        self.rectangle(x, y, width, line, ink);
        self.rectangle(x, y + height - line, width, line, ink);
        self.rectangle(x, y + line, line, height - 2.0 * line, ink);
        self.rectangle(x + width - line, y + line, line, height - 2.0 * line, ink);
    }

    /// One line of text in cells of a height, the first one's top left at (`x`, `y`).
    pub(crate) fn text(&mut self, text: &str, x: f32, y: f32, height: f32, weight: Weight, ink: Ink) {
        let advance = height * ASPECT;
        for (n, c) in text.chars().enumerate() {
            if c != ' ' {
                let cell = draw(&Glyph::of(c, weight), (x + n as f32 * advance) * self.squeeze, y, advance * self.squeeze, height);
                self.put(&cell, ink);
            }
        }
    }

    fn put(&mut self, cell: &crate::lettering::Drawn, ink: Ink) {
        let height = self.picture.height();
        for (row, coverage) in cell.coverage.chunks_exact(cell.width.max(1)).enumerate() {
            let Some(y) = usize::try_from(cell.top + row as i64).ok().filter(|y| *y < height) else { continue };
            let pixels = self.picture.row_mut(y);
            for (column, share) in coverage.iter().enumerate() {
                let pixel = usize::try_from(cell.left + column as i64).ok().and_then(|x| pixels.get_mut(x));
                if let Some(pixel) = pixel {
                    lay(pixel, ink, *share);
                }
            }
        }
    }
}

/// Lays ink over a premultiplied pixel.
fn lay(pixel: &mut [f32; 4], ink: Ink, share: f32) {
    let opacity = ink.opacity * share;
    if opacity <= 0.0 {
        return;
    }
    for (value, colour) in pixel.iter_mut().zip([ink.rgb[0], ink.rgb[1], ink.rgb[2], 1.0]) {
        *value += (colour - *value) * opacity;
    }
}
