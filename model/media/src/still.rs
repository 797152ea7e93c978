//! One image from a file: PNG, JPEG, TIFF and OpenEXR here, every other kind through ffmpeg.

use std::ffi::OsStr;
use std::io::{BufReader, Cursor};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use shot::{ColourSpace, Picture, Rate, Size, Timecode};

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::process;
use crate::tools::{Tools, file_url};

/// Images that only ffmpeg reads. Names with these endings go to its image reader, which takes each by the letter.
const THROUGH_FFMPEG: [&str; 18] =
    ["dpx", "cin", "bmp", "tga", "webp", "sgi", "jp2", "j2k", "jxl", "pbm", "pgm", "ppm", "pnm", "pam", "hdr", "pcx", "pfm", "xbm"];

/// What an image is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StillInfo {
    pub size: Size,
    pub depth: u8,
    pub has_alpha: bool,
    pub colour: ColourSpace,
    pub rate: Option<Rate>,
    pub pixel_aspect: f64,
    pub timecode: Option<Timecode>,
}

enum Kind {
    Image(ImageFormat),
    Exr,
    Ffmpeg,
}

fn kind(path: &Path) -> Option<Kind> {
    let ending = path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => Kind::Image(ImageFormat::Png),
        "jpg" | "jpeg" | "jpe" | "jfif" => Kind::Image(ImageFormat::Jpeg),
        "tif" | "tiff" => Kind::Image(ImageFormat::Tiff),
        "exr" => Kind::Exr,
        e if THROUGH_FFMPEG.contains(&e) => Kind::Ffmpeg,
        _ => return None,
    })
}

/// Whether a name ends like an image's.
pub(crate) fn is_image(path: &Path) -> bool {
    kind(path).is_some()
}

impl Tools {
    /// Reads one image: PNG, JPEG and TIFF of 8 or 16 bits or float, OpenEXR, and what else ffmpeg reads (DPX, WebP …), or the
    /// first frame of a video file. It comes upright (EXIF), with alpha multiplied in, in the file's own encoding.
    pub fn still(&self, path: &Path) -> Result<Picture> {
        match crate::source::Source::find(path)? {
            crate::source::Source::Still(path) => read(self, &path),
            crate::source::Source::Sequence(sequence) => read(self, &sequence.file(0).unwrap_or_default()),
            crate::source::Source::Video(video) => {
                let clip = self.open(&shot::ClipRef::whole(video), &crate::Conform::default())?;
                clip.picture(0).map(std::sync::Arc::unwrap_or_clone)
            }
        }
    }
}

/// Size and format of an image, without decoding it where the format allows.
pub(crate) fn info(tools: &Tools, path: &Path) -> Result<StillInfo> {
    match kind(path) {
        Some(Kind::Exr) => {
            let (picture, tags) = read_exr(path)?;
            Ok(StillInfo {
                size: picture.size(),
                depth: 32,
                has_alpha: picture.pixels().iter().any(|p| p[3] != 1.0),
                colour: tags.colour.unwrap_or(ColourSpace::LinearRec709),
                rate: tags.rate,
                pixel_aspect: tags.pixel_aspect,
                timecode: tags.timecode,
            })
        }
        Some(Kind::Image(format)) => {
            let mut decoder = decoder(path, format, open(path)?)?;
            let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
            let (mut width, mut height) = decoder.dimensions();
            use image::metadata::Orientation as O;
            if matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH) {
                (width, height) = (height, width);
            }
            let size = checked(path, width, height)?;
            let colour = decoder.color_type();
            let depth = (colour.bytes_per_pixel() * 8 / colour.channel_count()) as u8;
            Ok(StillInfo::plain(size, depth, colour.has_alpha()))
        }
        _ => ffmpeg_info(tools, path),
    }
}

/// Decodes an image.
pub(crate) fn read(tools: &Tools, path: &Path) -> Result<Picture> {
    match kind(path) {
        Some(Kind::Exr) => read_exr(path).map(|(picture, _)| picture),
        Some(Kind::Image(format)) => {
            // One read into memory: the decoders ask for many small pieces.
            let bytes = std::fs::read(path).map_err(|e| Error::read(path, e))?;
            let mut decoder = decoder(path, format, Cursor::new(bytes))?;
            let (width, height) = decoder.dimensions();
            checked(path, width, height)?;
            let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
            let mut image = DynamicImage::from_decoder(decoder).map_err(|e| broken(path, &e))?;
            image.apply_orientation(orientation);
            Ok(picture(&image))
        }
        _ => ffmpeg_read(tools, path),
    }
}

fn read_exr(path: &Path) -> Result<(Picture, takes::exr::FileTags)> {
    takes::exr::read_tagged(path).map_err(|e| Error::NotMedia { path: path.to_owned(), said: e.to_string() })
}

fn open(path: &Path) -> Result<BufReader<std::fs::File>> {
    Ok(BufReader::new(std::fs::File::open(path).map_err(|e| Error::read(path, e))?))
}

fn decoder<'a, R: std::io::BufRead + std::io::Seek + 'a>(path: &Path, named: ImageFormat, reader: R) -> Result<Box<dyn ImageDecoder + 'a>> {
    let mut reader = ImageReader::with_format(reader, named).with_guessed_format().map_err(|e| Error::read(path, e))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(6 << 30); // 16k by 16k of 16-bit RGBA takes 2 GiB, twice at times.
    reader.limits(limits);
    reader.into_decoder().map(|d| Box::new(d) as Box<dyn ImageDecoder>).map_err(|e| broken(path, &e))
}

