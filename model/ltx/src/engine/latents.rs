//! What a job has sampled so far: kept so that a killed job goes on from its last step, and so that a light take can be promoted.

use std::collections::BTreeMap;

use candle_core::Tensor;
use shot::{Sink, Size};

use super::plan::Canvas;
use super::state_file::StateFile;
use crate::error::{Error, Result};
use crate::sampling::Pair;
use crate::sampling::sampler::Saved;

/// Latents of a clip or a stretch of it, normalised: `[frames, rows, columns, channels]` and `[time, channels]`.
pub type Latents = Pair<Tensor>;

/// The file's name beside a light take's frames.
pub const KEPT: &str = "latents.safetensors";

/// Everything sampled. Windows are laid one after another, so that a stage's latents are those of the whole clip from its beginning
/// to where it has come.
#[derive(Debug, Default)]
pub struct Memory {
    stages: BTreeMap<usize, Latents>,
    /// The run that was stopped: stage, window, and where it stood.
    run: Option<(usize, usize, Saved)>,
}

/// The latents of a light take, and the canvas that they were made on.
#[derive(Debug)]
pub struct Light {
    canvas: Canvas,
    latents: Latents,
}

impl Light {
    /// From the bytes that [`Memory::light`] gave.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let file = StateFile::read(bytes)?;
        let side = |name: &str| {
            let n = file.number(name)?;
            let fits = u32::try_from(n).ok().filter(|n| (1..=shot::picture::MAX_SIDE).contains(n));
            fits.ok_or_else(|| Error::Unfit(format!("the latents that were kept are of a picture with {name} {n}")))
        };
        let canvas = Size::new(side("canvas-width")?, side("canvas-height")?);
        let picture = Size::new(side("picture-width")?, side("picture-height")?);
        let latents = Pair { video: file.tensor("light.video")?.clone(), sound: file.tensor("light.sound")?.clone() };
        Ok(Self { canvas: Canvas { canvas, picture }, latents })
    }

    /// The canvas.
    pub const fn canvas(&self) -> Canvas {
        self.canvas
    }

    /// Its latents, which must be those of a clip of so many frames of picture and sound.
    pub fn latents(self, frames: usize, sounds: usize) -> Result<Latents> {
        let (rows, columns) = self.canvas.latents();
        let fits = matches!(*self.latents.video.dims(), [f, r, c, _] if (f, r, c) == (frames, rows, columns));
        if !fits || self.latents.sound.dims().first() != Some(&sounds) {
            let got = self.latents.video.dims();
            return Err(Error::Unfit(format!(
                "the latents that were kept are of another shot: {got:?}, this one has {frames} latent frames of {rows} rows and {columns} columns"
            )));
        }
        Ok(self.latents)
    }
}

impl Memory {
    /// What a killed run remembered; nothing where there was none or it cannot be read. The latents of a light take are the first
    /// stage.
    pub fn begin(sink: &mut dyn Sink, light: Option<Latents>) -> Self {
        let mut memory = sink.remembered().and_then(|bytes| Self::read(&bytes)).unwrap_or_default();
        if let Some(light) = light {
            memory.stages.insert(0, light);
        }
        memory
    }

    /// What a stage has made so far.
    pub fn stage(&self, stage: usize) -> Option<&Latents> {
        self.stages.get(&stage)
    }

    /// Whether a stage has made so many latent frames.
    pub fn has(&self, stage: usize, frames: usize) -> bool {
        self.stage(stage).is_some_and(|l| l.video.dims().first().is_some_and(|n| *n >= frames))
    }

    /// Where a window of a stage was stopped.
    pub fn run(&self, stage: usize, window: usize) -> Option<&Saved> {
        self.run.as_ref().filter(|(s, w, _)| (*s, *w) == (stage, window)).map(|(_, _, saved)| saved)
    }

    /// After a step.
    pub fn step(&mut self, stage: usize, window: usize, saved: Saved, sink: &mut dyn Sink) -> Result<()> {
        self.run = Some((stage, window, saved));
        Ok(sink.remember(&self.write()?)?)
    }

    /// After a window, of which the first `given` latents of picture and sound were there already.
    pub fn done(&mut self, stage: usize, made: &Latents, given: Pair<usize>, sink: &mut dyn Sink) -> Result<()> {
        let fresh = |made: &Tensor, given: usize| made.narrow(0, given, made.dims()[0].saturating_sub(given));
        let fresh = Pair { video: fresh(&made.video, given.video)?, sound: fresh(&made.sound, given.sound)? };
        let all = match self.stages.remove(&stage) {
            Some(before) => before.zip(fresh).map(|(before, fresh)| Tensor::cat(&[&before, &fresh], 0)).both().map_err(Error::from)?,
            None => fresh.map(|t| t.contiguous()).both()?,
        };
        self.stages.insert(stage, all);
        self.run = None;
        Ok(sink.remember(&self.write()?)?)
    }

    /// What a light take keeps of its one stage.
    pub fn light(&self, canvas: &Canvas) -> Result<Vec<u8>> {
        let mut file = StateFile::default();
        if let Some(latents) = self.stage(0) {
            put(&mut file, "light", latents);
        }
        for (name, n) in [
            ("canvas-width", canvas.canvas.width),
            ("canvas-height", canvas.canvas.height),
            ("picture-width", canvas.picture.width),
            ("picture-height", canvas.picture.height),
        ] {
            file.words.insert(name.into(), n.to_string());
        }
        file.write()
    }

    fn write(&self) -> Result<Vec<u8>> {
        let mut file = StateFile::default();
        // A stage is made of the one before it alone.
        for (stage, latents) in self.stages.iter().rev().take(2) {
            put(&mut file, &format!("stage.{stage}"), latents);
        }
        let mut run = Vec::new();
        if let Some((stage, window, saved)) = &self.run {
            file.words.insert("run-stage".into(), stage.to_string());
            file.words.insert("run-window".into(), window.to_string());
            run = saved.to_bytes();
        }
        let file = file.write()?;
        let mut out = (file.len() as u64).to_le_bytes().to_vec();
        out.extend(file);
        out.extend(run);
        Ok(out)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (file, run) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let file = StateFile::read(file).ok()?;
        let run = match (file.number("run-stage"), file.number("run-window")) {
            (Ok(stage), Ok(window)) => Some((stage, window, Saved::from_bytes(run)?)),
            _ => None,
        };
        let mut stages = BTreeMap::new();
        for (name, video) in &file.tensors {
            let Some(stage) = name.strip_prefix("stage.").and_then(|n| n.strip_suffix(".video")) else { continue };
            let sound = file.tensor(&format!("stage.{stage}.sound")).ok()?;
            stages.insert(stage.parse().ok()?, Pair { video: video.clone(), sound: sound.clone() });
        }
        Some(Self { stages, run })
    }
}

fn put(file: &mut StateFile, name: &str, latents: &Latents) {
    file.tensors.insert(format!("{name}.video"), latents.video.clone());
    file.tensors.insert(format!("{name}.sound"), latents.sound.clone());
}
