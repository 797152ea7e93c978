//! From latents to what the host gets: frames decoded in order, locked to the neighbours, examined and handed over; sound cut to the
//! sample and joined. The windows that a long shot was sampled in are one clip here.

use std::sync::Arc;

use candle_core::Tensor;
use shot::{Context, Figure, FrameIndex, Picture, Request, SAMPLE_RATE, Sink, Sound, SoundMode, Stage, Task};

use super::clip::Neighbours;
use super::examine::{Examined, level_step};
use super::latents::Latents;
use super::lock::{Lock, Side};
use super::look::Look;
use super::meter::Meter;
use super::models::Models;
use super::plan::{Canvas, Frames, Window, latent_frames};
use super::{canvas, hearing};
use crate::audio;
use crate::error::Result;

/// What is delivered of a shot.
pub struct Output<'a> {
    request: &'a Request,
    context: &'a Context<'a>,
    canvas: Canvas,
    look: Look,
    fps: f64,
    every: usize,
    sound: Vec<Vec<f32>>,
    examined: Examined,
    /// Frames at the model's clock that wait for those in between.
    held: Vec<Arc<Picture>>,
    sent: usize,
    figures: Vec<Figure>,
}

/// What it is delivered from.
pub struct Delivery<'a> {
    /// The clip.
    pub frames: &'a Frames,
    /// The windows that it was sampled in.
    pub windows: &'a [Window],
    /// Its final latents.
    pub latents: &'a Latents,
    /// What stands around it.
    pub around: &'a Neighbours,
}

impl<'a> Output<'a> {
    /// Of a job.
    pub fn new(request: &'a Request, context: &'a Context<'a>, canvas: Canvas, look: Look, every: usize) -> Self {
        Self {
            request,
            context,
            canvas,
            look,
            fps: request.rate.as_f64() / every as f64,
            every,
            sound: Vec::new(),
            examined: Examined::default(),
            held: Vec::new(),
            sent: 0,
            figures: Vec::new(),
        }
    }

    /// Decodes the clip and hands over its frames.
    pub fn deliver(&mut self, models: &mut Models<'_>, of: &Delivery<'_>, meter: &mut Meter, sink: &mut dyn Sink) -> Result<()> {
        let range = of.frames.range();
        let frozen = matches!(self.request.task, Task::Retake { keep: shot::Keep::Picture });
        if let Some(clip) = self.context.clip.filter(|_| frozen) {
            // The editor's own frames pass through untouched, every one of the timeline's.
            for i in 0..self.request.total_frames() as usize {
                sink.picture(Picture::clone(&*clip.frame(i)?))?;
            }
            meter.step(range.len(), sink)?;
        } else {
            let lock = self.lock(models, of)?;
            if lock.holds() {
                sink.matched();
            }
            let mut index = 0;
            models.decode(&of.latents.video, self.request.seed, &mut |frames: Tensor| {
                let count = frames.dims()[0];
                let (first, last) = (range.start.clamp(index, index + count), range.end.clamp(index, index + count));
                if first < last {
                    let wanted = frames.narrow(0, first - index, last - first)?;
                    for (i, mut picture) in canvas::read(&wanted, &self.canvas, self.request.size, self.look)?.into_iter().enumerate() {
                        self.examined.look(&picture)?;
                        lock.apply(first + i - range.start, &mut picture);
                        self.send(picture, meter, sink)?;
                    }
                }
                index += count;
                Ok(())
            })?;
            self.picture_joins(of);
        }
        self.deliver_sound(models, of, sink)
    }

    /// How well the picture goes on where one window took over from another.
    fn picture_joins(&mut self, of: &Delivery<'_>) {
        let fresh = |w: &Window| latent_frames(w.latents.start + w.given).start.checked_sub(of.frames.tail);
        let joins: Vec<usize> = of.windows.iter().skip(1).filter_map(fresh).collect();
        if let Some(value) = self.examined.step_into(&joins) {
            self.figures.push(Figure { name: "window-seam".into(), value, unit: "median steps".into() });
        }
    }

    /// One frame at the model's clock.
    fn send(&mut self, picture: Picture, meter: &mut Meter, sink: &mut dyn Sink) -> Result<()> {
        if self.every > 1 {
            self.held.push(Arc::new(picture));
        } else if self.sent < self.request.total_frames() as usize {
            self.sent += 1;
            sink.picture(picture)?;
        }
        meter.step(1, sink)
    }

