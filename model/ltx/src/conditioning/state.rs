//! The tokens of one modality on their way from noise to latents: what they are now, what of them is given, how much of each is to
//! be made, where each lies.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::append::Slots;
use super::attention::Group;
use super::grid::{self, Clock, Span, VideoGrid};
use crate::error::{Error, Result};
use crate::ops::slices;
use crate::sampling::Pair;
use crate::sampling::noise::{Noise, Purpose, Stream};
use crate::transformer::Timesteps;

/// The tokens of one modality.
///
/// Target tokens come first, appended ones after them. Latents are normalised, f32, `[tokens, channels]`.
#[derive(Clone, Debug)]
pub struct State {
    /// The tokens now.
    pub latent: Tensor,
    /// The tokens where they are given; zeros elsewhere.
    pub clean: Tensor,
    /// How much of each token is to be made: 1 all, 0 nothing.
    pub mask: Vec<f32>,
    /// Spans by axis, then token: time, rows and columns of a picture, time alone of sound.
    pub positions: Vec<Vec<Span>>,
    /// Which tokens stand for a single frame of the picture, for models that know the difference; none for sound.
    pub keyframes: Option<Vec<bool>>,
    /// Whether nothing of it is made: the model is told that it carries no noise at all.
    pub frozen: bool,
    pub(super) grid: Option<VideoGrid>,
    pub(super) clock: Option<Clock>,
    pub(super) target: usize,
    pub(super) groups: Vec<Group>,
    pub(super) slots: Option<Slots>,
    /// The address of each token's noise: group and place.
    pub(super) places: Vec<(u8, [u32; 3])>,
}

/// What sampling was for, without the tokens that only helped.
#[derive(Clone, Debug)]
pub struct Stripped {
    /// `[frames, rows, columns, channels]` of a picture, `[time, channels]` of sound.
    pub latent: Tensor,
    /// Generated keyframes `[keyframes, rows, columns, channels]`, to be decoded each alone.
    pub keyframes: Option<Tensor>,
}

impl State {
    /// A picture to be made; `initial` is what it begins as and, where the mask says so, what is kept:
    /// `[frames, rows, columns, channels]`, zeros where absent.
    pub fn video(grid: VideoGrid, channels: usize, clock: Clock, initial: Option<&Tensor>) -> Result<Self> {
        let latent = start(initial, &[grid.frames, grid.rows, grid.columns, channels])?.reshape((grid.tokens(), channels))?;
        let places = grid.places().map(|place| (0, place)).collect();
        let mut state = Self::of(latent, clock.video(grid), places);
        state.keyframes = Some((0..grid.tokens()).map(|token| token < grid.frame_tokens()).collect());
        (state.grid, state.clock) = (Some(grid), Some(clock));
        Ok(state)
    }

    /// A sound to be made; `initial` as for pictures, `[time, channels]`.
    pub fn sound(tokens: usize, channels: usize, initial: Option<&Tensor>) -> Result<Self> {
        let latent = start(initial, &[tokens, channels])?;
        let places = (0..tokens as u32).map(|time| (0, [time, 0, 0])).collect();
        Ok(Self::of(latent, grid::sound(tokens), places))
    }

    fn of(latent: Tensor, positions: Vec<Vec<Span>>, places: Vec<(u8, [u32; 3])>) -> Self {
        let target = places.len();
        Self {
            clean: latent.clone(),
            latent,
            mask: vec![1.0; target],
            positions,
            keyframes: None,
            frozen: false,
            grid: None,
            clock: None,
            target,
            groups: Vec::new(),
            slots: None,
            places,
        }
    }

    /// All of it is given and stays as it is: a picture that gets its sound, a sound that gets its picture.
    pub fn freeze(mut self) -> Self {
        self.mask.fill(0.0);
        self.frozen = true;
        self
    }

    /// Moves the origin of the noise, so that a later window of a longer clip has the noise of its place in the clip.
    pub fn at_place(mut self, frame: u32, row: u32, column: u32) -> Self {
        for (_, place) in self.places.iter_mut().take(self.target) {
            *place = [place[0] + frame, place[1] + row, place[2] + column];
        }
        self
    }

    /// Tokens, appended ones included.
    pub fn tokens(&self) -> usize {
        self.mask.len()
    }

    /// Tokens of what is wanted in the end.
    pub fn target_tokens(&self) -> usize {
        self.target
    }

    /// Channels of a token.
    pub fn channels(&self) -> usize {
        self.latent.dims().last().copied().unwrap_or(0)
    }

