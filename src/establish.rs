//! `pickup establish`: a place from a prompt and, if given, a still.

use shot::{Cancel, ColourSpace, Fault, Request, Task};

use crate::cli::Establish;
use crate::insert::HANDLES;
use crate::place;
use crate::shoot::{self, Shoot};
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Establish, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let mut request = Request::new(Task::Establish, place::frames(args.length, args.rate)?, args.rate, args.size);
    place::apply(&mut request, &args.common, HANDLES);
    request.context.colour = args.common.colour.unwrap_or(ColourSpace::Rec709);
    request.context.still = args.image.as_deref().map(place::absolute).transpose()?;
    place::start(&mut request, None, None)?;
    let shoot = Shoot { common: &args.common, out: &args.out, depth: media::Depth::Sixteen, before: None, after: None };
    shoot::run(&shoot, &place, request, teller, cancel).map(|_| ())
}
