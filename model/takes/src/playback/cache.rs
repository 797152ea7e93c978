//! The folder of uncompressed frames, shared by all processes of a user.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use shot::{Key, Size};

use super::file::{self, Frame};
use crate::error::Result;
use crate::{durable, space, sweep};

/// What the standard cache may hold: 16 GiB are 1,000 frames of 1080p.
const QUOTA: u64 = 16 << 30;
/// The cache never takes the last of a disk.
const LEAVE_FREE: u64 = 2 << 30;
/// Files kept open, and frames kept in memory where no file can be had. Hosts allow a process as few as 256 open files.
const OPEN_FILES: usize = 48;
const IN_MEMORY: usize = 2;
/// A half-written file of a process that died is removed after this.
const OLD: Duration = Duration::from_secs(3600);

/// Which frame of which take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    /// The take's fingerprint.
    pub take: Key,
    /// Frame, from 0.
    pub index: u32,
}

/// A cache of uncompressed frames in a local folder. One per process is enough; several processes share a folder safely. It
/// keeps a few files open, so that a frame costs no walk along a path.
#[derive(Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
    quota: u64,
    /// Most recently used first.
    open: Mutex<VecDeque<(Slot, Arc<Frame>)>>,
    /// Frames being made, so that eight threads that want one frame inflate it once.
    making: Mutex<BTreeMap<Slot, Arc<Mutex<()>>>>,
    /// Bytes that may still be written before the folder's content is counted again.
    until_count: Mutex<u64>,
}

impl Cache {
    /// The user's cache: the folder that PICKUP_CACHE names, else the system's place for caches; 16 GiB at most.
    pub fn standard() -> Self {
        Self::build(standard_folder(), QUOTA)
    }

    /// A cache in a folder of one's own, `quota` in bytes. The folder is created when the first frame is written.
    pub fn in_folder(folder: impl Into<PathBuf>, quota: u64) -> Self {
        Self::build(Some(folder.into()), quota)
    }

    /// No files at all: the two frames used last are kept in memory.
    pub fn in_memory() -> Self {
        Self::build(None, 0)
    }

    fn build(folder: Option<PathBuf>, quota: u64) -> Self {
        Self { folder, quota, open: Mutex::default(), making: Mutex::default(), until_count: Mutex::new(0) }
    }

