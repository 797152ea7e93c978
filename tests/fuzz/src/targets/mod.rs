//! What is fuzzed, one file each.

use std::io;
use std::path::{Path, PathBuf};

use test_host::Bundle;

mod client;
mod context;
mod frames;
mod images;
mod manifests;
mod plugin;
mod properties;
mod server;
mod take;

/// All targets.
pub const NAMES: [&str; 7] = ["properties", "images", "manifests", "frames", "client", "server", "context"];

/// Targets that load the bundle.
const IN_A_HOST: [&str; 3] = ["properties", "images", "context"];

/// A border of Pickup that takes any bytes.
pub trait Target {
    /// Inputs to begin with; at least one.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Words of its format.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// Runs spent on making a new input smaller.
    fn patience(&self) -> u32 {
        200
    }

    /// Tries an input and says how it behaved. Panics when a rule was broken.
    fn run(&mut self, input: &[u8]) -> String;
}

/// A target by name, with a folder for its scratch files.
pub fn open(name: &str, scratch: &Path) -> Option<Box<dyn Target>> {
    Some(match name {
        "properties" => Box::new(properties::Properties::new(scratch)),
        "images" => Box::new(images::Images::new(scratch)),
        "manifests" => Box::new(manifests::Manifests::new(scratch)),
        "frames" => Box::new(frames::Frames::new(scratch)),
        "client" => Box::new(client::ClientSide::new(scratch)),
        "server" => Box::new(server::ServerSide),
        "context" => Box::new(context::ContextFiles::new(scratch)),
        _ => return None,
    })
}

/// For targets that load the bundle: a copy of it without its worker, so that no process is started.
pub fn bundle(name: &str, scratch: &Path) -> Option<io::Result<PathBuf>> {
    IN_A_HOST.contains(&name).then(|| {
        let root = scratch.join("Pickup.ofx.bundle");
        let bundle = Bundle::built().copied_to(&root)?;
        std::fs::remove_file(bundle.worker())?;
        Ok(root)
    })
}
