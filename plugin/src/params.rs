//! The parameters: one table, read by description, capture and documentation.
//!
//! Ids, their order within choices, and kinds never change once shipped: projects hold them. Labels and hints may. The
//! snapshot test below prints the table, so that a change is seen in review.

use host_sys::Context;

use crate::colours;

/// A page of the effect's controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What to make, and the button that makes it.
    Shot,
    /// How it looks.
    Look,
    /// How it sounds.
    Sound,
    /// Which take is shown.
    Takes,
    /// What is seldom needed.
    Advanced,
}

impl Page {
    /// All of them, as shown.
    pub const ALL: [Self; 5] = [Self::Shot, Self::Look, Self::Sound, Self::Takes, Self::Advanced];

    /// Its frozen id and its label.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Shot => ("pageShot", "Shot"),
            Self::Look => ("pageLook", "Look"),
            Self::Sound => ("pageSound", "Sound"),
            Self::Takes => ("pageTakes", "Takes"),
            Self::Advanced => ("pageAdvanced", "Advanced"),
        }
    }
}

/// How a text is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One line.
    Line,
    /// Several lines.
    Lines,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Shown only.
    Label,
}

/// A number's default, its range, and the range its slider shows.
#[derive(Clone, Copy, Debug)]
pub struct Span<T> {
    /// Default.
    pub default: T,
    /// Least and most.
    pub range: (T, T),
    /// Least and most on the slider.
    pub display: (T, T),
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of a list.
    Choice(fn() -> Vec<&'static str>, usize),
    /// A whole number.
    Integer(Span<i32>),
    /// A number.
    Double(Span<f64>),
    /// A text.
    Text(Mode),
    /// A button.
    Button,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Frozen id.
    pub id: &'static str,
    /// What an editor reads.
    pub label: &'static str,
    /// What an editor reads when the mouse rests on it.
    pub hint: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where it stands.
    pub page: Page,
    /// Whether a change can change the picture that is shown. Others must not throw away what the host has rendered.
    pub evaluates: bool,
}

/// The ids, so that no other module spells one.
pub mod id {
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
    pub const GENERATE: &str = "generate";
    pub const CANCEL: &str = "cancel";
    pub const STATUS: &str = "status";
    pub const ENGINE: &str = "engine";
    pub const ENGINE_PROGRAM: &str = "engineProgram";
    pub const QUALITY: &str = "quality";
    pub const MOTION: &str = "motion";
    pub const CAMERA: &str = "camera";
    pub const STILL: &str = "referenceStill";
    pub const COLOUR: &str = "footageColour";
    pub const STAGE: &str = "footageStage";
    pub const COLOUR_MATCH: &str = "colourMatch";
    pub const SOUND: &str = "sound";
    pub const CHANNELS: &str = "channels";
    pub const SOUND_BEFORE: &str = "soundBefore";
    pub const SOUND_AFTER: &str = "soundAfter";
    pub const TAKE: &str = "take";
    pub const NEXT_TAKE: &str = "nextTake";
    pub const PREVIOUS_TAKE: &str = "previousTake";
    pub const NEW_TAKE: &str = "newTake";
    pub const REFRESH: &str = "refresh";
    pub const SEED: &str = "seed";
    pub const FINAL_RENDER: &str = "finalRender";
    pub const TAKES_FOLDER: &str = "takesFolder";
    pub const FIT: &str = "fit";
    pub const HANDLES: &str = "handles";
    pub const CONTEXT_FRAMES: &str = "contextFrames";
    pub const CONTEXT_FILE: &str = "contextFile";
    pub const TIMECODE: &str = "recordTimecode";
    pub const REQUEST: &str = "request";
    pub const INSTANCE: &str = "instance";
    pub const VERSION: &str = "takeVersion";
}

const fn whole(default: i32, range: (i32, i32), display: (i32, i32)) -> Kind {
    Kind::Integer(Span { default, range, display })
}

const fn number(default: f64, range: (f64, f64), display: (f64, f64)) -> Kind {
    Kind::Double(Span { default, range, display })
}

const fn still(id: &'static str, label: &'static str, page: Page, kind: Kind, hint: &'static str) -> Param {
    Param { id, label, hint, kind, page, evaluates: false }
}

const fn shown(id: &'static str, label: &'static str, page: Page, kind: Kind, hint: &'static str) -> Param {
    Param { id, label, hint, kind, page, evaluates: true }
}

/// Frame numbers that a host may have, with room for an hour of 60 per second from midnight.
const TIMES: (i32, i32) = (-10_000_000, 10_000_000);

/// The tasks, in the order of their choice.
pub const TASKS: [&str; 6] = ["Bridge", "Insert", "Establish", "Extend tail", "Extend head", "Retake"];

/// The task an effect begins with in a context.
pub const fn default_task(context: Context) -> usize {
    match context {
        Context::Filter => 5,
        Context::Generator => 2,
        _ => 0,
    }
}

/// Every parameter, in the order it is shown.
pub fn table() -> &'static [Param] {
    &TABLE
}

