//! Images of the host: checked once when they are got, then seen row by row, released when dropped.
//!
//! Nothing an image says of itself is believed: bounds, row bytes, depth and components are checked against each other, and no
//! row outside them can be asked for. What cannot be checked is the memory itself: that data, bounds and row bytes describe
//! memory which is there is the host's promise (ofxImageEffect.h, "clipGetImage").

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

use crate::cuda::Device;
use crate::fields::{Lines, doubled, is_half_height};
use crate::geometry::{RectD, RectI};
use crate::props::PropertySet;
use crate::raw;
use crate::status::{Error, Result};
use crate::suites::Suites;

/// The largest side an image may have: beyond any picture, far below what overflows.
const MOST_PIXELS: u32 = 1 << 17;
/// The most bytes from row to row: a row of the longest side in the widest pixels, twice. A tile may lie in a wider buffer, but
/// no buffer has rows like that.
const MOST_ROW_BYTES: usize = MOST_PIXELS as usize * 16 * 2;

/// The type of one component of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 8 bits, 0 to 255.
    Byte,
    /// 16 bits, 0 to 65535.
    Short,
    /// Half float.
    Half,
    /// Float.
    Float,
}

impl Depth {
    /// Bytes of one component.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Short | Self::Half => 2,
            Self::Float => 4,
        }
    }

    fn parse(text: &str) -> Option<(Self, PixelOrder)> {
        // Vegas has names of its own for BGR order.
        let (text, order) = text.strip_suffix("BGR").map_or((text, PixelOrder::Rgba), |t| (t, PixelOrder::Bgra));
        let depth = match text.as_bytes() {
            t if t == raw::kOfxBitDepthByte.to_bytes() => Self::Byte,
            t if t == raw::kOfxBitDepthShort.to_bytes() => Self::Short,
            t if t == raw::kOfxBitDepthHalf.to_bytes() => Self::Half,
            t if t == raw::kOfxBitDepthFloat.to_bytes() => Self::Float,
            _ => return None,
        };
        Some((depth, order))
    }
}

/// Which components a pixel has.
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
    /// How many.
    pub const fn count(self) -> usize {
        match self {
            Self::Rgba => 4,
            Self::Rgb => 3,
            Self::Alpha => 1,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            t if t == raw::kOfxImageComponentRGBA.to_bytes() => Some(Self::Rgba),
            t if t == raw::kOfxImageComponentRGB.to_bytes() => Some(Self::Rgb),
            t if t == raw::kOfxImageComponentAlpha.to_bytes() => Some(Self::Alpha),
            _ => None,
        }
    }
}

/// In which order the colours stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelOrder {
    /// Red first.
    #[default]
    Rgba,
    /// Blue first, as Vegas has it.
    Bgra,
}

/// What is known of an image, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// The pixels that are in memory.
    pub bounds: RectI,
    /// From a row to the next one up, in bytes; may be negative, may be more than the row needs.
    pub row_bytes: isize,
    /// Type of a component.
    pub depth: Depth,
    /// Which components.
    pub components: Components,
    /// In which order.
    pub order: PixelOrder,
    /// Whether colours are multiplied by alpha, as those of an opaque image are; `None` where the host does not say.
    pub premultiplied: Option<bool>,
    /// Width of a pixel over its height; 1 where the host does not say.
    pub pixel_aspect: f64,
}

impl Layout {
    /// Bytes of one pixel.
    pub const fn pixel_bytes(&self) -> usize {
        self.depth.bytes() * self.components.count()
    }

