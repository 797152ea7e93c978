//! The questions a host asks before it renders: what is let through, what is needed, where there is a picture.

use host_sys::{Context, FramesNeeded, Identity, Instance, Range, RectD, RegionsNeeded};

use crate::describe::{self, SOURCE_TIME};
use crate::placement::{self, Placement};
use crate::values::{Missing, Values};
use crate::{capture, geometry, order};
use shot::Task;

/// The time of the clip that a retimer is asked for, in its frames, fractions between.
pub fn source_time(instance: &Instance<'_>, time: f64) -> f64 {
    let told = instance.params().ok().and_then(|set| set.get(SOURCE_TIME).ok()?.double(Some(time)).ok());
    told.filter(|t| t.is_finite()).unwrap_or(time)
}

/// Where the effect lets an input through: outside of the shot in a filter, a transition and a retake, and in a retimer where a
/// frame of the clip itself is asked for.
pub fn identity(instance: &Instance<'_>, values: &Values, time: f64) -> Option<Identity> {
    let pass = |clip| Some(Identity { clip, time });
    let span = || Placement { first: i64::from(values.first), frames: values.out.saturating_sub(values.first).max(0) as u32 };
    match values.context {
        Context::Filter if span().holds(time) => None,
        Context::Filter => pass("Source"),
        Context::Retimer => {
            let source = source_time(instance, time);
            let is_whole = (source - source.round()).abs() < 1e-6;
            let is_made = span().holds(source.floor()) && span().holds(source.ceil());
            // Beyond the frames that in-betweens are made for, the nearest one must do.
            let stays = is_whole || (span().frames > 0 && !is_made);
            stays.then(|| Identity { clip: "Source", time: source.round() })
        }
        // Before Generate a transition has no place of its own: all of it is the hole.
        Context::Transition if !values.request.is_empty() || !values.take.is_empty() => {
            let place = placement::of(values, order::rate_of(instance, values, time)).ok()?;
            let frame = placement::nearest(time);
            if frame < place.first {
                pass("SourceFrom")
            } else if frame >= place.end() {
                pass("SourceTo")
            } else {
                None
            }
        }
        Context::General if matches!(values.task(), Task::Retake { .. }) => {
            let place = placement::of(values, order::rate_of(instance, values, time)).ok()?;
            let clip = order::inputs(instance, values).tail;
            let is_there = instance.clip(clip).is_ok_and(|c| c.is_connected());
            if place.holds(time) || !is_there { None } else { pass(clip) }
        }
        _ => None,
    }
}

/// GetFramesNeeded: the current frame of every input, and what the capture of a final render would fetch.
pub fn frames_needed(instance: &Instance<'_>, values: &Values, time: f64) -> FramesNeeded {
    let connected = |name: &&'static str| instance.clip(name).is_ok_and(|c| c.is_connected());
    let names = describe::inputs(values.context).iter().map(|(name, ..)| *name).filter(connected);
    let now = if values.context == Context::Retimer {
        let source = source_time(instance, time);
        Range { min: source.floor(), max: source.ceil() }
    } else {
        Range { min: time, max: time }
    };
    let mut needed: Vec<_> = names.map(|name| (name, vec![now])).collect();
    if values.missing() == Missing::Wait
        && values.take.trim().is_empty()
        && let Ok(place) = placement::of(values, order::rate_of(instance, values, time))
    {
        for (name, ranges) in needed.iter_mut().filter(|(name, _)| *name != describe::MATTE) {
            ranges.extend(capture::reach(instance, name, order::inputs(instance, values), values, place));
        }
    }
    FramesNeeded(needed)
}

/// GetTimeDomain: as long as the shot is. A retake lies within its clip, which stays as long as it is.
pub fn time_domain(instance: &Instance<'_>, values: &Values) -> Option<Range> {
    let is_own = matches!(values.context, Context::General | Context::Generator) && !matches!(values.task(), Task::Retake { .. });
    let rate = || order::rate_of(instance, values, f64::from(values.first));
    let place = if is_own { placement::of(values, rate()).ok()? } else { return None };
    Some(Range { min: place.first as f64, max: (place.end() - 1) as f64 })
}

/// GetRegionsOfInterest: a tile of a dissolve needs whole pictures, because they may be scaled, and so does a capture. With a take
/// the inputs matter only where they are let through, pixel on pixel: the host's own answer.
pub fn regions_needed(instance: &Instance<'_>, values: &Values, time: f64) -> Option<RegionsNeeded> {
    if !values.take.trim().is_empty() {
        return None;
    }
    let whole = |name| Some((name, instance.clip(name).ok().filter(|c| c.is_connected())?.region_of_definition(time)?));
    let names = describe::inputs(values.context).iter().map(|(name, ..)| *name).filter(|name| *name != describe::MATTE);
    Some(RegionsNeeded(names.filter_map(whole).collect()))
}

/// GetRegionOfDefinition for effects without a source that has one.
pub fn region_of_definition(instance: &Instance<'_>, values: &Values, time: f64) -> Option<RectD> {
    let connected = |name: &'static str| instance.clip(name).ok().filter(|c| c.is_connected());
    let rod = |name| connected(name).and_then(|c| c.region_of_definition(time));
    let inputs = order::inputs(instance, values);
    match values.context {
        Context::Generator => capture::project_region(instance),
        Context::General => geometry::union(rod(inputs.tail), rod(inputs.head)).or_else(|| capture::project_region(instance)),
        _ => None,
    }
}
