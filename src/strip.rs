//! A strip to look at: the frame before the hole, made ones, the frame after it, side by side with the seams marked.

use std::path::Path;
use std::sync::Arc;

use media::{Conform, Fit};
use shot::{Fault, Frames, Picture, Size};

/// Width of one picture of the strip.
const WIDTH: u32 = 400;
/// Made frames shown.
const MADE: u32 = 3;
/// Space between pictures, and the wider one at a seam.
const SPACE: [u32; 2] = [4, 16];
const GROUND: [f32; 4] = [0.09, 0.09, 0.09, 1.0];
const SEAM: [f32; 4] = [0.93, 0.55, 0.14, 1.0];

/// Writes the strip of a take.
pub fn write(path: &Path, tools: &media::Tools, take: &takes::Stored) -> Result<(), Fault> {
    let request = &take.take().request;
    let context = crate::context::Decoded::read(tools, request, 1)?;
    let view = context.view();
    let side = |frames: Option<&dyn Frames>, last: bool| -> Result<Vec<Arc<Picture>>, Fault> {
        let Some(frames) = frames else { return Ok(Vec::new()) };
        let n = frames.count().min(1);
        let first = if last { frames.count() - n } else { 0 };
        (first..first + n).map(|i| frames.frame(i)).collect()
    };
    let total = take.take().frames;
    let shown = total.min(MADE);
    let made = (0..shown).map(|i| (i * (total - 1)).checked_div(shown.saturating_sub(1).max(1)).unwrap_or(0));
    let made: Vec<Arc<Picture>> = made.map(|i| take.frame(i).map(Arc::new).map_err(Fault::from)).collect::<Result<_, _>>()?;
    let parts = [side(view.tail, true)?, made, side(view.head, false)?];
    Ok(media::poster(path, &compose(&parts, request.size), u32::MAX)?)
}

fn compose(parts: &[Vec<Arc<Picture>>; 3], size: Size) -> Picture {
    let width = WIDTH.min(size.width.max(1));
    let height = (u64::from(width) * u64::from(size.height) / u64::from(size.width.max(1))).clamp(1, 4 * u64::from(WIDTH)) as u32;
    let scale = Conform { size: Some(Size::new(width, height)), fit: Fit::Stretch, ..Conform::default() };
    let count: u32 = parts.iter().map(|p| p.len() as u32).sum();
    let total = count * (width + SPACE[0]) + 2 * SPACE[1] + SPACE[0];
    let mut strip = Picture::filled(Size::new(total, height + 2 * SPACE[0]), GROUND);
    let mut x = SPACE[0];
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            for y in 0..strip.height() {
                let middle = (x + SPACE[1] / 2 - 3) as usize;
                strip.row_mut(y)[middle..middle + 2].fill(SEAM);
            }
            x += SPACE[1];
        }
        for picture in part {
            let small = scale.apply(picture);
            for y in 0..small.height() {
                let at = x as usize;
                strip.row_mut(y + SPACE[0] as usize)[at..at + width as usize].copy_from_slice(small.row(y));
            }
            x += width + SPACE[0];
        }
    }
    strip
}
