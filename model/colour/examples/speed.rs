//! How long a match and a conversion take: `speed`, one JSON line each with the milliseconds of CPU time that a 1080p frame costs. It
//! is what the bench's figures of speed are measured with.

use std::time::Instant;

use colour::Match;
use shot::{ColourSpace, Picture, Size};

const SIZE: Size = Size::new(1920, 1080);
/// The fastest of this many runs: other work on the machine only ever adds.
const RUNS: usize = 9;

/// Shapes and texture in many colours.
fn scene() -> Picture {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let mut random = 1u32;
    let mut cells = [[0.0f32; 3]; 1024];
    for value in cells.iter_mut().flatten() {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = 0.1 + 0.7 * (random >> 8) as f32 / (1u32 << 24) as f32;
    }
    let pixels = (0..width * height)
        .map(|i| {
            let (x, y) = (i % width, i / width);
            let [a, b, c] = cells[(x / 60 + 32 * (y / 60)) % 1024];
            let grain = cells[(x / 9 * 7 + y / 9 * 131) % 1024][0] * 0.15;
            [a + grain, b + grain, c + grain, 1.0]
        })
        .collect();
    Picture::new(SIZE, pixels).unwrap_or_else(|_| Picture::filled(SIZE, [0.5; 4]))
}

/// Warmer: a gain on light.
fn warm(picture: &Picture) -> Picture {
    let mut out = picture.clone();
    colour::decode(out.pixels_mut(), ColourSpace::Srgb);
    out.pixels_mut().iter_mut().for_each(|p| *p = [1.25 * p[0], p[1], 0.75 * p[2], p[3]]);
    colour::encode(out.pixels_mut(), ColourSpace::Srgb);
    out
}

/// Paler: an affine map of code values.
fn pale(picture: &Picture) -> Picture {
    let mut out = picture.clone();
    for p in out.pixels_mut() {
        let mean = (p[0] + p[1] + p[2]) / 3.0;
        let [r, g, b] = [p[0], p[1], p[2]].map(|v| 0.08 + 0.8 * (0.7 * v + 0.3 * mean));
        *p = [r, g, b, p[3]];
    }
    out
}

/// CPU time of this thread in milliseconds, where the system tells it (Linux); elsewhere the clock has to do.
fn busy() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(told.split(' ').next()?.parse::<f64>().ok()? * 1e-6)
}

fn tell(name: &str, picture: &Picture, mut work: impl FnMut(&mut Picture)) {
    let fastest = (0..RUNS)
        .map(|_| {
            let mut copy = picture.clone();
            let (start, busy) = (Instant::now(), busy());
            work(&mut copy);
            match (busy, self::busy()) {
                (Some(from), Some(to)) => to - from,
                _ => start.elapsed().as_secs_f64() * 1e3,
            }
        })
        .fold(f64::INFINITY, f64::min);
    println!("{{\"name\":\"{name}\",\"ms\":{fastest:.3}}}");
}

fn main() {
    // One thread, which does all the work, so that its time is all of it.
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return };
    pool.install(|| {
        let picture = scene();
        let space = ColourSpace::Srgb;
        let other = pale(&picture);
        for (name, other) in [("match of white balance", &warm(&picture)), ("match of contrast and saturation", &other)] {
            let look = Match::estimate(&[&picture], &[other], space);
            if look.is_identity() {
                eprintln!("no change was found to measure with");
                std::process::exit(1);
            }
            tell(name, &picture, |p| look.apply(p));
        }
        tell("linear to LogC4", &picture, |p| colour::convert(p.pixels_mut(), ColourSpace::LinearRec709, ColourSpace::LogC4));
        tell("sRGB to PQ", &picture, |p| colour::convert(p.pixels_mut(), space, ColourSpace::Pq));
        tell("estimate", &picture, |p| {
            std::hint::black_box(Match::estimate(&[p], &[&other], space));
        });
    });
}
