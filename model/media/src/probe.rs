//! What is in a file: streams, size, rate, colour, timecode, and the exact list of its frames.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use shot::{ClipRef, ColourSpace, Rate, Size, Timecode};

use crate::error::{Error, Result};
use crate::index::{Entry, Index};
use crate::layout::{Layout, Matrix, Model};
use crate::planes::{Siting, Unpack};
use crate::process;
use crate::source::Source;
use crate::tools::{FileId, Tools, input};

/// The rate that is assumed for image sequences which do not say one, as the film trade does.
pub const SEQUENCE_RATE: Rate = Rate::whole(24);

/// What a clip is.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipInfo {
    /// Width and height as it is to be seen: after the file's rotation.
    pub size: Size,
    /// Width of a pixel over its height, after rotation.
    pub pixel_aspect: f64,
    /// Frames per second; the mean where the rate varies. [`ClipRef::rate`] wins where it is given.
    pub rate: Rate,
    /// False where the rate is neither in the file nor in the reference, and [`SEQUENCE_RATE`] was assumed.
    pub rate_is_known: bool,
    /// True when frames do not follow each other evenly. Frame n is still the n-th frame in order of presentation.
    pub variable_rate: bool,
    /// Frames of the whole file or sequence, whatever span the reference names.
    pub frames: u64,
    /// The encoding of its pictures. [`ClipRef::colour`] wins where it is given.
    pub colour: ColourSpace,
    /// Bits of a value: 8, 10, 12, 16, 32 (float).
    pub depth: u8,
    /// Whether its format carries alpha.
    pub has_alpha: bool,
    /// Whether frames hold two fields; they are handed out woven, as they are.
    pub interlaced: bool,
    /// Timecode of frame 0.
    pub start_timecode: Option<Timecode>,
    /// Its first sound stream.
    pub sound: Option<SoundInfo>,
}

/// What a file's sound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoundInfo {
    /// Samples per second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Length in seconds, 0 where the file does not say.
    pub seconds: f64,
}

impl Tools {
    /// Looks at a clip: a file that ffmpeg reads, a still, or an image sequence.
    ///
    /// A video file is read once from end to end (not decoded, where one packet is known to be one frame), so that `frames` is
    /// what decoding gives. A file that is cut off gives [`Error::Truncated`] unless the reference's span lies in its good part.
    pub fn probe(&self, clip: &ClipRef) -> Result<ClipInfo> {
        let source = Source::find(&clip.path)?;
        let mut info = match &source {
            Source::Video(path) => {
                let probed = self.look(path)?;
                let mut info = probed.clip_info(path)?;
                info.frames = probed.index(self, path)?.check(path, clip.span)?;
                info
            }
            Source::Still(_) | Source::Sequence(_) => source.image_info(self, clip.span)?,
        };
        if let Some(rate) = clip.rate {
            (info.rate, info.rate_is_known) = (rate, true);
        }
        info.colour = clip.colour.unwrap_or(info.colour);
        Ok(info)
    }

    /// Runs ffprobe over a file, or remembers what it said.
    pub(crate) fn look(&self, path: &Path) -> Result<Arc<Probed>> {
        let id = FileId::of(path)?;
        if let Some(known) = self.recall(&id) {
            return Ok(known);
        }
        let mut args = vec!["-hide_banner".into(), "-v".into(), "error".into()];
        args.extend(["-show_streams", "-show_format", "-show_entries", "packet=stream_index,pts,flags", "-of", "json"].map(Into::into));
        args.extend(input(path));
        let (status, out, said) = process::run("ffprobe", self.ffprobe(), path, args)?;
        if !status.success() {
            return Err(Error::NotMedia { path: path.to_owned(), said: process::ending(status, &said) });
        }
        let report: Report = serde_json::from_slice(&out)
            .map_err(|e| Error::NotMedia { path: path.to_owned(), said: format!("ffprobe's answer was not understood ({e})") })?;
        let probed = Arc::new(Probed::new(report, &said));
        self.remember(id, Arc::clone(&probed));
        Ok(probed)
    }
}

