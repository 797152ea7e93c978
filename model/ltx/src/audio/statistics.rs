//! Between latents as the VAE has them (raw) and as the transformer sees them (normalised): mean and deviation of each of the packed
//! values over the training set.

use candle_core::Tensor;

use crate::checkpoint::weights::Weights;
use crate::error::{Error, Result};
use crate::ops::slices;

/// Mean and deviation per value of a latent.
#[derive(Clone, Debug)]
pub struct Statistics {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Statistics {
    /// `per_channel_statistics` of the sound VAE, for latents of so many values.
    pub fn load(weights: &Weights, width: usize) -> Result<Self> {
        let weights = weights.at("per_channel_statistics");
        let mean = weights.values("mean-of-means", &[width])?;
        let deviation = weights.values("std-of-means", &[width])?;
        if let Some(wrong) = deviation.iter().position(|d| !(d.is_finite() && *d > 0.0)) {
            let (file, _) = weights.entry("std-of-means")?;
            let why = format!("{} is {} at {wrong}, expected a deviation above 0", weights.full("std-of-means"), deviation[wrong]);
            return Err(Error::Config { file: file.label(), why });
        }
        Ok(Self { mean, deviation })
    }

    /// Values of a latent.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Raw `[time, width]` → normalised.
    pub fn normalise(&self, raw: &Tensor) -> Result<Tensor> {
        self.each(raw, |v, mean, deviation| (v - mean) / deviation)
    }

    /// Normalised `[time, width]` → raw.
    pub fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        self.each(latent, |v, mean, deviation| v * deviation + mean)
    }

    fn each(&self, x: &Tensor, f: impl Fn(f32, f32, f32) -> f32) -> Result<Tensor> {
        let width = self.width();
        if x.dims().last() != Some(&width) {
            return Err(Error::Unfit(format!("latents of sound have the shape {:?}, the last axis must be {width}", x.dims())));
        }
        let values = slices::with(x, |x| {
            let rows = x.chunks_exact(width);
            let mut out = Vec::with_capacity(x.len());
            rows.for_each(|row| out.extend(row.iter().zip(&self.mean).zip(&self.deviation).map(|((v, m), d)| f(*v, *m, *d))));
            out
        })?;
        slices::tensor(values, x.dims())
    }
}
