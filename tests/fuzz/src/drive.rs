//! The parent that starts children and keeps what ends them, and the child that tries inputs.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::corpus;
use crate::mutate::{LONGEST, Random, mutate};
use crate::targets::{self, Target};

/// An input that takes longer hangs.
const HANGS: Duration = Duration::from_secs(20);
/// Address space of a child in KiB: an input that asks for more is a failure.
const MEMORY: u64 = 8 << 20;
/// Exit codes of a child that found something.
const HUNG: i32 = 70;
const PANICKED: i32 = 71;
/// Failures after which a target is given up: the first ones must be mended anyway.
const MOST_FAILURES: usize = 5;
/// Inputs of a target that are kept, and how long each may be.
const KEPT: (usize, usize) = (40, 4096);

/// What a run of one target came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Inputs tried.
    pub tried: u64,
    /// Ways of behaving seen.
    pub behaviours: usize,
    /// Inputs that ended a child, as files, and what the child said.
    pub failures: Vec<(PathBuf, String)>,
}

/// What a child works on.
pub struct Work<'a> {
    /// Target by name.
    pub target: &'a str,
    /// How long; zero replays the corpus alone.
    pub time: Duration,
    /// The number that everything follows from.
    pub seed: u64,
    /// A folder for scratch files, new inputs and failures.
    pub folder: &'a Path,
}

/// Runs a target in children until the time is up, a new child after each failure.
pub fn run(work: &Work<'_>) -> io::Result<Outcome> {
    let mut result = Outcome::default();
    let began = Instant::now();
    let found = work.folder.join("found").join(work.target);
    loop {
        let left = work.time.saturating_sub(began.elapsed());
        let seed = work.seed.wrapping_add(result.failures.len() as u64);
        let scratch = scratch()?;
        let ended = child(&Work { time: left, seed, ..*work }, scratch.path(), &found)?;
        let words = fs::read_to_string(scratch.path().join("stderr")).unwrap_or_default();
        let tried = fs::read_to_string(scratch.path().join("tried")).unwrap_or_default();
        result.tried += tried.trim().parse::<u64>().unwrap_or(0);
        if !ended.success() {
            let name = format!("{}-{}", work.target, result.failures.len());
            let kept = work.folder.join("failures").join(name);
            fs::create_dir_all(kept.parent().unwrap_or(work.folder))?;
            fs::copy(scratch.path().join("input"), &kept)?;
            let last: Vec<&str> = words.lines().rev().take(8).collect();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
            result.failures.push((kept, format!("{}\n{last}", in_words(ended))));
        }
        let is_over = ended.success() || work.time.is_zero() || began.elapsed() >= work.time;
        if is_over || result.failures.len() >= MOST_FAILURES {
            break;
        }
    }
    result.behaviours = corpus::load(&found)?.len();
    Ok(result)
}

/// A folder for a child's files, in memory where there is such a place: every input is written there, and a disk would be waited for.
fn scratch() -> io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()) } else { tempfile::tempdir() }
}

fn in_words(status: ExitStatus) -> String {
    match status.code() {
        Some(HUNG) => format!("an input took longer than {} s", HANGS.as_secs()),
        Some(PANICKED) => "something panicked behind a barrier".into(),
        _ => status.to_string(),
    }
}

