//! The video VAE: pictures to latents and back.
//!
//! A latent is `[frames, height, width, channels]`, one frame for the first picture and one for every further eight, one pixel for
//! 32×32 (of the published models; the factors follow from the block lists in the checkpoint). Pictures are
//! `[frames, height, width, 3]` in −1..1.
//!
//! Both directions work as streams in time: every convolution keeps the few frames it still needs, so frames go in and come out in
//! order, memory does not grow with the length, and the result is bit for bit that of the whole clip at once. Only where a whole
//! picture's activations do not fit the memory is a decode cut into tiles ([`Tiling`]), blended by ramps.

pub mod config;
pub mod decoder;
pub mod diffusion;
pub mod encoder;
pub mod layer;
pub mod statistics;
pub mod stream;
pub mod tiling;
pub mod time;

pub use config::{Config, Scale};
pub use decoder::Decoder;
pub use diffusion::DiffusionDecoder;
pub use encoder::Encoder;
pub use statistics::Statistics;
pub use tiling::Tiling;
