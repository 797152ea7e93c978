//! The parts of the checkpoint at work. Each is loaded when it is first needed; what a budget does not hold is let go afterwards.

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use shot::{ColourSpace, Picture, Quality, SAMPLE_RATE, Sink, Sound, Stage};

use super::asked::Asked;
use super::latents::{Latents, Memory};
use super::meter::Meter;
use super::plan::Canvas;
use super::{Ltx, canvas};
use crate::audio;
use crate::checkpoint::{Generation, Part, Place};
use crate::conditioning::State;
use crate::error::Result;
use crate::ops::slices;
use crate::sampling::guidance::Guidance;
use crate::sampling::model::Prompts;
use crate::sampling::noise::{Noise, Purpose};
use crate::sampling::sampler::{Method, Sampler, Step};
use crate::sampling::{Pair, schedule};
use crate::text::TextEncoder;
use crate::transformer::Transformer;
use crate::upsampler::Upsampler;
use crate::video;

/// What a picture shall not be where nobody said so.
const NEGATIVE: &str = "blurry, distorted, low quality, jittery motion, text, watermark, muffled sound";

/// Rate at which the sound encoder hears.
const HEARING_RATE: u32 = 16_000;

/// The parts in use.
pub struct Models<'a> {
    ltx: &'a Ltx,
    place: Place,
    text: Option<TextEncoder>,
    transformer: Option<Transformer>,
    encoder: Option<video::Encoder>,
    decoder: Option<Decoder>,
    upsampler: Option<Upsampler>,
    /// The last prompt and what became of it: windows of one shot mostly share it.
    prompts: Option<(String, Prompts)>,
}

enum Decoder {
    Convolutional(video::Decoder),
    Diffusion(video::DiffusionDecoder),
}

/// What one run of the sampler is about.
pub struct Pass<'a> {
    /// Levels of noise.
    pub levels: &'a [f32],
    /// The prompt.
    pub prompts: &'a Prompts,
    /// The seed of the shot.
    pub seed: u64,
    /// The stage.
    pub stage: usize,
    /// The window.
    pub window: usize,
}

impl<'a> Models<'a> {
    /// Says that weights are about to be read.
    pub fn open(ltx: &'a Ltx, sink: &mut dyn Sink) -> Result<Self> {
        sink.progress(Stage::Weights, 0, 1)?;
        let (text, transformer, encoder, decoder, upsampler) = (None, None, None, None, None);
        Ok(Self { ltx, place: Place::default(), text, transformer, encoder, decoder, upsampler, prompts: None })
    }

    /// Levels of noise of the first and the second stage.
    pub fn levels(&self, quality: Quality, _sink: &mut dyn Sink) -> Result<(Vec<f32>, Vec<f32>)> {
        let first = if self.ltx.is_distilled() {
            schedule::DISTILLED.to_vec()
        } else {
            schedule::dev(super::wish::steps(quality), schedule::Shift::Fixed)?
        };
        Ok((first, schedule::SECOND_STAGE.to_vec()))
    }

    /// A prompt through the text encoder.
    pub fn prompts(&mut self, positive: &str, negative: &str, sink: &mut dyn Sink) -> Result<Prompts> {
        let name = format!("{positive}\u{0}{negative}");
        if let Some((known, prompts)) = &self.prompts
            && *known == name
        {
            return Ok(prompts.clone());
        }
        let encoder = match self.text.take() {
            Some(encoder) => encoder,
            None => TextEncoder::load(&self.ltx.checkpoint, &self.place, self.ltx.options.memory.is_some())?,
        };
        let never = || false;
        let mut notes = Vec::new();
        let mut context = |prompt: &str| {
            let c = encoder.encode(prompt, &never)?;
            if !c.unread.is_empty() {
                let from: String = c.unread.chars().take(60).collect();
                notes.push(format!("a prompt is longer than the model reads ({} tokens): it was cut off at “{from}”", c.tokens));
            }
            Ok::<_, crate::Error>(Pair { video: c.video, sound: c.audio })
        };
        sink.progress(Stage::Weights, 0, 2)?;
        let positive = context(positive)?;
        sink.progress(Stage::Weights, 1, 2)?;
        let wants_negative = !self.ltx.is_distilled();
        let negative = wants_negative.then(|| context(if negative.is_empty() { NEGATIVE } else { negative })).transpose()?;
        sink.progress(Stage::Weights, 2, 2)?;
        notes.into_iter().for_each(|note| sink.note(note));
        let prompts = Prompts { positive, negative };
        self.prompts = Some((name, prompts.clone()));
        Ok(prompts)
    }