/// A file as ffprobe sees it.
#[derive(Debug)]
pub(crate) struct Probed {
    pub video: Option<Stream>,
    pub audio: Option<Stream>,
    timecode: Option<String>,
    duration: Option<f64>,
    /// Where ffmpeg begins to count seconds in this file.
    pub start_time: f64,
    packets: Vec<Entry>,
    /// Whether ffprobe noticed that the file ends too early.
    pub cut_off: bool,
    counted: std::sync::OnceLock<Arc<Index>>,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    packets: Vec<Packet>,
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
struct Packet {
    stream_index: u32,
    pts: Option<i64>,
    #[serde(default)]
    flags: String,
}

#[derive(Default, Deserialize)]
struct Format {
    duration: Option<String>,
    start_time: Option<String>,
    #[serde(default)]
    tags: serde_json::Map<String, serde_json::Value>,
}

/// A stream as ffprobe describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    pub index: u32,
    codec_type: String,
    pub codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: Option<String>,
    sample_aspect_ratio: Option<String>,
    color_range: Option<String>,
    color_space: Option<String>,
    color_transfer: Option<String>,
    chroma_location: Option<String>,
    pub field_order: Option<String>,
    r_frame_rate: Option<String>,
    avg_frame_rate: Option<String>,
    time_base: Option<String>,
    nb_frames: Option<String>,
    duration: Option<String>,
    sample_rate: Option<String>,
    channels: u16,
    disposition: Disposition,
    tags: serde_json::Map<String, serde_json::Value>,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

impl Probed {
    fn new(report: Report, said: &str) -> Self {
        let timecode = report
            .streams
            .iter()
            .map(|s| &s.tags)
            .chain([&report.format.tags])
            .find_map(|tags| tags.get("timecode")?.as_str().map(str::to_owned));
        let mut video = None;
        let mut audio = None;
        for stream in report.streams {
            match stream.codec_type.as_str() {
                // A cover image is no moving picture.
                "video" if video.is_none() && stream.disposition.attached_pic == 0 => video = Some(stream),
                "audio" if audio.is_none() => audio = Some(stream),
                _ => {}
            }
        }
        let at = video.as_ref().map(|s| s.index);
        let packets = report
            .packets
            .into_iter()
            .filter(|p| Some(p.stream_index) == at)
            .map(|p| Entry { pts: p.pts, key: p.flags.starts_with('K'), discarded: p.flags.contains('D') })
            .collect();
        // The words of the Matroska and MOV readers of ffmpeg for a file that ends too early; other containers do not notice.
        let cut_off = ["ended prematurely", "partial file", "Truncat", "truncat"].iter().any(|w| said.contains(w));
        let duration = report.format.duration.and_then(|d| d.parse().ok());
        let start_time = report.format.start_time.and_then(|t| t.parse().ok()).unwrap_or(0.0);
        Self { video, audio, timecode, duration, start_time, packets, cut_off, counted: std::sync::OnceLock::new() }
    }

    /// The list of the file's frames; decodes the file where packets do not tell.
    pub(crate) fn index(&self, tools: &Tools, path: &Path) -> Result<Arc<Index>> {
        if let Some(known) = self.counted.get() {
            return Ok(Arc::clone(known));
        }
        let stream = self.video.as_ref().ok_or_else(|| Error::NoPicture { path: path.to_owned() })?;
        let declared = stream.nb_frames.as_deref().and_then(|n| n.parse().ok());
        let index = Arc::new(Index::new(tools, path, stream, &self.packets, declared, self.cut_off)?);
        Ok(Arc::clone(self.counted.get_or_init(|| index)))
    }

    /// Everything but the number of frames, which is 0 here.
    pub(crate) fn clip_info(&self, path: &Path) -> Result<ClipInfo> {
        let stream = self.video.as_ref().ok_or_else(|| Error::NoPicture { path: path.to_owned() })?;
        let layout = stream.layout();
        let (rate, variable_rate) = crate::index::rate(stream, &self.packets);
        Ok(ClipInfo {
            size: stream.upright(path)?,
            pixel_aspect: stream.pixel_aspect(),
            rate: rate.unwrap_or(SEQUENCE_RATE),
            rate_is_known: rate.is_some(),
            variable_rate,
            frames: 0,
            colour: stream.colour(),
            depth: layout.depth,
            has_alpha: layout.alpha,
            interlaced: stream.is_interlaced(),
            start_timecode: self.timecode.as_deref().zip(rate).and_then(|(text, rate)| Timecode::parse(text, rate).ok()),
            sound: self.sound_info(),
        })
    }

    /// The first sound stream.
    pub(crate) fn sound_info(&self) -> Option<SoundInfo> {
        let stream = self.audio.as_ref()?;
        let rate = stream.sample_rate.as_deref()?.parse().ok().filter(|r| (1..=6_144_000).contains(r))?;
        let seconds = stream.duration.as_deref().and_then(|d| d.parse().ok()).or(self.duration).unwrap_or(0.0);
        (stream.channels > 0).then_some(SoundInfo { rate, channels: stream.channels, seconds })
    }
}

impl Stream {
    /// Clockwise quarter turns to the upright picture.
    pub(crate) fn quarters(&self) -> u8 {
        let degrees = self.side_data_list.iter().find_map(|s| s.rotation).unwrap_or(0.0);
        // ffprobe states the counter-clockwise angle of the display matrix; ffmpeg turns by quarters only.
        (-degrees / 90.0).round().rem_euclid(4.0) as u8
    }

