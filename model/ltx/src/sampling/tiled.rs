//! A picture larger than the model, refined in overlapping parts: at every step each part is asked for on its own and the answers are
//! put together by ramps that add up to one, so that there is one state, one noise and no border (Bar-Tal, Yariv, Lipman and Dekel,
//! "MultiDiffusion", ICML 2023). Every part lies at the origin of the places that the model knows, as in the authors' package
//! (Lightricks/LTX-2, `ltx_core/modality_tiling.py`); its noise is that of its place in the whole.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};

use super::model::Model;
use crate::conditioning::grid;
use crate::error::{Error, Result};
use crate::ops::slices;
use crate::transformer::{Pass, Positions, Stream, Timesteps, Velocity};
use crate::video::tiling::{Span, spans};

/// Latents that neighbouring parts share: 192 pixels, as the authors have it.
pub const OVERLAP: usize = 6;

/// How a grid of latents is cut up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiles {
    rows: Vec<Span>,
    columns: Vec<Span>,
}

/// One part, with the weight of each of its latents.
struct Tile<'a> {
    rows: &'a Span,
    columns: &'a Span,
    down: Vec<f32>,
    across: Vec<f32>,
}

impl Tiles {
    /// Of so many rows and columns, in parts of at most `most` latents with as many rows to a column as the whole has; `None` where
    /// the whole is no larger than that.
    pub fn of(rows: usize, columns: usize, most: usize) -> Option<Self> {
        let most = most.max((2 * OVERLAP + 1).pow(2));
        if rows * columns <= most {
            return None;
        }
        let part = |length: usize, count: usize| (length + OVERLAP * (count - 1)).div_ceil(count);
        let (mut down, mut across) = (1, 1);
        while part(rows, down) * part(columns, across) > most {
            // The longer side is cut: parts stay near square.
            if part(rows, down) > part(columns, across) { down += 1 } else { across += 1 }
        }
        Some(Self { rows: spans(rows, part(rows, down), OVERLAP), columns: spans(columns, part(columns, across), OVERLAP) })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Latents of the largest.
    pub fn largest(&self) -> usize {
        let longest = |spans: &[Span]| spans.iter().map(|s| s.end - s.start).max().unwrap_or(0);
        longest(&self.rows) * longest(&self.columns)
    }

    fn each(&self) -> impl Iterator<Item = Tile<'_>> {
        self.rows.iter().flat_map(|rows| {
            self.columns.iter().map(move |columns| Tile {
                rows,
                columns,
                down: rows.weights_in_space(1).1,
                across: columns.weights_in_space(1).1,
            })
        })
    }

    fn sides(&self) -> (usize, usize) {
        let end = |spans: &[Span]| spans.last().map_or(0, |s| s.end);
        (end(&self.rows), end(&self.columns))
    }

    /// Makes a latent of half the rows and columns twice as large, part by part, with what `grow` makes of each.
    pub fn grow(&self, latent: &Tensor, grow: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let (frames, rows, columns, channels) = latent.dims4()?;
        let (tall, wide) = self.sides();
        if (rows * 2, columns * 2) != (tall, wide) {
            return Err(Error::Unfit(format!("a latent of {rows} rows and {columns} columns does not grow to {tall} and {wide}")));
        }
        let mut out = vec![0.0; frames * tall * wide * channels];
        for tile in self.each() {
            // Whole latents of the small one; what one of them makes beyond the part is left out.
            let half = |span: &Span| (span.start / 2, span.end.div_ceil(2));
            let ((top, bottom), (left, right)) = (half(tile.rows), half(tile.columns));
            let small = latent.narrow(1, top, bottom - top)?.narrow(2, left, right - left)?.contiguous()?;
            let large = grow(&small)?;
            let (width, want) = ((right - left) * 2, [frames, (bottom - top) * 2, (right - left) * 2, channels]);
            if large.dims() != want {
                return Err(Error::Unfit(format!("the upscaler made {:?}, twice as large is {want:?}", large.dims())));
            }
            slices::with(&large, |values| {
                for (frame, y, x, weight) in tile.places(frames) {
                    let from = (frame * want[1] + y - top * 2) * width + x - left * 2;
                    let to = (frame * tall + y) * wide + x;
                    add(&mut out[to * channels..][..channels], &values[from * channels..][..channels], weight);
                }
            })?;
        }
        slices::tensor(out, (frames, tall, wide, channels))
    }
}

