//! Neighbourhood attention: each place attends to a window of exactly the kernel's size around it, shifted inwards at the borders
//! (A. Hassani et al., "Neighborhood attention transformer", CVPR 2023; the shift is that of NATTEN's `na3d`). One frame is computed at
//! a time against the frames of its window, and never the scores of more than one tile of places.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};
use rayon::prelude::*;

use crate::error::Result;
use crate::ops::activation::exp;
use crate::ops::gemm::{Target, View, gemm};
use crate::ops::slices;
use crate::ops::wide::wide;

/// Rows and columns of a tile on the processor: its places and the union of their windows stay in the cache.
const TILE: usize = 8;
/// The same on a GPU, where few large products are faster.
const GPU_TILE: usize = 16;

/// The places of a frame and the window that each attends to, in rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows and columns of the frame.
    pub grid: [usize; 2],
    /// Rows and columns of the window; not larger than the grid.
    pub window: [usize; 2],
    /// Heads of attention.
    pub heads: usize,
}

/// The first place of the window of a place on an axis.
pub fn first_of(place: usize, window: usize, length: usize) -> usize {
    place.saturating_sub(window / 2).min(length.saturating_sub(window))
}

/// A tile of places and the union of their windows, both as half-open ranges of rows and columns.
#[derive(Clone, Debug)]
struct Tile {
    places: [Range<usize>; 2],
    union: [Range<usize>; 2],
}

impl Layout {
    fn tiles(&self, side: usize) -> Vec<Tile> {
        let pieces = |axis: usize| {
            let (length, window) = (self.grid[axis], self.window[axis]);
            (0..length).step_by(side).map(move |from| {
                let to = (from + side).min(length);
                (from..to, first_of(from, window, length)..first_of(to - 1, window, length) + window)
            })
        };
        let tile = |(rows, row_union): &(_, _), (columns, column_union): (_, _)| Tile {
            places: [Range::clone(rows), columns],
            union: [Range::clone(row_union), column_union],
        };
        pieces(0).flat_map(|rows| pieces(1).map(move |columns| tile(&rows, columns)).collect::<Vec<_>>()).collect()
    }

    /// The window of one place within a tile's union, by axis.
    fn inside(&self, tile: &Tile, axis: usize, place: usize) -> Range<usize> {
        let first = first_of(place, self.window[axis], self.grid[axis]) - tile.union[axis].start;
        first..first + self.window[axis]
    }
}

/// Queries, keys or values of one frame, `[places, channels]`, heads one after the other.
#[derive(Clone, Debug)]
pub enum Rows {
    /// On the processor, in f32.
    Values(Vec<f32>),
    /// Anywhere else.
    Device(Tensor),
}

impl Rows {
    /// From a tensor `[places, channels]`.
    pub fn new(tensor: Tensor) -> Result<Self> {
        match tensor.device() {
            Device::Cpu => Ok(Self::Values(slices::with(&tensor, <[f32]>::to_vec)?)),
            _ => Ok(Self::Device(tensor)),
        }
    }

    fn tensor(&self, channels: usize) -> Result<Tensor> {
        match self {
            Self::Values(values) => slices::tensor(values.clone(), (values.len() / channels, channels)),
            Self::Device(tensor) => Ok(tensor.clone()),
        }
    }
}

/// Attention of one frame's queries, which carry the scale already, to keys and values of the frames of its window: `[places,
/// channels]`.
pub fn attend(layout: Layout, channels: usize, queries: &Rows, keys: &[&Rows], values: &[&Rows]) -> Result<Tensor> {
    /// All frames where all are on the processor.
    fn here<'a>(rows: &[&'a Rows]) -> Option<Vec<&'a [f32]>> {
        rows.iter().map(|rows| if let Rows::Values(values) = rows { Some(values.as_slice()) } else { None }).collect()
    }
    match (queries, here(keys), here(values)) {
        (Rows::Values(queries), Some(keys), Some(values)) => {
            let out = frame(layout, channels, queries, &keys, &values);
            slices::tensor(out, (queries.len() / channels, channels))
        }
        _ => composed(layout, channels, GPU_TILE, queries, keys, values),
    }
}

