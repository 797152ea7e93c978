//! What a hole gets, from the outside: lengths, joins, bad input, sameness.
#![allow(clippy::unwrap_used)]

use shot::{Fault, Sound};
use sound::{Error, Gap, Kind, Options, ambience, conform, fill, integrated_loudness};

const RATE: usize = 48_000;

/// Noise of nearly normal distribution and unit power from a small generator of its own: tests must not use what they test.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut x = seed.wrapping_mul(2_654_435_761).max(1);
    let mut even = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as f32 / 2_147_483_648.0 - 1.0
    };
    (0..n).map(|_| (0..6).map(|_| even()).sum::<f32>() / 2f32.sqrt()).collect()
}

/// Noise with a slope of its spectrum, as rooms have it.
fn room(n: usize, seed: u32, level: f32) -> Vec<f32> {
    let mut low = 0.0;
    noise(n, seed)
        .into_iter()
        .map(|s| {
            low += 0.05 * (s - low);
            level * (2.0 * low + 0.05 * s)
        })
        .collect()
}

fn sound(channels: Vec<Vec<f32>>) -> Sound {
    Sound::new(RATE as u32, channels).unwrap()
}

fn rms_db(x: &[f32]) -> f32 {
    20.0 * (x.iter().map(|s| s * s).sum::<f32>() / x.len().max(1) as f32).sqrt().max(1e-9).log10()
}

fn steepest(x: &[f32]) -> f32 {
    x.windows(2).fold(0.0, |m, w| m.max((w[1] - w[0]).abs()))
}

#[test]
fn every_length_is_exact_to_the_sample() {
    let before = sound(vec![room(RATE, 1, 0.1)]);
    let after = sound(vec![room(RATE, 2, 0.1)]);
    for samples in [0, 1, 2, 63, 64, 65, 511, 2047, 2048, 4095, 8191, 48_048, 100_001] {
        for (b, a) in [(Some(&before), Some(&after)), (Some(&before), None), (None, Some(&after)), (None, None)] {
            let made = ambience(b, a, samples, 2, 3).unwrap();
            assert_eq!((made.sound.len(), made.sound.channels().len(), made.sound.rate()), (samples, 2, 48_000));
            assert!(made.sound.channels().iter().flatten().all(|s| s.is_finite()));
        }
    }
}

#[test]
fn nothing_around_gives_silence_and_says_why() {
    let made = ambience(None, None, 48_000, 6, 1).unwrap();
    assert!(made.sound.channels().iter().flatten().all(|s| *s == 0.0));
    assert!(made.notes.iter().any(|n| n.contains("silent")), "{:?}", made.notes);
    let zero = Sound::silence(48_000, 2, 96_000);
    let made = ambience(Some(&zero), Some(&zero), 48_000, 2, 1).unwrap();
    assert!(made.sound.channels().iter().flatten().all(|s| *s == 0.0));
    assert!(made.notes.iter().any(|n| n.contains("silent")), "{:?}", made.notes);
    assert!(made.figures.is_empty());
    let empty = Sound::silence(48_000, 2, 0);
    assert!(ambience(Some(&empty), None, 100, 2, 1).unwrap().sound.channels().iter().flatten().all(|s| *s == 0.0));
}

#[test]
fn it_joins_without_a_click_and_keeps_the_level() {
    for seed in 0..6 {
        let before = room(3 * RATE, 10 + seed, 0.2);
        let after = room(3 * RATE, 20 + seed, 0.2);
        let made = ambience(Some(&sound(vec![before.clone()])), Some(&sound(vec![after.clone()])), 4 * RATE, 1, 5).unwrap();
        let m = &made.sound.channels()[0];
        let usual = steepest(&before).max(steepest(&after));
        assert!((m[0] - before[before.len() - 1]).abs() < 1.2 * usual, "{seed}: in");
        assert!((after[0] - m[m.len() - 1]).abs() < 1.2 * usual, "{seed}: out");
        assert!(steepest(m) < 1.5 * usual, "{seed}: inside");
        for part in m.chunks(RATE / 2) {
            assert!((rms_db(part) - rms_db(&before)).abs() < 2.0, "{seed}: {} {}", rms_db(part), rms_db(&before));
        }
        let figure = |name: &str| made.figures.iter().find(|f| f.name == name).map(|f| f.value).unwrap();
        assert!(figure("sound-repetition") < 0.12);
        assert!(figure("sound-seam-in") < 2.0 && figure("sound-seam-out") < 2.0);
        let near = integrated_loudness(&sound(vec![before])).unwrap();
        assert!((figure("loudness") - near).abs() < 1.0);
    }
}

#[test]
fn it_glides_from_one_level_to_the_other() {
    let before = sound(vec![room(3 * RATE, 1, 0.4)]);
    let after = sound(vec![room(3 * RATE, 2, 0.1)]);
    let made = ambience(Some(&before), Some(&after), 8 * RATE, 1, 1).unwrap();
    let levels: Vec<f32> = made.sound.channels()[0].chunks(2 * RATE).map(rms_db).collect();
    assert!(levels.windows(2).all(|w| w[1] < w[0] - 1.0), "{levels:?}");
    assert!((levels[0] - levels[3] - 9.0).abs() < 3.0, "{levels:?}");
}

