//! Attention of several heads without the matrix of scores in memory: a few queries at a time against a block of keys, scores in
//! the cache, results rescaled when a later block holds a higher score (Dao et al., arXiv:2205.14135).

use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::ops::activation::{exp, sigmoid};
use crate::ops::gemm::{Grid, Target, View, gemm};
use crate::ops::norm::sum;
use crate::ops::slices;
use crate::ops::wide::wide;

/// Queries that one task works on.
const QUERIES: usize = 128;
/// Keys that are scored together: with the queries above, half a megabyte of scores.
const KEYS: usize = 1024;

/// What is attended to, and how.
#[derive(Clone, Copy, Debug)]
pub struct Attend<'a> {
    /// `[queries, heads·size]`.
    pub q: &'a Tensor,
    /// `[keys, heads·size]`.
    pub k: &'a Tensor,
    /// `[keys, heads·size]`.
    pub v: &'a Tensor,
    /// How many heads share the channels.
    pub heads: usize,
    /// Added to the scores of every head before the softmax, `[queries, keys]`.
    pub bias: Option<&'a Tensor>,
    /// `[queries, heads]`: the result of each head is multiplied by twice the sigmoid of this.
    pub gates: Option<&'a Tensor>,
}

impl Attend<'_> {
    /// softmax(q·kᵀ / √size + bias)·v by head, gated, `[queries, heads·size]`.
    pub fn run(&self) -> Result<Tensor> {
        let ((queries, columns), keys) = (self.q.dims2()?, self.k.dim(0)?);
        if self.k.dims() != [keys, columns] || self.v.dims() != [keys, columns] || self.heads == 0 || !columns.is_multiple_of(self.heads) {
            let (q, k, v) = (self.q.dims(), self.k.dims(), self.v.dims());
            return Err(Error::Unfit(format!("attention of {} heads over {q:?}, {k:?} and {v:?} makes no sense", self.heads)));
        }
        if self.bias.is_some_and(|b| b.dims() != [queries, keys]) || self.gates.is_some_and(|g| g.dims() != [queries, self.heads]) {
            let (bias, gates) = (self.bias.map(Tensor::dims), self.gates.map(Tensor::dims));
            return Err(Error::Unfit(format!("attention of {queries} queries and {keys} keys with bias {bias:?} and gates {gates:?}")));
        }
        if !matches!(self.q.device(), Device::Cpu) {
            return self.composed();
        }
        let mut out = vec![0.0; queries * columns];
        let optional = |t: Option<&Tensor>, f: &mut dyn FnMut(Option<&[f32]>)| match t {
            Some(t) => slices::with(t, |t| f(Some(t))),
            None => {
                f(None);
                Ok(())
            }
        };
        slices::with(self.q, |q| {
            slices::with(self.k, |k| {
                slices::with(self.v, |v| {
                    let mut nested = Ok(());
                    optional(self.bias, &mut |bias| {
                        nested = optional(self.gates, &mut |gates| {
                            let rows = Slices { q, k, v, bias, gates, keys, columns, heads: self.heads };
                            rows.run(&mut out, queries);
                        });
                    })
                    .and(nested)
                })
            })
        })????;
        slices::tensor(out, (queries, columns))
    }

    /// The same from candle's own operations: the path of other devices, and what the tests compare with.
    fn composed(&self) -> Result<Tensor> {
        let (queries, columns) = self.q.dims2()?;
        let size = columns / self.heads;
        let split = |t: &Tensor| t.reshape((t.dim(0)?, self.heads, size))?.transpose(0, 1)?.contiguous();
        let (q, k, v) = (split(self.q)?, split(self.k)?, split(self.v)?);
        let mut scores = (q.matmul(&k.t()?)? * (1.0 / (size as f64).sqrt()))?.to_dtype(DType::F32)?;
        if let Some(bias) = self.bias {
            scores = scores.broadcast_add(&bias.to_dtype(DType::F32)?)?;
        }
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?.to_dtype(self.q.dtype())?;
        let out = weights.matmul(&v)?.transpose(0, 1)?.contiguous()?.reshape((queries, columns))?;
        match self.gates {
            Some(gates) => gate_heads(&out, gates, self.heads),
            None => Ok(out),
        }
    }
}

/// Each head of `[tokens, heads·size]` times twice the sigmoid of its logit in `[tokens, heads]`.
pub fn gate_heads(x: &Tensor, gates: &Tensor, heads: usize) -> Result<Tensor> {
    let (tokens, columns) = x.dims2()?;
    let gates = ((gates.neg()?.exp()? + 1.0)?.recip()? * 2.0)?;
    Ok(x.reshape((tokens, heads, columns / heads))?.broadcast_mul(&gates.unsqueeze(2)?)?.reshape((tokens, columns))?)
}

struct Slices<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    bias: Option<&'a [f32]>,
    gates: Option<&'a [f32]>,
    keys: usize,
    columns: usize,
    heads: usize,
}

/// What a task needs besides its result.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    part: Vec<f32>,
}