    /// What the model changed in the editor's own frames on both sides.
    fn lock(&self, models: &mut Models<'_>, of: &Delivery<'_>) -> Result<Lock> {
        let frames = of.frames;
        let (space, amount) = (self.request.context.colour, self.request.colour_match);
        if self.request.task.joins() == (false, false) {
            return Ok(Lock::new(None, None, space, frames.made, amount));
        }
        let kept = frames.kept();
        let latent = &of.latents.video;
        // The last kept latent frames of the tail, with one before them for the decoder to begin with.
        let tail = kept.iter().take_while(|k| **k).count();
        let start = if tail > 0 {
            let from = tail.saturating_sub(SEEN + 1);
            let seen = self.seen(models, &latent.narrow(0, from, tail - from)?, from, frames.tail)?;
            self.pairs(&of.around.tail, seen, |frame| (frame + of.around.tail.len()).checked_sub(frames.tail), frames.tail)?
        } else {
            None
        };
        let head = kept.len() - kept.iter().rev().take_while(|k| **k).count();
        let first_head = frames.range().end;
        let end = if head < kept.len() && frames.head > 0 {
            let from = head.saturating_sub(1);
            let count = (SEEN + 1).min(kept.len() - from);
            // The latent frame that holds the seam is not kept: the first that is may begin some frames after it.
            let seen = self.seen(models, &latent.narrow(0, from, count)?, from, latent_frames(head).start)?;
            self.pairs(&of.around.head, seen, |frame| frame.checked_sub(first_head), first_head)?
        } else {
            None
        };
        Ok(Lock::new(start.as_ref().map(Pairs::side).as_ref(), end.as_ref().map(Pairs::side).as_ref(), space, frames.made, amount))
    }

