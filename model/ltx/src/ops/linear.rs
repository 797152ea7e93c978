//! `y = x·Wᵀ + b` with weights that stay in the mapped file.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::checkpoint::matrix::Matrix;
use crate::checkpoint::weights::Place;
use crate::error::{Result, Stage};
use crate::lora::{Adapter, Placed};
use crate::ops::activation::{gelu_tanh, gelu_tanh_slice};
use crate::ops::gemm::{Grid, View, gemm};
use crate::ops::slices;

/// Outputs and rows that are computed together: their results fill half of the second cache, and every core has some.
const BLOCK: usize = 128;
const ROWS: usize = 2048;

/// What is done with the results while they are in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// GELU, the tanh approximation.
    Gelu,
}

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
        self.forward_then(x, Then::Nothing)
    }

    /// The same, followed by an activation.
    pub fn forward_then(&self, x: &Tensor, then: Then) -> Result<Tensor> {
        match &self.weight {
            Weight::Mapped(matrix) => {
                let mut shape = x.dims().to_vec();
                if let Some(last) = shape.last_mut() {
                    *last = matrix.rows();
                }
                let rows = x.elem_count() / matrix.columns();
                let out = slices::with(x, |x| self.apply(matrix, x, rows, then))?;
                slices::tensor(out, shape)
            }
            Weight::Device(weight, bias) => {
                let y = x.broadcast_matmul(weight).stage("linear")?;
                let y = match bias {
                    Some(bias) => y.broadcast_add(bias).stage("linear")?,
                    None => y,
                };
                let y = self.placed.iter().try_fold(y, |y, adapter| adapter.add(x, &y))?;
                match then {
                    Then::Nothing => Ok(y),
                    Then::Gelu => gelu_tanh(y),
                }
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

    fn apply(&self, matrix: &Matrix, given: &[f32], rows: usize, then: Then) -> Vec<f32> {
        let (inputs, outputs) = (matrix.columns(), matrix.rows());
        let mut out = vec![0.0; rows * outputs];
        // What LoRAs add comes before an activation.
        let (early, late) = if self.adapters.is_empty() { (then, Then::Nothing) } else { (Then::Nothing, then) };
        let tiles = Grid::new(&mut out, rows, outputs, BLOCK).tiles(ROWS);
        tiles.into_par_iter().for_each_init(Vec::new, |scratch, (first, start, mut tile)| {
            let (end, rows) = ((start + BLOCK).min(outputs), tile.rows());
            let x = View::rows(&given[first * inputs..], rows, inputs);
            let weights = View::rows(matrix.read(start..end, scratch), end - start, inputs).transposed();
            if let Some(bias) = &self.bias {
                (0..rows).for_each(|row| tile.row(row).copy_from_slice(&bias[start..end]));
            }
            gemm(&mut tile, x, weights, self.bias.is_some());
            if early == Then::Gelu {
                (0..rows).for_each(|row| gelu_tanh_slice(tile.row(row)));
            }
        });
        self.adapters.iter().for_each(|adapter| adapter.add(given, rows, &mut out));
        if late == Then::Gelu {
            out.par_chunks_mut(BLOCK * BLOCK).for_each(gelu_tanh_slice);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::checkpoint::Mapped;
    use proptest::prelude::*;

    /// A file with one matrix, of values that bf16 holds exactly.
    fn matrix(folder: &std::path::Path, outputs: usize, inputs: usize) -> Matrix {
        let value = |i: usize| (i * 37 % 64) as f32 / 32.0 - 1.0;
        let header = format!(r#"{{"w":{{"dtype":"BF16","shape":[{outputs},{inputs}],"data_offsets":[0,{}]}}}}"#, outputs * inputs * 2);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        (0..outputs * inputs).for_each(|i| bytes.extend(half::bf16::from_f32(value(i)).to_le_bytes()));
        let path = folder.join("w.safetensors");
        std::fs::write(&path, bytes).unwrap();
        let file = Mapped::open(&path).unwrap();
        Matrix::new("w", &file, &file.entries()["w"], 1.0).unwrap()
    }

    #[test]
    fn products_do_not_depend_on_the_number_of_threads() {
        let folder = tempfile::tempdir().unwrap();
        let linear = Linear::new(matrix(folder.path(), 700, 90), None, &Place::default()).unwrap();
        let x = Tensor::from_vec((0..2500 * 90).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>(), (2500, 90), &Device::Cpu).unwrap();
        let run = || linear.forward(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
        let one = with(1);
        assert!(one == with(2) && one == with(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn tiles_agree_with_candle(rows in prop_oneof![1usize..40, 2040usize..2060], inputs in 1usize..50, outputs in prop_oneof![1usize..20, 120usize..300],
                                   bias in any::<bool>(), gelu in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let matrix = matrix(folder.path(), outputs, inputs);
            let weight = Tensor::from_vec(matrix.to_vec(), (outputs, inputs), &Device::Cpu).unwrap();
            let bias: Option<Vec<f32>> = bias.then(|| (0..outputs).map(|i| (i as f32).sin()).collect());
            let x: Vec<f32> = (0..rows * inputs).map(|i| (i as f32 * 0.37).sin()).collect();
            let x = Tensor::from_vec(x, (rows, inputs), &Device::Cpu).unwrap();
            let mut want = x.matmul(&weight.t().unwrap()).unwrap();
            if let Some(bias) = &bias {
                want = want.broadcast_add(&Tensor::new(bias.as_slice(), &Device::Cpu).unwrap()).unwrap();
            }
            let then = if gelu { Then::Gelu } else { Then::Nothing };
            if gelu {
                want = want.gelu().unwrap();
            }
            let linear = Linear::new(matrix, bias, &Place::default()).unwrap();
            let off = (linear.forward_then(&x, then).unwrap() - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            prop_assert!(off < 2e-5, "{off}");
        }
    }
}
