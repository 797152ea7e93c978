//! A picture becomes half-float RGBA scan lines under ZIP.

use std::io::Cursor;
use std::path::Path;

use exr::block::BlockIndex;
use exr::block::chunk::{Chunk, CompressedBlock, CompressedScanLineBlock};
use exr::block::writer::ChunksWriter;
use exr::compression::Compression;
use exr::math::Vec2;
use exr::meta::BlockDescription;
use exr::meta::attribute::{ChannelDescription, LineOrder, SampleType, Text};
use exr::meta::header::Header;
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfFloatVecExt;
use shot::{Picture, Size};

use super::{FrameTags, storable};
use crate::error::{Error, Result};

/// Channels in the order OpenEXR stores them, which is that of their names, and where each stands in a pixel of ours.
const CHANNELS: [(&str, usize); 4] = [("A", 3), ("B", 2), ("G", 1), ("R", 0)];

/// How hard deflate tries. Level 1 takes a third of the time of the level 4 that crate exr uses and gives files a tenth larger
/// (measured on 1080p footage with and without grain): writing a take must not cost more than making it.
const DEFLATE_LEVEL: u8 = 1;

/// Writes a picture as an EXR file. Values beyond ±65504 are brought to it, what is not a number becomes 0.
///
/// The file is written in place, not atomically: the store writes into folders that nobody looks into yet.
pub fn write(path: &Path, picture: &Picture, tags: &FrameTags) -> Result<()> {
    let bytes = encode(picture, tags)?;
    std::fs::write(path, &bytes).map_err(|e| Error::write(path, bytes.len() as u64, e))
}

/// The bytes that [`write`] puts into the file. The same picture and tags give the same bytes.
pub fn encode(picture: &Picture, tags: &FrameTags) -> Result<Vec<u8>> {
    let size = picture.size();
    size.checked().map_err(|f| Error::Unfit { why: f.what })?;
    let header = tags.put(header(size));
    let mut out = Cursor::new(Vec::with_capacity(size.pixels() * 4 + 4096));
    exr::block::write(&mut out, [header].into_iter().collect(), true, |meta, chunks| {
        for (number, index) in exr::block::enumerate_ordered_header_block_indices(&meta.headers) {
            let block = CompressedScanLineBlock {
                // At most shot::picture::MAX_SIDE.
                y_coordinate: index.pixel_position.y() as i32,
                compressed_pixels_le: compress(&rows(picture, index)),
            };
            chunks.write_chunk(number, Chunk { layer_index: 0, compressed_block: CompressedBlock::ScanLine(block) })?;
        }
        Ok(())
    })
    .map_err(|e| Error::Unfit { why: format!("a picture of {size} cannot be written as EXR ({e})") })?;
    Ok(out.into_inner())
}

fn header(size: Size) -> Header {
    let channels =
        CHANNELS.iter().map(|(name, _)| ChannelDescription::named(Text::new_or_none(name).unwrap_or_default(), SampleType::F16)).collect();
    Header::new(Text::default(), (size.width as usize, size.height as usize), channels).with_encoding(
        Compression::ZIP16,
        BlockDescription::ScanLines,
        LineOrder::Increasing,
    )
}

/// The samples of some rows, channel after channel within each row.
fn rows(picture: &Picture, index: BlockIndex) -> Vec<u16> {
    let Vec2(width, height) = index.pixel_size;
    let mut halves = vec![f16::ZERO; width * height * CHANNELS.len()];
    let mut plane = vec![0.0f32; width];
    let rows = picture.pixels().chunks_exact(picture.width()).skip(index.pixel_position.y()).take(height);
    for (row, out) in rows.zip(halves.chunks_exact_mut(width * CHANNELS.len())) {
        for ((_, channel), out) in CHANNELS.iter().zip(out.chunks_exact_mut(width)) {
            for (value, pixel) in plane.iter_mut().zip(row) {
                *value = storable(pixel[*channel]);
            }
            out.convert_from_f32_slice(&plane);
        }
    }
    halves.reinterpret_into()
}

/// OpenEXR's ZIP ("OpenEXR File Layout", 2013): low bytes of all samples, then their high bytes, each byte as its difference to
/// the one before plus 128, under zlib. What does not get smaller is stored plain, which readers tell by its length.
fn compress(samples: &[u16]) -> Vec<u8> {
    let split: Vec<u8> = samples.iter().map(|s| s.to_le_bytes()[0]).chain(samples.iter().map(|s| s.to_le_bytes()[1])).collect();
    let mut differences = split.clone();
    for (difference, pair) in differences.iter_mut().skip(1).zip(split.windows(2)) {
        *difference = pair[1].wrapping_sub(pair[0]).wrapping_add(128);
    }
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&differences, DEFLATE_LEVEL);
    if packed.len() < differences.len() { packed } else { samples.iter().flat_map(|s| s.to_le_bytes()).collect() }
}
