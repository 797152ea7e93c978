//! Frame n is the n-th frame, whatever the file does.
#![allow(clippy::unwrap_used)]

mod common;

use common::{ffmpeg, number, numbered_file, tools};
use media::{Conform, Error};
use shot::{ClipRef, ColourSpace, Fault, FrameIndex, Frames, Rate, Size, Span};

/// Asks in order, backwards and in jumps.
fn every_order(clip: &ClipRef, first: u32, count: u32) {
    let clip = tools().open(clip, &Conform::default()).unwrap();
    assert_eq!(clip.count(), count as usize);
    let there = 0..count as usize;
    let jumps = [count - 1, 0, count / 2, count / 2 + 1, 3, count - 2, count - 3].map(|n| n as usize);
    for n in there.step_by(7).chain(jumps) {
        assert_eq!(number(&clip.frame(n).unwrap()), first + n as u32, "frame {n}");
    }
}

#[test]
fn frames_are_exact_in_every_container_and_order() {
    let home = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("b-frames.mp4", "-c:v libx264 -preset ultrafast -bf 3 -g 30 -pix_fmt yuv420p"),
        ("open-gop.mkv", "-c:v libx264 -preset ultrafast -bf 2 -g 24 -x264-params open-gop=1 -pix_fmt yuv420p"),
        ("transport.ts", "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p"),
        ("packed.avi", "-c:v mpeg4 -bf 2 -q:v 4 -pix_fmt yuv420p"),
        ("hidden.webm", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -deadline realtime -cpu-used 8 -b:v 2M -pix_fmt yuv420p"),
        ("intra.mov", "-c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le"),
        ("raw.h264", "-c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p"),
    ] {
        let path = numbered_file(&home.path().join(name), "208x32", "25", 150, args);
        let info = tools().probe(&ClipRef::whole(&path)).unwrap();
        assert_eq!((info.frames, info.rate, info.variable_rate), (150, Rate::whole(25), false), "{name}: {info:?}");
        every_order(&ClipRef::whole(&path), 0, 150);
    }
}

#[test]
fn a_span_counts_from_its_own_start_and_beyond_the_end_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = numbered_file(
        &home.path().join("a.mp4"),
        "320x64",
        "24000/1001",
        120,
        "-c:v libx264 -preset ultrafast -bf 2 -g 12 -pix_fmt yuv420p",
    );
    let span = |a, b| Some(Span::new(FrameIndex(a), FrameIndex(b)).unwrap());
    every_order(&ClipRef { span: span(70, 101), ..ClipRef::whole(&path) }, 70, 31);
    assert_eq!(tools().probe(&ClipRef::whole(&path)).unwrap().rate.to_string(), "24000/1001");
    for bad in [span(0, 121), span(-1, 3), span(200, 300), span(5, 5)] {
        let error = tools().open(&ClipRef { span: bad, ..ClipRef::whole(&path) }, &Conform::default()).err().unwrap();
        assert!(matches!(error, Error::OutOfRange { frames: 120, .. }), "{error}");
    }
    let clip = tools().open(&ClipRef { span: span(70, 101), ..ClipRef::whole(&path) }, &Conform::default()).unwrap();
    assert!(clip.frame(31).is_err());
}

#[test]
fn variable_rate_is_seen_and_no_frame_is_dropped_or_doubled() {
    let home = tempfile::tempdir().unwrap();
    // Every third frame stays three times as long.
    let path = numbered_file(
        &home.path().join("vfr.mkv"),
        "320x64",
        "30",
        90,
        "-vf setpts=(N+2*floor(N/3))/30/TB -fps_mode vfr -c:v libx264 -preset ultrafast -bf 2 -g 20 -pix_fmt yuv420p",
    );
    let info = tools().probe(&ClipRef::whole(&path)).unwrap();
    assert!(info.variable_rate && info.frames == 90, "{info:?}");
    every_order(&ClipRef::whole(&path), 0, 90);
}

#[test]
fn an_edit_list_that_hides_the_first_frames_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let whole =
        numbered_file(&home.path().join("whole.mp4"), "320x64", "25", 60, "-c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p");
    let cut = home.path().join("cut.mp4");
    // A copy from the middle of a group begins at the key frame and hides what lies before the cut.
    ffmpeg(&format!("-ss 0.4 -i {} -c copy", whole.display()), &cut);
    let info = tools().probe(&ClipRef::whole(&cut)).unwrap();
    let clip = tools().open(&ClipRef::whole(&cut), &Conform::default()).unwrap();
    let numbers: Vec<u32> = (0..clip.count()).map(|n| number(&clip.frame(n).unwrap())).collect();
    assert_eq!(numbers, (10..60).collect::<Vec<_>>());
    assert_eq!(info.frames, 50);
}

