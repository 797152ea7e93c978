//! Pictures as PNG files.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Encoder, Filter, SrgbRenderingIntent};
use shot::{ColourSpace, Picture};

use crate::error::{Error, Result};
use crate::place::{Workshop, check_file, sync};
use crate::planes::{nearest, within};

/// What a PNG says about itself, and how fine it is.
#[derive(Clone, Debug)]
pub(crate) struct PngForm<'a> {
    /// 16 bits a value instead of 8.
    pub deep: bool,
    /// With alpha, straight as PNG wants it; without, the picture stands on black.
    pub alpha: bool,
    pub colour: ColourSpace,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// An XMP packet.
    pub xmp: Cow<'a, str>,
}

/// Encodes a picture; values outside 0 to 1 are clipped, as PNG has no room for them.
///
/// fdeflate's fast level with one fixed filter. Measured on a 1080p camera frame: Paeth 16 ms and 1.1 MB for 8 bits, Sub 37 ms
/// and 3.7 MB for 16; choosing a filter row by row takes 19 and 57 ms and saves nothing.
pub(crate) fn encode(picture: &Picture, form: &PngForm<'_>) -> Result<Vec<u8>, png::EncodingError> {
    let size = picture.size();
    let channels = if form.alpha { 4 } else { 3 };
    let data = match (form.deep, form.alpha) {
        (false, false) => bytes_of::<3>(picture),
        (false, true) => bytes_of::<4>(picture),
        (true, false) => words_of::<3>(picture),
        (true, true) => words_of::<4>(picture),
    };
    let mut out = Vec::with_capacity(size.pixels() * channels);
    let mut encoder = Encoder::new(&mut out, size.width, size.height);
    encoder.set_color(if form.alpha { ColorType::Rgba } else { ColorType::Rgb });
    encoder.set_depth(if form.deep { BitDepth::Sixteen } else { BitDepth::Eight });
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(if form.deep { Filter::Sub } else { Filter::Paeth });
    if form.colour == ColourSpace::Srgb {
        encoder.set_source_srgb(SrgbRenderingIntent::Perceptual);
    }
    if form.pixel_aspect != 1.0 {
        // Pixels per unit, across and down: a wide pixel has fewer across.
        let (xppu, yppu) = ((1e6 / form.pixel_aspect).round() as u32, 1_000_000);
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu, yppu, unit: png::Unit::Unspecified }));
    }
    if !form.xmp.is_empty() {
        encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), form.xmp.clone().into_owned())?;
    }
    let mut writer = encoder.write_header()?;
    if let Some(code_points) = code_points(form.colour) {
        writer.write_chunk(png::chunk::ChunkType(*b"cICP"), &code_points)?;
    }
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(out)
}

/// Code points of the encodings that are not ordinary video (ITU-T H.273: primaries, transfer; RGB; full range).
const fn code_points(colour: ColourSpace) -> Option<[u8; 4]> {
    match colour {
        ColourSpace::Pq => Some([9, 16, 0, 1]),
        ColourSpace::Hlg => Some([9, 18, 0, 1]),
        _ => None,
    }
}

/// The straight value of a premultiplied one.
#[inline(always)]
fn straight<const CHANNELS: usize>(p: &[f32; 4]) -> [f32; 4] {
    let a = p[3];
    // Opaque pixels and colour that only adds light (alpha 0) stay as they are.
    if CHANNELS == 3 || a == 1.0 || a <= 0.0 { *p } else { [p[0] / a, p[1] / a, p[2] / a, a] }
}

fn bytes_of<const CHANNELS: usize>(picture: &Picture) -> Vec<u8> {
    let mut data = vec![0; picture.size().pixels() * CHANNELS];
    for (out, p) in data.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(picture.pixels()) {
        let p = straight::<CHANNELS>(p);
        for (out, v) in out.iter_mut().zip(p) {
            *out = nearest(within(v, 0.0, 1.0) * 255.0) as u8;
        }
    }
    data
}

fn words_of<const CHANNELS: usize>(picture: &Picture) -> Vec<u8> {
    let mut data = vec![0; picture.size().pixels() * CHANNELS * 2];
    for (out, p) in data.chunks_exact_mut(2 * CHANNELS).zip(picture.pixels()) {
        let p = straight::<CHANNELS>(p);
        for (out, v) in out.as_chunks_mut::<2>().0.iter_mut().zip(p) {
            *out = (nearest(within(v, 0.0, 1.0) * 65_535.0) as u16).to_be_bytes();
        }
    }
    data
}

