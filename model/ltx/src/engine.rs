//! The model as an engine.
//!
//! [`plan`] and [`wish`] say what is to be made, [`clip`], [`canvas`], [`look`] and [`hearing`] lay what is given, [`sample`] makes latents,
//! [`output`], [`lock`] and [`examine`] make frames of them; [`job`] is the way through all of it.

pub mod asked;
pub mod canvas;
pub mod clip;
pub mod examine;
pub mod hearing;
pub mod job;
pub mod latents;
pub mod lock;
pub mod look;
pub mod meter;
pub mod models;
pub mod output;
pub mod plan;
pub mod preview;
pub mod sample;
pub mod state_file;
pub mod wish;

use std::path::PathBuf;

use shot::{Context, Engine, Fault, Picture, Request, Sink};

use crate::checkpoint::{Checkpoint, Generation, Mapped, Part, identity};
use crate::error::Result;
use crate::lora::{Curve, Lora};
use crate::transformer::Residence;
use crate::upsampler::Upsampler;

/// Raised by hand whenever the same request would give other bytes.
pub const VERSION: u32 = 2;

/// What the engine works with.
#[derive(Default)]
pub struct Options {
    /// Files and folders of one checkpoint.
    pub weights: Vec<PathBuf>,
    /// LoRAs and how strongly they act.
    pub loras: Vec<(PathBuf, f32)>,
    /// Most bytes of memory to take.
    pub memory: Option<u64>,
    /// Another engine whose result a bridge starts from.
    pub guess: Option<Box<dyn Engine>>,
    /// The level of noise from which a guess is gone on from: 1 ignores it, lower values stay nearer to it.
    pub guess_level: Option<f32>,
    /// Sends pictures through H.264 and back at a constant rate factor, as those were that the model was trained on; `None` where
    /// nothing here can.
    pub compress: Option<Box<Compress>>,
    /// How the checkpoint is sampled.
    pub sampling: wish::Sampling,
    /// Latents of one frame that are refined at once: what is larger goes through the model in parts. `None` for the model's own size.
    pub largest: Option<usize>,
}

/// See [`Options::compress`]: pictures in Rec.709 and the factor.
pub type Compress = dyn Fn(&[&Picture], u32) -> std::result::Result<Option<Vec<Picture>>, Fault> + Send + Sync;

/// Motion survives this level of noise, texture and light are the model's own: the fifth level of the distilled schedule.
const GUESS_LEVEL: f32 = 0.975;

/// The engine: files opened and checked, nothing loaded.
pub struct Ltx {
    options: Options,
    checkpoint: Checkpoint,
    identity: String,
    /// How much larger and faster than its reference the target of an IC-LoRA is; `None` without one.
    reference: Option<(u32, u32)>,
    /// The log curve of a LoRA for high dynamic range.
    curve: Option<Curve>,
}

impl Ltx {
    /// Opens the checkpoint and its LoRAs.
    pub fn open(options: Options) -> Result<Self> {
        let mut checkpoint = Checkpoint::open(&options.weights)?;
        let loras = options.loras.iter().map(|(path, strength)| Ok((Lora::open(path)?, *strength))).collect::<Result<Vec<_>>>()?;
        checkpoint.adapt(&loras.iter().map(|(lora, strength)| (lora, *strength)).collect::<Vec<_>>())?;
        let mut identity = identity::of(checkpoint.files());
        for (lora, strength) in &loras {
            identity.push_str(&format!("+{}@{strength}", identity::of(&[Mapped::open(lora.path())?])));
        }
        let reference = loras.iter().map(|(l, _)| l).find(|l| l.takes_references);
        let reference = reference.map(|l| (l.reference_downscale, l.reference_slower));
        // At a strength of nothing a LoRA changes nothing, the meaning of the model's values least of all.
        let curve = loras.iter().filter(|(_, strength)| *strength != 0.0).find_map(|(l, _)| l.curve);
        Ok(Self { options, checkpoint, identity, reference, curve })
    }

    fn files(&self) -> String {
        self.checkpoint.files().iter().map(Mapped::label).collect::<Vec<_>>().join(", ")
    }

    /// Whether there is an upscaler that doubles; those of other factors are none that stages can be made with.
    fn has_upsampler(&self) -> bool {
        let doubles = |upsampler: Upsampler| upsampler.growth().space == [2, 1];
        // One that cannot be read is reported when it is used.
        self.checkpoint.has(Part::SpatialUpsampler) && Upsampler::load(&self.checkpoint, Part::SpatialUpsampler).map_or(true, doubles)
    }

    fn guess(&self) -> Option<&dyn Engine> {
        self.options.guess.as_deref()
    }

    fn guess_level(&self) -> f32 {
        self.options.guess_level.unwrap_or(GUESS_LEVEL)
    }

    /// Whether the eight levels of the distilled model are to be taken. The metadata does not say it, so the names decide where the
    /// user did not.
    fn is_distilled(&self) -> bool {
        let named = |label: String| label.to_ascii_lowercase().contains("distilled");
        match self.options.sampling {
            wish::Sampling::Distilled => true,
            wish::Sampling::Dev => false,
            wish::Sampling::Auto => {
                let loras = self.options.loras.iter().filter_map(|(path, _)| path.file_name()).map(|n| n.to_string_lossy().into_owned());
                self.checkpoint.files().iter().map(Mapped::label).chain(loras).any(named)
            }
        }
    }

    fn reference(&self) -> Option<(u32, u32)> {
        self.reference
    }

    fn curve(&self) -> Option<Curve> {
        self.curve
    }

    fn largest(&self) -> usize {
        self.options.largest.unwrap_or(wish::LARGEST)
    }

    /// The rate factor of the pictures that it was trained on (notes, §1).
    fn crf(&self) -> u32 {
        if self.checkpoint.generation() >= (Generation { major: 2, minor: 4 }) { 18 } else { 33 }
    }

    fn residence(&self) -> Residence {
        match self.options.memory {
            Some(bytes) => Residence::Budget(usize::try_from(bytes).unwrap_or(usize::MAX)),
            None => Residence::Mapped,
        }
    }
}

impl Engine for Ltx {
    fn name(&self) -> &str {
        "ltx"
    }

    fn version(&self) -> u32 {
        VERSION
    }

    fn weights(&self) -> String {
        self.identity.clone()
    }

    fn handle_frames(&self, request: &Request) -> u32 {
        let every = plan::frames_per_model_frame(request.rate.as_f64());
        (plan::HANDLE + plan::STEP) as u32 * every
    }

    fn is_trained(&self) -> bool {
        true
    }

    fn generate(&self, request: &Request, context: &Context<'_>, sink: &mut dyn Sink) -> std::result::Result<(), Fault> {
        Ok(job::Job::new(self, request, context)?.run(sink)?)
    }
}
