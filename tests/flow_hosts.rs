//! The scripts of the hosts against stand-ins that behave as the vendors' documents and the field say, with the program as it ships.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use support::{program, python};

/// Runs a folder of Python tests and demands that all of them pass, and that there were some.
fn passes(folder: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("installers").join(folder).join("tests");
    let out = Command::new(python())
        .args(["-B", "-m", "unittest", "discover", "-p", "test_*.py"])
        .current_dir(&tests)
        .env("PICKUP_PROGRAM", program())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && !said.contains("Ran 0 tests"), "{}{said}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn the_scripts_for_resolve_do_what_their_menu_says() {
    passes("resolve");
}

#[test]
fn the_scripts_for_nuke_and_hiero_do_what_their_menu_says() {
    passes("nuke");
}
