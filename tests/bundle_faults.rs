//! What goes wrong in the field: the editor reads what and why, nothing is published, and the host goes on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use test_host::flow::{TOO_LATE, generate, id, said, short_bridge as setup, wait};
use test_host::{Bundle, Context, Host, Instance, Quirks, RenderArgs, Setup, processes};

fn instance(host: &Host, bundle: Bundle, setup: &Setup) -> Instance {
    let plugin = host.load(bundle);
    plugin.meet().unwrap();
    host.set_time(50.0);
    plugin.create(Context::General, setup).unwrap()
}

/// The worker that this instance's bundle has started.
fn worker(instance: &Instance) -> Vec<processes::Process> {
    processes::running(&instance.plugin().bundle().worker())
}

/// What the editor reads when Generate comes to nothing: in good time, and in words.
fn refused(instance: &Instance) -> String {
    let words = generate(instance, 20).unwrap_err();
    assert!(!words.starts_with(TOO_LATE) && words.trim().len() > 20, "{words}");
    words
}

/// The viewer still gets a picture, and no rule was broken.
fn lives(host: &Host, instance: &Instance) {
    assert_eq!(instance.render(&RenderArgs::interactive(50.0)).unwrap().unwritten(), 0);
    assert_eq!(host.violations(), Vec::<String>::new());
}

/// Takes that are whole in a folder: those with a manifest.
fn published(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.filter(|e| e.as_ref().unwrap().path().join("take.json").exists()).count()
}

/// Finds `take.json` of a take wherever the store keeps it.
fn manifest(folder: &Path, take: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        if at.file_name().is_some_and(|n| n == take) && at.join("take.json").exists() {
            return at.join("take.json");
        }
        folders.extend(std::fs::read_dir(&at).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()));
    }
    panic!("no manifest of {take} in {}", folder.display());
}

#[test]
fn the_worker_is_not_there() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let bundle = Bundle::copied(|b| std::fs::remove_file(b.worker()).unwrap());
    let instance = instance(&host, bundle, &setup(takes.path()));
    let words = refused(&instance);
    assert!(words.contains("pickup"), "{words}");
    assert_eq!(published(takes.path()), 0);
    lives(&host, &instance);
}

#[test]
fn the_worker_is_no_program() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let bundle = Bundle::copied(|b| {
        std::fs::remove_file(b.worker()).unwrap();
        std::fs::write(b.worker(), "this is not a program").unwrap();
    });
    let instance = instance(&host, bundle, &setup(takes.path()));
    refused(&instance);
    assert_eq!(published(takes.path()), 0);
    lives(&host, &instance);
}

#[test]
fn the_worker_says_nothing_sensible() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["#!/bin/sh\nexit 3\n", "#!/bin/sh\nyes nonsense | head -n 200000\n", "#!/bin/sh\nhead -c 30000000 /dev/zero\n"] {
        let takes = tempfile::tempdir().unwrap();
        let host = Host::new(Quirks::default());
        let bundle = Bundle::copied(|b| {
            std::fs::remove_file(b.worker()).unwrap();
            std::fs::write(b.worker(), script).unwrap();
            std::fs::set_permissions(b.worker(), std::fs::Permissions::from_mode(0o755)).unwrap();
        });
        let instance = instance(&host, bundle, &setup(takes.path()));
        refused(&instance);
        assert_eq!(published(takes.path()), 0);
        lives(&host, &instance);
    }
}

#[test]
fn the_worker_is_killed_while_the_effect_waits() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    // Long enough that the worker is still busy when it is found.
    let mut setup = setup(takes.path()).with(id::FRAMES, 2000);
    for (name, clip) in &mut setup.clips {
        clip.area = test_host::Area::new(0.0, 0.0, 640.0, 360.0);
        if *name == "To" {
            clip.range = (2048.0, 2100.0);
        }
    }
    setup.size = (640.0, 360.0);
    let instance = instance(&host, Bundle::copied(|_| ()), &setup);
    assert!(instance.press(id::GENERATE).is_good());
    assert!(processes::wait_until(20, || !worker(&instance).is_empty()), "no worker: {}", said(&instance));
    std::thread::sleep(std::time::Duration::from_millis(300));
    worker(&instance).iter().for_each(processes::kill);
    let words = wait(&instance, "", 20).unwrap_err();
    assert!(words.to_lowercase().contains("ended") || words.to_lowercase().contains("stopped"), "{words}");
    assert_eq!(published(takes.path()), 0);
    lives(&host, &instance);
    // And once more, with the same host: a new worker makes it.
    instance.set(id::FRAMES, 3);
    generate(&instance, 60).unwrap();
}

#[test]
fn cancel_stops_the_work_and_publishes_nothing() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let mut long = setup(takes.path()).with(id::FRAMES, 2000);
    for (name, clip) in &mut long.clips {
        if *name == "To" {
            clip.range = (2048.0, 2100.0);
        }
    }
    let instance = instance(&host, Bundle::copied(|_| ()), &long);
    instance.press(id::GENERATE);
    assert!(processes::wait_until(20, || !worker(&instance).is_empty()));
    assert!(instance.press(id::CANCEL).is_good());
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(instance.press(id::REFRESH).is_good());
    assert_eq!((instance.text(id::TAKE), published(takes.path())), (String::new(), 0));
    lives(&host, &instance);
}

