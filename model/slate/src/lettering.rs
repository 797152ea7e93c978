//! Letters of any height from the 32-pixel glyphs of Noto Sans Mono.
//!
//! A cell is 14 × 32 units: capitals stand from 8 to 25, where the baseline is. Small letters are made by averaging coverage
//! over each pixel's area; large ones by a cubic over the coverage, the smoother the larger so that the glyph's own pixels do not
//! show as steps, then steepened so that an edge stays about a pixel wide.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};

/// Width of a cell over its height.
pub(crate) const ASPECT: f32 = WIDTH as f32 / HEIGHT as f32;
/// Where capitals begin and where they stand, as parts of the cell's height.
pub(crate) const CAP_TOP: f32 = 8.0 / 32.0;
pub(crate) const BASELINE: f32 = 25.0 / 32.0;
/// The smallest cell in which words can be read: capitals of 6 pixels.
pub(crate) const SMALLEST: f32 = 12.0;

const WIDTH: usize = 14;
const HEIGHT: usize = 32;

/// How bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// The coverage of one cell, 0 to 1.
#[derive(Clone)]
pub(crate) struct Glyph([[f32; WIDTH]; HEIGHT]);

impl Glyph {
    /// The glyph of a character, the replacement sign where there is none.
    pub(crate) fn of(c: char, weight: Weight) -> Self {
        match c {
            '…' => return Self::dots(weight),
            '–' | '—' => return Self::dash(c == '—', weight),
            _ => {}
        }
        let plain = match c {
            '‘' | '’' | '‚' => '\'',
            '“' | '”' | '„' => '"',
            '\u{2010}' | '\u{2011}' | '−' => '-',
            '•' => '·',
            '\u{2007}' | '\u{2009}' | '\u{202f}' | '\t' => ' ',
            c => c,
        };
        Self::raster(plain, weight).or_else(|| Self::raster(char::REPLACEMENT_CHARACTER, weight)).unwrap_or(Self::hollow())
    }

    fn raster(c: char, weight: Weight) -> Option<Self> {
        let weight = match weight {
            Weight::Regular => FontWeight::Regular,
            Weight::Bold => FontWeight::Bold,
        };
        let raster = get_raster(c, weight, RasterHeight::Size32)?;
        let mut cell = [[0.0; WIDTH]; HEIGHT];
        for (row, values) in cell.iter_mut().zip(raster.rows()) {
            for (out, value) in row.iter_mut().zip(values) {
                *out = f32::from(*value) / 255.0;
            }
        }
        Some(Self(cell))
    }

    /// The font has no ellipsis: three of its full stops in one cell.
    fn dots(weight: Weight) -> Self {
        let stop = Self::raster('.', weight).unwrap_or(Self::hollow());
        let mut cell = [[0.0f32; WIDTH]; HEIGHT];
        for (row, from) in cell.iter_mut().zip(&stop.0) {
            for shift in [-5isize, 0, 5] {
                for (x, out) in row.iter_mut().enumerate() {
                    let source = x.checked_add_signed(-shift).and_then(|x| from.get(x));
                    *out = out.max(source.copied().unwrap_or(0.0));
                }
            }
        }
        Self(cell)
    }

    /// The font has no dashes: its hyphen, longer.
    fn dash(em: bool, weight: Weight) -> Self {
        let mut cell = Self::raster('-', weight).unwrap_or(Self::hollow());
        let reach = if em { 0 } else { 1 };
        for row in &mut cell.0 {
            let most = row.iter().copied().fold(0.0, f32::max);
            for value in &mut row[reach..WIDTH - reach] {
                *value = most;
            }
        }
        cell
    }

    /// A box, should a build of the font lack even the replacement sign.
    fn hollow() -> Self {
        let mut cell = [[0.0; WIDTH]; HEIGHT];
        for (y, row) in cell.iter_mut().enumerate().take(25).skip(8) {
            for (x, out) in row.iter_mut().enumerate().take(WIDTH - 2).skip(2) {
                *out = if (10..23).contains(&y) && (4..WIDTH - 4).contains(&x) { 0.0 } else { 1.0 };
            }
        }
        Self(cell)
    }
}

/// A glyph drawn for a place on the pixel grid.
pub(crate) struct Drawn {
    /// Leftmost and topmost pixel, which may lie outside the picture.
    pub left: i64,
    pub top: i64,
    pub width: usize,
    /// Coverage, row after row.
    pub coverage: Vec<f32>,
}

