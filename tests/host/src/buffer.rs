//! Picture memory with guards: around the whole, and in the padding of every row.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::CStr;

use half::f16;
use host_sys::raw;

/// Whole pixels, the far corner exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left.
    pub x1: i32,
    /// Bottom.
    pub y1: i32,
    /// Right, exclusive.
    pub x2: i32,
    /// Top, exclusive.
    pub y2: i32,
}

impl Rect {
    /// A rectangle from its corners.
    pub const fn new(x1: i32, y1: i32, x2: i32, y2: i32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// Pixels in a row.
    pub const fn width(&self) -> usize {
        if self.x2 > self.x1 { (self.x2 - self.x1) as usize } else { 0 }
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        if self.y2 > self.y1 { (self.y2 - self.y1) as usize } else { 0 }
    }

    /// Whether a pixel is in it.
    pub const fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x1 && x < self.x2 && y >= self.y1 && y < self.y2
    }

    pub(crate) const fn as_ints(&self) -> [i32; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }
}

/// What a sample is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 8-bit integer.
    Byte,
    /// 16-bit integer.
    Short,
    /// 16-bit float.
    Half,
    /// 32-bit float.
    Float,
}

impl Depth {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Byte, Self::Short, Self::Half, Self::Float];

    /// The standard's name.
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Byte => raw::kOfxBitDepthByte,
            Self::Short => raw::kOfxBitDepthShort,
            Self::Half => raw::kOfxBitDepthHalf,
            Self::Float => raw::kOfxBitDepthFloat,
        }
    }

    /// Bytes of a sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Short | Self::Half => 2,
            Self::Float => 4,
        }
    }

    /// The step between neighbouring values near 1: what "one least significant bit" means.
    pub const fn step(self) -> f32 {
        match self {
            Self::Byte => 1.0 / 255.0,
            Self::Short => 1.0 / 65535.0,
            Self::Half => 1.0 / 1024.0,
            Self::Float => 1.0 / 8_388_608.0,
        }
    }
}

/// Which samples a pixel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Components {
    /// Red, green, blue, alpha.
    Rgba,
    /// Red, green, blue.
    Rgb,
    /// Alpha alone.
    Alpha,
}

impl Components {
    /// The standard's name.
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Rgba => raw::kOfxImageComponentRGBA,
            Self::Rgb => raw::kOfxImageComponentRGB,
            Self::Alpha => raw::kOfxImageComponentAlpha,
        }
    }

    /// Samples of a pixel.
    pub const fn count(self) -> usize {
        match self {
            Self::Rgba => 4,
            Self::Rgb => 3,
            Self::Alpha => 1,
        }
    }
}

/// Depth and components of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// What a sample is stored in.
    pub depth: Depth,
    /// Which samples a pixel has.
    pub components: Components,
}

impl Format {
    /// The commonest.
    pub const FLOAT_RGBA: Self = Self { depth: Depth::Float, components: Components::Rgba };

    pub(crate) const fn pixel_bytes(self) -> usize {
        self.depth.bytes() * self.components.count()
    }
}

/// How rows lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Samples of padding after each row.
    pub padding: usize,
    /// Top row first in memory, so that row bytes are negative.
    pub negative: bool,
    /// Samples that the picture begins after a 64-byte boundary.
    pub shift: usize,
    /// Pixels that the image is larger than the window asked for: left, bottom, right, top.
    pub margin: [i32; 4],
}

const GUARD: usize = 4096;
const GUARD_BYTE: u8 = 0xC3;
const PADDING_BYTE: u8 = 0xA5;
/// What an output image holds before render: as float 8.4e37, as half 26 thousand, seen at once where it stays.
const BLANK_BYTE: u8 = 0x7E;

/// An image's memory.
pub struct Buffer {
    base: *mut u8,
    layout: Layout,
    start: usize,
    stride: usize,
    negative: bool,
    /// Its place in pixels.
    pub bounds: Rect,
    /// What its pixels are.
    pub format: Format,
}

