//! Scaling of pictures row by row: an exact area average when they get smaller, linear interpolation when they get larger.
//!
//! Rows come in from the top and are needed only for a while, so a take is scaled straight out of its playback cache without a
//! whole picture in memory. The result of a pixel depends on nothing but the geometry: tiles rendered one by one are the same
//! pixels as the whole.

use std::collections::VecDeque;

/// Which source samples make one result sample, and how much each counts. The weights sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// First source sample.
    pub first: usize,
    /// Weights of it and those after it; empty where the result lies outside of the picture.
    pub weights: Vec<f32>,
}

/// The part of a pixel that a picture must cover to be seen in it: more than what rounding leaves.
const COVERED: f64 = 1e-3;

impl Tap {
    /// One past the last source sample.
    pub const fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

/// Taps for result samples `from` to `to` when `count` source samples cover `start` to `end` in the result's coordinates.
/// `flipped` counts source samples from the other end: pictures have their top row first, hosts their bottom row.
pub fn taps(count: usize, start: f64, end: f64, from: i32, to: i32, flipped: bool) -> Vec<Tap> {
    let per = (end - start) / count as f64;
    (from..to)
        .map(|i| {
            // The result sample covers [a, b) in source samples.
            let (a, b) = ((f64::from(i) - start) / per, (f64::from(i) + 1.0 - start) / per);
            let (a, b) = if flipped { (count as f64 - b, count as f64 - a) } else { (a, b) };
            // A pixel that the picture covers in part shows the picture: at half the scale the last row of an odd number of rows
            // would else be a black line.
            if !(b > COVERED * (b - a) && a < count as f64 - COVERED * (b - a)) {
                return Tap { first: 0, weights: Vec::new() };
            }
            if b - a > 1.0 { area(a, b, count) } else { linear((a + b) / 2.0, count) }
        })
        .collect()
}

fn area(a: f64, b: f64, count: usize) -> Tap {
    let (a, b) = (a.max(0.0), b.min(count as f64));
    let first = (a.floor() as usize).min(count - 1);
    let end = (b.ceil() as usize).clamp(first + 1, count);
    let cover = |i: usize| (b.min((i + 1) as f64) - a.max(i as f64)).max(0.0);
    let sum: f64 = (first..end).map(cover).sum();
    Tap { first, weights: (first..end).map(|i| (cover(i) / sum) as f32).collect() }
}

fn linear(centre: f64, count: usize) -> Tap {
    let at = (centre - 0.5).clamp(0.0, (count - 1) as f64);
    let first = (at.floor() as usize).min(count - 1);
    let part = (at - first as f64) as f32;
    let weights = if part > 0.0 && first + 1 < count { vec![1.0 - part, part] } else { vec![1.0] };
    Tap { first, weights }
}

/// The span of source samples that some taps need; empty when they need none.
pub fn needed(taps: &[Tap]) -> std::ops::Range<usize> {
    let used = || taps.iter().filter(|t| !t.weights.is_empty());
    let first = used().map(|t| t.first).min().unwrap_or(0);
    first..used().map(Tap::end).max().unwrap_or(first).max(first)
}

/// Scales a picture from its top row to its bottom row.
pub struct Scaler<'t> {
    columns: &'t [Tap],
    /// Result rows still to be made, topmost first: the row's number and its tap.
    rows: VecDeque<(i32, &'t Tap)>,
    /// Source rows that are still needed, already scaled in width, with their numbers.
    held: VecDeque<(usize, Vec<[f32; 4]>)>,
    row: Vec<[f32; 4]>,
}

impl<'t> Scaler<'t> {
    /// `rows` are the taps of result rows from the lowest, number `bottom`, upward; their source rows count from the top.
    pub fn new(columns: &'t [Tap], rows: &'t [Tap], bottom: i32) -> Self {
        let numbered = rows.iter().enumerate().rev().filter(|(_, t)| !t.weights.is_empty());
        Self {
            columns,
            rows: numbered.map(|(i, t)| (bottom + i as i32, t)).collect(),
            held: VecDeque::new(),
            row: vec![[0.0; 4]; columns.len()],
        }
    }

