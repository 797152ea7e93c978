//! The latent upsampler: more rows and columns, or more frames, before the second stage refines them.
//!
//! It works on latents as the VAE makes them ("raw": [`Statistics::denormalise`](crate::video::Statistics) first, normalise again
//! after). Its norms look at a whole latent at once, so it does not stream; a latent is small.
//!
//! Structure and keys as in the authors' package (ltx_core/model/upsampler at 400fd31); diffusers folders name two keys differently.

mod blur;

use candle_core::{Device, Tensor};

use crate::checkpoint::{Checkpoint, Part, Place, Section, Weights};
use crate::error::{Error, Result, Stage as _};
use crate::ops::conv3d::{Conv3d, Outputs, Packing, Shape};
use crate::ops::frame::Frame;
use crate::ops::group_norm::GroupNorm;
use crate::ops::pixel_norm::{Before, Edge, pad};
use crate::ops::shuffle::spread;
use crate::ops::slices;
use blur::Blur;

/// Groups of every norm.
const GROUPS: usize = 32;

/// What the upsampler makes more of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Factor in time: `f` frames become `time·f`, less the copy of the first that doubling makes.
    pub time: usize,
    /// Factor in rows and columns, as numerator and denominator.
    pub space: [usize; 2],
}

/// A latent upsampler.
#[derive(Debug)]
pub struct Upsampler {
    channels: usize,
    growth: Growth,
    /// Whether convolutions and norms look at one frame alone.
    flat: bool,
    first: (Conv3d, GroupNorm),
    before: Vec<Residual>,
    grow: Conv3d,
    factors: [usize; 3],
    blur: Option<Blur>,
    after: Vec<Residual>,
    last: Conv3d,
}

#[derive(Debug)]
struct Residual {
    convs: [Conv3d; 2],
    norms: [GroupNorm; 2],
}

impl Upsampler {
    /// The upsampler of the checkpoint: [`Part::SpatialUpsampler`] or [`Part::TemporalUpsampler`].
    pub fn load(checkpoint: &Checkpoint, part: Part) -> Result<Self> {
        let (weights, section) = checkpoint.part(part, &Place::default())?;
        Self::new(&weights, &section)
    }

    fn new(weights: &Weights, section: &Section) -> Result<Self> {
        // Sizes that a file does not tell are seen in its tensors.
        let shape = weights.shape("initial_conv.weight").unwrap_or_default().to_vec();
        let size = |key: &str, axis: usize, default: usize| section.size_or(key, shape.get(axis).copied().unwrap_or(default));
        let (channels, width) = (size("in_channels", 1, 128)?, size("mid_channels", 0, 1024)?);
        let flat = match section.size_or("dims", if shape.len() == 4 { 2 } else { 3 })? {
            2 => true,
            3 => false,
            other => return Err(section.wrong(format!("dims is {other}, expected 2 or 3"))),
        };
        if !width.is_multiple_of(GROUPS) || width > 1 << 14 || channels > 1 << 14 {
            return Err(section
                .wrong(format!("mid_channels is {width}, in_channels {channels}: expected a multiple of {GROUPS}, and less than 16384")));
        }
        let blocks = section.size_or("num_blocks_per_stage", 4)?.min(64);
        let growth = growth(weights, section)?;
        let [up, down] = growth.space;
        let factors = [growth.time, up, up];
        let rational = weights.has("upsampler.conv.weight");
        let taps = if flat { [1, 3, 3] } else { [3, 3, 3] };
        let conv =
            |at: Weights, inputs, outputs| Conv3d::load(&at, Shape { inputs, outputs, taps, order: Outputs::AsStored }, Packing::AtUse);
        let norm = |at: Weights| GroupNorm::load(&at, width, GROUPS);
        let residuals = |list: &str| -> Result<Vec<Residual>> {
            let block = |n: usize| {
                let at = weights.at(format_args!("{list}.{n}"));
                let convs = [conv(at.at("conv1"), width, width)?, conv(at.at("conv2"), width, width)?];
                Ok(Residual { convs, norms: [norm(at.at("norm1"))?, norm(at.at("norm2"))?] })
            };
            (0..blocks).map(block).collect()
        };
        let places: usize = factors.iter().product();
        let grow = Shape {
            inputs: width,
            outputs: width * places,
            taps: if growth.time > 1 { [3, 3, 3] } else { [1, 3, 3] },
            order: Outputs::ByPlace(places),
        };
        Ok(Self {
            channels,
            growth,
            flat,
            first: (conv(weights.at("initial_conv"), channels, width)?, norm(weights.at("initial_norm"))?),
            before: residuals("res_blocks")?,
            grow: Conv3d::load(&weights.at(if rational { "upsampler.conv" } else { "upsampler.0" }), grow, Packing::AtUse)?,
            factors,
            blur: (down > 1).then(|| Blur::load(&weights.at("upsampler.blur_down"), down)).transpose()?,
            after: residuals("post_upsample_res_blocks")?,
            last: conv(weights.at("final_conv"), width, channels)?,
        })
    }

