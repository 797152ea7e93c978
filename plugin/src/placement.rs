//! Which frames of the host are the shot, and which frame of a take stands at a time of the host.

use host_sys::{Context, Instance, Range, raw};
use shot::{Code, Fault, Rate, Seconds, Take, request::MAX_FRAMES};

use crate::values::Values;

/// The frames of the host that the shot replaces or fills, without handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The first of them.
    pub first: i64,
    /// How many.
    pub frames: u32,
}

impl Placement {
    /// One past the last frame.
    pub const fn end(self) -> i64 {
        self.first + self.frames as i64
    }

    /// Whether a time of the host lies within.
    pub fn holds(self, time: f64) -> bool {
        let frame = nearest(time);
        frame >= self.first && frame < self.end()
    }
}

/// The whole frame of a host's time.
pub fn nearest(time: f64) -> i64 {
    if time.is_finite() { time.clamp(-1e12, 1e12).round() as i64 } else { 0 }
}

/// Whether a context works on a span of its one clip, from In to Out.
pub const fn is_span(context: Context) -> bool {
    matches!(context, Context::Filter | Context::Retimer)
}

/// The shot's place as the parameters have it. In a filter and a retimer it lies between In and Out, elsewhere it begins at In
/// and is as long as asked for.
pub fn of(values: &Values, rate: Rate) -> Result<Placement, Fault> {
    let first = i64::from(values.first);
    let is_span = is_span(values.context);
    let frames = if is_span {
        i64::from(values.out) - first
    } else if values.in_seconds {
        rate.frames_in(Seconds(values.seconds))
    } else {
        i64::from(values.frames)
    };
    match u32::try_from(frames) {
        Ok(frames) if (1..=MAX_FRAMES).contains(&frames) => Ok(Placement { first, frames }),
        _ if is_span => Err(Fault::new(
            Code::Argument,
            format!("the shot lies between In {first} and Out {}, which is no frame", values.out),
            "go to its first frame and press In here, then to the first frame that stays and press Out here",
        )),
        _ => Err(Fault::new(Code::Argument, format!("a shot of {frames} frames cannot be made"), "ask for 1 frame to 1 hour")),
    }
}

/// Where a transition lies: what both clips cover, or the effect's duration from where its parameter begins to move.
pub fn of_transition(instance: &Instance<'_>, time: f64) -> Option<Placement> {
    let range = |name| instance.clip(name).ok()?.frame_range();
    let duration = instance.props().ok().and_then(|p| p.double(raw::kOfxImageEffectInstancePropEffectDuration).ok());
    let duration = duration.filter(|d| d.is_finite() && *d >= 1.0 && *d <= f64::from(MAX_FRAMES)).map(|d| d.round() as u32);
    let both = range("SourceFrom").zip(range("SourceTo")).and_then(|(from, to)| overlap(from, to));
    match (both, duration) {
        // Clips with long handles overlap by more than the transition lasts.
        (Some(both), Some(duration)) if both.frames > duration => moving(instance, time, duration).or(Some(both)),
        (Some(both), _) => Some(both),
        (None, Some(duration)) => moving(instance, time, duration),
        (None, None) => None,
    }
}

/// All of a retimer's clip.
pub fn of_clip(instance: &Instance<'_>) -> Option<Placement> {
    let range = instance.clip("Source").ok()?.frame_range()?;
    overlap(range, range)
}

fn overlap(from: Range, to: Range) -> Option<Placement> {
    let (first, last) = (nearest(from.min.max(to.min)), nearest(from.max.min(to.max)));
    let frames = u32::try_from(last.checked_sub(first)?.checked_add(1)?).ok().filter(|n| (1..=MAX_FRAMES).contains(n))?;
    Some(Placement { first, frames })
}

/// A transition of known length, found from the host's own parameter: the last frame at or before now at which it is still 0.
fn moving(instance: &Instance<'_>, time: f64, duration: u32) -> Option<Placement> {
    let set = instance.params().ok()?;
    let param = set.get("Transition").ok()?;
    let value = |frame: i64| param.double(Some(frame as f64)).ok().filter(|v| v.is_finite());
    let now = nearest(time);
    let (mut low, mut high) = (now - i64::from(duration), now);
    // It rises from 0 to 1, eased or not: halve until the frame is found.
    // With the play head before or behind it, its beginning cannot be told.
    if value(low)? > 0.0 || value(now + 1)? <= 0.0 {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if value(middle)? > 0.0 { high = middle } else { low = middle }
    }
    let first = if value(high)? > 0.0 { low } else { high };
    Some(Placement { first, frames: duration })
}

/// Whether a transition was made shorter, longer or moved since its take was generated: the take plays on as it is.
pub fn is_trimmed(instance: &Instance<'_>, values: &Values, time: f64) -> bool {
    let generated = Placement { first: i64::from(values.first), frames: values.frames.max(0) as u32 };
    values.context == Context::Transition && of_transition(instance, time).is_some_and(|now| now != generated)
}

/// The frame of a take of in-betweens that is nearest to a time of the clip, which is in frames with fractions; `None` beyond
/// the frames that it lies between.
pub fn between(take: &Take, first: i64, time: f64) -> Option<u32> {
    let shot::Task::Retime { num, den } = take.request.task else { return None };
    let index = ((time - first as f64) * f64::from(num) / f64::from(den.max(1))).round();
    (index >= 0.0 && index < f64::from(take.frames)).then_some(index as u32)
}

/// The frame of a take, counted from 0 with handles, at a time of the host; beyond its ends the frame at the end.
pub fn frame_of(take: &Take, first: i64, time: f64) -> u32 {
    let index = nearest(time) - first + i64::from(take.handle_in);
    index.clamp(0, i64::from(take.frames.saturating_sub(1))) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clips_that_overlap_hold_the_transition() {
        let r = |min, max| Range { min, max };
        assert_eq!(overlap(r(0.0, 99.0), r(80.0, 200.0)), Some(Placement { first: 80, frames: 20 }));
        assert_eq!(overlap(r(0.0, 50.0), r(80.0, 200.0)), None);
        assert_eq!(overlap(r(f64::MIN, f64::MAX), r(f64::MIN, f64::MAX)), None);
    }

    #[test]
    fn any_time_is_some_frame() {
        for t in [f64::NAN, f64::INFINITY, -1e300, 1e300] {
            let _ = nearest(t);
        }
        assert_eq!(nearest(10.4999), 10);
        let p = Placement { first: 10, frames: 5 };
        assert!(p.holds(10.0) && p.holds(14.0) && !p.holds(15.0) && !p.holds(9.0));
    }
}
