//! The command line's grammar: DESIGN.md §5, as clap reads it. Nothing is done here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use shot::{ClipRef, ColourSpace, Fault, FrameIndex, Rate, Size, Span};

/// Makes the missing shot: given what stands before and after a gap, picture and sound that close it.
#[derive(Debug, Parser)]
#[command(name = "pickup", version = env!("PICKUP_VERSION"), max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fill a hole within one set-up: motion runs from the last frame before it to the first after it
    Bridge(Bridge),
    /// Make a new shot that cuts in and out, in the look and sound of its neighbours
    Insert(Insert),
    /// Make an establishing shot from a prompt and, if given, a still
    Establish(Establish),
    /// Make more of a shot after its last frame or before its first
    Extend(Extend),
    /// Make a span inside a shot again: picture, sound or both
    Retake(Retake),
    /// Make a shot slower or faster by in-betweening
    Retime(Retime),
    /// Make ambience or room tone alone
    Sound(SoundOnly),
    /// Match the colour of a clip to a reference
    Match(MatchColour),
    /// Fill every hole of a cut in OpenTimelineIO form
    Fill(Fill),
    /// Look at the takes that were made
    Takes(Takes),
    /// The models' weights: list, get, verify, remove
    Weights(crate::weights_command::grammar::Weights),
    /// Say what works on this machine, what is missing, and the command that mends it
    Doctor(Doctor),
    /// Jobs on standard input, events on standard output (used by the plug-in)
    #[command(hide = true)]
    Worker,
}

/// Length of what is made.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Length {
    /// Length in frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub frames: Option<u32>,
    /// Length in seconds
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
}

/// Which engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine(pub shot::EngineChoice);

impl std::str::FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use shot::EngineChoice::{Auto, Draft, Ltx, Program};
        Ok(Self(match text {
            "auto" => Auto,
            "draft" => Draft,
            "ltx" => Ltx,
            path if path.contains(['/', '\\']) => Program(std::path::absolute(path).map_err(|e| e.to_string())?),
            other => return Err(format!("'{other}' is not an engine: use auto, draft, ltx, or the path of a program such as ./engine.py")),
        }))
    }
}

/// Whether sound is made.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum SoundArg {
    /// To match both neighbours
    #[default]
    Match,
    /// No sound
    None,
}

/// How much time to spend.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum QualityArg {
    /// The fastest that shows the idea
    Draft,
    /// Good enough to choose by; `pickup takes promote` makes the full picture of it
    Preview,
    /// The best
    #[default]
    Final,
}

/// The form of frames in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// 8 or 16 bit, as deep as the source
    #[default]
    Png,
    /// OpenEXR, half float
    Exr,
}

/// Options of every command that makes pictures.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every shot")]
pub struct Common {
    /// auto, draft, ltx, or the path of a program that speaks the worker protocol
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub engine: Engine,
    /// What the shot should show
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompt: String,
    /// What it should not show
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub negative: String,
    /// What it should show from frame N on, for engines that follow a storyboard; may be given again
    #[arg(long, value_name = "N=TEXT")]
    pub beat: Vec<AtFrame>,
    /// A still that it should show at frame N; may be given again
    #[arg(long, value_name = "N=FILE")]
    pub keyframe: Vec<AtFrame>,
    /// Takes of one shot differ in nothing else
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How many takes to make, with seeds counting up from --seed; OUT gets the first
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub takes: u32,
    /// Extra frames for trimming at each end that cuts
    #[arg(long, value_name = "N")]
    pub handles: Option<u32>,
    /// Take the context from this context.json, as a timeline script wrote it
    #[arg(long, value_name = "FILE")]
    pub context: Option<PathBuf>,
    /// Sound of what is made
    #[arg(long, value_name = "MODE", value_enum, default_value_t)]
    pub sound: SoundArg,
    /// How much time to spend
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub quality: QualityArg,
    /// Form of the frames when OUT is a folder
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: FormatArg,
    /// Colour space of the footage, where its files do not say
    #[arg(long, value_name = "NAME")]
    pub colour: Option<ColourSpace>,
    /// Amount of motion, 0 to 2; 1 is as much as the neighbours have
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub motion: f64,
    /// Camera move: auto, still, push, pull, pan-left, pan-right, tilt-up, tilt-down
    #[arg(long, value_name = "MOVE", default_value = "auto", value_parser = camera)]
    pub camera: shot::Camera,
    /// Where takes are kept (else the environment variable PICKUP_TAKES, else the user's data folder)
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// The model behind an engine.
    #[command(flatten)]
    pub model: Model,
    /// How events are told
    #[command(flatten)]
    pub tell: Tell,
}

