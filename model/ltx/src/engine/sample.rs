//! The latents of a clip, window by window and stage by stage: what is given encoded and kept by masks, what the window before made
//! taken over as it is, stills and references put in, the rest sampled.

use std::sync::Arc;

use candle_core::Tensor;
use shot::request::Keep;
use shot::{Context, Picture, Request, SAMPLE_RATE, Sink, Sound, SoundMode, Task};

use super::clip::Clip;
use super::hearing::{self, Heard};
use super::latents::{Latents, Memory};
use super::look::Look;
use super::meter::Meter;
use super::models::{Models, Pass};
use super::plan::{self, Canvas, Window, latent_frames};
use super::{Ltx, canvas, wish};
use crate::conditioning::{Clock, Guide, Reference, State, VideoGrid};
use crate::error::{Error, Result};
use crate::sampling::tiled::Tiles;
use crate::sampling::{Pair, schedule};

/// Reference frames stand this many seconds before the made shot: near enough to be of one scene, too far to be its first frame.
const REFERENCE_BEFORE: f32 = 2.0;

/// Latent frames before the shot after the gap that the encoder walks through with it: it looks back in time.
const LEAD: usize = 2;

/// Seconds over which what is kept beside a retake or an extension may change, as the authors' own program has it (LTX-Desktop).
const FEATHER: f64 = 0.5;

/// A stage of sampling.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The canvas at its size.
    pub canvas: Canvas,
    /// Its levels of noise.
    pub levels: Vec<f32>,
    /// The parts in which it is refined where it is larger than the model.
    pub tiles: Option<Tiles>,
}

/// What a clip is sampled from.
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
    /// The windows, in order.
    pub windows: &'a [Window],
    /// The pictures.
    pub clip: &'a Clip<'a>,
    /// The sound that stands around.
    pub heard: Option<&'a Heard>,
}

/// A window of a stage that is being made.
struct At<'a> {
    stage: &'a Stage,
    window: &'a Window,
    index: usize,
    /// What this stage made before.
    so_far: Option<&'a Latents>,
    /// What the stage before made of the whole clip.
    smaller: Option<&'a Latents>,
}

