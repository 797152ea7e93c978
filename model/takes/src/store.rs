//! The store: where takes lie, and how they are found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shot::{Key, TakeId};

use crate::durable;
use crate::error::{Error, Result};
use crate::stored::Stored;
use crate::{space, sweep};

/// A folder of takes. Clones share it. Any number of processes on any number of machines may use one store at once.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<PathBuf>,
}

/// The folders of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Takes,
    ByRequest,
    Tmp,
    Claims,
    Pins,
    Choices,
    Rankings,
    Context,
    /// Made only when a damaged take had to make room.
    Damaged,
    /// Made only by engines that can go on where they were stopped.
    Unfinished,
}

impl Place {
    const ALL: [Self; 8] =
        [Self::Takes, Self::ByRequest, Self::Tmp, Self::Claims, Self::Pins, Self::Choices, Self::Rankings, Self::Context];

    const fn name(self) -> &'static str {
        match self {
            Self::Takes => "takes",
            Self::ByRequest => "by-request",
            Self::Tmp => "tmp",
            Self::Claims => "claims",
            Self::Pins => "pins",
            Self::Choices => "choices",
            Self::Rankings => "rankings",
            Self::Context => "context",
            Self::Damaged => "damaged",
            Self::Unfinished => "unfinished",
        }
    }
}

impl Store {
    /// Opens a store to make takes in: creates what is missing, checks that it can be written to, and clears away what dead
    /// processes left half made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { root: Arc::new(root.into()) };
        for place in Place::ALL {
            durable::make_folder(&store.place(place))?;
        }
        let probe = durable::beside(&store.place(Place::Tmp).join("probe"));
        fs::write(&probe, b"").map_err(|e| Error::write(&store.root, 0, e))?;
        fs::remove_file(&probe).map_err(|e| Error::write(&store.root, 0, e))?;
        sweep::leftovers(&store);
        Ok(store)
    }

    /// Opens a store to look takes up in: nothing is created or changed, a read-only share is fine. A folder that is not there
    /// is a store without takes, so that a project can be opened before its share is connected; a file is an error.
    pub fn existing(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { root: Arc::new(root.into()) };
        if store.root.exists() && !store.root.is_dir() {
            return Err(Error::NotAFolder { path: store.root.to_path_buf() });
        }
        Ok(store)
    }

    /// The folder it is in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a take lies, or would lie.
    pub fn folder_of(&self, id: &TakeId) -> PathBuf {
        self.place(Place::Takes).join(id.as_str())
    }

    pub(crate) fn place(&self, place: Place) -> PathBuf {
        self.root.join(place.name())
    }

    /// A take by its id; `None` where there is none, an error that names the file where it is damaged. Reads the manifest and
    /// nothing else.
    pub fn find(&self, id: &TakeId) -> Result<Option<Stored>> {
        let folder = self.folder_of(id);
        match fs::symlink_metadata(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::read(&folder, e)),
            Ok(_) => Stored::open(&folder, id).map(Some),
        }
    }

    /// A take by its id, which must be there.
    pub fn get(&self, id: &TakeId) -> Result<Stored> {
        self.find(id)?.ok_or_else(|| Error::Absent { id: id.clone(), store: self.root.to_path_buf() })
    }

    /// All takes in order of their ids, damaged ones as the error that says so. Folders that are no takes are passed over.
    pub fn list(&self) -> Result<Vec<Result<Stored>>> {
        let ids = self.ids()?;
        Ok(ids.iter().filter_map(|id| self.find(id).transpose()).collect())
    }

    /// The ids of all takes, in order.
    pub fn ids(&self) -> Result<Vec<TakeId>> {
        let names = durable::names(&self.place(Place::Takes))?;
        Ok(names.iter().filter_map(|n| TakeId::parse(n).ok()).collect())
    }

    /// The take that was made for a request, by the hash of its parameters and clip identity.
    pub fn by_request(&self, request: &Key) -> Result<Option<TakeId>> {
        let path = self.place(Place::ByRequest).join(request.to_string());
        match durable::read_small(&path, 256) {
            Ok(bytes) => {
                let id = std::str::from_utf8(&bytes).ok().and_then(|t| TakeId::parse(t).ok());
                if id.is_none() {
                    log::warn!("{} holds no take's id; it is passed over", path.display());
                }
                Ok(id)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::read(&path, e)),
        }
    }

    /// Says that a request is answered by a take. The last one to say so is believed.
    pub fn set_by_request(&self, request: &Key, id: &TakeId) -> Result<()> {
        durable::replace(&self.place(Place::ByRequest).join(request.to_string()), id.as_str().as_bytes())
    }

    /// Refuses work that the disk has no room for: see [`space::bytes_needed`]. A disk that does not tell is believed to have it.
    pub fn check_room(&self, needed: u64) -> Result<()> {
        match space::free(&self.root) {
            Ok(free) if free < needed => Err(Error::DiskFull { path: self.root.to_path_buf(), needed, free: Some(free) }),
            _ => Ok(()),
        }
    }
}
