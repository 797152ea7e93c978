//! The worker process, programs as engines, and doctor.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Scratch, frames, media};

fn example() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/engine.py").to_str().unwrap().to_owned()
}

#[test]
fn a_program_that_speaks_the_protocol_is_an_engine() {
    let s = Scratch::new();
    s.ok([
        "establish",
        "--prompt",
        "a field",
        "--size",
        "64x36",
        "--rate",
        "24",
        "--frames",
        "6",
        "--handles",
        "2",
        "--engine",
        &example(),
        "-o",
        "made",
    ]);
    assert_eq!(frames(&s.path("made"), "png").len(), 10);
    let list = String::from_utf8_lossy(&s.ok(["takes", "list", "--json"]).stdout).into_owned();
    let take: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    let manifest = std::fs::read_to_string(Path::new(take["folder"].as_str().unwrap()).join("take.json")).unwrap();
    assert!(manifest.contains("\"engine\": \"example\""), "{manifest}");
}

#[test]
fn doctor_finds_a_conforming_engine_fit_and_a_silent_one_not() {
    let s = Scratch::new();
    s.ok(["doctor", "--engine", &example()]);
    let deaf = s.path("deaf.sh");
    std::fs::write(&deaf, "#!/bin/sh\nexec cat >/dev/null\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&deaf, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let out = s.run(["doctor", "--engine", deaf.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("MISSING"));
}

#[test]
fn doctor_names_what_works_here() {
    let s = Scratch::new();
    let out = String::from_utf8_lossy(&s.ok(["doctor", "--json"]).stdout).into_owned();
    let checks: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let named = |n: &str| checks.iter().any(|c| c["check"] == n && c["ok"] == true);
    assert!(named("ffmpeg and ffprobe") && named("takes folder") && named("engine draft"), "{out}");
    let bare = s.command(["doctor"]).env("PATH", s.path("empty")).env("PICKUP_FFMPEG", "").env("PICKUP_FFPROBE", "").output().unwrap();
    assert_eq!(bare.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&bare.stdout).contains("apt"));
}

fn job(s: &Scratch, id: &str, frames: u32) -> Value {
    let clip = media("clips/udacity_lane.mp4");
    json!({"type": "job", "id": id, "store": s.path("takes"), "out": s.path("out"), "request": {
        "version": 1, "task": {"kind": "bridge"}, "frames": frames, "rate": "25", "size": {"width": 960, "height": 540},
        "context": {"tail": {"picture": {"path": clip, "span": [40, 50]}}, "head": {"picture": {"path": clip, "span": [62, 72]}}}}})
}

#[test]
fn the_worker_publishes_a_take_and_ends_when_its_input_closes() {
    let s = Scratch::new();
    let mut child = s.command(["worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}\nthis is not json\n{}", json!({"type": "hello", "protocol": 1}), job(&s, "a", 2)).unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let kind = event["type"].as_str().unwrap().to_owned();
        assert_ne!((kind.as_str(), event["job"].as_str()), ("error", Some("a")), "{event}");
        seen.push(kind.clone());
        if kind == "take" {
            assert!(Path::new(event["folder"].as_str().unwrap()).join("take.json").exists());
            break;
        }
    }
    assert!(seen.contains(&"hello".to_owned()) && seen.contains(&"progress".to_owned()), "{seen:?}");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_worker_killed_at_work_publishes_nothing_and_the_work_can_be_done_again() {
    let s = Scratch::new();
    let mut child = s.command(["worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}\n{}", json!({"type": "hello", "protocol": 1}), job(&s, "a", 60)).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let at_work = lines.by_ref().map(|l| l.unwrap()).any(|l| l.contains("\"picture\"") && l.contains("progress"));
    assert!(at_work);
    child.kill().unwrap();
    child.wait().unwrap();
    let published = std::fs::read_dir(s.path("takes/takes")).map(Iterator::count).unwrap_or(0);
    assert_eq!(published, 0);
    let clip = |span: &str| format!("{}@{span}", media("clips/udacity_lane.mp4").display());
    s.ok(["bridge", "--tail", &clip("40-50"), "--head", &clip("62-72"), "--frames", "2", "--quiet", "-o", "again"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_with_130_and_leaves_nothing_behind() {
    let s = Scratch::new();
    let clip = |span: &str| format!("{}@{span}", media("clips/udacity_lane.mp4").display());
    let child = s
        .command(["bridge", "--tail", &clip("40-50"), "--head", &clip("62-72"), "--frames", "400", "--json", "-o", "made.mov"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "after {:?}", began.elapsed());
    assert!(!s.path("made.mov").exists());
    let left: Vec<_> = std::fs::read_dir(s.path("takes/takes")).map(|d| d.flatten().map(|e| e.file_name()).collect()).unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}
