//! A retake that is limited by the input Matte: the take where it is white, the clip itself where it is black.
//!
//! Put together at every render and never part of a take: the matte can be drawn, tracked and animated after the take was made.

use host_sys::{Components, Context, Instance, Layout, RectI};
use shot::{Picture, Task};

use crate::describe::MATTE;
use crate::render::Ask;
use crate::{order, pixels, status};

/// Whether a matte limits what is shown.
pub fn limits(ask: &Ask<'_, '_>) -> bool {
    let is_connected = || ask.instance.clip(MATTE).is_ok_and(|c| c.is_connected());
    ask.values.context == Context::General && ask.values.matte == 0 && matches!(ask.values.task(), Task::Retake { .. }) && is_connected()
}

/// Lets the clip show through the picture of a take, which covers `window`, wherever the matte is not white.
pub fn limit(ask: &Ask<'_, '_>, picture: &mut Picture, window: RectI, time: f64) -> Result<(), shot::Fault> {
    let own = order::inputs(ask.instance, ask.values).tail;
    let clip = Pixels::fetch(ask.instance, own, window, time).map_err(|e| status::from_host(&e))?;
    let matte = Pixels::fetch(ask.instance, MATTE, window, time).map_err(|e| status::from_host(&e))?;
    for y in 0..picture.height() {
        let (clip, matte) = (clip.row(y), matte.row(y));
        for ((made, own), m) in picture.row_mut(y).iter_mut().zip(clip).zip(matte) {
            let part = m[3].clamp(0.0, 1.0);
            // At the ends exactly the one or the other: the clip's own pixels stay what they are.
            if part <= 0.0 {
                *made = *own;
            } else if part < 1.0 {
                (0..4).for_each(|c| made[c] = made[c] * part + own[c] * (1.0 - part));
            }
        }
    }
    Ok(())
}

/// The pixels of an input within a window, top row first; transparent where it has none.
struct Pixels {
    rows: Vec<[f32; 4]>,
    width: usize,
}

impl Pixels {
    fn fetch(instance: &Instance<'_>, name: &'static str, window: RectI, time: f64) -> host_sys::Result<Self> {
        let (width, height) = (window.width() as usize, window.height() as usize);
        let mut rows = vec![[0.0; 4]; width * height];
        if let Some(image) = instance.source_image(name, time)? {
            let layout: Layout = *image.layout();
            let both = window.intersect(layout.bounds);
            if !both.is_empty() {
                for y in both.y1..both.y2 {
                    let mut found = pixels::take(&image.row(y, both.x1, both.x2)?, &layout);
                    if layout.components == Components::Rgb {
                        // A picture without alpha limits by its brightness (Rec.709 weights).
                        found.iter_mut().for_each(|p| p[3] = 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]);
                    }
                    let at = (window.y2 - 1 - y) as usize * width + (both.x1 - window.x1) as usize;
                    if let Some(out) = rows.get_mut(at..at + found.len()) {
                        out.copy_from_slice(&found);
                    }
                }
            }
        }
        Ok(Self { rows, width })
    }

    fn row(&self, y: usize) -> &[[f32; 4]] {
        self.rows.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }
}
