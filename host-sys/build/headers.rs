//! Finds the folder of the OpenFX headers inside the downloaded package `openfx-sys`.
//!
//! The package is a dependency behind a `cfg` that is never set: cargo locks and verifies it, but never compiles it, and a
//! plain build does not even download it. So `cargo metadata` is asked where it lies, first without the network; where that
//! fails (empty CARGO_HOME) or names a folder that is not there, it is asked again with it, and then downloads what is missing.
//!
//! Included by build.rs and by tests/headers.rs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that carries the headers, and its version as host-sys/Cargo.toml pins it.
pub const PACKAGE: (&str, &str) = ("openfx-sys", "0.1.0");

/// The folder with `ofxCore.h`, asked from `cargo` for the workspace of `manifest`. `home` replaces CARGO_HOME.
pub fn find(cargo: &OsStr, manifest: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
    let offline = ask(cargo, manifest, home, true);
    let Err(first) = offline else { return offline };
    ask(cargo, manifest, home, false).map_err(|second| {
        format!(
            "the OpenFX headers were not found: package {} {} is neither downloaded nor can it be.\n\
             without the network: {first}\nwith the network: {second}\n\
             Connect this machine to the network and run `cargo fetch --locked`, then build again.",
            PACKAGE.0, PACKAGE.1
        )
    })
}

fn ask(cargo: &OsStr, manifest: &Path, home: Option<&Path>, offline: bool) -> Result<PathBuf, String> {
    let mut command = Command::new(cargo);
    command.args(["metadata", "--locked", "--format-version", "1"]).arg("--manifest-path").arg(manifest);
    if offline {
        command.arg("--offline");
    }
    if let Some(home) = home {
        command.env("CARGO_HOME", home);
    }
    // The folder decides which .cargo/config.toml is read: it must be that of the workspace.
    if let Some(folder) = manifest.parent() {
        command.current_dir(folder);
    }
    let output = command.output().map_err(|e| format!("`{}` could not be started: {e}", cargo.to_string_lossy()))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    include_folder(&output.stdout)
}

/// The include folder that an answer of `cargo metadata` names, if it is there.
pub fn include_folder(metadata: &[u8]) -> Result<PathBuf, String> {
    let value: serde_json::Value = serde_json::from_slice(metadata).map_err(|e| format!("`cargo metadata` answered no JSON: {e}"))?;
    let is_ours = |p: &&serde_json::Value| p["name"] == PACKAGE.0 && p["version"] == PACKAGE.1;
    let package = value["packages"].as_array().into_iter().flatten().find(is_ours);
    let manifest = package.and_then(|p| p["manifest_path"].as_str()).ok_or("`cargo metadata` does not name the package")?;
    let folder = Path::new(manifest).with_file_name("openfx").join("include");
    if folder.join("ofxCore.h").is_file() { Ok(folder) } else { Err(format!("{} does not hold ofxCore.h", folder.display())) }
}
