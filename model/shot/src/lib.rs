//! The vocabulary and the contract of Pickup.
//!
//! Everything that travels between the parts is defined here, once, as plain data: units of time ([`units`], [`timecode`]),
//! pictures and sound in memory ([`picture`], [`sound`]), what a host or a user asks for ([`request`]), what an engine may see
//! ([`context`], [`context_file`]), what an engine is ([`engine`]), and what it leaves behind ([`take`]). Errors that reach a person are
//! [`fault::Fault`]s: what is wrong, and what to do about it.
//!
//! Life cycle, in one direction: host → [`Context`] → [`Request`] → [`Engine`] → [`Take`] → host.
//!
//! Threads: all types are plain values, `Send` and `Sync`. An engine is called from one thread and may use as many as it likes.
//!
//! This crate refuses to do I/O, to know a codec, a host or a model, and to read the clock: the same values give the same bytes.

pub mod colour;
pub mod context;
pub mod context_file;
pub mod engine;
pub mod fault;
pub mod picture;
pub mod request;
pub mod sound;
pub mod take;
pub mod timecode;
pub mod units;

pub use colour::{ColourSpace, ColourStage};
pub use context::{ClipRef, Context, Frames, Keyframe, References, Side, SoundRef};
pub use context_file::ContextFile;
pub use engine::{Cancel, Engine, Sink, Stage};
pub use fault::{Code, Fault};
pub use picture::{Picture, Size};
pub use request::{Beat, Camera, EngineChoice, Keep, Quality, Request, SoundMode, Task};
pub use sound::Sound;
pub use take::{Figure, Key, Take, TakeId};
pub use timecode::Timecode;
pub use units::{FrameIndex, HostTime, Rate, Samples, Seconds, Span};

/// The sample rate of every take and of every sound an engine sees, in hertz.
pub const SAMPLE_RATE: u32 = 48_000;
