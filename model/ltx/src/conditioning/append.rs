//! Given pictures and sounds as further tokens after the target's: keyframes anywhere in time, clips as guides, references of
//! IC-LoRAs and voices, and slots in which the model makes keyframes of its own. All go when sampling is done.

use candle_core::Tensor;

use super::attention::Group;
use super::grid::{Span, VideoGrid};
use super::state::{State, plain, share};
use crate::error::{Error, Result};

/// A picture or clip that the target is to pass through.
#[derive(Clone, Debug)]
pub struct Guide<'a> {
    /// `[frames, rows, columns, channels]`, normalised.
    pub latent: &'a Tensor,
    /// The frame of the target that its first frame is.
    pub frame: usize,
    /// Frames of the picture that it was encoded from: 1 for a still.
    pub picture_frames: usize,
    /// 1 keeps it exactly, 0 not at all.
    pub strength: f32,
    /// How strongly target and guide look at each other, 0 to 1; `None` fully, like the target at itself.
    pub attention: Option<f32>,
}

/// A picture or clip that shows something without being part of the target.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    /// `[frames, rows, columns, channels]`, normalised.
    pub latent: &'a Tensor,
    /// How many times larger the target is than what the reference was encoded from (`reference_downscale_factor` of the LoRA).
    pub downscale: u32,
    /// How many times more frames a second the target has (`reference_temporal_scale_factor`).
    pub slower: u32,
    /// 1 keeps it exactly, 0 not at all.
    pub strength: f32,
    /// How strongly target and reference look at each other, 0 to 1; `None` fully.
    pub attention: Option<f32>,
}

/// Where generated keyframes lie among the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub frames: Vec<usize>,
    pub first: usize,
}

/// Tokens to be appended.
struct Tokens<'a> {
    given: &'a Tensor,
    /// What they begin as where nothing is kept.
    initial: Option<&'a Tensor>,
    positions: Vec<Vec<Span>>,
    mask: f32,
    keyframe: bool,
    attention: Option<f32>,
    places: Vec<[u32; 3]>,
}

impl State {
    /// Appends a keyframe or a clip at a frame of the target.
    ///
    /// Its tokens lie at that frame's time; a still lasts one frame, a clip's latent frames eight each (the first one too, unless
    /// it begins where the target does).
    pub fn append_guide(&mut self, guide: &Guide<'_>) -> Result<()> {
        let (grid, clock) = (self.picture()?, self.clock_of()?);
        let given = self.same_sides(guide.latent, grid)?;
        if guide.frame >= grid.picture_frames() {
            return Err(Error::Unfit(format!("a keyframe at frame {} lies beyond the last, {}", guide.frame, grid.picture_frames() - 1)));
        }
        let causal = guide.frame == 0;
        let time = |latent: usize| {
            let (start, end) = if causal { VideoGrid::frames_of(latent) } else { (latent * 8, latent * 8 + 8) };
            let (start, end) = ((start + guide.frame) as f32, (end + guide.frame) as f32);
            clock.seconds(if guide.picture_frames == 1 { (start, start + 1.0) } else { (start, end) })
        };
        let tokens = guide.latent.reshape((given.tokens(), self.channels()))?;
        self.push(Tokens {
            given: &tokens,
            initial: None,
            positions: given.spans(time, 1.0),
            mask: 1.0 - share(guide.strength)?,
            keyframe: false,
            attention: guide.attention,
            places: given.places().collect(),
        })
    }

    /// Appends a reference: its tokens lie over the target's own places and times.
    pub fn append_reference(&mut self, reference: &Reference<'_>) -> Result<()> {
        let clock = self.clock_of()?;
        let given = VideoGrid::of_latent(reference.latent)?;
        self.same_channels(reference.latent)?;
        if reference.downscale == 0 || reference.slower == 0 {
            return Err(Error::Unfit("a reference cannot be 0 times as large or as fast as the target".into()));
        }
        let (slower, first) = (reference.slower as f32, 1.0 / clock.rate() as f32);
        let time = |latent: usize| {
            let (start, end) = VideoGrid::frames_of(latent);
            let rate = clock.rate() as f32 / slower;
            // Moved so that the last of the reference ends with the last of the target; nothing begins before 0.
            let moved = |frame: usize| {
                if reference.slower == 1 { frame as f32 / rate } else { (frame as f32 / rate - (slower - 1.0) * first).max(0.0) }
            };
            (moved(start), moved(end))
        };
        let tokens = reference.latent.reshape((given.tokens(), self.channels()))?;
        self.push(Tokens {
            given: &tokens,
            initial: None,
            positions: given.spans(time, reference.downscale as f32),
            mask: 1.0 - share(reference.strength)?,
            keyframe: false,
            attention: reference.attention,
            places: given.places().collect(),
        })
    }

