//! The arithmetic that candle lacks or has slowly, each behind a small function. On the CPU they work on f32 slices, split into
//! blocks that do not depend on the number of threads; on a GPU they are composed from candle's own operations.
//!
//! Tensors are dense, last axis fastest, and the last axis is always the channels.

pub mod activation;
pub mod attention;
pub mod conv1d;
pub mod conv2d;
pub mod conv3d;
pub mod conv_kernel;
pub mod frame;
pub mod gemm;
pub mod linear;
pub mod norm;
pub mod pixel_norm;
pub mod rope;
pub mod shuffle;
pub mod silu;
pub mod slices;
