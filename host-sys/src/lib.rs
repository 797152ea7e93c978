//! OpenFX by bindgen and safe views over it.
