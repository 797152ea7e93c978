//! Publishing: all or nothing, whatever happens meanwhile.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;

use common::*;
use shot::{Code, Fault, FrameIndex, Key, Picture, Size};
use takes::{Error, Store};

#[test]
fn a_take_lies_as_the_design_says_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    let names = ["frames/00086400.exr", "frames/00086401.exr", "frames/00086402.exr", "frames/00086403.exr", "poster.png", "sound.wav"];
    assert_eq!(tree(made.folder()), [&names[..], &["take.json"]].concat());
    assert_eq!(made.take().provenance.files.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(made.take().provenance.files[4].1, Key::of(b"PNG of a sort"));
    assert!(made.verify().is_empty());
    assert!(tree(&store.root().join("tmp")).is_empty());

    let found = store.get(&id(1)).unwrap();
    assert_eq!(found.take(), made.take());
    assert_eq!(found.frame(2).unwrap(), picture(2));
    assert_eq!(found.frame_at(FrameIndex(FIRST + 3)).unwrap(), picture(3));
    assert_eq!((found.index_at(FrameIndex(FIRST - 1)), found.index_at(FrameIndex(FIRST + 4))), (None, None));
    assert!(matches!(found.frame(4), Err(Error::NoFrame { index: 4, frames: 4, .. })));
    assert_eq!(found.sound_path().unwrap(), found.folder().join("sound.wav"));
    assert_eq!(found.poster_path().unwrap(), found.folder().join("poster.png"));
    assert!(found.bytes().unwrap() > 1000);
    let (_, tags) = takes::exr::read_tagged(&found.frame_path(1).unwrap()).unwrap();
    assert_eq!(tags.timecode.unwrap().to_string(), "01:00:00:01");
}

#[test]
fn the_same_take_is_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let a = publish(&Store::open(folder.path().join("a")).unwrap(), 1);
    let b = publish(&Store::open(folder.path().join("b")).unwrap(), 1);
    assert_eq!(fs::read(a.folder().join("take.json")).unwrap(), fs::read(b.folder().join("take.json")).unwrap());
    assert_eq!(a.fingerprint(), b.fingerprint());
}

#[test]
fn nothing_is_published_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let why = |publication: takes::Publication, take| match publication.publish(take) {
        Err(Error::Incomplete { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    let begin = || {
        let publication = store.begin(&id(1)).unwrap();
        fill(&publication);
        publication
    };
    let publication = begin();
    fs::remove_file(publication.folder().join("frames/00086402.exr")).unwrap();
    assert_eq!(why(publication, manifest(&id(1))), "frame 00086402.exr was not written");
    let publication = begin();
    fs::remove_file(publication.folder().join("sound.wav")).unwrap();
    assert_eq!(why(publication, manifest(&id(1))), "sound.wav was not written");
    let publication = begin();
    publication.picture(FrameIndex(5), &picture(0), &tags(0)).unwrap();
    assert_eq!(why(publication, manifest(&id(1))), "it has 5 frame files for 4 frames");
    assert!(why(begin(), manifest(&id(2))).starts_with("its manifest is that of"));
    // A manifest that no reader would accept is found out before anybody can see it.
    let mut impossible = manifest(&id(1));
    impossible.request.frames = 0;
    assert!(matches!(begin().publish(impossible), Err(Error::Damaged { .. })));
    drop(begin());
    assert_eq!(store.find(&id(1)).unwrap().map(|s| s.id().clone()), None);
    assert!(tree(&store.root().join("tmp")).is_empty() && store.ids().unwrap().is_empty());
}

#[test]
fn losing_the_race_to_an_equal_take_is_success() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let late = store.begin(&id(1)).unwrap();
    fill(&late);
    let first = publish(&store, 1);
    let theirs = late.publish(manifest(&id(1))).unwrap();
    assert_eq!(theirs.folder(), first.folder());
    assert!(theirs.verify().is_empty());
    assert!(tree(&store.root().join("tmp")).is_empty());
}

#[test]
fn a_damaged_take_makes_room_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = publish(&store, 1).folder().join("take.json");
    fs::write(&path, b"{\"version\": 1, \"id\": \"tor").unwrap();
    let again = publish(&store, 1);
    assert!(again.verify().is_empty());
    let aside = tree(&store.root().join("damaged"));
    assert!(aside.iter().any(|n| n.ends_with("frames/00086400.exr")), "{aside:?}");
}

