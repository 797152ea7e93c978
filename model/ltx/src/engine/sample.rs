//! The latents of one window: what is given encoded and kept by masks, stills and references put in, the rest sampled.

use std::sync::Arc;

use candle_core::Tensor;
use shot::request::Keep;
use shot::{Context, Picture, Request, Sink, Size, Sound, SoundMode, Task};

use super::clip::{self, Around, Guess, Middle, Neighbours};
use super::latents::{Latents, Memory};
use super::meter::Meter;
use super::models::{Models, Pass};
use super::output::sample_of;
use super::plan::{self, Canvas, Window};
use super::{Ltx, canvas, hearing, wish};
use crate::conditioning::{Clock, Guide, Reference, State, VideoGrid};
use crate::error::{Error, Result};
use crate::ops::slices;
use crate::sampling::{Pair, schedule};

/// Reference frames stand this many seconds before the made shot: near enough to be of one scene, too far to be its first frame.
const REFERENCE_BEFORE: f32 = 2.0;

/// A stage of sampling.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The canvas at its size.
    pub canvas: Canvas,
    /// Its levels of noise.
    pub levels: Vec<f32>,
}

/// What a window is sampled from.
pub struct Sampling<'a> {
    /// The engine.
    pub ltx: &'a Ltx,
    /// What was asked.
    pub request: &'a Request,
    /// What may be seen.
    pub context: &'a Context<'a>,
    /// Frames of the timeline for one of the model.
    pub every: usize,
    /// Frames of the model per second.
    pub fps: f64,
    /// The stages, in order.
    pub stages: &'a [Stage],
    /// The window.
    pub window: &'a Window,
    /// Its number.
    pub index: usize,
    /// What stands around it.
    pub around: &'a Neighbours,
    /// The sound before it.
    pub before: Option<&'a Sound>,
    /// What another engine would make of the shot.
    pub guess: Option<&'a Guess>,
}

