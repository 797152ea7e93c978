//! From a latent to pictures: the convolutional decoder, as a stream in time.

use candle_core::Tensor;

use crate::checkpoint::{Checkpoint, Part, Place, Weights};
use crate::error::{Error, Result, Stage as _};
use crate::ops::conv3d::Packing;
use crate::ops::frame::Frame;
use crate::ops::shuffle::unpatchify;
use crate::ops::slices;
use crate::video::config::{Config, HalfConfig, Scale};
use crate::video::layer::{self, Layer, Loading, Padding};
use crate::video::statistics::Statistics;
use crate::video::stream::{Stage, flow, together};
use crate::video::tiling::{Span, Tiles, Tiling, spans, windows};

/// Weights of all layers together, in bytes of f32, up to which they are packed once: more would take longer to bring into memory
/// than the packing saves.
const PACKED: usize = 256 << 20;

/// How noisy a conditioned decoder's latent is made, and the moment it is told (decode_noise_scale, decode_timestep in
/// ltx_core/model/video_vae/conv_video_decoder.py at 400fd31).
const NOISE: f64 = 0.025;
const MOMENT: f32 = 0.05;

/// The convolutional decoder.
#[derive(Debug)]
pub struct Decoder {
    config: HalfConfig,
    channels: usize,
    patch: usize,
    colours: usize,
    conditioned: bool,
    statistics: Statistics,
    layers: Vec<Layer>,
}

