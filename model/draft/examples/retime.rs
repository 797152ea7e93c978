//! Retimes a sequence of PNG files with the draft engine, for measuring it without the rest of Pickup:
//! `retime 'in/%06d.png' FACTOR OUT` writes OUT/000000.png … and prints one line of JSON: CPU and wall milliseconds per made
//! frame, files left out, and the most memory that was held, in frames of the working format. CPU time is that of all threads
//! together. Time and memory come from /proc: where there is none they are 0.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use draft::Draft;
use shot::{Code, Context, Engine, Fault, Figure, Frames, Picture, Rate, Request, Sink, Size, Sound, SoundMode, Stage, Task};

struct Files {
    paths: Vec<PathBuf>,
    size: Size,
    reading: AtomicU64,
    waiting: AtomicU64,
}

fn bad(path: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::new(Code::Input, format!("{}: {why}", path.display()), "give a PNG sequence such as in/%06d.png")
}

/// Nanoseconds of processor time that this process has used.
fn cpu_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |p: PathBuf| std::fs::read_to_string(p.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok();
    threads.filter_map(|t| of(t.path())).sum()
}

/// The most memory that this process has held.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    peak.unwrap_or(0) * 1024
}

impl Frames for Files {
    fn count(&self) -> usize {
        self.paths.len()
    }

    fn size(&self) -> Size {
        self.size
    }

    fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
        let (start, clock) = (cpu_ns(), Instant::now());
        let path = self.paths.get(index).ok_or_else(|| Fault::internal("no such frame"))?;
        let image = image::open(path).map_err(|e| bad(path, e))?.to_rgba32f();
        let size = Size::new(image.width(), image.height());
        let picture = Picture::new(size, image.pixels().map(|p| p.0).collect())?;
        self.reading.fetch_add(cpu_ns() - start, Ordering::Relaxed);
        self.waiting.fetch_add(clock.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(Arc::new(picture))
    }
}

struct Folder {
    path: PathBuf,
    made: u32,
    writing: u64,
    waiting: u64,
}

impl Sink for Folder {
    fn picture(&mut self, picture: Picture) -> Result<(), Fault> {
        let (start, clock) = (cpu_ns(), Instant::now());
        let path = self.path.join(format!("{:06}.png", self.made));
        let bytes: Vec<u8> = picture.pixels().iter().flat_map(|p| [p[0], p[1], p[2]]).map(|v| (v * 255.0).round() as u8).collect();
        image::save_buffer(&path, &bytes, picture.size().width, picture.size().height, image::ColorType::Rgb8)
            .map_err(|e| bad(&path, e))?;
        self.made += 1;
        self.writing += cpu_ns() - start;
        self.waiting += clock.elapsed().as_nanos() as u64;
        Ok(())
    }

    fn sound(&mut self, _: Sound) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, _: Stage, _: u64, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn card(&mut self) {}

    fn figure(&mut self, figure: Figure) {
        eprintln!("{}: {} {}", figure.name, figure.value, figure.unit);
    }

    fn note(&mut self, note: String) {
        eprintln!("{note}");
    }
}

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [pattern, factor, out] = args.as_slice() else {
        return Err(Fault::new(Code::Argument, "three arguments are needed", "retime 'in/%06d.png' FACTOR OUT"));
    };
    let num: u32 = factor.parse().map_err(|_| Fault::new(Code::Argument, format!("{factor} is no factor"), "give 2, 4 or 8"))?;
    let folder = Path::new(pattern).parent().unwrap_or(Path::new("."));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| bad(folder, e))?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "png"))
        .collect();
    paths.sort();
    let first = paths.first().ok_or_else(|| bad(folder, "no PNG file"))?;
    let (width, height) = image::image_dimensions(first).map_err(|e| bad(first, e))?;
    let size = Size::new(width, height);
    let frames = (paths.len() as u32 - 1) * num + 1;
    let mut request = Request::new(Task::Retime { num, den: 1 }, frames, Rate::whole(24), size);
    request.sound = SoundMode::None;
    std::fs::create_dir_all(out).map_err(|e| bad(Path::new(out), e))?;
    let files = Files { paths, size, reading: AtomicU64::new(0), waiting: AtomicU64::new(0) };
    let mut sink = Folder { path: out.into(), made: 0, writing: 0, waiting: 0 };
    let (start, clock) = (cpu_ns(), Instant::now());
    Draft.generate(&request, &Context { clip: Some(&files), ..Context::default() }, &mut sink)?;
    let spent = cpu_ns() - start - sink.writing - files.reading.load(Ordering::Relaxed);
    let waited = clock.elapsed().as_nanos() as u64 - sink.waiting - files.waiting.load(Ordering::Relaxed);
    let made = (u64::from(frames) - files.paths.len() as u64).max(1) as f64;
    let each = |ns: u64| ns as f64 / 1e6 / made;
    let held = peak_bytes() as f64 / (16 * size.pixels()) as f64;
    println!("{{\"cpu_ms\": {:.2}, \"wall_ms\": {:.2}, \"frames_held\": {held:.1}}}", each(spent), each(waited));
    Ok(())
}
