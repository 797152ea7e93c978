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
