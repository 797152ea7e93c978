//! LoRAs: small changes to a model's linear layers, `W + s·B·A`, from files of their own. They are added as products of low rank
//! while a layer runs; the layer's weights stay in the mapped file, untouched and uncopied, whatever number of LoRAs there is.
//!
//! Names: `<prefix><module>.lora_A.weight` `[rank, inputs]` and `….lora_B.weight` `[outputs, rank]`; the prefix is `diffusion_model.`
//! in the published files, and the modules are the single file's. Other tools write `lora_down`, `lora_up`, an `alpha`, and
//! diffusers' module names ([`names`]).

pub mod names;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use rayon::prelude::*;

use crate::checkpoint::file::{Entry, Mapped};
use crate::checkpoint::weights::{Place, Store};
use crate::checkpoint::{Generation, Matrix};
use crate::error::{Error, Result, Stage};
use crate::ops::gemm::{Grid, View, gemm};

/// Columns that are computed together.
const BLOCK: usize = 128;

/// Highest rank that is believed.
const HIGHEST_RANK: usize = 8192;

/// A file of changes.
#[derive(Clone, Debug)]
pub struct Lora {
    file: Mapped,
    modules: BTreeMap<String, Module>,
    /// How many times larger the target is than the references this was trained with; 1 where it takes none.
    pub reference_downscale: u32,
    /// How many times more frames a second the target has than those references.
    pub reference_slower: u32,
    /// Whether it was trained to look at references (an IC-LoRA).
    pub takes_references: bool,
    /// The log curve of the pictures that it makes; `None` for ordinary display pictures.
    pub curve: Option<Curve>,
}

/// A log curve in which a LoRA for high dynamic range has its pictures (Lightricks/LTX-2, `ltx_core/hdr.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// ARRI LogC3 at EI 800, over linear light in Rec.709 primaries.
    LogC3,
    /// ACEScct, in its own primaries.
    AcesCct,
}

#[derive(Clone, Debug, Default)]
struct Module {
    down: Option<(String, Entry)>,
    up: Option<(String, Entry)>,
    alpha: Option<(String, Entry)>,
}

impl Curve {
    /// Its name as an editor knows it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::LogC3 => "ARRI LogC3",
            Self::AcesCct => "ACEScct",
        }
    }
}

/// A change of one layer.
#[derive(Clone, Debug)]
pub struct Adapter {
    down: Matrix,
    up: Matrix,
    scale: f32,
}

/// What was made of an adapter for a layer that is not on the CPU.
#[derive(Clone, Debug)]
pub struct Placed(Tensor, Tensor);

