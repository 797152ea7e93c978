//! From candle's tensors to slices and back.

use candle_core::{CpuStorage, Storage, Tensor};

use crate::error::Result;

/// Gives the values of a dense f32 tensor on the CPU to `f`; others are made so first.
pub fn with<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.to_dtype(candle_core::DType::F32)?.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    if let Storage::Cpu(CpuStorage::F32(values)) = &*storage
        && let Some((start, end)) = layout.contiguous_offsets()
    {
        return Ok(f(&values[start..end]));
    }
    drop(storage);
    let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
    Ok(f(&values))
}

/// A tensor on the CPU from values.
pub fn tensor(values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape.into(), &candle_core::Device::Cpu)?)
}
