//! A take that lies in a store: its manifest, its frames, its sound.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use shot::take::TAKE_VERSION;
use shot::{FrameIndex, Key, Picture, Size, Take, TakeId};

use crate::durable;
use crate::error::{Error, Result};
use crate::exr;

/// The manifest's name within a take's folder.
pub const MANIFEST: &str = "take.json";
/// The sound's name within a take's folder.
pub const SOUND: &str = "sound.wav";
/// The poster's name within a take's folder.
pub const POSTER: &str = "poster.png";
/// The name of the folder that holds a take's frames.
pub const FRAMES: &str = "frames";

/// An hour of 60 frames a second with handles of an hour names 648,000 files; nothing honest is larger.
const MANIFEST_LIMIT: u64 = 128 << 20;

/// A published take. It is frozen: nothing here writes. Clones share the manifest.
#[derive(Clone, Debug)]
pub struct Stored {
    take: Arc<Take>,
    folder: Arc<PathBuf>,
    /// Hash of the manifest's bytes. It names the hashes of all frames, so whatever is cached under it is exact.
    fingerprint: Key,
}

/// The name of a frame's file: its number, which is its record frame, in eight digits.
pub fn frame_name(number: FrameIndex) -> String {
    format!("{:08}.exr", number.0)
}

impl Stored {
    pub(crate) fn open(folder: &Path, id: &TakeId) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let damaged = |why: String| Error::Damaged { id: id.clone(), path: path.clone(), why };
        let bytes = durable::read_small(&path, MANIFEST_LIMIT).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => damaged("is missing".into()),
            io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory => damaged(format!("is no manifest ({e})")),
            _ => Error::read(&path, e),
        })?;
        let take = parse(&bytes, id).map_err(|e| match e {
            Refusal::Newer(version) => Error::Newer { id: id.clone(), version },
            Refusal::Damaged(why) => damaged(why),
        })?;
        Ok(Self { take: Arc::new(take), folder: Arc::new(folder.to_owned()), fingerprint: Key::of(&bytes) })
    }

    /// The manifest.
    pub fn take(&self) -> &Take {
        &self.take
    }

    /// The take's name.
    pub fn id(&self) -> &TakeId {
        &self.take.id
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Hash of the manifest, which names the hashes of every file: equal fingerprints mean equal pixels.
    pub const fn fingerprint(&self) -> &Key {
        &self.fingerprint
    }

    /// Frames it has, handles included.
    pub fn frames(&self) -> u32 {
        self.take.frames
    }

    /// Width and height of every frame.
    pub fn size(&self) -> Size {
        self.take.request.size
    }

    /// Which frame of the take, from 0, stands at a frame of the timeline; `None` outside the take, handles included.
    pub fn index_at(&self, timeline: FrameIndex) -> Option<u32> {
        let index = timeline.0.checked_sub(self.take.first_frame.0)?;
        u32::try_from(index).ok().filter(|i| *i < self.take.frames)
    }

    /// The file of a frame, counted from 0, handles included. Whether it is there is not checked.
    pub fn frame_path(&self, index: u32) -> Result<PathBuf> {
        if index >= self.take.frames {
            return Err(Error::NoFrame { id: self.id().clone(), index: i64::from(index), frames: self.take.frames });
        }
        Ok(self.folder.join(FRAMES).join(frame_name(FrameIndex(self.take.first_frame.0 + i64::from(index)))))
    }

    /// The pattern of all frame files, as image sequence readers write it, with the number of the first.
    pub fn frame_pattern(&self) -> (PathBuf, FrameIndex) {
        (self.folder.join(FRAMES).join("%08d.exr"), self.take.first_frame)
    }

    /// A frame, counted from 0, handles included. For playback use [`crate::Playback`], which is far faster.
    pub fn frame(&self, index: u32) -> Result<Picture> {
        let path = self.frame_path(index)?;
        let damaged = |why: String| Error::Damaged { id: self.id().clone(), path: path.clone(), why };
        let picture = match exr::read(&path) {
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Err(damaged("is missing".into())),
            Err(Error::Picture { why, .. }) => return Err(damaged(why)),
            picture => picture?,
        };
        if picture.size() != self.size() {
            return Err(damaged(format!("is {} large, the take is {}", picture.size(), self.size())));
        }
        Ok(picture)
    }

    /// The frame that stands at a frame of the timeline.
    pub fn frame_at(&self, timeline: FrameIndex) -> Result<Picture> {
        let index = self.index_at(timeline).ok_or_else(|| Error::NoFrame {
            id: self.id().clone(),
            index: timeline.0.saturating_sub(self.take.first_frame.0),
            frames: self.take.frames,
        })?;
        self.frame(index)
    }

    /// The sound's file, where the take has sound.
    pub fn sound_path(&self) -> Option<PathBuf> {
        self.take.samples.map(|_| self.folder.join(SOUND))
    }

    /// The poster's file, where the take has one.
    pub fn poster_path(&self) -> Option<PathBuf> {
        self.take.provenance.files.iter().any(|(name, _)| name == POSTER).then(|| self.folder.join(POSTER))
    }

    /// Bytes of all its files on the disk.
    pub fn bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for name in self.take.provenance.files.iter().map(|(n, _)| n.as_str()).chain([MANIFEST]) {
            let path = self.folder.join(name);
            bytes += fs::metadata(&path).map_err(|e| Error::read(&path, e))?.len();
        }
        Ok(bytes)
    }

    /// Hashes every file and compares it with the manifest: all that does not hold, in order of name; nothing where all holds.
    pub fn verify(&self) -> Vec<Error> {
        self.take.provenance.files.iter().filter_map(|(name, key)| self.verify_file(name, key).err()).collect()
    }

    fn verify_file(&self, name: &str, expected: &Key) -> Result<()> {
        let path = self.folder.join(name);
        let damaged = |why: &str| Error::Damaged { id: self.id().clone(), path: path.clone(), why: why.into() };
        match hash_file(&path) {
            Ok(key) if key == *expected => Ok(()),
            Ok(_) => Err(damaged("is not as it was made: its hash differs from the manifest's")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(damaged("is missing")),
            Err(e) => Err(Error::read(&path, e)),
        }
    }
}

