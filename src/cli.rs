//! The command line's grammar: DESIGN.md §5, as clap reads it. Nothing is done here.
//!
//! The commands are in [`shots`], [`tools`] and [`takes`] (and beside the command in `weights_command`); what several of them
//! share is in [`common`] and [`model`], and how single words are read in [`values`].

mod common;
mod model;
mod shots;
mod takes;
mod tools;
mod values;

pub use common::*;
pub use model::*;
pub use shots::*;
pub use takes::*;
pub use tools::*;
pub use values::*;

use clap::{Parser, Subcommand};

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
    /// Make a storyboard of a screenplay: every scene heading an establishing shot
    Storyboard(StoryboardCommand),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