/// Something at a frame of the shot: `48=the door opens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtFrame {
    /// The frame, counted from 0.
    pub frame: u32,
    /// What comes after the equals sign.
    pub what: String,
}

impl std::str::FromStr for AtFrame {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(n, what)| Some((n.trim().parse().ok()?, what.trim())));
        match parts {
            Some((frame, what)) if !what.is_empty() => Ok(Self { frame, what: what.to_owned() }),
            _ => Err("write the frame, an equals sign and what belongs there, such as 48=the door opens".to_owned()),
        }
    }
}

/// The model behind the ltx engine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of the ltx engine")]
pub struct Model {
    /// A checkpoint: a name of `pickup weights list`, or a folder or file of one; chooses the ltx engine
    #[arg(long, value_name = "NAME|FOLDER")]
    pub weights: Option<String>,
    /// A LoRA for it, FILE or FILE:STRENGTH; may be given again
    #[arg(long, value_name = "FILE[:X]")]
    pub lora: Vec<Lora>,
    /// What does the arithmetic: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: Device,
    /// Most memory it may take, such as 12GiB
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
}

/// A LoRA and how strongly it acts.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// The file.
    pub path: PathBuf,
    /// 1 as it was trained.
    pub strength: f32,
}

impl std::str::FromStr for Lora {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, strength) = match text.rsplit_once(':') {
            Some((path, x)) if x.parse::<f32>().is_ok() => (path, x.parse().unwrap_or(1.0)),
            _ => (text, 1.0),
        };
        if path.is_empty() || !(-4.0..=4.0).contains(&strength) {
            return Err("give a file, and if need be a strength from -4 to 4 after a colon".to_owned());
        }
        Ok(Self { path: path.into(), strength })
    }
}

/// What does the arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that is there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA card by its number.
    Cuda(u32),
}

impl std::str::FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda(0),
            other => {
                let number = other.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                Self::Cuda(number.ok_or_else(|| format!("'{other}' is not a device: use auto, cpu, cuda or cuda:N"))?)
            }
        })
    }
}

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u64);

impl std::str::FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 9] = [
            ("kib", 1 << 10),
            ("mib", 1 << 20),
            ("gib", 1 << 30),
            ("kb", 1000),
            ("mb", 1_000_000),
            ("gb", 1_000_000_000),
            ("k", 1 << 10),
            ("m", 1 << 20),
            ("g", 1 << 30),
        ];
        let bad = || format!("'{text}' is not an amount of memory: write it as 12GiB or 800MiB");
        let lower = text.trim().to_ascii_lowercase();
        let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit))).unwrap_or((&lower, 1));
        let number: f64 = number.trim().parse().map_err(|_| bad())?;
        let bytes = number * unit as f64;
        if !bytes.is_finite() || !(1e6..1e15).contains(&bytes) {
            return Err(bad());
        }
        Ok(Self(bytes as u64))
    }
}

/// How events are told.
#[derive(Clone, Copy, Debug, Args)]
pub struct Tell {
    /// One JSON event per line on standard output
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

fn camera(text: &str) -> Result<shot::Camera, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| "use auto, still, push, pull, pan-left, pan-right, tilt-up or tilt-down".to_owned())
}

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
    /// Length.
    #[command(flatten)]
    pub length: Length,
    /// Picture size
    #[arg(long, value_name = "WxH")]
    pub size: Size,
    /// Frames per second
    #[arg(long, value_name = "R")]
    pub rate: Rate,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// .mov, .mp4 (preview), or a folder
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

