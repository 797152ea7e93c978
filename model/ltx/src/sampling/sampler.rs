//! The way from noise to latents: asks the model at every level, puts its answers together, goes on to the next level. Can be
//! watched, stopped between any two passes, and resumed after any step to the same bits.

use std::sync::Arc;

use candle_core::Tensor;

use super::guidance::{Guidance, Kind, Plan};
use super::model::{Context, Model, Prompts};
use super::noise::{Noise, Purpose};
use super::{Pair, euler, schedule, second_order};
use crate::conditioning::State;
use crate::error::{Error, Result};
use crate::ops::slices;
use crate::transformer::{Pass, Positions, Stream};

/// The rule from one level of noise to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Euler's: one question a step.
    Euler,
    /// Second order with fresh noise: two questions a step.
    SecondOrder {
        /// How much of the noise after a step is fresh, 0 to 1; the authors take ½. With 0 there is none at all.
        eta: f64,
    },
}

/// Everything that decides what comes out, but for the states themselves.
#[derive(Clone, Copy)]
pub struct Sampler<'a> {
    /// Who is asked.
    pub model: &'a dyn Model,
    /// The prompt.
    pub prompts: &'a Prompts,
    /// Guidance of each modality.
    pub guidance: &'a Pair<Guidance>,
    /// Levels of noise, see [`schedule`].
    pub levels: &'a [f32],
    /// The rule.
    pub method: Method,
    /// Where fresh noise comes from.
    pub noise: Noise,
    /// Asked before every question to the model; the run ends with [`Error::Cancelled`] once it is true.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// A step that was taken, as the one who watches sees it.
#[derive(Debug)]
pub struct Step<'a> {
    /// Steps taken, from 1.
    pub taken: usize,
    /// Steps in all.
    pub steps: usize,
    /// What the model now takes the outcome to be, target tokens alone: `[frames, rows, columns, channels]`, `[time, channels]`.
    pub estimate: Pair<&'a Tensor>,
    latent: Pair<&'a [f32]>,
}

impl Step<'_> {
    /// The latents after the step, all tokens, a token's channels together.
    pub fn latent(&self) -> Pair<&[f32]> {
        self.latent
    }

    /// What is needed to go on from here.
    pub fn save(&self) -> Saved {
        Saved { taken: self.taken, latent: self.latent.map(<[f32]>::to_vec) }
    }
}

/// Where a run stood after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    taken: usize,
    latent: Pair<Vec<f32>>,
}

/// What the bytes of a saved run begin with.
const MAGIC: &[u8; 8] = b"pkltx\0\0\x01";

impl Saved {
    /// Steps that were taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// As bytes to keep in a file: a mark, steps and lengths in eight bytes each, then f32, all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Pair { video, sound } = &self.latent;
        let numbers = [self.taken, video.len(), sound.len()].map(|n| (n as u64).to_le_bytes());
        let values = video.iter().chain(sound).flat_map(|v| v.to_le_bytes());
        MAGIC.iter().copied().chain(numbers.into_iter().flatten()).chain(values).collect()
    }

    /// Back from bytes; `None` when they are not a saved run, or not a whole one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (numbers, values) = rest.split_at_checked(24)?;
        let number = |i: usize| usize::try_from(u64::from_le_bytes(*numbers.as_chunks().0.get(i)?)).ok();
        let (taken, video, sound) = (number(0)?, number(1)?, number(2)?);
        let (values, rest) = values.as_chunks();
        if !rest.is_empty() || video.checked_add(sound) != Some(values.len()) {
            return None;
        }
        let values: Vec<f32> = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let (video, sound) = values.split_at(video);
        Some(Self { taken, latent: Pair { video: video.to_vec(), sound: sound.to_vec() } })
    }
}

const HALF: Pair<Purpose> = Pair { video: Purpose::VideoHalfStep, sound: Purpose::SoundHalfStep };
const WHOLE: Pair<Purpose> = Pair { video: Purpose::VideoStep, sound: Purpose::SoundStep };

/// A run under way.
struct Run<'a> {
    sampler: &'a Sampler<'a>,
    states: &'a Pair<State>,
    positions: Pair<Arc<Positions>>,
    attention: Pair<Option<Tensor>>,
    clean: Pair<Vec<f32>>,
    plan: Plan,
}

