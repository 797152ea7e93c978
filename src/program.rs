//! An executable that speaks the worker protocol, as an engine like any other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shot::{ClipRef, Code, Context, Engine, Fault, Frames, Request, Sink, SoundMode, SoundRef, Stage};
use worker::{Client, Job, JobState, Made};

/// How long a program may take to say hello.
const HELLO: Duration = Duration::from_secs(20);

/// Handle frames that count for the hash of its context; it reads the files itself.
const HANDLES: u32 = 9;

/// How often its state is asked for; progress comes no more often than that.
const POLL: Duration = Duration::from_millis(50);

/// A running engine program. It ends when this is dropped.
pub struct Program {
    path: PathBuf,
    client: Client,
    hello: worker::Hello,
}

impl Program {
    /// Starts it and waits for its hello.
    pub fn start(path: &Path) -> Result<Self, Fault> {
        let client = Client::new(worker::Options::new(path));
        let hello = client.greet(HELLO)?;
        Ok(Self { path: path.to_owned(), client, hello })
    }
}

impl Engine for Program {
    fn name(&self) -> &str {
        &self.hello.name
    }

    fn version(&self) -> u32 {
        self.hello.revision
    }

    fn weights(&self) -> String {
        self.hello.weights.clone()
    }

    fn handle_frames(&self, _: &Request) -> u32 {
        HANDLES
    }

    fn is_trained(&self) -> bool {
        self.hello.trained
    }

    fn generate(&self, request: &Request, _: &Context<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        let scratch = tempfile::tempdir().map_err(|e| {
            Fault::new(
                Code::Output,
                format!("no temporary folder can be made: {e}"),
                "free some space, or set TMPDIR to a folder with room",
            )
        })?;
        let job = self.client.submit(Job::new(request.clone(), scratch.path().join("out")))?;
        let made = loop {
            match job.wait(POLL) {
                JobState::Queued => sink.progress(Stage::Picture, 0, 1).inspect_err(|_| job.cancel())?,
                JobState::Running { stage, done, of, .. } => sink.progress(stage, done, of).inspect_err(|_| job.cancel())?,
                JobState::Made(made) => break made,
                JobState::Failed(fault) => return Err(fault),
                JobState::Done { .. } => {
                    return Err(Fault::new(
                        Code::Engine,
                        format!("{} published a take where frames were asked for", self.path.display()),
                        "run `pickup doctor --engine` on it",
                    ));
                }
            }
        };
        self.hand_over(&made, request, sink)
    }
}

impl Program {
    fn hand_over(&self, made: &Made, request: &Request, sink: &mut dyn Sink) -> Result<(), Fault> {
        let tools = media::Tools::find()?;
        if made.card {
            sink.card();
        }
        made.notes.iter().for_each(|n| sink.note(n.clone()));
        made.figures.iter().for_each(|f| sink.figure(f.clone()));
        let frames = tools.open(&ClipRef::whole(&made.frames), &media::Conform::default())?;
        for i in 0..frames.count() {
            let mut picture = std::sync::Arc::unwrap_or_clone(frames.frame(i)?);
            picture.heal();
            sink.picture(picture)?;
            sink.progress(Stage::Picture, i as u64 + 1, frames.count() as u64)?;
        }
        if let Some(path) = made.sound.as_ref().filter(|_| request.sound != SoundMode::None) {
            let from = SoundRef { path: path.clone(), start: shot::Seconds(0.0), length: None };
            let sound = tools.sound(&from)?.ok_or_else(|| {
                Fault::new(Code::Engine, format!("{} holds no sound", path.display()), "run `pickup doctor --engine` on the engine")
            })?;
            sink.sound(sound::conform(&sound, shot::SAMPLE_RATE, usize::from(request.channels))?)?;
        }
        Ok(())
    }
}
