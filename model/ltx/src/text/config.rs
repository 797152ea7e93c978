//! What Gemma's configuration says, in the forms in which Hugging Face has written it: sparse and flat for Gemma 3, with
//! `rope_parameters` and `per_layer_config` for Gemma 4.
//!
//! Defaults are those of transformers 5.23 (`configuration_gemma3.py`, `configuration_gemma4_unified.py`).

use half::{bf16, f16};
use serde_json::Value;

use crate::checkpoint::Section;
use crate::checkpoint::file::Stored;
use crate::error::Result;
use crate::text::attention::Span;
use crate::text::rotary::Scaling;

/// Which Gemma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Norms stored less one; scores scaled by a constant.
    Gemma3,
    /// Values normed, scores unscaled, each layer's output scaled.
    Gemma4,
}

/// Rotary positions of one kind of layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotary {
    /// Base of the frequencies.
    pub base: f64,
    /// How they are changed.
    pub scaling: Scaling,
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerConfig {
    /// Whether it reads everything before it, not a window of it.
    pub global: bool,
    /// Key and value heads.
    pub key_heads: usize,
    /// Values of a head.
    pub head: usize,
    /// Whether values are the keys before their norm: there is no projection of their own.
    pub values_are_keys: bool,
    /// Whether keys and values are those of the last layer of this kind that had its own.
    pub reuses_keys: bool,
    /// Width between the feed-forward layer's two halves.
    pub inner: usize,
}

/// A language model.
#[derive(Clone, Debug)]
pub struct GemmaConfig {
    /// Which one.
    pub family: Family,
    /// Width of the hidden states.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Positions it was made for.
    pub positions: usize,
    /// In the root of every norm.
    pub eps: f64,
    /// In which form the model is meant to run, as far as it is said: `bfloat16`, `float32`.
    pub form: String,
    /// What scores are multiplied by.
    pub scale: f64,
    /// Positions a local layer reads.
    pub window: usize,
    /// Whether the projections of attention have biases.
    pub bias: bool,
    /// `<bos>`, should the tokenizer not know it by name.
    pub bos: Option<u32>,
    /// Positions in layers that read everything.
    pub global: Rotary,
    /// Positions in the others.
    pub local: Rotary,
    /// The layers in order.
    pub layers: Vec<LayerConfig>,
}

/// The names of the kinds of layer in files.
const GLOBAL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";

