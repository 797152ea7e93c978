//! The model as an engine.

pub mod canvas;
pub mod clip;
pub mod examine;
pub mod hearing;
pub mod lock;
pub mod plan;
