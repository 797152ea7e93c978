//! insert, establish, extend, retake, retime, sound and match, as a person would call them.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use support::{Scratch, events, frames, media, of_kind, probe, psnr, stream};

fn lane(span: &str) -> String {
    format!("{}{span}", media("clips/udacity_lane.mp4").display())
}

fn samples(path: &Path) -> u64 {
    stream(&probe(path), "audio")["duration_ts"].as_u64().unwrap()
}

#[test]
fn without_a_still_an_establishing_shot_is_an_honest_card_with_handles_in_the_take() {
    let s = Scratch::new();
    let out =
        s.ok(["establish", "--prompt", "a harbour at dusk", "--size", "320x180", "--rate", "24", "--seconds", "1", "--json", "-o", "made"]);
    assert_eq!(frames(&s.path("made"), "png").len(), 24);
    let all = events(&out);
    assert!(of_kind(&all, "note").iter().any(|n| n["text"].as_str().unwrap().contains("card")), "{all:?}");
    let folder = of_kind(&all, "take")[0]["folder"].as_str().unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(Path::new(folder).join("take.json")).unwrap()).unwrap();
    assert_eq!((&manifest["is_card"], &manifest["frames"], &manifest["handle_in"]), (&true.into(), &72.into(), &24.into()));
}

#[test]
fn a_still_becomes_a_moving_shot() {
    let s = Scratch::new();
    s.ok(["retime", "--clip", &lane("@0-1"), "--factor", "1", "--quiet", "-o", "still.png"]);
    s.ok([
        "establish",
        "--image",
        "still.png",
        "--camera",
        "push",
        "--size",
        "320x180",
        "--rate",
        "24",
        "--frames",
        "24",
        "--handles",
        "0",
        "--quiet",
        "-o",
        "made",
    ]);
    let made = frames(&s.path("made"), "png");
    assert_eq!(made.len(), 24);
    assert!(psnr(&made[0], &made[1]) > psnr(&made[0], &made[23]), "the shot does not move");
}

#[test]
fn an_insert_like_a_shot_is_a_card_with_that_shots_sound() {
    let s = Scratch::new();
    let stream = media("clips/mdn_stream.webm");
    s.ok(["insert", "--like", stream.to_str().unwrap(), "--frames", "30", "--prompt", "a stone in the water", "-o", "made.mov"]);
    let p = probe(&s.path("made.mov"));
    assert_eq!(support::stream(&p, "video")["nb_read_frames"], "30");
    assert_eq!(support::stream(&p, "audio")["channels"], 1);
}

#[test]
fn an_extension_goes_on_from_the_last_frame() {
    let s = Scratch::new();
    for (at, span) in [("tail", "@20-45"), ("head", "@20-45")] {
        s.ok(["extend", "--clip", &lane(span), "--at", at, "--frames", "8", "--quiet", "-o", at]);
        let made = frames(&s.path(at), "png");
        assert_eq!(made.len(), 8);
        s.ok([
            "retime",
            "--clip",
            &lane(if at == "tail" { "@44-45" } else { "@20-21" }),
            "--factor",
            "1",
            "--quiet",
            "-o",
            &format!("{at}.png"),
        ]);
        let touching = if at == "tail" { &made[0] } else { &made[7] };
        let far = if at == "tail" { &made[7] } else { &made[0] };
        let edge = s.path(&format!("{at}.png"));
        assert!(psnr(touching, &edge) >= psnr(far, &edge) && psnr(touching, &edge) > 22.0, "{at}");
    }
}

#[test]
fn a_retake_keeps_what_it_is_told_to_keep() {
    let s = Scratch::new();
    let clip = media("clips/mdn_stream.webm");
    let clip = clip.to_str().unwrap();
    s.ok(["retake", "--clip", clip, "--span", "30-40", "--keep", "picture", "--quiet", "-o", "kept"]);
    s.ok(["retime", "--clip", &format!("{clip}@30-40"), "--factor", "1", "--quiet", "-o", "truth"]);
    for (a, b) in frames(&s.path("kept"), "png").iter().zip(frames(&s.path("truth"), "png")) {
        assert!(psnr(a, &b) > 48.0, "the picture was to be kept");
    }
    s.ok(["retake", "--clip", clip, "--span", "30-40", "--quiet", "-o", "both"]);
    assert_eq!(frames(&s.path("both"), "png").len(), 10);
    assert!(psnr(&frames(&s.path("both"), "png")[5], &frames(&s.path("truth"), "png")[5]) < 48.0);
}

#[test]
fn a_retime_keeps_the_given_frames_to_the_bit() {
    let s = Scratch::new();
    s.ok(["retime", "--clip", &lane("@0-5"), "--factor", "1", "--quiet", "-o", "kept"]);
    let pattern = s.path("kept/%06d.png");
    s.ok([
        "retime",
        "--clip",
        pattern.to_str().unwrap(),
        "--factor",
        "4",
        "--engine",
        "draft",
        "--sound",
        "none",
        "--format",
        "png",
        "--quiet",
        "-o",
        "made",
    ]);
    let (kept, made) = (frames(&s.path("kept"), "png"), frames(&s.path("made"), "png"));
    assert_eq!(made.len(), 17);
    for (i, k) in kept.iter().enumerate() {
        assert_eq!(image::open(k).unwrap(), image::open(&made[4 * i]).unwrap(), "frame {i}");
    }
    s.ok(["retime", "--clip", pattern.to_str().unwrap(), "--factor", "1/2", "--quiet", "-o", "half"]);
    assert_eq!(frames(&s.path("half"), "png").len(), 3);
}

