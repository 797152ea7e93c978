//! A second-order rule with fresh noise, called res_2s: an exponential Runge–Kutta method in the logarithm of the noise (the
//! coefficients of Hochbruck and Ostermann, "Exponential integrators", Acta Numerica 2010, with the midpoint c₂ = ½), noise taken out
//! and put back after the half and the whole step so that the variance stays.
//!
//! The rule is that of Lightricks/LTX-2 (`utils/samplers.py`, `utils/res2s.py`, `components/diffusion_steps.py`), but that its
//! hundred rounds of anchor refinement are replaced by what they converge to, and that its noise is ours.

/// Where a schedule ends before the last, clean estimate: the logarithm of no noise is infinite.
pub const LAST: f64 = 0.0011;

/// Weights of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of the first estimate on the way to the middle.
    pub middle: f64,
    /// Of the first estimate on the whole way.
    pub first: f64,
    /// Of the second.
    pub second: f64,
}

impl Weights {
    /// For a step of length h = ln(σ/σ′), already multiplied by it.
    pub fn of(h: f64) -> Self {
        let second = 2.0 * phi2(-h);
        Self { middle: h * 0.5 * phi1(-0.5 * h), first: h * (phi1(-h) - second), second: h * second }
    }
}

/// (eᶻ − 1)/z.
fn phi1(z: f64) -> f64 {
    if z == 0.0 { 1.0 } else { z.exp_m1() / z }
}

/// (eᶻ − 1 − z)/z², by its series where the difference would lose its digits.
fn phi2(z: f64) -> f64 {
    if z.abs() < 0.1 {
        // Σ zᵏ/(k+2)!
        return (0..10).rev().fold(0.0, |sum, k| (sum * z + 1.0) / f64::from(k + 2));
    }
    (z.exp_m1() - z) / (z * z)
}

/// Whether the point of departure is moved to fit the noisy midpoint: in short steps that are not the last ones.
pub fn refines(h: f64, sigma: f64) -> bool {
    h < 0.5 && sigma > 0.03
}

/// Takes a step's own noise out and fresh noise of the same variance in: `departure` at `sigma`, `arrival` at `next`, in place.
///
/// # Panics
/// When the lengths differ.
pub fn renoise(departure: &[f64], arrival: &mut [f64], (sigma, next): (f64, f64), eta: f64, noise: &[f32]) {
    assert!(departure.len() == arrival.len() && noise.len() == arrival.len());
    let up = next * eta.min(0.9999);
    if up <= 0.0 {
        return;
    }
    let residual = (next * next - up * up).max(0.0).sqrt();
    let alpha = (1.0 - next) + residual;
    let down = residual / alpha;
    for ((departure, arrival), noise) in departure.iter().zip(arrival).zip(noise) {
        let direction = (departure - *arrival) / (sigma - next);
        let clean = departure - sigma * direction;
        *arrival = alpha * (clean + down * direction) + up * f64::from(*noise);
    }
}

/// Noise with a mean of exactly 0 and a variance of exactly 1, as the rule has it.
pub fn normalise(noise: &mut [f32]) {
    let n = noise.len() as f64;
    let mean = noise.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares: f64 = noise.iter().map(|v| (f64::from(*v) - mean) * (f64::from(*v) - mean)).sum();
    let deviation = (squares / (n - 1.0)).sqrt();
    // A single value has no deviation, and nothing to be made even.
    if deviation > 0.0 {
        noise.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) / deviation) as f32);
    }
}
