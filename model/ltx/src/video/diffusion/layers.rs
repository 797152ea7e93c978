//! The layers of the diffusion decoder, on frames `[places, channels]`.

use candle_core::{D, DType, Device, Tensor};

use super::neighbourhood::Rows;
use super::rotary::Rotary;
use crate::checkpoint::weights::{Place, Weights};
use crate::error::Result;
use crate::ops::linear::Linear;

/// Added to the mean square of every norm.
const EPSILON: f64 = 1e-6;

/// Places whose hidden values of an MLP exist at once: they are four times as wide as the frame.
pub const TOKENS: usize = 16_384;

/// Division by the root mean square, then a weight per channel.
#[derive(Clone, Debug)]
pub struct Norm(Tensor);

impl Norm {
    /// `weight` of the place.
    pub fn load(weights: &Weights, channels: usize) -> Result<Self> {
        Ok(Self(weights.tensor("weight", &[channels])?))
    }

    /// Over the last axis.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = x.to_dtype(DType::F32)?;
        let mean = wide.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = wide.broadcast_div(&(mean + EPSILON)?.sqrt()?)?;
        Ok(normal.to_dtype(x.dtype())?.broadcast_mul(&self.0)?)
    }
}

/// A linear layer whose result is multiplied by a gate in some files (the others have it folded into the weights).
#[derive(Clone, Debug)]
pub struct Gated {
    linear: Linear,
    gate: Option<Tensor>,
}

impl Gated {
    /// `linear`, with the gate `name` of the block where its file has one.
    pub fn new(linear: Linear, block: &Weights, name: &str, outputs: usize) -> Result<Self> {
        let gate = block.has(name).then(|| block.tensor(name, &[outputs])).transpose()?;
        Ok(Self { linear, gate })
    }

    /// `[places, inputs]` → `[places, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.linear.forward(x)?;
        match &self.gate {
            Some(gate) => Ok(y.broadcast_mul(gate)?),
            None => Ok(y),
        }
    }
}

/// Queries, keys, values and the way out of neighbourhood attention.
#[derive(Clone, Debug)]
pub struct Attention {
    projection: Projection,
    query_norm: Norm,
    key_norm: Norm,
    out: Gated,
    /// Channels.
    pub channels: usize,
    /// Heads.
    pub heads: usize,
}

/// The authors' files have the three in one, diffusers' apart.
#[derive(Clone, Debug)]
enum Projection {
    Fused(Linear),
    Apart(Box<[Linear; 3]>),
}

impl Attention {
    /// `attn` of a block.
    pub fn load(block: &Weights, channels: usize, head: usize) -> Result<Self> {
        let weights = block.at("attn");
        let square = |name: &str| weights.at(name).linear(channels, channels, true);
        let projection = if weights.has("qkv.weight") {
            Projection::Fused(weights.at("qkv").linear(channels, 3 * channels, true)?)
        } else if weights.has("qkv.to_q.weight") {
            Projection::Apart(Box::new([square("qkv.to_q")?, square("qkv.to_k")?, square("qkv.to_v")?]))
        } else {
            Projection::Apart(Box::new([square("to_q")?, square("to_k")?, square("to_v")?]))
        };
        let norm = |ours: &str, theirs: &str| Norm::load(&weights.at(either(&weights, ours, theirs)), head);
        let out = square(either(&weights, "proj", "to_out.0"))?;
        Ok(Self {
            projection,
            query_norm: norm("q_norm", "norm_q")?,
            key_norm: norm("k_norm", "norm_k")?,
            out: Gated::new(out, block, "gate_msa", channels)?,
            channels,
            heads: channels / head,
        })
    }

    /// Queries (with the scale), keys and values of one frame.
    pub fn project(&self, x: &Tensor, rotary: &Rotary, frame: usize) -> Result<[Rows; 3]> {
        let [q, k, v] = match &self.projection {
            Projection::Apart(apart) => {
                let [q, k, v] = apart.as_ref();
                [q.forward(x)?, k.forward(x)?, v.forward(x)?]
            }
            Projection::Fused(linear) => {
                let all = linear.forward(x)?;
                let part = |i: usize| all.narrow(1, i * self.channels, self.channels)?.contiguous();
                [part(0)?, part(1)?, part(2)?]
            }
        };
        let head = self.channels / self.heads;
        let normal = |x: Tensor, norm: &Norm| norm.forward(&x.reshape((x.dim(0)?, self.heads, head))?);
        let queries = (normal(q, &self.query_norm)? * (head as f64).powf(-0.5))?;
        let turned = |x: &Tensor| rotary.turn(x, frame)?.reshape((x.dim(0)?, self.channels)).map_err(Into::into).and_then(Rows::new);
        Ok([turned(&queries)?, turned(&normal(k, &self.key_norm)?)?, Rows::new(v)?])
    }

    /// The way out.
    pub fn out(&self, x: &Tensor) -> Result<Tensor> {
        self.out.forward(x)
    }
}

