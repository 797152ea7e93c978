//! The parts of the checkpoint at work. Each is loaded when it is first needed; what a budget does not hold is let go afterwards.

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use shot::{Picture, Quality, SAMPLE_RATE, Sink, Sound, Stage};

use super::Ltx;
use super::asked::Asked;
use super::latents::{Latents, Memory};
use super::look::{Look, SEEN};
use super::meter::Meter;
use super::plan::{Canvas, latent_frames};
use super::preview::Projection;
use crate::audio;
use crate::checkpoint::{Generation, Part, Place};
use crate::conditioning::State;
use crate::error::{Error, Result};
use crate::ops::slices;
use crate::sampling::guidance::Guidance;
use crate::sampling::model::{Model, Prompts};
use crate::sampling::noise::{Noise, Purpose};
use crate::sampling::sampler::{Method, Sampler, Step};
use crate::sampling::tiled::{Tiled, Tiles};
use crate::sampling::{Pair, schedule};
use crate::text::TextEncoder;
use crate::transformer::Transformer;
use crate::upsampler::Upsampler;
use crate::video;

/// What a picture shall not be where nobody said so.
const NEGATIVE: &str = "blurry, distorted, low quality, jittery motion, text, watermark, muffled sound";

/// Spectra that go through the vocoder at once, ten seconds, and those before and after them that it looks at.
const VOICED: usize = 1000;
const VOICED_AROUND: usize = 100;

/// Latents of sound that the decoder is given before the one that is wanted.
const SOUND_BEFORE: usize = 8;

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
    /// What became of the prompts so far: windows of one shot mostly share one, and every stage has the same ones.
    prompts: Vec<(String, Prompts)>,
    /// From latents to colours, for previews.
    projection: Option<Projection>,
}

/// Prompts that are kept: each is 24 MB with the full model.
const PROMPTS: usize = 8;

/// The step after whose answer previews are fitted again: the first one knows no more than light and dark.
const FITTED_AGAIN: usize = 4;

enum Decoder {
    Convolutional(video::Decoder),
    Diffusion(Box<video::DiffusionDecoder>),
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
    /// The parts in which the picture is refined; `None` for all of it at once.
    pub tiles: Option<&'a Tiles>,
    /// What the model's values mean.
    pub look: Look,
}

impl<'a> Models<'a> {
    /// Says that weights are about to be read.
    pub fn open(ltx: &'a Ltx, sink: &mut dyn Sink) -> Result<Self> {
        sink.progress(Stage::Weights, 0, 1)?;
        let (text, transformer, encoder, decoder, upsampler, projection) = (None, None, None, None, None, None);
        Ok(Self { ltx, place: Place::default(), text, transformer, encoder, decoder, upsampler, prompts: Vec::new(), projection })
    }

    /// Levels of noise of the first and the second stage.
    pub fn levels(&self, quality: Quality) -> Result<(Vec<f32>, Vec<f32>)> {
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
        if let Some((_, prompts)) = self.prompts.iter().find(|(known, _)| *known == name) {
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
            Ok::<_, Error>(Pair { video: c.video, sound: c.audio })
        };
        sink.progress(Stage::Weights, 0, 2)?;
        let positive = context(positive)?;
        sink.progress(Stage::Weights, 1, 2)?;
        let wants_negative = !self.ltx.is_distilled();
        let negative = wants_negative.then(|| context(if negative.is_empty() { NEGATIVE } else { negative })).transpose()?;
        sink.progress(Stage::Weights, 2, 2)?;
        notes.into_iter().for_each(|note| sink.note(note));
        let prompts = Prompts { positive, negative };
        if self.prompts.len() == PROMPTS {
            self.prompts.remove(0);
        }
        self.prompts.push((name, prompts.clone()));
        Ok(prompts)
    }

