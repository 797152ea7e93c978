//! A connector: the features of a prompt, followed by learned registers up to a fixed length, through a few blocks of attention in
//! which every position reads every other.

use candle_core::Tensor;

use crate::checkpoint::{Matrix, Place, Section, Weights};
use crate::error::{Error, Result, Stage};
use crate::text::attention::{Attention, Span};
use crate::text::rotary::{Angles, Axis, Pairs};
use crate::text::{Dense, Run, rms};

/// In the root of every norm.
const EPS: f64 = 1e-6;

/// Whom a connector serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// The picture.
    Video,
    /// The sound.
    Audio,
}

/// What the transformer's configuration says of a connector.
#[derive(Clone, Copy, Debug)]
pub struct ConnectorConfig {
    /// Heads.
    pub heads: usize,
    /// Values of a head.
    pub head: usize,
    /// Blocks.
    pub layers: usize,
    /// Whether each head's output is gated.
    pub gated: bool,
    /// Whether the feed-forward layers have biases.
    pub bias: bool,
    /// Its positions.
    pub axis: Axis,
}

impl ConnectorConfig {
    /// From the transformer's section; the sound's sizes are the picture's where they are not given.
    pub fn read(section: &Section, modality: Modality) -> Result<Self> {
        let size = |key: &str, default: usize| {
            let shared = section.size_or(&format!("connector_{key}"), default)?;
            match modality {
                Modality::Video => Ok(shared),
                Modality::Audio => section.size_or(&format!("audio_connector_{key}"), shared),
            }
        };
        let longest = section.sizes_or("connector_positional_embedding_max_pos", &[1])?;
        let longest = match longest[..] {
            [longest] if longest > 0 => longest as f32,
            _ => return Err(section.wrong(format!("connector_positional_embedding_max_pos is {longest:?}, expected one number"))),
        };
        let pairs = match section.word_or("rope_type", "split")?.as_str() {
            "split" => Pairs::Split,
            "interleaved" => Pairs::Interleaved,
            other => return Err(section.wrong(format!("rope_type is {other:?}, expected split or interleaved"))),
        };
        // The model authors' loader has 10,000 whatever the file says of the transformer's own positions.
        let axis = Axis { base: 10_000.0, longest, double: section.word_or("frequencies_precision", "")? == "float64", pairs };
        let config = Self {
            heads: size("num_attention_heads", 30)?,
            head: size("attention_head_dim", 128)?,
            layers: size("num_layers", 2)?,
            gated: section.flag_or("connector_apply_gated_attention", false)?,
            bias: section.flag_or("connector_ff_bias", true)?,
            axis,
        };
        if !config.head.is_multiple_of(2) || config.heads * config.head > 1_000_000 || config.layers > 1000 {
            return Err(section.wrong(format!("{} connector layers of {} heads of {}", config.layers, config.heads, config.head)));
        }
        Ok(config)
    }
}

/// A connector. Its matrices stay in their files.
#[derive(Debug)]
pub struct Connector {
    config: ConnectorConfig,
    registers: Matrix,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
    query_norm: Tensor,
    key_norm: Tensor,
    gate: Option<Dense>,
    up: Dense,
    down: Dense,
}

impl Connector {
    /// Finds and checks every tensor among the transformer's.
    pub fn load(weights: &Weights, section: &Section, modality: Modality) -> Result<Self> {
        let config = ConnectorConfig::read(section, modality)?;
        let weights = weights.at(match modality {
            Modality::Video => "video_embeddings_connector",
            Modality::Audio => "audio_embeddings_connector",
        });
        let width = config.heads * config.head;
        let count = weights.shape("learnable_registers").and_then(|shape| shape.first().copied()).unwrap_or(1);
        let registers = weights.matrix("learnable_registers", &[count.max(1), width])?;
        let blocks = (0..config.layers).map(|i| Block::load(&weights.at(format!("transformer_1d_blocks.{i}")), &config));
        Ok(Self { config, registers, blocks: blocks.collect::<Result<_>>()? })
    }

    /// Width of what it reads and gives.
    pub fn width(&self) -> usize {
        self.config.heads * self.config.head
    }

    /// Registers; a context's length is a multiple of their number.
    pub fn registers(&self) -> usize {
        self.registers.rows()
    }

