//! The take store: frozen takes on disk, found by hash, held by id, published atomically.

mod claim;
mod context;
mod durable;
mod error;
pub mod exr;
mod gc;
mod halves;
pub mod home;
mod keep;
mod playback;
mod publication;
pub mod space;
mod store;
mod stored;
mod sweep;

pub use claim::{Claim, Claimed, Holder};
pub use context::Part;
pub use error::{Error, Result};
pub use gc::Collected;
pub use half::f16;
pub use halves::to_floats;
pub use home::default_root;
pub use keep::Ranked;
pub use playback::{Cache, Playback};
pub use publication::Publication;
pub use store::Store;
pub use stored::{FRAMES, MANIFEST, POSTER, SOUND, Stored, frame_name};
