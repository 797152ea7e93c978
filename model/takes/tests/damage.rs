//! Damaged and foreign files: an answer that names the file, never a crash and never a hang.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::sync::Arc;

use common::*;
use proptest::prelude::*;
use shot::{Code, Fault};
use takes::{Cache, Error, Playback};

#[test]
fn a_torn_manifest_is_named_and_the_other_takes_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let mut takes: Vec<_> = (1..=3).map(|n| publish(&store, n)).collect();
    takes.sort_by(|a, b| a.id().cmp(b.id()));
    let path = takes[1].folder().join("take.json");
    let text = fs::read(&path).unwrap();
    for torn in [&text[..text.len() / 2], b"", b"null", b"[[[[[[", &[0xff; 100]] {
        fs::write(&path, torn).unwrap();
        let listed = store.list().unwrap();
        assert_eq!(listed[0].as_ref().unwrap().id(), takes[0].id());
        assert_eq!(listed[2].as_ref().unwrap().id(), takes[2].id());
        let Err(Error::Damaged { path: named, .. }) = &listed[1] else { panic!("{:?}", listed[1]) };
        assert_eq!(*named, path);
        let fault = Fault::from(store.get(takes[1].id()).unwrap_err());
        assert_eq!(fault.code, Code::Take);
        assert!(fault.what.contains("take.json") && fault.remedy.contains("remove that folder"), "{fault}");
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.find(takes[1].id()), Err(Error::Damaged { .. })));
    fs::create_dir(&path).unwrap();
    assert!(store.find(takes[1].id()).is_err());
}

#[test]
fn folders_that_are_no_takes_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    publish(&store, 1);
    let takes = store.root().join("takes");
    fs::write(takes.join(".DS_Store"), b"").unwrap();
    fs::create_dir(takes.join("New Folder")).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    // A file under the name of a take is a damaged take, not a crash.
    fs::write(takes.join(id(9).as_str()), b"").unwrap();
    assert!(matches!(store.find(&id(9)), Err(Error::Damaged { .. })));
}

#[test]
fn a_manifest_that_would_lead_astray_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    let path = made.folder().join("take.json");
    let refused = |change: &dyn Fn(&mut shot::Take), word: &str| {
        let mut take = made.take().clone();
        change(&mut take);
        fs::write(&path, serde_json::to_vec(&take).unwrap()).unwrap();
        let text = store.find(&id(1)).unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    };
    refused(&|t| t.id = id(2), "belongs to the take");
    refused(&|t| t.frames = u32::MAX, "frames");
    refused(&|t| t.frames = 0, "frames");
    refused(&|t| t.handle_in = u32::MAX, "handles");
    refused(&|t| t.first_frame.0 = i64::MIN + 1, "begins at frame");
    refused(&|t| t.request.size.width = u32::MAX, "pixels");
    for name in ["../../../etc/passwd", "/etc/passwd", "", "frames/../../x", "..\\x"] {
        refused(&|t| t.provenance.files[0].0 = name.into(), "outside the take");
    }
}

#[test]
fn files_that_changed_or_went_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    fs::write(made.folder().join("sound.wav"), b"RIFF of another sort").unwrap();
    fs::remove_file(made.frame_path(1).unwrap()).unwrap();
    let texts: Vec<String> = made.verify().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].ends_with("frames/00086401.exr is missing"), "{texts:?}");
    assert!(texts[1].contains("sound.wav is not as it was made"), "{texts:?}");
}

#[test]
fn missing_truncated_and_foreign_frames_are_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let made = publish(&store, 1);
    fs::remove_file(made.frame_path(0).unwrap()).unwrap();
    let whole = fs::read(made.frame_path(1).unwrap()).unwrap();
    fs::write(made.frame_path(1).unwrap(), &whole[..whole.len() - 20]).unwrap();
    takes::exr::write(&made.frame_path(2).unwrap(), &shot::Picture::filled(shot::Size::new(2, 2), [0.0; 4]), &tags(2)).unwrap();
    let playback = Playback::open(&made, &Arc::new(Cache::in_memory()));
    let mut out = vec![0.0; SIZE.pixels() * 4];
    for (index, word) in [(0, "is missing"), (1, "damaged, cut off"), (2, "is 2×2 large, the take is 6×5")] {
        for error in [made.frame(index).unwrap_err(), playback.read_into(index, &mut out, 24).unwrap_err()] {
            assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains(word) || index == 0, "{error}");
        }
    }
    playback.read_into(3, &mut out, 24).unwrap();
    // The whole folder goes, as when a share drops.
    fs::remove_dir_all(made.folder()).unwrap();
    assert!(made.frame(3).is_err());
    playback.read_into(3, &mut out, 24).unwrap();
    assert!(store.find(&id(1)).unwrap().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_manifest_brings_the_store_down(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        words in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec!["-1", "1e99", "99999999999999999999", "null", "\"\"", "{", "[[[["])), 0..3),
    ) {
        static TEXT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let text = TEXT.get_or_init(|| serde_json::to_vec_pretty(&manifest(&id(1))).unwrap());
        let mut bytes = text.clone();
        for (at, word) in words {
            let at = at.index(bytes.len());
            bytes.splice(at..(at + word.len()).min(text.len()).max(at), word.bytes());
        }
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let store = takes::Store::existing(folder.path()).unwrap();
        fs::create_dir_all(store.folder_of(&id(1))).unwrap();
        fs::write(store.folder_of(&id(1)).join("take.json"), &bytes).unwrap();
        match store.find(&id(1)) {
            Ok(Some(found)) => {
                prop_assert!(found.frames() > 0 && found.size().checked().is_ok());
                prop_assert!(found.frame(0).is_err());
                let _ = (found.verify(), found.index_at(shot::FrameIndex(i64::MAX)), found.index_at(shot::FrameIndex(i64::MIN)));
            }
            Ok(None) => prop_assert!(false, "the folder is there"),
            Err(error) => prop_assert!(!Fault::from(error).remedy.is_empty()),
        }
    }
}
