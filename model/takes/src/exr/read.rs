//! EXR files of ours and of others become pictures.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use exr::block::UncompressedBlock;
use exr::block::reader::ChunksReader;
use exr::meta::attribute::SampleType;
use exr::meta::header::Header;
use half::f16;
use half::slice::HalfFloatSliceExt;
use shot::{Picture, Size};

use super::FileTags;
use crate::error::{Error, Result};

/// One block of rows or one tile may take this much uncompressed: a 17,000-pixel row of 32 float channels in DWAB's 256 rows.
const MAX_BLOCK: usize = 1 << 30;

/// Reads a picture: the display window, premultiplied as the file holds it. Missing alpha is 1, a lone `Y` becomes grey.
pub fn read(path: &Path) -> Result<Picture> {
    read_tagged(path).map(|(picture, _)| picture)
}

/// Reads a picture and what the file says about itself.
pub fn read_tagged(path: &Path) -> Result<(Picture, FileTags)> {
    let (size, pixels, tags) = open(path)?;
    Picture::new(size, pixels).map(|picture| (picture, tags)).map_err(|f| Error::picture(path, f.what))
}

/// Reads a picture as half floats, which for the store's own frames are the bits of the file.
pub(crate) fn read_halves(path: &Path) -> Result<(Size, Vec<[f16; 4]>)> {
    open(path).map(|(size, pixels, _)| (size, pixels))
}

type Decoded<T> = (Size, Vec<[T; 4]>, FileTags);

fn open<T: Value>(path: &Path) -> Result<Decoded<T>> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    // The decoder is not ours and a host's process is not ours to end: whatever a hostile file makes it trip over is an answer.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(BufReader::with_capacity(1 << 16, file))));
    decoded.unwrap_or_else(|_| Err("is damaged in a way that its decoder does not survive".into())).map_err(|why| Error::picture(path, why))
}

/// What is wrong with a file, as a clause that goes on from its name.
type Why = String;

fn decode<T: Value>(file: impl Read + Seek) -> Result<Decoded<T>, Why> {
    let reader = exr::block::read(file, false).map_err(|e| unreadable(&e))?;
    let (part, header) = reader
        .headers()
        .iter()
        .enumerate()
        .find(|(_, h)| !h.deep && Channels::find(h).is_some())
        .ok_or_else(|| no_colour(reader.headers()))?;
    let channels = Channels::find(header).ok_or("has no colour channels")?;
    let tags = FileTags::of(header);
    let mut canvas = Canvas::new(header, channels)?;
    let total_parts = reader.headers().len();
    let mut blocks = reader.all_chunks(false).map_err(|e| unreadable(&e))?.sequential_decompressor(false);
    while let Some(block) = blocks.decompress_next_block() {
        let block = match block {
            Ok(block) => block,
            Err(e) => return Err(unreadable(&e)),
        };
        if block.index.layer == part && block.index.level == exr::math::Vec2(0, 0) {
            canvas.put(&block)?;
        }
        // Other parts of a file with many are not ours to decode.
        if total_parts > 1 && canvas.is_full() {
            break;
        }
    }
    if !canvas.is_full() {
        return Err("is cut off: rows of it are missing".into());
    }
    Ok((canvas.size, canvas.pixels, tags))
}

fn unreadable(error: &exr::error::Error) -> Why {
    match error {
        exr::error::Error::NotSupported(what) => format!("is an EXR file of a kind that cannot be read ({what})"),
        exr::error::Error::Invalid(what) => format!("is damaged, cut off or no EXR file ({what})"),
        exr::error::Error::Io(e) => format!("cannot be read to its end ({e})"),
        exr::error::Error::Aborted => "was not read to its end".into(),
    }
}

