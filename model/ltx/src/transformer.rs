//! The joint transformer: from noisy tokens of picture and sound to velocities, over 48 blocks in which both streams attend to
//! themselves, to the text and to each other. Generations 2.0, 2.3 and 2.5 differ by what their configuration says.
//!
//! [`Transformer::forward`] takes all passes of a step at once, so that a block's weights are read once for all of them.

pub mod block;
pub mod config;
pub mod levels;
pub mod residence;
pub mod stream;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};

use crate::checkpoint::{Checkpoint, Part, Place, Weights};
use crate::error::{Error, Result};
use crate::ops::is_sound;
use crate::ops::linear::{Linear, Then};
use crate::ops::norm::{Index, Norm, Rows, modulate};
use crate::ops::rope::Rope;
use block::{Block, Side, Skip};
use levels::Levels;
use residence::Reader;

pub use config::Config;
pub use residence::Residence;
pub use stream::{Pass, Perturbation, Positions, Stream, Timesteps, Velocity};

/// Which noise level steers the attention between the streams. The rule changed in the authors' code while the weights did not say
/// which they were trained with; without per-token levels, and with one level for both streams, all three agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestepRule {
    /// Scale and shift by the stream's own per-token levels, the gate by the other stream's level: the authors' code since May 2026.
    #[default]
    Official,
    /// All by the other stream's level: their code of March 2026.
    Cross,
    /// All by the stream's own per-token levels: their code of January 2026.
    Own,
}

/// The joint transformer of one checkpoint.
#[derive(Debug)]
pub struct Transformer {
    config: Config,
    place: Place,
    rule: TimestepRule,
    video: Ends,
    audio: Ends,
    keyframes: Option<Tensor>,
    blocks: Vec<Block>,
    reader: Reader,
    ropes: Mutex<Vec<(Key, Arc<Rope>)>>,
    /// Everything that it was loaded from.
    weights: Weights,
}

/// Positions a rope was made for, and which of them: pointers to the same positions are the same rope.
type Key = (Arc<Positions>, Turn);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Video,
    Audio,
    Cross,
}

/// Ropes kept: two streams and their crossings, for two shapes.
const ROPES: usize = 8;

/// What stands before and after the blocks, for one stream.
#[derive(Debug)]
struct Ends {
    enter: Linear,
    leave: Linear,
    captions: Option<(Linear, Linear)>,
    own: Levels,
    cross: Levels,
    gate: Levels,
    prompt: Option<Levels>,
    table: Tensor,
}

impl Ends {
    fn load(weights: &Weights, config: &Config, audio: bool) -> Result<Self> {
        let width = if audio { &config.audio } else { &config.video };
        let (inner, prefix) = (width.inner(), if audio { "audio_" } else { "" });
        let levels = |name: String, rows| Levels::load(&weights.at(name), inner, rows);
        let (crossing, gate) = if audio { ("audio", "v2a") } else { ("video", "a2v") };
        let captions = |channels| -> Result<_> {
            let weights = weights.at(format!("{prefix}caption_projection"));
            Ok((weights.at("linear_1").linear(channels, inner, true)?, weights.at("linear_2").linear(inner, inner, true)?))
        };
        Ok(Self {
            enter: weights.at(format!("{prefix}patchify_proj")).linear(width.inputs, inner, true)?,
            leave: weights.at(format!("{prefix}proj_out")).linear(inner, width.outputs, true)?,
            captions: config.captions.map(captions).transpose()?,
            own: levels(format!("{prefix}adaln_single"), if config.text_modulation { 9 } else { 6 })?,
            cross: levels(format!("av_ca_{crossing}_scale_shift_adaln_single"), 4)?,
            gate: levels(format!("av_ca_{gate}_gate_adaln_single"), 1)?,
            prompt: (config.text_modulation && config.prompt_levels)
                .then(|| levels(format!("{prefix}prompt_adaln_single"), 2))
                .transpose()?,
            table: weights.tensor(format!("{prefix}scale_shift_table"), &[2, inner])?,
        })
    }

    fn levels(&self) -> impl Iterator<Item = &Levels> {
        [&self.own, &self.cross, &self.gate].into_iter().chain(&self.prompt)
    }
}

/// A pass that has come through a block.
#[derive(Clone, Copy, Debug)]
pub struct After<'a> {
    /// Which block, from 0.
    pub block: usize,
    /// Which of the passes.
    pub pass: usize,
    /// The picture's stream.
    pub video: &'a Side,
    /// The sound's stream.
    pub audio: &'a Side,
}

/// A stream inside, and what its end needs.
struct Running {
    side: Side,
    embedded: Tensor,
    index: Index,
}

