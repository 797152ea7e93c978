//! Writing so that a crash, a lost share or a second writer never leaves half a file behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Replaces a small file by another in one step: readers see the old bytes or the new ones, also after a power cut.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = beside(path);
    let written = create(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(e) = written {
        let _ = fs::remove_file(&temporary);
        return Err(Error::write(path, bytes.len() as u64, e));
    }
    if let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(())
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name in the same folder that no other process or machine uses.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", unique()))
}

/// Whether a file's name is one that [`beside`] gives.
pub(crate) fn is_temporary(path: &Path) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with('.') && n.ends_with(".part"))
}

/// Brings a file's bytes to the disk.
pub(crate) fn sync_file(path: &Path) -> Result<()> {
    // Windows flushes only through a handle that may write.
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|e| Error::write(path, 0, e))?;
    file.sync_all().map_err(|e| Error::write(path, 0, e))
}

/// Brings a folder's list of names to the disk, where the system has such a call for folders.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(path).and_then(|f| f.sync_all()) {
        // Some network and FUSE file systems know no such call; their rename is as durable as they can make it.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done.map_err(|e| Error::write(path, 0, e)),
    }
}

/// All bytes of a file that should be small: more than `limit` is refused before it is read.
pub(crate) fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Creates a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::NotAFolder { path: path.to_owned() },
        _ => Error::write(path, 0, e),
    })
}

/// The names in a folder, in order; a folder that is not there has none.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| Error::read(folder, e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names that are no UTF-8 are not ours.
        names.extend(entry.map_err(|e| Error::read(folder, e))?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// A word that no other call, process or machine gives.
pub(crate) fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let n = COUNTER.fetch_add(1, Ordering::Relaxed);
    let machine = &blake3::hash(machine().as_bytes()).to_hex()[..8];
    // Two copies of the plug-in in one process count for themselves: where the counter lies tells them apart.
    let copy = std::ptr::from_ref(&COUNTER).addr();
    format!("{machine}-{}-{copy:x}-{n}", std::process::id())
}

/// This machine, and this run of it where the system tells: two containers of a farm may share a name.
pub(crate) fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let text = |path: &str| fs::read_to_string(path).ok().map(|t| t.trim().to_owned());
        let boot = text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        format!("{} {boot}", name().unwrap_or_else(|| "unnamed".into())).trim().to_owned()
    })
}

#[cfg(unix)]
fn name() -> Option<String> {
    Some(rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}
