//! What filling changes, and what it does not.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use serde_json::{Value, json};
use timeline::Cut;

/// Fills every hole, one after the other.
fn filled(timeline: &Value, handles: i64) -> (Cut, Value) {
    let mut cut = cut(timeline);
    for (i, hole) in cut.holes_with(&there).unwrap().iter().enumerate() {
        cut.fill(hole, &filling(&format!("made{i}"), hole, handles)).unwrap();
    }
    let text = serde_json::from_str(&cut.to_text()).unwrap();
    (cut, text)
}

fn names(track: &Value) -> Vec<String> {
    let text = |c: &Value| {
        let frames = c["source_range"]["duration"]["value"].as_f64().unwrap_or_default();
        format!("{}{}:{frames}", &c["OTIO_SCHEMA"].as_str().unwrap()[..1], c["name"].as_str().unwrap_or_default())
    };
    track["children"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_gap_is_replaced_and_nothing_else() {
    let before = timeline(
        NTSC_24,
        vec![
            video(vec![clip("a", 0.0, 48.0, NTSC_24), gap(24.0, NTSC_24), clip("b", 0.0, 48.0, NTSC_24)]),
            audio(vec![clip("a", 0.0, 48.0, NTSC_24)]),
        ],
    );
    let (cut, mut after) = filled(&before, 12);
    let made = after["tracks"]["children"][0]["children"][1].take();
    assert_eq!(made["name"], "made0");
    assert_eq!(made["source_range"], range(86_448.0, 24.0, NTSC_24));
    let reference = &made["media_references"]["DEFAULT_MEDIA"];
    assert_eq!(reference["target_url"], "file:///takes/made0.mov");
    assert_eq!(reference["available_range"], range(86_436.0, 48.0, NTSC_24));
    assert_eq!(made["metadata"]["pickup"]["take"], "0123456789abcdef01234567");
    let sound = after["tracks"]["children"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!((sound["name"].as_str(), sound["kind"].as_str()), (Some("Pickup sound"), Some("Audio")));
    assert_eq!(names(&sound), ["G:48", "Cmade0:24"]);
    after["tracks"]["children"][0]["children"][1] = gap(24.0, NTSC_24);
    assert_eq!(after, before);
    assert!(cut.holes_with(&there).unwrap().is_empty());
}

#[test]
fn what_is_not_filled_is_written_as_it_was_read() {
    let text = include_str!("cuts/odd.otio");
    assert_eq!(Cut::parse(text).unwrap().to_text(), text.trim_end());
}

#[test]
fn part_of_a_gap_leaves_its_rest_in_the_gap_s_own_rate() {
    // 50 frames at 25 are 48 of the cut; a picture above covers the first and the last quarter.
    let above = track("Video", "V2", vec![clip("x", 0.0, 12.0, 24.0), gap(24.0, 24.0), clip("y", 0.0, 12.0, 24.0)]);
    let (cut, after) = filled(&timeline(24.0, vec![video(vec![gap(50.0, 25.0), clip("b", 0.0, 24.0, 24.0)]), above]), 0);
    assert_eq!(names(&after["tracks"]["children"][0]), ["G:12.5", "Cmade0:24", "G:12.5", "Cb:24"]);
    assert_eq!(after["tracks"]["children"][0]["children"][2]["source_range"], range(37.5, 12.5, 25.0));
    assert!(cut.holes_with(&there).unwrap().is_empty());
    assert_eq!(cut.frames().unwrap(), 72);
}

#[test]
fn an_offline_clip_is_replaced_and_kept_in_the_metadata() {
    let lost = missing("lost", 24.0, 24.0);
    let (cut, after) = filled(&timeline(24.0, vec![video(vec![clip("a", 0.0, 48.0, 24.0), lost.clone(), gap(10.0, 24.0)])]), 0);
    assert_eq!(names(&after["tracks"]["children"][0]), ["Ca:48", "Cmade0:24", "Cmade1:10"]);
    assert_eq!(after["tracks"]["children"][0]["children"][1]["metadata"]["pickup"]["replaces"], lost);
    assert!(cut.holes_with(&there).unwrap().is_empty());
}

#[test]
fn what_is_no_gap_goes_to_a_track_above() {
    let compound = stack("compound", vec![video(vec![clip("in", 0.0, 20.0, 24.0), gap(10.0, 24.0), clip("out", 0.0, 20.0, 24.0)])]);
    let mut cut = timeline(24.0, vec![video(vec![compound, clip("a", 0.0, 50.0, 24.0)]), audio(vec![clip("music", 0.0, 120.0, 24.0)])]);
    cut["tracks"]["markers"] = json!([marker("pickup: retake", 60.0, 20.0, 24.0)]);
    let (cut, after) = filled(&cut, 0);
    // In the compound, over a picture, and behind the end of V1: all three on one track above, below the sound in the list.
    let tracks = after["tracks"]["children"].as_array().unwrap();
    assert_eq!(tracks.iter().map(|t| t["name"].as_str().unwrap()).collect::<Vec<_>>(), ["V1", "Pickup", "A1"]);
    assert_eq!(names(&tracks[1]), ["G:20", "Cmade0:10", "G:30", "Cmade1:20", "G:20", "Cmade2:20"]);
    // The marker stays where the editor set it, and asks for nothing any more.
    let again = cut.survey(&there).unwrap();
    assert!(again.holes.is_empty() && again.remarks[0].ends_with("is filled already"), "{again:?}");
}

#[test]
fn earlier_fillings_do_not_stand_in_the_way() {
    let mut cut =
        cut(&timeline(24.0, vec![video(vec![gap(10.0, 24.0), clip("a", 0.0, 10.0, 24.0), gap(30.0, 24.0), clip("b", 0.0, 9.0, 24.0)])]));
    let holes = cut.holes_with(&there).unwrap();
    // From the last to the first: the sound track's own gaps are used again.
    for hole in holes.iter().rev() {
        cut.fill(hole, &filling("x", hole, 0)).unwrap();
    }
    let after: Value = serde_json::from_str(&cut.to_text()).unwrap();
    assert_eq!(names(&after["tracks"]["children"][1]), ["Cx:10", "G:10", "Cx:30"]);
    // The same place twice: the second sound finds no room and gets a track of its own.
    let placed = cut.fill(&holes[0], &filling("y", &holes[0], 0)).unwrap();
    assert_eq!((placed.track.as_str(), placed.in_place, placed.sound_track.as_deref()), ("Pickup", false, Some("Pickup sound 2")));
}

#[test]
fn a_dissolve_gets_its_handles_or_is_left_alone() {
    let timeline = timeline(
        24.0,
        vec![video(vec![clip("a", 0.0, 48.0, 24.0), transition(6.0, 6.0, 24.0), gap(24.0, 24.0), clip("b", 0.0, 24.0, 24.0)])],
    );
    let mut cut = cut(&timeline);
    let hole = &cut.holes_with(&there).unwrap()[0];
    assert!(!cut.clone().fill(hole, &filling("short", hole, 5)).unwrap().in_place);
    assert!(cut.fill(hole, &filling("long", hole, 6)).unwrap().in_place);
}

#[test]
fn sequences_old_clips_and_trims_are_written_in_their_form() {
    let mut a = clip("a", 0.0, 24.0, 24.0);
    let map = a.as_object_mut().unwrap();
    map.insert("OTIO_SCHEMA".into(), "Clip.1".into());
    let reference = map.remove("media_references").unwrap()["DEFAULT_MEDIA"].clone();
    map.remove("active_media_reference_key");
    map.insert("media_reference".into(), reference);
    let mut trimmed = timeline(24.0, vec![video(vec![a, gap(24.0, 24.0)])]);
    trimmed["tracks"]["source_range"] = range(12.0, 36.0, 24.0);
    let mut cut = cut(&trimmed);
    let hole = cut.holes_with(&there).unwrap().remove(0);
    let mut filling = filling("x", &hole, 0);
    filling.picture = "/takes/ä b/50%.%06d.exr".into();
    filling.first_number = 86_412;
    cut.fill(&hole, &filling).unwrap();
    let after: Value = serde_json::from_str(&cut.to_text()).unwrap();
    let made = &after["tracks"]["children"][0]["children"][1];
    assert_eq!(made["OTIO_SCHEMA"], "Clip.1");
    let reference = &made["media_reference"];
    assert_eq!(reference["target_url_base"], "file:///takes/%C3%A4%20b/");
    assert_eq!((&reference["name_prefix"], &reference["start_frame"]), (&json!("50%25."), &json!(86_412)));
    assert_eq!(reference["frame_zero_padding"], 6);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut cut = cut(&timeline(24.0, vec![video(vec![gap(24.0, 24.0)])]));
    let hole = cut.holes_with(&there).unwrap().remove(0);
    let fits = filling("x", &hole, 0);
    let before = cut.to_text();
    let short = timeline::Filling { available: 30, handle_in: 7, ..fits.clone() };
    assert_eq!(
        cut.fill(&hole, &short).unwrap_err().to_string(),
        "the shot x has 23 frames from frame 7 of its file on, and the hole has 24"
    );
    let relative = timeline::Filling { picture: "x.mov".into(), ..fits };
    assert!(cut.fill(&hole, &relative).unwrap_err().to_string().contains("x.mov is not absolute"));
    assert_eq!(cut.to_text(), before);
}

#[test]
fn addresses_follow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().canonicalize().unwrap();
    let (one, two) = (here.join("one"), here.join("two"));
    std::fs::create_dir_all(one.join("media")).unwrap();
    std::fs::create_dir_all(two.join("takes")).unwrap();
    std::fs::write(one.join("media/a b.mov"), "x").unwrap();
    let mut a = clip("a", 0.0, 24.0, 24.0);
    a["media_references"]["DEFAULT_MEDIA"]["target_url"] = "media/a%20b.mov".into();
    std::fs::write(one.join("cut.otio"), timeline(24.0, vec![video(vec![a, gap(24.0, 24.0)])]).to_string()).unwrap();
    let mut cut = Cut::read(one.join("cut.otio")).unwrap();
    let hole = cut.holes().unwrap().remove(0);
    let below = timeline::Filling { picture: two.join("takes/new one.mov"), sound: Some(here.join("x.wav")), ..filling("x", &hole, 0) };
    std::fs::write(&below.picture, "x").unwrap();
    std::fs::write(here.join("x.wav"), "x").unwrap();
    cut.fill(&hole, &below).unwrap();
    cut.write(two.join("filled.otio")).unwrap();
    let text = std::fs::read_to_string(two.join("filled.otio")).unwrap();
    assert!(text.contains(r#""target_url": "takes/new%20one.mov""#), "{text}");
    assert!(text.contains(&format!("file://{}/x.wav", here.display())), "{text}");
    assert!(text.contains(&format!("file://{}/media/a%20b.mov", one.display())), "{text}");
    // In its new place everything is there, and no scratch file is left.
    assert!(Cut::read(two.join("filled.otio")).unwrap().holes().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(&two).unwrap().count(), 2);
    // Beside the old one the old addresses stay as they were.
    cut.write(one.join("filled.otio")).unwrap();
    assert!(std::fs::read_to_string(one.join("filled.otio")).unwrap().contains(r#""target_url": "media/a%20b.mov""#));
    assert!(cut.write(here.join("nowhere/filled.otio")).unwrap_err().to_string().contains("cannot be written"));
}

#[test]
fn a_feature_with_forty_gaps_is_quick() {
    let mut children = Vec::new();
    for i in 0..1500 {
        children.push(clip(&format!("c{i}"), 0.0, 100.0, NTSC_24));
        if i % 37 == 0 && children.len() < 1540 {
            children.push(gap(24.0, NTSC_24));
        }
    }
    let text = timeline(NTSC_24, vec![video(children.clone()), track("Video", "V2", vec![]), audio(children)]).to_string();
    // Time of this thread's own work: other tests run beside it.
    let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let began = now();
    let mut cut = Cut::parse(&text).unwrap();
    let holes = cut.holes_with(&there).unwrap();
    for hole in &holes {
        cut.fill(hole, &filling("x", hole, 0)).unwrap();
    }
    let out = cut.to_text();
    let spent = Duration::try_from(now() - began).unwrap();
    assert_eq!(holes.len(), 41);
    assert!(Cut::parse(&out).unwrap().holes_with(&there).unwrap().is_empty());
    assert!(spent.as_secs_f64() < 0.5, "{spent:?}");
    println!("{} bytes, {} holes: {spent:?}", text.len(), holes.len());
}
