//! Pictures: latents and back.

pub mod diffusion;
