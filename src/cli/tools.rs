//! The commands beside the shots: sound alone, colour alone, the machine looked at.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shot::ColourSpace;

use super::{Clip, FormatArg, Tell};

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

/// `pickup storyboard`
#[derive(Debug, Args)]
pub struct StoryboardCommand {
    /// A screenplay in Fountain form, or a storyboard to be checked and written anew
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How events are told.
    #[command(flatten)]
    pub tell: Tell,
    /// The storyboard, .yaml
    #[arg(short, value_name = "OUT.yaml")]
    pub out: PathBuf,
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