    fn read(props: &PropertySet<'_>, clip: &PropertySet<'_>, order: PixelOrder) -> Result<Self> {
        let wrong = |what: String| Err(Error::Image(what));
        let bounds = RectI::from(props.ints::<4>(raw::kOfxImagePropBounds)?);
        // What an image does not say is as its clip says.
        let either = |name| props.string(name).or_else(|_| clip.string(name));
        let depth = either(raw::kOfxImageEffectPropPixelDepth)?;
        let components = either(raw::kOfxImageEffectPropComponents)?;
        let Some((depth, depth_order)) = Depth::parse(&depth) else { return wrong(format!("its depth is {depth:?}")) };
        let Some(components) = Components::parse(&components) else { return wrong(format!("its components are {components:?}")) };
        if bounds.is_empty() || bounds.width() > MOST_PIXELS || bounds.height() > MOST_PIXELS {
            return wrong(format!("its bounds are {bounds:?}"));
        }
        let needed = bounds.width() as usize * depth.bytes() * components.count();
        // Without the property rows stand without padding.
        let row_bytes = props.int(raw::kOfxImagePropRowBytes).map_or(needed as isize, |v| v as isize);
        if bounds.height() > 1 && row_bytes.unsigned_abs() < needed {
            return wrong(format!("a row of {} pixels does not fit into {row_bytes} bytes", bounds.width()));
        }
        if row_bytes.unsigned_abs() > MOST_ROW_BYTES {
            return wrong(format!("rows lie {row_bytes} bytes apart"));
        }
        let premultiplied = either(raw::kOfxImageEffectPropPreMultiplication).ok();
        Ok(Self {
            bounds,
            row_bytes,
            depth,
            components,
            order: if depth_order == PixelOrder::Bgra { depth_order } else { order },
            premultiplied: premultiplied.map(|p| p.as_bytes() != raw::kOfxImageUnPreMultiplied.to_bytes()),
            pixel_aspect: props.double(raw::kOfxImagePropPixelAspectRatio).ok().filter(|r| r.is_finite() && *r > 0.0).unwrap_or(1.0),
        })
    }
}

/// An image of the host, valid within the action and released when dropped.
pub struct Image<'a> {
    suites: &'a Suites,
    props: PropertySet<'a>,
    layout: Layout,
    data: NonNull<u8>,
    /// The field whose lines are all it holds; `layout` then has the bounds of the frame that they belong to.
    field: Lines,
}

