//! Times steps of the transformer. `tests/bench/ltx_step.py` runs it beside the reference.
//!
//! ```text
//! step CHECKPOINT INPUTS.safetensors --grid FRAMESxHEIGHTxWIDTH [--sigma 0.725] [--rate 24] [--memory BYTES]
//! ```
//! INPUTS holds `video`, `audio`, `video_context` and `audio_context`, each `[n, channels]`, and may hold `video_out` and
//! `audio_out` to compare with. For every line on the standard input one step is taken, and one line of JSON printed: wall and CPU
//! seconds in all, wall seconds by stage, highest memory in bytes, relative errors.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor};
use ltx::checkpoint::{Checkpoint, Mapped, Matrix, Place};
use ltx::transformer::{Pass, Perturbation, Positions, Residence, Stream, Timesteps, Transformer};

fn main() {
    let mut free = Vec::new();
    let mut options = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some(name) => {
                let Some(value) = arguments.next() else { panic!("--{name} wants a value") };
                options.insert(name.to_owned(), value);
            }
            None => free.push(PathBuf::from(argument)),
        }
    }
    let [checkpoint, inputs] = &free[..] else { panic!("step CHECKPOINT INPUTS --grid FxHxW") };
    let number = |name: &str, default: f32| options.get(name).map_or(default, |v| v.parse().unwrap());
    let grid: Vec<usize> = options["grid"].split('x').map(|n| n.parse().unwrap()).collect();
    let residence = options.get("memory").map_or(Residence::Mapped, |b| Residence::Budget(b.parse().unwrap()));

    let began = Instant::now();
    let transformer =
        Transformer::load(&Checkpoint::open(std::slice::from_ref(checkpoint)).unwrap(), &Place::default(), residence).unwrap();
    let inputs = Mapped::open(inputs).unwrap();
    let tensor = |name: &str| {
        let entry = inputs.entries().get(name)?;
        Some(Tensor::from_vec(Matrix::new(name, &inputs, entry, 1.0).unwrap().to_vec(), entry.shape.clone(), &Device::Cpu).unwrap())
    };
    let stream = |name: &str, positions: Positions| {
        let (tokens, sigma) = (tensor(name).unwrap(), number("sigma", 0.725));
        Stream {
            timesteps: Timesteps::uniform(sigma, tokens.dim(0).unwrap()),
            context: tensor(&format!("{name}_context")).unwrap(),
            tokens,
            sigma,
            positions: Arc::new(positions),
            keyframes: None,
            mask: None,
        }
    };
    let sounds = tensor("audio").unwrap().dim(0).unwrap();
    let pass = Pass {
        video: stream("video", video(&grid, number("rate", 24.0))),
        audio: stream("audio", audio(sounds)),
        perturbation: Perturbation::default(),
    };
    let loaded = began.elapsed().as_secs_f64();

    for line in std::io::stdin().lock().lines() {
        line.unwrap();
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let mut blocks = Vec::new();
        let velocity = transformer
            .forward_watched(std::slice::from_ref(&pass), &mut |_| {
                blocks.push(began.elapsed().as_secs_f64());
                Ok(())
            })
            .unwrap()
            .remove(0);
        let wall = began.elapsed().as_secs_f64();
        let (first, last) = (blocks.first().copied().unwrap_or(0.0), blocks.last().copied().unwrap_or(0.0));
        let error = |name: &str, got: &Tensor| Some(relative(got, &tensor(name)?));
        println!(
            "{}",
            serde_json::json!({
                "wall": wall, "cpu": cpu_seconds() - cpu, "load": loaded,
                "stages": { "levels, ropes and the first block": first, "the other blocks": last - first, "end": wall - last },
                "highest_memory": highest_memory(),
                "video_error": error("video_out", &velocity.video), "audio_error": error("audio_out", &velocity.audio),
            })
        );
    }
}

/// Latent frame k covers the pixel frames max(8k − 7, 0) to 8k + 1, a token 32 × 32 pixels.
fn video(grid: &[usize], rate: f32) -> Positions {
    let mut axes = vec![Vec::new(), Vec::new(), Vec::new()];
    for k in 0..grid[0] {
        for (y, x) in (0..grid[1]).flat_map(|y| (0..grid[2]).map(move |x| (y, x))) {
            axes[0].push(((8 * k).saturating_sub(7) as f32 / rate, (8 * k + 1) as f32 / rate));
            axes[1].push((32.0 * y as f32, 32.0 * (y + 1) as f32));
            axes[2].push((32.0 * x as f32, 32.0 * (x + 1) as f32));
        }
    }
    Positions(axes)
}

/// A latent covers the mel frames max(4i − 3, 0) to 4i + 1, a hundred of which are a second.
fn audio(count: usize) -> Positions {
    Positions(vec![(0..count).map(|i| ((4 * i).saturating_sub(3) as f32 / 100.0, (4 * i + 1) as f32 / 100.0)).collect()])
}

/// Of all threads, user and system, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in brackets may hold blanks; after it the 12th and 13th fields are the times.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

fn highest_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn relative(got: &Tensor, want: &Tensor) -> f64 {
    let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (got, want) = (values(got), values(want));
    let square = |v: f64| v * v;
    let error: f64 = got.iter().zip(&want).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    (error / want.iter().map(|b| square(f64::from(*b))).sum::<f64>()).sqrt()
}
