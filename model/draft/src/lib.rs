//! The embedded engine: in-betweens, holds, moves on a still, without weights.
//!
//! [`Draft`] is a [`shot::Engine`] that needs nothing but the frames around a hole. It runs on every machine, near real time,
//! and its result is the first idea of a shot, and often the last.
//!
//! What it makes of a task:
//! - **bridge, retake**: motion runs from the last frame before the hole to the first after it ([`bridge`]);
//!   where it shows, a better join in the handles is told ([`join`]).
//! - **retime**: kept positions are copies, bit by bit; the frames between are made ([`retime`]).
//! - **extend**: a loop where the handle holds one, else the camera's move settles, else a hold ([`extend`]).
//! - **establish, insert**: an eased move on the still ([`still`]); without a still the missing-shot card.
//!
//! Life cycle of a made frame: [`frame`] heals a picture and takes its luma; [`flow`] finds the motion of a pair in both
//! directions; [`inbetween`] plans, for a time between the two, where each sample comes from and how much each side counts, and
//! [`paint`] paints the plan at full size, as sharp as what stands beside it. [`cut`] keeps anything from being warped across a cut, [`interlace`] tells frames that are woven from fields. [`reel`] walks a strip
//! with a handful of frames in memory, whatever its length.
//!
//! Threads: an engine is called from one thread and spreads its work with rayon; no result depends on how many threads there
//! are. Nothing is kept between jobs.
//!
//! This crate refuses to invent a picture from words alone, to warp across a cut, to change a frame that it was asked to keep,
//! and to do I/O.

pub mod bridge;
pub mod camera;
pub mod cut;
mod detail;
mod engine;
mod error;
pub mod extend;
pub mod flow;
pub mod frame;
pub mod inbetween;
pub mod interlace;
pub mod join;
pub mod luma;
pub mod paint;
pub mod plane;
pub mod reel;
pub mod retime;
mod sharpness;
pub mod still;
mod thumb;
mod warp;

pub use engine::Draft;
pub use error::Error;
