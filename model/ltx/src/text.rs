//! From a prompt to what the transformer reads: the checkpoint's tokenizer ([`prompt`]), Gemma's language model ([`gemma`], with its
//! [`config`]), all of its hidden states made into features ([`features`]), and one connector per modality ([`connector`]).
//! [`duration`] guesses from the result how long a shot wants to be.
//!
//! No padding runs: hidden states of the real tokens do not depend on it. The connectors fill the rest of their sequence with
//! learned registers, so a context always has the same length and nothing of it is masked.
//!
//! In 2.0 both contexts are as wide as Gemma and the transformer projects them itself (`caption_projection`).

pub mod attention;
pub mod config;
pub mod connector;
pub mod duration;
pub mod features;
pub mod gemma;
pub mod prompt;
pub mod rotary;

use candle_core::Tensor;

use crate::checkpoint::{Checkpoint, Matrix, Part, Place, Weights};
use crate::error::{Error, Result};
use crate::lora::Adapter;
use crate::ops::is_sound;
use crate::ops::linear::Linear;
use config::GemmaConfig;
use connector::{Connector, Modality};
use features::Features;
use gemma::Gemma;
use prompt::Prompts;

/// Positions of a context, as the models were trained; a tokenizer or a model that holds fewer lowers it.
pub const LONGEST: usize = 1024;

/// A prompt as the transformer reads it.
#[derive(Clone, Debug)]
pub struct TextContext {
    /// `[length, video width]`.
    pub video: Tensor,
    /// `[length, sound width]`.
    pub audio: Tensor,
    /// Tokens of the prompt that were read, the leading `<bos>` among them.
    pub tokens: usize,
    /// The end of the prompt, for which there was no room; mostly empty.
    pub unread: String,
}

/// The text part of a checkpoint. Its matrices stay in their files.
#[derive(Debug)]
pub struct TextEncoder {
    prompts: Prompts,
    gemma: Gemma,
    features: Features,
    video: Connector,
    audio: Connector,
    length: usize,
    place: Place,
    streamed: bool,
    /// Everything that it was loaded from.
    weights: [Weights; 3],
}

impl TextEncoder {
    /// Finds and checks every tensor; nothing of them is read but norms and biases. With `streamed` a matrix's pages are
    /// given back to the system when it has been used: the encoder is then never in memory as a whole.
    pub fn load(checkpoint: &Checkpoint, place: &Place, streamed: bool) -> Result<Self> {
        // Matrices are taken in their files even where a GPU computes: each layer goes there while it runs, and the transformer
        // needs that memory afterwards.
        let (gemma, section) = checkpoint.part(Part::TextEncoder, &Place::default())?;
        let config = GemmaConfig::read(&section)?;
        let (projection, _) = checkpoint.part(Part::TextProjection, &Place::default())?;
        let (connectors, section) = checkpoint.part(Part::Transformer, &Place::default())?;
        let video = Connector::load(&connectors, &section, Modality::Video)?;
        let audio = Connector::load(&connectors, &section, Modality::Audio)?;
        let features = Features::load(&projection, &section, config.layers.len() + 1, config.hidden, [video.width(), audio.width()])?;
        let prompts = Prompts::read(checkpoint.tokenizer()?, &config)?;
        let length = LONGEST.min(config.positions);
        let model = Gemma::load(&gemma, config)?;
        let weights = [gemma, projection, connectors];
        let encoder = Self { prompts, gemma: model, features, video, audio, length, place: place.clone(), streamed, weights };
        encoder.with_length(length)
    }

    /// The same with another number of positions: the reference's `max_sequence_length`.
    pub fn with_length(self, length: usize) -> Result<Self> {
        for connector in [&self.video, &self.audio] {
            if length == 0 || !length.is_multiple_of(connector.registers()) {
                return Err(Error::Unfit(format!(
                    "a context of {length} positions is no multiple of the {} registers",
                    connector.registers()
                )));
            }
        }
        Ok(Self { length, ..self })
    }

    /// Positions of a context.
    pub fn length(&self) -> usize {
        self.length
    }

