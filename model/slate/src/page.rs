//! The common ground of card and progress slate: colours, margins, heading, rules.

use shot::{Picture, Size};

use crate::canvas::{Canvas, Ink};
use crate::lettering::{ASPECT, BASELINE, CAP_TOP, SMALLEST, Weight};

/// A dark neutral that sits in a cut without shouting; text well below peak white, so that it does not ring after an encode.
const GROUND: f32 = 0.085;
const LINE: Ink = Ink::grey(0.24);
pub(crate) const TEXT: Ink = Ink::grey(0.84);
pub(crate) const DIM: Ink = Ink::grey(0.52);
/// The only colour: amber, as a lamp that says "not ready".
pub(crate) const SIGNAL: Ink = Ink { rgb: [0.90, 0.61, 0.20], opacity: 1.0 };
pub(crate) const TRACK: Ink = Ink::grey(0.19);

/// Title-safe is 90 % of each side, centred (SMPTE ST 2046-1).
const TITLE_SAFE: f32 = 0.90;

/// A page and where things may stand on it, in units of a pixel's height.
pub(crate) struct Page<'a> {
    pub canvas: Canvas<'a>,
    /// A 1080th of the shorter side.
    pub unit: f32,
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

/// An empty page of a size.
pub(crate) fn ground(size: Size) -> Picture {
    Picture::filled(size, [GROUND, GROUND, GROUND, 1.0])
}

impl<'a> Page<'a> {
    pub(crate) fn new(picture: &'a mut Picture, pixel_aspect: f64) -> Self {
        let aspect = if pixel_aspect.is_finite() && pixel_aspect > 0.0 { pixel_aspect as f32 } else { 1.0 };
        let (width, height) = (picture.size().width as f32 * aspect, picture.size().height as f32);
        let unit = width.min(height) / 1080.0;
        let mut canvas = Canvas::new(picture, pixel_aspect);
        let (x, y) = (width * (1.0 - TITLE_SAFE) / 2.0, height * (1.0 - TITLE_SAFE) / 2.0);
        let line = hairline(unit);
        if width.min(height) >= 90.0 {
            // On whole pixels, so that a hairline is one.
            let (left, top) = (x.round(), y.round());
            canvas.outline(left, top, (width - 2.0 * x).round(), (height - 2.0 * y).round(), line, LINE);
        }
        let padding = if width.min(height) >= 90.0 { 52.0 * unit } else { 0.0 };
        Self { canvas, unit, left: x + padding, top: y + padding, right: width - x - padding, bottom: height - y - padding }
    }

    pub(crate) fn width(&self) -> f32 {
        (self.right - self.left).max(0.0)
    }

    pub(crate) fn height(&self) -> f32 {
        (self.bottom - self.top).max(0.0)
    }

    /// A cell's height for text that should be so many units high: never below what can be read.
    pub(crate) fn cell(&self, units: f32) -> f32 {
        (units * self.unit).max(SMALLEST)
    }

    /// How many characters of a cell's height fit side by side.
    pub(crate) fn columns(&self, cell: f32) -> usize {
        // The last character's own right bearing may hang over: a tenth of a cell.
        ((self.width() / (cell * ASPECT)) + 0.1).floor().max(0.0) as usize
    }

    /// Text from the left edge.
    pub(crate) fn text(&mut self, text: &str, y: f32, cell: f32, weight: Weight, ink: Ink) {
        let x = self.left;
        self.canvas.text(text, x, y, cell, weight, ink);
    }

    /// Text that ends at the right edge.
    pub(crate) fn text_right(&mut self, text: &str, y: f32, cell: f32, weight: Weight, ink: Ink) {
        let x = self.right - text_width(text, cell);
        self.canvas.text(text, x, y, cell, weight, ink);
    }

    /// A thin line from edge to edge.
    pub(crate) fn rule(&mut self, y: f32) {
        let (x, width, line) = (self.left, self.width(), hairline(self.unit));
        self.canvas.rectangle(x, y.round(), width, line, LINE);
    }

    /// The heading with its signal before it, `aside` at the right where there is room. Returns its height, 0 where there is
    /// no room for words: then a bare signal stands for them.
    pub(crate) fn heading(&mut self, text: &str, aside: &str, units: f32) -> f32 {
        let characters = text.chars().count() as f32 + 1.2;
        let cell = self.cell(units).min(self.width() / (characters * ASPECT)).min(self.height());
        if cell < SMALLEST * 0.75 {
            let side = (self.width().min(self.height()) * 0.5).max(1.0);
            let (x, y) = ((self.left + self.right - side) / 2.0, (self.top + self.bottom - side) / 2.0);
            self.canvas.rectangle(x, y, side, side, SIGNAL);
            return 0.0;
        }
        let (x, y, advance) = (self.left, self.top - cell * CAP_TOP, cell * ASPECT);
        let (cap_top, cap_height) = (y + cell * CAP_TOP, cell * (BASELINE - CAP_TOP));
        self.canvas.rectangle(x, cap_top, advance * 0.36, cap_height, SIGNAL);
        self.canvas.text(text, x + advance * 1.1, y, cell, Weight::Bold, TEXT);
        let aside_cell = self.cell(units * 0.5).min(cell);
        let room = self.width() - advance * (characters + 2.0);
        if !aside.is_empty() && text_width(aside, aside_cell) <= room {
            // On the heading's baseline.
            self.text_right(aside, y + (cell - aside_cell) * BASELINE, aside_cell, Weight::Regular, DIM);
        }
        cap_height
    }
}

/// The thinnest line that shows.
pub(crate) fn hairline(unit: f32) -> f32 {
    (1.6 * unit).round().max(1.0)
}

pub(crate) fn text_width(text: &str, cell: f32) -> f32 {
    text.chars().count() as f32 * cell * ASPECT
}