impl GemmaConfig {
    /// From the text encoder's configuration, which may hold the language model's as `text_config`.
    pub fn read(section: &Section) -> Result<Self> {
        let text = if section.has("text_config") { section.section("text_config") } else { section.clone() };
        let kind = section.word_or("model_type", "")?;
        let wrong = || section.wrong(format!("model_type is {kind:?}, expected gemma3 or gemma4_unified"));
        let family = family(&kind).ok_or_else(wrong)?;
        // Defaults that differ between the two are left out where a published file always has the key.
        let heads = text.size_or("num_attention_heads", 8)?;
        let head = text.size_or("head_dim", 256)?;
        let window = text.size_or("sliding_window", if family == Family::Gemma3 { 4096 } else { 1024 })?;
        let count = text.size("num_hidden_layers")?;
        if count > 1000 {
            return Err(text.wrong(format!("num_hidden_layers is {count}")));
        }
        let activation = text.word_or("hidden_activation", "gelu_pytorch_tanh")?;
        if activation != "gelu_pytorch_tanh" {
            return Err(text.wrong(format!("hidden_activation is {activation:?}, expected gelu_pytorch_tanh")));
        }
        if both_ways(text.value().get("use_bidirectional_attention")) {
            return Err(text.wrong("use_bidirectional_attention is set: such a Gemma encodes no prompts of this model"));
        }
        let (global, local) = match family {
            Family::Gemma3 => rotary_of_gemma3(&text)?,
            Family::Gemma4 => rotary_of_gemma4(&text)?,
        };
        Ok(Self {
            family,
            hidden: text.size("hidden_size")?,
            heads,
            vocabulary: text.size_or("vocab_size", if family == Family::Gemma3 { 262_208 } else { 262_144 })?,
            positions: text.size_or("max_position_embeddings", if family == Family::Gemma3 { 131_072 } else { 262_144 })?,
            eps: text.number_or("rms_norm_eps", 1e-6)?,
            form: section.word_or("dtype", &section.word_or("torch_dtype", &text.word_or("torch_dtype", "")?)?)?,
            scale: match family {
                Family::Gemma3 => text.number_or("query_pre_attn_scalar", 256.0)?.powf(-0.5),
                Family::Gemma4 => 1.0,
            },
            window,
            bias: text.flag_or("attention_bias", false)?,
            bos: text.value().get("bos_token_id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok()),
            global,
            local,
            layers: layers(&text, family, Shape { heads, head, count })?,
        })
    }

    /// Whether these settings are of a language model that encodes prompts for this model.
    pub fn encodes(settings: &Value) -> bool {
        settings.get("model_type").and_then(Value::as_str).and_then(family).is_some()
    }

    /// What rows of the embedding are multiplied by: the root of the width, rounded as the reference has it, which keeps the factor
    /// in the form in which the model runs. The published ones run in bf16, where 61.97 is 62. Where a file does not say, the
    /// form of its weights decides.
    pub fn embedding_scale(&self, stored: Stored) -> f32 {
        let scale = (self.hidden as f64).sqrt() as f32;
        match self.form.as_str() {
            "float32" | "float64" => scale,
            "float16" => f16::from_f32(scale).to_f32(),
            "bfloat16" => bf16::from_f32(scale).to_f32(),
            _ if matches!(stored, Stored::F32 | Stored::F64) => scale,
            _ => bf16::from_f32(scale).to_f32(),
        }
    }

    /// Who reads whom in a layer.
    pub fn span(&self, layer: &LayerConfig) -> Span {
        if layer.global { Span::Causal } else { Span::Window(self.window) }
    }
}

fn family(model_type: &str) -> Option<Family> {
    match model_type {
        "gemma3" | "gemma3_text" => Some(Family::Gemma3),
        "gemma4_unified" | "gemma4_unified_text" => Some(Family::Gemma4),
        _ => None,
    }
}

struct Shape {
    heads: usize,
    head: usize,
    count: usize,
}

fn layers(text: &Section, family: Family, shape: Shape) -> Result<Vec<LayerConfig>> {
    let mut global = kinds(text, shape.count)?;
    if family == Family::Gemma4
        && let Some(last) = global.last_mut()
    {
        *last = true;
    }
    let key_heads = text.size_or("num_key_value_heads", 4)?;
    let inner = text.size("intermediate_size")?;
    let values_are_keys = family == Family::Gemma4 && text.flag_or("attention_k_eq_v", false)?;
    let shared = if family == Family::Gemma4 && text.has("num_kv_shared_layers") {
        text.read("num_kv_shared_layers", |v| v.as_u64().map(|n| n as usize), "a whole number")?
    } else {
        0
    };
    let wide = text.flag_or("use_double_wide_mlp", false)?;
    let own = shape.count.checked_sub(shared).ok_or_else(|| text.wrong("num_kv_shared_layers is more than there are layers"))?;
    let mut layers = Vec::with_capacity(shape.count);
    for (index, global) in global.iter().copied().enumerate() {
        let mut layer = LayerConfig {
            global,
            key_heads,
            head: shape.head,
            values_are_keys: values_are_keys && global,
            reuses_keys: index >= own,
            inner: if index >= own && wide { inner * 2 } else { inner },
        };
        if family == Family::Gemma4 {
            override_layer(text, index, &mut layer)?;
        }
        if !shape.heads.is_multiple_of(layer.key_heads) {
            return Err(text.wrong(format!("{} heads of layer {index} cannot share {} key heads", shape.heads, layer.key_heads)));
        }
        if !layer.head.is_multiple_of(2) || layer.head > 16_384 || shape.heads > 16_384 {
            return Err(text.wrong(format!("{} heads of {} in layer {index}", shape.heads, layer.head)));
        }
        if layer.reuses_keys && !made_before(&layers, own, global) {
            return Err(text.wrong(format!("layer {index} reuses keys, and no layer of its kind before it has any")));
        }
        layers.push(layer);
    }
    Ok(layers)
}

fn made_before(layers: &[LayerConfig], own: usize, global: bool) -> bool {
    layers.iter().take(own).any(|layer| layer.global == global)
}

/// Which layers are global, by name or by a period of which the last is.
fn kinds(text: &Section, count: usize) -> Result<Vec<bool>> {
    if !text.has("layer_types") {
        let period = text.size_or("sliding_window_pattern", text.size_or("_sliding_window_pattern", 6)?)?;
        return Ok((1..=count).map(|n| n % period == 0).collect());
    }
    let name = |v: &Value| match v.as_str()? {
        GLOBAL => Some(true),
        LOCAL => Some(false),
        _ => None,
    };
    let kinds: Vec<bool> =
        text.read("layer_types", |v| v.as_array()?.iter().map(name).collect(), "a list of full_attention and sliding_attention")?;
    if kinds.len() != count {
        return Err(text.wrong(format!("layer_types has {} entries, num_hidden_layers is {count}", kinds.len())));
    }
    Ok(kinds)
}

/// What a global layer of Gemma 4 has otherwise: by its index, by its kind, or in the older keys.
fn override_layer(text: &Section, index: usize, layer: &mut LayerConfig) -> Result<()> {
    if text.has("per_layer_config") {
        let all = text.section("per_layer_config");
        let index = index.to_string();
        let own = if all.has(&index) { all.section(&index) } else { all.section(if layer.global { GLOBAL } else { LOCAL }) };
        layer.head = own.size_or("head_dim", layer.head)?;
        layer.key_heads = own.size_or("num_key_value_heads", layer.key_heads)?;
    } else if layer.global {
        layer.head = text.size_or("global_head_dim", 512)?;
        if layer.values_are_keys {
            layer.key_heads = text.size_or("num_global_key_value_heads", layer.key_heads)?;
        }
    }
    Ok(())
}

fn rotary_of_gemma3(text: &Section) -> Result<(Rotary, Rotary)> {
    let (base, local) = (text.number_or("rope_theta", 1e6)?, text.number_or("rope_local_base_freq", 1e4)?);
    if text.has("rope_parameters") {
        let all = text.section("rope_parameters");
        return Ok((rotary(&all.section(GLOBAL), base)?, rotary(&all.section(LOCAL), local)?));
    }
    // Before transformers 5: one scaling, of the global layers alone.
    Ok((rotary(&text.section("rope_scaling"), base)?, Rotary { base: local, scaling: Scaling::Default }))
}

fn rotary_of_gemma4(text: &Section) -> Result<(Rotary, Rotary)> {
    if text.has("rope_parameters") {
        let all = text.section("rope_parameters");
        return Ok((rotary(&all.section(GLOBAL), 1e6)?, rotary(&all.section(LOCAL), 1e4)?));
    }
    let global = Rotary { base: 1e6, scaling: Scaling::Proportional { part: 0.25, factor: 1.0 } };
    Ok((global, Rotary { base: 1e4, scaling: Scaling::Default }))
}

fn rotary(section: &Section, base: f64) -> Result<Rotary> {
    let positive = |key: &str, default: f64| {
        let value = section.number_or(key, default)?;
        if value > 0.0 { Ok(value) } else { Err(section.wrong(format!("{key} is {value}, expected more than 0"))) }
    };
    let base = positive("rope_theta", base)?;
    let part = positive("partial_rotary_factor", 1.0)?.min(1.0);
    let kind = section.word_or("rope_type", &section.word_or("type", "default")?)?;
    let scaling = match kind.as_str() {
        "default" => Scaling::Default,
        "linear" if part == 1.0 => Scaling::Linear { factor: positive("factor", 1.0)? },
        "proportional" => Scaling::Proportional { part, factor: positive("factor", 1.0)? },
        other => return Err(section.wrong(format!("rope_type is {other:?}, expected default, linear or proportional"))),
    };
    Ok(Rotary { base, scaling })
}

/// "vision" speaks of pictures only: text stays causal.
fn both_ways(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(yes)) => *yes,
        Some(Value::String(which)) => which == "all",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<GemmaConfig> {
        GemmaConfig::read(&Section::new("config.json", "text encoder", value))
    }

