//! One request from context to pictures and sound.
//!
//! Window by window: lay the clip → sample its latents ([`super::sample`]) → decode, lock to the neighbours, hand over
//! ([`super::output`]). What was sampled is remembered, so that a killed job goes on from its last step.

use shot::request::{End, Keep};
use shot::{Context, Frames, Quality, Request, Sink, Task};

use super::clip::{self, Guess, Neighbours};
use super::latents::{KEPT, Light, Memory};
use super::meter::Meter;
use super::models::Models;
use super::output::{Delivery, Output};
use super::plan::{self, Canvas, Wanted, windows};
use super::sample::{Sampling, Stage};
use super::{Ltx, canvas, wish};
use crate::error::{Error, Result};

/// A job.
pub struct Job<'a> {
    ltx: &'a Ltx,
    request: &'a Request,
    context: &'a Context<'a>,
    /// Frames of the timeline for one of the model.
    every: usize,
    /// Frames of the model per second.
    fps: f64,
    /// What is delivered.
    canvas: Canvas,
    two_stages: bool,
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
        let (canvas, two_stages) = match &light {
            Some(light) => (light.canvas().times(2), true),
            None => wish::canvas(request, ltx.has_upsampler()),
        };
        Ok(Self { ltx, request, context, every, fps: request.rate.as_f64() / every as f64, canvas, two_stages, light })
    }

    /// Does it.
    pub fn run(mut self, sink: &mut dyn Sink) -> Result<()> {
        let neighbours = self.neighbours()?;
        let joins = self.request.task.joins();
        let frozen = matches!(self.request.task, Task::Retake { keep: Keep::Picture });
        if (joins.0 || joins.1) && neighbours.is_empty() && !frozen {
            return Err(Error::Unfit(format!("a {} needs the shot on at least one side", self.request.task.word())));
        }
        let total = self.request.total_frames() as usize;
        if frozen && self.context.clip.is_none_or(|c| c.count() < total) {
            return Err(Error::Unfit("the span's own frames are needed, because its picture stays".into()));
        }
        let made = total.div_ceil(self.every);
        let windows = windows(Wanted { made, tail: neighbours.tail.len(), head: neighbours.head.len() }, self.fps);
        if windows.len() > 1 {
            sink.note(format!("longer than the model: made in {} stretches, each from the end of the one before", windows.len()));
        }
        let light = self.light.take();
        let mut models = Models::open(self.ltx, sink)?;
        let mut memory = Memory::begin(sink, light);
        let stages = self.stages(&models, sink)?;
        let mut meter = Meter::new(windows.len() * stages.iter().map(|s| s.levels.len() - 1).sum::<usize>(), made);
        let mut output = Output::new(self.request, self.context, self.canvas, self.every);
        let guess = self.guess(stages.first().map_or(self.canvas, |s| s.canvas), sink);
        for (index, window) in windows.iter().enumerate() {
            let around = Neighbours {
                tail: if index == 0 { neighbours.tail.clone() } else { output.last() },
                head: if index + 1 == windows.len() { neighbours.head.clone() } else { Vec::new() },
            };
            let before = output.sound_so_far()?;
            let latents = match memory.finished(index) {
                Some(latents) => latents,
                None => {
                    let sampling = Sampling {
                        ltx: self.ltx,
                        request: self.request,
                        context: self.context,
                        every: self.every,
                        fps: self.fps,
                        stages: &stages,
                        window,
                        index,
                        around: &around,
                        before: before.as_ref(),
                        guess: guess.as_ref(),
                    };
                    let latents = sampling.run(&mut models, &mut memory, &mut meter, sink)?;
                    memory.done(index, &latents, sink)?;
                    latents
                }
            };
            let delivery = Delivery { window, latents: &latents, around: &around, before: before.as_ref(), index };
            output.deliver(&mut models, &delivery, &mut meter, sink)?;
        }
        let edges = neighbours.tail.last().into_iter().chain(neighbours.head.first());
        if edges.map(|p| canvas::beyond(p, self.request.context.colour)).fold(0.0, f64::max) > 0.001 {
            sink.note("SDR: the neighbours have highlights beyond what the model can see, so those of this take end at white".into());
        }
        if self.request.quality != Quality::Final {
            sink.keep(KEPT, memory.light(&self.canvas)?);
        }
        output.finish(self.ltx.guess(), sink)
    }

    /// The stages of sampling with their canvases.
    fn stages(&self, models: &Models<'_>, sink: &mut dyn Sink) -> Result<Vec<Stage>> {
        let (first, second) = models.levels(self.request.quality, sink)?;
        let full = Stage { canvas: self.canvas, levels: if self.two_stages { second } else { first.clone() } };
        if !self.two_stages {
            return Ok(vec![full]);
        }
        Ok(vec![Stage { canvas: self.canvas.half(), levels: first }, full])
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
    fn guess(&self, canvas: Canvas, sink: &mut dyn Sink) -> Option<Guess> {
        let keeps_picture = matches!(self.request.task, Task::Retake { keep: Keep::Picture });
        let wanted = matches!(self.request.task, Task::Bridge | Task::Retake { .. } | Task::Extend { .. }) && !keeps_picture;
        let engine = self.ltx.guess().filter(|_| wanted && self.ltx.guess_level() < 1.0)?;
        Guess::ask(engine, self.request, self.context, &canvas, self.every).unwrap_or_else(|fault| {
            sink.note(format!("no first guess of the motion could be made ({}): it is made from noise alone", fault.what));
            None
        })
    }
}
