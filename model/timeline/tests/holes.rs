//! Where holes are, and what stands beside them.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::*;
use serde_json::{Value, json};
use shot::{FrameIndex, Seconds, Span, Task};
use timeline::Plan;

fn span(a: i64, b: i64) -> Option<Span> {
    Some(Span::new(FrameIndex(a), FrameIndex(b)).unwrap())
}

#[test]
fn a_gap_is_a_hole_with_both_neighbours() {
    let found =
        holes(&timeline(NTSC_24, vec![video(vec![clip("a", 10.0, 48.0, NTSC_24), gap(24.0, NTSC_24), clip("b", 5.0, 30.0, NTSC_24)])]));
    assert_eq!(spans(&found), [(48, 72)]);
    let hole = &found[0];
    assert_eq!((hole.start, hole.rate.to_string().as_str()), (FrameIndex(86_448), "24000/1001"));
    let (tail, head) = (hole.tail.as_ref().unwrap(), hole.head.as_ref().unwrap());
    assert_eq!((tail.clip.path.as_path(), tail.clip.span), (Path::new("/m/a.mov"), span(10, 58)));
    assert_eq!((head.clip.path.as_path(), head.clip.span), (Path::new("/m/b.mov"), span(5, 35)));
    assert!(tail.touches && head.touches && tail.is_anchored && tail.length == Some(500));
    assert_eq!((hole.plan, hole.silent, hole.handles), (Plan::Apart, true, (0, 0)));
}

#[test]
fn a_hole_within_one_take_is_bridged() {
    let found = holes(&timeline(24.0, vec![video(vec![clip("a", 0.0, 48.0, 24.0), gap(24.0, 24.0), clip("a", 72.0, 30.0, 24.0)])]));
    assert_eq!((found[0].plan, found[0].why.as_str()), (Plan::OneSetUp, "both sides come from a.mov"));
}

#[test]
fn only_the_topmost_item_counts() {
    let (a, b) = (clip("a", 0.0, 100.0, 24.0), clip("b", 0.0, 20.0, 24.0));
    let mut off = clip("off", 0.0, 20.0, 24.0);
    off["enabled"] = false.into();
    let mut dark = track("Video", "V3", vec![clip("c", 0.0, 100.0, 24.0)]);
    dark["enabled"] = false.into();
    // Empty stretches of V2 over pictures of V1 are no holes; a disabled clip and a disabled track fill none.
    let tracks = vec![video(vec![a.clone(), gap(50.0, 24.0), off]), track("Video", "V2", vec![gap(100.0, 24.0), b]), dark];
    assert_eq!(spans(&holes(&timeline(24.0, tracks))), [(120, 170)]);
    // A disabled track does not lengthen the cut either.
    let mut long = video(vec![clip("x", 0.0, 300.0, 24.0)]);
    long["enabled"] = false.into();
    assert_eq!(spans(&holes(&timeline(24.0, vec![video(vec![a]), long]))), []);
}

#[test]
fn an_offline_clip_is_a_hole_even_over_a_picture() {
    let below = video(vec![clip("a", 0.0, 100.0, 24.0)]);
    let above = track("Video", "V2", vec![gap(10.0, 24.0), clip("absent", 0.0, 20.0, 24.0), missing("lost", 5.0, 24.0)]);
    let found = holes(&timeline(24.0, vec![below, above]));
    // Two shots that are missing are two holes.
    assert_eq!(spans(&found), [(10, 30), (30, 35)]);
    let offline = found[0].offline.as_ref().unwrap();
    assert_eq!((offline.name.as_str(), offline.url.as_deref()), ("absent", Some("file:///m/absent.mov")));
    assert_eq!(found[1].offline.as_ref().unwrap().url, None);
    // The other hole is no neighbour; the picture behind it is, and does not touch.
    let head = found[0].head.as_ref().unwrap();
    assert_eq!((head.touches, head.clip.span), (false, span(35, 100)));
    // One that is covered is none.
    let covered = vec![video(vec![missing("lost", 20.0, 24.0)]), track("Video", "V2", vec![clip("a", 0.0, 20.0, 24.0)])];
    assert_eq!(spans(&holes(&timeline(24.0, covered))), []);
}

