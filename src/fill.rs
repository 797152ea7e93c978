//! `pickup fill`: every hole of a cut, filled and written as a new timeline in which nothing else has changed.

use std::path::{Path, PathBuf};

use serde_json::json;
use shot::{Beat, Cancel, ClipRef, Code, ColourSpace, Fault, FrameIndex, Request, Seconds, Side, Size, SoundMode, SoundRef, Task};
use timeline::words::{self, Told};
use timeline::{Cut, Facts, Filling, Form, Hole, Neighbour, Plan};

use crate::bridge::SIDE_FRAMES;
use crate::cli::{Fill, FormatArg};
use crate::deliver::{self, Order};
use crate::files;
use crate::insert::HANDLES;
use crate::job::{self, Place, Watch};
use crate::place::{self, Known};
use crate::prompts;
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Fill, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = place::open(&args.common)?;
    let mut cut = Cut::read(&args.cut)?;
    let survey = cut.survey(&|path| path.exists())?;
    survey.remarks.iter().for_each(|r| teller.note(r));
    let holes = survey.holes;
    if holes.is_empty() {
        teller.note("there is no hole in this cut");
    }
    let planned: Vec<Planned> = holes.into_iter().map(|hole| plan(args, &place, hole, teller)).collect::<Result<_, _>>()?;
    for p in &planned {
        teller.note(&p.words());
        teller.fact(
            "hole",
            json!({"timecode": p.request.timecode().to_string(), "frames": p.request.frames, "task": p.request.task.word(), "why": p.why}),
        );
    }
    if let Some(number) = args.only {
        return only(&place, &planned, number, teller, cancel);
    }
    let Some(out) = args.out.as_deref().filter(|_| !args.plan) else { return Ok(()) };
    let out = timeline_name(out)?;
    if place::absolute(&args.cut)? == out {
        return Err(Fault::new(
            Code::Argument,
            "the new timeline would replace the cut",
            "give OUT another name: the cut is never touched",
        ));
    }
    let folder = media_folder(&out);
    let total = planned.len();
    for (n, p) in planned.iter().enumerate() {
        teller.rename(format!("hole {}/{total}", n + 1));
        let filling = fill(&place, args.common.format, p, &folder, n + 1, (&mut *teller, cancel))?;
        cut.fill(&p.hole, &filling)?;
    }
    write(&cut, &out, &place, teller)?;
    teller.rename("fill");
    teller.output(&out);
    Ok(())
}

/// The take of one hole, into the store alone: whoever fills the whole cut later finds it made.
fn only(place: &Place, planned: &[Planned], number: usize, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let p = number.checked_sub(1).and_then(|n| planned.get(n)).ok_or_else(|| {
        Fault::new(Code::Argument, format!("there is no hole {number}: this cut has {}", planned.len()), "see --plan, and count from 1")
    })?;
    teller.rename(format!("hole {number}/{}", planned.len()));
    let done = job::make(place, &p.request, teller, cancel)?;
    teller.take(&done.take.take().id, done.take.folder(), done.found);
    Ok(())
}

/// The absolute name of a timeline that can be written.
pub fn timeline_name(out: &Path) -> Result<PathBuf, Fault> {
    let out = place::absolute(out)?;
    if Form::of(&out).is_none() {
        return Err(Fault::new(
            Code::Argument,
            format!("{} is no timeline that can be written", out.display()),
            "let OUT end in .otio (OpenTimelineIO: the whole cut), .fcpxml (Final Cut Pro's XML) or .edl (CMX 3600)",
        ));
    }
    Ok(out)
}

/// Writes a timeline in the form that its name asks for, and says what the form could not hold.
pub fn write(cut: &Cut, out: &Path, place: &Place, teller: &mut Teller) -> Result<(), Fault> {
    cut.write_as(out, &|path| facts(place, path))?.iter().for_each(|r| teller.note(r));
    Ok(())
}

/// What an edit in XML must say of a file; what cannot be read is left out, since the host will say so itself.
fn facts(place: &Place, path: &Path) -> Facts {
    let Ok(info) = place.tools.probe(&ClipRef::whole(path)) else {
        let moment = SoundRef { path: path.to_owned(), start: Seconds(0.0), length: Some(Seconds(0.05)) };
        let sound = place.tools.sound(&moment).ok().flatten();
        return Facts { sound: sound.map(|s| (s.channels().len() as u16, s.rate())), ..Facts::default() };
    };
    Facts { size: Some(info.size), sound: info.sound.as_ref().map(|s| (s.channels, s.rate)), frames: i64::try_from(info.frames).ok() }
}

/// One hole and what goes there.
pub struct Planned {
    /// Where it goes.
    pub hole: Hole,
    /// What is made.
    pub request: Request,
    /// Why that, for people.
    pub why: String,
    /// Bits per channel of its picture files.
    pub depth: media::Depth,
}

impl Planned {
    fn words(&self) -> String {
        let r = &self.request;
        format!("{} {} frames: {} ({})", r.timecode(), r.frames, r.task.word(), self.why)
    }
}

/// The folder beside the timeline that holds what is made for it.
pub fn media_folder(out: &Path) -> PathBuf {
    let stem = out.file_stem().map_or_else(|| "cut".into(), |s| s.to_string_lossy().into_owned());
    out.with_file_name(format!("{stem} pickups"))
}

