//! Quantised blocks to f32, as ggml lays them out (`ggml-common.h`, `ggml-quants.c`): small whole numbers with factors in f16.

use half::f16;

/// A factor at the beginning of `bytes`.
#[inline(always)]
fn factor(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// 34 bytes to 32 values: factor, then signed bytes.
#[inline(always)]
pub(super) fn q8_0(raw: &[u8], out: &mut [f32]) {
    for (block, out) in raw.as_chunks::<34>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let d = factor(block, 0);
        for (out, q) in out.iter_mut().zip(&block[2..]) {
            *out = d * f32::from(*q as i8);
        }
    }
}

/// 144 bytes to 256 values: factor, factor of the offsets, twelve bytes of eight 6-bit scales and offsets, 4-bit values; the low
/// halves of 32 bytes come before their high halves.
#[inline(always)]
pub(super) fn q4_k(raw: &[u8], out: &mut [f32]) {
    for (block, out) in raw.as_chunks::<144>().0.iter().zip(out.as_chunks_mut::<256>().0) {
        let (d, dmin) = (factor(block, 0), factor(block, 2));
        let packed = &block[4..16];
        // Scales and offsets 0 to 3 lie in the low six bits of the first eight bytes; the high two bits of these belong to those
        // from 4 on, whose low four bits are in the last four bytes.
        let scale = |j: usize| if j < 4 { packed[j] & 63 } else { packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4 };
        let offset = |j: usize| if j < 4 { packed[j + 4] & 63 } else { packed[j + 4] >> 4 | (packed[j] >> 6) << 4 };
        for (pair, (out, bytes)) in out.as_chunks_mut::<64>().0.iter_mut().zip(block[16..].as_chunks::<32>().0).enumerate() {
            let (low, high) = out.split_at_mut(32);
            let factors = |j: usize| (d * f32::from(scale(j)), dmin * f32::from(offset(j)));
            let ((d0, m0), (d1, m1)) = (factors(2 * pair), factors(2 * pair + 1));
            for ((low, high), q) in low.iter_mut().zip(high).zip(bytes) {
                *low = d0 * f32::from(q & 15) - m0;
                *high = d1 * f32::from(q >> 4) - m1;
            }
        }
    }
}

/// 210 bytes to 256 values: 128 bytes of low four bits, 64 of high two, 16 signed scales, factor; values are 32 too large.
#[inline(always)]
pub(super) fn q6_k(raw: &[u8], out: &mut [f32]) {
    for (block, out) in raw.as_chunks::<210>().0.iter().zip(out.as_chunks_mut::<256>().0) {
        let d = factor(block, 208);
        for (half, out) in out.as_chunks_mut::<128>().0.iter_mut().enumerate() {
            let (low, high) = (&block[64 * half..64 * half + 64], &block[128 + 32 * half..160 + 32 * half]);
            let scales = &block[192 + 8 * half..200 + 8 * half];
            for (quarter, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                let (from, shift) = (32 * (quarter % 2), 4 * (quarter / 2));
                for (i, out) in out.iter_mut().enumerate() {
                    let q = (low[from + i] >> shift & 15) | (high[i] >> (2 * quarter) & 3) << 4;
                    let scale = scales[2 * quarter + i / 16] as i8;
                    *out = d * f32::from(scale) * f32::from(q as i8 - 32);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::Device;
    use candle_core::quantized::{GgmlDType, QTensor};

    use crate::checkpoint::file::Stored;
    use crate::checkpoint::matrix::widen;
    use crate::sampling::noise::{Noise, Purpose};

    #[test]
    fn blocks_widen_as_candle_widens_them() {
        let weights = Noise::new(1).grid(Purpose::Pixels, [1, 3, 1], 768).unwrap();
        for (stored, dtype) in [(Stored::Q8_0, GgmlDType::Q8_0), (Stored::Q6K, GgmlDType::Q6K), (Stored::Q4K, GgmlDType::Q4K)] {
            let quantised = QTensor::quantize(&weights, dtype).unwrap();
            let want: Vec<f32> = quantised.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let mut got = vec![0.0; want.len()];
            widen(stored, &quantised.data().unwrap(), &mut got);
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-6 * want.abs().max(0.1), "{stored:?}: {got} {want}");
            }
        }
    }

    #[test]
    fn any_bytes_widen_without_panic() {
        // Every bit pattern comes up somewhere: factors that are infinite or no numbers included.
        let bytes: Vec<u8> = (0..210 * 144u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for stored in [Stored::Q8_0, Stored::Q6K, Stored::Q4K] {
            let (values, size) = stored.block();
            let whole = bytes.len() / size;
            let mut out = vec![0.0; whole * values];
            widen(stored, &bytes[..whole * size], &mut out);
            assert!(out.iter().any(|v| *v != 0.0));
        }
    }
}
