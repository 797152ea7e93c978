//! From a spectrum to a signal: transposed convolutions that raise the rate step by step, each followed by residual blocks of several
//! reaches whose results are averaged (J. Kong et al., "HiFi-GAN", 2020). Generation 2.0 has leaky rectifiers, 2.3 and later
//! [`Snake`].

use super::snake::Snake;
use super::{Cancel, go_on};
use crate::checkpoint::section::Section;
use crate::checkpoint::weights::Weights;
use crate::error::Result;
use crate::ops::conv1d::{Conv1d, ConvTranspose1d, Shape};

/// Taps of the first and the last convolution.
const EDGE: usize = 7;
/// Slope below zero inside the net, and after its last level: the reference forgets to pass its own slope there, and so was trained.
const SLOPES: (f32, f32) = (0.1, 0.01);

/// Sizes of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Channels before the first step; each step halves them.
    pub channels: usize,
    /// What each step multiplies the rate by.
    pub rates: Vec<usize>,
    /// Taps of each step.
    pub taps: Vec<usize>,
    /// Taps of the residual blocks after each step.
    pub block_taps: Vec<usize>,
    /// Dilations of each of these blocks.
    pub dilations: Vec<Vec<usize>>,
    /// Snake instead of a leaky rectifier.
    pub snake: bool,
    /// Whether the last convolution has a bias.
    pub last_bias: bool,
    /// What keeps the result in −1..1.
    pub finish: Finish,
}

/// What is done to the last convolution's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Hyperbolic tangent.
    Tanh,
    /// Cut at −1 and 1.
    Clamp,
    /// Nothing: a residual.
    Open,
}

impl Config {
    /// From a section with the keys of a vocoder.
    pub fn read(section: &Section) -> Result<Self> {
        let block_taps = section.sizes_or("resblock_kernel_sizes", &[3, 7, 11])?;
        let three = || vec![vec![1, 3, 5]; block_taps.len()];
        let lists = |v: &serde_json::Value| {
            let size = |n: &serde_json::Value| n.as_u64().filter(|n| (1..=64).contains(n)).map(|n| n as usize);
            v.as_array()?.iter().map(|l| l.as_array()?.iter().map(size).collect::<Option<Vec<_>>>()).collect()
        };
        let key = "resblock_dilation_sizes";
        let dilations = if section.has(key) { section.read(key, lists, "lists of whole numbers from 1 to 64")? } else { three() };
        let kind = section.word_or("resblock", "1")?;
        let snake = match (kind.as_str(), section.word_or("activation", "snake")?.as_str()) {
            ("1", _) => false,
            ("AMP1", "snake" | "snakebeta") => true,
            (kind, activation) => {
                return Err(section.wrong(format!("resblock {kind:?} with activation {activation:?} is in no published model")));
            }
        };
        let config = Self {
            channels: section.size_or("upsample_initial_channel", 1024)?,
            rates: section.sizes_or("upsample_rates", &[6, 5, 2, 2, 2])?,
            taps: section.sizes_or("upsample_kernel_sizes", &[16, 15, 8, 4, 4])?,
            block_taps,
            dilations,
            snake,
            last_bias: section.flag_or("use_bias_at_final", true)?,
            finish: if section.flag_or("use_tanh_at_final", true)? { Finish::Tanh } else { Finish::Clamp },
        };
        config.check().map_err(|why| section.wrong(why))?;
        Ok(config)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let Self { channels, rates, taps, block_taps, dilations, .. } = self;
        if rates.is_empty() || rates.len() > 16 || channels >> rates.len() == 0 {
            return Err(format!("upsample_rates {rates:?} halve {channels} channels away"));
        }
        if rates.len() != taps.len() || rates.iter().zip(taps).any(|(r, t)| *r == 0 || t < r || *t > 1024 || (t - r) % 2 != 0) {
            return Err(format!("upsample_kernel_sizes {taps:?} do not fit upsample_rates {rates:?}"));
        }
        if block_taps.is_empty() || block_taps.len() != dilations.len() || block_taps.iter().any(|t| t % 2 == 0 || *t > 1024) {
            return Err(format!("resblock_kernel_sizes {block_taps:?} do not fit resblock_dilation_sizes {dilations:?}"));
        }
        Ok(())
    }

    /// Samples per frame of the spectrum.
    pub fn ratio(&self) -> usize {
        self.rates.iter().product()
    }
}

/// The net.
#[derive(Clone, Debug)]
pub struct Generator {
    first: Conv1d,
    levels: Vec<Level>,
    after: Nonlinearity,
    last: Conv1d,
    finish: Finish,
}

#[derive(Clone, Debug)]
struct Level {
    rectifier: bool,
    up: ConvTranspose1d,
    blocks: Vec<Block>,
}