#[test]
fn the_cut_has_holes_at_its_ends() {
    let picture = video(vec![gap(10.0, 24.0), clip("a", 0.0, 20.0, 24.0)]);
    let found = holes(&timeline(24.0, vec![picture, audio(vec![clip("music", 0.0, 45.0, 24.0)])]));
    assert_eq!(spans(&found), [(0, 10), (30, 45)]);
    assert!(found[0].tail.is_none() && found[0].head.is_some() && found[1].head.is_none() && found[1].tail.is_some());
    assert_eq!(found.iter().map(|h| (h.plan, h.silent)).collect::<Vec<_>>(), [(Plan::Apart, false), (Plan::Apart, false)]);
    let empty = holes(&timeline(24.0, vec![video(vec![gap(10.0, 24.0)])]));
    assert_eq!((empty[0].plan, empty[0].plan.task()), (Plan::Alone, Task::Establish));
}

#[test]
fn sound_is_found_and_its_silence() {
    let picture = video(vec![clip("a", 0.0, 48.0, 24.0), gap(24.0, 24.0), clip("b", 0.0, 48.0, 24.0)]);
    let music = track("Audio", "A1", vec![clip("music", 0.0, 48.0, 24.0), gap(24.0, 24.0), clip("absent", 0.0, 48.0, 24.0)]);
    let camera = track("Audio", "A2", vec![clip("a", 0.0, 48.0, 24.0), missing("lost", 24.0, 24.0), clip("b", 12.0, 24.0, 24.0)]);
    let found = holes(&timeline(24.0, vec![picture.clone(), music, camera]));
    let hole = &found[0];
    assert!(hole.silent, "an offline sound makes none");
    let tail = hole.tail_sound.as_ref().unwrap();
    assert_eq!((tail.path.as_path(), tail.start, tail.length), (Path::new("/m/a.mov"), Seconds(0.0), Some(Seconds(2.0))));
    let head = hole.head_sound.as_ref().unwrap();
    assert_eq!((head.path.as_path(), head.start, head.length), (Path::new("/m/b.mov"), Seconds(0.5), Some(Seconds(1.0))));
    let through = holes(&timeline(24.0, vec![picture, audio(vec![clip("music", 0.0, 120.0, 24.0)])]));
    assert!(!through[0].silent);
    assert_eq!(through[0].tail_sound.as_ref().unwrap().length, Some(Seconds(2.0)));
    assert_eq!(through[0].head_sound.as_ref().unwrap().start, Seconds(3.0));
}

#[test]
fn nested_stacks_are_looked_into() {
    // The compound has a hole of its own at 20..30, and the cut shows its frames 10 to 40.
    let mut compound = stack("compound", vec![video(vec![clip("in", 0.0, 20.0, 24.0), gap(10.0, 24.0), clip("out", 0.0, 20.0, 24.0)])]);
    compound["source_range"] = range(10.0, 30.0, 24.0);
    let found = holes(&timeline(24.0, vec![video(vec![clip("a", 0.0, 100.0, 24.0), compound, gap(5.0, 24.0), clip("z", 0.0, 9.0, 24.0)])]));
    assert_eq!(spans(&found), [(110, 120), (130, 135)]);
    assert_eq!(found[0].tail.as_ref().unwrap().clip.span, span(10, 20));
    assert_eq!(found[0].head.as_ref().unwrap().clip.span, span(0, 10));
    assert_eq!(found[1].tail.as_ref().unwrap().name, "out");
}

#[test]
fn a_trimmed_top_stack_begins_where_its_trim_says() {
    let mut cut = timeline(24.0, vec![video(vec![clip("a", 0.0, 50.0, 24.0), gap(10.0, 24.0), clip("b", 0.0, 50.0, 24.0)])]);
    cut["tracks"]["source_range"] = range(20.0, 60.0, 24.0);
    let found = holes(&cut);
    assert_eq!(spans(&found), [(30, 40)]);
    assert_eq!(found[0].tail.as_ref().unwrap().clip.span, span(20, 50));
}

#[test]
fn media_of_other_rates_are_counted_in_their_own_frames() {
    // 50 frames of a 25 fps file are two seconds: 48 frames of the cut.
    let found = holes(&timeline(24.0, vec![video(vec![clip("a", 100.0, 50.0, 25.0), gap(12.0, 24.0), clip("b", 0.0, 24.0, 24.0)])]));
    assert_eq!(spans(&found), [(48, 60)]);
    // The cut shows the file's frame floor(47 × 25/24) last.
    assert_eq!(found[0].tail.as_ref().unwrap().clip.span, span(100, 149));
    // The source range may speak in the cut's rate and the media in its own.
    let mut mixed = clip("a", 0.0, 48.0, 24.0);
    mixed["media_references"]["DEFAULT_MEDIA"]["available_range"] = range(0.0, 3000.0, 60.0);
    mixed["source_range"] = range(24.0, 48.0, 24.0);
    let found = holes(&timeline(24.0, vec![video(vec![mixed, gap(12.0, 24.0), clip("b", 0.0, 24.0, 24.0)])]));
    assert_eq!(found[0].tail.as_ref().unwrap().clip.span, span(60, 178));
}

