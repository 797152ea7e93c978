//! One block: each stream attends to itself, to the text, to the other stream, and then thinks alone.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::checkpoint::Weights;
use crate::error::{Error, Result};
use crate::ops::attention::{Attend, gate_heads};
use crate::ops::linear::{Linear, Then};
use crate::ops::norm::{Norm, Rows, modulate, residual};
use crate::ops::rope::{Rope, norm_and_turn};
use crate::ops::slices;
use crate::transformer::config::{Config, Width};
use crate::transformer::levels::Modulation;

/// A stream on its way through the blocks.
#[derive(Clone, Debug)]
pub struct Side {
    /// `[tokens, channels]`.
    pub x: Tensor,
    /// What the text says, `[vectors, channels]`.
    pub context: Tensor,
    /// Nine vectors (six in 2.0) by the tokens' own levels.
    pub own: Modulation,
    /// Scale and shift of the attention between the streams, four vectors.
    pub cross: Modulation,
    /// Its gate, one vector.
    pub gate: Modulation,
    /// Shift and scale of the context, two vectors, where they depend on the level.
    pub prompt: Option<Modulation>,
    /// Where the tokens lie.
    pub rope: Arc<Rope>,
    /// When they are, in the terms of the other stream.
    pub cross_rope: Arc<Rope>,
    /// Added to the scores of the attention within the stream.
    pub bias: Option<Tensor>,
}

/// What a pass leaves out of one block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skip {
    /// Attention within the picture.
    pub video: bool,
    /// Attention within the sound.
    pub audio: bool,
    /// Attention between the two.
    pub between: bool,
}

/// One block of the joint transformer.
#[derive(Clone, Debug)]
pub struct Block {
    video: Half,
    audio: Half,
}

impl Block {
    /// The block whose tensors are under `weights`.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self { video: Half::load(weights, config, false)?, audio: Half::load(weights, config, true)? })
    }

    /// Takes both streams through the block.
    pub fn forward(&self, video: &mut Side, audio: &mut Side, skip: Skip) -> Result<()> {
        for (half, side, skip) in [(&self.video, &mut *video, skip.video), (&self.audio, &mut *audio, skip.audio)] {
            half.own(side, skip)?;
            half.text(side)?;
        }
        if !skip.between {
            self.between(video, audio)?;
        }
        self.video.think(video)?;
        self.audio.think(audio)
    }

    /// Both directions see the streams as they were before either.
    fn between(&self, video: &mut Side, audio: &mut Side) -> Result<()> {
        let (v, a) = (self.video.cross(video)?, self.audio.cross(audio)?);
        let seen = |half: &Half, side: &Side, table: &Modulation, first: usize| {
            modulate(&side.x, Norm::Rms, half.eps, Some((&table.get(first)?, &table.get(first + 1)?)))
        };
        let to_video = {
            let (q, kv) = (seen(&self.video, video, &v, 0)?, seen(&self.audio, audio, &a, 0)?);
            self.video.cross.forward(&q, &kv, Some((&video.cross_rope, &audio.cross_rope)), None)?
        };
        let to_audio = {
            let (q, kv) = (seen(&self.audio, audio, &a, 2)?, seen(&self.video, video, &v, 2)?);
            self.audio.cross.forward(&q, &kv, Some((&audio.cross_rope, &video.cross_rope)), None)?
        };
        self.video.join(video, &to_video)?;
        self.audio.join(audio, &to_audio)
    }
}

/// A stream's part of a block.
#[derive(Clone, Debug)]
struct Half {
    own: Attention,
    text: Attention,
    cross: Attention,
    feed: FeedForward,
    table: Tensor,
    prompt_table: Option<Tensor>,
    cross_table: Tensor,
    gate_table: Tensor,
    eps: f32,
}

impl Half {
    fn load(weights: &Weights, config: &Config, audio: bool) -> Result<Self> {
        let (width, other) = if audio { (&config.audio, &config.video) } else { (&config.video, &config.audio) };
        let name = |name: &str| if audio { format!("audio_{name}") } else { name.to_owned() };
        let inner = width.inner();
        let attention = |name: String, context: usize, heads: &Width| {
            Attention::load(&weights.at(name), Shape { inputs: inner, context, heads: heads.heads, head: heads.head }, config)
        };
        let rows = if config.text_modulation { 9 } else { 6 };
        let crossing = if audio { "video_to_audio_attn" } else { "audio_to_video_attn" };
        let cross = weights.tensor(format!("scale_shift_table_a2v_ca_{}", if audio { "audio" } else { "video" }), &[5, inner])?;
        Ok(Self {
            own: attention(name("attn1"), inner, width)?,
            text: attention(name("attn2"), width.context, width)?,
            // Both directions have the sound's heads: it is the narrower stream.
            cross: attention(crossing.into(), other.inner(), &config.audio)?,
            feed: FeedForward::load(&weights.at(name("ff")), inner, width.feed_bias)?,
            table: weights.tensor(name("scale_shift_table"), &[rows, inner])?,
            prompt_table: config.text_modulation.then(|| weights.tensor(name("prompt_scale_shift_table"), &[2, inner])).transpose()?,
            cross_table: cross.narrow(0, 0, 4)?.contiguous()?,
            gate_table: cross.narrow(0, 4, 1)?.contiguous()?,
            eps: config.eps,
        })
    }

