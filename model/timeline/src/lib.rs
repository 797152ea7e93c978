//! OpenTimelineIO in and out: the cut, its holes, and their filling.
//!
//! Life cycle: [`Cut::read`] a `.otio` file → [`Cut::holes`] → make a shot for each → [`Cut::fill`] → [`Cut::write`].
//! A [`Cut`] keeps the file as the JSON tree it is and changes nothing but the places it fills, so that metadata, markers,
//! effects and schemas nobody here has heard of come out as they went in, in their order and to the last digit.
//!
//! **What a hole is.** Looking down on the stack at each moment, the topmost enabled item counts: a picture is no hole, an
//! offline clip (a missing reference, or a file that is not there) is one, and nothing at all is one. Empty stretches of upper
//! tracks are therefore no holes, disabled tracks and clips do not count, nested stacks are looked into. Neighbouring offline
//! clips are holes of their own. A marker whose name begins with `pickup:` makes a hole of its range, or, without a range,
//! speaks for the hole or the clip it stands on ([`marker`]).
//!
//! **Where the cut begins and ends.** It begins at its first frame and ends with its longest enabled track, of whatever kind.
//! An empty stretch at the very start or end is a hole with a neighbour on one side only.
//!
//! **Transitions.** A gap or an offline clip that a transition adjoins is a hole in full; the transition then runs into the
//! made shot, which needs frames beyond its ends for that: [`Hole::handles`].
//!
//! **Rates.** The cut's rate is that of its `global_start_time`, else the one most clips of the picture tracks are cut in.
//! Decimal rates are recognised as fractions (23.976023976023978 is 24000/1001). Items in other rates are understood.
//!
//! **Other forms.** [`Cut::write_as`] writes Final Cut Pro's XML and CMX 3600 edit lists for hosts that read no OpenTimelineIO.
//! [`Storyboard`]s say what shots should show and when; a screenplay in Fountain form becomes one.
//!
//! Threads: a [`Cut`] is plain data. Nothing here starts a thread or reads the clock.
//!
//! The crate refuses files that are not OpenTimelineIO, times that are no numbers or negative lengths, rates of 0 and nesting
//! beyond [`MAX_DEPTH`], and names the place in the file. It does not read media; whether a file is there is asked of the file
//! system, or of a closure ([`Cut::holes_with`]).

mod cut;
mod durable;
mod error;
mod export;
mod fill;
pub mod fountain;
mod hole;
mod json;
pub mod marker;
mod media;
mod setup;
pub mod storyboard;
mod time;
mod url;
mod walk;
pub mod words;

pub use cut::Cut;
pub use error::Error;
pub use export::{Exported, Facts, Form};
pub use fill::{Filling, Placed};
pub use hole::{Around, Hole, Neighbour, Offline, Plan, Survey};
pub use storyboard::Storyboard;

/// Compositions that may be nested into each other.
pub const MAX_DEPTH: usize = 30;
