//! OpenFX for safe Rust: bindings made by bindgen, and over them views that cannot be misused.
//!
//! All unsafe code of the plug-in side is in this crate. A plug-in implements [`Effect`] for a unit struct and exports it with
//! [`export!`]; it then only sees typed arguments, property sets, parameters, clips and images that live no longer than the
//! action they came with.
//!
//! Life cycle, as hosts drive it: OfxSetHost (newer hosts), OfxGetPlugin, setHost, Load (the suites are fetched), Describe,
//! DescribeInContext for each context, then for each instance CreateInstance, any number of actions, DestroyInstance; at last
//! Unload. Hosts repeat, omit and mix these: Load may come for every frame, Destroy never. An action before Load loads.
//!
//! Threads: hosts call from any thread, several at once. Everything process-wide is behind locks that are never held while the
//! host is called. Every entry is a panic barrier: a panic becomes `kOfxStatFailed` and a line in the log.
//!
//! What is refused: pointers that come back from a host are not followed, but for the suites, the strings and the pixels that
//! it hands out, and these not where they lie on a device (see `cuda`); images whose bounds, row bytes and depth contradict each other are an [`Error::Image`]; a property that is
//! missing or of another type is an [`Error`], never a guess. What single hosts do otherwise stands in [`quirks`] and nowhere
//! else. The library never prints to stdout, installs no signal handler and no allocator, and stays resident after it was
//! closed (see the plug-in's build script).

mod actions;
mod clips;
mod cuda;
mod effect;
mod entry;
#[cfg(test)]
mod fake;
mod fields;
mod geometry;
mod host;
mod image;
mod instance;
pub mod library;
mod logging;
mod messages;
mod names;
mod params;
mod props;
pub mod quirks;
pub mod raw;
mod status;
mod suites;

pub use actions::{At, Change, Changed, ClipPreferences, FramesNeeded, Identity, Reason, RegionsNeeded, RenderArgs, Sequence};
pub use clips::Clip;
pub use effect::Effect;
pub use entry::{Exported, Runtime, get_plugin, set_host_early};
pub use fields::Lines;
pub use geometry::{Range, RectD, RectI};
pub use host::HostInfo;
pub use image::{Components, Depth, Image, Layout, Output, PixelOrder, Row, RowMut};
pub use instance::{Context, Descriptor, Instance};
pub use messages::{Grade, Progress};
pub use params::{Edit, Kind, Param, ParamSet};
pub use props::PropertySet;
pub use status::{Error, Result, Status};
