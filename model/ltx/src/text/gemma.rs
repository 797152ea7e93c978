//! Gemma's language model, 3 and 4, for its hidden states only: there is no cache and no output vocabulary.
//!
//! Layers are taken from the file one after another. On a GPU each goes there for the time it runs; on the CPU nothing is copied,
//! and with a budget the pages of a matrix go back to the system when it has been used, while the next layer is read ahead.

use candle_core::Tensor;

use crate::checkpoint::{Matrix, Place, Weights};
use crate::error::{Result, Stage};
use crate::text::attention::Attention;
use crate::text::config::{Family, GemmaConfig, LayerConfig};
use crate::text::rotary::Angles;
use crate::text::{Dense, Run, rms};

/// The model.
#[derive(Debug)]
pub struct Gemma {
    config: GemmaConfig,
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: Tensor,
}

#[derive(Debug)]
struct Layer {
    before_attention: Tensor,
    after_attention: Tensor,
    before_inner: Tensor,
    after_inner: Tensor,
    query: Dense,
    query_norm: Tensor,
    keys: Option<Keys>,
    output: Dense,
    gate: Dense,
    up: Dense,
    down: Dense,
    /// What the output is multiplied by; Gemma 4 alone.
    scalar: Option<f64>,
}

#[derive(Debug)]
struct Keys {
    key: Dense,
    norm: Tensor,
    value: Option<Dense>,
}

/// Keys and values that later layers reuse, by kind of layer.
type Kept = [Option<(Tensor, Tensor)>; 2];

impl Gemma {
    /// Finds and checks every tensor.
    pub fn load(weights: &Weights, config: GemmaConfig) -> Result<Self> {
        let embedding = weights.matrix("embed_tokens.weight", &[config.vocabulary, config.hidden])?;
        let layers = config.layers.iter().enumerate().map(|(i, layer)| Layer::load(&weights.at(format!("layers.{i}")), &config, layer));
        let layers = layers.collect::<Result<_>>()?;
        let norm = norm(weights, "norm", config.hidden, config.family)?;
        Ok(Self { config, embedding, layers, norm })
    }

    /// Runs tokens through all layers and hands out each hidden state, `[tokens, hidden]`, with its number: 0 is the embedding,
    /// the last is the last layer's output after the final norm.
    pub(crate) fn run(&self, tokens: &[u32], run: &Run<'_>, each: &mut dyn FnMut(usize, &Tensor) -> Result<()>) -> Result<()> {
        let mut x = self.embed(tokens, run.place)?;
        let angles = self.angles(tokens.len(), run.place)?;
        let mut kept = Kept::default();
        for (index, (layer, config)) in self.layers.iter().zip(&self.config.layers).enumerate() {
            run.check()?;
            each(index, &x)?;
            if run.streamed
                && let Some(next) = self.layers.get(index + 1)
            {
                next.dense().for_each(|dense| dense.matrix().will_need());
            }
            x = layer.forward(&x, &self.config, config, &angles[usize::from(config.global)], &mut kept, run)?;
        }
        let last = rms(&x, self.config.eps, Some(&self.norm)).stage("text encoder")?;
        each(self.layers.len(), &last)
    }

    /// Rows of the embedding times the root of the width; only the rows asked for are read.
    fn embed(&self, tokens: &[u32], place: &Place) -> Result<Tensor> {
        let scale = self.config.embedding_scale(self.embedding.stored());
        let mut scratch = Vec::new();
        let mut values = Vec::with_capacity(tokens.len() * self.config.hidden);
        for token in tokens {
            let row = *token as usize;
            values.extend(self.embedding.read(row..row + 1, &mut scratch).iter().map(|v| v * scale));
        }
        let x = Tensor::from_vec(values, (tokens.len(), self.config.hidden), &candle_core::Device::Cpu);
        x.and_then(|x| x.to_device(&place.device)?.to_dtype(place.dtype)).stage("text encoder")
    }

    /// Rotary positions of local and global layers.
    fn angles(&self, positions: usize, place: &Place) -> Result<[Angles; 2]> {
        let of = |global: bool| {
            let rotary = if global { self.config.global } else { self.config.local };
            let head = self.config.layers.iter().find(|layer| layer.global == global).map_or(2, |layer| layer.head);
            Angles::gemma(positions, head, rotary.base, rotary.scaling, place)
        };
        Ok([of(false)?, of(true)?])
    }
}

