//! The parameters of an instance as plain values: read once an action, brought into their ranges.

use std::path::PathBuf;

use host_sys::{Instance, ParamSet};
use serde::Serialize;
use shot::request::{End, Keep};
use shot::{Camera, EngineChoice, Quality, SoundMode, Task};

use crate::params::{self, Kind, id};

/// What a final render does when there is no take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Makes it and waits.
    Wait,
    /// Fails, so that nothing unfinished ships.
    Fail,
    /// Shows the slate.
    Slate,
}

/// Everything the parameters say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Values {
    pub task: i32,
    pub prompt: String,
    pub negative: String,
    pub in_seconds: bool,
    pub frames: i32,
    pub seconds: f64,
    pub first: i32,
    pub out: i32,
    pub keep: i32,
    pub engine: i32,
    pub engine_program: String,
    pub quality: i32,
    pub motion: f64,
    pub camera: i32,
    pub still: String,
    pub colour: i32,
    pub stage: i32,
    pub colour_match: f64,
    pub sound: i32,
    pub channels: i32,
    pub sound_before: String,
    pub sound_after: String,
    pub seed: i32,
    pub handles: i32,
    pub context_frames: i32,
    pub context_file: String,
    pub timecode: String,
    pub instance: String,
    /// What follows cannot change a take and is left out of its identity.
    #[serde(skip)]
    pub take: String,
    #[serde(skip)]
    pub request: String,
    #[serde(skip)]
    pub takes_folder: String,
    #[serde(skip)]
    pub final_render: i32,
    #[serde(skip)]
    pub fit: i32,
    #[serde(skip)]
    pub version: i32,
}

/// Reads parameters by id; what the host does not have has its default.
struct Reader<'a> {
    set: Option<ParamSet<'a>>,
    time: Option<f64>,
}

impl Reader<'_> {
    fn int(&self, id: &'static str) -> i32 {
        let (default, range) = match params::find(id).map(|p| p.kind) {
            Some(Kind::Integer(s)) => (s.default, s.range),
            Some(Kind::Choice(options, default)) => (default as i32, (0, options().len() as i32 - 1)),
            _ => (0, (i32::MIN, i32::MAX)),
        };
        let value = self.set.as_ref().and_then(|s| s.get(id).ok()?.int(self.time).ok());
        value.unwrap_or(default).clamp(range.0, range.1)
    }

    fn double(&self, id: &'static str) -> f64 {
        let (default, range) = match params::find(id).map(|p| p.kind) {
            Some(Kind::Double(s)) => (s.default, s.range),
            _ => (0.0, (f64::MIN, f64::MAX)),
        };
        let value = self.set.as_ref().and_then(|s| s.get(id).ok()?.double(self.time).ok());
        value.filter(|v| v.is_finite()).unwrap_or(default).clamp(range.0, range.1)
    }

    fn text(&self, id: &'static str) -> String {
        self.set.as_ref().and_then(|s| s.get(id).ok()?.string(self.time).ok()).unwrap_or_default()
    }
}

impl Values {
    /// Reads all parameters, at a time within a render, else as they stand.
    pub fn read(instance: &Instance<'_>, time: Option<f64>) -> Self {
        let r = Reader { set: instance.params().ok(), time };
        Self {
            task: r.int(id::TASK),
            prompt: r.text(id::PROMPT),
            negative: r.text(id::NEGATIVE),
            in_seconds: r.int(id::LENGTH_IN) == 1,
            frames: r.int(id::FRAMES),
            seconds: r.double(id::SECONDS),
            first: r.int(id::IN),
            out: r.int(id::OUT),
            keep: r.int(id::KEEP),
            engine: r.int(id::ENGINE),
            engine_program: r.text(id::ENGINE_PROGRAM),
            quality: r.int(id::QUALITY),
            motion: r.double(id::MOTION),
            camera: r.int(id::CAMERA),
            still: r.text(id::STILL),
            colour: r.int(id::COLOUR),
            stage: r.int(id::STAGE),
            colour_match: r.double(id::COLOUR_MATCH),
            sound: r.int(id::SOUND),
            channels: r.int(id::CHANNELS),
            sound_before: r.text(id::SOUND_BEFORE),
            sound_after: r.text(id::SOUND_AFTER),
            seed: r.int(id::SEED),
            handles: r.int(id::HANDLES),
            context_frames: r.int(id::CONTEXT_FRAMES),
            context_file: r.text(id::CONTEXT_FILE),
            timecode: r.text(id::TIMECODE),
            instance: r.text(id::INSTANCE),
            take: r.text(id::TAKE),
            request: r.text(id::REQUEST),
            takes_folder: r.text(id::TAKES_FOLDER),
            final_render: r.int(id::FINAL_RENDER),
            fit: r.int(id::FIT),
            version: r.int(id::VERSION),
        }
    }

    /// The task.
    pub fn task(&self) -> Task {
        match self.task {
            1 => Task::Insert,
            2 => Task::Establish,
            3 => Task::Extend { at: End::Tail },
            4 => Task::Extend { at: End::Head },
            5 => Task::Retake { keep: [Keep::Nothing, Keep::Picture, Keep::Sound][self.keep.clamp(0, 2) as usize] },
            _ => Task::Bridge,
        }
    }

    /// The engine.
    pub fn engine(&self) -> EngineChoice {
        match self.engine {
            1 => EngineChoice::Draft,
            2 => EngineChoice::Ltx,
            3 => EngineChoice::Program(PathBuf::from(self.engine_program.trim())),
            _ => EngineChoice::Auto,
        }
    }

    /// How much time to spend.
    pub const fn quality(&self) -> Quality {
        match self.quality {
            0 => Quality::Draft,
            1 => Quality::Preview,
            _ => Quality::Final,
        }
    }

    /// The camera move.
    pub fn camera(&self) -> Camera {
        use Camera::{Auto, PanLeft, PanRight, Pull, Push, Still, TiltDown, TiltUp};
        [Auto, Still, Push, Pull, PanLeft, PanRight, TiltUp, TiltDown][self.camera.clamp(0, 7) as usize]
    }

    /// What sound.
    pub const fn sound(&self) -> SoundMode {
        if self.sound == 1 { SoundMode::None } else { SoundMode::Match }
    }

    /// What a final render does without a take.
    pub const fn missing(&self) -> Missing {
        match self.final_render {
            0 => Missing::Wait,
            2 => Missing::Slate,
            _ => Missing::Fail,
        }
    }
}
