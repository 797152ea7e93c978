//! What the parameters do: each reaches the take or leaves it alone, and the status says which.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use serde_json::Value;
use test_host::flow::{generate, id, said, short_bridge as setup, wait};
use test_host::{Bundle, Context, Host, Instance, Quirks, RenderArgs, Setup, processes};

fn open(setup: &Setup, bundle: Bundle) -> (Host, Instance) {
    let host = Host::new(Quirks::default());
    let plugin = host.load(bundle);
    plugin.meet().unwrap();
    host.set_time(50.0);
    let instance = plugin.create(Context::General, setup).unwrap();
    (host, instance)
}

/// What a take was asked for.
fn request(takes: &Path, take: &str) -> Value {
    let text = std::fs::read_to_string(takes.join("takes").join(take).join("take.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["request"].clone()
}

#[test]
fn what_the_editor_sets_is_what_is_asked_for() {
    let takes = tempfile::tempdir().unwrap();
    let still = takes.path().join("still.png");
    image::RgbImage::from_pixel(64, 36, image::Rgb([90, 60, 30])).save(&still).unwrap();
    let setup = setup(takes.path())
        .with("beat3At", 8)
        .with("beat3Prompt", "the door opens")
        .with("beat1At", 10)
        .with("beat1Prompt", "somebody enters")
        .with("beat8At", 4)
        .with("beat8Still", still.as_path())
        .with("beat2At", 5)
        .with("soundLevel", -6.0)
        .with("motion", 0.5)
        .with("camera", 4)
        .with("quality", 0);
    let (host, instance) = open(&setup, Bundle::copied(|_| ()));
    let take = generate(&instance, 60).unwrap();
    let asked = request(takes.path(), &take);
    let beats: Vec<(u64, &str)> =
        asked["storyboard"].as_array().unwrap().iter().map(|b| (b["frame"].as_u64().unwrap(), b["prompt"].as_str().unwrap())).collect();
    assert_eq!(beats, [(8, "the door opens"), (10, "somebody enters")], "in order of time, rows that say nothing left out");
    assert_eq!(asked["context"]["keyframes"][0]["frame"], 4);
    assert_eq!(
        (asked["motion"].as_f64(), asked["camera"].as_str(), asked["quality"].as_str()),
        (Some(0.5), Some("pan-left"), Some("draft"))
    );
    assert!(said(&instance).contains("storyboard"), "the draft says that it follows none: {}", said(&instance));
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_change_that_cannot_change_the_take_leaves_it_up_to_date() {
    let takes = tempfile::tempdir().unwrap();
    let (_, instance) = open(&setup(takes.path()), Bundle::copied(|_| ()));
    let take = generate(&instance, 60).unwrap();
    let is_stale = || instance.text(id::STATUS).contains("Out of date");
    for (name, value) in [("channels", 6), ("keep", 2), ("handles", 3), ("finalRender", 2), ("takeCount", 4), ("seed", 9), ("fit", 1)] {
        instance.set(name, value);
        assert!(!is_stale(), "{name}: {}", instance.text(id::STATUS));
    }
    instance.set("seconds", 9.0);
    instance.set("soundLevel", -3.0);
    instance.set("weights", "a name");
    assert!(!is_stale(), "{}", instance.text(id::STATUS));
    for (name, value, back, word) in
        [("frames", 13, 12, "length"), ("task", 1, 0, "task"), ("camera", 2, 0, "camera"), ("quality", 1, 2, "quality")]
    {
        instance.set(name, value);
        assert!(is_stale() && instance.text(id::STATUS).contains(word), "{name}: {}", instance.text(id::STATUS));
        instance.set(name, back);
        assert!(!is_stale(), "{name} was set back: {}", instance.text(id::STATUS));
    }
    instance.set("beat1Prompt", "rain");
    assert!(is_stale() && instance.text(id::STATUS).contains("storyboard"));
    assert_eq!(instance.text(id::TAKE), take);
}

#[test]
fn several_takes_at_once_land_one_after_the_other_and_are_walked_through() {
    let takes = tempfile::tempdir().unwrap();
    let (_, instance) = open(&setup(takes.path()).with("takeCount", 3).with("seed", 5), Bundle::copied(|_| ()));
    let first = generate(&instance, 60).unwrap();
    assert_eq!(request(takes.path(), &first)["seed"], 5, "the first that lands is shown");
    let made = || std::fs::read_dir(takes.path().join("takes")).unwrap().count();
    assert!(processes::wait_until(60, || made() == 3), "{} takes", made());
    assert!(processes::wait_until(20, || {
        instance.press(id::REFRESH);
        !instance.text(id::STATUS).starts_with("Being made")
    }));
    assert_eq!(instance.text(id::TAKE), first, "later ones do not push it aside");
    let mut seeds = Vec::new();
    for _ in 0..3 {
        instance.press("nextTake");
        seeds.push(request(takes.path(), &instance.text(id::TAKE))["seed"].as_u64().unwrap());
    }
    assert_eq!(seeds, [6, 7, 5]);
}

#[test]
fn a_takes_folder_of_another_system_is_found_by_its_mapping() {
    let takes = tempfile::tempdir().unwrap();
    let mut other = setup(Path::new(r"S:\show\takes"));
    let (_, unmapped) = open(&other, Bundle::copied(|_| ()));
    let words = generate(&unmapped, 20).unwrap_err();
    assert!(words.contains("Path mapping"), "{words}");
    other = other.with("pathMapping", format!("S:\\show = /Volumes/show = {}", takes.path().display()).as_str());
    let (_, instance) = open(&other, Bundle::copied(|_| ()));
    let take = generate(&instance, 60).unwrap();
    assert!(takes.path().join("takes/takes").join(take).join("take.json").is_file());
    assert!(instance.render(&RenderArgs::at(50.0)).is_ok());
}

#[test]
fn the_engine_that_lacks_its_weights_says_how_to_get_them() {
    let takes = tempfile::tempdir().unwrap();
    let bundle = Bundle::copied(|b| {
        let real = b.worker().with_file_name("pickup.real");
        std::fs::rename(b.worker(), &real).unwrap();
        let empty = takes.path().join("weights");
        let script = format!("#!/bin/sh\nPICKUP_WEIGHTS='{}' exec '{}' \"$@\"\n", empty.display(), real.display());
        std::fs::write(b.worker(), script).unwrap();
        std::fs::set_permissions(b.worker(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    });
    let (host, instance) = open(&setup(takes.path()), bundle);
    // The answer may be late on a busy machine; asking again is what an editor does.
    let asked = |name: &str, value: &dyn Fn()| {
        processes::wait_until(20, || {
            value();
            instance.text(id::STATUS).contains(name)
        })
    };
    assert!(asked("weights get", &|| _ = instance.choose(id::ENGINE, "ltx")), "{}", instance.text(id::STATUS));
    assert!(asked("no weights called nonsense", &|| _ = instance.set("weights", "nonsense")), "{}", instance.text(id::STATUS));
    assert!(asked("is not there", &|| _ = instance.set("weights", "/no/such/folder")), "{}", instance.text(id::STATUS));
    assert!(host.record().messages.is_empty(), "a choice is no error");
    let words = wait_for_fault(&instance);
    assert!(words.contains("/no/such/folder"), "{words}");
}

fn wait_for_fault(instance: &Instance) -> String {
    instance.press(id::GENERATE);
    wait(instance, "", 30).unwrap_err()
}

#[test]
fn every_parameter_is_in_the_reference() {
    let reference = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/parameters.md")).unwrap();
    let (_, instance) = open(&Setup::connected(Context::General), Bundle::copied(|_| ()));
    for name in instance.params() {
        let kind = instance.param_type(&name).unwrap();
        if !kind.ends_with("Page") && !kind.ends_with("Group") {
            assert!(reference.contains(&format!("| `{name}` |")), "{name} is not in docs/parameters.md");
        }
    }
}
