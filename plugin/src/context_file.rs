//! The context that a timeline script had the host render: `context.json` beside EXR frames and sound.
//!
//! The form is docs/context.schema.json, which the command line reads too. Names in it are relative to its folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use shot::{ClipRef, Code, ColourSpace, ColourStage, Fault, Rate, References, Request, Seconds, Side, Size, SoundRef, Timecode};

use crate::capture::Format;

/// A file that can be opened, by the absolute path that a parameter holds.
pub fn readable(text: &str, what: &str) -> Result<PathBuf, Fault> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err(Fault::new(
            Code::Argument,
            format!("{what} {text} is not an absolute path"),
            "choose the file with the host's file dialogue",
        ));
    }
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(e) => Err(Fault::new(Code::Input, format!("{what} {text} cannot be read ({e})"), "choose a file that is there")),
    }
}

/// What the file says.
#[derive(Debug, Deserialize)]
pub struct ContextFile {
    version: u32,
    /// Frames per second.
    pub rate: Rate,
    timecode: Option<String>,
    /// The timeline's picture size.
    pub size: Option<Size>,
    /// Width of a pixel over its height.
    pub pixel_aspect: Option<f64>,
    #[serde(default)]
    colour: ColourSpace,
    #[serde(default)]
    stage: ColourStage,
    #[serde(default)]
    tail: SideFile,
    #[serde(default)]
    head: SideFile,
    #[serde(default)]
    like: Vec<PathBuf>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
struct SideFile {
    frames: Option<PathBuf>,
    sound: Option<PathBuf>,
}

/// The version of context files that is read.
const CONTEXT_VERSION: u32 = 1;

/// Reads the file that a parameter names; `None` where it names none.
pub fn read(text: &str) -> Result<Option<ContextFile>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let path = readable(text, "the context file")?;
    let wrong = |why: String| Fault::new(Code::Input, format!("{text} {why}"), "have the timeline script write it again");
    let content = std::fs::read_to_string(&path).map_err(|e| wrong(format!("cannot be read ({e})")))?;
    let mut file: ContextFile = serde_json::from_str(&content).map_err(|e| wrong(format!("is not a context file ({e})")))?;
    if file.version != CONTEXT_VERSION {
        return Err(wrong(format!("has version {}, and this Pickup reads version {CONTEXT_VERSION}", file.version)));
    }
    file.folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Some(file))
}

impl ContextFile {
    /// The shape of the shot, where the file has one.
    pub fn format(&self) -> Option<Format> {
        let (size, pixel_aspect) = (self.size?, self.pixel_aspect.unwrap_or(1.0));
        let region = host_sys::RectD::new(0.0, 0.0, f64::from(size.width) * pixel_aspect, f64::from(size.height));
        Some(Format { region, size, pixel_aspect, rate: self.rate })
    }

    /// Puts the file's context into a request; `colour` is the editor's own word for its encoding.
    pub fn fill(&self, request: &mut Request, colour: Option<ColourSpace>) -> Result<(), Fault> {
        let clip = |path: &PathBuf| ClipRef { rate: Some(self.rate), ..ClipRef::whole(self.folder.join(path)) };
        let side = |s: &SideFile| Side {
            picture: s.frames.as_ref().map(clip),
            sound: s.sound.as_ref().map(|p| SoundRef { path: self.folder.join(p), start: Seconds(0.0), length: None }),
        };
        let (still, keyframes) = (request.context.still.take(), std::mem::take(&mut request.context.keyframes));
        request.context = References {
            tail: side(&self.tail),
            head: side(&self.head),
            clip: None,
            like: self.like.iter().map(clip).collect(),
            still,
            latents: None,
            keyframes,
            colour: colour.unwrap_or(self.colour),
            stage: self.stage,
        };
        if let Some(text) = &self.timecode {
            let timecode = Timecode::parse(text, self.rate)?;
            request.start = timecode.frame;
            request.drop_frame = timecode.drop;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shot::{FrameIndex, Task};

    use super::*;

    #[test]
    fn a_context_file_names_files_beside_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context.json");
        let text = r#"{"version":1,"rate":"24000/1001","timecode":"01:00:00:00","size":{"width":64,"height":36},
            "tail":{"frames":"tail.%06d.exr","sound":"tail.wav"},"head":{"frames":"/abs/head.%06d.exr"},"colour":"aces-cg"}"#;
        std::fs::write(&path, text).unwrap();
        let file = read(path.to_str().unwrap()).unwrap().unwrap();
        let format = file.format().unwrap();
        let mut request = Request::new(Task::Bridge, 8, format.rate, format.size);
        file.fill(&mut request, None).unwrap();
        let refs = &request.context;
        assert_eq!(refs.tail.picture.as_ref().unwrap().path, folder.path().join("tail.%06d.exr"));
        assert_eq!(refs.head.picture.as_ref().unwrap().path, Path::new("/abs/head.%06d.exr"));
        assert_eq!(refs.tail.sound.as_ref().unwrap().path, folder.path().join("tail.wav"));
        assert_eq!((refs.colour, request.start), (ColourSpace::AcesCg, FrameIndex(86_400)));
        file.fill(&mut request, Some(ColourSpace::Srgb)).unwrap();
        assert_eq!(request.context.colour, ColourSpace::Srgb, "the editor goes before the file");
    }

    #[test]
    fn a_context_file_that_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context.json");
        let name = path.to_str().unwrap();
        assert!(read("  ").unwrap().is_none());
        assert_eq!(read("context.json").unwrap_err().code, Code::Argument);
        assert_eq!(read(name).unwrap_err().code, Code::Input);
        for (text, word) in [("{", "not a context file"), (r#"{"version":9,"rate":"24"}"#, "version 9"), (r#"{"version":1}"#, "rate")] {
            std::fs::write(&path, text).unwrap();
            let fault = read(name).unwrap_err();
            assert!(fault.what.contains(word), "{}", fault.what);
        }
    }
}
