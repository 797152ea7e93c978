//! Rows of OpenColorIO's results beside ours: shared by the test, which reads the stored ones, and by the example `spaces`, which
//! reads fresh ones.

use colour::gamut::{Matrix, apply, inverse};
use shot::ColourSpace;

/// AMPAS S-2014-004: ACEScg (AP1) to ACES2065-1 (AP0).
const AP1_TO_AP0: Matrix = [
    [0.695_452_241_4, 0.140_678_696_5, 0.163_869_062_2],
    [0.044_794_563_4, 0.859_671_118_5, 0.095_534_318_2],
    [-0.005_525_882_6, 0.004_025_210_3, 1.001_500_672_3],
];

/// One row and how far ours is from it.
pub struct Row<'a> {
    /// The row as it was read: from, to, three values in, three values out.
    pub text: &'a str,
    /// The space it comes from.
    pub from: &'a str,
    /// The space it is taken to.
    pub to: &'a str,
    /// The largest error of its channels, relative as [`rows`] says.
    pub error: f64,
}

/// The rows of a table in the form of values.csv with their errors; `None` where a row cannot be read.
///
/// An error is relative to the value; where a channel is the small difference of large ones, to a hundredth of the largest,
/// because single precision in OpenColorIO itself does not hold more there; light below 1e-5 and codes below 1e-3 to these.
pub fn rows(table: &str) -> Option<Vec<Row<'_>>> {
    table.lines().filter(|l| !l.starts_with('#')).map(row).collect()
}

fn row(text: &str) -> Option<Row<'_>> {
    let fields: Vec<&str> = text.split(',').collect();
    let (&[from, to], values) = fields.split_first_chunk::<2>()?;
    let values: Vec<f64> = values.iter().map(|v| v.parse().ok()).collect::<Option<_>>()?;
    let &[r, g, b, x, y, z] = &values[..] else { return None };
    let ours = convert(from, to, [r, g, b])?;
    let theirs = [x, y, z];
    let near_nothing = if matches!(to, "aces2065-1" | "aces-cg" | "linear-rec709") { 1e-5 } else { 1e-3 };
    let largest = theirs.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    let errors = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs() / b.abs().max(0.01 * largest).max(near_nothing));
    // What is not a number is as far off as can be.
    let error = errors.fold(0.0, |worst: f64, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) });
    Some(Row { text, from, to, error })
}

fn convert(from: &str, to: &str, colour: [f64; 3]) -> Option<[f64; 3]> {
    const HUB: &str = "aces2065-1";
    let space = |name: &str| if name == HUB { Some(ColourSpace::AcesCg) } else { name.parse().ok() };
    let start = if from == HUB { apply(&inverse(&AP1_TO_AP0), colour) } else { colour };
    let mut pixel = [[start[0] as f32, start[1] as f32, start[2] as f32, 1.0]];
    colour::convert(&mut pixel, space(from)?, space(to)?);
    let end = [0, 1, 2].map(|i| f64::from(pixel[0][i]));
    Some(if to == HUB { apply(&AP1_TO_AP0, end) } else { end })
}
