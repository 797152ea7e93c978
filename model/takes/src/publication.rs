//! A take in the making: a temporary folder that becomes a take in one step, or disappears.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use shot::{FrameIndex, Key, Picture, Take, TakeId};

use crate::durable;
use crate::error::{Error, Result};
use crate::exr::{self, FrameTags};
use crate::store::{Place, Store};
use crate::stored::{FRAMES, MANIFEST, POSTER, SOUND, Stored, frame_name, hash_file};

/// Held locked within a temporary folder for as long as its owner lives.
pub(crate) const ALIVE: &str = ".alive";

/// A take in the making. Dropping it removes all that was made. Frames may be written from several threads at once.
#[derive(Debug)]
pub struct Publication {
    store: Store,
    id: TakeId,
    folder: PathBuf,
    /// The lock that says that we live; `None` once the folder is no longer ours.
    alive: Option<File>,
}

impl Store {
    /// Begins a take. Claim it first ([`Store::claim`]) so that nobody makes it twice.
    pub fn begin(&self, id: &TakeId) -> Result<Publication> {
        let folder = self.place(Place::Tmp).join(format!("{id}.{}", durable::unique()));
        let publication = Publication { store: self.clone(), id: id.clone(), folder, alive: None };
        publication.make()
    }
}

impl Publication {
    fn make(mut self) -> Result<Self> {
        durable::make_folder(&self.folder.join(FRAMES))?;
        let path = self.folder.join(ALIVE);
        let alive = File::create_new(&path).map_err(|e| Error::write(&path, 0, e))?;
        // Where the file system has no locks the folder's age alone protects it from being swept.
        let _ = alive.try_lock();
        self.alive = Some(alive);
        Ok(self)
    }

    /// The take's name.
    pub fn id(&self) -> &TakeId {
        &self.id
    }

    /// The temporary folder. The caller writes `sound.wav` and `poster.png` into it, and whatever else belongs to the take.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a frame; `number` is its record frame.
    pub fn picture(&self, number: FrameIndex, picture: &Picture, tags: &FrameTags) -> Result<()> {
        exr::write(&self.folder.join(FRAMES).join(frame_name(number)), picture, tags)
    }

