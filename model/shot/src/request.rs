//! What a host or a user asks for.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::context::References;
use crate::fault::{Code, Fault};
use crate::picture::Size;
use crate::take::Key;
use crate::timecode::Timecode;
use crate::units::{FrameIndex, Rate, Samples};

/// The version of the request's form. It changes when a field is added that an older engine must not ignore.
pub const REQUEST_VERSION: u32 = 1;

/// Longest shot that can be asked for, in frames: one hour at 60 per second.
pub const MAX_FRAMES: u32 = 216_000;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Task {
    /// Motion runs from the last frame before the hole to the first after it.
    Bridge,
    /// A new shot that cuts in and out; neighbours are reference only.
    Insert,
    /// A place from a prompt and, if given, a still.
    Establish,
    /// More of a shot after its last frame (`at: tail`) or before its first (`at: head`).
    Extend {
        /// Which end grows.
        at: End,
    },
    /// A span inside a shot again.
    Retake {
        /// What of the span stays as it is.
        keep: Keep,
    },
    /// A shot slower or faster: made frame i shows the clip at frame i × den / num.
    Retime {
        /// Made frames …
        num: u32,
        /// … for so many frames of the clip.
        den: u32,
    },
}

impl Task {
    /// The word for it, as on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Insert => "insert",
            Self::Establish => "establish",
            Self::Extend { .. } => "extend",
            Self::Retake { .. } => "retake",
            Self::Retime { .. } => "retime",
        }
    }

    /// Whether the first and last made frames meet camera frames without a cut: (at the start, at the end).
    pub const fn joins(self) -> (bool, bool) {
        match self {
            Self::Bridge | Self::Retake { .. } => (true, true),
            Self::Extend { at: End::Tail } => (true, false),
            Self::Extend { at: End::Head } => (false, true),
            Self::Insert | Self::Establish | Self::Retime { .. } => (false, false),
        }
    }
}

/// An end of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Its last frames.
    Tail,
    /// Its first frames.
    Head,
}

/// What a retake leaves alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Picture and sound are made again.
    #[default]
    Nothing,
    /// The picture stays, the sound is made again.
    Picture,
    /// The sound stays, the picture is made again.
    Sound,
}

/// Which engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// The best that is installed and can do it.
    #[default]
    Auto,
    /// The embedded one, without weights.
    Draft,
    /// The LTX-2 family.
    Ltx,
    /// An executable that speaks the worker protocol.
    Program(PathBuf),
}

/// How much time to spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// The fastest that shows the idea.
    Draft,
    /// Good enough to choose by.
    Preview,
    /// The best.
    #[default]
    Final,
}

/// What sound a take gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoundMode {
    /// Made to match both neighbours.
    #[default]
    Match,
    /// None.
    None,
    /// Made from the prompt and the picture alone, whatever the neighbours sound like.
    Generate,
}

/// A camera move, for a still or as a wish to a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Camera {
    /// The engine chooses: on a still a slow push.
    #[default]
    Auto,
    /// Locked off.
    Still,
    /// Toward the scene.
    Push,
    /// Away from it.
    Pull,
    /// To the left.
    PanLeft,
    /// To the right.
    PanRight,
    /// Upward.
    TiltUp,
    /// Downward.
    TiltDown,
}

/// A line of a storyboard: what happens from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Frame of the shot, counted from 0 at its first frame without handles.
    pub frame: u32,
    /// What it should show from there on.
    pub prompt: String,
}

