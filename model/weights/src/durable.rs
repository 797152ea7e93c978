//! Writing so that a crash or a power cut leaves the old file or the new one, never half of one.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use shot::{Code, Fault};

use crate::size;

/// A file or folder that cannot be written, with what to do about it. `left` is how many bytes are still to come, where known.
pub fn write_fault(path: &Path, e: &io::Error, left: Option<u64>) -> Fault {
    let room = left.map_or_else(|| "more room".to_owned(), |b| format!("{} more", size::text(b)));
    let again = "run the same command again: it goes on from where it stopped";
    let (what, remedy) = match e.kind() {
        ErrorKind::StorageFull => ("the disk is full".to_owned(), format!("free {room}, then {again}")),
        ErrorKind::QuotaExceeded => ("your quota on this disk is used up".to_owned(), format!("free {room}, then {again}")),
        ErrorKind::FileTooLarge => (
            "this file system or account allows no file so large".to_owned(),
            format!("set {} to a folder on a disk without such a limit (FAT32 ends at 4 GB), then run it again", crate::VARIABLE),
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (e.to_string(), format!("choose a folder that you may write to with {}", crate::VARIABLE))
        }
        _ => (e.to_string(), format!("look after that disk or share, then {again}")),
    };
    Fault::new(Code::Output, format!("{} cannot be written: {what}", path.display()), remedy)
}

/// A file or folder that cannot be read.
pub fn read_fault(path: &Path, e: &io::Error) -> Fault {
    Fault::new(
        Code::Input,
        format!("{} cannot be read: {e}", path.display()),
        "look after its permissions and the disk or share that holds it, then run it again",
    )
}

/// Creates a folder and those above it.
pub fn make_folder(path: &Path) -> Result<(), Fault> {
    fs::create_dir_all(path).map_err(|e| write_fault(path, &e, None))
}

/// Replaces a small file by another in one step.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = File::create(&temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(e) = written {
        let _ = fs::remove_file(&temporary);
        return Err(write_fault(path, &e, None));
    }
    sync_folder_of(path)
}

/// Brings the list of names of a file's folder to the disk, where the system has such a call.
pub fn sync_folder_of(path: &Path) -> Result<(), Fault> {
    let Some(folder) = path.parent().filter(|_| cfg!(unix)) else { return Ok(()) };
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some network and FUSE file systems know no such call; their rename is as durable as they can make it.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done.map_err(|e| write_fault(folder, &e, None)),
    }
}

/// All bytes of a file that should be small: `None` when it is not there, an error when it has more than `limit`.
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|f| f.take(limit + 1).read_to_end(&mut bytes)) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| read_fault(path, &e))?,
    };
    if bytes.len() as u64 > limit {
        return Err(read_fault(path, &io::Error::new(ErrorKind::InvalidData, format!("it has more than {limit} bytes"))));
    }
    Ok(Some(bytes))
}

/// The names in a folder, in order; a folder that is not there has none.
pub fn names(folder: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|e| read_fault(folder, &e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| read_fault(folder, &e))?;
        // A name that is no text is none of ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_disk_and_a_file_system_with_small_files_are_told_apart() {
        let fault = |kind: ErrorKind| write_fault(Path::new("a/b.safetensors"), &io::Error::from(kind), Some(5_000_000_000));
        let full = fault(ErrorKind::StorageFull);
        assert!(full.what.contains("a/b.safetensors") && full.what.contains("full") && full.remedy.contains("5.0 GB"), "{full}");
        assert!(fault(ErrorKind::FileTooLarge).remedy.contains("FAT32"));
        assert!(fault(ErrorKind::PermissionDenied).remedy.contains(crate::VARIABLE));
    }

    #[test]
    fn a_small_file_is_replaced_whole_and_a_large_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(read_small(&path, 10).unwrap(), None);
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read_small(&path, 10).unwrap().unwrap(), b"two");
        assert!(read_small(&path, 2).unwrap_err().what.contains("x.json"));
        assert_eq!(names(folder.path()).unwrap(), ["x.json"]);
    }
}
