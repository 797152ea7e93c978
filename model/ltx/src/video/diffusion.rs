//! The diffusion decoder of generation 2.5: a latent to pictures.
//!
//! Stages of neighbourhood attention spread the latent out in space and time until there is one place for each 4×4 pixels of each
//! frame. A last stage starts from noise and, guided by what they made, gives the picture: in one step in the published model.
//! What it reads is in [`config`], its layers in [`layers`], attention in [`neighbourhood`], how frames pass through in [`stream`], and
//! how a picture is made in parts in [`tiled`].

pub mod config;
pub mod layers;
pub mod neighbourhood;
pub mod rotary;
pub mod stream;
pub mod tiled;

use candle_core::{DType, Device, Tensor};

pub use config::Config;
use config::{Extent, Prediction};
use layers::{Attention, Gated, MODULATIONS, Mlp, Norm, StepUp, TimeEmbedding};
use rotary::Rotary;
use stream::{Around, Begin, Block, End, Guide, Item, Modulation, Node, Sliding, Up, flow};

use crate::checkpoint::weights::{Place, Weights};
use crate::checkpoint::{Checkpoint, Part};
use crate::error::{Error, Result};
use crate::ops::linear::Linear;
use crate::sampling::noise::{Noise, Purpose};
use crate::video::Tiling;

/// Noise of a frame of a part of the picture: the frame, the first row and column of pixels, and how many of each, to
/// `[rows, columns, colours]` of standard normal values.
pub type Source<'a> = &'a mut dyn FnMut(Area) -> Result<Tensor>;