impl Slices<'_> {
    fn run(&self, out: &mut [f32], queries: usize) {
        if self.keys == 0 || self.columns == 0 {
            return;
        }
        let size = self.columns / self.heads;
        let tiles = Grid::new(out, queries, self.columns, size).tiles(QUERIES);
        tiles.into_par_iter().for_each_init(Scratch::default, |scratch, (first, column, mut tile)| {
            self.tile(&mut tile, first, column / size, size, scratch);
        });
    }

    /// One head of some rows.
    fn view<'d>(&self, data: &'d [f32], row: usize, rows: usize, head: usize) -> View<'d> {
        let size = self.columns / self.heads;
        View::new(&data[row * self.columns + head * size..], rows, size, self.columns, 1)
    }

    /// The queries from `first` on, one head.
    fn tile(&self, out: &mut Target<'_>, first: usize, head: usize, size: usize, scratch: &mut Scratch) {
        let rows = out.rows();
        let factor = 1.0 / (size as f32).sqrt();
        let (mut highest, mut total) = ([f32::MIN; QUERIES], [0.0f32; QUERIES]);
        for from in (0..self.keys).step_by(KEYS) {
            let keys = KEYS.min(self.keys - from);
            scratch.scores.resize(QUERIES * KEYS, 0.0);
            let scores = &mut scratch.scores[..rows * keys];
            let q = self.view(self.q, first, rows, head);
            gemm(&mut Target::new(scores, rows, keys, keys), q, self.view(self.k, from, keys, head).transposed(), false);
            let mut shrink = [0.0f32; QUERIES];
            wide(
                #[inline(always)]
                || {
                    for (i, scores) in scores.chunks_exact_mut(keys).enumerate() {
                        let bias = self.bias.map(|b| &b[(first + i) * self.keys + from..][..keys]);
                        let (peak, added) = weigh(scores, factor, bias, highest[i]);
                        shrink[i] = exp(highest[i] - peak);
                        total[i] = total[i] * shrink[i] + added;
                        highest[i] = peak;
                    }
                },
            );
            let weights = View::rows(scores, rows, keys);
            if from == 0 {
                gemm(out, weights, self.view(self.v, from, keys, head), false);
                continue;
            }
            scratch.part.resize(QUERIES * size, 0.0);
            let part = &mut scratch.part[..rows * size];
            gemm(&mut Target::new(part, rows, size, size), weights, self.view(self.v, from, keys, head), false);
            for (i, part) in part.chunks_exact(size).enumerate() {
                out.row(i).iter_mut().zip(part).for_each(|(out, part)| *out = *out * shrink[i] + part);
            }
        }
        for (i, total) in total.iter().enumerate().take(rows) {
            let gate = self.gates.map_or(1.0, |g| 2.0 * sigmoid(g[(first + i) * self.heads + head]));
            let factor = gate / total;
            out.row(i).iter_mut().for_each(|v| *v *= factor);
        }
    }
}

/// Scores become e^(score − peak): the peak, which is at least `before`, and their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], factor: f32, bias: Option<&[f32]>, before: f32) -> (f32, f32) {
    if let Some(bias) = bias {
        // The lowest number stands for "never": with a score added it must not become −∞, whose differences are NaN.
        for (s, b) in scores.iter_mut().zip(bias) {
            *s = s.mul_add(factor, *b).max(f32::MIN);
        }
    } else {
        for s in &mut *scores {
            *s *= factor;
        }
    }
    let peak = highest(scores).max(before);
    for s in &mut *scores {
        *s = exp(*s - peak);
    }
    (peak, sum(scores))
}

#[inline(always)]
fn highest(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::MIN; LANES];
    for chunk in chunks {
        // A comparison, not `max`: it becomes one instruction.
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = if *v > *lane { *v } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(f32::MIN, |a, b| if *b > a { *b } else { a })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn wave(shape: (usize, usize), rate: f32) -> Tensor {
        Tensor::from_vec((0..shape.0 * shape.1).map(|i| (i as f32 * rate).sin() * 3.0).collect(), shape, &Device::Cpu).unwrap()
    }

    fn difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn blocks_agree_with_the_whole_matrix(queries in 1usize..300, keys in prop_oneof![1usize..80, 1020usize..1030, 2040usize..2100],
                                             heads in 1usize..4, size in prop_oneof![Just(8usize), Just(5), Just(32)], rate in 0.01f32..2.0,
                                             with in any::<(bool, bool)>()) {
            let columns = heads * size;
            let (q, k, v) = (wave((queries, columns), rate), wave((keys, columns), rate * 1.3), wave((keys, columns), rate * 0.7));
            // A third of the pairs are never attended to, the others weakened.
            let bias = wave((queries, keys), 0.9).affine(1.0, -2.0).unwrap();
            let never = bias.lt(-3.5).unwrap();
            let low = Tensor::full(f32::MIN, bias.shape(), &Device::Cpu).unwrap();
            let bias = never.where_cond(&low, &bias).unwrap();
            let gates = wave((queries, heads), 0.3);
            let attend = Attend { q: &q, k: &k, v: &v, heads, bias: with.0.then_some(&bias), gates: with.1.then_some(&gates) };
            let error = difference(&attend.run().unwrap(), &attend.composed().unwrap());
            prop_assert!(error < 1e-4, "{error}");
        }
    }

    #[test]
    fn a_query_that_may_see_nothing_sees_the_mean() {
        let (q, v) = (wave((3, 8), 0.5), wave((1100, 8), 0.2));
        let bias = Tensor::full(f32::MIN, (3, 1100), &Device::Cpu).unwrap();
        let out = Attend { q: &q, k: &v, v: &v, heads: 1, bias: Some(&bias), gates: None }.run().unwrap();
        let mean = v.mean_keepdim(0).unwrap().broadcast_as((3, 8)).unwrap();
        assert!(difference(&out, &mean) < 1e-5);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let (q, k) = (wave((3, 8), 0.5), wave((4, 6), 0.2));
        assert!(Attend { q: &q, k: &k, v: &k, heads: 2, bias: None, gates: None }.run().is_err());
        assert!(Attend { q: &q, k: &q, v: &q, heads: 3, bias: None, gates: None }.run().is_err());
        assert!(Attend { q: &q, k: &q, v: &q, heads: 2, bias: Some(&k), gates: None }.run().is_err());
    }
}