/// A parameter of the table.
pub fn find(id: &str) -> Option<&'static Param> {
    TABLE.iter().find(|p| p.id == id)
}

use Page::{Advanced, Look, Shot, Sound, Takes};

static TABLE: [Param; 43] = [
    still(
        id::TASK,
        "Task",
        Shot,
        Kind::Choice(|| TASKS.to_vec(), 0),
        "What to make: a bridge over a hole within one set-up, a new shot that cuts in and out, a place from words, more of a shot, or a span of it again",
    ),
    still(id::PROMPT, "Prompt", Shot, Kind::Text(Mode::Lines), "What the shot should show"),
    still(id::NEGATIVE, "Avoid", Shot, Kind::Text(Mode::Lines), "What the shot should not show"),
    still(id::LENGTH_IN, "Length in", Shot, Kind::Choice(|| vec!["Frames", "Seconds"], 0), "Which of the two lengths counts"),
    still(id::FRAMES, "Frames", Shot, whole(48, (1, 216_000), (1, 240)), "Length of the shot in frames, without handles"),
    still(id::SECONDS, "Seconds", Shot, number(2.0, (0.01, 3600.0), (0.5, 10.0)), "Length of the shot in seconds, without handles"),
    shown(id::IN, "In", Shot, whole(0, TIMES, (0, 1000)), "Frame at which the shot begins, as the host counts here"),
    shown(id::OUT, "Out", Shot, whole(0, TIMES, (0, 1000)), "First frame that is the clip's own again (Filter)"),
    still(id::SET_IN, "In here", Shot, Kind::Button, "Takes the frame you look at as the first to be made"),
    still(id::SET_OUT, "Out here", Shot, Kind::Button, "Takes the frame you look at as the first that stays"),
    still(id::KEEP, "Keep", Shot, Kind::Choice(|| vec!["Nothing", "Picture", "Sound"], 0), "What a retake leaves as it is"),
    still(id::GENERATE, "Generate", Shot, Kind::Button, "Makes the shot in the background; nothing leaves this machine"),
    still(id::CANCEL, "Cancel", Shot, Kind::Button, "Stops making it; nothing is published"),
    still(id::STATUS, "Status", Shot, Kind::Text(Mode::Label), "How far the shot has come"),
    still(id::ENGINE, "Engine", Look, Kind::Choice(|| vec!["Auto", "Draft", "LTX", "Program"], 0), "What makes the pictures"),
    still(id::ENGINE_PROGRAM, "Engine program", Look, Kind::Text(Mode::File), "An executable that speaks Pickup's engine protocol"),
    still(id::QUALITY, "Quality", Look, Kind::Choice(|| vec!["Draft", "Preview", "Final"], 2), "How much time to spend"),
    still(id::MOTION, "Motion", Look, number(1.0, (0.0, 2.0), (0.0, 2.0)), "Amount of motion; 1 is as much as the neighbours have"),
    still(
        id::CAMERA,
        "Camera",
        Look,
        Kind::Choice(|| vec!["Auto", "Still", "Push", "Pull", "Pan left", "Pan right", "Tilt up", "Tilt down"], 0),
        "Camera move, on a still or as a wish",
    ),
    still(id::STILL, "Reference still", Look, Kind::Text(Mode::File), "A picture that an establishing shot starts from"),
    still(
        id::COLOUR,
        "Footage colour",
        Look,
        Kind::Choice(colours::labels, 0),
        "How the host's pixels are encoded here; Auto asks the host",
    ),
    still(
        id::STAGE,
        "Grade",
        Look,
        Kind::Choice(|| vec!["Finished", "Still to come"], 0),
        "Whether the neighbours' grade comes after this effect",
    ),
    still(id::COLOUR_MATCH, "Colour match", Look, number(1.0, (0.0, 1.0), (0.0, 1.0)), "How far to match the neighbours' colour"),
    still(
        id::SOUND,
        "Sound",
        Sound,
        Kind::Choice(|| vec!["Match", "None"], 0),
        "Sound made to match both neighbours, or none; it lies in the take's folder",
    ),
    still(id::CHANNELS, "Channels", Sound, whole(2, (1, 16), (1, 8)), "Channels of the made sound"),
    still(
        id::SOUND_BEFORE,
        "Sound before",
        Sound,
        Kind::Text(Mode::File),
        "A file whose end is the sound before the hole; hosts give effects no sound",
    ),
    still(id::SOUND_AFTER, "Sound after", Sound, Kind::Text(Mode::File), "A file whose beginning is the sound after the hole"),
    shown(id::TAKE, "Take", Takes, Kind::Text(Mode::Line), "Id of the take that is shown; kept whatever changes upstream"),
    still(id::NEXT_TAKE, "Next take", Takes, Kind::Button, "Shows the next take of this shot"),
    still(id::PREVIOUS_TAKE, "Previous take", Takes, Kind::Button, "Shows the take before"),
    still(id::NEW_TAKE, "New take", Takes, Kind::Button, "Makes another take: the same shot with the next seed"),
    still(id::REFRESH, "Refresh", Takes, Kind::Button, "Looks whether the take is there, and has the host ask again"),
    still(id::SEED, "Seed", Takes, whole(0, (0, i32::MAX), (0, 100)), "Takes of one shot differ in nothing else"),
    still(
        id::FINAL_RENDER,
        "Final render without a take",
        Takes,
        Kind::Choice(|| vec!["Wait and make it", "Fail", "Show the slate"], 1),
        "What a final render does when no take is there yet",
    ),
    shown(
        id::TAKES_FOLDER,
        "Takes folder",
        Takes,
        Kind::Text(Mode::Folder),
        "Where takes are kept: a folder, or one below the folder that PICKUP_TAKES names; empty for that folder itself, else your own data folder",
    ),
    shown(
        id::FIT,
        "Fit",
        Advanced,
        Kind::Choice(|| vec!["Fit", "Fill", "Stretch"], 0),
        "How a take of another size is placed: whole with bars, filling and cut, or stretched",
    ),
    still(id::HANDLES, "Handles", Advanced, whole(24, (0, 10_000), (0, 48)), "Extra frames at each end that cuts, for trimming"),
    still(
        id::CONTEXT_FRAMES,
        "Context frames",
        Advanced,
        whole(9, (1, 121), (1, 49)),
        "How many frames of each neighbour the engine may see",
    ),
    still(
        id::CONTEXT_FILE,
        "Context file",
        Advanced,
        Kind::Text(Mode::File),
        "A context.json from a timeline script; it goes before the effect's own inputs",
    ),
    still(
        id::TIMECODE,
        "Record timecode",
        Advanced,
        Kind::Text(Mode::Line),
        "Timecode of the shot's first frame on the timeline, such as 01:00:10:05; empty counts from the In frame",
    ),
    shown(id::REQUEST, "Request", Advanced, Kind::Text(Mode::Line), "Written by Generate: what was asked for last"),
    still(id::INSTANCE, "Instance", Advanced, Kind::Text(Mode::Line), "Written by Generate: tells this effect from its copies"),
    shown(
        id::VERSION,
        "Take version",
        Advanced,
        whole(0, (0, i32::MAX), (0, 1000)),
        "Raised whenever another take is to be shown, so that the host asks again",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    /// The table as text, for the snapshot and for people.
    fn print() -> String {
        let mut out = String::new();
        for p in table() {
            let kind = match p.kind {
                Kind::Choice(options, default) => format!("choice {default} of {}", options().join(" | ")),
                Kind::Integer(s) => format!("integer {} in {:?} shows {:?}", s.default, s.range, s.display),
                Kind::Double(s) => format!("double {:?} in {:?} shows {:?}", s.default, s.range, s.display),
                Kind::Text(mode) => format!("text {mode:?}"),
                Kind::Button => "button".into(),
            };
            let _ = writeln!(out, "{:?} {} \"{}\"{}: {kind}", p.page, p.id, p.label, if p.evaluates { " *" } else { "" });
        }
        out
    }

    #[test]
    fn the_table_is_as_it_was_shipped() {
        insta::assert_snapshot!(print());
    }

    #[test]
    fn ids_are_unique_and_numbers_lie_in_their_ranges() {
        let table = table();
        let ids: BTreeSet<&str> = table.iter().map(|p| p.id).chain(Page::ALL.map(|p| p.names().0)).collect();
        assert_eq!(ids.len(), table.len() + Page::ALL.len());
        // MLT keeps a parameter under its id among the filter's own properties, which these are: it would overwrite the parameter.
        for taken in ["in", "out", "length", "id", "type", "resource", "service", "producer", "track", "disable"] {
            assert!(!ids.contains(taken), "{taken}");
        }
        for p in table {
            assert!(p.id.bytes().all(|b| b.is_ascii_alphanumeric()) && !p.hint.is_empty() && !p.label.is_empty(), "{}", p.id);
            match p.kind {
                Kind::Integer(Span { default, range, display }) => {
                    assert!(range.0 <= display.0 && display.0 <= default && default <= display.1 && display.1 <= range.1, "{}", p.id);
                }
                Kind::Double(Span { default, range, display }) => {
                    assert!(range.0 <= display.0 && display.0 <= default && default <= display.1 && display.1 <= range.1, "{}", p.id);
                }
                Kind::Choice(options, default) => assert!(default < options().len(), "{}", p.id),
                Kind::Text(_) | Kind::Button => {}
            }
        }
    }
}