// SAFETY: the memory is owned by the buffer; who may write which pixels when is the render protocol's business, as in any host.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Memory for a picture, filled with [`BLANK_BYTE`].
    pub fn new(bounds: Rect, format: Format, rows: Rows) -> Self {
        let row = bounds.width() * format.pixel_bytes();
        let stride = row + rows.padding * format.depth.bytes();
        let start = GUARD + rows.shift * format.depth.bytes();
        let size = start + stride * bounds.height() + GUARD;
        let layout = Layout::from_size_align(size, 64).expect("a picture fits into the address space");
        // SAFETY: the size is at least two guards.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        let buffer = Self { base, layout, start, stride, negative: rows.negative, bounds, format };
        // SAFETY: `size` bytes were allocated and nobody else knows them yet.
        let bytes = unsafe { std::slice::from_raw_parts_mut(base, size) };
        bytes.fill(GUARD_BYTE);
        if stride > 0 {
            for line in bytes[start..size - GUARD].chunks_exact_mut(stride) {
                line[..row].fill(BLANK_BYTE);
                line[row..].fill(PADDING_BYTE);
            }
        }
        buffer
    }

    fn row_len(&self) -> usize {
        self.bounds.width() * self.format.pixel_bytes()
    }

    /// Where a row begins in the memory, `y` counted from the bottom.
    fn row_offset(&self, y: usize) -> usize {
        let line = if self.negative { self.bounds.height() - 1 - y } else { y };
        self.start + line * self.stride
    }

    /// Address of the lower left pixel.
    pub fn data(&self) -> *mut u8 {
        if self.bounds.height() == 0 {
            return self.base.wrapping_add(self.start);
        }
        self.base.wrapping_add(self.row_offset(0))
    }

    /// Bytes from a row to the one above it.
    pub fn row_bytes(&self) -> i32 {
        let stride = i32::try_from(self.stride).expect("rows are shorter than 2 GiB");
        if self.negative { -stride } else { stride }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the allocation; the host reads it when no render writes it.
        unsafe { std::slice::from_raw_parts(self.base, self.layout.size()) }
    }

    fn pixel(&self, x: i32, y: i32) -> &[u8] {
        assert!(self.bounds.contains(x, y), "pixel {x}, {y} of {:?}", self.bounds);
        let at = self.row_offset((y - self.bounds.y1) as usize) + (x - self.bounds.x1) as usize * self.format.pixel_bytes();
        &self.bytes()[at..at + self.format.pixel_bytes()]
    }

    /// A pixel as floats: what a format lacks reads 0, and alpha 1.
    pub fn read(&self, x: i32, y: i32) -> [f32; 4] {
        let pixel = self.pixel(x, y);
        let size = self.format.depth.bytes();
        let sample = |i: usize| decode(self.format.depth, &pixel[i * size..(i + 1) * size]);
        match self.format.components {
            Components::Rgba => [sample(0), sample(1), sample(2), sample(3)],
            Components::Rgb => [sample(0), sample(1), sample(2), 1.0],
            Components::Alpha => [0.0, 0.0, 0.0, sample(0)],
        }
    }

    /// Sets a pixel; only while no plug-in knows the buffer.
    pub fn write(&mut self, x: i32, y: i32, value: [f32; 4]) {
        let at = self.pixel(x, y).as_ptr() as usize - self.base as usize;
        let size = self.format.depth.bytes();
        // SAFETY: the allocation, and `&mut self`.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.base, self.layout.size()) };
        let samples: &[f32] = match self.format.components {
            Components::Rgba => &value,
            Components::Rgb => &value[..3],
            Components::Alpha => &value[3..],
        };
        for (i, v) in samples.iter().enumerate() {
            encode(self.format.depth, *v, &mut bytes[at + i * size..at + (i + 1) * size]);
        }
    }

    /// Whether a pixel still holds what it held before render.
    pub fn is_blank(&self, x: i32, y: i32) -> bool {
        self.pixel(x, y).iter().all(|b| *b == BLANK_BYTE)
    }

    /// What was written where nothing may be written, in words.
    pub fn damage(&self) -> Option<String> {
        let bytes = self.bytes();
        let end = bytes.len() - GUARD;
        if bytes[..self.start].iter().any(|b| *b != GUARD_BYTE) {
            return Some("memory before the picture was overwritten".into());
        }
        if bytes[end..].iter().any(|b| *b != GUARD_BYTE) {
            return Some("memory after the picture was overwritten".into());
        }
        let row = self.row_len();
        let spoilt = |y: &usize| bytes[self.row_offset(*y) + row..self.row_offset(*y) + self.stride].iter().any(|b| *b != PADDING_BYTE);
        (0..self.bounds.height()).find(spoilt).map(|y| format!("the padding of row {y} was overwritten"))
    }

    /// A sum of all bytes that changes when any of them does.
    pub fn sum(&self) -> u64 {
        let (words, rest) = self.bytes().as_chunks::<8>();
        let words = words.iter().map(|w| u64::from_ne_bytes(*w));
        words.chain(rest.iter().map(|b| u64::from(*b))).fold(0xcbf2_9ce4_8422_2325, |sum, w| (sum ^ w).wrapping_mul(0x100_0000_01b3))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base, self.layout) };
    }
}