/// The first of two names under which something is there; the second where neither is, so that the error names it.
fn either<'a>(weights: &Weights, ours: &'a str, theirs: &'a str) -> &'a str {
    if weights.has(format!("{ours}.weight")) { ours } else { theirs }
}

/// `down(silu(gate(x)) · up(x))`.
#[derive(Clone, Debug)]
pub struct Mlp {
    gate: Linear,
    up: Linear,
    down: Gated,
}

impl Mlp {
    /// `mlp` of a block.
    pub fn load(block: &Weights, channels: usize) -> Result<Self> {
        let weights = block.at("mlp");
        let hidden = (channels * 4).next_multiple_of(16);
        let linear = |name: &str, inputs, outputs| {
            let place = weights.at(name);
            place.linear(inputs, outputs, place.has("bias"))
        };
        let down = linear("w_down", hidden, channels)?;
        Ok(Self {
            gate: linear("w_gate", channels, hidden)?,
            up: linear("w_up", channels, hidden)?,
            down: Gated::new(down, block, "gate_mlp", channels)?,
        })
    }

    /// Keeps the shape `[places, channels]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let places = x.dim(0)?;
        let part = |start: usize| {
            let x = x.narrow(0, start, TOKENS.min(places - start))?;
            let hidden = (self.gate.forward(&x)?.silu()? * self.up.forward(&x)?)?;
            self.down.forward(&hidden)
        };
        let parts: Vec<Tensor> = (0..places).step_by(TOKENS).map(part).collect::<Result<_>>()?;
        match <[Tensor; 1]>::try_from(parts) {
            Ok([one]) => Ok(one),
            Err(parts) => Ok(Tensor::cat(&parts, 0)?),
        }
    }
}

/// A linear layer whose channels become places: `[rows·columns, inputs]` → `time` frames of `[rows·up·columns·up, outputs]`.
#[derive(Clone, Debug)]
pub struct StepUp {
    linear: Linear,
    outputs: usize,
    up: [usize; 3],
}

impl StepUp {
    /// `proj` of the place.
    pub fn load(weights: &Weights, inputs: usize, outputs: usize, up: [usize; 3]) -> Result<Self> {
        let linear = weights.at("proj").linear(inputs, outputs * up.iter().product::<usize>(), true)?;
        Ok(Self { linear, outputs, up })
    }

    /// The frames that one becomes.
    pub fn forward(&self, x: &Tensor, [rows, columns]: [usize; 2]) -> Result<Vec<Tensor>> {
        let [time, down, across] = self.up;
        let x = self.linear.forward(x)?.reshape(vec![rows, columns, self.outputs, time, down, across])?;
        let x = x.permute(vec![3, 0, 4, 1, 5, 2])?.contiguous()?;
        let x = x.reshape((time, rows * down * columns * across, self.outputs))?;
        (0..time).map(|frame| Ok(x.get(frame)?)).collect()
    }
}

/// The time of a step to the modulation that all blocks share.
#[derive(Clone, Debug)]
pub struct TimeEmbedding {
    first: Linear,
    second: Linear,
    modulation: Linear,
    channels: usize,
}

/// Values of the sinusoids.
const SINUSOIDS: usize = 256;
/// Rows of a modulation: scale, shift and gate of attention, the same of the MLP, gate of the context.
pub const MODULATIONS: usize = 7;

impl TimeEmbedding {
    /// `t_embedder` and `shared_adaln` of the place.
    pub fn load(weights: &Weights, time: usize, channels: usize) -> Result<Self> {
        let embedder = weights.at("t_embedder");
        let linear = |ours: &str, theirs: &str, inputs| embedder.at(either(&embedder, ours, theirs)).linear(inputs, time, true);
        Ok(Self {
            first: linear("mlp.0", "timestep_embedder.linear_1", SINUSOIDS)?,
            second: linear("mlp.2", "timestep_embedder.linear_2", time)?,
            modulation: weights.at("shared_adaln.proj").linear(time, MODULATIONS * channels, true)?,
            channels,
        })
    }

    /// `[7, channels]` at a time (already scaled).
    pub fn forward(&self, time: f64, place: &Place) -> Result<Tensor> {
        let half = SINUSOIDS / 2;
        // In f32, as the reference multiplies.
        let rate = |i: usize| (-(10_000f32.ln()) * i as f32 / half as f32).exp();
        let angle = |i: usize| time as f32 * rate(i);
        let waves: Vec<f32> = (0..half).map(|i| angle(i).cos()).chain((0..half).map(|i| angle(i).sin())).collect();
        let waves = Tensor::from_vec(waves, (1, SINUSOIDS), &Device::Cpu)?.to_device(&place.device)?.to_dtype(place.dtype)?;
        let embedded = self.second.forward(&self.first.forward(&waves)?.silu()?)?;
        Ok(self.modulation.forward(&embedded.silu()?)?.reshape((MODULATIONS, self.channels))?)
    }
}
