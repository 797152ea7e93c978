//! Bad input: each gets a sentence that names what is wrong and what to do, and the right exit code. Nothing is left behind.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Scratch, media};

fn lane(span: &str) -> String {
    format!("{}{span}", media("clips/udacity_lane.mp4").display())
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_with_exit_code_2() {
    let s = Scratch::new();
    let l = lane("@0-10");
    let bridge = |tail: &str, head: &str, n: &str| s.fails(2, ["bridge", "--tail", tail, "--head", head, "--frames", n, "-o", "x"]);
    assert!(bridge(&lane("@20-10"), &l, "4").contains("in point"));
    assert!(bridge(&l, &l, "0").contains("0"));
    assert!(bridge(&lane("@0-5000"), &l, "4").contains("221"));
    assert!(s.fails(2, ["bridge", "--tail", &l, "-o", "x", "--frames", "3"]).contains("--head"));
    assert!(s.fails(2, ["bridge", "--tail", &l, "--head", &l, "-o", "x"]).contains("--frames"));
    assert!(s.fails(2, ["bridge", "--tail", &l, "--head", &l, "--seconds", "-1", "-o", "x"]).contains("-1"));
    assert!(s.fails(2, ["establish", "--prompt", "x", "--size", "0x5", "--rate", "24", "--frames", "2", "-o", "x"]).contains("0"));
    assert!(s.fails(2, ["establish", "--prompt", "x", "--size", "64x36", "--rate", "0", "--frames", "2", "-o", "x"]).contains("rate"));
    assert!(s.fails(2, ["retime", "--clip", &l, "--factor", "0", "-o", "x"]).contains("factor"));
    assert!(s.fails(2, ["sound", "--seconds", "0", "-o", "x.wav"]).contains("seconds"));
    assert!(s.fails(2, ["sound", "--seconds", "1", "-o", "x.mp3"]).contains(".wav"));
    assert!(s.fails(2, ["retake", "--clip", &l, "--span", "5-50", "-o", "x"]).contains("inside the clip"));
    assert!(s.fails(2, ["bridge", "--tail", &l, "--head", &l, "--frames", "2", "--engine", "fancy", "-o", "x"]).contains("engine"));
    assert!(s.fails(2, ["takes", "show", "../../etc/passwd"]).contains("not the id of a take"));
    assert!(!s.path("x").exists());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let s = Scratch::new();
    let ok = lane("@0-10");
    let bridge = |tail: &str| s.fails(1, ["bridge", "--tail", tail, "--head", &ok, "--frames", "4", "-o", "x"]);
    assert!(bridge("nowhere.mov").contains("nowhere.mov"));
    std::fs::write(s.path("words.mov"), "these are words, not a movie").unwrap();
    assert!(bridge("words.mov").contains("words.mov"));
    std::fs::write(s.path("empty.mov"), "").unwrap();
    assert!(bridge("empty.mov").contains("empty.mov"));
    std::fs::create_dir(s.path("folder")).unwrap();
    assert!(bridge("folder").contains("folder"));
    assert!(s.fails(1, ["fill", "nowhere.otio", "-o", "y.otio"]).contains("nowhere.otio"));
    assert!(!s.path("x").exists());
}

#[test]
fn a_truncated_clip_gives_a_clear_answer_and_leaves_nothing() {
    let s = Scratch::new();
    let whole = std::fs::read(media("clips/udacity_lane.mp4")).unwrap();
    std::fs::write(s.path("torn.mp4"), &whole[..whole.len() / 2]).unwrap();
    let said = s.fails(1, ["bridge", "--tail", "torn.mp4", "--head", &lane("@0-10"), "--frames", "4", "-o", "x.mov"]);
    assert!(said.contains("torn.mp4"), "{said}");
    assert!(!s.path("x.mov").exists());
}

#[test]
fn without_ffmpeg_it_says_so_and_how_to_get_it() {
    let s = Scratch::new();
    let mut c = s.command(["retime", "--clip", &lane("@0-3"), "--factor", "2", "-o", "x"]);
    let out = c.env("PATH", s.path("empty")).env("PICKUP_FFMPEG", "").env("PICKUP_FFPROBE", "").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("ffmpeg") && said.contains("install"), "{said}");
}

#[test]
fn a_takes_folder_that_is_a_file_is_named() {
    let s = Scratch::new();
    std::fs::write(s.path("file"), "x").unwrap();
    let said =
        s.fails(1, ["establish", "--prompt", "x", "--size", "64x36", "--rate", "24", "--frames", "2", "--takes-dir", "file", "-o", "x"]);
    assert!(said.contains("file"), "{said}");
}

#[test]
fn an_out_folder_with_other_things_in_it_is_left_alone() {
    let s = Scratch::new();
    std::fs::create_dir(s.path("project")).unwrap();
    std::fs::write(s.path("project/edit.drp"), "years of work").unwrap();
    let said = s.fails(1, ["retime", "--clip", &lane("@0-3"), "--factor", "2", "-o", "project"]);
    assert!(said.contains("project"), "{said}");
    assert_eq!(std::fs::read_to_string(s.path("project/edit.drp")).unwrap(), "years of work");
}

#[test]
fn errors_are_json_events_too() {
    let s = Scratch::new();
    let out = s.run(["retime", "--clip", "nowhere.mov", "--factor", "2", "--json", "-o", "x"]);
    let last = support::events(&out).pop().unwrap();
    assert_eq!((last["event"].as_str(), last["code"].as_str()), (Some("error"), Some("input")));
    assert!(last["remedy"].as_str().is_some_and(|r| !r.is_empty()));
}
