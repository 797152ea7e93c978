//! Small lumas, for comparing many frames.

use shot::{ColourSpace, Picture};

use crate::luma::luma;
use crate::plane::{Grid, Plane};

/// A luma of at most 96 samples across.
pub fn thumb(picture: &Picture, space: ColourSpace) -> Plane {
    let mut plane = luma(picture, space);
    while plane.grid().width.max(plane.grid().height) > 96 {
        plane = plane.halved();
    }
    plane
}

fn mean(grid: Grid, row: impl Fn(usize) -> f32) -> f32 {
    (0..grid.height).map(row).sum::<f32>() / grid.len() as f32
}

/// Mean absolute difference, in grey levels.
pub fn difference(a: &Plane, b: &Plane) -> f32 {
    mean(a.grid(), |y| a.row(y).iter().zip(b.row(y)).map(|(p, q)| (p - q).abs()).sum())
}

/// Mean absolute difference of what changes from the first to the second of two frames each, in grey levels.
pub fn change(a: [&Plane; 2], b: [&Plane; 2]) -> f32 {
    mean(a[0].grid(), |y| {
        let (first, second) = (a[0].row(y).iter().zip(a[1].row(y)), b[0].row(y).iter().zip(b[1].row(y)));
        first.zip(second).map(|((p, q), (r, s))| ((q - p) - (s - r)).abs()).sum()
    })
}
