//! The cut in the forms of other hosts. That OpenTimelineIO's own adapters open them is asked in tests/flow_fill.rs.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::*;
use serde_json::{Value, json};
use shot::Size;
use timeline::{Facts, Form};

fn facts(path: &Path) -> Facts {
    let is_sound = path.extension().is_some_and(|e| e == "wav");
    Facts { size: (!is_sound).then(|| Size::new(1920, 1080)), sound: is_sound.then_some((2, 48_000)), frames: Some(500) }
}

/// Two shots with a dissolve, a gap, a shot at half speed; a title above, its own sound below; markers.
fn odd() -> Value {
    let rate = NTSC_24;
    let mut slow = clip("c", 10.0, 48.0, rate);
    slow["effects"] = json!([{"OTIO_SCHEMA": "LinearTimeWarp.1", "metadata": {}, "name": "", "effect_name": "", "time_scalar": 0.5}]);
    let mut first = clip("a", 0.0, 48.0, rate);
    first["markers"] = json!([marker("look <here> & \"there\"", 1010.0, 1.0, rate)]);
    let over = track("Video", "V2", vec![gap(60.0, rate), clip("d", 0.0, 24.0, rate)]);
    timeline(
        rate,
        vec![
            video(vec![first, transition(6.0, 6.0, rate), clip("b", 20.0, 48.0, rate), gap(24.0, rate), slow]),
            over,
            audio(vec![gap(12.0, rate), clip("a", 12.0, 36.0, rate)]),
        ],
    )
}

#[test]
fn an_edit_list_says_what_is_seen_to_the_frame() {
    let list = cut(&odd()).to_edl().unwrap();
    let lines: Vec<&str> = list.text.lines().collect();
    assert_eq!(lines[..2], ["TITLE: cut", "FCM: NON-DROP FRAME"]);
    let events: Vec<String> = lines
        .iter()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_digit()) || l.starts_with("M2"))
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        events,
        [
            // The first shot gives its last six frames to the dissolve.
            "001 A V C 00:00:41:16 00:00:43:10 01:00:00:00 01:00:01:18",
            "002 A V C 00:00:43:10 00:00:43:10 01:00:01:18 01:00:01:18",
            // The second comes six frames early, and goes under the third at frame 60.
            "002 B V D 012 00:00:42:06 00:00:43:00 01:00:01:18 01:00:02:12",
            "003 D V C 00:00:41:16 00:00:42:16 01:00:02:12 01:00:03:12",
            "004 B V C 00:00:44:00 00:00:44:12 01:00:03:12 01:00:04:00",
            // Half speed: as many source frames as record frames, and M2 says the rate.
            "005 C V C 00:00:42:02 00:00:44:02 01:00:05:00 01:00:07:00",
            "M2 C 12.0 00:00:42:02",
            "006 A A C 00:00:42:04 00:00:43:16 01:00:00:12 01:00:02:00",
        ]
    );
    assert!(lines.contains(&"* FROM CLIP NAME: a") && lines.contains(&"* SOURCE FILE: /m/a.mov"));
}

#[test]
fn xml_has_every_track_and_exact_times() {
    let page = cut(&odd()).to_fcpxml(&facts).unwrap();
    let has = |text: &str| assert!(page.text.contains(text), "{text} is not in\n{}", page.text);
    has("<fcpxml version=\"1.10\">");
    has("<format id=\"r1\" frameDuration=\"1001/24000s\" width=\"1920\" height=\"1080\"/>");
    has("<media-rep kind=\"original-media\" src=\"file:///m/a.mov\"/>");
    // 01:00:00:00 at 23.976 is 86,400 frames.
    has("tcStart=\"18018/5s\"");
    has("<asset-clip ref=\"r2\" offset=\"18018/5s\" name=\"a\" start=\"1001/24s\" duration=\"1001/500s\" srcEnable=\"video\">");
    has("<transition name=\"Cross Dissolve\" offset=\"14421407/4000s\" duration=\"1001/2000s\"/>");
    // A shot of the upper track hangs on the second: 12 frames into it, in its own time.
    has("lane=\"1\" offset=\"43043/1000s\"");
    has("lane=\"-1\"");
    has("srcEnable=\"audio\"");
    has("<timept time=\"1001/500s\" value=\"517517/12000s\" interp=\"linear\"/>");
    has("value=\"look &lt;here&gt; &amp; &quot;there&quot;\"");
    has("<gap name=\"Gap\" offset=\"901901/250s\" start=\"0s\" duration=\"1001/1000s\"");
}

#[test]
fn the_name_says_the_form() {
    for (name, form) in
        [("a.otio", Some(Form::Otio)), ("A.FCPXML", Some(Form::Fcpxml)), ("a.edl", Some(Form::Edl)), ("a.xml", None), ("a", None)]
    {
        assert_eq!(Form::of(Path::new(name)), form, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = cut(&odd()).write_as(&folder.path().join("cut.aaf"), &facts).unwrap_err().to_string();
    assert!(error.contains(".otio, .fcpxml and .edl"), "{error}");
}

#[test]
fn what_a_form_cannot_say_is_said() {
    let mut title = clip("title", 0.0, 24.0, 24.0);
    title["media_references"]["DEFAULT_MEDIA"] = json!({"OTIO_SCHEMA": "GeneratorReference.1", "metadata": {}, "name": "", "available_range": range(0.0, 24.0, 24.0),
        "available_image_bounds": null, "generator_kind": "title", "parameters": {}});
    let all = timeline(24.0, vec![video(vec![clip("a", 0.0, 24.0, 24.0), title])]);
    for exported in [cut(&all).to_edl().unwrap(), cut(&all).to_fcpxml(&facts).unwrap()] {
        assert_eq!(exported.remarks, ["'title' is made by the host itself and stays empty"]);
    }
}