fn plan(args: &Fill, place: &Place, hole: Hole, teller: &mut Teller) -> Result<Planned, Fault> {
    let known = |n: &Option<Neighbour>| n.as_ref().map(|n| Known::probe(&place.tools, &n.clip, args.common.colour)).transpose();
    let (tail, head) = (known(&hole.tail)?, known(&hole.head)?);
    let any = tail.as_ref().or(head.as_ref());
    let size: Size = args
        .size
        .or_else(|| any.map(|k| k.info.size))
        .ok_or_else(|| Fault::new(Code::Argument, "no shot of this cut says how large the picture is", "give --size, such as 1920x1080"))?;
    let frames = u32::try_from(hole.range.frames()).map_err(|_| Fault::internal("a hole of negative length"))?;
    let (task, why) = choose(&hole, tail.is_some(), head.is_some());
    let mut request = Request::new(task, frames, hole.rate, size);
    place::apply(&mut request, &args.common, if task == Task::Bridge { 0 } else { HANDLES });
    if let Some(prompt) = &hole.prompt {
        request.prompt.clone_from(prompt);
    } else if request.prompt.trim() == prompts::AUTO {
        let told = |n: &Neighbour| {
            let stem = n.clip.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            Told::default().name(&n.name).name(&stem).metadata(&n.metadata)
        };
        let sides: Vec<Told> = hole.tail.iter().chain(&hole.head).map(told).collect();
        prompts::take(&mut request, words::prompt(&sides), teller);
    }
    let row = |(frame, prompt): &(i64, String)| Some(Beat { frame: u32::try_from(*frame).ok()?, prompt: prompt.clone() });
    request.storyboard.extend(hole.rows.iter().filter_map(row));
    request.storyboard.sort_by_key(|b| b.frame);
    request.start = hole.start;
    request.drop_frame = hole.drop_frame;
    request.context.colour = any.map_or(ColourSpace::Rec709, |k| k.info.colour);
    request.pixel_aspect = any.map_or(1.0, |k| k.info.pixel_aspect);
    let colour = request.context.colour;
    let side = |known: &Option<Known>, sound: &Option<SoundRef>, from_end: bool| -> Result<Side, Fault> {
        let picture = known
            .as_ref()
            .map(|k| {
                let (start, end) = (k.span()?.start().0, k.span()?.end().0);
                if from_end {
                    k.part(start.max(end - SIDE_FRAMES), end, colour)
                } else {
                    k.part(start, end.min(start + SIDE_FRAMES), colour)
                }
            })
            .transpose()?;
        Ok(Side { picture, sound: sound.clone() })
    };
    let before = side(&tail, &hole.tail_sound, true)?;
    let after = side(&head, &hole.head_sound, false)?;
    if task == Task::Insert {
        request.context.like = before.picture.iter().chain(&after.picture).cloned().collect();
        request.context.tail.sound = before.sound;
        request.context.head.sound = after.sound;
    } else {
        request.context.tail = before;
        request.context.head = after;
    }
    place::set_channels(&place.tools, &mut request)?;
    // Sound is made only where every audio track is silent.
    if !hole.silent {
        request.sound = SoundMode::None;
    }
    let depth = any.map_or(media::Depth::Sixteen, |k| deliver::depth(&k.info));
    Ok(Planned { hole, request, why, depth })
}

/// Bridge or insert: a marker decides, else whether both sides are of one set-up.
fn choose(hole: &Hole, tail: bool, head: bool) -> (Task, String) {
    match hole.plan {
        Plan::Marked(task) => (task, "a marker says so".to_owned()),
        Plan::OneSetUp if tail && head => (Task::Bridge, "both sides are of one set-up".to_owned()),
        _ if tail || head => (Task::Insert, "the sides are not of one set-up".to_owned()),
        _ => (Task::Establish, "nothing stands beside it".to_owned()),
    }
}

/// Makes a planned shot, as movie and sound in a folder.
pub fn fill(
    place: &Place,
    format: FormatArg,
    p: &Planned,
    folder: &Path,
    number: usize,
    (teller, cancel): (&mut Teller, &Cancel),
) -> Result<Filling, Fault> {
    let done = job::make(place, &p.request, teller, cancel)?;
    let take = done.take.take();
    teller.take(&take.id, done.take.folder(), done.found);
    std::fs::create_dir_all(folder).map_err(|e| {
        Fault::new(Code::Output, format!("the folder {} cannot be made: {e}", folder.display()), "choose another place for OUT")
    })?;
    let name = format!("{number:03} {} {}", p.request.task.word(), &take.id.as_str()[..8]);
    let movie = folder.join(format!("{name}.mov"));
    let order = Order { tools: &place.tools, out: &movie, format, depth: p.depth, with_handles: true };
    deliver::take(&order, &done.take, None, None)?;
    let sound = match take.samples {
        Some(_) => {
            let wave = folder.join(format!("{name}.wav"));
            files::copy(&deliver::sound_path(&done.take), &wave)?;
            Some(wave)
        }
        None => None,
    };
    Ok(Filling {
        name,
        picture: movie,
        sound,
        first_number: 0,
        handle_in: i64::from(take.handle_in),
        available: i64::from(take.frames),
        start: FrameIndex(take.first_frame.0),
        metadata: json!({
            "take": take.id,
            "task": p.request.task.word(),
            "engine": take.provenance.engine,
            "card": take.is_card,
            "digital_source_type": take.provenance.source_type_uri,
            "notes": take.notes,
        }),
    })
}
