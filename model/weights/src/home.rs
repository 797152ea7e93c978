//! Where weights are kept when nobody says.

use std::env;
use std::path::PathBuf;

use shot::{Code, Fault};

/// The environment variable that names the folder.
pub const VARIABLE: &str = "PICKUP_WEIGHTS";

/// The folder of weights, absolute: `PICKUP_WEIGHTS`, else `pickup/weights` in the user's data folder of this system
/// (XDG_DATA_HOME or ~/.local/share on Linux, ~/Library/Application Support on macOS, %LOCALAPPDATA% on Windows).
pub fn root() -> Result<PathBuf, Fault> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(root) = set(VARIABLE) {
        return std::path::absolute(&root)
            .map_err(|e| Fault::new(Code::Argument, format!("{VARIABLE} is not a path: {e}"), "give it the path of a folder"));
    }
    let data = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        // The XDG specification ignores relative paths.
        set("XDG_DATA_HOME").filter(|p| p.is_absolute()).or_else(|| set("HOME").map(|h| h.join(".local/share")))
    };
    data.map(|d| d.join("pickup").join("weights")).ok_or_else(|| {
        Fault::new(
            Code::Missing,
            "this user has no home folder, so there is no place for weights",
            format!("set {VARIABLE} to a folder with room for them"),
        )
    })
}
