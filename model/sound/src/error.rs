//! What can go wrong with sound, with the facts.

use shot::{Code, Fault};

/// Why a sound could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No channel, or more than the 16 that a request may ask for.
    #[error("sound of {got} channels was asked for")]
    Channels {
        /// How many were asked for.
        got: usize,
    },
    /// A sample rate outside of [`crate::RATES`].
    #[error("a sample rate of {got} Hz was met")]
    Rate {
        /// The rate, in hertz.
        got: u32,
    },
    /// A user's tempo that is no tempo.
    #[error("a tempo of {got} beats per minute was asked for")]
    Tempo {
        /// Beats per minute.
        got: f64,
    },
    /// Text that names no key.
    #[error("'{got}' is not a musical key")]
    Key {
        /// What was written.
        got: String,
    },
    /// The resampler or the loudness meter refused values that it should take.
    #[error("{step} failed: {why}")]
    Inside {
        /// Which step.
        step: &'static str,
        /// Its own words.
        why: String,
    },
    /// Channels of unequal length: a mistake of ours.
    #[error(transparent)]
    Shape(#[from] Fault),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let what = error.to_string();
        match error {
            Error::Channels { .. } => Self::new(Code::Argument, what, "ask for 1 to 16 channels"),
            Error::Rate { .. } => {
                Self::new(Code::Input, what, "convert the sound to 48 kHz first; rates from 1 kHz to 768 kHz are understood")
            }
            Error::Tempo { .. } => Self::new(Code::Argument, what, "give a tempo from 20 to 400 beats per minute, or none"),
            Error::Key { .. } => Self::new(Code::Argument, what, "write the key as 'F# minor', 'Bb major' or 'C'"),
            Error::Inside { .. } => Self::internal(what),
            Error::Shape(fault) => fault,
        }
    }
}