impl Layer {
    fn load(weights: &Weights, config: &GemmaConfig, layer: &LayerConfig) -> Result<Self> {
        let (hidden, width, key_width) = (config.hidden, config.heads * layer.head, layer.key_heads * layer.head);
        let attention = weights.at("self_attn");
        let projection = |name: &str, inputs, outputs| Dense::load(&attention.at(name), inputs, outputs, config.bias);
        let whole = |name: &str| norm(weights, name, hidden, config.family);
        let keys = || {
            let value = (!layer.values_are_keys).then(|| projection("v_proj", hidden, key_width)).transpose()?;
            let norm = norm(&attention, "k_norm", layer.head, config.family)?;
            Ok::<_, crate::error::Error>(Keys { key: projection("k_proj", hidden, key_width)?, norm, value })
        };
        let scalar = match config.family {
            Family::Gemma3 => None,
            Family::Gemma4 => Some(weights.values("layer_scalar", &[1])?.iter().map(|v| f64::from(*v)).sum()),
        };
        Ok(Self {
            before_attention: whole("input_layernorm")?,
            after_attention: whole("post_attention_layernorm")?,
            before_inner: whole("pre_feedforward_layernorm")?,
            after_inner: whole("post_feedforward_layernorm")?,
            query: projection("q_proj", hidden, width)?,
            query_norm: norm(&attention, "q_norm", layer.head, config.family)?,
            keys: (!layer.reuses_keys).then(keys).transpose()?,
            output: projection("o_proj", width, hidden)?,
            gate: Dense::load(&weights.at("mlp.gate_proj"), hidden, layer.inner, false)?,
            up: Dense::load(&weights.at("mlp.up_proj"), hidden, layer.inner, false)?,
            down: Dense::load(&weights.at("mlp.down_proj"), layer.inner, hidden, false)?,
            scalar,
        })
    }

    /// Its large matrices.
    fn dense(&self) -> impl Iterator<Item = &Dense> {
        let keys = self.keys.iter().flat_map(|keys| std::iter::once(&keys.key).chain(&keys.value));
        [&self.query, &self.output, &self.gate, &self.up, &self.down].into_iter().chain(keys)
    }

    fn forward(
        &self,
        x: &Tensor,
        config: &GemmaConfig,
        layer: &LayerConfig,
        angles: &Angles,
        kept: &mut Kept,
        run: &Run<'_>,
    ) -> Result<Tensor> {
        let stage = "text encoder";
        let normed = rms(x, config.eps, Some(&self.before_attention)).stage(stage)?;
        let heads = |x: &Tensor, heads: usize| x.reshape((x.dim(0)?, heads, layer.head));
        let query = self.query.forward(&normed, run)?;
        let query = heads(&query, config.heads).and_then(|q| angles.turn(&rms(&q, config.eps, Some(&self.query_norm))?)).stage(stage)?;
        let (key, value) = match &self.keys {
            Some(keys) => {
                let raw = keys.key.forward(&normed, run).and_then(|k| heads(&k, layer.key_heads).stage(stage))?;
                let value = match &keys.value {
                    Some(value) => value.forward(&normed, run).and_then(|v| heads(&v, layer.key_heads).stage(stage))?,
                    None => raw.clone(),
                };
                let value = if config.family == Family::Gemma4 { rms(&value, config.eps, None).stage(stage)? } else { value };
                let key = rms(&raw, config.eps, Some(&keys.norm)).and_then(|k| angles.turn(&k)).stage(stage)?;
                (key, value)
            }
            // The configuration was refused where no layer of this kind comes before.
            None => kept[usize::from(layer.global)]
                .clone()
                .ok_or_else(|| crate::error::Error::Unfit("keys are reused before they are made".into()))?,
        };
        let attention = Attention {
            heads: config.heads,
            key_heads: layer.key_heads,
            head: layer.head,
            scale: config.scale as f32,
            span: config.span(layer),
        };
        let read = self.output.forward(&attention.forward(&query, &key, &value)?, run)?;
        if self.keys.is_some() {
            kept[usize::from(layer.global)] = Some((key, value));
        }
        let x = rms(&read, config.eps, Some(&self.after_attention)).and_then(|read| x + read).stage(stage)?;
        let normed = rms(&x, config.eps, Some(&self.before_inner)).stage(stage)?;
        let gate = self.gate.forward(&normed, run)?.gelu().stage(stage)?;
        let inner = (gate * self.up.forward(&normed, run)?).stage(stage)?;
        let out = self.down.forward(&inner, run)?;
        let x = rms(&out, config.eps, Some(&self.after_inner)).and_then(|out| x + out).stage(stage)?;
        match self.scalar {
            Some(scalar) => (x * scalar).stage(stage),
            None => Ok(x),
        }
    }
}

/// The weight of a norm, as it multiplies: Gemma 3 stores it less one.
fn norm(weights: &Weights, name: &str, size: usize, family: Family) -> Result<Tensor> {
    let weight = weights.at(name).tensor("weight", &[size])?;
    match family {
        Family::Gemma3 => (weight + 1.0).stage("text encoder"),
        Family::Gemma4 => Ok(weight),
    }
}
