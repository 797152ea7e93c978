//! pickup-fuzz run [TARGET …] [--minutes N] [--seed N] [--keep]
//! pickup-fuzz replay [TARGET …]
//!
//! `run` tries each target for N minutes (10) and writes to target/fuzz; `--keep` adds what was new to the corpora in the repository.
//! `replay` tries the corpora alone. Exit code 1 when an input crashed, hung or broke a rule.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use fuzz::drive::{self, Work};
use fuzz::targets::NAMES;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match go(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("pickup-fuzz: {why}");
            ExitCode::from(2)
        }
    }
}

fn go(args: &[String]) -> Result<bool, String> {
    let (mode, rest) = args.split_first().ok_or("say run or replay")?;
    match (mode.as_str(), rest) {
        ("child", [target, time, seed, scratch, found]) => {
            let time = Duration::from_millis(time.parse().map_err(|_| "no time")?);
            let seed = seed.parse().map_err(|_| "no number")?;
            let work = Work { target, time, seed, folder: Path::new(scratch) };
            drive::tries(&work, Path::new(found)).map(|()| true).map_err(|e| e.to_string())
        }
        ("run" | "replay", rest) => all(&Wish::read(rest)?, mode == "replay"),
        _ => Err("say run or replay".into()),
    }
}

/// What was asked for.
struct Wish {
    targets: Vec<String>,
    minutes: f64,
    seed: u64,
    keep: bool,
}

impl Wish {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut wish = Self { targets: Vec::new(), minutes: 10.0, seed: 1, keep: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number =
                || args.next().and_then(|n| n.parse::<f64>().ok()).filter(|n| *n >= 0.0).ok_or(format!("{arg} wants a number"));
            match arg.as_str() {
                "--minutes" => wish.minutes = number()?,
                "--seed" => wish.seed = number()? as u64,
                "--keep" => wish.keep = true,
                name if NAMES.contains(&name) => wish.targets.push(name.to_owned()),
                name => return Err(format!("there is no target {name}, only {}", NAMES.join(", "))),
            }
        }
        if wish.targets.is_empty() {
            wish.targets = NAMES.map(str::to_owned).to_vec();
        }
        Ok(wish)
    }
}

fn all(wish: &Wish, replay: bool) -> Result<bool, String> {
    // A replay leaves nothing behind; a run's finds serve the next one.
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let folder = if replay { scratch.path().to_owned() } else { PathBuf::from("target/fuzz") };
    let time = if replay { Duration::ZERO } else { Duration::from_secs_f64(wish.minutes * 60.0) };
    let mut good = true;
    for target in &wish.targets {
        let result = drive::run(&Work { target, time, seed: wish.seed, folder: &folder }).map_err(|e| format!("{target}: {e}"))?;
        println!("{target}: {} inputs, {} behaviours, {} failures", result.tried, result.behaviours, result.failures.len());
        for (input, words) in &result.failures {
            good = false;
            println!("  {}: {words}", input.display());
        }
        if wish.keep && result.failures.is_empty() {
            let added = drive::keep(target, &folder).map_err(|e| format!("{target}: {e}"))?;
            println!("  {added} added to the corpus");
        }
        good &= result.tried > 0;
    }
    Ok(good)
}