    #[test]
    fn the_sparse_file_of_gemma_3_means_its_defaults() {
        let text = json!({"hidden_size": 3840, "intermediate_size": 15360, "model_type": "gemma3_text", "num_attention_heads": 16,
            "num_hidden_layers": 48, "num_key_value_heads": 8, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024});
        let config = read(json!({"model_type": "gemma3", "text_config": text})).unwrap();
        assert_eq!((config.family, config.scale, config.window, config.vocabulary), (Family::Gemma3, 1.0 / 16.0, 1024, 262_208));
        assert_eq!(config.global, Rotary { base: 1e6, scaling: Scaling::Linear { factor: 8.0 } });
        assert_eq!(config.local, Rotary { base: 1e4, scaling: Scaling::Default });
        let global: Vec<usize> = (0..48).filter(|i| config.layers[*i].global).collect();
        assert_eq!(global, [5, 11, 17, 23, 29, 35, 41, 47]);
        assert!(config.layers.iter().all(|l| (l.head, l.key_heads, l.inner) == (256, 8, 15360) && !l.values_are_keys));
    }

    #[test]
    fn the_embedding_is_scaled_in_the_form_the_model_runs_in() {
        let scale = |form: &str, stored| {
            let text = json!({"hidden_size": 3840, "intermediate_size": 8, "num_hidden_layers": 1});
            read(json!({"model_type": "gemma3", "text_config": text, "torch_dtype": form})).unwrap().embedding_scale(stored)
        };
        let exact = 3840f32.sqrt();
        assert_eq!((scale("bfloat16", Stored::F32), scale("", Stored::Bf16), scale("", Stored::F8E4M3)), (62.0, 62.0, 62.0));
        assert_eq!((scale("float32", Stored::Bf16), scale("", Stored::F32)), (exact, exact));
        assert_eq!(scale("float16", Stored::Bf16), 61.96875);
    }