#[test]
fn a_later_takes_form_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let path = publish(&store, 1).folder().join("take.json");
    fs::write(&path, br#"{"version": 2, "takes": "quite another form"}"#).unwrap();
    assert!(matches!(store.find(&id(1)), Err(Error::Newer { version: 2, .. })));
    let publication = store.begin(&id(1)).unwrap();
    fill(&publication);
    assert!(matches!(publication.publish(manifest(&id(1))), Err(Error::Newer { version: 2, .. })));
    assert!(path.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_in_bytes_and_nothing_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let publication = store.begin(&id(1)).unwrap();
    // Whatever is written to this device meets a full disk.
    std::os::unix::fs::symlink("/dev/full", publication.folder().join("frames/00086400.exr")).unwrap();
    let error = publication.picture(FrameIndex(FIRST), &picture(0), &tags(0)).unwrap_err();
    assert!(matches!(error, Error::DiskFull { needed: 100.., free: Some(_), .. }), "{error:?}");
    let fault = Fault::from(error);
    assert_eq!(fault.code, Code::Output);
    assert!(fault.what.contains("is full: ") && fault.what.contains(" are needed, "), "{}", fault.what);
    assert!(fault.remedy.contains("free some space"), "{}", fault.remedy);
    drop(publication);
    assert!(tree(store.root()).is_empty());
}

#[test]
fn work_that_cannot_fit_is_refused_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    assert!(matches!(store.check_room(u64::MAX), Err(Error::DiskFull { needed: u64::MAX, free: Some(1..), .. })));
    store.check_room(1).unwrap();
    // Noise does not compress: what was promised to suffice must suffice.
    let size = Size::new(333, 77);
    let mut state = 1u32;
    let pixels = (0..size.pixels() * 4)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            takes::f16::from_bits((state >> 16) as u16).to_f32()
        })
        .collect::<Vec<_>>();
    let noise = Picture::new(size, pixels.as_chunks().0.to_vec()).unwrap();
    let bytes = takes::exr::encode(&noise, &tags(0)).unwrap().len() as u64;
    let needed = takes::space::bytes_needed(size, 1, 0, 2) - takes::space::bytes_needed(size, 0, 0, 2);
    assert!(bytes > 333 * 77 * 7 && bytes <= needed, "{bytes} of {needed}");
}

#[test]
fn a_store_is_a_folder_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for root in [file.clone(), file.join("below")] {
        let error = Store::open(&root).unwrap_err();
        assert!(matches!(error, Error::NotAFolder { .. }), "{error:?}");
        assert!(Fault::from(error).remedy.contains("choose a folder"));
    }
    assert!(matches!(Store::existing(&file), Err(Error::NotAFolder { .. })));
    // Only looking must neither fail nor create anything.
    let absent = Store::existing(folder.path().join("absent")).unwrap();
    assert!(absent.find(&id(1)).unwrap().is_none() && absent.list().unwrap().is_empty());
    assert_eq!(absent.by_request(&Key::of(b"x")).unwrap(), None);
    assert!(!absent.root().exists());
    // A file where one of the store's own folders should be.
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    fs::write(store.join("takes"), b"").unwrap();
    assert!(Store::open(&store).is_err());
    assert!(
        Store::existing(&store).unwrap().find(&id(1)).is_ok_and(|t| t.is_none()) || Store::existing(&store).unwrap().find(&id(1)).is_err()
    );
}

#[test]
fn leftovers_of_the_dead_are_swept_and_the_living_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let tmp = store.root().join("tmp");
    let alive = store.begin(&id(1)).unwrap();
    fill(&alive);
    age(alive.folder(), 7_300);
    for (name, seconds) in [("dead", 3_700), ("young", 1_800)] {
        fs::create_dir_all(tmp.join(name).join("frames")).unwrap();
        fs::write(tmp.join(name).join(".alive"), b"").unwrap();
        age(&tmp.join(name), seconds);
    }
    Store::open(store.root()).unwrap();
    assert!(alive.folder().exists() && tmp.join("young").exists());
    assert!(!tmp.join("dead").exists());
    alive.publish(manifest(&id(1))).unwrap();
}

#[test]
fn requests_are_linked_to_takes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let request = Key::of(b"parameters");
    assert_eq!(store.by_request(&request).unwrap(), None);
    for n in [1, 2] {
        store.set_by_request(&request, &id(n)).unwrap();
        assert_eq!(store.by_request(&request).unwrap(), Some(id(n)));
    }
    assert_eq!(tree(&store.root().join("by-request")), [request.to_string()]);
    fs::write(store.root().join("by-request").join(request.to_string()), b"../../../etc/passwd").unwrap();
    assert_eq!(store.by_request(&request).unwrap(), None);
}

#[test]
fn captured_frames_are_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let key = Key::of(b"context");
    let path = store.put_context_frame(&key, takes::Part::Tail, 3, &picture(1), &tags(1)).unwrap();
    assert!(path.ends_with(format!("context/{key}/tail.000003.exr")));
    assert_eq!(store.context_pattern(&key, takes::Part::Tail), path.with_file_name("tail.%06d.exr"));
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(store.put_context_frame(&key, takes::Part::Tail, 3, &picture(1), &tags(1)).unwrap(), path);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    assert_eq!(takes::exr::read(&path).unwrap(), picture(1));
    assert_eq!(tree(&store.root().join("context")).len(), 1);
}
