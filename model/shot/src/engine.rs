//! What an engine is: it turns a request and its context into pictures and sound, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::fault::Fault;
use crate::picture::Picture;
use crate::request::Request;
use crate::sound::Sound;

/// A flag that stops the work; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// `Err` once it was asked: engines call it between steps.
    pub fn check(&self) -> Result<(), Fault> {
        if self.is_cancelled() { Err(Fault::cancelled()) } else { Ok(()) }
    }
}

/// What a job is busy with, in the order in which it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Reading handle frames and sound.
    Context,
    /// Loading weights.
    Weights,
    /// Making pictures.
    Picture,
    /// Making sound.
    Sound,
    /// Writing the take.
    Publish,
}

impl Stage {
    /// What an editor reads beside a bar.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Context => "reading the neighbours",
            Self::Weights => "loading the model",
            Self::Picture => "making pictures",
            Self::Sound => "making sound",
            Self::Publish => "writing the take",
        }
    }
}

/// Where an engine puts what it makes. Pictures come in time order, exactly [`Request::total_frames`] of them.
pub trait Sink {
    /// The next picture, at the request's size and in its colour space.
    fn picture(&mut self, picture: Picture) -> Result<(), Fault>;
    /// The whole sound: [`crate::SAMPLE_RATE`], the request's channels, exactly [`Request::total_samples`] samples.
    fn sound(&mut self, sound: Sound) -> Result<(), Fault>;
    /// How far a stage has come. An error means: stop now.
    fn progress(&mut self, stage: Stage, done: u64, of: u64) -> Result<(), Fault>;
    /// Says that the pictures are a card: the shot is still missing, and nobody shall take it for a picture.
    fn card(&mut self);
    /// Says that the pictures are matched to the neighbours' look already: nobody matches them again. Before the first of them.
    fn matched(&mut self) {}
    /// Says that highlights of the pictures end at display white, because the engine could not know more.
    fn sdr(&mut self) {}
    /// A measured figure of the result.
    fn figure(&mut self, figure: crate::take::Figure);
    /// Something the editor should know about the result, in one sentence.
    fn note(&mut self, note: String);
    /// A rough picture of what is being made, in Rec.709.
    fn preview(&mut self, _picture: &Picture) {}
    /// A file to keep beside the frames, such as the latents that `promote` goes on from. `name` is a plain file name.
    fn keep(&mut self, _name: &str, _bytes: Vec<u8>) {}
    /// Replaces what the engine is given back by [`Sink::remembered`] when the same job is started again after it was killed.
    fn remember(&mut self, _state: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
    /// What a killed run of the same job remembered last.
    fn remembered(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// An engine. It holds no state of a job between jobs.
pub trait Engine: Send + Sync {
    /// Its name in requests, manifests and menus.
    fn name(&self) -> &str;
    /// Raised by hand whenever the same request would give other bytes.
    fn version(&self) -> u32;
    /// Hashes of the weights in use, empty for none.
    fn weights(&self) -> String {
        String::new()
    }
    /// How many handle frames it wants to see on each side; more than are there is no error.
    fn handle_frames(&self, request: &Request) -> u32;
    /// Whether its pictures and sounds come from a trained model, for the provenance.
    fn is_trained(&self) -> bool;
    /// Makes the shot.
    fn generate(&self, request: &Request, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), Fault>;
}
