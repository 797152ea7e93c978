//! Weights that are made on this machine from others: a folder that nobody sees until it is whole, with a record like any other.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use shot::{Code, Fault};

use crate::fetch::{Doing, Event, Progress, Watch};
use crate::library::Library;
use crate::part::{self, Hashed};
use crate::record::{Kept, Record, inside};
use crate::table::is_name;
use crate::{durable, when};

/// A folder of weights in the making. Dropped before [`Making::finish`], it leaves nothing.
#[derive(Debug)]
pub struct Making {
    name: String,
    place: PathBuf,
    folder: PathBuf,
}

impl Making {
    /// Begins one under a name that is free: neither a folder nor an entry of the table.
    pub fn begin(library: &Library, name: &str) -> Result<Self, Fault> {
        let place = library.folder(name)?;
        if library.table().find(name).is_some() || place.symlink_metadata().is_ok() {
            return Err(Fault::new(
                Code::Argument,
                format!("{name} is taken already in {}", library.root().display()),
                format!("give another name with --as, or run `pickup weights rm {name}` first"),
            ));
        }
        let folder = library.root().join(format!(".making-{name}-{}", std::process::id()));
        durable::make_folder(&folder)?;
        Ok(Self { name: name.to_owned(), place, folder })
    }

    /// The place of a file in it, its folder made.
    pub fn file(&self, to: &str) -> Result<PathBuf, Fault> {
        if !to.split('/').all(is_name) {
            return Err(Fault::new(
                Code::Input,
                format!("{to:?} cannot be the name of a file of weights"),
                "rename it: letters, digits, '.', '-' and '_'",
            ));
        }
        let path = inside(&self.folder, to);
        if let Some(parent) = path.parent() {
            durable::make_folder(parent)?;
        }
        Ok(path)
    }

    /// Takes a file over as it is: linked where the disk can, else copied.
    pub fn take_over(&self, from: &Path, to: &str) -> Result<(), Fault> {
        let here = self.file(to)?;
        if fs::hard_link(from, &here).is_err() {
            fs::copy(from, &here).map_err(|e| durable::write_fault(&here, &e, None))?;
        }
        Ok(())
    }

    /// Writes the record, with the licences that were accepted for the folder `source`, and puts the folder in its place.
    /// `from` says what the files were made from.
    pub fn finish(self, files: &[String], from: &str, source: &Path, watch: &mut dyn Watch) -> Result<PathBuf, Fault> {
        let mut record = Record::load(&self.folder, &self.name)?;
        record.licences = Record::load(source, &self.name)?.licences;
        for file in files {
            let path = self.file(file)?;
            let mut opened = File::open(&path).map_err(|e| durable::read_fault(&path, &e))?;
            let hashed = part::hash(&mut opened, &mut |done, of| {
                watch.told(Event::Progress(Progress { doing: Doing::Checking, file, done, of: Some(of), all_done: done, all_of: of }));
                !watch.is_stopped()
            });
            match hashed.map_err(|e| durable::read_fault(&path, &e))? {
                Hashed::Stopped => return Err(Fault::cancelled()),
                Hashed::Done(size, hash) => {
                    let kept = Kept {
                        size,
                        sha256: part::hex(hash),
                        from: from.to_owned(),
                        confirmed: false,
                        damaged: false,
                        checked: when::now(),
                    };
                    record.files.insert(file.clone(), kept);
                }
            }
        }
        record.save(&self.folder)?;
        fs::rename(&self.folder, &self.place).map_err(|e| durable::write_fault(&self.place, &e, None))?;
        durable::sync_folder_of(&self.place)?;
        Ok(self.place.clone())
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.folder.exists()
            && let Err(e) = fs::remove_dir_all(&self.folder)
        {
            log::warn!("{} could not be removed: {e}", self.folder.display());
        }
    }
}