/// The same values as an image of crate `image`, for TIFF.
pub(crate) fn image_of(picture: &Picture, form: &PngForm<'_>) -> image::DynamicImage {
    let (w, h) = (picture.size().width, picture.size().height);
    let words = |bytes: Vec<u8>| bytes.as_chunks::<2>().0.iter().map(|b| u16::from_be_bytes(*b)).collect::<Vec<u16>>();
    let image = match (form.deep, form.alpha) {
        (false, false) => image::RgbImage::from_raw(w, h, bytes_of::<3>(picture)).map(Into::into),
        (false, true) => image::RgbaImage::from_raw(w, h, bytes_of::<4>(picture)).map(Into::into),
        (true, false) => image::ImageBuffer::<image::Rgb<u16>, _>::from_raw(w, h, words(words_of::<3>(picture))).map(Into::into),
        (true, true) => image::ImageBuffer::<image::Rgba<u16>, _>::from_raw(w, h, words(words_of::<4>(picture))).map(Into::into),
    };
    image.unwrap_or_default()
}

/// Encodes into a file that nobody looks at yet. `shown` is the name in errors.
pub(crate) fn write(path: &Path, shown: &Path, picture: &Picture, form: &PngForm<'_>) -> Result<()> {
    let bytes = encode(picture, form).map_err(|e| Error::Encode { path: shown.to_owned(), said: e.to_string() })?;
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&bytes)?;
        file.flush()
    };
    write().map_err(|e| Error::write(shown, e))
}

/// Writes a small 8-bit PNG of a picture, at most `max_side` pixels either way. The picture must be in a display encoding.
pub fn poster(path: &Path, picture: &Picture, max_side: u32) -> Result<()> {
    check_file(path)?;
    let small = crate::conform::shrink(picture, max_side);
    let form = PngForm { deep: false, alpha: false, colour: ColourSpace::Srgb, pixel_aspect: 1.0, xmp: Cow::Borrowed("") };
    let work = Workshop::beside(path)?;
    let made = work.path("poster.png");
    write(&made, path, small.as_ref().unwrap_or(picture), &form)?;
    sync(&made, path)?;
    work.publish(&made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use shot::Size;

    use super::*;

    fn form(deep: bool, alpha: bool) -> PngForm<'static> {
        PngForm { deep, alpha, colour: ColourSpace::Rec709, pixel_aspect: 1.0, xmp: Cow::Borrowed("<x/>") }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_came_from_png_goes_back_as_it_was(values: Vec<[u16; 4]>, deep: bool, alpha: bool) {
            prop_assume!(!values.is_empty());
            let top = if deep { 65_535.0_f32 } else { 255.0 };
            let pick = |v: u16| f32::from(if deep { v } else { v & 255 });
            let pixels: Vec<[f32; 4]> = values.iter().map(|v| {
                let a = if alpha { pick(v[3]) / top } else { 1.0 };
                [pick(v[0]) / top * a, pick(v[1]) / top * a, pick(v[2]) / top * a, a]
            }).collect();
            let picture = Picture::new(Size::new(values.len() as u32, 1), pixels).unwrap();
            let bytes = encode(&picture, &form(deep, alpha)).unwrap();
            let image = image::load_from_memory(&bytes).unwrap();
            let back: Vec<[u16; 4]> = if deep {
                image.to_rgba16().pixels().map(|p| p.0).collect()
            } else {
                image.to_rgba8().pixels().map(|p| p.0.map(u16::from)).collect()
            };
            for (got, v) in back.iter().zip(&values) {
                let a = if alpha { pick(v[3]) as u16 } else { top as u16 };
                prop_assert_eq!(got[3], a);
                if a > 0 {
                    for c in 0..3 {
                        prop_assert_eq!(f32::from(got[c]), pick(v[c]));
                    }
                }
            }
        }
    }

    #[test]
    fn values_beyond_the_format_are_clipped_and_no_number_is_black() {
        let picture = Picture::new(Size::new(3, 1), vec![[2.0, -1.0, f32::NAN, 1.0], [f32::INFINITY, 0.5, 1.0, 1.0], [0.0; 4]]).unwrap();
        let image = image::load_from_memory(&encode(&picture, &form(false, false)).unwrap()).unwrap().to_rgb8();
        assert_eq!(image.as_raw()[..6], [255, 0, 0, 255, 128, 255]);
    }

    #[test]
    fn a_poster_is_small_and_keeps_its_shape() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("poster.png");
        poster(&path, &Picture::filled(Size::new(1920, 1080), [0.25, 0.5, 0.75, 1.0]), 320).unwrap();
        let image = image::open(&path).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (320, 180));
        assert_eq!(image.get_pixel(100, 100).0, [64, 128, 191]);
    }
}
