//! What a user may say about the sound that is to be made.

use crate::{Error, Key};

/// Tempi that a user may give, in beats per minute.
const TEMPI: std::ops::RangeInclusive<f64> = 20.0..=400.0;

/// How the sound in the hole is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Decided by measure: music where tempo and key are certain, room tone under voices, else ambience.
    #[default]
    Auto,
    /// The floor under whatever comes and goes, as noise of its spectrum.
    RoomTone,
    /// The neighbours' texture, from grains.
    Ambience,
    /// Music: on the beat where the tempo is certain, faded where it is not.
    Music,
}

/// What a user may say; the default says nothing and lets measurement decide.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// How the sound is made.
    pub kind: Kind,
    /// The music's tempo in beats per minute, 20 to 400. It wins over what is measured, and says that this is music.
    pub tempo: Option<f64>,
    /// The music's key. It wins over what is measured, and says that this is music.
    pub key: Option<Key>,
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.tempo {
            Some(got) if !TEMPI.contains(&got) => Err(Error::Tempo { got }),
            _ => Ok(()),
        }
    }
}