/// A retime factor: made frames per frame of the clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Made frames …
    pub num: u32,
    /// … for so many of the clip.
    pub den: u32,
}

impl std::str::FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not a retime factor: 2 is half speed, 1/2 or 0.5 is double speed");
        let (num, den) = match text.split_once('/') {
            Some((n, d)) => (n.trim().parse().map_err(|_| bad())?, d.trim().parse().map_err(|_| bad())?),
            None => {
                let x: f64 = text.trim().parse().map_err(|_| bad())?;
                if !(x.is_finite() && x > 0.0 && x <= 1000.0) {
                    return Err(bad());
                }
                if x.fract() == 0.0 { (x as u32, 1) } else { ((x * 1000.0).round() as u32, 1000) }
            }
        };
        if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den) || u64::from(den) > 1000 * u64::from(num) {
            return Err(bad());
        }
        Ok(Self { num, den })
    }
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

/// What is made of the neighbours' sound.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum SoundKind {
    /// Whatever the neighbours are
    #[default]
    Auto,
    /// The floor under voices and events
    RoomTone,
    /// The neighbours' texture
    Ambience,
    /// Music, joined on the beat
    Music,
}

/// `pickup sound`
#[derive(Debug, Args)]
pub struct SoundOnly {
    /// Sound that ends where the made sound begins
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Sound that begins where the made sound ends
    #[arg(long, value_name = "FILE")]
    pub after: Option<PathBuf>,
    /// Length
    #[arg(long, value_name = "S")]
    pub seconds: f64,
    /// What is made of the neighbours' sound
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub kind: SoundKind,
    /// Beats per minute of the music, where you know them
    #[arg(long, value_name = "BPM")]
    pub tempo: Option<f64>,
    /// Key of the music, where you know it, such as "F# minor"
    #[arg(long, value_name = "KEY", value_parser = |t: &str| t.parse::<sound::Key>().map_err(|e| e.to_string()))]
    pub key: Option<sound::Key>,
    /// What it should sound like (for engines that can)
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prompt: String,
    /// Variations differ in nothing else
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// How events are told.
    #[command(flatten)]
    pub tell: Tell,
    /// Broadcast WAV, 48 kHz, 24 bit
    #[arg(short, value_name = "OUT.wav")]
    pub out: PathBuf,
}

/// `pickup match`
#[derive(Debug, Args)]
pub struct MatchColour {
    /// How it should look: a clip or a still
    #[arg(long, value_name = "CLIP")]
    pub reference: Clip,
    /// What is changed: a clip or a still
    #[arg(long, value_name = "CLIP")]
    pub clip: Clip,
    /// How far, 0 to 1
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub amount: f64,
    /// Write the change as a 3-D table for the host
    #[arg(long, value_name = "OUT.cube")]
    pub lut: Option<PathBuf>,
    /// Write the nearest ASC CDL
    #[arg(long, value_name = "OUT.cdl")]
    pub cdl: Option<PathBuf>,
    /// Colour space of the footage, where its files do not say
    #[arg(long, value_name = "NAME")]
    pub colour: Option<ColourSpace>,
    /// Form of the frames when OUT is a folder
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: FormatArg,
    /// How events are told.
    #[command(flatten)]
    pub tell: Tell,
    /// .mov, .mp4 (preview), a picture, or a folder
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
    /// Picture size, where no neighbour says it
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// Options of every shot.
    #[command(flatten)]
    pub common: Common,
    /// The new timeline; made shots go into a folder beside it
    #[arg(short, value_name = "OUT.otio", required_unless_present = "plan")]
    pub out: Option<PathBuf>,
}

/// `pickup takes`
#[derive(Debug, Args)]
pub struct Takes {
    /// What to do.
    #[command(subcommand)]
    pub command: TakesCommand,
}

/// What can be done with takes.
#[derive(Debug, Subcommand)]
pub enum TakesCommand {
    /// One line per take
    List(TakesList),
    /// Everything about one take, its files checked
    Show(TakesShow),
    /// Make the full picture of a light take (--quality draft or preview) that was chosen
    Promote(TakesPromote),
}

