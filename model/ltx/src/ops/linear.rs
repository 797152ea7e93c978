//! `y = x·Wᵀ + b` with weights that stay in the mapped file.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::checkpoint::matrix::Matrix;
use crate::checkpoint::weights::Place;
use crate::error::{Result, Stage};
use crate::lora::{Adapter, Placed};
use crate::ops::gemm::{Grid, View, gemm};
use crate::ops::slices;

/// Outputs that are computed together: enough to fill the cache with their weights, few enough that every core has some.
const BLOCK: usize = 128;

/// A linear layer.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Vec<f32>>,
    adapters: Vec<Adapter>,
    placed: Vec<Placed>,
}

#[derive(Clone, Debug)]
enum Weight {
    /// In the file, widened block by block while it is used.
    Mapped(Matrix),
    /// On the GPU, transposed, with the bias.
    Device(Tensor, Option<Tensor>),
}

impl Linear {
    /// From a matrix `outputs × inputs`.
    pub fn new(matrix: Matrix, bias: Option<Vec<f32>>, place: &Place) -> Result<Self> {
        if matches!(place.device, Device::Cpu) {
            return Ok(Self { weight: Weight::Mapped(matrix), bias, adapters: Vec::new(), placed: Vec::new() });
        }
        let on = |values: Vec<f32>, shape: &[usize]| {
            Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(place.dtype)?.to_device(&place.device)
        };
        let weight = on(matrix.to_vec(), &[matrix.rows(), matrix.columns()]).and_then(|w| w.t()?.contiguous()).stage("weights")?;
        let bias = bias
            .map(|b| {
                let n = b.len();
                on(b, &[n])
            })
            .transpose()
            .stage("weights")?;
        Ok(Self { weight: Weight::Device(weight, bias), bias: None, adapters: Vec::new(), placed: Vec::new() })
    }

    /// The same with LoRAs, which are added while it runs.
    pub fn adapted(mut self, adapters: &[Adapter], place: &Place) -> Result<Self> {
        match &self.weight {
            Weight::Mapped(_) => self.adapters.extend_from_slice(adapters),
            Weight::Device(..) => self.placed = adapters.iter().map(|a| a.place(place)).collect::<Result<_>>()?,
        }
        Ok(self)
    }

    /// `[.., inputs]` → `[.., outputs]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.weight {
            Weight::Mapped(matrix) => {
                let mut shape = x.dims().to_vec();
                if let Some(last) = shape.last_mut() {
                    *last = matrix.rows();
                }
                let rows = x.elem_count() / matrix.columns();
                let out = slices::with(x, |x| self.apply(matrix, x, rows))?;
                slices::tensor(out, shape)
            }
            Weight::Device(weight, bias) => {
                let y = x.broadcast_matmul(weight).stage("linear")?;
                let y = match bias {
                    Some(bias) => y.broadcast_add(bias).stage("linear")?,
                    None => y,
                };
                self.placed.iter().try_fold(y, |y, adapter| adapter.add(x, &y))
            }
        }
    }

    /// The layer's matrix where it lies in a file.
    pub fn matrix(&self) -> Option<&Matrix> {
        match &self.weight {
            Weight::Mapped(matrix) => Some(matrix),
            Weight::Device(..) => None,
        }
    }

    fn apply(&self, matrix: &Matrix, given: &[f32], rows: usize) -> Vec<f32> {
        let (inputs, outputs) = (matrix.columns(), matrix.rows());
        let mut out = vec![0.0; rows * outputs];
        let x = View::rows(given, rows, inputs);
        Grid::new(&mut out, rows, outputs, BLOCK).blocks().into_par_iter().for_each_init(Vec::new, |scratch, (start, mut block)| {
            let end = (start + BLOCK).min(outputs);
            let weights = View::rows(matrix.read(start..end, scratch), end - start, inputs).transposed();
            if let Some(bias) = &self.bias {
                (0..rows).for_each(|row| block.row(row).copy_from_slice(&bias[start..end]));
            }
            gemm(&mut block, x, weights, self.bias.is_some());
        });
        self.adapters.iter().for_each(|adapter| adapter.add(given, rows, &mut out));
        out
    }
}