#[test]
fn a_picture_that_lies_on_its_side_comes_upright() {
    let home = tempfile::tempdir().unwrap();
    let lying = numbered_file(&home.path().join("lying.mp4"), "320x64", "25", 10, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p");
    let turned = home.path().join("turned.mp4");
    // ffmpeg 6 and later write the display matrix by an option of the input, earlier ones by a tag of the output.
    let new = std::process::Command::new(tools().ffmpeg())
        .args(["-v", "error", "-y", "-display_rotation", "90", "-i"])
        .args([&lying])
        .args(["-c", "copy"])
        .arg(&turned)
        .status();
    if !new.unwrap().success() {
        ffmpeg(&format!("-i {} -c copy -metadata:s:v:0 rotate=90", lying.display()), &turned);
    }
    let info = tools().probe(&ClipRef::whole(&turned)).unwrap();
    assert_eq!(info.size, Size::new(64, 320));
    let upright = tools().open(&ClipRef::whole(&turned), &Conform::default()).unwrap().frame(5).unwrap();
    let lying = tools().open(&ClipRef::whole(&lying), &Conform::default()).unwrap().frame(5).unwrap();
    assert_eq!(upright.size(), info.size);
    // A quarter turn counter-clockwise: what was on the right is on top.
    for (x, y) in [(8, 8), (40, 8), (160, 40), (300, 60)] {
        let (a, b) = (lying.row(y)[x], upright.row(319 - x)[y]);
        assert!((0..3).all(|c| (a[c] - b[c]).abs() < 1e-6), "{x},{y}: {a:?} {b:?}");
    }
}

#[test]
fn names_that_look_like_options_patterns_or_protocols_are_names() {
    let home = tempfile::tempdir().unwrap();
    let plain = numbered_file(&home.path().join("plain.mp4"), "320x64", "25", 3, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p");
    for name in ["-i.mp4", "50%d %03d.mp4", "http:x.mp4", "a\nb.mp4", "tee|x.mp4", "'q\"$(id).mp4", "a,b;c=[d].mp4", "####.mp4"] {
        let path = home.path().join(name);
        std::fs::copy(&plain, &path).unwrap();
        let clip = tools().open(&ClipRef::whole(&path), &Conform::default()).unwrap();
        assert_eq!(number(&clip.frame(2).unwrap()), 2, "{name}");
    }
    let still = home.path().join("100%%d.dpx");
    ffmpeg("-f lavfi -i color=red:s=32x16 -frames:v 1 -update 1", &home.path().join("red.dpx"));
    std::fs::rename(home.path().join("red.dpx"), &still).unwrap();
    let picture = tools().still(&still).unwrap();
    assert!(picture.pixels()[0][0] > 0.98 && picture.pixels()[0][1] < 0.02, "{:?}", picture.pixels()[0]);
}

#[test]
fn sequences_begin_at_their_lowest_number_and_name_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    numbered_file(&home.path().join("s.%04d.png"), "320x64", "24", 12, "-start_number 95 -pix_fmt rgb24");
    for pattern in ["s.%04d.png", "s.####.png"] {
        let clip = ClipRef::whole(home.path().join(pattern));
        let info = tools().probe(&clip).unwrap();
        assert_eq!((info.frames, info.depth, info.rate, info.rate_is_known), (12, 8, Rate::whole(24), false));
        assert_eq!(info.colour, ColourSpace::Srgb);
        every_order(&clip, 0, 12);
    }
    let span = Some(Span::new(FrameIndex(2), FrameIndex(7)).unwrap());
    every_order(&ClipRef { span, ..ClipRef::whole(home.path().join("s.%04d.png")) }, 2, 5);
    // One numbered file is one frame.
    assert_eq!(tools().probe(&ClipRef::whole(home.path().join("s.0100.png"))).unwrap().frames, 1);

    std::fs::remove_file(home.path().join("s.0100.png")).unwrap();
    let pattern = home.path().join("s.%04d.png");
    let fault = Fault::from(tools().open(&ClipRef::whole(&pattern), &Conform::default()).err().unwrap());
    assert!(fault.what.contains("s.0100.png"), "{fault}");
    let after = Some(Span::new(FrameIndex(6), FrameIndex(12)).unwrap());
    every_order(&ClipRef { span: after, ..ClipRef::whole(&pattern) }, 6, 6);

    ffmpeg("-f lavfi -i color=red:s=32x16 -frames:v 1 -update 1", &home.path().join("s.0106.png"));
    let clip = tools().open(&ClipRef { span: after, ..ClipRef::whole(&pattern) }, &Conform::default()).unwrap();
    assert!(matches!(clip.picture(5), Err(Error::SizeChanged { .. })));
}

#[test]
fn a_clip_is_brought_to_the_size_that_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let path = numbered_file(&home.path().join("a.mp4"), "320x64", "25", 5, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p");
    let conform = Conform { size: Some(Size::new(640, 128)), ..Conform::default() };
    let clip = tools().open(&ClipRef::whole(&path), &conform).unwrap();
    let picture = clip.frame(3).unwrap();
    assert_eq!((clip.size(), picture.size()), (Size::new(640, 128), Size::new(640, 128)));
    assert!(picture.row(16)[16][1] > 0.9 && picture.row(16)[80][1] < 0.1);
}

#[test]
fn many_threads_get_their_own_frames() {
    let home = tempfile::tempdir().unwrap();
    let path = numbered_file(&home.path().join("a.mp4"), "320x64", "25", 40, "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p");
    let clip = tools().open(&ClipRef::whole(&path), &Conform::default()).unwrap();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let clip = &clip;
            scope.spawn(move || (start..40).step_by(4).for_each(|n| assert_eq!(number(&clip.frame(n).unwrap()), n as u32)));
        }
    });
}
