//! One request from context to pictures and sound.
//!
//! Lay the clip → sample its latents, window by window and stage by stage ([`super::sample`]) → decode all of them as one clip, lock
//! to the neighbours, hand over ([`super::output`]). What was sampled is remembered, so that a killed job goes on from its last step.

use shot::request::{End, Keep};
use shot::{Context, Frames, Quality, Request, Sink, Task};

use super::clip::{self, Clip, Guess, Middle, Neighbours};
use super::latents::{KEPT, Light, Memory};
use super::look::Look;
use super::meter::Meter;
use super::models::Models;
use super::output::{Delivery, Output};
use super::plan::{self, Canvas, Wanted, windows};
use super::sample::{Sampling, Stage};
use super::{Ltx, canvas, hearing, wish};
use crate::error::{Error, Result};
use crate::sampling::tiled::Tiles;

/// A job.
pub struct Job<'a> {
    ltx: &'a Ltx,
    request: &'a Request,
    context: &'a Context<'a>,
    /// Frames of the timeline for one of the model.
    every: usize,
    /// Frames of the model per second.
    fps: f64,
    /// What is made, smallest first; the last one is delivered.
    canvases: Vec<Canvas>,
    /// What the model's values mean.
    look: Look,
    /// The light take that is promoted.
    light: Option<Light>,
}

impl<'a> Job<'a> {
    /// Of a request; refuses what the model cannot do.
    pub fn new(ltx: &'a Ltx, request: &'a Request, context: &'a Context<'a>) -> Result<Self> {
        request.check()?;
        if matches!(request.task, Task::Retime { .. }) {
            return Err(Error::Unfit("the ltx engine does not retime: use the draft engine".into()));
        }
        let every = plan::frames_per_model_frame(request.rate.as_f64()) as usize;
        let light = context.latents.as_deref().map(Light::read).transpose()?;
        if light.is_some() && !ltx.has_upsampler() {
            return Err(Error::MissingPart { part: "spatial upscaler, which makes a light take larger,", files: ltx.files() });
        }
        let mut canvases = match &light {
            Some(light) => wish::promotion(request, light.canvas()),
            None => wish::canvases(request, ltx.has_upsampler()),
        };
        if matches!(request.task, Task::Retake { keep: Keep::Picture }) {
            // The picture is only looked at, to make its sound: in one piece, or not at all.
            let whole = |c: &Canvas| c.latents().0 * c.latents().1 <= ltx.largest();
            canvases.truncate(if canvases.get(1).is_some_and(whole) { 2 } else { 1 });
        }
        let look = Look { space: request.context.colour, curve: ltx.curve() };
        Ok(Self { ltx, request, context, every, fps: request.rate.as_f64() / every as f64, canvases, look, light })
    }

    /// Does it.
    pub fn run(mut self, sink: &mut dyn Sink) -> Result<()> {
        let neighbours = self.neighbours()?;
        let joins = self.request.task.joins();
        let own = self.context.clip.filter(|_| matches!(self.request.task, Task::Retake { keep: Keep::Picture }));
        let frozen = matches!(self.request.task, Task::Retake { keep: Keep::Picture });
        if (joins.0 || joins.1) && neighbours.is_empty() && !frozen {
            return Err(Error::Unfit(format!("a {} needs the shot on at least one side", self.request.task.word())));
        }
        let total = self.request.total_frames() as usize;
        if frozen && own.is_none_or(|c| c.count() < total) {
            return Err(Error::Unfit("the span's own frames are needed, because its picture stays".into()));
        }
        let made = total.div_ceil(self.every);
        let frames = plan::Frames::fit(Wanted { made, tail: neighbours.tail.len(), head: neighbours.head.len() });
        let windows = windows(&frames, self.fps);
        if windows.len() > 1 {
            sink.note(format!(
                "longer than the model: made in {} stretches, each of which goes on with the latents of the one before",
                windows.len()
            ));
        }
        let light = self.light.take().map(|l| l.latents(frames.latents(), hearing::latents(frames.total(), self.fps))).transpose()?;
        let mut models = Models::open(self.ltx, sink)?;
        let mut memory = Memory::begin(sink, light);
        let stages = self.stages(&models)?;
        let mut meter = Meter::new(windows.len() * stages.iter().map(|s| s.levels.len() - 1).sum::<usize>(), made);
        let guess = self.guess(stages.first().map(|s| s.canvas), sink);
        let heard = Sampling::hear(self.request, self.context, &frames, self.fps)?;
        let seen =
            Neighbours { tail: models.seen(&neighbours.tail, self.look, sink)?, head: models.seen(&neighbours.head, self.look, sink)? };
        let middle = own.map_or(Middle::Guess(guess.as_ref()), |own| Middle::Own(own, self.every));
        let clip = Clip { frames, around: seen, middle, look: self.look };
        let sampling = Sampling {
            ltx: self.ltx,
            request: self.request,
            context: self.context,
            every: self.every,
            fps: self.fps,
            stages: &stages,
            windows: &windows,
            clip: &clip,
            heard: heard.as_ref(),
        };
        let latents = sampling.run(&mut models, &mut memory, &mut meter, sink)?;
        let canvas = *self.canvases.last().unwrap_or(&stages[0].canvas);
        if self.request.quality != Quality::Final {
            sink.keep(KEPT, memory.light(&canvas)?);
        }
        drop((memory, clip));
        drop(guess);
        let delivery = Delivery { frames: &frames, windows: &windows, latents: &latents, around: &neighbours };
        let mut output = Output::new(self.request, self.context, canvas, self.look, self.every);
        output.deliver(&mut models, &delivery, &mut meter, sink)?;
        if !frozen {
            self.label(&neighbours, sink);
        }
        output.finish(self.ltx.guess(), sink)
    }

