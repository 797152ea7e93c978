//! Smaller weights: a GGUF file from safetensors, with the same names and the same description of itself.
//!
//! Quantised are the linear layers of the transformer's and the connectors' blocks and of the text encoder's layers: nearly all of
//! a checkpoint. Norms, biases, tables, gates, embeddings, the ways in and out, convolutions and everything of picture and sound
//! stay as they are; 8-bit floats among them become bf16.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::bf16;
use rayon::prelude::*;

use super::file::{Entry, Mapped, Stored};
use super::gguf;
use super::matrix::{Matrix, widen};
use crate::error::{Error, Result, Stage};

/// How small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 8.5 bits a weight: as good as bf16.
    Q8_0,
    /// 6.6 bits a weight.
    Q6K,
    /// 4.5 bits a weight.
    Q4K,
}

impl Kind {
    /// From its name: "q8_0", "Q6_K", "q4_k".
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "q8_0" => Self::Q8_0,
            "q6_k" => Self::Q6K,
            "q4_k" => Self::Q4K,
            _ => return None,
        })
    }

    const fn stored(self) -> Stored {
        match self {
            Self::Q8_0 => Stored::Q8_0,
            Self::Q6K => Stored::Q6K,
            Self::Q4K => Stored::Q4K,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Tensors in the new file.
    pub tensors: usize,
    /// Those that were quantised.
    pub quantised: usize,
    /// Those of them that have shorter blocks than was asked for, as their rows hold no whole ones.
    pub shorter: usize,
    /// Bytes of the files before.
    pub before: u64,
    /// Bytes of the file made.
    pub after: u64,
    /// The relative error ‖q − w‖₂ / ‖w‖₂ over all quantised weights.
    pub error: f64,
    /// The tensor with the largest error, and that.
    pub worst: Option<(String, f64)>,
}

/// Values that are quantised together by one thread, about.
const CHUNK: usize = 1 << 18;
/// Chunks that are in memory at once.
const CHUNKS: usize = 64;

/// One tensor of the new file.
struct Plan {
    name: String,
    file: Mapped,
    entry: Entry,
    stored: Stored,
    size: usize,
    /// The factor of 8-bit floats.
    scale: f32,
    /// Whether the bytes are taken over as they are.
    copied: bool,
}

/// Makes a GGUF file from safetensors files that belong together (one, or the shards of one). `progress` is told the bytes written
/// and the bytes there will be; its error ends the work. The output appears whole or not at all.
pub fn quantise(inputs: &[PathBuf], output: &Path, kind: Kind, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Report> {
    let files = inputs.iter().map(|path| Mapped::open(path)).collect::<Result<Vec<_>>>()?;
    let plans = plan(&files, kind)?;
    let header = header(&files, &plans)?;
    let total = plans.iter().fold(aligned(header.len()) as u64, |sum, plan| sum + aligned(plan.size) as u64);
    let failed = |source| Error::Write { path: output.to_owned(), source };

    let partial = Partial::beside(output);
    let mut out = BufWriter::new(File::create(&partial.0).map_err(failed)?);
    let mut written = aligned(header.len()) as u64;
    out.write_all(&header).and_then(|()| out.write_all(&zeros(header.len()))).map_err(failed)?;
    let mut report = Report { tensors: plans.len(), before: files.iter().map(Mapped::length).sum(), after: total, ..Report::default() };
    let mut all = Sums::default();
    for plan in &plans {
        progress(written, total)?;
        let sums = plan.write(&mut out).map_err(|e| e.of(output))?;
        out.write_all(&zeros(plan.size)).map_err(failed)?;
        written += aligned(plan.size) as u64;
        plan.file.done_with(&plan.entry);
        if let Some(sums) = sums {
            report.quantised += 1;
            report.shorter += usize::from(plan.stored != kind.stored());
            let error = sums.error();
            if report.worst.as_ref().is_none_or(|(_, worst)| error > *worst) {
                report.worst = Some((plan.name.clone(), error));
            }
            all.add(&sums);
        }
    }
    report.error = all.error();
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    drop(file);
    std::fs::rename(&partial.0, output).map_err(failed)?;
    progress(total, total)?;
    Ok(report)
}

/// What becomes of each tensor.
fn plan(files: &[Mapped], kind: Kind) -> Result<Vec<Plan>> {
    let mut plans: Vec<Plan> = Vec::new();
    for file in files {
        for (name, entry) in file.entries() {
            if plans.iter().any(|p| p.name == *name) {
                return Err(Error::Damaged { path: file.path().to_owned(), why: format!("the tensor {name} is in another file too") });
            }
            let quantised_before = matches!(entry.stored, Ok(Stored::Q8_0 | Stored::Q6K | Stored::Q4K));
            let stored = match entry.stored.clone() {
                Ok(_) if quantised_before => {
                    return Err(Error::Unfit(format!("{} is quantised already; take the file it was made from", file.label())));
                }
                Ok(stored) => stored,
                Err(dtype) => return Err(Error::Dtype { name: name.clone(), file: file.label(), dtype }),
            };
            let beside = |end: &str| name.strip_suffix("weight").and_then(|stem| file.entries().get(&format!("{stem}{end}")));
            // The factors go into the weights; the inputs' have no use outside of 8-bit arithmetic.
            let is_factor = ["weight_scale", "input_scale"].iter().any(|end| {
                name.strip_suffix(end)
                    .is_some_and(|stem| matches!(file.entries().get(&format!("{stem}weight")), Some(e) if e.stored == Ok(Stored::F8E4M3)))
            });
            if is_factor {
                continue;
            }
            let scale = match beside("weight_scale") {
                Some(factor) if stored == Stored::F8E4M3 => match Matrix::new(name, file, factor, 1.0)?.to_vec()[..] {
                    [scale] => scale,
                    _ => return Err(Error::Shape { name: name.clone(), file: file.label(), expected: vec![1], got: factor.shape.clone() }),
                },
                _ => 1.0,
            };
            let target = target(name, entry, stored, kind);
            let size = gguf::size(target, &entry.shape);
            let size =
                size.ok_or_else(|| Error::Damaged { path: file.path().to_owned(), why: format!("the tensor {name} is too large") })?;
            let (name, file, entry) = (name.clone(), file.clone(), entry.clone());
            plans.push(Plan { name, file, entry, stored: target, size, scale, copied: target == stored });
        }
    }
    Ok(plans)
}

/// The form in which a tensor is kept.
fn target(name: &str, entry: &Entry, stored: Stored, kind: Kind) -> Stored {
    let kept = if stored == Stored::F8E4M3 { Stored::Bf16 } else { stored };
    if !stored.is_number() || !is_layer(name) {
        return kept;
    }
    let &[_, columns] = entry.shape.as_slice() else { return kept };
    // Rows that are no multiple of a large block may still be one of a small block.
    let fits = |stored: &Stored| columns > 0 && columns % stored.block().0 == 0;
    [kind.stored(), Stored::Q8_0].into_iter().find(fits).unwrap_or(kept)
}

/// Whether a tensor is the weight of a linear layer in a block of the transformer, a connector or the language model.
fn is_layer(name: &str) -> bool {
    let Some(module) = name.strip_suffix(".weight") else { return false };
    let language = ["model.layers.", "language_model.model.layers.", "model.language_model.layers."];
    let blocks = ["transformer_blocks.", "transformer_1d_blocks."];
    let inside = language.iter().any(|prefix| module.starts_with(prefix)) || blocks.iter().any(|b| module.contains(b));
    // Gates are a few rows, and decide over whole heads.
    inside && !module.ends_with("to_gate_logits")
}

/// Errors of two kinds of work: reading and arithmetic, and writing.
enum Failure {
    Ours(Error),
    Writing(std::io::Error),
}

impl Failure {
    fn of(self, output: &Path) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Writing(source) => Error::Write { path: output.to_owned(), source },
        }
    }
}

