//! The layers of both halves of the VAE: their weights, and what each does with a stream of frames.

use std::collections::VecDeque;

use crate::checkpoint::Weights;
use crate::error::{Error, Result};
use crate::ops::conv3d::{Conv3d, Outputs, Packing, Shape};
use crate::ops::frame::Frame;
use crate::ops::pixel_norm::{Before, Edge, Modulation};
use crate::ops::shuffle::{add_group_means, add_spread, gather, spread};
use crate::video::config::{Block, HalfConfig, Resample};
use crate::video::stream::{Stage, TimeConv};
use crate::video::time::TimeEmbedder;

/// All kernels of the VAE are 3×3×3.
const TAPS: [usize; 3] = [3, 3, 3];

/// What a half pads with and whether it looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct Padding {
    /// Rows and columns.
    pub edge: Edge,
    /// Time.
    pub causal: bool,
}

/// A layer with its weights.
#[derive(Debug)]
pub enum Layer {
    /// A convolution alone.
    Plain(Conv3d),
    /// Norm, SiLU, convolution: the last of both halves.
    Activated(Conv3d, Option<Modulation>),
    /// A residual block.
    Residual(Box<Residual>),
    /// More pixels, fewer channels.
    Up(Resampling),
    /// Fewer pixels, more channels.
    Down(Resampling),
    /// A convolution that steps in time and space.
    Strided(Conv3d, [usize; 2]),
}

/// Norm, SiLU, convolution, twice, added to the input.
#[derive(Debug)]
pub struct Residual {
    convs: [Conv3d; 2],
    modulation: Option<[Modulation; 2]>,
}

/// A convolution and a rearrangement.
#[derive(Debug)]
pub struct Resampling {
    conv: Conv3d,
    factors: [usize; 3],
    skip: bool,
}

/// How the layers of a half are loaded.
#[derive(Clone, Copy)]
pub struct Loading<'a> {
    /// The half's place in the tree of names.
    pub weights: &'a Weights,
    /// What `up_blocks` or `down_blocks` is called.
    pub list: &'a str,
    /// Channels of a latent or patch that come in.
    pub inputs: usize,
    /// Channels that go out.
    pub outputs: usize,
    /// When weights are packed.
    pub packing: Packing,
    /// The moment that a conditioned decoder is told.
    pub time: Option<f32>,
}

