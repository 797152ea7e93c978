//! From noise levels to scales, shifts and gates ("adaptive layer norm, single": Chen et al., arXiv:2310.00426, section 2.3): one
//! small network for all blocks, to whose result each block adds a table of its own. Computed once per distinct level.

use candle_core::{Device, Tensor};

use crate::checkpoint::Weights;
use crate::error::Result;
use crate::ops::activation::silu;
use crate::ops::linear::Linear;
use crate::ops::norm::{Index, Rows};

/// Channels of the sinusoids.
const SINUSOIDS: usize = 256;

/// The network that reads noise levels.
#[derive(Clone, Debug)]
pub struct Levels {
    first: Linear,
    second: Linear,
    last: Linear,
    rows: usize,
    channels: usize,
}

impl Levels {
    /// With a result of `rows` vectors of `channels`.
    pub fn load(weights: &Weights, channels: usize, rows: usize) -> Result<Self> {
        let embedder = weights.at("emb.timestep_embedder");
        Ok(Self {
            first: embedder.at("linear_1").linear(SINUSOIDS, channels, true)?,
            second: embedder.at("linear_2").linear(channels, channels, true)?,
            last: weights.at("linear").linear(channels, rows * channels, true)?,
            rows,
            channels,
        })
    }

    /// Of levels that are scaled already (0 to 1000): the modulation, and the embedded level `[levels, channels]`.
    pub fn forward(&self, levels: &[f32], index: &Index, place: &crate::checkpoint::Place) -> Result<(Modulation, Tensor)> {
        let sinusoids = Tensor::from_vec(sinusoids(levels), (levels.len(), SINUSOIDS), &Device::Cpu)?;
        let sinusoids = sinusoids.to_device(&place.device)?.to_dtype(place.dtype)?;
        let embedded = self.second.forward(&silu(&self.first.forward(&sinusoids)?)?)?;
        let rows = self.last.forward(&silu(&embedded)?)?.reshape((levels.len(), self.rows, self.channels))?;
        Ok((Modulation { rows, index: index.clone() }, embedded))
    }

    /// The matrix that is worth reading ahead and letting go: the others are small.
    pub fn largest(&self) -> Option<&crate::checkpoint::Matrix> {
        self.last.matrix()
    }
}

/// Cosines, then sines, of rates from 1 down to 1/10000.
fn sinusoids(levels: &[f32]) -> Vec<f32> {
    const HALF: usize = SINUSOIDS / 2;
    let rate = |i: usize| (-(10_000f32.ln()) * i as f32 / HALF as f32).exp();
    let rates: Vec<f32> = (0..HALF).map(rate).collect();
    levels
        .iter()
        .flat_map(|level| rates.iter().map(move |r| (level * r).cos()).chain(rates.iter().map(move |r| (level * r).sin())))
        .collect()
}

/// Several vectors per distinct level, `[levels, vectors, channels]`.
#[derive(Clone, Debug)]
pub struct Modulation {
    rows: Tensor,
    index: Index,
}

impl Modulation {
    /// With a block's own table `[vectors, channels]` added.
    pub fn with(&self, table: &Tensor) -> Result<Self> {
        Ok(Self { rows: self.rows.broadcast_add(table)?, index: self.index.clone() })
    }

    /// The vector at a place of the list, for every token.
    pub fn get(&self, at: usize) -> Result<Rows> {
        Ok(Rows { table: self.rows.narrow(1, at, 1)?.squeeze(1)?.contiguous()?, index: self.index.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinusoids_begin_with_the_level_itself() {
        let got = sinusoids(&[0.0, 725.0]);
        assert!(got[..128].iter().all(|c| *c == 1.0) && got[128..256].iter().all(|s| *s == 0.0));
        assert!((f64::from(got[256]) - 725f64.cos()).abs() < 1e-6);
        assert!((f64::from(got[384]) - 725f64.sin()).abs() < 1e-6);
    }
}
