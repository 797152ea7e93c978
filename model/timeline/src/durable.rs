//! Files that appear whole or not at all.

use std::io::Write;
use std::path::Path;

/// Writes a text beside its place and renames it: a reader sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::path::absolute(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = std::fs::File::create(&scratch).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&scratch, &path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&scratch);
    })
}
