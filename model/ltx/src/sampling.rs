//! From noise to latents: noise that is the same everywhere ([`noise`]), levels of noise step by step ([`schedule`]).

pub mod noise;
pub mod schedule;