    /// Size after rotation, checked.
    pub(crate) fn upright(&self, path: &Path) -> Result<Size> {
        let size = if self.quarters() % 2 == 1 { Size::new(self.height, self.width) } else { Size::new(self.width, self.height) };
        size.checked().map_err(|_| Error::BadSize { path: path.to_owned(), size })
    }

    fn pixel_aspect(&self) -> f64 {
        let ratio = self
            .sample_aspect_ratio
            .as_deref()
            .and_then(|r| r.split_once(':'))
            .and_then(|(n, d)| Some((n.parse::<f64>().ok()?, d.parse::<f64>().ok()?)));
        match ratio {
            Some((n, d)) if n > 0.0 && d > 0.0 => {
                if self.quarters() % 2 == 1 {
                    d / n
                } else {
                    n / d
                }
            }
            _ => 1.0,
        }
    }

    fn is_interlaced(&self) -> bool {
        matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt"))
    }

    fn is_full_range(&self, layout: Layout) -> bool {
        match self.color_range.as_deref() {
            Some("pc") => true,
            // A decoder that says RGB or grey is limited is believed only where the file says so itself.
            Some("tv") => false,
            _ => layout.full_by_name || layout.model != Model::Yuv,
        }
    }

    /// The layout in which this stream's frames are pulled.
    pub(crate) fn layout(&self) -> Layout {
        // YCgCo and the ICtCp family are no luma and colour differences of our kind: ffmpeg converts them.
        let format = match (self.pix_fmt.as_deref(), self.color_space.as_deref()) {
            (_, Some("ycgco" | "ictcp")) => "gbrp16le",
            (Some(format), _) => format,
            (None, _) => "yuv420p",
        };
        let mut layout = Layout::for_format(format);
        if self.quarters() % 2 == 1 && layout.shift.0 != layout.shift.1 {
            // ffmpeg turns only formats whose chroma is halved alike in both directions.
            layout.shift = (0, 0);
        }
        layout
    }

    /// How raw frames of this stream become pictures.
    pub(crate) fn unpack(&self, path: &Path) -> Result<Unpack> {
        let layout = self.layout();
        let full = self.is_full_range(layout);
        let siting = Siting::of_tag(self.chroma_location.as_deref(), full).turned(self.quarters());
        let matrix = if self.codec_name == "mjpeg" && self.color_space.is_none() {
            Matrix::BT601 // ITU-T T.871 (JFIF)
        } else {
            Matrix::of_tag(self.color_space.as_deref(), self.width, self.height)
        };
        Ok(Unpack { layout, size: self.upright(path)?, matrix, full, siting })
    }

    fn colour(&self) -> ColourSpace {
        match self.color_transfer.as_deref() {
            Some("smpte2084") => ColourSpace::Pq,
            Some("arib-std-b67") => ColourSpace::Hlg,
            Some("iec61966-2-1") => ColourSpace::Srgb,
            Some("linear") => ColourSpace::LinearRec709,
            _ if matches!(self.codec_name.as_str(), "png" | "apng" | "gif" | "webp" | "bmp") => ColourSpace::Srgb,
            _ if self.pix_fmt.as_deref().is_some_and(|f| f.contains("f32")) => ColourSpace::LinearRec709,
            _ => ColourSpace::Rec709,
        }
    }

    /// Seconds of one tick of this stream's time stamps.
    pub(crate) fn time_base(&self) -> f64 {
        let parts = self.time_base.as_deref().and_then(|t| t.split_once('/'));
        parts.and_then(|(n, d)| Some(n.parse::<f64>().ok()? / d.parse::<f64>().ok().filter(|d| *d > 0.0)?)).unwrap_or(1e-3)
    }

    /// The filter that brings this stream's frames into [`Stream::layout`] without a change of range, where one is needed.
    pub(crate) fn repack(&self) -> Option<&'static str> {
        let layout = self.layout();
        if layout.model != Model::Yuv || self.pix_fmt.as_deref() == Some(layout.name().as_str()) {
            return None;
        }
        Some(if self.is_full_range(layout) { "scale=in_range=full:out_range=full" } else { "scale=in_range=limited:out_range=limited" })
    }

    /// The rates the file states: the smallest step between frames, and the mean.
    pub(crate) fn rates(&self) -> [Option<Rate>; 2] {
        [&self.r_frame_rate, &self.avg_frame_rate].map(|r| r.as_deref().and_then(|r| r.parse().ok()))
    }
}
