//! The arithmetic that candle lacks or has slowly, each behind a small function. On the CPU they work on f32 slices, split into
//! blocks that do not depend on the number of threads; on a GPU they are composed from candle's own operations.
//!
//! Tensors are dense, last axis fastest, and the last axis is always the channels.

pub mod activation;
pub mod attention;
pub mod conv1d;
pub mod conv2d;
pub mod conv3d;
pub mod conv_kernel;
pub mod frame;
pub mod gemm;
pub mod group_norm;
pub mod linear;
pub mod norm;
pub mod pixel_norm;
pub mod rope;
pub mod shuffle;
pub mod slices;
pub mod wide;

/// Whether all values are numbers: neither NaN nor infinite.
pub fn is_sound(x: &candle_core::Tensor) -> candle_core::Result<bool> {
    // One value that is none makes the sum none.
    Ok(x.to_dtype(candle_core::DType::F32)?.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::{Device, Tensor};

    use super::attention::Attend;
    use super::norm::{Norm, Rows, modulate, residual};
    use super::rope::{Pairing, Rates, Rope, norm_and_turn};

    fn wave(shape: (usize, usize), rate: f32) -> Tensor {
        Tensor::from_vec((0..shape.0 * shape.1).map(|i| (i as f32 * rate).sin()).collect(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn one_value_that_is_no_number_is_seen() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = vec![1.0f32; 1000];
            let sound = |values: &[f32]| super::is_sound(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap();
            assert!(sound(&values));
            values[777] = wrong;
            assert!(!sound(&values));
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let run = || {
            let (x, row) = (wave((700, 96), 0.37), Rows::shared(&wave((1, 96), 0.2)).unwrap());
            let x = modulate(&x, Norm::Rms, 1e-6, Some((&row, &row))).unwrap();
            let rates = Rates { theta: 10_000.0, double: true, pairing: Pairing::Split };
            let rope = Rope::new(&[(0..700).map(|t| t as f32 / 700.0).collect()], 96, rates, &Device::Cpu).unwrap();
            let q = norm_and_turn(x.copy().unwrap(), &row.table, 1e-6, 3, Some(&rope)).unwrap();
            let k = wave((1500, 96), 0.11);
            let y = Attend { q: &q, k: &k, v: &k, heads: 3, bias: None, gates: None }.run().unwrap();
            let bits = residual(x, &y, Some(&row)).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            bits.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
        let one = with(1);
        assert!(one.iter().any(|bits| *bits != 0));
        assert!(one == with(2) && one == with(3) && one == with(7));
    }
}