    /// Takes source row `y` and hands out every result row that is then complete. Source rows come in order.
    pub fn push(&mut self, y: usize, source: &[[f32; 4]], mut done: impl FnMut(i32, &[[f32; 4]])) {
        while self.rows.front().is_some_and(|(_, t)| t.end() <= y) {
            self.rows.pop_front();
        }
        let Some((_, next)) = self.rows.front() else { return };
        if y < next.first {
            return;
        }
        let spare = if self.held.front().is_some_and(|(n, _)| *n < next.first) { self.held.pop_front() } else { None };
        let mut scaled = spare.map_or_else(|| vec![[0.0; 4]; self.columns.len()], |(_, row)| row);
        across(self.columns, source, &mut scaled);
        self.held.push_back((y, scaled));
        while let Some((number, tap)) = self.rows.front().copied() {
            if tap.end() > y + 1 {
                break;
            }
            self.row.fill([0.0; 4]);
            for (n, held) in &self.held {
                let Some(weight) = n.checked_sub(tap.first).and_then(|i| tap.weights.get(i)) else { continue };
                for (out, v) in self.row.iter_mut().zip(held) {
                    for c in 0..4 {
                        out[c] += v[c] * weight;
                    }
                }
            }
            done(number, &self.row);
            self.rows.pop_front();
            let first = self.rows.front().map_or(usize::MAX, |(_, t)| t.first);
            // One row that is not needed any more is kept for its memory.
            while self.held.len() > 1 && self.held.get(1).is_some_and(|(n, _)| *n < first) {
                self.held.pop_front();
            }
        }
    }
}

fn across(columns: &[Tap], source: &[[f32; 4]], out: &mut [[f32; 4]]) {
    for (tap, out) in columns.iter().zip(out) {
        *out = [0.0; 4];
        for (v, weight) in source.get(tap.first..).unwrap_or_default().iter().zip(&tap.weights) {
            for c in 0..4 {
                out[c] += v[c] * weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scale(source: &[Vec<[f32; 4]>], columns: &[Tap], rows: &[Tap]) -> Vec<(i32, Vec<[f32; 4]>)> {
        let mut out = Vec::new();
        let mut scaler = Scaler::new(columns, rows, 0);
        for (y, row) in source.iter().enumerate() {
            scaler.push(y, row, |n, r| out.push((n, r.to_vec())));
        }
        out
    }

    #[test]
    fn the_same_size_is_the_same_picture_upside_down() {
        let source: Vec<Vec<[f32; 4]>> = (0..5).map(|y| (0..7).map(|x| [x as f32, y as f32, 0.5, 1.0]).collect()).collect();
        let out = scale(&source, &taps(7, 0.0, 7.0, 0, 7, false), &taps(5, 0.0, 5.0, 0, 5, true));
        assert_eq!(out.len(), 5);
        for (n, row) in out {
            assert_eq!(row, source[4 - n as usize], "row {n}");
        }
    }

    #[test]
    fn half_size_is_the_mean_of_four() {
        let source: Vec<Vec<[f32; 4]>> = (0..4).map(|y| (0..4).map(|x| [(y * 4 + x) as f32, 0.0, 0.0, 1.0]).collect()).collect();
        let out = scale(&source, &taps(4, 0.0, 2.0, 0, 2, false), &taps(4, 0.0, 2.0, 0, 2, true));
        assert_eq!(out[0].0, 1, "the top row comes first");
        assert_eq!((out[0].1[0][0], out[0].1[1][0], out[1].1[0][0]), (2.5, 4.5, 10.5));
    }

    #[test]
    fn a_row_that_is_covered_in_part_shows_the_picture() {
        // 27 rows at half the scale reach 13.5 rows of the result.
        let rows = taps(27, 0.0, 13.5, 0, 15, false);
        assert_eq!(rows[13], Tap { first: 26, weights: vec![1.0] });
        assert!(rows[14].weights.is_empty() && taps(27, 0.0, 13.5, -1, 0, false)[0].weights.is_empty());
        assert!(taps(10, 0.0, 10.0001, 10, 11, false)[0].weights.is_empty(), "a hair is nothing");
    }

    proptest! {
        /// Weights sum to one, stay inside, and a tile has the taps that the whole has.
        #[test]
        fn taps_are_sound(count in 1usize..400, start in -50.0..50.0f64, length in 1.0..900.0f64, from in -100i32..100, n in 1i32..200) {
            for flipped in [false, true] {
                let whole = taps(count, start, start + length, from, from + n, flipped);
                for t in &whole {
                    prop_assert!(t.end() <= count || t.weights.is_empty());
                    let sum: f32 = t.weights.iter().sum();
                    prop_assert!(t.weights.is_empty() || (sum - 1.0).abs() < 1e-4, "{sum}");
                    prop_assert!(t.weights.iter().all(|w| *w >= 0.0));
                }
                let tile = taps(count, start, start + length, from + n / 2, from + n, flipped);
                prop_assert_eq!(&whole[(n / 2) as usize..], &tile[..]);
            }
        }

        /// A flat picture stays flat at any size, and every row inside comes out once, from the top.
        #[test]
        fn a_flat_picture_stays_flat(w in 1usize..40, h in 1usize..40, ow in 1i32..60, oh in 1i32..60) {
            let source = vec![vec![[0.25, 0.5, 0.75, 1.0]; w]; h];
            let (columns, rows) = (taps(w, 0.0, f64::from(ow), 0, ow, false), taps(h, 0.0, f64::from(oh), 0, oh, true));
            let out = scale(&source, &columns, &rows);
            let numbers: Vec<i32> = out.iter().map(|(n, _)| *n).collect();
            prop_assert_eq!(numbers, (0..oh).rev().collect::<Vec<_>>());
            for v in out.iter().flat_map(|(_, r)| r) {
                prop_assert!((v[0] - 0.25).abs() < 1e-5 && (v[3] - 1.0).abs() < 1e-5);
            }
        }
    }
}