    /// Pictures of the editor's space as the model was trained to see them: in Rec.709, through H.264. What a log curve holds would
    /// not come through that and is left as it is.
    pub fn seen(&self, pictures: &[Arc<Picture>], look: Look, sink: &mut dyn Sink) -> Result<Vec<Arc<Picture>>> {
        let Some(compress) = self.ltx.options.compress.as_ref().filter(|_| look.curve.is_none() && !pictures.is_empty()) else {
            return Ok(pictures.to_vec());
        };
        let display: Vec<Picture> = pictures
            .iter()
            .map(|p| {
                let mut p = Picture::clone(p);
                colour::convert(p.pixels_mut(), look.space, SEEN);
                p
            })
            .collect();
        match compress(&display.iter().collect::<Vec<_>>(), self.ltx.crf())? {
            Some(mut shown) => {
                shown.iter_mut().for_each(|p| colour::convert(p.pixels_mut(), SEEN, look.space));
                Ok(shown.into_iter().map(Arc::new).collect())
            }
            None => {
                sink.note("this ffmpeg has no libx264: stills and handles are shown to the model sharper than it was trained on".into());
                Ok(pictures.to_vec())
            }
        }
    }

    /// So many pictures, asked for one by one, to a normalised latent.
    pub fn encode(&mut self, count: usize, canvas: &Canvas, give: &mut dyn FnMut(usize, &mut [f32]) -> Result<()>) -> Result<Tensor> {
        let shape = [count, canvas.canvas.height as usize, canvas.canvas.width as usize];
        self.encoder()?.encode_from(shape, give, &|| false)
    }

