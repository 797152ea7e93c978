//! `pickup fill`: every hole of a cut, filled and written as a new timeline in which nothing else has changed.

use std::path::{Path, PathBuf};

use serde_json::json;
use shot::{Cancel, Code, ColourSpace, Fault, FrameIndex, Request, Side, Size, SoundMode, Task};
use timeline::{Cut, Filling, Hole, Neighbour, Plan};

use crate::bridge::SIDE_FRAMES;
use crate::cli::Fill;
use crate::deliver::{self, Order};
use crate::files;
use crate::insert::HANDLES;
use crate::job::{self, Place, Watch};
use crate::place::{self, Known};
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
    let planned: Vec<Planned> = holes.into_iter().map(|hole| plan(args, &place, hole)).collect::<Result<_, _>>()?;
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
    let out = place::absolute(out)?;
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
        let filling = fill(args, &place, p, &folder, n + 1, teller, cancel)?;
        cut.fill(&p.hole, &filling)?;
    }
    cut.write(&out)?;
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

/// One hole and what goes there.
struct Planned {
    hole: Hole,
    request: Request,
    why: String,
    depth: media::Depth,
}

impl Planned {
    fn words(&self) -> String {
        let r = &self.request;
        format!("{} {} frames: {} ({})", r.timecode(), r.frames, r.task.word(), self.why)
    }
}

/// The folder beside the timeline that holds what is made for it.
fn media_folder(out: &Path) -> PathBuf {
    let stem = out.file_stem().map_or_else(|| "cut".into(), |s| s.to_string_lossy().into_owned());
    out.with_file_name(format!("{stem} pickups"))
}

fn plan(args: &Fill, place: &Place, hole: Hole) -> Result<Planned, Fault> {
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
    }
    request.start = hole.start;
    request.drop_frame = hole.drop_frame;
    request.context.colour = any.map_or(ColourSpace::Rec709, |k| k.info.colour);
    request.pixel_aspect = any.map_or(1.0, |k| k.info.pixel_aspect);
    let colour = request.context.colour;
    let side = |known: &Option<Known>, sound: &Option<shot::SoundRef>, from_end: bool| -> Result<Side, Fault> {
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

fn fill(
    args: &Fill,
    place: &Place,
    p: &Planned,
    folder: &Path,
    number: usize,
    teller: &mut Teller,
    cancel: &Cancel,
) -> Result<Filling, Fault> {
    let done = job::make(place, &p.request, teller, cancel)?;
    let take = done.take.take();
    teller.take(&take.id, done.take.folder(), done.found);
    std::fs::create_dir_all(folder).map_err(|e| {
        Fault::new(Code::Output, format!("the folder {} cannot be made: {e}", folder.display()), "choose another place for OUT")
    })?;
    let name = format!("{number:03} {} {}", p.request.task.word(), &take.id.as_str()[..8]);
    let movie = folder.join(format!("{name}.mov"));
    let order = Order { tools: &place.tools, out: &movie, format: args.common.format, depth: p.depth, with_handles: true };
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
