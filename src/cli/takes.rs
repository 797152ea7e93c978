//! `pickup takes`: what can be done with takes that were made.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FormatArg, Model, Tell};

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
    /// Measure the takes of each shot and put them in order
    Rank(TakesRank),
    /// One page to look at and choose from: pictures, sound, seams and ranking in a single file
    Sheet(TakesSheet),
    /// Say that a project uses a take for a shot, instead of what it used before
    Choose(TakesChoose),
    /// Keep a take from gc, whether a project uses it or not
    Pin(TakesPin),
    /// Remove takes that nothing uses, oldest first, until the store is within a size
    Gc(TakesGc),
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

/// `pickup takes rank`
#[derive(Debug, Args)]
pub struct TakesRank {
    /// Only these shots: a shot's name as rank shows it, or the id of one of its takes
    #[arg(value_name = "SHOT|TAKE")]
    pub only: Vec<String>,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// One JSON object per take
    #[arg(long)]
    pub json: bool,
}

/// `pickup takes sheet`
#[derive(Debug, Args)]
pub struct TakesSheet {
    /// Only these shots: a shot's name as rank shows it, or the id of one of its takes
    #[arg(value_name = "SHOT|TAKE")]
    pub only: Vec<String>,
    /// The project in whose name the page's commands choose
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PROJECT)]
    pub project: String,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// How events are told
    #[command(flatten)]
    pub tell: Tell,
    /// The page
    #[arg(short, value_name = "OUT.html")]
    pub out: PathBuf,
}

/// The project that is meant where none is named.
pub const DEFAULT_PROJECT: &str = "default";

/// `pickup takes choose`
#[derive(Debug, Args)]
pub struct TakesChoose {
    /// The take's id
    pub id: String,
    /// The project that uses it
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PROJECT)]
    pub project: String,
    /// The shot it is used for; left out, the one it was made for
    #[arg(long, value_name = "NAME")]
    pub shot: Option<String>,
    /// The project does not use it any more
    #[arg(long)]
    pub clear: bool,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
}

/// `pickup takes pin`
#[derive(Debug, Args)]
pub struct TakesPin {
    /// The take's id
    pub id: String,
    /// Take the pin off again
    #[arg(long)]
    pub off: bool,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
}

/// `pickup takes gc`
#[derive(Debug, Args)]
pub struct TakesGc {
    /// Size the store may have, such as 500GB; 0 removes all that is not in use
    #[arg(long, value_name = "SIZE")]
    pub quota: Quota,
    /// Only say what would go
    #[arg(long)]
    pub pretend: bool,
    /// Where takes are kept
    #[arg(long, value_name = "FOLDER")]
    pub takes_dir: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// A size on a disk in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota(pub u64);

impl std::str::FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        super::model::bytes(text)
            .filter(|bytes| (0.0..1e18).contains(bytes))
            .map(|bytes| Self(bytes as u64))
            .ok_or_else(|| format!("'{text}' is not a size: write it as 500GB or 2000GiB"))
    }
}
