//! What is delivered is whole, in place and the same each time; what was not finished leaves nothing.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::tools;
use media::{Conform, Delivery, DeliverySpec, Depth, Error, Format};
use shot::take::SourceType;
use shot::{ClipRef, Fault, FrameIndex, Frames, Picture, Rate, Seconds, Size, Sound, SoundRef};

const SIZE: Size = Size::new(64, 36);

fn spec() -> DeliverySpec {
    DeliverySpec {
        start: FrameIndex(86_400),
        description: "made by Pickup = draft; no camera".into(),
        source_type: Some(SourceType::AlgorithmicMedia),
        ..DeliverySpec::new(SIZE, Rate::new(24_000, 1001).unwrap())
    }
}

fn picture(n: u32) -> Picture {
    let at = |i: u32| [((i % 64) * 4) as f32 / 255.0, ((i / 64 * 7 + n) % 256) as f32 / 255.0, ((i * 13 + n) % 256) as f32 / 255.0, 1.0];
    Picture::new(SIZE, (0..64 * 36).map(at).collect()).unwrap()
}

fn noise(samples: usize) -> Sound {
    let wave = |step: usize| (0..samples).map(|i| ((i * step) % 65_536) as f32 / 65_536.0 - 0.5).collect();
    Sound::new(48_000, vec![wave(7919), wave(104_729)]).unwrap()
}

