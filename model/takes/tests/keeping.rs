//! Pins, choices, rankings, and what collection leaves alone.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::*;
use shot::Key;
use takes::{Claimed, Error, Ranked};

#[test]
fn pins_and_choices_are_kept_outside_the_takes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    let before = tree(made.folder());
    store.pin(&id(1)).unwrap();
    store.choose("Film/../reel 1", "shot 12", &id(1)).unwrap();
    assert_eq!(store.pins().unwrap(), [id(1)]);
    assert_eq!(store.choices("Film/../reel 1").unwrap().get("shot 12"), Some(&id(1)));
    assert!(store.choices("another film").unwrap().is_empty());
    assert!(store.chosen().unwrap().contains(&id(1)));
    assert!(matches!(store.remove(&id(1)), Err(Error::InUse { .. })));
    store.unpin(&id(1)).unwrap();
    store.unpin(&id(1)).unwrap();
    assert!(matches!(store.remove(&id(1)), Err(Error::InUse { .. })));
    store.unchoose("Film/../reel 1", "shot 12").unwrap();
    assert_eq!(tree(made.folder()), before);
    store.remove(&id(1)).unwrap();
    assert!(store.find(&id(1)).unwrap().is_none());
    assert!(matches!(store.remove(&id(1)), Err(Error::Absent { .. })));
    for wrong in [store.pin(&id(1)), store.choose("film", "shot", &id(1))] {
        assert!(matches!(wrong, Err(Error::Absent { .. })));
    }
}

#[test]
fn choices_made_at_once_are_all_heard() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, 1);
    std::thread::scope(|scope| {
        for shot in 0..8 {
            let store = &store;
            scope.spawn(move || store.choose("film", &format!("shot {shot}"), &id(1)).unwrap());
        }
    });
    assert_eq!(store.choices("film").unwrap().len(), 8);
}

#[test]
fn rankings_come_back_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let order: Vec<Ranked> = [3, 1, 2].map(|n| Ranked { id: id(n), score: 1.0 / n as f64 }).into();
    assert!(store.ranking("shot 1").unwrap().is_empty());
    store.set_ranking("shot 1", &order).unwrap();
    assert_eq!(store.ranking("shot 1").unwrap(), order);
}

#[test]
fn collection_takes_the_oldest_and_nothing_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for n in 0..8 {
        let made = publish(&store, n);
        age(&made.folder().join("take.json"), 1_000 - n * 100);
    }
    store.pin(&id(0)).unwrap();
    store.choose("film", "shot", &id(1)).unwrap();
    store.set_by_request(&Key::of(b"request"), &id(2)).unwrap();
    let damaged = store.get(&id(3)).unwrap();
    fs::write(damaged.folder().join("take.json"), b"{").unwrap();
    let bytes = store.get(&id(7)).unwrap().bytes().unwrap();

    assert!(store.gc(u64::MAX, false).unwrap().removed.is_empty());
    let plan = store.gc(bytes * 7, true).unwrap();
    assert_eq!(store.ids().unwrap().len(), 8);
    let done = store.gc(bytes * 7, false).unwrap();
    assert_eq!(plan, done);
    assert_eq!(done.removed.iter().map(|r| r.0.clone()).collect::<Vec<_>>(), [id(4)]);
    assert_eq!((done.freed, done.over), (bytes, 0));

    let rest = store.gc(0, false).unwrap();
    assert_eq!(rest.removed.len(), 3);
    assert!(rest.over > 0 && rest.left == rest.over);
    for n in 0..3 {
        assert!(store.get(&id(n)).unwrap().verify().is_empty());
    }
    assert!(damaged.folder().exists());
    assert!(tree(&store.root().join("tmp")).is_empty());
}

#[test]
fn a_claimed_take_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let Claimed::Mine(claim) = store.claim(&id(1)).unwrap() else { panic!("nobody holds it") };
    publish(&store, 1);
    assert!(store.gc(0, false).unwrap().removed.is_empty());
    drop(claim);
    assert_eq!(store.gc(0, false).unwrap().removed.len(), 1);
}

#[test]
fn old_contexts_go_before_takes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, 1);
    let (old, young) = (Key::of(b"old"), Key::of(b"young"));
    for key in [&old, &young] {
        store.put_context_frame(key, takes::Part::Head, 0, &picture(0), &tags(0)).unwrap();
    }
    age(&store.context_folder(&old), 8 * 24 * 3600);
    let all = store.gc(u64::MAX, true).unwrap().left;
    let done = store.gc(all - 1, false).unwrap();
    assert_eq!((done.contexts, done.removed.len()), (1, 0));
    assert!(!store.context_folder(&old).exists() && store.context_folder(&young).exists());
}

#[test]
fn a_torn_choice_is_an_error_and_never_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, 1);
    store.choose("film", "shot", &id(1)).unwrap();
    let path = tree(store.root()).into_iter().find(|n| n.starts_with("choices/") && n.ends_with(".json")).unwrap();
    fs::write(store.root().join(path), b"{\"project\": \"fi").unwrap();
    assert!(matches!(store.choices("film"), Err(Error::Torn { .. })));
    assert!(matches!(store.gc(0, false), Err(Error::Torn { .. })));
    assert!(store.find(&id(1)).unwrap().is_some());
}