/// BLAKE3 of a file's bytes.
pub(crate) fn hash_file(path: &Path) -> io::Result<Key> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(Key::from_bytes(*hasher.finalize().as_bytes()))
}

enum Refusal {
    Newer(u32),
    Damaged(String),
}

/// Reads a manifest and refuses what would lead a reader astray: another take's, a later form's, one whose names leave its folder.
fn parse(bytes: &[u8], id: &TakeId) -> Result<Take, Refusal> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let no = |why: String| Err(Refusal::Damaged(why));
    match serde_json::from_slice::<Version>(bytes) {
        Ok(v) if v.version > TAKE_VERSION => return Err(Refusal::Newer(v.version)),
        Ok(_) => {}
        Err(e) => return no(format!("is torn or no manifest ({e})")),
    }
    let take: Take = match serde_json::from_slice(bytes) {
        Ok(take) => take,
        Err(e) => return no(format!("is torn or no manifest ({e})")),
    };
    if take.id != *id {
        return no(format!("belongs to the take {}", take.id));
    }
    if let Err(fault) = take.request.check() {
        return no(format!("holds a request that cannot be: {}", fault.what));
    }
    let handles = take.handle_in.checked_add(take.handle_out);
    if take.frames == 0 || take.frames > 3 * shot::request::MAX_FRAMES || handles.is_none_or(|h| h > take.frames) {
        return no(format!("speaks of {} frames with handles of {} and {}", take.frames, take.handle_in, take.handle_out));
    }
    if take.first_frame.0.abs() > 1 << 40 {
        return no(format!("begins at frame {}", take.first_frame.0));
    }
    if let Some((name, _)) = take.provenance.files.iter().find(|(name, _)| !stays_inside(name)) {
        return no(format!("names a file outside the take: {}", name.chars().take(80).collect::<String>()));
    }
    Ok(take)
}

fn stays_inside(name: &str) -> bool {
    !name.is_empty() && !name.contains('\\') && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)))
}
