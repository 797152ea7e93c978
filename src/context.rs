//! From names to pixels: decodes the context of a request, and hashes what the engine will see of it.

use std::sync::Arc;

use shot::request::Keep;
use shot::{ClipRef, ColourSpace, Context, Fault, Frames, Key, Picture, Request, Sound, SoundMode, SoundRef, Task};

/// A context in memory. The clip of a retime is not: its frames are decoded as they are asked for.
#[derive(Default)]
pub struct Decoded {
    tail: Option<Vec<Arc<Picture>>>,
    head: Option<Vec<Arc<Picture>>>,
    clip: Option<media::Clip>,
    like: Vec<Vec<Arc<Picture>>>,
    still: Option<Arc<Picture>>,
    keyframes: Vec<(u32, Arc<Picture>)>,
    latents: Option<Vec<u8>>,
    tail_sound: Option<Sound>,
    head_sound: Option<Sound>,
    kept: Kept,
}

/// What of a retaken span stays as it is: the editor's own, whatever an engine makes.
#[derive(Default)]
pub struct Kept {
    /// Its pictures.
    pub picture: Option<media::Clip>,
    /// Its sound, exactly as long as the span.
    pub sound: Option<Sound>,
}

/// Frames of each reference shot that an engine sees.
const LIKE_FRAMES: usize = 3;

impl Decoded {
    /// Decodes what `request` names; `handles` frames of each side.
    pub fn read(tools: &media::Tools, request: &Request, handles: u32) -> Result<Self, Fault> {
        let refs = &request.context;
        let read = |clip: &Option<ClipRef>, from_end: bool| {
            clip.as_ref().map(|c| side(tools, request, c, handles.max(1) as usize, from_end)).transpose()
        };
        let sound = |sound: &Option<SoundRef>| match (sound, request.sound) {
            (Some(s), SoundMode::Match) => hear(tools, request, s),
            _ => Ok(None),
        };
        Ok(Self {
            tail: read(&refs.tail.picture, true)?,
            head: read(&refs.head.picture, false)?,
            clip: match (&refs.clip, request.task) {
                (Some(c), Task::Retime { .. }) => Some(open(tools, request, c)?),
                _ => None,
            },
            like: refs.like.iter().map(|c| spread(tools, request, c)).collect::<Result<_, _>>()?,
            still: refs.still.as_deref().map(|path| still(tools, path, refs.colour)).transpose()?,
            keyframes: refs.keyframes.iter().map(|k| Ok((k.frame, still(tools, &k.path, refs.colour)?))).collect::<Result<_, Fault>>()?,
            latents: refs.latents.as_deref().map(latents).transpose()?,
            kept: keep(tools, request)?,
            tail_sound: sound(&refs.tail.sound)?,
            head_sound: sound(&refs.head.sound)?,
        })
    }

    /// A context of one frame before the hole.
    #[cfg(test)]
    pub fn after(frame: Picture) -> Self {
        Self { tail: Some(vec![Arc::new(frame)]), ..Self::default() }
    }

    /// The context as an engine is given it.
    pub fn view(&self) -> Context<'_> {
        Context {
            tail: self.tail.as_ref().map(|f| f as &dyn Frames),
            head: self.head.as_ref().map(|f| f as &dyn Frames),
            clip: self.clip.as_ref().or(self.kept.picture.as_ref()).map(|f| f as &dyn Frames),
            clip_sound: self.kept.sound.clone(),
            like: self.like.iter().map(|f| f as &dyn Frames).collect(),
            still: self.still.clone(),
            keyframes: self.keyframes.clone(),
            latents: self.latents.clone(),
            tail_sound: self.tail_sound.clone(),
            head_sound: self.head_sound.clone(),
        }
    }

    /// What of a retaken span stays.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The frame before the hole.
    pub fn tail_frame(&self) -> Option<&Arc<Picture>> {
        self.tail.as_ref().and_then(|f| f.last())
    }

    /// The frame after the hole.
    pub fn head_frame(&self) -> Option<&Arc<Picture>> {
        self.head.as_ref().and_then(|f| f.first())
    }

    /// The shot whose colour a made shot takes over.
    pub fn looks(&self) -> Vec<&Picture> {
        let like = self.like.iter().flatten();
        let sides = self.tail_frame().into_iter().chain(self.head_frame());
        like.chain(sides).map(|p| &**p).collect()
    }

    /// Whether any camera frame is seen.
    pub fn has_pictures(&self) -> bool {
        self.tail.is_some()
            || self.head.is_some()
            || self.still.is_some()
            || self.clip.is_some()
            || !self.keyframes.is_empty()
            || !self.like.is_empty()
    }

    /// The hash of all that the engine sees: decoded values, so that a moved or rewrapped file is the same context.
    pub fn hash(&self) -> Result<Key, Fault> {
        let mut hasher = blake3::Hasher::new();
        let mut part = |name: &str, present: bool| {
            hasher.update(name.as_bytes());
            hasher.update(&[u8::from(present)]);
        };
        for (name, there) in [
            ("tail", self.tail.is_some()),
            ("head", self.head.is_some()),
            ("still", self.still.is_some()),
            ("tail sound", self.tail_sound.is_some()),
            ("head sound", self.head_sound.is_some()),
        ] {
            part(name, there);
        }
        let sides = self.tail.iter().chain(&self.head).chain(&self.like);
        for frames in sides {
            hasher.update(&(frames.len() as u64).to_le_bytes());
            frames.iter().for_each(|p| picture(&mut hasher, p));
        }
        if let Some(still) = &self.still {
            picture(&mut hasher, still);
        }
        for (frame, still) in &self.keyframes {
            hasher.update(&frame.to_le_bytes());
            picture(&mut hasher, still);
        }
        if let Some(latents) = &self.latents {
            hasher.update(latents);
        }
        for sound in self.tail_sound.iter().chain(&self.head_sound) {
            hasher.update(&(sound.len() as u64).to_le_bytes());
            for channel in sound.channels() {
                floats(&mut hasher, channel.iter().copied());
            }
        }
        for (word, clip) in [("clip", &self.clip), ("kept", &self.kept.picture)] {
            // Frames that are copied into the take, or that its frames lie between, are context as much as the handles are.
            let Some(clip) = clip else { continue };
            hasher.update(word.as_bytes());
            for i in 0..clip.count() {
                picture(&mut hasher, &*clip.frame(i)?);
            }
        }
        if let Some(sound) = &self.kept.sound {
            sound.channels().iter().for_each(|c| floats(&mut hasher, c.iter().copied()));
        }
        Ok(Key::from_bytes(*hasher.finalize().as_bytes()))
    }
}

