//! From noise to latents: noise that is the same everywhere ([`noise`]), levels of noise step by step ([`schedule`]), what the model
//! is asked at each ([`model`]), how its answers are made into one ([`guidance`]), and the rules that go from one level to the next
//! ([`euler`], [`second_order`]), driven by the [`sampler`]. What is larger than the model is asked for in parts ([`tiled`]).
//!
//! Everything here is done on the CPU in f32 or better, whatever the model runs on: latents are small, and errors add up.

pub mod euler;
pub mod guidance;
pub mod model;
pub mod noise;
pub mod sampler;
pub mod schedule;
pub mod second_order;
pub mod tiled;

pub use guidance::Guidance;
pub use model::{Context, Model, Prompts};
pub use noise::Noise;
pub use sampler::{Method, Sampler, Saved, Step};

/// Something of the picture and the same of the sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// Of the picture.
    pub video: T,
    /// Of the sound.
    pub sound: T,
}

impl<T> Pair<T> {
    /// Both by reference.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { video: &self.video, sound: &self.sound }
    }

    /// Both to change.
    pub fn as_mut(&mut self) -> Pair<&mut T> {
        Pair { video: &mut self.video, sound: &mut self.sound }
    }

    /// The same done to both.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Pair<U> {
        Pair { video: f(self.video), sound: f(self.sound) }
    }

    /// Both with both of another pair.
    pub fn zip<U>(self, other: Pair<U>) -> Pair<(T, U)> {
        Pair { video: (self.video, other.video), sound: (self.sound, other.sound) }
    }
}

impl<T, E> Pair<Result<T, E>> {
    /// Both, or the first error.
    pub fn both(self) -> Result<Pair<T>, E> {
        Ok(Pair { video: self.video?, sound: self.sound? })
    }
}

#[cfg(test)]
mod tests;
