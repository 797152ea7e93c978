//! The farm's job templates, executed by `openjd run` as a farm would, with tasks that are killed outright.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Scratch, events, media, of_kind, program, python};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn openjd() -> PathBuf {
    let given = std::env::var_os("PICKUP_TEST_OPENJD").map(PathBuf::from);
    let openjd = given.unwrap_or_else(|| root().join("target/openjd/bin/openjd"));
    assert!(openjd.exists(), "{} is missing: run `make python`", openjd.display());
    openjd
}

#[test]
fn every_take_comes_out_of_machines_that_die() {
    // Of the seeds 0 to 5 one is killed, in the middle of its pictures; the store believes its claim for a minute.
    let out = Command::new(python())
        .arg("-B")
        .arg(root().join("installers/farm/tests/simulate.py"))
        .args(["--takes", "6", "--share", "0.1", "--program"])
        .arg(program())
        .arg("--openjd")
        .arg(openjd())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
    assert!(said.contains("6 takes, 1 killed") && said.contains("0 wrong"), "{said}");
}

#[test]
fn a_cut_is_filled_hole_by_hole_and_the_last_step_makes_nothing_again() {
    let s = Scratch::new();
    let parameters = serde_json::json!({
        "Cut": media("demo.otio"), "Holes": "1", "TakesFolder": s.path("takes"), "Out": s.path("filled.otio"), "Engine": "draft", "Program": program(),
    });
    let ran = Command::new(openjd())
        .arg("run")
        .arg(root().join("installers/farm/fill.yaml"))
        .args(["--step", "Write", "--run-dependencies", "--job-param", &parameters.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let found: Vec<bool> = said
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l.get(l.find('{')?..)?).ok())
        .filter(|v| v["event"] == "take")
        .map(|v| v["found"] == true)
        .collect();
    assert_eq!(found, [false, true], "{said}");
    assert!(s.path("filled.otio").exists());
}

#[test]
fn a_hole_that_is_not_there_is_refused_by_number() {
    let s = Scratch::new();
    let cut = media("demo.otio");
    let said = s.fails(2, ["fill", cut.to_str().unwrap(), "--only", "2"].map(String::from));
    assert!(said.contains("there is no hole 2: this cut has 1"), "{said}");
    let planned = s.ok(["fill", cut.to_str().unwrap(), "--plan", "--json"].map(String::from));
    assert_eq!(of_kind(&events(&planned), "hole").len(), 1);
}
