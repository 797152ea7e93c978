//! Tests that may end their process. A panic that crosses `extern "C"` aborts, and so does a wild pointer: the sweep over bad hosts
//! runs each combination in a child of the test program, so that its end becomes a failure with a name.

use std::ffi::OsString;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How the child learns what it shall do.
const COMBINATION: &str = "PICKUP_COMBINATION";
/// How the parent sees that the child came to its end rather than never ran.
const SURVIVED: &str = "survived the combination";
const AT_MOST: Duration = Duration::from_secs(60);

/// Whether this process is such a child.
pub fn is_child() -> bool {
    std::env::var_os(COMBINATION).is_some()
}

/// Runs `body` for every combination, each in a process of its own, and panics with the names of those that did not survive.
/// `test` is the test's own full name: the child is this program with only that test to run.
pub fn sweep(test: &str, combinations: &[String], body: impl FnOnce(&str)) {
    sweep_with(test, combinations, |_| Vec::new(), body);
}

/// Variables of the environment: name and value.
pub type Environment = Vec<(&'static str, OsString)>;

/// As [`sweep`], each child with more variables in its environment.
pub fn sweep_with(test: &str, combinations: &[String], environment: impl Fn(&str) -> Environment + Sync, body: impl FnOnce(&str)) {
    if let Ok(combination) = std::env::var(COMBINATION) {
        body(&combination);
        println!("{SURVIVED}");
        return;
    }
    assert!(!combinations.is_empty(), "there is nothing to sweep over");
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(combination) = combinations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = one(test, combination, home.path(), environment(combination)) {
                        failures.lock().push(format!("== {combination}\n{failure}"));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner();
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} combinations failed; to see one alone: {COMBINATION}='…' cargo test … {test}\n{}",
        failures.len(),
        combinations.len(),
        failures.join("\n")
    );
}

/// Runs one combination; what went wrong, in words.
fn one(test: &str, combination: &str, home: &std::path::Path, environment: Environment) -> Option<String> {
    let program = std::env::current_exe().expect("a test program knows its own path");
    let child = Command::new(program)
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(COMBINATION, combination)
        .env("HOME", home)
        .env("XDG_DATA_HOME", home)
        .env("XDG_CACHE_HOME", home)
        .env("RUST_BACKTRACE", "0")
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(e) => return Some(format!("the child could not be started: {e}")),
    };
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let ended = wait(&mut child);
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    let tail = |text: &str| text.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    match ended {
        None => Some(format!("it hung for {} seconds\n{}\n{}", AT_MOST.as_secs(), tail(&out), tail(&err))),
        // The effect's barrier keeps a panic from the host, but a panic is a mistake all the same.
        Some(_) if err.contains("panicked at") => Some(format!("something panicked\n{}\n{}", tail(&out), tail(&err))),
        Some(status) if status.success() && out.contains(SURVIVED) => None,
        Some(status) => Some(format!("it ended with {status}\n{}\n{}", tail(&out), tail(&err))),
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child) -> Option<std::process::ExitStatus> {
    let end = Instant::now() + AT_MOST;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(3)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}
