//! Agreement with OpenColorIO's built-in studio configuration, optimization none. The reference values are in
//! ocio/values.csv; ocio/ocio.py makes them again and says what it needs.
#![allow(clippy::unwrap_used)]

use shot::ColourSpace;

#[path = "ocio/compare.rs"]
mod compare;

#[test]
fn every_space_agrees_with_opencolorio() {
    let rows = compare::rows(include_str!("ocio/values.csv")).unwrap();
    assert!(rows.len() > 1500, "only {} rows", rows.len());
    for space in ColourSpace::ALL {
        let of = |side: for<'a> fn(&compare::Row<'a>) -> &'a str| rows.iter().filter(|r| side(r) == space.id()).count();
        assert!(of(|r| r.from) > 50 && of(|r| r.to) > 30, "{space}");
    }
    let worst = rows.iter().max_by(|a, b| a.error.total_cmp(&b.error)).unwrap();
    assert!(worst.error < 1e-4, "{} off: {}", worst.error, worst.text);
}

#[test]
fn there_and_back_comes_home_for_every_pair() {
    for from in ColourSpace::ALL {
        for to in ColourSpace::ALL {
            for code in [[0.2, 0.5, 0.7], [0.45, 0.4, 0.35], [0.62, 0.58, 0.66]] {
                let mut pixel = [[code[0], code[1], code[2], 1.0f32]];
                colour::convert(&mut pixel, from, to);
                colour::convert(&mut pixel, to, from);
                for (a, b) in pixel[0].iter().zip(code) {
                    assert!((a - b).abs() < 5e-4 * b.max(0.1), "{from} through {to}: {code:?} became {:?}", pixel[0]);
                }
            }
        }
    }
}