impl Decoder {
    /// From the checkpoint's video VAE. It works on the CPU: frames are on their way to a file.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::VideoVae, &Place::default())?;
        Self::new(&weights, &Config::read(&section)?, || section.wrong("it describes no convolutional decoder (decoder_blocks)"))
    }

    fn new(weights: &Weights, config: &Config, missing: impl FnOnce() -> Error) -> Result<Self> {
        let half = config.decoder.clone().ok_or_else(missing)?;
        let at = weights.at("decoder");
        let conditioned = config.conditioned.unwrap_or_else(|| at.has("last_scale_shift_table"));
        let time = match conditioned {
            true => {
                let factor = match at.shape("timestep_scale_multiplier").map(<[usize]>::to_vec) {
                    Some(shape) => at.values("timestep_scale_multiplier", &shape)?.first().copied().unwrap_or(1000.0),
                    None => 1000.0,
                };
                Some(MOMENT * factor)
            }
            false => None,
        };
        let outputs = config.colours * config.patch * config.patch;
        let packing = match packed_bytes(&half, config.latent_channels, outputs) <= PACKED {
            true => Packing::AtLoad,
            false => Packing::AtUse,
        };
        let loading = Loading { weights: &at, list: "up_blocks", inputs: config.latent_channels, outputs, packing, time };
        Ok(Self {
            layers: layer::load(&half, loading)?,
            config: half,
            channels: config.latent_channels,
            patch: config.patch,
            colours: config.colours,
            conditioned,
            statistics: Statistics::load(weights, config.latent_channels)?,
        })
    }

    /// Pictures for a latent frame, pixels for a latent pixel.
    pub fn scale(&self) -> Scale {
        self.config.scale
    }

    /// The statistics of its latents.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Whether the latent must be made a little noisy first, by [`Self::noisy`].
    pub fn wants_noise(&self) -> bool {
        self.conditioned
    }

    /// The latent mixed with `noise` of the same shape, for a decoder that [wants it](Self::wants_noise).
    pub fn noisy(&self, latent: &Tensor, noise: &Tensor) -> Result<Tensor> {
        (latent * (1.0 - NOISE)).and_then(|x| x + (noise * NOISE)?).stage("video decoder")
    }

    /// Bytes that a decode of latents of so many rows and columns takes beside the weights, whatever their length.
    pub fn memory(&self, rows: usize, columns: usize) -> usize {
        let (mut pixels, mut held, mut working, mut scratch) = (rows.saturating_mul(columns), 0usize, 0usize, 0);
        for layer in &self.layers {
            let (kept, work) = layer.memory();
            held = held.saturating_add(kept.saturating_mul(pixels));
            working = working.saturating_add(work.saturating_mul(pixels).saturating_mul(together(pixels)));
            scratch = scratch.max(layer.scratch());
            pixels = pixels.saturating_mul(layer.factors().0[1..].iter().product());
        }
        // Only neighbouring layers work at the same time; half of all is what they were seen to take together.
        held.saturating_add(working / 2).saturating_mul(size_of::<f32>()).saturating_add(scratch)
    }

    /// How to decode a latent of `[frames, rows, columns]` in `budget` bytes.
    pub fn tiling(&self, latent: [usize; 3], budget: usize) -> Tiling {
        let Scale { time, space } = self.scale();
        let picture = latent[1].saturating_mul(latent[2]).saturating_mul(space * space * self.colours * size_of::<f32>());
        Tiling::for_budget(latent, budget, picture, time, &|rows, columns| self.memory(rows, columns))
    }

    /// Decodes a normalised latent `[frames, height, width, channels]` to pictures of −1..1 (not clamped), handed to `sink` in order of
    /// time, some at once: `[n, height, width, 3]`.
    ///
    /// `cancel` is asked whenever some frames have passed a layer.
    pub fn decode(
        &self,
        latent: &Tensor,
        tiling: &Tiling,
        cancel: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Tensor) -> Result<()>,
    ) -> Result<()> {
        let (frames, height, width, channels) = latent.dims4().stage("video decoder")?;
        if channels != self.channels || frames == 0 || height == 0 || width == 0 {
            let got = latent.dims();
            return Err(Error::Unfit(format!("the video decoder takes latents of {} channels, this one is {got:?}", self.channels)));
        }
        let latent = latent.to_device(&candle_core::Device::Cpu).stage("video decoder")?;
        match tiling.tiles {
            None => self.stream(&latent, together(height * width), cancel, &mut |frames| sink(tensor(frames)?)),
            Some(tiles) => self.tiled(&latent, tiles, cancel, sink),
        }
    }

    /// One stream over all of a latent, of which so many frames go in at a time.
    fn stream(
        &self,
        latent: &Tensor,
        chunk: usize,
        cancel: &dyn Fn() -> bool,
        sink: &mut dyn FnMut(Vec<Frame>) -> Result<()>,
    ) -> Result<()> {
        let (frames, height, width, channels) = latent.dims4().stage("video decoder")?;
        let padding = Padding { edge: self.config.edge, causal: self.config.causal };
        let mut stages: Vec<Box<dyn Stage + '_>> = self.layers.iter().map(|l| l.start(padding)).collect();
        let (means, deviations) = self.statistics.values();
        for start in (0..frames).step_by(chunk) {
            let part = latent.narrow(0, start, chunk.min(frames - start)).stage("video decoder")?;
            let raw = slices::with(&part, |values| {
                let raw = |(i, v): (usize, &f32)| v * deviations[i % channels] + means[i % channels];
                let frame = |values: &[f32]| Frame::new(height, width, channels, values.iter().enumerate().map(raw).collect());
                values.chunks_exact(height * width * channels).map(frame).collect()
            })?;
            let mut patches = |frames: Vec<Frame>| sink(frames.iter().map(|f| unpatchify(f, self.patch)).collect());
            flow(&mut stages, raw, start + chunk >= frames, cancel, &mut patches)?;
        }
        Ok(())
    }

    /// Window by window, tile by tile.
    fn tiled(&self, latent: &Tensor, tiles: Tiles, cancel: &dyn Fn() -> bool, sink: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        let (frames, height, width, _) = latent.dims4().stage("video decoder")?;
        let Scale { time, space } = self.scale();
        let [rows, columns] = [(height, tiles.size[0]), (width, tiles.size[1])].map(|(length, size)| spans(length, size, tiles.overlap));
        // Pictures that the next window adds to, and the first of them.
        let mut open: Vec<Frame> = Vec::new();
        let mut first = 0;
        let windows = windows(frames, tiles.window, tiles.window_overlap);
        for (n, window) in windows.iter().enumerate() {
            let (start, weights) = window.weights_in_time(time);
            let end = start + weights.len();
            open.extend((first + open.len()..end).map(|_| Frame::zeros(height * space, width * space, self.colours)));
            for row in &rows {
                for column in &columns {
                    let part = |t: &Tensor, axis, s: &Span| t.narrow(axis, s.start, s.end - s.start);
                    let tile = part(latent, 0, window).and_then(|t| part(&t, 1, row)).and_then(|t| part(&t, 2, column));
                    let mut at = 0;
                    let chunk = together((row.end - row.start) * (column.end - column.start));
                    self.stream(&tile.stage("video decoder")?, chunk, cancel, &mut |pictures| {
                        for picture in pictures {
                            if let Some(out) = open.get_mut(start - first + at) {
                                blend(&picture, weights[at], row.weights_in_space(space), column.weights_in_space(space), out);
                            }
                            at += 1;
                        }
                        Ok(())
                    })?;
                }
            }
            let done = windows.get(n + 1).map_or(end, |next| next.start * time) - first;
            first += done;
            for picture in open.drain(..done) {
                sink(tensor(vec![picture])?)?;
            }
        }
        Ok(())
    }
}

