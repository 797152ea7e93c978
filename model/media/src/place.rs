//! Putting a finished thing in its place in one step.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, Result};

/// A hidden folder beside the place where something is to come: on the same drive, so that the last step is a rename. Dropped,
/// it is gone with all that is in it.
pub(crate) struct Workshop {
    folder: TempDir,
    out: PathBuf,
}

/// The name of the sound in a delivered folder.
pub(crate) const SOUND: &str = "audio.wav";

impl Workshop {
    /// Prepares to put something at `out`. The folder in which `out` stands must exist.
    pub(crate) fn beside(out: &Path) -> Result<Self> {
        if out.file_name().is_none() {
            return Err(Error::UnknownKind { path: out.to_owned() });
        }
        let parent = match out.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        let folder = tempfile::Builder::new().prefix(".pickup-").tempdir_in(parent).map_err(|e| Error::write(parent, e))?;
        Ok(Self { folder, out: out.to_owned() })
    }

    /// A path inside; the names are ours.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Renames the file or folder at `made` to the place, replacing what is there, and makes the step last.
    pub(crate) fn publish(self, made: &Path) -> Result<()> {
        let fail = |e| Error::write(&self.out, e);
        if made.is_dir() && self.out.is_dir() {
            replace_folder(made, &self.out, &self.path("replaced")).map_err(fail)?;
        } else {
            std::fs::rename(made, &self.out).map_err(fail)?;
        }
        if let Some(parent) = self.folder.path().parent() {
            sync_folder(parent);
        }
        // A leftover beside a good result is no failure of the result.
        if let Err(e) = self.folder.close() {
            log::warn!("a temporary folder could not be removed: {e}");
        }
        Ok(())
    }
}

/// Exchanges two folders in one step where the system can, so that at no time the place is empty.
fn replace_folder(made: &Path, out: &Path, aside: &Path) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, made, CWD, out, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    std::fs::rename(out, aside)?;
    std::fs::rename(made, out).inspect_err(|_| {
        let _ = std::fs::rename(aside, out);
    })
}

/// Waits until a file's bytes are on the drive: errors of a full or lost drive show only here.
pub(crate) fn sync(path: &Path, out: &Path) -> Result<()> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| Error::write(out, e))
}

/// Folders cannot be synced everywhere; where they cannot, the rename is as lasting as the system makes it.
pub(crate) fn sync_folder(path: &Path) {
    let _ = File::open(path).and_then(|f| f.sync_all());
}

/// Refuses to replace a folder unless everything in it is what a delivery writes: numbered frames and the sound.
pub(crate) fn check_folder(out: &Path) -> Result<()> {
    if !out.is_dir() {
        return match out.symlink_metadata() {
            Ok(_) => Err(Error::WrongKind { path: out.to_owned(), is: "a file", wanted: "a folder of frames" }),
            Err(_) => Ok(()),
        };
    }
    if out.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
        return Err(Error::WrongKind { path: out.to_owned(), is: "a link to another folder", wanted: "a folder of frames" });
    }
    for entry in std::fs::read_dir(out).map_err(|e| Error::write(out, e))? {
        let entry = entry.map_err(|e| Error::write(out, e))?;
        let is_file = entry.file_type().is_ok_and(|t| t.is_file());
        if !(is_file && is_ours(&entry.file_name())) {
            return Err(Error::Foreign { folder: out.to_owned(), name: entry.file_name().to_string_lossy().into_owned() });
        }
    }
    Ok(())
}

fn is_ours(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let number = name.strip_suffix(".png").or_else(|| name.strip_suffix(".exr"));
    name == SOUND || number.is_some_and(|n| n.len() >= 6 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Refuses to replace a folder by a file.
pub(crate) fn check_file(out: &Path) -> Result<()> {
    if out.is_dir() {
        return Err(Error::WrongKind { path: out.to_owned(), is: "a folder", wanted: "a file" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_with_foreign_files_is_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        check_folder(&out).unwrap();
        std::fs::create_dir(&out).unwrap();
        for ours in ["000000.png", "1000000.exr", "audio.wav"] {
            std::fs::write(out.join(ours), b"").unwrap();
            check_folder(&out).unwrap();
        }
        for foreign in ["notes.txt", "00001.png", "000001.png.bak", ".hidden"] {
            std::fs::write(out.join(foreign), b"").unwrap();
            let fault = shot::Fault::from(check_folder(&out).unwrap_err());
            assert!(fault.what.contains(foreign), "{fault}");
            std::fs::remove_file(out.join(foreign)).unwrap();
        }
        std::fs::create_dir(out.join("000002.png")).unwrap();
        assert!(check_folder(&out).is_err());
    }

    #[test]
    fn a_dropped_workshop_leaves_nothing_and_a_published_one_only_the_thing() {
        let home = tempfile::tempdir().unwrap();
        let out = home.path().join("out");
        let work = Workshop::beside(&out).unwrap();
        std::fs::write(work.path("x"), b"x").unwrap();
        drop(work);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        for round in ["one", "two"] {
            let work = Workshop::beside(&out).unwrap();
            let made = work.path("frames");
            std::fs::create_dir(&made).unwrap();
            std::fs::write(made.join(round), b"").unwrap();
            work.publish(&made).unwrap();
            let names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(names, [round]);
            assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
        }
    }
}
