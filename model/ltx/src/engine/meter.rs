//! How far the pictures of a job have come, over all windows and stages.

use shot::{Sink, Stage};

use crate::error::Result;

/// What a step through the transformer counts against a decoded frame: roughly what it costs.
const STEP: u64 = 24;

/// A count of work.
#[derive(Debug)]
pub struct Meter {
    done: u64,
    of: u64,
}

impl Meter {
    /// For so many steps of sampling and frames to decode.
    pub fn new(steps: usize, frames: usize) -> Self {
        Self { done: 0, of: steps as u64 * STEP + frames as u64 }
    }

    /// A step of sampling is done.
    pub fn sampled(&mut self, sink: &mut dyn Sink) -> Result<()> {
        self.add(STEP, sink)
    }

    /// Steps that were taken before the job was stopped.
    pub fn skipped(&mut self, steps: usize) {
        self.done = (self.done + steps as u64 * STEP).min(self.of);
    }

    /// Frames are decoded.
    pub fn step(&mut self, frames: usize, sink: &mut dyn Sink) -> Result<()> {
        self.add(frames as u64, sink)
    }

    /// Says again how far it has come; an error means that the job was stopped.
    pub fn tell(&self, sink: &mut dyn Sink) -> Result<()> {
        Ok(sink.progress(Stage::Picture, self.done, self.of)?)
    }

    fn add(&mut self, work: u64, sink: &mut dyn Sink) -> Result<()> {
        self.done = (self.done + work).min(self.of);
        self.tell(sink)
    }
}
