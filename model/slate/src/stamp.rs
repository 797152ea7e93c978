//! One line over a picture that is not the real one.

use shot::Picture;

use crate::canvas::{Canvas, Ink};
use crate::lettering::{ASPECT, SMALLEST, Weight};
use crate::page::{SIGNAL, TEXT};
use crate::words;

/// Burns a status line into the lower left of a picture, on a dark strip within the title-safe area; everything else stays as it
/// is. Too long a line is shortened, and where no words can be read only the signal is drawn, so that nobody takes the picture
/// for the take.
pub fn stamp(picture: &mut Picture, pixel_aspect: f64, text: &str) {
    let aspect = if pixel_aspect.is_finite() && pixel_aspect > 0.0 { pixel_aspect as f32 } else { 1.0 };
    let (width, height) = (picture.size().width as f32 * aspect, picture.size().height as f32);
    let (left, bottom) = (width * 0.05, height * 0.95);
    let cell = (38.0 / 1080.0 * width.min(height)).max(SMALLEST);
    let (advance, room) = (cell * ASPECT, width * 0.9);
    let mut canvas = Canvas::new(picture, pixel_aspect);
    if cell * 1.3 > height * 0.9 || advance * 8.0 > room {
        let side = (width.min(height) * 0.2).max(1.0);
        canvas.rectangle(left, bottom - side, side, side, SIGNAL);
        return;
    }
    let line = words::one_line(text, ((room / advance) - 3.0) as usize);
    let strip = Ink { rgb: [0.03; 3], opacity: 0.78 };
    let (strip_height, strip_width) = ((cell * 1.3).round(), (line.chars().count() as f32 + 2.4) * advance);
    let top = (bottom - strip_height).round();
    canvas.rectangle(left, top, strip_width, strip_height, strip);
    canvas.rectangle(left, top, advance * 0.4, strip_height, SIGNAL);
    canvas.text(&line, left + advance * 1.2, top + (strip_height - cell) / 2.0 - cell * 0.015, cell, Weight::Regular, TEXT);
}
