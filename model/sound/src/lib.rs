//! Sound for a hole in the cut: loudness, resampling, room tone, ambience and joins.
//!
//! [`ambience`] takes what stands before and after a hole and makes the sound in between. In order: the neighbours are brought
//! to 48 kHz and to the channels that are asked for ([`conform`]); offset, broken and clipped samples are found, and so are events,
//! which are left out; it is measured whether voices stand over a floor (then room tone is made from the floor) or the sound is an ambience (then it is made from
//! grains of both sides); the result is held to a level that glides, third-octave by third-octave, from the one side to the
//! other; and its ends are bent so that they continue the neighbours' waveforms. The neighbours themselves are never touched:
//! the first made sample follows the last of `before`, the last made sample precedes the first of `after`. [`fill`] does the
//! same and listens to what a user says ([`Options`]).
//!
//! Music ([`music`] finds its tempo and key, and says when it is not sure) is joined on the beat where the tempo is certain or
//! given by the user, and faded where it is not.
//!
//! [`join`] bends a sound that a model made so that it continues its neighbours in the same way.
//!
//! [`integrated_loudness`] measures by ITU-R BS.1770.
//!
//! Threads: everything may be called from any thread; channels are worked on in parallel with rayon. All randomness comes from
//! a counter-based generator, so the same input and seed give the same bytes for any number of threads.
//!
//! Memory and time grow with the length of the hole alone: one float per sample and channel plus a few megabytes; no more than
//! 30 s of each neighbour are looked at.
//!
//! This crate refuses to read files, to play sound, to invent a sound where nothing is heard on either side, and to carry a
//! voice into the hole.

mod ambience;
mod channels;
mod error;
mod events;
mod floor;
mod grains;
mod joins;
mod key;
mod loudness;
mod measure;
mod music;
mod options;
mod prepare;
mod random;
mod resample;
mod rhythm;
mod shape;
mod side;
mod spectrum;
mod voice;

pub use ambience::{Gap, Made, ambience, fill};
pub use channels::MAX_CHANNELS;
pub use error::Error;
pub use joins::{JOIN_MARGIN, join};
pub use key::Key;
pub use loudness::integrated_loudness;
pub use music::{Estimate, Music, music};
pub use options::{Kind, Options};
pub use resample::{RATES, conform};
pub use rhythm::Tempo;

/// The rate at which everything is made, in hertz.
const RATE: u32 = shot::SAMPLE_RATE;
