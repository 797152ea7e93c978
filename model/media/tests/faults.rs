//! Bad files, bad tools and full drives end in a sentence an editor understands, and nothing is left behind.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{ffmpeg, number, numbered_file, tools};
use media::{Conform, Delivery, DeliverySpec, Error, Tools};
use shot::{ClipRef, Code, Fault, FrameIndex, Picture, Rate, Size, Sound, Span};

fn fault_of(path: &Path) -> Fault {
    Fault::from(tools().open(&ClipRef::whole(path), &Conform::default()).err().unwrap())
}

/// ffmpeg behind a shell script.
fn scripted(home: &Path, script: &str) -> Tools {
    let real = tools();
    let program = home.join("ffmpeg.sh");
    std::fs::write(&program, format!("#!/bin/sh\nreal='{}'\n{script}\n", real.ffmpeg().display())).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Tools::at(program, real.ffprobe())
}

#[test]
fn what_is_no_clip_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    std::fs::write(at("text.mp4"), "not a film").unwrap();
    std::fs::write(at("empty.mov"), "").unwrap();
    std::fs::write(at("empty.png"), "").unwrap();
    ffmpeg("-f lavfi -i sine=d=1", &at("sound.wav"));
    assert!(Command::new("mkfifo").arg(at("pipe.mp4")).status().unwrap().success());
    std::fs::create_dir(at("folder.mov")).unwrap();
    for (name, word) in [
        ("none.mp4", "there is no file"),
        ("none/none.%04d.png", "there is no file"),
        ("none.%04d.png", "no file matches"),
        ("folder.mov", "is not a file"),
        ("pipe.mp4", "is not a file"),
        ("text.mp4", "cannot be understood"),
        ("empty.mov", "cannot be understood"),
        ("empty.png", "cannot be understood"),
        ("sound.wav", "holds no picture"),
    ] {
        let fault = fault_of(&at(name));
        assert!(fault.what.contains(word) && fault.code == Code::Input && !fault.remedy.is_empty(), "{name}: {fault}");
    }
}

#[test]
fn a_file_that_is_cut_off_names_its_last_good_frame_and_gives_those_before() {
    let home = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("cut.mp4", "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p -movflags +faststart"),
        ("cut.mkv", "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p"),
        ("cut.mov", "-c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le -movflags +faststart"),
    ] {
        let path = numbered_file(&home.path().join(name), "208x48", "25", 60, args);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() * 6 / 10]).unwrap();
        let Err(Error::Truncated { good, .. }) = tools().probe(&ClipRef::whole(&path)) else { unreachable!("{name} is cut off") };
        assert!((20..60).contains(&good), "{name}: {good}");
        let fault = fault_of(&path);
        assert!(fault.what.contains(&(good - 1).to_string()) && fault.remedy.contains(&format!("FILE@0-{good}")), "{fault}");
        let span = Span::new(FrameIndex(0), FrameIndex(good as i64)).unwrap();
        let clip = tools().open(&ClipRef { span: Some(span), ..ClipRef::whole(&path) }, &Conform::default()).unwrap();
        assert_eq!(u64::from(number(&clip.picture(good as usize - 1).unwrap())), good - 1, "{name}");
    }
    // Nothing but its header is left.
    let path = numbered_file(&home.path().join("head.mp4"), "208x48", "25", 20, "-c:v libx264 -pix_fmt yuv420p -movflags +faststart");
    let whole = std::fs::read(&path).unwrap();
    let data = whole.windows(4).position(|w| w == b"mdat").unwrap();
    std::fs::write(&path, &whole[..data + 8]).unwrap();
    assert!(fault_of(&path).what.contains("no frame"), "{}", fault_of(&path));
}

#[test]
fn pictures_of_absurd_size_are_refused_before_they_are_decoded() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("wide.png");
    ffmpeg("-f lavfi -i color=red:s=20000x2 -frames:v 1 -update 1", &path);
    let fault = fault_of(&path);
    assert!(fault.what.contains("20000×2"), "{fault}");
    // A header that promises 4 billion by 4 billion pixels.
    let mut png = std::fs::read(&path).unwrap();
    png[16..24].fill(0xFF);
    std::fs::File::create(&path).unwrap().write_all(&png).unwrap();
    fault_of(&path);
}

#[test]
fn missing_tools_say_what_to_install() {
    let home = tempfile::tempdir().unwrap();
    let clip = numbered_file(&home.path().join("a.mkv"), "208x48", "25", 2, "-c:v ffv1");
    let nowhere = Tools::at("/nowhere/ffmpeg", "/nowhere/ffprobe");
    let faults = [
        Fault::from(nowhere.probe(&ClipRef::whole(&clip)).unwrap_err()),
        Fault::from(nowhere.version().unwrap_err()),
        Fault::from(
            Delivery::create(&nowhere, &home.path().join("a.mov"), &DeliverySpec::new(Size::new(4, 4), Rate::whole(25))).err().unwrap(),
        ),
    ];
    for fault in faults {
        assert!(fault.code == Code::Missing && fault.remedy.contains("apt install ffmpeg"), "{fault}");
    }
    let half = Tools::at("/nowhere/ffmpeg", tools().ffprobe());
    let opened = half.open(&ClipRef::whole(&clip), &Conform::default()).unwrap();
    assert_eq!(Fault::from(opened.picture(0).err().unwrap()).code, Code::Missing);
}