    /// Keeps a file of the engine's own beside the frames. `name` is a plain file name; the take's own names are refused.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let plain =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) && !name.starts_with('.');
        if !plain || [MANIFEST, SOUND, POSTER, FRAMES].contains(&name) {
            return Err(Error::Incomplete { id: self.id.clone(), why: format!("an engine wanted to keep a file under the name {name:?}") });
        }
        let path = self.folder.join(name);
        fs::write(&path, bytes).map_err(|e| Error::write(&path, bytes.len() as u64, e))?;
        durable::sync_file(&path)
    }

    /// Makes it a take: hashes every file into the manifest's provenance, writes the manifest last, brings everything to the
    /// disk and moves the folder to its place in one step.
    ///
    /// Where another process published the same take meanwhile, that one is the result and ours is removed. A damaged take in
    /// its place is moved aside into `damaged/`. What the manifest promises and the folder lacks is an error, and nothing is
    /// published.
    pub fn publish(mut self, mut take: Take) -> Result<Stored> {
        let incomplete = |why: String| Error::Incomplete { id: self.id.clone(), why };
        if take.id != self.id {
            return Err(incomplete(format!("its manifest is that of {}", take.id)));
        }
        self.check_frames(&take)?;
        if take.samples.is_some() && !self.folder.join(SOUND).is_file() {
            return Err(incomplete(format!("{SOUND} was not written")));
        }
        take.provenance.files = self.files()?;
        let manifest = self.folder.join(MANIFEST);
        let mut text = serde_json::to_vec_pretty(&take).map_err(|e| incomplete(format!("its manifest cannot be written ({e})")))?;
        text.push(b'\n');
        fs::write(&manifest, &text).map_err(|e| Error::write(&manifest, text.len() as u64, e))?;
        durable::sync_file(&manifest)?;
        // Windows moves no folder in which a file is open.
        self.alive = None;
        let alive = self.folder.join(ALIVE);
        fs::remove_file(&alive).map_err(|e| Error::write(&alive, 0, e))?;
        durable::sync_folder(&self.folder.join(FRAMES))?;
        durable::sync_folder(&self.folder)?;
        // A manifest that we could not read back must not be published either.
        Stored::open(&self.folder, &self.id)?;
        self.move_into_place()
    }

    fn move_into_place(&mut self) -> Result<Stored> {
        let target = self.store.folder_of(&self.id);
        for _ in 0..4 {
            match fs::rename(&self.folder, &target) {
                Ok(()) => {
                    durable::sync_folder(&self.store.place(Place::Takes))?;
                    return Stored::open(&target, &self.id);
                }
                // The system refuses to rename onto a folder that is not empty, in words that differ from system to system.
                Err(e) => match self.store.find(&self.id) {
                    Ok(Some(theirs)) => return Ok(theirs),
                    Ok(None) if !target.exists() => return Err(Error::write(&target, 0, e)),
                    Ok(None) => {}
                    Err(damage @ Error::Damaged { .. }) => {
                        log::warn!("{damage}; it is moved aside, a new one takes its place");
                        self.set_aside(&target)?;
                    }
                    Err(other) => return Err(other),
                },
            }
        }
        Err(Error::InUse { id: self.id.clone(), why: format!("{} changes while it is written", target.display()) })
    }

    fn set_aside(&self, target: &Path) -> Result<()> {
        let aside = self.store.place(Place::Damaged).join(format!("{}.{}", self.id, durable::unique()));
        durable::make_folder(&self.store.place(Place::Damaged))?;
        match fs::rename(target, &aside) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            moved => moved.map_err(|e| Error::write(target, 0, e))?,
        }
        // Somebody may have mended it between our look and our move: a sound take goes back.
        if Stored::open(&aside, &self.id).is_ok() {
            fs::rename(&aside, target).map_err(|e| Error::write(target, 0, e))?;
        }
        Ok(())
    }

    fn check_frames(&self, take: &Take) -> Result<()> {
        let folder = self.folder.join(FRAMES);
        let names = durable::names(&folder)?;
        let wanted = |i: u32| frame_name(FrameIndex(take.first_frame.0 + i64::from(i)));
        let missing = (0..take.frames).map(wanted).find(|name| names.binary_search(name).is_err());
        if let Some(name) = missing {
            return Err(Error::Incomplete { id: self.id.clone(), why: format!("frame {name} was not written") });
        }
        if names.len() != take.frames as usize {
            let why = format!("it has {} frame files for {} frames", names.len(), take.frames);
            return Err(Error::Incomplete { id: self.id.clone(), why });
        }
        Ok(())
    }

    /// Every file but the manifest, by its name with forward slashes, brought to the disk and hashed.
    fn files(&self) -> Result<Vec<(String, Key)>> {
        let mut files = Vec::new();
        self.collect(&self.folder, "", &mut files)?;
        files.sort_unstable();
        Ok(files)
    }

    fn collect(&self, folder: &Path, prefix: &str, files: &mut Vec<(String, Key)>) -> Result<()> {
        for name in durable::names(folder)? {
            let path = folder.join(&name);
            let full = format!("{prefix}{name}");
            if path.is_dir() {
                self.collect(&path, &format!("{full}/"), files)?;
            } else if full != MANIFEST && full != ALIVE {
                durable::sync_file(&path)?;
                files.push((full, hash_file(&path).map_err(|e| Error::read(&path, e))?));
            }
        }
        if !prefix.is_empty() {
            durable::sync_folder(folder)?;
        }
        Ok(())
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        // Once it is published the name no longer exists, and this does nothing.
        self.alive = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}
