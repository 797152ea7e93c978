//! Norms over the channels and what is done with their result: modulation by scale and shift, gated residuals. Scale, shift and
//! gate differ from token to token only where their noise levels do, so they are kept once per level and found by an index.

use std::sync::Arc;

use candle_core::{D, Device, Tensor};
use rayon::prelude::*;

use crate::error::{Result, Stage};
use crate::ops::slices;
use crate::ops::wide::wide;

/// Tokens that one task works on.
const TOKENS: usize = 16;

/// Which row of a table belongs to each token.
#[derive(Clone, Debug)]
pub struct Index(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// All tokens share row 0.
    Shared,
    /// By token; on a GPU also as a tensor.
    Each(Vec<u32>, Option<Tensor>),
}

impl Index {
    /// All tokens share the only row.
    pub fn shared() -> Self {
        Self(Arc::new(Kind::Shared))
    }

    /// A row for each token.
    pub fn each(rows: Vec<u32>, device: &Device) -> Result<Self> {
        if rows.iter().all(|row| *row == 0) {
            return Ok(Self::shared());
        }
        let tensor = match device {
            Device::Cpu => None,
            _ => Some(Tensor::new(rows.as_slice(), device)?),
        };
        Ok(Self(Arc::new(Kind::Each(rows, tensor))))
    }

    #[inline(always)]
    fn row(&self, token: usize) -> usize {
        match &*self.0 {
            Kind::Shared => 0,
            Kind::Each(rows, _) => rows[token] as usize,
        }
    }
}

/// A vector of channels per token, stored once per distinct one.
#[derive(Clone, Debug)]
pub struct Rows {
    /// `[distinct, channels]`, dense.
    pub table: Tensor,
    /// Which one each token has.
    pub index: Index,
}

impl Rows {
    /// One row for all tokens.
    pub fn shared(row: &Tensor) -> Result<Self> {
        Ok(Self { table: row.flatten_all()?.unsqueeze(0)?, index: Index::shared() })
    }

    /// `[tokens or 1, channels]`, for devices where the operations are composed.
    fn spread(&self) -> Result<Tensor> {
        match &*self.index.0 {
            Kind::Each(_, Some(index)) => Ok(self.table.index_select(index, 0)?),
            Kind::Each(rows, None) => Ok(self.table.index_select(&Tensor::new(rows.as_slice(), self.table.device())?, 0)?),
            Kind::Shared => Ok(self.table.narrow(0, 0, 1)?),
        }
    }
}

/// What is done to a token before it is modulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Nothing.
    None,
    /// x / √(mean(x²) + ε).
    Rms,
    /// (x − mean) / √(variance + ε).
    Layer,
}

/// `norm(x)·(1 + scale) + shift`, of `[tokens, channels]`; without scale and shift the norm alone.
pub fn modulate(x: &Tensor, norm: Norm, eps: f32, by: Option<(&Rows, &Rows)>) -> Result<Tensor> {
    if !matches!(x.device(), Device::Cpu) {
        return composed(x, norm, eps, by);
    }
    let columns = x.dim(D::Minus1)?;
    let out = slices::with(x, |x| -> Result<Vec<f32>> {
        let mut out = vec![0.0; x.len()];
        match by {
            None => by_rows(
                &mut out,
                columns,
                #[inline(always)]
                |token, out| normalise(&x[token * columns..][..columns], out, norm, eps, None),
            ),
            Some((scale, shift)) => slices::with(&scale.table, |scales| {
                slices::with(&shift.table, |shifts| {
                    by_rows(
                        &mut out,
                        columns,
                        #[inline(always)]
                        |token, out| {
                            let (a, b) = (scale.index.row(token) * columns, shift.index.row(token) * columns);
                            let by = (&scales[a..a + columns], &shifts[b..b + columns]);
                            normalise(&x[token * columns..][..columns], out, norm, eps, Some(by));
                        },
                    );
                })
            })??,
        }
        Ok(out)
    })??;
    slices::tensor(out, x.shape())
}

