//! The folder of weights: what stands in it, what a name means, what is removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use shot::{Code, Fault};

use crate::durable;
use crate::home;
use crate::record::{Record, inside};
use crate::table::{Entry, Licence, Table, Wanted, is_name};

/// The folder of weights and the table of what can stand in it.
#[derive(Clone, Debug)]
pub struct Library {
    root: PathBuf,
    table: Table,
}

/// How much of an entry stands on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it.
    Installed,
    /// Some of it: so many bytes, downloads that have not ended included.
    Partial(u64),
    /// Nothing.
    Missing,
}

impl Library {
    /// The folder that this user's environment names; it need not exist.
    pub fn open() -> Result<Self, Fault> {
        Self::open_at(&home::root()?)
    }

    /// A folder, absolute; it need not exist.
    pub fn open_at(root: &Path) -> Result<Self, Fault> {
        Ok(Self { root: root.to_owned(), table: Table::load(root)? })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What can stand in it.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The entry of that name, or an error that says which names there are.
    pub fn entry(&self, name: &str) -> Result<&Entry, Fault> {
        self.table.find(name).ok_or_else(|| {
            let close: Vec<&str> =
                self.table.entries().iter().map(|e| e.name.as_str()).filter(|n| n.contains(name) || shares(n, name)).take(4).collect();
            let hint = if close.is_empty() { String::new() } else { format!("; close to it: {}", close.join(", ")) };
            Fault::new(Code::Argument, format!("no weights are called {name:?}{hint}"), "`pickup weights list` shows every name")
        })
    }

    /// The folder of a name, whether it exists or not.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Fault> {
        if !is_name(name) {
            return Err(Fault::new(
                Code::Argument,
                format!("{name:?} is not the name of weights, so nothing outside {} is touched", self.root.display()),
                "`pickup weights list` shows every name",
            ));
        }
        Ok(self.root.join(name))
    }

    /// Folders that the table does not name: files of the user's own.
    pub fn own_folders(&self) -> Result<Vec<String>, Fault> {
        let mut names = durable::names(&self.root)?;
        names.retain(|n| is_name(n) && self.table.find(n).is_none() && self.root.join(n).is_dir());
        Ok(names)
    }

    /// How much of an entry is there, by the sizes of its files; hashes are [`crate::verify`]'s business.
    pub fn state(&self, entry: &Entry) -> Result<State, Fault> {
        let folder = self.folder(&entry.name)?;
        if !folder.is_dir() {
            return Ok(State::Missing);
        }
        let record = Record::load(&folder, &entry.name)?;
        let there = entry.files.iter().filter(|f| is_there(&folder, &record, f)).count();
        Ok(match bytes_in(&folder, 0) {
            _ if there == entry.files.len() => State::Installed,
            0 => State::Missing,
            have => State::Partial(have),
        })
    }

    /// Bytes of the files in a name's folder.
    pub fn bytes(&self, name: &str) -> Result<u64, Fault> {
        Ok(bytes_in(&self.folder(name)?, 0))
    }

    /// Writes down that licences were accepted for an entry, with today's date.
    pub fn accept(&self, entry: &Entry, licences: &[Licence]) -> Result<(), Fault> {
        let folder = self.folder(&entry.name)?;
        durable::make_folder(&folder)?;
        let mut record = Record::load(&folder, &entry.name)?;
        licences.iter().for_each(|l| record.accept(l));
        record.save(&folder)
    }

    /// The licences of an entry that were not accepted yet.
    pub fn unaccepted(&self, entry: &Entry) -> Result<Vec<Licence>, Fault> {
        let record = Record::load(&self.folder(&entry.name)?, &entry.name)?;
        Ok(entry.licences.iter().filter(|l| !record.has_accepted(l)).cloned().collect())
    }

    /// The folder of a name of the table, complete; an error names what is missing and the command that gets it.
    pub fn installed(&self, entry: &Entry) -> Result<PathBuf, Fault> {
        let get = format!("run `pickup weights get {}`", entry.name);
        match self.state(entry)? {
            State::Installed => self.folder(&entry.name),
            State::Partial(_) => Err(Fault::new(
                Code::Missing,
                format!("the weights {} are not complete: {} is missing", entry.name, self.first_missing(entry)?),
                format!("{get}: it goes on from where it stopped"),
            )),
            State::Missing => Err(Fault::new(Code::Missing, format!("the weights {} are not in {}", entry.name, self.root.display()), get)),
        }
    }

