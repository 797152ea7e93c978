//! What an editor takes home: a movie, a folder of frames with its sound, or a single image.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use shot::take::SourceType;
use shot::{ColourSpace, FrameIndex, Picture, Rate, Size, Sound, Timecode};

use crate::error::{Error, Result};
use crate::movie::{Container, Movie};
use crate::place::{SOUND, Workshop, check_file, check_folder, sync, sync_folder};
use crate::png_file::{self, PngForm};
use crate::tools::Tools;
use crate::wave::{self, WaveTags};
use crate::xmp;

/// The form of frames in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// PNG: clipped to 0 to 1.
    #[default]
    Png,
    /// OpenEXR, half float, lossless: nothing is clipped.
    Exr,
}

/// Bits of a value in a PNG or TIFF. Take 8 when the source had 8: its frames then come back bit for bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// 8 bits.
    Eight,
    /// 16 bits.
    #[default]
    Sixteen,
}

/// What is delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliverySpec {
    /// Size of every picture.
    pub size: Size,
    /// Frames per second.
    pub rate: Rate,
    /// Timeline frame of the first picture, counted from midnight of the record timecode.
    pub start: FrameIndex,
    /// Whether the timeline counts in drop-frame.
    pub drop_frame: bool,
    /// The encoding of the pictures.
    pub colour: ColourSpace,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// The form of frames in a folder; an image file's name says its own.
    pub format: Format,
    /// Bits in PNG and TIFF.
    pub depth: Depth,
    /// Whether alpha is used; without, pictures stand on black.
    pub alpha: bool,
    /// What it is and how it was made, in one sentence.
    pub description: String,
    /// Where the pixels come from; `None` for the editor's own.
    pub source_type: Option<SourceType>,
}

impl DeliverySpec {
    /// A delivery of Rec.709 pictures from timeline frame 0, 16 bits, without alpha.
    pub fn new(size: Size, rate: Rate) -> Self {
        Self {
            size,
            rate,
            start: FrameIndex(0),
            drop_frame: false,
            colour: ColourSpace::Rec709,
            pixel_aspect: 1.0,
            format: Format::Png,
            depth: Depth::Sixteen,
            alpha: false,
            description: String::new(),
            source_type: None,
        }
    }
}

/// Something that is being written. Everything goes into a hidden folder beside OUT; [`Delivery::finish`] puts it in place in
/// one step. Dropped before that, nothing is left and what stood at OUT is untouched.
///
/// Pictures come in time order; the sound may come at any time, once.
pub struct Delivery {
    work: Workshop,
    out: PathBuf,
    spec: DeliverySpec,
    target: Target,
    frames: u64,
    sound: Option<PathBuf>,
}

enum Target {
    Movie(Box<Movie>),
    Folder(PathBuf),
    Image(Image),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Image {
    Png,
    Exr,
    Tiff,
}

impl Delivery {
    /// Begins to write at `out`; what is to be written follows from its ending: `.mov` is ProRes 4444 with 24-bit PCM, a timecode
    /// track and colour tags; `.mp4` is a preview; `.png`, `.exr`, `.tif` hold exactly one frame; no ending is a folder of
    /// frames numbered from 0, and `audio.wav`.
    ///
    /// Refused at once: an ending that is none of these, a folder that holds other things than a delivery, a folder where a
    /// file is to come, and a place that cannot be written to.
    pub fn create(tools: &Tools, out: &Path, spec: &DeliverySpec) -> Result<Self> {
        spec.size.checked().map_err(|_| Error::BadSize { path: out.to_owned(), size: spec.size })?;
        if !(spec.pixel_aspect.is_finite() && spec.pixel_aspect > 0.0) {
            return Err(Error::Contract { what: format!("a pixel aspect of {} was given for {}", spec.pixel_aspect, out.display()) });
        }
        let ending = out.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        let kind = match ending.as_deref() {
            _ if out.is_dir() => None,
            None => None,
            Some(known @ ("mov" | "mp4" | "m4v" | "png" | "exr" | "tif" | "tiff")) => Some(known.to_owned()),
            Some(_) => return Err(Error::UnknownKind { path: out.to_owned() }),
        };
        match (&kind, ending.as_deref()) {
            // A folder stands where a file of that name is meant.
            (None, Some("mov" | "mp4" | "m4v" | "png" | "exr" | "tif" | "tiff")) => check_file(out)?,
            (None, _) => check_folder(out)?,
            (Some(_), _) => check_file(out)?,
        }
        let work = Workshop::beside(out)?;
        let movie = |container, name: &str| Movie::start(tools, container, work.path(name), out, spec).map(|m| Target::Movie(Box::new(m)));
        let target = match kind.as_deref() {
            Some("mov") => movie(Container::Mov, "movie.mov")?,
            Some("mp4" | "m4v") => movie(Container::Mp4, "movie.mp4")?,
            Some("png") => Target::Image(Image::Png),
            Some("exr") => Target::Image(Image::Exr),
            Some(_) => Target::Image(Image::Tiff),
            None => {
                let folder = work.path("frames");
                std::fs::create_dir(&folder).map_err(|e| Error::write(out, e))?;
                Target::Folder(folder)
            }
        };
        Ok(Self { work, out: out.to_owned(), spec: spec.clone(), target, frames: 0, sound: None })
    }