    #[test]
    fn global_layers_of_gemma_4_have_their_own_heads() {
        let config =
            read(json!({"model_type": "gemma4_unified_text", "hidden_size": 3840, "intermediate_size": 15360, "num_attention_heads": 16,
            "num_hidden_layers": 7, "num_key_value_heads": 8, "attention_k_eq_v": true, "num_global_key_value_heads": 2}))
            .unwrap();
        let of = |i: usize| (config.layers[i].head, config.layers[i].key_heads, config.layers[i].values_are_keys);
        assert_eq!(of(4), (256, 8, false));
        assert_eq!(of(5), (512, 2, true));
        // The last layer is global whatever the pattern says.
        assert_eq!(of(6), (512, 2, true));
        assert_eq!(config.global.scaling, Scaling::Proportional { part: 0.25, factor: 1.0 });
    }

    #[test]
    fn what_makes_no_model_is_named() {
        let base = json!({"model_type": "gemma3", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2});
        let with = |key: &str, value: Value| {
            let mut all = base.clone();
            all[key] = value;
            read(all).unwrap_err().to_string()
        };
        assert!(read(base.clone()).is_ok());
        for (key, value, part) in [
            ("model_type", json!("llama"), "expected gemma3"),
            ("num_hidden_layers", json!(0), "num_hidden_layers"),
            ("layer_types", json!(["full_attention"]), "layer_types has 1"),
            ("layer_types", json!(["full_attention", "half"]), "layer_types is"),
            ("num_key_value_heads", json!(3), "key heads"),
            ("hidden_activation", json!("silu"), "hidden_activation"),
            ("rope_scaling", json!({"rope_type": "yarn"}), "rope_type"),
            ("rope_scaling", json!({"rope_type": "linear", "factor": 0}), "factor"),
            ("use_bidirectional_attention", json!(true), "use_bidirectional_attention"),
        ] {
            let message = with(key, value);
            assert!(message.contains(part), "{key}: {message}");
        }
    }
}