    /// A prompt's contexts. `cancel` is asked before every layer.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a weight is no number, found out by the result.
    pub fn encode(&self, prompt: &str, cancel: &dyn Fn() -> bool) -> Result<TextContext> {
        let prompt = self.prompts.tokens(prompt, self.length)?;
        let mut states = self.features.states(prompt.tokens.len());
        self.gemma.run(&prompt.tokens, &self.run(cancel), &mut |index, state| states.put(index, state))?;
        let [video, audio] = states.project(&self.run(cancel))?;
        let video = self.video.forward(&video, self.length, &self.run(cancel))?;
        let audio = self.audio.forward(&audio, self.length, &self.run(cancel))?;
        if !(is_sound(&video)? && is_sound(&audio)?) {
            let found = self.weights.iter().find_map(Weights::unsound);
            return Err(found.unwrap_or_else(|| Error::Broken("the text encoder gives values that are no numbers".into())));
        }
        Ok(TextContext { video, audio, tokens: prompt.tokens.len(), unread: prompt.unread })
    }

    /// A prompt's tokens.
    pub fn tokens(&self, prompt: &str) -> Result<Vec<u32>> {
        Ok(self.prompts.tokens(prompt, self.length)?.tokens)
    }

    /// Every hidden state of Gemma for tokens, `[tokens, hidden]` each: the embedding, each layer's output, the last one normed.
    pub fn hidden_states(&self, tokens: &[u32]) -> Result<Vec<Tensor>> {
        let mut states = Vec::new();
        self.gemma.run(tokens, &self.run(&|| false), &mut |_, state| {
            states.push(state.clone());
            Ok(())
        })?;
        Ok(states)
    }

    /// What the connectors are given for these hidden states: `[tokens, width]` for picture and sound.
    pub fn connector_inputs(&self, hidden_states: &[Tensor]) -> Result<[Tensor; 2]> {
        let tokens = hidden_states.first().map_or(0, |state| state.dims()[0]);
        let mut states = self.features.states(tokens);
        hidden_states.iter().enumerate().try_for_each(|(index, state)| states.put(index, state))?;
        states.project(&self.run(&|| false))
    }

    /// The contexts for what the connectors are given.
    pub fn connect(&self, inputs: &[Tensor; 2]) -> Result<[Tensor; 2]> {
        let run = self.run(&|| false);
        let [video, audio] = inputs;
        Ok([self.video.forward(video, self.length, &run)?, self.audio.forward(audio, self.length, &run)?])
    }

    fn run<'a>(&'a self, cancel: &'a dyn Fn() -> bool) -> Run<'a> {
        Run { place: &self.place, streamed: self.streamed, cancel }
    }
}

/// How one pass through the text models is made.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// Where it is computed.
    pub place: &'a Place,
    /// Whether pages are given back.
    pub streamed: bool,
    /// Asked before every layer.
    pub cancel: &'a dyn Fn() -> bool,
}

impl Run<'_> {
    /// An error when the job was stopped.
    pub fn check(&self) -> Result<()> {
        if (self.cancel)() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// A linear layer that is put where it is needed for one pass.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
    adapters: Vec<Adapter>,
}

impl Dense {
    /// `weight` `[outputs, inputs]` and, where the configuration has one, `bias` under a place.
    pub fn load(weights: &Weights, inputs: usize, outputs: usize, bias: bool) -> Result<Self> {
        let matrix = weights.matrix("weight", &[outputs, inputs])?;
        let bias = bias.then(|| weights.values("bias", &[outputs])).transpose()?;
        Ok(Self { matrix, bias, adapters: weights.adapters().to_vec() })
    }

    /// From what was found otherwise.
    pub fn of(matrix: Matrix, bias: Vec<f32>) -> Self {
        Self { matrix, bias: Some(bias), adapters: Vec::new() }
    }

    /// `[rows, inputs]` → `[rows, outputs]`. Each layer is run once a prompt: with a budget its pages go at once.
    pub fn forward(&self, x: &Tensor, run: &Run<'_>) -> Result<Tensor> {
        let linear = Linear::new(self.matrix.clone(), self.bias.clone(), run.place)?;
        let out = linear.adapted(&self.adapters, run.place)?.forward(x);
        if run.streamed {
            self.matrix.done_with();
        }
        out
    }

    /// Where it lies.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Its bias.
    pub fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }
}

/// `x / sqrt(mean(x²) + eps)` over the last axis, in f32 whatever `x` is stored as, times `weight` where there is one.
pub(crate) fn rms(x: &Tensor, eps: f64, weight: Option<&Tensor>) -> candle_core::Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(candle_core::DType::F32)?;
    let mean = x.sqr()?.mean_keepdim(candle_core::D::Minus1)?;
    let normed = x.broadcast_div(&(mean + eps)?.sqrt()?)?;
    let normed = match weight {
        Some(weight) => normed.broadcast_mul(&weight.to_device(x.device())?)?,
        None => normed,
    };
    normed.to_dtype(dtype)
}
