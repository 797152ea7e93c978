//! From candle's tensors to slices and back.

use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, Tensor};

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

/// Lets `f` change the values of a dense f32 tensor on the CPU where they lie. Every other handle of the tensor sees the change:
/// only for tensors that an operation has just made.
pub fn edit(tensor: &Tensor, f: impl Fn(&mut [f32])) -> Result<()> {
    struct Edit<F>(F);
    impl<F: Fn(&mut [f32])> InplaceOp1 for Edit<F> {
        fn name(&self) -> &'static str {
            "edit"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            match (storage, layout.contiguous_offsets()) {
                (CpuStorage::F32(values), Some((start, end))) => (self.0)(&mut values[start..end]),
                _ => candle_core::bail!("a dense f32 tensor was expected"),
            }
            Ok(())
        }
    }
    Ok(tensor.inplace_op1(&Edit(f))?)
}
