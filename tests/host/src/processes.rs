//! Which processes this one has started, read from /proc.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub id: u32,
    /// Its parent's number.
    pub parent: u32,
    /// Its name, at most 15 characters.
    pub name: String,
}

/// All processes that are not zombies.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name stands in brackets and may hold anything.
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let mut fields = tail.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        (state != "Z").then_some(Process { id, parent, name })
    })
    .collect()
}

/// Processes of a name that this process started, and those that they started.
pub fn started(name: &str) -> Vec<Process> {
    let all = all();
    let mut family = vec![std::process::id()];
    let mut i = 0;
    while i < family.len() {
        let parent = family[i];
        family.extend(all.iter().filter(|p| p.parent == parent).map(|p| p.id));
        i += 1;
    }
    all.into_iter().filter(|p| p.id != std::process::id() && family.contains(&p.id) && p.name == name).collect()
}

/// Processes that this one started from a program: of several tests in one process, each finds its own bundle's worker.
pub fn running(program: &Path) -> Vec<Process> {
    let name: String = program.file_name().unwrap_or_default().to_string_lossy().chars().take(15).collect();
    let is_it = |p: &Process| fs::read_link(format!("/proc/{}/exe", p.id)).is_ok_and(|exe| exe == program);
    started(&name).into_iter().filter(is_it).collect()
}

/// Whether a process lives.
pub fn lives(id: u32) -> bool {
    all().iter().any(|p| p.id == id)
}

/// Kills a process that this one has started.
pub fn kill(process: &Process) {
    let _ = std::process::Command::new("kill").args(["-KILL", &process.id.to_string()]).status();
}

/// Waits until something is so; false when it is not so in time.
pub fn wait_until(seconds: u64, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