    fn own(&self, side: &mut Side, skip: bool) -> Result<()> {
        let by = side.own.with(&self.table)?;
        let x = modulate(&side.x, Norm::Rms, self.eps, Some((&by.get(1)?, &by.get(0)?)))?;
        let y =
            if skip { self.own.values_alone(&x)? } else { self.own.forward(&x, &x, Some((&side.rope, &side.rope)), side.bias.as_ref())? };
        self.add(side, &y, Some(&by.get(2)?))
    }

    fn text(&self, side: &mut Side) -> Result<()> {
        let Some(table) = &self.prompt_table else {
            let y = self.text.forward(&modulate(&side.x, Norm::Rms, self.eps, None)?, &side.context, None, None)?;
            return self.add(side, &y, None);
        };
        let by = side.own.with(&self.table)?;
        let x = modulate(&side.x, Norm::Rms, self.eps, Some((&by.get(7)?, &by.get(6)?)))?;
        let (shift, scale) = match &side.prompt {
            Some(prompt) => {
                let by = prompt.with(table)?;
                (by.get(0)?, by.get(1)?)
            }
            None => (Rows::shared(&table.narrow(0, 0, 1)?)?, Rows::shared(&table.narrow(0, 1, 1)?)?),
        };
        let context = modulate(&side.context, Norm::None, self.eps, Some((&scale, &shift)))?;
        let y = self.text.forward(&x, &context, None, None)?;
        self.add(side, &y, Some(&by.get(8)?))
    }

    fn cross(&self, side: &Side) -> Result<Modulation> {
        side.cross.with(&self.cross_table)
    }

    fn join(&self, side: &mut Side, y: &Tensor) -> Result<()> {
        let gate = side.gate.with(&self.gate_table)?.get(0)?;
        self.add(side, y, Some(&gate))
    }

    fn think(&self, side: &mut Side) -> Result<()> {
        let by = side.own.with(&self.table)?;
        let x = modulate(&side.x, Norm::Rms, self.eps, Some((&by.get(4)?, &by.get(3)?)))?;
        let y = self.feed.forward(&x)?;
        self.add(side, &y, Some(&by.get(5)?))
    }

    fn add(&self, side: &mut Side, y: &Tensor, gate: Option<&Rows>) -> Result<()> {
        side.x = residual(side.x.clone(), y, gate)?;
        Ok(())
    }
}

/// Sizes of an attention.
#[derive(Clone, Copy, Debug)]
struct Shape {
    inputs: usize,
    context: usize,
    heads: usize,
    head: usize,
}

#[derive(Clone, Debug)]
struct Attention {
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    q_norm: Tensor,
    k_norm: Tensor,
    gates: Option<Linear>,
    heads: usize,
    eps: f32,
}

impl Attention {
    fn load(weights: &Weights, shape: Shape, config: &Config) -> Result<Self> {
        let inner = shape.heads * shape.head;
        Ok(Self {
            q: weights.at("to_q").linear(shape.inputs, inner, true)?,
            k: weights.at("to_k").linear(shape.context, inner, true)?,
            v: weights.at("to_v").linear(shape.context, inner, true)?,
            out: weights.at("to_out.0").linear(inner, shape.inputs, true)?,
            q_norm: weights.at("q_norm").tensor("weight", &[inner])?,
            k_norm: weights.at("k_norm").tensor("weight", &[inner])?,
            gates: config.gated.then(|| weights.at("to_gate_logits").linear(shape.inputs, shape.heads, true)).transpose()?,
            heads: shape.heads,
            eps: config.eps,
        })
    }