impl Transformer {
    /// The transformer of a checkpoint, by what its configuration says. No weight is copied on the CPU.
    pub fn load(checkpoint: &Checkpoint, place: &Place, residence: Residence) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::Transformer, place)?;
        let config = Config::read(&section)?;
        let at = |i: usize| weights.at(format!("transformer_blocks.{i}"));
        let blocks = (0..config.layers).map(|i| Block::load(&at(i), &config)).collect::<Result<Vec<_>>>()?;
        let keyframes = config.keyframes.then(|| weights.tensor("keyframes_abs_pos_embedding", &[1, config.video.inner()])).transpose()?;
        let reader = Reader::new((0..config.layers).map(|i| at(i).entries()).collect(), residence);
        Ok(Self {
            video: Ends::load(&weights, &config, false)?,
            audio: Ends::load(&weights, &config, true)?,
            place: place.clone(),
            rule: TimestepRule::default(),
            keyframes,
            blocks,
            reader,
            ropes: Mutex::new(Vec::new()),
            config,
            weights,
        })
    }

    /// With another rule for the attention between the streams.
    pub fn with_rule(self, rule: TimestepRule) -> Self {
        Self { rule, ..self }
    }

    /// What the checkpoint says of it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The velocity of every pass. All passes go through a block while it is at hand.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a weight is no number, found out by the result.
    pub fn forward(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        self.forward_watched(passes, &mut |_| Ok(()))
    }

    /// The same; `watch` sees every pass after every block, and an error from it ([`Error::Cancelled`]) ends the step.
    pub fn forward_watched(&self, passes: &[Pass], watch: &mut dyn FnMut(After<'_>) -> Result<()>) -> Result<Vec<Velocity>> {
        let mut running = passes.iter().map(|pass| self.enter(pass)).collect::<Result<Vec<_>>>()?;
        if self.reader.streams() {
            self.video.levels().chain(self.audio.levels()).filter_map(Levels::largest).for_each(|m| m.done_with());
        }
        self.reader.each(|i| {
            for (n, (pass, (video, audio))) in passes.iter().zip(&mut running).enumerate() {
                let p = &pass.perturbation;
                let skip = Skip { video: p.video.contains(&i), audio: p.audio.contains(&i), between: p.isolated };
                self.blocks[i].forward(&mut video.side, &mut audio.side, skip)?;
                watch(After { block: i, pass: n, video: &video.side, audio: &audio.side })?;
            }
            Ok(())
        })?;
        let leave = |(video, audio)| Ok(Velocity { video: self.leave(&self.video, video)?, audio: self.leave(&self.audio, audio)? });
        let velocities = running.into_iter().map(leave).collect::<Result<Vec<_>>>()?;
        velocities.iter().zip(passes).try_for_each(|(velocity, pass)| self.check(velocity, pass))?;
        Ok(velocities)
    }

    /// Whether a result is made of numbers; else which weight is not, unless it was the question.
    fn check(&self, velocity: &Velocity, pass: &Pass) -> Result<()> {
        if is_sound(&velocity.video)? && is_sound(&velocity.audio)? {
            return Ok(());
        }
        let asked = [&pass.video.tokens, &pass.video.context, &pass.audio.tokens, &pass.audio.context];
        let mut asked_in_numbers = true;
        for tensor in asked {
            asked_in_numbers &= is_sound(tensor)?;
        }
        let found = if asked_in_numbers { self.weights.unsound() } else { None };
        Err(found.unwrap_or_else(|| Error::Broken("the transformer gives values that are no numbers".into())))
    }

    fn enter(&self, pass: &Pass) -> Result<(Running, Running)> {
        let (video, audio) = (&pass.video, &pass.audio);
        video.check("picture", self.config.video.inputs, self.config.captions.unwrap_or(self.config.video.context), 3)?;
        audio.check("sound", self.config.audio.inputs, self.config.captions.unwrap_or(self.config.audio.context), 1)?;
        let last = pass.perturbation.video.iter().chain(&pass.perturbation.audio).max();
        if let Some(last) = last.filter(|b| **b >= self.blocks.len()) {
            return Err(Error::Unfit(format!("block {last} is to be perturbed, the model has {} (from 0)", self.blocks.len())));
        }
        let mut entered = (
            self.enter_stream(&self.video, video, audio.sigma, Turn::Video)?,
            self.enter_stream(&self.audio, audio, video.sigma, Turn::Audio)?,
        );
        if let (Some(embedding), Some(marks)) = (&self.keyframes, &video.keyframes) {
            let marks: Vec<f32> = marks.iter().map(|m| f32::from(u8::from(*m))).collect();
            let marks = Tensor::from_vec(marks, (video.timesteps.index.len(), 1), &Device::Cpu)?;
            let marks = marks.to_device(&self.place.device)?.to_dtype(self.place.dtype)?;
            let x = &mut entered.0.side.x;
            *x = (&*x + marks.broadcast_mul(embedding)?)?;
        }
        Ok(entered)
    }

    /// `other` is the noise level of the other stream.
    fn enter_stream(&self, ends: &Ends, stream: &Stream, other: f32, turn: Turn) -> Result<Running> {
        let to_place = |t: &Tensor| t.to_device(&self.place.device)?.to_dtype(self.place.dtype)?.contiguous();
        let index = Index::each(stream.timesteps.index.clone(), &self.place.device)?;
        let levels = self.config.levels;
        let scaled: Vec<f32> = stream.timesteps.values.iter().map(|v| v * levels).collect();
        let of = |network: &Levels, values: &[f32], index: &Index| network.forward(values, index, &self.place);
        let (own, embedded) = of(&ends.own, &scaled, &index)?;
        // What the gates between the streams are multiplied by, relative to everything else.
        let factor = self.config.gate_levels / levels;
        let (tokens, whole) = ((scaled.clone(), index.clone()), (vec![other * levels], Index::shared()));
        let (cross, gate) = match self.rule {
            TimestepRule::Official => (tokens, whole),
            TimestepRule::Cross => (whole.clone(), whole),
            TimestepRule::Own => (tokens.clone(), tokens),
        };
        let gate_levels: Vec<f32> = gate.0.iter().map(|v| v * factor).collect();
        let prompt = ends.prompt.as_ref().map(|p| of(p, &[stream.sigma * levels], &Index::shared())).transpose()?;
        let mut context = to_place(&stream.context)?;
        if let Some((first, second)) = &ends.captions {
            context = second.forward(&first.forward_then(&context, Then::Gelu)?)?;
        }
        let bias = stream.mask.as_ref().map(block::bias).transpose()?.map(|b| b.to_device(&self.place.device)).transpose()?;
        let side = Side {
            x: ends.enter.forward(&to_place(&stream.tokens)?)?,
            context,
            own,
            cross: of(&ends.cross, &cross.0, &cross.1)?.0,
            gate: of(&ends.gate, &gate_levels, &gate.1)?.0,
            prompt: prompt.map(|p| p.0),
            rope: self.rope(&stream.positions, turn)?,
            cross_rope: self.rope(&stream.positions, Turn::Cross)?,
            bias,
        };
        Ok(Running { side, embedded, index })
    }

    fn leave(&self, ends: &Ends, running: Running) -> Result<Tensor> {
        let row = |i: usize| -> Result<Rows> {
            let table = running.embedded.broadcast_add(&ends.table.narrow(0, i, 1)?)?;
            Ok(Rows { table: table.contiguous()?, index: running.index.clone() })
        };
        // The last norm's ε is fixed in every implementation, whatever the configuration says of the others.
        let x = modulate(&running.side.x, Norm::Layer, 1e-6, Some((&row(1)?, &row(0)?)))?;
        ends.leave.forward(&x)
    }

    /// Kept for positions that come again: every step of a job has the same.
    fn rope(&self, positions: &Arc<Positions>, turn: Turn) -> Result<Arc<Rope>> {
        let mut kept = self.ropes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rope)) = kept.iter().find(|((p, t), _)| Arc::ptr_eq(p, positions) && *t == turn) {
            return Ok(rope.clone());
        }
        let (video, audio) = (self.config.video.inner(), self.config.audio.inner());
        let c = &self.config;
        let (channels, longest) = match turn {
            Turn::Video => (video, c.longest.to_vec()),
            Turn::Audio => (audio, vec![c.longest_audio]),
            // Time alone, in the sound's channels.
            Turn::Cross => (audio, vec![c.longest_shared()]),
        };
        let place = |(start, end): (f32, f32)| if c.middle { (start + end) / 2.0 } else { start };
        let fraction = |(axis, longest): (&Vec<(f32, f32)>, &f32)| axis.iter().map(|span| place(*span) / longest).collect();
        let fractions: Vec<Vec<f32>> = positions.0.iter().zip(&longest).map(fraction).collect();
        let rope = Arc::new(Rope::new(&fractions, channels, c.rates, &self.place.device)?);
        if kept.len() >= ROPES {
            kept.remove(0);
        }
        kept.push(((positions.clone(), turn), rope.clone()));
        Ok(rope)
    }
}
