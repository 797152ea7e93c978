//! take.json: what a share, another version or a hand has done to a manifest.

use std::path::Path;

use super::Target;
use super::take::Shelf;

/// See the module.
pub struct Manifests {
    shelf: Shelf,
    honest: Vec<u8>,
}

impl Manifests {
    /// A store with one honest take.
    pub fn new(scratch: &Path) -> Self {
        let shelf = Shelf::new(scratch);
        let honest = std::fs::read(shelf.folder.join(takes::MANIFEST)).expect("the manifest was just written");
        Self { shelf, honest }
    }
}

impl Target for Manifests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.honest.clone(), b"{}".to_vec(), b"{\"version\":99}".to_vec()]
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\"version\":",
            "\"frames\":",
            "\"first_frame\":",
            "\"handle_in\":",
            "\"handle_out\":",
            "\"samples\":",
            "\"size\":",
            "\"width\":",
            "\"height\":",
            "\"rate\":",
            "\"files\":",
            "\"../../x\"",
            "\"/etc/passwd\"",
            "\"notes\":",
            "\"figures\":",
            "\"\\u0000\"",
            "[[",
            "]]",
            "\"24000/1001\"",
            "\"0/0\"",
            "\"1/4294967295\"",
            "9007199254740993",
            "\"request\":",
            "\"provenance\":",
        ]
    }

    fn run(&mut self, input: &[u8]) -> String {
        let path = self.shelf.folder.join(takes::MANIFEST);
        std::fs::write(path, input).expect("the manifest can be written");
        self.shelf.read()
    }
}
