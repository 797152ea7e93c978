//! What goes into a pass through the transformer, and what comes out.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::Tensor;

use crate::error::{Error, Result};

/// The noise level of every token, kept once per distinct level.
#[derive(Clone, Debug, PartialEq)]
pub struct Timesteps {
    /// The distinct levels, 0 to 1.
    pub values: Vec<f32>,
    /// Which of them each token has.
    pub index: Vec<u32>,
}

impl Timesteps {
    /// The same level for all tokens.
    pub fn uniform(sigma: f32, tokens: usize) -> Self {
        Self { values: vec![sigma], index: vec![0; tokens] }
    }

    /// A level for each token; equal ones are found.
    pub fn each(sigmas: &[f32]) -> Self {
        let mut values: Vec<f32> = Vec::new();
        let mut known = std::collections::BTreeMap::new();
        let index = sigmas
            .iter()
            .map(|sigma| {
                *known.entry(sigma.to_bits()).or_insert_with(|| {
                    values.push(*sigma);
                    (values.len() - 1) as u32
                })
            })
            .collect();
        Self { values, index }
    }
}

/// Where tokens lie: for each axis and token the start and the end of its span. Pictures have three axes, seconds, pixels down and
/// pixels across; sound has one, seconds. All in 32 bits: less makes audible echoes.
#[derive(Clone, Debug, PartialEq)]
pub struct Positions(pub Vec<Vec<(f32, f32)>>);

impl Positions {
    /// How many tokens.
    pub fn tokens(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }
}

/// One modality of a pass.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The noisy tokens, normalised, `[tokens, channels]`.
    pub tokens: Tensor,
    /// The noise level of every token.
    pub timesteps: Timesteps,
    /// The noise level of the stream as a whole; 0 for one that is given and stays as it is.
    pub sigma: f32,
    /// Where the tokens lie. Shared between steps: what is computed from it is kept.
    pub positions: Arc<Positions>,
    /// What the text says, `[vectors, channels]`.
    pub context: Tensor,
    /// Tokens that stand for a single frame: the first latent frame and keyframes to be made (2.5; others ignore it).
    pub keyframes: Option<Vec<bool>>,
    /// How strongly each token (row) attends to each other one, 0 to 1, `[tokens, tokens]`.
    pub mask: Option<Tensor>,
}

/// What a pass leaves out, so that guidance can lead away from the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Perturbation {
    /// Blocks in which the picture's tokens do not attend to each other.
    pub video: BTreeSet<usize>,
    /// The same for the sound.
    pub audio: BTreeSet<usize>,
    /// Whether picture and sound do not attend to each other, in all blocks.
    pub isolated: bool,
}

impl Perturbation {
    /// Neither modality attends to itself in these blocks.
    pub fn skip(blocks: &[usize]) -> Self {
        let blocks: BTreeSet<_> = blocks.iter().copied().collect();
        Self { video: blocks.clone(), audio: blocks, isolated: false }
    }

    /// Picture and sound do not attend to each other.
    pub fn isolate() -> Self {
        Self { isolated: true, ..Self::default() }
    }
}

/// One run through the transformer.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The picture.
    pub video: Stream,
    /// The sound.
    pub audio: Stream,
    /// What is left out.
    pub perturbation: Perturbation,
}

/// The direction from the clean tokens to noise: clean = noisy − σ·velocity, each token with its own σ.
#[derive(Clone, Debug)]
pub struct Velocity {
    /// `[tokens, channels]`.
    pub video: Tensor,
    /// `[tokens, channels]`.
    pub audio: Tensor,
}

impl Stream {
    /// Checks that everything fits: `name` is the stream's in messages.
    pub(super) fn check(&self, name: &str, channels: usize, context: usize, axes: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::Unfit(format!("the {name} stream: {what}")));
        let tokens = match self.tokens.dims() {
            [tokens, c] if *c == channels && *tokens > 0 => *tokens,
            other => return wrong(format!("tokens of shape {other:?}, the model takes [tokens, {channels}]")),
        };
        if self.timesteps.index.len() != tokens {
            return wrong(format!("{tokens} tokens and {} noise levels", self.timesteps.index.len()));
        }
        if self.timesteps.index.iter().any(|i| *i as usize >= self.timesteps.values.len()) {
            return wrong("a token's noise level is not among those given".into());
        }
        if self.positions.0.len() != axes || self.positions.0.iter().any(|axis| axis.len() != tokens) {
            let lengths: Vec<_> = self.positions.0.iter().map(Vec::len).collect();
            return wrong(format!("positions of {lengths:?} tokens by axis, expected {axes} axes of {tokens}"));
        }
        match self.context.dims() {
            [n, c] if *n > 0 && *c == context => {}
            other => return wrong(format!("a context of shape {other:?}, the model takes [vectors, {context}]")),
        }
        if let Some(keyframes) = &self.keyframes
            && keyframes.len() != tokens
        {
            return wrong(format!("{tokens} tokens and {} keyframe marks", keyframes.len()));
        }
        match &self.mask {
            Some(mask) if mask.dims() != [tokens, tokens] => wrong(format!("{tokens} tokens and a mask of shape {:?}", mask.dims())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_levels_are_kept_once() {
        let levels = [0.5, 0.0, 0.5, 0.1, 0.0];
        let found = Timesteps::each(&levels);
        assert_eq!(found.values, [0.5, 0.0, 0.1]);
        let back: Vec<_> = found.index.iter().map(|i| found.values[*i as usize]).collect();
        assert_eq!(back, levels);
    }
}
