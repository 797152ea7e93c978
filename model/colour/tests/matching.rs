//! What a match must do, on pictures made here: a scene of shapes and texture, seen again after a small move.
#![allow(clippy::unwrap_used)]

use colour::{Match, delta_e2000, lab_of};
use proptest::prelude::*;
use shot::{ColourSpace, Picture, Size};

const SIZE: Size = Size::new(320, 180);

fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) & 0xffff) as f32 / 65_535.0
}

fn smooth(x: f32, y: f32, cell: f32, seed: u32) -> f32 {
    let (u, v) = (x / cell, y / cell);
    let (i, j) = (u.floor(), v.floor());
    let (fu, fv) = (u - i, v - j);
    let at = |a: f32, b: f32| hash((i + a) as i32, (j + b) as i32, seed);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t * t * (3.0 - 2.0 * t);
    mix(mix(at(0.0, 0.0), at(1.0, 0.0), fu), mix(at(0.0, 1.0), at(1.0, 1.0), fu), fv)
}

/// Part of an endless scene in sRGB code values, with grain of its own.
fn scene(dx: f32, dy: f32, grain: u32) -> Picture {
    let mut pixels = Vec::new();
    for y in 0..SIZE.height as i32 {
        for x in 0..SIZE.width as i32 {
            let (sx, sy) = (x as f32 + dx, y as f32 + dy);
            let tone = 0.12 + 0.5 * smooth(sx, sy, 60.0, 1) + 0.15 * smooth(sx, sy, 9.0, 2);
            let hue = |seed| 0.3 * (smooth(sx, sy, 45.0, seed) - 0.5);
            let noise = |c: u32| 0.01 * (hash(x, y, grain + c) - 0.5);
            pixels.push([tone + hue(3) + noise(1), tone + hue(4) + noise(2), tone + hue(5) + noise(3), 1.0]);
        }
    }
    Picture::new(SIZE, pixels).unwrap()
}

fn graded(picture: &Picture, grade: impl Fn([f32; 3]) -> [f32; 3]) -> Picture {
    let mut out = picture.clone();
    for p in out.pixels_mut() {
        let [r, g, b] = grade([p[0], p[1], p[2]]).map(|v| v.clamp(0.0, 1.0));
        (p[0], p[1], p[2]) = (r, g, b);
    }
    out
}

fn light(v: f32) -> f32 {
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

fn code(x: f32) -> f32 {
    if x <= 0.003_130_8 { x * 12.92 } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 }
}

fn warm(c: [f32; 3]) -> [f32; 3] {
    [code(light(c[0]) * 1.3), code(light(c[1]) * 1.1), code(light(c[2]) * 0.8)]
}

fn washed_out(c: [f32; 3]) -> [f32; 3] {
    let mean = (c[0] + c[1] + c[2]) / 3.0;
    c.map(|v| 0.1 + 0.75 * (0.6 * v + 0.4 * mean))
}

fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    let (a, b) = (lab_of(a, ColourSpace::Srgb), lab_of(b, ColourSpace::Srgb));
    a.iter().zip(&b).map(|(x, y)| delta_e2000(*x, *y)).sum::<f64>() / a.len() as f64
}

#[test]
fn a_grade_is_undone_though_the_camera_moved() {
    let (before, after) = (scene(0.0, 0.0, 10), scene(23.0, -11.0, 20));
    for (name, grade) in [("warm", warm as fn([f32; 3]) -> [f32; 3]), ("washed out", washed_out)] {
        let mut picture = graded(&after, grade);
        let was = mean_difference(&picture, &after);
        Match::estimate(&[&picture], &[&before], ColourSpace::Srgb).apply(&mut picture);
        let is = mean_difference(&picture, &after);
        assert!(was > 3.0 && is < 0.8, "{name}: {was} became {is}");
    }
}

