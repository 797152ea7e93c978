//! `pickup match`: the colour of a clip to that of a reference, and nothing else.

use std::sync::Arc;

use shot::{Cancel, Code, Fault, Frames, Picture, Stage};

use crate::cli::MatchColour;
use crate::job::Watch;
use crate::place::{self, Known};
use crate::tell::Teller;
use crate::{deliver, files};

/// Frames of each clip from which the change is estimated.
const SAMPLES: usize = 4;

/// Points along each side of the table that --lut writes.
const CUBE: usize = 33;

/// Runs the command.
pub fn run(args: &MatchColour, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    if !(0.0..=1.0).contains(&args.amount) {
        return Err(Fault::new(Code::Argument, format!("an amount of {} is outside 0 to 1", args.amount), "give --amount from 0 to 1"));
    }
    let tools = media::Tools::find()?;
    let reference = Known::probe(&tools, &args.reference.0, args.colour)?;
    let known = Known::probe(&tools, &args.clip.0, args.colour)?;
    let space = known.info.colour;
    let clip = open(&tools, &known)?;
    teller.progress(Stage::Context, 0, 1);
    let mut wanted = sample(&open(&tools, &reference)?)?;
    if reference.info.colour != space {
        wanted.iter_mut().for_each(|p| colour::convert(p.pixels_mut(), reference.info.colour, space));
    }
    let given = sample(&clip)?;
    let (given, wanted): (Vec<&Picture>, Vec<&Picture>) = (given.iter().collect(), wanted.iter().collect());
    let change = colour::Match::estimate(&given, &wanted, space).scaled(args.amount);
    teller.progress(Stage::Context, 1, 1);
    if change.is_identity() {
        teller.note("no difference of colour is certain, or only the exposure differs: nothing is changed");
    }
    tables(args, &change, teller)?;
    render(args, &tools, &known, &clip, &change, teller, cancel)?;
    teller.output(&place::absolute(&args.out)?);
    Ok(())
}

fn open(tools: &media::Tools, known: &Known) -> Result<media::Clip, Fault> {
    let span = known.span()?;
    Ok(tools.open(&known.part(span.start().0, span.end().0, known.info.colour)?, &media::Conform::default())?)
}

fn sample(clip: &media::Clip) -> Result<Vec<Picture>, Fault> {
    let n = clip.count().min(SAMPLES);
    (0..n)
        .map(|i| {
            let mut picture = Arc::unwrap_or_clone(clip.frame(i * clip.count() / n)?);
            picture.heal();
            Ok(picture)
        })
        .collect()
}

fn tables(args: &MatchColour, change: &colour::Match, teller: &mut Teller) -> Result<(), Fault> {
    if let Some(path) = &args.lut {
        files::write(path, change.to_cube(CUBE, "Pickup match").as_bytes())?;
    }
    if let Some(path) = &args.cdl {
        files::write(path, change.to_cdl().as_bytes())?;
        let off = change.cdl().mean_error;
        if off > 1.0 {
            teller.note(&format!(
                "the CDL cannot hold all of this change: it is off by ΔE {off:.1} on average; use the table (--lut) instead"
            ));
        }
    }
    Ok(())
}

fn render(
    args: &MatchColour,
    tools: &media::Tools,
    known: &Known,
    clip: &media::Clip,
    change: &colour::Match,
    teller: &mut Teller,
    cancel: &Cancel,
) -> Result<(), Fault> {
    let sound = match &known.info.sound {
        Some(_) => tools.sound(&shot::SoundRef {
            path: known.clip.path.clone(),
            start: known.info.rate.seconds(known.span()?.start().0),
            length: Some(known.info.rate.seconds(known.span()?.frames())),
        })?,
        None => None,
    };
    let spec = media::DeliverySpec {
        size: known.info.size,
        rate: known.info.rate,
        start: known.info.start_timecode.map_or(shot::FrameIndex(0), |tc| tc.frame),
        drop_frame: known.info.start_timecode.is_some_and(|tc| tc.drop),
        colour: known.info.colour,
        pixel_aspect: known.info.pixel_aspect,
        format: deliver::format(args.format),
        depth: deliver::depth(&known.info),
        alpha: known.info.has_alpha,
        description: format!("Pickup {}: colour matched to {}", env!("CARGO_PKG_VERSION"), args.reference.0.path.display()),
        source_type: Some(shot::take::SourceType::AlgorithmicallyEnhanced),
    };
    let mut delivery = media::Delivery::create(tools, &args.out, &spec)?;
    for i in 0..clip.count() {
        cancel.check()?;
        let frame = clip.frame(i)?;
        if change.is_identity() {
            delivery.picture(&frame)?;
        } else {
            let mut picture = Arc::unwrap_or_clone(frame);
            change.apply(&mut picture);
            delivery.picture(&picture)?;
        }
        teller.progress(Stage::Picture, i as u64 + 1, clip.count() as u64);
    }
    if let Some(sound) = sound {
        delivery.sound(&sound::conform(&sound, shot::SAMPLE_RATE, sound.channels().len())?)?;
    }
    delivery.finish()?;
    Ok(())
}
