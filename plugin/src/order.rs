//! From what the editor chose and what the host shows to a request, and its names in the store.

use std::path::Path;

use host_sys::{Context, Instance};
use shot::{ClipRef, Code, ColourStage, Fault, FrameIndex, Key, Rate, Request, Seconds, SoundMode, SoundRef, Task, Timecode};
use takes::{Part, Store};

use crate::capture::{self, Captured, Format, Inputs, Wanted};
use crate::colours;
use crate::context_file::{self, ContextFile, readable};
use crate::job::Order;
use crate::placement::{self, Placement};
use crate::process::takes_folder;
use crate::values::Values;

/// Which inputs of a context play which part.
pub const fn inputs(context: Context) -> Inputs {
    match context {
        Context::Transition => Inputs { tail: "SourceFrom", head: "SourceTo", reference: None },
        Context::Filter => Inputs { tail: "Source", head: "Source", reference: None },
        Context::Generator => Inputs { tail: "Source", head: "Source", reference: Some("Source") },
        _ => Inputs { tail: "From", head: "To", reference: Some("Reference") },
    }
}

/// A request on its way: the order for the job, its exact name, and what the editor should know.
pub struct Placed {
    /// For [`crate::job::Job::start`].
    pub order: Order,
    /// The hash of the request and all that was captured.
    pub key: Key,
    /// What the editor should know.
    pub notes: Vec<String>,
}

/// Everything that [`place`] looks at.
pub struct Desk<'i, 'a> {
    /// The instance.
    pub instance: &'i Instance<'a>,
    /// Its context.
    pub context: Context,
    /// Its parameters.
    pub values: &'i Values,
    /// Where the shot lies.
    pub place: Placement,
    /// The host's current time.
    pub now: f64,
    /// The scale at which the host hands out images.
    pub scale: (f64, f64),
}

/// Captures the context and builds the request.
pub fn place(desk: &Desk<'_, '_>) -> Result<Placed, Fault> {
    let Desk { instance, context, values, place, .. } = *desk;
    let store = Store::existing(takes_folder(&values.takes_folder)?)?;
    let inputs = inputs(context);
    let given = context_file::read(&values.context_file)?;
    let mut format = match capture::format(instance, inputs, desk.now) {
        Ok(format) => format,
        // A context file that names the size needs no host that tells one.
        Err(fault) => given.as_ref().and_then(ContextFile::format).ok_or(fault)?,
    };
    if let Some(file) = &given {
        format.rate = file.rate;
        format.size = file.size.unwrap_or(format.size);
        format.pixel_aspect = file.pixel_aspect.unwrap_or(format.pixel_aspect);
    }
    let mut request = Request::new(values.task(), place.frames, format.rate, format.size);
    apply(&mut request, values, place, format)?;
    let clip_colour = instance.clip(inputs.tail).map(|c| c.colourspace()).unwrap_or_default();
    request.context.colour = colours::resolve(values.colour, &clip_colour, instance.host());
    let mut captured = Captured::default();
    match &given {
        Some(file) => file.fill(&mut request, colours::at(values.colour))?,
        None => {
            let frames = values.context_frames.max(1) as usize;
            let (now, scale) = (desk.now, desk.scale);
            captured = capture::capture(&Wanted { instance, inputs, task: request.task, place, format, frames, now, scale })?;
        }
    }
    sounds(&mut request, values);
    if request.sound == SoundMode::Match && request.context.tail.sound.is_none() && request.context.head.sound.is_none() {
        request.sound = SoundMode::None;
        captured.notes.push("no sound is known on either side, so none is made".into());
    }
    let hash = captured.key(&outside(&request));
    name_frames(&mut request, &captured, &store, &hash);
    request.check()?;
    let key = request.key(&hash, &format!("{:?}", request.engine), 0, "");
    let links = vec![key, identity(instance, context, values)];
    let notes = std::mem::take(&mut captured.notes);
    let frames = captured.frames.into_iter().collect();
    Ok(Placed { order: Order { store, request, context: hash, frames, links }, key, notes })
}

