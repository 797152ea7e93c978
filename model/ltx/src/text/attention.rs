//! Attention over one short sequence: causal, in a sliding window, or all to all; with as many key heads as query heads or fewer.

use candle_core::{D, Device, Tensor};
use rayon::prelude::*;

use crate::error::{Result, Stage};
use crate::ops::gemm::{Grid, Target, View, gemm};
use crate::ops::slices;

/// Queries of a head that are computed together: their scores stay in the cache.
const BLOCK: usize = 64;

/// Which positions a position reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Itself and everything before it.
    Causal,
    /// Itself and the positions before it, so many in all.
    Window(usize),
    /// All.
    All,
}

impl Span {
    /// First and one past the last of `keys` positions that `position` reads.
    fn reach(self, position: usize, keys: usize) -> (usize, usize) {
        match self {
            Self::Causal => (0, position + 1),
            Self::Window(size) => ((position + 1).saturating_sub(size), position + 1),
            Self::All => (0, keys),
        }
    }
}

/// Sizes and rule of an attention.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / key_heads` query heads that lie next to each other.
    pub key_heads: usize,
    /// Values of a head.
    pub head: usize,
    /// What scores are multiplied by.
    pub scale: f32,
    /// Who reads whom.
    pub span: Span,
}

impl Attention {
    /// `softmax(q·kᵀ·scale)·v`: q `[queries, heads, head]`, k and v `[keys, key_heads, head]` → `[queries, heads·head]`. There are
    /// as many queries as keys unless all is read by all.
    pub fn forward(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (length, reads) = (q.dims3().stage("attention")?.0, k.dims3().stage("attention")?.0);
        if !matches!(q.device(), Device::Cpu) {
            return self.composed(q, k, v).stage("attention");
        }
        let out = slices::with(q, |q| slices::with(k, |k| slices::with(v, |v| self.rows(q, k, v, (length, reads)))))???;
        slices::tensor(out, (length, self.heads * self.head))
    }

    fn rows(&self, q: &[f32], k: &[f32], v: &[f32], (length, reads): (usize, usize)) -> Vec<f32> {
        let (width, key_width) = (self.heads * self.head, self.key_heads * self.head);
        let mut out = vec![0.0; length * width];
        // One block of columns per head: whatever the number of threads, each is computed in the same way.
        Grid::new(&mut out, length, width, self.head).blocks().into_par_iter().for_each_init(Vec::new, |scores, (column, mut target)| {
            let key = column / self.head / (self.heads / self.key_heads) * self.head;
            for start in (0..length).step_by(BLOCK) {
                let end = (start + BLOCK).min(length);
                let (from, to) = (self.span.reach(start, reads).0, self.span.reach(end - 1, reads).1);
                let keys = to - from;
                scores.clear();
                scores.resize((end - start) * keys, 0.0);
                let rows = View::new(&q[start * width + column..], end - start, self.head, width, 1);
                let columns = View::new(&k[from * key_width + key..], keys, self.head, key_width, 1);
                gemm(&mut Target::new(scores, end - start, keys, keys), rows, columns.transposed(), false);
                for (position, row) in (start..end).zip(scores.chunks_exact_mut(keys)) {
                    let (first, last) = self.span.reach(position, reads);
                    softmax(row, first - from, last - from, self.scale);
                }
                let values = View::new(&v[from * key_width + key..], keys, self.head, key_width, 1);
                gemm(&mut target.rows_between(start, end), View::rows(scores, end - start, keys), values, false);
            }
        });
        out
    }

    /// The same from candle's operations, on any device.
    fn composed(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> candle_core::Result<Tensor> {
        let (length, reads) = (q.dim(0)?, k.dim(0)?);
        let group = self.heads / self.key_heads;
        // Heads first; the queries of one key head stacked, so that keys need no copies.
        let stacked = q.transpose(0, 1)?.reshape((self.key_heads, group * length, self.head))?.contiguous()?;
        let (k, v) = (k.transpose(0, 1)?.contiguous()?, v.transpose(0, 1)?.contiguous()?);
        let scores = (stacked.matmul(&k.t()?)? * f64::from(self.scale))?.to_dtype(candle_core::DType::F32)?;
        let hidden: Vec<f32> = (0..length)
            .flat_map(|p| {
                let (from, to) = self.span.reach(p, reads);
                (0..reads).map(move |k| if (from..to).contains(&k) { 0.0 } else { f32::NEG_INFINITY })
            })
            .collect();
        let hidden = Tensor::from_vec(hidden, (1, 1, length, reads), q.device())?;
        let scores = scores.reshape((self.key_heads, group, length, reads))?.broadcast_add(&hidden)?;
        let exp = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)?.to_dtype(q.dtype())?;
        let out = weights.reshape((self.key_heads, group * length, reads))?.matmul(&v)?;
        out.reshape((self.heads, length, self.head))?.transpose(0, 1)?.reshape((length, self.heads * self.head))
    }
}

/// Scores `first..last` to weights that sum to 1; the others to 0.
fn softmax(scores: &mut [f32], first: usize, last: usize, scale: f32) {
    let (hidden, rest) = scores.split_at_mut(first);
    let (read, after) = rest.split_at_mut(last - first);
    hidden.fill(0.0);
    after.fill(0.0);
    let most = read.iter().fold(f32::NEG_INFINITY, |most, s| most.max(*s * scale));
    let mut sum = 0.0;
    for score in read.iter_mut() {
        *score = (*score * scale - most).exp();
        sum += *score;
    }
    let factor = 1.0 / sum;
    read.iter_mut().for_each(|score| *score *= factor);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_its_composed_twin(length in 1usize..150, key_heads in 1usize..4, group in 1usize..4, half in 1usize..9, window in 1usize..80, kind in 0usize..3) {
            let (heads, head) = (key_heads * group, half * 2);
            let values = |n: usize, salt: u32| -> Vec<f32> {
                (0..n).map(|i| ((i as u32 ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0).collect()
            };
            let tensor = |h: usize, salt| Tensor::from_vec(values(length * h * head, salt), (length, h, head), &Device::Cpu).unwrap();
            let (q, k, v) = (tensor(heads, 1), tensor(key_heads, 77), tensor(key_heads, 1234));
            let span = [Span::Causal, Span::Window(window), Span::All][kind];
            let attention = Attention { heads, key_heads, head, scale: 0.7, span };
            let got = attention.forward(&q, &k, &v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let want = attention.composed(&q, &k, &v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (got, want) in got.iter().zip(&want) {
                prop_assert!((got - want).abs() < 1e-5, "{got} {want}");
            }
        }
    }

    #[test]
    fn a_window_counts_the_position_itself() {
        assert_eq!(Span::Window(3).reach(5, 9), (3, 6));
        assert_eq!(Span::Window(3).reach(1, 9), (0, 2));
        assert_eq!(Span::Causal.reach(5, 9), (0, 6));
        assert_eq!(Span::All.reach(5, 9), (0, 9));
    }
}