    /// What it makes more of.
    pub fn growth(&self) -> Growth {
        self.growth
    }

    /// A raw latent `[frames, height, width, channels]`, grown.
    ///
    /// # Errors
    /// [`Error::Unfit`] for another number of channels; [`Error::Cancelled`] once `cancel` says so, asked before every block.
    pub fn upsample(&self, raw: &Tensor, cancel: &dyn Fn() -> bool) -> Result<Tensor> {
        let (frames, height, width, channels) = raw.dims4().stage("latent upsampler")?;
        if channels != self.channels || frames == 0 || height == 0 || width == 0 {
            let got = raw.dims();
            return Err(Error::Unfit(format!("the latent upsampler takes latents of {} channels, this one is {got:?}", self.channels)));
        }
        let values = raw.to_device(&Device::Cpu).stage("latent upsampler")?;
        let frame = |values: &[f32]| Frame::new(height, width, channels, values.to_vec());
        let mut x: Vec<Frame> = slices::with(&values, |v| v.chunks_exact(height * width * channels).map(frame).collect())?;
        let go_on = || if cancel() { Err(Error::Cancelled) } else { Ok(()) };
        go_on()?;
        x = convolve(&self.first.0, &x);
        self.norm(&self.first.1, &mut x, None);
        for block in &self.before {
            go_on()?;
            x = self.residual(block, x);
        }
        go_on()?;
        let grown = convolve(&self.grow, &x);
        drop(x);
        let mut x: Vec<Frame> = grown.into_iter().flat_map(|f| spread(&f, self.factors)).collect();
        if self.factors[0] > 1 {
            // The first latent frame stands for one picture: the copy that doubling makes of it is dropped.
            x.drain(..self.factors[0] - 1);
        }
        if let Some(blur) = &self.blur {
            x = x.iter().map(|f| blur.apply(f)).collect();
        }
        for block in &self.after {
            go_on()?;
            x = self.residual(block, x);
        }
        go_on()?;
        let out = convolve(&self.last, &x);
        let shape = (out.len(), out.first().map_or(0, |f| f.height), out.first().map_or(0, |f| f.width), channels);
        let out = slices::tensor(out.into_iter().flat_map(|f| f.data).collect(), shape)?;
        out.to_device(raw.device()).and_then(|t| t.to_dtype(raw.dtype())).stage("latent upsampler")
    }

    fn residual(&self, block: &Residual, x: Vec<Frame>) -> Vec<Frame> {
        let mut y = convolve(&block.convs[0], &x);
        self.norm(&block.norms[0], &mut y, None);
        let mut y = convolve(&block.convs[1], &y);
        self.norm(&block.norms[1], &mut y, Some(&x));
        y
    }

    fn norm(&self, norm: &GroupNorm, frames: &mut [Frame], skip: Option<&[Frame]>) {
        match self.flat {
            false => norm.activate(frames, skip),
            true => {
                for (n, frame) in frames.iter_mut().enumerate() {
                    norm.activate(std::slice::from_mut(frame), skip.map(|s| &s[n..=n]));
                }
            }
        }
    }
}

/// A convolution with zeros around the frames, in time too.
fn convolve(conv: &Conv3d, frames: &[Frame]) -> Vec<Frame> {
    let Some(first) = frames.first() else { return Vec::new() };
    let (height, width) = (first.height, first.width);
    let zeros = || Frame::zeros(height + 2, width + 2, first.channels);
    let beyond = (conv.shape().taps[0] - 1) / 2;
    let inside = frames.iter().map(|frame| {
        let mut padded = zeros();
        pad(frame, Edge::Zeros, Before::Nothing, &mut padded);
        padded
    });
    let around = || (0..beyond).map(|_| zeros());
    let padded: Vec<Frame> = around().chain(inside).chain(around()).collect();
    let mut outs: Vec<Frame> = frames.iter().map(|_| Frame::zeros(height, width, conv.shape().outputs)).collect();
    conv.run(&padded, [1, 1], &mut outs, false);
    outs
}

fn growth(weights: &Weights, section: &Section) -> Result<Growth> {
    let time = if section.flag_or("temporal_upsample", false)? { 2 } else { 1 };
    if !section.flag_or("spatial_upsample", true)? {
        return match time {
            2 => Ok(Growth { time, space: [1, 1] }),
            _ => Err(section.wrong("neither spatial_upsample nor temporal_upsample is set")),
        };
    }
    if time == 2 || !weights.has("upsampler.conv.weight") {
        return Ok(Growth { time, space: [2, 1] });
    }
    let key = if section.has("spatial_scale") { "spatial_scale" } else { "rational_spatial_scale" };
    let scale = section.number_or(key, 2.0)?;
    // The four scales that the reference knows.
    let known = [(0.75, [3, 4]), (1.5, [3, 2]), (2.0, [2, 1]), (4.0, [4, 1])];
    let found = known.into_iter().find(|(known, _)| *known == scale);
    found.map(|(_, space)| Growth { time, space }).ok_or_else(|| section.wrong(format!("{key} is {scale}, expected 0.75, 1.5, 2 or 4")))
}