    /// Decodes some latent frames alone; pictures near frame `edge` by their frame of the clip. What the first one gives is left out,
    /// it has no past.
    fn seen(&self, models: &mut Models<'_>, latent: &Tensor, from: usize, edge: usize) -> Result<Vec<(usize, Picture)>> {
        let mut out = Vec::new();
        let mut index = 0;
        models.decode(latent, self.request.seed, &mut |frames: Tensor| {
            for i in 0..frames.dims()[0] {
                // Frame 0 is the first latent's, the next eight are the second's.
                let frame = if index == 0 { 0 } else { latent_frames(from + 1).start + index - 1 };
                if (index > 0 || from == 0) && frame.abs_diff(edge) <= NEAR {
                    let picture = canvas::read(&frames.narrow(0, i, 1)?, &self.canvas, self.request.size, self.look)?;
                    out.extend(picture.into_iter().map(|p| (frame, p)));
                }
                index += 1;
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Those that are the editor's, beside the editor's; `edge` is the clip's frame at the seam.
    fn pairs(
        &self,
        own: &[Arc<Picture>],
        seen: Vec<(usize, Picture)>,
        number: impl Fn(usize) -> Option<usize>,
        edge: usize,
    ) -> Result<Option<Pairs>> {
        let mut pairs = Pairs { real: Vec::new(), seen: Vec::new(), touching: 0 };
        let mut nearest = usize::MAX;
        for (frame, picture) in seen {
            if let Some(real) = number(frame).and_then(|i| own.get(i)) {
                let distance = frame.abs_diff(edge);
                if distance < nearest {
                    (nearest, pairs.touching) = (distance, pairs.seen.len());
                }
                pairs.real.push(real.clone());
                pairs.seen.push(picture);
            }
        }
        Ok((!pairs.seen.is_empty()).then_some(pairs))
    }

    fn deliver_sound(&mut self, models: &mut Models<'_>, of: &Delivery<'_>, sink: &mut dyn Sink) -> Result<()> {
        let own_stays = matches!(self.request.task, Task::Retake { keep: shot::Keep::Sound });
        if self.request.sound == SoundMode::None || own_stays {
            return Ok(());
        }
        sink.progress(Stage::Sound, 0, 1)?;
        let clip = models.voice(&of.latents.sound)?;
        if clip.channels().iter().flatten().any(|v| !v.is_finite()) {
            return Err(crate::Error::Broken("the sound came out with values that are no numbers".into()));
        }
        let joins = self.request.task.joins();
        let samples = sample_of(self.request, self.request.total_frames() as usize);
        let cut = hearing::Cut {
            frames: of.frames,
            fps: self.fps,
            samples,
            channels: usize::from(self.request.channels),
            tail: self.context.tail_sound.as_ref().filter(|_| joins.0),
            head: self.context.head_sound.as_ref().filter(|_| joins.1),
        };
        self.sound = hearing::cut(&clip, &cut)?.into_channels();
        let all = of.latents.sound.dims().first().copied().unwrap_or(0);
        let start = of.frames.tail as f64 / self.fps;
        // A window's own latents of sound begin where those of the window before end.
        let end = |w: &Window| audio::frames_of(w.sound(of.frames, self.fps, all).end) as f64 * 0.01 - start;
        let seams: Vec<usize> =
            of.windows.iter().rev().skip(1).map(end).filter(|s| *s > 0.0).map(|s| (s * f64::from(SAMPLE_RATE)) as usize).collect();
        if let Some(value) = level_step(&self.sound, &seams, SAMPLE_RATE).filter(|_| !seams.is_empty()) {
            self.figures.push(Figure { name: "window-seam-sound".into(), value, unit: "median steps of level".into() });
        }
        Ok(())
    }

    /// Hands over what came last: frames in between, the sound, the figures.
    pub fn finish(mut self, guess: Option<&dyn shot::Engine>, sink: &mut dyn Sink) -> Result<()> {
        if !self.held.is_empty() {
            self.between(guess, sink)?;
        }
        let near: Vec<Arc<Picture>> = [self.context.tail.map(|t| (t, t.count().saturating_sub(1))), self.context.head.map(|h| (h, 0))]
            .into_iter()
            .flatten()
            .filter(|(frames, _)| frames.count() > 0)
            .map(|(frames, i)| frames.frame(i))
            .collect::<std::result::Result<_, _>>()?;
        let near: Vec<&Picture> = near.iter().map(|p| &**p).collect();
        self.examined.accept(near.iter().any(|p| shows_something(p)))?;
        for figure in self.examined.figures(&near) {
            if let ("sharpness" | "grain", off) = (figure.name.as_str(), (figure.value - 1.0).abs())
                && off > 0.1
            {
                let way = if figure.value < 1.0 { "less" } else { "more" };
                sink.note(match figure.value > 10.0 {
                    // Neighbours without any, such as drawings, make a number of no meaning.
                    true => format!("{} many times the neighbours'", figure.name),
                    false => format!("{} by {:.0} % {way} than the neighbours'", figure.name, off * 100.0),
                });
            }
            sink.figure(figure);
        }
        self.figures.drain(..).for_each(|figure| sink.figure(figure));
        let samples = usize::try_from(self.request.total_samples().0).unwrap_or(0);
        if self.sound.first().is_some_and(|c| !c.is_empty()) {
            self.sound.iter_mut().for_each(|c| c.resize(samples, 0.0));
            sink.sound(Sound::new(SAMPLE_RATE, self.sound)?)?;
            sink.progress(Stage::Sound, 1, 1)?;
        }
        Ok(())
    }

    /// The frames between those of the model, where the timeline has more.
    fn between(&mut self, guess: Option<&dyn shot::Engine>, sink: &mut dyn Sink) -> Result<()> {
        let total = self.request.total_frames() as usize;
        let held = std::mem::take(&mut self.held);
        let task = Task::Retime { num: self.every as u32, den: 1 };
        match guess {
            Some(engine) if held.len() > 1 => {
                let frames = (held.len() * self.every) as u32;
                let request = Request { task, frames, handles: 0, sound: SoundMode::None, storyboard: Vec::new(), ..self.request.clone() };
                let context = Context { clip: Some(&held), ..Context::default() };
                let mut first = super::clip::First { sink, left: total };
                engine.generate(&request, &context, &mut first)?;
                sink.note(format!("one frame in {} is the model's, those between are interpolated", self.every));
            }
            _ => {
                for i in 0..total {
                    let picture =
                        held.get(i / self.every).or(held.last()).ok_or_else(|| crate::Error::Unfit("no frame was made".into()))?;
                    sink.picture(Picture::clone(picture))?;
                }
            }
        }
        Ok(())
    }
}

/// Latent frames of each side that are decoded to see what the model changed.
const SEEN: usize = 2;

/// Frames of a side that are looked at for it: at the largest sizes each takes hundreds of megabytes.
const NEAR: usize = 5;

struct Pairs {
    real: Vec<Arc<Picture>>,
    seen: Vec<Picture>,
    touching: usize,
}

impl Pairs {
    fn side(&self) -> Side<'_> {
        Side { real: self.real.iter().map(|p| &**p).collect(), seen: self.seen.iter().collect(), touching: self.touching }
    }
}

fn shows_something(picture: &Picture) -> bool {
    let (low, high) = picture.pixels().iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), p| (l.min(p[1]), h.max(p[1])));
    high - low > 0.02
}

/// The sample at which a frame of the shot begins, counted from its first.
pub fn sample_of(request: &Request, frame: usize) -> usize {
    let first = request.first_frame().0;
    let frame = frame.min(request.total_frames() as usize) as i64;
    let at = |frame: i64| request.rate.sample_at(FrameIndex(frame)).0;
    usize::try_from(at(first + frame) - at(first)).unwrap_or(0)
}
