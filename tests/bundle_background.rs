//! Work beside the host: shared by many instances and hosts, ended with them, found again by the next one.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use test_host::flow::{generate, id, said, short_bridge as setup, wait};
use test_host::{Context, Host, Instance, Quirks, RenderArgs, Setup, processes};

/// A hole so long that the work is still under way when it is looked at.
fn long(takes: &Path) -> Setup {
    let mut setup = setup(takes).with(id::FRAMES, 2000);
    for (name, clip) in &mut setup.clips {
        if *name == "To" {
            clip.range = (2048.0, 2100.0);
        }
    }
    setup
}

fn open(setup: &Setup) -> (Host, Instance) {
    let host = Host::new(Quirks::default());
    let plugin = host.open();
    plugin.meet().unwrap();
    host.set_time(50.0);
    let instance = plugin.create(Context::General, setup).unwrap();
    (host, instance)
}

fn workers(instance: &Instance) -> Vec<processes::Process> {
    processes::running(&instance.plugin().bundle().worker())
}

fn made(takes: &Path) -> usize {
    std::fs::read_dir(takes.join("takes")).map_or(0, Iterator::count)
}

/// The example engine, writing down every message that it gets.
fn counting_engine(folder: &Path) -> (PathBuf, PathBuf) {
    let (script, log) = (folder.join("engine.sh"), folder.join("messages"));
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/engine.py");
    std::fs::write(&script, format!("#!/bin/sh\ntee -a '{}' | python3 '{}'\n", log.display(), engine.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    (script, log)
}

#[test]
fn two_hosts_and_ten_instances_make_a_take_once() {
    let (takes, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (engine, log) = counting_engine(tools.path());
    let asked = setup(takes.path()).with("engineProgram", engine.as_path()).with(id::FRAMES, 4);
    // Each host loads a bundle of its own, with statics and a worker of its own, as two programs do.
    let hosts: Vec<Host> = (0..2).map(|_| Host::new(Quirks::default())).collect();
    let plugins: Vec<_> = hosts.iter().map(Host::open).collect();
    plugins.iter().for_each(|p| p.meet().unwrap());
    let instances: Vec<Instance> = (0..10).map(|n| plugins[n % 2].create(Context::General, &asked).unwrap()).collect();
    for instance in &instances {
        instance.choose(id::ENGINE, "program");
        assert!(instance.press(id::GENERATE).is_good());
    }
    let ids: Vec<String> = instances.iter().map(|i| wait(i, "", 90).unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(made(takes.path()), 1);
    let messages = std::fs::read_to_string(log).unwrap();
    let jobs = messages.lines().filter(|l| l.contains(r#""type":"job""#)).count();
    assert_eq!(jobs, 1, "the engine was asked {jobs} times");
    for host in &hosts {
        assert_eq!(host.violations(), Vec::<String>::new());
    }
}

#[test]
fn deleting_the_node_ends_its_work_and_closing_the_last_one_the_worker() {
    let takes = tempfile::tempdir().unwrap();
    let (_host, first) = open(&long(takes.path()));
    let plugin = first.plugin().clone();
    let second = first.plugin().create(Context::General, &setup(takes.path())).unwrap();
    first.press(id::GENERATE);
    assert!(processes::wait_until(20, || !workers(&first).is_empty()), "{}", said(&first));
    assert!(first.destroy().is_good());
    // The other node goes on working, with the same worker.
    generate(&second, 60).unwrap();
    assert_eq!(made(takes.path()), 1, "of the deleted node nothing was published");
    assert!(second.destroy().is_good());
    let program = plugin.bundle().worker();
    assert!(processes::wait_until(20, || processes::running(&program).is_empty()), "a worker outlived the last node");
}

#[test]
fn a_host_that_quits_without_a_word_leaves_no_process_and_no_half_take() {
    const FOLDER: &str = "PICKUP_TEST_QUIT";
    if let Some(takes) = std::env::var_os(FOLDER) {
        // The child: a host that is killed in the middle of the work.
        let (_host, instance) = open(&long(Path::new(&takes)));
        instance.press(id::GENERATE);
        assert!(processes::wait_until(20, || !workers(&instance).is_empty()));
        let found = workers(&instance).iter().map(|w| w.id.to_string()).collect::<Vec<_>>().join(" ");
        std::fs::write(Path::new(&takes).join("workers"), found).unwrap();
        std::process::abort();
    }
    let (takes, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_host_that_quits_without_a_word_leaves_no_process_and_no_half_take"])
        .env(FOLDER, takes.path())
        // What it does not clear away, because it is killed, goes with this folder.
        .env("TMPDIR", temporary.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success(), "it ends as a crash does");
    let ids = std::fs::read_to_string(takes.path().join("workers")).unwrap();
    let ids: Vec<u32> = ids.split(' ').map(|id| id.parse().unwrap()).collect();
    assert!(processes::wait_until(10, || ids.iter().all(|id| !processes::lives(*id))), "a worker outlived its host");
    assert_eq!(made(takes.path()), 0);
    // What it left of its claims is in nobody's way.
    let (_host, next) = open(&setup(takes.path()));
    generate(&next, 60).unwrap();
}

#[test]
fn a_lock_that_a_killed_worker_left_blocks_nobody() {
    let takes = tempfile::tempdir().unwrap();
    let (_host, instance) = open(&setup(takes.path()));
    let take = generate(&instance, 60).unwrap();
    // The same take again, its claim left as a killed worker leaves it.
    std::fs::remove_dir_all(takes.path().join("takes").join(&take)).unwrap();
    let claims = takes.path().join("claims");
    std::fs::write(claims.join(format!("{take}.lock")), "").unwrap();
    let (_host, again) = open(&setup(takes.path()));
    assert_eq!(generate(&again, 60).unwrap(), take);
    assert!(processes::wait_until(5, || std::fs::read_dir(&claims).unwrap().count() == 0), "something of the claim is left");
}

#[test]
fn what_a_failed_render_said_is_taken_back_when_the_take_is_there() {
    let takes = tempfile::tempdir().unwrap();
    let (host, instance) = open(&setup(takes.path()).with(id::FINAL_RENDER, 1));
    assert!(instance.render(&RenderArgs::at(50.0)).is_err());
    assert!(host.record().persistent.is_some_and(|m| m.text.contains("Generate")), "the editor is told what to do");
    // Another machine makes the take; this host only renders again.
    let (_other_host, other) = open(&setup(takes.path()));
    let take = generate(&other, 60).unwrap();
    instance.poke(id::TAKE, take.as_str());
    assert!(instance.render(&RenderArgs::at(50.0)).is_ok());
    assert!(host.record().persistent.is_none(), "{:?}", host.record().persistent);
    assert_eq!(host.violations(), Vec::<String>::new());
}

#[test]
fn the_slate_tells_stage_and_percent_and_the_next_action_shows_the_take() {
    let takes = tempfile::tempdir().unwrap();
    let (_host, instance) = open(&long(takes.path()));
    let idle = instance.render(&RenderArgs::interactive(50.0)).unwrap();
    instance.press(id::GENERATE);
    assert!(processes::wait_until(30, || {
        std::thread::sleep(Duration::from_millis(100));
        instance.time_changed(51.0);
        instance.text(id::STATUS).contains("making pictures") && instance.text(id::STATUS).contains('%')
    }));
    let busy = instance.render(&RenderArgs::interactive(50.0)).unwrap();
    assert!(busy.difference(&idle) > 0.01, "how far it is, is burnt in");
    instance.press(id::CANCEL);
    instance.set(id::FRAMES, 12);
    let version = instance.param(id::VERSION);
    assert!(instance.press(id::GENERATE).is_good());
    // Nothing but the play head moves: that is enough to adopt the take and to have the host ask again.
    assert!(processes::wait_until(60, || {
        std::thread::sleep(Duration::from_millis(50));
        instance.time_changed(52.0);
        !instance.text(id::TAKE).is_empty()
    }));
    assert_ne!(instance.param(id::VERSION), version);
}

#[test]
fn a_project_finds_its_take_where_the_folder_it_names_is_gone() {
    let (takes, usual) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_host, first) = open(&setup(takes.path()));
    let take = generate(&first, 60).unwrap();
    let shown = first.render(&RenderArgs::at(50.0)).unwrap();
    // The store is moved below a name that only the mapping knows; the project is not touched.
    let new = usual.path().join("archive");
    std::fs::rename(takes.path(), &new).unwrap();
    let mapping = format!("{} = {}", takes.path().display(), new.display());
    let (_other, again) = open(&setup(takes.path()).with("pathMapping", mapping.as_str()).with(id::TAKE, take.as_str()));
    assert!(shown.is_identical(&again.render(&RenderArgs::at(50.0)).unwrap()));
}
