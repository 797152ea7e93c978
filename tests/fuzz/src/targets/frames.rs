//! EXR files: a frame of a take that is not what it should be.

use std::path::{Path, PathBuf};

use super::Target;
use super::take::Shelf;

/// See the module.
pub struct Frames {
    shelf: Shelf,
    path: PathBuf,
    honest: Vec<u8>,
}

impl Frames {
    /// A store with one honest take.
    pub fn new(scratch: &Path) -> Self {
        let shelf = Shelf::new(scratch);
        let path = shelf.folder.join(takes::FRAMES).join(takes::frame_name(shot::FrameIndex(86_400)));
        let honest = std::fs::read(&path).expect("the frame was just written");
        Self { shelf, path, honest }
    }
}

impl Target for Frames {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.honest.clone(), self.honest.iter().take(200).copied().collect(), Vec::new()]
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "channels\0chlist\0",
            "compression\0compression\0",
            "dataWindow\0box2i\0",
            "displayWindow\0box2i\0",
            "lineOrder\0lineOrder\0",
            "pixelAspectRatio\0float\0",
            "tiles\0tiledesc\0",
            "A\0",
            "B\0",
            "G\0",
            "R\0",
            "Y\0",
            "\0\0\0\0",
            "\u{7f}",
            "name\0string\0",
            "chromaticities\0chromaticities\0",
            "timeCode\0timecode\0",
            "framesPerSecond\0rational\0",
        ]
    }

    fn run(&mut self, input: &[u8]) -> String {
        std::fs::write(&self.path, input).expect("the frame can be written");
        let tagged = takes::exr::read_tagged(&self.path).map_or_else(|e| e.to_string(), |_| "read".into());
        format!("{} {}", tagged.replace(&*self.path.to_string_lossy(), ""), self.shelf.read())
    }
}