    /// Where it is.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(super) fn path(&self, slot: &Slot) -> Option<PathBuf> {
        let take = slot.take.to_string();
        Some(self.folder.as_ref()?.join(take.get(..32)?).join(format!("{:06}.half", slot.index)))
    }

    /// A frame from an open file, else from the cache, else from `make`, which is then cached.
    pub(super) fn get_or_make(&self, slot: Slot, size: Size, prove: bool, make: impl FnOnce() -> Result<Vec<u16>>) -> Result<Arc<Frame>> {
        if let Some(frame) = self.opened(&slot) {
            return Ok(frame);
        }
        let turn = Arc::clone(self.making.lock().entry(slot).or_default());
        let made = {
            let _turn = turn.lock();
            match self.opened(&slot) {
                Some(frame) => Ok(frame),
                None => self.cached(&slot, size, prove).map_or_else(|| Ok(self.put(&slot, size, make()?)), Ok).map(|f| self.keep(slot, f)),
            }
        };
        drop(turn);
        let mut making = self.making.lock();
        if making.get(&slot).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            making.remove(&slot);
        }
        made
    }

    /// Drops a frame that turned out to be unreadable.
    pub(super) fn forget(&self, slot: &Slot) {
        self.open.lock().retain(|(s, _)| s != slot);
        if let Some(path) = self.path(slot) {
            let _ = fs::remove_file(path);
        }
    }

    fn opened(&self, slot: &Slot) -> Option<Arc<Frame>> {
        let mut open = self.open.lock();
        let at = open.iter().position(|(s, _)| s == slot)?;
        let entry = open.remove(at)?;
        let frame = Arc::clone(&entry.1);
        open.push_front(entry);
        Some(frame)
    }

    fn keep(&self, slot: Slot, frame: Frame) -> Arc<Frame> {
        let frame = Arc::new(frame);
        let mut open = self.open.lock();
        open.push_front((slot, Arc::clone(&frame)));
        open.truncate(OPEN_FILES);
        let mut in_memory = 0;
        open.retain(|(_, f)| {
            in_memory += usize::from(matches!(**f, Frame::Memory(_)));
            matches!(**f, Frame::File(_)) || in_memory <= IN_MEMORY
        });
        frame
    }

    fn cached(&self, slot: &Slot, size: Size, prove: bool) -> Option<Frame> {
        let path = self.path(slot)?;
        match file::open(&path, size, prove) {
            Ok(file) => {
                // Used means young: what nobody looks at goes first. Where times cannot be set, age since writing decides.
                let _ = file.set_modified(SystemTime::now());
                Some(Frame::File(file))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => {
                log::warn!("{} is removed from the cache: {e}", path.display());
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Caches a frame that was made. Whatever hinders that, the frame itself is there.
    fn put(&self, slot: &Slot, size: Size, halves: Vec<u16>) -> Frame {
        let Some(path) = self.path(slot) else { return Frame::Memory(halves) };
        match self.write(&path, size, &halves) {
            Ok(file) => file,
            Err(e) => {
                log::warn!("a frame cannot be cached in {} ({e}); playback will be slow", path.display());
                Frame::Memory(halves)
            }
        }
    }

    fn write(&self, path: &Path, size: Size, halves: &[u16]) -> io::Result<Frame> {
        let bytes = file::HEADER + size_of_val(halves) as u64;
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        self.make_room(bytes)?;
        let temporary = durable::beside(path);
        let written = file::write(&temporary, size, halves).and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written?;
        file::open(path, size, false).map(Frame::File)
    }

    /// Makes room for a file, counting what all processes wrote whenever this one wrote a sixteenth of the quota.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let Some(root) = &self.folder else { return Ok(()) };
        let full = || io::Error::new(io::ErrorKind::StorageFull, "it has no room left");
        if bytes > self.quota {
            return Err(full());
        }
        let mut until_count = self.until_count.lock();
        let short_of_disk = space::free(root).is_ok_and(|free| free < LEAVE_FREE + bytes);
        if *until_count < bytes || short_of_disk {
            let total = evict(root, self.quota - bytes, if short_of_disk { LEAVE_FREE + bytes } else { 0 })?;
            *until_count = (self.quota / 16).max(bytes).min(self.quota.saturating_sub(total).max(bytes));
            if short_of_disk && space::free(root).is_ok_and(|free| free < LEAVE_FREE + bytes) {
                return Err(full());
            }
        }
        *until_count = until_count.saturating_sub(bytes);
        Ok(())
    }
}

/// Removes files, oldest first, until at most `limit` bytes are left and the disk has `free` bytes free; a tenth more than
/// needed, so that not every frame comes here. Returns the bytes that are left. Only one process at a time removes; others go
/// on and find the room made.
fn evict(root: &Path, limit: u64, free: u64) -> io::Result<u64> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(root.join("evict.lock"))?;
    let mut files = Vec::new();
    for take in durable::names(root).unwrap_or_default() {
        let folder = root.join(take);
        for name in durable::names(&folder).unwrap_or_default() {
            let path = folder.join(name);
            let Ok(meta) = fs::metadata(&path) else { continue };
            if durable::is_temporary(&path) && sweep::is_old(&path, OLD) {
                let _ = fs::remove_file(&path);
            } else {
                files.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, meta.len()));
            }
        }
    }
    let mut total: u64 = files.iter().map(|f| f.2).sum();
    let mut wanted = free.saturating_sub(space::free(root).unwrap_or(u64::MAX));
    if (total <= limit && wanted == 0) || lock.try_lock().is_err() {
        return Ok(total);
    }
    files.sort_unstable();
    for (_, path, bytes) in files {
        if total <= limit - limit / 10 && wanted == 0 {
            break;
        }
        if !durable::is_temporary(&path) && fs::remove_file(&path).is_ok() {
            total -= bytes;
            wanted = wanted.saturating_sub(bytes);
            // Gone with its last file, refused by the system before.
            let _ = path.parent().map(fs::remove_dir);
        }
    }
    Ok(total)
}

/// The system's place for what can be made again.
fn standard_folder() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = from("PICKUP_CACHE") {
        return Some(folder);
    }
    let place = if cfg!(windows) {
        from("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        from("HOME").map(|h| h.join("Library/Caches"))
    } else {
        from("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| from("HOME").map(|h| h.join(".cache")))
    };
    place.map(|p| p.join("pickup").join("frames"))
}
