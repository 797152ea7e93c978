//! Render requests and their results.

use std::sync::Arc;

use host_sys::raw;

use crate::buffer::{Buffer, Rect, Rows};
use crate::cuda::DeviceImage;

/// Which lines of an interlaced frame a host asks for, and into what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field {
    /// There are no fields.
    #[default]
    None,
    /// Both fields of an interlaced frame at once.
    Both,
    /// Lines 0, 2, 4 … of a frame.
    Lower,
    /// Lines 1, 3, 5 … of a frame.
    Upper,
    /// Lines 0, 2, 4 … alone, in an image of half the height.
    LowerAlone,
    /// Lines 1, 3, 5 … alone, in an image of half the height.
    UpperAlone,
}

impl Field {
    /// The standard's name.
    pub const fn name(self) -> &'static std::ffi::CStr {
        match self {
            Self::None => raw::kOfxImageFieldNone,
            Self::Both => raw::kOfxImageFieldBoth,
            Self::Lower | Self::LowerAlone => raw::kOfxImageFieldLower,
            Self::Upper | Self::UpperAlone => raw::kOfxImageFieldUpper,
        }
    }

    /// Whether the image has half the height of the frame.
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::LowerAlone | Self::UpperAlone)
    }
}

/// What is asked of a render.
#[derive(Clone, Debug)]
pub struct RenderArgs {
    /// Which frame.
    pub time: f64,
    /// Which pixels, at the scale below; `None` for the whole project.
    pub window: Option<Rect>,
    /// Proxy scale.
    pub scale: (f64, f64),
    /// How the output image lies in memory.
    pub rows: Rows,
    /// Somebody is waiting at the viewer.
    pub interactive: bool,
    /// A thumbnail.
    pub thumbnail: bool,
    /// Speed before beauty.
    pub draft: bool,
    /// Frames come in order.
    pub sequential: bool,
    /// Which lines are asked for.
    pub field: Field,
    /// The images lie on a CUDA device: the output is this one, and work is to be queued on this stream; 0 for none.
    pub device: Option<(DeviceImage, usize)>,
    /// Wrapped in BeginSequenceRender and EndSequenceRender of this one frame, as Natron does.
    pub bracketed: bool,
}

impl Default for RenderArgs {
    fn default() -> Self {
        Self {
            time: 0.0,
            window: None,
            scale: (1.0, 1.0),
            rows: Rows::default(),
            interactive: false,
            thumbnail: false,
            draft: false,
            sequential: false,
            field: Field::None,
            device: None,
            bracketed: true,
        }
    }
}

impl RenderArgs {
    /// A final render of a frame.
    pub fn at(time: f64) -> Self {
        Self { time, ..Self::default() }
    }

    /// The scale of the image: a field alone has half the lines.
    pub(crate) fn field_scale(&self) -> (f64, f64) {
        if self.field.is_alone() { (self.scale.0, self.scale.1 / 2.0) } else { self.scale }
    }

    /// A render for the viewer.
    pub fn interactive(time: f64) -> Self {
        Self { interactive: true, ..Self::at(time) }
    }
}

/// What a render made.
#[derive(Clone)]
pub struct RenderedImage {
    /// The pixels asked for.
    pub window: Rect,
    pub(crate) buffer: Arc<Buffer>,
}

impl RenderedImage {
    /// A pixel as floats: what a format lacks reads 0, and alpha 1. Panics outside the window.
    pub fn at(&self, x: i32, y: i32) -> [f32; 4] {
        assert!(self.window.contains(x, y), "pixel {x}, {y} of {:?}", self.window);
        self.buffer.read(x, y)
    }

    /// The image's memory.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    fn places(&self) -> impl Iterator<Item = (i32, i32)> + '_ {
        (self.window.y1..self.window.y2).flat_map(|y| (self.window.x1..self.window.x2).map(move |x| (x, y)))
    }

    /// How many pixels of the window were not written.
    pub fn unwritten(&self) -> usize {
        self.places().filter(|(x, y)| self.buffer.is_blank(*x, *y)).count()
    }

    /// Whether lines were written that belong to the other field than the one asked for.
    pub(crate) fn other_field_was_written(&self, upper: bool) -> bool {
        self.places().any(|(x, y)| (y.rem_euclid(2) == 1) != upper && !self.buffer.is_blank(x, y))
    }

    /// Whether something was written outside the window.
    pub(crate) fn spilt(&self) -> bool {
        let b = self.buffer.bounds;
        (b.y1..b.y2).any(|y| (b.x1..b.x2).any(|x| !self.window.contains(x, y) && !self.buffer.is_blank(x, y)))
    }

    /// The largest difference of a sample from another picture, over the pixels both have, in the samples both have. NaN where
    /// one is a number and the other is not.
    pub fn difference(&self, other: &Self) -> f32 {
        let mut largest = 0.0_f32;
        let both = |a: crate::Components| a == self.buffer.format.components || a == other.buffer.format.components;
        let (no_colour, no_alpha) = (both(crate::Components::Alpha), both(crate::Components::Rgb));
        for (x, y) in self.places().filter(|(x, y)| other.window.contains(*x, *y)) {
            let (a, b) = (self.at(x, y), other.at(x, y));
            for c in 0..4 {
                if (c < 3 && no_colour) || (c == 3 && no_alpha) {
                    continue;
                }
                if a[c].is_nan() != b[c].is_nan() {
                    return f32::NAN;
                }
                largest = largest.max((a[c] - b[c]).abs());
            }
        }
        largest
    }

    /// Whether all bytes of the window are the same.
    pub fn is_identical(&self, other: &Self) -> bool {
        self.window == other.window && self.places().all(|(x, y)| self.at(x, y).map(f32::to_bits) == other.at(x, y).map(f32::to_bits))
    }

    /// Mean of each sample over the window.
    pub fn mean(&self) -> [f64; 4] {
        let mut sum = [0.0; 4];
        let mut count = 0.0;
        for (x, y) in self.places() {
            count += 1.0;
            for (s, v) in sum.iter_mut().zip(self.at(x, y)) {
                *s += f64::from(v);
            }
        }
        sum.map(|s| s / f64::max(count, 1.0))
    }

    /// Spread of brightness over the window: 0 for a plain picture.
    pub fn contrast(&self) -> f64 {
        let grey = |p: [f32; 4]| f64::from(p[0] + p[1] + p[2]) / 3.0;
        let all: Vec<f64> = self.places().map(|(x, y)| grey(self.at(x, y))).collect();
        let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
        (all.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / all.len().max(1) as f64).sqrt()
    }

    /// Width, height and 8-bit RGBA with the top row first, for looking at.
    pub fn rgba8(&self) -> (u32, u32, Vec<u8>) {
        let mut out = Vec::new();
        for y in (self.window.y1..self.window.y2).rev() {
            for x in self.window.x1..self.window.x2 {
                out.extend(self.at(x, y).map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8));
            }
        }
        (self.window.width() as u32, self.window.height() as u32, out)
    }
}
