//! Who may depend on whom: DESIGN.md §3 as a test. It also holds where `unsafe` may stand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Each crate of ours and the crates of ours that it may see, tests and build scripts aside.
const EDGES: &[(&str, &[&str])] = &[
    ("shot", &[]),
    ("host-sys", &[]),
    ("slate", &["shot"]),
    ("takes", &["shot"]),
    ("worker", &["shot"]),
    ("media", &["shot", "takes"]),
    ("colour", &["shot"]),
    ("sound", &["shot"]),
    ("timeline", &["shot"]),
    ("weights", &["shot"]),
    ("draft", &["shot", "colour", "sound", "slate"]),
    ("ltx", &["shot", "colour", "sound"]),
    ("pickup-ofx", &["shot", "takes", "slate", "worker", "host-sys"]),
    ("test-host", &["host-sys"]),
    ("fuzz", &["shot", "takes", "worker", "test-host"]),
    ("pickup", &["shot", "slate", "takes", "worker", "media", "colour", "sound", "draft", "ltx", "timeline", "weights"]),
];

/// Crates that only the root may name.
const ENGINES: &[&str] = &["draft", "ltx"];

fn metadata() -> serde_json::Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Ordinary dependencies on crates of ours, by crate.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let meta = metadata();
    let packages = meta["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|p| {
            let ours = p["dependencies"].as_array().unwrap().iter().filter(|d| d["path"].is_string() && d["kind"].is_null());
            (p["name"].as_str().unwrap().to_owned(), ours.map(|d| d["name"].as_str().unwrap().to_owned()).collect())
        })
        .collect()
}

#[test]
fn every_crate_sees_only_what_the_design_lets_it_see() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = EDGES.iter().map(|(n, e)| (*n, e.iter().copied().collect())).collect();
    let found = edges();
    for (name, sees) in &found {
        let may = allowed.get(name.as_str()).unwrap_or_else(|| panic!("the crate {name} has no line in EDGES"));
        for seen in sees {
            assert!(may.contains(seen.as_str()), "{name} depends on {seen}, which DESIGN.md §3 does not allow");
            assert!(!ENGINES.contains(&seen.as_str()) || name == "pickup", "{name} names the engine {seen}: only the root may");
        }
    }
    for (name, _) in EDGES {
        assert!(found.contains_key(*name), "EDGES names {name}, which is gone");
    }
}

/// `unsafe` stands only in host-sys, the weight loading and kernels of ltx, and tests/host: everywhere else the lint table forbids
/// it, and no crate may leave the table.
#[test]
fn unsafe_code_is_forbidden_outside_its_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let free = ["host-sys", "test-host", "ltx"];
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let follows = manifest.contains("[lints]\nworkspace = true");
        assert!(follows || free.contains(&name), "{name} does not follow the workspace's lint table");
    }
    let table = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(table.contains("unsafe_code = \"forbid\""), "the lint table no longer forbids unsafe code");
}

/// `catch_unwind` is the barrier that keeps a panic out of the host: aborting on panic would break it.
#[test]
fn no_profile_aborts_on_panic() {
    let table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!table.replace(' ', "").contains("panic=\"abort\""));
}