/// One residual block: per dilation a wide and a plain convolution.
#[derive(Clone, Debug)]
struct Block(Vec<Step>);

#[derive(Clone, Debug)]
struct Step {
    wide: (Nonlinearity, Conv1d),
    plain: (Nonlinearity, Conv1d),
}

#[derive(Clone, Debug)]
enum Nonlinearity {
    Leaky(f32),
    Snake(Snake),
}

impl Nonlinearity {
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        match self {
            Self::Leaky(slope) => x.iter().map(|v| if *v < 0.0 { v * slope } else { *v }).collect(),
            Self::Snake(snake) => snake.forward(x),
        }
    }
}

impl Generator {
    /// For spectra of `inputs` values and signals of `outputs` channels.
    pub fn load(weights: &Weights, config: &Config, inputs: usize, outputs: usize) -> Result<Self> {
        let edge = |inputs, outputs| Shape { inputs, outputs, taps: EDGE };
        let first = Conv1d::load(&weights.at("conv_pre"), edge(inputs, config.channels), 1, true)?;
        let mut levels = Vec::new();
        let mut channels = config.channels;
        for (index, (rate, taps)) in config.rates.iter().zip(&config.taps).enumerate() {
            let shape = Shape { inputs: channels, outputs: channels / 2, taps: *taps };
            let up = ConvTranspose1d::load(&weights.at("ups").at(index), shape, *rate)?;
            channels /= 2;
            let mut blocks = Vec::new();
            for (kind, (taps, dilations)) in config.block_taps.iter().zip(&config.dilations).enumerate() {
                let place = weights.at("resblocks").at(index * config.block_taps.len() + kind);
                blocks.push(Block::load(&place, config.snake, channels, *taps, dilations)?);
            }
            levels.push(Level { rectifier: !config.snake, up, blocks });
        }
        let after =
            if config.snake { Nonlinearity::Snake(Snake::load(&weights.at("act_post"), channels)?) } else { Nonlinearity::Leaky(SLOPES.1) };
        let last = Conv1d::load(&weights.at("conv_post"), edge(channels, outputs), 1, config.last_bias)?;
        Ok(Self { first, levels, after, last, finish: config.finish })
    }

    /// Leaves the result as the last convolution gives it.
    pub fn open(&mut self) {
        self.finish = Finish::Open;
    }

    /// `[frames, inputs]` → `[frames·ratio, outputs]`.
    pub fn forward(&self, spectrum: &[f32], cancel: Cancel<'_>) -> Result<Vec<f32>> {
        let mut x = self.first.forward(spectrum);
        for level in &self.levels {
            go_on(cancel)?;
            x = level.up.forward(&if level.rectifier { Nonlinearity::Leaky(SLOPES.0).forward(&x) } else { x });
            let mut sum = vec![0.0; x.len()];
            for block in &level.blocks {
                go_on(cancel)?;
                sum.iter_mut().zip(block.forward(&x)).for_each(|(s, v)| *s += v);
            }
            let count = level.blocks.len() as f32;
            sum.iter_mut().for_each(|v| *v /= count);
            x = sum;
        }
        let mut out = self.last.forward(&self.after.forward(&x));
        match self.finish {
            Finish::Tanh => out.iter_mut().for_each(|v| *v = v.tanh()),
            Finish::Clamp => out.iter_mut().for_each(|v| *v = v.clamp(-1.0, 1.0)),
            Finish::Open => {}
        }
        Ok(out)
    }
}

impl Block {
    fn load(weights: &Weights, snake: bool, channels: usize, taps: usize, dilations: &[usize]) -> Result<Self> {
        let shape = Shape { inputs: channels, outputs: channels, taps };
        let mut steps = Vec::new();
        for (index, dilation) in dilations.iter().enumerate() {
            let layer = |convolutions: &str, nonlinearities: &str, dilation: usize| -> Result<_> {
                let nonlinearity = if snake {
                    Nonlinearity::Snake(Snake::load(&weights.at(nonlinearities).at(index), channels)?)
                } else {
                    Nonlinearity::Leaky(SLOPES.0)
                };
                let convolution = Conv1d::load(&weights.at(convolutions).at(index), shape, dilation, true)?;
                Ok((nonlinearity, convolution))
            };
            steps.push(Step { wide: layer("convs1", "acts1", *dilation)?, plain: layer("convs2", "acts2", 1)? });
        }
        Ok(Self(steps))
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut out = x.to_vec();
        for Step { wide, plain } in &self.0 {
            let hidden = wide.1.forward(&wide.0.forward(&out));
            plain.1.add_to(&plain.0.forward(&hidden), &mut out);
        }
        out
    }
}
