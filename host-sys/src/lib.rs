//! OpenFX by bindgen and safe views over it.

mod names;
pub mod raw;
