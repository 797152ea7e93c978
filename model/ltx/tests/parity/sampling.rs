//! Schedules, positions, samplers on the reference's own velocities, and whole runs from the first noise to picture and sound.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use ltx::checkpoint::{Checkpoint, Place};
use ltx::conditioning::{Clock, Guide, Span, State, VideoGrid, grid};
use ltx::error::Result;
use ltx::sampling::model::{Context, Prompts};
use ltx::sampling::schedule::{self, Shift};
use ltx::sampling::{Guidance, Method, Model, Noise, Pair, Sampler};
use ltx::transformer::{Pass, Perturbation, Positions, Residence, Stream, Transformer, Velocity};

use crate::folder::{Dump, Folder, Rows, relative};
use crate::{audio, video};

/// Compares everything this folder has.
pub fn rows(folder: &Folder, rows: &mut Rows) {
    let checkpoint = folder.checkpoint();
    let transformer = Transformer::load(&checkpoint, &Place::default(), Residence::default()).unwrap();
    let decoders = Decoders::load(&checkpoint);
    for case in ["t2v", "t2v_guided", "keyframes"] {
        if let Some(dump) = folder.dump(case) {
            let run = Run::of(folder, case, &dump);
            run.schedule(rows);
            run.places(rows);
            run.replayed(rows);
            let last = run.compare(&transformer, &run.prompts(), "whole run", 1e-4, rows);
            run.decoded(&last, &decoders, rows);
        }
    }
}

/// One of the program's three runs.
pub struct Run<'a> {
    case: &'static str,
    dump: &'a Dump,
    levels: Vec<f32>,
    steps: usize,
    grid: VideoGrid,
    clock: Clock,
    guidance: Pair<Guidance>,
}

impl<'a> Run<'a> {
    /// Of a folder's dump.
    pub fn of(folder: &Folder, case: &'static str, dump: &'a Dump) -> Self {
        let size = |name: &str| folder.argument(name).as_u64().unwrap() as usize;
        let grid = VideoGrid::of(size("frames"), size("height"), size("width")).unwrap();
        let steps = size("steps");
        let guided = case == "t2v_guided";
        // The program skips self-attention of block 1 where the generation can (not 2.0).
        let old = folder.argument("flavour") == "2.0";
        let video = Guidance { text: 3.0, skip: if old { 0.0 } else { 1.0 }, blocks: vec![1], modality: 3.0, rescale: 0.7 };
        let on = Pair { sound: Guidance { text: 7.0, ..video.clone() }, video };
        Self {
            case,
            dump,
            levels: values(&dump.tensor("scheduler.sigmas")),
            steps,
            grid,
            clock: Clock::exact(folder.argument("fps").as_f64().unwrap()).unwrap(),
            guidance: if guided { on } else { Pair { video: Guidance::OFF, sound: Guidance::OFF } },
        }
    }

    fn schedule(&self, rows: &mut Rows) {
        let levels = match self.case {
            "t2v_guided" => schedule::dev(self.steps, Shift::Tokens(self.grid.tokens())).unwrap(),
            _ if self.steps < 8 => schedule::DISTILLED[8 - self.steps..].to_vec(),
            _ => schedule::DISTILLED.to_vec(),
        };
        let levels = Tensor::new(levels, &Device::Cpu).unwrap();
        rows.compare("schedule", self.case, &levels, &self.dump.tensor("scheduler.sigmas"), 2e-6);
    }

    fn places(&self, rows: &mut Rows) {
        let want = row(&self.dump.tensor("transformer#0.in.video_coords"), 0);
        let target = want.narrow(1, 0, self.grid.tokens()).unwrap();
        rows.compare("positions", &format!("{} video", self.case), &tensor(&self.clock.video(self.grid)), &target, 1e-6);
        let want = row(&self.dump.tensor("transformer#0.in.audio_coords"), 0);
        let tokens = self.clock.sound_tokens(self.grid.picture_frames());
        rows.compare("positions", &format!("{} sound", self.case), &tensor(&grid::sound(tokens)), &want, 1e-6);
    }

