//! The diffusion decoder of generation 2.5: a latent to pictures.
//!
//! Stages of neighbourhood attention spread the latent out in space and time until there is one place for each 4×4 pixels of each
//! frame. A last stage starts from noise and, guided by what they made, gives the picture: in one step in the published model.
//! What it reads is in [`config`], its layers in [`layers`], attention in [`neighbourhood`], and how frames pass through in [`stream`].

pub mod config;
pub mod layers;
pub mod neighbourhood;
pub mod rotary;
pub mod stream;

use candle_core::{DType, Device, Tensor};

pub use config::Config;
use config::{Extent, Prediction};
use layers::{Attention, Gated, MODULATIONS, Mlp, Norm, StepUp, TimeEmbedding};
use rotary::Rotary;
use stream::{Begin, Block, End, Guide, Item, Modulation, Node, Sliding, Up, flow};

use crate::checkpoint::weights::{Place, Weights};
use crate::checkpoint::{Checkpoint, Part};
use crate::error::{Error, Result};
use crate::ops::linear::Linear;

/// Noise of a frame of a part of the picture: the frame, the first row and column of pixels, and how many of each, to
/// `[rows, columns, colours]` of standard normal values.
pub type Source<'a> = &'a mut dyn FnMut(Area) -> Result<Tensor>;

/// A part of one frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Which frame of the clip.
    pub frame: usize,
    /// First row and column.
    pub from: [usize; 2],
    /// Rows and columns.
    pub size: [usize; 2],
}

/// Latents to pictures.
#[derive(Clone, Debug)]
pub struct DiffusionDecoder {
    config: Config,
    place: Place,
    mean: Tensor,
    deviation: Tensor,
    enter: Linear,
    stages: Vec<(Vec<Block>, StepUp)>,
    time: TimeEmbedding,
    begin: Linear,
    blocks: Vec<(Block, Guide)>,
    norm: Norm,
    end: Linear,
}

impl DiffusionDecoder {
    /// From the part [`Part::DiffusionDecoder`].
    pub fn load(checkpoint: &Checkpoint, place: &Place) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::DiffusionDecoder, place)?;
        let config = Config::read(&section)?;
        let statistic = |theirs: &str, ours: &str| {
            let name = if weights.has(theirs) { theirs.to_owned() } else { format!("per_channel_statistics.{ours}") };
            weights.tensor(name, &[config.latent])
        };
        let mut stages = Vec::new();
        for (index, stage) in config.stages.iter().enumerate() {
            let at = weights.at("det_stages").at(index);
            let blocks = (0..stage.depth).map(|i| block(&at.at(i), stage.channels, config.head)).collect::<Result<_>>()?;
            let up = StepUp::load(&weights.at("upsamples").at(index), stage.channels, stage.channels / stage.fewer, stage.up)?;
            stages.push((blocks, up));
        }
        let guided = |index: usize| {
            let at = weights.at("diff_blocks").at(index);
            let context = at.at("context_proj").linear(config.context, config.channels, true)?;
            let context = Gated::new(context, &at, "gate_ctx", config.channels)?;
            let table = at.tensor("scale_shift_table", &[MODULATIONS, config.channels])?;
            Ok((block(&at, config.channels, config.head)?, Guide { context, table }))
        };
        let patch = config.colours * config.patch * config.patch;
        Ok(Self {
            mean: statistic("latents_mean", "mean-of-means")?,
            deviation: statistic("latents_std", "std-of-means")?,
            enter: weights.at("conv_in").linear(config.latent, config.stages.first().map_or(config.context, |s| s.channels), true)?,
            stages,
            time: TimeEmbedding::load(&weights, config.time, config.channels)?,
            begin: weights.at("conv_in_x_t").linear(patch, config.channels, true)?,
            blocks: (0..config.depth).map(guided).collect::<Result<_>>()?,
            norm: Norm::load(&weights.at("norm_out"), config.channels)?,
            end: weights.at("conv_out").linear(config.channels, patch, true)?,
            place: place.clone(),
            config,
        })
    }

    /// Sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A raw latent `[frames, rows, columns, channels]` to pictures, handed to `emit` in order of time, `[1, height, width, colours]`
    /// each, about −1..1. `noise` is asked for each frame once, in order.
    pub fn decode_raw(&self, raw: &Tensor, noise: Source<'_>, emit: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        let (frames, rows, columns, channels) = raw.dims4()?;
        if channels != self.config.latent || frames == 0 || rows == 0 || columns == 0 {
            let expected = self.config.latent;
            return Err(Error::Unfit(format!("a latent has the shape {:?}, expected [frames, rows, columns, {expected}]", raw.dims())));
        }
        let Config { patch, colours, .. } = self.config;
        let scale = self.config.scale();
        let (latent, before) = grown(raw, self.config.smallest())?;
        let (length, grid) = (latent.dim(0)?, [latent.dim(1)?, latent.dim(2)?]);
        let rotaries = self.rotaries(grid)?;
        let mut nodes = self.nodes(length, grid, &rotaries)?;
        let canvas = [grid[0] * scale[1], grid[1] * scale[2]];
        let mut patches = |frame: usize| {
            let noise = noise(Area { frame, from: [0; 2], size: canvas })?;
            patchify(&noise.to_device(&self.place.device)?.to_dtype(self.place.dtype)?, patch)
        };
        let wanted = (frames - 1) * scale[0] + 1;
        let mut emitted = 0;
        let [top, left] = [before[0] * scale[1], before[1] * scale[2]];
        let mut picture = |item: Item| {
            let Some(pixels) = item.pixels.filter(|_| emitted < wanted) else { return Ok(()) };
            emitted += 1;
            let picture = unpatchify(&pixels, [canvas[0] / patch, canvas[1] / patch], patch, colours)?;
            let picture = picture.narrow(0, top, rows * scale[1])?.narrow(1, left, columns * scale[2])?;
            emit(picture.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.contiguous()?.unsqueeze(0)?)
        };
        for frame in 0..length + self.config.trailing() {
            let x = latent.get(frame.min(length - 1))?.reshape((grid[0] * grid[1], channels))?;
            let x = x.to_device(&self.place.device)?.to_dtype(self.place.dtype)?;
            flow(&mut nodes, Item { x, context: None, pixels: None }, &mut patches, &mut picture)?;
        }
        Ok(())
    }

    /// A normalised latent to a raw one.
    pub fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        let on = |t: &Tensor| t.to_device(latent.device())?.to_dtype(latent.dtype());
        Ok(latent.broadcast_mul(&on(&self.deviation)?)?.broadcast_add(&on(&self.mean)?)?)
    }

    /// Angles per stage, the diffusion stage's last.
    fn rotaries(&self, mut grid: [usize; 2]) -> Result<Vec<Rotary>> {
        let mut rotaries = Vec::new();
        for stage in &self.config.stages {
            rotaries.push(Rotary::new(self.config.head, grid, &self.place)?);
            grid = [grid[0] * stage.up[1], grid[1] * stage.up[2]];
        }
        rotaries.push(Rotary::new(self.config.head, grid, &self.place)?);
        Ok(rotaries)
    }

    /// The way of the frames of a latent of this length and grid, which holds every window.
    fn nodes<'a>(&'a self, length: usize, mut grid: [usize; 2], rotaries: &'a [Rotary]) -> Result<Vec<Node<'a>>> {
        let config = &self.config;
        let mut nodes = vec![Node::Enter(&self.enter)];
        let mut frames = length + config.trailing();
        // The diffusion stage does not see the copies, but always a whole window.
        let shown = ((length - 1) * config.scale()[0] + 1).max(config.window[0]);
        for (index, ((blocks, up), stage)) in self.stages.iter().zip(&config.stages).enumerate() {
            let sliding = |block| Node::Block(Box::new(Sliding::new(block, &rotaries[index], frames, grid, stage.window)));
            nodes.extend(blocks.iter().map(sliding));
            let doubles = stage.up[0] == 2;
            frames = frames * stage.up[0] - usize::from(doubles);
            if index + 1 == self.stages.len() {
                frames = frames.min(shown);
            }
            nodes.push(Node::Up(Up::new(up, grid, doubles, frames)));
            grid = [grid[0] * stage.up[1], grid[1] * stage.up[2]];
        }
        let rotary = &rotaries[self.stages.len()];
        for step in 0..config.steps {
            let at = |step: usize| 1.0 - step as f64 / config.steps as f64;
            let shared = self.time.forward(at(step) * config.time_scale, &self.place)?;
            nodes.push(Node::Begin(Begin::new(&self.begin)));
            for (block, guide) in &self.blocks {
                let sliding = Sliding::new(block, rotary, frames, grid, config.window);
                nodes.push(Node::Block(Box::new(sliding.guided(guide, Modulation::new(&shared, &guide.table)?))));
            }
            let times = (at(step), if step + 1 == config.steps { 0.0 } else { at(step + 1) });
            nodes.push(Node::End(End {
                norm: &self.norm,
                layer: &self.end,
                times,
                predicts_picture: config.predicts == Prediction::Picture,
            }));
        }
        Ok(nodes)
    }
}

