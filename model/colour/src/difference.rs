//! CIELAB and CIEDE2000: how different two colours look.

use shot::{ColourSpace, Picture};

use crate::gamut;

/// CIE L*, a*, b* relative to D65 (ISO/CIE 11664-4). XYZ is relative to a white of Y = 1.
pub fn lab(xyz: [f64; 3]) -> [f64; 3] {
    let white = gamut::white_d65();
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let [x, y, z] = [0, 1, 2].map(|i| f(xyz[i] / white[i]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Every pixel's L*, a*, b*. Display encodings are taken as they show; for camera and scene-linear encodings light 1.0 is white.
pub fn lab_of(picture: &Picture, space: ColourSpace) -> Vec<[f64; 3]> {
    let mut pixels = picture.pixels().to_vec();
    crate::convert::decode(&mut pixels, space);
    let m = gamut::to_xyz_d65(space);
    pixels.iter().map(|p| lab(gamut::apply(&m, [f64::from(p[0]), f64::from(p[1]), f64::from(p[2])]))).collect()
}

/// CIEDE2000 (ISO/CIE 11664-6; Sharma, Wu and Dalal, Color Research & Application 30, 2005) of two L*, a*, b* colours with
/// kL = kC = kH = 1. About 1 is just visible side by side.
pub fn delta_e2000(one: [f64; 3], two: [f64; 3]) -> f64 {
    let chroma = |c: [f64; 3]| c[1].hypot(c[2]);
    let mean_chroma = (chroma(one) + chroma(two)) / 2.0;
    let g = 0.5 * (1.0 - (mean_chroma.powi(7) / (mean_chroma.powi(7) + 25f64.powi(7))).sqrt());
    let polar = |c: [f64; 3]| {
        let a = (1.0 + g) * c[1];
        let hue = if a == 0.0 && c[2] == 0.0 { 0.0 } else { c[2].atan2(a).to_degrees().rem_euclid(360.0) };
        (a.hypot(c[2]), hue)
    };
    let ((c1, h1), (c2, h2)) = (polar(one), polar(two));
    let (dl, dc) = (two[0] - one[0], c2 - c1);
    let coloured = c1 * c2 != 0.0;
    let dh = if coloured { (h2 - h1 + 540.0).rem_euclid(360.0) - 180.0 } else { 0.0 };
    let dh_chord = 2.0 * (c1 * c2).sqrt() * (dh.to_radians() / 2.0).sin();
    let mean_l = (one[0] + two[0]) / 2.0;
    let mean_c = (c1 + c2) / 2.0;
    let mean_h = match (h1 + h2, (h1 - h2).abs() > 180.0) {
        (sum, _) if !coloured => sum,
        (sum, false) => sum / 2.0,
        (sum, true) if sum < 360.0 => (sum + 360.0) / 2.0,
        (sum, true) => (sum - 360.0) / 2.0,
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(mean_h - 30.0) + 0.24 * cos(2.0 * mean_h) + 0.32 * cos(3.0 * mean_h + 6.0) - 0.20 * cos(4.0 * mean_h - 63.0);
    let from_50 = (mean_l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * from_50 / (20.0 + from_50).sqrt();
    let sc = 1.0 + 0.045 * mean_c;
    let sh = 1.0 + 0.015 * mean_c * t;
    let turn = 60.0 * (-((mean_h - 275.0) / 25.0).powi(2)).exp();
    let rt = -turn.to_radians().sin() * 2.0 * (mean_c.powi(7) / (mean_c.powi(7) + 25f64.powi(7))).sqrt();
    let (l, c, h) = (dl / sl, dc / sc, dh_chord / sh);
    (l * l + c * c + h * h + rt * c * h).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the test data that Sharma, Wu and Dalal print in table 1 of their paper.
    #[test]
    fn the_published_pairs_have_their_published_differences() {
        for (one, two, expected) in [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
            ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0000),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
            ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0000),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
            ([22.7233, 20.0904, -46.6940], [23.0331, 14.9730, -42.5619], 2.0373),
            ([90.8027, -2.0831, 1.4410], [91.1528, -1.6435, 0.0447], 1.4441),
            ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
        ] {
            assert!((delta_e2000(one, two) - expected).abs() < 5e-5, "{one:?} {two:?}: {}", delta_e2000(one, two));
            assert!((delta_e2000(two, one) - expected).abs() < 5e-5);
        }
    }
}
