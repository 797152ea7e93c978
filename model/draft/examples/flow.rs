//! Motion from one PNG file to another, for measuring it: `flow A.png B.png OUT [TIMES]` writes width × height pairs of 32-bit
//! little-endian floats, how far every pixel of A moves to the right and down, and prints one line of JSON: processor
//! milliseconds of one search with everything it needs (luma, pyramids, motion), the least of TIMES (1). Time comes from /proc:
//! where there is none it is 0.

use std::path::Path;
use std::sync::Arc;

use draft::flow::{Pyramid, Settings, flow};
use draft::luma::{luma, reduction};
use draft::plane::Grid;
use shot::{Code, ColourSpace, Fault, Picture, Size};

fn bad(path: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::Input, format!("{}: {why}", path.display()), "flow A.png B.png OUT [TIMES]")
}

/// Nanoseconds of processor time that this process has used.
fn cpu_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |p: std::path::PathBuf| std::fs::read_to_string(p.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok();
    threads.filter_map(|t| of(t.path())).sum()
}

fn read(path: &Path) -> Result<Arc<Picture>, Fault> {
    let image = image::open(path).map_err(|e| bad(path, e))?.to_rgba32f();
    let size = Size::new(image.width(), image.height());
    Ok(Arc::new(Picture::new(size, image.pixels().map(|p| p.0).collect())?))
}

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, out, times @ ..] = args.as_slice() else {
        return Err(Fault::new(Code::Argument, "at least three arguments are needed", "flow A.png B.png OUT [TIMES]"));
    };
    let times: u32 = times.first().and_then(|t| t.parse().ok()).unwrap_or(1).max(1);
    let (first, second) = (read(Path::new(a))?, read(Path::new(b))?);
    if first.size() != second.size() {
        return Err(bad(Path::new(b), format!("it is {}, the other {}", second.size(), first.size())));
    }
    let mut least = u64::MAX;
    let mut found = None;
    for _ in 0..times {
        let start = cpu_ns();
        let pyramid = |p: &Picture| Pyramid::new(luma(p, ColourSpace::Rec709));
        found = Some(flow(&pyramid(&first), &pyramid(&second), None, &Settings::FINAL));
        least = least.min(cpu_ns() - start);
    }
    let Some(field) = found else { return Err(Fault::internal("no search was made")) };
    let (width, height) = (first.width(), first.height());
    let step = reduction(width, height);
    // The search's grid may reach a little over the right and lower edge.
    let wide = field.resized(Grid { width: field.grid.width * step, height: field.grid.height * step });
    let bytes: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let i = y * wide.grid.width + x;
            [wide.u[i], wide.v[i]]
        })
        .flat_map(f32::to_le_bytes)
        .collect();
    std::fs::write(out, bytes).map_err(|e| bad(Path::new(out), e))?;
    println!("{{\"cpu_ms\": {:.2}}}", least as f64 / 1e6);
    Ok(())
}
