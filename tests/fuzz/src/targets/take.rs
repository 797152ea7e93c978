//! A small take in a store of its own, for the targets that damage one.

use std::path::{Path, PathBuf};

use shot::request::{Request, Task};
use shot::take::{Provenance, SourceType, TAKE_VERSION};
use shot::{FrameIndex, Key, Picture, Rate, Size, Take, TakeId};
use takes::exr::FrameTags;
use takes::{Cache, Playback, Store};

/// A store with one take.
pub struct Shelf {
    store: Store,
    id: TakeId,
    /// The take's folder.
    pub folder: PathBuf,
}

const SIZE: Size = Size::new(12, 7);
const FRAMES: u32 = 2;

impl Shelf {
    /// Publishes the take. Panics when that cannot be done: nothing can be fuzzed then.
    pub fn new(scratch: &Path) -> Self {
        let store = Store::open(scratch.join("takes")).expect("a store can be made");
        let id = Key::of(b"fuzz").take_id();
        let request = Request { start: FrameIndex(86_400), seed: 7, ..Request::new(Task::Bridge, FRAMES, Rate::whole(24), SIZE) };
        let publication = store.begin(&id).expect("a take can be begun");
        for index in 0..FRAMES {
            let at = FrameIndex(86_400 + i64::from(index));
            let tags = FrameTags::of(&request, index, SourceType::CompositeSynthetic);
            let mut picture = Picture::filled(SIZE, [0.25, 1.5, -2.0, 1.0]);
            picture.row_mut(0).fill([index as f32, 0.5, 0.125, 0.75]);
            publication.picture(at, &picture, &tags).expect("a frame can be written");
        }
        std::fs::write(publication.folder().join(takes::SOUND), b"RIFF of a sort").expect("a sound can be written");
        let stored = publication.publish(manifest(&id, request)).expect("a take can be published");
        let folder = stored.folder().to_owned();
        Self { store, id, folder }
    }

    /// Everything that a reader does with a take, and how it went, in words.
    pub fn read(&self) -> String {
        let stored = match self.store.find(&self.id) {
            Ok(Some(stored)) => stored,
            Ok(None) => return "no take".into(),
            Err(e) => return self.words(&e.to_string()),
        };
        let mut said = Vec::new();
        let mut note = |what: &str, result: Result<(), takes::Error>| said.extend(result.err().map(|e| format!("{what}: {e}")));
        for wrong in stored.verify() {
            note("verify", Err(wrong));
        }
        note("bytes", stored.bytes().map(drop));
        let _ = (stored.sound_path(), stored.poster_path(), stored.index_at(FrameIndex(i64::MIN)), stored.index_at(FrameIndex(86_401)));
        note("frame", stored.frame(0).map(drop));
        note("frame at", stored.frame_at(FrameIndex(86_401)).map(drop));
        let playback = Playback::open(&stored, &std::sync::Arc::new(Cache::in_memory()));
        let (size, mut rows) = (playback.size(), 0);
        for index in [0, 1, u32::MAX] {
            note("rows", playback.rows(index, 0..size.height, &mut |_, row| rows += usize::from(row.len() == size.width as usize * 4)));
        }
        said.push(format!("{} rows", if rows == 0 { "no" } else { "some" }));
        self.words(&said.join("; "))
    }

    /// Words without the folder, which is another one each time.
    fn words(&self, text: &str) -> String {
        text.replace(&*self.folder.to_string_lossy(), "").chars().take(400).collect()
    }
}

fn manifest(id: &TakeId, request: Request) -> Take {
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
            generator: "Pickup".into(),
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
