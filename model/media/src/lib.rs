//! Decode and encode through the `ffmpeg` and `ffprobe` executables; stills, image sequences, Broadcast WAV.
//!
//! Files become [`shot::Picture`]s and [`shot::Sound`], and the other way round. No codec is linked: video and sound go through
//! two executables of the user's own, found by [`Tools::find`]. PNG, JPEG, TIFF, OpenEXR and WAV need neither.
//!
//! Life cycle: [`Tools`] → [`Tools::probe`] says what a clip is → [`Tools::open`] gives a [`Clip`], which is [`shot::Frames`],
//! and [`Tools::sound`] its sound → … → [`Delivery`] takes pictures and sound and puts a movie or a folder of frames in place
//! when it is finished. What was not finished leaves nothing behind.
//!
//! - **Frames are exact.** Frame n is the n-th frame in order of presentation, whatever its time stamp, with B-frames, edit
//!   lists, variable rate and rotation. The count is what decoding gives. A jump into a file opens only at the exact frame.
//! - **Values are kept.** Planes are pulled as the decoder made them, 8 to 16 bits or float, and become float RGBA here by the
//!   file's own matrix, range and chroma siting; what lies above white stays above 1. Nothing is made linear.
//! - **Sound is exact to the sample**, and time 0 is where frame 0 begins.
//! - **Names are names**: no path is read as an option, a pattern of ffmpeg's or a protocol, and nothing goes to the network.
//!
//! Threads: every method takes `&self` where it can; a [`Clip`] may be asked from many threads, which wait for each other; a
//! [`Delivery`] belongs to one. Children have a thread of their own that drains their stderr; they are killed and reaped when
//! what uses them is dropped.
//!
//! This crate refuses to guess: gaps in a sequence, files that are cut off, spans beyond the end and folders with foreign files
//! are errors that name the file and the remedy.

mod clip;
mod conform;
mod delivery;
mod error;
mod hear;
mod index;
mod layout;
mod movie;
mod place;
mod planes;
mod png_file;
mod probe;
mod process;
mod recompress;
mod sequence;
mod source;
mod still;
mod tools;
mod video;
mod wave;
mod xmp;

pub use clip::Clip;
pub use conform::{Conform, Fit};
pub use delivery::{Delivery, DeliverySpec, Depth, Format};
pub use error::{Error, Result};
pub use png_file::poster;
pub use probe::{ClipInfo, SEQUENCE_RATE, SoundInfo};
pub use recompress::recompress;
pub use tools::Tools;
pub use wave::{Wave, WaveTags, read_wave, write_wave};
