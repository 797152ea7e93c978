//! What a user may say about the sound that is to be made.

/// How the sound in the hole is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Decided by measure: room tone under voices, else ambience.
    #[default]
    Auto,
    /// The floor under whatever comes and goes, as noise of its spectrum.
    RoomTone,
    /// The neighbours' texture, from grains.
    Ambience,
}

/// What a user may say; the default says nothing and lets measurement decide.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// How the sound is made.
    pub kind: Kind,
}
