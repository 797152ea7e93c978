//! Measures what the host feels: from dlopen to Describe, and a stored 1080p float frame into the host's buffer beside a memcpy of
//! the same bytes in the same run. One JSON object a line: name, value, unit, baseline.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use test_host::flow::{generate, id};
use test_host::{Buffer, Bundle, Context, Format, Host, Quirks, Rect, RenderArgs, Rows, Setup};

const WIDTH: i32 = 1920;
const HEIGHT: i32 = 1080;
const FRAMES: i32 = 4;

fn main() {
    let describe = describe_ms();
    say(
        "describe-ms",
        describe,
        "ms",
        &format!("median of {DESCRIBES} fresh loads; MLT's Load, Describe, Create, Destroy per frame below"),
    );
    say("per-frame-describe-ms", mlt_ms(), "ms", "Load, Describe, DescribeInContext, Create, Destroy, as MLT does for every frame");
    let (ours, copy) = render();
    let both = format!("{:.2} ms of processor time a frame, memcpy of the same bytes {:.2} ms", ours.processor, copy.processor);
    say("render-ratio", ours.processor / copy.processor, "× memcpy", &both);
    say(
        "render-ms",
        ours.wall,
        "ms",
        &format!("by the clock, one thread: {:.0} frames a second; memcpy {:.2} ms", 1e3 / ours.wall, copy.wall),
    );
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
fn describe_ms() -> f64 {
    let one = || {
        let host = Host::new(Quirks { watches: false, ..Quirks::default() });
        let bundle = Bundle::copied(|_| ());
        ms(|| {
            let plugin = host.load(bundle);
            plugin.start();
            plugin.describe().expect("the effect describes itself");
            plugin
        })
    };
    median((0..DESCRIBES).map(|_| one()).collect())
}

fn mlt_ms() -> f64 {
    let plugin = Host::new(Quirks { watches: false, ..Quirks::mlt() }).open();
    let setup = Setup::connected(Context::Filter);
    let one = || {
        plugin.start();
        plugin.describe().expect("the effect describes itself");
        plugin.describe_in_context(Context::Filter).expect("a filter is offered");
        plugin.create(Context::Filter, &setup).expect("an instance").destroy()
    };
    median((0..101).map(|_| ms(one)).collect())
}

/// A frame of a take into the host's buffer, and a memcpy of as many bytes: both into memory that was written before, taking
/// turns, so that both meet the same machine.
fn render() -> (Took, Took) {
    let takes = tempfile::tempdir().expect("a temporary folder");
    let host = Host::new(Quirks { watches: false, ..Quirks::default() });
    let plugin = host.open();
    plugin.meet().expect("the effect describes itself");
    let mut setup = Setup::sized(Context::General, f64::from(WIDTH), f64::from(HEIGHT))
        .with(id::TAKES_FOLDER, takes.path())
        .with(id::SOUND, 1)
        .with(id::ENGINE, 1)
        .with(id::IN, 48)
        .with(id::FRAMES, FRAMES);
    for (name, clip) in &mut setup.clips {
        if *name == test_host::TO {
            clip.range.0 = f64::from(48 + FRAMES);
        }
    }
    let instance = plugin.create(Context::General, &setup).expect("an instance");
    if let Err(words) = generate(&instance, 300) {
        eprintln!("no take was made: {words}");
        std::process::exit(1);
    }
    let window = Rect::new(0, 0, WIDTH, HEIGHT);
    let buffer = Arc::new(Buffer::new(window, Format::FLOAT_RGBA, Rows::default()));
    let bytes = (WIDTH * HEIGHT * 16) as usize;
    let (from, mut to) = (vec![7_u8; bytes], vec![1_u8; bytes]);
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    for i in 0..60 {
        let args = RenderArgs::interactive(f64::from(48 + i % FRAMES));
        let time = took(|| instance.draw_into(&args, window, buffer.clone()).good().expect("a frame of the take"));
        let copy = took(|| black_box(&mut to).copy_from_slice(black_box(&from)));
        // The first round fills the playback cache.
        if i >= 2 * FRAMES {
            ours.push(time);
            copies.push(copy);
        }
    }
    (medians(&ours), medians(&copies))
}