/// The layers of a half, first to last.
pub fn load(config: &HalfConfig, loading: Loading<'_>) -> Result<Vec<Layer>> {
    let Loading { weights, list, inputs, outputs, packing, time } = loading;
    let conv = |at: Weights, inputs, outputs, order| Conv3d::load(&at, Shape { inputs, outputs, taps: TAPS, order }, packing);
    let mut layers = vec![Layer::Plain(conv(weights.at("conv_in.conv"), inputs, config.first, Outputs::AsStored)?)];
    let mut channels = config.first;
    for (n, block) in config.blocks.iter().enumerate() {
        let at = weights.at(format_args!("{list}.{n}"));
        let misfit = |why: String| Error::Unfit(format!("{}: {why}", at.full("")));
        match *block {
            Block::Residual { layers: count } => {
                let embedding = time.map(|t| TimeEmbedder::load(&at.at("time_embedder"), 4 * channels)?.embed(t)).transpose()?;
                for i in 0..count {
                    let at = at.at(format_args!("res_blocks.{i}"));
                    let modulation = match &embedding {
                        None => None,
                        Some(e) => {
                            let table = at.values("scale_shift_table", &[4, channels])?;
                            let rows: Vec<f32> = table.iter().zip(e).map(|(t, e)| t + e).collect();
                            let row = |i: usize| rows[i * channels..(i + 1) * channels].to_vec();
                            Some([Modulation { shift: row(0), scale: row(1) }, Modulation { shift: row(2), scale: row(3) }])
                        }
                    };
                    let conv = |name: &str| conv(at.at(name).at("conv"), channels, channels, Outputs::AsStored);
                    layers.push(Layer::Residual(Box::new(Residual { convs: [conv("conv1")?, conv("conv2")?], modulation })));
                }
            }
            Block::Resample { factors, multiplier, kind } if list == "up_blocks" => {
                let places: usize = factors.iter().product();
                let skip = kind == Resample::RearrangedWithSkip;
                if !channels.is_multiple_of(multiplier)
                    || (skip && (!channels.is_multiple_of(places) || !places.is_multiple_of(multiplier)))
                {
                    return Err(misfit(format!("{channels} channels cannot be spread over {places} places and divided by {multiplier}")));
                }
                let next = channels / multiplier;
                let conv = conv(at.at("conv.conv"), channels, next * places, Outputs::ByPlace(places))?;
                layers.push(Layer::Up(Resampling { conv, factors, skip }));
                channels = next;
            }
            Block::Resample { factors, multiplier, kind } => {
                let next = channels * multiplier;
                let places: usize = factors.iter().product();
                if kind == Resample::Strided {
                    // Published lists do not have it; the file names it without a module around the convolution.
                    let conv = conv(at.at("conv"), channels, next, Outputs::AsStored)?;
                    layers.push(Layer::Strided(conv, [factors[0], factors[1]]));
                } else {
                    if !next.is_multiple_of(places) || !(channels * places).is_multiple_of(next) {
                        return Err(misfit(format!("{channels} channels and {places} places cannot become {next} channels")));
                    }
                    let conv = conv(at.at("conv.conv"), channels, next / places, Outputs::AsStored)?;
                    layers.push(Layer::Down(Resampling { conv, factors, skip: true }));
                }
                channels = next;
            }
        }
        if channels > 1 << 16 {
            return Err(misfit(format!("{channels} channels are more than any model has")));
        }
    }
    let last = match time {
        None => None,
        Some(t) => {
            let embedding = TimeEmbedder::load(&weights.at("last_time_embedder"), 2 * channels)?.embed(t)?;
            let table = weights.values("last_scale_shift_table", &[2, channels])?;
            let rows: Vec<f32> = table.iter().zip(&embedding).map(|(t, e)| t + e).collect();
            Some(Modulation { shift: rows[..channels].to_vec(), scale: rows[channels..].to_vec() })
        }
    };
    layers.push(Layer::Activated(conv(weights.at("conv_out.conv"), channels, outputs, Outputs::AsStored)?, last));
    Ok(layers)
}

impl Layer {
    /// The layer at the beginning of a stream.
    pub fn start(&self, padding: Padding) -> Box<dyn Stage + '_> {
        let Padding { edge, causal } = padding;
        let conv = |conv, steps, before| TimeConv::new(conv, edge, causal, steps, before);
        match self {
            Self::Plain(c) => Box::new(Single { conv: conv(c, [1, 1], Before::Nothing), steps: 1 }),
            Self::Strided(c, steps) => Box::new(Single { conv: conv(c, *steps, Before::Nothing), steps: steps[1] }),
            Self::Activated(c, m) => Box::new(Single { conv: conv(c, [1, 1], Before::Activate(m.as_ref())), steps: 1 }),
            Self::Residual(r) => {
                let of = |i: usize| conv(&r.convs[i], [1, 1], Before::Activate(r.modulation.as_ref().map(|m| &m[i])));
                Box::new(ResidualStream { convs: [of(0), of(1)], waiting: VecDeque::new() })
            }
            Self::Up(r) => Box::new(UpStream {
                conv: conv(&r.conv, [1, 1], Before::Nothing),
                layer: r,
                waiting: VecDeque::new(),
                // The first latent frame stands for one picture: the copy that doubling makes of it is dropped.
                drop: r.factors[0] - 1,
            }),
            Self::Down(r) => Box::new(DownStream {
                conv: conv(&r.conv, [1, 1], Before::Nothing),
                factors: r.factors,
                inputs: Vec::new(),
                outputs: Vec::new(),
                begun: false,
            }),
        }
    }

    /// How pixels change: factors in time and space for more of them, and whether it is more.
    pub fn factors(&self) -> ([usize; 3], bool) {
        match self {
            Self::Up(r) => (r.factors, true),
            Self::Down(r) => (r.factors, false),
            Self::Strided(_, [time, space]) => ([*time, *space, *space], false),
            _ => ([1, 1, 1], false),
        }
    }

    /// Values per input pixel that it keeps of past frames while a stream runs, and values per input pixel and frame under way
    /// together that it works with.
    pub fn memory(&self) -> (usize, usize) {
        match self {
            Self::Plain(c) | Self::Activated(c, _) | Self::Strided(c, _) => {
                (2 * c.shape().inputs, 2 * c.shape().inputs + c.shape().outputs)
            }
            Self::Residual(r) => (6 * r.convs[0].shape().inputs, 4 * r.convs[0].shape().inputs),
            Self::Up(r) | Self::Down(r) => {
                (if r.skip { 3 } else { 2 } * r.conv.shape().inputs, 2 * r.conv.shape().inputs + 2 * r.conv.shape().outputs)
            }
        }
    }

    /// Bytes of packed weights that are made anew at every use.
    pub fn scratch(&self) -> usize {
        match self {
            Self::Plain(c) | Self::Activated(c, _) | Self::Strided(c, _) => c.scratch(),
            Self::Residual(r) => r.convs.iter().map(Conv3d::scratch).max().unwrap_or(0),
            Self::Up(r) | Self::Down(r) => r.conv.scratch(),
        }
    }
}

