//! Pictures that speak for a shot that is not there yet.
//!
//! - [`missing`]: the card that stands in for a shot nobody could make, with what was asked and why it is not there.
//! - [`progress`]: the slate of a shot that is being made: what is happening, how far it has come, how long it will take.
//! - [`stamp`]: one line over a picture that is shown in place of the real one.
//! - [`nearest`], [`dissolve`] and [`fit`]: that picture, from what stands on both sides of the hole.
//!
//! Life cycle: none. Every function takes plain values and returns a picture; the same values give the same bytes.
//!
//! Values: cards and slates are drawn in display code values (Rec.709 video), alpha 1. A caller with another working space
//! converts them, or shows them as they are: they hold nothing but greys and one signal colour between 0 and 1. [`stamp`],
//! [`dissolve`] and [`fit`] leave the encoding of what they are given alone.
//!
//! Layout: measured in 1080ths of the shorter side, within the title-safe area (90 % of each side, SMPTE ST 2046-1). Text never
//! gets smaller than can be read: where there is no room, what matters less is left out, down to a bare signal at a few pixels.
//! The lettering is Noto Sans Mono; what it lacks is shown as the replacement sign, so that nobody takes a gap for a word.
//!
//! Threads: none are started; everything may be called from anywhere.
//!
//! This crate refuses to do I/O, to read the clock, and to make a card that could be taken for a picture.

mod blend;
mod canvas;
mod card;
mod lettering;
mod page;
mod progress;
mod stamp;
mod words;

pub use blend::{Fit, dissolve, fit, nearest};
pub use card::{Missing, missing};
pub use progress::{Progress, progress};
pub use stamp::stamp;