/// One child, to its end.
fn child(work: &Work<'_>, scratch: &Path, found: &Path) -> io::Result<ExitStatus> {
    let program = std::env::current_exe()?;
    let stderr = fs::File::create(scratch.join("stderr"))?;
    let limited = format!("ulimit -v {MEMORY}; ulimit -c 0; exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(limited).arg(program).args(["child", work.target]);
    command.arg(work.time.as_millis().to_string()).arg(work.seed.to_string()).arg(scratch).arg(found);
    // The effect logs every odd answer of a host: millions of lines, written nowhere.
    command.env("PICKUP_LOG", "/dev/null").env("HOME", scratch).env("XDG_CACHE_HOME", scratch).env("XDG_DATA_HOME", scratch);
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    // Not in memory: such places may forbid to run what lies there.
    let bundle = tempfile::tempdir()?;
    if let Some(bundle) = targets::bundle(work.target, bundle.path()) {
        command.env("PICKUP_BUNDLE", bundle?);
    }
    wait(command.spawn()?, work.time)
}

/// The child watches itself; a child that cannot even do that is ended here.
fn wait(mut child: Child, time: Duration) -> io::Result<ExitStatus> {
    let end = Instant::now() + time + Duration::from_secs(300);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > end {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The child's side: the corpora first, then mutations until the time is up.
pub fn tries(work: &Work<'_>, found: &Path) -> io::Result<()> {
    let scratch = work.folder;
    let mut target = targets::open(work.target, scratch).ok_or_else(|| io::Error::other(format!("there is no target {}", work.target)))?;
    let mut bench = Bench { scratch, watch: watch(), heard: 0, tried: 0, behaviours: BTreeSet::new() };
    let mut inputs = target.seeds();
    inputs.extend(corpus::load(&corpus::kept().join(work.target))?);
    inputs.extend(corpus::load(found)?);
    for input in &inputs {
        let behaviour = bench.run(&mut *target, input)?;
        if bench.behaviours.insert(corpus::name(&behaviour)) {
            corpus::save(found, &behaviour, input)?;
        }
    }
    let end = Instant::now() + work.time;
    let mut random = Random::new(work.seed);
    while !work.time.is_zero() && Instant::now() < end {
        let (one, other) = (random.below(inputs.len()), random.below(inputs.len()));
        let input = mutate(&mut random, &inputs[one], &inputs[other], target.words());
        let behaviour = bench.run(&mut *target, &input)?;
        if bench.behaviours.insert(corpus::name(&behaviour)) {
            let small = bench.smaller(&mut *target, &input, &behaviour)?;
            corpus::save(found, &behaviour, &small)?;
            inputs.push(small);
        }
    }
    fs::write(scratch.join("tried"), bench.tried.to_string())
}

/// What a child keeps between inputs.
struct Bench<'a> {
    scratch: &'a Path,
    /// When the input in work was begun, in milliseconds; 0 between inputs.
    watch: Arc<AtomicU64>,
    /// Bytes of stderr that were looked at.
    heard: u64,
    tried: u64,
    behaviours: BTreeSet<String>,
}

impl Bench<'_> {
    fn run(&mut self, target: &mut dyn Target, input: &[u8]) -> io::Result<String> {
        fs::write(self.scratch.join("input"), input)?;
        self.watch.store(now(), Ordering::Relaxed);
        let behaviour = target.run(input);
        self.watch.store(0, Ordering::Relaxed);
        self.tried += 1;
        if self.tried.is_multiple_of(64) {
            fs::write(self.scratch.join("tried"), self.tried.to_string())?;
        }
        self.listen()?;
        Ok(behaviour)
    }

    /// A barrier keeps a panic from the host; its words on stderr give it away.
    fn listen(&mut self) -> io::Result<()> {
        let path = self.scratch.join("stderr");
        if fs::metadata(&path).map_or(0, |m| m.len()) == self.heard {
            return Ok(());
        }
        let words = fs::read(&path)?;
        self.heard = words.len() as u64;
        if String::from_utf8_lossy(&words).contains("panicked at") {
            std::process::exit(PANICKED);
        }
        Ok(())
    }

    /// A shorter input that behaves the same, found by leaving pieces out.
    fn smaller(&mut self, target: &mut dyn Target, input: &[u8], behaviour: &str) -> io::Result<Vec<u8>> {
        let mut best = input.to_vec();
        let mut piece = best.len() / 2;
        let mut runs = 0;
        while piece > 0 && runs < target.patience() {
            let mut at = 0;
            while at < best.len() && runs < target.patience() {
                let shorter = [&best[..at], best.get(at + piece..).unwrap_or_default()].concat();
                runs += 1;
                if corpus::name(&self.run(target, &shorter)?) == corpus::name(behaviour) {
                    best = shorter;
                } else {
                    at += piece;
                }
            }
            piece /= 2;
        }
        best.truncate(LONGEST);
        Ok(best)
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_millis() as u64)
}

/// A thread that ends the process when an input hangs.
fn watch() -> Arc<AtomicU64> {
    let began = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&began);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(250));
            let began = seen.load(Ordering::Relaxed);
            if began != 0 && now().saturating_sub(began) > HANGS.as_millis() as u64 {
                eprintln!("an input hangs");
                std::process::exit(HUNG);
            }
        }
    });
    began
}

/// Copies the shortest new inputs of a target into the repository's corpus, as many as there is room for.
pub fn keep(target: &str, folder: &Path) -> io::Result<usize> {
    let kept = corpus::kept().join(target);
    let mut names: BTreeSet<_> = fs::read_dir(&kept).map(|d| d.flatten().map(|e| e.file_name()).collect()).unwrap_or_default();
    let mut fresh: Vec<_> = fs::read_dir(folder.join("found").join(target))?.collect::<io::Result<_>>()?;
    fresh.sort_by_key(|e| (e.metadata().map_or(u64::MAX, |m| m.len()), e.file_name()));
    let mut added = 0;
    for entry in fresh {
        let short = entry.metadata()?.len() <= KEPT.1 as u64;
        if short && names.len() < KEPT.0 && names.insert(entry.file_name()) {
            fs::create_dir_all(&kept)?;
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
            added += 1;
        }
    }
    Ok(added)
}
