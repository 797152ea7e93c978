//! The questions a host asks before it renders: what is let through, what is needed, where there is a picture.

use host_sys::{Context, FramesNeeded, Identity, Instance, Range, RectD, RegionsNeeded};

use crate::params::id;
use crate::placement::{self, Placement};
use crate::values::{Missing, Values};
use crate::{capture, geometry, order};

/// Where the effect lets an input through: outside of the shot in a filter and a transition.
pub fn identity(instance: &Instance<'_>, context: Context, values: &Values, time: f64) -> Option<Identity> {
    let pass = |clip| Some(Identity { clip, time });
    match context {
        Context::Filter => {
            let place = Placement { first: i64::from(values.first), frames: values.out.saturating_sub(values.first).max(0) as u32 };
            if place.holds(time) { None } else { pass("Source") }
        }
        // Before Generate a transition has no place of its own: all of it is the hole.
        Context::Transition if !values.request.is_empty() || !values.take.is_empty() => {
            let place = placement::of(values, context, order::rate_of(instance, context, time)).ok()?;
            let frame = placement::nearest(time);
            if frame < place.first {
                pass("SourceFrom")
            } else if frame >= place.end() {
                pass("SourceTo")
            } else {
                None
            }
        }
        _ => None,
    }
}

/// GetFramesNeeded: the current frame of every input, and what the capture of a final render would fetch.
pub fn frames_needed(instance: &Instance<'_>, context: Context, time: f64) -> FramesNeeded {
    let values = Values::read(instance, Some(time));
    let connected = |name: &&'static str| instance.clip(name).is_ok_and(|c| c.is_connected());
    let names = crate::describe::inputs(context).iter().map(|(name, ..)| *name).filter(connected);
    let mut needed: Vec<_> = names.map(|name| (name, vec![Range { min: time, max: time }])).collect();
    if values.missing() == Missing::Wait
        && values.take.trim().is_empty()
        && let Ok(place) = placement::of(&values, context, order::rate_of(instance, context, time))
    {
        for (name, ranges) in &mut needed {
            ranges.extend(capture::reach(instance, name, order::inputs(context), &values, place));
        }
    }
    FramesNeeded(needed)
}

/// GetRegionsOfInterest: a tile of a dissolve needs whole pictures, because they may be scaled, and so does a capture. With a take
/// the inputs matter only where they are let through, pixel on pixel: the host's own answer.
pub fn regions_needed(instance: &Instance<'_>, context: Context, time: f64) -> Option<RegionsNeeded> {
    let take = instance.params().ok()?.get(id::TAKE).ok()?.string(Some(time)).unwrap_or_default();
    if !take.trim().is_empty() {
        return None;
    }
    let whole = |name| Some((name, instance.clip(name).ok().filter(|c| c.is_connected())?.region_of_definition(time)?));
    Some(RegionsNeeded(crate::describe::inputs(context).iter().filter_map(|(name, ..)| whole(*name)).collect()))
}

/// GetRegionOfDefinition for effects without a source that has one.
pub fn region_of_definition(instance: &Instance<'_>, context: Context, time: f64) -> Option<RectD> {
    let connected = |name: &'static str| instance.clip(name).ok().filter(|c| c.is_connected());
    let rod = |name| connected(name).and_then(|c| c.region_of_definition(time));
    let inputs = order::inputs(context);
    match context {
        Context::Generator => capture::project_region(instance),
        Context::General => geometry::union(rod(inputs.tail), rod(inputs.head)).or_else(|| capture::project_region(instance)),
        _ => None,
    }
}
