//! What an effect lacks before it can make anything: which input to connect, which number to set. Said in the status line, on the
//! slate, and when Generate is pressed.

use host_sys::{Instance, Range};
use shot::request::{End, Keep};
use shot::{Code, Fault, Task};

use host_sys::Context;

use crate::placement::{self, Placement};
use crate::values::Values;

/// What is missing, if anything is. With a context file the inputs do not matter.
pub fn missing(instance: &Instance<'_>, values: &Values, place: Option<Placement>) -> Option<Fault> {
    let has_file = !values.context_file.trim().is_empty();
    refused(values, has_file)
        .or_else(|| if has_file { None } else { unconnected(instance, values).or_else(|| too_short(instance, values, place)) })
}

/// What is missing, the place of the shot included.
pub fn lacking(instance: &Instance<'_>, values: &Values, place: &Result<Placement, Fault>) -> Option<Fault> {
    // A retimer without a span takes all of its clip.
    let nowhere = || place.as_ref().err().filter(|_| values.context != Context::Retimer).cloned();
    missing(instance, values, place.as_ref().ok().copied()).or_else(nowhere)
}

/// Tasks that a context cannot be used for.
fn refused(values: &Values, has_file: bool) -> Option<Fault> {
    let no = |what: &str, remedy: &str| Some(Fault::new(Code::Argument, what, remedy));
    match (values.context, values.task()) {
        (Context::Transition, Task::Bridge | Task::Insert) => None,
        (Context::Transition, _) => no(
            "a transition lies between two shots: it makes a bridge or an insert",
            "choose Bridge or Insert; use the effect as a filter for a retake, as a generator to establish",
        ),
        (Context::Generator, Task::Bridge | Task::Extend { .. } | Task::Retake { .. }) if !has_file => no(
            "a generator has no neighbours",
            "choose Establish or Insert, use the effect as a transition or a node with From and To, or give a context file",
        ),
        (_, Task::Retake { keep: Keep::Picture }) if has_file => {
            no("a retake that keeps its picture needs the clip itself", "use the effect as a filter on the clip, without a context file")
        }
        _ => None,
    }
}

/// Inputs that the task needs.
fn unconnected(instance: &Instance<'_>, values: &Values) -> Option<Fault> {
    let has = |name| instance.clip(name).is_ok_and(|c| c.is_connected());
    let needs = |names: &[(&'static str, &str)]| {
        let lacking: Vec<&str> = names.iter().filter(|(name, _)| !has(name)).map(|(_, words)| *words).collect();
        let what = format!("nothing is connected to {}", lacking.join(" and "));
        (!lacking.is_empty()).then(|| Fault::new(Code::Input, what, format!("connect {}", lacking.join(" and "))))
    };
    const FROM: (&str, &str) = ("From", "From (the shot before)");
    const TO: (&str, &str) = ("To", "To (the shot after)");
    match (values.context, values.task()) {
        (Context::Filter | Context::Retimer, _) => needs(&[("Source", "Source (the clip)")]),
        (Context::Transition, _) => needs(&[("SourceFrom", FROM.1), ("SourceTo", TO.1)]),
        (Context::Generator, Task::Insert) => needs(&[("Source", "Reference (a shot that it should be like)")]),
        (Context::Generator, _) | (_, Task::Establish) => None,
        (_, Task::Bridge) => needs(&[FROM, TO]),
        (_, Task::Extend { at: End::Tail }) => needs(&[FROM]),
        (_, Task::Extend { at: End::Head }) => needs(&[TO]),
        (_, Task::Retake { .. } | Task::Retime { .. }) => needs(&[("From", "From (the clip)")]),
        (_, Task::Insert) => {
            let any = ["Reference", "From", "To"].into_iter().any(has);
            (!any).then(|| {
                let remedy = "connect Reference, From or To, or choose Establish";
                Fault::new(Code::Input, "an insert takes its look from a shot, and none is connected", remedy)
            })
        }
    }
}

/// A filter cannot make its clip longer: what it fills must be there to be filled, and what it continues must be there too.
fn too_short(instance: &Instance<'_>, values: &Values, place: Option<Placement>) -> Option<Fault> {
    let (place, task) = (place?, values.task());
    if !placement::is_span(values.context) {
        return None;
    }
    let Range { min, max } = instance.clip("Source").ok()?.frame_range()?;
    let (first, last) = (placement::nearest(min), placement::nearest(max));
    if place.first < first || place.end() - 1 > last {
        let what = format!("In {} to Out {} reaches beyond the clip, whose frames are {first} to {last}", place.first, place.end());
        let remedy = match task {
            Task::Extend { .. } => {
                "a filter cannot lengthen its clip: lay it over a compound of the clip and a placeholder long enough, or use `pickup extend`"
            }
            _ => "set In and Out within it",
        };
        return Some(Fault::new(Code::Argument, what, remedy));
    }
    let (before, after) = (place.first > first, place.end() <= last);
    let lacks = match task {
        Task::Bridge if !(before && after) => "a frame of the clip on both sides of the span",
        Task::Retake { .. } if !(before || after) => "a frame of the clip beside the span",
        Task::Extend { at: End::Tail } if !before => "the shot itself before the span",
        Task::Extend { at: End::Head } if !after => "the shot itself after the span",
        _ => return None,
    };
    let what = format!("In {} to Out {} leaves nothing of the clip's frames {first} to {last}: it needs {lacks}", place.first, place.end());
    Some(Fault::new(Code::Argument, what, "move In or Out"))
}
