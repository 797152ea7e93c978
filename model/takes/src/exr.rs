//! Pictures as OpenEXR files.
//!
//! [`write`] makes what the store holds: half-float RGBA scan lines under lossless ZIP, with the standard attributes that other
//! programs read (`timeCode`, `framesPerSecond`, `chromaticities`, `pixelAspectRatio`). [`read`] takes those and what hosts
//! render for us: half, float or integer channels in any order, with or without alpha, any compression the crate `exr` knows,
//! tiled or not, in the first part that has colour. A data window smaller or larger than the display window is cropped or
//! filled with transparent black. Deep data and subsampled chroma are refused in words.
//!
//! No thread is started here: the plug-in reads on the host's threads, the worker writes several frames at once itself.

mod chromaticities;
mod read;
mod tags;
mod write;

pub(crate) use read::read_halves;
pub use read::{read, read_tagged};
pub use tags::{FileTags, FrameTags};
pub use write::{encode, write};

/// The largest finite half float. Brighter values are brought down to it, so that no infinity is stored.
pub const HALF_MAX: f32 = 65_504.0;

/// A value as a half float can hold it: what is not a number becomes 0.
fn storable(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(-HALF_MAX, HALF_MAX) }
}

#[cfg(test)]
mod tests;