impl Tile<'_> {
    /// Frame, row and column in the whole, and the weight, of every latent in order.
    fn places(&self, frames: usize) -> impl Iterator<Item = (usize, usize, usize, f32)> {
        (0..frames).flat_map(move |frame| {
            self.down.iter().enumerate().flat_map(move |(y, down)| {
                self.across.iter().enumerate().map(move |(x, across)| (frame, self.rows.start + y, self.columns.start + x, down * across))
            })
        })
    }
}

fn add(out: &mut [f32], values: &[f32], weight: f32) {
    out.iter_mut().zip(values).for_each(|(out, v)| *out += weight * v);
}

/// Tokens of the whole that a part is asked about.
struct Part {
    tokens: Vec<u32>,
    weights: Vec<f32>,
    positions: Arc<Positions>,
}

/// Positions, and the parts that they were cut into.
type Cut = (Arc<Positions>, Arc<Vec<Part>>);

/// A model that is asked part by part.
pub struct Tiled<'a> {
    model: &'a dyn Model,
    tiles: &'a Tiles,
    /// How many tokens are the target's; those after them are appended.
    target: usize,
    /// The parts of the last positions: every step has the same.
    parts: Mutex<Option<Cut>>,
}

impl<'a> Tiled<'a> {
    /// Asks `model` about pictures whose first `target` tokens are whole latent frames of the tiles' sides.
    pub fn new(model: &'a dyn Model, tiles: &'a Tiles, target: usize) -> Self {
        Self { model, tiles, target, parts: Mutex::new(None) }
    }

    fn parts(&self, positions: &Arc<Positions>) -> Result<Arc<Vec<Part>>> {
        let mut known = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, parts)) = &*known
            && Arc::ptr_eq(of, positions)
        {
            return Ok(parts.clone());
        }
        let parts = Arc::new(self.cut(positions)?);
        *known = Some((positions.clone(), parts.clone()));
        Ok(parts)
    }

    /// Which tokens each part has: its latents, and of what is appended all that lies over it.
    fn cut(&self, positions: &Positions) -> Result<Vec<Part>> {
        let [_, down, across] = &positions.0[..] else { return Err(Error::Unfit("only pictures are refined in parts".into())) };
        let (rows, columns) = self.tiles.sides();
        let (target, frame) = (self.target, rows * columns);
        if target > positions.tokens() || !target.is_multiple_of(frame) {
            return Err(Error::Unfit(format!("{target} tokens are no frames of {rows} rows and {columns} columns")));
        }
        let pixels = |n: usize| (n * grid::PIXELS) as f32;
        let over = |tile: &Tile<'_>, token: usize| {
            let meets = |(start, end): (f32, f32), span: &Span| start < pixels(span.end) && end > pixels(span.start);
            meets(down[token], tile.rows) && meets(across[token], tile.columns)
        };
        let mut shared = vec![0.0f32; positions.tokens() - target];
        for tile in self.tiles.each() {
            (target..positions.tokens()).filter(|t| over(&tile, *t)).for_each(|t| shared[t - target] += 1.0);
        }
        let mut parts: Vec<Part> = Vec::new();
        for tile in self.tiles.each() {
            let own = tile.places(target / frame).map(|(frame, y, x, weight)| ((frame * rows + y) * columns + x, weight));
            let appended = (target..positions.tokens()).filter(|t| over(&tile, *t)).map(|t| (t, 1.0 / shared[t - target]));
            let (tokens, weights): (Vec<usize>, Vec<f32>) = own.chain(appended).unzip();
            let origin = [0.0, pixels(tile.rows.start), pixels(tile.columns.start)];
            let moved =
                positions.0.iter().zip(origin).map(|(axis, by)| tokens.iter().map(|t| (axis[*t].0 - by, axis[*t].1 - by)).collect());
            let moved = Positions(moved.collect());
            // Parts of one shape are at the same places: what is computed from them is kept once.
            let positions = parts.iter().find(|p| *p.positions == moved).map_or_else(|| Arc::new(moved.clone()), |p| p.positions.clone());
            parts.push(Part { tokens: tokens.into_iter().map(|t| t as u32).collect(), weights, positions });
        }
        Ok(parts)
    }
}