fn no_colour(headers: &[Header]) -> Why {
    if headers.iter().any(|h| h.deep) {
        return "holds deep data, not a flat picture".into();
    }
    let names: Vec<String> = headers.iter().flat_map(|h| &h.channels.list).take(12).map(|c| c.name.to_string()).collect();
    format!("has no full-size R, G and B channels; it has {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })
}

/// Which channel of a file feeds which of ours.
struct Channels {
    /// For each channel of the file: its targets (bits 0 to 3 for red to alpha) and its type.
    list: Vec<(u8, SampleType)>,
    has_alpha: bool,
    bytes_per_pixel: usize,
}

impl Channels {
    /// The channels `R G B A` with any or no layer prefix, the bare names preferred; else `Y` alone.
    fn find(header: &Header) -> Option<Self> {
        let full: Vec<(String, bool)> =
            header.channels.list.iter().map(|c| (c.name.to_string(), c.sampling == exr::math::Vec2(1, 1))).collect();
        // Where any channel is subsampled the rows of a block are not of one length; such files are chroma-subsampled video.
        if full.iter().any(|(_, whole)| !whole) {
            return None;
        }
        let index = |name: String| full.iter().position(|(n, _)| *n == name);
        let prefixes = std::iter::once("").chain(full.iter().filter_map(|(n, _)| n.strip_suffix('R').filter(|p| p.ends_with('.'))));
        let mut targets = vec![0u8; full.len()];
        let mut has_alpha = false;
        let rgb = prefixes
            .filter_map(|p| Some((p, index(format!("{p}R"))?, index(format!("{p}G"))?, index(format!("{p}B"))?)))
            .map(|(p, r, g, b)| (r, g, b, index(format!("{p}A"))))
            .next();
        let grey = index("Y".into()).filter(|_| index("RY".into()).is_none()).map(|y| (y, y, y, index("A".into())));
        let (r, g, b, a) = rgb.or(grey)?;
        for (bit, channel) in [Some(r), Some(g), Some(b), a].into_iter().enumerate() {
            if let Some(target) = channel.and_then(|c| targets.get_mut(c)) {
                *target |= 1 << bit;
                has_alpha |= bit == 3;
            }
        }
        let list: Vec<_> = targets.into_iter().zip(header.channels.list.iter().map(|c| c.sample_type)).collect();
        let bytes_per_pixel = list.iter().map(|(_, t)| t.bytes_per_sample()).sum();
        Some(Self { list, has_alpha, bytes_per_pixel })
    }
}

/// The display window, being filled from blocks of the data window.
struct Canvas<T> {
    size: Size,
    pixels: Vec<[T; 4]>,
    channels: Channels,
    /// Data window's top left within the display window.
    offset: (i64, i64),
    data: Size,
    /// Pixels of the data window that are still to come.
    missing: usize,
    /// One row of one channel.
    plane: Vec<T>,
}

impl<T: Value> Canvas<T> {
    fn new(header: &Header, channels: Channels) -> Result<Self, Why> {
        let whole = |size: exr::math::Vec2<usize>| -> Result<Size, Why> {
            let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Size::new(side(size.x()), side(size.y())).checked().map_err(|f| format!("is too large or empty: {}", f.what))
        };
        let display = header.shared_attributes.display_window;
        let (size, data) = (whole(display.size)?, whole(header.layer_size)?);
        if header.max_block_byte_size() > MAX_BLOCK {
            return Err("has more channels than can be read".into());
        }
        let at = header.own_attributes.layer_position;
        let offset = (i64::from(at.x()) - i64::from(display.position.x()), i64::from(at.y()) - i64::from(display.position.y()));
        let alpha = if channels.has_alpha { T::ZERO } else { T::ONE };
        Ok(Self {
            size,
            pixels: vec![[T::ZERO, T::ZERO, T::ZERO, alpha]; size.pixels()],
            channels,
            offset,
            data,
            missing: data.pixels(),
            plane: Vec::new(),
        })
    }

    fn is_full(&self) -> bool {
        self.missing == 0
    }

    fn put(&mut self, block: &UncompressedBlock) -> Result<(), Why> {
        let (x, y) = (block.index.pixel_position.x(), block.index.pixel_position.y());
        let (width, height) = (block.index.pixel_size.x(), block.index.pixel_size.y());
        let inside = x.saturating_add(width) <= self.data.width as usize && y.saturating_add(height) <= self.data.height as usize;
        let row_bytes = width.saturating_mul(self.channels.bytes_per_pixel);
        if !inside || width == 0 || height == 0 || block.data.len() != row_bytes.saturating_mul(height) {
            return Err("is damaged: a block of rows lies outside the picture".into());
        }
        self.missing = self.missing.checked_sub(width * height).ok_or("is damaged: it holds rows twice")?;
        let left = self.offset.0 + x as i64;
        for (row, bytes) in block.data.chunks_exact(row_bytes).enumerate() {
            let line = self.offset.1 + (y + row) as i64;
            let out = usize::try_from(line).ok().and_then(|y| self.pixels.chunks_exact_mut(self.size.width as usize).nth(y));
            if let Some(out) = out {
                self.channels.put_row(bytes, width, left, out, &mut self.plane);
            }
        }
        Ok(())
    }
}

impl Channels {
    /// Puts one row of samples into a row of pixels, beginning at pixel `left`, which may lie outside.
    fn put_row<T: Value>(&self, mut bytes: &[u8], width: usize, left: i64, out: &mut [[T; 4]], plane: &mut Vec<T>) {
        let skip = usize::try_from(-left).unwrap_or(0);
        let start = usize::try_from(left).unwrap_or(0);
        plane.resize(width, T::ZERO);
        for &(targets, kind) in &self.list {
            let (samples, rest) = bytes.split_at(width * kind.bytes_per_sample());
            bytes = rest;
            if targets == 0 {
                continue;
            }
            T::decode(samples, kind, plane);
            for bit in (0..4).filter(|bit| targets & (1 << bit) != 0) {
                for (pixel, value) in out.iter_mut().skip(start).zip(plane.iter().skip(skip)) {
                    pixel[bit] = *value;
                }
            }
        }
    }
}

/// What a picture is made of: floats for engines, halves for playback.
trait Value: Copy {
    const ZERO: Self;
    const ONE: Self;
    /// Samples in the machine's byte order as values, as many as `out` holds.
    fn decode(samples: &[u8], kind: SampleType, out: &mut [Self]);
}

impl Value for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn decode(samples: &[u8], kind: SampleType, out: &mut [Self]) {
        match kind {
            SampleType::F16 => {
                // Blocks come at any address, so the bytes are copied to where halves may lie.
                let mut halves = vec![f16::ZERO; out.len()];
                f16::decode(samples, kind, &mut halves);
                halves.convert_to_f32_slice(out);
            }
            SampleType::F32 => {
                for (value, bytes) in out.iter_mut().zip(samples.as_chunks().0) {
                    *value = Self::from_ne_bytes(*bytes);
                }
            }
            SampleType::U32 => {
                for (value, bytes) in out.iter_mut().zip(samples.as_chunks().0) {
                    *value = u32::from_ne_bytes(*bytes) as Self;
                }
            }
        }
    }
}

impl Value for f16 {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;

    fn decode(samples: &[u8], kind: SampleType, out: &mut [Self]) {
        if kind == SampleType::F16 {
            for (value, bytes) in out.iter_mut().zip(samples.as_chunks().0) {
                *value = Self::from_ne_bytes(*bytes);
            }
            return;
        }
        let mut floats = vec![0.0; out.len()];
        f32::decode(samples, kind, &mut floats);
        floats.iter_mut().for_each(|v| *v = super::storable(*v));
        out.convert_from_f32_slice(&floats);
    }
}
