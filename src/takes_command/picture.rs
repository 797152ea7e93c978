//! Small pictures for measuring and showing: scaled down, in sRGB, as pixels or as JPEG.

use media::{Conform, Fit};
use shot::{ColourSpace, Fault, Picture, Size};

/// Quality of JPEG pictures, 1 to 100: a thumbnail shows no more at a higher one.
const QUALITY: u8 = 62;

/// A picture at another size, in sRGB whatever it was in.
pub fn small(picture: &Picture, colour: ColourSpace, size: Size) -> Picture {
    let scale = Conform { size: Some(size), fit: Fit::Stretch, ..Conform::default() };
    let mut small = scale.apply(picture);
    small.heal();
    if colour != ColourSpace::Srgb {
        colour::convert(small.pixels_mut(), colour, ColourSpace::Srgb);
    }
    small
}

/// The size at which a picture is `width` wide, its pixels made square.
pub fn fitting(size: Size, pixel_aspect: f64, width: u32) -> Size {
    let shown = f64::from(size.width.max(1)) * pixel_aspect;
    let height = f64::from(width) * f64::from(size.height) / shown;
    Size::new(width, (height.round() as u32).clamp(1, 4 * width))
}

/// Pictures of one size side by side.
pub fn beside(parts: &[Picture]) -> Option<Picture> {
    let size = parts.first()?.size();
    let mut all = Picture::filled(Size::new(size.width * parts.len() as u32, size.height), [0.0, 0.0, 0.0, 1.0]);
    for (n, part) in parts.iter().enumerate() {
        let at = n * size.width as usize;
        for y in 0..size.height as usize {
            all.row_mut(y)[at..at + size.width as usize].copy_from_slice(part.row(y));
        }
    }
    Some(all)
}

/// A JPEG of an sRGB picture.
pub fn jpeg(picture: &Picture) -> Result<Vec<u8>, Fault> {
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let bytes: Vec<u8> = picture.pixels().iter().flat_map(|p| [byte(p[0]), byte(p[1]), byte(p[2])]).collect();
    let mut out = Vec::new();
    let size = picture.size();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, QUALITY)
        .encode(&bytes, size.width, size.height, image::ExtendedColorType::Rgb8)
        .map_err(|e| Fault::internal(format!("a picture of {size} cannot be encoded: {e}")))?;
    Ok(out)
}
