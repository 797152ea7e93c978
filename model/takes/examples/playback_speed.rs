//! How many memcpys a 1080p frame costs from the cache into a float buffer, and what EXR costs.
//!
//! `cargo run --release -p takes --example playback_speed`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shot::request::{Request, Task};
use shot::take::{Provenance, SourceType, TAKE_VERSION};
use shot::{FrameIndex, Key, Picture, Rate, Size, Take};
use takes::exr::FrameTags;
use takes::{Cache, Playback, Store};

const SIZE: Size = Size::new(1920, 1080);
const FRAMES: u32 = 4;
const ROUNDS: u32 = 101;

/// Time this thread has been on a processor, where the system tells, so that a busy machine counts less; else the clock's.
fn now(start: Instant) -> Duration {
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = on_cpu.and_then(|t| t.split(' ').next()?.parse().ok()).filter(|n| *n > 0);
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// The mean time of each of two works done in turn, so that both meet the same machine. The mean and not the middle, because
/// the system counts processor time in ticks.
fn in_turn(mut a: impl FnMut(u32), mut b: impl FnMut(u32)) -> (f64, f64) {
    let start = Instant::now();
    let time = |work: &mut dyn FnMut(u32), round| {
        let before = now(start);
        work(round);
        now(start).saturating_sub(before).as_secs_f64()
    };
    let sums = (0..ROUNDS).fold((0.0, 0.0), |(sum_a, sum_b), i| (sum_a + time(&mut a, i), sum_b + time(&mut b, i)));
    (sums.0 / f64::from(ROUNDS), sums.1 / f64::from(ROUNDS))
}

fn main() {
    let folder = std::env::temp_dir().join(format!("pickup-playback-{}", std::process::id()));
    let store = Store::open(folder.join("store")).unwrap();
    let request = Request::new(Task::Bridge, FRAMES, Rate::whole(24), SIZE);
    let id = Key::of(b"speed").take_id();
    let publication = store.begin(&id).unwrap();
    let mut state = 1u32;
    let mut grain = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 * 0.02
    };
    // A gradient with grain: what footage is to a compressor.
    let pixels = (0..SIZE.pixels()).map(|i| [(i % 1920) as f32 / 1920.0 + grain(), 0.4 + grain(), 0.2 + grain(), 1.0]).collect();
    let picture = Picture::new(SIZE, pixels).unwrap();
    let mut write = Duration::ZERO;
    for index in 0..FRAMES {
        let start = Instant::now();
        let tags = FrameTags::of(&request, index, SourceType::AlgorithmicMedia);
        publication.picture(FrameIndex(i64::from(index)), &picture, &tags).unwrap();
        write += start.elapsed();
    }
    let provenance = Provenance {
        generator: "speed".into(),
        engine: "speed".into(),
        engine_version: 1,
        weights: String::new(),
        source_type: SourceType::AlgorithmicMedia,
        source_type_uri: SourceType::AlgorithmicMedia.uri().into(),
        context: Key::of(b""),
        files: Vec::new(),
    };
    let take = Take {
        version: TAKE_VERSION,
        id: id.clone(),
        key: Key::of(b"speed"),
        request,
        first_frame: FrameIndex(0),
        frames: FRAMES,
        handle_in: 0,
        handle_out: 0,
        samples: None,
        figures: Vec::new(),
        notes: Vec::new(),
        is_card: false,
        is_sdr: false,
        provenance,
    };
    let start = Instant::now();
    let made = publication.publish(take).unwrap();
    println!("publish {FRAMES} frames   {:>8.2} ms", start.elapsed().as_secs_f64() * 1e3);
    println!("write EXR          {:>8.2} ms a frame", write.as_secs_f64() * 1e3 / f64::from(FRAMES));
    println!("EXR file           {:>8.2} MB", std::fs::metadata(made.frame_path(0).unwrap()).unwrap().len() as f64 / 1e6);

    let start = Instant::now();
    black_box(made.frame(0).unwrap());
    println!("read EXR           {:>8.2} ms", start.elapsed().as_secs_f64() * 1e3);

    let cache = Arc::new(Cache::in_folder(folder.join("cache"), 1 << 30));
    let playback = Playback::open(&made, &cache);
    let start = Instant::now();
    (0..FRAMES).for_each(|i| playback.prepare(i).unwrap());
    println!("fill the cache     {:>8.2} ms a frame", start.elapsed().as_secs_f64() * 1e3 / f64::from(FRAMES));

    let source = picture.pixels().as_flattened().to_vec();
    let mut out = vec![0.0f32; source.len()];
    let fresh = Playback::open(&made, &Arc::new(Cache::in_folder(folder.join("cache"), 1 << 30)));
    let start = Instant::now();
    fresh.read_into(0, &mut out, 1920 * 4).unwrap();
    println!("first look, cached {:>8.2} ms", start.elapsed().as_secs_f64() * 1e3);

    let mut copied = source.clone();
    let (memcpy, read) =
        in_turn(|_| copied.copy_from_slice(black_box(&source)), |i| playback.read_into(i % FRAMES, black_box(&mut out), 1920 * 4).unwrap());
    println!("memcpy 33 MB       {:>8.2} ms", memcpy * 1e3);
    println!("read_into          {:>8.2} ms", read * 1e3);
    println!("ratio              {:>8.2} memcpys", read / memcpy);
    std::fs::remove_dir_all(&folder).unwrap();
}