    /// Picture and sound as the reference had them before its first step.
    pub fn states(&self) -> Pair<State> {
        let latent = row(&self.dump.tensor("transformer#0.in.hidden_states"), 0);
        let channels = latent.dims()[1];
        let mut video = State::video(self.grid, channels, self.clock, None).unwrap();
        if self.case == "keyframes" {
            // The given pictures are in the tokens already: the first frame's, and those after the target's.
            let shape = (1, self.grid.rows, self.grid.columns, channels);
            let picture = |from: usize| latent.narrow(0, from, self.grid.frame_tokens()).unwrap().reshape(shape).unwrap();
            video.replace(&picture(0), 0, 1.0).unwrap();
            let last = picture(self.grid.tokens());
            video.append_guide(&Guide { latent: &last, frame: 1, picture_frames: 1, strength: 1.0, attention: None }).unwrap();
            // The reference (diffusers) has a rule of its own for the keyframe's time.
            video.positions = spans(&row(&self.dump.tensor("transformer#0.in.video_coords"), 0));
        }
        // Nor does it mark the first frame as a keyframe.
        video.keyframes = None;
        video.latent = latent;
        let latent = row(&self.dump.tensor("transformer#0.in.audio_hidden_states"), 0);
        let (tokens, channels) = latent.dims2().unwrap();
        let mut sound = State::sound(tokens, channels, None).unwrap();
        sound.latent = latent;
        Pair { video, sound }
    }

    /// One of the dump's tensors, of a batch of one.
    pub fn tensor(&self, name: &str) -> Tensor {
        row(&self.dump.tensor(name), 0)
    }

    /// What the reference's transformer is asked first.
    pub fn first_pass(&self) -> Pass {
        let (states, context) = (self.states(), self.prompts().positive);
        let stream = |state: &State, context: &Tensor| Stream {
            tokens: state.latent.clone(),
            timesteps: state.timesteps(self.levels[0]),
            sigma: self.levels[0],
            positions: Arc::new(Positions(state.positions.clone())),
            context: context.clone(),
            keyframes: None,
            mask: None,
        };
        Pass {
            video: stream(&states.video, &context.video),
            audio: stream(&states.sound, &context.sound),
            perturbation: Perturbation::default(),
        }
    }

    /// The run's picture and sound.
    fn decoded(&self, last: &Pair<State>, decoders: &Decoders, rows: &mut Rows) {
        if self.dump.has("vae.decoder#0.out") && !decoders.video.wants_noise() {
            let picture = video::decode(&decoders.video, &last.video.strip().unwrap().latent);
            rows.compare(
                "whole run",
                &format!("{} picture", self.case),
                &picture,
                &video::last(&self.dump.tensor("vae.decoder#0.out")),
                1e-3,
            );
        }
        if self.dump.has("vocoder#0.out") {
            let mel = decoders.sound.decode(&last.sound.strip().unwrap().latent, &|| false).unwrap();
            let sound = decoders.vocoder.synthesise(&mel, &|| false).unwrap();
            rows.compare("whole run", &format!("{} sound", self.case), &sound, &audio::samples(self.dump, "vocoder#0.out"), 1e-3);
        }
    }

    /// The prompts as the reference's connectors gave them; the negative one first.
    pub fn prompts(&self) -> Prompts {
        let of = |i: usize| -> Context {
            let name = |name: &str| row(&self.dump.tensor(&format!("transformer#0.in.{name}")), i);
            Pair { video: name("encoder_hidden_states"), sound: name("audio_encoder_hidden_states") }
        };
        match self.case {
            "t2v_guided" => Prompts { positive: of(1), negative: Some(of(0)) },
            _ => Prompts { positive: of(0), negative: None },
        }
    }

    /// The sampler alone: the reference's velocities give the reference's latents.
    fn replayed(&self, rows: &mut Rows) {
        let model = Replay { dump: self.dump, next: Cell::new(0), worst: RefCell::new(0.0) };
        self.compare(&model, &self.prompts(), "sampler", 1e-5, rows);
        assert!(*model.worst.borrow() < 1e-5, "the sampler asks other questions than the reference: {}", model.worst.borrow());
    }

