//! What lasts: memory of instances and of many frames, many threads for a long while, and how soon an abort is answered.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use test_host::flow::id;
use test_host::{Bundle, Context, Format, Host, Quirks, Rect, RenderArgs, RenderedImage, Setup};

use crate::playback::with_take;
use crate::{median, say};

const INSTANCES: usize = 200;
const FRAMES: usize = 10_000;
const TIMES: [f64; 4] = [48.0, 49.0, 50.0, 51.0];

fn quiet() -> Host {
    Host::new(Quirks { watches: false, reentrant: false, ..Quirks::default() })
}

/// Memory of this process that is in use, in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok()).map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}

/// An instance without an open take, and growth over many frames of one with a take.
pub fn memory() {
    let host = quiet();
    let plugin = host.open();
    plugin.meet().expect("the effect describes itself");
    let setup = Setup::connected(Context::General).with("finalRender", 1);
    let create = || plugin.create(Context::General, &setup).expect("an instance");
    let warm: Vec<_> = (0..20).map(|_| create()).collect();
    let before = resident();
    let all: Vec<_> = (0..INSTANCES).map(|_| create()).collect();
    for instance in &all {
        instance.clip_preferences().expect("an answer");
    }
    let each = (resident() - before) / INSTANCES as f64;
    say("instance-memory", each, "MB", &format!("mean of {INSTANCES}, the test host's own bookkeeping for them included"));
    drop((all, warm));

    let takes = tempfile::tempdir().expect("a temporary folder");
    let instance = with_take(&host, takes.path(), (64, 36), Format::FLOAT_RGBA);
    let play = |frames: usize| {
        for i in 0..frames {
            let args = RenderArgs { bracketed: false, ..RenderArgs::interactive(TIMES[i % TIMES.len()]) };
            instance.render(&args).expect("a frame of the take");
        }
        // The host writes down every action: that is not the effect's.
        host.forget();
    };
    play(2000);
    let before = resident();
    play(FRAMES);
    say("frames-memory", resident() - before, "MB", &format!("{FRAMES} frames after the first 2,000"));
}

/// From the moment at which the host says stop to the end of a final render that waits for its take.
pub fn abort() {
    let one = || {
        let bundle = Bundle::copied(|b| {
            // A worker that never answers.
            let script = std::fs::remove_file(b.worker()).and_then(|()| std::fs::write(b.worker(), "#!/bin/sh\nexec sleep 600\n"));
            let allowed = script.and_then(|()| std::fs::set_permissions(b.worker(), std::fs::Permissions::from_mode(0o755)));
            allowed.expect("a script in the worker's place");
        });
        let takes = tempfile::tempdir().expect("a temporary folder");
        let host = quiet();
        let plugin = host.load(bundle);
        plugin.meet().expect("the effect describes itself");
        let setup = Setup::connected(Context::General).with(id::TAKES_FOLDER, takes.path()).with(id::FINAL_RENDER, 0).with(id::SOUND, 1);
        let instance = plugin.create(Context::General, &setup.with(id::IN, 48).with(id::FRAMES, 12)).expect("an instance");
        std::thread::scope(|scope| {
            let render = scope.spawn(|| {
                let answer = instance.render(&RenderArgs { bracketed: false, ..RenderArgs::at(50.0) });
                (answer.is_err(), Instant::now())
            });
            while host.record().progress_open == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(137));
            let said = Instant::now();
            instance.abort(true);
            let (refused, ended) = render.join().expect("a render that ends");
            assert!(refused, "a render that was aborted has no picture");
            (ended - said).as_secs_f64() * 1e3
        })
    };
    let all: Vec<f64> = (0..9).map(|_| one()).collect();
    let worst = all.iter().copied().fold(0.0, f64::max);
    say("abort-ms", median(all), "ms", &format!("median of 9 by the clock, worst {worst:.0} ms"));
}

/// Renders from eight threads while an editor turns knobs: frames that differ from those that one thread made.
pub fn threads(frames: usize) {
    let takes = tempfile::tempdir().expect("a temporary folder");
    let host = quiet();
    let instance = with_take(&host, takes.path(), (64, 36), Format::FLOAT_RGBA);
    let reference = |time| instance.render(&RenderArgs::interactive(time)).expect("a frame of the take");
    let references: Vec<RenderedImage> = TIMES.into_iter().map(reference).collect();
    let (next, wrong, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                instance.set(id::PROMPT, format!("prompt {n}"));
                instance.set("motion", f64::from(n % 20) / 10.0);
                instance.press(id::REFRESH);
                instance.time_changed(TIMES[n as usize % TIMES.len()]);
            }
        });
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= frames {
                            break;
                        }
                        let i = n * 7 % TIMES.len();
                        let x = (n % 8) as i32 * 8;
                        let window = (n % 2 == 1).then(|| Rect::new(x, 3, x + 8, 30));
                        let args = RenderArgs { window, bracketed: n % 3 == 0, ..RenderArgs::interactive(TIMES[i]) };
                        let same = instance.render(&args).is_ok_and(|image| image.difference(&references[i]).to_bits() == 0);
                        wrong.fetch_add(usize::from(!same), Ordering::Relaxed);
                        if n.is_multiple_of(500) {
                            host.forget();
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|w| w.join().expect("a thread that ends"));
        done.store(true, Ordering::Relaxed);
    });
    say("threads-wrong", wrong.into_inner() as f64, "frames", &format!("of {frames} from 8 threads while parameters changed"));
}
