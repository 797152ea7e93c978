//! Footage at the edge of what exists: pixels that are no numbers, pictures 16k wide, a hole with nothing on one side.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::{Scratch, frames, media};

/// Float EXR frames of 16×8 whose pixel (3, 2) is what `odd` says.
fn exr(s: &Scratch, name: &str, odd: f32) -> String {
    let (w, h, n) = (16, 8, 3);
    let mut raw = Vec::new();
    for frame in 0..n {
        for plane in 0..3 {
            for y in 0..h {
                for x in 0..w {
                    let v = if (x, y) == (3, 2) { odd } else { 0.1 + 0.05 * plane as f32 + 0.02 * frame as f32 + 0.01 * x as f32 };
                    raw.extend_from_slice(&v.to_le_bytes());
                }
            }
        }
    }
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-s", "16x8", "-r", "24", "-i", "-", "-start_number", "0"])
        .arg(format!("{name}.%06d.exr"))
        .current_dir(s.0.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&raw).unwrap();
    assert!(child.wait().unwrap().success());
    format!("{name}.%06d.exr")
}

#[test]
fn one_pixel_that_is_no_number_does_not_spread() {
    let s = Scratch::new();
    let (tail, head) = (exr(&s, "tail", f32::NAN), exr(&s, "head", f32::INFINITY));
    s.ok(["bridge", "--tail", &tail, "--head", &head, "--frames", "3", "--quiet", "-o", "made"]);
    for frame in frames(&s.path("made"), "png") {
        let picture = image::open(frame).unwrap().to_rgb16();
        let far = picture.get_pixel(13, 6);
        assert!(far.0.iter().all(|v| *v > 4_000 && *v < 40_000), "{far:?}");
    }
    s.ok(["bridge", "--tail", &tail, "--head", &head, "--frames", "3", "--format", "exr", "--quiet", "-o", "float"]);
    assert_eq!(frames(&s.path("float"), "exr").len(), 3);
}

#[test]
fn a_picture_16k_wide_is_worked_on_and_one_too_large_is_refused_in_words() {
    let s = Scratch::new();
    let status = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=256x16:rate=24",
            "-vf",
            "scale=16384:16",
            "-frames:v",
            "2",
            "-start_number",
            "0",
            "w%06d.png",
        ])
        .current_dir(s.0.path())
        .status()
        .unwrap();
    assert!(status.success());
    s.ok(["retime", "--clip", "w%06d.png", "--factor", "2", "--quiet", "-o", "made"]);
    assert_eq!(image::image_dimensions(&frames(&s.path("made"), "png")[1]).unwrap(), (16_384, 16));
    let said = s.fails(2, ["establish", "--prompt", "x", "--size", "20000x20000", "--rate", "24", "--frames", "1", "-o", "x"]);
    assert!(said.contains("20000") && said.contains("17000"), "{said}");
}

#[test]
fn a_take_that_the_disk_cannot_hold_is_refused_before_it_is_begun() {
    let s = Scratch::new();
    let clip = |span: &str| format!("{}@{span}", media("clips/udacity_lane.mp4").display());
    let said =
        s.fails(1, ["bridge", "--tail", &clip("0-9"), "--head", &clip("20-29"), "--frames", "200000", "--takes", "10000", "-o", "x.mov"]);
    assert!(said.contains("disk") && said.contains("free"), "{said}");
    assert!(!s.path("x.mov").exists());
}

#[test]
fn a_torn_manifest_is_named_and_a_missing_frame_too() {
    let s = Scratch::new();
    s.ok(["establish", "--prompt", "x", "--size", "64x36", "--rate", "24", "--frames", "2", "--quiet", "-o", "x"]);
    let list = String::from_utf8_lossy(&s.ok(["takes", "list", "--json"]).stdout).into_owned();
    let take: serde_json::Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let (id, folder) = (take["id"].as_str().unwrap().to_owned(), std::path::PathBuf::from(take["folder"].as_str().unwrap()));
    let frame = frames(&folder.join("frames"), "exr")[0].clone();
    std::fs::rename(&frame, s.path("away.exr")).unwrap();
    let said = s.fails(1, ["takes", "show", &id]);
    assert!(said.contains(frame.file_name().unwrap().to_str().unwrap()), "{said}");
    std::fs::rename(s.path("away.exr"), &frame).unwrap();
    s.ok(["takes", "show", &id]);
    std::fs::write(folder.join("take.json"), "{\"version\": 1, \"id\"").unwrap();
    let listed = s.run(["takes", "list"]);
    assert!(String::from_utf8_lossy(&listed.stderr).contains("take.json"), "{listed:?}");
    // Asked for again, the take is made anew; the damaged one is put aside, not lost.
    s.ok(["establish", "--prompt", "x", "--size", "64x36", "--rate", "24", "--frames", "2", "--quiet", "-o", "y"]);
    s.ok(["takes", "show", &id]);
}
