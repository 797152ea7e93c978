//! Many at once: threads, processes, and processes that are killed at work.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::*;
use shot::Cancel;
use takes::{Claimed, Error, Store};

/// What a child process is told: the store's folder, and what to do there.
const FOLDER: &str = "TAKES_TEST_FOLDER";
const DUTY: &str = "TAKES_TEST_DUTY";

/// Makes every take of 0..count that is not there yet, `made` being told of each.
fn make_all(store: &Store, count: u64, made: &dyn Fn(u64)) {
    for n in 0..count {
        match store.claim_or_wait(&id(n), &Cancel::default(), &mut |_| ()).unwrap() {
            Claimed::Mine(_claim) => {
                publish(store, n);
                made(n);
            }
            Claimed::Done(done) => assert_eq!(*done.id(), id(n)),
            Claimed::Busy(_) => panic!("it was to wait"),
        }
    }
}

/// Not a test of its own: what the tests below start in other processes.
#[test]
fn child() {
    let (Ok(folder), Ok(duty)) = (std::env::var(FOLDER), std::env::var(DUTY)) else { return };
    let folder = PathBuf::from(folder);
    let store = store(&folder);
    match duty.split_once(' ') {
        Some(("make", count)) => make_all(&store, count.parse().unwrap(), &|n| {
            fs::write(folder.join("made").join(format!("{n}.{}", std::process::id())), b"").unwrap();
        }),
        Some(("hold", n)) => {
            let Claimed::Mine(_claim) = store.claim(&id(n.parse().unwrap())).unwrap() else { panic!("somebody else holds it") };
            let publication = store.begin(&id(n.parse().unwrap())).unwrap();
            fill(&publication);
            fs::write(folder.join("held"), b"").unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        _ => panic!("{duty}"),
    }
}

fn start(folder: &Path, duty: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(DUTY, duty)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(50), "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How often each take was made, by the notes that the makers left.
fn makers(folder: &Path) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for name in tree(&folder.join("made")) {
        *count.entry(name.split('.').next().unwrap().to_owned()).or_default() += 1;
    }
    count
}

#[test]
fn threads_make_every_take_once() {
    const TAKES: u64 = 12;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| make_all(&store, TAKES, &|_| _ = made.fetch_add(1, Ordering::Relaxed)));
        }
        // Meanwhile readers see whole takes or none.
        scope.spawn(|| {
            while store.ids().unwrap().len() < TAKES as usize {
                for take in store.list().unwrap() {
                    assert!(take.unwrap().verify().is_empty());
                }
            }
        });
    });
    assert_eq!(made.load(Ordering::Relaxed), TAKES as usize);
    assert!(tree(&store.root().join("tmp")).is_empty() && tree(&store.root().join("claims")).is_empty());
}

#[test]
fn processes_make_every_take_once_though_some_are_killed() {
    const TAKES: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("made")).unwrap();
    let duty = format!("make {TAKES}");
    for kill_after in [5, 12, 20] {
        let mut children: Vec<Child> = (0..3).map(|_| start(folder.path(), &duty)).collect();
        wait_for(|| tree(&folder.path().join("made")).len() >= kill_after);
        children.iter_mut().for_each(|c| c.kill().unwrap());
        children.iter_mut().for_each(|c| _ = c.wait().unwrap());
    }
    let mut last: Vec<Child> = (0..3).map(|_| start(folder.path(), &duty)).collect();
    assert!(last.iter_mut().all(|c| c.wait().unwrap().success()));
    let store = store(folder.path());
    let takes = store.list().unwrap();
    assert_eq!(takes.len(), TAKES as usize);
    assert!(takes.into_iter().all(|t| t.unwrap().verify().is_empty()));
    let twice: Vec<_> = makers(folder.path()).into_iter().filter(|(_, times)| *times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // What the killed left half made goes once it is old.
    for entry in fs::read_dir(store.root().join("tmp")).unwrap() {
        age(&entry.unwrap().path(), 4_000);
    }
    Store::open(store.root()).unwrap();
    assert!(tree(&store.root().join("tmp")).is_empty());
}

