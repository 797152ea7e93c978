//! `pickup sound`: ambience or room tone alone, channels as given.

use shot::take::SourceType;
use shot::{Cancel, Code, Fault, Samples, Seconds, Sound, SoundRef, Stage};

use crate::cli::{SoundKind, SoundOnly};
use crate::job::Watch;
use crate::place;
use crate::tell::Teller;

/// The longest sound that can be asked for: four hours of 24-bit stereo still fit a WAV file.
const LONGEST: f64 = 4.0 * 3600.0;

/// Runs the command.
pub fn run(args: &SoundOnly, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    if !(args.seconds.is_finite() && args.seconds > 0.0 && args.seconds <= LONGEST) {
        return Err(Fault::new(
            Code::Argument,
            format!("a length of {} s makes no sound", args.seconds),
            "give --seconds above 0 and at most 14400",
        ));
    }
    if !args.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav")) {
        return Err(Fault::new(
            Code::Argument,
            format!("{} is not the name of a WAV file", args.out.display()),
            "give OUT the extension .wav",
        ));
    }
    let tools = media::Tools::find()?;
    teller.progress(Stage::Context, 0, 1);
    let before = read(&tools, args.before.as_deref())?;
    let after = read(&tools, args.after.as_deref())?;
    let channels = [&before, &after].into_iter().flatten().map(|s| s.channels().len()).max().unwrap_or(2);
    let conform = |s: Option<Sound>| s.map(|s| sound::conform(&s, shot::SAMPLE_RATE, channels)).transpose();
    let (before, after) = (conform(before)?, conform(after)?);
    cancel.check()?;
    teller.progress(Stage::Sound, 0, 1);
    let samples = (args.seconds * f64::from(shot::SAMPLE_RATE)).round().max(1.0) as usize;
    let gap = sound::Gap { before: before.as_ref(), after: after.as_ref(), samples, channels, seed: args.seed };
    let kind = match args.kind {
        SoundKind::Auto => sound::Kind::Auto,
        SoundKind::RoomTone => sound::Kind::RoomTone,
        SoundKind::Ambience => sound::Kind::Ambience,
        SoundKind::Music => sound::Kind::Music,
    };
    let made = sound::fill(&gap, &sound::Options { kind, tempo: args.tempo, key: args.key })?;
    made.notes.iter().for_each(|n| teller.note(n));
    if !args.prompt.is_empty() {
        teller.note("the draft engine makes sound from the neighbours alone: the prompt was not used");
    }
    made.figures.iter().for_each(|f| teller.fact("figure", serde_json::json!(f)));
    cancel.check()?;
    let tags = media::WaveTags {
        time_reference: Samples(0),
        rate: None,
        drop_frame: false,
        description: format!("Pickup {}: sound, engine draft", env!("CARGO_PKG_VERSION")),
        originator: "Pickup".to_owned(),
        origination: None,
        reference: String::new(),
        source_type: Some(SourceType::CompositeSynthetic),
    };
    media::write_wave(&args.out, &made.sound, &tags)?;
    teller.progress(Stage::Sound, 1, 1);
    teller.output(&place::absolute(&args.out)?);
    Ok(())
}

fn read(tools: &media::Tools, path: Option<&std::path::Path>) -> Result<Option<Sound>, Fault> {
    let Some(path) = path else { return Ok(None) };
    let from = SoundRef { path: place::absolute(path)?, start: Seconds(0.0), length: None };
    tools.sound(&from)?.map(Some).ok_or_else(|| {
        Fault::new(Code::Input, format!("{} has no sound", path.display()), "give a file with sound, or leave this side out")
    })
}