/// One shot, asked for completely: with the same context, engine and weights, the same request gives the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`REQUEST_VERSION`].
    pub version: u32,
    /// What to make.
    pub task: Task,
    /// What it should show.
    #[serde(default)]
    pub prompt: String,
    /// What it should not show.
    #[serde(default)]
    pub negative: String,
    /// What it should show from certain moments on, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storyboard: Vec<Beat>,
    /// Takes of one shot differ in nothing else.
    #[serde(default)]
    pub seed: u64,
    /// Length without handles, 1 to [`MAX_FRAMES`].
    pub frames: u32,
    /// Extra frames at each end that does not join a neighbour, for trimming.
    #[serde(default)]
    pub handles: u32,
    /// The timeline's rate.
    pub rate: Rate,
    /// Timeline frame of the first frame without handles, counted from midnight of the record timecode.
    #[serde(default)]
    pub start: FrameIndex,
    /// Whether the timeline counts in drop-frame.
    #[serde(default)]
    pub drop_frame: bool,
    /// The timeline's picture size.
    pub size: Size,
    /// Width of a pixel over its height.
    #[serde(default = "one")]
    pub pixel_aspect: f64,
    /// Which engine.
    #[serde(default)]
    pub engine: EngineChoice,
    /// Which checkpoint a trained engine uses: a name of `pickup weights list`, or a file or folder; empty leaves the choice to
    /// who runs it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weights: String,
    /// How much time to spend.
    #[serde(default)]
    pub quality: Quality,
    /// Amount of motion, 0 to 2; 1 is as much as the neighbours have.
    #[serde(default = "one")]
    pub motion: f64,
    /// Camera move.
    #[serde(default)]
    pub camera: Camera,
    /// How far to match the neighbours' colour, 0 to 1.
    #[serde(default = "one")]
    pub colour_match: f64,
    /// What sound.
    #[serde(default)]
    pub sound: SoundMode,
    /// Decibels by which the made sound is louder, −60 to 24; below zero it is softer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sound_level: f64,
    /// Channels of the sound, 1 to 16.
    #[serde(default = "stereo")]
    pub channels: u16,
    /// What the engine may see.
    #[serde(default)]
    pub context: References,
}

fn one() -> f64 {
    1.0
}

fn is_zero(v: &f64) -> bool {
    *v == 0.0
}

fn stereo() -> u16 {
    2
}

impl Request {
    /// A request with every choice at its default.
    pub fn new(task: Task, frames: u32, rate: Rate, size: Size) -> Self {
        Self {
            version: REQUEST_VERSION,
            task,
            prompt: String::new(),
            negative: String::new(),
            storyboard: Vec::new(),
            seed: 0,
            frames,
            handles: 0,
            rate,
            start: FrameIndex(0),
            drop_frame: false,
            size,
            pixel_aspect: 1.0,
            engine: EngineChoice::Auto,
            weights: String::new(),
            quality: Quality::Final,
            motion: 1.0,
            camera: Camera::Auto,
            colour_match: 1.0,
            sound: SoundMode::Match,
            sound_level: 0.0,
            channels: 2,
            context: References::default(),
        }
    }