#[test]
fn a_claim_ends_with_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), "hold 7");
    wait_for(|| folder.path().join("held").exists());
    let store = store(folder.path());
    let Claimed::Busy(holder) = store.claim(&id(7)).unwrap() else { panic!("it is held") };
    assert_eq!(holder.pid, child.id());
    assert!(holder.to_string().starts_with(&format!("process {} on ", child.id())));
    assert!(matches!(store.remove(&id(7)), Err(Error::InUse { .. })));

    let cancel = Cancel::default();
    cancel.cancel();
    let mut told = 0;
    let error = store.claim_or_wait(&id(7), &cancel, &mut |_| told += 1).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let claimed = store.claim_or_wait(&id(7), &Cancel::default(), &mut |_| told += 1).unwrap();
    assert!(matches!(claimed, Claimed::Mine(_)));
    assert_eq!(told, 1);
    killer.join().unwrap();
    assert!(store.find(&id(7)).unwrap().is_none());
}

#[test]
fn a_waiter_gets_the_take_that_the_other_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let Claimed::Mine(claim) = store.claim(&id(1)).unwrap() else { panic!("nobody holds it") };
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| store.claim_or_wait(&id(1), &Cancel::default(), &mut |_| ()).unwrap());
        std::thread::sleep(Duration::from_millis(150));
        publish(&store, 1);
        drop(claim);
        assert!(matches!(waiter.join().unwrap(), Claimed::Done(_)));
    });
    assert!(tree(&store.root().join("claims")).is_empty());
}

#[test]
fn a_holder_on_another_machine_is_believed_for_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = store.root().join("claims").join(format!("{}.json", id(1)));
    fs::write(&path, r#"{"machine": "render-12 abc", "pid": 4242, "token": "x"}"#).unwrap();
    let Claimed::Busy(holder) = store.claim(&id(1)).unwrap() else { panic!("its text is fresh") };
    assert_eq!(holder.to_string(), "process 4242 on render-12");
    age(&path, 90);
    let Claimed::Mine(claim) = store.claim(&id(1)).unwrap() else { panic!("its text is old") };
    drop(claim);
    // A torn text is somebody, too, until it is old.
    fs::write(&path, b"{\"mach").unwrap();
    assert!(matches!(store.claim(&id(1)).unwrap(), Claimed::Busy(_)));
    age(&path, 90);
    assert!(matches!(store.claim(&id(1)).unwrap(), Claimed::Mine(_)));
}

#[test]
fn a_damaged_take_can_be_claimed_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    fs::write(made.folder().join("take.json"), b"{").unwrap();
    let Claimed::Mine(_claim) = store.claim(&id(1)).unwrap() else { panic!("nobody can use it") };
    assert!(publish(&store, 1).verify().is_empty());
}

#[test]
fn what_a_killed_process_left_of_its_claim_is_swept_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let claims = store.root().join("claims");
    let left = || -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&claims).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    // A claim that was given up without a take leaves nothing at all.
    drop(store.claim(&id(1)).unwrap());
    assert_eq!(left(), [""; 0]);
    let age = |name: &str, seconds: u64| {
        let file = fs::File::options().create(true).truncate(false).write(true).open(claims.join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        file
    };
    age(&format!("{}.lock", id(2)), 600);
    age(&format!("{}.json", id(2)), 600);
    age(&format!("{}.lock", id(3)), 1);
    let held = age(&format!("{}.lock", id(4)), 600);
    held.lock().unwrap();
    drop(Store::open(store.root()).unwrap());
    let mut stay = [3, 4].map(|n| format!("{}.lock", id(n)));
    stay.sort();
    assert_eq!(left(), stay, "young ones and held ones stay");
    assert!(matches!(store.claim(&id(3)).unwrap(), Claimed::Mine(_)));
    assert!(matches!(store.claim(&id(4)).unwrap(), Claimed::Busy(_)));
}
