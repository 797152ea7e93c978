//! Short-time spectra as products: frames of samples overlap in memory, so a spectrum is one matrix of frames times one of waves.

use rayon::prelude::*;

use crate::ops::gemm::{Grid, Target, View, gemm};

/// Frames that one thread computes.
const BLOCK: usize = 64;

/// Below this a logarithm is taken of this: the floor of the published spectra (about −115 dB).
pub const FLOOR: f32 = 1e-5;

/// Which samples make a frame.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    /// Samples in a frame.
    pub window: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
}

impl Frames {
    /// How many whole frames so many samples hold.
    pub fn count(self, samples: usize) -> usize {
        samples.checked_sub(self.window).map_or(0, |room| room / self.hop + 1)
    }
}

/// The waves that samples are compared with and the bands that their strengths are gathered in.
#[derive(Clone, Debug)]
pub struct Bands {
    /// `[2·frequencies, window]`: cosines, then sines, weighted with the window.
    pub waves: Vec<f32>,
    /// `[bins, frequencies]`.
    pub mel: Vec<f32>,
    /// Number of bins.
    pub bins: usize,
}

impl Bands {
    fn frequencies(&self) -> usize {
        self.mel.len() / self.bins
    }

    /// Magnitudes `[frames, frequencies]` of one channel of interleaved samples `[n, channels]`.
    pub fn magnitudes(&self, samples: &[f32], channels: usize, channel: usize, frames: Frames) -> Vec<f32> {
        let (frequencies, window) = (self.frequencies(), frames.window);
        let count = frames.count(samples.len() / channels);
        let mut out = vec![0.0; count * frequencies];
        out.par_chunks_mut(BLOCK * frequencies).enumerate().for_each_init(Vec::new, |waves, (index, out)| {
            let rows = out.len() / frequencies;
            waves.resize(rows * 2 * frequencies, 0.0);
            let first = &samples[index * BLOCK * frames.hop * channels + channel..];
            let x = View::new(first, rows, window, frames.hop * channels, channels);
            let mut target = Target::new(waves, rows, 2 * frequencies, 2 * frequencies);
            gemm(&mut target, x, View::rows(&self.waves, 2 * frequencies, window).transposed(), false);
            for (out, waves) in out.chunks_exact_mut(frequencies).zip(waves.chunks_exact(2 * frequencies)) {
                let (cosines, sines) = waves.split_at(frequencies);
                out.iter_mut().zip(cosines).zip(sines).for_each(|((m, c), s)| *m = (c * c + s * s).sqrt());
            }
        });
        out
    }

    /// Natural logarithms of the mel spectrum, `[frames, channels, bins]`.
    pub fn log_mel(&self, samples: &[f32], channels: usize, frames: Frames) -> Vec<f32> {
        let count = frames.count(samples.len() / channels);
        let width = channels * self.bins;
        let mut out = vec![0.0; count * width];
        let blocks = Grid::new(&mut out, count, width, self.bins).blocks();
        for (start, mut block) in blocks {
            let magnitudes = self.magnitudes(samples, channels, start / self.bins, frames);
            let x = View::rows(&magnitudes, count, self.frequencies());
            gemm(&mut block, x, View::rows(&self.mel, self.bins, self.frequencies()).transposed(), false);
        }
        out.iter_mut().for_each(|v| *v = v.max(FLOOR).ln());
        out
    }
}
