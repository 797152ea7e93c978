//! Decoding frame by frame. Every layer but attention sees one frame at a time, and attention in time reaches a few frames ahead: so
//! each block holds the frames of its window and hands on what is complete. Memory does not grow with the length, and the result
//! is that of the whole clip, because the same products are computed once each.

use std::collections::VecDeque;

use candle_core::{DType, Tensor};

use super::layers::{Attention, Gated, Mlp, Norm, StepUp};
use super::neighbourhood::{Layout, Rows, attend, first_of};
use super::rotary::Rotary;
use crate::error::{Error, Result};
use crate::ops::linear::Linear;

/// A block: attention and MLP beside its input.
#[derive(Clone, Debug)]
pub struct Block {
    /// Before attention.
    pub attention_norm: Norm,
    /// Neighbourhood attention.
    pub attention: Attention,
    /// Before the MLP.
    pub mlp_norm: Norm,
    /// Each place by itself.
    pub mlp: Mlp,
}

/// What the diffusion stage adds to a block.
#[derive(Clone, Debug)]
pub struct Guide {
    /// Brings the context in.
    pub context: Gated,
    /// The block's own part of the modulation, `[7, channels]`.
    pub table: Tensor,
}

/// A frame on its way, `[places, channels]`.
#[derive(Clone, Debug)]
pub struct Item {
    /// What the blocks work on.
    pub x: Tensor,
    /// What guides the diffusion stage.
    pub context: Option<Tensor>,
    /// The picture so far, as patches.
    pub pixels: Option<Tensor>,
}

/// What the nodes need from outside.
pub struct Around<'a> {
    /// Gives the noise of a frame as patches `[places, colours·patch²]`.
    pub noise: &'a mut dyn FnMut(usize) -> Result<Tensor>,
    /// Takes what leaves the last node.
    pub out: &'a mut dyn FnMut(Item) -> Result<()>,
    /// Asked before each node: yes stops the work.
    pub cancel: &'a dyn Fn() -> bool,
}

impl Item {
    /// A frame that is on its way to the diffusion stage.
    pub fn new(x: Tensor) -> Self {
        Self { x, context: None, pixels: None }
    }
}