fn block(weights: &Weights, channels: usize, head: usize) -> Result<Block> {
    Ok(Block {
        attention_norm: Norm::load(&weights.at("norm1"), channels)?,
        attention: Attention::load(weights, channels, head)?,
        mlp_norm: Norm::load(&weights.at("norm2"), channels)?,
        mlp: Mlp::load(weights, channels)?,
    })
}

/// A latent that is at least so large: its last frame is repeated after it, its edges around it. Also how many rows and columns are
/// before its first.
fn grown(latent: &Tensor, [frames, rows, columns]: Extent) -> Result<(Tensor, [usize; 2])> {
    let mut latent = latent.clone();
    let mut before = [0; 2];
    for (axis, least) in [frames, rows, columns].into_iter().enumerate() {
        let length = latent.dim(axis)?;
        let missing = least.saturating_sub(length);
        if missing == 0 {
            continue;
        }
        let front = if axis == 0 { 0 } else { missing / 2 };
        if axis > 0 {
            before[axis - 1] = front;
        }
        let index: Vec<u32> = (0..least).map(|i| i.saturating_sub(front).min(length - 1) as u32).collect();
        latent = latent.index_select(&Tensor::new(index, latent.device())?, axis)?;
    }
    Ok((latent, before))
}

/// `[rows, columns, colours]` to patches `[places, colours·patch²]`: colour before column before row, as in the whole family.
fn patchify(picture: &Tensor, patch: usize) -> Result<Tensor> {
    let (rows, columns, colours) = picture.dims3()?;
    let (down, across) = (rows / patch, columns / patch);
    let x = picture.reshape((down, patch, across, patch, colours))?.permute((0, 2, 4, 3, 1))?.contiguous()?;
    Ok(x.reshape((down * across, colours * patch * patch))?)
}

/// The other way.
fn unpatchify(patches: &Tensor, [down, across]: [usize; 2], patch: usize, colours: usize) -> Result<Tensor> {
    let x = patches.reshape((down, across, colours, patch, patch))?.permute((0, 4, 1, 3, 2))?.contiguous()?;
    Ok(x.reshape((down * patch, across * patch, colours))?)
}
