//! All hidden states of Gemma made into what the connectors read.
//!
//! 2.0 ("V1") brings each layer to mean 0 and range 8 over the whole prompt and has one projection for both modalities; 2.3 and
//! later ("V2") bring each token of each layer to norm 1 and have one projection per modality. Which of them a checkpoint needs is
//! said by the `caption_proj…` keys of the transformer's configuration, as the model authors' own loader has it.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::checkpoint::{Section, Weights};
use crate::error::{Result, Stage};
use crate::ops::gemm::{Grid, View, gemm};
use crate::ops::slices;
use crate::text::{Dense, Run};

/// Outputs of a projection that are computed together. Few: a row has as many inputs as all layers together, and each thread holds
/// a block in f32.
const BLOCK: usize = 16;
/// In the root and in the range, against division by zero.
const EPS: f64 = 1e-6;

/// The projections.
#[derive(Debug)]
pub struct Features {
    kind: Kind,
    layers: usize,
    hidden: usize,
}

#[derive(Debug)]
enum Kind {
    /// Shared by both modalities, as wide as Gemma.
    V1(Dense),
    /// Picture and sound.
    V2([Dense; 2]),
}

impl Features {
    /// `layers` hidden states (one more than Gemma has layers), each `hidden` wide; `widths` of the connectors for picture and sound.
    pub fn load(weights: &Weights, transformer: &Section, layers: usize, hidden: usize, widths: [usize; 2]) -> Result<Self> {
        let inputs = layers * hidden;
        let kind = if is_second(transformer)? {
            let one = |name: &str, outputs| Dense::load(&weights.at(name), inputs, outputs, true);
            Kind::V2([one("video_aggregate_embed", widths[0])?, one("audio_aggregate_embed", widths[1])?])
        } else {
            if widths != [hidden; 2] {
                return Err(transformer.wrong(format!("the connectors are {widths:?} wide, the text projection {hidden}")));
            }
            Kind::V1(Dense::load(&weights.at("aggregate_embed"), inputs, hidden, false)?)
        };
        Ok(Self { kind, layers, hidden })
    }

    /// An empty table for the hidden states of so many tokens.
    pub(crate) fn states(&self, tokens: usize) -> States<'_> {
        States { features: self, values: vec![0.0; tokens * self.hidden * self.layers], tokens }
    }
}

/// Hidden states side by side, `[tokens, hidden, layers]`: the one large table of the text path, 0.75 GiB for 1,024 tokens.
pub(crate) struct States<'a> {
    features: &'a Features,
    values: Vec<f32>,
    tokens: usize,
}

impl States<'_> {
    /// Norms a hidden state and puts it into its column.
    pub fn put(&mut self, layer: usize, state: &Tensor) -> Result<()> {
        let (layers, hidden) = (self.features.layers, self.features.hidden);
        let first = matches!(self.features.kind, Kind::V1(_));
        let state = state.to_device(&Device::Cpu).stage("text features")?;
        slices::with(&state, |state| {
            let (mean, factor) = if first { over_prompt(state) } else { (0.0, 1.0) };
            for (token, row) in state.chunks_exact(hidden).enumerate() {
                let factor = if first { factor } else { over_token(row) };
                let out = &mut self.values[token * hidden * layers..][..hidden * layers];
                for (value, out) in row.iter().zip(out.iter_mut().skip(layer).step_by(layers)) {
                    *out = ((f64::from(*value) - mean) * factor) as f32;
                }
            }
        })
    }

    /// What the connectors read, `[tokens, width]` for picture and sound.
    pub fn project(self, run: &Run<'_>) -> Result<[Tensor; 2]> {
        let hidden = self.features.hidden as f64;
        match &self.features.kind {
            Kind::V1(dense) => {
                let both = self.through(dense, 1.0, run)?;
                Ok([both.clone(), both])
            }
            Kind::V2([video, audio]) => {
                // The reference scales the inputs; scaling the products is the same and needs no second table.
                let scale = |dense: &Dense| (dense.matrix().rows() as f64 / hidden).sqrt() as f32;
                Ok([self.through(video, scale(video), run)?, self.through(audio, scale(audio), run)?])
            }
        }
    }

    fn through(&self, dense: &Dense, scale: f32, run: &Run<'_>) -> Result<Tensor> {
        run.check()?;
        let (inputs, outputs) = (dense.matrix().columns(), dense.matrix().rows());
        let zeros = vec![0.0; outputs];
        let bias = dense.bias().unwrap_or(&zeros);
        let out = if matches!(run.place.device, Device::Cpu) {
            let mut out = vec![0.0; self.tokens * outputs];
            let x = View::rows(&self.values, self.tokens, inputs);
            Grid::new(&mut out, self.tokens, outputs, BLOCK).blocks().into_par_iter().for_each_init(
                Vec::new,
                |scratch, (start, mut block)| {
                    let end = (start + BLOCK).min(outputs);
                    let weights = View::rows(dense.matrix().read(start..end, scratch), end - start, inputs).transposed();
                    gemm(&mut block, x, weights, false);
                    for row in 0..self.tokens {
                        block.row(row).iter_mut().zip(&bias[start..end]).for_each(|(value, bias)| *value = *value * scale + bias);
                    }
                },
            );
            slices::tensor(out, (self.tokens, outputs))?
        } else {
            let on = |values: Vec<f32>, shape: (usize, usize)| {
                Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(run.place.dtype)?.to_device(&run.place.device)
            };
            let x = on(self.values.iter().map(|v| v * scale).collect(), (self.tokens, inputs)).stage("text features")?;
            dense.forward(&x, run)?
        };
        if run.streamed {
            dense.matrix().done_with();
        }
        Ok(out)
    }
}

