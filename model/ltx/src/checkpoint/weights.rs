//! Tensors by name: a cursor into one part of a checkpoint, from which each module takes what it needs, checked against the shape
//! that the configuration gives.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use crate::checkpoint::file::{Entry, Mapped};
use crate::checkpoint::matrix::Matrix;
use crate::error::{Error, Result, Stage};
use crate::lora::Adapter;
use crate::ops::linear::Linear;

/// Where tensors are put and in which form arithmetic is done.
#[derive(Clone, Debug)]
pub struct Place {
    /// The processor.
    pub device: Device,
    /// f32 on the CPU; bf16 on a GPU.
    pub dtype: DType,
}

impl Default for Place {
    fn default() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32 }
    }
}

/// Values that are looked at together.
const CHUNK: usize = 1 << 20;

fn broken(name: &str, file: &Mapped, value: f32) -> Error {
    Error::Damaged { path: file.path().to_owned(), why: format!("the tensor {name} holds {value}") }
}

/// The tensors of one part by canonical name: the name in the published single file, without the part's prefix.
#[derive(Clone, Debug, Default)]
pub struct Store {
    tensors: BTreeMap<String, (Mapped, Entry)>,
    files: Vec<String>,
    adapters: BTreeMap<String, Vec<Adapter>>,
}

impl Store {
    /// Adds a tensor; a later one of the same name replaces it.
    pub fn insert(&mut self, name: String, file: &Mapped, entry: &Entry) {
        let label = file.label();
        if !self.files.contains(&label) {
            self.files.push(label);
        }
        self.tensors.insert(name, (file.clone(), entry.clone()));
    }

    /// Adds a LoRA's changes of modules, after those that are there.
    pub fn adapt(&mut self, adapters: BTreeMap<String, Adapter>) {
        adapters.into_iter().for_each(|(module, adapter)| self.adapters.entry(module).or_default().push(adapter));
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, entry)| entry.shape.as_slice())
    }

    /// Whether there is no tensor at all.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// All tensors in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mapped, &Entry)> {
        self.tensors.iter().map(|(name, (file, entry))| (name.as_str(), file, entry))
    }
}

/// A place in the tree of names. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Weights {
    store: Arc<Store>,
    prefix: String,
    place: Place,
}

impl Weights {
    /// The root of a part.
    pub fn new(store: Arc<Store>, place: Place) -> Self {
        Self { store, prefix: String::new(), place }
    }

    /// The subtree under a name.
    pub fn at(&self, name: impl Display) -> Self {
        Self { store: self.store.clone(), prefix: self.full(name), place: self.place.clone() }
    }

    /// Where tensors go.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The full name of this place or of a tensor under it.
    pub fn full(&self, name: impl Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    /// Whether a tensor is there.
    pub fn has(&self, name: impl Display) -> bool {
        self.store.tensors.contains_key(&self.full(name))
    }

    /// Whether anything is under this place.
    pub fn is_empty(&self) -> bool {
        let prefix = format!("{}.", self.prefix);
        self.store.tensors.range(prefix.clone()..).next().is_none_or(|(name, _)| !name.starts_with(&prefix))
    }

    /// The shape of a tensor, if it is there.
    pub fn shape(&self, name: impl Display) -> Option<&[usize]> {
        self.store.tensors.get(&self.full(name)).map(|(_, entry)| entry.shape.as_slice())
    }

    /// A tensor's file and entry.
    pub fn entry(&self, name: impl Display) -> Result<(&Mapped, &Entry)> {
        let name = self.full(name);
        let (file, entry) = self.store.tensors.get(&name).ok_or_else(|| self.missing(name))?;
        Ok((file, entry))
    }

    /// Where all tensors under this place lie, in order of name.
    pub fn entries(&self) -> Vec<(Mapped, Entry)> {
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("{}.", self.prefix) };
        let under = self.store.tensors.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
        under.map(|(_, place)| place.clone()).collect()
    }

