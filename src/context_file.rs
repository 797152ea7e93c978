//! `--context FILE`: the context that a timeline script had the host render, as `context.json` beside EXR frames and PCM sound.
//! The schema is docs/context.schema.json.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use shot::{ClipRef, Code, ColourSpace, ColourStage, Fault, Rate, Request, Seconds, Side, Size, SoundRef, Task, Timecode};

use crate::cli::{Common, Length};
use crate::place;

/// The file's version.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
struct ContextFile {
    version: u32,
    rate: Rate,
    /// Record timecode of the first frame of the hole.
    #[serde(default)]
    timecode: Option<String>,
    /// The timeline's picture size; else that of the frames.
    #[serde(default)]
    size: Option<Size>,
    #[serde(default)]
    pixel_aspect: Option<f64>,
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
}

#[derive(Debug, Default, Deserialize)]
struct SideFile {
    #[serde(default)]
    frames: Option<PathBuf>,
    #[serde(default)]
    sound: Option<PathBuf>,
}

/// A request whose context comes from such a file. Names in it are relative to its folder.
pub fn request(tools: &media::Tools, file: &Path, task: Task, length: Length, common: &Common) -> Result<Request, Fault> {
    let file = place::absolute(file)?;
    let text = std::fs::read_to_string(&file).map_err(|e| {
        Fault::new(Code::Input, format!("{} cannot be read: {e}", file.display()), "give the context.json that the timeline script wrote")
    })?;
    let context: ContextFile = serde_json::from_str(&text).map_err(|e| {
        Fault::new(
            Code::Input,
            format!("{} is not a context file: {e}", file.display()),
            "see docs/context.schema.json, or have the script write it again",
        )
    })?;
    if context.version != VERSION {
        return Err(Fault::new(
            Code::Input,
            format!("{} has version {}, this Pickup reads version {VERSION}", file.display(), context.version),
            "install the scripts and the program from one release",
        ));
    }
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    let clip = |path: &PathBuf| ClipRef { rate: Some(context.rate), ..ClipRef::whole(folder.join(path)) };
    let side = |side: &SideFile| Side {
        picture: side.frames.as_ref().map(clip),
        sound: side.sound.as_ref().map(|s| SoundRef { path: folder.join(s), start: Seconds(0.0), length: None }),
    };
    let (tail, head) = (side(&context.tail), side(&context.head));
    let like: Vec<ClipRef> = context.like.iter().map(clip).collect();
    let any = tail.picture.iter().chain(&head.picture).chain(&like).next();
    let size = match (context.size, any) {
        (Some(size), _) => size,
        (None, Some(clip)) => tools.probe(clip)?.size,
        (None, None) => {
            return Err(Fault::new(
                Code::Input,
                format!("{} names no frames and no size", file.display()),
                "add tail.frames, head.frames or size",
            ));
        }
    };
    let mut request = Request::new(task, place::frames(length, context.rate)?, context.rate, size);
    place::apply(&mut request, common, if matches!(task, Task::Bridge) { 0 } else { crate::insert::HANDLES });
    request.pixel_aspect = context.pixel_aspect.unwrap_or(1.0);
    request.context.colour = common.colour.unwrap_or(context.colour);
    request.context.stage = context.stage;
    request.context.tail = tail;
    request.context.head = head;
    request.context.like = like;
    place::set_channels(tools, &mut request)?;
    request.start = place::first_hour(context.rate);
    if let Some(text) = &context.timecode {
        let tc = Timecode::parse(text, context.rate)?;
        request.start = tc.frame;
        request.drop_frame = tc.drop;
    }
    Ok(request)
}
