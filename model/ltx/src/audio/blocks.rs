//! What encoder and decoder are built of: causal convolutions, normalised residual blocks.

use rayon::prelude::*;

use crate::checkpoint::weights::Weights;
use crate::error::Result;
use crate::ops::conv2d::{Conv2d, Padding, Plane};

/// Added to the mean square, as in the reference.
const EPSILON: f32 = 1e-6;

/// A convolution that keeps the size and looks back in time only.
pub fn causal(weights: &Weights, inputs: usize, outputs: usize, side: usize) -> Result<Conv2d> {
    let reach = side - 1;
    let padding = Padding { time: (reach, 0), bins: (reach / 2, reach - reach / 2) };
    Conv2d::load(&weights.at("conv"), (inputs, outputs), side, 1, padding)
}

/// Norm, nonlinearity, convolution, twice, beside the input.
#[derive(Clone, Debug)]
pub struct Residual {
    first: Conv2d,
    second: Conv2d,
    shortcut: Option<Conv2d>,
}

impl Residual {
    /// `conv1`, `conv2` and, where the width changes, `nin_shortcut` of the place.
    pub fn load(weights: &Weights, inputs: usize, outputs: usize) -> Result<Self> {
        let shortcut = (inputs != outputs).then(|| causal(&weights.at("nin_shortcut"), inputs, outputs, 1)).transpose()?;
        let first = causal(&weights.at("conv1"), inputs, outputs, 3)?;
        Ok(Self { first, second: causal(&weights.at("conv2"), outputs, outputs, 3)?, shortcut })
    }

    /// Keeps time and bins.
    pub fn forward(&self, x: Plane) -> Plane {
        let mut hidden = self.first.forward(&activated(&x));
        normalise(&mut hidden);
        let mut out = self.second.forward(&hidden);
        let beside = match &self.shortcut {
            Some(shortcut) => shortcut.forward(&x),
            None => x,
        };
        out.values.iter_mut().zip(&beside.values).for_each(|(v, b)| *v += b);
        out
    }
}

/// A copy of a plane after norm and nonlinearity.
pub fn activated(x: &Plane) -> Plane {
    let mut x = x.clone();
    normalise(&mut x);
    x
}

/// Each position divided by the root mean square of its channels, then SiLU.
pub fn normalise(x: &mut Plane) {
    let channels = x.channels;
    x.values.par_chunks_mut(channels * 256).for_each(|rows| {
        for row in rows.chunks_exact_mut(channels) {
            let mean = row.iter().map(|v| v * v).sum::<f32>() / channels as f32;
            let root = (mean + EPSILON).sqrt();
            row.iter_mut().for_each(|v| {
                let normal = *v / root;
                *v = normal / (1.0 + (-normal).exp());
            });
        }
    });
}

/// The middle of both nets: two blocks of one width.
#[derive(Clone, Debug)]
pub struct Middle([Residual; 2]);

impl Middle {
    /// `mid` of the place.
    pub fn load(weights: &Weights, width: usize) -> Result<Self> {
        let block = |name| Residual::load(&weights.at("mid").at(name), width, width);
        Ok(Self([block("block_1")?, block("block_2")?]))
    }

    /// Keeps the size.
    pub fn forward(&self, x: Plane) -> Plane {
        self.0.iter().fold(x, |x, block| block.forward(x))
    }
}