    fn encoder(&mut self) -> Result<&video::Encoder> {
        Ok(match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(video::Encoder::load(&self.ltx.checkpoint)?),
        })
    }

    /// A latent frame of a clip as a clip of its own: the last of its pictures, encoded alone.
    pub fn alone(&mut self, latent: &Tensor, frame: usize, seed: u64) -> Result<Tensor> {
        // One latent frame on either side, for the decoder to look at.
        let from = frame.saturating_sub(1);
        let count = (frame + 2).min(latent.dims()[0]) - from;
        let wanted = latent_frames(frame - from).end - 1;
        let (mut at, mut picture) = (0, None);
        self.decode(&latent.narrow(0, from, count)?.contiguous()?, seed, &mut |pictures| {
            let n = pictures.dims()[0];
            if (at..at + n).contains(&wanted) {
                picture = Some(pictures.narrow(0, wanted - at, 1)?.clamp(-1f32, 1f32)?);
            }
            at += n;
            Ok(())
        })?;
        let picture = picture.ok_or_else(|| Error::Unfit("the decoder gave fewer pictures than its latents stand for".into()))?;
        self.encoder()?.encode(&picture, &|| false)
    }

    /// A latent of sound as a sound of its own: the last of its four spectra, encoded alone. `None` where the checkpoint cannot hear.
    pub fn alone_of_sound(&self, latent: &Tensor, at: usize) -> Result<Option<Tensor>> {
        if !self.ltx.checkpoint.has(Part::AudioVae) {
            return Ok(None);
        }
        let from = at.saturating_sub(SOUND_BEFORE);
        let never = || false;
        let mel = audio::Decoder::load(&self.ltx.checkpoint, &self.place)?
            .decode(&latent.narrow(0, from, at + 1 - from)?.contiguous()?, &never)?;
        let last = mel.narrow(0, audio::frames_of(at + 1 - from) - 1, 1)?.contiguous()?;
        let encoder = audio::Encoder::load(&self.ltx.checkpoint, &self.place)?;
        Ok(Some(encoder.statistics().normalise(&encoder.raw(&last, &never)?)?))
    }

    /// A normalised latent to pictures `[n, height, width, 3]`, in order.
    pub fn decode(&mut self, latent: &Tensor, seed: u64, take: &mut dyn FnMut(Tensor) -> Result<()>) -> Result<()> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::load(self.ltx, &self.place)?),
        };
        decoder.decode(latent, self.ltx.budget(), seed, take)
    }

    /// A normalised latent to one of twice the rows and columns, in parts where the result is refined in parts.
    pub fn upsample(&mut self, latent: &Tensor, tiles: Option<&Tiles>) -> Result<Tensor> {
        let statistics = self.encoder()?.statistics().clone();
        let upsampler = match &mut self.upsampler {
            Some(upsampler) => upsampler,
            none => none.insert(Upsampler::load(&self.ltx.checkpoint, Part::SpatialUpsampler)?),
        };
        let whole = |latent: &Tensor| statistics.normalise(&upsampler.upsample(&statistics.denormalise(latent)?, &|| false)?);
        match tiles {
            None => whole(&latent.contiguous()?),
            Some(tiles) => tiles.grow(latent, whole),
        }
    }

    /// Values of a latent of the picture.
    pub fn picture_channels(&self) -> Result<usize> {
        let (_, section) = self.ltx.checkpoint.part(Part::Transformer, &self.place)?;
        section.size_or("in_channels", 128)
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
    ///
    /// The vocoder looks at less than a second; what is long goes through it in parts that share more than that, so that memory does
    /// not grow with the shot.
    pub fn voice(&self, latent: &Tensor) -> Result<Sound> {
        let never = || false;
        let mel = audio::Decoder::load(&self.ltx.checkpoint, &self.place)?.decode(latent, &never)?;
        let vocoder = audio::Vocoder::load(&self.ltx.checkpoint, &self.place)?;
        let frames = mel.dims()[0];
        let mut channels: Vec<Vec<f32>> = Vec::new();
        for start in (0..frames).step_by(VOICED) {
            let (from, to) = (start.saturating_sub(VOICED_AROUND), (start + VOICED + VOICED_AROUND).min(frames));
            let samples = vocoder.synthesise(&mel.narrow(0, from, to - from)?.contiguous()?, &never)?;
            let (count, width) = samples.dims2()?;
            let each = count / (to - from);
            let (first, last) =
                ((start - from) * each, if to == frames && start + VOICED >= frames { count } else { (start + VOICED - from) * each });
            channels.resize(width, Vec::new());
            slices::with(&samples, |values| {
                for (c, out) in channels.iter_mut().enumerate() {
                    out.extend(values[first * width..last * width].iter().skip(c).step_by(width));
                }
            })?;
        }
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
        let from = memory.run(pass.stage, pass.window).cloned();
        let (meter, sink) = (RefCell::new(meter), RefCell::new(sink));
        let go_on = || meter.borrow().tell(&mut **sink.borrow_mut());
        let asked = Asked { transformer: &transformer, go_on: &go_on };
        let tiled = pass.tiles.map(|tiles| Tiled::new(&asked, tiles, states.video.target_tokens()));
        let sampler = Sampler {
            model: tiled.as_ref().map_or(&asked as &dyn Model, |t| t),
            prompts: pass.prompts,
            guidance: &guidance,
            levels: pass.levels,
            method: Method::Euler,
            noise,
            cancelled: &|| false,
        };
        let made = sampler.run(states, from.as_ref(), &mut |step: &Step<'_>| {
            let mut sink = sink.borrow_mut();
            memory.step(pass.stage, pass.window, step.save(), &mut **sink)?;
            if step.taken < step.steps {
                let again = pass.stage == 0 && pass.window == 0 && step.taken == FITTED_AGAIN;
                self.preview(step.estimate.video, pass.look, again, &mut **sink)?;
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

    /// A look at the middle of what the model now takes the shot to be: a projection of its latents, fitted to what the checkpoint's
    /// own decoder makes of them the first time, and when asked to.
    fn preview(&mut self, estimate: &Tensor, look: Look, again: bool, sink: &mut dyn Sink) -> Result<()> {
        let (frames, ..) = estimate.dims4()?;
        let middle = estimate.narrow(0, frames / 2, 1)?.contiguous()?;
        if self.projection.is_none() || again {
            let mut seen = None;
            self.decode(&middle, 0, &mut |pictures| {
                if seen.is_none() {
                    seen = Some(pictures.narrow(0, 0, 1)?);
                }
                Ok(())
            })?;
            self.projection = match seen {
                Some(picture) => Some(Projection::fit(&middle, &picture)?),
                None => None,
            };
        }
        if let Some(projection) = &self.projection {
            sink.preview(&projection.show(&middle, Look { space: SEEN, ..look })?);
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
            return Ok(Self::Diffusion(Box::new(video::DiffusionDecoder::load(checkpoint, place)?)));
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
