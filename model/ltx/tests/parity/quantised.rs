//! Smaller weights against the reference's f32: how far each form is off, stage by stage, and whether that is what the form allows.
//!
//! What it allows is measured, not guessed. The weights themselves may be off by what rounding to the form's steps costs
//! ([`Form::step`]). A stage may then be off by no more than [`ROOM`] times what noise of just these steps in the same weights does to
//! it: that is how much this stage of this model makes of changes that small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use half::bf16;
use ltx::checkpoint::file::{Entry, Stored};
use ltx::checkpoint::quantise::{Kind, quantise};
use ltx::checkpoint::{Checkpoint, Mapped, Matrix, Part, Place};
use ltx::sampling::Model;
use ltx::text::TextEncoder;
use ltx::transformer::{Residence, Transformer};

use crate::folder::{Folder, Rows, relative};
use crate::sampling::Run;

const FORMS: [Form; 5] = [
    Form::Safetensors("BF16"),
    Form::Safetensors("F8_E4M3"),
    Form::Blocks(Kind::Q8_0, "Q8_0"),
    Form::Blocks(Kind::Q6K, "Q6_K"),
    Form::Blocks(Kind::Q4K, "Q4_K"),
];

/// How much farther off a stage may be than with noise of the same size: the rounding is one more sample of such errors, and a small
/// model has few of them.
const ROOM: f64 = 2.0;
/// Samples of the noise.
const SAMPLES: u32 = 3;
/// How much farther off weights may be: the factors of blocks are rounded too, to 6 bits in the smallest form.
const FACTORS: f64 = 1.1;
/// What f32 itself is off by.
const EXACT: f64 = 2e-5;

#[derive(Clone, Copy, Debug)]
enum Form {
    /// Matrices in this form, a factor beside those of 8 bits.
    Safetensors(&'static str),
    Blocks(Kind, &'static str),
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Safetensors(name) | Self::Blocks(_, name) => name,
        }
    }

    fn stored(self) -> Stored {
        match self {
            Self::Safetensors("BF16") => Stored::Bf16,
            Self::Safetensors(_) => Stored::F8E4M3,
            Self::Blocks(Kind::Q8_0, _) => Stored::Q8_0,
            Self::Blocks(Kind::Q6K, _) => Stored::Q6K,
            Self::Blocks(Kind::Q4K, _) => Stored::Q4K,
        }
    }

    /// Weights that share a factor, and the distance between neighbouring values there: a float's last bit (8 and 4 significant
    /// bits; 448 is the largest 8-bit float, 2⁻⁹ the smallest), a block's largest magnitude in 127 or 32 steps, its range with 0 in 15.
    fn step(self, weights: &[f32], largest: f32) -> f64 {
        let magnitude = weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let last_bit = |w: f32, bits: i32| 2f64.powf(f64::from(w).log2().floor()) * 2f64.powi(1 - bits);
        match self {
            Self::Safetensors("BF16") => last_bit(magnitude, 8),
            Self::Safetensors(_) => last_bit(magnitude, 4).max(f64::from(largest) / 448.0 * 2f64.powi(-9)),
            Self::Blocks(Kind::Q8_0, _) => f64::from(magnitude) / 127.0,
            Self::Blocks(Kind::Q6K, _) => f64::from(magnitude) / 32.0,
            Self::Blocks(Kind::Q4K, _) => {
                let (low, high) = weights.iter().fold((0.0f32, 0.0f32), |(low, high), w| (low.min(*w), high.max(*w)));
                f64::from(high - low) / 15.0
            }
        }
    }

    /// How many weights share a factor.
    fn together(self) -> usize {
        match self {
            Self::Safetensors(_) => 1,
            Self::Blocks(Kind::Q6K, _) => 16,
            Self::Blocks(..) => 32,
        }
    }

    /// The form that holds matrices so.
    fn of(stored: Stored) -> Option<Self> {
        FORMS.into_iter().find(|form| form.stored() == stored)
    }

    /// Weights that share a factor, and the step there.
    fn steps(self, weights: &[f32]) -> impl Iterator<Item = (&[f32], f64)> {
        let largest = weights.iter().fold(0.0f32, |m, w| m.max(w.abs()));
        let step = move |part: &[f32]| if part.iter().all(|w| *w == 0.0) { 0.0 } else { self.step(part, largest) };
        weights.chunks(self.together()).map(move |part| (part, step(part)))
    }