    /// From `x` to `context`; `ropes` are the queries' and the keys'.
    fn forward(&self, x: &Tensor, context: &Tensor, ropes: Option<(&Rope, &Rope)>, bias: Option<&Tensor>) -> Result<Tensor> {
        let k = norm_and_turn(self.k.forward(context)?, &self.k_norm, self.eps, self.heads, ropes.map(|r| r.1))?;
        let v = self.v.forward(context)?;
        by_tokens(x, |x, from| {
            let count = x.dim(0)?;
            let rope = ropes.map(|(rope, _)| rope.part(from, count)).transpose()?;
            let bias = bias.map(|b| b.narrow(0, from, count)).transpose()?;
            let gates = self.gates.as_ref().map(|g| g.forward(x)).transpose()?;
            let q = norm_and_turn(self.q.forward(x)?, &self.q_norm, self.eps, self.heads, rope.as_ref())?;
            let y = Attend { q: &q, k: &k, v: &v, heads: self.heads, bias: bias.as_ref(), gates: gates.as_ref() }.run()?;
            self.out.forward(&y)
        })
    }

    /// Each token attends to itself alone: what guidance leads away from.
    fn values_alone(&self, x: &Tensor) -> Result<Tensor> {
        let mut v = self.v.forward(x)?;
        if let Some(gates) = &self.gates {
            v = gate_heads(&v, &gates.forward(x)?, self.heads)?;
        }
        self.out.forward(&v)
    }
}

#[derive(Clone, Debug)]
struct FeedForward {
    first: Linear,
    second: Linear,
}

impl FeedForward {
    fn load(weights: &Weights, inner: usize, bias: bool) -> Result<Self> {
        // Four times as wide in every published file; the file has the last word, within reason.
        let hidden = match weights.shape("net.0.proj.weight") {
            Some([hidden, _]) if (1..=64 * inner).contains(hidden) => *hidden,
            _ => 4 * inner,
        };
        Ok(Self { first: weights.at("net.0.proj").linear(inner, hidden, bias)?, second: weights.at("net.2").linear(hidden, inner, bias)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_tokens(x, |x, _| self.second.forward(&self.first.forward_then(x, Then::Gelu)?))
    }
}

/// Tokens that go through a layer together on the processor: what a layer holds beside its input and its result is as much as these
/// need, four times their width in the feed-forward. A layer's products are computed in runs of as many rows anyway.
const TOGETHER: usize = 2048;

/// Rows of the result for some rows of `x` at a time; `f` is told which row comes first.
fn by_tokens(x: &Tensor, f: impl Fn(&Tensor, usize) -> Result<Tensor>) -> Result<Tensor> {
    let (tokens, columns) = x.dims2()?;
    if tokens <= TOGETHER || !matches!(x.device(), Device::Cpu) {
        return f(x, 0);
    }
    let mut out: Vec<f32> = Vec::new();
    let mut width = columns;
    for from in (0..tokens).step_by(TOGETHER) {
        let part = f(&x.narrow(0, from, TOGETHER.min(tokens - from))?, from)?;
        width = part.dim(1)?;
        out.reserve_exact(tokens * width - out.len());
        slices::with(&part, |values| out.extend_from_slice(values))?;
    }
    slices::tensor(out, (tokens, width))
}

/// Strengths of attention 0 to 1 as what is added to scores: their logarithm, and for "never" the lowest number there is.
pub fn bias(mask: &Tensor) -> Result<Tensor> {
    let mask = mask.to_device(&Device::Cpu)?.to_dtype(candle_core::DType::F32)?;
    let values: Vec<f32> = mask.flatten_all()?.to_vec1()?;
    if values.iter().any(|v| !(0.0..=1.0).contains(v)) {
        return Err(Error::Unfit("a mask of attention holds values outside 0 to 1".into()));
    }
    let values = values.into_iter().map(|v| if v > 0.0 { v.ln() } else { f32::MIN }).collect();
    Ok(Tensor::from_vec(values, mask.shape(), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_that_go_through_in_parts_are_those_that_go_through_at_once() {
        let x = slices::tensor((0..5000 * 3).map(|i| i as f32).collect(), (5000, 3)).unwrap();
        let calls = std::cell::RefCell::new(Vec::new());
        let y = by_tokens(&x, |part, from| {
            calls.borrow_mut().push((from, part.dim(0)?));
            // The first row's number is what the part begins with.
            assert_eq!(part.get(0)?.get(0)?.to_scalar::<f32>()?, (from * 3) as f32);
            Ok(part.narrow(1, 0, 2)?.affine(2.0, 0.0)?)
        });
        assert_eq!(*calls.borrow(), [(0, 2048), (2048, 2048), (4096, 904)]);
        let want = x.narrow(1, 0, 2).unwrap().affine(2.0, 0.0).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y.unwrap().to_vec2::<f32>().unwrap(), want);
    }
}
