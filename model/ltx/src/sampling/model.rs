//! What the sampler asks of a model. The transformer answers; tests put something simpler in its place.

use candle_core::Tensor;

use super::Pair;
use crate::conditioning::State;
use crate::error::Result;

/// What the text encoder made of a prompt: `[tokens, channels]` for each modality.
pub type Context = Pair<Tensor>;

/// A prompt, and what the picture must not be like.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// What is wanted.
    pub positive: Context,
    /// What is not; needed where guidance by text is on.
    pub negative: Option<Context>,
}

/// What is left out of the transformer in a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Perturbation {
    /// Blocks in which self-attention passes its values through, by modality.
    pub blocks: Pair<Vec<usize>>,
    /// Whether picture and sound do not look at each other, in any block.
    pub isolated: bool,
}

/// The tokens of one modality at one level of noise.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// Positions, masks, keyframes; its `latent` is not what is asked about.
    pub state: &'a State,
    /// What is asked about: `[tokens, channels]`.
    pub latent: &'a Tensor,
    /// How strongly tokens look at each other, where that was asked for: `[tokens, tokens]`.
    pub attention: Option<&'a Tensor>,
    /// The level of noise; 0 of a frozen modality.
    pub sigma: f32,
}

/// One pass through the model.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Picture and sound.
    pub tokens: Pair<Tokens<'a>>,
    /// The prompt.
    pub context: &'a Context,
    /// What is left out.
    pub perturbation: &'a Perturbation,
}

/// A model that sees which way the noise lies.
pub trait Model {
    /// The velocities `noise − clean`, `[tokens, channels]`, of every pass in order. All passes of a step come at once, so that each
    /// block of weights is read once a step.
    fn velocities(&self, queries: &[Query<'_>]) -> Result<Vec<Pair<Tensor>>>;
}
