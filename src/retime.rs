//! `pickup retime`: a shot slower or faster. It is a change of a clip, not a shot of its own: frames stream to OUT, no take is kept.

use shot::{Cancel, Code, Context, Fault, Figure, Picture, Request, Sink, Sound, SoundMode, Stage, Task};

use crate::cli::Retime;
use crate::deliver;
use crate::engines;
use crate::job::Watch;
use crate::place::{self, Known};
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Retime, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let tools = media::Tools::find()?;
    let clip = shot::ClipRef { rate: args.rate, ..args.clip.0.clone() };
    let known = Known::probe(&tools, &clip, args.common.colour)?;
    let request = request(args, &known)?;
    request.check()?;
    let engine = engines::choose(&request)?;
    let span = known.span()?;
    let clip = tools.open(&known.part(span.start().0, span.end().0, known.info.colour)?, &media::Conform::default())?;
    let spec = media::DeliverySpec {
        size: request.size,
        rate: request.rate,
        start: request.start,
        drop_frame: request.drop_frame,
        colour: request.context.colour,
        pixel_aspect: request.pixel_aspect,
        format: deliver::format(args.common.format),
        depth: deliver::depth(&known.info),
        alpha: known.info.has_alpha,
        description: format!("Pickup {}: retime {}/{}, engine {}", env!("CARGO_PKG_VERSION"), args.factor.num, args.factor.den, engine.name()),
        source_type: Some(shot::take::SourceType::CompositeSynthetic),
    };
    let delivery = media::Delivery::create(&tools, &args.out, &spec)?;
    let mut stream = Stream { delivery, count: 0, teller, cancel };
    let context = Context { clip: Some(&clip), ..Context::default() };
    engine.generate(&request, &context, &mut stream)?;
    if stream.count != request.total_frames() {
        return Err(Fault::new(
            Code::Engine,
            format!("the engine made {} frames of {}", stream.count, request.total_frames()),
            "nothing was written; report it with the clip",
        ));
    }
    stream.delivery.finish()?;
    teller.output(&place::absolute(&args.out)?);
    Ok(())
}

fn request(args: &Retime, known: &Known) -> Result<Request, Fault> {
    let (num, den) = (args.factor.num, args.factor.den);
    // Made frame i shows the clip at i·den/num; the last one lies at or before the clip's last frame.
    let frames = (known.span()?.frames() - 1) * i64::from(num) / i64::from(den) + 1;
    let frames = u32::try_from(frames).ok().filter(|n| *n <= shot::request::MAX_FRAMES).ok_or_else(|| {
        Fault::new(Code::Argument, format!("a retime to {frames} frames is longer than an hour"), "give a shorter span or a smaller factor")
    })?;
    let mut request = Request::new(Task::Retime { num, den }, frames, known.info.rate, known.info.size);
    place::apply(&mut request, &args.common, 0);
    request.pixel_aspect = known.info.pixel_aspect;
    request.context.colour = known.info.colour;
    request.context.clip = Some(known.clip.clone());
    // Sound at another speed is another sound: no editor wants it by surprise.
    request.sound = SoundMode::None;
    place::start(&mut request, None, Some((known, known.span()?.start().0)))?;
    Ok(request)
}

struct Stream<'a> {
    delivery: media::Delivery,
    count: u32,
    teller: &'a mut Teller,
    cancel: &'a Cancel,
}

impl Sink for Stream<'_> {
    fn picture(&mut self, picture: Picture) -> Result<(), Fault> {
        self.cancel.check()?;
        self.count += 1;
        Ok(self.delivery.picture(&picture)?)
    }

    fn sound(&mut self, _: Sound) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, stage: Stage, done: u64, of: u64) -> Result<(), Fault> {
        self.cancel.check()?;
        self.teller.progress(stage, done, of);
        Ok(())
    }

    fn card(&mut self) {}

    fn figure(&mut self, figure: Figure) {
        self.teller.fact("figure", serde_json::json!(figure));
    }

    fn note(&mut self, note: String) {
        self.teller.note(&note);
    }
}
