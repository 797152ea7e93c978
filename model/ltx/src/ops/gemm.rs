//! Products of f32 matrices that lie anywhere in memory: the one place that hands pointers to the `gemm` crate.
//!
//! Views carry strides, so transposes, overlapping rows (a convolution's taps read in place) and columns of a larger matrix cost no
//! copy. Every call is single-threaded; callers split the work into blocks that do not depend on the number of threads, which
//! keeps results the same on every machine of one kind.

#![allow(unsafe_code)]

use gemm::Parallelism;

/// A matrix to read: `rows × columns` values of `data`, by strides. Rows may overlap.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// By strides, in values.
    ///
    /// # Panics
    /// When `data` is too short: the caller's arithmetic is wrong, and reading on would be undefined.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Self {
        assert!(reach(rows, columns, row_stride, column_stride) <= data.len(), "a view of {rows}×{columns} leaves its data");
        Self { data, rows, columns, row_stride, column_stride }
    }

    /// Rows one after another without gaps.
    pub fn rows(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns, 1)
    }

    /// The same values with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// A matrix to write, its columns next to each other.
#[derive(Debug)]
pub struct Target<'a> {
    data: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    own: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: a target is a mutable borrow of values nobody else has (see `new` and `Grid::block`): sending it is sending that borrow.
unsafe impl Send for Target<'_> {}

impl<'a> Target<'a> {
    /// Rows of `columns` values, `row_stride` apart.
    ///
    /// # Panics
    /// When `data` is too short or rows would overlap.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(rows <= 1 || row_stride >= columns, "rows of a target overlap");
        assert!(reach(rows, columns, row_stride, 1) <= data.len(), "a target of {rows}×{columns} leaves its data");
        Self { data: data.as_mut_ptr(), rows, columns, row_stride, own: std::marker::PhantomData }
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows);
        // SAFETY: the row lies inside the borrowed values, checked when the target was made, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(row * self.row_stride), self.columns) }
    }

    /// Its number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows `from..to` alone.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn rows_between(&mut self, from: usize, to: usize) -> Target<'_> {
        assert!(from <= to && to <= self.rows);
        // SAFETY: a part of what this target borrows, borrowed from it in turn; `from` = rows leaves an empty part at the end.
        let data = unsafe { self.data.add(if from == to { 0 } else { from * self.row_stride }) };
        Target { data, rows: to - from, columns: self.columns, row_stride: self.row_stride, own: std::marker::PhantomData }
    }
}

/// A matrix cut into blocks of columns, so that threads can write them at the same time.
pub struct Grid<'a> {
    data: *mut f32,
    rows: usize,
    columns: usize,
    block: usize,
    own: std::marker::PhantomData<&'a mut [f32]>,
}

impl<'a> Grid<'a> {
    /// A dense matrix in blocks of `block` columns; the last may be narrower.
    ///
    /// # Panics
    /// When `data` has another length than the matrix.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, block: usize) -> Self {
        assert_eq!(data.len(), rows * columns);
        assert!(block > 0);
        Self { data: data.as_mut_ptr(), rows, columns, block, own: std::marker::PhantomData }
    }

    /// The same cut along the rows too, `rows` of them to a tile: each tile with its first row and column, tiles of the same columns
    /// one after another.
    ///
    /// # Panics
    /// When `rows` is 0.
    pub fn tiles(self, rows: usize) -> Vec<(usize, usize, Target<'a>)> {
        assert!(rows > 0);
        let total = self.rows;
        let mut tiles = Vec::new();
        for (column, block) in self.blocks() {
            for row in (0..total).step_by(rows) {
                // SAFETY: `row` is one of the block's rows. The tiles share no value: each writes its own rows and columns only.
                let data = unsafe { block.data.add(row * block.row_stride) };
                tiles.push((row, column, Target { data, rows: rows.min(total - row), ..block }));
            }
        }
        tiles
    }

    /// The blocks, each with its first column.
    pub fn blocks(self) -> Vec<(usize, Target<'a>)> {
        let starts = (0..self.columns).step_by(self.block);
        starts
            .map(|start| {
                let columns = self.block.min(self.columns - start);
                // SAFETY: `start` lies inside the first row, or there are no rows and nothing is ever read.
                let data = if self.rows == 0 { self.data } else { unsafe { self.data.add(start) } };
                // The blocks share rows but no value: each writes its own columns only.
                (start, Target { data, rows: self.rows, columns, row_stride: self.columns, own: std::marker::PhantomData })
            })
            .collect()
    }
}

/// `out = a · b`, or `out += a · b`.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn gemm(out: &mut Target<'_>, a: View<'_>, b: View<'_>, add: bool) {
    assert!(a.columns == b.rows && out.rows == a.rows && out.columns == b.columns, "matrices do not fit");
    let (m, n, k) = (a.rows, b.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: all three views were checked against their data when they were made, their sizes fit each other, and `out` is
    // borrowed mutably, so it overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.data,
            1,
            out.row_stride as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Values from the first to one past the last of a view.
fn reach(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    let last = |n: usize, stride: usize| n.checked_sub(1).map(|n| n.saturating_mul(stride));
    match (last(rows, row_stride), last(columns, column_stride)) {
        (Some(r), Some(c)) => r.saturating_add(c).saturating_add(1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(a: &View<'_>, b: &View<'_>) -> Vec<f64> {
        let at = |v: &View<'_>, r: usize, c: usize| f64::from(v.data[r * v.row_stride + c * v.column_stride]);
        (0..a.rows)
            .flat_map(|i| (0..b.columns).map(move |j| (i, j)))
            .map(|(i, j)| (0..a.columns).map(|k| at(a, i, k) * at(b, k, j)).sum())
            .collect()
    }

    proptest! {
        #[test]
        fn products_agree_with_the_naive_ones(m in 1usize..40, n in 1usize..40, k in 0usize..70, shift in 1usize..5, seed in 0u32..1000) {
            // Overlapping rows on the left, a transposed matrix on the right.
            let value = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 16_777_216.0 - 0.5;
            let left: Vec<f32> = (0..m * shift + k).map(value).collect();
            let right: Vec<f32> = (0..n * k).map(|i| value(i + 7919)).collect();
            let (a, b) = (View::new(&left, m, k, shift, 1), View::rows(&right, n, k).transposed());
            let mut out = vec![1.0; m * n];
            for (start, mut block) in Grid::new(&mut out, m, n, 16).blocks() {
                let columns = block.columns;
                gemm(&mut block, a, View::rows(&right[start * k..(start + columns) * k], columns, k).transposed(), true);
            }
            for (got, want) in out.iter().zip(naive(&a, &b)) {
                prop_assert!((f64::from(*got) - 1.0 - want).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn tiles_cover_a_matrix_once() {
        let mut out = vec![0.0; 7 * 5];
        for (row, column, mut tile) in Grid::new(&mut out, 7, 5, 2).tiles(3) {
            for i in 0..tile.rows() {
                tile.row(i).iter_mut().enumerate().for_each(|(j, v)| *v += ((row + i) * 5 + column + j) as f32);
            }
        }
        assert!(out.iter().enumerate().all(|(i, v)| *v == i as f32));
    }

    #[test]
    #[should_panic(expected = "leaves its data")]
    fn a_view_cannot_leave_its_data() {
        View::new(&[0.0; 10], 3, 4, 4, 1);
    }
}
