//! What every command that makes pictures understands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shot::ColourSpace;

use super::{AtFrame, BoardRef, Model};

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
    /// From the prompt and the picture alone
    Generate,
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
    /// What the shot should show; `auto` takes words from the neighbours' names and says which
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
    /// Rows of time, prompt, still, camera and sound: YAML, JSON, or a screenplay (.fountain); #N is its N-th shot
    #[arg(long, value_name = "FILE[#N]", conflicts_with_all = ["beat", "keyframe"])]
    pub storyboard: Option<BoardRef>,
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