impl Model for Tiled<'_> {
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        let Some(first) = passes.first() else { return Ok(Vec::new()) };
        let parts = self.parts(&first.video.positions)?;
        let mut sums: Vec<(Vec<f32>, Option<Tensor>)> = passes.iter().map(|p| (vec![0.0; p.video.tokens.elem_count()], None)).collect();
        for part in parts.iter() {
            let asked = passes.iter().map(|pass| Ok(Pass { video: part.of(&pass.video)?, ..pass.clone() })).collect::<Result<Vec<_>>>()?;
            let answers = self.model.velocities(&asked)?;
            if answers.len() != passes.len() {
                return Err(Error::Unfit(format!("{} passes were asked for, {} answered", passes.len(), answers.len())));
            }
            for ((video, sound), answer) in sums.iter_mut().zip(answers) {
                let (tokens, channels) = answer.video.dims2()?;
                if tokens != part.tokens.len() || channels * first.video.positions.tokens() != video.len() {
                    return Err(Error::Unfit(format!("the model answered {:?} to {} tokens", answer.video.dims(), part.tokens.len())));
                }
                slices::with(&answer.video, |values| {
                    for ((token, weight), values) in part.tokens.iter().zip(&part.weights).zip(values.chunks_exact(channels)) {
                        add(&mut video[*token as usize * channels..][..channels], values, *weight);
                    }
                })?;
                let heard = (answer.audio * (1.0 / parts.len() as f64))?;
                *sound = Some(match sound.take() {
                    Some(sum) => (sum + heard)?,
                    None => heard,
                });
            }
        }
        let each = sums.into_iter().zip(passes).map(|((video, sound), pass)| {
            let audio = sound.ok_or_else(|| Error::Unfit("a picture without a part was to be refined".into()))?;
            Ok(Velocity { video: slices::tensor(video, pass.video.tokens.dims())?, audio })
        });
        each.collect()
    }
}

