//! Sound in memory.

use crate::fault::Fault;

/// Sound: one vector per channel, all of one length, float, full scale ±1. Channel order is that of WAV.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    rate: u32,
    channels: Vec<Vec<f32>>,
}

impl Sound {
    /// Sound from its channels, which must be of one length; at least one channel.
    pub fn new(rate: u32, channels: Vec<Vec<f32>>) -> Result<Self, Fault> {
        let even = channels.windows(2).all(|c| c[0].len() == c[1].len());
        if rate == 0 || channels.is_empty() || !even {
            return Err(Fault::internal("sound needs a rate and channels of one length"));
        }
        Ok(Self { rate, channels })
    }

    /// Silence.
    pub fn silence(rate: u32, channels: usize, samples: usize) -> Self {
        Self { rate: rate.max(1), channels: vec![vec![0.0; samples]; channels.max(1)] }
    }

    /// Samples per second.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// The channels.
    pub fn channels(&self) -> &[Vec<f32>] {
        &self.channels
    }

    /// The channels, taken out.
    pub fn into_channels(self) -> Vec<Vec<f32>> {
        self.channels
    }

    /// Samples in each channel.
    pub fn len(&self) -> usize {
        self.channels[0].len()
    }

    /// True when no sample is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
