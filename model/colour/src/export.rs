//! A match as files that a host reads: .cube and ASC CDL.

use std::fmt::Write as _;

use crate::curve;
use crate::difference::{delta_e2000, lab};
use crate::gamut;
use crate::grade::{Match, curve_of};

/// The nearest ASC CDL (ASC Color Decision List specification 1.2): per channel (code × slope + offset) to the power, then
/// saturation about Rec.709 luma.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cdl {
    /// Factor per channel, above 0.
    pub slope: [f64; 3],
    /// Added per channel.
    pub offset: [f64; 3],
    /// Exponent per channel, above 0.
    pub power: [f64; 3],
    /// 0 is grey, 1 leaves colour as it is.
    pub saturation: f64,
    /// Mean CIEDE2000 between this CDL and the match itself over colours of the display of up to half saturation.
    pub mean_error: f64,
}

const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];

impl Cdl {
    /// One colour in code values; values below 0 are held there, as the specification has it.
    pub fn colour(&self, rgb: [f64; 3]) -> [f64; 3] {
        let graded = [0, 1, 2].map(|i| (rgb[i] * self.slope[i] + self.offset[i]).clamp(0.0, 1.0).powf(self.power[i]));
        let luma: f64 = graded.iter().zip(LUMA).map(|(v, w)| v * w).sum();
        graded.map(|v| luma + self.saturation * (v - luma))
    }
}

impl Match {
    /// The transform as a .cube file (Adobe Cube LUT Specification 1.0) of `size`³ points, brought to 2 … 256; 33 is what hosts
    /// expect, 65 is finer. It maps code values 0 to 1 of the match's space; for scene-linear spaces, which a lattice cannot
    /// span, those of the ACEScct curve over the same primaries, and a comment in the file says so.
    pub fn to_cube(&self, size: usize, title: &str) -> String {
        let n = size.clamp(2, 256);
        let title: String = title.chars().map(|c| if c == '"' || c.is_control() { ' ' } else { c }).collect();
        let mut out = format!("TITLE \"{title}\"\n");
        if self.space.is_linear() {
            let _ = writeln!(out, "# Input and output: {} through the ACEScct curve, primaries unchanged", self.space.label());
        } else {
            let _ = writeln!(out, "# Input and output: {}", self.space.label());
        }
        let _ = writeln!(out, "LUT_3D_SIZE {n}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1");
        let at = |i: usize| i as f64 / (n - 1) as f64;
        for b in 0..n {
            for g in 0..n {
                for r in 0..n {
                    let [r, g, b] = self.code([at(r), at(g), at(b)]);
                    let _ = writeln!(out, "{r:.7} {g:.7} {b:.7}");
                }
            }
        }
        out
    }

    /// The transform on code values also where pictures are scene-linear.
    fn code(&self, rgb: [f64; 3]) -> [f64; 3] {
        if !self.space.is_linear() {
            return self.colour(rgb);
        }
        let through = |f: fn(shot::ColourSpace, &mut [f32]), v: f64| {
            let mut plane = [v as f32];
            f(curve_of(self.space), &mut plane);
            f64::from(plane[0])
        };
        self.colour(rgb.map(|v| through(curve::decode, v))).map(|v| through(curve::encode, v))
    }

    /// The nearest CDL on code values, found by damped least squares over a 9³ grid of colours that stay within 0 to 1, drawn
    /// halfway to grey: a CDL cannot turn hues, and pictures are made of such colours rather than of pure primaries.
    pub fn cdl(&self) -> Cdl {
        const N: i32 = 9;
        let mut grid = Vec::new();
        for i in 0..N.pow(3) {
            let full = [i % N, i / N % N, i / (N * N)].map(|v| f64::from(v) / f64::from(N - 1));
            let grey = full.iter().sum::<f64>() / 3.0;
            let x = full.map(|v| (v + grey) / 2.0);
            let y = self.code(x);
            if y.iter().all(|v| (-0.02..=1.02).contains(v)) {
                grid.push((x, y));
            }
        }
        let unpack = |p: &[f64; 10]| Cdl {
            slope: [p[0].exp(), p[1].exp(), p[2].exp()],
            offset: [p[3], p[4], p[5]],
            power: [p[6].exp(), p[7].exp(), p[8].exp()],
            saturation: p[9],
            mean_error: 0.0,
        };
        let cost = |p: &[f64; 10]| -> f64 {
            let cdl = unpack(p);
            grid.iter().map(|(x, y)| cdl.colour(*x).iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>()).sum()
        };
        let mut best = [0.0; 10];
        best[9] = 1.0;
        if !self.is_identity() {
            best = crate::fit::levenberg(best, cost, |p| {
                let cdl = unpack(p);
                grid.iter()
                    .flat_map(|(x, y)| {
                        let z = cdl.colour(*x);
                        [z[0] - y[0], z[1] - y[1], z[2] - y[2]]
                    })
                    .collect()
            });
        }
        let mut cdl = unpack(&best);
        let show = |rgb: [f64; 3]| lab(gamut::apply(&gamut::to_xyz_d65(shot::ColourSpace::Srgb), rgb.map(srgb_light)));
        let total: f64 = grid.iter().map(|(x, y)| delta_e2000(show(cdl.colour(*x)), show(*y))).sum();
        cdl.mean_error = total / grid.len().max(1) as f64;
        cdl
    }

    /// The nearest CDL as a ColorDecisionList document. Its description tells how far it is from the match itself.
    pub fn to_cdl(&self) -> String {
        let cdl = self.cdl();
        let three = |v: [f64; 3]| format!("{:.6} {:.6} {:.6}", v[0], v[1], v[2]);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ColorDecisionList xmlns=\"urn:ASC:CDL:v1.2\">\n\
             \x20 <ColorDecision>\n\
             \x20   <ColorCorrection id=\"pickup-match\">\n\
             \x20     <Description>Nearest CDL to a match made by Pickup, on {space} code values; mean CIEDE2000 to the match {error:.2}</Description>\n\
             \x20     <SOPNode>\n\
             \x20       <Slope>{slope}</Slope>\n\
             \x20       <Offset>{offset}</Offset>\n\
             \x20       <Power>{power}</Power>\n\
             \x20     </SOPNode>\n\
             \x20     <SatNode>\n\
             \x20       <Saturation>{sat:.6}</Saturation>\n\
             \x20     </SatNode>\n\
             \x20   </ColorCorrection>\n\
             \x20 </ColorDecision>\n\
             </ColorDecisionList>\n",
            space = if self.space.is_linear() { "ACEScct-curve" } else { self.space.label() },
            error = cdl.mean_error,
            slope = three(cdl.slope),
            offset = three(cdl.offset),
            power = three(cdl.power),
            sat = cdl.saturation,
        )
    }
}

fn srgb_light(v: f64) -> f64 {
    let mut plane = [v as f32];
    curve::decode(shot::ColourSpace::Srgb, &mut plane);
    f64::from(plane[0])
}
