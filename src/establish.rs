//! `pickup establish`: a place from a prompt and, if given, a still; or every shot of a storyboard.

use shot::{Cancel, ColourSpace, Fault, Request, Task};

use crate::cli::{Establish, Length};
use crate::insert::HANDLES;
use crate::place;
use crate::shoot::{self, Shoot};
use crate::storyboard;
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Establish, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let given = match (args.frames, args.seconds) {
        (None, None) => None,
        (frames, seconds) => Some(place::frames(Length { frames, seconds }, args.rate)?),
    };
    let board = args.common.storyboard.as_ref();
    let rows = board.map(|b| storyboard::rows(b, args.rate, given)).transpose()?.unwrap_or_default();
    let frames = given.or(rows.first().map(storyboard::Rows::frames)).unwrap_or(1);
    let mut request = Request::new(Task::Establish, frames, args.rate, args.size);
    place::apply(&mut request, &args.common, HANDLES);
    request.context.colour = args.common.colour.unwrap_or(ColourSpace::Rec709);
    request.context.still = args.image.as_deref().map(place::absolute).transpose()?;
    place::start(&mut request, None, None)?;
    if let (Some(board), 2..) = (board, rows.len()) {
        return storyboard::all(rows, board, &args.out, &place, (&request, &args.common), (teller, cancel));
    }
    let shoot = Shoot { common: &args.common, out: &args.out, depth: media::Depth::Sixteen, before: None, after: None };
    shoot::run(&shoot, &place, request, teller, cancel).map(|_| ())
}
