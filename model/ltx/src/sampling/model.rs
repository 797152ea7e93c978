//! Whom the sampler asks, and with which prompts. The transformer answers; tests put something simpler in its place.

use candle_core::Tensor;

use super::Pair;
use crate::error::Result;
use crate::text::TextContext;
use crate::transformer::{Pass, Transformer, Velocity};

/// What the text encoder made of a prompt: `[tokens, channels]` for each modality.
pub type Context = Pair<Tensor>;

impl From<&TextContext> for Context {
    fn from(text: &TextContext) -> Self {
        Self { video: text.video.clone(), sound: text.audio.clone() }
    }
}

/// A prompt, and what the picture must not be like.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// What is wanted.
    pub positive: Context,
    /// What is not; needed where guidance by text is on.
    pub negative: Option<Context>,
}

/// A model that sees which way the noise lies.
pub trait Model {
    /// The velocities `noise − clean` of every pass in order. All passes of a step come at once, so that each block of weights is read
    /// once a step.
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>>;
}

impl Model for Transformer {
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        self.forward(passes)
    }
}