/// A part of the way, in order of the frames.
pub enum Node<'a> {
    /// Into the width of the first stage.
    Enter(&'a Linear),
    /// A block.
    Block(Box<Sliding<'a>>),
    /// A step up.
    Up(Up<'a>),
    /// From context and noise to the diffusion stage.
    Begin(Begin<'a>),
    /// From the diffusion stage to the picture of one step.
    End(End<'a>),
}

/// A block with the frames of its window.
pub struct Sliding<'a> {
    block: &'a Block,
    guide: Option<(&'a Guide, Modulation)>,
    rotary: &'a Rotary,
    layout: Layout,
    /// Frames in all, and of the window.
    frames: usize,
    window: usize,
    received: usize,
    emitted: usize,
    waiting: VecDeque<(Item, Rows)>,
    /// Keys and values from frame `oldest` on.
    held: VecDeque<(Rows, Rows)>,
    oldest: usize,
}

/// Scale and shift of attention and MLP, each `[channels]`; scales have the one added.
#[derive(Clone, Debug)]
pub struct Modulation {
    attention: (Tensor, Tensor),
    mlp: (Tensor, Tensor),
}

impl Modulation {
    /// From the shared part and the block's own, both `[7, channels]`.
    pub fn new(shared: &Tensor, own: &Tensor) -> Result<Self> {
        let sum = (shared + own)?;
        let pair = |scale: usize| Result::<_>::Ok(((sum.get(scale)? + 1.0)?, sum.get(scale + 1)?));
        // Rows 2, 5 and 6 are gates that the decoder no longer has.
        Ok(Self { attention: pair(0)?, mlp: pair(3)? })
    }
}

fn modulate(x: &Tensor, by: Option<&(Tensor, Tensor)>) -> Result<Tensor> {
    match by {
        Some((scale, shift)) => Ok(x.broadcast_mul(scale)?.broadcast_add(shift)?),
        None => Ok(x.clone()),
    }
}

impl<'a> Sliding<'a> {
    /// For `frames` frames of a grid and windows of frames, rows and columns; what is larger than the clip is cut to it.
    pub fn new(block: &'a Block, rotary: &'a Rotary, frames: usize, grid: [usize; 2], window: [usize; 3]) -> Self {
        let inside = [window[1].min(grid[0]), window[2].min(grid[1])];
        let layout = Layout { grid, window: inside, heads: block.attention.heads };
        let window = window[0].min(frames);
        let (waiting, held) = (VecDeque::new(), VecDeque::new());
        Self { block, guide: None, rotary, layout, frames, window, received: 0, emitted: 0, waiting, held, oldest: 0 }
    }

    /// A block of the diffusion stage.
    pub fn guided(mut self, guide: &'a Guide, modulation: Modulation) -> Self {
        self.guide = Some((guide, modulation));
        self
    }

    fn push(&mut self, mut item: Item) -> Result<Vec<Item>> {
        if let (Some((guide, _)), Some(context)) = (&self.guide, &item.context) {
            item.x = (item.x + guide.context.forward(context)?)?;
        }
        let block = self.block;
        let by = self.guide.as_ref().map(|(_, m)| &m.attention);
        let x = modulate(&block.attention_norm.forward(&item.x)?, by)?;
        let [queries, keys, values] = block.attention.project(&x, self.rotary, self.received)?;
        self.waiting.push_back((item, queries));
        self.held.push_back((keys, values));
        self.received += 1;
        let mut out = Vec::new();
        while self.emitted < self.frames {
            let first = first_of(self.emitted, self.window, self.frames);
            if first + self.window > self.received {
                break;
            }
            while self.oldest < first {
                self.held.pop_front();
                self.oldest += 1;
            }
            let Some((item, queries)) = self.waiting.pop_front() else { break };
            out.push(self.finish(item, &queries)?);
            self.emitted += 1;
        }
        Ok(out)
    }

    /// A frame whose window is complete.
    fn finish(&self, mut item: Item, queries: &Rows) -> Result<Item> {
        let block = self.block;
        let window = self.held.iter().take(self.window);
        let (keys, values): (Vec<&Rows>, Vec<&Rows>) = window.map(|(k, v)| (k, v)).unzip();
        let attended = attend(self.layout, block.attention.channels, queries, &keys, &values)?;
        let x = (item.x + block.attention.out(&attended)?)?;
        let by = self.guide.as_ref().map(|(_, m)| &m.mlp);
        let hidden = block.mlp.forward(&modulate(&block.mlp_norm.forward(&x)?, by)?)?;
        item.x = (x + hidden)?;
        Ok(item)
    }
}

/// A step up with its place in time.
pub struct Up<'a> {
    layer: &'a StepUp,
    grid: [usize; 2],
    /// Frames to leave out at the beginning: a doubling in time makes the first one twice.
    skip: usize,
    /// Frames to hand on; what comes after them is thrown away.
    left: usize,
}

impl<'a> Up<'a> {
    /// From a grid, handing on so many frames.
    pub fn new(layer: &'a StepUp, grid: [usize; 2], doubles: bool, frames: usize) -> Self {
        Self { layer, grid, skip: usize::from(doubles), left: frames }
    }

    fn push(&mut self, item: &Item) -> Result<Vec<Item>> {
        if self.left == 0 {
            return Ok(Vec::new());
        }
        let mut frames = self.layer.forward(&item.x, self.grid)?;
        frames.drain(..std::mem::take(&mut self.skip).min(frames.len()));
        frames.truncate(self.left);
        self.left -= frames.len();
        Ok(frames.into_iter().map(Item::new).collect())
    }
}

/// The way into the diffusion stage.
pub struct Begin<'a> {
    layer: &'a Linear,
    frame: usize,
}

impl<'a> Begin<'a> {
    /// Into the width of the stage.
    pub fn new(layer: &'a Linear) -> Self {
        Self { layer, frame: 0 }
    }

    fn push(&mut self, item: Item, around: &mut Around<'_>) -> Result<Item> {
        let pixels = match item.pixels {
            Some(pixels) => pixels,
            None => (around.noise)(self.frame)?,
        };
        self.frame += 1;
        let context = item.context.unwrap_or(item.x);
        Ok(Item { x: self.layer.forward(&pixels)?, context: Some(context), pixels: Some(pixels) })
    }
}

/// The way out of one step.
pub struct End<'a> {
    /// Before the last layer.
    pub norm: &'a Norm,
    /// To patches of pixels.
    pub layer: &'a Linear,
    /// The step's time and the next one's, 1 being noise and 0 the picture.
    pub times: (f64, f64),
    /// Whether the stage predicts the picture itself.
    pub predicts_picture: bool,
}

impl End<'_> {
    fn push(&self, mut item: Item) -> Result<Item> {
        let (now, next) = self.times;
        let predicted = self.layer.forward(&self.norm.forward(&item.x)?)?;
        item.pixels = Some(match item.pixels {
            // Going all the way, the prediction is the picture.
            _ if self.predicts_picture && next == 0.0 => predicted,
            None => predicted,
            Some(pixels) => {
                let (x, predicted) = (pixels.to_dtype(DType::F32)?, predicted.to_dtype(DType::F32)?);
                let velocity = if self.predicts_picture { ((&x - &predicted)? / now)? } else { predicted };
                (x - (velocity * (now - next))?)?.to_dtype(pixels.dtype())?
            }
        });
        Ok(item)
    }
}

/// Sends a frame along the nodes.
pub fn flow(nodes: &mut [Node<'_>], item: Item, around: &mut Around<'_>) -> Result<()> {
    let Some((node, rest)) = nodes.split_first_mut() else { return (around.out)(item) };
    if (around.cancel)() {
        return Err(Error::Cancelled);
    }
    let items = match node {
        Node::Enter(layer) => vec![Item { x: layer.forward(&item.x)?, ..item }],
        Node::Block(block) => block.push(item)?,
        Node::Up(up) => up.push(&item)?,
        Node::Begin(begin) => vec![begin.push(item, around)?],
        Node::End(end) => vec![end.push(item)?],
    };
    items.into_iter().try_for_each(|item| flow(rest, item, around))
}