/// What a decode needs from its caller.
pub struct Hands<'a> {
    /// Asked for the frames of each part in order. Frames after the clip's last are asked for where it is shorter than a window.
    pub noise: Source<'a>,
    /// Asked before each layer of each frame: yes stops the decode.
    pub cancel: &'a dyn Fn() -> bool,
    /// Takes the pictures in order of time.
    pub sink: &'a mut dyn FnMut(Tensor) -> Result<()>,
}

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

    /// Decodes a normalised latent `[frames, rows, columns, channels]` to pictures of −1..1 (not clamped), handed to `sink` in order of
    /// time, `[1, height, width, colours]` each. `cancel` is asked before each layer of each frame.
    pub fn decode(
        &self,
        latent: &Tensor,
        noise: &Noise,
        tiling: &Tiling,
        cancel: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Tensor) -> Result<()>,
    ) -> Result<()> {
        let colours = self.config.colours;
        let mut source = |area: Area| {
            let [rows, columns] = area.size;
            let from = [area.frame, area.from[0], area.from[1]].map(|n| n as u32);
            Ok(noise.grid_from(Purpose::Pixels, from, [1, rows, columns], colours)?.reshape((rows, columns, colours))?)
        };
        self.decode_raw(&self.denormalise(latent)?, Hands { noise: &mut source, cancel, sink }, tiling)
    }

    /// The same from a raw latent and noise of any origin.
    pub fn decode_raw(&self, raw: &Tensor, hands: Hands<'_>, tiling: &Tiling) -> Result<()> {
        let (frames, rows, columns, channels) = raw.dims4()?;
        if channels != self.config.latent || frames == 0 || rows == 0 || columns == 0 {
            let expected = self.config.latent;
            return Err(Error::Unfit(format!("a latent has the shape {:?}, expected [frames, rows, columns, {expected}]", raw.dims())));
        }
        let scale = self.config.scale();
        let (latent, before) = grown(raw, self.config.smallest())?;
        let wanted = (frames - 1) * scale[0] + 1;
        let mut emitted = 0;
        let Hands { noise, cancel, sink } = hands;
        let mut shown = |picture: Tensor| {
            emitted += 1;
            if emitted > wanted {
                return Ok(());
            }
            let picture = picture.narrow(0, before[0] * scale[1], rows * scale[1])?.narrow(1, before[1] * scale[2], columns * scale[2])?;
            sink(picture.contiguous()?.unsqueeze(0)?)
        };
        let hands = Hands { noise, cancel, sink: &mut shown };
        match tiling.tiles {
            None => self.whole(&latent, hands),
            Some(tiles) => self.tiled(&latent, tiles, hands),
        }
    }

    /// One stream over all of a latent that holds every window.
    fn whole(&self, latent: &Tensor, Hands { noise, cancel, sink }: Hands<'_>) -> Result<()> {
        let (length, rows, columns, _) = latent.dims4()?;
        let rotaries = self.rotaries([rows, columns])?;
        let scale = self.config.scale();
        let (mut nodes, frames) = self.front(self.stages.len() - 1, length, [rows, columns], &rotaries)?;
        let grid = self.grid_before(self.stages.len() - 1, [rows, columns]);
        let ends = self.rotaries_of_end(grid)?;
        let pictures = (length - 1) * scale[0] + 1;
        nodes.extend(self.back(Ending { frames, grid, from_start: true, pictures }, &ends)?);
        let size = [rows * scale[1], columns * scale[2]];
        let mut noise = |frame: usize| self.patches(&noise(Area { frame, from: [0; 2], size })?);
        let mut out = |item: Item| item.pixels.map_or(Ok(()), |pixels| sink(self.picture(&pixels, size)?));
        let mut around = Around { noise: &mut noise, out: &mut out, cancel };
        (0..length + self.config.trailing()).try_for_each(|frame| flow(&mut nodes, self.entering(latent, frame)?, &mut around))
    }

    /// A latent's frame, or a copy of its last one, as it enters.
    fn entering(&self, latent: &Tensor, frame: usize) -> Result<Item> {
        let (length, rows, columns, channels) = latent.dims4()?;
        let x = latent.get(frame.min(length - 1))?.reshape((rows * columns, channels))?;
        Ok(Item::new(x.to_device(&self.place.device)?.to_dtype(self.place.dtype)?))
    }

    /// Noise `[rows, columns, colours]` as the diffusion stage takes it.
    fn patches(&self, noise: &Tensor) -> Result<Tensor> {
        patchify(&noise.to_device(&self.place.device)?.to_dtype(self.place.dtype)?, self.config.patch)
    }

    /// What leaves the diffusion stage as a picture `[rows, columns, colours]` in f32 on the processor.
    fn picture(&self, patches: &Tensor, [rows, columns]: [usize; 2]) -> Result<Tensor> {
        let Config { patch, colours, .. } = self.config;
        let patches = patches.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        unpatchify(&patches, [rows / patch, columns / patch], patch, colours)
    }

    /// A normalised latent to a raw one.
    pub fn denormalise(&self, latent: &Tensor) -> Result<Tensor> {
        let on = |t: &Tensor| t.to_device(latent.device())?.to_dtype(latent.dtype());
        Ok(latent.broadcast_mul(&on(&self.deviation)?)?.broadcast_add(&on(&self.mean)?)?)
    }

    /// Angles of all stages but the last, for latents of so many rows and columns.
    fn rotaries(&self, latent: [usize; 2]) -> Result<Vec<Rotary>> {
        (0..self.stages.len() - 1).map(|stage| Rotary::new(self.config.head, self.grid_before(stage, latent), &self.place)).collect()
    }

    /// Angles of the last stage where it sees so many rows and columns, and of the diffusion stage after it.
    fn rotaries_of_end(&self, grid: [usize; 2]) -> Result<[Rotary; 2]> {
        let up = self.config.stages.last().map_or([1; 3], |s| s.up);
        let make = |grid| Rotary::new(self.config.head, grid, &self.place);
        Ok([make(grid)?, make([grid[0] * up[1], grid[1] * up[2]])?])
    }

    /// Rows and columns that a stage sees of a latent's.
    fn grid_before(&self, stage: usize, latent: [usize; 2]) -> [usize; 2] {
        let ups = self.config.stages.iter().take(stage).map(|s| s.up);
        ups.fold(latent, |grid, up| [grid[0] * up[1], grid[1] * up[2]])
    }

    /// The way through the first `count` stages for a latent of this length and grid, and the frames that come out: those of the copies
    /// after the last one as well.
    fn front<'a>(&'a self, count: usize, length: usize, latent: [usize; 2], rotaries: &'a [Rotary]) -> Result<(Vec<Node<'a>>, usize)> {
        let mut nodes = vec![Node::Enter(&self.enter)];
        let mut frames = length + self.config.trailing();
        for (index, rotary) in rotaries.iter().enumerate().take(count) {
            let extents = Extents { frames, grid: self.grid_before(index, latent), from_start: true };
            frames = self.stage(index, extents, rotary, &mut nodes, None);
        }
        Ok((nodes, frames))
    }

    /// The way through the last stage and the diffusion stage.
    fn back<'a>(&'a self, ending: Ending, [rotary, fine]: &'a [Rotary; 2]) -> Result<Vec<Node<'a>>> {
        let last = self.stages.len() - 1;
        let Ending { frames, grid, from_start, pictures } = ending;
        let mut nodes = Vec::new();
        // The diffusion stage does not see the copies, but always a whole window.
        let limit = pictures.max(self.config.window[0]);
        let frames = self.stage(last, Extents { frames, grid, from_start }, rotary, &mut nodes, Some(limit));
        let up = self.config.stages[last].up;
        self.diffusion(frames, [grid[0] * up[1], grid[1] * up[2]], fine, &mut nodes)?;
        Ok(nodes)
    }

    /// Adds a stage's nodes; returns the frames that leave it, at most `limit`.
    fn stage<'a>(&'a self, index: usize, extents: Extents, rotary: &'a Rotary, nodes: &mut Vec<Node<'a>>, limit: Option<usize>) -> usize {
        let Extents { frames, grid, from_start } = extents;
        let (blocks, up) = &self.stages[index];
        let stage = &self.config.stages[index];
        nodes.extend(blocks.iter().map(|block| Node::Block(Box::new(Sliding::new(block, rotary, frames, grid, stage.window)))));
        let doubles = stage.up[0] == 2 && from_start;
        let leaving = frames * stage.up[0] - usize::from(doubles);
        let leaving = limit.map_or(leaving, |limit| leaving.min(limit));
        nodes.push(Node::Up(Up::new(up, grid, doubles, leaving)));
        leaving
    }

    /// Adds the nodes of all steps of the diffusion stage.
    fn diffusion<'a>(&'a self, frames: usize, grid: [usize; 2], rotary: &'a Rotary, nodes: &mut Vec<Node<'a>>) -> Result<()> {
        let config = &self.config;
        let predicts_picture = config.predicts == Prediction::Picture;
        for step in 0..config.steps {
            let at = |step: usize| 1.0 - step as f64 / config.steps as f64;
            let shared = self.time.forward(at(step) * config.time_scale, &self.place)?;
            nodes.push(Node::Begin(Begin::new(&self.begin)));
            for (block, guide) in &self.blocks {
                let sliding = Sliding::new(block, rotary, frames, grid, config.window);
                nodes.push(Node::Block(Box::new(sliding.guided(guide, Modulation::new(&shared, &guide.table)?))));
            }
            let times = (at(step), if step + 1 == config.steps { 0.0 } else { at(step + 1) });
            nodes.push(Node::End(End { norm: &self.norm, layer: &self.end, times, predicts_picture }));
        }
        Ok(())
    }
}

/// What enters a stage.
#[derive(Clone, Copy, Debug)]
struct Extents {
    frames: usize,
    grid: [usize; 2],
    /// Whether the first frame is the clip's, which stands for a single picture.
    from_start: bool,
}

/// What enters the last stages, and the pictures that are wanted of it.
#[derive(Clone, Copy, Debug)]
struct Ending {
    frames: usize,
    grid: [usize; 2],
    from_start: bool,
    pictures: usize,
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
