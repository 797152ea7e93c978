//! The embedding of a moment of diffusion, for decoders that are told how noisy their latent is.

use crate::checkpoint::Weights;
use crate::error::Result;
use crate::ops::activation::sigmoid;

/// Width of the sinusoids (PixArtAlphaCombinedTimestepSizeEmbeddings in the authors' package).
const SINUSOIDS: usize = 256;

/// Sinusoids, linear, SiLU, linear.
#[derive(Debug)]
pub struct TimeEmbedder {
    weights: [Vec<f32>; 2],
    biases: [Vec<f32>; 2],
    outputs: usize,
}

impl TimeEmbedder {
    /// An embedder of `outputs` values.
    pub fn load(weights: &Weights, outputs: usize) -> Result<Self> {
        let at = weights.at("timestep_embedder");
        let linear = |name: &str, inputs: usize| -> Result<(Vec<f32>, Vec<f32>)> {
            Ok((at.at(name).values("weight", &[outputs, inputs])?, at.at(name).values("bias", &[outputs])?))
        };
        let (first, second) = (linear("linear_1", SINUSOIDS)?, linear("linear_2", outputs)?);
        Ok(Self { weights: [first.0, second.0], biases: [first.1, second.1], outputs })
    }

    /// The embedding of a moment, 0 (clean) to 1000 (noise).
    pub fn embed(&self, time: f32) -> Result<Vec<f32>> {
        let half = SINUSOIDS / 2;
        let angle = |i: usize| f64::from(time) * (-(10_000f64.ln()) * i as f64 / half as f64).exp();
        let waves: Vec<f32> = (0..half).map(|i| angle(i).cos() as f32).chain((0..half).map(|i| angle(i).sin() as f32)).collect();
        let hidden: Vec<f32> = self.linear(0, &waves).into_iter().map(|x| x * sigmoid(x)).collect();
        Ok(self.linear(1, &hidden))
    }

    fn linear(&self, n: usize, x: &[f32]) -> Vec<f32> {
        let rows = self.weights[n].chunks_exact(x.len()).zip(&self.biases[n]);
        let out: Vec<f32> = rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + bias).collect();
        debug_assert_eq!(out.len(), self.outputs);
        out
    }
}
