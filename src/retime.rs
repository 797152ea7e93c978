//! `pickup retime`: a shot slower or faster. It is a change of a clip, not a shot of its own: frames stream to OUT, no take is kept.

use shot::{Cancel, Code, Context, Fault, Figure, Picture, Rate, Request, Sink, Sound, SoundMode, SoundRef, Stage, Task};

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
    let plan = Plan::new(args, &known)?;
    let request = plan.request(args, &known)?;
    request.check()?;
    let engine = engines::choose(&request, &args.common.model)?;
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
        description: format!("Pickup {}: retime {}/{}, engine {}", env!("CARGO_PKG_VERSION"), plan.num, plan.den, engine.name()),
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
    if let Some(sound) = plan.sound(&tools, &request, &known)? {
        stream.delivery.sound(&sound)?;
    }
    stream.delivery.finish()?;
    teller.output(&place::absolute(&args.out)?);
    Ok(())
}

/// How fast and at which rate.
struct Plan {
    /// Made frames …
    num: u32,
    /// … for so many of the clip.
    den: u32,
    /// The rate of what is made.
    rate: Rate,
    /// Whether a second stays a second, so that the sound is still right.
    same_speed: bool,
}

impl Plan {
    fn new(args: &Retime, known: &Known) -> Result<Self, Fault> {
        let from = known.info.rate;
        if let Some(factor) = args.factor {
            return Ok(Self { num: factor.num, den: factor.den, rate: from, same_speed: factor.num == factor.den });
        }
        let to =
            args.to_rate.ok_or_else(|| Fault::new(Code::Argument, "a retime needs a speed or a rate", "give --factor or --to-rate"))?;
        if !known.info.rate_is_known && args.rate.is_none() {
            return Err(Fault::new(
                Code::Argument,
                format!("{} does not say its rate", known.clip.path.display()),
                "give --rate, the frames per second of the sequence",
            ));
        }
        let (num, den) = (u64::from(to.num()) * u64::from(from.den()), u64::from(to.den()) * u64::from(from.num()));
        let shared = gcd(num, den);
        let fits = |n: u64| u32::try_from(n / shared).map_err(|_| Fault::internal(format!("no factor leads from {from} to {to}")));
        Ok(Self { num: fits(num)?, den: fits(den)?, rate: to, same_speed: true })
    }

    fn request(&self, args: &Retime, known: &Known) -> Result<Request, Fault> {
        // Made frame i shows the clip at i·den/num; the last one lies at or before the clip's last frame.
        let frames = (known.span()?.frames() - 1) * i64::from(self.num) / i64::from(self.den) + 1;
        let frames = u32::try_from(frames).ok().filter(|n| *n <= shot::request::MAX_FRAMES).ok_or_else(|| {
            Fault::new(
                Code::Argument,
                format!("a retime to {frames} frames is longer than an hour"),
                "give a shorter span or a smaller factor",
            )
        })?;
        let mut request = Request::new(Task::Retime { num: self.num, den: self.den }, frames, self.rate, known.info.size);
        place::apply(&mut request, &args.common, 0);
        request.pixel_aspect = known.info.pixel_aspect;
        request.context.colour = known.info.colour;
        request.context.clip = Some(known.clip.clone());
        place::start(&mut request, None, Some((known, known.span()?.start().0)))?;
        Ok(request)
    }

    /// The clip's own sound, where it is still right: sound at another speed is another sound, and no editor wants that by surprise.
    fn sound(&self, tools: &media::Tools, request: &Request, known: &Known) -> Result<Option<Sound>, Fault> {
        if !self.same_speed || request.sound == SoundMode::None || known.info.sound.is_none() {
            return Ok(None);
        }
        let span = known.span()?;
        let from = SoundRef {
            path: known.clip.path.clone(),
            start: known.info.rate.seconds(span.start().0),
            length: Some(request.rate.seconds(i64::from(request.frames))),
        };
        let Some(sound) = tools.sound(&from)? else { return Ok(None) };
        let sound = sound::conform(&sound, shot::SAMPLE_RATE, sound.channels().len())?;
        let mut channels = sound.into_channels();
        channels.iter_mut().for_each(|c| c.resize(request.total_samples().0.max(0) as usize, 0.0));
        Ok(Some(Sound::new(shot::SAMPLE_RATE, channels)?))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
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
