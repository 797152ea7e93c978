//! Sound: samples to latents and back.
//!
//! | from | to | by |
//! |---|---|---|
//! | samples `[n, 2]` at 16 kHz | logarithmic mel spectrum `[frames, 2, 64]` | [`mel::MelSpectrum`] |
//! | spectrum | normalised latent `[time, 128]` | [`Encoder`] |
//! | latent | spectrum of `4·time − 3` frames | [`Decoder`] |
//! | spectrum | samples at 48 kHz (24 kHz in generation 2.0), −1..1 | [`Vocoder`] |
//!
//! All of it runs on the processor in f32, wherever the transformer runs: it is a small part of the work, and the authors of the model
//! found that the vocoder in bf16 loses half of the spectrum's precision.
//!
//! # Lengths
//! A latent stands for four frames of the spectrum, the first for one: time is causal. So sound ends a few milliseconds before the
//! picture it was made with; see [`latents_for`] and [`samples_of`].

pub mod bandwidth;
pub mod blocks;
pub mod config;
pub mod decoder;
pub mod encoder;
pub mod generator;
pub mod mel;
pub mod resample;
pub mod snake;
pub mod spectrum;
pub mod statistics;
pub mod vocoder;

pub use config::Config;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use statistics::Statistics;
pub use vocoder::Vocoder;

/// Frames of the spectrum per latent.
pub const FRAMES_PER_LATENT: usize = 4;

/// Latents per second of every published model: 16,000 samples in frames of 160, four to a latent.
pub const LATENTS_PER_SECOND: f64 = 25.0;

/// Latents that go with a picture of so many frames at a rate (frames per second).
pub fn latents_for(frames: usize, rate: f64) -> usize {
    (frames as f64 / rate * LATENTS_PER_SECOND).round() as usize
}

/// Frames of the spectrum that so many latents become.
pub fn frames_of(latents: usize) -> usize {
    (latents * FRAMES_PER_LATENT).saturating_sub(FRAMES_PER_LATENT - 1)
}

/// Samples at the latents' own rate (16 kHz) that so many latents become.
pub fn samples_of(latents: usize, config: &Config) -> usize {
    frames_of(latents) * config.hop
}

/// Latents that so many samples become when they are encoded: frames are centred, so there is one more than whole hops.
pub fn latents_of(samples: usize, config: &Config) -> usize {
    samples / config.hop / FRAMES_PER_LATENT + 1
}

/// Asked between the steps of a long computation: yes stops it with [`crate::Error::Cancelled`].
pub type Cancel<'a> = &'a dyn Fn() -> bool;

/// Stops where it was asked to.
pub(crate) fn go_on(cancel: Cancel<'_>) -> crate::Result<()> {
    if cancel() { Err(crate::Error::Cancelled) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seconds_of_picture_have_126_latents() {
        assert_eq!(latents_for(121, 24.0), 126);
        assert_eq!(frames_of(126), 501);
        assert_eq!(samples_of(126, &Config::default()), 80_160);
        assert_eq!(frames_of(0), 0);
    }

    #[test]
    fn encoded_lengths_follow_the_strides() {
        // Two convolutions of stride 2, three taps, two zeros in front: n frames become (n − 1) / 2 + 1 each time.
        let halve = |n: usize| (n - 1) / 2 + 1;
        for samples in 0..5000 {
            let frames = samples / 160 + 1;
            assert_eq!(latents_of(samples, &Config::default()), halve(halve(frames)), "{samples}");
        }
    }
}