    /// A tensor of exactly this shape, in the form of the place.
    pub fn tensor(&self, name: impl Display, shape: &[usize]) -> Result<Tensor> {
        let values = self.values(&name, shape)?;
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).stage("weights")?;
        tensor.to_device(&self.place.device).and_then(|t| t.to_dtype(self.place.dtype)).stage("weights")
    }

    /// The values of a tensor of exactly this shape in f32, last axis fastest.
    ///
    /// # Errors
    /// As [`Self::matrix`], and where a value is no number: it would make every pixel none.
    pub fn values(&self, name: impl Display, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.matrix(&name, shape)?.to_vec();
        match values.iter().find(|v| !v.is_finite()) {
            None => Ok(values),
            Some(wrong) => Err(broken(&self.full(&name), self.entry(&name)?.0, *wrong)),
        }
    }

    /// Which tensor under this place holds a value that is no number, as an error; `None` where all are sound. Everything is read:
    /// this is for when a result is broken.
    pub fn unsound(&self) -> Option<Error> {
        let prefix = if self.prefix.is_empty() { String::new() } else { format!("{}.", self.prefix) };
        let under: Vec<_> = self.store.tensors.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix)).collect();
        under.into_par_iter().find_map_first(|(name, (file, entry))| {
            let matrix = Matrix::new(name, file, entry, 1.0).ok()?;
            let rows = (CHUNK / matrix.columns().max(1)).max(1);
            let mut scratch = Vec::new();
            let wrong = (0..matrix.rows()).step_by(rows).find_map(|start| {
                let values = matrix.read(start..(start + rows).min(matrix.rows()), &mut scratch);
                values.iter().copied().find(|v| !v.is_finite())
            });
            matrix.done_with();
            Some(broken(name, file, wrong?))
        })
    }

    /// A tensor of exactly this shape, left where it lies; axes after the first are taken together.
    pub fn matrix(&self, name: impl Display, shape: &[usize]) -> Result<Matrix> {
        let full = self.full(&name);
        let (file, entry) = self.entry(&name)?;
        if entry.shape != shape {
            return Err(Error::Shape { name: full, file: file.label(), expected: shape.to_vec(), got: entry.shape.clone() });
        }
        // 8-bit weights have their factor beside them: `weight` and `weight_scale`.
        let scale = match full.strip_suffix("weight").map(|stem| format!("{stem}weight_scale")) {
            Some(beside) if self.store.tensors.contains_key(&beside) => self.scalar(&beside)?,
            _ => 1.0,
        };
        Matrix::new(&full, file, entry, scale)
    }

    /// `y = x·Wᵀ + b`, with the bias where the configuration has one.
    pub fn linear(&self, inputs: usize, outputs: usize, bias: bool) -> Result<Linear> {
        let matrix = self.matrix("weight", &[outputs, inputs])?;
        let bias = bias.then(|| self.values("bias", &[outputs])).transpose()?;
        Linear::new(matrix, bias, &self.place)?.adapted(self.adapters(), &self.place)
    }

    /// The LoRAs' changes of the module at this place.
    pub fn adapters(&self) -> &[Adapter] {
        self.store.adapters.get(&self.prefix).map(Vec::as_slice).unwrap_or_default()
    }

    fn scalar(&self, full: &str) -> Result<f32> {
        let (file, entry) = self.store.tensors.get(full).ok_or_else(|| self.missing(full.to_owned()))?;
        let values = Matrix::new(full, file, entry, 1.0)?.to_vec();
        match values[..] {
            [value] if value.is_finite() => Ok(value),
            [value] => Err(broken(full, file, value)),
            _ => Err(Error::Shape { name: full.to_owned(), file: file.label(), expected: vec![1], got: entry.shape.clone() }),
        }
    }

    fn missing(&self, name: String) -> Error {
        let files = if self.store.files.is_empty() { "every file given".to_owned() } else { self.store.files.join(", ") };
        Error::MissingTensor { name, files }
    }
}