struct Single<'a> {
    conv: TimeConv<'a>,
    steps: usize,
}

impl Stage for Single<'_> {
    fn push(&mut self, frames: Vec<Frame>, last: bool) -> Vec<Frame> {
        let size = frames.first().map(|f| (f.height, f.width));
        let count = self.conv.absorb(&frames, last);
        let (height, width) = size.or(self.conv.size()).unwrap_or((0, 0));
        // With one row and column added on both sides, a 3-tap kernel that steps makes ⌈n/step⌉.
        self.conv.emit_new(count, height.div_ceil(self.steps), width.div_ceil(self.steps))
    }
}

struct ResidualStream<'a> {
    convs: [TimeConv<'a>; 2],
    waiting: VecDeque<Frame>,
}

impl Stage for ResidualStream<'_> {
    fn push(&mut self, frames: Vec<Frame>, last: bool) -> Vec<Frame> {
        let [first, second] = &mut self.convs;
        let count = first.absorb(&frames, last);
        self.waiting.extend(frames);
        let (height, width) = first.size().unwrap_or((0, 0));
        let middle = first.emit_new(count, height, width);
        let count = second.absorb(&middle, last);
        drop(middle);
        let count = count.min(self.waiting.len());
        let mut outs: Vec<_> = self.waiting.drain(..count).collect();
        second.emit(&mut outs, true);
        outs
    }
}

struct UpStream<'a> {
    conv: TimeConv<'a>,
    layer: &'a Resampling,
    waiting: VecDeque<Frame>,
    drop: usize,
}

impl Stage for UpStream<'_> {
    fn push(&mut self, frames: Vec<Frame>, last: bool) -> Vec<Frame> {
        let count = self.conv.absorb(&frames, last);
        if self.layer.skip {
            self.waiting.extend(frames);
        }
        let (height, width) = self.conv.size().unwrap_or((0, 0));
        let mut outs = Vec::new();
        for frame in self.conv.emit_new(count, height, width) {
            let mut spread = spread(&frame, self.layer.factors);
            if let Some(input) = self.waiting.pop_front() {
                add_spread(&input, self.layer.factors, &mut spread);
            }
            let dropped = self.drop.min(spread.len());
            self.drop -= dropped;
            outs.extend(spread.drain(dropped..));
        }
        outs
    }
}

struct DownStream<'a> {
    conv: TimeConv<'a>,
    factors: [usize; 3],
    inputs: Vec<Frame>,
    outputs: Vec<Frame>,
    begun: bool,
}

impl Stage for DownStream<'_> {
    fn push(&mut self, mut frames: Vec<Frame>, last: bool) -> Vec<Frame> {
        let time = self.factors[0];
        if !self.begun
            && let Some(first) = frames.first().cloned()
        {
            self.begun = true;
            frames.splice(0..0, std::iter::repeat_n(first, time - 1));
        }
        let count = self.conv.absorb(&frames, last);
        self.inputs.extend(frames);
        let (height, width) = self.conv.size().unwrap_or((0, 0));
        self.outputs.extend(self.conv.emit_new(count, height, width));
        let whole = self.outputs.len() / time;
        let outs = (0..whole).map(|n| {
            let range = n * time..(n + 1) * time;
            let mut out = gather(&self.outputs[range.clone()], self.factors);
            add_group_means(&gather(&self.inputs[range], self.factors), &mut out);
            out
        });
        let outs = outs.collect();
        self.outputs.drain(..whole * time);
        self.inputs.drain(..whole * time);
        outs
    }
}
