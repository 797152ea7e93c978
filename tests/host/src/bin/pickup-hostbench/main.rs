//! Measures what the host feels, one JSON object a line: name, value, unit, baseline. Without arguments everything; a word of
//! `memory describe playback abort threads` that part alone. `threads N` renders N frames instead of 10,000.

mod endurance;
mod playback;

use std::hint::black_box;
use std::time::{Duration, Instant};

use test_host::{Bundle, Context, Host, Quirks, Setup};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |part: &str| args.first().is_none_or(|a| a == part);
    // First: later parts leave memory behind that instances would be made in, and look like nothing.
    if wanted("memory") {
        endurance::memory();
    }
    if wanted("describe") {
        let fresh = describe();
        let note = format!("median of {DESCRIBES} fresh loads; by the clock {:.1} ms", fresh.wall);
        say("describe-ms", fresh.processor, "ms of processor time", &note);
        let mlt = mlt();
        let note =
            format!("Load, Describe, DescribeInContext, Create, Destroy, the test host's part included; by the clock {:.1} ms", mlt.wall);
        say("per-frame-describe-ms", mlt.processor, "ms of processor time", &note);
    }
    if wanted("playback") {
        playback::measure();
    }
    if wanted("abort") {
        endurance::abort();
    }
    if wanted("threads") {
        endurance::threads(args.get(1).and_then(|n| n.parse().ok()).unwrap_or(10_000));
    }
}

/// What something took, in milliseconds.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    /// Of all threads of this process: other work on the machine does not count.
    processor: f64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
}

fn processor_time() -> Duration {
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = [0; 2];
    // SAFETY: two 64-bit numbers, as `struct timespec` is on 64-bit Linux.
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time[0] as u64, time[1] as u32)
}

fn took<T>(run: impl FnOnce() -> T) -> Took {
    let before = processor_time();
    let wall = ms(run);
    Took { wall, processor: (processor_time() - before).as_secs_f64() * 1e3 }
}

fn medians(all: &[Took]) -> Took {
    Took { wall: median(all.iter().map(|t| t.wall).collect()), processor: median(all.iter().map(|t| t.processor).collect()) }
}

fn say(name: &str, value: f64, unit: &str, baseline: &str) {
    println!("{}", serde_json::json!({"name": name, "value": value, "unit": unit, "baseline": baseline}));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn ms<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_secs_f64() * 1e3
}

const DESCRIBES: usize = 21;

/// From dlopen to the end of Describe. Every run has a copy of the library, which the loader does not know yet; making the copy is
/// not measured.
fn describe() -> Took {
    let one = || {
        let host = Host::new(Quirks { watches: false, ..Quirks::default() });
        let bundle = Bundle::copied(|_| ());
        took(|| {
            let plugin = host.load(bundle);
            plugin.start();
            plugin.describe().expect("the effect describes itself");
            plugin
        })
    };
    medians(&(0..DESCRIBES).map(|_| one()).collect::<Vec<_>>())
}

fn mlt() -> Took {
    let plugin = Host::new(Quirks { watches: false, ..Quirks::mlt() }).open();
    let setup = Setup::connected(Context::Filter);
    let one = || {
        plugin.start();
        plugin.describe().expect("the effect describes itself");
        plugin.describe_in_context(Context::Filter).expect("a filter is offered");
        plugin.create(Context::Filter, &setup).expect("an instance").destroy()
    };
    medians(&(0..101).map(|_| took(one)).collect::<Vec<_>>())
}
