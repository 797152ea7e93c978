//! The duration head of 2.5, in both layouts, against its formula written out.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use ltx::checkpoint::Checkpoint;
use ltx::text::TextContext;
use ltx::text::duration::{DurationHead, Grid};
use serde_json::json;
use support::{File, Stuff, fixture};

const WIDTH: usize = 16;
const HEADS: usize = 4;
/// Widths of the contexts, of the small network, and the number of queries.
const VIDEO: usize = 12;
const AUDIO: usize = 6;
const INNER: usize = 10;
const QUERIES: usize = 2;

/// Values from −0.4 to 0.4 that depend on a name and a place alone: small, so that the exponential at the end does not magnify rounding.
fn value(name: &str, i: usize) -> f32 {
    let seed = name.bytes().fold(7u32, |seed, b| seed.wrapping_mul(31).wrapping_add(u32::from(b)));
    (((seed ^ i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0) * 0.4
}

/// Tensors by diffusers' names.
struct Head(BTreeMap<&'static str, Vec<usize>>);

impl Head {
    fn new() -> Self {
        let square = vec![WIDTH, WIDTH];
        let mut all = BTreeMap::from([
            ("video_input_proj.weight", vec![WIDTH, VIDEO]),
            ("audio_input_proj.weight", vec![WIDTH, AUDIO]),
            ("video_modality_emb", vec![WIDTH]),
            ("audio_modality_emb", vec![WIDTH]),
            ("attention_pooler.query_tokens", vec![QUERIES, WIDTH]),
            ("attention_pooler.to_q.weight", square.clone()),
            ("attention_pooler.to_k.weight", square.clone()),
            ("attention_pooler.to_v.weight", square.clone()),
            ("attention_pooler.to_out.weight", square),
            ("mlp_hidden.weight", vec![INNER, WIDTH * QUERIES]),
            ("mlp_out.weight", vec![1, INNER]),
        ]);
        for (bias, outputs) in [
            ("video_input_proj.bias", WIDTH),
            ("audio_input_proj.bias", WIDTH),
            ("attention_pooler.to_q.bias", WIDTH),
            ("attention_pooler.to_k.bias", WIDTH),
            ("attention_pooler.to_v.bias", WIDTH),
            ("attention_pooler.to_out.bias", WIDTH),
            ("mlp_hidden.bias", INNER),
            ("mlp_out.bias", 1),
        ] {
            all.insert(bias, vec![outputs]);
        }
        Self(all)
    }

    fn stuff(&self, name: &str) -> Stuff {
        Stuff::floats(&self.0[name], (0..).map(|i| value(name, i)))
    }

    /// As diffusers writes it.
    fn apart(&self) -> File {
        File { tensors: self.0.keys().map(|name| ((*name).to_owned(), self.stuff(name))).collect(), ..File::default() }
    }

    /// As it is published: query, key and value in one matrix.
    fn packed(&self) -> File {
        let mut tensors = BTreeMap::new();
        for name in self.0.keys().filter(|name| !name.contains(".to_")) {
            tensors.insert(format!("duration_head.{name}"), self.stuff(name));
        }
        for leaf in ["weight", "bias"] {
            let [mut packed, key, value] = ["q", "k", "v"].map(|which| self.stuff(&format!("attention_pooler.to_{which}.{leaf}")));
            packed.bytes.extend(key.bytes.iter().chain(&value.bytes));
            packed.shape[0] *= 3;
            tensors.insert(format!("duration_head.attention_pooler.cross_attn.in_proj_{leaf}"), packed);
            let out = self.stuff(&format!("attention_pooler.to_out.{leaf}"));
            tensors.insert(format!("duration_head.attention_pooler.cross_attn.out_proj.{leaf}"), out);
        }
        File { tensors, ..File::default() }
    }

    fn linear(&self, name: &str, x: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let [outputs, inputs] = self.0[weight.as_str()][..] else { panic!("{name}") };
        let one = |row: &Vec<f64>, o: usize| -> f64 {
            let products = row.iter().enumerate().map(|(i, x)| x * f64::from(value(&weight, o * inputs + i)));
            products.sum::<f64>() + f64::from(value(&bias, o))
        };
        x.iter().map(|row| (0..outputs).map(|o| one(row, o)).collect()).collect()
    }

    /// Learned queries read all tokens, a small network makes the logarithm of seconds of what they found.
    fn seconds(&self, video: &[Vec<f64>], audio: &[Vec<f64>]) -> f64 {
        let mut rows = Vec::new();
        for (name, x) in [("video", video), ("audio", audio)] {
            let tag = format!("{name}_modality_emb");
            let tagged = self.linear(&format!("{name}_input_proj"), x);
            rows.extend(
                tagged.into_iter().map(|row| row.iter().enumerate().map(|(i, v)| v + f64::from(value(&tag, i))).collect::<Vec<_>>()),
            );
        }
        let queries: Vec<Vec<f64>> =
            (0..QUERIES).map(|q| (0..WIDTH).map(|i| f64::from(value("attention_pooler.query_tokens", q * WIDTH + i))).collect()).collect();
        let query = self.linear("attention_pooler.to_q", &queries);
        let (key, values) = (self.linear("attention_pooler.to_k", &rows), self.linear("attention_pooler.to_v", &rows));
        let head = WIDTH / HEADS;
        let mut pooled = vec![vec![0.0; WIDTH]; QUERIES];
        for (query, out) in query.iter().zip(&mut pooled) {
            for h in (0..WIDTH).step_by(head) {
                let score = |key: &Vec<f64>| (h..h + head).map(|i| query[i] * key[i]).sum::<f64>() / (head as f64).sqrt();
                let weights: Vec<f64> = key.iter().map(|key| score(key).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for (weight, value) in weights.iter().zip(&values) {
                    (h..h + head).for_each(|i| out[i] += weight / sum * value[i]);
                }
            }
        }
        let flat = self.linear("attention_pooler.to_out", &pooled).concat();
        let gelu = |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh());
        let hidden: Vec<f64> = self.linear("mlp_hidden", &[flat])[0].iter().map(|x| gelu(*x)).collect();
        self.linear("mlp_out", &[hidden])[0][0].exp()
    }
}

#[test]
fn both_layouts_give_the_formulas_seconds() {
    let head = Head::new();
    let folder = tempfile::tempdir().unwrap();
    let published = head.packed().write(&folder.path().join("published/head.safetensors"));
    let diffusers = head.apart().write(&folder.path().join("duration_head/diffusion_pytorch_model.safetensors"));
    let config = json!({"_class_name": "LTX2DurationHead", "num_pooler_heads": HEADS, "num_queries": QUERIES});
    std::fs::write(diffusers.with_file_name("config.json"), config.to_string()).unwrap();
    let tokens = |name: &'static str, rows: usize, width: usize| -> Vec<Vec<f64>> {
        (0..rows).map(|r| (0..width).map(|i| f64::from(value(name, r * width + i))).collect()).collect()
    };
    let (video, audio) = (tokens("video context", 9, VIDEO), tokens("audio context", 7, AUDIO));
    let tensor = |rows: &[Vec<f64>]| {
        let values: Vec<f32> = rows.concat().iter().map(|v| *v as f32).collect();
        Tensor::from_vec(values, (rows.len(), rows[0].len()), &Device::Cpu).unwrap()
    };
    let context = TextContext { video: tensor(&video), audio: tensor(&audio), tokens: 5, unread: String::new() };
    let want = head.seconds(&video, &audio);
    for file in [published, diffusers] {
        let whole = fixture("ltx-2.5/original/ltx-tiny-2.5.safetensors");
        let got = DurationHead::load(&Checkpoint::open(&[whole, file.clone()]).unwrap()).unwrap().seconds(&context).unwrap();
        assert!((got / want - 1.0).abs() < 1e-5, "{}: {got} {want}", file.display());
        assert!(Grid::at(24.0).frames(got) % 8 == 1);
    }
}
