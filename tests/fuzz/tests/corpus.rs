//! Every input that the repository keeps is tried again: what was mended stays mended.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use fuzz::targets::NAMES;
use fuzz::{bytes, corpus};

#[test]
fn the_corpora_are_replayed_without_a_failure() {
    for target in NAMES {
        assert!(!corpus::load(&corpus::kept().join(target)).unwrap().is_empty(), "the corpus of {target} is gone");
    }
    let out = Command::new(env!("CARGO_BIN_EXE_pickup-fuzz")).arg("replay").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
}

#[test]
fn choices_end_with_the_input() {
    let mut bytes = bytes::Bytes::new(&[250, 1]);
    let _ = (bytes.int(), bytes.double(), bytes.line(9));
    assert!(bytes.is_empty());
    assert_eq!((bytes.byte(), bytes.below(7), bytes.pick(&[5, 6]).copied()), (0, 0, Some(5)));
}