    /// Pictures of the editor's space as the model was trained to see them: in Rec.709, through H.264.
    pub fn seen(&self, pictures: &[Arc<Picture>], space: ColourSpace, sink: &mut dyn Sink) -> Result<Vec<Arc<Picture>>> {
        let Some(compress) = &self.ltx.options.compress else { return Ok(pictures.to_vec()) };
        let display: Vec<Picture> = pictures
            .iter()
            .map(|p| {
                let mut p = Picture::clone(p);
                colour::convert(p.pixels_mut(), space, ColourSpace::Rec709);
                p
            })
            .collect();
        match compress(&display.iter().collect::<Vec<_>>(), self.ltx.crf())? {
            Some(mut shown) => {
                shown.iter_mut().for_each(|p| colour::convert(p.pixels_mut(), ColourSpace::Rec709, space));
                Ok(shown.into_iter().map(Arc::new).collect())
            }
            None => {
                sink.note("this ffmpeg has no libx264: stills and handles are shown to the model sharper than it was trained on".into());
                Ok(pictures.to_vec())
            }
        }
    }

    /// Pictures to a normalised latent.
    pub fn encode(&mut self, pictures: &Tensor) -> Result<Tensor> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(video::Encoder::load(&self.ltx.checkpoint)?),
        };
        encoder.encode(pictures, &|| false)
    }

    /// A normalised latent to pictures `[n, height, width, 3]`, in order.
    pub fn decode(&mut self, latent: &Tensor, seed: u64, take: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::load(self.ltx, &self.place)?),
        };
        decoder.decode(latent, self.ltx.budget(), seed, take)
    }

    /// A normalised latent to one of twice the rows and columns.
    pub fn upsample(&mut self, latent: &Tensor) -> Result<Tensor> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(video::Encoder::load(&self.ltx.checkpoint)?),
        };
        let upsampler = match &mut self.upsampler {
            Some(upsampler) => upsampler,
            none => none.insert(Upsampler::load(&self.ltx.checkpoint, Part::SpatialUpsampler)?),
        };
        let statistics = encoder.statistics();
        statistics.normalise(&upsampler.upsample(&statistics.denormalise(latent)?, &|| false)?)
    }

    /// Values of a latent of sound.
    pub fn sound_channels(&self) -> Result<usize> {
        let (_, section) = self.ltx.checkpoint.part(Part::Transformer, &self.place)?;
        section.size_or("audio_in_channels", 128)
    }

    /// Stereo sound to `tokens` normalised latents; `None` where the checkpoint cannot hear.
    pub fn hear(&self, sound: &Sound, tokens: usize) -> Result<Option<Tensor>> {
        if !self.ltx.checkpoint.has(Part::AudioVae) {
            return Ok(None);
        }
        let encoder = audio::Encoder::load(&self.ltx.checkpoint, &self.place)?;
        let low = sound::conform(sound, HEARING_RATE, 2).map_err(shot::Fault::from)?;
        let hop = encoder.config().hop;
        // As many samples as the latents cover, whatever rounding made of the clip's length.
        let samples = tokens.saturating_sub(1) * audio::FRAMES_PER_LATENT * hop;
        let at = |c: &Vec<f32>, i: usize| c.get(i).copied().unwrap_or(0.0);
        let values: Vec<f32> = (0..samples.max(hop)).flat_map(|i| low.channels().iter().map(move |c| at(c, i))).collect();
        let count = values.len() / 2;
        let latent = encoder.encode(&slices::tensor(values, (count, 2))?, &|| false)?;
        let (time, width) = latent.dims2()?;
        let latent = if time >= tokens {
            latent.narrow(0, 0, tokens)?
        } else {
            let rest = Tensor::zeros((tokens - time, width), latent.dtype(), &Device::Cpu)?;
            Tensor::cat(&[&latent, &rest], 0)?
        };
        Ok(Some(latent.contiguous()?))
    }

    /// Normalised latents of sound to sound at [`SAMPLE_RATE`].
    pub fn voice(&self, latent: &Tensor) -> Result<Sound> {
        let never = || false;
        let mel = audio::Decoder::load(&self.ltx.checkpoint, &self.place)?.decode(latent, &never)?;
        let vocoder = audio::Vocoder::load(&self.ltx.checkpoint, &self.place)?;
        let samples = vocoder.synthesise(&mel, &never)?;
        let channels = samples.dims()[1];
        let channels =
            slices::with(&samples, |values| (0..channels).map(|c| values.iter().skip(c).step_by(channels).copied().collect()).collect())?;
        let sound = Sound::new(vocoder.rate() as u32, channels)?;
        Ok(sound::conform(&sound, SAMPLE_RATE, 2).map_err(shot::Fault::from)?)
    }

    /// Runs the sampler; remembers and shows every step.
    pub fn sample(
        &mut self,
        states: Pair<State>,
        pass: &Pass<'_>,
        memory: &mut Memory,
        meter: &mut Meter,
        sink: &mut dyn Sink,
    ) -> Result<Latents> {
        let transformer = match self.transformer.take() {
            Some(transformer) => transformer,
            None => Transformer::load(&self.ltx.checkpoint, &self.place, self.ltx.residence())?,
        };
        let noise = Noise::new(pass.seed).stage(pass.stage as u8);
        let share = pass.levels.first().copied().unwrap_or(1.0);
        let states = Pair { video: noised(states.video, &noise, share)?, sound: noised(states.sound, &noise, share)? };
        let guidance = self.guidance(pass.stage, transformer.config().layers);
        let from = memory.run(pass.window, pass.stage).cloned();
        let (meter, sink) = (RefCell::new(meter), RefCell::new(sink));
        let go_on = || meter.borrow().tell(&mut **sink.borrow_mut());
        let asked = Asked { transformer: &transformer, go_on: &go_on };
        let sampler = Sampler {
            model: &asked,
            prompts: pass.prompts,
            guidance: &guidance,
            levels: pass.levels,
            method: Method::Euler,
            noise,
            cancelled: &|| false,
        };
        let made = sampler.run(states, from.as_ref(), &mut |step: &Step<'_>| {
            let mut sink = sink.borrow_mut();
            memory.step(pass.window, pass.stage, step.save(), &mut **sink)?;
            if step.taken < step.steps {
                self.preview(step.estimate.video, &mut **sink)?;
            }
            meter.borrow_mut().sampled(&mut **sink)
        })?;
        let latents = Pair { video: made.video.strip()?.latent, sound: made.sound.strip()?.latent };
        self.transformer = Some(transformer);
        Ok(latents)
    }

    /// The authors' numbers for the full model; none for the distilled one and for second stages.
    fn guidance(&self, stage: usize, layers: usize) -> Pair<Guidance> {
        if self.ltx.is_distilled() || stage > 0 {
            return Pair { video: Guidance::OFF, sound: Guidance::OFF };
        }
        let fit = |mut g: Guidance| {
            // A smaller model of the family has no block 28: the one at the same depth is left out.
            g.blocks.iter_mut().filter(|b| **b >= layers).for_each(|b| *b = layers * 3 / 5);
            g
        };
        let Pair { video, sound } = Guidance::of(self.ltx.checkpoint.generation());
        Pair { video: fit(video), sound: fit(sound) }
    }

    /// A look at the middle of what the model now takes the shot to be.
    fn preview(&mut self, estimate: &Tensor, sink: &mut dyn Sink) -> Result<()> {
        let (frames, rows, columns, _) = estimate.dims4()?;
        let middle = estimate.narrow(0, frames / 2, 1)?.contiguous()?;
        let size = shot::Size::new(columns as u32 * super::plan::CELL, rows as u32 * super::plan::CELL);
        let canvas = Canvas { canvas: size, picture: size };
        let mut shown: Option<Picture> = None;
        self.decode(&middle, 0, &mut |pictures| {
            let pictures = canvas::read(&pictures, &canvas, size, ColourSpace::Rec709)?;
            shown = shown.take().or(pictures.into_iter().next());
            Ok(())
        })?;
        if let Some(picture) = shown {
            sink.preview(&picture);
        }
        Ok(())
    }
}