    fn first_missing(&self, entry: &Entry) -> Result<String, Fault> {
        let folder = self.folder(&entry.name)?;
        let record = Record::load(&folder, &entry.name)?;
        let missing = entry.files.iter().find(|f| !is_there(&folder, &record, f));
        Ok(missing.map_or_else(|| "nothing".to_owned(), |f| f.to.clone()))
    }

    /// What `--weights NAME|FOLDER` means: a name of the table or of a folder of the user's own, else a path to a file or folder.
    pub fn resolve(&self, name_or_path: &str) -> Result<PathBuf, Fault> {
        if let Some(entry) = self.table.find(name_or_path) {
            return self.installed(entry);
        }
        if is_name(name_or_path) && self.root.join(name_or_path).is_dir() {
            return Ok(self.root.join(name_or_path));
        }
        let path = Path::new(name_or_path);
        if !name_or_path.is_empty() && path.exists() {
            return std::path::absolute(path).map_err(|e| durable::read_fault(path, &e));
        }
        if name_or_path.contains(['/', '\\']) {
            return Err(Fault::new(
                Code::Input,
                format!("there is no folder or file of weights at {name_or_path}"),
                "give the folder that holds them, or a name from `pickup weights list`",
            ));
        }
        let fault = self.entry(name_or_path).err();
        Err(fault.map_or_else(
            || Fault::internal(format!("{name_or_path} is in the table and is not")),
            |f| Fault {
                remedy: "`pickup weights list` shows every name, `pickup weights get NAME` fetches one, or give a folder".to_owned(),
                ..f
            },
        ))
    }

    /// Removes a name's folder with all that is in it. Links in it are removed, what they point to is not; a folder that is itself
    /// a link is left alone. Gives the bytes its files had.
    pub fn remove(&self, name: &str) -> Result<u64, Fault> {
        let folder = self.folder(name)?;
        let refuse = |what: String, remedy: &str| Err(Fault::new(Code::Argument, what, remedy));
        match fs::symlink_metadata(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return refuse(
                    format!("there is nothing called {name} in {}", self.root.display()),
                    "`pickup weights list` shows what is there",
                );
            }
            Err(e) => return Err(durable::read_fault(&folder, &e)),
            Ok(m) if m.is_symlink() => {
                return refuse(format!("{} is a link to another place, which is not touched", folder.display()), "remove the link by hand");
            }
            Ok(m) if !m.is_dir() => {
                return refuse(format!("{} is a file, not a folder of weights", folder.display()), "remove it by hand");
            }
            Ok(_) => {}
        }
        // Let go at once: some systems rename no folder in which a file is open.
        drop(lock(&folder, name)?);
        let bytes = bytes_in(&folder, 0);
        // Out of sight in one step: nobody opens weights that are half gone.
        let leaving = self.root.join(format!(".removing-{name}-{}", std::process::id()));
        fs::rename(&folder, &leaving).and_then(|()| fs::remove_dir_all(&leaving)).map_err(|e| durable::write_fault(&folder, &e, None))?;
        Ok(bytes)
    }
}

/// What `--weights NAME|FOLDER` means on this machine: [`Library::resolve`] in the folder that the environment names.
pub fn resolve(name_or_path: &str) -> Result<PathBuf, Fault> {
    Library::open()?.resolve(name_or_path)
}

/// Holds a folder against a second `get` or `rm` until the file is dropped. `None` where the file system knows no locks.
pub fn lock(folder: &Path, name: &str) -> Result<Option<File>, Fault> {
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(|e| durable::write_fault(&path, &e, None))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(Fault::new(
            Code::Output,
            format!("another Pickup is busy with {name} in {}", folder.display()),
            "wait until it is done, or stop it",
        )),
        Err(fs::TryLockError::Error(e)) => {
            log::info!("no lock on {}: {e}", path.display());
            Ok(None)
        }
    }
}

/// Whether a file stands in place with the length it should have, and was not found damaged.
pub fn is_there(folder: &Path, record: &Record, file: &Wanted) -> bool {
    let kept = record.files.get(&file.to);
    if kept.is_some_and(|k| k.damaged) {
        return false;
    }
    let expected = file.size.or_else(|| kept.map(|k| k.size));
    fs::metadata(inside(folder, &file.to)).is_ok_and(|m| m.is_file() && expected.map_or(m.len() > 0, |size| m.len() == size))
}

/// Bytes of the files below a folder; links are not followed.
fn bytes_in(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let each = entries.flatten().map(|e| match e.metadata() {
        Ok(m) if m.is_file() && !is_ours(&e.path()) => m.len(),
        Ok(m) if m.is_dir() && depth < 8 => bytes_in(&e.path(), depth + 1),
        _ => 0,
    });
    each.sum()
}

