//! A matrix of weights that stays where it is: in the mapped file, in the form in which it is stored. Rows are widened to f32 a
//! few at a time while they are used, so a checkpoint is never copied as a whole, whatever its size and form.

use std::ops::Range;

use half::f16;

use crate::checkpoint::blocks;
use crate::checkpoint::file::{Entry, Mapped, Stored};
use crate::error::{Error, Result};
use crate::ops::wide::wide;

/// A weight matrix `rows × columns` (outputs × inputs), row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    name: String,
    file: Mapped,
    entry: Entry,
    stored: Stored,
    rows: usize,
    columns: usize,
    scale: f32,
}

impl Matrix {
    /// A matrix of a file; higher axes after the first are taken together as columns.
    pub fn new(name: &str, file: &Mapped, entry: &Entry, scale: f32) -> Result<Self> {
        let unreadable = |dtype: String| Error::Dtype { name: name.to_owned(), file: file.label(), dtype };
        let stored = entry.stored.clone().map_err(unreadable)?;
        if !stored.is_number() {
            return Err(unreadable(format!("{stored:?}")));
        }
        let rows = entry.shape.first().copied().unwrap_or(1);
        let columns = entry.shape.iter().skip(1).product();
        if columns % stored.block().0 != 0 {
            return Err(unreadable(format!("{stored:?} with rows of {columns} values, which is no multiple of {}", stored.block().0)));
        }
        Ok(Self { name: name.to_owned(), file: file.clone(), entry: entry.clone(), stored, rows, columns, scale })
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Its full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is stored.
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// Bytes it takes in its file.
    pub fn bytes(&self) -> usize {
        self.file.bytes(&self.entry).len()
    }

    /// Rows in f32; borrowed from the map where they already are.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn read<'a>(&'a self, rows: Range<usize>, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let (values, bytes) = self.stored.block();
        let row = self.columns / values * bytes;
        let raw = &self.file.bytes(&self.entry)[rows.start * row..rows.end * row];
        if self.stored == Stored::F32
            && self.scale == 1.0
            && let Ok(values) = bytemuck::try_cast_slice(raw)
        {
            return values;
        }
        scratch.resize(rows.len() * self.columns, 0.0);
        widen(self.stored, raw, scratch);
        if self.scale != 1.0 {
            scratch.iter_mut().for_each(|v| *v *= self.scale);
        }
        scratch
    }

    /// All of it in f32.
    pub fn to_vec(&self) -> Vec<f32> {
        let mut scratch = Vec::new();
        let borrowed = self.read(0..self.rows, &mut scratch);
        borrowed.to_vec()
    }

    /// Asks the system to read it ahead.
    pub fn will_need(&self) {
        self.file.will_need(&self.entry);
    }

    /// Lets the system drop its pages: they come back when touched again.
    pub fn done_with(&self) {
        self.file.done_with(&self.entry);
    }
}

/// Widens stored values to f32.
///
/// # Panics
/// When `raw` does not hold exactly as many values as `out`.
pub fn widen(stored: Stored, raw: &[u8], out: &mut [f32]) {
    let (values, bytes) = stored.block();
    assert_eq!(raw.len() / bytes * values, out.len());
    #[inline(always)]
    fn each<const N: usize>(raw: &[u8], out: &mut [f32], f: impl Fn([u8; N]) -> f32) {
        for (bytes, out) in raw.as_chunks::<N>().0.iter().zip(out) {
            *out = f(*bytes);
        }
    }
    // The closures are compiled for the widest vectors the machine has.
    wide(
        #[inline(always)]
        || match stored {
            Stored::F64 => each(raw, out, |b| f64::from_le_bytes(b) as f32),
            Stored::F32 => each(raw, out, f32::from_le_bytes),
            Stored::F16 => each(raw, out, |b| f16::from_le_bytes(b).to_f32()),
            // bf16 is the upper half of an f32; written so that the loop becomes vector code.
            Stored::Bf16 => each(raw, out, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
            Stored::F8E4M3 => each(raw, out, |[b]| e4m3(b)),
            Stored::U8 => each(raw, out, |[b]| f32::from(b)),
            Stored::I8 => each(raw, out, |[b]| f32::from(b as i8)),
            Stored::I64 => each(raw, out, |b| i64::from_le_bytes(b) as f32),
            Stored::Q8_0 => blocks::q8_0(raw, out),
            Stored::Q6K => blocks::q6_k(raw, out),
            Stored::Q4K => blocks::q4_k(raw, out),
        },
    );
}

/// An 8-bit float with 4 exponent bits (bias 7) and 3 fraction bits, no infinities; 0x7f and 0xff are NaN
/// (Micikevicius et al., "FP8 formats for deep learning", 2022, table 1).
#[inline(always)]
fn e4m3(byte: u8) -> f32 {
    // Shifted into place, the exponent is 120 too small: one product puts it right, subnormals included.
    let magnitude = f32::from_bits(u32::from(byte & 0x7f) << 20) * f32::from_bits(247 << 23);
    let magnitude = if byte & 0x7f == 0x7f { f32::NAN } else { magnitude };
    f32::from_bits(magnitude.to_bits() | u32::from(byte & 0x80) << 24)
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn eight_bit_floats_have_the_values_of_the_paper() {
        for (byte, value) in [
            (0x00, 0.0),
            (0x01, 0.001953125),
            (0x07, 0.013671875),
            (0x08, 0.015625),
            (0x38, 1.0),
            (0x7e, 448.0),
            (0xb8, -1.0),
            (0xfe, -448.0),
        ] {
            assert_eq!(e4m3(byte), value, "{byte:#x}");
        }
        assert!(e4m3(0x7f).is_nan() && e4m3(0xff).is_nan());
        assert!(e4m3(0x80).is_sign_negative());
    }

    #[test]
    fn brain_floats_widen_without_loss() {
        let values = [1.0f32, -2.5, 0.0078125, f32::INFINITY];
        let raw: Vec<u8> = values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        let mut out = [0.0; 4];
        widen(Stored::Bf16, &raw, &mut out);
        assert_eq!(out, values);
    }
}