fn noised(state: State, noise: &Noise, share: f32) -> Result<State> {
    if state.frozen { Ok(state) } else { state.noised(noise, share) }
}

impl Decoder {
    fn load(ltx: &Ltx, place: &Place) -> Result<Self> {
        let checkpoint = &ltx.checkpoint;
        if checkpoint.has(Part::DiffusionDecoder) && (checkpoint.generation() >= Generation::V2_5) {
            return Ok(Self::Diffusion(video::DiffusionDecoder::load(checkpoint, place)?));
        }
        Ok(Self::Convolutional(video::Decoder::load(checkpoint)?))
    }

    fn decode(&self, latent: &Tensor, budget: usize, seed: u64, take: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        let (frames, rows, columns, channels) = latent.dims4()?;
        match self {
            Self::Convolutional(decoder) => {
                let tiling = decoder.tiling([frames, rows, columns], budget);
                if !decoder.wants_noise() {
                    return decoder.decode(latent, &tiling, &|| false, take);
                }
                let noise = Noise::new(seed).grid(Purpose::Pixels, [frames, rows, columns], channels)?;
                let noise = noise.reshape((frames, rows, columns, channels))?;
                decoder.decode(&decoder.noisy(latent, &noise)?, &tiling, &|| false, take)
            }
            Self::Diffusion(decoder) => {
                let tiling = decoder.tiling([frames, rows, columns], budget);
                decoder.decode(latent, &Noise::new(seed), &tiling, &|| false, take)
            }
        }
    }
}

impl Ltx {
    /// Bytes for activations.
    fn budget(&self) -> usize {
        // Half of the budget is for weights on their way through.
        self.options.memory.map_or(4 << 30, |m| m / 2) as usize
    }
}