/// Squares of weights and of what quantising did to them.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weights: f64,
    errors: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.weights += other.weights;
        self.errors += other.errors;
    }

    fn error(&self) -> f64 {
        if self.weights > 0.0 { (self.errors / self.weights).sqrt() } else { 0.0 }
    }
}

impl Plan {
    /// Writes the tensor; the sums of what was quantised.
    fn write(&self, out: &mut impl Write) -> std::result::Result<Option<Sums>, Failure> {
        if self.copied {
            return out.write_all(self.file.bytes(&self.entry)).map(|()| None).map_err(Failure::Writing);
        }
        let matrix = Matrix::new(&self.name, &self.file, &self.entry, self.scale).map_err(Failure::Ours)?;
        // Chunks of whole rows, the same for any number of threads.
        let rows = (CHUNK / matrix.columns().max(1)).max(1);
        let starts: Vec<usize> = (0..matrix.rows()).step_by(rows).collect();
        let mut all = Sums::default();
        for starts in starts.chunks(CHUNKS) {
            let chunk = |start: &usize| self.chunk(&matrix, *start..(*start + rows).min(matrix.rows()));
            let made = starts.par_iter().map(chunk).collect::<Result<Vec<_>>>().map_err(Failure::Ours)?;
            for (bytes, sums) in made {
                out.write_all(&bytes).map_err(Failure::Writing)?;
                all.add(&sums);
            }
        }
        Ok((self.stored != Stored::Bf16).then_some(all))
    }