#[test]
fn the_same_request_gives_the_same_bytes_and_another_seed_another_sound() {
    let before = sound(vec![room(2 * RATE, 1, 0.2), room(2 * RATE, 2, 0.2)]);
    let take = |seed| ambience(Some(&before), None, 3 * RATE, 2, seed).unwrap().sound;
    let one = take(7);
    assert_eq!(one, take(7));
    assert_ne!(one, take(8));
    let narrow = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| take(7));
    let wide = rayon::ThreadPoolBuilder::new().num_threads(5).build().unwrap().install(|| take(7));
    assert_eq!(one, narrow);
    assert_eq!(one, wide);
}

#[test]
fn the_picture_between_channels_stays() {
    // Left and right share one part and have one each: a correlation of one half.
    let common = room(3 * RATE, 1, 0.2);
    let mixed = |seed| common.iter().zip(room(3 * RATE, seed, 0.2)).map(|(a, b)| a + b).collect::<Vec<f32>>();
    let before = sound(vec![mixed(2), mixed(3)]);
    let likeness = |s: &Sound| {
        let (l, r) = (&s.channels()[0], &s.channels()[1]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        dot(l, r) / (dot(l, l) * dot(r, r)).sqrt()
    };
    for kind in [Kind::Ambience, Kind::RoomTone] {
        let gap = Gap { before: Some(&before), after: None, samples: 5 * RATE, channels: 2, seed: 1 };
        let made = fill(&gap, &Options { kind, ..Options::default() }).unwrap();
        assert!((likeness(&made.sound) - likeness(&before)).abs() < 0.1, "{kind:?}: {} {}", likeness(&made.sound), likeness(&before));
    }
}

#[test]
fn surround_keeps_its_lfe_and_its_silent_channels() {
    let lfe: Vec<f32> = (0..3 * RATE).map(|i| 0.1 * (i as f32 * 40.0 * std::f32::consts::TAU / 48_000.0).sin()).collect();
    let mut channels: Vec<Vec<f32>> = (0..6).map(|c| room(3 * RATE, c + 1, 0.1)).collect();
    channels[2].fill(0.0);
    channels[3] = lfe;
    let before = sound(channels);
    let made = ambience(Some(&before), Some(&before), 4 * RATE, 6, 1).unwrap();
    let m = made.sound.channels();
    assert!(m[2].iter().all(|s| *s == 0.0));
    assert!((rms_db(&m[3]) - rms_db(&before.channels()[3])).abs() < 1.5);
    // Nothing above the LFE's range may have leaked in: slopes stay those of a 40 Hz tone.
    assert!(steepest(&m[3]) < 3.0 * steepest(&before.channels()[3]), "{}", steepest(&m[3]));
}

#[test]
fn voices_and_steps_are_not_carried_into_the_hole() {
    let floor = room(6 * RATE, 1, 0.01);
    let mut spoken = floor.clone();
    let mut state = [0.0f32; 2];
    for (i, s) in spoken.iter_mut().enumerate() {
        let speaks = (i / 12_000) % 3 != 2;
        let pulse = if speaks && i % 380 == 0 { 0.4 } else { 0.0 };
        let formant = pulse + 1.94 * state[0] - 0.95 * state[1];
        // The lips take the constant part away.
        *s += 3.0 * (formant - state[0]);
        state = [formant, state[0]];
    }
    let mut walked = floor.clone();
    for step in 0..9 {
        let hit = noise(8_000, step + 50);
        for (i, h) in hit.iter().enumerate() {
            walked[9_000 + step as usize * 29_000 + i] += 0.3 * h * (-(i as f32) / 1_200.0).exp();
        }
    }
    let mut rung = floor.clone();
    for (i, s) in rung[100_000..150_000].iter_mut().enumerate() {
        let t = i as f32 / RATE as f32;
        *s += 0.15 * ((std::f32::consts::TAU * 1_400.0 * t).sin() + (std::f32::consts::TAU * 2_100.0 * t).sin()) * (t / 0.01).min(1.0);
    }
    let mut shouted = floor.clone();
    for (i, s) in shouted.iter_mut().enumerate().skip(5 * RATE + 30_000) {
        // Up to the very edge of the hole.
        *s += 0.2 * ((i % 300) as f32 / 150.0 - 1.0);
    }
    for (name, x) in [("voices", spoken), ("steps", walked), ("telephone", rung), ("shout", shouted)] {
        let made = ambience(Some(&sound(vec![x.clone()])), None, 4 * RATE, 1, 1).unwrap();
        let m = &made.sound.channels()[0];
        assert!(rms_db(&x) > rms_db(&floor) + 8.0, "{name}");
        // The join may still run out what stands at the very edge.
        let inside = &m[RATE / 4..];
        assert!((rms_db(inside) - rms_db(&floor)).abs() < 1.5, "{name}: {} {}", rms_db(inside), rms_db(&floor));
        let loudest = inside.chunks(480).map(rms_db).fold(f32::MIN, f32::max);
        assert!(loudest < rms_db(&floor) + 6.0, "{name}: {loudest}");
        assert!(!made.notes.is_empty(), "{name}");
    }
}

#[test]
fn odd_context_gives_sensible_sound() {
    let mut broken = room(RATE, 1, 0.1);
    broken.iter_mut().step_by(97).for_each(|s| *s = f32::NAN);
    broken[5] = f32::INFINITY;
    let clipped: Vec<f32> = room(2 * RATE, 2, 6.0).into_iter().map(|s| s.clamp(-1.0, 1.0)).collect();
    let offset: Vec<f32> = room(2 * RATE, 3, 0.05).into_iter().map(|s| s + 0.3).collect();
    let spike: Vec<f32> = (0..RATE).map(|i| if i == 20_000 { 1.0 } else { 0.0 }).collect();
    let huge = vec![3e38f32; RATE];
    let tiny = vec![1e-38f32; RATE];
    for (name, x) in
        [("broken", broken), ("clipped", clipped), ("offset", offset.clone()), ("spike", spike), ("huge", huge), ("tiny", tiny)]
    {
        for (before, after) in [(true, true), (true, false), (false, true)] {
            let s = sound(vec![x.clone()]);
            let made = ambience(before.then_some(&s), after.then_some(&s), RATE, 1, 1).unwrap();
            assert_eq!(made.sound.len(), RATE);
            assert!(made.sound.channels()[0].iter().all(|s| s.is_finite()), "{name}");
            if name == "clipped" {
                // No louder than the ceiling of what it continues.
                assert!(made.sound.channels()[0].iter().all(|s| s.abs() <= 1.0 + 1e-6));
            }
            if ["broken", "clipped"].contains(&name) {
                assert!(!made.notes.is_empty(), "{name}");
            }
        }
    }
    let made = ambience(Some(&sound(vec![offset])), None, 2 * RATE, 1, 1).unwrap();
    let mean = made.sound.channels()[0].iter().sum::<f32>() / (2 * RATE) as f32;
    assert!((mean - 0.3).abs() < 0.02, "{mean}");
}

#[test]
fn the_shortest_contexts_do() {
    for n in [1, 2, 3, 10, 63, 200, 1_000, 4_000, 12_000, 24_000] {
        let s = sound(vec![room(n, 9, 0.2)]);
        for samples in [1, 100, RATE] {
            let made = ambience(Some(&s), Some(&s), samples, 2, 1).unwrap();
            assert_eq!(made.sound.len(), samples);
            let loudest = made.sound.channels().iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(loudest.is_finite() && loudest < 2.0, "{n} {samples}: {loudest}");
        }
    }
}

#[test]
fn other_rates_and_layouts_are_brought_in() {
    let slow = Sound::new(44_100, vec![room(44_100 * 2, 1, 0.2)]).unwrap();
    let fast = Sound::new(96_000, vec![room(192_000, 2, 0.2), room(192_000, 3, 0.2)]).unwrap();
    let made = ambience(Some(&slow), Some(&fast), RATE, 6, 1).unwrap();
    assert_eq!((made.sound.len(), made.sound.channels().len()), (RATE, 6));
    assert!(rms_db(&made.sound.channels()[0]) > -60.0);
    assert_eq!(conform(&fast, 48_000, 1).unwrap().len(), 96_000);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let s = Sound::silence(48_000, 1, 10);
    let fault: Fault = ambience(Some(&s), None, 10, 0, 1).unwrap_err().into();
    assert_eq!(fault.to_string(), "sound of 0 channels was asked for: ask for 1 to 16 channels");
    assert!(matches!(ambience(None, None, 10, 17, 1), Err(Error::Channels { got: 17 })));
    assert!(matches!(ambience(Some(&Sound::silence(10, 1, 10)), None, 10, 1, 1), Err(Error::Rate { got: 10 })));
    let gap = Gap { before: Some(&s), after: None, samples: 10, channels: 1, seed: 1 };
    for tempo in [0.0, -3.0, 1e9, f64::NAN] {
        let options = Options { tempo: Some(tempo), ..Options::default() };
        assert!(matches!(fill(&gap, &options), Err(Error::Tempo { .. })));
    }
}

#[test]
fn time_grows_with_the_length_and_ten_minutes_are_made_whole() {
    let before = sound(vec![room(2 * RATE, 1, 0.2)]);
    let made = ambience(Some(&before), None, 600 * RATE, 1, 1).unwrap();
    assert_eq!(made.sound.len(), 600 * RATE);
    let want = rms_db(&before.channels()[0]);
    for minute in made.sound.channels()[0].chunks(60 * RATE) {
        assert!((rms_db(minute) - want).abs() < 1.0);
    }
}
