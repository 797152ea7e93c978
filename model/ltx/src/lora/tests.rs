//! `W + s·B·A`, and files that do not fit.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

use super::Lora;
use crate::checkpoint::{Checkpoint, Part, Place};
use crate::error::Error;
use crate::sampling::noise::{Noise, Purpose};

type Tensors<'a> = &'a [(&'a str, &'a [usize])];
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A safetensors file of noise in f32.
fn write(path: &Path, metadata: &[(&str, &str)], tensors: Tensors<'_>) -> BTreeMap<String, Vec<f32>> {
    let (mut header, mut data, mut all) = (serde_json::Map::new(), Vec::new(), BTreeMap::new());
    let metadata: BTreeMap<&str, &str> = metadata.iter().copied().collect();
    header.insert("__metadata__".into(), serde_json::to_value(metadata).unwrap());
    for (i, (name, shape)) in tensors.iter().enumerate() {
        let count = shape.iter().product::<usize>();
        let noise = Noise::new(i as u64 + 1).grid(Purpose::Pixels, [1, 1, count.max(1)], 1).unwrap();
        let mut values: Vec<f32> = noise.flatten_all().unwrap().to_vec1().unwrap();
        values.truncate(count);
        let start = data.len();
        data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        header.insert((*name).into(), serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
        all.insert((*name).to_owned(), values);
    }
    let header = serde_json::to_vec(&header).unwrap();
    std::fs::write(path, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
    all
}

struct Bench {
    folder: tempfile::TempDir,
    weights: BTreeMap<String, Vec<f32>>,
}

const LAYER: &str = "transformer_blocks.0.attn1.to_q";

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tensors: Tensors<'_> = &[
            ("model.diffusion_model.transformer_blocks.0.attn1.to_q.weight", &[200, 24]),
            ("model.diffusion_model.transformer_blocks.0.attn1.to_q.bias", &[200]),
            ("model.diffusion_model.table", &[4]),
        ];
        let metadata = [("model_version", "2.3.0"), ("config", "{\"transformer\": {}}")];
        let weights = write(&folder.path().join("model.safetensors"), &metadata, tensors);
        Self { folder, weights }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::open(&[self.path("model.safetensors")]).unwrap()
    }

    /// The layer's answer to three rows.
    fn forward(&self, checkpoint: &Checkpoint) -> Vec<f32> {
        let (weights, _) = checkpoint.part(Part::Transformer, &Place::default()).unwrap();
        let x = self.rows();
        weights.at(LAYER).linear(24, 200, true).unwrap().forward(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn rows(&self) -> Tensor {
        Noise::new(50).grid(Purpose::Pixels, [1, 1, 3], 24).unwrap()
    }
}

#[test]
fn layers_act_as_if_the_product_were_in_their_weights() {
    let bench = Bench::new();
    let (a, b) = (format!("diffusion_model.{LAYER}.lora_A.weight"), format!("diffusion_model.{LAYER}.lora_B.weight"));
    let first = write(&bench.path("first.safetensors"), &[("reference_downscale_factor", "2")], &[(&a, &[5, 24]), (&b, &[200, 5])]);
    let (down, up) = (format!("transformer.{LAYER}.lora_down.weight"), format!("transformer.{LAYER}.lora_up.weight"));
    let alpha = format!("transformer.{LAYER}.alpha");
    let second = write(&bench.path("second.safetensors"), &[], &[(&up, &[200, 2]), (&alpha, &[]), (&down, &[2, 24])]);
    let loras = ["first", "second"].map(|n| Lora::open(&bench.path(&format!("{n}.safetensors"))).unwrap());
    assert_eq!(loras.each_ref().map(|l| (l.reference_downscale, l.reference_slower)), [(2, 1), (1, 1)]);
    assert_eq!(loras[1].modules().collect::<Vec<_>>(), [LAYER]);

    let mut checkpoint = bench.checkpoint();
    let plain = bench.forward(&checkpoint);
    checkpoint.adapt(&[(&loras[0], 0.7), (&loras[1], -1.5)]).unwrap();
    let adapted = bench.forward(&checkpoint);

    // By hand in f64: W + 0.7·B·A − 1.5·alpha/2·B′·A′.
    let weight = &bench.weights[&format!("model.diffusion_model.{LAYER}.weight")];
    let bias = &bench.weights[&format!("model.diffusion_model.{LAYER}.bias")];
    let low = |b: &[f32], a: &[f32], rank: usize, o: usize, i: usize| {
        (0..rank).map(|r| f64::from(b[o * rank + r]) * f64::from(a[r * 24 + i])).sum::<f64>()
    };
    let scale = -1.5 * f64::from(second[&alpha][0]) / 2.0;
    let x = bench.rows().to_vec2::<f32>().unwrap();
    for (row, x) in x.iter().enumerate() {
        for o in 0..200 {
            let entry = |i: usize| {
                f64::from(weight[o * 24 + i])
                    + 0.7 * low(&first[&b], &first[&a], 5, o, i)
                    + scale * low(&second[&up], &second[&down], 2, o, i)
            };
            let want: f64 = f64::from(bias[o]) + (0..24).map(|i| entry(i) * f64::from(x[i])).sum::<f64>();
            let got = f64::from(adapted[row * 200 + o]);
            assert!((got - want).abs() < 2e-4 * want.abs().max(1.0), "{row} {o}: {got} {want}");
        }
    }
    assert_ne!(plain, adapted);
    // A strength of 0 changes nothing at all, and taking a LoRA twice adds it twice.
    let mut none = bench.checkpoint();
    none.adapt(&[(&loras[0], 0.0)]).unwrap();
    assert_eq!(bench.forward(&none), plain);
}

#[test]
fn the_way_for_other_devices_gives_the_same() {
    let bench = Bench::new();
    let (a, b) = (format!("{LAYER}.lora_A.weight"), format!("{LAYER}.lora_B.weight"));
    write(&bench.path("lora.safetensors"), &[], &[(&a, &[5, 24]), (&b, &[200, 5])]);
    let mut checkpoint = bench.checkpoint();
    let y = Tensor::from_vec(bench.forward(&checkpoint), (3, 200), &Device::Cpu).unwrap();
    let lora = Lora::open(&bench.path("lora.safetensors")).unwrap();
    checkpoint.adapt(&[(&lora, 0.5)]).unwrap();
    let (weights, _) = checkpoint.part(Part::Transformer, &Place::default()).unwrap();
    let placed = weights.at(LAYER).adapters()[0].place(&Place::default()).unwrap();
    let got: Vec<f32> = placed.add(&bench.rows(), &y).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    for (got, want) in got.iter().zip(bench.forward(&checkpoint)) {
        assert!((got - want).abs() < 1e-4, "{got} {want}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let bench = Bench::new();
    let (a, b) = (format!("diffusion_model.{LAYER}.lora_A.weight"), format!("diffusion_model.{LAYER}.lora_B.weight"));
    let other = "diffusion_model.transformer_blocks.99.attn1.to_q.lora_A.weight";
    let other_b = "diffusion_model.transformer_blocks.99.attn1.to_q.lora_B.weight";
    let table = ["diffusion_model.table.lora_A.weight", "diffusion_model.table.lora_B.weight"];
    let cases: [(Pairs<'_>, Tensors<'_>, &str); 7] = [
        (&[("model_version", "2.5.0")], &[(&a, &[5, 24]), (&b, &[200, 5])], "is of generation 2.5, the transformer is of 2.3"),
        (&[], &[(&a, &[5, 24])], "to_q.lora_B.weight is missing from lora.safetensors"),
        (&[], &[(&a, &[5, 25]), (&b, &[200, 5])], "to_q.lora_A.weight of lora.safetensors has the shape [5, 25]"),
        (&[], &[(&a, &[5, 24]), (&b, &[200, 6])], "to_q.lora_B.weight of lora.safetensors has the shape [200, 6]"),
        (&[], &[(&a, &[0, 24]), (&b, &[200, 0])], "lora_A.weight of lora.safetensors has the shape [0, 24]"),
        (
            &[],
            &[(other, &[5, 24]), (other_b, &[200, 5])],
            "transformer_blocks.99.attn1.to_q.weight (which lora.safetensors changes) is missing",
        ),
        (&[], &[(table[0], &[5, 24]), (table[1], &[200, 5])], "table.weight"),
    ];
    for (metadata, tensors, expected) in cases {
        let path = bench.path("lora.safetensors");
        write(&path, metadata, tensors);
        let error = bench.checkpoint().adapt(&[(&Lora::open(&path).unwrap(), 1.0)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let path = bench.path("lora.safetensors");
    write(&path, &[], &[(&a, &[5, 24]), (&b, &[200, 5])]);
    assert!(matches!(bench.checkpoint().adapt(&[(&Lora::open(&path).unwrap(), f32::NAN)]), Err(Error::Unfit(_))));
    let bare = a.replace("diffusion_model.", "");
    let cases: [(Pairs<'_>, Tensors<'_>); 5] = [
        (&[], &[]),
        (&[], &[("diffusion_model.x.dora_scale", &[3])]),
        (&[("reference_downscale_factor", "0")], &[(a.as_str(), &[5, 24])]),
        (&[("reference_temporal_scale_factor", "much")], &[(a.as_str(), &[5, 24])]),
        (&[], &[(a.as_str(), &[5, 24]), (&bare, &[5, 24])]),
    ];
    for (metadata, tensors) in cases {
        write(&path, metadata, tensors);
        assert!(matches!(Lora::open(&path), Err(Error::Damaged { .. })), "{tensors:?}");
    }
}