/// Files that this crate keeps for itself count for nothing.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
    name == crate::record::NAME || name == ".lock" || name.ends_with(".part.json")
}

/// Whether two names have a word of some length in common, so that one may be meant by the other.
fn shares(name: &str, given: &str) -> bool {
    given.split(['-', '_', '.', ' ']).any(|word| word.len() > 2 && name.contains(word))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn library() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("weights");
        fs::create_dir(&root).unwrap();
        let table = r#"{"schema":"pickup-weights/1","sources":{"s":{"repository":"a/b","revision":"main","licence":"gemma","login":false}},
            "parts":{"p":{"source":"s","files":[{"path":"a.safetensors","size":3},{"path":"sub/b.safetensors","size":2}]}},
            "weights":[{"name":"tiny","kind":"checkpoint","generation":"2.5","title":"t","parts":["p"]}]}"#;
        fs::write(root.join("weights.json"), table).unwrap();
        let library = Library::open_at(&root).unwrap();
        (folder, library)
    }

    #[test]
    fn a_name_is_resolved_once_it_is_complete_and_the_command_is_named_before() {
        let (_keep, library) = library();
        let entry = library.entry("tiny").unwrap().clone();
        let folder = library.folder("tiny").unwrap();
        assert_eq!(library.state(&entry).unwrap(), State::Missing);
        assert!(library.resolve("tiny").unwrap_err().remedy.contains("pickup weights get tiny"));
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("a.safetensors"), "abc").unwrap();
        fs::write(folder.join("sub/b.safetensors"), "a").unwrap();
        assert_eq!(library.state(&entry).unwrap(), State::Partial(4));
        let fault = library.resolve("tiny").unwrap_err();
        assert!(fault.what.contains("sub/b.safetensors") && fault.remedy.contains("pickup weights get tiny"), "{fault}");
        fs::write(folder.join("sub/b.safetensors"), "ab").unwrap();
        assert_eq!(library.resolve("tiny").unwrap(), folder);
    }

    #[test]
    fn folders_of_ones_own_and_paths_are_resolved_too() {
        let (keep, library) = library();
        fs::create_dir(library.root().join("mine-q8")).unwrap();
        assert_eq!(library.own_folders().unwrap(), ["mine-q8"]);
        assert_eq!(library.resolve("mine-q8").unwrap(), library.root().join("mine-q8"));
        let elsewhere = keep.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        assert_eq!(library.resolve(elsewhere.to_str().unwrap()).unwrap(), elsewhere);
        let fault = library.resolve("ltx-2.5").unwrap_err();
        assert!(fault.what.contains("ltx-2.5-distilled") && fault.remedy.contains("weights list"), "{fault}");
        assert!(library.resolve("no/such/folder").unwrap_err().what.contains("no/such/folder"));
        assert!(library.resolve("").is_err());
    }

    #[test]
    fn only_a_folder_inside_is_removed_and_links_are_not_followed() {
        let (keep, library) = library();
        for name in ["..", "../elsewhere", "/tmp", "a/b", "", "."] {
            assert_eq!(library.remove(name).unwrap_err().code, Code::Argument, "{name}");
        }
        assert!(library.remove("weights.json").is_err(), "the user's table is no folder of weights");
        assert!(library.remove("nothing").unwrap_err().what.contains("nothing"));
        let folder = library.root().join("mine");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("x"), "12345").unwrap();
        #[cfg(unix)]
        {
            let precious = keep.path().join("precious");
            fs::create_dir(&precious).unwrap();
            fs::write(precious.join("film.mov"), "film").unwrap();
            std::os::unix::fs::symlink(&precious, folder.join("link")).unwrap();
            std::os::unix::fs::symlink(&precious, library.root().join("linked")).unwrap();
            assert!(library.remove("linked").unwrap_err().what.contains("link"));
            assert_eq!(library.remove("mine").unwrap(), 5);
            assert_eq!(fs::read_to_string(precious.join("film.mov")).unwrap(), "film");
        }
        drop(keep);
        assert!(!folder.exists());
    }

    #[test]
    fn two_at_once_on_one_folder_are_told() {
        let (_keep, library) = library();
        let folder = library.root().join("mine");
        fs::create_dir(&folder).unwrap();
        let held = lock(&folder, "mine").unwrap();
        assert!(held.is_none() || lock(&folder, "mine").unwrap_err().what.contains("busy"));
    }
}