#[test]
fn an_ffmpeg_that_dies_is_quoted_and_one_that_talks_much_does_not_block() {
    let home = tempfile::tempdir().unwrap();
    let clip = ClipRef::whole(numbered_file(&home.path().join("a.mkv"), "208x48", "25", 30, "-c:v ffv1 -pix_fmt yuv420p"));
    let frame = 208 * 48 * 3 / 2;
    let version = "case \"$*\" in *-version*) exec \"$real\" \"$@\";; esac";
    let dying = scripted(home.path(), &format!("{version}\nhead -c {} /dev/zero\necho 'out of coffee' >&2\nkill -9 $$", frame * 3 + 100));
    let opened = dying.open(&clip, &Conform::default()).unwrap();
    (0..3).for_each(|n| drop(opened.picture(n).unwrap()));
    let fault = Fault::from(opened.picture(3).err().unwrap());
    assert!(fault.what.contains("beyond frame 2") && fault.what.contains("out of coffee"), "{fault}");

    let talking = scripted(home.path(), &format!("{version}\nhead -c 3000000 /dev/zero | tr '\\0' 'x' >&2\nexec \"$real\" \"$@\""));
    assert_eq!(number(&talking.open(&clip, &Conform::default()).unwrap().picture(29).unwrap()), 29);

    let refusing = scripted(home.path(), "echo 'no encoder today' >&2; exit 1");
    let out = home.path().join("a.mov");
    let mut delivery = Delivery::create(&refusing, &out, &DeliverySpec::new(Size::new(640, 360), Rate::whole(25))).unwrap();
    let picture = Picture::filled(Size::new(640, 360), [0.5; 4]);
    let error = (0..9).find_map(|_| delivery.picture(&picture).err()).or_else(|| delivery.finish().err()).unwrap();
    assert!(error.to_string().contains("no encoder today"), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_dropped_clip_ends_its_process() {
    let home = tempfile::tempdir().unwrap();
    let clip = ClipRef::whole(numbered_file(&home.path().join("a.mkv"), "640x360", "25", 60, "-c:v ffv1 -pix_fmt yuv420p"));
    let noted = home.path().join("pid");
    let tools = scripted(home.path(), &format!("echo $$ > '{}'\nexec \"$real\" \"$@\"", noted.display()));
    let opened = tools.open(&clip, &Conform::default()).unwrap();
    opened.picture(0).unwrap();
    let process = PathBuf::from("/proc").join(std::fs::read_to_string(&noted).unwrap().trim());
    assert!(process.exists());
    let started = Instant::now();
    drop(opened);
    assert!(!process.exists(), "it neither runs nor waits to be reaped");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_full_drive_is_told_and_nothing_is_left() {
    // A drive that takes no more bytes is played by a limit on the size of files, which the child and its children inherit;
    // the limit's signal is ignored, so that writing fails as on a full drive, for root as well.
    if let Some(home) = std::env::var_os("MEDIA_TEST_FULL_DRIVE") {
        return on_a_full_drive(Path::new(&home));
    }
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 8; trap '' XFSZ; exec \"$0\" --exact a_full_drive_is_told_and_nothing_is_left --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env("MEDIA_TEST_FULL_DRIVE", home.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

fn on_a_full_drive(home: &Path) {
    let size = Size::new(320, 180);
    // Numbers without a pattern that a compressor would find.
    let mut state = 1_u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32
    };
    let noise = Picture::new(size, (0..size.pixels()).map(|_| [random(), random(), random(), 1.0]).collect()).unwrap();
    for name in ["a.mov", "a.mp4", "frames", "a.png", "a.exr", "a.tif"] {
        let out = home.join(name);
        let result = Delivery::create(&tools(), &out, &DeliverySpec::new(size, Rate::whole(25))).and_then(|mut delivery| {
            (0..if name.contains(".m") { 30 } else { 1 }).try_for_each(|_| delivery.picture(&noise))?;
            delivery.finish()
        });
        let fault = Fault::from(result.err().unwrap_or_else(|| unreachable!("{name} was written")));
        assert!(fault.code == Code::Output && fault.remedy.contains("free some space"), "{name}: {fault}");
    }
    let sound = Sound::silence(48_000, 2, 48_000);
    let fault = Fault::from(media::write_wave(&home.join("a.wav"), &sound, &media::WaveTags::default()).unwrap_err());
    assert!(fault.remedy.contains("free some space"), "{fault}");
    let fault = Fault::from(media::poster(&home.join("p.png"), &noise, 4000).unwrap_err());
    assert!(fault.remedy.contains("free some space"), "{fault}");
}
