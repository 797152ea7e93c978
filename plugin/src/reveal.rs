//! Reveal folder: the system's file manager opens the folder of the take that is shown.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use shot::{Code, Fault};

use crate::process::{command, process};

/// The program that opens a folder on this system.
const OPENER: &str = if cfg!(windows) {
    "explorer"
} else if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Opens a folder, beside the host: file managers may take as long as they like.
pub fn reveal(folder: &Path) -> Result<(), Fault> {
    with(OPENER.as_ref(), folder)
}

fn with(opener: &OsStr, folder: &Path) -> Result<(), Fault> {
    let refused = |why: String| Fault::new(Code::Missing, format!("{} cannot be shown: {why}", folder.display()), "open it by hand");
    if !folder.is_dir() {
        return Err(refused("it is not there".to_owned()));
    }
    let silent = command(opener).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = silent.map_err(|e| refused(format!("{} does not start ({e})", opener.to_string_lossy())))?;
    process().adopt(child);
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_folder_is_handed_to_the_opener() {
        let scratch = tempfile::tempdir().unwrap();
        let (opener, told) = (scratch.path().join("opener"), scratch.path().join("told"));
        std::fs::write(&opener, format!("#!/bin/sh\nprintf %s \"$1\" > \"{0}.new\" && mv \"{0}.new\" \"{0}\"\n", told.display())).unwrap();
        std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
        with(opener.as_os_str(), scratch.path()).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while !told.exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(std::fs::read_to_string(&told).unwrap(), scratch.path().to_str().unwrap());
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(reveal(&scratch.path().join("gone")).unwrap_err().what.contains("gone"));
        let fault = with("/not/an/opener".as_ref(), scratch.path()).unwrap_err();
        assert!(fault.what.contains("does not start") && fault.what.contains(scratch.path().to_str().unwrap()), "{fault}");
    }
}
