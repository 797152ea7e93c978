//! Storyboards and screenplays, as a person would use them.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Scratch, events, frames, media, of_kind};

const SHAPE: [&str; 4] = ["--size", "320x180", "--rate", "24"];

const BOARD: &str = "
length: 24f
rows:
  - {time: 0, prompt: a lane, still: still.png, camera: pull, sound: wind}
  - {time: 12f, prompt: the road bends}
";

/// The request in a take's manifest.
fn request(s: &Scratch, args: &[&str]) -> Value {
    let out = s.ok(args.iter().chain(&SHAPE).chain(&["--handles", "0", "--json"]));
    let folder = of_kind(&events(&out), "take")[0]["folder"].as_str().unwrap().to_owned();
    let manifest: Value = serde_json::from_slice(&std::fs::read(std::path::Path::new(&folder).join("take.json")).unwrap()).unwrap();
    manifest["request"].clone()
}

#[test]
fn a_storyboards_rows_reach_the_take() {
    let s = Scratch::new();
    let lane = format!("{}@0-1", media("clips/udacity_lane.mp4").display());
    std::fs::create_dir(s.path("board")).unwrap();
    s.ok(["retime", "--clip", &lane, "--factor", "1", "--quiet", "-o", "board/still.png"]);
    std::fs::write(s.path("board/board.yaml"), BOARD).unwrap();
    let asked = request(&s, &["establish", "--storyboard", "board/board.yaml", "--prompt", "dusk.", "-o", "made"]);
    assert_eq!(asked["prompt"], "dusk. a lane. Sound: wind.");
    assert_eq!((&asked["frames"], &asked["camera"]), (&24.into(), &"pull".into()));
    assert_eq!(asked["storyboard"], serde_json::json!([{"frame": 12, "prompt": "the road bends."}]));
    let still = asked["context"]["keyframes"][0]["path"].as_str().unwrap();
    assert!(still.ends_with("board/still.png"), "{still}");
    assert_eq!(frames(&s.path("made"), "png").len(), 24);
}

#[test]
fn a_screenplay_becomes_a_timeline_of_its_places() {
    let s = Scratch::new();
    std::fs::write(s.path("film.fountain"), "Title: Film\n\nEXT. HARBOUR - DUSK\n\nBoats.\n\nINT. LOFT - NIGHT\n\nNets.\n").unwrap();
    s.ok(["storyboard", "film.fountain", "--quiet", "-o", "film.yaml"]);
    let said = s.fails(2, ["establish", "--storyboard", "film.yaml", "-o", "x.mov"].iter().chain(&SHAPE));
    assert!(said.contains(".otio"), "{said}");
    s.ok(["establish", "--storyboard", "film.yaml", "--seconds", "0.5", "--quiet", "-o", "film.otio"].iter().chain(&SHAPE));
    let cut: Value = serde_json::from_slice(&std::fs::read(s.path("film.otio")).unwrap()).unwrap();
    let shots = cut["tracks"]["children"][0]["children"].as_array().unwrap();
    let lengths: Vec<_> = shots.iter().map(|c| c["source_range"]["duration"]["value"].as_f64().unwrap()).collect();
    assert_eq!(lengths, [12.0, 12.0]);
    assert!(std::fs::read_dir(s.path("film pickups")).unwrap().count() >= 2);
    // One of them alone.
    let asked = request(&s, &["establish", "--storyboard", "film.yaml#2", "--seconds", "0.5", "-o", "loft"]);
    assert_eq!(asked["prompt"], "Establishing shot: interior, loft, night. Nets.");
}

#[test]
fn what_is_wrong_with_a_storyboard_is_said_with_the_place() {
    let s = Scratch::new();
    std::fs::write(s.path("late.yaml"), "length: 1\nrows: [{time: 3, prompt: x}]").unwrap();
    std::fs::write(s.path("odd.yaml"), "rows:\n  - {when: 3}").unwrap();
    for (file, words) in [("late.yaml", "frame 72"), ("odd.yaml", "when"), ("gone.yaml", "gone.yaml"), ("late.yaml#4", "no shot 4")] {
        let out = s.run(["establish", "--storyboard", file, "-o", "x.mov"].iter().chain(&SHAPE));
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(words), "{file}: {said}");
        assert!(!s.path("x.mov").exists());
    }
}

#[test]
fn a_prompt_may_come_from_the_names_and_is_said() {
    let s = Scratch::new();
    for name in ["EXT_harbour_dusk_tk1.mp4", "EXT_harbour_dusk_tk2.mp4"] {
        std::fs::copy(media("clips/udacity_lane.mp4"), s.path(name)).unwrap();
    }
    let out = s.ok([
        "bridge",
        "--tail",
        "EXT_harbour_dusk_tk1.mp4@0-12",
        "--head",
        "EXT_harbour_dusk_tk2.mp4@16-28",
        "--frames",
        "4",
        "--prompt",
        "auto",
        "--json",
        "-o",
        "made",
    ]);
    let all = events(&out);
    let notes = of_kind(&all, "note");
    assert!(notes.iter().any(|n| n["text"].as_str().unwrap().contains("\"harbour, exterior, dusk\"")), "{notes:?}");
}