    /// All steps with a model, compared after each.
    pub fn compare(&self, model: &dyn Model, prompts: &Prompts, stage: &str, bar: f64, rows: &mut Rows) -> Pair<State> {
        let states = self.states();
        let (levels, guidance) = (&self.levels, &self.guidance);
        let sampler = Sampler { model, prompts, guidance, levels, method: Method::Euler, noise: Noise::new(0), cancelled: &|| false };
        let shapes = states.as_ref().map(|s| s.latent.dims().to_vec());
        sampler
            .run(states, None, &mut |step| {
                let latent = step
                    .latent()
                    .zip(shapes.as_ref())
                    .map(|(values, shape)| Tensor::from_slice(values, shape.as_slice(), &Device::Cpu).unwrap());
                let name = |name: &str| format!("step{}.{name}", step.taken - 1);
                let label = |what: &str| format!("{} step {} {what}", self.case, step.taken);
                rows.compare(stage, &label("video"), &latent.video, &row(&self.dump.tensor(&name("latents")), 0), bar);
                rows.compare(stage, &label("sound"), &latent.sound, &row(&self.dump.tensor(&name("audio_latents")), 0), bar);
                Ok(())
            })
            .unwrap()
    }
}

/// From latents to what is seen and heard.
struct Decoders {
    video: ltx::video::Decoder,
    sound: ltx::audio::Decoder,
    vocoder: ltx::audio::Vocoder,
}

impl Decoders {
    fn load(checkpoint: &Checkpoint) -> Self {
        let place = Place::default();
        Self {
            video: ltx::video::Decoder::load(checkpoint).unwrap(),
            sound: ltx::audio::Decoder::load(checkpoint, &place).unwrap(),
            vocoder: ltx::audio::Vocoder::load(checkpoint, &place).unwrap().without_limit(),
        }
    }
}

/// Answers with what the reference's transformer answered, and notes whether it was asked the same.
struct Replay<'a> {
    dump: &'a Dump,
    next: Cell<usize>,
    worst: RefCell<f64>,
}

impl Model for Replay<'_> {
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        let mut answers = Vec::new();
        // The reference asks with both prompts at once, the negative one first, then once more for every other pass.
        let mut place = |call: usize, index: usize, pass: &Pass| {
            let tensor = |name: &str| row(&self.dump.tensor(&format!("transformer#{call}.{name}")), index);
            // 2.0 has no level beside the timestep, and given tokens have less of it.
            let level = values(&tensor("in.timestep")).into_iter().fold(0.0, f32::max) / 1000.0;
            let differs = [
                relative(&pass.video.tokens, &tensor("in.hidden_states")),
                relative(&pass.audio.tokens, &tensor("in.audio_hidden_states")),
                relative(&pass.video.context, &tensor("in.encoder_hidden_states")),
                relative(&pass.audio.context, &tensor("in.audio_encoder_hidden_states")),
                f64::from((level - pass.video.sigma).abs()),
            ];
            let worst = differs.into_iter().fold(*self.worst.borrow(), f64::max);
            self.worst.replace(worst);
            answers.push(Velocity { video: tensor("out.0"), audio: tensor("out.1") });
        };
        let first = self.next.get();
        match passes {
            [only] => place(first, 0, only),
            [positive, negative, others @ ..] => {
                place(first, 1, positive);
                place(first, 0, negative);
                others.iter().enumerate().for_each(|(i, pass)| place(first + 1 + i, 0, pass));
            }
            [] => unreachable!("a step without a question"),
        }
        self.next.set(first + passes.len().max(2) - 1);
        Ok(answers)
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// One of a batch.
fn row(tensor: &Tensor, index: usize) -> Tensor {
    tensor.get(index).unwrap().contiguous().unwrap()
}

fn tensor(spans: &[Vec<Span>]) -> Tensor {
    let values: Vec<f32> = spans.iter().flatten().flat_map(|(start, end)| [*start, *end]).collect();
    Tensor::from_vec(values, (spans.len(), spans[0].len(), 2), &Device::Cpu).unwrap()
}

fn spans(tensor: &Tensor) -> Vec<Vec<Span>> {
    let axes = tensor.to_dtype(DType::F32).unwrap().to_vec3::<f32>().unwrap();
    axes.into_iter().map(|axis| axis.into_iter().map(|span| (span[0], span[1])).collect()).collect()
}