fn frame(layout: Layout, channels: usize, queries: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> Vec<f32> {
    let head = channels / layout.heads;
    let columns = layout.grid[1];
    let tiles = layout.tiles(TILE);
    let tasks: Vec<_> = tiles.iter().flat_map(|tile| (0..layout.heads).map(move |h| (tile, h * head))).collect();
    let done: Vec<Vec<f32>> = tasks
        .par_iter()
        .map_init(Scratch::default, |scratch, (tile, offset)| {
            let gather = |from: &[&[f32]], area: &[Range<usize>; 2], out: &mut Vec<f32>| {
                out.clear();
                for frame in from {
                    for row in area[0].clone() {
                        for column in area[1].clone() {
                            out.extend_from_slice(&frame[(row * columns + column) * channels + offset..][..head]);
                        }
                    }
                }
            };
            gather(&[queries], &tile.places, &mut scratch.queries);
            gather(keys, &tile.union, &mut scratch.keys);
            gather(values, &tile.union, &mut scratch.values);
            let (places, union) = (scratch.queries.len() / head, scratch.keys.len() / head);
            scratch.scores.resize(places * union, 0.0);
            let (q, k) = (View::rows(&scratch.queries, places, head), View::rows(&scratch.keys, union, head).transposed());
            gemm(&mut Target::new(&mut scratch.scores, places, union, union), q, k, false);
            let [rows, width] = [tile.union[0].len(), tile.union[1].len()];
            for ((row, column), scores) in places_of(tile).zip(scratch.scores.chunks_exact_mut(union)) {
                let window = [layout.inside(tile, 0, row), layout.inside(tile, 1, column)];
                wide(|| softmax(scores, rows, width, &window));
            }
            let mut out = vec![0.0; places * head];
            let (p, v) = (View::rows(&scratch.scores, places, union), View::rows(&scratch.values, union, head));
            gemm(&mut Target::new(&mut out, places, head, head), p, v, false);
            out
        })
        .collect();
    let mut out = vec![0.0; queries.len()];
    for ((tile, offset), part) in tasks.iter().zip(&done) {
        for ((row, column), part) in places_of(tile).zip(part.chunks_exact(head)) {
            out[(row * columns + column) * channels + offset..][..head].copy_from_slice(part);
        }
    }
    out
}

fn places_of(tile: &Tile) -> impl Iterator<Item = (usize, usize)> + '_ {
    tile.places[0].clone().flat_map(|row| tile.places[1].clone().map(move |column| (row, column)))
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
}

/// Scores of a union of windows, `[frames, rows, width]`, to weights: outside the window they are 0.
#[inline(always)]
fn softmax(scores: &mut [f32], rows: usize, width: usize, window: &[Range<usize>; 2]) {
    let mut largest = f32::NEG_INFINITY;
    for (index, row) in scores.chunks_exact(width).enumerate() {
        if window[0].contains(&(index % rows)) {
            largest = row[window[1].clone()].iter().fold(largest, |m, v| m.max(*v));
        }
    }
    let mut sum = 0.0;
    for (index, row) in scores.chunks_exact_mut(width).enumerate() {
        if window[0].contains(&(index % rows)) {
            row[..window[1].start].fill(0.0);
            row[window[1].end..].fill(0.0);
            let row = &mut row[window[1].clone()];
            row.iter_mut().for_each(|v| *v = exp(*v - largest));
            sum += row.iter().sum::<f32>();
        } else {
            row.fill(0.0);
        }
    }
    let scale = 1.0 / sum;
    scores.iter_mut().for_each(|v| *v *= scale);
}

