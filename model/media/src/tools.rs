//! Where the ffmpeg executables are.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::probe::Probed;
use crate::process;

/// Only files: a playlist or a crafted container must not make ffmpeg call the network.
const PROTOCOLS: &str = "file,pipe";

/// The two executables, found once and then shared: clones are one and the same, and any thread may call.
#[derive(Clone, Debug)]
pub struct Tools(Arc<Found>);

#[derive(Debug)]
struct Found {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: OnceLock<String>,
    probed: Mutex<HashMap<FileId, Arc<Probed>>>,
}

/// A file as it was when it was looked at: a changed file is looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Tools {
    /// Finds both: the paths in `PICKUP_FFMPEG` and `PICKUP_FFPROBE`, else beside the running executable, else on `PATH`.
    /// Nothing is started yet, so this costs nothing. Error: [`Error::ToolMissing`].
    pub fn find() -> Result<Self> {
        let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
        let search = std::env::var_os("PATH").unwrap_or_default();
        let find = |tool, variable: &str| locate(tool, variable, std::env::var_os(variable), beside.as_deref(), &search);
        Ok(Self::at(find("ffmpeg", "PICKUP_FFMPEG")?, find("ffprobe", "PICKUP_FFPROBE")?))
    }

    /// Takes the executables at these paths, unseen.
    pub fn at(ffmpeg: impl Into<PathBuf>, ffprobe: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Found { ffmpeg: ffmpeg.into(), ffprobe: ffprobe.into(), version: OnceLock::new(), probed: Mutex::default() }))
    }

    /// Path of ffmpeg.
    pub fn ffmpeg(&self) -> &Path {
        &self.0.ffmpeg
    }

    /// Path of ffprobe.
    pub fn ffprobe(&self) -> &Path {
        &self.0.ffprobe
    }

    /// The version that ffmpeg states, such as `5.1.9-0+deb12u1`; starts it the first time.
    pub fn version(&self) -> Result<&str> {
        if let Some(known) = self.0.version.get() {
            return Ok(known);
        }
        let (status, out, said) = process::run("ffmpeg", &self.0.ffmpeg, &self.0.ffmpeg, ["-version"])?;
        let text = String::from_utf8_lossy(&out);
        let version = text.strip_prefix("ffmpeg version ").and_then(|t| t.split_whitespace().next());
        match version {
            Some(v) if status.success() => Ok(self.0.version.get_or_init(|| v.to_owned())),
            _ => Err(Error::ToolStopped { tool: "ffmpeg", path: self.0.ffmpeg.clone(), said: process::ending(status, &said) }),
        }
    }

    /// The option by which every decoded frame comes out once, whatever its time stamp: `-fps_mode` from 5.1 on, `-vsync` before.
    pub(crate) fn every_frame(&self) -> Result<[&'static str; 2]> {
        let old = version_numbers(self.version()?).is_some_and(|v| v < (5, 1));
        Ok([if old { "-vsync" } else { "-fps_mode" }, "passthrough"])
    }

    /// The first of the encoders asked for that this ffmpeg was built with.
    pub fn first_encoder<'a>(&self, wanted: &[&'a str]) -> Result<Option<&'a str>> {
        let (_, out, _) = process::run("ffmpeg", &self.0.ffmpeg, &self.0.ffmpeg, ["-hide_banner", "-v", "error", "-encoders"])?;
        let text = String::from_utf8_lossy(&out);
        let built: Vec<&str> = text.lines().filter_map(|l| l.split_whitespace().nth(1)).collect();
        Ok(wanted.iter().copied().find(|w| built.contains(w)))
    }

    pub(crate) fn recall(&self, id: &FileId) -> Option<Arc<Probed>> {
        self.0.probed.lock().get(id).cloned()
    }

    pub(crate) fn remember(&self, id: FileId, probed: Arc<Probed>) {
        let mut all = self.0.probed.lock();
        // A job looks at a handful of files; a bound keeps a `fill` of thousands from growing without end.
        if all.len() >= 256 {
            all.clear();
        }
        all.insert(id, probed);
    }
}

impl FileId {
    /// Looks at a path that must be a regular file: ffprobe would wait for ever on a pipe.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let facts = std::fs::metadata(path).map_err(|e| Error::read(path, e))?;
        if !facts.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        // Opened once here, because ffmpeg's words for a refused permission are not an editor's.
        std::fs::File::open(path).map_err(|e| Error::read(path, e))?;
        Ok(Self {
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            bytes: facts.len(),
            modified: facts.modified().ok(),
        })
    }
}

/// `file:` and the path: no name, whatever it begins with or holds, is an option, a protocol or another device to ffmpeg.
pub(crate) fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// Arguments that open a file for reading, files only.
pub(crate) fn input(path: &Path) -> [OsString; 4] {
    ["-protocol_whitelist".into(), PROTOCOLS.into(), "-i".into(), file_url(path)]
}

fn locate(tool: &'static str, variable: &str, named: Option<OsString>, beside: Option<&Path>, search: &OsStr) -> Result<PathBuf> {
    let missing = |looked: String| Error::ToolMissing { tool, looked };
    if let Some(named) = named.filter(|n| !n.is_empty()) {
        let path = PathBuf::from(named);
        // A named program that is not there is a mistake to be told, not a reason to take another one.
        return if is_program(&path) { Ok(path) } else { Err(missing(format!("{variable} says {}", path.display()))) };
    }
    let name = format!("{tool}{}", std::env::consts::EXE_SUFFIX);
    let folders = beside.map(Path::to_owned).into_iter().chain(std::env::split_paths(search).filter(|p| p.is_absolute()));
    folders
        .map(|f| f.join(&name))
        .find(|p| is_program(p))
        .ok_or_else(|| missing(format!("{variable} is not set; not beside the program, not on PATH")))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Major and minor number of a release (`5.1.9-0+deb12u1`, `n6.0`); `None` for builds between releases, which are newer.
fn version_numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('n').split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_missing_program_names_its_remedy() {
        let empty = tempfile::tempdir().unwrap();
        let error = locate("ffmpeg", "PICKUP_FFMPEG", None, Some(empty.path()), empty.path().as_os_str()).unwrap_err();
        let fault = shot::Fault::from(error);
        assert_eq!(fault.code, shot::Code::Missing);
        assert!(fault.remedy.contains("apt install ffmpeg"), "{fault}");
        let wrong = locate("ffprobe", "PICKUP_FFPROBE", Some("/nowhere/ffprobe".into()), None, OsStr::new("")).unwrap_err();
        assert!(wrong.to_string().contains("/nowhere/ffprobe"), "{wrong}");
    }

    #[test]
    fn releases_are_told_from_builds_in_between() {
        for (text, numbers) in [
            ("5.1.9-0+deb12u1", Some((5, 1))),
            ("n6.0", Some((6, 0))),
            ("4.4.2-0ubuntu0.22.04.1", Some((4, 4))),
            ("N-112233-gabc", None),
            ("git-2024", None),
        ] {
            assert_eq!(version_numbers(text), numbers, "{text}");
        }
    }
}