/// How far an image may reach from its data pointer in either direction: [`arena`].
const REACH: usize = 64 << 20;

/// Where an image of this shape has its data: memory that all such images of the process share, and that exists however its rows
/// lie, upward or downward, overlapping or far apart. `None` for shapes that no memory here can hold.
pub(crate) fn arena(bounds: [i32; 4], row_bytes: i32) -> Option<usize> {
    static ARENA: std::sync::LazyLock<Vec<u128>> = std::sync::LazyLock::new(|| vec![0; (2 * REACH + 4096) / 16]);
    let width = u64::try_from(i64::from(bounds[2]) - i64::from(bounds[0])).unwrap_or(0);
    let height = u64::try_from(i64::from(bounds[3]) - i64::from(bounds[1])).unwrap_or(0);
    let reach = height.saturating_mul(u64::from(row_bytes.unsigned_abs())).saturating_add(width.saturating_mul(16)).saturating_add(256);
    (reach < REACH as u64).then(|| (ARENA.as_ptr() as usize + REACH).next_multiple_of(64))
}

fn decode(depth: Depth, bytes: &[u8]) -> f32 {
    let two = || [bytes[0], bytes[1]];
    match depth {
        Depth::Byte => f32::from(bytes[0]) / 255.0,
        Depth::Short => f32::from(u16::from_ne_bytes(two())) / 65535.0,
        Depth::Half => f16::from_ne_bytes(two()).to_f32(),
        Depth::Float => f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    }
}

fn encode(depth: Depth, value: f32, bytes: &mut [u8]) {
    match depth {
        Depth::Byte => bytes[0] = (value.clamp(0.0, 1.0) * 255.0).round() as u8,
        Depth::Short => bytes.copy_from_slice(&((value.clamp(0.0, 1.0) * 65535.0).round() as u16).to_ne_bytes()),
        Depth::Half => bytes.copy_from_slice(&f16::from_f32(value).to_ne_bytes()),
        Depth::Float => bytes.copy_from_slice(&value.to_ne_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_what_was_written() {
        for depth in Depth::ALL {
            for components in [Components::Rgba, Components::Rgb, Components::Alpha] {
                for negative in [false, true] {
                    let rows = Rows { padding: 3, negative, shift: 1, margin: [0; 4] };
                    let mut buffer = Buffer::new(Rect::new(-3, 5, 4, 9), Format { depth, components }, rows);
                    assert!(buffer.is_blank(-3, 5));
                    buffer.write(3, 8, [0.25, 0.5, 0.75, 0.5]);
                    let got = buffer.read(3, 8);
                    if components != Components::Alpha {
                        assert!((got[2] - 0.75).abs() <= depth.step(), "{depth:?} {got:?}");
                    }
                    assert!(buffer.damage().is_none());
                }
            }
        }
    }

    #[test]
    fn damage_is_seen() {
        let buffer = Buffer::new(Rect::new(0, 0, 4, 2), Format::FLOAT_RGBA, Rows { padding: 1, ..Rows::default() });
        // SAFETY: within the allocation: the padding of the first row.
        unsafe { buffer.data().add(4 * 16).write(0) };
        assert_eq!(buffer.damage().as_deref(), Some("the padding of row 0 was overwritten"));
        let buffer = Buffer::new(Rect::new(0, 0, 4, 2), Format::FLOAT_RGBA, Rows::default());
        // SAFETY: within the allocation: the guard before the picture.
        unsafe { buffer.data().sub(1).write(0) };
        assert_eq!(buffer.damage().as_deref(), Some("memory before the picture was overwritten"));
    }
}
