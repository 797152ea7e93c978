//! `pickup bridge`: motion runs from the last frame before a hole to the first after it.

use std::path::Path;

use shot::{Cancel, Code, Fault, Request, Side, Task};

use crate::cli::{Bridge, Common};
use crate::deliver::{self, Neighbour};
use crate::job::Place;
use crate::place::{self, Known};
use crate::shoot::{self, Shoot};
use crate::tell::Teller;

/// Frames of each neighbour that an engine may see.
pub const SIDE_FRAMES: i64 = 32;

/// Runs the command.
pub fn run(args: &Bridge, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    if let Some(file) = &args.common.context {
        let request = crate::context_file::request(&place.tools, file, Task::Bridge, args.length, &args.common)?;
        let shoot = Shoot { common: &args.common, out: &args.out, depth: media::Depth::Sixteen, before: None, after: None };
        let take = shoot::run(&shoot, &place, request, teller, cancel)?;
        return seams(args.seams.as_deref(), &place, &take);
    }
    let (Some(tail), Some(head)) = (&args.tail, &args.head) else {
        return Err(Fault::new(
            Code::Argument,
            "a bridge needs what stands before and after the hole",
            "give --tail and --head, or --context",
        ));
    };
    let tail = Known::probe(&place.tools, &tail.0, args.common.colour)?;
    let head = Known::probe(&place.tools, &head.0, args.common.colour)?;
    let frames = place::frames(args.length, tail.info.rate)?;
    let mut request = between(&tail, &head, frames, &args.common)?;
    place::set_channels(&place.tools, &mut request)?;
    place::start(&mut request, args.start.as_deref(), Some((&tail, tail.span()?.end().0)))?;
    let neighbour = |known: &Known, start| args.with_neighbours.then(|| Neighbour::of(&place.tools, known, &request, start)).transpose();
    let before = neighbour(&tail, request.start.0 - tail.span()?.frames())?;
    let after = neighbour(&head, request.start.0 + i64::from(frames))?;
    let shoot = Shoot { common: &args.common, out: &args.out, depth: deliver::depth(&tail.info), before, after };
    let take = shoot::run(&shoot, &place, request, teller, cancel)?;
    seams(args.seams.as_deref(), &place, &take)
}

/// A bridge between the end of one clip and the beginning of another.
pub fn between(tail: &Known, head: &Known, frames: u32, common: &Common) -> Result<Request, Fault> {
    let mut request = Request::new(Task::Bridge, frames, tail.info.rate, tail.info.size);
    place::apply(&mut request, common, 0);
    request.pixel_aspect = tail.info.pixel_aspect;
    let colour = tail.info.colour;
    request.context.colour = colour;
    let (before, after) = (tail.span()?, head.span()?);
    request.context.tail = Side {
        picture: Some(tail.part(before.start().0.max(before.end().0 - SIDE_FRAMES), before.end().0, colour)?),
        sound: tail.sound_before(before.end().0),
    };
    request.context.head = Side {
        picture: Some(head.part(after.start().0, after.end().0.min(after.start().0 + SIDE_FRAMES), colour)?),
        sound: head.sound_after(after.start().0),
    };
    Ok(request)
}

fn seams(path: Option<&Path>, place: &Place, take: &takes::Stored) -> Result<(), Fault> {
    path.map_or(Ok(()), |path| crate::strip::write(path, &place.tools, take))
}
