//! The LTX-2 family on candle: picture and sound from one joint diffusion transformer, conditioned on what stands on both sides of
//! a gap.
//!
//! # Purpose
//! Runs the user's own checkpoint of generation 2.0, 2.3 or 2.5, whichever its metadata says, so that every stage agrees with the
//! reference implementation ([`tests/parity`](../tests/parity/main.rs)).
//!
//! # Life cycle
//! [`checkpoint::Checkpoint::open`] maps the files and checks their headers; nothing is copied. Each module takes its tensors from
//! the checkpoint by name, checked against the shapes its configuration gives.
//!
//! # Threads
//! Arithmetic on the CPU is split by rayon into blocks that do not depend on the number of threads: same request, same bytes.
//!
//! # What it refuses
//! Truncated files, hostile headers, missing tensors, other shapes, parts of different generations: each by name of tensor and file.

pub mod audio;
pub mod checkpoint;
pub mod conditioning;
pub mod engine;
pub mod error;
pub mod lora;
pub mod ops;
pub mod sampling;
pub mod text;
pub mod transformer;
pub mod upsampler;
pub mod video;

pub use error::{Error, Result};
