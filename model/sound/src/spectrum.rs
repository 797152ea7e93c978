//! Short-time spectra and third-octave bands.

use std::sync::Arc;

use crate::prepare::{at, sorted};
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples of one analysis frame: 43 ms at 48 kHz, the usual compromise for ambience.
pub(crate) const FRAME: usize = 2048;
/// Samples from one frame to the next.
pub(crate) const HOP: usize = FRAME / 4;
/// Frequency bins of a frame.
pub(crate) const BINS: usize = FRAME / 2 + 1;
/// Third-octave bands from 25 Hz to 20 kHz (IEC 61260-1, base two).
pub(crate) const BANDS: usize = 30;

/// One value per band.
pub(crate) type PerBand = [f32; BANDS];

/// Power below which a band counts as empty: far below 24-bit noise in one third of an octave.
pub(crate) const EMPTY: f32 = 1e-15;

/// The middle of a band, in hertz.
pub(crate) fn centre(band: usize) -> f32 {
    1000.0 * 2f32.powf((band as f32 - 16.0) / 3.0)
}

pub(crate) fn db(power: f32) -> f32 {
    10.0 * power.max(EMPTY).log10()
}

pub(crate) fn power(db: f32) -> f32 {
    10f32.powf(db / 10.0)
}

/// The plans, window and band edges for frames of [`FRAME`] samples; made once, used from any thread.
pub(crate) struct Spectrum {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Hann, periodic; its square over four hops sums to 1.5.
    pub window: Vec<f32>,
    edges: Vec<(usize, usize)>,
}

impl Spectrum {
    pub fn new() -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let bin = crate::RATE as f32 / FRAME as f32;
        let edges = (0..BANDS)
            .map(|b| {
                let low = (centre(b) * 2f32.powf(-1.0 / 6.0) / bin).ceil() as usize;
                let high = ((centre(b) * 2f32.powf(1.0 / 6.0) / bin).ceil() as usize).min(BINS);
                // The lowest bands are narrower than a bin: they read the nearest one.
                if low < high {
                    (low, high)
                } else {
                    ((centre(b) / bin).round().max(1.0) as usize, (centre(b) / bin).round().max(1.0) as usize + 1)
                }
            })
            .collect();
        Self {
            forward: planner.plan_fft_forward(FRAME),
            inverse: planner.plan_fft_inverse(FRAME),
            window: (0..FRAME).map(|i| 0.5 - 0.5 * (std::f32::consts::TAU * i as f32 / FRAME as f32).cos()).collect(),
            edges,
        }
    }

    /// The windowed spectrum of the frame that begins at `at`; samples outside of `x` are silence.
    pub fn analyse(&self, x: &[f32], at: isize, out: &mut [Complex32]) {
        let mut frame: Vec<f32> = (0..FRAME as isize)
            .zip(&self.window)
            .map(|(i, w)| usize::try_from(at + i).ok().and_then(|k| x.get(k)).map_or(0.0, |s| s * w))
            .collect();
        // Lengths are those of the plan, so this cannot fail.
        let _ = self.forward.process(&mut frame, out);
    }

    /// The samples of a spectrum, windowed again for overlap-add and scaled so that analysis and synthesis give unity.
    pub fn synthesise(&self, spectrum: &mut [Complex32], out: &mut [f32]) {
        // Only real values can stand at 0 Hz and at the Nyquist frequency.
        spectrum[0].im = 0.0;
        spectrum[BINS - 1].im = 0.0;
        let _ = self.inverse.process(spectrum, out);
        let scale = 1.0 / (1.5 * FRAME as f32);
        out.iter_mut().zip(&self.window).for_each(|(s, w)| *s *= w * scale);
    }

    /// Mean power per bin in each band.
    pub fn bands(&self, spectrum: &[Complex32]) -> PerBand {
        std::array::from_fn(|b| {
            let (low, high) = self.edges[b];
            spectrum[low..high].iter().map(|z| z.norm_sqr()).sum::<f32>() / (high - low) as f32
        })
    }

    /// Band powers of all whole frames of `x`, [`HOP`] apart; one frame padded with silence where `x` is shorter than a frame.
    pub fn track(&self, x: &[f32]) -> Vec<PerBand> {
        let frames = if x.is_empty() { 0 } else { x.len().saturating_sub(FRAME) / HOP + 1 };
        let mut spectrum = vec![Complex32::default(); BINS];
        (0..frames)
            .map(|i| {
                self.analyse(x, (i * HOP) as isize, &mut spectrum);
                self.bands(&spectrum)
            })
            .collect()
    }
}