    /// Puts given frames in place of latent frames, from one on: a first frame, a clip's beginning. `latent` is
    /// `[frames, rows, columns, channels]`; `strength` 1 keeps them exactly, 0 not at all.
    pub fn replace(&mut self, latent: &Tensor, first: usize, strength: f32) -> Result<()> {
        let grid = self.picture()?;
        let given = VideoGrid::of_latent(latent)?;
        let fits =
            given.rows == grid.rows && given.columns == grid.columns && first.checked_add(given.frames).is_some_and(|n| n <= grid.frames);
        if !fits || latent.dims()[3] != self.channels() {
            let why = format!("{:?} cannot take the place of latent frames from {first} on in {grid:?}", latent.dims());
            return Err(Error::Unfit(why));
        }
        let start = first * grid.frame_tokens();
        let tokens = given.tokens();
        let given = plain(latent)?.reshape((tokens, self.channels()))?;
        let before = self.clean.narrow(0, 0, start)?;
        let after = self.clean.narrow(0, start + tokens, self.tokens() - start - tokens)?;
        self.clean = Tensor::cat(&[&before, &given, &after], 0)?;
        self.mask[start..start + tokens].fill(1.0 - share(strength)?);
        Ok(())
    }

    /// What the tokens begin as: `clean·(1−m) + m·((1−s)·latent + s·noise)` with the mask m and the noise's share s.
    pub fn noised(mut self, noise: &Noise, share_of_noise: f32) -> Result<Self> {
        let scale = share(share_of_noise)?;
        let channels = self.channels();
        let clean: Vec<f32> = slices::with(&self.clean, <[f32]>::to_vec)?;
        let mut out: Vec<f32> = slices::with(&self.latent, <[f32]>::to_vec)?;
        let drawn = self.noise(noise, Pair { video: Purpose::Video, sound: Purpose::Sound }, 0);
        let tokens = out.chunks_mut(channels).zip(clean.chunks(channels)).zip(drawn.chunks(channels)).zip(&self.mask);
        for (((out, clean), drawn), mask) in tokens {
            for ((x, clean), noise) in out.iter_mut().zip(clean).zip(drawn) {
                *x = clean * (1.0 - mask) + mask * ((1.0 - scale) * *x + scale * noise);
            }
        }
        self.latent = slices::tensor(out, (self.tokens(), channels))?;
        Ok(self)
    }

    /// Noise at the places of the tokens, `tokens × channels` values.
    pub(crate) fn noise(&self, noise: &Noise, purpose: Pair<Purpose>, step: u16) -> Vec<f32> {
        let purpose = if self.grid.is_some() { purpose.video } else { purpose.sound };
        let mut out = vec![0.0; self.tokens() * self.channels()];
        let tokens = self.places.par_iter().zip(out.par_chunks_mut(self.channels()));
        tokens.for_each(|((group, place), out)| noise.fill(Stream { purpose, group: *group, step }, *place, out));
        out
    }

    /// The noise level of every token at a level of the schedule.
    pub fn timesteps(&self, sigma: f32) -> Timesteps {
        let levels: Vec<f32> = self.mask.iter().map(|mask| if self.frozen { 0.0 } else { mask * sigma }).collect();
        Timesteps::each(&levels)
    }

    /// The target alone, and the generated keyframes.
    pub fn strip(&self) -> Result<Stripped> {
        self.strip_of(&self.latent)
    }

    /// The same of other tokens at the same places.
    pub(crate) fn strip_of(&self, latent: &Tensor) -> Result<Stripped> {
        let channels = self.channels();
        let target = latent.narrow(0, 0, self.target)?.contiguous()?;
        let Some(grid) = self.grid else { return Ok(Stripped { latent: target, keyframes: None }) };
        let picture = target.reshape((grid.frames, grid.rows, grid.columns, channels))?;
        let keyframes = match &self.slots {
            Some(slots) => {
                let tokens = slots.frames.len() * grid.frame_tokens();
                let kept = latent.narrow(0, slots.first, tokens)?.contiguous()?;
                Some(kept.reshape((slots.frames.len(), grid.rows, grid.columns, channels))?)
            }
            None => None,
        };
        Ok(Stripped { latent: picture, keyframes })
    }

    /// The grid of a picture; sound has none.
    pub(super) fn picture(&self) -> Result<VideoGrid> {
        self.grid.ok_or_else(|| Error::Unfit("pictures cannot be put into sound".into()))
    }
}

/// What a state begins as, checked against the shape it must have.
fn start(initial: Option<&Tensor>, shape: &[usize]) -> Result<Tensor> {
    match initial {
        _ if shape.contains(&0) => Err(Error::Unfit(format!("a latent of shape {shape:?} is empty"))),
        Some(initial) if initial.dims() == shape => plain(initial),
        Some(initial) => Err(Error::Unfit(format!("the latent to begin with is {:?}, it must be {shape:?}", initial.dims()))),
        None => Ok(Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu)?),
    }
}

/// Dense f32 on the CPU: sampling is done there, in full precision.
pub(super) fn plain(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(candle_core::DType::F32)?.contiguous()?)
}

/// A strength or share, which must lie between 0 and 1.
pub(super) fn share(value: f32) -> Result<f32> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(Error::Unfit(format!("a strength of {value} is not between 0 and 1"))) }
}