fn picture(hasher: &mut blake3::Hasher, picture: &Picture) {
    hasher.update(&picture.size().width.to_le_bytes());
    hasher.update(&picture.size().height.to_le_bytes());
    floats(hasher, picture.pixels().iter().flatten().copied());
}

fn floats(hasher: &mut blake3::Hasher, values: impl Iterator<Item = f32>) {
    let mut block = Vec::with_capacity(1 << 16);
    for v in values {
        block.extend_from_slice(&v.to_le_bytes());
        if block.len() >= 1 << 16 {
            hasher.update(&block);
            block.clear();
        }
    }
    hasher.update(&block);
}

fn conform(request: &Request) -> media::Conform {
    media::Conform { size: Some(request.size), pixel_aspect: Some(request.pixel_aspect), ..media::Conform::default() }
}

/// Opens a clip at the request's size.
pub fn open(tools: &media::Tools, request: &Request, clip: &ClipRef) -> Result<media::Clip, Fault> {
    Ok(tools.open(clip, &conform(request))?)
}

fn healed(frame: Arc<Picture>, from: Option<ColourSpace>, to: ColourSpace) -> Arc<Picture> {
    let mut picture = Arc::unwrap_or_clone(frame);
    picture.heal();
    convert(&mut picture, from.unwrap_or(to), to);
    Arc::new(picture)
}

fn convert(picture: &mut Picture, from: ColourSpace, to: ColourSpace) {
    if from != to {
        colour::convert(picture.pixels_mut(), from, to);
    }
}

/// A still in the context's colour space.
fn still(tools: &media::Tools, path: &std::path::Path, colour: ColourSpace) -> Result<Arc<Picture>, Fault> {
    let mut still = tools.still(path)?;
    still.heal();
    convert(&mut still, still_space(path), colour);
    Ok(Arc::new(still))
}

fn latents(path: &std::path::Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|e| {
        Fault::new(
            shot::Code::Input,
            format!("{} cannot be read: {e}", path.display()),
            "the take keeps no latents to go on from: make it again with an engine that does",
        )
    })
}

/// A still file is sRGB unless it is one of the scene-linear kind.
fn still_space(path: &std::path::Path) -> ColourSpace {
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("exr") => ColourSpace::LinearRec709,
        _ => ColourSpace::Srgb,
    }
}

/// The `count` frames next to the hole.
fn side(tools: &media::Tools, request: &Request, clip: &ClipRef, count: usize, from_end: bool) -> Result<Vec<Arc<Picture>>, Fault> {
    let all = open(tools, request, clip)?;
    let n = all.count().min(count);
    let first = if from_end { all.count() - n } else { 0 };
    (first..first + n).map(|i| Ok(healed(all.frame(i)?, clip.colour, request.context.colour))).collect()
}

/// A few frames spread over a reference shot.
fn spread(tools: &media::Tools, request: &Request, clip: &ClipRef) -> Result<Vec<Arc<Picture>>, Fault> {
    let all = open(tools, request, clip)?;
    let n = all.count().min(LIKE_FRAMES);
    (0..n).map(|i| Ok(healed(all.frame(i * all.count() / n)?, clip.colour, request.context.colour))).collect()
}

fn hear(tools: &media::Tools, request: &Request, from: &SoundRef) -> Result<Option<Sound>, Fault> {
    let Some(sound) = tools.sound(from)? else { return Ok(None) };
    Ok(Some(sound::conform(&sound, shot::SAMPLE_RATE, usize::from(request.channels))?))
}

fn keep(tools: &media::Tools, request: &Request) -> Result<Kept, Fault> {
    let (Task::Retake { keep }, Some(clip)) = (request.task, &request.context.clip) else { return Ok(Kept::default()) };
    match keep {
        Keep::Nothing => Ok(Kept::default()),
        Keep::Picture => Ok(Kept { picture: Some(open(tools, request, clip)?), sound: None }),
        Keep::Sound => {
            let (start, frames) = clip.span.map_or((0, i64::from(request.frames)), |s| (s.start().0, s.frames()));
            let from = SoundRef { path: clip.path.clone(), start: request.rate.seconds(start), length: Some(request.rate.seconds(frames)) };
            let sound = hear(tools, request, &from)?.map(|s| {
                let mut channels = s.into_channels();
                channels.iter_mut().for_each(|c| c.resize(request.total_samples().0.max(0) as usize, 0.0));
                Sound::new(shot::SAMPLE_RATE, channels)
            });
            Ok(Kept { picture: None, sound: sound.transpose()? })
        }
    }
}
