//! Noise that is the same on every machine, device and number of threads, and of which each value has an address.
//!
//! Numbers come from a counter-based generator, Philox 4×32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011): a value is a function of seed, stream, place and channel, not of what was drawn
//! before. A longer clip or a wider picture of the same seed therefore begins with the same noise.
//!
//! Normal values are the inverse of the normal distribution at the drawn number, by Wichura's rational functions (algorithm
//! AS 241, Applied Statistics 37, 1988; 16 digits). They need addition, multiplication, division, square root and one logarithm,
//! and the logarithm is written out here: those of system libraries differ in the last bit.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::ops::slices;

/// What noise is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the picture begins as.
    Video,
    /// What the sound begins as.
    Sound,
    /// Added to the picture after a step of the second-order sampler.
    VideoStep,
    /// Added to the sound after a step of the second-order sampler.
    SoundStep,
    /// Added to the picture in the middle of such a step.
    VideoHalfStep,
    /// Added to the sound in the middle of such a step.
    SoundHalfStep,
    /// What the picture of the diffusion decoder begins as.
    Pixels,
}

/// A stream of noise. Streams of one seed have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// What for.
    pub purpose: Purpose,
    /// 0 for the target, from 1 on the groups of tokens appended to it.
    pub group: u8,
    /// The step, below 1024; 0 where there are none.
    pub step: u16,
}

impl Stream {
    /// The target's, where there are no steps.
    pub const fn of(purpose: Purpose) -> Self {
        Self { purpose, group: 0, step: 0 }
    }

    /// Step, group and purpose, each in its own bits; stage and block of channels have the others.
    const fn tag(self) -> u32 {
        (self.step as u32) << 22 | (self.group as u32) << 14 | (self.purpose as u32) << 8
    }
}

/// Most channels of a stream: a block of four has eight bits of the counter.
pub const MOST_CHANNELS: usize = 1024;

/// Noise of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    key: [u32; 2],
    stage: u32,
}

impl Noise {
    /// Of a seed, for its first stage.
    pub const fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], stage: 0 }
    }

    /// Of the same seed for another stage, 0 to 7: what is refined must not be given the noise again that it was made from.
    pub const fn stage(self, stage: u8) -> Self {
        Self { stage: (stage & 7) as u32, ..self }
    }

    /// Standard normal values of the channels at one place: frame (or time), row, column.
    ///
    /// # Panics
    /// With more than [`MOST_CHANNELS`].
    pub fn fill(&self, stream: Stream, [frame, row, column]: [u32; 3], out: &mut [f32]) {
        assert!(out.len() <= MOST_CHANNELS, "{} channels of noise", out.len());
        let tag = stream.tag() | self.stage << 11;
        for (block, out) in out.chunks_mut(4).enumerate() {
            let words = philox([column, row, frame, tag | block as u32], self.key);
            for (out, word) in out.iter_mut().zip(words) {
                *out = normal(word) as f32;
            }
        }
    }

    /// A grid `[frames, rows, columns]` of noise as `[frames·rows·columns, channels]`.
    pub fn grid(&self, purpose: Purpose, grid: [usize; 3], channels: usize) -> Result<Tensor> {
        self.grid_from(purpose, [0; 3], grid, channels)
    }

    /// A part of that noise, beginning at a place of it: what a tile or a later window needs.
    pub fn grid_from(&self, purpose: Purpose, from: [u32; 3], [frames, rows, columns]: [usize; 3], channels: usize) -> Result<Tensor> {
        let limit = u32::MAX as usize / 2;
        if channels == 0 || channels > MOST_CHANNELS || [frames, rows, columns].iter().any(|n| *n == 0 || *n > limit) {
            return Err(Error::Unfit(format!("noise of {frames}×{rows}×{columns} places and {channels} channels cannot be made")));
        }
        let mut out = vec![0.0; frames * rows * columns * channels];
        out.par_chunks_mut(columns * channels).enumerate().for_each(|(line, out)| {
            let (frame, row) = ((line / rows) as u32, (line % rows) as u32);
            for (column, out) in out.chunks_mut(channels).enumerate() {
                let place = [from[0].wrapping_add(frame), from[1].wrapping_add(row), from[2].wrapping_add(column as u32)];
                self.fill(Stream::of(purpose), place, out);
            }
        });
        slices::tensor(out, (frames * rows * columns, channels))
    }
}

/// Ten rounds of Philox 4×32 (table 2 of the paper gives the multipliers, section 3.3 the key schedule).
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let product = |a: u32, b: u32| {
        let wide = u64::from(a) * u64::from(b);
        ((wide >> 32) as u32, wide as u32)
    };
    for _ in 0..10 {
        let (high0, low0) = product(0xD251_1F53, counter[0]);
        let (high1, low1) = product(0xCD9E_8D57, counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// The standard normal value below which a drawn number's share of all values lies. Never infinite: the shares are the middles of
/// 2³² equal parts, so |value| < 6.34.
fn normal(word: u32) -> f64 {
    // Counted from the middle, so that the two halves mirror each other exactly.
    let q = (f64::from(word) + 0.5) / 4_294_967_296.0 - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let r = (-ln(0.5 - q.abs())).sqrt();
    // r < 4.79: the third function of the algorithm, for r > 5, is never needed.
    let value = ratio(r - 1.6, &TAIL);
    if q < 0.0 { -value } else { value }
}

/// Coefficients of AS 241 (PPND16): numerator and denominator, constant first.
type Ratio = [[f64; 8]; 2];

const CENTRE: Ratio = [
    [
        3.387_132_872_796_366_5,
        1.331_416_678_917_843_8e2,
        1.971_590_950_306_551_3e3,
        1.373_169_376_550_946e4,
        4.592_195_393_154_987e4,
        6.726_577_092_700_87e4,
        3.343_057_558_358_813e4,
        2.509_080_928_730_122_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091e1,
        6.871_870_074_920_579e2,
        5.394_196_021_424_751e3,
        2.121_379_430_158_659_7e4,
        3.930_789_580_009_271e4,
        2.872_908_573_572_194_3e4,
        5.226_495_278_852_545e3,
    ],
];

const TAIL: Ratio = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        2.417_807_251_774_506e-1,
        2.272_384_498_926_918_4e-2,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        6.897_673_349_851e-1,
        1.481_039_764_274_800_8e-1,
        1.519_866_656_361_645_7e-2,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_8e-9,
    ],
];

fn ratio(x: f64, [above, below]: &Ratio) -> f64 {
    let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(above) / polynomial(below)
}

/// The natural logarithm of a normal number: exponent and fraction apart, the fraction as 2·artanh((m−1)/(m+1)).
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let (mut exponent, mut fraction) = ((bits >> 52) as i32 - 1023, f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52));
    if fraction > std::f64::consts::SQRT_2 {
        (exponent, fraction) = (exponent + 1, fraction / 2.0);
    }
    let s = (fraction - 1.0) / (fraction + 1.0);
    // |s| ≤ 0.172: the first term left out is below 2⁻⁵⁶ of the sum.
    let series = (0..=10).rev().fold(0.0, |sum, k| sum * (s * s) + 1.0 / f64::from(2 * k + 1));
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests;