/// Mean of all values and 8 / (largest − smallest).
fn over_prompt(state: &[f32]) -> (f64, f64) {
    let sum: f64 = state.iter().map(|v| f64::from(*v)).sum();
    let (least, most) = state.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), v| (least.min(*v), most.max(*v)));
    (sum / (state.len() as f64 + EPS), 8.0 / (f64::from(most - least) + EPS))
}

/// One over the root mean square.
fn over_token(row: &[f32]) -> f64 {
    let squares: f64 = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    (squares / row.len() as f64 + EPS).sqrt().recip()
}

/// Whether the configuration asks for V2; some of its keys without the others are a kind that nobody knows.
fn is_second(transformer: &Section) -> Result<bool> {
    const KEYS: [(&str, bool); 4] = [
        ("caption_proj_before_connector", true),
        ("caption_projection_first_linear", false),
        ("caption_proj_input_norm", false),
        ("caption_projection_second_linear", false),
    ];
    if KEYS.iter().all(|(key, _)| !transformer.has(key)) {
        return Ok(false);
    }
    for (key, expected) in KEYS {
        let got = transformer.read(key, serde_json::Value::as_bool, "true or false")?;
        if got != expected {
            return Err(transformer.wrong(format!("{key} is {got}: a text projection of an unknown kind")));
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_prompt_is_brought_to_mean_0_and_range_8() {
        let state: Vec<f32> = (0..40).map(|i| (i * i % 17) as f32 - 3.0).collect();
        let (mean, factor) = over_prompt(&state);
        let normed: Vec<f64> = state.iter().map(|v| (f64::from(*v) - mean) * factor).collect();
        let (least, most) = normed.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(normed.iter().sum::<f64>().abs() < 1e-5 && (most - least - 8.0).abs() < 1e-5);
        assert_eq!(over_token(&[3.0, 3.0, -3.0]), (9.0f64 + EPS).sqrt().recip());
    }

    #[test]
    fn the_kind_is_read_from_four_keys_together() {
        let kind = |value| is_second(&Section::new("f", "transformer", value));
        assert!(!kind(json!({"num_layers": 2})).unwrap());
        let all = json!({"caption_proj_before_connector": true, "caption_projection_first_linear": false,
            "caption_proj_input_norm": false, "caption_projection_second_linear": false});
        assert!(kind(all.clone()).unwrap());
        let mut other = all.clone();
        other["caption_proj_input_norm"] = json!(true);
        assert!(kind(other).unwrap_err().to_string().contains("caption_proj_input_norm"));
        assert!(kind(json!({"caption_proj_before_connector": true})).unwrap_err().to_string().contains("is missing"));
    }
}