/// The same from candle's operations, for every device: tile by tile, scores outside the window pushed far down.
fn composed(layout: Layout, channels: usize, side: usize, queries: &Rows, keys: &[&Rows], values: &[&Rows]) -> Result<Tensor> {
    let all = |rows: &[&Rows]| -> Result<Tensor> {
        let rows: Vec<Tensor> = rows.iter().map(|rows| rows.tensor(channels)).collect::<Result<_>>()?;
        Ok(Tensor::cat(&rows, 0)?)
    };
    let (queries, all_keys, all_values) = (queries.tensor(channels)?, all(keys)?, all(values)?);
    let (places, columns, head) = (queries.dim(0)?, layout.grid[1], channels / layout.heads);
    let device = queries.device();
    let area = |frames: usize, area: &[Range<usize>; 2]| {
        let mut out = Vec::new();
        for frame in 0..frames {
            for row in area[0].clone() {
                out.extend(area[1].clone().map(|column| (frame * places + row * columns + column) as u32));
            }
        }
        out
    };
    let heads = |x: &Tensor, index: &[u32]| -> Result<Tensor> {
        let x = x.index_select(&Tensor::new(index, device)?, 0)?;
        Ok(x.reshape((index.len(), layout.heads, head))?.transpose(0, 1)?.contiguous()?)
    };
    let (mut order, mut parts) = (Vec::new(), Vec::new());
    for tile in layout.tiles(side) {
        let (at, union) = (area(1, &tile.places), area(keys.len(), &tile.union));
        let [rows, width] = [tile.union[0].len(), tile.union[1].len()];
        let mut outside = Vec::with_capacity(at.len() * union.len());
        for (row, column) in places_of(&tile) {
            let window = [layout.inside(&tile, 0, row), layout.inside(&tile, 1, column)];
            let inside = |i: usize| window[0].contains(&(i / width % rows)) && window[1].contains(&(i % width));
            outside.extend((0..union.len()).map(|i| if inside(i) { 0.0f32 } else { f32::NEG_INFINITY }));
        }
        let outside = Tensor::from_vec(outside, (1, at.len(), union.len()), device)?;
        let scores = heads(&queries, &at)?.matmul(&heads(&all_keys, &union)?.t()?)?.to_dtype(DType::F32)?.broadcast_add(&outside)?;
        let weights = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?.to_dtype(queries.dtype())?;
        let out = weights.matmul(&heads(&all_values, &union)?)?;
        parts.push(out.transpose(0, 1)?.reshape((at.len(), channels))?);
        order.extend(at);
    }
    let mut back = vec![0u32; places];
    order.iter().enumerate().for_each(|(i, at)| back[*at as usize] = i as u32);
    Ok(Tensor::cat(&parts, 0)?.index_select(&Tensor::new(back, device)?, 0)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn value(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn tiles_agree_with_the_definition(
            rows in 1usize..24, columns in 1usize..24, frames in 1usize..4, (kr, kc) in (1usize..8, 1usize..8), heads in 1usize..3, seed in 0usize..1000,
        ) {
            let layout = Layout { grid: [rows, columns], window: [kr.min(rows), kc.min(columns)], heads };
            let (head, channels) = (8, 8 * heads);
            let n = rows * columns * channels;
            let made = |from: usize| (0..n).map(|i| 2.0 * value(i + from * 7919 + seed)).collect::<Vec<f32>>();
            let queries = made(0);
            let keys: Vec<_> = (0..frames).map(|f| Rows::Values(made(1 + f))).collect();
            let values: Vec<_> = (0..frames).map(|f| Rows::Values(made(11 + f))).collect();
            let (k, v): (Vec<&Rows>, Vec<&Rows>) = (keys.iter().collect(), values.iter().collect());
            let q = Rows::Values(queries.clone());
            let got = attend(layout, channels, &q, &k, &v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let other = composed(layout, channels, 5, &q, &k, &v).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let slice = |rows: &Rows| if let Rows::Values(v) = rows { v.clone() } else { Vec::new() };
            let (keys, values): (Vec<_>, Vec<_>) = (keys.iter().map(slice).collect(), values.iter().map(slice).collect());
            for row in 0..rows {
                for column in 0..columns {
                    let start = [first_of(row, layout.window[0], rows), first_of(column, layout.window[1], columns)];
                    for h in 0..heads {
                        let at = |r: usize, c: usize| (r * columns + c) * channels + h * head;
                        let mut weighted = vec![0.0f64; head];
                        let mut sum = 0.0;
                        for frame in 0..frames {
                            for r in start[0]..start[0] + layout.window[0] {
                                for c in start[1]..start[1] + layout.window[1] {
                                    let score: f64 = (0..head).map(|i| f64::from(queries[at(row, column) + i]) * f64::from(keys[frame][at(r, c) + i])).sum();
                                    sum += score.exp();
                                    (0..head).for_each(|i| weighted[i] += score.exp() * f64::from(values[frame][at(r, c) + i]));
                                }
                            }
                        }
                        for (i, weighted) in weighted.iter().enumerate() {
                            prop_assert!((f64::from(got[at(row, column) + i]) - weighted / sum).abs() < 1e-5);
                            prop_assert!((f64::from(other[at(row, column) + i]) - weighted / sum).abs() < 1e-5);
                        }
                    }
                }
            }
        }

        #[test]
        fn windows_are_whole_and_inside(place in 0usize..100, window in 1usize..20, more in 0usize..100) {
            let length = window.max(place + 1) + more;
            let first = first_of(place, window, length);
            prop_assert!(first + window <= length && (first..first + window).contains(&place));
        }
    }
}
