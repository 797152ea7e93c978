//! Decoding in parts where whole frames do not fit the memory. The first stages, at low resolution, see the whole clip as a stream; the
//! last one and the diffusion stage see windows of time and tiles of the frame, whose pictures are blended by ramps. Noise has
//! addresses, so tiles begin from the same noise where they overlap.
//!
//! A place's window reaches 5 places on in each of the published model's 8 last blocks: 40 frames or 160 pixels. Overlaps of that size
//! make a tile's middle exact and leave the blend to places whose context was cut far away (the authors' package takes the same).

use std::collections::VecDeque;

use candle_core::Tensor;

use super::stream::{Around, Item, flow};
use super::{Area, DiffusionDecoder, Ending, Hands};
use crate::error::Result;
use crate::ops::frame::Frame;
use crate::ops::slices;
use crate::video::decoder::blend;
use crate::video::tiling::{Span, Tiles, Tiling, spans};

/// Windows of time that are tried, in latent frames, the longest first.
const WINDOWS: [usize; 3] = [24, 16, 12];

/// The stream of features that windows are cut from.
struct Features {
    frames: VecDeque<Tensor>,
    /// Number of the first that is held, and of all that came.
    first: usize,
    received: usize,
}

impl DiffusionDecoder {
    /// Bytes that a decode of latents of so many rows and columns takes beside the weights, whatever their length.
    pub fn memory(&self, rows: usize, columns: usize) -> usize {
        let ends: usize = (0..=self.config.stages.len()).map(|stage| self.held(stage, [rows, columns])).sum();
        ends.saturating_add(self.working([rows, columns]))
    }

    /// Bytes that the blocks of a stage (the diffusion stage after the last) hold.
    fn held(&self, stage: usize, latent: [usize; 2]) -> usize {
        let (channels, depth, window, runs) = match self.config.stages.get(stage) {
            Some(stage) => (stage.channels, stage.depth, stage.window[0], 1),
            None => (self.config.channels, self.config.depth, self.config.window[0], self.config.steps),
        };
        let [rows, columns] = self.grid_before(stage, latent);
        // Keys and values of the window; frames with their queries, and the context, until the window is complete.
        let waiting = if stage == self.config.stages.len() { 3 } else { 2 };
        let frames = 2 * window + waiting * (window / 2 + 1);
        [rows, columns, channels, depth * runs, frames, self.place.dtype.size_in_bytes()].into_iter().fold(1, usize::saturating_mul)
    }

    /// Bytes of the largest layer's intermediate values.
    fn working(&self, latent: [usize; 2]) -> usize {
        let [rows, columns] = self.grid_before(self.config.stages.len(), latent);
        let places = rows.saturating_mul(columns);
        let hidden = places.min(super::layers::TOKENS).saturating_mul(self.config.channels * 4 * 3);
        // Norms and turns make a handful of copies of a frame.
        places.saturating_mul(self.config.channels * 8).saturating_add(hidden).saturating_mul(4)
    }