impl Sampler<'_> {
    /// Takes all steps, or those that are left, and gives the states with their last latents. `watch` is called after every step;
    /// its error ends the run.
    pub fn run(&self, states: Pair<State>, from: Option<&Saved>, watch: &mut dyn FnMut(&Step<'_>) -> Result<()>) -> Result<Pair<State>> {
        schedule::check(self.levels)?;
        if let Method::SecondOrder { eta } = self.method
            && !(0.0..=1.0).contains(&eta)
        {
            return Err(Error::Unfit(format!("a share of fresh noise of {eta} is not between 0 and 1")));
        }
        let steps = self.levels.len() - 1;
        let values = |t: &Tensor| slices::with(t, <[f32]>::to_vec);
        let mut latent = states.as_ref().map(|s| values(&s.latent)).both()?;
        let mut taken = 0;
        if let Some(saved) = from {
            let fits = saved.latent.as_ref().zip(latent.as_ref()).map(|(a, b)| a.len() == b.len());
            if !(fits.video && fits.sound && saved.taken <= steps) {
                return Err(Error::Unfit("the saved run is of another clip or another schedule: begin anew".into()));
            }
            (taken, latent) = (saved.taken, saved.latent.clone());
        }
        let run = Run {
            sampler: self,
            states: &states,
            positions: states.as_ref().map(|s| Arc::new(Positions(s.positions.clone()))),
            attention: states.as_ref().map(State::attention).both()?,
            clean: states.as_ref().map(|s| values(&s.clean)).both()?,
            plan: Plan::new(self.guidance, states.as_ref(), self.prompts)?,
        };
        for step in taken..steps {
            let estimate = match self.method {
                Method::Euler => run.euler(step, &mut latent)?,
                Method::SecondOrder { eta } => run.second_order(step, &mut latent, eta)?,
            };
            if !latent.video.iter().chain(&latent.sound).all(|v| v.is_finite()) {
                return Err(Error::Unfit(format!("the model's answer in step {} of {steps} holds values that are no numbers", step + 1)));
            }
            let estimate = run.targets(&estimate)?;
            let latent = latent.as_ref().map(Vec::as_slice);
            watch(&Step { taken: step + 1, steps, estimate: estimate.as_ref(), latent })?;
        }
        let shapes = states.as_ref().map(|s| (s.tokens(), s.channels()));
        let latent = latent.zip(shapes).map(|(values, shape)| slices::tensor(values, shape)).both()?;
        Ok(states.zip(latent).map(|(mut state, latent)| {
            state.latent = latent;
            state
        }))
    }
}

