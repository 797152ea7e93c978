//! The exact list of a file's frames: frame n is the n-th in order of presentation, whatever the time stamps are.

use std::path::Path;

use shot::{Rate, Span};

use crate::error::{Error, Result};
use crate::probe::Stream;
use crate::process;
use crate::tools::{Tools, input};

/// A packet or a frame in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Presentation time in the stream's time base.
    pub pts: Option<i64>,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Decoded for others' sake and not shown (edit lists).
    pub discarded: bool,
}

/// Codecs of which every packet gives one frame. Others are counted by decoding: VP8 has packets without a frame, MPEG-4 in AVI
/// packs two into one, and coded fields come in two packets per frame.
const ONE_FRAME_PER_PACKET: [&str; 17] = [
    "h264", "hevc", "av1", "vp9", "prores", "dnxhd", "mjpeg", "ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "v210", "cfhd", "qtrle",
    "png", "jpeg2000",
];

/// The frames of a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Index {
    /// How many frames decode.
    pub frames: u64,
    /// Where the file is cut off: frames its header speaks of, where it does.
    cut_off: Option<Option<u64>>,
    /// Presentation times in order and whether decoding can begin there; empty where times are missing or not distinct, and the
    /// file can then only be read from its start.
    times: Vec<(i64, bool)>,
}

impl Index {
    pub(crate) fn new(
        tools: &Tools,
        path: &Path,
        stream: &Stream,
        packets: &[Entry],
        declared: Option<u64>,
        cut_off: bool,
    ) -> Result<Self> {
        let frame_coded = matches!(stream.field_order.as_deref(), None | Some("progressive" | "unknown"));
        let trusted = frame_coded && ONE_FRAME_PER_PACKET.contains(&stream.codec_name.as_str()) && packets.iter().all(|p| p.pts.is_some());
        let decoded;
        let (entries, by_packet) = if trusted {
            (packets, true)
        } else {
            decoded = decode_list(tools, path, stream)?;
            (&decoded[..], false)
        };
        let shown: Vec<Entry> = entries.iter().copied().filter(|e| !e.discarded).collect();
        let mut frames = shown.len() as u64;
        let missing = cut_off || declared.is_some_and(|d| (packets.len() as u64) < d);
        if missing && by_packet {
            // The last packet is torn, and its picture would be half of one.
            frames = frames.saturating_sub(1);
        }
        if frames == 0 {
            return Err(Error::NoFrames { path: path.to_owned() });
        }
        let mut times: Vec<(i64, bool)> = shown.iter().filter_map(|e| Some((e.pts?, e.key))).collect();
        times.sort_unstable_by_key(|t| t.0);
        if times.len() != shown.len() || times.windows(2).any(|w| w[0].0 == w[1].0) {
            times.clear();
        }
        let cut_off = missing.then(|| declared.filter(|d| *d > frames));
        Ok(Self { frames, cut_off, times })
    }

    /// The number of frames, if `span` (all, where `None`) can be decoded.
    pub(crate) fn check(&self, path: &Path, span: Option<Span>) -> Result<u64> {
        let within = |s: Span| s.start().0 >= 0 && s.end().0 as u64 <= self.frames;
        match (span, self.cut_off) {
            (Some(s), _) if within(s) => Ok(self.frames),
            (_, Some(declared)) => Err(Error::Truncated { path: path.to_owned(), good: self.frames, declared }),
            (Some(s), None) => Err(Error::OutOfRange { path: path.to_owned(), start: s.start().0, end: s.end().0, frames: self.frames }),
            (None, None) => Ok(self.frames),
        }
    }

    /// Where to begin reading so that frame `n` comes: its presentation time, and the time of a frame at or before it where
    /// decoding can begin, both in the stream's time base. `None` when reading must begin at the start.
    pub(crate) fn entry_point(&self, n: u64) -> Option<EntryPoint> {
        let n = usize::try_from(n).ok()?;
        let pts = self.times.get(n)?.0;
        let key = self.times[..=n].iter().rposition(|t| t.1)?;
        (key > 0).then(|| EntryPoint { pts, key: key as u64, key_pts: self.times[key].0 })
    }

    /// Presentation time of the first frame, in the stream's time base.
    pub(crate) fn first_pts(&self) -> Option<i64> {
        self.times.first().map(|t| t.0)
    }
}

/// See [`Index::entry_point`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryPoint {
    pub pts: i64,
    /// The frame where decoding begins.
    pub key: u64,
    pub key_pts: i64,
}

/// The frames that decoding gives, with their times.
fn decode_list(tools: &Tools, path: &Path, stream: &Stream) -> Result<Vec<Entry>> {
    let mut args = ["-hide_banner", "-v", "error", "-select_streams"].map(Into::into).to_vec();
    args.push(stream.index.to_string().into());
    args.extend(["-show_entries", "frame=best_effort_timestamp,key_frame", "-of", "json"].map(Into::into));
    args.extend(input(path));
    let (status, out, said) = process::run("ffprobe", tools.ffprobe(), path, args)?;
    let not_media = |said| Error::NotMedia { path: path.to_owned(), said };
    if !status.success() {
        return Err(not_media(process::ending(status, &said)));
    }
    #[derive(serde::Deserialize)]
    struct Report {
        #[serde(default)]
        frames: Vec<Frame>,
    }
    #[derive(serde::Deserialize)]
    struct Frame {
        best_effort_timestamp: Option<i64>,
        #[serde(default)]
        key_frame: u8,
    }
    let report: Report = serde_json::from_slice(&out).map_err(|e| not_media(format!("ffprobe's answer was not understood ({e})")))?;
    Ok(report.frames.iter().map(|f| Entry { pts: f.best_effort_timestamp, key: f.key_frame == 1, discarded: false }).collect())
}

/// Rates that editors cut in: a stated mean this near to one of them is that one, blurred by a container's coarse clock.
const STANDARD: [(u32, u32); 10] =
    [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (48, 1), (50, 1), (60_000, 1001), (60, 1), (120, 1)];

/// The rate of a stream and whether its frames come unevenly.
pub(crate) fn rate(stream: &Stream, packets: &[Entry]) -> (Option<Rate>, bool) {
    let mut times: Vec<i64> = packets.iter().filter(|p| !p.discarded).filter_map(|p| p.pts).collect();
    times.sort_unstable();
    let mut steps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    steps.sort_unstable();
    let median = steps.get(steps.len() / 2).copied().unwrap_or(0);
    // A clock of milliseconds blurs every step by one tick; only more than a fifth of a frame is uneven.
    let variable = median > 0 && steps.iter().any(|s| (s - median).abs() > 1.max(median / 5));
    let [smallest, mean] = stream.rates();
    let rate = match (mean.or(smallest), variable) {
        (Some(mean), true) => Some(snap(mean, 0.01)),
        (Some(mean), false) => Some(snap(mean, 0.0004)),
        (None, _) => None,
    };
    (rate, variable)
}

fn snap(rate: Rate, tolerance: f64) -> Rate {
    let near = |&(n, d): &(u32, u32)| (rate.as_f64() * f64::from(d) / f64::from(n) - 1.0).abs();
    let best = STANDARD.iter().min_by(|a, b| near(a).total_cmp(&near(b)));
    best.filter(|b| near(b) <= tolerance).and_then(|&(n, d)| Rate::new(n, d).ok()).unwrap_or(rate)
}
