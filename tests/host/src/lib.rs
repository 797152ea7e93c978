//! An OpenFX host for the tests: it loads the bundle that ships, sends it every action in every context, and can be a bad host.
//!
//! Life of a test:
//!
//! 1. [`Host::new`] with [`Quirks`]: a polite host, one of the field's ([`Quirks::resolve`], [`Quirks::mlt`] …), or one that lacks
//!    suites, functions and properties.
//! 2. [`Host::open`] loads a copy of the built bundle, so that every test has a plug-in with statics of its own.
//! 3. [`Plugin::meet`] loads and describes; [`Plugin::create`] makes an [`Instance`] in a project ([`Setup`]) with [`TestClip`]s
//!    connected, whose frames tell their time.
//! 4. The instance is driven: [`Instance::set`], [`Instance::press`], [`Instance::render`] …
//! 5. [`Host::violations`] says which rules of the standard the plug-in broke on the way: handles used after their life, images not
//!    released, params set in render, pixels written outside the window, guards around pictures overwritten. Strings that the host
//!    lends turn into `#` at the next suite call.
//!
//! Threads: a host, a plug-in and an instance can be shared; an action runs on the thread that sends it.
//!
//! It refuses to follow a pointer that a plug-in gave as a handle, and to know the plug-in's insides.

pub mod buffer;
pub mod bundle;
pub mod child;
pub mod cuda;
pub mod describe;
pub mod effect;
pub mod elf;
pub mod exercise;
pub mod flow;
pub mod host;
pub mod instance;
pub mod param;
pub mod picture;
pub mod processes;
pub mod props;
pub mod quirks;
pub mod record;
mod registry;
pub mod render;
mod schema;
#[cfg(test)]
mod selftest;
mod state;
pub mod status;
pub mod suites;

pub use buffer::{Buffer, Components, Depth, Format, Rect, Rows};
pub use bundle::Bundle;
pub use describe::Description;
pub use effect::{Alpha, FROM, SOURCE, SOURCE_FROM, SOURCE_TO, Setup, TO};
pub use host::{Host, Plugin};
/// The standard's names.
pub use host_sys::raw;
pub use instance::Instance;
pub use param::Value;
pub use picture::{Area, TestClip};
pub use props::Values;
pub use quirks::{Claim, Context, ImageFault, Quirks, StrChoice};
pub use record::Record;
pub use render::{Field, RenderArgs, RenderedImage};
pub use status::Status;
