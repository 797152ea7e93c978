//! Music across a hole, and what is said about it.
#![allow(clippy::unwrap_used)]

use shot::Sound;
use sound::{Gap, Key, Kind, Options, fill, music};

const RATE: usize = 48_000;

/// A band that plays: a click with a bass note on every beat, and a chord of `tonic`'s cadence on every bar.
fn band(bpm: f64, tonic: i32, seconds: f64, phase: f64) -> Vec<f32> {
    let period = 60.0 / bpm;
    let cadence = [0, 5, 7, 0];
    (0..(seconds * RATE as f64) as usize)
        .map(|i| {
            let t = i as f64 / RATE as f64 + phase;
            let beat = (t / period).floor();
            let since = t - beat * period;
            let root = tonic + cadence[(beat as usize / 4) % 4];
            let hz = |n: i32| 220.0 * 2f64.powf(f64::from(n) / 12.0);
            let tone = |n: i32, h: f64| (std::f64::consts::TAU * hz(n) * h * t).sin();
            let chord: f64 = [0, 4, 7].iter().map(|n| tone(root + n, 1.0) + 0.4 * tone(root + n, 2.0)).sum();
            let hash = ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f64 / 8_388_608.0 - 1.0;
            let click = hash * (-since / 0.004).exp();
            (0.06 * chord * (0.4 + 0.6 * (-since / 0.2).exp()) + 0.5 * click) as f32
        })
        .collect()
}

fn sound(x: Vec<f32>) -> Sound {
    Sound::new(RATE as u32, vec![x]).unwrap()
}

#[test]
fn a_band_has_its_tempo_and_its_key() {
    for (bpm, tonic, name) in [(120.0, 0, "A"), (96.0, 3, "C"), (140.0, 10, "G"), (75.0, 5, "D")] {
        let found = music(&sound(band(bpm, tonic, 20.0, 0.1))).unwrap();
        let tempo = found.tempo.unwrap();
        assert!(tempo.sure && (tempo.value.bpm / bpm - 1.0).abs() < 0.02, "{bpm}: {} {}", tempo.value.bpm, tempo.confidence);
        let key = found.key.unwrap();
        let want: Key = name.parse().unwrap();
        assert!(!key.sure || key.value == want || key.value == want.relative(), "{name}: {}", key.value);
    }
}

#[test]
fn it_goes_on_in_time_across_the_hole() {
    let (bpm, gap_seconds) = (120.0, 5.0);
    let whole = band(bpm, 0, 10.0 + gap_seconds + 10.0, 0.1);
    let samples = (gap_seconds * RATE as f64) as usize;
    let before = sound(whole[..10 * RATE].to_vec());
    let after = sound(whole[10 * RATE + samples..].to_vec());
    let gap = Gap { before: Some(&before), after: Some(&after), samples, channels: 1, seed: 1 };
    let made = fill(&gap, &Options { kind: Kind::Music, ..Options::default() }).unwrap();
    assert_eq!(made.sound.len(), samples);
    assert!(made.notes.iter().any(|n| n.contains("on the beat")), "{:?}", made.notes);
    let across: Vec<f32> =
        whole[..10 * RATE].iter().chain(&made.sound.channels()[0]).chain(&whole[10 * RATE + samples..]).copied().collect();
    let tempo = music(&sound(across)).unwrap().tempo.unwrap();
    assert!(tempo.sure && (tempo.value.bpm / bpm - 1.0).abs() < 0.01, "{} {}", tempo.value.bpm, tempo.confidence);
    // Every click of the truth has a click in the made sound within 15 ms.
    let energy =
        |x: &[f32], at: usize| x[at.saturating_sub(720)..(at + 720).min(x.len())].windows(2).map(|w| (w[1] - w[0]).powi(2)).sum::<f32>();
    let m = &made.sound.channels()[0];
    for beat in 0..9 {
        let at = ((f64::from(beat) + 1.0) * 0.5 - 0.1) * RATE as f64;
        assert!(energy(m, at as usize) > 4.0 * energy(m, at as usize + RATE / 4), "{beat}");
    }
}

#[test]
fn a_given_tempo_wins_and_an_uncertain_one_fades() {
    let x = sound(band(120.0, 0, 3.0, 0.0));
    let gap = Gap { before: Some(&x), after: None, samples: 6 * RATE, channels: 1, seed: 1 };
    let faded = fill(&gap, &Options { kind: Kind::Music, ..Options::default() }).unwrap();
    assert!(faded.notes.iter().any(|n| n.contains("fades")), "{:?}", faded.notes);
    let m = &faded.sound.channels()[0];
    let power = |x: &[f32]| x.iter().map(|s| s * s).sum::<f32>();
    assert!(power(&m[..RATE / 2]) > 0.1 && power(&m[4 * RATE..]) < 1e-6, "{} {}", power(&m[..RATE / 2]), power(&m[4 * RATE..]));
    let given = fill(&gap, &Options { tempo: Some(120.0), key: Some("A".parse().unwrap()), ..Options::default() }).unwrap();
    assert!(given.notes.iter().any(|n| n.contains("120.0 beats per minute, A major")), "{:?}", given.notes);
    assert!(power(&given.sound.channels()[0][5 * RATE..]) > 1.0);
}

#[test]
fn bad_music_is_only_sound() {
    for x in [Vec::new(), vec![0.0; 10], vec![0.0; 5 * RATE], vec![f32::NAN; RATE], vec![1.0; RATE]] {
        let s = sound(x);
        let found = music(&s).unwrap();
        assert!(found.tempo.is_none_or(|t| !t.sure));
        let gap = Gap { before: Some(&s), after: Some(&s), samples: 1_000, channels: 2, seed: 1 };
        for options in [Options { kind: Kind::Music, ..Options::default() }, Options { tempo: Some(100.0), ..Options::default() }] {
            let made = fill(&gap, &options).unwrap();
            assert_eq!(made.sound.len(), 1_000);
            assert!(made.sound.channels().iter().flatten().all(|v| v.is_finite()));
        }
    }
}
