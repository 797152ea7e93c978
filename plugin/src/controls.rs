//! Which controls are shown, and which of those can be used: what a context has no use for is hidden, what the choices made so far
//! have no use for is greyed.
//!
//! Set when an instance is made and at each change, never in the description: Nuke would never show it again.

use host_sys::{Context, Instance};
use shot::{SoundMode, Task};

use crate::params::id;
use crate::placement;
use crate::values::Values;

/// A control: whether it is shown, and whether it can be used.
type State = (&'static str, bool, bool);

/// Brings all controls to what the values say.
pub fn refresh(instance: &Instance<'_>, values: &Values) {
    bring(instance, states(values));
}

/// The same for an instance that was just made, whose controls are all shown and usable as they were described: only the others
/// are touched, because some hosts make an instance for every frame.
pub fn begin(instance: &Instance<'_>, values: &Values) {
    let mut others = states(values);
    others.retain(|(_, shown, usable)| !(*shown && *usable));
    bring(instance, others);
}

fn bring(instance: &Instance<'_>, states: Vec<State>) {
    let Ok(set) = instance.params() else { return };
    for (id, shown, usable) in states {
        let done = set.get(id).and_then(|p| {
            p.set_secret(!shown)?;
            p.set_enabled(usable)
        });
        if let Err(error) = done {
            log::debug!("passed over: {error}");
        }
    }
}

/// Parameters whose change calls for [`refresh`].
pub fn depends_on(param: &str) -> bool {
    [id::TASK, id::LENGTH_IN, id::ENGINE, id::SOUND, id::CONTEXT_FILE].contains(&param)
}

fn states(values: &Values) -> Vec<State> {
    let (context, task) = (values.context, values.task());
    let is_span = placement::is_span(context);
    let (is_retimer, is_transition) = (context == Context::Retimer, context == Context::Transition);
    let is_retake = matches!(task, Task::Retake { .. });
    let can_retake = matches!(context, Context::Filter | Context::General | Context::Paint);
    let has_sound = values.sound() != SoundMode::None;
    let no_file = values.context_file.trim().is_empty();
    let mut all: Vec<State> = vec![
        (id::TASK, !is_retimer, true),
        // A transition lies where the cut lies; Generate writes here what it was.
        (id::IN, true, !is_transition),
        (id::SET_IN, !is_transition, true),
        (id::OUT, is_span, true),
        (id::SET_OUT, is_span, true),
        (id::LENGTH_IN, !is_span && !is_transition, true),
        (id::FRAMES, !is_span, !is_transition && !values.in_seconds),
        (id::SECONDS, !is_span && !is_transition, values.in_seconds),
        (id::KEEP, can_retake, is_retake),
        (id::FACTOR, is_retimer, true),
        (id::PROMPT, !is_retimer, true),
        (id::NEGATIVE, !is_retimer, true),
        (id::WEIGHTS, !is_retimer, values.uses_weights()),
        (id::ENGINE_PROGRAM, true, values.engine == 3),
        (id::MOTION, !is_retimer, true),
        (id::CAMERA, !is_retimer, true),
        (id::STILL, !is_retimer, true),
        (id::MATTE, context == Context::General, is_retake),
        (id::COLOUR_MATCH, !is_retimer, true),
        (id::SOUND, !is_retimer, true),
        (id::SOUND_LEVEL, !is_retimer, has_sound),
        (id::CHANNELS, !is_retimer, has_sound),
        (id::SOUND_BEFORE, !is_retimer, values.sound() == SoundMode::Match),
        (id::SOUND_AFTER, !is_retimer, values.sound() == SoundMode::Match),
        (id::HANDLES, !is_retimer, task.joins() != (true, true)),
        (id::CONTEXT_FRAMES, !is_retimer, no_file),
        (id::CONTEXT_FILE, !is_retimer, true),
    ];
    all.extend(id::ROWS.iter().flat_map(|r| [r.at.0, r.prompt.0, r.still.0]).map(|id| (id, !is_retimer, true)));
    all
}