#[test]
fn time_warps_are_followed() {
    let warped = |effect: Value| {
        let mut a = clip("a", 100.0, 24.0, 24.0);
        a["effects"] = json!([effect]);
        let found = holes(&timeline(24.0, vec![video(vec![a, gap(12.0, 24.0), clip("b", 0.0, 24.0, 24.0)])]));
        let tail = found[0].tail.clone().unwrap();
        (tail.clip.span, tail.speed)
    };
    assert_eq!(warped(json!({"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 2.0})), (span(100, 147), 2.0));
    assert_eq!(warped(json!({"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": -1.0})), (span(77, 101), -1.0));
    assert_eq!(warped(json!({"OTIO_SCHEMA": "FreezeFrame.1", "time_scalar": 0.0})), (span(100, 101), 0.0));
    assert_eq!(warped(json!({"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 2.0, "enabled": false})), (span(100, 124), 1.0));
    assert_eq!(warped(json!({"OTIO_SCHEMA": "Blur.3", "time_scalar": 2.0})), (span(100, 124), 1.0));
}

#[test]
fn image_sequences_are_patterns() {
    let mut a = clip("a", 0.0, 24.0, 24.0);
    a["media_references"]["DEFAULT_MEDIA"] = json!({
        "OTIO_SCHEMA": "ImageSequenceReference.1", "metadata": {}, "name": "", "available_range": range(1000.0, 100.0, 24.0),
        "target_url_base": "file:///m/a%20b/", "name_prefix": "shot.", "name_suffix": ".exr", "start_frame": 1001, "frame_step": 1,
        "rate": 24.0, "frame_zero_padding": 4, "missing_frame_policy": "error",
    });
    a["source_range"] = range(1010.0, 24.0, 24.0);
    let cut_of = |a: &Value| timeline(24.0, vec![video(vec![a.clone(), gap(12.0, 24.0), clip("b", 0.0, 24.0, 24.0)])]);
    let cut = cut(&cut_of(&a));
    let found = cut.holes_with(&there).unwrap();
    let tail = found[0].tail.as_ref().unwrap();
    assert_eq!((tail.clip.path.as_path(), tail.clip.span), (Path::new("/m/a b/shot.%04d.exr"), span(10, 34)));
    assert_eq!(tail.clip.rate.unwrap().to_string(), "24");
    // A sequence that lacks its last image is offline.
    let found = cut.holes_with(&|p| !p.ends_with("shot.1034.exr")).unwrap();
    assert_eq!(spans(&found), [(0, 24), (24, 36)]);
}

#[test]
fn transitions_need_frames_beyond_the_hole() {
    let children = vec![
        clip("a", 0.0, 48.0, 24.0),
        transition(6.0, 4.0, 24.0),
        gap(24.0, 24.0),
        transition(3.0, 5.0, 24.0),
        clip("a", 72.0, 48.0, 24.0),
    ];
    let found = holes(&timeline(24.0, vec![video(children)]));
    assert_eq!((spans(&found), found[0].handles), (vec![(48, 72)], (6, 5)));
    assert_eq!((found[0].plan, found[0].why.as_str()), (Plan::Apart, "a transition adjoins it"));
}

#[test]
fn markers_make_holes_and_speak_for_them() {
    let marked = |at: &str, markers: Value| {
        let mut cut = timeline(24.0, vec![video(vec![clip("a", 0.0, 48.0, 24.0), gap(24.0, 24.0), clip("a", 72.0, 48.0, 24.0)])]);
        *cut.pointer_mut(&format!("/tracks{at}/markers")).unwrap() = markers;
        common::cut(&cut).survey(&there).unwrap()
    };
    // A range over a picture, given in the clip's own time.
    let s = marked("/children/0/children/0", json!([marker("pickup: retake darker", 1010.0, 20.0, 24.0)]));
    assert_eq!(spans(&s.holes), [(10, 30), (48, 72)]);
    let hole = &s.holes[0];
    assert_eq!((hole.plan.task().word(), hole.prompt.as_deref()), ("retake", Some("darker")));
    assert_eq!(hole.tail.as_ref().unwrap().clip.span, span(0, 10));
    assert_eq!(hole.head.as_ref().unwrap().clip.span, span(30, 48));
    // A point in the gap overrides the plan; a range of one frame is a point.
    for length in [0.0, 1.0] {
        let s = marked("", json!([marker("pickup: insert a wide of the harbour", 50.0, length, 24.0), marker("note", 50.0, 9.0, 24.0)]));
        assert_eq!(spans(&s.holes), [(48, 72)]);
        assert_eq!((s.holes[0].plan, s.holes[0].prompt.as_deref()), (Plan::Marked(Task::Insert), Some("a wide of the harbour")));
        assert_eq!(s.holes[0].why, "the marker 'pickup: insert a wide of the harbour' says so");
    }
    // A prompt alone leaves the plan to the cut.
    let s = marked("/children/0", json!([marker("pickup: rain", 50.0, 0.0, 24.0)]));
    assert_eq!((s.holes[0].plan, s.holes[0].prompt.as_deref()), (Plan::OneSetUp, Some("rain")));
    // Ranges inside a gap are a storyboard: each is a shot.
    let s = marked("", json!([marker("pickup: insert wide", 48.0, 10.0, 24.0), marker("pickup: insert close", 58.0, 14.0, 24.0)]));
    assert_eq!(spans(&s.holes), [(48, 58), (58, 72)]);
    assert!(s.remarks.is_empty());
    // A point on a clip asks for that clip again.
    let s = marked("/children/0/children/0", json!([marker("pickup: insert", 1003.0, 0.0, 24.0)]));
    assert_eq!(spans(&s.holes), [(0, 48), (48, 72)]);
    // What says nothing is remarked.
    let s = marked("", json!([marker("pickup: insert", 3.0, 0.0, 24.0), marker("pickup: bridge", 900.0, 9.0, 24.0)]));
    assert_eq!(
        s.remarks,
        [
            "the marker 'pickup: bridge' at 01:00:37:12 lies outside the cut",
            "the marker 'pickup: insert' at 01:00:00:03 has no range and stands in no hole: give it a length",
        ]
    );
}

#[test]
fn neighbours_of_any_moment_are_told() {
    let cut = cut(&timeline(24.0, vec![video(vec![clip("a", 0.0, 48.0, 24.0), clip("b", 0.0, 48.0, 24.0)])]));
    // No file is there, and still the cut knows what it does not know.
    assert_eq!(cut.around(FrameIndex(86_400 + 48)).unwrap(), timeline::Around::default());
    assert_eq!((cut.frames().unwrap(), cut.start(), cut.name()), (96, FrameIndex(86_400), "cut"));
}

#[test]
fn hosts_of_all_ages_are_understood() {
    // OpenTimelineIO before 0.15: one reference, no `enabled`; no global start; a collection around the timeline; plain paths.
    let text = json!({"OTIO_SCHEMA": "SerializableCollection.1", "children": [{"OTIO_SCHEMA": "Timeline.1", "name": "old", "global_start_time": null,
    "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [{"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [
        {"OTIO_SCHEMA": "Clip.1", "name": "a", "source_range": null, "media_reference":
            {"OTIO_SCHEMA": "ExternalReference.1", "available_range": range(0.0, 48.0, 25.0), "target_url": "media/a b.mov"}},
        {"OTIO_SCHEMA": "Gap.1", "source_range": range(0.0, 25.0, 25.0)},
        {"OTIO_SCHEMA": "Clip.1", "name": "title", "source_range": range(0.0, 50.0, 25.0), "media_reference":
            {"OTIO_SCHEMA": "GeneratorReference.1", "generator_kind": "SMPTEBars", "available_range": null}},
        {"OTIO_SCHEMA": "Clip.1", "name": "none", "source_range": range(0.0, 5.0, 25.0), "media_reference": null},
    ]}]}}]});
    let cut = timeline::Cut::parse(&text.to_string()).unwrap().in_folder("/cut");
    let found = cut.holes_with(&|p| p == Path::new("/cut/media/a b.mov")).unwrap();
    assert_eq!((spans(&found), found[0].start), (vec![(48, 73), (123, 128)], FrameIndex(48)));
    assert_eq!(found[0].tail.as_ref().unwrap().clip.span, span(0, 48));
    // A title is a picture, and nothing to learn from.
    assert!(found[0].head.is_none());
    assert!(cut.drop_frame() == false && cut.rate().to_string() == "25");
}

#[test]
fn drop_frame_is_read_from_metadata() {
    let mut cut = timeline(30000.0 / 1001.0, vec![video(vec![gap(10.0, 30000.0 / 1001.0)])]);
    assert!(!common::cut(&cut).drop_frame());
    cut["metadata"] = json!({"Host": {"Timeline": {"Drop Frame": true}}});
    assert!(common::cut(&cut).drop_frame());
    assert!(holes(&cut)[0].drop_frame);
}
