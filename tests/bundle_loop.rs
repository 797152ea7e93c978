//! The whole loop as an editor walks it: Generate, the worker beside the bundle, the take, render.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use test_host::flow::{generate, id, said};
use test_host::{Context, FROM, Host, Instance, Quirks, RenderArgs, RenderedImage, Setup, TestClip};

const SIZE: (f64, f64) = (256.0, 144.0);

/// A bridge over times 48 to 51, between two clips that are one scene, so that the missing frames are known.
fn setup(context: Context, takes: &Path) -> Setup {
    let mut setup = Setup::sized(context, SIZE.0, SIZE.1).with(id::TAKES_FOLDER, takes).with(id::SOUND, 1).with(id::ENGINE, 1);
    setup.duration = 4.0;
    for (name, clip) in &mut setup.clips {
        match *name {
            "SourceFrom" => clip.range.1 = 51.0,
            "To" => clip.range.0 = 52.0,
            _ => {}
        }
    }
    setup.with(id::IN, 48).with(id::FRAMES, 4)
}

fn instance(host: &Host, context: Context, takes: &Path) -> Instance {
    let plugin = host.open();
    plugin.meet().unwrap();
    let instance = plugin.create(context, &setup(context, takes)).unwrap();
    host.set_time(49.0);
    host.set_bounds(0.0, 99.0);
    if context == Context::Transition {
        for time in 0..4 {
            instance.key("Transition", 48.0 + f64::from(time), f64::from(time) / 3.0);
        }
    }
    instance
}

/// PSNR against what the scene really shows at a time, away from the clock in the corner and from the edges.
fn psnr(image: &RenderedImage, clip: &TestClip, time: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 24..130 {
        for x in 24..232 {
            let (a, b) = (image.at(x, y), clip.pixel(time, x, y, (1.0, 1.0), 1.0));
            for c in 0..3 {
                sum += f64::from(a[c] - b[c]).powi(2);
                count += 1.0;
            }
        }
    }
    -10.0 * f64::log10(f64::max(sum / count, 1e-9))
}

fn walk(context: Context) {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, context, takes.path());
    let take = generate(&instance, 60).unwrap_or_else(|e| panic!("{context:?}: {e}"));
    assert_eq!(take.len(), 24, "{take}");
    let clip = TestClip::moving(SIZE.0, SIZE.1, 0.3);
    for time in [48.0, 49.0, 50.0, 51.0] {
        let args = RenderArgs::at(time);
        assert_eq!(instance.is_identity(&args).unwrap(), None);
        let image = instance.render(&args).unwrap();
        assert_eq!(image.unwritten(), 0);
        let (right, late) = (psnr(&image, &clip, time), psnr(&image, &clip, time + 1.0));
        assert!(right > 22.0 && right > late + 3.0, "{context:?} at {time}: {right:.1} dB, a frame later {late:.1} dB");
        let again = instance.render(&args).unwrap();
        assert!(image.is_identical(&again));
        // The viewer and the final render show the same take.
        assert!(image.is_identical(&instance.render(&RenderArgs::interactive(time)).unwrap()));
    }
    // The take stays whatever the editor types, until Generate is pressed again.
    let shown = instance.render(&RenderArgs::at(49.0)).unwrap();
    instance.set(id::PROMPT, "a prompt with 100 %s in it");
    assert_eq!(instance.text(id::TAKE), take);
    assert!(shown.is_identical(&instance.render(&RenderArgs::at(49.0)).unwrap()));
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_transition_plays_the_bridge() {
    walk(Context::Transition);
}

#[test]
fn a_general_node_plays_the_bridge() {
    walk(Context::General);
}

#[test]
fn a_filter_plays_a_span_again_and_leaves_the_rest_alone() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let setup = setup(Context::Filter, takes.path()).with(id::OUT, 52);
    let instance = plugin.create(Context::Filter, &setup).unwrap();
    host.set_time(49.0);
    generate(&instance, 60).unwrap();
    for time in [0.0, 47.0, 52.0, 99.0] {
        assert_eq!(instance.is_identity(&RenderArgs::at(time)).unwrap(), Some(("Source".into(), time)));
        let image = instance.render(&RenderArgs::at(time)).unwrap();
        let clip = instance.source("Source").unwrap();
        assert!(psnr(&image, &clip, time) > 80.0, "time {time} is the clip's own");
    }
    for time in [48.0, 51.0] {
        assert_eq!(instance.is_identity(&RenderArgs::at(time)).unwrap(), None);
        assert!(psnr(&instance.render(&RenderArgs::at(time)).unwrap(), &instance.source("Source").unwrap(), time) > 22.0);
    }
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_generator_without_a_still_delivers_a_card_and_says_so() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let setup = setup(Context::Generator, takes.path()).with(id::PROMPT, "a lighthouse at night").with("handles", 0);
    let instance = plugin.create(Context::Generator, &setup).unwrap();
    generate(&instance, 60).unwrap();
    let image = instance.render(&RenderArgs::at(49.0)).unwrap();
    assert!(image.contrast() > 0.01, "a card has words on it");
    assert!(said(&instance).to_lowercase().contains("missing") || said(&instance).to_lowercase().contains("card"), "{}", said(&instance));
}

#[test]
fn a_project_that_is_opened_again_finds_its_take_even_where_the_folder_moved() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let first = instance(&host, Context::General, takes.path());
    let take = generate(&first, 60).unwrap();
    let shown = first.render(&RenderArgs::at(50.0)).unwrap();
    let saved = first.saved();
    assert!(first.sync().is_good() && first.destroy().is_good());
    let moved = tempfile::tempdir().unwrap();
    std::fs::remove_dir(moved.path()).unwrap();
    std::fs::rename(takes.path(), moved.path()).unwrap();
    let other = Host::new(Quirks::default());
    let again = instance(&other, Context::General, moved.path());
    for (name, value) in saved.into_iter().filter(|(n, _)| n != id::TAKES_FOLDER) {
        again.poke(&name, value);
    }
    assert_eq!(again.text(id::TAKE), take);
    // Neighbours that changed do not change the chosen take.
    again.connect(FROM, Some(TestClip::plain(SIZE.0, SIZE.1, [1.0, 0.0, 0.0, 1.0]).ranging(0.0, 47.0)));
    assert!(shown.is_identical(&again.render(&RenderArgs::at(50.0)).unwrap()));
}

#[test]
fn a_final_render_without_a_take_waits_fails_or_shows_the_slate_as_chosen() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, Context::Transition, takes.path());
    instance.choose(id::FINAL_RENDER, "fail");
    assert!(instance.render(&RenderArgs::at(49.0)).is_err());
    assert!(!said(&instance).trim().is_empty());
    instance.choose(id::FINAL_RENDER, "slate");
    let slate = instance.render(&RenderArgs::at(49.0)).unwrap();
    assert_eq!(slate.unwritten(), 0);
    assert!(!takes.path().join("by-request").exists() || std::fs::read_dir(takes.path().join("by-request")).unwrap().count() == 0);
    instance.choose(id::FINAL_RENDER, "wait");
    let made = instance.render(&RenderArgs::at(49.0)).unwrap();
    let clip = TestClip::moving(SIZE.0, SIZE.1, 0.3);
    assert!(psnr(&made, &clip, 49.0) > 22.0, "{:.1} dB; {}", psnr(&made, &clip, 49.0), said(&instance));
    assert!(!host.record().progress.is_empty() && host.record().progress_open == 0);
    assert_eq!(host.violations(), Vec::<String>::new());
}