    /// Pictures taken so far.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// The next picture, of the announced size.
    pub fn picture(&mut self, picture: &Picture) -> Result<()> {
        if picture.size() != self.spec.size {
            return Err(Error::Contract {
                what: format!("a picture of {} was given for {} of {}", picture.size(), self.out.display(), self.spec.size),
            });
        }
        match &mut self.target {
            Target::Movie(movie) => movie.picture(picture, &self.spec)?,
            Target::Folder(folder) => {
                let (image, ending) = match self.spec.format {
                    Format::Png => (Image::Png, "png"),
                    Format::Exr => (Image::Exr, "exr"),
                };
                let name = format!("{:06}.{ending}", self.frames);
                image.write(&folder.join(&name), &self.out.join(&name), picture, &self.spec, self.frames)?;
            }
            Target::Image(_) if self.frames > 0 => return Err(Error::OneFrameOnly { path: self.out.clone() }),
            Target::Image(image) => image.write(&self.work.path("image"), &self.out, picture, &self.spec, 0)?,
        }
        self.frames += 1;
        Ok(())
    }

    /// The whole sound, which begins with the first picture. Image files have no place for it and leave it out.
    pub fn sound(&mut self, sound: &Sound) -> Result<()> {
        if self.sound.is_some() {
            return Err(Error::Contract { what: format!("two sounds were given for {}", self.out.display()) });
        }
        let path = match &self.target {
            Target::Movie(_) => self.work.path(SOUND),
            Target::Folder(folder) => folder.join(SOUND),
            Target::Image(_) => return Ok(()),
        };
        let tags = WaveTags {
            time_reference: self.spec.rate.sample_at(self.spec.start),
            rate: Some(self.spec.rate),
            drop_frame: self.spec.drop_frame,
            description: self.spec.description.clone(),
            originator: "Pickup".into(),
            source_type: self.spec.source_type,
            ..WaveTags::default()
        };
        wave::write_in_place(&path, &self.out.join(SOUND), sound, &tags)?;
        self.sound = Some(path);
        Ok(())
    }

    /// Ends the work and puts it in place, lasting. At least one picture must have come.
    pub fn finish(self) -> Result<()> {
        let Self { work, out, spec, target, frames, sound } = self;
        if frames == 0 {
            return Err(Error::Contract { what: format!("no picture was made for {}", out.display()) });
        }
        let made = match target {
            Target::Movie(movie) => movie.finish(sound.as_deref(), &spec)?,
            Target::Folder(folder) => {
                for entry in std::fs::read_dir(&folder).map_err(|e| Error::write(&out, e))? {
                    sync(&entry.map_err(|e| Error::write(&out, e))?.path(), &out)?;
                }
                sync_folder(&folder);
                // Somebody may have put something there in the meantime.
                check_folder(&out)?;
                return work.publish(&folder);
            }
            Target::Image(_) => work.path("image"),
        };
        sync(&made, &out)?;
        work.publish(&made)
    }
}

impl Image {
    fn write(self, path: &Path, shown: &Path, picture: &Picture, spec: &DeliverySpec, index: u64) -> Result<()> {
        let encode_error = |said: String| Error::Encode { path: shown.to_owned(), said };
        match self {
            Self::Png => {
                let xmp = if spec.description.is_empty() && spec.source_type.is_none() {
                    Cow::Borrowed("")
                } else {
                    Cow::Owned(xmp::packet(&spec.description, spec.source_type.map(SourceType::uri)))
                };
                let form = PngForm {
                    deep: spec.depth == Depth::Sixteen,
                    alpha: spec.alpha,
                    colour: spec.colour,
                    pixel_aspect: spec.pixel_aspect,
                    xmp,
                };
                png_file::write(path, shown, picture, &form)
            }
            Self::Exr => {
                let frame = FrameIndex(spec.start.0.saturating_add(index as i64));
                let tags = takes::exr::FrameTags {
                    timecode: Timecode::new(frame, spec.rate, spec.drop_frame),
                    colour: spec.colour,
                    pixel_aspect: spec.pixel_aspect,
                    source_type: spec.source_type,
                };
                let bytes = takes::exr::encode(picture, &tags).map_err(|e| encode_error(e.to_string()))?;
                std::fs::write(path, bytes).map_err(|e| Error::write(shown, e))
            }
            Self::Tiff => {
                let form = PngForm {
                    deep: spec.depth == Depth::Sixteen,
                    alpha: spec.alpha,
                    colour: spec.colour,
                    pixel_aspect: spec.pixel_aspect,
                    xmp: Cow::Borrowed(""),
                };
                let image = png_file::image_of(picture, &form);
                let mut bytes = std::io::Cursor::new(Vec::new());
                image.write_to(&mut bytes, image::ImageFormat::Tiff).map_err(|e| encode_error(e.to_string()))?;
                std::fs::write(path, bytes.into_inner()).map_err(|e| Error::write(shown, e))
            }
        }
    }
}
