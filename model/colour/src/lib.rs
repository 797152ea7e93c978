//! Transfer functions, gamuts, and the match of one shot to its neighbours.
//!
//! [`convert()`] takes pictures between all of [`shot::ColourSpace`]; [`decode`] and [`encode`] stop at light. The definitions
//! are those of OpenColorIO's built-in studio configuration: display encodings are its display colour spaces, reached through
//! its un-tone-mapped view.
//!
//! [`Match::estimate`] looks at frames of a clip and of its neighbour, finds what both show, and gives the [`Match`] that carries
//! the clip's look to the neighbour's: often, and by intent, exactly nothing. A match is applied to pictures, weakened
//! ([`Match::scaled`]), drifted from one neighbour's look to the other's ([`Match::lerp`]), and written for a host
//! ([`Match::to_cube`], [`Match::to_cdl`]). [`delta_e2000`] and [`measure`] tell how well it worked.
//!
//! Life cycle: estimate once per shot, apply per frame. Threads: everything is a plain value or function; work on whole pictures
//! spreads over rayon's current pool and gives the same bits on any number of threads.
//!
//! This crate refuses nothing: any picture of any size, flat, empty of detail or with values that are not numbers, gives a
//! result, where in doubt the one that changes nothing. It does no I/O.

mod align;
pub mod convert;
mod curve;
pub mod difference;
mod estimate;
mod export;
mod fast;
mod fit;
pub mod gamut;
mod grade;
pub mod measure;

pub use convert::{convert, decode, encode};
pub use difference::{delta_e2000, lab, lab_of};
pub use export::Cdl;
pub use grade::Match;
