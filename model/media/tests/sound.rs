//! Sound begins and ends at the sample that was asked for.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ffmpeg, tools};
use shot::{Seconds, Sound, SoundRef};

fn whole(path: impl Into<std::path::PathBuf>) -> SoundRef {
    SoundRef { path: path.into(), start: Seconds(0.0), length: None }
}

/// A click of one sample at each tenth of a second, its height telling which; 4 s of stereo, the right side upside down.
fn clicks(rate: u32) -> Sound {
    let left: Vec<f32> = (0..4 * rate).map(|i| if i % (rate / 10) == 0 { 0.1 + (i / (rate / 10)) as f32 / 64.0 } else { 0.0 }).collect();
    let right = left.iter().map(|v| -v).collect();
    Sound::new(rate, vec![left, right]).unwrap()
}

#[test]
fn lossless_sound_is_exact_to_the_sample_in_any_container() {
    let home = tempfile::tempdir().unwrap();
    let wav = home.path().join("clicks.wav");
    let sound = clicks(48_000);
    media::write_wave(&wav, &sound, &media::WaveTags::default()).unwrap();
    for (name, args) in
        [("a.flac", "-c:a flac -sample_fmt s32"), ("a.mov", "-c:a pcm_s24le"), ("a.mkv", "-c:a pcm_s24le"), ("a.aiff", "-c:a pcm_s24be")]
    {
        let path = home.path().join(name);
        ffmpeg(&format!("-i {} {args}", wav.display()), &path);
        for (start, length) in [(0.0, 4.0), (1.0, 0.5), (0.1, 0.2), (3.9, 1.0), (-0.5, 1.0), (7.0, 0.25), (1.0 / 3.0, 0.1)] {
            let got =
                tools().sound(&SoundRef { path: path.clone(), start: Seconds(start), length: Some(Seconds(length)) }).unwrap().unwrap();
            assert_eq!(got.len(), (length * 48_000.0_f64).round() as usize, "{name} {start}");
            let first = (start * 48_000.0).round() as i64;
            for (got, want) in got.channels().iter().zip(sound.channels()) {
                for (i, v) in got.iter().enumerate() {
                    let want = usize::try_from(first + i as i64).ok().and_then(|i| want.get(i)).copied().unwrap_or(0.0);
                    assert!((v - want).abs() < 2e-7, "{name} from {start}: sample {i} is {v}, not {want}");
                }
            }
        }
        let all = tools().sound(&whole(&path)).unwrap().unwrap();
        assert_eq!((all.len(), all.rate(), all.channels().len()), (192_000, 48_000, 2));
    }
}

#[test]
fn coded_sound_has_its_clicks_where_they_were() {
    let home = tempfile::tempdir().unwrap();
    for (rate, name, args) in [
        (48_000, "a.m4a", "-c:a aac -b:a 256k"),
        (44_100, "a.mp3", "-c:a libmp3lame -b:a 256k"),
        (48_000, "a.ogg", "-c:a libvorbis -q:a 8"),
        (48_000, "a.opus", "-c:a libopus -b:a 256k"),
    ] {
        let wav = home.path().join("clicks.wav");
        media::write_wave(&wav, &clicks(rate), &media::WaveTags::default()).unwrap();
        let path = home.path().join(name);
        ffmpeg(&format!("-i {} {args}", wav.display()), &path);
        let got = tools().sound(&SoundRef { path, start: Seconds(1.55), length: Some(Seconds(0.1)) }).unwrap().unwrap();
        assert_eq!(got.len(), rate as usize / 10);
        let loudest = |c: &[f32]| c.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map(|(i, _)| i).unwrap();
        let at = loudest(&got.channels()[0]);
        assert!(at.abs_diff(rate as usize / 20) <= 1, "{name}: the click is at {at}");
        assert!(got.channels()[0][at] > 0.0 && got.channels()[1][at] < 0.0, "{name}");
    }
}

#[test]
fn time_nought_is_where_the_picture_begins() {
    let home = tempfile::tempdir().unwrap();
    let wav = home.path().join("clicks.wav");
    let sound = clicks(48_000);
    media::write_wave(&wav, &sound, &media::WaveTags::default()).unwrap();
    for (name, offset) in [("late.mkv", 0.25), ("early.mkv", -0.25), ("late.mov", 0.25)] {
        let path = home.path().join(name);
        // The stream that shall begin later is shifted; containers begin at 0.
        let (video, audio) = (f64::max(0.0, -offset), f64::max(0.0, offset));
        ffmpeg(
            &format!(
                "-itsoffset {video} -f lavfi -i color=gray:s=64x36:r=20:d=3 -itsoffset {audio} -i {} -map 0:v -map 1:a -c:v ffv1 -c:a pcm_s24le -copyts",
                wav.display()
            ),
            &path,
        );
        let got = tools().sound(&SoundRef { path, start: Seconds(0.5), length: Some(Seconds(0.5)) }).unwrap().unwrap();
        let first = ((0.5 - offset) * 48_000.0).round() as usize;
        let want = &sound.channels()[0][first..first + 24_000];
        let wrong = got.channels()[0].iter().zip(want).position(|(a, b)| (a - b).abs() > 2e-7);
        assert_eq!(wrong, None, "{name}");
    }
}

#[test]
fn pictures_without_sound_say_none_and_missing_files_say_so() {
    let home = tempfile::tempdir().unwrap();
    ffmpeg("-f lavfi -i color=red:s=64x36:r=25:d=1 -c:v ffv1", &home.path().join("mute.mkv"));
    ffmpeg("-f lavfi -i color=red:s=64x36:r=25 -frames:v 2 -start_number 0", &home.path().join("s%03d.png"));
    for silent in ["mute.mkv", "s000.png", "s%03d.png"] {
        assert_eq!(tools().sound(&whole(home.path().join(silent))).unwrap(), None, "{silent}");
    }
    let fault = shot::Fault::from(tools().sound(&whole(home.path().join("none.wav"))).unwrap_err());
    assert!(fault.what.contains("there is no file"), "{fault}");
    std::fs::write(home.path().join("text.wav"), "hello").unwrap();
    assert!(tools().sound(&whole(home.path().join("text.wav"))).is_err());
    let endless = SoundRef { length: Some(Seconds(1e9)), ..whole(home.path().join("mute.mkv")) };
    assert_eq!(tools().sound(&endless).unwrap(), None);
}

#[test]
fn sound_that_is_cut_off_is_not_filled_with_silence() {
    let home = tempfile::tempdir().unwrap();
    let wav = home.path().join("clicks.wav");
    media::write_wave(&wav, &clicks(48_000), &media::WaveTags::default()).unwrap();
    for (name, args) in [("a.wav", "-c:a pcm_s24le"), ("a.mka", "-c:a libopus"), ("a.mov", "-c:a pcm_s16le -movflags +faststart")] {
        let path = home.path().join(name);
        ffmpeg(&format!("-i {} {args}", wav.display()), &path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let at = |start: f64| tools().sound(&SoundRef { path: path.clone(), start: Seconds(start), length: Some(Seconds(0.5)) });
        assert_eq!(at(0.5).unwrap().unwrap().len(), 24_000, "{name}");
        let fault = shot::Fault::from(at(3.0).map(|_| ()).expect_err(name));
        assert!(fault.what.contains("cut off"), "{name}: {fault}");
    }
}