    fn chunk(&self, matrix: &Matrix, rows: std::ops::Range<usize>) -> Result<(Vec<u8>, Sums)> {
        let mut scratch = Vec::new();
        let count = rows.len();
        let values = matrix.read(rows, &mut scratch);
        if let Some(wrong) = values.iter().find(|v| !v.is_finite()) {
            let why = format!("the tensor {} holds {wrong}", self.name);
            return Err(Error::Damaged { path: self.file.path().to_owned(), why });
        }
        let bytes = match self.stored {
            Stored::Q8_0 => blocks(values, count, matrix.columns(), GgmlDType::Q8_0)?,
            Stored::Q6K => blocks(values, count, matrix.columns(), GgmlDType::Q6K)?,
            Stored::Q4K => blocks(values, count, matrix.columns(), GgmlDType::Q4K)?,
            _ => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        };
        let mut back = vec![0.0; values.len()];
        widen(self.stored, &bytes, &mut back);
        if back.iter().any(|v| !v.is_finite()) {
            let why = format!("the tensor {} holds values beyond what the smaller form can", self.name);
            return Err(Error::Damaged { path: self.file.path().to_owned(), why });
        }
        let square = |v: f32| f64::from(v) * f64::from(v);
        let errors = values.iter().zip(&back).map(|(a, b)| square(a - b)).sum();
        Ok((bytes, Sums { weights: values.iter().map(|v| square(*v)).sum(), errors }))
    }
}

fn blocks(values: &[f32], rows: usize, columns: usize, dtype: GgmlDType) -> Result<Vec<u8>> {
    let tensor = Tensor::from_slice(values, (rows, columns), &Device::Cpu).stage("quantising")?;
    let quantised = QTensor::quantize(&tensor, dtype).stage("quantising")?;
    Ok(quantised.data().stage("quantising")?.into_owned())
}

/// Everything before the data.
fn header(files: &[Mapped], plans: &[Plan]) -> Result<Vec<u8>> {
    let mut pairs: Vec<Vec<u8>> = vec![text_pair("general.architecture", "ltxv")];
    let mut known = std::collections::BTreeMap::new();
    for (key, value) in files.iter().flat_map(Mapped::metadata) {
        // Shards say the same; a key of the format itself is not the model's.
        if key.starts_with("general.") || known.insert(key, value).is_some() {
            continue;
        }
        pairs.push(text_pair(key, value));
    }
    let mut alignment = key(gguf::ALIGNMENT.0, gguf::U32);
    alignment.extend((gguf::ALIGNMENT.1 as u32).to_le_bytes());
    pairs.push(alignment);
    let mut tensors = Vec::new();
    let mut offset = 0u64;
    for plan in plans {
        let mut shape = plan.entry.shape.clone();
        if shape.len() > 4 {
            // Other readers take four axes; the real ones go beside.
            let mut pair = key(&format!("{}{}", gguf::SHAPE, plan.name), gguf::LIST);
            pair.extend(gguf::I32.to_le_bytes());
            pair.extend((shape.len() as u64).to_le_bytes());
            let sides = shape.iter().map(|side| i32::try_from(*side)).collect::<std::result::Result<Vec<_>, _>>();
            let sides = sides.map_err(|_| Error::Unfit(format!("the tensor {} is too large for GGUF", plan.name)))?;
            pair.extend(sides.iter().flat_map(|side| side.to_le_bytes()));
            pairs.push(pair);
            shape = vec![shape[0], shape[1..].iter().product()];
        }
        let number = gguf::number(plan.stored);
        let number =
            number.ok_or_else(|| Error::Dtype { name: plan.name.clone(), file: plan.file.label(), dtype: format!("{:?}", plan.stored) })?;
        tensors.extend(text(&plan.name));
        tensors.extend((shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|side| tensors.extend((*side as u64).to_le_bytes()));
        tensors.extend(number.to_le_bytes());
        tensors.extend(offset.to_le_bytes());
        offset += aligned(plan.size) as u64;
    }
    let counts = [plans.len() as u64, pairs.len() as u64];
    let start = [&gguf::MAGIC[..], &3u32.to_le_bytes()].concat();
    Ok([start, counts.iter().flat_map(|n| n.to_le_bytes()).collect(), pairs.concat(), tensors].concat())
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn key(name: &str, kind: u32) -> Vec<u8> {
    [text(name), kind.to_le_bytes().to_vec()].concat()
}

fn text_pair(name: &str, value: &str) -> Vec<u8> {
    [key(name, gguf::TEXT), text(value)].concat()
}

fn aligned(size: usize) -> usize {
    size.next_multiple_of(gguf::ALIGNMENT.1)
}

/// What fills up to the next aligned place.
fn zeros(size: usize) -> Vec<u8> {
    vec![0; aligned(size) - size]
}

/// A file that is gone again unless it was renamed.
struct Partial(PathBuf);

impl Partial {
    fn beside(output: &Path) -> Self {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        Self(output.with_file_name(format!(".{name}.{}.part", std::process::id())))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already when it was renamed.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests;
