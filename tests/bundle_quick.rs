//! What must answer at once: viewers, thumbnails, drafts. None of them ever starts work.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use test_host::flow::id;
use test_host::{Context, Host, Quirks, RenderArgs, Setup, processes};

/// Generous for machines that do something else as well; a worker that started would take longer and be seen.
const AT_ONCE: Duration = Duration::from_millis(1500);

#[test]
fn viewers_thumbnails_and_drafts_answer_at_once_and_start_nothing() {
    let takes = tempfile::tempdir().unwrap();
    for context in [Context::Generator, Context::Filter, Context::Transition, Context::General] {
        for choice in ["wait", "fail", "slate"] {
            let host = Host::new(Quirks::default());
            let plugin = host.open();
            plugin.meet().unwrap();
            let setup = Setup::sized(context, 320.0, 180.0).with(id::TAKES_FOLDER, takes.path()).with(id::IN, 48).with(id::OUT, 60);
            let instance = plugin.create(context, &setup).unwrap();
            instance.choose(id::FINAL_RENDER, choice);
            for (interactive, thumbnail, draft) in [(true, false, false), (false, true, false), (true, true, false), (true, false, true)] {
                for time in [48.0, 53.0, 59.0] {
                    let args = RenderArgs { interactive, thumbnail, draft, ..RenderArgs::at(time) };
                    let start = Instant::now();
                    let image = instance.render(&args).unwrap();
                    assert!(start.elapsed() < AT_ONCE, "{context:?} {args:?}: {:?}", start.elapsed());
                    assert_eq!(image.unwritten(), 0);
                }
            }
            assert_eq!(host.violations(), Vec::<String>::new());
            assert!(host.record().progress.is_empty(), "a viewer got a progress window");
        }
    }
    assert_eq!(processes::started("pickup"), []);
    assert_eq!(std::fs::read_dir(takes.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn questions_never_start_anything() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    for context in [Context::Generator, Context::Filter, Context::Transition, Context::General] {
        let setup = Setup::connected(context).with(id::TAKES_FOLDER, takes.path()).with(id::FINAL_RENDER, 0);
        let instance = plugin.create(context, &setup).unwrap();
        let start = Instant::now();
        for time in [0.0, 50.0, 1e6, -3.5] {
            instance.rod(time, (1.0, 1.0)).unwrap();
            instance.is_identity(&RenderArgs::at(time)).unwrap();
            instance.frames_needed(time).unwrap();
        }
        instance.clip_preferences().unwrap();
        instance.time_domain().unwrap();
        instance.time_changed(50.0);
        assert!(instance.sync().is_good() && instance.purge().is_good());
        assert!(start.elapsed() < AT_ONCE);
    }
    assert_eq!(processes::started("pickup"), []);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn a_viewer_without_a_take_shows_the_neighbours_or_says_what_is_missing() {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let takes = tempfile::tempdir().unwrap();
    for context in [Context::Generator, Context::Filter, Context::Transition, Context::General] {
        let setup = Setup::sized(context, 320.0, 180.0).with(id::TAKES_FOLDER, takes.path()).with(id::IN, 48).with(id::OUT, 60);
        let instance = plugin.create(context, &setup).unwrap();
        let image = instance.render(&RenderArgs::interactive(53.0)).unwrap();
        assert!(image.contrast() > 0.005, "{context:?}: a plain picture says nothing");
    }
}
