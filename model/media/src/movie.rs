//! Movies through ffmpeg: ProRes 4444 in `.mov`, a preview in `.mp4`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus, Stdio};

use shot::{ColourSpace, FrameIndex, Picture, Timecode};

use crate::delivery::DeliverySpec;
use crate::error::{Error, Result};
use crate::layout::Matrix;
use crate::planes::pack_yuv444p10;
use crate::process::{self, Process};
use crate::tools::{Tools, file_url};

/// Encoders of the preview in order of preference: H.264 where this ffmpeg has one, else what every build has.
const PREVIEW_ENCODERS: [&str; 4] = ["libx264", "libopenh264", "h264_videotoolbox", "mpeg4"];

/// One fine quantiser for all slices instead of a bit rate. Measured with ffmpeg 5.1 on 1080p: the search for the bit rate takes
/// 0.25 s a frame on clean pictures and 6.6 s on grainy ones, whose grain it destroys (23 dB); this takes 0.05 to 0.1 s and
/// keeps 58 dB, in files from half as large to five times as large.
const PRORES_QUANTISER: &str = "2";

/// x264's output depends on the number of its threads; the same request is to give the same bytes on every machine.
const PREVIEW_THREADS: &str = "4";

/// Which kind of movie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mov,
    Mp4,
}

/// A movie being encoded.
pub(crate) struct Movie {
    tools: Tools,
    container: Container,
    out: PathBuf,
    made: PathBuf,
    running: Option<(Process, ChildStdin)>,
    raw: Vec<u8>,
}

impl Movie {
    /// Starts to encode into `made`; `out` is its name in errors.
    pub(crate) fn start(tools: &Tools, container: Container, made: PathBuf, out: &Path, spec: &DeliverySpec) -> Result<Self> {
        let mut args: Vec<OsString> =
            ["-hide_banner", "-v", "error", "-xerror", "-y", "-f", "rawvideo", "-pix_fmt"].map(Into::into).to_vec();
        let format = if spec.alpha { "yuva444p10le" } else { "yuv444p10le" };
        let rate = format!("{}/{}", spec.rate.num(), spec.rate.den());
        let size = format!("{}x{}", spec.size.width, spec.size.height);
        args.extend([format, "-video_size", &size, "-framerate", &rate].map(Into::into));
        args.extend(colour_tags(spec.colour).map(Into::into));
        args.extend(["-i", "pipe:0", "-map", "0:v:0"].map(Into::into));
        let mut filters = Vec::new();
        match container {
            Container::Mov => {
                args.extend(["-c:v", "prores_ks", "-profile:v", "4444", "-vendor", "apl0", "-pix_fmt", format].map(Into::into));
                args.extend(["-q:v", PRORES_QUANTISER].map(Into::into));
                if spec.alpha {
                    args.extend(["-alpha_bits", "16"].map(Into::into));
                }
            }
            Container::Mp4 => {
                let encoder = tools
                    .first_encoder(&PREVIEW_ENCODERS)?
                    .ok_or_else(|| Error::Encode { path: out.to_owned(), said: "this ffmpeg has no H.264 and no MPEG-4 encoder".into() })?;
                let quality: &[&str] = match encoder {
                    "libx264" => &["-preset", "veryfast", "-crf", "18"],
                    "mpeg4" => &["-q:v", "3"],
                    _ => &["-b:v", "12M"],
                };
                args.extend(["-c:v", encoder, "-threads", PREVIEW_THREADS, "-pix_fmt", "yuv420p"].map(Into::into));
                args.extend(quality.iter().map(Into::into));
                if spec.size.width % 2 == 1 || spec.size.height % 2 == 1 {
                    // Half-size chroma needs even sides: a black column or row, so that no pixel is lost.
                    filters.push("pad=ceil(iw/2)*2:ceil(ih/2)*2".to_owned());
                }
            }
        }
        if spec.pixel_aspect != 1.0 {
            filters.push(format!("setsar=sar={:.6}:max=10000", spec.pixel_aspect));
        }
        if !filters.is_empty() {
            args.extend(["-vf".into(), filters.join(",").into()]);
        }
        args.extend(colour_tags(spec.colour).map(Into::into));
        args.extend(container_args(container, spec));
        args.push(file_url(&made));
        let mut process = Process::start("ffmpeg", tools.ffmpeg(), out, args, Stdio::piped())?;
        let Some(into) = process.stdin() else {
            return Err(Error::ToolStopped { tool: "ffmpeg", path: out.to_owned(), said: "it has no input".into() });
        };
        Ok(Self { tools: tools.clone(), container, out: out.to_owned(), made, running: Some((process, into)), raw: Vec::new() })
    }

