//! How strongly tokens look at each other. Without a given strength everything looks at everything; with one, appended groups see
//! the target and themselves, not each other (`ltx_core/conditioning/mask_utils.py`).

use candle_core::Tensor;

use super::state::State;
use crate::error::Result;
use crate::ops::slices;

/// Appended tokens that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Group {
    pub start: usize,
    pub count: usize,
    pub attention: Option<f32>,
}

impl State {
    /// Strengths `[tokens, tokens]` from 0 to 1, rows looking at columns; `None` where all are 1.
    ///
    /// Four bytes to a pair of tokens: only where a strength was asked for.
    pub fn attention(&self) -> Result<Option<Tensor>> {
        // Groups before the first with a strength were appended while everything looked at everything.
        let Some(first) = self.groups.iter().position(|g| g.attention.is_some()) else { return Ok(None) };
        let tokens = self.tokens();
        let mut strengths = vec![0.0; tokens * tokens];
        let free = self.groups[first].start;
        strengths.chunks_mut(tokens).take(free).for_each(|row| row[..free].fill(1.0));
        for group in &self.groups[first..] {
            let (range, strength) = (group.start..group.start + group.count, group.attention.unwrap_or(1.0));
            strengths.chunks_mut(tokens).take(self.target).for_each(|row| row[range.clone()].fill(strength));
            for row in strengths.chunks_mut(tokens).skip(group.start).take(group.count) {
                row[..self.target].fill(strength);
                row[range.clone()].fill(1.0);
            }
        }
        Ok(Some(slices::tensor(strengths, (tokens, tokens))?))
    }
}