fn apply(request: &mut Request, values: &Values, place: Placement, format: Format) -> Result<(), Fault> {
    request.prompt.clone_from(&values.prompt);
    request.negative.clone_from(&values.negative);
    request.seed = values.seed.max(0) as u64;
    request.handles = values.handles.max(0) as u32;
    request.engine = values.engine();
    request.quality = values.quality();
    request.motion = values.motion;
    request.camera = values.camera();
    request.colour_match = values.colour_match;
    request.sound = values.sound();
    request.channels = values.channels.clamp(1, 16) as u16;
    request.pixel_aspect = format.pixel_aspect;
    request.context.stage = if values.stage == 1 { ColourStage::CameraLog } else { ColourStage::Graded };
    request.start = FrameIndex(place.first);
    if !values.timecode.trim().is_empty() {
        let timecode = Timecode::parse(&values.timecode, format.rate)?;
        request.start = timecode.frame;
        request.drop_frame = timecode.drop;
    }
    if let shot::EngineChoice::Program(program) = &request.engine
        && !program.is_absolute()
    {
        return Err(Fault::new(
            Code::Argument,
            "the engine is a program, and Engine program names none",
            "choose the program's file, or another engine",
        ));
    }
    let still = values.still.trim();
    if !still.is_empty() {
        request.context.still = Some(readable(still, "the reference still")?);
    }
    Ok(())
}

/// Sound files of the parameters go before those of a context file.
fn sounds(request: &mut Request, values: &Values) {
    let sound = |text: &str| {
        let path = Path::new(text.trim());
        path.is_absolute().then(|| SoundRef { path: path.to_owned(), start: Seconds(0.0), length: None })
    };
    if let Some(before) = sound(&values.sound_before) {
        request.context.tail.sound = Some(before);
    }
    if let Some(after) = sound(&values.sound_after) {
        request.context.head.sound = Some(after);
    }
}

/// What the engine sees that was not captured: files, by name, size and time of change.
fn outside(request: &Request) -> String {
    let refs = &request.context;
    let clips = [&refs.tail.picture, &refs.head.picture, &refs.clip].into_iter().flatten().chain(&refs.like).map(|c| &c.path);
    let sounds = [&refs.tail.sound, &refs.head.sound].into_iter().flatten().map(|s| &s.path);
    let mut text = String::new();
    for path in clips.chain(sounds).chain(&refs.still) {
        let meta = std::fs::metadata(path).ok();
        let changed = meta.as_ref().and_then(|m| m.modified().ok());
        text += &format!("\0{} {:?} {changed:?}", path.display(), meta.map(|m| m.len()));
    }
    text
}

fn name_frames(request: &mut Request, captured: &Captured, store: &Store, hash: &Key) {
    for part in captured.frames.keys() {
        let clip = ClipRef { rate: Some(request.rate), ..ClipRef::whole(store.context_pattern(hash, *part)) };
        match part {
            Part::Tail => request.context.tail.picture = Some(clip),
            Part::Head => request.context.head.picture = Some(clip),
            Part::Clip => request.context.clip = Some(clip),
            Part::Like(_) => request.context.like.push(clip),
            Part::Still => request.context.still = Some(clip.path),
        }
    }
}

/// The name under which a render finds the take of an effect whose take parameter is empty: parameters and what the host says
/// of the clips. No frame is looked at, so it costs nothing and survives a changed debayer or proxy.
pub fn identity(instance: &Instance<'_>, context: Context, values: &Values) -> Key {
    let clips: Vec<_> = crate::describe::inputs(context)
        .iter()
        .map(|(name, ..)| {
            let clip = instance.clip(name).ok();
            let range = clip.and_then(|c| c.frame_range()).map(|r| (placement::nearest(r.min), placement::nearest(r.max)));
            (name, clip.is_some_and(|c| c.is_connected()), range, clip.and_then(|c| c.frame_rate()).map(f64::to_bits))
        })
        .collect();
    Key::of(serde_json::json!(["identity", 1, context.name().to_string_lossy(), values, clips]).to_string().as_bytes())
}

/// Whether what the parameters ask for is no longer what a take was made from.
pub fn is_out_of_date(values: &Values, place: Option<Placement>, made: &Request) -> bool {
    let task = match (made.task, values.task()) {
        (Task::Retake { .. }, Task::Retake { .. }) | (Task::Extend { .. }, Task::Extend { .. }) => true,
        (a, b) => a == b,
    };
    !task
        || made.task != values.task()
        || made.prompt != values.prompt
        || made.negative != values.negative
        || place.is_some_and(|p| p.frames != made.frames)
        || made.quality != values.quality()
        || (made.motion - values.motion).abs() > 1e-9
        || made.camera != values.camera()
        || (made.colour_match - values.colour_match).abs() > 1e-9
        || made.channels != values.channels.clamp(1, 16) as u16
}

/// The pace of the shot, as far as the host tells it.
pub fn rate_of(instance: &Instance<'_>, context: Context, time: f64) -> Rate {
    capture::format(instance, inputs(context), time).map_or(Rate::whole(24), |f| f.rate)
}
