//! Status codes and errors: what the host answers, and what an entry answers the host.

use std::ffi::c_int;
use std::fmt;

use crate::raw;

/// A status code of OpenFX. Hosts answer with codes of their own too, so this is a number with names, not an enum.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub c_int);

impl Status {
    /// Done.
    pub const OK: Self = Self(raw::kOfxStatOK);
    /// Not done; for `clipGetImage` it means: treat as black and transparent.
    pub const FAILED: Self = Self(raw::kOfxStatFailed);
    /// Not done, and the plug-in must not be called again.
    pub const FATAL: Self = Self(raw::kOfxStatErrFatal);
    /// Unknown object, or an error without a better name.
    pub const UNKNOWN: Self = Self(raw::kOfxStatErrUnknown);
    /// The host lacks what the plug-in needs.
    pub const MISSING_HOST_FEATURE: Self = Self(raw::kOfxStatErrMissingHostFeature);
    /// Not offered.
    pub const UNSUPPORTED: Self = Self(raw::kOfxStatErrUnsupported);
    /// Out of memory.
    pub const MEMORY: Self = Self(raw::kOfxStatErrMemory);
    /// A handle that names nothing.
    pub const BAD_HANDLE: Self = Self(raw::kOfxStatErrBadHandle);
    /// An index outside its range.
    pub const BAD_INDEX: Self = Self(raw::kOfxStatErrBadIndex);
    /// A value outside its range.
    pub const VALUE: Self = Self(raw::kOfxStatErrValue);
    /// Yes.
    pub const REPLY_YES: Self = Self(raw::kOfxStatReplyYes);
    /// No; for `progressUpdate` it means: stop.
    pub const REPLY_NO: Self = Self(raw::kOfxStatReplyNo);
    /// The host shall do what it does by default.
    pub const REPLY_DEFAULT: Self = Self(raw::kOfxStatReplyDefault);
    /// The image cannot be worked on.
    pub const IMAGE_FORMAT: Self = Self(raw::kOfxStatErrImageFormat);
    /// Rendering on a device failed; in ordinary memory it may work.
    pub const GPU_RENDER_FAILED: Self = Self(raw::kOfxStatGPURenderFailed);

    /// The name of the code without its prefix, or `None` for a code of the host's own.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            raw::kOfxStatOK => "OK",
            raw::kOfxStatFailed => "Failed",
            raw::kOfxStatErrFatal => "ErrFatal",
            raw::kOfxStatErrUnknown => "ErrUnknown",
            raw::kOfxStatErrMissingHostFeature => "ErrMissingHostFeature",
            raw::kOfxStatErrUnsupported => "ErrUnsupported",
            raw::kOfxStatErrExists => "ErrExists",
            raw::kOfxStatErrFormat => "ErrFormat",
            raw::kOfxStatErrMemory => "ErrMemory",
            raw::kOfxStatErrBadHandle => "ErrBadHandle",
            raw::kOfxStatErrBadIndex => "ErrBadIndex",
            raw::kOfxStatErrValue => "ErrValue",
            raw::kOfxStatReplyYes => "ReplyYes",
            raw::kOfxStatReplyNo => "ReplyNo",
            raw::kOfxStatReplyDefault => "ReplyDefault",
            raw::kOfxStatErrImageFormat => "ErrImageFormat",
            raw::kOfxStatGPURenderFailed => "GPURenderFailed",
            _ => return None,
        })
    }

    /// `Ok` for OK and for the replies that are no error.
    pub const fn is_ok(self) -> bool {
        matches!(self, Self::OK | Self::REPLY_YES | Self::REPLY_DEFAULT)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "status {}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What can go wrong between a plug-in and its host.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The host does not offer a suite that is needed.
    #[error("the host offers no {0} suite")]
    NoSuite(&'static str),
    /// The host's suite lacks a function.
    #[error("the host's suite lacks {0}")]
    NoFunction(&'static str),
    /// A property set or its property is not there.
    #[error("the property {name} is not there ({status})")]
    NoProperty {
        /// Name of the property.
        name: String,
        /// What the host answered.
        status: Status,
    },
    /// A property is there, but not of the type or not at the index that was asked for.
    #[error("the property {name}[{index}] of dimension {dimension} holds no {wanted} ({status})")]
    WrongType {
        /// Name of the property.
        name: String,
        /// Which of its values.
        index: i32,
        /// How many values it has.
        dimension: i32,
        /// What was asked for.
        wanted: &'static str,
        /// What the host answered.
        status: Status,
    },
    /// A property cannot be set.
    #[error("the host does not let the property {name} be set ({status})")]
    ReadOnly {
        /// Name of the property.
        name: String,
        /// What the host answered.
        status: Status,
    },
    /// A parameter is not there, or is of another type.
    #[error("the parameter {name} cannot be used as {wanted} ({status})")]
    Param {
        /// Its id.
        name: String,
        /// What was wanted of it.
        wanted: &'static str,
        /// What the host answered.
        status: Status,
    },
    /// A clip is not there.
    #[error("the clip {name} cannot be used ({status})")]
    Clip {
        /// Its name.
        name: String,
        /// What the host answered.
        status: Status,
    },
    /// An image says of itself what cannot be.
    #[error("the host's image cannot be worked on: {0}")]
    Image(String),
    /// Something cannot be done where the images lie on a device; the host shall ask again with images in ordinary memory.
    #[error("this cannot be rendered on the device: {what} (code {code})")]
    OnDevice {
        /// What failed, or what was wanted.
        what: &'static str,
        /// The driver's code; 0 where it was not the driver.
        code: i32,
    },
    /// A text with a zero byte cannot be handed to a host.
    #[error("a text with a zero byte cannot be handed to the host")]
    ZeroByte,
    /// The host refuses something it should do, perhaps with a code of its own.
    #[error("the host refuses {what} ({status})")]
    Refused {
        /// The function.
        what: &'static str,
        /// What the host answered.
        status: Status,
    },
    /// A handle is null or names no instance of ours.
    #[error("the host named an instance that is not there")]
    BadHandle,
    /// The plug-in's own answer; what was wrong has been told already.
    #[error("{0}")]
    Status(Status),
}

/// The result of anything that talks to a host.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The code an entry answers with.
    pub const fn status(&self) -> Status {
        match self {
            Self::NoSuite(_) | Self::NoFunction(_) => Status::MISSING_HOST_FEATURE,
            Self::Image(_) => Status::IMAGE_FORMAT,
            Self::OnDevice { .. } => Status::GPU_RENDER_FAILED,
            Self::BadHandle => Status::BAD_HANDLE,
            Self::ZeroByte => Status::VALUE,
            Self::Status(status) => *status,
            // A host's own codes are not handed back to it.
            Self::NoProperty { .. }
            | Self::WrongType { .. }
            | Self::ReadOnly { .. }
            | Self::Param { .. }
            | Self::Clip { .. }
            | Self::Refused { .. } => Status::FAILED,
        }
    }
}