impl Part {
    /// A stream's tokens of this part.
    fn of(&self, whole: &Stream) -> Result<Stream> {
        let pick = Tensor::from_vec(self.tokens.clone(), self.tokens.len(), &Device::Cpu)?;
        let some = |index: &[u32]| self.tokens.iter().filter_map(|t| index.get(*t as usize).copied()).collect();
        let mask = |mask: &Tensor| mask.index_select(&pick, 0)?.index_select(&pick, 1);
        Ok(Stream {
            tokens: whole.tokens.index_select(&pick, 0)?,
            timesteps: Timesteps { values: whole.timesteps.values.clone(), index: some(&whole.timesteps.index) },
            positions: self.positions.clone(),
            keyframes: whole.keyframes.as_ref().map(|k| self.tokens.iter().filter_map(|t| k.get(*t as usize).copied()).collect()),
            mask: whole.mask.as_ref().map(mask).transpose()?,
            ..whole.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::conditioning::{Clock, Guide, State, VideoGrid};
    use crate::sampling::noise::{Noise, Purpose};
    use proptest::prelude::*;

    /// Answers with half of each token, and remembers how many tokens it was asked about.
    struct Half(Mutex<Vec<usize>>);

    impl Model for Half {
        fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
            self.0.lock().unwrap().push(passes[0].video.tokens.dims()[0]);
            let half = |stream: &Stream| stream.tokens.affine(0.5, 0.0).unwrap();
            Ok(passes.iter().map(|p| Velocity { video: half(&p.video), audio: half(&p.audio) }).collect())
        }
    }

    fn stream(tokens: &Tensor, positions: &Arc<Positions>, keyframes: Option<Vec<bool>>) -> Stream {
        let levels: Vec<f32> = (0..tokens.dims()[0]).map(|i| (i % 3) as f32 * 0.4).collect();
        let context = Tensor::zeros((1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        Stream {
            tokens: tokens.clone(),
            timesteps: Timesteps::each(&levels),
            sigma: 0.8,
            positions: positions.clone(),
            context,
            keyframes,
            mask: None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn parts_put_together_are_the_whole(frames in 1usize..4, rows in 1usize..40, columns in 1usize..40, guide in any::<bool>()) {
            let most = 169;
            let Some(tiles) = Tiles::of(rows, columns, most) else {
                prop_assert!(rows * columns <= most);
                return Ok(());
            };
            prop_assert!(tiles.count() > 1 && tiles.largest() <= most);
            let grid = VideoGrid { frames, rows, columns };
            let still = Noise::new(2).grid(Purpose::Pixels, [1, rows, columns], 4).unwrap().reshape((1, rows, columns, 4)).unwrap();
            let mut state = State::video(grid, 4, Clock::exact(24.0).unwrap(), None).unwrap();
            if guide {
                state.append_guide(&Guide { latent: &still, frame: grid.picture_frames() - 1, picture_frames: 1, strength: 1.0, attention: None }).unwrap();
            }
            let tokens = Noise::new(1).grid(Purpose::Pixels, [1, 1, state.tokens()], 4).unwrap();
            let sound = Noise::new(5).grid(Purpose::Pixels, [1, 1, 7], 4).unwrap();
            let positions = Arc::new(Positions(state.positions.clone()));
            let heard = Arc::new(Positions(vec![vec![(0.0, 1.0); 7]]));
            let pass = Pass { video: stream(&tokens, &positions, state.keyframes.clone()), audio: stream(&sound, &heard, None), perturbation: Default::default() };
            let model = Half(Mutex::new(Vec::new()));
            let tiled = Tiled::new(&model, &tiles, grid.tokens());
            let answer = tiled.velocities(&[pass]).unwrap().remove(0);
            let worst = |a: &Tensor, b: &Tensor| (a - b.affine(0.5, 0.0).unwrap()).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            prop_assert!(worst(&answer.video, &tokens) < 1e-5 && worst(&answer.audio, &sound) < 1e-5);
            let asked = model.0.lock().unwrap();
            prop_assert_eq!(asked.len(), tiles.count());
            prop_assert!(asked.iter().all(|n| *n <= (frames + usize::from(guide)) * most));
            // Every part lies at the origin.
            for part in tiled.parts(&positions).unwrap().iter() {
                let least = |axis: usize| part.positions.0[axis].iter().map(|s| s.0).fold(f32::MAX, f32::min);
                prop_assert_eq!((least(1), least(2)), (0.0, 0.0));
                prop_assert_eq!(part.tokens.iter().collect::<BTreeSet<_>>().len(), part.tokens.len());
            }
        }

        #[test]
        fn what_grows_in_parts_is_what_grows_whole(frames in 1usize..3, rows in 1usize..20, columns in 1usize..20) {
            let Some(tiles) = Tiles::of(rows * 2, columns * 2, 169) else { return Ok(()) };
            let small = Noise::new(8).grid(Purpose::Pixels, [frames, rows, columns], 3).unwrap().reshape((frames, rows, columns, 3)).unwrap();
            let twice = |t: &Tensor| {
                let (f, r, c, n) = t.dims4()?;
                Ok(t.reshape((f, r, 1, c, 1, n))?.broadcast_as((f, r, 2, c, 2, n))?.reshape((f, r * 2, c * 2, n))?)
            };
            let (whole, parts) = (twice(&small).unwrap(), tiles.grow(&small, twice).unwrap());
            prop_assert!((whole - parts).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
        }
    }
}
