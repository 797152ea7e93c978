//! `pickup extend`: more of a shot after its last frame or before its first.

use shot::request::End;
use shot::{Cancel, Fault, FrameIndex, Request, Side, Task};

use crate::cli::{EndArg, Extend};
use crate::deliver::{self, Neighbour};
use crate::insert::HANDLES;
use crate::place::{self, Known};
use crate::shoot::{self, Shoot};
use crate::tell::Teller;

/// Frames of the shot that an extension may look through for a loop.
const LOOP_FRAMES: i64 = 100;

/// Runs the command.
pub fn run(args: &Extend, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let known = Known::probe(&place.tools, &args.clip.0, args.common.colour)?;
    let frames = place::frames(args.length, known.info.rate)?;
    let at = match args.at {
        EndArg::Tail => End::Tail,
        EndArg::Head => End::Head,
    };
    let mut request = Request::new(Task::Extend { at }, frames, known.info.rate, known.info.size);
    place::apply(&mut request, &args.common, HANDLES);
    request.pixel_aspect = known.info.pixel_aspect;
    request.context.colour = known.info.colour;
    let span = known.span()?;
    let (start, end) = (span.start().0, span.end().0);
    match at {
        End::Tail => {
            request.context.tail =
                Side { picture: Some(known.part(start.max(end - LOOP_FRAMES), end, known.info.colour)?), sound: known.sound_before(end) };
            place::start(&mut request, None, Some((&known, end)))?;
        }
        End::Head => {
            request.context.head = Side {
                picture: Some(known.part(start, end.min(start + LOOP_FRAMES), known.info.colour)?),
                sound: known.sound_after(start),
            };
            place::start(&mut request, None, Some((&known, start)))?;
            request.start = FrameIndex(request.start.0 - i64::from(frames));
        }
    }
    place::set_channels(&place.tools, &mut request)?;
    let (mut before, mut after) = (None, None);
    if args.with_neighbours {
        match at {
            End::Tail => before = Some(Neighbour::of(&place.tools, &known, &request, request.start.0 - span.frames())?),
            End::Head => after = Some(Neighbour::of(&place.tools, &known, &request, request.start.0 + i64::from(frames))?),
        }
    }
    let shoot = Shoot { common: &args.common, out: &args.out, depth: deliver::depth(&known.info), before, after };
    shoot::run(&shoot, &place, request, teller, cancel).map(|_| ())
}
