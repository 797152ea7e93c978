//! Bad files: an error that names the place, never a panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use timeline::Cut;

fn error(timeline: &Value) -> String {
    match Cut::parse(&timeline.to_string()).and_then(|c| c.holes_with(&there)) {
        Ok(holes) => unreachable!("{holes:?}"),
        Err(error) => error.to_string(),
    }
}

fn with(at: &str, value: Value) -> Value {
    let mut cut = timeline(24.0, vec![video(vec![clip("a", 0.0, 48.0, 24.0), gap(24.0, 24.0)])]);
    *cut.pointer_mut(at).unwrap() = value;
    cut
}

#[test]
fn files_that_are_no_cut_are_told_apart() {
    assert!(Cut::parse("").unwrap_err().to_string().contains("line 1 column 0"));
    assert!(Cut::parse("{\"OTIO_SCHEMA\": \"Timeline.1\",").unwrap_err().to_string().contains("is not JSON"));
    assert!(Cut::parse("{\"a\": NaN}").unwrap_err().to_string().contains("line 1 column 7"));
    assert_eq!(
        Cut::parse("{\"OTIO_SCHEMA\": \"Clip.2\"}").unwrap_err().to_string(),
        "the cut has a Clip.2 at the top where a Timeline must stand"
    );
    assert!(Cut::parse("[1]").is_err());
    let folder = tempfile::tempdir().unwrap();
    assert!(Cut::read(folder.path().join("cut.otio")).unwrap_err().to_string().contains("cut.otio cannot be read"));
    assert_eq!(error(&timeline(24.0, vec![audio(vec![clip("a", 0.0, 9.0, 24.0)])])), "the cut has no picture track that is enabled");
}

#[test]
fn bad_places_are_named() {
    let first = "/tracks/children/0/children/0";
    let place = "timeline.tracks.children[0].children[0]";
    for (at, value, expected) in [
        ("/source_range/duration/value", json!(-1), format!("{place}.source_range.duration.value that cannot be: a length of -1")),
        ("/source_range/duration/rate", json!(0), format!("{place}.source_range.duration.rate that cannot be: a rate of 0")),
        ("/source_range/start_time", json!("x"), format!("\"x\" at {place}.source_range.start_time where a RationalTime must stand")),
        ("/source_range", json!([]), format!("[] at {place}.source_range where a TimeRange must stand")),
        ("", json!(7), "7 at timeline.tracks.children[0].children[0] where an item of a timeline must stand".into()),
        ("", json!({"OTIO_SCHEMA": "Wormhole.9"}), format!("does not say how long the item at {place} is")),
        ("/effects", json!([{"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 1e9}]), format!("{place}.effects[0].time_scalar")),
    ] {
        let got = error(&with(&format!("{first}{at}"), value));
        assert!(got.contains(&expected), "{got}");
    }
    assert!(error(&with("/tracks", json!([]))).contains("[] at timeline.tracks where a Stack"));
    assert!(error(&with("/tracks/children", json!({}))).contains("timeline.tracks.children where a list of items"));
    assert!(error(&with("/global_start_time/rate", json!(0))).contains("timeline.global_start_time.rate"));
    let fault = shot::Fault::from(Cut::parse("").unwrap_err());
    assert_eq!((fault.code, fault.remedy.as_str()), (shot::Code::Input, "export the timeline as OpenTimelineIO (.otio) again"));
}

#[test]
fn deep_nesting_is_refused() {
    let nest = |depth: usize| (0..depth).fold(clip("a", 0.0, 9.0, 24.0), |inner, _| stack("s", vec![inner]));
    assert!(holes(&timeline(24.0, vec![video(vec![nest(20)])])).is_empty());
    assert!(error(&timeline(24.0, vec![video(vec![nest(31)])])).contains("nested deeper than 30"));
    // So deep that the JSON itself is refused, with its line and column.
    assert!(error(&timeline(24.0, vec![video(vec![nest(200)])])).contains("recursion limit"));
}

#[test]
fn an_item_that_nobody_knows_is_left_alone() {
    let odd = json!({"OTIO_SCHEMA": "Wormhole.9", "source_range": range(0.0, 10.0, 24.0)});
    let found = holes(&timeline(24.0, vec![video(vec![odd, gap(5.0, 24.0)])]));
    assert_eq!(spans(&found), [(10, 15)]);
}

/// Puts something else in one place of a good cut.
fn spoil(value: &mut Value, mut at: usize, with: &Value) -> usize {
    if at == 0 {
        *value = with.clone();
        return 0;
    }
    at -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let left = spoil(child, at, with);
        if left == 0 {
            return 0;
        }
        at = left;
    }
    at
}

proptest! {
    #[test]
    fn any_spoilt_cut_is_read_or_refused(at in 1usize..140, n in any::<f64>(), text in ".{0,8}", which in 0usize..6) {
        let mut cut = timeline(NTSC_24, vec![
            video(vec![clip("a", 0.0, 48.0, NTSC_24), transition(3.0, 3.0, 24.0), gap(24.0, NTSC_24), stack("s", vec![video(vec![clip("b", 0.0, 9.0, 25.0)])])]),
            audio(vec![clip("a", 0.0, 48.0, NTSC_24)]),
        ]);
        cut["tracks"]["markers"] = json!([marker("pickup: bridge", 60.0, 20.0, 24.0)]);
        let with = [json!(null), json!(n), json!(text), json!([]), json!({}), json!(-1)][which].clone();
        spoil(&mut cut, at, &with);
        if let Ok(mut cut) = Cut::parse(&cut.to_string())
            && let Ok(holes) = cut.holes_with(&there)
        {
            for hole in &holes {
                let _ = cut.fill(hole, &filling("x", hole, 2));
            }
            prop_assert!(Cut::parse(&cut.to_text()).is_ok());
        }
    }

    /// Whatever gaps, clips and layers there are: holes lie in the cut, apart from each other, and none is left after filling.
    #[test]
    fn filling_leaves_no_hole_and_the_cut_as_long(layers in proptest::collection::vec(proptest::collection::vec((0u8..4, 1u32..60, 0usize..4), 1..8), 1..4)) {
        let rates = [24.0, NTSC_24, 25.0, 30.0];
        let tracks = layers.iter().map(|items| video(items.iter().map(|&(kind, n, rate)| match kind {
            0 => clip("a", 0.0, f64::from(n), rates[rate]),
            1 => missing("lost", f64::from(n), rates[rate]),
            _ => gap(f64::from(n), rates[rate]),
        }).collect())).collect();
        let mut cut = cut(&timeline(24.0, tracks));
        let (length, holes) = (cut.frames().unwrap(), cut.holes_with(&there).unwrap());
        prop_assert!(holes.windows(2).all(|w| w[0].range.end() <= w[1].range.start()));
        prop_assert!(holes.iter().all(|h| h.range.start().0 >= 0 && h.range.end().0 <= length && !h.range.is_empty()));
        for hole in &holes {
            cut.fill(hole, &filling("x", hole, 1)).unwrap();
        }
        prop_assert_eq!(cut.frames().unwrap(), length);
        let left = cut.holes_with(&there).unwrap();
        prop_assert!(left.is_empty(), "{:?}", left);
    }
}