impl Run<'_> {
    fn euler(&self, step: usize, latent: &mut Pair<Vec<f32>>) -> Result<Pair<Vec<f32>>> {
        let (sigma, next) = (self.sampler.levels[step], self.sampler.levels[step + 1]);
        let estimate = self.estimate(latent, sigma)?;
        self.made(latent.as_mut()).zip(estimate.as_ref()).map(|(x, estimate)| {
            if let Some(x) = x {
                euler::step(x, estimate, sigma, next);
            }
        });
        Ok(estimate)
    }

    fn second_order(&self, step: usize, latent: &mut Pair<Vec<f32>>, eta: f64) -> Result<Pair<Vec<f32>>> {
        let level = f64::from(self.sampler.levels[step]);
        let last = self.sampler.levels[step + 1] == 0.0;
        let next = if last { second_order::LAST.min(level / 2.0) } else { f64::from(self.sampler.levels[step + 1]) };
        let h = (level / next).ln();
        let weights = second_order::Weights::of(h);
        let middle = (level * next).sqrt();

        let first = self.estimate(latent, level as f32)?;
        let mut departure = latent.as_ref().map(|x| widen(x));
        let mut half = departure
            .as_ref()
            .zip(first.as_ref())
            .map(|(x, d)| x.iter().zip(d).map(|(x, d)| x + weights.middle * (f64::from(*d) - x)).collect::<Vec<_>>());
        // Half steps take half of their noise anew, whatever the share after whole ones: so does the reference.
        let eta_of_half = if eta > 0.0 { 0.5 } else { 0.0 };
        self.renoise(&departure, &mut half, (level, middle), eta_of_half, (HALF, step));
        if second_order::refines(h, level) {
            // Where the half step would have had to depart from to arrive at the noisy middle without noise.
            let k = weights.middle;
            departure = half
                .as_ref()
                .zip(first.as_ref())
                .map(|(half, d)| half.iter().zip(d).map(|(half, d)| (half - k * f64::from(*d)) / (1.0 - k)).collect());
        }
        let half = self.kept(half.map(|x| narrow(&x)), latent);
        let second = self.estimate(&half, middle as f32)?;
        let estimates = first.zip(second);
        let mut arrival = departure.as_ref().zip(estimates.as_ref()).map(|(x, (d1, d2))| {
            let point =
                |((x, d1), d2): ((&f64, &f32), &f32)| x + weights.first * (f64::from(*d1) - x) + weights.second * (f64::from(*d2) - x);
            x.iter().zip(d1).zip(d2).map(point).collect::<Vec<_>>()
        });
        self.renoise(&departure, &mut arrival, (level, next), eta, (WHOLE, step));
        *latent = self.kept(arrival.map(|x| narrow(&x)), latent);
        if !last {
            return Ok(estimates.map(|(_, second)| second));
        }
        let estimate = self.estimate(latent, next as f32)?;
        *latent = self.kept(estimate.clone(), latent);
        Ok(estimate)
    }

    /// The guided estimate of the outcome at a level of noise, with what is given put back.
    fn estimate(&self, latent: &Pair<Vec<f32>>, sigma: f32) -> Result<Pair<Vec<f32>>> {
        if (self.sampler.cancelled)() {
            return Err(Error::Cancelled);
        }
        let tokens =
            latent.as_ref().zip(self.states.as_ref()).map(|(x, state)| slices::tensor(x.clone(), (state.tokens(), state.channels())));
        let tokens = tokens.both()?;
        let prompts = self.sampler.prompts;
        let ask = self.plan.passes.iter().map(|pass| {
            let negative = prompts.negative.as_ref().filter(|_| pass.kind == Kind::Negative);
            let streams = self.streams(&tokens, negative.unwrap_or(&prompts.positive), sigma);
            Pass { video: streams.video, audio: streams.sound, perturbation: pass.perturbation.clone() }
        });
        let passes: Vec<Pass> = ask.collect();
        let answers = self.sampler.model.velocities(&passes)?;
        if answers.len() != passes.len() {
            return Err(Error::Unfit(format!("{} passes were asked for, {} answered", passes.len(), answers.len())));
        }
        let mut clean: Pair<Vec<Vec<f32>>> = Pair::default();
        for answer in &answers {
            let answer = Pair { video: &answer.video, sound: &answer.audio };
            let given = answer.zip(latent.as_ref()).zip(self.states.as_ref());
            let one = given.map(|((velocity, x), state)| outcome(velocity, x, state, sigma)).both()?;
            clean.video.push(one.video);
            clean.sound.push(one.sound);
        }
        let guided =
            self.sampler.guidance.as_ref().zip(clean.as_ref()).map(|(guidance, estimates)| guidance.combine(&self.plan, estimates));
        Ok(self.kept(guided, latent))
    }

    fn streams(&self, tokens: &Pair<Tensor>, context: &Context, sigma: f32) -> Pair<Stream> {
        let given = self.states.as_ref().zip(tokens.as_ref()).zip(self.positions.as_ref().zip(self.attention.as_ref()));
        given.zip(context.as_ref()).map(|(((state, tokens), (positions, attention)), context)| Stream {
            tokens: tokens.clone(),
            timesteps: state.timesteps(sigma),
            sigma: if state.frozen { 0.0 } else { sigma },
            positions: positions.clone(),
            context: context.clone(),
            keyframes: state.keyframes.clone(),
            mask: attention.clone(),
        })
    }

    /// Tokens with what is given put back, by the mask; frozen modalities as they were.
    fn kept(&self, made: Pair<Vec<f32>>, before: &Pair<Vec<f32>>) -> Pair<Vec<f32>> {
        made.zip(before.as_ref()).zip(self.states.as_ref().zip(self.clean.as_ref())).map(|((mut made, before), (state, clean))| {
            if state.frozen {
                return before.clone();
            }
            let channels = state.channels().max(1);
            for ((x, clean), mask) in made.chunks_mut(channels).zip(clean.chunks(channels)).zip(&state.mask) {
                x.iter_mut().zip(clean).for_each(|(x, clean)| *x = *x * mask + clean * (1.0 - mask));
            }
            made
        })
    }

    fn renoise(
        &self,
        departure: &Pair<Vec<f64>>,
        arrival: &mut Pair<Vec<f64>>,
        levels: (f64, f64),
        eta: f64,
        (purpose, step): (Pair<Purpose>, usize),
    ) {
        departure.as_ref().zip(arrival.as_mut()).zip(self.states.as_ref()).map(|((departure, arrival), state)| {
            if !state.frozen {
                let mut noise = state.noise(&self.sampler.noise, purpose, step as u16);
                second_order::normalise(&mut noise);
                second_order::renoise(departure, arrival, levels, eta, &noise);
            }
        });
    }

    /// The modalities that are made.
    fn made<T>(&self, pair: Pair<T>) -> Pair<Option<T>> {
        pair.zip(self.states.as_ref()).map(|(x, state)| (!state.frozen).then_some(x))
    }

    /// Target tokens in the shape in which they are decoded.
    fn targets(&self, values: &Pair<Vec<f32>>) -> Result<Pair<Tensor>> {
        let stripped = values.as_ref().zip(self.states.as_ref()).map(|(values, state)| {
            let latent = slices::tensor(values.clone(), (state.tokens(), state.channels()))?;
            state.strip_of(&latent)
        });
        Ok(stripped.both()?.map(|s| s.latent))
    }
}

/// `x₀ = x − v·σ·m`, each token by its own level of noise.
fn outcome(velocity: &Tensor, x: &[f32], state: &State, sigma: f32) -> Result<Vec<f32>> {
    if velocity.dims() != state.latent.dims() {
        return Err(Error::Unfit(format!("the model answered {:?} to tokens of {:?}", velocity.dims(), state.latent.dims())));
    }
    let channels = state.channels().max(1);
    slices::with(velocity, |v| {
        let tokens = x.chunks(channels).zip(v.chunks(channels)).zip(&state.mask);
        tokens.flat_map(|((x, v), mask)| x.iter().zip(v).map(move |(x, v)| x - v * (sigma * mask))).collect()
    })
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}