#[test]
fn shots_that_match_are_left_alone_bit_for_bit() {
    let (before, after) = (scene(0.0, 0.0, 10), scene(23.0, -11.0, 20));
    let found = Match::estimate(&[&after], &[&before], ColourSpace::Srgb);
    assert!(found.is_identity(), "{found:?}");
    let mut picture = after.clone();
    found.apply(&mut picture);
    assert_eq!(picture, after);
}

#[test]
fn exposure_that_drifts_by_itself_is_the_cameras_and_stays() {
    let (before, after) = (scene(0.0, 0.0, 10), scene(9.0, 4.0, 20));
    let darker = graded(&after, |c| c.map(|v| code(light(v) * 0.6)));
    assert!(Match::estimate(&[&darker], &[&before], ColourSpace::Srgb).is_identity());
}

#[test]
fn the_answer_does_not_depend_on_the_number_of_threads() {
    let (before, after) = (scene(0.0, 0.0, 10), graded(&scene(12.0, 5.0, 20), warm));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let found = Match::estimate(&[&after], &[&before], ColourSpace::Srgb);
            let mut picture = after.clone();
            found.apply(&mut picture);
            (found, picture)
        })
    };
    assert_eq!(on(1), on(5));
}

#[test]
fn pictures_that_say_nothing_change_nothing() {
    let flat = |v: f32| Picture::filled(Size::new(64, 48), [v, v, v, 1.0]);
    let tiny = Picture::filled(Size::new(1, 1), [0.9, 0.1, 0.3, 1.0]);
    let broken = Picture::filled(Size::new(64, 48), [f32::NAN, f32::INFINITY, 0.2, 1.0]);
    let all = [&flat(0.2), &tiny, &broken, &flat(0.2)];
    for a in all {
        for b in all {
            for space in [ColourSpace::Srgb, ColourSpace::AcesCg, ColourSpace::LogC4] {
                let found = Match::estimate(&[a], &[b], space);
                assert!(found.is_identity() || a.size() != tiny.size(), "{found:?}");
                let mut picture = flat(0.4);
                found.apply(&mut picture);
                assert!(picture.pixels().iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
    assert!(Match::estimate(&[], &[&tiny], ColourSpace::Srgb).is_identity());
    assert!(Match::estimate(&[&tiny], &[], ColourSpace::Srgb).is_identity());
}

#[test]
fn clip_and_reference_may_differ_in_size() {
    let before = scene(0.0, 0.0, 10);
    let after = graded(&scene(6.0, 4.0, 20), warm);
    let half = Size::new(SIZE.width / 2, SIZE.height / 2);
    let small: Vec<[f32; 4]> = (0..half.height as usize)
        .flat_map(|y| (0..half.width as usize).map(move |x| (x, y)))
        .map(|(x, y)| after.row(2 * y)[2 * x])
        .collect();
    let mut picture = Picture::new(half, small).unwrap();
    let was = picture.clone();
    Match::estimate(&[&picture], &[&before], ColourSpace::Srgb).apply(&mut picture);
    assert!(mean_difference(&was, &picture) > 3.0, "the grade was not seen");
}

fn example() -> Match {
    let (before, after) = (scene(0.0, 0.0, 10), graded(&scene(5.0, 3.0, 20), washed_out));
    Match::estimate(&[&after], &[&before], ColourSpace::Srgb)
}

#[test]
fn half_a_match_lies_between_nothing_and_all_of_it() {
    let full = example();
    assert!(full.scaled(0.0).is_identity() && full.scaled(f64::NAN).is_identity());
    assert_eq!(full.scaled(1.0), full);
    assert_eq!(Match::lerp(&full, &full, 0.3), full);
    let at = |m: &Match| m.colour([0.3, 0.5, 0.6]);
    let half = at(&full.scaled(0.5));
    for (i, v) in half.iter().enumerate() {
        let (a, b) = ([0.3, 0.5, 0.6][i], at(&full)[i]);
        assert!((v - (a + b) / 2.0).abs() < 0.01, "{v} between {a} and {b}");
    }
}

/// Reads a .cube as a host does and applies it between the points of its lattice.
fn through_cube(cube: &str, colour: [f64; 3]) -> [f64; 3] {
    let n: usize = cube.lines().find_map(|l| l.strip_prefix("LUT_3D_SIZE ")).unwrap().parse().unwrap();
    let points: Vec<[f64; 3]> = cube
        .lines()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        .map(|l| <[f64; 3]>::try_from(l.split(' ').map(|v| v.parse().unwrap()).collect::<Vec<f64>>()).unwrap())
        .collect();
    assert_eq!(points.len(), n * n * n);
    let place = colour.map(|v| v.clamp(0.0, 1.0) * (n - 1) as f64);
    let mut out = [0.0; 3];
    for corner in 0..8 {
        let mut index = [0; 3];
        let mut weight = 1.0;
        for c in 0..3 {
            let low = (place[c].floor() as usize).min(n - 2);
            let part = place[c] - low as f64;
            let high = corner >> c & 1;
            index[c] = low + high;
            weight *= if high == 1 { part } else { 1.0 - part };
        }
        let p = points[index[0] + n * (index[1] + n * index[2])];
        (0..3).for_each(|c| out[c] += weight * p[c]);
    }
    out
}

#[test]
fn the_cube_does_what_the_match_does() {
    let warm_match = {
        let (before, after) = (scene(0.0, 0.0, 10), graded(&scene(5.0, 3.0, 20), warm));
        Match::estimate(&[&after], &[&before], ColourSpace::Srgb)
    };
    for m in [example(), warm_match, Match::identity(ColourSpace::LogC3)] {
        let cube = m.to_cube(33, "a \"title\"");
        for i in 0..500 {
            let c = [0, 1, 2].map(|k| f64::from(hash(i, k, 9)));
            for (a, b) in through_cube(&cube, c).iter().zip(m.colour(c)) {
                assert!((a - b).abs() < 1.5e-3, "{c:?}: {a} for {b}");
            }
        }
    }
}

#[test]
fn the_cdl_is_near_and_says_how_near() {
    let cdl = example().cdl();
    assert!(cdl.mean_error < 4.5, "{cdl:?}");
    assert!(cdl.saturation > 1.3 && cdl.slope.iter().all(|s| *s > 1.1), "{cdl:?}");
    let nothing = Match::identity(ColourSpace::Srgb).cdl();
    assert_eq!((nothing.slope, nothing.offset, nothing.power, nothing.saturation), ([1.0; 3], [0.0; 3], [1.0; 3], 1.0));
    let text = example().to_cdl();
    assert!(text.contains("urn:ASC:CDL:v1.2") && text.contains("<Saturation>") && text.contains("CIEDE2000"), "{text}");
}

proptest! {
    /// Greys keep their order and what lies outside 0 to 1 stays there, whatever was found.
    #[test]
    fn tones_keep_their_order(t in 0.0f64..1.0, a in -0.5f64..1.8, step in 0.001f64..0.2) {
        static FOUND: std::sync::OnceLock<Match> = std::sync::OnceLock::new();
        let m = FOUND.get_or_init(example).scaled(t);
        let (low, high) = (m.colour([a; 3]), m.colour([a + step; 3]));
        for c in 0..3 {
            prop_assert!(high[c] > low[c]);
        }
    }

    #[test]
    fn transparent_pixels_carry_their_colour(alpha in 0.05f32..1.0, v in 0.0f32..1.0) {
        let mut pixels = [[v * alpha, 0.3 * alpha, 0.6 * alpha, alpha], [v, 0.3, 0.6, 1.0], [0.0; 4]];
        colour::convert(&mut pixels, ColourSpace::Srgb, ColourSpace::LogC3);
        for (thin, solid) in pixels[0].iter().zip(pixels[1]) {
            prop_assert!((thin / alpha - solid).abs() < 1e-5);
        }
        prop_assert_eq!(pixels[2], [0.0; 4]);
    }
}
