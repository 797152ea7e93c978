//! Where takes are kept when nobody says: the same place for the effect, the command line and the worker.

use std::env;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// The environment variable that names the store.
pub const VARIABLE: &str = "PICKUP_TAKES";

/// The store's folder: `PICKUP_TAKES`, else `pickup/takes` in the user's data folder of this system (XDG_DATA_HOME or
/// ~/.local/share on Linux, ~/Library/Application Support on macOS, %LOCALAPPDATA% on Windows).
pub fn default_root() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(root) = set(VARIABLE) {
        return std::path::absolute(&root).map_err(|e| Error::read(&root, e));
    }
    let data = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        // The XDG specification ignores relative paths.
        set("XDG_DATA_HOME").filter(|p| p.is_absolute()).or_else(|| set("HOME").map(|h| h.join(".local/share")))
    };
    data.map(|d| d.join("pickup").join("takes")).ok_or(Error::NoHome)
}