    /// Refuses what no engine could do, in words.
    pub fn check(&self) -> Result<(), Fault> {
        let bad = |what: String, remedy: &str| Err(Fault::new(Code::Argument, what, remedy));
        if self.version != REQUEST_VERSION {
            return bad(
                format!("a request of version {} came to a Pickup that knows version {REQUEST_VERSION}", self.version),
                "install the plug-in and the program from one release",
            );
        }
        if self.frames == 0 || self.frames > MAX_FRAMES || self.handles > MAX_FRAMES {
            return bad(format!("{} frames with handles of {} cannot be made", self.frames, self.handles), "ask for 1 frame to 1 hour");
        }
        if matches!(self.task, Task::Retime { num, den } if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den)) {
            return bad("a retime factor must be above 0 and at most 1000".into(), "give 2 for half speed, 1/2 for double speed");
        }
        self.size.checked()?;
        if !(self.pixel_aspect.is_finite() && self.pixel_aspect > 0.05 && self.pixel_aspect < 20.0) {
            return bad(format!("a pixel aspect of {} makes no picture", self.pixel_aspect), "give one from 0.05 to 20, mostly 1");
        }
        if !(0.0..=2.0).contains(&self.motion) {
            return bad(format!("a motion amount of {} is outside 0 to 2", self.motion), "give 0 to 2; 1 is as the neighbours");
        }
        if !(0.0..=1.0).contains(&self.colour_match) {
            return bad(format!("a colour match of {} is outside 0 to 1", self.colour_match), "give 0 to 1");
        }
        if !(-60.0..=24.0).contains(&self.sound_level) {
            return bad(format!("a sound level of {} dB is outside -60 to 24", self.sound_level), "give -60 to 24; 0 is as made");
        }
        let beats = self.storyboard.iter().map(|b| b.frame).chain(self.context.keyframes.iter().map(|k| k.frame));
        if let Some(beyond) = beats.filter(|f| *f >= self.frames).max() {
            return bad(
                format!("the storyboard goes to frame {beyond}, the shot has frames 0 to {}", self.frames - 1),
                "make the shot longer, or move the beat into it",
            );
        }
        if self.channels == 0 || self.channels > 16 {
            return bad(format!("sound of {} channels cannot be made", self.channels), "give 1 to 16 channels");
        }
        Ok(())
    }

    /// Handle frames before and after the shot: none where the shot joins a neighbour.
    pub const fn handle_frames(&self) -> (u32, u32) {
        let (start, end) = self.task.joins();
        (if start { 0 } else { self.handles }, if end { 0 } else { self.handles })
    }

    /// Frames to make, handles included.
    pub const fn total_frames(&self) -> u32 {
        let (before, after) = self.handle_frames();
        self.frames + before + after
    }

    /// Timeline frame of the first frame made, handles included.
    pub const fn first_frame(&self) -> FrameIndex {
        FrameIndex(self.start.0 - self.handle_frames().0 as i64)
    }

    /// Samples to make, handles included.
    pub fn total_samples(&self) -> Samples {
        self.rate.samples_in(self.first_frame(), i64::from(self.total_frames()))
    }

    /// Record timecode of the first frame made.
    pub fn timecode(&self) -> Timecode {
        Timecode::new(self.first_frame(), self.rate, self.drop_frame)
    }

    /// The hash of all that can change a pixel or a sample. Paths and the weights' name are left out; `context` and `weights` are
    /// the hashes of what they hold.
    pub fn key(&self, context: &Key, engine: &str, engine_version: u32, weights: &str) -> Key {
        let mut bare = self.clone();
        bare.context = References { colour: self.context.colour, stage: self.context.stage, ..References::default() };
        bare.engine = EngineChoice::Auto;
        bare.weights.clear();
        // Without a sound there is nothing of it to tell takes apart.
        if bare.sound == SoundMode::None {
            bare.sound_level = 0.0;
        }
        // serde_json writes struct fields in their order of declaration and floats in shortest form: one value, one text.
        let text = serde_json::json!([bare, context, engine, engine_version, weights]).to_string();
        Key::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request() -> Request {
        Request::new(Task::Bridge, 12, Rate::whole(24), Size::new(64, 36))
    }

    #[test]
    fn the_key_follows_what_changes_a_pixel_and_nothing_else() {
        let context = Key::of(b"context");
        let key = |r: &Request| r.key(&context, "draft", 1, "");
        let base = request();
        let moved = Request {
            context: References { still: Some("elsewhere.png".into()), ..References::default() },
            engine: EngineChoice::Draft,
            weights: "ltx-2.3".into(),
            ..base.clone()
        };
        assert_eq!(key(&base), key(&moved));
        for other in [
            Request { seed: 1, ..base.clone() },
            Request { prompt: "rain".into(), ..base.clone() },
            Request { frames: 13, ..base.clone() },
            Request { start: FrameIndex(1), ..base.clone() },
            Request { sound_level: -3.0, ..base.clone() },
        ] {
            assert_ne!(key(&base), key(&other));
        }
        assert_ne!(key(&base), base.key(&context, "draft", 2, ""));
        assert_ne!(key(&base), base.key(&Key::of(b"other"), "draft", 1, ""));
    }

    #[test]
    fn a_storyboard_stays_inside_the_shot_and_changes_the_key() {
        let context = Key::of(b"context");
        let beat = |frame| Request { storyboard: vec![Beat { frame, prompt: "rain".into() }], ..request() };
        assert!(beat(11).check().is_ok() && beat(12).check().is_err());
        assert_ne!(beat(1).key(&context, "ltx", 1, ""), request().key(&context, "ltx", 1, ""));
        let mut keyframe = request();
        keyframe.context.keyframes.push(crate::Keyframe { frame: 40, path: "x.png".into() });
        assert!(keyframe.check().is_err());
    }

    #[test]
    fn handles_stand_only_where_the_shot_cuts() {
        let mut r = Request { handles: 24, start: FrameIndex(100), ..request() };
        assert_eq!((r.total_frames(), r.first_frame()), (12, FrameIndex(100)));
        r.task = Task::Insert;
        assert_eq!((r.total_frames(), r.first_frame()), (60, FrameIndex(76)));
        r.task = Task::Extend { at: End::Tail };
        assert_eq!((r.total_frames(), r.first_frame()), (36, FrameIndex(100)));
        r.task = Task::Extend { at: End::Head };
        assert_eq!((r.total_frames(), r.first_frame()), (36, FrameIndex(76)));
    }

    #[test]
    fn a_request_survives_json_and_short_forms_are_understood() {
        let r = request();
        assert_eq!(serde_json::from_str::<Request>(&serde_json::to_string(&r).unwrap()).unwrap(), r);
        let short = r#"{"version":1,"task":{"kind":"extend","at":"tail"},"frames":8,"rate":"24000/1001","size":{"width":8,"height":8}}"#;
        assert_eq!(serde_json::from_str::<Request>(short).unwrap().task, Task::Extend { at: End::Tail });
    }
}