/// The same from candle's own operations: the path of other devices, and what the tests compare with.
fn composed(x: &Tensor, norm: Norm, eps: f32, by: Option<(&Rows, &Rows)>) -> Result<Tensor> {
    let run = || -> Result<Tensor> {
        // Squares of bf16 overflow its precision: statistics are taken in f32.
        let dtype = x.dtype();
        let x = x.to_dtype(candle_core::DType::F32)?;
        let x = match norm {
            Norm::None => x,
            Norm::Rms => x.broadcast_div(&(x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?)?,
            Norm::Layer => {
                let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
                x.broadcast_div(&(x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(eps))?.sqrt()?)?
            }
        };
        let x = match by {
            None => x,
            Some((scale, shift)) => {
                let of = |rows: &Rows| rows.spread()?.to_dtype(candle_core::DType::F32).stage("modulation");
                x.broadcast_mul(&(of(scale)? + 1.0)?)?.broadcast_add(&of(shift)?)?
            }
        };
        Ok(x.to_dtype(dtype)?)
    };
    run()
}

/// `x + gate·y`, `[tokens, channels]`; without a gate `x + y`. On the CPU `x` is changed where it lies: give what nobody else reads.
pub fn residual(x: Tensor, y: &Tensor, gate: Option<&Rows>) -> Result<Tensor> {
    if !matches!(x.device(), Device::Cpu) {
        return match gate {
            None => Ok((x + y)?),
            Some(gate) => Ok((x + y.broadcast_mul(&gate.spread()?)?)?),
        };
    }
    let columns = x.dim(D::Minus1)?;
    slices::with(y, |y| match gate {
        None => slices::edit(&x, |x| {
            by_rows(
                x,
                columns,
                #[inline(always)]
                |token, x| {
                    for (x, y) in x.iter_mut().zip(&y[token * columns..][..columns]) {
                        *x += y;
                    }
                },
            );
        }),
        Some(gate) => slices::with(&gate.table, |gates| {
            slices::edit(&x, |x| {
                by_rows(
                    x,
                    columns,
                    #[inline(always)]
                    |token, x| {
                        let y = &y[token * columns..][..columns];
                        let gate = &gates[gate.index.row(token) * columns..][..columns];
                        for ((x, y), g) in x.iter_mut().zip(y).zip(gate) {
                            *x = g.mul_add(*y, *x);
                        }
                    },
                );
            })
        })?,
    })??;
    Ok(x)
}

/// Gives each row to `f`, compiled for the machine's vectors, a fixed number of rows to a task.
pub fn by_rows(values: &mut [f32], columns: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if columns == 0 {
        return;
    }
    values.par_chunks_mut(TOKENS * columns).enumerate().for_each(|(task, rows)| {
        wide(
            #[inline(always)]
            || {
                for (i, row) in rows.chunks_exact_mut(columns).enumerate() {
                    f(task * TOKENS + i, row);
                }
            },
        );
    });
}

#[inline(always)]
fn normalise(x: &[f32], out: &mut [f32], norm: Norm, eps: f32, by: Option<(&[f32], &[f32])>) {
    let n = x.len() as f32;
    let (mean, factor) = match norm {
        Norm::None => (0.0, 1.0),
        Norm::Rms => (0.0, 1.0 / (squares(x, 0.0) / n + eps).sqrt()),
        Norm::Layer => {
            let mean = sum(x) / n;
            (mean, 1.0 / (squares(x, mean) / n + eps).sqrt())
        }
    };
    match by {
        None => {
            for (out, x) in out.iter_mut().zip(x) {
                *out = (x - mean) * factor;
            }
        }
        Some((scale, shift)) => {
            for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(scale).zip(shift) {
                *out = ((x - mean) * factor).mul_add(1.0 + scale, *shift);
            }
        }
    }
}

/// Partial sums side by side: one vector of any machine, and the same result on all of them.
const LANES: usize = 16;

/// Σ (x − mean)².
#[inline(always)]
pub fn squares(x: &[f32], mean: f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = (x - mean).mul_add(x - mean, *lane);
        }
    }
    rest.iter().fold(fold(lanes), |sum, x| (x - mean).mul_add(x - mean, sum))
}

/// Σ x.
#[inline(always)]
pub fn sum(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    rest.iter().fold(fold(lanes), |sum, x| sum + x)
}

#[inline(always)]
fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn random(shape: (usize, usize), seed: u64) -> Tensor {
        let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        };
        Tensor::from_vec((0..shape.0 * shape.1).map(|_| next()).collect(), shape, &Device::Cpu).unwrap()
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values(a).iter().zip(values(b)).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn norms_and_residuals_are_the_composed_ones(tokens in 1usize..40, columns in 1usize..70, levels in 1usize..4, seed in 0u64..1000) {
            let x = random((tokens, columns), seed);
            let index = Index::each((0..tokens).map(|t| (t * 7 % levels) as u32).collect(), &Device::Cpu).unwrap();
            let rows = |seed| Rows { table: random((levels, columns), seed), index: index.clone() };
            let (scale, shift) = (rows(seed + 1), rows(seed + 2));
            for norm in [Norm::None, Norm::Rms, Norm::Layer] {
                for by in [None, Some((&scale, &shift))] {
                    let got = modulate(&x, norm, 1e-3, by).unwrap();
                    prop_assert!(close(&got, &composed(&x, norm, 1e-3, by).unwrap()), "{norm:?}");
                }
            }
            let y = random((tokens, columns), seed + 3);
            let want = (&x + y.mul(&scale.spread().unwrap().broadcast_as(y.shape()).unwrap()).unwrap()).unwrap();
            prop_assert!(close(&residual(x.copy().unwrap(), &y, Some(&scale)).unwrap(), &want));
            prop_assert!(close(&residual(x.copy().unwrap(), &y, None).unwrap(), &(&x + &y).unwrap()));
        }
    }
}
