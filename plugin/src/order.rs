//! From what the editor chose and what the host shows to a request, and its names in the store.

use host_sys::{Context, Instance};
use shot::{ClipRef, Code, ColourStage, Fault, FrameIndex, Key, Rate, Request, Seconds, SoundMode, SoundRef, Task, Timecode};
use takes::{Part, Store};

use crate::capture::{self, Captured, Format, Inputs, Wanted};
use crate::files::{self, readable};
use crate::job::Order;
use crate::placement::{self, Placement};
use crate::process::{process, takes_folder};
use crate::values::Values;
use crate::{colours, guide};

/// Which inputs of an instance play which part.
pub fn inputs(instance: &Instance<'_>, values: &Values) -> Inputs {
    match values.context {
        Context::Transition => Inputs { tail: "SourceFrom", head: "SourceTo", reference: None },
        Context::Filter | Context::Retimer => Inputs { tail: "Source", head: "Source", reference: None },
        Context::Generator => Inputs { tail: "Source", head: "Source", reference: Some("Source") },
        _ => {
            // A span of one clip has that clip on both sides, unless another was connected.
            let is_alone = || !instance.clip("To").is_ok_and(|c| c.is_connected());
            let head = if matches!(values.task(), Task::Retake { .. }) && is_alone() { "From" } else { "To" };
            Inputs { tail: "From", head, reference: Some("Reference") }
        }
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
    /// Its parameters.
    pub values: &'i Values,
    /// Where the shot lies.
    pub place: Placement,
    /// How many takes, with seeds counting up.
    pub takes: u32,
    /// The host's current time.
    pub now: f64,
    /// The scale at which the host hands out images.
    pub scale: (f64, f64),
}

/// Captures the context and builds the request.
pub fn place(desk: &Desk<'_, '_>) -> Result<Placed, Fault> {
    let Desk { instance, values, place, .. } = *desk;
    if let Some(fault) = guide::missing(instance, values, Some(place)) {
        return Err(fault);
    }
    let store = Store::existing(takes_folder(values)?)?;
    let inputs = inputs(instance, values);
    let paths = values.paths();
    let given = files::context(&paths, &values.context_file)?;
    let mut format = match capture::format(instance, inputs, desk.now) {
        Ok(format) => format,
        // A context file that names the size needs no host that tells one.
        Err(fault) => given.as_ref().and_then(files::format).ok_or(fault)?,
    };
    if let Some(file) = &given {
        format.rate = file.rate;
        format.size = file.size.unwrap_or(format.size);
        format.pixel_aspect = file.pixel_aspect.unwrap_or(format.pixel_aspect);
    }
    let mut request = Request::new(values.task(), frames(values.task(), place), format.rate, format.size);
    apply(&mut request, values, place, format)?;
    let found = colours::resolve(values.colour, &colours::of_inputs(instance, inputs), instance.host());
    request.context.colour = found.space;
    let mut captured = Captured::default();
    // Without a worker the host would be made to render its inputs in vain.
    process().client()?;
    match &given {
        Some(file) => file.fill(&mut request, colours::at(values.colour))?,
        None => {
            let frames = values.context_frames.max(1) as usize;
            let (now, scale) = (desk.now, desk.scale);
            captured = capture::capture(&Wanted { instance, inputs, task: request.task, place, format, frames, now, scale })?;
            captured.notes.extend(found.note);
        }
    }
    sounds(&mut request, values)?;
    if request.sound == SoundMode::Match && request.context.tail.sound.is_none() && request.context.head.sound.is_none() {
        request.sound = SoundMode::None;
        captured.notes.push("no sound is known on either side, so none is made".into());
    }
    let hash = captured.key(&outside(&request));
    name_frames(&mut request, &captured, &store, &hash);
    request.check()?;
    let key_of = |request: &Request| request.key(&hash, &format!("{:?}", request.engine), 0, &request.weights);
    let key = key_of(&request);
    let mut makes = vec![(request.clone(), vec![key, identity(instance, values)])];
    for n in 1..desk.takes {
        let other = Request { seed: request.seed.saturating_add(u64::from(n)), ..request.clone() };
        let links = vec![key_of(&other)];
        makes.push((other, links));
    }
    let notes = std::mem::take(&mut captured.notes);
    let frames = captured.frames.into_iter().collect();
    Ok(Placed { order: Order { store, makes, context: hash, frames }, key, notes })
}

/// How many frames a request asks for to fill a place. In-betweens reach from its first frame to its last.
fn frames(task: Task, place: Placement) -> u32 {
    match task {
        Task::Retime { num, den } => (place.frames - 1).saturating_mul(num) / den.max(1) + 1,
        _ => place.frames,
    }
}

fn apply(request: &mut Request, values: &Values, place: Placement, format: Format) -> Result<(), Fault> {
    request.prompt.clone_from(&values.prompt);
    request.negative.clone_from(&values.negative);
    request.storyboard = values.beats();
    request.seed = values.seed.max(0) as u64;
    request.handles = if matches!(request.task, Task::Retime { .. }) { 0 } else { values.handles.max(0) as u32 };
    request.engine = values.engine();
    if values.uses_weights() {
        request.weights = weights(values);
    }
    request.quality = values.quality();
    request.motion = values.motion;
    request.camera = values.camera();
    request.colour_match = values.colour_match;
    request.sound = values.sound();
    request.sound_level = values.sound_level;
    request.channels = values.channels();
    request.pixel_aspect = format.pixel_aspect;
    request.context.stage = if values.stage == 1 { ColourStage::CameraLog } else { ColourStage::Graded };
    request.start = FrameIndex(place.first);
    if !values.timecode.trim().is_empty() {
        let timecode = Timecode::parse(&values.timecode, format.rate)?;
        request.start = timecode.frame;
        request.drop_frame = timecode.drop;
    }
    let paths = values.paths();
    if let shot::EngineChoice::Program(program) = &mut request.engine {
        *program = paths.local(&values.engine_program);
        if !program.is_absolute() {
            return Err(Fault::new(
                Code::Argument,
                "the engine is a program, and Engine program names none",
                "choose the program's file, or another engine",
            ));
        }
    }
    if !values.still.trim().is_empty() {
        request.context.still = Some(readable(&paths, &values.still, "the reference still")?);
    }
    request.context.keyframes = values.keyframes();
    for still in &request.context.keyframes {
        readable(&paths, &still.path.to_string_lossy(), "a still of the storyboard")?;
    }
    Ok(())
}

/// The checkpoint that is named: a folder by what it is called here, a name as it stands.
pub fn weights(values: &Values) -> String {
    let text = values.weights.trim();
    if text.contains(['/', '\\']) { values.paths().local(text).to_string_lossy().into_owned() } else { text.to_owned() }
}

/// Sound files of the parameters go before those of a context file.
fn sounds(request: &mut Request, values: &Values) -> Result<(), Fault> {
    if request.sound != SoundMode::Match {
        return Ok(());
    }
    let paths = values.paths();
    let sound = |text: &str, what: &str| match text.trim() {
        "" => Ok(None),
        text => readable(&paths, text, what).map(|path| Some(SoundRef { path, start: Seconds(0.0), length: None })),
    };
    if let Some(before) = sound(&values.sound_before, "the sound before")? {
        request.context.tail.sound = Some(before);
    }
    if let Some(after) = sound(&values.sound_after, "the sound after")? {
        request.context.head.sound = Some(after);
    }
    Ok(())
}

/// What the engine sees that was not captured: files, by name, size and time of change.
fn outside(request: &Request) -> String {
    let refs = &request.context;
    let clips = [&refs.tail.picture, &refs.head.picture, &refs.clip].into_iter().flatten().chain(&refs.like).map(|c| &c.path);
    let sounds = [&refs.tail.sound, &refs.head.sound].into_iter().flatten().map(|s| &s.path);
    let mut text = String::new();
    for path in clips.chain(sounds).chain(&refs.still).chain(refs.keyframes.iter().map(|k| &k.path)) {
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

/// The name under which a render finds the take of an effect whose take parameter is empty: what of the parameters can change a
/// take, and what the host says of the clips. No frame is looked at, so it costs nothing and survives a changed debayer or proxy.
pub fn identity(instance: &Instance<'_>, values: &Values) -> Key {
    let of_takes = |(name, ..): &&(&str, bool, &str)| *name != crate::describe::MATTE;
    let clips: Vec<_> = crate::describe::inputs(values.context)
        .iter()
        .filter(of_takes)
        .map(|(name, ..)| {
            let clip = instance.clip(name).ok();
            let range = clip.and_then(|c| c.frame_range()).map(|r| (placement::nearest(r.min), placement::nearest(r.max)));
            (name, clip.is_some_and(|c| c.is_connected()), range, clip.and_then(|c| c.frame_rate()).map(f64::to_bits))
        })
        .collect();
    let context = values.context.name().to_string_lossy();
    Key::of(serde_json::json!(["identity", 2, context, values.essence(), clips]).to_string().as_bytes())
}

/// Why a take is no longer what the parameters ask for: the first difference, in the words of the controls. `None` while the take
/// stands. The seed is none: takes of one shot differ in it.
pub fn out_of_date(values: &Values, place: Option<Placement>, made: &shot::Take) -> Option<&'static str> {
    let (now, was) = (values.essence(), &made.request);
    let engine = match values.engine() {
        shot::EngineChoice::Auto => was.engine == shot::EngineChoice::Auto || made.provenance.engine == "draft",
        shot::EngineChoice::Draft => made.provenance.engine == "draft",
        shot::EngineChoice::Ltx => made.provenance.engine == "ltx",
        shot::EngineChoice::Program(_) => was.engine == shot::EngineChoice::Program(values.paths().local(&values.engine_program)),
    };
    let stills: Vec<u32> = was.context.keyframes.iter().map(|k| k.frame).collect();
    // Sound that could not be matched for lack of neighbours was asked for all the same.
    let sound = values.sound() == was.sound || (values.sound() == SoundMode::Match && was.sound == SoundMode::None);
    let has_sound = was.sound != SoundMode::None;
    let differs = |a: f64, b: f64| (a - b).abs() > 1e-9;
    [
        (values.task() != was.task, "the task"),
        (now.prompt != was.prompt, "the prompt"),
        (now.negative != was.negative, "what to avoid"),
        (values.beats() != was.storyboard, "the storyboard"),
        (!values.keyframes().iter().map(|k| k.frame).eq(stills), "the storyboard's stills"),
        (place.is_some_and(|p| frames(values.task(), p) != was.frames), "the length"),
        (!engine, "the engine"),
        (values.uses_weights() && weights(values) != was.weights, "the weights"),
        (values.quality() != was.quality, "the quality"),
        (differs(now.motion, was.motion), "the motion"),
        (values.camera() != was.camera, "the camera"),
        (now.still.trim().is_empty() == was.context.still.is_some(), "the reference still"),
        (differs(now.colour_match, was.colour_match), "the colour match"),
        (!sound, "the sound"),
        (has_sound && (values.channels() != was.channels || differs(values.sound_level, was.sound_level)), "the sound"),
        (
            was.task.joins() != (true, true) && !matches!(was.task, Task::Retime { .. }) && now.handles.max(0) as u32 != was.handles,
            "the handles",
        ),
    ]
    .into_iter()
    .find_map(|(is_other, what)| is_other.then_some(what))
}

/// The pace of the shot, as far as the host tells it.
pub fn rate_of(instance: &Instance<'_>, values: &Values, time: f64) -> Rate {
    capture::format(instance, inputs(instance, values), time).map_or(Rate::whole(24), |f| f.rate)
}
