//! How long a shot wants to be, from its contexts: the small head that 2.5 brings along.

use candle_core::{Device, Tensor};

use crate::checkpoint::{Checkpoint, Part, Place, Weights};
use crate::error::{Error, Result, Stage};
use crate::text::attention::{Attention, Span};
use crate::text::{Dense, Run, TextContext};

/// The head. Small: it runs on the CPU in f32, wherever the rest is.
#[derive(Debug)]
pub struct DurationHead {
    inputs: [(Dense, Tensor); 2],
    queries: Tensor,
    pooler: Pooler,
    output: Dense,
    heads: usize,
    hidden: Dense,
    last: Dense,
}

/// Projections of queries, keys and values.
#[derive(Debug)]
enum Pooler {
    /// One below the other, as the published file has them.
    Packed(Dense),
    /// As diffusers has them.
    Apart(Box<[Dense; 3]>),
}

impl DurationHead {
    /// Finds and checks its tensors; sizes come from their shapes, as the published file says none.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::DurationHead, &Place::default())?;
        let section = if section.has("duration_head") { section.section("duration_head") } else { section };
        let two = |name: &str| match weights.entry(name)?.1.shape[..] {
            [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
            ref other => Err(section.wrong(format!("{name} has the shape {other:?}, expected two axes"))),
        };
        let (width, video) = two("video_input_proj.weight")?;
        let (_, audio) = two("audio_input_proj.weight")?;
        let (queries, _) = two("attention_pooler.query_tokens")?;
        let (hidden, _) = two("mlp_hidden.weight")?;
        let heads = section.size_or("num_pooler_heads", 4)?;
        if width % heads != 0 {
            return Err(section.wrong(format!("{heads} heads cannot share a width of {width}")));
        }
        let input = |name: &str, inputs| {
            let dense = Dense::load(&weights.at(format!("{name}_input_proj")), inputs, width, true)?;
            Ok::<_, Error>((dense, weights.tensor(format!("{name}_modality_emb"), &[width])?))
        };
        let place = weights.at("attention_pooler");
        let (pooler, output) = Pooler::load(&place, width)?;
        Ok(Self {
            inputs: [input("video", video)?, input("audio", audio)?],
            queries: place.tensor("query_tokens", &[queries, width])?,
            pooler,
            output,
            heads,
            hidden: Dense::load(&weights.at("mlp_hidden"), width * queries, hidden, true)?,
            last: Dense::load(&weights.at("mlp_out"), hidden, 1, true)?,
        })
    }

    /// Seconds, more than 0.
    pub fn seconds(&self, context: &TextContext) -> Result<f64> {
        let place = Place::default();
        let run = Run { place: &place, streamed: false, cancel: &|| false };
        let stage = "duration head";
        let mut rows = Vec::new();
        for ((dense, tag), context) in self.inputs.iter().zip([&context.video, &context.audio]) {
            let context = context.to_device(&Device::Cpu).and_then(|c| c.to_dtype(candle_core::DType::F32)).stage(stage)?;
            rows.push(dense.forward(&context, &run)?.broadcast_add(tag).stage(stage)?);
        }
        let rows = Tensor::cat(&rows, 0).stage(stage)?;
        let pooled = self.pool(&rows, &run)?;
        let hidden = self.hidden.forward(&pooled, &run)?.gelu().stage(stage)?;
        let logarithm: Vec<f32> = self.last.forward(&hidden, &run)?.flatten_all().and_then(|l| l.to_vec1()).stage(stage)?;
        Ok(logarithm.iter().map(|l| f64::from(*l)).sum::<f64>().exp())
    }

    /// `[rows, width]` read by the learned queries → `[1, queries·width]`.
    fn pool(&self, rows: &Tensor, run: &Run<'_>) -> Result<Tensor> {
        let stage = "duration head";
        let (count, width) = self.queries.dims2().stage(stage)?;
        let heads = |x: &Tensor| x.reshape((x.dim(0)?, self.heads, width / self.heads));
        let project = |x: &Tensor, which: usize| {
            let projected = match &self.pooler {
                Pooler::Packed(dense) => dense.forward(x, run)?.narrow(1, which * width, width).stage(stage)?,
                Pooler::Apart(all) => all[which].forward(x, run)?,
            };
            heads(&projected).stage(stage)
        };
        let scale = ((width / self.heads) as f32).powf(-0.5);
        let attention = Attention { heads: self.heads, key_heads: self.heads, head: width / self.heads, scale, span: Span::All };
        let pooled = attention.forward(&project(&self.queries, 0)?, &project(rows, 1)?, &project(rows, 2)?)?;
        self.output.forward(&pooled, run)?.reshape((1, count * width)).stage(stage)
    }
}

impl Pooler {
    fn load(weights: &Weights, width: usize) -> Result<(Self, Dense)> {
        if weights.has("to_q.weight") {
            let one = |name: &str| Dense::load(&weights.at(name), width, width, true);
            return Ok((Self::Apart(Box::new([one("to_q")?, one("to_k")?, one("to_v")?])), one("to_out")?));
        }
        let attention = weights.at("cross_attn");
        let matrix = attention.matrix("in_proj_weight", &[3 * width, width])?;
        let bias = attention.values("in_proj_bias", &[3 * width])?;
        Ok((Self::Packed(Dense::of(matrix, bias)), Dense::load(&attention.at("out_proj"), width, width, true)?))
    }
}

/// Bounds and clock of a shot.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Frames a second.
    pub rate: f64,
    /// Frames per latent frame.
    pub step: usize,
    /// Shortest shot, in seconds.
    pub shortest: f64,
    /// Longest shot, in seconds.
    pub longest: f64,
}

impl Grid {
    /// The model's own: 1 to 20 seconds in steps of 8 frames.
    pub fn at(rate: f64) -> Self {
        Self { rate, step: 8, shortest: 1.0, longest: 20.0 }
    }

    /// Frames for seconds: inside the bounds, then down onto `step·k + 1`, or up where that would be too short.
    pub fn frames(&self, seconds: f64) -> usize {
        // Halves go to the even number, as the reference's do.
        let frames = |seconds: f64| (seconds * self.rate).round_ties_even().clamp(0.0, 1e9) as usize;
        let (least, most) = (frames(self.shortest).max(1), frames(self.longest));
        let wanted = frames(seconds).min(most).max(least);
        let step = self.step.max(1);
        let down = (wanted - 1) / step * step + 1;
        let up = down + step;
        let better = up <= most || up.abs_diff(wanted) < down.abs_diff(wanted);
        if down < least && better { up } else { down }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_bounds_and_the_grid() {
        let grid = Grid::at(24.0);
        assert_eq!(grid.frames(5.0), 113);
        assert_eq!(grid.frames(0.1), 25);
        assert_eq!(grid.frames(100.0), 473);
        assert_eq!(grid.frames(f64::NAN), 25);
        // No point of the grid lies between 24 and 24 frames: the nearest one is taken.
        assert_eq!(Grid { longest: 1.02, ..grid }.frames(1.0), 25);
        assert_eq!(Grid { shortest: 0.8, longest: 0.85, ..grid }.frames(0.8), 17);
    }
}
