//! Render from many threads at once: the same pixels as from one, also while an editor turns knobs.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};

use test_host::flow::{generate, id};
use test_host::{Context, Host, Instance, Quirks, Rect, RenderArgs, RenderedImage, Setup};

const TIMES: [f64; 12] = [48.0, 49.0, 50.0, 51.0, 52.0, 53.0, 54.0, 55.0, 56.0, 57.0, 58.0, 59.0];

fn instance(host: &Host, takes: &std::path::Path) -> Instance {
    let plugin = host.open();
    plugin.meet().unwrap();
    host.set_time(50.0);
    let setup = Setup::connected(Context::Transition).with(id::TAKES_FOLDER, takes).with(id::SOUND, 1).with(id::ENGINE, 1);
    let instance = plugin.create(Context::Transition, &setup).unwrap();
    for (i, time) in TIMES.into_iter().enumerate() {
        instance.key("Transition", time, i as f64 / 11.0);
    }
    instance
}

fn hammer(instance: &Instance, references: &[RenderedImage], rounds: usize) {
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            scope.spawn(move || {
                for round in 0..rounds {
                    let i = (thread * 5 + round * 7) % TIMES.len();
                    // Every other render is a tile.
                    let window = (round % 2 == 1).then(|| Rect::new((thread as i32) * 8, 3, (thread as i32) * 8 + 8, 30));
                    let args = RenderArgs { window, bracketed: round % 3 == 0, ..RenderArgs::interactive(TIMES[i]) };
                    let image = instance.render(&args).unwrap();
                    assert_eq!(image.unwritten(), 0);
                    assert_eq!(image.difference(&references[i]).to_bits(), 0.0_f32.to_bits(), "thread {thread}, time {}", TIMES[i]);
                }
            });
        }
    });
}

#[test]
fn eight_threads_see_the_same_dissolve() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, takes.path());
    let references: Vec<_> = TIMES.iter().map(|t| instance.render(&RenderArgs::interactive(*t)).unwrap()).collect();
    assert!(references[0].difference(&references[11]) > 0.05);
    hammer(&instance, &references, 60);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn eight_threads_see_the_same_take_while_an_editor_turns_knobs() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, takes.path());
    generate(&instance, 60).unwrap();
    let references: Vec<_> = TIMES.iter().map(|t| instance.render(&RenderArgs::interactive(*t)).unwrap()).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                instance.set(id::PROMPT, format!("prompt {n}"));
                instance.set("motion", f64::from(n % 20) / 10.0);
                instance.press(id::REFRESH);
                instance.time_changed(48.0 + f64::from(n % 12));
            }
        });
        hammer(&instance, &references, 100);
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn many_instances_render_at_once() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    let contexts = [Context::Filter, Context::Transition, Context::General, Context::Generator];
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let (plugin, takes) = (&plugin, takes.path());
            scope.spawn(move || {
                let context = contexts[thread % 4];
                for round in 0..10 {
                    let setup = Setup::connected(context).with(id::TAKES_FOLDER, takes);
                    let instance = plugin.create(context, &setup).unwrap();
                    assert_eq!(instance.render(&RenderArgs::interactive(48.0 + f64::from(round))).unwrap().unwritten(), 0);
                    assert!(instance.destroy().is_good());
                }
            });
        }
    });
    assert_eq!(host.violations(), Vec::<String>::new());
}
