//! What a job has sampled so far: kept so that a killed job goes on from its last step, and so that a light take can be promoted.

use std::collections::BTreeMap;

use candle_core::Tensor;
use shot::{Sink, Size};

use super::plan::Canvas;
use super::state_file::StateFile;
use crate::error::{Error, Result};
use crate::sampling::Pair;
use crate::sampling::sampler::Saved;

/// The latents of a window, normalised: `[frames, rows, columns, channels]` and `[time, channels]`.
pub type Latents = Pair<Tensor>;

/// The file's name beside a light take's frames.
pub const KEPT: &str = "latents.safetensors";

/// Everything sampled.
#[derive(Debug, Default)]
pub struct Memory {
    /// Windows that are done.
    finished: BTreeMap<usize, Latents>,
    /// First stages of windows whose second is not done.
    first: BTreeMap<usize, Latents>,
    /// The run that was stopped: window, stage, and where it stood.
    run: Option<(usize, usize, Saved)>,
}

/// The latents of a light take, and the canvas that they were made on.
#[derive(Debug)]
pub struct Light {
    canvas: Canvas,
    windows: BTreeMap<usize, Latents>,
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
        Ok(Self { canvas: Canvas { canvas, picture }, windows: windows(&file, "window")? })
    }

    /// The canvas.
    pub const fn canvas(&self) -> Canvas {
        self.canvas
    }
}

impl Memory {
    /// What a killed run remembered; nothing where there was none or it cannot be read. The latents of a light take count as first
    /// stages.
    pub fn begin(sink: &mut dyn Sink, light: Option<Light>) -> Self {
        let mut memory = sink.remembered().and_then(|bytes| Self::read(&bytes)).unwrap_or_default();
        for (index, latents) in light.map(|l| l.windows).unwrap_or_default() {
            memory.first.entry(index).or_insert(latents);
        }
        memory
    }

    /// A window's latents, if it is done.
    pub fn finished(&self, window: usize) -> Option<Latents> {
        self.finished.get(&window).cloned()
    }

    /// A window's first stage, if that is done.
    pub fn first(&self, window: usize) -> Option<Latents> {
        self.first.get(&window).cloned()
    }

    /// Where a stage of a window was stopped.
    pub fn run(&self, window: usize, stage: usize) -> Option<&Saved> {
        self.run.as_ref().filter(|(w, s, _)| (*w, *s) == (window, stage)).map(|(_, _, saved)| saved)
    }

    /// After a step.
    pub fn step(&mut self, window: usize, stage: usize, saved: Saved, sink: &mut dyn Sink) -> Result<()> {
        self.run = Some((window, stage, saved));
        Ok(sink.remember(&self.write()?)?)
    }

    /// After the first of two stages.
    pub fn first_done(&mut self, window: usize, latents: &Latents, sink: &mut dyn Sink) -> Result<()> {
        self.first.insert(window, latents.clone());
        self.run = None;
        Ok(sink.remember(&self.write()?)?)
    }

    /// After the last stage.
    pub fn done(&mut self, window: usize, latents: &Latents, sink: &mut dyn Sink) -> Result<()> {
        self.finished.insert(window, latents.clone());
        self.first.remove(&window);
        self.run = None;
        Ok(sink.remember(&self.write()?)?)
    }

    /// What a light take keeps.
    pub fn light(&self, canvas: &Canvas) -> Result<Vec<u8>> {
        let mut file = StateFile::default();
        put(&mut file, "window", &self.finished);
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
        put(&mut file, "window", &self.finished);
        put(&mut file, "first", &self.first);
        let mut run = Vec::new();
        if let Some((window, stage, saved)) = &self.run {
            file.words.insert("run-window".into(), window.to_string());
            file.words.insert("run-stage".into(), stage.to_string());
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
        let run = match (file.number("run-window"), file.number("run-stage")) {
            (Ok(window), Ok(stage)) => Some((window, stage, Saved::from_bytes(run)?)),
            _ => None,
        };
        Some(Self { finished: windows(&file, "window").ok()?, first: windows(&file, "first").ok()?, run })
    }
}

fn put(file: &mut StateFile, kind: &str, windows: &BTreeMap<usize, Latents>) {
    for (index, latents) in windows {
        file.tensors.insert(format!("{kind}.{index}.video"), latents.video.clone());
        file.tensors.insert(format!("{kind}.{index}.sound"), latents.sound.clone());
    }
}

fn windows(file: &StateFile, kind: &str) -> Result<BTreeMap<usize, Latents>> {
    let mut out = BTreeMap::new();
    for name in file.tensors.keys() {
        let Some(index) = name.strip_prefix(kind).and_then(|n| n.strip_prefix('.')?.strip_suffix(".video")?.parse().ok()) else { continue };
        let sound = file.tensor(&format!("{kind}.{index}.sound"))?;
        out.insert(index, Pair { video: file.tensor(name)?.clone(), sound: sound.clone() });
    }
    Ok(out)
}
