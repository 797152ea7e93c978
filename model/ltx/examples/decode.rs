//! Decodes a latent of a file with the convolutional decoder of a checkpoint and says how long it took and how much memory.
//!
//! ```text
//! decode LATENTS.safetensors CHECKPOINT… [--frames N] [--repeat N] [--budget BYTES]
//! ```
//! `vae.in` is the raw latent, `[1, channels, frames, height, width]`; with `vae.out` beside it the pictures are compared. With
//! `--frames` the latent is repeated in time until it makes so many pictures. Prints JSON: seconds of the median decode (wall, cpu),
//! memory of the process before and the most so far (VmRSS, VmHWM, bytes), what the decoder says that it takes without tiles (estimate),
//! tiles if any, relative error if compared.
#![allow(missing_docs)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use candle_core::{Device, Tensor};
use ltx::checkpoint::matrix::Matrix;
use ltx::checkpoint::{Checkpoint, Mapped};
use ltx::video::Decoder;
use ltx::{Error, Result};

struct Arguments {
    latents: PathBuf,
    checkpoint: Vec<PathBuf>,
    frames: Option<usize>,
    repeat: usize,
    budget: usize,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("decode LATENTS.safetensors CHECKPOINT… [--frames N] [--repeat N] [--budget BYTES]");
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Option<Arguments> {
    let mut paths = Vec::new();
    let (mut frames, mut repeat, mut budget) = (None, 1, usize::MAX);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--frames" => frames = Some(words.next()?.parse().ok()?),
            "--repeat" => repeat = words.next()?.parse().ok()?,
            "--budget" => budget = words.next()?.parse().ok()?,
            _ => paths.push(PathBuf::from(word)),
        }
    }
    let checkpoint = paths.split_off(paths.len().min(1));
    let latents = paths.pop()?;
    (!checkpoint.is_empty() && repeat > 0).then_some(Arguments { latents, checkpoint, frames, repeat, budget })
}

fn run(arguments: &Arguments) -> Result<String> {
    let file = Mapped::open(&arguments.latents)?;
    let wrong = |why: &str| Error::Damaged { path: arguments.latents.clone(), why: why.to_owned() };
    let tensor = |name: &str| -> Result<Option<Tensor>> {
        let Some(entry) = file.entries().get(name) else { return Ok(None) };
        let values = Matrix::new(name, &file, entry, 1.0)?.to_vec();
        let tensor = Tensor::from_vec(values, entry.shape.clone(), &Device::Cpu)?;
        Ok(Some(tensor.squeeze(0)?.permute((1, 2, 3, 0))?.contiguous()?))
    };
    let decoder = Decoder::load(&Checkpoint::open(&arguments.checkpoint)?)?;
    let raw = tensor("vae.in")?.ok_or_else(|| wrong("it has no tensor vae.in"))?;
    let mut latent = decoder.statistics().normalise(&raw)?;
    let mut want = tensor("vae.out")?;
    if let Some(frames) = arguments.frames {
        let latents = decoder.scale().latents(frames).ok_or_else(|| wrong("--frames is not 1 more than a multiple of the time scale"))?;
        let copies = latents.div_ceil(latent.dim(0)?);
        want = want.filter(|_| latents == latent.dim(0).unwrap_or(0));
        latent = Tensor::cat(&vec![latent; copies], 0)?.narrow(0, 0, latents)?.contiguous()?;
    }
    let (frames, height, width, _) = latent.dims4()?;
    let tiling = decoder.tiling([frames, height, width], arguments.budget);
    let resident = status("VmRSS:").map(|kib| kib * 1024);
    let (mut walls, mut cpus, mut sums, mut pictures) = (Vec::new(), Vec::new(), [0.0f64; 2], 0);
    for _ in 0..arguments.repeat {
        let mut at = 0;
        let (start, cpu) = (Instant::now(), cpu());
        let (mut error, mut norm) = (0.0f64, 0.0f64);
        decoder.decode(&latent, &tiling, &|| false, &mut |frames| {
            let count = frames.dim(0)?;
            if let Some(want) = &want {
                let want = want.narrow(0, at, count)?;
                let square = |t: Tensor| t.sqr()?.sum_all()?.to_scalar::<f32>().map(f64::from);
                error += square((&frames - &want)?)?;
                norm += square(want)?;
            }
            at += count;
            Ok(())
        })?;
        walls.push(start.elapsed().as_secs_f64());
        cpus.push(self::cpu() - cpu);
        (sums, pictures) = ([error, norm], at);
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let report = serde_json::json!({
        "wall": median(walls), "cpu": median(cpus), "vmhwm": status("VmHWM:").map(|kib| kib * 1024), "pictures": pictures,
        "tiles": tiling.tiles.map(|t| format!("{t:?}")), "error": want.map(|_| (sums[0] / sums[1]).sqrt()),
        "estimate": decoder.memory(height, width), "resident": resident,
    });
    Ok(report.to_string())
}

/// Processor seconds of all threads so far, where the system tells (100 ticks a second on Linux).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |n: usize| fields.get(n).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

fn status(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}
