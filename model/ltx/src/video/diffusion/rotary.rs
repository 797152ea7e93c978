//! Rotary positions of the diffusion decoder: a head's channels in three parts, turned pair by pair by the place's frame, row and
//! column. Only differences of places matter, so counting may begin anywhere.

use candle_core::{DType, Device, Tensor};

use crate::checkpoint::weights::Place;
use crate::error::Result;

/// Base of the frequencies.
const BASE: f64 = 10_000.0;

/// The angles of one grid.
#[derive(Clone, Debug)]
pub struct Rotary {
    time: Vec<f32>,
    /// Cosines and sines `[places, pairs]` of the pairs that rows and columns turn.
    space: (Tensor, Tensor),
    places: usize,
}

/// A quarter of a head for time and the rest in halves, all even: the split of the authors' decoder.
fn split(head: usize) -> (usize, usize) {
    let time = head / 4 / 2 * 2;
    let side = (head - time) / 2;
    if side.is_multiple_of(2) { (time, side) } else { (time - 2, (head - time + 2) / 2) }
}

fn frequencies(channels: usize) -> Vec<f32> {
    (0..channels / 2).map(|i| BASE.powf(-2.0 * i as f64 / channels as f64) as f32).collect()
}

impl Rotary {
    /// For frames of a grid of rows and columns and heads of so many channels.
    pub fn new(head: usize, [rows, columns]: [usize; 2], place: &Place) -> Result<Self> {
        let (time, side) = split(head);
        let frequencies_of_side = frequencies(side);
        let mut angles = Vec::with_capacity(rows * columns * side);
        for row in 0..rows {
            for column in 0..columns {
                angles.extend(frequencies_of_side.iter().map(|f| row as f32 * f));
                angles.extend(frequencies_of_side.iter().map(|f| column as f32 * f));
            }
        }
        let angles = Tensor::from_vec(angles, (rows * columns, side), &Device::Cpu)?.to_device(&place.device)?;
        Ok(Self { time: frequencies(time), space: (angles.cos()?, angles.sin()?), places: rows * columns })
    }

    /// Turns `[places, heads, head]` of a frame.
    pub fn turn(&self, x: &Tensor, frame: usize) -> Result<Tensor> {
        let (places, heads, head) = x.dims3()?;
        let time: Vec<f32> = self.time.iter().map(|f| frame as f32 * f).collect();
        let time = Tensor::from_vec(time, (1, self.time.len()), &Device::Cpu)?.to_device(x.device())?;
        let with_time = |of: Tensor, space: &Tensor| -> Result<Tensor> {
            let of = of.broadcast_as((self.places, self.time.len()))?;
            Ok(Tensor::cat(&[&of.contiguous()?, space], 1)?.reshape((places, 1, head / 2))?)
        };
        let (cosines, sines) = (with_time(time.cos()?, &self.space.0)?, with_time(time.sin()?, &self.space.1)?);
        let pairs = x.to_dtype(DType::F32)?.reshape((places, heads, head / 2, 2))?;
        let (even, odd) = (pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?);
        let first = (even.broadcast_mul(&cosines)? - odd.broadcast_mul(&sines)?)?;
        let second = (even.broadcast_mul(&sines)? + odd.broadcast_mul(&cosines)?)?;
        Ok(Tensor::stack(&[first, second], 3)?.reshape((places, heads, head))?.to_dtype(x.dtype())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_split_as_the_authors_do() {
        assert_eq!([split(64), split(16), split(32), split(8), split(24)], [(16, 24), (4, 6), (8, 12), (0, 4), (4, 10)]);
    }
}