/// Adds a tile's picture to the whole one by its weights.
pub(super) fn blend(tile: &Frame, weight: f32, rows: (usize, Vec<f32>), columns: (usize, Vec<f32>), out: &mut Frame) {
    let (stride, channels) = (out.row(), out.channels);
    for (y, down) in rows.1.iter().enumerate() {
        let out = &mut out.data[(rows.0 + y) * stride + columns.0 * channels..][..tile.row()];
        let tile = &tile.data[y * tile.row()..][..tile.row()];
        for ((out, tile), across) in out.chunks_exact_mut(channels).zip(tile.chunks_exact(channels)).zip(&columns.1) {
            let weight = weight * down * across;
            out.iter_mut().zip(tile).for_each(|(o, t)| *o += weight * t);
        }
    }
}

/// `[n, height, width, channels]`.
fn tensor(frames: Vec<Frame>) -> Result<Tensor> {
    let Some(first) = frames.first() else { return Err(Error::Unfit("no pictures to hand over".into())) };
    let shape = (frames.len(), first.height, first.width, first.channels);
    match <[Frame; 1]>::try_from(frames) {
        Ok([frame]) => slices::tensor(frame.data, shape),
        Err(frames) => slices::tensor(frames.iter().flat_map(|f| f.data.iter().copied()).collect(), shape),
    }
}

/// What all weights take when they are packed, near enough.
fn packed_bytes(half: &HalfConfig, inputs: usize, outputs: usize) -> usize {
    use crate::video::config::Block;
    let mut channels = half.first;
    let mut weights = inputs.saturating_mul(channels);
    for block in &half.blocks {
        weights = weights.saturating_add(match *block {
            Block::Residual { layers } => 2 * layers * channels * channels,
            Block::Resample { factors, multiplier, .. } => {
                let next = channels / multiplier.max(1);
                let outputs = next * factors.iter().product::<usize>();
                std::mem::replace(&mut channels, next) * outputs
            }
        });
    }
    weights.saturating_add(channels * outputs).saturating_mul(27 * size_of::<f32>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;

    #[test]
    fn frames_that_go_in_one_by_one_make_the_same_bits_as_all_at_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures/ltx-2.3/original");
        let decoder = Decoder::load(&Checkpoint::open(&[folder]).unwrap()).unwrap();
        let values: Vec<f32> = (0..10 * 2 * 2 * 4u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0).collect();
        let latent = slices::tensor(values, (10, 2, 2, 4)).unwrap();
        let decode = |chunk: usize| {
            let mut pictures = Vec::new();
            let mut calls = 0;
            let mut sink = |frames: Vec<Frame>| {
                calls += 1;
                pictures.extend(frames.into_iter().flat_map(|f| f.data).map(f32::to_bits));
                Ok(())
            };
            decoder.stream(&latent, chunk, &|| false, &mut sink).unwrap();
            (pictures, calls)
        };
        let (at_once, _) = decode(10);
        for chunk in [1, 2, 3] {
            let (streamed, calls) = decode(chunk);
            assert!(calls > 1, "nothing came out before the end");
            assert_eq!(streamed, at_once);
        }
    }
}