impl Lora {
    /// Opens a file and finds the modules it changes; nothing is read but names and shapes.
    pub fn open(path: &Path) -> Result<Self> {
        let file = Mapped::open(path)?;
        let damaged = |why: String| Error::Damaged { path: path.to_owned(), why };
        let mut modules: BTreeMap<String, Module> = BTreeMap::new();
        for (name, entry) in file.entries() {
            let Some((module, role)) = names::split(name) else {
                return Err(damaged(format!("the tensor {name} belongs to no LoRA that is understood")));
            };
            let slot = modules.entry(module).or_default();
            let slot = match role {
                names::Role::Down => &mut slot.down,
                names::Role::Up => &mut slot.up,
                names::Role::Alpha => &mut slot.alpha,
            };
            if let Some((other, _)) = slot.replace((name.clone(), entry.clone())) {
                return Err(damaged(format!("{other} and {name} are two names of one tensor")));
            }
        }
        if modules.is_empty() {
            return Err(damaged("it changes nothing: there is no LoRA in it".into()));
        }
        let factor = |key: &str| match file.metadata().get(key) {
            None => Ok(1),
            Some(text) => {
                let factor = text.trim().parse::<u32>().ok().filter(|f| (1..=64).contains(f));
                factor.ok_or_else(|| damaged(format!("its {key} is {text:?}, expected a whole number from 1 to 64")))
            }
        };
        let (reference_downscale, reference_slower) = (factor("reference_downscale_factor")?, factor("reference_temporal_scale_factor")?);
        let curve = curve(&file).map_err(damaged)?;
        // The authors' trainer writes the factor into every file that takes references, 1 or not; older files say it by their names
        // alone.
        let label = file.label().to_ascii_lowercase().replace('_', "-");
        let said = ["reference_downscale_factor", "reference_temporal_scale_factor"].iter().any(|key| file.metadata().contains_key(*key));
        let takes_references = said || curve.is_some() || label.contains("ic-lora") || label.contains("iclora");
        Ok(Self { file, modules, reference_downscale, reference_slower, takes_references, curve })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The modules it changes, by the names of the published single file.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// The changes of a transformer's layers, each checked against the layer it changes; `strength` 1 is as it was trained.
    pub fn bind(&self, strength: f32, transformer: &Store, generation: Generation) -> Result<BTreeMap<String, Adapter>> {
        if !strength.is_finite() {
            return Err(Error::Unfit(format!("the LoRA {} cannot be used at a strength of {strength}", self.file.label())));
        }
        if let Some(got) = self.file.metadata().get("model_version").and_then(|v| Generation::parse(v))
            && got != generation
        {
            let (expected, got) = (generation.to_string(), got.to_string());
            return Err(Error::Generation { file: self.file.label(), expected, got });
        }
        let mut bound = BTreeMap::new();
        for (name, module) in &self.modules {
            bound.insert(name.clone(), self.adapter(name, module, strength, transformer)?);
        }
        Ok(bound)
    }

    fn adapter(&self, name: &str, module: &Module, strength: f32, transformer: &Store) -> Result<Adapter> {
        let missing = |what: &str| Error::MissingTensor { name: format!("{name}.{what}"), files: self.file.label() };
        let (down, up) =
            (module.down.as_ref().ok_or_else(|| missing("lora_A.weight"))?, module.up.as_ref().ok_or_else(|| missing("lora_B.weight"))?);
        let layer = transformer.shape(&format!("{name}.weight")).ok_or_else(|| {
            // The layer is what is missing: the LoRA is of a model that has it.
            Error::MissingTensor { name: format!("{name}.weight (which {} changes)", self.file.label()), files: "the transformer".into() }
        })?;
        let &[outputs, inputs] = layer else {
            return Err(Error::Shape {
                name: down.0.clone(),
                file: self.file.label(),
                expected: layer.to_vec(),
                got: down.1.shape.clone(),
            });
        };
        let rank = down.1.shape.first().copied().filter(|r| (1..=HIGHEST_RANK).contains(r)).unwrap_or(1);
        for ((name, entry), expected) in [(down, [rank, inputs]), (up, [outputs, rank])] {
            if entry.shape != expected {
                let (name, got) = (name.clone(), entry.shape.clone());
                return Err(Error::Shape { name, file: self.file.label(), expected: expected.to_vec(), got });
            }
        }
        let alpha = match &module.alpha {
            Some((name, entry)) => match Matrix::new(name, &self.file, entry, 1.0)?.to_vec()[..] {
                [alpha] if f32::is_finite(alpha) => alpha / rank as f32,
                _ => return Err(Error::Shape { name: name.clone(), file: self.file.label(), expected: vec![], got: entry.shape.clone() }),
            },
            None => 1.0,
        };
        let matrix = |(name, entry): &(String, Entry)| Matrix::new(name, &self.file, entry, 1.0);
        Ok(Adapter { down: matrix(down)?, up: matrix(up)?, scale: strength * alpha })
    }
}

/// What the metadata says: `hdr_transform` names a curve or says "true", which is LogC3, as `use_hdr_transform` does.
fn curve(file: &Mapped) -> Result<Option<Curve>, String> {
    let said = |key: &str| file.metadata().get(key).map(|v| v.trim().to_ascii_lowercase()).filter(|v| !v.is_empty());
    match said("hdr_transform").as_deref() {
        Some("true" | "logc3") => Ok(Some(Curve::LogC3)),
        Some("acescct") => Ok(Some(Curve::AcesCct)),
        Some("false" | "none") => Ok(None),
        Some(other) => Err(format!("its hdr_transform is {other:?}, expected logc3 or acescct")),
        None => Ok(said("use_hdr_transform").filter(|v| v != "false").map(|_| Curve::LogC3)),
    }
}

impl Adapter {
    /// `out += s·(x·Aᵀ)·Bᵀ` for `rows` rows of `x` and `out`.
    ///
    /// # Panics
    /// When the slices are not `rows` times inputs and outputs.
    pub fn add(&self, x: &[f32], rows: usize, out: &mut [f32]) {
        let (inputs, rank, outputs) = (self.down.columns(), self.down.rows(), self.up.rows());
        let mut low = vec![0.0; rows * rank];
        let product = |out: &mut [f32], x: View<'_>, matrix: &Matrix, add: bool| {
            let columns = matrix.rows();
            Grid::new(out, rows, columns, BLOCK).blocks().into_par_iter().for_each_init(Vec::new, |scratch, (start, mut block)| {
                let end = (start + BLOCK).min(columns);
                let weights = View::rows(matrix.read(start..end, scratch), end - start, matrix.columns()).transposed();
                gemm(&mut block, x, weights, add);
            });
        };
        product(&mut low, View::rows(x, rows, inputs), &self.down, false);
        low.iter_mut().for_each(|v| *v *= self.scale);
        assert_eq!(out.len(), rows * outputs);
        product(out, View::rows(&low, rows, rank), &self.up, true);
    }

    /// Both matrices transposed on a device, the strength in the second.
    pub fn place(&self, place: &Place) -> Result<Placed> {
        let on = |matrix: &Matrix, scale: f32| {
            let values = matrix.to_vec().into_iter().map(|v| v * scale).collect();
            let tensor = Tensor::from_vec(values, (matrix.rows(), matrix.columns()), &candle_core::Device::Cpu)?;
            tensor.t()?.contiguous()?.to_dtype(place.dtype)?.to_device(&place.device)
        };
        Ok(Placed(on(&self.down, 1.0).stage("LoRA")?, on(&self.up, self.scale).stage("LoRA")?))
    }
}

impl Placed {
    /// `y + (x·Aᵀ)·(s·B)ᵀ`.
    pub fn add(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let change = x.broadcast_matmul(&self.0).and_then(|low| low.broadcast_matmul(&self.1)).stage("LoRA")?;
        y.add(&change).stage("LoRA")
    }
}

#[cfg(test)]
mod tests;
