//! Writes cards and slates of many sizes as PNGs, for looking at: `cargo run --release -p slate --example sheet FOLDER`
#![allow(clippy::unwrap_used)]

use std::path::Path;

use shot::request::Task;
use shot::{FrameIndex, Picture, Rate, Request, Seconds, Size, Stage};
use slate::{Missing, Progress, missing, progress, stamp};

const PROMPT: &str = "Wide establishing shot of a harbour town at dawn, fog over the water, gulls, a single fishing boat leaving; \
    the camera drifts slowly to the right. Cool light, long lens, 1970s colour stock. “Überall Möwen …” 漢";
const REASON: &str =
    "The draft engine cannot make a picture from words alone; connect a still to start from, or install a model with `pickup weights get`.";

fn save(folder: &Path, name: &str, picture: &Picture) {
    let bytes = picture.pixels().iter().flat_map(|p| [p[0], p[1], p[2]].map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)).collect();
    let image = image::RgbImage::from_raw(picture.size().width, picture.size().height, bytes).unwrap();
    image.save(folder.join(format!("{name}.png"))).unwrap();
}

fn main() {
    let folder = std::env::args().nth(1).expect("give a folder to write to");
    let folder = Path::new(&folder);
    let start = std::time::Instant::now();
    let hd = Size::new(1920, 1080);
    let slate =
        Progress { size: hd, pixel_aspect: 1.0, task: "bridge", prompt: PROMPT, stage: None, done: 0.5, left: None, hint: "Press Cancel." };
    // Beside other work a clock says little; `time` tells the processor's share of these.
    let lit = (0..50).map(|i| progress(&Progress { done: f64::from(i) / 50.0, ..slate.clone() }).pixels()[0][0]).sum::<f32>();
    println!("50 progress slates of 1080p: {:.1} ms each ({lit:.1})", start.elapsed().as_secs_f64() * 20.0);
    let sizes = [
        (1920, 1080),
        (1280, 720),
        (3840, 2160),
        (320, 180),
        (640, 360),
        (1080, 1920),
        (720, 576),
        (2048, 858),
        (200, 112),
        (96, 54),
        (64, 36),
        (24, 16),
        (300, 60),
    ];
    for (width, height) in sizes {
        let size = Size::new(width, height);
        let mut request = Request::new(Task::Establish, 120, "24000/1001".parse::<Rate>().unwrap(), size);
        request.prompt = PROMPT.into();
        request.start = FrameIndex(86_640);
        let start = std::time::Instant::now();
        let card = missing(&Missing::of(&request, REASON));
        let took = start.elapsed();
        save(folder, &format!("card-{width}x{height}"), &card);
        let slate = Progress {
            size,
            pixel_aspect: 1.0,
            task: "bridge",
            prompt: PROMPT,
            stage: Some(Stage::Picture),
            done: 0.427,
            left: Some(Seconds(95.0)),
            hint: "Press Cancel in the effect's controls to stop.",
        };
        let start = std::time::Instant::now();
        let drawn = progress(&slate);
        println!("{size}: card {:.1} ms, progress {:.1} ms", took.as_secs_f64() * 1e3, start.elapsed().as_secs_f64() * 1e3);
        save(folder, &format!("progress-{width}x{height}"), &drawn);
        let ramp = (0..size.pixels())
            .map(|i| {
                let x = (i % width as usize) as f32 / width as f32;
                [x, 0.5, 1.0 - x, 1.0]
            })
            .collect();
        let mut picture = Picture::new(size, ramp).unwrap();
        stamp(&mut picture, 1.0, "Pickup: dissolve in place of the take · making pictures 42 %, about 2 min left");
        save(folder, &format!("stamp-{width}x{height}"), &picture);
    }
}