/// `pickup takes list`
#[derive(Debug, Args)]
pub struct TakesList {
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// `pickup takes show`
#[derive(Debug, Args)]
pub struct TakesShow {
    /// The take's id, from `pickup takes list`
    pub id: String,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// The manifest as JSON
    #[arg(long)]
    pub json: bool,
}

/// `pickup takes promote`
#[derive(Debug, Args)]
pub struct TakesPromote {
    /// The light take's id, from `pickup takes list`
    pub id: String,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// The model that made it
    #[command(flatten)]
    pub model: Model,
    /// Form of the frames when OUT is a folder
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: FormatArg,
    /// How events are told
    #[command(flatten)]
    pub tell: Tell,
    /// .mov, .mp4 (preview), or a folder; without it the take stands in the store alone
    #[arg(short, value_name = "OUT")]
    pub out: Option<PathBuf>,
}

/// `pickup doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Check that this program speaks the worker protocol
    #[arg(long, value_name = "PROGRAM")]
    pub engine: Option<PathBuf>,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// A clip on the command line: FILE or FILE@IN-OUT.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip(pub ClipRef);

impl std::str::FromStr for Clip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A file may have an @ in its name: only an @ followed by two numbers up to the end is ours.
        let parts = text.rsplit_once('@').filter(|(file, points)| !file.is_empty() && is_span(points));
        let (file, span) = match parts {
            Some((file, points)) => (file, Some(span(points)?)),
            None => (text, None),
        };
        if file.is_empty() {
            return Err("a clip needs a file name".to_owned());
        }
        Ok(Self(ClipRef { span, ..ClipRef::whole(file) }))
    }
}

fn is_span(text: &str) -> bool {
    text.split_once('-').is_some_and(|(a, b)| {
        !a.is_empty() && !b.is_empty() && a.bytes().all(|c| c.is_ascii_digit()) && b.bytes().all(|c| c.is_ascii_digit())
    })
}

fn span(text: &str) -> Result<Span, String> {
    let bad = || format!("'{text}' is not a span: write in and out point as 0-48, the out point is the first frame left out");
    let (a, b) = text.split_once('-').ok_or_else(bad)?;
    let (a, b) = (a.trim().parse().map_err(|_| bad())?, b.trim().parse().map_err(|_| bad())?);
    let span = Span::new(FrameIndex(a), FrameIndex(b)).map_err(|f: Fault| f.to_string())?;
    if span.is_empty() {
        return Err(format!("'{text}' holds no frame: the out point is the first frame left out"));
    }
    Ok(span)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_clip_may_have_points_or_an_at_sign_in_its_name() {
        let clip = |t: &str| t.parse::<Clip>().map(|c| (c.0.path.display().to_string(), c.0.span.map(<(i64, i64)>::from)));
        assert_eq!(clip("a.mov").unwrap(), ("a.mov".into(), None));
        assert_eq!(clip("a.mov@10-20").unwrap(), ("a.mov".into(), Some((10, 20))));
        assert_eq!(clip("me@home.mov").unwrap(), ("me@home.mov".into(), None));
        assert_eq!(clip("me@home@0-5").unwrap(), ("me@home".into(), Some((0, 5))));
        assert_eq!(clip("a@3-").unwrap(), ("a@3-".into(), None));
        assert!(clip("a.mov@20-10").is_err());
        assert!(clip("a.mov@10-10").is_err());
        assert!(clip("").is_err());
    }

    #[test]
    fn factors_are_read_as_editors_write_them() {
        let f = |t: &str| t.parse::<Factor>().map(|f| (f.num, f.den));
        assert_eq!(f("2"), Ok((2, 1)));
        assert_eq!(f("1/2"), Ok((1, 2)));
        assert_eq!(f("2.5"), Ok((2500, 1000)));
        for bad in ["0", "-1", "nan", "1/0", "0/1", "x", "1e9"] {
            assert!(f(bad).is_err(), "{bad}");
        }
    }
}