/// Draws a glyph into a cell whose top left is at (`x`, `y`), `width` × `height` pixels large, all of them fractional.
pub(crate) fn draw(glyph: &Glyph, x: f32, y: f32, width: f32, height: f32) -> Drawn {
    let columns = Taps::new(x, width, WIDTH);
    let rows = Taps::new(y, height, HEIGHT);
    let mut wide = vec![[0.0f32; HEIGHT]; columns.taps.len()];
    for (out, taps) in wide.iter_mut().zip(&columns.taps) {
        for (value, row) in out.iter_mut().zip(&glyph.0) {
            *value = taps.iter().map(|(i, w)| row[*i] * w).sum();
        }
    }
    let scale = height / HEIGHT as f32;
    let steepness = (1.0 + (scale - 1.0) * 0.8).max(1.0);
    // Smoothing takes ink from what is small, a full stop first; an edge a little further out gives it back.
    let edge = 0.5 - 0.04 * smoothness(scale);
    let mut coverage = Vec::with_capacity(columns.taps.len() * rows.taps.len());
    for taps in &rows.taps {
        for column in &wide {
            let value: f32 = taps.iter().map(|(i, w)| column[*i] * w).sum();
            coverage.push(((value - edge) * steepness + edge).clamp(0.0, 1.0));
        }
    }
    Drawn { left: columns.first, top: rows.first, width: columns.taps.len(), coverage }
}

/// Which cells of the glyph make up each pixel along one side.
struct Taps {
    first: i64,
    taps: Vec<Vec<(usize, f32)>>,
}

impl Taps {
    fn new(start: f32, length: f32, cells: usize) -> Self {
        let scale = length / cells as f32;
        let first = start.floor() as i64;
        let last = (start + length).ceil() as i64;
        let taps = (first..last)
            .map(|pixel| {
                let centre = (pixel as f32 + 0.5 - start) / scale - 0.5;
                if scale < 1.0 { averaged(centre, 0.5 / scale, cells) } else { cubic(centre, scale, cells) }
            })
            .collect();
        Self { first, taps }
    }
}

/// The share of each cell within `reach` of a place: what one pixel covers.
fn averaged(centre: f32, reach: f32, cells: usize) -> Vec<(usize, f32)> {
    let (from, to) = (centre + 0.5 - reach, centre + 0.5 + reach);
    (from.floor().max(0.0) as usize..cells)
        .take_while(|i| (*i as f32) < to)
        .map(|i| (i, (to.min(i as f32 + 1.0) - from.max(i as f32)).max(0.0) / (2.0 * reach)))
        .collect()
}

/// How far a glyph enlarged so much is smoothed: not at all at its own size, wholly from two and a half times that.
fn smoothness(scale: f32) -> f32 {
    ((scale - 1.0) / 1.5).clamp(0.0, 1.0)
}

/// A cubic over the four cells around a place: Catmull and Rom's (1974), which leaves a glyph of natural size as it is, turning
/// into the B-spline, which smooths, by two and a half times that size. Outside the glyph is nothing.
fn cubic(centre: f32, scale: f32, cells: usize) -> Vec<(usize, f32)> {
    let base = centre.floor();
    let t = centre - base;
    let smooth = smoothness(scale);
    let sharp =
        [((-0.5 * t + 1.0) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1.0, ((-1.5 * t + 2.0) * t + 0.5) * t, (0.5 * t - 0.5) * t * t];
    let spline =
        [(1.0 - t).powi(3) / 6.0, (0.5 * t - 1.0) * t * t + 2.0 / 3.0, ((-0.5 * t + 0.5) * t + 0.5) * t + 1.0 / 6.0, t.powi(3) / 6.0];
    let cell = |k: usize| usize::try_from(base as i64 + k as i64 - 1).ok().filter(|i| *i < cells);
    (0..4).filter_map(|k| Some((cell(k)?, sharp[k] + (spline[k] - sharp[k]) * smooth))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ink(c: char, height: f32) -> f32 {
        let drawn = draw(&Glyph::of(c, Weight::Regular), 0.3, 0.7, height * ASPECT, height);
        drawn.coverage.iter().sum::<f32>() / (height * height)
    }

    #[test]
    fn a_letter_has_much_the_same_ink_at_every_height() {
        for c in ['H', 'g', '.', '…', '–', 'ß'] {
            let natural = ink(c, 32.0);
            for height in [12.0, 17.5, 31.0, 33.0, 64.0, 200.0, 500.0] {
                let ratio = ink(c, height) / natural;
                assert!((0.86..1.14).contains(&ratio), "{c} at {height}: {ratio}");
            }
        }
    }

    #[test]
    fn at_its_own_height_a_glyph_is_untouched() {
        let glyph = Glyph::of('R', Weight::Bold);
        let drawn = draw(&glyph, 5.0, -3.0, 14.0, 32.0);
        assert_eq!((drawn.left, drawn.top, drawn.width), (5, -3, 14));
        assert!(drawn.coverage.iter().zip(glyph.0.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn what_the_font_lacks_is_seen() {
        for c in ['漢', '\u{1f600}', 'Ж', '\u{7}'] {
            assert_eq!(Glyph::of(c, Weight::Regular).0, Glyph::of(char::REPLACEMENT_CHARACTER, Weight::Regular).0);
        }
        assert!(Glyph::of('漢', Weight::Regular).0.as_flattened().iter().sum::<f32>() > 20.0);
        assert!(Glyph::hollow().0.as_flattened().iter().sum::<f32>() > 20.0);
    }
}
