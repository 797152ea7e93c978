//! Hosts without suites, with null functions, and with functions that always fail: the effect answers a status and lives on.
#![allow(clippy::unwrap_used, clippy::panic)]

use test_host::exercise::exercise;
use test_host::{Bundle, Host, ImageFault, Quirks, Status, child, suites};

/// The whole life of the effect in this host. A null pointer that is called, or a panic that leaves the effect, ends the process.
fn survive(quirks: Quirks) {
    let host = Host::new(quirks);
    let plugin = host.load(Bundle::copied(|b| drop(std::fs::remove_file(b.worker()))));
    let answers = exercise(&plugin);
    assert!(answers.len() > 4, "{answers:?}");
    let serious = ["overwritten", "written to", "were written", "the answer was"];
    let violations = host.violations();
    let bad: Vec<_> = violations.iter().filter(|v| serious.iter().any(|s| v.contains(s))).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn each_suite_is_missing_once() {
    let all: Vec<String> = suites::all_suites().iter().map(|s| (*s).to_owned()).collect();
    child::sweep("each_suite_is_missing_once", &all, |suite| survive(Quirks::default().without_suite(suite)));
}

#[test]
fn each_function_is_null_once() {
    let all: Vec<String> = suites::all_functions().iter().map(|(suite, function)| format!("{suite} {function}")).collect();
    child::sweep("each_function_is_null_once", &all, |combination| {
        let (suite, function) = combination.split_once(' ').unwrap();
        survive(Quirks::default().with_null(suite, function));
    });
}

#[test]
fn each_function_fails_in_every_way_once() {
    let ways = [Status::FAILED, Status::BAD_HANDLE, Status::MEMORY, Status(-17)];
    let functions = suites::all_functions();
    let all: Vec<String> = functions.iter().map(|(_, f)| *f).flat_map(|f| ways.map(|w| format!("{f} {}", w.0))).collect();
    child::sweep("each_function_fails_in_every_way_once", &all, |combination| {
        let (function, status) = combination.split_once(' ').unwrap();
        survive(Quirks::default().with_failing(function, Status(status.parse().unwrap())));
    });
}

#[test]
fn a_host_with_nothing_at_all_is_answered() {
    let all = ["no suites", "no functions", "old versions", "careless versions"].map(str::to_owned);
    child::sweep("a_host_with_nothing_at_all_is_answered", &all, |combination| {
        let mut quirks = Quirks::default();
        match combination {
            "no suites" => quirks.missing_suites = suites::all_suites().iter().map(|s| (*s).to_owned()).collect(),
            "no functions" => {
                quirks.null_functions = suites::all_functions().iter().map(|(s, f)| ((*s).to_owned(), (*f).to_owned())).collect();
            }
            "old versions" => quirks.suite_versions = suites::all_suites().iter().map(|s| ((*s).to_owned(), 1)).collect(),
            _ => quirks.ignores_versions = true,
        }
        survive(quirks);
    });
}

#[test]
fn hosts_of_the_field_live_through_everything() {
    let names: Vec<String> = Quirks::presets().iter().map(|q| q.name.to_owned()).collect();
    child::sweep("hosts_of_the_field_live_through_everything", &names, |name| {
        survive(Quirks::presets().into_iter().find(|q| q.name == name).unwrap());
    });
}

/// Hosts draw, save and render from within a suite function; the effect may then be called on its own stack, anywhere.
#[test]
fn each_function_calls_the_effect_back_once() {
    let mut all: Vec<String> = suites::all_functions().iter().map(|(_, function)| (*function).to_owned()).collect();
    all.sort();
    all.dedup();
    child::sweep("each_function_calls_the_effect_back_once", &all, |function| {
        survive(Quirks { reenters: Some(function.to_owned()), ..Quirks::default() });
    });
}

/// One thing is wrong with a host more often than two, but where two are, the one must not hide the other: every suite missing
/// beside every property set that has nothing, and beside every way in which images fail.
#[test]
fn two_things_are_wrong_at_once() {
    let wrongs = ["images fail", "images lie", "no output", "calls back", "an old standard", "everything fails"];
    let pairs = suites::all_suites().into_iter().flat_map(|suite| wrongs.map(|wrong| format!("{suite} and {wrong}")));
    let all: Vec<String> = pairs.collect();
    child::sweep("two_things_are_wrong_at_once", &all, |combination| {
        let (suite, wrong) = combination.split_once(" and ").unwrap();
        let mut quirks = Quirks::default().without_suite(suite);
        match wrong {
            "images fail" => quirks.image = ImageFault::Fails(Status::FAILED),
            "images lie" => quirks.image = ImageFault::RowBytes(-1),
            "no output" => quirks.output = ImageFault::NullHandle,
            "calls back" => quirks.reenters = Some("propGetInt".into()),
            "an old standard" => (quirks.api, quirks.bare_images, quirks.bare_clips) = ((1, 0), true, true),
            _ => quirks.failing = suites::all_functions().iter().map(|(_, f)| ((*f).to_owned(), Status::FAILED)).collect(),
        }
        survive(quirks);
    });
}