    /// `[tokens, width]` → `[length, width]`; registers take the positions after the tokens.
    pub(crate) fn forward(&self, features: &Tensor, length: usize, run: &Run<'_>) -> Result<Tensor> {
        let stage = "text connector";
        let tokens = features.dim(0).stage(stage)?;
        if tokens > length {
            return Err(Error::Unfit(format!("{tokens} tokens do not fit into a context of {length}")));
        }
        let mut x = features.clone();
        if tokens < length {
            let filler = self.filler(tokens, length, run.place).stage(stage)?;
            x = Tensor::cat(&[&x, &filler], 0).stage(stage)?;
        }
        let angles = Angles::connector(length, self.config.heads, self.config.head, &self.config.axis, run.place)?;
        for block in &self.blocks {
            run.check()?;
            x = block.forward(&x, &self.config, &angles, run)?;
        }
        rms(&x, EPS, None).stage(stage)
    }

    /// The registers of positions `from..to`: position p has register p mod their number.
    fn filler(&self, from: usize, to: usize, place: &Place) -> candle_core::Result<Tensor> {
        let (registers, width) = (self.registers.to_vec(), self.width());
        let values: Vec<f32> = (from..to).flat_map(|p| registers[p % self.registers() * width..][..width].iter().copied()).collect();
        Tensor::from_vec(values, (to - from, width), &candle_core::Device::Cpu)?.to_device(&place.device)?.to_dtype(place.dtype)
    }
}

impl Block {
    fn load(weights: &Weights, config: &ConnectorConfig) -> Result<Self> {
        let width = config.heads * config.head;
        let attention = weights.at("attn1");
        let square = |name: &str| Dense::load(&attention.at(name), width, width, true);
        Ok(Self {
            query: square("to_q")?,
            key: square("to_k")?,
            value: square("to_v")?,
            output: square("to_out.0")?,
            query_norm: attention.tensor("q_norm.weight", &[width])?,
            key_norm: attention.tensor("k_norm.weight", &[width])?,
            gate: config.gated.then(|| Dense::load(&attention.at("to_gate_logits"), width, config.heads, true)).transpose()?,
            up: Dense::load(&weights.at("ff.net.0.proj"), width, 4 * width, config.bias)?,
            down: Dense::load(&weights.at("ff.net.2"), 4 * width, width, config.bias)?,
        })
    }

    fn forward(&self, x: &Tensor, config: &ConnectorConfig, angles: &Angles, run: &Run<'_>) -> Result<Tensor> {
        let stage = "text connector";
        let normed = rms(x, EPS, None).stage(stage)?;
        let heads = |x: &Tensor| x.reshape((x.dim(0)?, config.heads, config.head));
        // The norm is over all heads together, before they part.
        let turned = |dense: &Dense, weight: &Tensor| {
            let all = dense.forward(&normed, run)?;
            rms(&all, EPS, Some(weight)).and_then(|all| angles.turn(&heads(&all)?)).stage(stage)
        };
        let (query, key) = (turned(&self.query, &self.query_norm)?, turned(&self.key, &self.key_norm)?);
        let value = self.value.forward(&normed, run).and_then(|v| heads(&v).stage(stage))?;
        let attention = Attention {
            heads: config.heads,
            key_heads: config.heads,
            head: config.head,
            scale: (config.head as f32).powf(-0.5),
            span: Span::All,
        };
        let mut read = attention.forward(&query, &key, &value)?;
        if let Some(gate) = &self.gate {
            let logits = gate.forward(&normed, run)?;
            read = gated(&read, &logits, config).stage(stage)?;
        }
        let x = (x + self.output.forward(&read, run)?).stage(stage)?;
        let normed = rms(&x, EPS, None).stage(stage)?;
        let inner = self.up.forward(&normed, run)?.gelu().stage(stage)?;
        (x + self.down.forward(&inner, run)?).stage(stage)
    }
}

/// Each head times twice the logistic function of its logit.
fn gated(read: &Tensor, logits: &Tensor, config: &ConnectorConfig) -> candle_core::Result<Tensor> {
    let (positions, width) = read.dims2()?;
    let gates = ((logits.neg()?.exp()? + 1.0)?.recip()? * 2.0)?.reshape((positions, config.heads, 1))?;
    read.reshape((positions, config.heads, config.head))?.broadcast_mul(&gates)?.reshape((positions, width))
}