fn broken(path: &Path, error: &image::ImageError) -> Error {
    Error::NotMedia { path: path.to_owned(), said: error.to_string() }
}

fn checked(path: &Path, width: u32, height: u32) -> Result<Size> {
    let size = Size::new(width, height);
    size.checked().map_err(|_| Error::BadSize { path: path.to_owned(), size })
}

/// Values as floats, alpha multiplied in. 8 and 16 bits divide by their top value, so that writing them again gives them back.
fn picture(image: &DynamicImage) -> Picture {
    let size = Size::new(image.width(), image.height());
    let mut table = [0.0_f32; 256];
    for (i, v) in table.iter_mut().enumerate() {
        *v = i as f32 / 255.0;
    }
    let byte = |v: u8| table[usize::from(v)];
    let word = |v: u16| f32::from(v) / 65_535.0;
    let mut pixels = Vec::with_capacity(size.pixels());
    let over = |[r, g, b, a]: [f32; 4]| [r * a, g * a, b * a, a];
    match image {
        DynamicImage::ImageLuma8(i) => pixels.extend(i.as_raw().iter().map(|&v| [byte(v), byte(v), byte(v), 1.0])),
        DynamicImage::ImageRgb8(i) => {
            pixels.extend(i.as_raw().as_chunks::<3>().0.iter().map(|&[r, g, b]| [byte(r), byte(g), byte(b), 1.0]))
        }
        DynamicImage::ImageRgba8(i) => {
            pixels.extend(i.as_raw().as_chunks::<4>().0.iter().map(|&[r, g, b, a]| over([byte(r), byte(g), byte(b), byte(a)])));
        }
        DynamicImage::ImageRgb16(i) => {
            pixels.extend(i.as_raw().as_chunks::<3>().0.iter().map(|&[r, g, b]| [word(r), word(g), word(b), 1.0]))
        }
        DynamicImage::ImageRgba16(i) => {
            pixels.extend(i.as_raw().as_chunks::<4>().0.iter().map(|&[r, g, b, a]| over([word(r), word(g), word(b), word(a)])));
        }
        DynamicImage::ImageRgb32F(i) => pixels.extend(i.as_raw().as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 1.0])),
        other => pixels.extend(other.to_rgba32f().as_raw().as_chunks::<4>().0.iter().map(|&p| over(p))),
    }
    Picture::new(size, pixels).unwrap_or_else(|_| Picture::filled(size, [0.0; 4]))
}

fn ffmpeg_input(path: &Path) -> Vec<std::ffi::OsString> {
    let mut args: Vec<std::ffi::OsString> =
        ["-protocol_whitelist", "file,pipe", "-f", "image2", "-pattern_type", "none", "-i"].map(Into::into).to_vec();
    args.push(file_url(path));
    args
}

fn ffmpeg_info(tools: &Tools, path: &Path) -> Result<StillInfo> {
    let (size, format) = ffmpeg_size(tools, path)?;
    let layout = Layout::for_format(&format);
    Ok(StillInfo::plain(size, layout.depth, layout.alpha))
}

fn ffmpeg_size(tools: &Tools, path: &Path) -> Result<(Size, String)> {
    let mut args: Vec<std::ffi::OsString> =
        ["-hide_banner", "-v", "error", "-show_entries", "stream=width,height,pix_fmt", "-of", "csv=p=0"].map(Into::into).to_vec();
    args.extend(ffmpeg_input(path));
    let (status, out, said) = process::run("ffprobe", tools.ffprobe(), path, args)?;
    let text = String::from_utf8_lossy(&out);
    let mut parts = text.trim().split(',');
    let mut number = || parts.next().and_then(|p| p.trim().parse::<u32>().ok());
    match (status.success(), number(), number(), parts.next()) {
        (true, Some(width), Some(height), Some(format)) => Ok((checked(path, width, height)?, format.trim().to_owned())),
        _ => Err(Error::NotMedia { path: path.to_owned(), said: process::ending(status, &said) }),
    }
}

/// Pulls the image as 16-bit or float RGB: stills are few, so ffmpeg's own conversion is good enough for Y′CbCr ones (WebP).
fn ffmpeg_read(tools: &Tools, path: &Path) -> Result<Picture> {
    let (size, format) = ffmpeg_size(tools, path)?;
    let found = Layout::for_format(&format);
    let layout = match found.model {
        crate::layout::Model::Yuv => Layout::for_format(if found.alpha { "gbrap16le" } else { "gbrp16le" }),
        _ => found,
    };
    let mut args: Vec<std::ffi::OsString> = ["-hide_banner", "-nostdin", "-v", "error"].map(Into::into).to_vec();
    args.extend(ffmpeg_input(path));
    args.extend(
        ["-frames:v", "1", "-sws_flags", "accurate_rnd+full_chroma_int+full_chroma_inp", "-f", "rawvideo", "-pix_fmt"].map(Into::into),
    );
    args.extend([layout.name().into(), "pipe:1".into()]);
    let (status, out, said) = process::run("ffmpeg", tools.ffmpeg(), path, args)?;
    let unpack =
        crate::planes::Unpack { layout, size, matrix: crate::layout::Matrix::BT709, full: true, siting: crate::planes::Siting(0.5, 0.5) };
    unpack.picture(&out).ok_or_else(|| Error::NotMedia { path: path.to_owned(), said: process::ending(status, &said) })
}