impl Sampling<'_> {
    /// The window's latents.
    pub fn run(&self, models: &mut Models<'_>, memory: &mut Memory, meter: &mut Meter, sink: &mut dyn Sink) -> Result<Latents> {
        let prompts = models.prompts(&wish::prompt(self.request, self.window, self.every), &self.request.negative, sink)?;
        let mut sound = self.sound(models, sink)?;
        let clock = self.clock()?;
        let mut made: Option<Latents> = None;
        for (number, stage) in self.stages.iter().enumerate() {
            let last = number + 1 == self.stages.len();
            if !last && let Some(first) = memory.first(self.index) {
                made = Some(first);
                continue;
            }
            let (mut video, guessed) = self.video(models, stage, clock, made.as_ref(), sink)?;
            if let Some(first) = &made {
                // The second stage makes the sound finer too, from what the first one made of it.
                if first.sound.dims() == sound.latent.dims() {
                    sound.latent = first.sound.clone();
                }
            }
            video = video.at_place((self.index * 4096) as u32, 0, 0);
            let states = Pair { video, sound: sound.clone().at_place((self.index * 65_536) as u32, 0, 0) };
            let levels =
                if guessed && number == 0 { schedule::from_level(&stage.levels, self.ltx.guess_level())? } else { stage.levels.clone() };
            let pass = Pass { levels: &levels, prompts: &prompts, seed: self.request.seed, stage: number, window: self.index };
            let latents = models.sample(states, &pass, memory, meter, sink)?;
            if !last {
                memory.first_done(self.index, &latents, sink)?;
            }
            made = Some(latents);
        }
        made.ok_or_else(|| Error::Unfit("nothing was to be sampled".into()))
    }

    fn clock(&self) -> Result<Clock> {
        let clock = Clock::snapped(self.fps)?;
        // For more motion the model is told that more time passes between frames than does.
        if self.request.motion == 1.0 { Ok(clock) } else { clock.faster(self.request.motion.clamp(0.5, 2.0)) }
    }

    /// The picture's tokens for a stage.
    fn video(
        &self,
        models: &mut Models<'_>,
        stage: &Stage,
        clock: Clock,
        first: Option<&Latents>,
        sink: &mut dyn Sink,
    ) -> Result<(State, bool)> {
        let own: Vec<Arc<Picture>>;
        let frozen = self.kept_picture();
        let space = self.request.context.colour;
        // What an earlier window made comes from the model: it is as it should be.
        let tail = if self.index == 0 { models.seen(&self.around.tail, space, sink)? } else { self.around.tail.clone() };
        let head = models.seen(&self.around.head, space, sink)?;
        let around = Around { tail: Some(&tail), head: Some(&head) };
        let laid = if let Some(clip) = frozen {
            let at = |i: usize| clip.frame((i * self.every).min(clip.count() - 1));
            own = self.window.made.clone().map(at).collect::<std::result::Result<_, _>>()?;
            clip::lay(self.window, around, self.request, &stage.canvas, Middle::Own(&own))?
        } else {
            clip::lay(self.window, around, self.request, &stage.canvas, Middle::Guess(self.guess))?
        };
        let encoded = models.encode(&laid.pictures)?;
        let grid = VideoGrid::of_latent(&encoded)?;
        let channels = encoded.dims()[3];
        let initial = match first {
            Some(first) => models.upsample(&first.video)?,
            None => encoded.clone(),
        };
        let mut state = State::video(grid, channels, clock, Some(&initial))?;
        state.clean = encoded.reshape((grid.tokens(), channels))?;
        let kept = self.window.frames.kept();
        let shares: Vec<f32> = grid.places().map(|[frame, ..]| if kept[frame as usize] { 0.0 } else { 1.0 }).collect();
        state.remake_by(&shares)?;
        self.condition(models, stage.canvas, clock, &mut state, sink)?;
        if frozen.is_some() {
            state.latent = state.clean.clone();
            state = state.freeze();
        }
        Ok((state, laid.guessed))
    }

    fn kept_picture(&self) -> Option<&dyn shot::Frames> {
        self.context.clip.filter(|_| matches!(self.request.task, Task::Retake { keep: Keep::Picture }))
    }

    /// Stills, storyboard and reference shots.
    fn condition(&self, models: &mut Models<'_>, canvas: Canvas, clock: Clock, video: &mut State, sink: &mut dyn Sink) -> Result<()> {
        let before = self.request.handle_frames().0 as usize;
        let mut guides: Vec<(usize, &Arc<Picture>)> = Vec::new();
        if let Some(still) = self.context.still.as_ref().filter(|_| matches!(self.request.task, Task::Establish)) {
            guides.push((before, still));
        }
        guides.extend(self.context.keyframes.iter().map(|(frame, still)| (before + *frame as usize, still)));
        for (frame, still) in guides {
            let at = frame / self.every;
            if !self.window.made.contains(&at) {
                continue;
            }
            let frame = self.window.frames.tail + at - self.window.made.start;
            let latent = models.encode(&self.single(models, still, canvas, sink)?)?;
            if frame == 0 {
                video.replace(&latent, 0, 1.0)?;
            } else {
                video.append_guide(&Guide { latent: &latent, frame, picture_frames: 1, strength: 1.0, attention: None })?;
            }
        }
        if matches!(self.request.task, Task::Insert) { self.refer(models, canvas, clock, video, sink) } else { Ok(()) }
    }

    /// Shows an insert the shots whose place, light and lens it takes over, as a time before it: never as its first or last frame.
    fn refer(&self, models: &mut Models<'_>, canvas: Canvas, clock: Clock, video: &mut State, sink: &mut dyn Sink) -> Result<()> {
        let mut shown: Vec<Arc<Picture>> = Vec::new();
        for shot in self.context.like.iter().filter(|s| s.count() > 0) {
            shown.push(shot.frame(shot.count() / 2)?);
        }
        if shown.is_empty() {
            let tail = self.context.tail.filter(|t| t.count() > 0).map(|t| t.frame(t.count() - 1));
            let head = self.context.head.filter(|h| h.count() > 0).map(|h| h.frame(0));
            shown = tail.into_iter().chain(head).collect::<std::result::Result<_, _>>()?;
        }
        shown.extend(self.context.still.clone());
        for (order, picture) in shown.iter().enumerate() {
            if let Some((downscale, slower)) = self.ltx.reference() {
                let latent = models.encode(&self.single(models, picture, canvas.part(downscale), sink)?)?;
                video.append_reference(&Reference { latent: &latent, downscale, slower, strength: 1.0, attention: None })?;
                continue;
            }
            let latent = models.encode(&self.single(models, picture, canvas, sink)?)?;
            let first = video.tokens();
            video.append_guide(&Guide { latent: &latent, frame: 0, picture_frames: 1, strength: 1.0, attention: None })?;
            let shift = REFERENCE_BEFORE + order as f32 * 0.5 + 1.0 / clock.rate() as f32;
            if let Some(times) = video.positions.first_mut() {
                times[first..].iter_mut().for_each(|(start, end)| (*start, *end) = (*start - shift, *end - shift));
            }
        }
        Ok(())
    }

    /// A still as a clip of one frame.
    fn single(&self, models: &Models<'_>, picture: &Arc<Picture>, canvas: Canvas, sink: &mut dyn Sink) -> Result<Tensor> {
        let seen = models.seen(std::slice::from_ref(picture), self.request.context.colour, sink)?;
        let picture = seen.first().unwrap_or(picture);
        let Size { width, height } = canvas.canvas;
        let mut values = vec![0.0; canvas.canvas.pixels() * 3];
        canvas::show_covering(picture, self.request.context.colour, &canvas, &mut values);
        slices::tensor(values, (1, height as usize, width as usize, 3))
    }

    /// The sound's tokens: what is known kept, the rest to be made.
    fn sound(&self, models: &mut Models<'_>, sink: &mut dyn Sink) -> Result<State> {
        let frames = &self.window.frames;
        let tokens = hearing::latents(frames.total(), self.fps);
        let channels = models.sound_channels()?;
        let own = self.context.clip_sound.as_ref().filter(|_| matches!(self.request.task, Task::Retake { keep: Keep::Sound }));
        let heard = if let Some(own) = own {
            let start = sample_of(self.request, self.window.made.start * self.every);
            let part = own.channels().iter().map(|c| c.get(start..).unwrap_or_default().to_vec()).collect();
            // The span's sound begins where its frames do: as the head of a clip in which nothing is made.
            let laid = plan::Frames { tail: frames.tail, made: 0, head: frames.total() - frames.tail, spare: 0 };
            hearing::lay(self.before, Some(&Sound::new(own.rate(), part)?), &laid, self.fps)?
        } else if self.request.sound == SoundMode::None {
            None
        } else {
            let head = self.context.head_sound.as_ref().filter(|_| frames.head > 0);
            hearing::lay(self.before.filter(|_| frames.tail > 0), head, frames, self.fps)?
        };
        let Some(heard) = heard else { return State::sound(tokens, channels, None) };
        let Some(latent) = models.hear(&heard.sound, tokens)? else {
            sink.note("this checkpoint has no encoder for sound: what stands around is not heard".into());
            return State::sound(tokens, channels, None);
        };
        let mut state = State::sound(tokens, channels, Some(&latent))?;
        if own.is_some() {
            return Ok(state.freeze());
        }
        let kept = hearing::kept(tokens, &heard.known);
        state.remake_by(&kept.iter().map(|k| if *k { 0.0 } else { 1.0 }).collect::<Vec<_>>())?;
        Ok(state)
    }
}
