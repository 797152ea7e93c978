//! Primaries and white points, and the matrices between them.
//!
//! Matrices are computed from published chromaticities in double precision, not typed in: RGB → CIE XYZ by SMPTE RP 177, and
//! white points adapted in the cone space that OpenColorIO's built-in configurations use for that encoding (Bradford for
//! display primaries and RED, CAT02 for the others). All meet in ACES AP0.

use shot::ColourSpace;

/// A 3×3 matrix, row by row.
pub type Matrix = [[f64; 3]; 3];

/// The matrix that changes nothing.
pub const IDENTITY: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// CIE 1931 x, y of red, green, blue and white, and how its white is adapted to that of ACES.
#[derive(Clone, Copy, PartialEq)]
struct Gamut {
    red: [f64; 2],
    green: [f64; 2],
    blue: [f64; 2],
    white: [f64; 2],
    cones: Matrix,
}

/// CIE Illuminant D65 as ITU-R and IEC round it.
const D65: [f64; 2] = [0.3127, 0.3290];
/// The white of ACES, AMPAS TB-2018-001.
const ACES_WHITE: [f64; 2] = [0.32168, 0.33767];

/// K. M. Lam, "Metamerism and Colour Constancy", 1985, as ICC.1:2022 annex E prints it.
const BRADFORD: Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
/// CIE 159:2004 (CIECAM02).
const CAT02: Matrix = [[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061], [0.0030, 0.0136, 0.9834]];

/// AMPAS S-2008-001 (ACES2065-1).
const AP0: Gamut = Gamut { red: [0.7347, 0.2653], green: [0.0, 1.0], blue: [0.0001, -0.077], white: ACES_WHITE, cones: CAT02 };
/// AMPAS S-2014-004 (ACEScg), S-2016-001 (ACEScct).
const AP1: Gamut = Gamut { red: [0.713, 0.293], green: [0.165, 0.83], blue: [0.128, 0.044], white: ACES_WHITE, cones: CAT02 };
/// ITU-R BT.709-6, IEC 61966-2-1.
const REC709: Gamut = Gamut { red: [0.64, 0.33], green: [0.30, 0.60], blue: [0.15, 0.06], white: D65, cones: BRADFORD };
/// ITU-R BT.2100-2.
const REC2100: Gamut = Gamut { red: [0.708, 0.292], green: [0.170, 0.797], blue: [0.131, 0.046], white: D65, cones: BRADFORD };
/// Blackmagic Design, "DaVinci Resolve 17 Wide Gamut Intermediate", 2021.
const DAVINCI_WG: Gamut = Gamut { red: [0.8, 0.313], green: [0.1682, 0.9877], blue: [0.079, -0.1155], white: D65, cones: CAT02 };
/// ARRI, "ALEXA Wide Gamut RGB", 2011.
const ARRI_WG3: Gamut = Gamut { red: [0.684, 0.313], green: [0.221, 0.848], blue: [0.0861, -0.102], white: D65, cones: CAT02 };
/// ARRI, "ARRI LogC4 Logarithmic Color Space Specification", 2022.
const ARRI_WG4: Gamut = Gamut { red: [0.7347, 0.2653], green: [0.1424, 0.8576], blue: [0.0991, -0.0308], white: D65, cones: CAT02 };
/// Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3", 2014.
const S_GAMUT3: Gamut = Gamut { red: [0.73, 0.28], green: [0.14, 0.855], blue: [0.1, -0.05], white: D65, cones: CAT02 };
/// The same paper.
const S_GAMUT3_CINE: Gamut = Gamut { red: [0.766, 0.275], green: [0.225, 0.8], blue: [0.089, -0.087], white: D65, cones: CAT02 };
/// Canon, "Canon Cinema Gamut", EOS C500 Mark II white paper.
const CINEMA_GAMUT: Gamut = Gamut { red: [0.74, 0.27], green: [0.17, 1.14], blue: [0.08, -0.1], white: D65, cones: CAT02 };
/// RED, "White Paper on REDWideGamutRGB and Log3G10", 2017.
const RED_WG: Gamut =
    Gamut { red: [0.780_308, 0.304_253], green: [0.121_595, 1.493_994], blue: [0.095_612, -0.084_589], white: D65, cones: BRADFORD };