#[test]
fn the_takes_folder_cannot_be_written() {
    // Tests may run as root, whom permissions do not stop: a file stands where the folder should be.
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("takes");
    std::fs::write(&blocked, "a file").unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, Bundle::copied(|_| ()), &setup(&blocked));
    let words = refused(&instance);
    assert!(words.contains("takes"), "{words}");
    assert_eq!(std::fs::read(&blocked).unwrap(), b"a file");
    lives(&host, &instance);
}

/// A worker that is the real one, started by a script.
fn wrapped(script: &str) -> Bundle {
    use std::os::unix::fs::PermissionsExt;
    Bundle::copied(|b| {
        let real = b.worker().with_file_name("pickup.real");
        std::fs::rename(b.worker(), &real).unwrap();
        std::fs::write(b.worker(), format!("#!/bin/sh\n{script}\nexec \"$(dirname \"$0\")/pickup.real\" \"$@\"\n")).unwrap();
        std::fs::set_permissions(b.worker(), std::fs::Permissions::from_mode(0o755)).unwrap();
    })
}

#[test]
fn the_disk_is_full() {
    // A limit on the size of files, with the signal ignored, fails a write as a full disk does. 512 bytes hold no frame.
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let instance = instance(&host, wrapped("trap '' XFSZ; ulimit -f 1"), &setup(takes.path()));
    let words = refused(&instance);
    assert!(words.contains("written") || words.contains("space") || words.contains("large"), "{words}");
    assert_eq!(published(takes.path()), 0);
    lives(&host, &instance);
}

#[test]
fn ffmpeg_is_not_there_and_is_needed() {
    let takes = tempfile::tempdir().unwrap();
    let sound = takes.path().join("before.wav");
    std::fs::write(&sound, b"RIFF").unwrap();
    let host = Host::new(Quirks::default());
    let setup = setup(takes.path()).with(id::SOUND, 0).with("soundBefore", sound.as_path());
    let instance = instance(&host, wrapped("dir=$(dirname \"$0\"); dirname() { echo \"$dir\"; }; PATH=/nowhere"), &setup);
    let words = refused(&instance);
    assert!(words.contains("ffmpeg"), "{words}");
    assert_eq!(published(takes.path()), 0);
    lives(&host, &instance);
}

#[test]
fn a_torn_manifest_or_frame_is_said_and_never_shown() {
    for (what, tear) in [("half a manifest", 0), ("an empty manifest", 1), ("half a frame", 2), ("no frames", 3)] {
        let takes = tempfile::tempdir().unwrap();
        let host = Host::new(Quirks::default());
        let made = instance(&host, Bundle::copied(|_| ()), &setup(takes.path()));
        let take = generate(&made, 60).unwrap();
        assert!(made.destroy().is_good());
        let manifest = manifest(takes.path(), &take);
        let frames = || {
            let mut folders = vec![manifest.parent().unwrap().to_owned()];
            let mut found = Vec::new();
            while let Some(at) = folders.pop() {
                for path in std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path()) {
                    if path.is_dir() {
                        folders.push(path)
                    } else if path.extension().is_some_and(|e| e == "exr") {
                        found.push(path)
                    }
                }
            }
            found
        };
        let halve = |path: &Path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        };
        match tear {
            0 => halve(&manifest),
            1 => std::fs::write(&manifest, "").unwrap(),
            2 => frames().iter().for_each(|f| halve(f)),
            _ => frames().iter().for_each(|f| std::fs::remove_file(f).unwrap()),
        }
        // Another host, so that nothing is remembered.
        let other = Host::new(Quirks::default());
        let setup = setup(takes.path()).with(id::TAKE, take).with(id::FINAL_RENDER, 1);
        let opened = instance(&other, Bundle::copied(|_| ()), &setup);
        assert!(
            opened.render(&RenderArgs { bracketed: false, ..RenderArgs::at(50.0) }).is_err(),
            "{what}: a final render showed something"
        );
        opened.press(id::REFRESH);
        assert!(said(&opened).len() > 10, "{what}: {}", said(&opened));
        lives(&other, &opened);
    }
}

#[test]
fn a_take_id_that_is_a_path_is_refused() {
    let takes = tempfile::tempdir().unwrap();
    for text in ["../../../../etc", "/etc/passwd", "zzzz", "0123456789abcdef01234567", "%s%s%n", "\u{202e}"] {
        let host = Host::new(Quirks::default());
        let instance = instance(&host, Bundle::copied(|_| ()), &setup(takes.path()).with(id::TAKE, text).with(id::FINAL_RENDER, 1));
        assert!(instance.render(&RenderArgs::at(50.0)).is_err(), "{text}");
        instance.press(id::REFRESH);
        lives(&host, &instance);
    }
}

#[test]
fn closing_the_host_while_it_generates_leaves_no_process_and_no_half_take() {
    let takes = tempfile::tempdir().unwrap();
    let host = Host::new(Quirks::default());
    let mut long = setup(takes.path()).with(id::FRAMES, 2000);
    for (name, clip) in &mut long.clips {
        if *name == "To" {
            clip.range = (2048.0, 2100.0);
        }
    }
    let instance = instance(&host, Bundle::copied(|_| ()), &long);
    let plugin = instance.plugin().clone();
    instance.press(id::GENERATE);
    assert!(processes::wait_until(20, || !worker(&instance).is_empty()));
    let workers = worker(&instance);
    assert!(instance.destroy().is_good() && plugin.stop().is_good());
    assert!(processes::wait_until(10, || workers.iter().all(|w| !processes::lives(w.id))), "a worker outlived its host");
    assert_eq!(published(takes.path()), 0);
}