fn deliver(out: &Path, spec: &DeliverySpec, frames: u32, sound: Option<&Sound>) -> Result<(), Error> {
    let mut delivery = Delivery::create(&tools(), out, spec)?;
    for n in 0..frames {
        delivery.picture(&picture(n))?;
        if let Some(sound) = sound.filter(|_| n == 0) {
            delivery.sound(sound)?;
        }
    }
    delivery.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_of_eight_bit_frames_comes_back_bit_for_bit_with_its_sound() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("bridge");
    let sound = noise(6006);
    deliver(&out, &DeliverySpec { depth: Depth::Eight, ..spec() }, 3, Some(&sound)).unwrap();
    assert_eq!(names(&out), ["000000.png", "000001.png", "000002.png", "audio.wav"]);
    assert_eq!(names(home.path()), ["bridge"]);
    let clip = tools().open(&ClipRef::whole(out.join("%06d.png")), &Conform::default()).unwrap();
    assert_eq!(clip.info().depth, 8);
    for n in 0..3 {
        assert_eq!(*clip.frame(n as usize).unwrap(), picture(n));
    }
    let wave = media::read_wave(&out.join("audio.wav")).unwrap();
    assert_eq!((wave.time_reference, wave.sound.len()), (Some(172_972_800), 6006));
    assert!(wave.sound.channels()[1].iter().zip(&sound.channels()[1]).all(|(a, b)| (a - b).abs() < 1e-7));
    let png = std::fs::read(out.join("000001.png")).unwrap();
    assert!(String::from_utf8_lossy(&png).contains("digitalsourcetype/algorithmicMedia"));

    // Over itself, shorter: nothing of the old one stays.
    deliver(&out, &DeliverySpec { format: Format::Exr, ..spec() }, 2, None).unwrap();
    assert_eq!((names(&out), names(home.path())), (vec!["000000.exr".into(), "000001.exr".into()], vec!["bridge".to_owned()]));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let sound = noise(6006);
    for name in ["a.mov", "a.mp4", "a.png", "a.exr", "a.tif"] {
        let frames = if name.starts_with("a.m") { 3 } else { 1 };
        let bytes = || {
            let out = home.path().join(name);
            deliver(&out, &spec(), frames, Some(&sound)).unwrap();
            std::fs::read(out).unwrap()
        };
        let first = bytes();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert!(first == bytes(), "{name} differs");
    }
    assert_eq!(names(home.path()), ["a.exr", "a.mov", "a.mp4", "a.png", "a.tif"]);
    for image in ["a.png", "a.exr", "a.tif"] {
        let back = tools().still(&home.path().join(image)).unwrap();
        let worst =
            back.pixels().iter().flatten().zip(picture(0).pixels().iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 5e-4, "{image}: {worst}");
    }
    for movie in ["a.mov", "a.mp4"] {
        let path = home.path().join(movie);
        let info = tools().probe(&ClipRef::whole(&path)).unwrap();
        assert_eq!((info.frames, info.rate.to_string(), info.size), (3, "24000/1001".into(), SIZE));
        let heard = tools().sound(&SoundRef { path: path.clone(), start: Seconds(0.0), length: None }).unwrap().unwrap();
        if movie == "a.mov" {
            assert_eq!(info.start_timecode.unwrap().to_string(), "01:00:00:00");
            assert_eq!(heard.len(), 6006);
            assert!(heard.channels()[0].iter().zip(&sound.channels()[0]).all(|(a, b)| (a - b).abs() < 1e-7));
        }
        let said = std::process::Command::new(tools().ffprobe()).args(["-v", "error", "-show_format"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("made by Pickup = draft; no camera") && said.contains("digitalsourcetype/algorithmicMedia"), "{said}");
    }
}

#[test]
fn odd_and_tiny_sizes_are_delivered() {
    let home = tempfile::tempdir().unwrap();
    for (width, height) in [(1, 1), (3, 5), (97, 1)] {
        let size = Size::new(width, height);
        for name in ["t.mov", "t.mp4", "frames"] {
            let out = home.path().join(format!("{width}x{height} {name}"));
            let mut delivery = Delivery::create(&tools(), &out, &DeliverySpec { size, ..spec() }).unwrap();
            delivery.picture(&Picture::filled(size, [0.5, 0.5, 0.5, 1.0])).unwrap();
            delivery.finish().unwrap();
        }
        let clip = tools().open(&ClipRef::whole(home.path().join(format!("{width}x{height} t.mov"))), &Conform::default()).unwrap();
        assert_eq!(clip.size(), size);
        assert!((clip.frame(0).unwrap().pixels()[0][0] - 0.5).abs() < 0.01);
    }
}

#[test]
fn what_is_dropped_leaves_nothing_and_the_old_one_stands() {
    let home = tempfile::tempdir().unwrap();
    for name in ["a.mov", "frames", "a.png"] {
        let out = home.path().join(name);
        let mut delivery = Delivery::create(&tools(), &out, &spec()).unwrap();
        delivery.picture(&picture(0)).unwrap();
        drop(delivery);
        assert_eq!(names(home.path()), [""; 0], "{name}");
    }
    let out = home.path().join("a.mov");
    deliver(&out, &spec(), 1, None).unwrap();
    let before = std::fs::read(&out).unwrap();
    let mut delivery = Delivery::create(&tools(), &out, &spec()).unwrap();
    delivery.picture(&picture(1)).unwrap();
    assert!(matches!(delivery.picture(&Picture::filled(Size::new(2, 2), [0.0; 4])), Err(Error::Contract { .. })));
    drop(delivery);
    assert_eq!(std::fs::read(&out).unwrap(), before);
    assert!(matches!(Delivery::create(&tools(), &out, &spec()).unwrap().finish(), Err(Error::Contract { .. })));
    assert_eq!(std::fs::read(&out).unwrap(), before);
}

#[test]
fn places_that_are_not_ours_are_refused_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    std::fs::create_dir(at("project")).unwrap();
    std::fs::write(at("project").join("cut.otio"), "x").unwrap();
    std::fs::create_dir(at("old.mov")).unwrap();
    std::fs::write(at("notes"), "x").unwrap();
    for (name, word) in [
        ("project", "cut.otio"),
        ("old.mov", "a folder"),
        ("notes", "a file"),
        ("shot.avi", "shot.avi"),
        ("no/where/out.mov", "no/where"),
        ("..", ".."),
    ] {
        let fault = Fault::from(Delivery::create(&tools(), &at(name), &spec()).err().unwrap());
        assert!(fault.what.contains(word) && !fault.remedy.is_empty(), "{name}: {fault}");
    }
    assert_eq!(std::fs::read(at("project").join("cut.otio")).unwrap(), b"x");
    assert_eq!(names(home.path()), ["notes", "old.mov", "project"]);
    let fault = Fault::from(deliver(&at("one.png"), &spec(), 2, None).unwrap_err());
    assert!(fault.what.contains("one frame"), "{fault}");
    assert_eq!(names(home.path()), ["notes", "old.mov", "project"]);
}
