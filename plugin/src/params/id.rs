//! The ids, so that no other module spells one. They are in projects: none is ever changed or given another meaning.

#![allow(missing_docs)]

pub const TASK: &str = "task";
pub const PROMPT: &str = "prompt";
pub const NEGATIVE: &str = "negative";
pub const LENGTH_IN: &str = "lengthIn";
pub const FRAMES: &str = "frames";
pub const SECONDS: &str = "seconds";
pub const IN: &str = "shotIn";
pub const OUT: &str = "shotOut";
pub const SET_IN: &str = "setIn";
pub const SET_OUT: &str = "setOut";
pub const KEEP: &str = "keep";
pub const FACTOR: &str = "retimeFactor";
pub const GENERATE: &str = "generate";
pub const CANCEL: &str = "cancel";
pub const STATUS: &str = "status";
pub const ENGINE: &str = "engine";
pub const WEIGHTS: &str = "weights";
pub const ENGINE_PROGRAM: &str = "engineProgram";
pub const QUALITY: &str = "quality";
pub const MOTION: &str = "motion";
pub const CAMERA: &str = "camera";
pub const STILL: &str = "referenceStill";
pub const MATTE: &str = "matte";
pub const COLOUR: &str = "footageColour";
pub const STAGE: &str = "footageStage";
pub const COLOUR_MATCH: &str = "colourMatch";
pub const SOUND: &str = "sound";
pub const SOUND_LEVEL: &str = "soundLevel";
pub const CHANNELS: &str = "channels";
pub const SOUND_BEFORE: &str = "soundBefore";
pub const SOUND_AFTER: &str = "soundAfter";
pub const TAKE: &str = "take";
pub const NEXT_TAKE: &str = "nextTake";
pub const PREVIOUS_TAKE: &str = "previousTake";
pub const NEW_TAKE: &str = "newTake";
pub const REFRESH: &str = "refresh";
pub const REVEAL: &str = "revealFolder";
pub const SEED: &str = "seed";
pub const TAKE_COUNT: &str = "takeCount";
pub const FINAL_RENDER: &str = "finalRender";
pub const TAKES_FOLDER: &str = "takesFolder";
pub const PATH_MAPPING: &str = "pathMapping";
pub const FIT: &str = "fit";
pub const HANDLES: &str = "handles";
pub const CONTEXT_FRAMES: &str = "contextFrames";
pub const CONTEXT_FILE: &str = "contextFile";
pub const TIMECODE: &str = "recordTimecode";
pub const REQUEST: &str = "request";
pub const INSTANCE: &str = "instance";
pub const VERSION: &str = "takeVersion";

/// A row of the storyboard: the ids of its three parameters, and their labels.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub at: (&'static str, &'static str),
    pub prompt: (&'static str, &'static str),
    pub still: (&'static str, &'static str),
}

macro_rules! rows {
    ($($n:literal)*) => {
        [$(Row {
            at: (concat!("beat", $n, "At"), concat!("Beat ", $n, " at frame")),
            prompt: (concat!("beat", $n, "Prompt"), concat!("Beat ", $n, " prompt")),
            still: (concat!("beat", $n, "Still"), concat!("Beat ", $n, " still")),
        }),*]
    };
}

/// The rows of the storyboard.
pub static ROWS: [Row; 12] = rows!(1 2 3 4 5 6 7 8 9 10 11 12);
