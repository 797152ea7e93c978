//! `pickup retake`: a span inside a shot again, picture, sound or both.

use shot::request::Keep;
use shot::{Cancel, Code, Fault, Request, Side, SoundMode, Task};

use crate::bridge::SIDE_FRAMES;
use crate::cli::{KeepArg, Retake};
use crate::deliver;
use crate::place::{self, Known};
use crate::shoot::{self, Shoot};
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Retake, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let known = Known::probe(&place.tools, &args.clip.0, args.common.colour)?;
    let (whole, span) = (known.span()?, args.span);
    if span.start() < whole.start() || span.end() > whole.end() {
        return Err(Fault::new(
            Code::Argument,
            format!("the span {}-{} reaches beyond the clip's frames {}-{}", span.start().0, span.end().0, whole.start().0, whole.end().0),
            "give an in and out point inside the clip",
        ));
    }
    let keep = match args.keep {
        None => Keep::Nothing,
        Some(KeepArg::Picture) => Keep::Picture,
        Some(KeepArg::Sound) => Keep::Sound,
    };
    let frames = place::frames(crate::cli::Length { frames: u32::try_from(span.frames()).ok(), seconds: None }, known.info.rate)?;
    let colour = known.info.colour;
    let mut request = Request::new(Task::Retake { keep }, frames, known.info.rate, known.info.size);
    place::apply(&mut request, &args.common, 0);
    request.pixel_aspect = known.info.pixel_aspect;
    request.context.colour = colour;
    if keep == Keep::Sound && known.info.sound.is_none() {
        request.sound = SoundMode::None;
    }
    if whole.start() < span.start() {
        let from = whole.start().0.max(span.start().0 - SIDE_FRAMES);
        request.context.tail = Side { picture: Some(known.part(from, span.start().0, colour)?), sound: known.sound_before(span.start().0) };
    }
    if span.end() < whole.end() {
        let to = whole.end().0.min(span.end().0 + SIDE_FRAMES);
        request.context.head = Side { picture: Some(known.part(span.end().0, to, colour)?), sound: known.sound_after(span.end().0) };
    }
    if keep != Keep::Nothing {
        request.context.clip = Some(known.part(span.start().0, span.end().0, colour)?);
    }
    place::set_channels(&place.tools, &mut request)?;
    place::start(&mut request, None, Some((&known, span.start().0)))?;
    let shoot = Shoot { common: &args.common, out: &args.out, depth: deliver::depth(&known.info), before: None, after: None };
    shoot::run(&shoot, &place, request, teller, cancel).map(|_| ())
}
