//! What a suite function or an action answers.

use std::fmt;

/// An OpenFX status code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub i32);

impl Status {
    /// Done.
    pub const OK: Self = Self(0);
    /// Not done.
    pub const FAILED: Self = Self(1);
    /// Not done, and nothing more can be.
    pub const FATAL: Self = Self(2);
    /// No such thing.
    pub const UNKNOWN: Self = Self(3);
    /// The host lacks what the plug-in needs.
    pub const MISSING_HOST_FEATURE: Self = Self(4);
    /// Not supported.
    pub const UNSUPPORTED: Self = Self(5);
    /// There is one already.
    pub const EXISTS: Self = Self(6);
    /// Out of memory.
    pub const MEMORY: Self = Self(8);
    /// Not a handle of the right kind.
    pub const BAD_HANDLE: Self = Self(9);
    /// No such index.
    pub const BAD_INDEX: Self = Self(10);
    /// A value of the wrong type or outside its range.
    pub const VALUE: Self = Self(11);
    /// Rendering on a device failed; in ordinary memory it may work.
    pub const GPU_RENDER_FAILED: Self = Self(1002);
    /// Yes.
    pub const YES: Self = Self(12);
    /// No.
    pub const NO: Self = Self(13);
    /// The action was not trapped; the default holds.
    pub const DEFAULT: Self = Self(14);

    /// Whether the standard knows this code.
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0..=15 | 1000..=1002)
    }

    /// Whether an action that answered so was done or left to its default.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::OK | Self::DEFAULT | Self::YES)
    }

    /// `Ok` for a good answer.
    pub const fn good(self) -> Result<Self, Self> {
        if self.is_good() { Ok(self) } else { Err(self) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "OK",
            1 => "Failed",
            2 => "ErrFatal",
            3 => "ErrUnknown",
            4 => "ErrMissingHostFeature",
            5 => "ErrUnsupported",
            6 => "ErrExists",
            7 => "ErrFormat",
            8 => "ErrMemory",
            9 => "ErrBadHandle",
            10 => "ErrBadIndex",
            11 => "ErrValue",
            12 => "ReplyYes",
            13 => "ReplyNo",
            14 => "ReplyDefault",
            15 => "Unlicensed",
            1000 => "ErrImageFormat",
            1001 => "GPUOutOfMemory",
            1002 => "GPURenderFailed",
            other => return write!(f, "unheard-of status {other}"),
        })
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Status {}
