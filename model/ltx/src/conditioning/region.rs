//! Which part of a clip is made anew: spans of time, the same for picture and sound or each its own, with soft edges.

use super::state::State;
use crate::error::{Error, Result};

/// A span of time to be made anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Seconds from the beginning.
    pub start: f64,
    /// Seconds, not part of it.
    pub end: f64,
    /// Seconds beyond either edge over which what is kept is given back gradually; 0 for a hard edge.
    pub feather: f64,
}

impl Region {
    /// With hard edges.
    pub fn hard(start: f64, end: f64) -> Self {
        Self { start, end, feather: 0.0 }
    }

    /// How much of a token is made anew: all where it shares time with the region, beyond that less with the distance of its
    /// middle.
    fn share(&self, (start, end): (f32, f32)) -> f32 {
        let (start, end) = (f64::from(start), f64::from(end));
        if end > self.start && start < self.end {
            return 1.0;
        }
        let middle = f64::midpoint(start, end);
        let distance = (self.start - middle).max(middle - self.end);
        if distance < self.feather { (1.0 - distance / self.feather) as f32 } else { 0.0 }
    }
}

impl State {
    /// Keeps everything but the regions: sets the mask of the target's tokens.
    pub fn remake(&mut self, regions: &[Region]) -> Result<()> {
        for region in regions {
            let sound = region.start.is_finite() && region.end.is_finite() && region.feather >= 0.0 && region.feather.is_finite();
            if !sound || region.start >= region.end {
                return Err(Error::Unfit(format!(
                    "{} s to {} s with {} s of feather is no span of time",
                    region.start, region.end, region.feather
                )));
            }
        }
        let times = self.positions.first().map(Vec::as_slice).unwrap_or_default();
        let share = |span| regions.iter().map(|r| r.share(span)).fold(0.0, f32::max);
        let masks: Vec<f32> = times.iter().take(self.target).map(|span| share(*span)).collect();
        self.mask[..masks.len()].copy_from_slice(&masks);
        Ok(())
    }

    /// Sets how much of each target token is to be made, 0 to 1, for masks that are no spans of time.
    pub fn remake_by(&mut self, shares: &[f32]) -> Result<()> {
        if shares.len() != self.target || shares.iter().any(|s| !(0.0..=1.0).contains(s)) {
            let why = format!("{} shares from 0 to 1 are needed, one for each token; {} were given", self.target, shares.len());
            return Err(Error::Unfit(why));
        }
        self.mask[..self.target].copy_from_slice(shares);
        Ok(())
    }
}
