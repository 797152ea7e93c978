//! The parameters of an instance as plain values: read once an action, brought into their ranges.

use std::path::PathBuf;

use host_sys::{Context, Instance, ParamSet};
use serde::Serialize;
use shot::request::{End, Keep};
use shot::{Beat, Camera, EngineChoice, Keyframe, Quality, SoundMode, Task};

use crate::params::{self, Kind, id};
use crate::paths::Paths;

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

/// A row of the storyboard that says something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoardRow {
    /// Frame of the shot, counted from 0.
    pub frame: i32,
    /// What it should show from there on; may be empty.
    pub prompt: String,
    /// A picture for that frame; may be empty.
    pub still: String,
}

/// Everything the parameters say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Values {
    /// The context of the instance.
    #[serde(skip)]
    pub context: Context,
    pub task: i32,
    pub prompt: String,
    pub negative: String,
    pub storyboard: Vec<BoardRow>,
    pub in_seconds: bool,
    pub frames: i32,
    pub seconds: f64,
    pub first: i32,
    pub out: i32,
    pub keep: i32,
    pub factor: i32,
    pub engine: i32,
    pub weights: String,
    pub engine_program: String,
    pub quality: i32,
    pub motion: f64,
    pub camera: i32,
    pub still: String,
    pub colour: i32,
    pub stage: i32,
    pub colour_match: f64,
    pub sound: i32,
    pub sound_level: f64,
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
    pub take_count: i32,
    #[serde(skip)]
    pub take: String,
    #[serde(skip)]
    pub request: String,
    #[serde(skip)]
    pub takes_folder: String,
    #[serde(skip)]
    pub path_mapping: String,
    #[serde(skip)]
    pub final_render: i32,
    #[serde(skip)]
    pub fit: i32,
    #[serde(skip)]
    pub matte: i32,
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

    /// The rows of the storyboard that say something, in order of time.
    fn storyboard(&self) -> Vec<BoardRow> {
        let row = |ids: &id::Row| {
            let (prompt, still) = (self.text(ids.prompt.0), self.text(ids.still.0));
            let says = !prompt.trim().is_empty() || !still.trim().is_empty();
            says.then(|| BoardRow { frame: self.int(ids.at.0), prompt, still })
        };
        let mut rows: Vec<BoardRow> = id::ROWS.iter().filter_map(row).collect();
        rows.sort_by_key(|r| r.frame);
        rows
    }
}

impl Values {
    /// Reads all parameters, at a time within a render, else as they stand.
    pub fn read(instance: &Instance<'_>, context: Context, time: Option<f64>) -> Self {
        Self::of(&Reader { set: instance.params().ok(), time }, context)
    }

    /// What a fresh instance says.
    #[cfg(test)]
    pub fn fresh(context: Context) -> Self {
        Self::of(&Reader { set: None, time: None }, context)
    }

    fn of(r: &Reader<'_>, context: Context) -> Self {
        Self {
            context,
            task: r.int(id::TASK),
            prompt: r.text(id::PROMPT),
            negative: r.text(id::NEGATIVE),
            storyboard: r.storyboard(),
            in_seconds: r.int(id::LENGTH_IN) == 1,
            frames: r.int(id::FRAMES),
            seconds: r.double(id::SECONDS),
            first: r.int(id::IN),
            out: r.int(id::OUT),
            keep: r.int(id::KEEP),
            factor: r.int(id::FACTOR),
            engine: r.int(id::ENGINE),
            weights: r.text(id::WEIGHTS),
            engine_program: r.text(id::ENGINE_PROGRAM),
            quality: r.int(id::QUALITY),
            motion: r.double(id::MOTION),
            camera: r.int(id::CAMERA),
            still: r.text(id::STILL),
            colour: r.int(id::COLOUR),
            stage: r.int(id::STAGE),
            colour_match: r.double(id::COLOUR_MATCH),
            sound: r.int(id::SOUND),
            sound_level: r.double(id::SOUND_LEVEL),
            channels: r.int(id::CHANNELS),
            sound_before: r.text(id::SOUND_BEFORE),
            sound_after: r.text(id::SOUND_AFTER),
            seed: r.int(id::SEED),
            handles: r.int(id::HANDLES),
            context_frames: r.int(id::CONTEXT_FRAMES),
            context_file: r.text(id::CONTEXT_FILE),
            timecode: r.text(id::TIMECODE),
            instance: r.text(id::INSTANCE),
            take_count: r.int(id::TAKE_COUNT),
            take: r.text(id::TAKE),
            request: r.text(id::REQUEST),
            takes_folder: r.text(id::TAKES_FOLDER),
            path_mapping: r.text(id::PATH_MAPPING),
            final_render: r.int(id::FINAL_RENDER),
            fit: r.int(id::FIT),
            matte: r.int(id::MATTE),
            version: r.int(id::VERSION),
        }
    }

