//! Samplers on a model that knows the answer: data that are normally distributed, for which the best estimate is a formula.
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};

use super::guidance::{Kind, Plan};
use super::model::{Context, Model, Prompts};
use super::sampler::{Method, Sampler, Saved};
use super::{Guidance, Noise, Pair, schedule, second_order};
use crate::conditioning::{Clock, State, VideoGrid};
use crate::error::{Error, Result};
use crate::transformer::{Pass, Stream, Velocity};

/// Data of mean 0 and this deviation.
const SPREAD: f32 = 0.5;

/// Its best estimate of the outcome, as a velocity; the context's first value is added to it, so that prompts differ.
struct Gaussian;

impl Model for Gaussian {
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        let one = |stream: &Stream, isolated: bool| -> Result<Tensor> {
            let shift = stream.context.flatten_all()?.to_vec1::<f32>()?[0] + if isolated { 0.25 } else { 0.0 };
            let (sigma, variance) = (stream.sigma, SPREAD * SPREAD);
            let gain = (1.0 - sigma) * variance / ((1.0 - sigma) * (1.0 - sigma) * variance + sigma * sigma);
            let estimate = ((&stream.tokens * f64::from(gain))? + f64::from(shift))?;
            Ok(((&stream.tokens - estimate)? / f64::from(sigma.max(1e-9)))?)
        };
        let answer = |pass: &Pass| {
            let isolated = pass.perturbation.isolated;
            Ok(Velocity { video: one(&pass.video, isolated)?, audio: one(&pass.audio, isolated)? })
        };
        passes.iter().map(answer).collect()
    }
}

fn context(value: f32) -> Context {
    let tensor = Tensor::new(&[[value]], &Device::Cpu).unwrap();
    Pair { video: tensor.clone(), sound: tensor }
}

