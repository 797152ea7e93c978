//! What the tests of the store share: small takes.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::Path;

use shot::request::{Request, Task};
use shot::take::{Provenance, SourceType, TAKE_VERSION};
use shot::{FrameIndex, Key, Picture, Rate, Size, Take, TakeId};
use takes::exr::FrameTags;
use takes::{Publication, Store, Stored};

pub const SIZE: Size = Size::new(6, 5);
pub const FRAMES: u32 = 4;
pub const FIRST: i64 = 86_400;

pub fn id(n: u64) -> TakeId {
    Key::of(&n.to_le_bytes()).take_id()
}

pub fn request() -> Request {
    Request { start: FrameIndex(FIRST), seed: 7, ..Request::new(Task::Bridge, FRAMES, Rate::whole(24), SIZE) }
}

/// A manifest for [`fill`]ed folders.
pub fn manifest(id: &TakeId) -> Take {
    let request = request();
    Take {
        version: TAKE_VERSION,
        id: id.clone(),
        key: Key::of(id.as_str().as_bytes()),
        first_frame: request.first_frame(),
        frames: FRAMES,
        handle_in: 0,
        handle_out: 0,
        samples: Some(request.total_samples()),
        figures: Vec::new(),
        notes: Vec::new(),
        is_card: false,
        is_sdr: false,
        provenance: Provenance {
            generator: "Pickup 0.1.0".into(),
            engine: "draft".into(),
            engine_version: 1,
            weights: String::new(),
            source_type: SourceType::CompositeSynthetic,
            source_type_uri: SourceType::CompositeSynthetic.uri().into(),
            context: Key::of(b"context"),
            files: Vec::new(),
        },
        request,
    }
}

/// The value of every channel of a frame; a half holds it exactly.
pub fn value(index: u32) -> f32 {
    index as f32 * 0.25 - 0.5
}

pub fn tags(index: u32) -> FrameTags {
    FrameTags::of(&request(), index, SourceType::CompositeSynthetic)
}

pub fn picture(index: u32) -> Picture {
    Picture::filled(SIZE, [value(index), 1.5, -2.0, 1.0])
}

pub fn fill(publication: &Publication) {
    for index in 0..FRAMES {
        publication.picture(FrameIndex(FIRST + i64::from(index)), &picture(index), &tags(index)).unwrap();
    }
    std::fs::write(publication.folder().join(takes::SOUND), b"RIFF of a sort").unwrap();
    std::fs::write(publication.folder().join(takes::POSTER), b"PNG of a sort").unwrap();
}

pub fn publish(store: &Store, n: u64) -> Stored {
    let publication = store.begin(&id(n)).unwrap();
    fill(&publication);
    publication.publish(manifest(&id(n))).unwrap()
}

pub fn store(folder: &Path) -> Store {
    Store::open(folder.join("store")).unwrap()
}

/// Every name below a folder, for comparing what is there with what should be.
pub fn tree(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, out: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), out);
            } else {
                out.push(name);
            }
        }
    }
    let mut out = Vec::new();
    walk(folder, "", &mut out);
    out.sort();
    out
}

/// Makes a file or folder look as if it had been left alone for a while.
pub fn age(path: &Path, seconds: u64) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            age(&entry.unwrap().path(), seconds);
        }
    }
    std::fs::File::open(path).unwrap().set_modified(then).unwrap();
}
