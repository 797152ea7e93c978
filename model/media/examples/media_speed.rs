//! CPU milliseconds per 1080p frame of what `pickup` reads and writes: `cargo run --release -p media --example media_speed`.
//!
//! The time is that of this process (user and system); ffmpeg's own is printed beside it where it works.

use std::time::Duration;

use media::{Conform, Delivery, DeliverySpec, Depth, Tools};
use shot::{ClipRef, Frames, Picture, Rate, Size};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const FRAMES: u32 = 24;

fn main() -> Outcome {
    let tools = Tools::find()?;
    let home = tempfile::tempdir()?;
    let size = Size::new(1920, 1080);
    let file = |name: &str| home.path().join(name);
    // A grainy gradient: neither the best nor the worst case for a compressor.
    let source = "gradients=s=1920x1080:r=25:c0=0x203040:c1=0xC0A080:x0=0:y0=0:x1=1900:y1=1000,noise=alls=6:allf=t";
    for (name, codec) in [
        ("8.mp4", "-c:v libx264 -preset veryfast -pix_fmt yuv420p"),
        ("10.mov", "-c:v prores_ks -profile:v 3 -q:v 2 -pix_fmt yuv422p10le"),
        ("%06d.png", "-start_number 0 -pix_fmt rgb24"),
    ] {
        let mut make = std::process::Command::new(tools.ffmpeg());
        make.args(["-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", &FRAMES.to_string()]).args(codec.split(' '));
        if !make.arg(file(name)).status()?.success() {
            return Err("ffmpeg made no test media".into());
        }
    }
    let mut pictures = Vec::new();
    for name in ["8.mp4", "10.mov", "%06d.png"] {
        let before = cpu()?;
        let clip = tools.open(&ClipRef::whole(file(name)), &Conform::default())?;
        pictures.clear();
        for n in 0..clip.count() {
            pictures.push(clip.frame(n)?);
        }
        row(&format!("read {name}"), before)?;
    }
    for (name, depth) in [("out8", Depth::Eight), ("out16", Depth::Sixteen), ("out.mov", Depth::Sixteen), ("out.mp4", Depth::Eight)] {
        let before = cpu()?;
        let mut delivery = Delivery::create(&tools, &file(name), &DeliverySpec { depth, ..DeliverySpec::new(size, Rate::whole(25)) })?;
        pictures.iter().try_for_each(|p| delivery.picture(p))?;
        delivery.finish()?;
        row(&format!("write {name}"), before)?;
    }
    let before = cpu()?;
    for _ in 0..FRAMES {
        std::hint::black_box(Picture::filled(size, [0.5; 4]));
    }
    row("(fill a picture)", before)
}

fn row(name: &str, before: [Duration; 2]) -> Outcome {
    let after = cpu()?;
    let ms = |i: usize| (after[i] - before[i]).as_secs_f64() * 1e3 / f64::from(FRAMES);
    println!("{name:<18} {:7.1} ms here, {:7.1} ms in ffmpeg", ms(0), ms(1));
    Ok(())
}

/// CPU time of this process and of its ended children, in hundredths of a second as Linux counts it.
fn cpu() -> Result<[Duration; 2], Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    let [user, system, child_user, child_system] = fields[..] else { return Err("/proc/self/stat is not understood".into()) };
    Ok([user + system, child_user + child_system].map(|ticks| Duration::from_millis(10 * ticks)))
}
