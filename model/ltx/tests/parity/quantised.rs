//! Smaller weights against the reference's f32: how far each form is off, stage by stage.

use std::path::Path;

use half::bf16;
use ltx::checkpoint::file::Stored;
use ltx::checkpoint::quantise::{Kind, quantise};
use ltx::checkpoint::{Checkpoint, Mapped, Matrix, Part, Place};
use ltx::sampling::Model;
use ltx::text::TextEncoder;
use ltx::transformer::{Residence, Transformer};

use crate::folder::{Folder, Rows, relative};
use crate::sampling::Run;

/// Forms, what they may be off by in one pass through the transformer, and in the text context, which is the deepest stack of layers.
const FORMS: [(Form, f64, f64); 5] = [
    (Form::Safetensors("BF16"), 0.03, 0.06),
    (Form::Safetensors("F8_E4M3"), 0.25, 0.5),
    (Form::Blocks(Kind::Q8_0), 0.03, 0.15),
    (Form::Blocks(Kind::Q6K), 0.08, 0.3),
    (Form::Blocks(Kind::Q4K), 0.35, 0.9),
];

#[derive(Clone, Copy, Debug)]
enum Form {
    /// Matrices in this form, a factor beside those of 8 bits.
    Safetensors(&'static str),
    Blocks(Kind),
}

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let Some(dump) = folder.dump("t2v") else { return };
    let run = Run::of(folder, "t2v", &dump);
    for (form, bar, text_bar) in FORMS {
        let made = tempfile::tempdir().unwrap();
        let checkpoint = convert(folder.root(), made.path(), form);
        if !takes(&checkpoint, form) {
            // Rows of this folder are shorter than a block of 256 values: they were given a form that was tried already.
            continue;
        }
        let stage = format!("{form:?}").replace("Safetensors", "").replace("Blocks", "").replace(['(', ')', '"'], "");
        let transformer = Transformer::load(&checkpoint, &Place::default(), Residence::default()).unwrap();
        let velocity = transformer.velocities(&[run.first_pass()]).unwrap().remove(0);
        rows.compare(&stage, "transformer video", &velocity.video, &run.tensor("transformer#0.out.0"), bar);
        rows.compare(&stage, "transformer sound", &velocity.audio, &run.tensor("transformer#0.out.1"), bar);
        if checkpoint.has(Part::TextEncoder) {
            let length = folder.argument("text_len").as_u64().unwrap() as usize;
            let encoder = TextEncoder::load(&checkpoint, &Place::default(), false).unwrap().with_length(length).unwrap();
            let context = encoder.encode(folder.argument("prompt").as_str().unwrap(), &|| false).unwrap();
            rows.compare(&stage, "text context video", &context.video, &run.tensor("connectors#0.out.0"), text_bar);
            rows.compare(&stage, "text context sound", &context.audio, &run.tensor("connectors#0.out.1"), text_bar);
        }
        // Something must have become smaller, or nothing was tried.
        let exact = Transformer::load(&folder.checkpoint(), &Place::default(), Residence::default()).unwrap();
        let before = exact.velocities(&[run.first_pass()]).unwrap().remove(0);
        let fixture_is_bf16 = matches!(form, Form::Safetensors("BF16"));
        assert!(fixture_is_bf16 || relative(&velocity.video, &before.video) > 0.0, "{form:?} changes nothing");
    }
}

/// Whether any weight has the form.
fn takes(checkpoint: &Checkpoint, form: Form) -> bool {
    let stored = match form {
        Form::Safetensors("BF16") => Stored::Bf16,
        Form::Safetensors(_) => Stored::F8E4M3,
        Form::Blocks(Kind::Q8_0) => Stored::Q8_0,
        Form::Blocks(Kind::Q6K) => Stored::Q6K,
        Form::Blocks(Kind::Q4K) => Stored::Q4K,
    };
    checkpoint.files().iter().flat_map(|file| file.entries().values()).any(|entry| entry.stored == Ok(stored))
}

/// The folder's single file and text encoder in another form, with what lies beside them.
fn convert(from: &Path, to: &Path, form: Form) -> Checkpoint {
    let mut paths = Vec::new();
    for folder in ["original", "diffusers/text_encoder", "diffusers/tokenizer"] {
        let (source, target) = (from.join(folder), to.join(folder));
        std::fs::create_dir_all(&target).unwrap();
        for entry in std::fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with(".safetensors") {
                std::fs::copy(&path, target.join(name)).unwrap();
            } else if !name.contains("upscaler") {
                match form {
                    Form::Safetensors(dtype) => narrow(&path, &target.join(name), dtype),
                    Form::Blocks(kind) => {
                        let output = target.join(name).with_extension("gguf");
                        let report = quantise(std::slice::from_ref(&path), &output, kind, &mut |_, _| Ok(())).unwrap();
                        assert!(report.quantised > 0, "{name}: nothing was quantised");
                    }
                }
            }
        }
        paths.push(target);
    }
    Checkpoint::open(&paths).unwrap()
}

/// A safetensors file with the matrices of blocks and layers in a smaller form.
fn narrow(source: &Path, target: &Path, dtype: &str) {
    let file = Mapped::open(source).unwrap();
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    header.insert("__metadata__".into(), serde_json::to_value(file.metadata()).unwrap());
    for (name, entry) in file.entries() {
        let layer =
            name.contains("blocks.") && name.contains("diffusion_model") || name.contains("language_model") && name.contains("layers.");
        let mut put = |name: &str, dtype: &str, shape: &[usize], bytes: Vec<u8>| {
            let start = data.len();
            data.extend(bytes);
            header.insert(name.into(), serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
        };
        match entry.stored.clone().unwrap() {
            stored if !stored.is_number() => {
                let dtype = match stored {
                    Stored::I64 => "I64",
                    Stored::I8 => "I8",
                    _ => "U8",
                };
                put(name, dtype, &entry.shape, file.bytes(entry).to_vec());
            }
            _ => {
                let values = Matrix::new(name, &file, entry, 1.0).unwrap().to_vec();
                if !(layer && entry.shape.len() == 2 && name.ends_with(".weight")) {
                    put(name, "F32", &entry.shape, values.iter().flat_map(|v| v.to_le_bytes()).collect());
                } else if dtype == "BF16" {
                    put(name, dtype, &entry.shape, values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect());
                } else {
                    let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                    let scale = largest / 448.0;
                    put(name, dtype, &entry.shape, values.iter().map(|v| nearest(*v / scale)).collect());
                    put(&format!("{name}_scale"), "F32", &[], scale.to_le_bytes().to_vec());
                }
            }
        }
    }
    let header = serde_json::to_vec(&header).unwrap();
    std::fs::write(target, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
}

/// The 8-bit float nearest to a value, by trying all.
fn nearest(value: f32) -> u8 {
    let magnitude = |byte: u8| {
        let (exponent, fraction) = (i32::from(byte >> 3), f32::from(byte & 7) / 8.0);
        if exponent == 0 { fraction * 2f32.powi(-6) } else { (1.0 + fraction) * 2f32.powi(exponent - 7) }
    };
    let best = (0..0x7f).min_by(|a, b| (magnitude(*a) - value.abs()).abs().total_cmp(&(magnitude(*b) - value.abs()).abs()));
    best.unwrap() | if value < 0.0 { 0x80 } else { 0 }
}