#[test]
fn another_rate_keeps_the_speed_and_the_sound() {
    let s = Scratch::new();
    let water = media("clips/mdn_stream.webm");
    s.ok(["retime", "--clip", &format!("{}@0-21", water.display()), "--to-rate", "60", "--quiet", "-o", "made.mov"]);
    let p = probe(&s.path("made.mov"));
    // 20 frame intervals at 30000/1001 are 40.04 at 60: 41 frames, the last of them at or before the clip's last.
    assert_eq!((&stream(&p, "video")["nb_read_frames"], &stream(&p, "video")["r_frame_rate"]), (&"41".into(), &"60/1".into()));
    assert_eq!(stream(&p, "audio")["duration_ts"], 41 * 800);
}

#[test]
fn sound_alone_is_as_long_as_asked_with_the_channels_given() {
    let s = Scratch::new();
    let wind = media("audio/bl_wind.ogg");
    s.ok(["sound", "--before", wind.to_str().unwrap(), "--seconds", "1.5", "--quiet", "-o", "made.wav"]);
    let p = probe(&s.path("made.wav"));
    let a = stream(&p, "audio");
    assert_eq!((&a["codec_name"], &a["sample_rate"], &a["channels"]), (&"pcm_s24le".into(), &"48000".into(), &2.into()));
    assert_eq!(samples(&s.path("made.wav")), 72_000);
    assert_eq!(p["format"]["tags"]["time_reference"], "0");
    let said = String::from_utf8_lossy(&s.ok(["sound", "--seconds", "1", "-o", "silence.wav"]).stderr).into_owned();
    assert_eq!(samples(&s.path("silence.wav")), 48_000);
    assert!(said.contains("silen"), "{said}");
}

#[test]
fn abutting_takes_at_2997_leave_no_gap_and_no_overlap() {
    let s = Scratch::new();
    let flower = media("clips/mdn_flower.mp4");
    let f = |span: &str| format!("{}@{span}", flower.display());
    let mut total = 0;
    for (n, (tail, head, frames, start)) in
        [("10-20", "27-37", "7", "01:00:00;00"), ("17-27", "40-50", "13", "01:00:00;07")].iter().enumerate()
    {
        let out = format!("{n}.mov");
        s.ok(["bridge", "--tail", &f(tail), "--head", &f(head), "--frames", frames, "--start", start, "--quiet", "-o", &out]);
        total += samples(&s.path(&out));
    }
    // Drop-frame 01:00:00;00 is frame 107,892: 20 frames from there, to the sample.
    let at = |n: u64| (n * 48_000 * 1001 * 2 + 30_000) / 60_000;
    assert_eq!(total, at(107_892 + 20) - at(107_892));
}

#[test]
fn a_match_leaves_alone_what_matches_and_writes_its_tables() {
    let s = Scratch::new();
    s.ok(["retime", "--clip", &lane("@0-1"), "--factor", "1", "--quiet", "-o", "a.png"]);
    s.ok(["match", "--reference", "a.png", "--clip", "a.png", "--lut", "m.cube", "--cdl", "m.cdl", "--quiet", "-o", "same.png"]);
    assert_eq!(image::open(s.path("a.png")).unwrap(), image::open(s.path("same.png")).unwrap());
    assert!(std::fs::read_to_string(s.path("m.cube")).unwrap().contains("LUT_3D_SIZE"));
    assert!(std::fs::read_to_string(s.path("m.cdl")).unwrap().contains("SOPNode"));
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i", "a.png", "-vf", "colorchannelmixer=rr=0.8:bb=1.15", "b.png"])
        .current_dir(s.0.path())
        .status()
        .unwrap();
    assert!(status.success());
    s.ok(["match", "--reference", "a.png", "--clip", "b.png", "--quiet", "-o", "back.png"]);
    let (off, back) = (psnr(&s.path("b.png"), &s.path("a.png")), psnr(&s.path("back.png"), &s.path("a.png")));
    assert!(back > off + 8.0, "graded {off:.1} dB, matched {back:.1} dB");
}

#[test]
fn the_smallest_and_the_oddest_pictures_work() {
    let s = Scratch::new();
    for size in ["1x1", "2x1", "33x7"] {
        let w = size.split_once('x').unwrap();
        let clip = format!("{size}_%06d.png");
        let status = std::process::Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=64x64:rate=24",
                "-vf",
                &format!("scale={}:{}", w.0, w.1),
                "-frames:v",
                "3",
                "-start_number",
                "0",
                &clip,
            ])
            .current_dir(s.0.path())
            .status()
            .unwrap();
        assert!(status.success());
        s.ok(["retime", "--clip", &clip, "--factor", "2", "--quiet", "-o", size]);
        assert_eq!(frames(&s.path(size), "png").len(), 5);
        s.ok(["bridge", "--tail", &clip, "--head", &clip, "--frames", "2", "--quiet", "-o", &format!("bridge {size}")]);
    }
}