const fn of(space: ColourSpace) -> Gamut {
    match space {
        ColourSpace::Srgb | ColourSpace::Rec709 | ColourSpace::LinearRec709 => REC709,
        ColourSpace::AcesCg | ColourSpace::AcesCct => AP1,
        ColourSpace::DavinciIntermediate => DAVINCI_WG,
        ColourSpace::LogC3 => ARRI_WG3,
        ColourSpace::LogC4 => ARRI_WG4,
        ColourSpace::SLog3 => S_GAMUT3,
        ColourSpace::SLog3Cine => S_GAMUT3_CINE,
        ColourSpace::CanonLog3 => CINEMA_GAMUT,
        ColourSpace::Log3G10 => RED_WG,
        ColourSpace::Pq | ColourSpace::Hlg => REC2100,
    }
}

/// The matrix that takes light in the primaries of `from` to light in those of `to`; exactly [`IDENTITY`] when they are the same.
pub fn between(from: ColourSpace, to: ColourSpace) -> Matrix {
    let (from, to) = (of(from), of(to));
    if from == to { IDENTITY } else { multiply(&inverse(&to_ap0(to)), &to_ap0(from)) }
}

/// Light in the primaries of `space` to CIE XYZ relative to D65, white at Y = 1: what CIELAB needs.
pub fn to_xyz_d65(space: ColourSpace) -> Matrix {
    let rec709 = between(space, ColourSpace::LinearRec709);
    multiply(&to_xyz(REC709), &rec709)
}

/// CIE XYZ of D65, Y = 1.
pub(crate) fn white_d65() -> [f64; 3] {
    xyz(D65)
}

fn to_ap0(gamut: Gamut) -> Matrix {
    let adapted = multiply(&adaptation(gamut.white, ACES_WHITE, &gamut.cones), &to_xyz(gamut));
    multiply(&inverse(&to_xyz(AP0)), &adapted)
}

fn xyz([x, y]: [f64; 2]) -> [f64; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

/// SMPTE RP 177: columns are the primaries, scaled so that (1, 1, 1) is white.
fn to_xyz(g: Gamut) -> Matrix {
    let (r, g_, b) = (xyz(g.red), xyz(g.green), xyz(g.blue));
    let columns = [[r[0], g_[0], b[0]], [r[1], g_[1], b[1]], [r[2], g_[2], b[2]]];
    let scale = apply(&inverse(&columns), xyz(g.white));
    columns.map(|row| [row[0] * scale[0], row[1] * scale[1], row[2] * scale[2]])
}

fn adaptation(from: [f64; 2], to: [f64; 2], cones: &Matrix) -> Matrix {
    let (a, b) = (apply(cones, xyz(from)), apply(cones, xyz(to)));
    let scaled = [0, 1, 2].map(|i| cones[i].map(|v| v * b[i] / a[i]));
    multiply(&inverse(cones), &scaled)
}

/// Matrix times column.
pub fn apply(m: &Matrix, v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// `a` after `b`.
pub fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    a.map(|row| [0, 1, 2].map(|j| row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]))
}

/// The inverse by cofactors. The caller knows that there is one: all gamuts here span a volume.
pub fn inverse(m: &Matrix) -> Matrix {
    let c = |i: usize, j: usize| {
        let (a, b) = ((i + 1) % 3, (i + 2) % 3);
        let (p, q) = ((j + 1) % 3, (j + 2) % 3);
        m[a][p] * m[b][q] - m[a][q] * m[b][p]
    };
    let det = m[0][0] * c(0, 0) + m[0][1] * c(0, 1) + m[0][2] * c(0, 2);
    [0, 1, 2].map(|j| [0, 1, 2].map(|i| c(i, j) / det))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rec709_to_xyz_is_the_matrix_of_the_srgb_standard() {
        let m = to_xyz(REC709);
        for (row, published) in m.iter().zip([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) {
            for (a, b) in row.iter().zip(published) {
                assert!((a - b).abs() < 5e-5, "{m:?}");
            }
        }
    }

    #[test]
    fn white_stays_white_between_all_spaces() {
        for from in ColourSpace::ALL {
            for to in ColourSpace::ALL {
                for v in apply(&between(from, to), [1.0; 3]) {
                    assert!((v - 1.0).abs() < 1e-9, "{from} to {to}: {v}");
                }
            }
        }
    }

    #[test]
    fn there_and_back_is_nothing() {
        let m = multiply(&between(ColourSpace::LogC4, ColourSpace::Srgb), &between(ColourSpace::Srgb, ColourSpace::LogC4));
        for i in 0..3 {
            for j in 0..3 {
                assert!((m[i][j] - IDENTITY[i][j]).abs() < 1e-12);
            }
        }
    }
}
