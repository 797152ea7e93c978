//! The model as an engine.

pub mod canvas;
pub mod hearing;
pub mod plan;
