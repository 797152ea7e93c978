//! Small files written whole or not at all.

use std::io::Write;
use std::path::Path;

use shot::{Code, Fault};

fn fault(path: &Path, e: &std::io::Error) -> Fault {
    Fault::new(
        Code::Output,
        format!("{} cannot be written: {e}", path.display()),
        "choose a folder that exists and can be written to, with room for it",
    )
}

/// Writes a file: a temporary one beside it, brought to the disk, then renamed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    put(path, |file| file.write_all(bytes))
}

/// Copies a file in the same way.
pub fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    put(to, |file| std::io::copy(&mut std::fs::File::open(from)?, file).map(|_| ()))
}

fn put(path: &Path, fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>) -> Result<(), Fault> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| fault(path, &e))?;
    fill(file.as_file_mut()).and_then(|()| file.as_file().sync_all()).map_err(|e| fault(path, &e))?;
    file.persist(path).map(|_| ()).map_err(|e| fault(path, &e.error))
}
