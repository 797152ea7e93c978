//! What a job leaves while it is not finished: the state it can go on from when it was killed, and a rough picture to look at.

use std::fs;
use std::path::PathBuf;

use shot::TakeId;

use crate::durable;
use crate::error::{Error, Result};
use crate::store::{Place, Store};

/// The unfinished work on one take. Only the process that holds its claim writes it.
#[derive(Clone, Debug)]
pub struct Unfinished {
    folder: PathBuf,
    id: TakeId,
}

impl Store {
    /// The unfinished work on a take.
    pub fn unfinished(&self, id: &TakeId) -> Unfinished {
        Unfinished { folder: self.place(Place::Unfinished), id: id.clone() }
    }
}

impl Unfinished {
    fn state(&self) -> PathBuf {
        self.folder.join(format!("{}.state", self.id))
    }

    /// Where a rough picture goes; whoever writes it replaces it in one step.
    pub fn preview(&self) -> Result<PathBuf> {
        durable::make_folder(&self.folder)?;
        Ok(self.folder.join(format!("{}.png", self.id)))
    }

    /// Replaces the state, in one step: after a crash it is the old one or the new one.
    pub fn remember(&self, state: &[u8]) -> Result<()> {
        durable::make_folder(&self.folder)?;
        durable::replace(&self.state(), state)
    }

    /// The state of the last run, `None` where there was none.
    pub fn remembered(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(self.state()) {
            Ok(state) => Ok(Some(state)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::read(&self.state(), e)),
        }
    }

    /// Removes both: the take is published.
    pub fn forget(&self) {
        // What cannot be removed now goes with the next sweep; the take is what matters.
        let _ = fs::remove_file(self.state());
        let _ = fs::remove_file(self.folder.join(format!("{}.png", self.id)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn state_is_remembered_until_the_take_stands() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let id = TakeId::parse("0123456789abcdef01234567").unwrap();
        let work = store.unfinished(&id);
        assert_eq!(work.remembered().unwrap(), None);
        work.remember(b"step 1").unwrap();
        work.remember(b"step 2").unwrap();
        fs::write(work.preview().unwrap(), b"png").unwrap();
        assert_eq!(work.remembered().unwrap().unwrap(), b"step 2");
        work.forget();
        assert_eq!(work.remembered().unwrap(), None);
        assert_eq!(fs::read_dir(folder.path().join("unfinished")).unwrap().count(), 0);
    }
}
