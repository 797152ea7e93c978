//! `--context FILE`: the context that a timeline script had the host render, as `context.json` beside EXR frames and PCM sound.

use std::path::Path;

use shot::{Code, ContextFile, Fault, Request, Task};

use crate::cli::{Common, Length};
use crate::place;

/// A request whose context comes from such a file. Names in it are relative to its folder.
pub fn request(tools: &media::Tools, file: &Path, task: Task, length: Length, common: &Common) -> Result<Request, Fault> {
    let path = place::absolute(file)?;
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Fault::new(Code::Input, format!("{} cannot be read: {e}", path.display()), "give the context.json that the timeline script wrote")
    })?;
    let context = ContextFile::parse(&text, &path)?;
    let size = match (context.size, context.first_clip()) {
        (Some(size), _) => size,
        (None, Some(clip)) => tools.probe(&clip)?.size,
        (None, None) => {
            return Err(Fault::new(
                Code::Input,
                format!("{} names no frames and no size", path.display()),
                "add tail.frames, head.frames or size",
            ));
        }
    };
    let mut request = Request::new(task, place::frames(length, context.rate)?, context.rate, size);
    place::apply(&mut request, common, if matches!(task, Task::Bridge) { 0 } else { crate::insert::HANDLES });
    request.pixel_aspect = context.pixel_aspect.unwrap_or(1.0);
    request.start = place::first_hour(context.rate);
    context.fill(&mut request, common.colour)?;
    place::set_channels(tools, &mut request)?;
    Ok(request)
}
