//! Playback: the same pixels whether they come from the EXR file, the cache or memory, and however the cache is hurt.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use common::*;
use proptest::prelude::*;
use takes::{Cache, Error, Playback, Stored, f16};

fn read(playback: &Playback, index: u32) -> Vec<f32> {
    let mut out = vec![f32::NAN; SIZE.pixels() * 4];
    playback.read_into(index, &mut out, SIZE.width as usize * 4).unwrap();
    out
}

fn expected(index: u32) -> Vec<f32> {
    picture(index).pixels().as_flattened().to_vec()
}

struct Bed {
    _folder: tempfile::TempDir,
    made: Stored,
    cache: PathBuf,
}

fn bed() -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let made = publish(&store(folder.path()), 1);
    let cache = folder.path().join("cache");
    Bed { made, cache, _folder: folder }
}

impl Bed {
    fn playback(&self) -> Playback {
        Playback::open(&self.made, &Arc::new(Cache::in_folder(&self.cache, 1 << 30)))
    }

    fn cached(&self) -> Vec<PathBuf> {
        tree(&self.cache).into_iter().filter(|n| n.ends_with(".half")).map(|n| self.cache.join(n)).collect()
    }
}

#[test]
fn every_source_gives_the_same_pixels() {
    let bed = bed();
    let memory = Playback::open(&bed.made, &Arc::new(Cache::in_memory()));
    let (first, second) = (bed.playback(), bed.playback());
    for index in [0, 3, 1, 2, 3] {
        for playback in [&memory, &first, &first, &second] {
            assert_eq!(read(playback, index), expected(index));
        }
    }
    assert_eq!(bed.cached().len(), 4);
    assert!(first.read_into(4, &mut [0.0; 1000], 24).is_err());
    assert!(first.read_into(0, &mut [0.0; 1000], 23).is_err());
    assert!(first.read_into(0, &mut [0.0; 119], 24).is_err());
}

#[test]
fn rows_come_in_order_and_padding_is_left_alone() {
    let bed = bed();
    let playback = bed.playback();
    let mut seen = Vec::new();
    playback
        .rows(1, 1..4, &mut |y, row| {
            assert_eq!(row.len(), 24);
            assert_eq!(row[0], f16::from_f32(value(1)));
            seen.push(y);
        })
        .unwrap();
    assert_eq!(seen, [1, 2, 3]);
    playback.rows(1, 2..2, &mut |_, _| unreachable!()).unwrap();
    #[allow(clippy::reversed_empty_ranges)]
    for wrong in [0..6, 3..2, 7..9] {
        assert!(matches!(playback.rows(1, wrong, &mut |_, _| ()), Err(Error::Unfit { .. })));
    }
    let mut out = vec![9.0; 30 * 5];
    playback.read_into(1, &mut out, 30).unwrap();
    assert!(out.chunks(30).all(|row| row[..24].chunks(4).all(|p| p == [value(1), 1.5, -2.0, 1.0]) && row[24..] == [9.0; 6]));
}

#[test]
fn a_take_that_is_gone_still_plays_from_the_cache() {
    let bed = bed();
    let playback = bed.playback();
    playback.prepare(0).unwrap();
    fs::remove_dir_all(bed.made.folder()).unwrap();
    assert_eq!(read(&playback, 0), expected(0));
    assert_eq!(read(&bed.playback(), 0), expected(0));
    let error = playback.prepare(1).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

#[test]
fn a_cache_that_cannot_be_written_slows_and_nothing_else() {
    let bed = bed();
    fs::write(&bed.cache, b"a file where the folder should be").unwrap();
    assert_eq!(read(&bed.playback(), 2), expected(2));
    let small = Playback::open(&bed.made, &Arc::new(Cache::in_folder(bed.cache.with_extension("small"), 100)));
    assert_eq!(read(&small, 2), expected(2));
}

#[test]
fn frames_vanish_under_an_open_playback() {
    let bed = bed();
    let playback = bed.playback();
    for index in 0..4 {
        playback.prepare(index).unwrap();
    }
    for path in bed.cached() {
        // Cut off while open: the length no longer holds, the position read finds out.
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100).unwrap();
    }
    for index in 0..4 {
        assert_eq!(read(&playback, index), expected(index));
    }
    fs::remove_dir_all(&bed.cache).unwrap();
    for index in 0..4 {
        assert_eq!(read(&playback, index), expected(index));
        assert_eq!(read(&bed.playback(), index), expected(index));
    }
}

#[test]
fn the_oldest_frames_go_first_and_the_quota_holds() {
    let bed = bed();
    let frame = 64 + SIZE.pixels() as u64 * 8;
    let cache = Arc::new(Cache::in_folder(&bed.cache, frame * 3 + 10));
    let playback = Playback::open(&bed.made, &cache);
    for index in [0, 1, 2] {
        playback.prepare(index).unwrap();
    }
    let paths = bed.cached();
    for (path, seconds) in paths.iter().zip([30, 10, 20]) {
        age(path, seconds);
    }
    // Looking at the oldest makes it the youngest.
    assert_eq!(read(&Playback::open(&bed.made, &Arc::new(Cache::in_folder(&bed.cache, frame * 3 + 10))), 0), expected(0));
    playback.prepare(3).unwrap();
    let left = bed.cached();
    assert!(left.len() <= 3 && left.contains(&paths[0]) && !left.contains(&paths[2]), "{left:?}");
    let total: u64 = left.iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    assert!(total <= frame * 3 + 10);
    assert_eq!(read(&playback, 2), expected(2));
}

#[test]
fn many_threads_and_caches_share_a_folder() {
    let bed = bed();
    let frame = 64 + SIZE.pixels() as u64 * 8;
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let bed = &bed;
            // Half of them share one small cache's folder, so that frames are evicted while others read them.
            let quota = if thread % 2 == 0 { frame * 2 } else { 1 << 30 };
            scope.spawn(move || {
                let playback = Playback::open(&bed.made, &Arc::new(Cache::in_folder(&bed.cache, quota)));
                for step in 0..60 {
                    let index = (step * (thread + 1)) % 4;
                    assert_eq!(read(&playback, index), expected(index));
                }
            });
        }
    });
    let shared = bed.playback();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let shared = &shared;
            scope.spawn(move || (0..200).for_each(|step| assert_eq!(read(shared, (step + thread) % 4), expected((step + thread) % 4))));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_hurt_cache_never_shows(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in 0usize..50,
    ) {
        static BED: std::sync::OnceLock<(Bed, PathBuf, Vec<u8>)> = std::sync::OnceLock::new();
        let (bed, path, whole) = BED.get_or_init(|| {
            let bed = bed();
            bed.playback().prepare(2).unwrap();
            let path = bed.cached().remove(0);
            let whole = fs::read(&path).unwrap();
            (bed, path, whole)
        });
        let mut bytes = whole.clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.resize(bytes.len() + more, 0);
        fs::write(path, &bytes).unwrap();
        prop_assert_eq!(read(&bed.playback(), 2), expected(2));
        prop_assert_eq!(&fs::read(path).unwrap(), whole);
    }
}