    /// The task; a retimer has but one.
    pub fn task(&self) -> Task {
        if self.context == Context::Retimer {
            return Task::Retime { num: self.factor.max(1) as u32, den: 1 };
        }
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

    /// Whether the checkpoint named counts: for an engine that has none it does not.
    pub const fn uses_weights(&self) -> bool {
        matches!(self.engine, 0 | 2)
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

    /// What sound. A retimed shot gets none: at another speed it would be another sound. Nor does a retake that keeps its own,
    /// which stays on the host's timeline.
    pub fn sound(&self) -> SoundMode {
        match (self.task(), self.sound) {
            (Task::Retime { .. } | Task::Retake { keep: Keep::Sound }, _) | (_, 1) => SoundMode::None,
            (_, 2) => SoundMode::Generate,
            _ => SoundMode::Match,
        }
    }

    /// Channels of the made sound.
    pub fn channels(&self) -> u16 {
        self.channels.clamp(1, 16) as u16
    }

    /// What the storyboard says, as a request has it.
    pub fn beats(&self) -> Vec<Beat> {
        let beat = |r: &BoardRow| Beat { frame: r.frame.max(0) as u32, prompt: r.prompt.trim().to_owned() };
        self.storyboard.iter().map(beat).filter(|b| !b.prompt.is_empty()).collect()
    }

    /// The storyboard's stills, by the names they have here.
    pub fn keyframes(&self) -> Vec<Keyframe> {
        let paths = self.paths();
        let rows = self.storyboard.iter().filter(|r| !r.still.trim().is_empty());
        rows.map(|r| Keyframe { frame: r.frame.max(0) as u32, path: paths.local(&r.still) }).collect()
    }

    /// Folders that have other names on other systems.
    pub fn paths(&self) -> Paths {
        Paths::read(&self.path_mapping)
    }

    /// What a final render does without a take.
    pub const fn missing(&self) -> Missing {
        match self.final_render {
            0 => Missing::Wait,
            2 => Missing::Slate,
            _ => Missing::Fail,
        }
    }

    /// The same without what cannot change the take as things stand: the length that does not count, the sound file of a take
    /// without sound, the program of an engine that is none … What differs in these alone is the same take.
    pub fn essence(&self) -> Self {
        let mut v = self.clone();
        let clear = |texts: &mut [&mut String]| texts.iter_mut().for_each(|t| t.clear());
        let task = self.task();
        match self.context {
            Context::Filter | Context::Retimer => (v.in_seconds, v.frames, v.seconds) = (false, 0, 0.0),
            _ if self.in_seconds => (v.frames, v.out) = (0, 0),
            _ => (v.seconds, v.out) = (0.0, 0),
        }
        if !matches!(task, Task::Retake { .. }) {
            v.keep = 0;
        }
        if self.context == Context::Retimer {
            v.task = 0;
        } else {
            v.factor = 0;
        }
        if task.joins() == (true, true) || self.context == Context::Retimer {
            v.handles = 0;
        }
        if self.engine != 3 {
            clear(&mut [&mut v.engine_program]);
        }
        if !self.uses_weights() {
            clear(&mut [&mut v.weights]);
        }
        if self.sound() != SoundMode::Match {
            clear(&mut [&mut v.sound_before, &mut v.sound_after]);
        }
        if self.sound() == SoundMode::None {
            (v.sound, v.sound_level, v.channels) = (1, 0.0, 0);
        }
        v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values { engine: 1, sound: 1, prompt: "rain".into(), ..Values::fresh(Context::General) }
    }

    /// What an editor changes, in words and in fact.
    type Change = (&'static str, fn(&mut Values));

    #[test]
    fn what_cannot_change_the_take_does_not_tell_takes_apart() {
        let base = values();
        let same: [Change; 9] = [
            ("seconds, where frames count", |v| v.seconds = 3.0),
            ("what a retake keeps, of a bridge", |v| v.keep = 1),
            ("handles of a shot that joins both sides", |v| v.handles = 3),
            ("weights of an engine that has none", |v| v.weights = "x".into()),
            ("a program that is not the engine", |v| v.engine_program = "/x".into()),
            ("channels of no sound", |v| v.channels = 6),
            ("the level of no sound", |v| v.sound_level = -6.0),
            ("a sound file that nothing matches", |v| v.sound_before = "/x.wav".into()),
            ("the factor of no retime", |v| v.factor = 8),
        ];
        for (what, change) in same {
            let mut other = base.clone();
            change(&mut other);
            assert!(other != base && other.essence() == base.essence(), "{what}");
        }
        let different: [Change; 7] = [
            ("the prompt", |v| v.prompt = "snow".into()),
            ("the length", |v| v.frames = 49),
            ("the unit of the length", |v| v.in_seconds = true),
            ("sound at all", |v| v.sound = 0),
            ("a beat", |v| v.storyboard.push(BoardRow { frame: 3, prompt: "x".into(), still: String::new() })),
            ("the engine", |v| v.engine = 2),
            ("the seed", |v| v.seed = 1),
        ];
        for (what, change) in different {
            let mut other = base.clone();
            change(&mut other);
            assert!(other.essence() != base.essence(), "{what}");
        }
    }

    #[test]
    fn a_retimer_has_one_task_and_no_sound() {
        let v = Values { context: Context::Retimer, sound: 0, ..values() };
        assert_eq!((v.task(), v.sound()), (Task::Retime { num: 4, den: 1 }, SoundMode::None));
    }
}