/// Part of a row that may be written, as what it holds.
#[derive(Debug)]
pub enum RowMut<'r> {
    /// 8-bit components.
    Byte(&'r mut [u8]),
    /// 16-bit components.
    Short(&'r mut [u16]),
    /// Half floats by their bits.
    Half(&'r mut [u16]),
    /// Floats.
    Float(&'r mut [f32]),
}

/// Part of a row, copied, as what it holds.
#[derive(Debug)]
pub enum Row {
    /// 8-bit components.
    Byte(Vec<u8>),
    /// 16-bit components.
    Short(Vec<u16>),
    /// Half floats by their bits.
    Half(Vec<u16>),
    /// Floats.
    Float(Vec<f32>),
}

impl<'a> Image<'a> {
    /// Takes over an image that `clipGetImage` has just answered with; it is released even when it cannot be used. `frame` is the
    /// clip's region of definition, asked for only where the image holds one field.
    pub(crate) fn new(
        suites: &'a Suites,
        handle: raw::OfxPropertySetHandle,
        clip: &PropertySet<'_>,
        order: PixelOrder,
        frame: impl FnOnce() -> Option<RectD>,
    ) -> Result<Self> {
        let props = PropertySet::new(suites, handle);
        let checked = Layout::read(&props, clip, order).and_then(|mut layout| {
            let data = NonNull::new(props.pointer(raw::kOfxImagePropData)?.cast::<u8>());
            let data = data.ok_or_else(|| Error::Image("it has no pixels in memory".into()))?;
            let unit = layout.depth.bytes();
            if data.as_ptr().addr() % unit != 0 || layout.row_bytes.unsigned_abs() % unit != 0 {
                return Err(Error::Image(format!("its rows do not begin at multiples of {unit} bytes")));
            }
            let mut field = Lines::held(&props);
            if field != Lines::All {
                let whole = props.ints(raw::kOfxImagePropRegionOfDefinition).map_or(layout.bounds, RectI::from);
                let whole = if whole.is_empty() { layout.bounds } else { whole };
                if is_half_height(whole, layout.pixel_aspect, frame()) {
                    layout.bounds = doubled(layout.bounds);
                } else {
                    field = Lines::All;
                }
            }
            Ok((layout, data, field))
        });
        match checked {
            Ok((layout, data, field)) => Ok(Self { suites, props, layout, data, field }),
            Err(error) => {
                release(suites, handle);
                Err(error)
            }
        }
    }

    /// What is known of it.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its properties.
    pub const fn props(&self) -> PropertySet<'a> {
        self.props
    }

    /// The address of pixel (x, y), which must lie within the bounds.
    fn address(&self, x: i32, y: i32) -> *mut u8 {
        let b = self.layout.bounds;
        debug_assert!(x >= b.x1 && x < b.x2 && y >= b.y1 && y < b.y2);
        let rows = (i64::from(y) - i64::from(b.y1)) / if self.field == Lines::All { 1 } else { 2 };
        let columns = i64::from(x) - i64::from(b.x1);
        // At most 2^17 rows of 2^22 bytes: no overflow in 64 bits. On 32 bits such an image could not be in memory.
        let offset = rows as isize * self.layout.row_bytes + columns as isize * self.layout.pixel_bytes() as isize;
        self.data.as_ptr().wrapping_offset(offset)
    }

    fn check(&self, y: i32, x1: i32, x2: i32) -> Result<usize> {
        if x1 < x2 && self.layout.bounds.contains(RectI::new(x1, y, x2, y.saturating_add(1))) {
            return Ok((x2.abs_diff(x1)) as usize * self.layout.components.count());
        }
        Err(Error::Image(format!("pixels {x1} to {x2} of row {y} are outside {:?}", self.layout.bounds)))
    }

    /// Pixels x1 to x2 (exclusive) of row y, copied: the host may render into the memory that it lets us read.
    pub fn row(&self, y: i32, x1: i32, x2: i32) -> Result<Row> {
        let count = self.check(y, x1, x2)?;
        let at = self.address(x1, y);
        Ok(match self.layout.depth {
            // SAFETY: the span lies within bounds and row bytes, which the host promises to be memory; it is aligned, as `new`
            // checked; any bits are a value of these types.
            Depth::Byte => Row::Byte(unsafe { copied(at, count) }),
            // SAFETY: as above.
            Depth::Short => Row::Short(unsafe { copied(at.cast(), count) }),
            // SAFETY: as above.
            Depth::Half => Row::Half(unsafe { copied(at.cast(), count) }),
            // SAFETY: as above.
            Depth::Float => Row::Float(unsafe { copied(at.cast(), count) }),
        })
    }
}

/// Copies values without making a reference to the host's memory.
///
/// # Safety
/// `from` is aligned and leads to `count` values in memory.
unsafe fn copied<T: Copy + Default>(from: *const T, count: usize) -> Vec<T> {
    let mut row = vec![T::default(); count];
    // SAFETY: as promised; the copy is fresh memory.
    unsafe { std::ptr::copy_nonoverlapping(from, row.as_mut_ptr(), count) };
    row
}

fn release(suites: &Suites, handle: raw::OfxPropertySetHandle) {
    if let Some(call) = suites.effect.clipReleaseImage {
        // SAFETY: got from clipGetImage in this action and released once.
        unsafe { call(handle) };
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        release(self.suites, self.props.handle());
    }
}

/// The part of an output image that this render action may write: its window. Other threads may write other windows of the
/// same image at the same time, so no reference is ever made to a pixel outside the window.
pub struct Output<'i> {
    layout: Layout,
    /// The window's lower left pixel in memory.
    corner: *mut u8,
    row_bytes: isize,
    window: RectI,
    /// The lines of the frame that are to be written.
    lines: Lines,
    /// Whether memory holds those lines alone.
    is_field: bool,
    /// Where rows go that are not asked for; as wide as the widest pixels, and aligned for all.
    aside: Vec<u32>,
    _mine: PhantomData<&'i mut [u8]>,
}

impl<'i> Output<'i> {
    /// The window of an image, cut to its bounds, in lines of frames. The image must have been got from the output clip.
    pub(crate) fn new(image: &'i mut Image<'_>, window: RectI, lines: Lines) -> Self {
        let is_field = image.field != Lines::All;
        let window = if is_field { doubled(window) } else { window }.intersect(image.layout.bounds);
        let corner = if window.is_empty() { image.data.as_ptr() } else { image.address(window.x1, window.y1) };
        let lines = if is_field { image.field } else { lines };
        Self {
            layout: image.layout,
            corner,
            row_bytes: image.layout.row_bytes,
            window,
            lines,
            is_field,
            aside: Vec::new(),
            _mine: PhantomData,
        }
    }

    /// The window; it may be empty.
    pub const fn window(&self) -> RectI {
        self.window
    }

    /// What is known of the image.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Row y of the window, to be written. Rows of a field that is not asked for may be written too; they go nowhere.
    pub fn row(&mut self, y: i32) -> Result<RowMut<'_>> {
        let w = self.window;
        if y < w.y1 || y >= w.y2 || w.is_empty() {
            return Err(Error::Image(format!("row {y} is outside the window {w:?}")));
        }
        let count = w.width() as usize * self.layout.components.count();
        let at = if self.lines.hold(y) {
            let rows = (i64::from(y) - i64::from(w.y1)) / if self.is_field { 2 } else { 1 };
            self.corner.wrapping_offset(rows as isize * self.row_bytes)
        } else {
            self.aside.resize(count, 0);
            self.aside.as_mut_ptr().cast()
        };
        Ok(match self.layout.depth {
            // SAFETY: within bounds and row bytes (or memory of our own that is as wide), aligned, and for the life of `&mut self`
            // the only reference to it: the host gives each render action a window of its own, and source rows are copied, never
            // referred to.
            Depth::Byte => RowMut::Byte(unsafe { slice::from_raw_parts_mut(at, count) }),
            // SAFETY: as above.
            Depth::Short => RowMut::Short(unsafe { slice::from_raw_parts_mut(at.cast(), count) }),
            // SAFETY: as above.
            Depth::Half => RowMut::Half(unsafe { slice::from_raw_parts_mut(at.cast(), count) }),
            // SAFETY: as above.
            Depth::Float => RowMut::Float(unsafe { slice::from_raw_parts_mut(at.cast(), count) }),
        })
    }
}

