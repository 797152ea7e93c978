//! Hosts that lack a property, or have it in another type, one property at a time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use test_host::exercise::exercise;
use test_host::{Bundle, Host, Quirks, child};

fn bundle() -> Bundle {
    Bundle::copied(|b| drop(std::fs::remove_file(b.worker())))
}

fn survive(quirks: Quirks) {
    let host = Host::new(quirks);
    let plugin = host.load(bundle());
    exercise(&plugin);
    let serious = ["overwritten", "written to", "were written", "the answer was"];
    let violations = host.violations();
    let bad: Vec<_> = violations.iter().filter(|v| serious.iter().any(|s| v.contains(s))).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

/// Every property that a polite host offers, as `kind/name`. Found in a child too, where it is only looked up.
fn offered() -> Vec<String> {
    if child::is_child() {
        return Vec::new();
    }
    let host = Host::new(Quirks::default());
    exercise(&host.load(bundle()));
    let all: Vec<String> = host.record().offered.iter().map(|(kind, name)| format!("{kind}/{name}")).collect();
    assert!(all.len() > 150, "{all:?}");
    all
}

#[test]
fn each_property_is_missing_once() {
    child::sweep("each_property_is_missing_once", &offered(), |combination| {
        let (kind, name) = combination.split_once('/').unwrap();
        survive(Quirks::default().without_property(kind, name));
    });
}

#[test]
fn each_property_has_another_type_once() {
    child::sweep("each_property_has_another_type_once", &offered(), |combination| {
        let (kind, name) = combination.split_once('/').unwrap();
        survive(Quirks::default().with_wrong_type(kind, name));
    });
}

#[test]
fn a_kind_of_set_without_any_property_is_survived() {
    let all = offered();
    let mut kinds: Vec<String> = all.iter().map(|p| p.split_once('/').unwrap().0.to_owned()).collect();
    kinds.dedup();
    // The child needs the names too, and finds them as the parent did.
    child::sweep("a_kind_of_set_without_any_property_is_survived", &kinds, |kind| {
        let host = Host::new(Quirks::default());
        exercise(&host.load(bundle()));
        let missing_properties: BTreeSet<_> = host.record().offered.into_iter().filter(|(k, _)| k == kind).collect();
        assert!(!missing_properties.is_empty());
        survive(Quirks { missing_properties, ..Quirks::default() });
    });
}