    /// The next frame.
    pub(crate) fn picture(&mut self, picture: &Picture, spec: &DeliverySpec) -> Result<()> {
        let Some((_, into)) = &mut self.running else {
            return Err(Error::Contract { what: "a picture came after the encoder had ended".into() });
        };
        pack_yuv444p10(picture, Matrix::of_space(spec.colour), spec.alpha, &mut self.raw);
        match into.write_all(&self.raw) {
            Ok(()) => Ok(()),
            // The pipe broke because ffmpeg ended; its last words say why.
            Err(_) => Err(self.end().err().unwrap_or_else(|| Error::Encode { path: self.out.clone(), said: "ffmpeg ended early".into() })),
        }
    }

    fn end(&mut self) -> Result<()> {
        let Some((process, into)) = self.running.take() else { return Ok(()) };
        drop(into);
        let (status, said) = process.finish()?;
        self.check(status, &said)
    }

    /// ffmpeg ends well even where the end of its file could not be written (without -xerror, in 5.1), so its words count too.
    fn check(&self, status: ExitStatus, said: &str) -> Result<()> {
        if status.success() && !said.contains("Error writing") && !said.contains("Error closing") {
            return Ok(());
        }
        Err(Error::Encode { path: self.out.clone(), said: process::ending(status, said) })
    }

    /// Ends the encoding and puts the sound, a WAV file, beside the picture. Returns the finished file.
    pub(crate) fn finish(mut self, sound: Option<&Path>, spec: &DeliverySpec) -> Result<PathBuf> {
        self.end()?;
        let Some(sound) = sound else { return Ok(self.made) };
        let ending = if self.container == Container::Mov { "joined.mov" } else { "joined.mp4" };
        let joined = self.made.with_file_name(ending);
        let mut args: Vec<OsString> = ["-hide_banner", "-nostdin", "-v", "error", "-xerror", "-y", "-i"].map(Into::into).to_vec();
        args.extend([file_url(&self.made), "-i".into(), file_url(sound)]);
        args.extend(["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy"].map(Into::into));
        let encoder: &[&str] = match self.container {
            Container::Mov => &["-c:a", "pcm_s24le"],
            Container::Mp4 => &["-c:a", "aac", "-b:a", "192k"],
        };
        args.extend(encoder.iter().map(Into::into));
        args.extend(container_args(self.container, spec));
        args.push(file_url(&joined));
        let (status, _, said) = process::run("ffmpeg", self.tools.ffmpeg(), &self.out, args)?;
        self.check(status, &said)?;
        Ok(joined)
    }
}

/// Range and what the encoding's name in ITU-T H.273 is; "unknown" where it has none, such as a camera's log.
fn colour_tags(colour: ColourSpace) -> [&'static str; 8] {
    let (primaries, transfer, matrix) = match colour {
        ColourSpace::Rec709 => ("bt709", "bt709", "bt709"),
        ColourSpace::Srgb => ("bt709", "iec61966-2-1", "bt709"),
        ColourSpace::LinearRec709 => ("bt709", "linear", "bt709"),
        ColourSpace::Pq => ("bt2020", "smpte2084", "bt2020nc"),
        ColourSpace::Hlg => ("bt2020", "arib-std-b67", "bt2020nc"),
        ColourSpace::AcesCg => ("unknown", "linear", "bt709"),
        _ => ("unknown", "unknown", "bt709"),
    };
    ["-color_range", "tv", "-color_primaries", primaries, "-color_trc", transfer, "-colorspace", matrix]
}

/// Timecode, provenance, and no trace of the clock or of ffmpeg's version: the same request gives the same bytes.
fn container_args(container: Container, spec: &DeliverySpec) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"].map(Into::into).to_vec();
    args.extend(["-timecode".into(), timecode(spec).into()]);
    let mut tag = |key: &str, value: &str| {
        // ffmpeg ends an argument at a NUL, which no argument may hold.
        let value: String = value.chars().filter(|c| *c != '\0').collect();
        args.extend(["-metadata".into(), format!("{key}={value}").into()]);
    };
    tag("description", &spec.description);
    // QuickTime files have no description for ffmpeg, so the comment, which both kinds have, says everything.
    let source = spec.source_type.map(|s| format!("digitalSourceType: {}", s.uri())).unwrap_or_default();
    let parts: Vec<&str> = [spec.description.as_str(), &source].into_iter().filter(|p| !p.is_empty()).collect();
    tag("comment", &parts.join("; "));
    args.push("-movflags".into());
    args.push(if container == Container::Mov { "+write_colr" } else { "+write_colr+faststart" }.into());
    args
}

/// The timecode of the first frame, of the day it falls on.
fn timecode(spec: &DeliverySpec) -> String {
    let shown = Timecode::new(spec.start, spec.rate, spec.drop_frame);
    let nominal = i64::from(spec.rate.nominal());
    // SMPTE ST 12-1: nominal/15 numbers are dropped every minute but each tenth.
    let dropped = if shown.drop { nominal / 15 * (24 * 60 - 24 * 6) } else { 0 };
    let day = nominal * 86_400 - dropped;
    Timecode { frame: FrameIndex(spec.start.0.rem_euclid(day)), ..shown }.to_string()
}