fn states(seed: u64) -> Pair<State> {
    let grid = VideoGrid { frames: 3, rows: 8, columns: 8 };
    let noise = Noise::new(seed);
    let video = State::video(grid, 16, Clock::exact(24.0).unwrap(), None).unwrap().noised(&noise, 1.0).unwrap();
    let sound = State::sound(40, 32, None).unwrap().noised(&noise, 1.0).unwrap();
    Pair { video, sound }
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn run(levels: &[f32], method: Method, guidance: &Pair<Guidance>, states: Pair<State>, from: Option<&Saved>) -> (Pair<State>, Vec<Saved>) {
    let prompts = Prompts { positive: context(0.0), negative: Some(context(-0.1)) };
    let noise = Noise::new(11);
    let sampler = Sampler { model: &Gaussian, prompts: &prompts, guidance, levels, method, noise, cancelled: &|| false };
    let mut saved = Vec::new();
    let out = sampler.run(states, from, &mut |step| {
        saved.push(Saved::from_bytes(&step.save().to_bytes()).unwrap());
        Ok(())
    });
    (out.unwrap(), saved)
}

const NONE: Pair<Guidance> = Pair { video: Guidance::OFF, sound: Guidance::OFF };

/// The distance from where the exact way from this noise leads.
fn error(levels: &[f32], method: Method) -> f64 {
    let before = states(1);
    let (after, _) = run(levels, method, &NONE, before.clone(), None);
    // d ln x = d ln √((1−σ)²s² + σ²): from σ = 1 to 0 every value shrinks by the spread.
    let start = levels[0];
    let scale = SPREAD / ((1.0 - start).powi(2) * SPREAD * SPREAD + start * start).sqrt();
    let (x, y) = (values(&before.video.latent), values(&after.video.latent));
    let square: f64 = x.iter().zip(&y).map(|(x, y)| f64::from(y - x * scale).powi(2)).sum();
    (square / x.len() as f64).sqrt()
}

#[test]
fn smaller_steps_come_nearer_and_the_second_order_nearer_still() {
    let levels = |n: usize| schedule::dev(n, schedule::Shift::Tokens(1024)).unwrap();
    let euler = [8, 16, 32].map(|n| error(&levels(n), Method::Euler));
    let second = [4, 8, 16].map(|n| error(&levels(n), Method::SecondOrder { eta: 0.0 }));
    assert!(euler[1] < euler[0] * 0.65 && euler[2] < euler[1] * 0.65, "{euler:?}");
    // The same number of questions to the model.
    assert!(second.iter().zip(&euler).all(|(s, e)| *s < e / 2.0), "{second:?} {euler:?}");
}

#[test]
fn fresh_noise_keeps_the_spread_of_the_data() {
    let levels = schedule::dev(15, schedule::Shift::Fixed).unwrap();
    // With all of it fresh, steps this large lose spread: each estimate is a mean.
    for eta in [0.0, 0.5] {
        let (after, _) = run(&levels, Method::SecondOrder { eta }, &NONE, states(2), None);
        let x = values(&after.video.latent);
        let spread = (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt();
        assert!((spread - SPREAD).abs() < 0.06, "{eta}: {spread}");
    }
}

#[test]
fn a_run_resumes_to_the_same_bits_after_any_step() {
    let guidance = Guidance::fine();
    for (levels, method) in [(&schedule::DISTILLED[..], Method::Euler), (&schedule::SECOND_STAGE, Method::SecondOrder { eta: 0.5 })] {
        let (whole, saved) = run(levels, method, &guidance, states(3), None);
        assert_eq!(saved.len(), levels.len() - 1);
        for saved in &saved {
            let (resumed, rest) = run(levels, method, &guidance, states(3), Some(saved));
            assert_eq!(rest.len(), levels.len() - 1 - saved.taken());
            assert_eq!(values(&resumed.video.latent), values(&whole.video.latent));
            assert_eq!(values(&resumed.sound.latent), values(&whole.sound.latent));
        }
    }
}

#[test]
fn saved_runs_that_are_cut_or_foreign_are_refused() {
    let (_, saved) = run(&schedule::SECOND_STAGE, Method::Euler, &NONE, states(4), None);
    let bytes = saved[0].to_bytes();
    for cut in [0, 7, 8, 20, 31, 33, bytes.len() - 1] {
        assert_eq!(Saved::from_bytes(&bytes[..cut]), None);
    }
    let mut huge = bytes.clone();
    huge[16..24].fill(0xff);
    assert_eq!(Saved::from_bytes(&huge), None);
    let other = Pair {
        video: State::video(VideoGrid { frames: 1, rows: 1, columns: 1 }, 16, Clock::exact(24.0).unwrap(), None).unwrap(),
        ..states(4)
    };
    let prompts = Prompts { positive: context(0.0), negative: None };
    let levels = &schedule::SECOND_STAGE;
    let sampler = Sampler {
        model: &Gaussian,
        prompts: &prompts,
        guidance: &NONE,
        levels,
        method: Method::Euler,
        noise: Noise::new(0),
        cancelled: &|| false,
    };
    assert!(matches!(sampler.run(other, Some(&saved[0]), &mut |_| Ok(())), Err(Error::Unfit(_))));
}

#[test]
fn what_is_given_comes_out_as_it_was() {
    let Pair { mut video, sound } = states(5);
    let given = Noise::new(77).grid(super::noise::Purpose::Pixels, [1, 8, 8], 16).unwrap().reshape((1, 8, 8, 16)).unwrap();
    video.replace(&given, 1, 1.0).unwrap();
    let video = video.noised(&Noise::new(5), 1.0).unwrap();
    let frozen = values(&sound.latent);
    for method in [Method::Euler, Method::SecondOrder { eta: 0.5 }] {
        let states = Pair { video: video.clone(), sound: sound.clone().freeze() };
        let (after, _) = run(&schedule::DISTILLED, method, &Guidance::fine(), states, None);
        let kept = after.video.strip().unwrap().latent.narrow(0, 1, 1).unwrap();
        assert_eq!(values(&kept), values(&given), "{method:?}");
        assert_eq!(values(&after.sound.latent), frozen);
    }
}

#[test]
fn cancelled_runs_end_before_the_next_question() {
    let prompts = Prompts { positive: context(0.0), negative: None };
    let asked = std::cell::Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let noise = Noise::new(0);
    let (model, guidance, levels) = (&Gaussian, &NONE, &schedule::DISTILLED);
    let sampler = Sampler { model, prompts: &prompts, guidance, levels, method: Method::Euler, noise, cancelled: &stop };
    let mut steps = 0;
    let out = sampler.run(states(6), None, &mut |_| {
        steps += 1;
        Ok(())
    });
    assert!(matches!(out, Err(Error::Cancelled)));
    assert_eq!(steps, 3);
}

#[test]
fn a_model_that_answers_nonsense_is_caught() {
    struct Broken(f32, usize);
    impl Model for Broken {
        fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
            let full = |stream: &Stream| Tensor::full(self.0, stream.tokens.dims(), &Device::Cpu);
            passes.iter().take(self.1).map(|pass| Ok(Velocity { video: full(&pass.video)?, audio: full(&pass.audio)? })).collect()
        }
    }
    let prompts = Prompts { positive: context(0.0), negative: None };
    for model in [Broken(f32::NAN, 1), Broken(f32::INFINITY, 1), Broken(0.0, 0)] {
        let (guidance, levels, noise) = (&NONE, &schedule::DISTILLED, Noise::new(0));
        let sampler = Sampler { model: &model, prompts: &prompts, guidance, levels, method: Method::Euler, noise, cancelled: &|| false };
        assert!(matches!(sampler.run(states(7), None, &mut |_| Ok(())), Err(Error::Unfit(_))));
    }
}

#[test]
fn only_passes_that_change_something_are_run() {
    let prompts = Prompts { positive: context(0.0), negative: Some(context(1.0)) };
    let states = states(8);
    let kinds = |guidance: &Pair<Guidance>, states: Pair<&State>| -> Vec<Kind> {
        Plan::new(guidance, states, &prompts).unwrap().passes.iter().map(|p| p.kind).collect()
    };
    use crate::checkpoint::Generation;
    assert_eq!(kinds(&NONE, states.as_ref()), [Kind::Positive]);
    let all = Guidance::of(Generation::V2_3);
    assert_eq!(all.video.blocks, [28]);
    assert_eq!(Guidance::of(Generation::V2_0).sound.blocks, [29]);
    assert_eq!(kinds(&all, states.as_ref()), [Kind::Positive, Kind::Negative, Kind::Perturbed, Kind::Isolated]);
    assert_eq!(kinds(&Guidance::fine(), states.as_ref()), [Kind::Positive, Kind::Negative, Kind::Isolated]);
    // Guidance of a modality that is given changes nothing.
    let frozen = Pair { video: states.video.clone().freeze(), sound: states.sound.clone() };
    let video_alone = Pair { video: all.video.clone(), sound: Guidance::OFF };
    assert_eq!(kinds(&video_alone, frozen.as_ref()), [Kind::Positive]);
    let plan = Plan::new(&video_alone, states.as_ref(), &prompts).unwrap();
    let left_out = &plan.passes[2].perturbation;
    assert_eq!((left_out.video.iter().copied().collect::<Vec<_>>(), left_out.audio.len()), (vec![28], 0));
    let without = Prompts { negative: None, ..prompts.clone() };
    assert!(Plan::new(&all, states.as_ref(), &without).is_err());
    let wild = Pair { video: Guidance { rescale: f32::NAN, ..Guidance::OFF }, sound: Guidance::OFF };
    assert!(Plan::new(&wild, states.as_ref(), &prompts).is_err());
}

#[test]
fn guidance_follows_its_formula() {
    let prompts = Prompts { positive: context(0.0), negative: Some(context(1.0)) };
    let guidance = Guidance { text: 3.0, skip: 0.5, blocks: vec![1], modality: 2.0, rescale: 0.0 };
    let both = Pair { video: guidance.clone(), sound: Guidance::OFF };
    let plan = Plan::new(&both, states(9).as_ref(), &prompts).unwrap();
    let estimates = vec![vec![1.0, 2.0, 4.0], vec![0.0, 1.0, 1.0], vec![2.0, 2.0, 2.0], vec![0.5, 1.5, 3.0]];
    // c + 2·(c − n) + ½·(c − p) + (c − m)
    assert_eq!(guidance.combine(&plan, &estimates), [1.0 + 2.0 - 0.5 + 0.5, 2.0 + 2.0 + 0.0 + 0.5, 4.0 + 6.0 + 1.0 + 1.0]);
    assert_eq!(both.sound.combine(&plan, &estimates), estimates[0]);
    let rescaled = Guidance { rescale: 1.0, ..guidance }.combine(&plan, &estimates);
    let spread = |x: &[f32]| x.iter().map(|v| (v - x.iter().sum::<f32>() / 3.0).powi(2)).sum::<f32>();
    assert!((spread(&rescaled) - spread(&estimates[0])).abs() < 1e-4);
}

#[test]
fn the_anchor_is_where_a_hundred_rounds_lead() {
    // Three tokens' worth of numbers through the reference's rounds and through the formula.
    for (half, estimate, k) in [(0.3, -1.2, 0.2f64), (2.0, 0.5, 0.21), (-0.7, 0.1, 0.05)] {
        let mut anchor: f64 = 0.4;
        for _ in 0..100 {
            anchor = half - k * (estimate - anchor);
        }
        assert!((anchor - (half - k * estimate) / (1.0 - k)).abs() < 1e-12);
    }
    assert!(second_order::refines(0.4, 0.5) && !second_order::refines(0.6, 0.5) && !second_order::refines(0.4, 0.03));
}

#[test]
fn weights_are_those_of_the_exponential_midpoint() {
    for h in [1e-9, 1e-3, 0.05, 0.0999, 0.1001, 0.5, 2.0, 6.0] {
        let weights = second_order::Weights::of(h);
        // A constant estimate is reached exactly: both weights together cover 1 − e⁻ʰ of the way.
        assert!((weights.first + weights.second - -(-h).exp_m1()).abs() < 1e-12, "{h}");
        assert!((weights.middle - -(-h / 2.0).exp_m1()).abs() < 1e-12);
        // One that moves linearly in ln σ too: the second weight is 2·h·φ₂(−h).
        let exact = 2.0 * ((-h).exp_m1() + h) / h;
        assert!((weights.second - exact).abs() < 1e-6, "{h}: {} {exact}", weights.second);
    }
}