    /// How to decode a latent of `[frames, rows, columns]` in `budget` bytes: whole frames where that fits, else the largest tiles that
    /// do, else the smallest there are.
    pub fn tiling(&self, latent: [usize; 3], budget: usize) -> Tiling {
        let [frames, rows, columns] = latent;
        if self.memory(rows, columns) <= budget {
            return Tiling::WHOLE;
        }
        let last = self.config.stages.len() - 1;
        let scale = self.config.scale();
        let reach = |axis: usize| (self.config.depth * (self.config.window[axis] / 2)).div_ceil(scale[axis] / self.patch_of(axis));
        let (overlap, window_overlap) = (reach(1).max(reach(2)), reach(0));
        let smallest = 3 * overlap.max(1);
        let front: usize = (0..last).map(|stage| self.held(stage, [rows, columns])).sum();
        let part = |length: usize, count: usize| (length + overlap * (count - 1)).div_ceil(count).max(smallest.min(length));
        let most = |length: usize| length.div_ceil(smallest - overlap).max(1);
        let mut found = None;
        for window in WINDOWS.map(|window| window.max(3 * window_overlap)) {
            let [down, across] = self.grid_before(last, [rows, columns]);
            let features = window.min(frames) * (scale[0] / self.config.stages[last].up[0]);
            let features = features * down * across * self.config.stages[last].channels * self.place.dtype.size_in_bytes();
            let pictures =
                (window + window_overlap).min(frames) * rows * columns * scale.iter().product::<usize>() * self.config.colours * 4;
            let (mut down, mut across) = (1, 1);
            loop {
                let size = [part(rows, down), part(columns, across)];
                let tiles = Tiles { size, overlap, window, window_overlap };
                let back = self.held(last, size).saturating_add(self.held(last + 1, size)).saturating_add(self.working(size));
                if front.saturating_add(features).saturating_add(pictures).saturating_add(back) <= budget {
                    return Tiling { tiles: Some(tiles) };
                }
                found = Some(tiles);
                if down >= most(rows) && across >= most(columns) {
                    break;
                }
                if (size[0] >= size[1] && down < most(rows)) || across >= most(columns) {
                    down += 1;
                } else {
                    across += 1;
                }
            }
        }
        Tiling { tiles: found }
    }

    /// Pixels of a place of the diffusion stage.
    fn patch_of(&self, axis: usize) -> usize {
        if axis == 0 { 1 } else { self.config.patch }
    }

    pub(super) fn tiled(&self, latent: &Tensor, tiles: Tiles, mut hands: Hands<'_>) -> Result<()> {
        let (length, rows, columns, _) = latent.dims4()?;
        let last = self.stages.len() - 1;
        let scale = self.config.scale();
        let up = self.config.stages[last].up;
        // Features per latent frame, row and column, and pixels per feature.
        let fine = [scale[0] / up[0], scale[1] / up[1] / self.config.patch, scale[2] / up[2] / self.config.patch];
        let content = (length - 1) * fine[0] + 1;
        let spans_of = |axis: usize, length, size: usize, overlap: usize| spans(length, size * fine[axis], overlap * fine[axis]);
        let windows = spans_of(0, content, tiles.window, tiles.window_overlap);
        let areas =
            [spans_of(1, rows * fine[1], tiles.size[0], tiles.overlap), spans_of(2, columns * fine[2], tiles.size[1], tiles.overlap)];
        let rotaries = self.rotaries([rows, columns])?;
        let (mut nodes, total) = self.front(last, length, [rows, columns], &rotaries)?;
        let mut features = Features { frames: VecDeque::new(), first: 0, received: 0 };
        let mut open =
            Open { pictures: VecDeque::new(), first: 0, size: [rows * scale[1], columns * scale[2]], colours: self.config.colours };
        let mut waiting = windows.iter().enumerate().peekable();
        for frame in 0..length + self.config.trailing() {
            let mut keep = |item: Item| {
                features.frames.push_back(item.x);
                features.received += 1;
                Ok(())
            };
            let mut none = |_| Err(crate::Error::Unfit("the first stages want no noise".into()));
            let mut around = Around { noise: &mut none, out: &mut keep, cancel: hands.cancel };
            flow(&mut nodes, self.entering(latent, frame)?, &mut around)?;
            while let Some((index, window)) = waiting.peek() {
                // The clip's end takes the copies after it along.
                let ends = window.end == content;
                if features.received < if ends { total } else { window.end } {
                    break;
                }
                let end = if ends { total } else { window.end };
                self.window(&features, window, end, &areas, &mut open, &mut hands)?;
                let next = windows.get(index + 1);
                open.close(next.map_or(usize::MAX, |next| first_picture(next, up[0])), hands.sink)?;
                if let Some(next) = next {
                    features.frames.drain(..(next.start - features.first).min(features.frames.len()));
                    features.first = next.start;
                }
                waiting.next();
            }
        }
        Ok(())
    }

