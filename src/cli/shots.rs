//! The commands that make shots.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shot::{Rate, Size, Span};

use super::values::span;
use super::{Clip, Common, Factor, Length};

/// `pickup bridge`
#[derive(Debug, Args)]
pub struct Bridge {
    /// Clip before the hole: FILE or FILE@IN-OUT
    #[arg(long, value_name = "CLIP", required_unless_present = "context")]
    pub tail: Option<Clip>,
    /// Clip after the hole: FILE or FILE@IN-OUT
    #[arg(long, value_name = "CLIP", required_unless_present = "context")]
    pub head: Option<Clip>,
    /// Length.
    #[command(flatten)]
    pub length: Length,
    /// Timecode of the first made frame on the timeline
    #[arg(long, value_name = "TC")]
    pub start: Option<String>,
    /// Write the frames of both clips into OUT too, on both sides of the made ones
    #[arg(long)]
    pub with_neighbours: bool,
    /// Also write a picture strip to look at: before | made | after
    #[arg(long, value_name = "FILE.png")]
    pub seams: Option<PathBuf>,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// `pickup insert`
#[derive(Debug, Args)]
pub struct Insert {
    /// A cut in OpenTimelineIO form, with --at
    #[arg(value_name = "CUT.otio", requires = "at")]
    pub cut: Option<PathBuf>,
    /// Timecode in the cut where the shot goes
    #[arg(long, value_name = "TC", requires = "cut")]
    pub at: Option<String>,
    /// A shot whose place, light, lens and sound the new one takes over; may be given again
    #[arg(long, value_name = "CLIP", required_unless_present_any = ["cut", "context"])]
    pub like: Vec<Clip>,
    /// A still to start from
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Length.
    #[command(flatten)]
    pub length: Length,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// `pickup establish`
#[derive(Debug, Args)]
pub struct Establish {
    /// A still to start from
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// Length in frames; a storyboard may say it instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "seconds",
        required_unless_present_any = ["seconds", "storyboard"])]
    pub frames: Option<u32>,
    /// Length in seconds
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
    /// Picture size
    #[arg(long, value_name = "WxH")]
    pub size: Size,
    /// Frames per second
    #[arg(long, value_name = "R")]
    pub rate: Rate,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder; for a storyboard of several shots a timeline: .otio, .fcpxml or .edl
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// An end of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EndArg {
    /// After its last frame
    Tail,
    /// Before its first frame
    Head,
}

/// `pickup extend`
#[derive(Debug, Args)]
pub struct Extend {
    /// The clip: FILE or FILE@IN-OUT
    #[arg(long, value_name = "CLIP")]
    pub clip: Clip,
    /// Which end grows
    #[arg(long, value_enum)]
    pub at: EndArg,
    /// Length.
    #[command(flatten)]
    pub length: Length,
    /// Write the frames of the clip into OUT too
    #[arg(long)]
    pub with_neighbours: bool,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// What a retake leaves alone.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeepArg {
    /// The picture stays
    Picture,
    /// The sound stays
    Sound,
}

/// `pickup retake`
#[derive(Debug, Args)]
pub struct Retake {
    /// The clip: FILE or FILE@IN-OUT
    #[arg(long, value_name = "CLIP")]
    pub clip: Clip,
    /// Frames of the clip to make again, the out point exclusive
    #[arg(long, value_name = "IN-OUT", value_parser = span)]
    pub span: Span,
    /// What stays as it is
    #[arg(long, value_enum)]
    pub keep: Option<KeepArg>,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// `pickup retime`
#[derive(Debug, Args)]
pub struct Retime {
    /// The clip: FILE or FILE@IN-OUT, or an image sequence pattern
    #[arg(long, value_name = "CLIP")]
    pub clip: Clip,
    /// 2 is half speed (a frame between every two), 1/2 double speed
    #[arg(long, value_name = "N", required_unless_present = "to_rate", conflicts_with = "to_rate")]
    pub factor: Option<Factor>,
    /// The same speed at another rate, such as 25 or 60000/1001; sound is kept
    #[arg(long, value_name = "R")]
    pub to_rate: Option<Rate>,
    /// Frames per second of an image sequence
    #[arg(long, value_name = "R")]
    pub rate: Option<Rate>,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
    #[arg(short, value_name = "OUT")]
    pub out: PathBuf,
}

/// `pickup fill`
#[derive(Debug, Args)]
pub struct Fill {
    /// The cut
    #[arg(value_name = "CUT.otio")]
    pub cut: PathBuf,
    /// Only say what would be made
    #[arg(long)]
    pub plan: bool,
    /// Only make the take of hole N, counted from 1, and write no timeline: for the tasks of a farm
    #[arg(long, value_name = "N", conflicts_with = "plan")]
    pub only: Option<usize>,
    /// Picture size, where no neighbour says it
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// The new timeline, .otio, .fcpxml or .edl; made shots go into a folder beside it
    #[arg(short, value_name = "OUT.otio", required_unless_present_any = ["plan", "only"])]
    pub out: Option<PathBuf>,
}
