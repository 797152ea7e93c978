//! `pickup insert`: a new shot that cuts in and out, in the look and sound of its neighbours.

use shot::{Cancel, Code, Fault, Request, Task, Timecode};

use crate::cli::Insert;
use crate::deliver;
use crate::job::Place;
use crate::place::{self, Known};
use crate::shoot::{self, Shoot};
use crate::tell::Teller;

/// Handle frames of a shot that cuts, unless others are asked for.
pub const HANDLES: u32 = 24;

/// Runs the command.
pub fn run(args: &Insert, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let (mut request, depth) = match (&args.cut, &args.at, &args.common.context) {
        (Some(cut), Some(at), _) => at_timecode(args, cut, at, &place)?,
        (_, _, Some(file)) => {
            (crate::context_file::request(&place.tools, file, Task::Insert, args.length, &args.common)?, media::Depth::Sixteen)
        }
        _ => like(args, &place)?,
    };
    place::set_channels(&place.tools, &mut request)?;
    request.context.still = args.image.as_deref().map(place::absolute).transpose()?;
    let shoot = Shoot { common: &args.common, out: &args.out, depth, before: None, after: None };
    shoot::run(&shoot, &place, request, teller, cancel).map(|_| ())
}

fn like(args: &Insert, place: &Place) -> Result<(Request, media::Depth), Fault> {
    let known: Vec<Known> = args.like.iter().map(|c| Known::probe(&place.tools, &c.0, args.common.colour)).collect::<Result<_, _>>()?;
    let Some(first) = known.first() else {
        return Err(Fault::new(Code::Argument, "an insert needs a shot to be like", "give --like CLIP, or a cut and --at"));
    };
    Ok((beside(&known, first, place::frames(args.length, first.info.rate)?, args)?, deliver::depth(&first.info)))
}

/// A shot that takes after `known`, on the timeline of `first`.
fn beside(known: &[Known], first: &Known, frames: u32, args: &Insert) -> Result<Request, Fault> {
    let mut request = Request::new(Task::Insert, frames, first.info.rate, first.info.size);
    place::apply(&mut request, &args.common, HANDLES);
    request.pixel_aspect = first.info.pixel_aspect;
    request.context.colour = first.info.colour;
    place::start(&mut request, None, None)?;
    for k in known {
        let span = k.span()?;
        request.context.like.push(k.part(span.start().0, span.end().0, first.info.colour)?);
    }
    if let Some(last) = known.first() {
        request.context.tail.sound = last.sound_before(last.span()?.end().0);
    }
    if let Some(next) = known.get(1) {
        request.context.head.sound = next.sound_after(next.span()?.start().0);
    }
    Ok(request)
}

fn at_timecode(args: &Insert, cut: &std::path::Path, at: &str, place: &Place) -> Result<(Request, media::Depth), Fault> {
    let cut = timeline::Cut::read(cut)?;
    let rate = cut.rate();
    let timecode = Timecode::parse(at, rate)?;
    let frames = place::frames(args.length, rate)?;
    let around = cut.around(timecode.frame)?;
    let sides = [&around.tail, &around.head];
    let known: Vec<Known> = sides
        .iter()
        .filter_map(|n| n.as_ref())
        .map(|n| Known::probe(&place.tools, &n.clip, args.common.colour))
        .collect::<Result<_, _>>()?;
    let Some(first) = known.first() else {
        return Err(Fault::new(Code::Input, format!("no shot stands at {at} or beside it"), "give a timecode inside the cut"));
    };
    let mut request = beside(&known, first, frames, args)?;
    request.context.tail.sound = around.tail_sound;
    request.context.head.sound = around.head_sound;
    request.rate = rate;
    request.start = timecode.frame;
    request.drop_frame = timecode.drop;
    Ok((request, deliver::depth(&first.info)))
}