impl Sampling<'_> {
    /// All of the clip's latents.
    pub fn run(&self, models: &mut Models<'_>, memory: &mut Memory, meter: &mut Meter, sink: &mut dyn Sink) -> Result<Latents> {
        let clock = self.clock()?;
        // What a stage is made of is done when the stage has begun.
        let first = (0..self.stages.len()).rev().find(|n| memory.stage(*n).is_some()).unwrap_or(0);
        for (number, stage) in self.stages.iter().enumerate() {
            for (index, window) in self.windows.iter().enumerate() {
                if number < first || memory.has(number, window.latents.end) {
                    meter.skipped(stage.levels.len() - 1);
                    continue;
                }
                let shown = window.shows(&self.clip.frames);
                let prompts = models.prompts(&wish::prompt(self.request, &shown, self.every), &self.request.negative, sink)?;
                let smaller = number.checked_sub(1).and_then(|n| memory.stage(n));
                let at = At { stage, window, index, so_far: memory.stage(number), smaller };
                let (sound, given) = self.sound(models, &at, sink)?;
                let (video, guessed) = self.video(models, &at, clock, sink)?;
                let states = Pair { video, sound };
                let levels = match guessed {
                    true => schedule::from_level(&stage.levels, self.ltx.guess_level())?,
                    false => stage.levels.clone(),
                };
                let pass = Pass {
                    levels: &levels,
                    prompts: &prompts,
                    seed: self.request.seed,
                    stage: number,
                    window: index,
                    tiles: stage.tiles.as_ref(),
                    look: self.clip.look,
                };
                let made = models.sample(states, &pass, memory, meter, sink)?;
                meter.skipped(stage.levels.len().saturating_sub(levels.len()));
                memory.done(number, &made, Pair { video: window.given, sound: given }, sink)?;
            }
        }
        memory.stage(self.stages.len() - 1).cloned().ok_or_else(|| Error::Unfit("nothing was to be sampled".into()))
    }

    fn clock(&self) -> Result<Clock> {
        let clock = Clock::snapped(self.fps)?;
        // For more motion the model is told that more time passes between frames than does.
        if self.request.motion == 1.0 { Ok(clock) } else { clock.faster(self.request.motion.clamp(0.5, 2.0)) }
    }

    /// The picture's tokens, and whether they begin as a guess.
    fn video(&self, models: &mut Models<'_>, at: &At<'_>, clock: Clock, sink: &mut dyn Sink) -> Result<(State, bool)> {
        let (rows, columns) = at.stage.canvas.latents();
        let grid = VideoGrid { frames: at.window.latents.len(), rows, columns };
        let channels = models.picture_channels()?;
        let guessed = at.smaller.is_none() && self.clip.guessed(&at.stage.canvas);
        let (clean, kept) = self.given(models, at, guessed || self.clip.keeps_picture(), [grid.frames, rows, columns, channels])?;
        let initial = match at.smaller.filter(|_| !self.clip.keeps_picture()) {
            Some(smaller) => {
                let window = &at.window.latents;
                Some(models.upsample(&smaller.video.narrow(0, window.start, window.len())?, at.stage.tiles.as_ref())?)
            }
            None => guessed.then(|| clean.clone()),
        };
        let mut state = State::video(grid, channels, clock, initial.as_ref())?;
        state.clean = clean.reshape((grid.tokens(), channels))?;
        let times = (0..grid.frames).map(|frame| latent_frames(at.window.latents.start + frame));
        let shares: Vec<f32> = times
            .zip(&kept)
            .enumerate()
            .map(|(frame, (time, kept))| match kept {
                false => 1.0,
                true if frame < at.window.given => 0.0,
                true => self.feather(f64::midpoint(time.start as f64, time.end as f64) / self.fps),
            })
            .collect();
        state.remake_by(&grid.places().map(|[frame, ..]| shares[frame as usize]).collect::<Vec<_>>())?;
        self.condition(models, at, clock, &mut state, sink)?;
        if self.clip.keeps_picture() {
            state.latent = state.clean.clone();
            state = state.freeze();
        }
        // The noise of a place is that of its place in the clip.
        Ok((state.at_place(at.window.latents.start as u32, 0, 0), guessed))
    }

    /// The latents that are given, zeros elsewhere, and for every latent frame whether it stays as it is given.
    fn given(&self, models: &mut Models<'_>, at: &At<'_>, whole: bool, shape: [usize; 4]) -> Result<(Tensor, Vec<bool>)> {
        let (window, frames, canvas) = (at.window, &self.clip.frames, &at.stage.canvas);
        let mut encode = |from: usize, to: usize| models.encode(to - from, canvas, &mut |i, out| self.clip.lay(from + i, canvas, out));
        let mut kept = frames.kept().get(window.latents.clone()).unwrap_or_default().to_vec();
        let shown = window.frames();
        let mut clean = Tensor::zeros(&shape, candle_core::DType::F32, &candle_core::Device::Cpu)?;
        if whole {
            clean = encode(shown.start, shown.end)?;
        } else {
            // Only what stays is encoded; nobody looks at the rest.
            let tail = kept.iter().take_while(|k| **k).count();
            if window.given == 0 && tail > 0 {
                clean = laid(&clean, 0, &encode(0, latent_frames(tail - 1).end)?)?;
            }
            if let Some(head) = (tail.max(window.given)..kept.len()).find(|i| kept[*i]) {
                let end = head + kept[head..].iter().take_while(|k| **k).count();
                let lead = head.saturating_sub(LEAD);
                let from = latent_frames(window.latents.start + lead).end - 1;
                let made = encode(from, latent_frames(window.latents.start + end - 1).end)?;
                clean = laid(&clean, head, &made.narrow(0, head - lead, end - head)?)?;
            }
        }
        if let Some(so_far) = at.so_far.filter(|_| window.given > 0 && !self.clip.keeps_picture()) {
            // The same latents, but for the first: alone it stands for one picture, so it is that picture, encoded alone.
            let alone = models.alone(&so_far.video, window.latents.start, self.request.seed)?;
            clean = laid(&clean, 0, &alone)?;
            clean = laid(&clean, 1, &so_far.video.narrow(0, window.latents.start + 1, window.given - 1)?)?;
            kept[..window.given].fill(true);
        }
        Ok((clean, kept))
    }

    /// Stills, storyboard and reference shots.
    fn condition(&self, models: &mut Models<'_>, at: &At<'_>, clock: Clock, video: &mut State, sink: &mut dyn Sink) -> Result<()> {
        let canvas = at.stage.canvas;
        let shown = at.window.frames();
        let before = self.request.handle_frames().0 as usize;
        let mut guides: Vec<(usize, &Arc<Picture>)> = Vec::new();
        if let Some(still) = self.context.still.as_ref().filter(|_| matches!(self.request.task, Task::Establish)) {
            guides.push((before, still));
        }
        guides.extend(self.context.keyframes.iter().map(|(frame, still)| (before + *frame as usize, still)));
        for (frame, still) in guides {
            let frame = self.clip.frames.tail + frame / self.every;
            let first = at.window.latents.start + at.window.given;
            if !shown.contains(&frame) || VideoGrid::latent_of(frame) < first {
                continue;
            }
            let frame = frame - shown.start;
            let latent = self.single(models, still, canvas, self.clip.look, sink)?;
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
                // Such a LoRA knows references as display pictures, whatever it makes of them.
                let look = Look::display(self.clip.look.space);
                let latent = self.single(models, picture, canvas.part(downscale), look, sink)?;
                video.append_reference(&Reference { latent: &latent, downscale, slower, strength: 1.0, attention: None })?;
                continue;
            }
            let latent = self.single(models, picture, canvas, self.clip.look, sink)?;
            let first = video.tokens();
            video.append_guide(&Guide { latent: &latent, frame: 0, picture_frames: 1, strength: 1.0, attention: None })?;
            let shift = REFERENCE_BEFORE + order as f32 * 0.5 + 1.0 / clock.rate() as f32;
            if let Some(times) = video.positions.first_mut() {
                times[first..].iter_mut().for_each(|(start, end)| (*start, *end) = (*start - shift, *end - shift));
            }
        }
        Ok(())
    }

    /// The latent of a still, as a clip of one frame.
    fn single(&self, models: &mut Models<'_>, picture: &Arc<Picture>, canvas: Canvas, look: Look, sink: &mut dyn Sink) -> Result<Tensor> {
        let seen = models.seen(std::slice::from_ref(picture), look, sink)?;
        let picture = seen.first().unwrap_or(picture);
        models.encode(1, &canvas, &mut |_, out| {
            canvas::show_covering(picture, look, &canvas, out);
            Ok(())
        })
    }

    /// The sound's tokens, and how many of them the window before has made.
    fn sound(&self, models: &mut Models<'_>, at: &At<'_>, sink: &mut dyn Sink) -> Result<(State, usize)> {
        let all = hearing::latents(self.clip.frames.total(), self.fps);
        let of = |window: &Window| window.sound(&self.clip.frames, self.fps, all);
        let window = of(at.window);
        let given = at.index.checked_sub(1).and_then(|i| self.windows.get(i)).map_or(0, |w| of(w).end - window.start);
        let (tokens, channels) = (window.len(), models.sound_channels()?);
        let mut clean = Tensor::zeros((tokens, channels), candle_core::DType::F32, &candle_core::Device::Cpu)?;
        let mut kept = vec![false; tokens];
        let stays = self.keeps_sound();
        if let Some(heard) = self.heard {
            kept = hearing::kept(all, &heard.known).get(window.clone()).unwrap_or_default().to_vec();
            if stays || kept.iter().skip(given).any(|k| *k) {
                match models.hear(&heard.from(window.start)?, tokens)? {
                    Some(latent) => clean = latent,
                    None => {
                        sink.note("this checkpoint has no encoder for sound: what stands around is not heard".into());
                        kept.fill(false);
                    }
                }
            }
        }
        if let Some(so_far) = at.so_far.filter(|_| given > 0 && !stays) {
            clean = laid(&clean, 0, &so_far.sound.narrow(0, window.start, given)?)?;
            kept[..given].fill(true);
            // Alone, the first one stands for a fourth of what it stood for. Where it cannot be told what that is, it is made: nobody
            // hears it.
            match models.alone_of_sound(&so_far.sound, window.start)? {
                Some(alone) => clean = laid(&clean, 0, &alone)?,
                None => kept[0] = false,
            }
        }
        let smaller = at.smaller.map(|s| s.sound.narrow(0, window.start, tokens)).transpose()?;
        let mut state = State::sound(tokens, channels, Some(&clean))?;
        let share = |(i, kept): (usize, &bool)| match kept {
            false => 1.0,
            true if i < given => 0.0,
            // The middle of the four spectra that a latent stands for, a hundredth of a second each.
            true => self.feather((4 * (window.start + i)) as f64 * 0.01 - 0.01),
        };
        state.remake_by(&kept.iter().enumerate().map(share).collect::<Vec<_>>())?;
        if let Some(smaller) = &smaller {
            state.latent = smaller.contiguous()?;
        }
        // The tokens lie on the clip's clock, the window begins on the picture's.
        let shift = window.start as f64 / crate::audio::LATENTS_PER_SECOND - at.window.frames().start as f64 / self.fps;
        if let Some(times) = state.positions.first_mut().filter(|_| window.start > 0) {
            times.iter_mut().for_each(|(start, end)| (*start, *end) = (*start + shift as f32, *end + shift as f32));
        }
        if at.stage.tiles.is_some() {
            // No tile sees all of the picture: what the whole one sounded like stays.
            state.clean = state.latent.clone();
            state = state.freeze();
        } else if stays {
            state.latent = state.clean.clone();
            state = state.freeze();
        }
        Ok((state.at_place(window.start as u32, 0, 0), given))
    }

    /// How much of what is kept around a moment of the clip (in seconds) is made anew all the same: where more of a shot is made, or
    /// a part of it again, less and less with the distance from what is made. The editor's own frames and samples are delivered
    /// whatever the model makes of them.
    fn feather(&self, moment: f64) -> f32 {
        let made = self.clip.frames.range();
        let distance = (made.start as f64 / self.fps - moment).max(moment - made.end as f64 / self.fps);
        let feathers = matches!(self.request.task, Task::Retake { .. } | Task::Extend { .. });
        if feathers && distance < FEATHER { (1.0 - distance.max(0.0) / FEATHER) as f32 } else { 0.0 }
    }

    /// Whether the editor's own sound stays.
    fn keeps_sound(&self) -> bool {
        self.context.clip_sound.is_some() && matches!(self.request.task, Task::Retake { keep: Keep::Sound })
    }

    /// The sound that stands around, or the editor's own where it stays.
    pub fn hear(request: &Request, context: &Context<'_>, frames: &plan::Frames, fps: f64) -> Result<Option<Heard>> {
        let keeps = matches!(request.task, Task::Retake { keep: Keep::Sound });
        if let Some(own) = context.clip_sound.as_ref().filter(|_| keeps) {
            // The span's sound begins where its frames do: as the head of a clip in which nothing is made.
            let laid = plan::Frames { tail: frames.tail, made: 0, head: frames.total() - frames.tail, spare: 0 };
            return hearing::lay(context.tail_sound.as_ref().filter(|_| frames.tail > 0), Some(own), &laid, fps);
        }
        if request.sound == SoundMode::None {
            return Ok(None);
        }
        let (tail, head) = (context.tail_sound.as_ref(), context.head_sound.as_ref());
        hearing::lay(tail.filter(|_| frames.tail > 0), head.filter(|_| frames.head > 0), frames, fps)
    }
}

impl Heard {
    /// What is heard from a latent of the clip on.
    fn from(&self, latent: usize) -> Result<Sound> {
        let start = (latent as f64 / crate::audio::LATENTS_PER_SECOND * f64::from(SAMPLE_RATE)).round() as usize;
        let rest = self.sound.channels().iter().map(|c| c.get(start..).unwrap_or_default().to_vec()).collect();
        Ok(Sound::new(SAMPLE_RATE, rest)?)
    }
}

/// A tensor with another one in place of its rows from `first` on.
fn laid(under: &Tensor, first: usize, over: &Tensor) -> Result<Tensor> {
    let (length, count) = (under.dims().first().copied().unwrap_or(0), over.dims().first().copied().unwrap_or(0));
    let count = count.min(length - first.min(length));
    let end = first + count;
    Ok(Tensor::cat(&[&under.narrow(0, 0, first)?, &over.narrow(0, 0, count)?, &under.narrow(0, end, length - end)?], 0)?)
}
