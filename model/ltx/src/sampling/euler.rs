//! Euler's rule: straight on along the line from the estimate to the tokens.

/// From one level of noise to the next, in place: `x += (x − x₀)/σ · (σ′ − σ)`.
///
/// # Panics
/// When the lengths differ.
pub fn step(x: &mut [f32], estimate: &[f32], sigma: f32, next: f32) {
    assert_eq!(x.len(), estimate.len());
    let forward = next - sigma;
    for (x, estimate) in x.iter_mut().zip(estimate) {
        *x += (*x - estimate) / sigma * forward;
    }
}