    /// All tiles of a window, which takes features up to `end`.
    fn window(
        &self,
        features: &Features,
        window: &Span,
        end: usize,
        areas: &[Vec<Span>; 2],
        open: &mut Open,
        hands: &mut Hands<'_>,
    ) -> Result<()> {
        let last = self.stages.len() - 1;
        let up = self.config.stages[last].up;
        let from_start = window.start == 0;
        let (first, weights) = (first_picture(window, up[0]), picture_weights(window, up[0]));
        let whole = [areas[0].last().map_or(0, |s| s.end), areas[1].last().map_or(0, |s| s.end)];
        open.extend(first + weights.len());
        for row in &areas[0] {
            for column in &areas[1] {
                let grid = [row.end - row.start, column.end - column.start];
                let pixels = [up[1] * self.config.patch, up[2] * self.config.patch];
                let (size, from) = ([grid[0] * pixels[0], grid[1] * pixels[1]], [row.start * pixels[0], column.start * pixels[1]]);
                let rotaries = self.rotaries_of_end(grid)?;
                let ending = Ending { frames: end - window.start, grid, from_start, pictures: weights.len() };
                let mut nodes = self.back(ending, &rotaries)?;
                let mut noise = |frame: usize| self.patches(&(hands.noise)(Area { frame: first + frame, from, size })?);
                let across = (row.weights_in_space(pixels[0]), column.weights_in_space(pixels[1]));
                let mut at = 0;
                let mut out = |item: Item| {
                    if let (Some(pixels), Some(weight)) = (item.pixels, weights.get(at)) {
                        let data = slices::with(&self.picture(&pixels, size)?, <[f32]>::to_vec)?;
                        let tile = Frame::new(size[0], size[1], self.config.colours, data);
                        if let Some(picture) = open.pictures.get_mut(first + at - open.first) {
                            blend(&tile, *weight, across.0.clone(), across.1.clone(), picture);
                        }
                    }
                    at += 1;
                    Ok(())
                };
                let mut around = Around { noise: &mut noise, out: &mut out, cancel: hands.cancel };
                for feature in features.frames.range(window.start - features.first..end - features.first) {
                    let feature = feature.reshape((whole[0], whole[1], feature.dim(1)?))?;
                    let part = feature.narrow(0, row.start, grid[0])?.narrow(1, column.start, grid[1])?.contiguous()?;
                    flow(&mut nodes, Item::new(part.reshape((grid[0] * grid[1], part.dim(2)?))?), &mut around)?;
                }
            }
        }
        Ok(())
    }
}

/// Pictures that are being put together.
struct Open {
    pictures: VecDeque<Frame>,
    first: usize,
    size: [usize; 2],
    colours: usize,
}

impl Open {
    /// Makes room for pictures up to `end`.
    fn extend(&mut self, end: usize) {
        while self.first + self.pictures.len() < end {
            self.pictures.push_back(Frame::zeros(self.size[0], self.size[1], self.colours));
        }
    }

    /// Hands on the pictures before `end`.
    fn close(&mut self, end: usize, sink: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        while self.first < end {
            let Some(picture) = self.pictures.pop_front() else { break };
            self.first += 1;
            sink(slices::tensor(picture.data, (picture.height, picture.width, picture.channels))?)?;
        }
        Ok(())
    }
}

/// The first picture of a window of features. Where a step up doubles time, the clip's first feature stands for one picture.
fn first_picture(window: &Span, up: usize) -> usize {
    (window.start * up).saturating_sub(usize::from(up == 2))
}

/// The weights of a window's pictures.
fn picture_weights(window: &Span, up: usize) -> Vec<f32> {
    let (_, mut weights) = window.weights_in_space(up);
    if window.start == 0 && up == 2 {
        weights.remove(0);
    }
    weights
}