impl Image<'_> {
    /// An output that lies on a device: `write` fills memory of ours, which is then copied to the window there.
    pub(crate) fn staged<T>(&mut self, window: RectI, device: Device, write: impl FnOnce(Output<'_>) -> Result<T>) -> Result<T> {
        let window = window.intersect(self.layout.bounds);
        let width = window.width() as usize * self.layout.pixel_bytes();
        let Ok(pitch) = usize::try_from(self.layout.row_bytes) else {
            return Err(Error::OnDevice { what: "rows from the top downward", code: 0 });
        };
        // Words, so that rows of every depth begin where their type may lie: a pixel of floats is whole words, and so is a row of
        // other pixels once it is rounded up.
        let stride = width.next_multiple_of(4);
        let words = stride / 4 * window.height() as usize;
        let mut memory: Vec<u32> = Vec::new();
        // A window may be as large as a host says: where there is no room, that must not end its process.
        if memory.try_reserve_exact(words).is_err() {
            return Err(Error::OnDevice { what: "a picture without room in memory", code: 0 });
        }
        memory.resize(words, 0);
        let done = write(Output {
            layout: self.layout,
            corner: memory.as_mut_ptr().cast(),
            row_bytes: stride as isize,
            window,
            lines: Lines::All,
            is_field: false,
            aside: Vec::new(),
            _mine: PhantomData,
        })?;
        if !window.is_empty() {
            // SAFETY: the words as bytes.
            let bytes = unsafe { slice::from_raw_parts(memory.as_ptr().cast::<u8>(), memory.len() * 4) };
            let to = self.address(window.x1, window.y1).addr();
            device.upload(bytes, stride, width, window.height() as usize, to, pitch)?;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::CStr;

    use super::*;
    use crate::fake::{self, Set, Value};

    fn image(bounds: [i32; 4], row_bytes: i32, depth: &CStr, components: &CStr, data: *mut u8) -> Set {
        Set::default()
            .ints(raw::kOfxImagePropBounds, &bounds)
            .ints(raw::kOfxImagePropRowBytes, &[row_bytes])
            .text(raw::kOfxImageEffectPropPixelDepth, depth)
            .text(raw::kOfxImageEffectPropComponents, components)
            .with(raw::kOfxImagePropData, Value::Pointer(data.cast()))
    }

    fn open<'a>(suites: &'a Suites, set: &Set) -> Result<Image<'a>> {
        let clip = PropertySet::new(suites, std::ptr::null_mut());
        Image::new(suites, set.handle(), &clip, PixelOrder::Rgba, || Some(RectD::new(0.0, 0.0, 2.0, 4.0)))
    }

    #[test]
    fn rows_are_found_whichever_way_they_lie() {
        let suites = fake::suites(c"org.example.host");
        // Three rows of two RGBA bytes with four bytes of padding; the host counts upward from (10, 20).
        let mut memory: Vec<u8> = (0..36).collect();
        let base = memory.as_mut_ptr();
        for (row_bytes, first, expected) in [(12, 0, [0, 12, 24]), (-12, 24, [24, 12, 0])] {
            let set = image([10, 20, 12, 23], row_bytes, raw::kOfxBitDepthByte, raw::kOfxImageComponentRGBA, base.wrapping_add(first));
            let mut image = open(&suites, &set).unwrap();
            for (y, start) in (20..23).zip(expected) {
                let Row::Byte(row) = image.row(y, 10, 12).unwrap() else { unreachable!() };
                assert_eq!(row, (start..start + 8).collect::<Vec<u8>>());
            }
            assert!(image.row(19, 10, 12).is_err() && image.row(23, 10, 12).is_err());
            assert!(image.row(20, 9, 12).is_err() && image.row(20, 10, 13).is_err() && image.row(20, 11, 11).is_err());
            let mut output = Output::new(&mut image, RectI::new(11, 21, 99, 99), Lines::All);
            assert_eq!(output.window(), RectI::new(11, 21, 12, 23));
            assert!(output.row(20).is_err());
            let RowMut::Byte(row) = output.row(21).unwrap() else { unreachable!() };
            assert_eq!(row, &[16, 17, 18, 19]);
            drop(image);
            assert_eq!(set.released.get(), 1, "released once");
        }
    }

    #[test]
    fn an_image_that_contradicts_itself_is_refused_and_released() {
        let suites = fake::suites(c"org.example.host");
        let mut memory = vec![0u32; 64];
        let data = memory.as_mut_ptr().cast::<u8>();
        let (float, rgba) = (raw::kOfxBitDepthFloat, raw::kOfxImageComponentRGBA);
        let good = [0, 0, 2, 2];
        for (what, set) in [
            ("short rows", image(good, 31, float, rgba, data)),
            ("short rows, downward", image(good, -16, float, rgba, data)),
            ("endless rows", image(good, i32::MIN, float, rgba, data)),
            ("no rows", image(good, 0, float, rgba, data)),
            ("odd rows", image(good, 33, float, rgba, data)),
            ("odd address", image(good, 32, float, rgba, data.wrapping_add(1))),
            ("no data", image(good, 32, float, rgba, std::ptr::null_mut())),
            ("inside out", image([2, 2, 0, 0], 32, float, rgba, data)),
            ("endless", image([i32::MIN, i32::MIN, i32::MAX, i32::MAX], 32, float, rgba, data)),
            ("strange depth", image(good, 32, c"OfxBitDepthDouble", rgba, data)),
            ("strange components", image(good, 32, float, c"uk.example.Spectral", data)),
        ] {
            assert!(matches!(open(&suites, &set), Err(Error::Image(_))), "{what}");
            assert_eq!(set.released.get(), 1, "{what}");
        }
        assert!(open(&suites, &image(good, 32, float, rgba, data)).is_ok());
    }

    #[test]
    fn a_field_is_written_line_by_line_into_a_frame_or_an_image_of_its_own() {
        let suites = fake::suites(c"org.example.host");
        let lines = [c"OfxFieldLower", c"OfxFieldUpper"];
        for (field, lines, first) in [(lines[0], Lines::Lower, 0), (lines[1], Lines::Upper, 1)] {
            // A frame of 2 × 4 whose other field must stay.
            let mut frame = [9_u8; 32];
            let set = image([0, 0, 2, 4], 8, raw::kOfxBitDepthByte, raw::kOfxImageComponentRGBA, frame.as_mut_ptr());
            fill(&mut open(&suites, &set.text(raw::kOfxImagePropField, field)).unwrap(), RectI::new(0, 0, 2, 4), lines);
            for (y, row) in frame.chunks(8).enumerate() {
                assert!(row.iter().all(|v| *v == if y % 2 == first { y as u8 } else { 9 }), "{field:?} {frame:?}");
            }
            // The same field alone, half as high: the host's window counts its lines.
            let mut alone = [9_u8; 16];
            let set = image([0, 0, 2, 2], 8, raw::kOfxBitDepthByte, raw::kOfxImageComponentRGBA, alone.as_mut_ptr());
            let mut half = open(&suites, &set.text(raw::kOfxImagePropField, field)).unwrap();
            assert_eq!(half.layout().bounds, RectI::new(0, 0, 2, 4));
            fill(&mut half, RectI::new(0, 0, 2, 2), lines);
            assert_eq!((alone[0], alone[8]), (first as u8, first as u8 + 2));
        }
    }

    /// Writes each row's number.
    fn fill(image: &mut Image<'_>, window: RectI, lines: Lines) {
        let mut output = Output::new(image, window, lines);
        let w = output.window();
        assert_eq!((w.y1, w.y2), (0, 4));
        for y in w.y1..w.y2 {
            let RowMut::Byte(row) = output.row(y).unwrap() else { unreachable!() };
            row.fill(y as u8);
        }
    }

    #[test]
    fn bgr_is_known_by_its_depth() {
        let suites = fake::suites(c"com.sonycreativesoftware.vegas");
        let mut memory = vec![0u32; 64];
        let set = image([0, 0, 2, 2], 32, c"OfxBitDepthFloatBGR", raw::kOfxImageComponentRGBA, memory.as_mut_ptr().cast());
        let image = open(&suites, &set).unwrap();
        assert_eq!((image.layout().order, image.layout().depth), (PixelOrder::Bgra, Depth::Float));
    }
}
