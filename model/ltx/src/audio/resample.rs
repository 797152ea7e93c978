//! A whole multiple of a signal's rate, by a sinc under a Hann window: what the bandwidth extension adds its residual to. Width,
//! roll-off and window are those of torchaudio's `resample` with its defaults, which the model was trained with.

use std::f64::consts::PI;

use rayon::prelude::*;

/// Zero crossings on each side.
const CROSSINGS: f64 = 6.0;
/// Where the pass band ends, as a part of half the lower rate.
const ROLL_OFF: f64 = 0.99;

/// From one rate to a whole multiple of it.
#[derive(Clone, Debug)]
pub struct Upsample {
    ratio: usize,
    /// Places that are read on each side.
    reach: usize,
    /// Per phase, the weights of the places from the earliest on.
    phases: Vec<Vec<f32>>,
}

impl Upsample {
    /// To `ratio` times the rate.
    pub fn new(ratio: usize) -> Self {
        let reach = (CROSSINGS / ROLL_OFF).ceil() as usize;
        // Weight of the place `back` before output `phase`.
        let weight = |phase: usize, back: isize| {
            let x = (phase as f64 / ratio as f64 + back as f64) * ROLL_OFF;
            let window = (x.clamp(-CROSSINGS, CROSSINGS) * PI / CROSSINGS / 2.0).cos().powi(2);
            let sinc = if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
            (sinc * window * ROLL_OFF) as f32
        };
        let reached = reach as isize;
        let phases = (0..ratio).map(|phase| (-reached..=reached).rev().map(|back| weight(phase, back)).collect()).collect();
        Self { ratio, reach, phases }
    }

    /// `[time, channels]` → `[time·ratio, channels]`. Beyond both ends the first and the last sample are held.
    pub fn forward(&self, x: &[f32], channels: usize) -> Vec<f32> {
        let time = x.len() / channels;
        let mut out = vec![0.0; time * self.ratio * channels];
        out.par_chunks_mut(4096 * self.ratio * channels).enumerate().for_each(|(index, out)| {
            for (local, row) in out.chunks_exact_mut(channels).enumerate() {
                let (place, phase) = (index * 4096 + local / self.ratio, local % self.ratio);
                for (tap, weight) in self.phases[phase].iter().enumerate() {
                    let source = (place + tap).saturating_sub(self.reach).min(time - 1);
                    row.iter_mut().zip(&x[source * channels..]).for_each(|(v, s)| *v += weight * s);
                }
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_shape() {
        let tone = |t: f64| (2.0 * PI * 1000.0 / 16_000.0 * t).sin();
        let x: Vec<f32> = (0..1000).flat_map(|t| [tone(f64::from(t)) as f32, 0.5]).collect();
        let out = Upsample::new(3).forward(&x, 2);
        assert_eq!(out.len(), 6000);
        for (i, row) in out.chunks(2).enumerate().skip(60).take(2800) {
            assert!((f64::from(row[0]) - tone(i as f64 / 3.0)).abs() < 5e-3, "{i}");
            assert!((row[1] - 0.5).abs() < 5e-3, "{i}");
        }
    }
}
