//! Colour: what is agreed with hosts of OpenFX 1.5, what is taken where nothing is said, and that no value is lost.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use test_host::flow::{generate, id, said, short_bridge as setup};
use test_host::raw;
use test_host::{Context, FROM, Host, Instance, Quirks, RenderArgs, Setup, TO, TestClip, Values};

fn open(context: Context, setup: &Setup) -> (Host, Instance) {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    host.set_time(50.0);
    let instance = plugin.create(context, setup).unwrap();
    (host, instance)
}

/// The encoding that a take was made in.
fn made_in(takes: &Path, take: &str) -> String {
    let text = std::fs::read_to_string(takes.join("takes").join(take).join("take.json")).unwrap();
    let take: serde_json::Value = serde_json::from_str(&text).unwrap();
    take["request"]["context"]["colour"].as_str().unwrap().to_owned()
}

/// What the effect would like an input to be encoded in.
fn wishes(instance: &Instance, clip: &str) -> Vec<String> {
    let preferences = instance.clip_preferences().unwrap();
    match preferences.get(&format!("OfxImageClipPropPreferredColourspaces_{clip}")) {
        Some(Values::Text(names)) => names.iter().map(|n| n.to_string_lossy().into_owned()).collect(),
        other => panic!("{clip}: {other:?}"),
    }
}

const STYLES: [&std::ffi::CStr; 4] = [
    raw::kOfxImageEffectColourManagementBasic,
    raw::kOfxImageEffectColourManagementCore,
    raw::kOfxImageEffectColourManagementFull,
    raw::kOfxImageEffectColourManagementOCIO,
];

#[test]
fn an_encoding_that_is_understood_is_taken_as_it_is_in_every_style() {
    let takes = tempfile::tempdir().unwrap();
    for style in STYLES {
        let (host, instance) = open(Context::General, &Setup { style, space: "ACEScct".into(), ..setup(takes.path()) });
        assert_eq!(wishes(&instance, FROM), [""; 0], "no conversion is asked for");
        assert_eq!(wishes(&instance, TO), ["OfxColourspace_From"], "both sides in one encoding");
        assert_eq!(instance.output_colourspace(&["ACEScg"]).unwrap(), Some("OfxColourspace_From".into()));
        assert_eq!(made_in(takes.path(), &generate(&instance, 60).unwrap()), "aces-cct");
        assert_eq!(host.violations(), Vec::<String>::new(), "{style:?}");
    }
}

#[test]
fn an_encoding_that_is_not_understood_is_asked_for_in_another_and_said() {
    let takes = tempfile::tempdir().unwrap();
    for style in STYLES {
        let (_, instance) = open(Context::General, &Setup { style, space: "vlog_vgamut".into(), ..setup(takes.path()) });
        let names = wishes(&instance, FROM);
        assert!(names.iter().any(|n| n == "ofx_scene_linear"), "{names:?}");
        let is_basic = style == raw::kOfxImageEffectColourManagementBasic;
        assert_eq!(names.iter().all(|n| n.starts_with("ofx_")), is_basic, "{style:?}: {names:?}");
    }
    // A host that cannot convert: the editor reads what it was taken for.
    let style = raw::kOfxImageEffectColourManagementFull;
    let (_, instance) = open(Context::General, &Setup { style, space: "vlog_vgamut".into(), ..setup(takes.path()) });
    instance.press(id::GENERATE);
    assert!(instance.text(id::STATUS).contains("vlog_vgamut"), "{}", said(&instance));
    // And says better.
    instance.choose("footageColour", "ARRI LogC4");
    let take = generate(&instance, 60).unwrap();
    assert_eq!(made_in(takes.path(), &take), "log-c4");
}

#[test]
fn a_host_without_colour_management_is_asked_nothing() {
    let takes = tempfile::tempdir().unwrap();
    let (_, instance) = open(Context::General, &setup(takes.path()));
    assert_eq!(wishes(&instance, TO), [""; 0]);
    assert_eq!(made_in(takes.path(), &generate(&instance, 60).unwrap()), "rec709");
    let old = Host::new(Quirks { api: (1, 4), ..Quirks::default() });
    let plugin = old.open();
    plugin.meet().unwrap();
    plugin.create(Context::General, &setup(takes.path())).unwrap().clip_preferences().unwrap();
    assert_eq!(old.violations(), Vec::<String>::new());
}

#[test]
fn a_name_of_the_projects_own_configuration_is_looked_up_there() {
    let takes = tempfile::tempdir().unwrap();
    let config = takes.path().join("config.ocio");
    let text = "ocio_profile_version: 2\nroles:\n  scene_linear: Show Linear\ncolorspaces:\n  - !<ColorSpace>\n    name: Show Linear\n    \
                aliases: [lin_ap1, show_lin]\n";
    std::fs::write(&config, text).unwrap();
    let style = raw::kOfxImageEffectColourManagementOCIO;
    for name in ["scene_linear", "Show Linear", "show_lin"] {
        let project = Setup { style, config: config.to_str().unwrap().into(), space: name.into(), ..setup(takes.path()) };
        let (_, instance) = open(Context::General, &project);
        assert_eq!(made_in(takes.path(), &generate(&instance, 60).unwrap()), "aces-cg", "{name}");
    }
}

#[test]
fn a_generator_calls_its_output_by_a_name_that_it_understands() {
    let takes = tempfile::tempdir().unwrap();
    let style = raw::kOfxImageEffectColourManagementCore;
    let (_, instance) = open(Context::Generator, &Setup { style, clips: Vec::new(), ..setup(takes.path()) });
    assert_eq!(instance.output_colourspace(&["vlog_vgamut", "ACEScg", "srgb_tx"]).unwrap(), Some("ACEScg".into()));
    assert_eq!(instance.output_colourspace(&["vlog_vgamut"]).unwrap(), None);
}

#[test]
fn values_outside_of_0_to_1_survive_a_take() {
    let takes = tempfile::tempdir().unwrap();
    // One colour on both sides: whatever is made between them must be that colour.
    const BRIGHT: [f32; 4] = [7.5, -0.25, 96.0, 1.0];
    let mut asked = setup(takes.path());
    let plain = || TestClip::plain(64.0, 36.0, BRIGHT);
    asked.clips = vec![(FROM, plain().ranging(0.0, 47.0)), (TO, plain().ranging(60.0, 99.0))];
    let (_, instance) = open(Context::General, &asked);
    instance.choose("footageColour", "Linear Rec.709");
    generate(&instance, 60).unwrap();
    let image = instance.render(&RenderArgs::at(53.0)).unwrap();
    for (x, y) in [(3, 3), (32, 18), (60, 33)] {
        let pixel = image.at(x, y);
        for c in 0..4 {
            // Takes are half floats: 11 bits.
            assert!((pixel[c] - BRIGHT[c]).abs() <= BRIGHT[c].abs() / 1024.0, "{x} {y}: {pixel:?}");
        }
    }
}