    /// Appends a sound whose character is to be taken over, a voice: `[time, channels]`, with the spans of its latents.
    pub fn append_sound(&mut self, latent: &Tensor, positions: Vec<Span>, strength: f32) -> Result<()> {
        if self.grid.is_some() {
            return Err(Error::Unfit("a sound cannot be put into a picture".into()));
        }
        self.same_channels(latent)?;
        let tokens = latent.dims()[0];
        if latent.dims().len() != 2 || positions.len() != tokens {
            return Err(Error::Unfit(format!("a sound of shape {:?} has {} places", latent.dims(), positions.len())));
        }
        let places = (0..tokens as u32).map(|time| [time, 0, 0]).collect();
        let mask = 1.0 - share(strength)?;
        self.push(Tokens { given: latent, initial: None, positions: vec![positions], mask, keyframe: false, attention: None, places })
    }

    /// Appends slots in which the model makes keyframes at frames of the target, which must rise; `initial` is
    /// `[keyframes, rows, columns, channels]`. For models that know single frames (2.5).
    pub fn append_slots(&mut self, frames: &[usize], initial: Option<&Tensor>) -> Result<()> {
        let (grid, clock) = (self.picture()?, self.clock_of()?);
        let rising = frames.windows(2).all(|w| w[0] < w[1]);
        if !rising || frames.last().is_none_or(|last| *last >= grid.picture_frames()) {
            let why = format!("keyframes at {frames:?} must rise and lie within {} frames", grid.picture_frames());
            return Err(Error::Unfit(why));
        }
        if self.slots.is_some() {
            return Err(Error::Unfit("keyframes to be made were asked for twice; ask for all of them at once".into()));
        }
        let slots = VideoGrid { frames: frames.len(), ..grid };
        let shape = [slots.frames, slots.rows, slots.columns, self.channels()];
        if let Some(initial) = initial
            && initial.dims() != shape
        {
            return Err(Error::Unfit(format!("the keyframes to begin with are {:?}, they must be {shape:?}", initial.dims())));
        }
        let time = |slot: usize| clock.seconds((frames[slot] as f32, frames[slot] as f32 + 1.0));
        let initial = initial.map(|t| t.reshape((slots.tokens(), shape[3]))).transpose()?;
        // Noise by the frame a slot stands for, so that the same keyframe begins the same whatever others there are.
        let places = slots.places().map(|[slot, row, column]| [frames[slot as usize] as u32, row, column]).collect();
        let first = self.tokens();
        let given = Tensor::zeros((slots.tokens(), shape[3]), candle_core::DType::F32, &candle_core::Device::Cpu)?;
        let positions = slots.spans(time, 1.0);
        self.push(Tokens { given: &given, initial: initial.as_ref(), positions, mask: 1.0, keyframe: true, attention: None, places })?;
        self.slots = Some(Slots { frames: frames.to_vec(), first });
        Ok(())
    }

    fn push(&mut self, new: Tokens<'_>) -> Result<()> {
        let given = plain(new.given)?;
        let initial = match new.initial {
            Some(initial) => plain(initial)?,
            None => given.zeros_like()?,
        };
        let count = new.places.len();
        let group = u8::try_from(self.groups.len() + 1).map_err(|_| Error::Unfit("more than 255 pictures and sounds are given".into()))?;
        let attention = new.attention.map(share).transpose()?;
        self.groups.push(Group { start: self.tokens(), count, attention });
        self.latent = Tensor::cat(&[&self.latent, &initial], 0)?;
        self.clean = Tensor::cat(&[&self.clean, &given], 0)?;
        self.mask.extend(std::iter::repeat_n(new.mask, count));
        self.positions.iter_mut().zip(new.positions).for_each(|(all, new)| all.extend(new));
        if let Some(keyframes) = &mut self.keyframes {
            keyframes.extend(std::iter::repeat_n(new.keyframe, count));
        }
        self.places.extend(new.places.into_iter().map(|place| (group, place)));
        Ok(())
    }

    fn clock_of(&self) -> Result<super::grid::Clock> {
        self.clock.ok_or_else(|| Error::Unfit("pictures cannot be put into sound".into()))
    }

    fn same_channels(&self, latent: &Tensor) -> Result<()> {
        match latent.dims().last() {
            Some(channels) if *channels == self.channels() => Ok(()),
            _ => Err(Error::Unfit(format!("a latent of shape {:?} was given, the model has {} channels", latent.dims(), self.channels()))),
        }
    }

    fn same_sides(&self, latent: &Tensor, grid: VideoGrid) -> Result<VideoGrid> {
        let given = VideoGrid::of_latent(latent)?;
        self.same_channels(latent)?;
        if (given.rows, given.columns) != (grid.rows, grid.columns) {
            return Err(Error::Unfit(format!("a picture of {given:?} was given for one of {grid:?}: scale it to the target first")));
        }
        Ok(given)
    }
}