    /// The energy of what rounding these weights costs: errors spread evenly over a step have a twelfth of its square as their mean
    /// square.
    fn allowed(self, weights: &[f32]) -> f64 {
        self.steps(weights).map(|(part, step)| step.powi(2) / 12.0 * part.len() as f64).sum()
    }
}

fn energy(weights: &[f32]) -> f64 {
    weights.iter().map(|w| f64::from(*w).powi(2)).sum()
}

pub fn rows(folder: &Folder, rows: &mut Rows) {
    // The files that are made smaller are the same for both layouts.
    let Some(dump) = folder.dump("t2v").filter(|_| !folder.diffusers()) else { return };
    let run = Run::of(folder, "t2v", &dump);
    let originals = matrices(&folder.checkpoint());
    for form in FORMS {
        let made = tempfile::tempdir().unwrap();
        let checkpoint = convert(folder.root(), made.path(), form);
        let smaller = matrices(&checkpoint);
        if !smaller.values().any(|m| m.stored() == form.stored()) {
            println!("  {:<24} rows of this folder are shorter than its blocks", form.name());
            continue;
        }
        // All of them together: one alone may be of a few weights.
        let (mut off, mut allowed, mut all) = (0.0, 0.0, 0.0);
        for (name, matrix) in smaller.iter().filter(|(_, matrix)| matrix.stored() == form.stored()) {
            let (want, got) = (originals[name].to_vec(), matrix.to_vec());
            off += want.iter().zip(&got).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
            (allowed, all) = (allowed + form.allowed(&want), all + energy(&want));
        }
        // The fixtures' weights were of 16 bits before the reference ran.
        assert!(off > 0.0 || matches!(form, Form::Safetensors("BF16")), "{form:?} changes nothing");
        rows.note(form.name(), "weights", (off / all).sqrt(), FACTORS * (allowed / all).sqrt());
        // What noise does, as the mean square of several samples.
        let mut noise = vec![0.0; 4];
        for sample in 0..SAMPLES {
            let made = tempfile::tempdir().unwrap();
            let disturbed = |name: &str, values: &[f32]| disturbed(Form::of(smaller[name].stored()), values, sample);
            let outputs = outputs(&rewrite(folder.root(), made.path(), &disturbed), &run, folder);
            for (sum, output) in noise.iter_mut().zip(&outputs) {
                *sum += relative(&output.values, &run.tensor(output.recorded)).powi(2) / f64::from(SAMPLES);
            }
        }
        for (output, noise) in outputs(&checkpoint, &run, folder).iter().zip(noise) {
            rows.compare(form.name(), output.name, &output.values, &run.tensor(output.recorded), ROOM * noise.sqrt().max(EXACT));
        }
    }
}

/// What a stage gives, and what the reference's is called.
struct Output {
    name: &'static str,
    recorded: &'static str,
    values: Tensor,
}

/// One pass through the transformer, and the text context, which is the deepest stack of layers.
fn outputs(checkpoint: &Checkpoint, run: &Run<'_>, folder: &Folder) -> Vec<Output> {
    let output = |name, recorded, values| Output { name, recorded, values };
    let transformer = Transformer::load(checkpoint, &Place::default(), Residence::default()).unwrap();
    let velocity = transformer.velocities(&[run.first_pass()]).unwrap().remove(0);
    let mut outputs = vec![
        output("transformer video", "transformer#0.out.0", velocity.video),
        output("transformer sound", "transformer#0.out.1", velocity.audio),
    ];
    if checkpoint.has(Part::TextEncoder) {
        let length = folder.argument("text_len").as_u64().unwrap() as usize;
        let encoder = TextEncoder::load(checkpoint, &Place::default(), false).unwrap().with_length(length).unwrap();
        let context = encoder.encode(folder.argument("prompt").as_str().unwrap(), &|| false).unwrap();
        outputs.push(output("text context video", "connectors#0.out.0", context.video));
        outputs.push(output("text context sound", "connectors#0.out.1", context.audio));
    }
    outputs
}

/// The matrices of blocks and layers by name; no other weights are made smaller.
fn matrices(checkpoint: &Checkpoint) -> BTreeMap<String, Matrix> {
    let mut found = BTreeMap::new();
    for file in checkpoint.files() {
        for (name, entry) in file.entries().iter().filter(|(name, entry)| is_layer(name, entry)) {
            let scale = file.entries().get(&format!("{name}_scale"));
            let scale = scale.map_or(1.0, |entry| Matrix::new(name, file, entry, 1.0).unwrap().to_vec()[0]);
            found.insert(name.clone(), Matrix::new(name, file, entry, scale).unwrap());
        }
    }
    found
}

