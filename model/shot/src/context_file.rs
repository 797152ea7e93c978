//! `context.json`: the context that a timeline script had the host render, beside EXR frames and sound. The form is
//! docs/context.schema.json. This is the one place that reads it; opening the file is its caller's.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::colour::{ColourSpace, ColourStage};
use crate::context::{ClipRef, References, Side, SoundRef};
use crate::fault::{Code, Fault};
use crate::picture::Size;
use crate::request::Request;
use crate::timecode::Timecode;
use crate::units::{Rate, Seconds};

/// The version of context files that is read.
const VERSION: u32 = 1;

/// What a context file says. Names in it are relative to its folder.
#[derive(Clone, Debug, Deserialize)]
pub struct ContextFile {
    version: u32,
    /// Frames per second.
    pub rate: Rate,
    /// Record timecode of the first frame of the hole.
    timecode: Option<String>,
    /// The timeline's picture size; without one that of the frames counts.
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

#[derive(Clone, Debug, Default, Deserialize)]
struct SideFile {
    frames: Option<PathBuf>,
    sound: Option<PathBuf>,
}

impl ContextFile {
    /// Understands the text of a file that lies at `path`, which is absolute.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new(Code::Input, format!("{} {why}", path.display()), "have the timeline script write it again");
        let mut file: Self = serde_json::from_str(text).map_err(|e| wrong(format!("is not a context file ({e})")))?;
        if file.version != VERSION {
            return Err(wrong(format!("has version {}, and this Pickup reads version {VERSION}", file.version)));
        }
        file.folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(file)
    }

    /// The first clip that it names: its frames tell a size where the file tells none.
    pub fn first_clip(&self) -> Option<ClipRef> {
        let sides = self.tail.frames.iter().chain(&self.head.frames);
        sides.chain(&self.like).next().map(|path| self.clip(path))
    }

    fn clip(&self, path: &Path) -> ClipRef {
        ClipRef { rate: Some(self.rate), ..ClipRef::whole(self.folder.join(path)) }
    }

    fn side(&self, side: &SideFile) -> Side {
        let sound = side.sound.as_ref();
        Side {
            picture: side.frames.as_ref().map(|path| self.clip(path)),
            sound: sound.map(|p| SoundRef { path: self.folder.join(p), start: Seconds(0.0), length: None }),
        }
    }

    /// Puts the file's context into a request, and its record timecode where it has one. Stills of the request stay; `colour` is
    /// the editor's own word for the encoding, which goes before the file's.
    pub fn fill(&self, request: &mut Request, colour: Option<ColourSpace>) -> Result<(), Fault> {
        let old = std::mem::take(&mut request.context);
        request.context = References {
            tail: self.side(&self.tail),
            head: self.side(&self.head),
            like: self.like.iter().map(|path| self.clip(path)).collect(),
            still: old.still,
            keyframes: old.keyframes,
            colour: colour.unwrap_or(self.colour),
            stage: self.stage,
            ..References::default()
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
    use super::*;
    use crate::request::Task;
    use crate::units::FrameIndex;

    const PATH: &str = "/show/context/context.json";

    #[test]
    fn a_context_file_names_files_beside_itself() {
        let text = r#"{"version":1,"rate":"24000/1001","timecode":"01:00:00:00","size":{"width":64,"height":36},
            "tail":{"frames":"tail.%06d.exr","sound":"tail.wav"},"head":{"frames":"/abs/head.%06d.exr"},"colour":"aces-cg"}"#;
        let file = ContextFile::parse(text, Path::new(PATH)).unwrap();
        let mut request = Request::new(Task::Bridge, 8, file.rate, file.size.unwrap());
        request.context.still = Some("/stills/a.png".into());
        file.fill(&mut request, None).unwrap();
        let refs = &request.context;
        assert_eq!(refs.tail.picture.as_ref().unwrap().path, Path::new("/show/context/tail.%06d.exr"));
        assert_eq!(refs.head.picture.as_ref().unwrap().path, Path::new("/abs/head.%06d.exr"));
        assert_eq!(refs.tail.sound.as_ref().unwrap().path, Path::new("/show/context/tail.wav"));
        assert_eq!((refs.colour, request.start), (ColourSpace::AcesCg, FrameIndex(86_400)));
        assert_eq!(refs.still.as_deref(), Some(Path::new("/stills/a.png")), "the editor's still stays");
        assert_eq!(file.first_clip().unwrap().path, Path::new("/show/context/tail.%06d.exr"));
        file.fill(&mut request, Some(ColourSpace::Srgb)).unwrap();
        assert_eq!(request.context.colour, ColourSpace::Srgb, "the editor goes before the file");
    }

    #[test]
    fn a_context_file_that_cannot_be_used_says_why() {
        for (text, word) in [("{", "not a context file"), (r#"{"version":9,"rate":"24"}"#, "version 9"), (r#"{"version":1}"#, "rate")] {
            let fault = ContextFile::parse(text, Path::new(PATH)).unwrap_err();
            assert!(fault.code == Code::Input && fault.what.contains(word), "{}", fault.what);
        }
    }
}
