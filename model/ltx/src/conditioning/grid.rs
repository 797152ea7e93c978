//! Where tokens lie: latent grids, and the spans of time and picture that their tokens cover.
//!
//! A latent frame stands for eight frames of the picture, but the first for one (the encoder is causal); a latent pixel for 32 × 32.
//! Sound has 25 latents a second.

use crate::error::{Error, Result};

/// Start and end of a token along one axis: seconds in time, pixels in the picture. The end is not part of it.
pub type Span = (f32, f32);

/// Frames of the picture to one latent frame.
pub const FRAMES: usize = 8;
/// Pixels to one latent pixel, each way.
pub const PIXELS: usize = 32;
/// Sound latents a second: 16 kHz, spectra 160 samples apart, four spectra to a latent.
pub const SOUND_RATE: f64 = 25.0;

/// A picture's latent grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoGrid {
    /// Latent frames.
    pub frames: usize,
    /// Latent rows.
    pub rows: usize,
    /// Latent columns.
    pub columns: usize,
}

impl VideoGrid {
    /// Of a clip: 8k + 1 frames, sides that are multiples of 32.
    pub fn of(frames: usize, height: usize, width: usize) -> Result<Self> {
        let fits = frames % FRAMES == 1 && [height, width].iter().all(|n| *n > 0 && n % PIXELS == 0);
        if !fits {
            let why = format!("{frames} frames of {width}×{height} have no latent grid: the model takes 8k+1 frames, sides of 32·n");
            return Err(Error::Unfit(why));
        }
        Ok(Self { frames: (frames - 1) / FRAMES + 1, rows: height / PIXELS, columns: width / PIXELS })
    }

    /// The grid of a latent `[frames, rows, columns, channels]`.
    pub fn of_latent(latent: &candle_core::Tensor) -> Result<Self> {
        match *latent.dims() {
            [frames, rows, columns, channels] if frames * rows * columns * channels > 0 => Ok(Self { frames, rows, columns }),
            ref other => Err(Error::Unfit(format!("a latent of shape {other:?} is no picture: frames, rows, columns and channels"))),
        }
    }

    /// Tokens of a latent frame.
    pub const fn frame_tokens(&self) -> usize {
        self.rows * self.columns
    }

    /// All tokens.
    pub const fn tokens(&self) -> usize {
        self.frames * self.frame_tokens()
    }

    /// Frames of the picture.
    pub const fn picture_frames(&self) -> usize {
        (self.frames - 1) * FRAMES + 1
    }

    /// The latent frame that a frame of the picture is part of.
    pub const fn latent_of(frame: usize) -> usize {
        frame.div_ceil(FRAMES)
    }

    /// The frames of the picture that a latent frame covers: start and one past the end.
    pub const fn frames_of(latent: usize) -> (usize, usize) {
        ((latent * FRAMES + 1).saturating_sub(FRAMES), latent * FRAMES + 1)
    }

    /// Frames of the picture at even distances, first and last left out: where keyframes to be made do most good.
    pub fn evenly(&self, count: usize) -> Result<Vec<usize>> {
        let last = self.picture_frames() - 1;
        if count > 0 && count >= last {
            return Err(Error::Unfit(format!("{count} keyframes do not fit between the ends of {} frames", last + 1)));
        }
        let at = |i: usize| (i as f64 * last as f64 / (count + 1) as f64).round_ties_even() as usize;
        Ok((1..=count).map(at).collect())
    }

    /// The places of the tokens in order: frame, row, column.
    pub fn places(self) -> impl Iterator<Item = [u32; 3]> {
        let place = move |i: usize| [i / self.frame_tokens(), i / self.columns % self.rows, i % self.columns].map(|n| n as u32);
        (0..self.tokens()).map(place)
    }

    /// Spans along time, rows and columns; `time` gives the frames of the picture that a latent frame covers.
    pub(super) fn spans(self, time: impl Fn(usize) -> Span, scale: f32) -> Vec<Vec<Span>> {
        let side = |n: u32| (n as f32 * PIXELS as f32 * scale, (n + 1) as f32 * PIXELS as f32 * scale);
        let axis = |axis: usize| {
            let span = |place: [u32; 3]| if axis == 0 { time(place[0] as usize) } else { side(place[axis]) };
            self.places().map(span).collect()
        };
        (0..3).map(axis).collect()
    }
}

/// The rate at which the model is told that frames follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock(f64);

impl Clock {
    /// Frames a second as they are.
    pub fn exact(rate: f64) -> Result<Self> {
        if !(rate.is_finite() && (0.1..=1000.0).contains(&rate)) {
            return Err(Error::Unfit(format!("{rate} frames a second cannot be made: 0.1 to 1000")));
        }
        Ok(Self(rate))
    }

    /// The nearest rate that the model was trained at: above 30 frames a second it knows only 60 (diffusers,
    /// `pipelines/ltx2/utils.py`; at 48 or 120 motion stutters at every latent frame).
    pub fn snapped(rate: f64) -> Result<Self> {
        let exact = Self::exact(rate)?;
        Ok(if rate > 30.0 { Self(60.0) } else { exact })
    }

    /// The same with motion `speed` times as fast: the model is told of a lower rate.
    pub fn faster(self, speed: f64) -> Result<Self> {
        Self::exact(self.0 / speed)
    }

    /// Frames a second.
    pub fn rate(self) -> f64 {
        self.0
    }

    /// Frames to seconds, in the precision in which the reference has it.
    pub(super) fn seconds(self, (start, end): (f32, f32)) -> Span {
        (start / self.0 as f32, end / self.0 as f32)
    }

    /// Spans of a clip's tokens along time, rows and columns.
    pub fn video(self, grid: VideoGrid) -> Vec<Vec<Span>> {
        let time = |latent: usize| {
            let (start, end) = VideoGrid::frames_of(latent);
            self.seconds((start as f32, end as f32))
        };
        grid.spans(time, 1.0)
    }

    /// Sound latents beside so many frames of picture.
    pub fn sound_tokens(self, frames: usize) -> usize {
        // Python's `round`, which the reference uses, takes halves to the even number.
        (frames as f64 / self.0 * SOUND_RATE).round_ties_even() as usize
    }
}

/// Spans of sound latents along their one axis, in seconds.
pub fn sound(tokens: usize) -> Vec<Vec<Span>> {
    // Spectra: the first latent has one, each further one four.
    let at = |latent: usize| (latent * 4 + 1).saturating_sub(4) as f32 * 160.0 / 16_000.0;
    vec![(0..tokens).map(|i| (at(i), at(i + 1))).collect()]
}
