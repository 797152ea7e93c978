//! The mean and spread of every latent channel over the training set: latents between modules are normalised by them.

use candle_core::Tensor;

use crate::checkpoint::Weights;
use crate::error::{Error, Result, Stage};

/// Mean and standard deviation per channel.
#[derive(Clone, Debug)]
pub struct Statistics {
    mean: Tensor,
    deviation: Tensor,
    values: (Vec<f32>, Vec<f32>),
}

impl Statistics {
    /// From the root of the video VAE's part.
    pub fn load(weights: &Weights, channels: usize) -> Result<Self> {
        let at = weights.at("per_channel_statistics");
        let values = (at.values("mean-of-means", &[channels])?, at.values("std-of-means", &[channels])?);
        if let Some(wrong) = values.1.iter().position(|v| !(v.is_finite() && *v > 0.0)) {
            let file = at.entry("std-of-means")?.0.label();
            let why = format!("{} is {} at channel {wrong}, expected a value above 0", at.full("std-of-means"), values.1[wrong]);
            return Err(Error::Config { file, why });
        }
        let tensor = |name: &str| at.tensor(name, &[channels]);
        Ok(Self { mean: tensor("mean-of-means")?, deviation: tensor("std-of-means")?, values })
    }

    /// As the transformer sees it, from as the VAE makes it: `[.., channels]`.
    pub fn normalise(&self, raw: &Tensor) -> Result<Tensor> {
        let [mean, deviation] = self.beside(raw)?;
        raw.broadcast_sub(&mean).and_then(|x| x.broadcast_div(&deviation)).stage("latent statistics")
    }

    /// As the VAE makes it, from as the transformer sees it: `[.., channels]`.
    pub fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        let [mean, deviation] = self.beside(latent)?;
        latent.broadcast_mul(&deviation).and_then(|x| x.broadcast_add(&mean)).stage("latent statistics")
    }

    /// Both where a tensor is, in its form.
    fn beside(&self, tensor: &Tensor) -> Result<[Tensor; 2]> {
        let like = |t: &Tensor| t.to_device(tensor.device())?.to_dtype(tensor.dtype());
        Ok([like(&self.mean).stage("latent statistics")?, like(&self.deviation).stage("latent statistics")?])
    }

    /// Means and standard deviations.
    pub fn values(&self) -> (&[f32], &[f32]) {
        (&self.values.0, &self.values.1)
    }
}