    /// Says what highlights the take can have.
    fn label(&self, neighbours: &Neighbours, sink: &mut dyn Sink) {
        if let Some(curve) = self.look.curve {
            sink.note(format!("HDR: made in {} by the LoRA that was given, highlights go beyond white", curve.label()));
            return;
        }
        sink.sdr();
        let edges = neighbours.tail.last().into_iter().chain(neighbours.head.first());
        if edges.map(|p| canvas::beyond(p, self.request.context.colour)).fold(0.0, f64::max) > 0.001 {
            sink.note("SDR: the neighbours have highlights beyond what the model can see, so those of this take end at white".into());
        }
    }

    /// The stages of sampling with their canvases.
    fn stages(&self, models: &Models<'_>) -> Result<Vec<Stage>> {
        let (first, second) = models.levels(self.request.quality)?;
        let stage = |(n, canvas): (usize, &Canvas)| {
            let (rows, columns) = canvas.latents();
            // From the second stage on there is something to refine.
            let tiles = if n > 0 { Tiles::of(rows, columns, self.ltx.largest()) } else { None };
            Stage { canvas: *canvas, levels: if n == 0 { first.clone() } else { second.clone() }, tiles }
        };
        Ok(self.canvases.iter().enumerate().map(stage).collect())
    }

    /// The frames that a task may see, at the model's clock.
    fn neighbours(&self) -> Result<Neighbours> {
        let of = |frames: Option<&dyn Frames>, tail: bool| match frames.filter(|f| f.count() > 0) {
            Some(frames) => clip::thinned(frames, self.every, tail),
            None => Ok(Vec::new()),
        };
        let context = self.context;
        Ok(match self.request.task {
            Task::Bridge | Task::Retake { .. } => Neighbours { tail: of(context.tail, true)?, head: of(context.head, false)? },
            Task::Extend { at: End::Tail } => Neighbours { tail: of(context.tail.or(context.clip), true)?, head: Vec::new() },
            Task::Extend { at: End::Head } => Neighbours { tail: Vec::new(), head: of(context.head.or(context.clip), false)? },
            Task::Insert | Task::Establish | Task::Retime { .. } => Neighbours::default(),
        })
    }

    /// What another engine would make of it: where motion starts from.
    fn guess(&self, canvas: Option<Canvas>, sink: &mut dyn Sink) -> Option<Guess> {
        let keeps_picture = matches!(self.request.task, Task::Retake { keep: Keep::Picture });
        let wanted = matches!(self.request.task, Task::Bridge | Task::Retake { .. } | Task::Extend { .. }) && !keeps_picture;
        // A light take has its beginning already.
        let engine = self.ltx.guess().filter(|_| wanted && self.ltx.guess_level() < 1.0 && self.context.latents.is_none())?;
        Guess::ask(engine, self.request, self.context, (&canvas?, self.look), self.every).unwrap_or_else(|fault| {
            sink.note(format!("no first guess of the motion could be made ({}): it is made from noise alone", fault.what));
            None
        })
    }
}
