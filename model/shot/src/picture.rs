//! Pictures in memory.

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The longest side Pickup works on, in pixels: 16k and a margin. The largest picture is 4 GiB of floats.
pub const MAX_SIDE: u32 = 17_000;

impl Size {
    /// A size that is not checked yet.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Refuses sizes without a pixel and sizes beyond [`MAX_SIDE`].
    pub fn checked(self) -> Result<Self, Fault> {
        if self.width == 0 || self.height == 0 || self.width > MAX_SIDE || self.height > MAX_SIDE {
            return Err(Fault::new(
                Code::Argument,
                format!("a picture of {}×{} pixels cannot be worked on", self.width, self.height),
                format!("give a size from 1×1 to {MAX_SIDE}×{MAX_SIDE}"),
            ));
        }
        Ok(self)
    }

    /// Width × height.
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

impl std::str::FromStr for Size {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::new(Code::Argument, format!("'{text}' is not a picture size"), "write it as 1920x1080");
        let (w, h) = text.split_once(['x', 'X', '×']).ok_or_else(bad)?;
        Self::new(w.trim().parse().map_err(|_| bad())?, h.trim().parse().map_err(|_| bad())?).checked()
    }
}

/// One picture: RGBA, 32-bit float, top row first, rows without padding, alpha premultiplied as OpenEXR keeps it.
/// Values are in the encoding that goes with the picture ([`crate::ColourSpace`]) and may lie outside 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    size: Size,
    pixels: Vec<[f32; 4]>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(size: Size, colour: [f32; 4]) -> Self {
        Self { size, pixels: vec![colour; size.pixels()] }
    }

    /// A picture from its pixels; their number must be width × height.
    pub fn new(size: Size, pixels: Vec<[f32; 4]>) -> Result<Self, Fault> {
        if pixels.len() != size.pixels() {
            return Err(Fault::internal(format!("{} pixels given for a picture of {size}", pixels.len())));
        }
        Ok(Self { size, pixels })
    }

    /// Width and height.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Pixels in a row.
    pub const fn width(&self) -> usize {
        self.size.width as usize
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.size.height as usize
    }

    /// All pixels, top row first.
    pub fn pixels(&self) -> &[[f32; 4]] {
        &self.pixels
    }

    /// All pixels, top row first.
    pub fn pixels_mut(&mut self) -> &mut [[f32; 4]] {
        &mut self.pixels
    }

    /// One row, counted from the top. Panics when there is no such row.
    pub fn row(&self, y: usize) -> &[[f32; 4]] {
        let w = self.width();
        &self.pixels[y * w..(y + 1) * w]
    }

    /// One row, counted from the top. Panics when there is no such row.
    pub fn row_mut(&mut self, y: usize) -> &mut [[f32; 4]] {
        let w = self.width();
        &mut self.pixels[y * w..(y + 1) * w]
    }

    /// Replaces what is not a number by 0 and infinities by the largest half float, and says how many values that were.
    /// Engines call it on what they are given: one NaN pixel must not spread over a frame.
    pub fn heal(&mut self) -> usize {
        let mut healed = 0;
        for v in self.pixels.iter_mut().flatten() {
            if !v.is_finite() {
                *v = if v.is_nan() { 0.0 } else { 65_504.0_f32.copysign(*v) };
                healed += 1;
            }
        }
        healed
    }
}
