//! `pickup fill` on the demo's cut, and what OpenTimelineIO itself says of the result.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Scratch, events, media, of_kind, probe, python, stream};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_demo_cut_is_filled_to_the_frame_and_the_sample() {
    let s = Scratch::new();
    let cut = media("demo.otio");
    let before = std::fs::read(&cut).unwrap();
    let out = s.ok(["fill", cut.to_str().unwrap(), "--json", "-o", "filled/cut.otio"].map(String::from));
    assert_eq!(before, std::fs::read(&cut).unwrap(), "the cut was touched");
    let all = events(&out);
    let holes = of_kind(&all, "hole");
    assert_eq!(holes.len(), 1);
    assert_eq!((&holes[0]["frames"], &holes[0]["task"], &holes[0]["timecode"]), (&12.into(), &"bridge".into(), &"01:00:02:00".into()));

    let filled = s.path("filled/cut.otio");
    let made: Vec<PathBuf> = std::fs::read_dir(s.path("filled/cut pickups")).unwrap().map(|e| e.unwrap().path()).collect();
    let movie = made.iter().find(|p| p.extension().is_some_and(|e| e == "mov")).unwrap();
    let wave = made.iter().find(|p| p.extension().is_some_and(|e| e == "wav")).unwrap();
    assert_eq!(stream(&probe(movie), "video")["nb_read_frames"], "12");
    let sound = probe(wave);
    assert_eq!(stream(&sound, "audio")["duration_ts"], 12 * 48_000 / 25);
    assert_eq!(sound["format"]["tags"]["time_reference"], (90_050u64 * 48_000 / 25).to_string());

    let check = Command::new(python())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("model/timeline/tests/check_otio.py"))
        .args([&cut, &filled])
        .output()
        .unwrap();
    assert!(check.status.success(), "{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    // The same fill for hosts that read no OpenTimelineIO: its adapters for their forms must find the same cut.
    for form in ["fcpxml", "edl"] {
        let export = s.path(&format!("filled/cut.{form}"));
        s.ok([PathBuf::from("fill"), cut.clone(), "--quiet".into(), "-o".into(), export.clone()]);
        let check = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("model/timeline/tests/check_export.py"))
            .args([&filled, &export])
            .output()
            .unwrap();
        assert!(check.status.success(), "{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    }
    // What was filled is no hole any more.
    let again = s.ok([PathBuf::from("fill"), filled, PathBuf::from("--plan"), PathBuf::from("--json")]);
    assert!(of_kind(&events(&again), "hole").is_empty());
}

#[test]
fn a_cut_without_holes_comes_back_as_it_was() {
    let s = Scratch::new();
    let mut cut = read(&media("demo.otio"));
    for track in cut["tracks"]["children"].as_array_mut().unwrap() {
        let children = track["children"].as_array_mut().unwrap();
        children.retain(|c| c["OTIO_SCHEMA"] != "Gap.1");
        for clip in children {
            let url = &mut clip["media_references"]["DEFAULT_MEDIA"]["target_url"];
            *url = media(url.as_str().unwrap()).to_str().unwrap().into();
        }
    }
    std::fs::write(s.path("whole.otio"), serde_json::to_string_pretty(&cut).unwrap()).unwrap();
    s.ok(["fill", "whole.otio", "--quiet", "-o", "same.otio"]);
    assert_eq!(read(&s.path("same.otio")), cut);
}

#[test]
fn holes_at_the_ends_and_offline_clips_are_filled_from_the_side_that_is_there() {
    let s = Scratch::new();
    let mut cut = read(&media("demo.otio"));
    let url = media("clips/udacity_lane.mp4").to_str().unwrap().to_owned();
    let video = cut["tracks"]["children"][0]["children"].as_array_mut().unwrap();
    video[2]["media_references"]["DEFAULT_MEDIA"]["target_url"] = "gone.mov".into();
    video[0]["media_references"]["DEFAULT_MEDIA"]["target_url"] = url.into();
    let lead = video[1].clone();
    video.insert(0, lead);
    cut["tracks"]["children"].as_array_mut().unwrap().truncate(1);
    std::fs::write(s.path("cut.otio"), cut.to_string()).unwrap();
    let out = s.ok(["fill", "cut.otio", "--plan", "--json"]);
    let all = events(&out);
    let holes: Vec<(u64, &str)> =
        of_kind(&all, "hole").iter().map(|h| (h["frames"].as_u64().unwrap(), h["task"].as_str().unwrap())).collect();
    assert_eq!(holes, [(12, "insert"), (12, "insert"), (63, "insert")], "{all:?}");
}