/// Gains in dB per band as linear amplitude gains per bin of a spectrum of `bins` bins up to 24 kHz, smooth over log frequency.
pub(crate) fn bin_gains(gains_db: &PerBand, bins: usize) -> Vec<f32> {
    let bin = 0.5 * crate::RATE as f32 / (bins - 1) as f32;
    (0..bins)
        .map(|k| {
            let place = (3.0 * ((k as f32 * bin).max(1.0) / 1000.0).log2() + 16.0).clamp(0.0, (BANDS - 1) as f32);
            let b = (place as usize).min(BANDS - 2);
            let part = place - b as f32;
            10f32.powf((gains_db[b] * (1.0 - part) + gains_db[b + 1] * part) / 20.0)
        })
        .collect()
}

/// The mean over frames, per band; silence where there is none.
pub(crate) fn mean(track: &[PerBand]) -> PerBand {
    let n = track.len().max(1) as f64;
    std::array::from_fn(|b| (track.iter().map(|f| f64::from(f[b])).sum::<f64>() / n) as f32)
}

/// The mean over frames, per band, where no frame counts as more than `cap` times the band's quantile `of`.
pub(crate) fn capped_mean<'a>(frames: impl Iterator<Item = &'a PerBand>, of: f32, cap: f32) -> PerBand {
    let frames: Vec<&PerBand> = frames.collect();
    if frames.is_empty() {
        return [0.0; BANDS];
    }
    std::array::from_fn(|b| {
        let values = sorted(frames.iter().map(|f| f[b]));
        let top = at(&values, of) * cap;
        (values.iter().map(|v| f64::from(v.min(top))).sum::<f64>() / values.len() as f64) as f32
    })
}

/// How lively each band is: standard deviation over mean of its power over time.
pub(crate) fn liveliness(track: &[PerBand]) -> PerBand {
    let mean = mean(track);
    let n = track.len().max(1) as f64;
    std::array::from_fn(|b| {
        let m = f64::from(mean[b].max(EMPTY));
        let variance = track.iter().map(|f| (f64::from(f[b]) - m).powi(2)).sum::<f64>() / n;
        (variance.sqrt() / m) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_add_gives_the_signal_back() {
        let s = Spectrum::new();
        let x: Vec<f32> = (0..8 * FRAME).map(|i| (i as f32 * 0.05).sin() + (i as f32 * 0.7).cos()).collect();
        let mut y = vec![0.0; x.len()];
        let mut spectrum = vec![Complex32::default(); BINS];
        let mut frame = vec![0.0; FRAME];
        for i in 0..=(x.len() - FRAME) / HOP {
            s.analyse(&x, (i * HOP) as isize, &mut spectrum);
            s.synthesise(&mut spectrum, &mut frame);
            frame.iter().enumerate().for_each(|(k, v)| y[i * HOP + k] += v);
        }
        for i in FRAME..x.len() - FRAME {
            assert!((x[i] - y[i]).abs() < 1e-4, "{i}: {} {}", x[i], y[i]);
        }
    }

    #[test]
    fn a_tone_falls_into_its_band() {
        let s = Spectrum::new();
        for band in [8, 12, 16, 24, 28] {
            let x: Vec<f32> = (0..FRAME).map(|i| (std::f32::consts::TAU * centre(band) * i as f32 / 48_000.0).sin()).collect();
            let bands = s.track(&x)[0];
            let loudest = (0..BANDS).max_by(|a, b| bands[*a].total_cmp(&bands[*b])).unwrap_or(0);
            assert_eq!(loudest, band);
        }
        assert!(s.track(&[]).is_empty());
        assert_eq!(s.track(&[1.0]).len(), 1);
    }

    #[test]
    fn gains_reach_their_bins() {
        let mut gains = [0.0; BANDS];
        gains[16] = 6.0;
        let bins = bin_gains(&gains, BINS);
        let at = |hz: f32| bins[(hz / (48_000.0 / FRAME as f32)).round() as usize];
        assert!((20.0 * at(1000.0).log10() - 6.0).abs() < 0.4);
        assert!((at(100.0) - 1.0).abs() < 1e-6 && (at(8000.0) - 1.0).abs() < 1e-6);
    }
}
