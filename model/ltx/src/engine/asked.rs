//! The transformer as a job asks it: it stops between blocks when the job is stopped.

use crate::error::Result;
use crate::sampling::model::Model;
use crate::transformer::{Pass, Transformer, Velocity};

/// A transformer, and who is asked whether to go on.
pub struct Asked<'a> {
    /// Who answers.
    pub transformer: &'a Transformer,
    /// Called after every block; its error ends the step.
    pub go_on: &'a dyn Fn() -> Result<()>,
}

impl Model for Asked<'_> {
    fn velocities(&self, passes: &[Pass]) -> Result<Vec<Velocity>> {
        // A step of a large model takes minutes on a processor: whoever stopped the job must not wait for its end.
        self.transformer.forward_watched(passes, &mut |_| (self.go_on)())
    }
}
