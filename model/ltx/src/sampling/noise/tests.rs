//! The generator against its published vectors, and the values against the normal distribution.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn the_generator_gives_the_published_words() {
    // Known-answer vectors of the authors' Random123 library, philox4x32-10.
    let pi = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
    for ((counter, key), words) in [
        (([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        (([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
    ] {
        assert_eq!(philox(counter, key), words);
    }
}

#[test]
fn quantiles_are_exact_to_fifteen_digits() {
    // √2·erf⁻¹(2·(word + ½)/2³² − 1) in forty digits (mpmath).
    for (word, value) in [
        (0x00000000, -6.3379577545537893),
        (0x00000001, -6.166_429_517_819_751),
        (0x000003e8, -5.0398511259687115),
        (0x00100000, -3.4871039765916906),
        (0x10000000, -1.5341205434059567),
        (0x12345678, -1.4675657314922323),
        (0x13333333, -1.4395314704450153),
        (0x13333334, -1.4395314688002133),
        (0x40000000, -0.674_489_749_829_738_4),
        (0x7fffffff, -2.918_099_372_916_623e-10),
        (0xa0b0c0d0, 0.325_760_031_268_447),
        (0xf0000000, 1.534_120_545_299_136),
        (0xffff0000, 4.169_571_062_244_236),
        (0xffffffff, 6.3379577545537893),
    ] {
        assert!((normal(word) - value).abs() <= 1e-15 * f64::abs(value).max(1e-3), "{word:#x}: {} {value}", normal(word));
    }
    assert!((0..=31).all(|bit| normal(1 << bit) == -normal(!(1 << bit))));
}

#[test]
fn the_logarithm_is_exact_to_the_last_bits() {
    for i in 1..4000u32 {
        let x = f64::from(i) * 1.37e-4 * 0.5f64.powi(i as i32 % 40);
        assert!((ln(x) - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0), "{x}: {} {}", ln(x), x.ln());
    }
}

fn sample(seed: u64) -> Vec<f32> {
    Noise::new(seed).grid(Purpose::Video, [8, 32, 32], 128).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn values_are_normally_distributed() {
    let values = sample(7);
    let n = values.len() as f64;
    let moment = |k: i32| values.iter().map(|v| f64::from(*v).powi(k)).sum::<f64>() / n;
    // A million values: five standard errors of each moment.
    for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        assert!((moment(k) - expected).abs() < 5.0 * f64::sqrt(variance / n), "moment {k}: {}", moment(k));
    }
    // Kolmogorov and Smirnov's distance from the distribution, summed up from its density by Simpson's rule.
    let mut sorted = values;
    sorted.sort_by(f32::total_cmp);
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (mut share, mut x, mut worst) = (0.0, -8.0, 0.0f64);
    while x < 8.0 {
        let step = 1e-2;
        share += step / 6.0 * (density(x) + 4.0 * density(x + step / 2.0) + density(x + step));
        x += step;
        let below = sorted.partition_point(|v| f64::from(*v) <= x) as f64 / n;
        worst = worst.max((below - share).abs());
    }
    assert!(worst < 1.95 / n.sqrt(), "{worst}");
}

#[test]
fn neighbours_streams_and_seeds_are_independent() {
    let values = sample(7);
    let n = values.len() as f64;
    let correlation = |other: &[f32]| values.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() / n;
    for shift in [1, 2, 3, 4, 128, 129, 32 * 128, 32 * 32 * 128] {
        let (a, b) = values.split_at(shift);
        let shifted = [b, a].concat();
        assert!(correlation(&shifted).abs() < 5.0 / n.sqrt(), "{shift}");
    }
    let other = Noise::new(7).grid(Purpose::Sound, [8, 32, 32], 128).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let stage = Noise::new(7).stage(1).grid(Purpose::Video, [8, 32, 32], 128).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    for other in [&sample(8), &sample(7 << 32), &other, &stage] {
        assert!(correlation(other).abs() < 5.0 / n.sqrt());
    }
}

#[test]
fn streams_have_tags_of_their_own() {
    use std::collections::BTreeSet;
    let purposes = [
        Purpose::Video,
        Purpose::Sound,
        Purpose::VideoStep,
        Purpose::SoundStep,
        Purpose::VideoHalfStep,
        Purpose::SoundHalfStep,
        Purpose::Pixels,
    ];
    let mut first = BTreeSet::new();
    for purpose in purposes {
        for (group, step) in [(0, 0), (1, 0), (255, 0), (0, 1), (0, 1023), (255, 1023)] {
            for stage in 0..8 {
                let mut values = [0.0; 4];
                Noise::new(5).stage(stage).fill(Stream { purpose, group, step }, [0; 3], &mut values);
                first.insert(values.map(f32::to_bits));
            }
        }
    }
    assert_eq!(first.len(), 7 * 6 * 8);
}

#[test]
fn a_larger_grid_keeps_the_values_of_a_smaller_one() {
    let noise = Noise::new(99);
    let large = noise.grid(Purpose::Video, [5, 6, 7], 16).unwrap().reshape((5, 6, 7, 16)).unwrap();
    let small = noise.grid(Purpose::Video, [3, 4, 5], 16).unwrap().reshape((3, 4, 5, 16)).unwrap();
    let same = large.narrow(0, 0, 3).unwrap().narrow(1, 0, 4).unwrap().narrow(2, 0, 5).unwrap();
    let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(&small), values(&same));
    let tile = noise.grid_from(Purpose::Video, [1, 2, 3], [2, 2, 2], 16).unwrap().reshape((2, 2, 2, 16)).unwrap();
    let there = large.narrow(0, 1, 2).unwrap().narrow(1, 2, 2).unwrap().narrow(2, 3, 2).unwrap();
    assert_eq!(values(&tile), values(&there));
}

#[test]
fn threads_change_nothing() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| sample(3));
    let five = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap().install(|| sample(3));
    assert_eq!(one, five);
    // The first values of this seed, for ever: takes are promised to come out the same tomorrow.
    let bits: Vec<u32> = one[..4].iter().map(|v| v.to_bits()).collect();
    assert_eq!(bits, FIRST_BITS, "{bits:#x?}");
}

const FIRST_BITS: [u32; 4] = [0x3f67_16c0, 0xbf98_72e4, 0x3ecd_aca6, 0x3f39_2597];

#[test]
fn impossible_grids_are_refused() {
    let noise = Noise::new(0);
    for (grid, channels) in [([0, 1, 1], 4), ([1, 1, usize::MAX], 4), ([1, 1, 1], 0), ([1, 1, 1], MOST_CHANNELS + 1)] {
        assert!(noise.grid(Purpose::Video, grid, channels).is_err());
    }
}