fn is_layer(name: &str, entry: &Entry) -> bool {
    let place = name.contains("blocks.") && name.contains("diffusion_model") || name.contains("language_model") && name.contains("layers.");
    place && entry.shape.len() == 2 && name.ends_with(".weight")
}

/// Weights with noise spread evenly over the steps of a form, as its rounding errors are; as they are where it has none.
fn disturbed(form: Option<Form>, values: &[f32], sample: u32) -> Written {
    let mut state = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(u64::from(sample) + values.len() as u64);
    let mut even = || {
        // Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    let noisy = match form {
        Some(form) => form
            .steps(values)
            .flat_map(|(part, step)| part.iter().map(move |v| (*v, step)))
            .map(|(v, step)| (f64::from(v) + step * even()) as f32)
            .collect(),
        None => values.to_vec(),
    };
    Written { dtype: "F32", bytes: noisy.iter().flat_map(|v| v.to_le_bytes()).collect(), scale: None }
}

/// Weights as a safetensors file holds them.
struct Written {
    dtype: &'static str,
    bytes: Vec<u8>,
    /// The factor beside them.
    scale: Option<f32>,
}

/// Weights in 16 or 8 bits.
fn narrowed(dtype: &'static str, values: &[f32]) -> Written {
    if dtype == "BF16" {
        let bytes = values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        return Written { dtype, bytes, scale: None };
    }
    let scale = values.iter().fold(0.0f32, |m, v| m.max(v.abs())) / 448.0;
    Written { dtype, bytes: values.iter().map(|v| nearest(*v / scale)).collect(), scale: Some(scale) }
}

/// The files of a folder that hold matrices, for each where its like is to be.
fn files(from: &Path, to: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut files = Vec::new();
    for folder in ["original", "diffusers/text_encoder", "diffusers/tokenizer"] {
        std::fs::create_dir_all(to.join(folder)).unwrap();
        let entries = std::fs::read_dir(from.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        for path in entries.filter(|path| !path.to_string_lossy().contains("upscaler")) {
            let target = to.join(folder).join(path.file_name().unwrap());
            files.push((path, target));
        }
    }
    files
}

/// The folder's single file and text encoder in another form, with what lies beside them.
fn convert(from: &Path, to: &Path, form: Form) -> Checkpoint {
    let kind = match form {
        Form::Safetensors(dtype) => return rewrite(from, to, &|_, values| narrowed(dtype, values)),
        Form::Blocks(kind, _) => kind,
    };
    for (source, target) in files(from, to) {
        if source.extension().is_some_and(|e| e == "safetensors") {
            quantise(std::slice::from_ref(&source), &target.with_extension("gguf"), kind, &mut |_, _| Ok(())).unwrap();
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
    Checkpoint::open(&[to.to_owned()]).unwrap()
}

/// The same with matrices that a function makes; everything else in f32.
fn rewrite(from: &Path, to: &Path, matrix: &dyn Fn(&str, &[f32]) -> Written) -> Checkpoint {
    for (source, target) in files(from, to) {
        if source.extension().is_none_or(|e| e != "safetensors") {
            std::fs::copy(source, target).unwrap();
            continue;
        }
        let file = Mapped::open(&source).unwrap();
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        header.insert("__metadata__".into(), serde_json::to_value(file.metadata()).unwrap());
        for (name, entry) in file.entries() {
            let mut put = |name: &str, dtype: &str, shape: &[usize], bytes: &[u8]| {
                let start = data.len();
                data.extend(bytes);
                header.insert(name.into(), serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
            };
            let stored = entry.stored.clone().unwrap();
            if !stored.is_number() {
                let dtype = if stored == Stored::I64 { "I64" } else { "U8" };
                put(name, dtype, &entry.shape, file.bytes(entry));
                continue;
            }
            let values = Matrix::new(name, &file, entry, 1.0).unwrap().to_vec();
            if is_layer(name, entry) {
                let written = matrix(name, &values);
                put(name, written.dtype, &entry.shape, &written.bytes);
                if let Some(scale) = written.scale {
                    put(&format!("{name}_scale"), "F32", &[], &scale.to_le_bytes());
                }
            } else {
                put(name, "F32", &entry.shape, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
            }
        }
        let header = serde_json::to_vec(&header).unwrap();
        std::fs::write(target, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
    }
    Checkpoint::open(&[to.to_owned()]).unwrap()
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
