//! The table itself: every parameter in the order it is shown.

use super::Section::{Advanced, Look, Shot, Sound, Storyboard, Takes};
use super::{Kind, Mode, Param, Section, Span, id};
use crate::colours;

const fn whole(default: i32, range: (i32, i32), display: (i32, i32)) -> Kind {
    Kind::Integer(Span { default, range, display })
}

const fn number(default: f64, range: (f64, f64), display: (f64, f64)) -> Kind {
    Kind::Double(Span { default, range, display })
}

const fn row(id: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Param {
    Param { id, label, hint, kind, section: Shot, evaluates: false }
}

/// A parameter that changes the picture which is shown already.
const fn shown(id: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Param {
    Param { evaluates: true, ..row(id, label, kind, hint) }
}

/// Frame numbers that a host may have, with room for an hour of 60 per second from midnight.
const TIMES: (i32, i32) = (-10_000_000, 10_000_000);

pub(super) fn build() -> Vec<Param> {
    let sections = [(Shot, shot()), (Storyboard, storyboard()), (Look, look()), (Sound, sound()), (Takes, takes()), (Advanced, advanced())];
    let place = |(section, params): (Section, Vec<Param>)| params.into_iter().map(move |p| Param { section, ..p });
    sections.into_iter().flat_map(place).collect()
}

fn shot() -> Vec<Param> {
    vec![
        row(
            id::TASK,
            "Task",
            Kind::Choice(|| super::TASKS.to_vec(), 0),
            "What to make: a bridge over a hole within one set-up, a new shot that cuts in and out, a place from words, more of a shot, or a span of it again",
        ),
        row(id::PROMPT, "Prompt", Kind::Text(Mode::Lines), "What the shot should show"),
        row(id::NEGATIVE, "Avoid", Kind::Text(Mode::Lines), "What the shot should not show"),
        row(id::LENGTH_IN, "Length in", Kind::Choice(|| vec!["Frames", "Seconds"], 0), "Which of the two lengths counts"),
        row(
            id::FRAMES,
            "Frames",
            whole(48, (1, 216_000), (1, 240)),
            "Length of the shot in frames, without handles; a transition writes its own length here at Generate",
        ),
        row(id::SECONDS, "Seconds", number(2.0, (0.01, 3600.0), (0.5, 10.0)), "Length of the shot in seconds, without handles"),
        shown(
            id::IN,
            "In",
            whole(0, TIMES, (0, 1000)),
            "Frame at which the shot begins, as the host counts here; a transition writes it at Generate",
        ),
        shown(id::OUT, "Out", whole(0, TIMES, (0, 1000)), "First frame that is the clip's own again (Filter, Retimer)"),
        row(id::SET_IN, "In here", Kind::Button, "Takes the frame you look at as the first to be made"),
        row(id::SET_OUT, "Out here", Kind::Button, "Takes the frame you look at as the first that stays"),
        row(id::KEEP, "Keep", Kind::Choice(|| vec!["Nothing", "Picture", "Sound"], 0), "What a retake leaves as it is"),
        row(
            id::FACTOR,
            "In-betweens",
            whole(4, (2, 32), (2, 16)),
            "Retimer: made frames for each frame of the clip; the slowest speed without repeated frames is one over it",
        ),
        row(id::GENERATE, "Generate", Kind::Button, "Makes the shot in the background; nothing leaves this machine"),
        row(id::CANCEL, "Cancel", Kind::Button, "Stops making it; nothing is published"),
        row(id::STATUS, "Status", Kind::Text(Mode::Label), "How far the shot has come, or what is missing"),
    ]
}

fn storyboard() -> Vec<Param> {
    let beat = |r: &id::Row| {
        [
            row(r.at.0, r.at.1, whole(0, (0, 216_000), (0, 240)), "Frame of the shot at which this beat begins, counted from 0"),
            row(
                r.prompt.0,
                r.prompt.1,
                Kind::Text(Mode::Line),
                "What the shot should show from there on; the draft engine follows no storyboard",
            ),
            row(r.still.0, r.still.1, Kind::Text(Mode::File), "A picture that the shot should show at that frame"),
        ]
    };
    id::ROWS.iter().flat_map(beat).collect()
}

fn look() -> Vec<Param> {
    vec![
        row(
            id::ENGINE,
            "Engine",
            Kind::Choice(|| vec!["Auto", "Draft", "LTX", "Program"], 0),
            "What makes the pictures; Auto takes LTX where Weights names a checkpoint, else the draft",
        ),
        row(
            id::WEIGHTS,
            "Weights",
            Kind::Text(Mode::Line),
            "Which checkpoint the LTX engine uses: a name of `pickup weights list`, or a folder; empty where only one is installed",
        ),
        row(id::ENGINE_PROGRAM, "Engine program", Kind::Text(Mode::File), "An executable that speaks Pickup's engine protocol"),
        row(id::QUALITY, "Quality", Kind::Choice(|| vec!["Draft", "Preview", "Final"], 2), "How much time to spend"),
        row(id::MOTION, "Motion", number(1.0, (0.0, 2.0), (0.0, 2.0)), "Amount of motion; 1 is as much as the neighbours have"),
        row(
            id::CAMERA,
            "Camera",
            Kind::Choice(|| vec!["Auto", "Still", "Push", "Pull", "Pan left", "Pan right", "Tilt up", "Tilt down"], 0),
            "Camera move, on a still or as a wish",
        ),
        row(id::STILL, "Reference still", Kind::Text(Mode::File), "A picture that an establishing shot starts from"),
        shown(
            id::MATTE,
            "Matte",
            Kind::Choice(|| vec!["Limits a retake", "Ignored"], 0),
            "Whether a retake shows only where the input Matte is white, and the clip itself elsewhere",
        ),
        row(id::COLOUR, "Footage colour", Kind::Choice(colours::labels, 0), "How the host's pixels are encoded here; Auto asks the host"),
        row(
            id::STAGE,
            "Grade",
            Kind::Choice(|| vec!["Finished", "Still to come"], 0),
            "Whether the neighbours' grade comes after this effect",
        ),
        row(id::COLOUR_MATCH, "Colour match", number(1.0, (0.0, 1.0), (0.0, 1.0)), "How far to match the neighbours' colour"),
    ]
}

fn sound() -> Vec<Param> {
    vec![
        row(
            id::SOUND,
            "Sound",
            Kind::Choice(|| vec!["Match", "None", "Generate"], 0),
            "Sound made to match both neighbours, none, or sound from the prompt and the picture alone; it lies in the take's folder",
        ),
        row(
            id::SOUND_LEVEL,
            "Sound level",
            number(0.0, (-60.0, 24.0), (-24.0, 12.0)),
            "Decibels by which the made sound is louder or softer",
        ),
        row(id::CHANNELS, "Channels", whole(2, (1, 16), (1, 8)), "Channels of the made sound"),
        row(
            id::SOUND_BEFORE,
            "Sound before",
            Kind::Text(Mode::File),
            "A file whose end is the sound before the hole; hosts give effects no sound",
        ),
        row(id::SOUND_AFTER, "Sound after", Kind::Text(Mode::File), "A file whose beginning is the sound after the hole"),
    ]
}

fn takes() -> Vec<Param> {
    vec![
        shown(id::TAKE, "Take", Kind::Text(Mode::Line), "Id of the take that is shown; kept whatever changes upstream"),
        row(id::NEXT_TAKE, "Next take", Kind::Button, "Shows the next take of this shot"),
        row(id::PREVIOUS_TAKE, "Previous take", Kind::Button, "Shows the take before"),
        row(id::NEW_TAKE, "New take", Kind::Button, "Makes another take: the same shot with the next seed"),
        row(id::REFRESH, "Refresh", Kind::Button, "Looks whether the take is there, and has the host ask again"),
        row(id::REVEAL, "Reveal folder", Kind::Button, "Opens the folder of the take that is shown, with its frames and its sound"),
        row(id::SEED, "Seed", whole(0, (0, i32::MAX), (0, 100)), "Takes of one shot differ in nothing else"),
        row(
            id::TAKE_COUNT,
            "Takes at once",
            whole(1, (1, 1000), (1, 16)),
            "How many takes Generate makes, with seeds counting up from Seed; the first that lands is shown",
        ),
        row(
            id::FINAL_RENDER,
            "Final render without a take",
            Kind::Choice(|| vec!["Wait and make it", "Fail", "Show the slate"], 1),
            "What a final render does when no take is there yet",
        ),
        shown(
            id::TAKES_FOLDER,
            "Takes folder",
            Kind::Text(Mode::Folder),
            "Where takes are kept: a folder, or one below the folder that PICKUP_TAKES names; empty for that folder itself, else your own data folder",
        ),
        shown(
            id::PATH_MAPPING,
            "Path mapping",
            Kind::Text(Mode::Lines),
            "One folder a line, as each system names it: /mnt/show = S:\\show = /Volumes/show; PICKUP_PATHS holds such lines for all projects",
        ),
    ]
}

fn advanced() -> Vec<Param> {
    vec![
        shown(
            id::FIT,
            "Fit",
            Kind::Choice(|| vec!["Fit", "Fill", "Stretch"], 0),
            "How a take of another size is placed: whole with bars, filling and cut, or stretched",
        ),
        row(id::HANDLES, "Handles", whole(24, (0, 10_000), (0, 48)), "Extra frames at each end that cuts, for trimming"),
        row(id::CONTEXT_FRAMES, "Context frames", whole(9, (1, 121), (1, 49)), "How many frames of each neighbour the engine may see"),
        row(
            id::CONTEXT_FILE,
            "Context file",
            Kind::Text(Mode::File),
            "A context.json from a timeline script; it goes before the effect's own inputs",
        ),
        row(
            id::TIMECODE,
            "Record timecode",
            Kind::Text(Mode::Line),
            "Timecode of the shot's first frame on the timeline, such as 01:00:10:05; empty counts from the In frame",
        ),
        shown(id::REQUEST, "Request", Kind::Text(Mode::Line), "Written by Generate: what was asked for last"),
        row(id::INSTANCE, "Instance", Kind::Text(Mode::Line), "Written by Generate: tells this effect from its copies"),
        shown(
            id::VERSION,
            "Take version",
            whole(0, (0, i32::MAX), (0, 1000)),
            "Raised whenever another take is to be shown, so that the host asks again",
        ),
    ]
}
