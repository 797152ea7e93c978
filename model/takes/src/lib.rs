//! The take store: frozen takes on disk, found by hash, held by id, published atomically.

mod error;
pub mod exr;
pub mod space;

pub use error::{Error, Result};
