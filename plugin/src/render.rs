//! Render: the take where there is one, else what the editor chose for its lack.

use std::sync::atomic::Ordering;

use host_sys::quirks::What;
use host_sys::{Context, Error, Instance, Layout, RectD, RenderArgs, Result, Status};
use shot::{Code, Fault};
use takes::Playback;

use crate::find::{Found, find};
use crate::geometry::{self, Fit};
use crate::instance::Data;
use crate::placement::{self, Placement};
use crate::values::{Missing, Values};
use crate::{capture, colours, guide, matte, order, paint, questions, slates, status, wait};

/// Who asks, and what was chosen.
#[derive(Clone, Copy)]
pub struct Ask<'i, 'a> {
    /// The instance.
    pub instance: &'i Instance<'a>,
    /// What is kept for it.
    pub data: &'i Data,
    /// Its parameters.
    pub values: &'i Values,
}

/// Render.
pub fn render(instance: &Instance<'_>, data: &Data, args: &mut RenderArgs<'_>) -> Result<()> {
    let values = data.values(instance, Some(args.at.time));
    let ask = Ask { instance, data, values: &values };
    if let Some(identity) = questions::identity(instance, &values, args.at.time) {
        return paint::pass(instance, &identity, args);
    }
    let is_final = !(args.is_interactive || args.is_draft || args.is_thumbnail);
    let place = placement::of(&values, order::rate_of(instance, &values, args.at.time));
    let found = match find(instance, data, &values) {
        Found::Take(playback) => match show(&ask, args, &playback) {
            Err(Refusal::Take(fault)) => Found::Fault(fault),
            done => {
                // What was told before the take was there is true no more.
                if data.holds_message.load(Ordering::Relaxed) {
                    status::clear(instance, data);
                }
                return done.map_err(Refusal::into_error);
            }
        },
        found => found,
    };
    // On a device only stored frames can be shown: for anything else the host asks again, with images in memory.
    args.in_memory()?;
    if !is_final || (values.missing() == Missing::Slate && !matches!(found, Found::Fault(_))) {
        return slate(&ask, args, &found, &place);
    }
    let fault = match (values.missing(), found) {
        (_, Found::Fault(fault)) => fault,
        (Missing::Wait, found) => {
            let job = if let Found::Job(job) = found { Some(job) } else { None };
            match wait::wait(&ask, args, job) {
                Ok(playback) => match show(&ask, args, &playback) {
                    Err(Refusal::Take(fault)) => fault,
                    done => return done.map_err(Refusal::into_error),
                },
                Err(fault) => fault,
            }
        }
        (_, Found::Job(job)) => Fault::new(
            Code::Take,
            format!("the take is still being made ({})", job.progress()),
            "render again when it is there, or let final renders wait for it",
        ),
        (..) => Fault::new(Code::Take, "no take was made yet, and this is a final render", advice(&ask, &place)),
    };
    let told = status::tell(instance, data, &fault);
    if instance.host().has(What::IgnoresRenderFailure) {
        // There a refusal would ship the source as if nothing were missing: a slate at least is seen.
        return slate(&ask, args, &Found::Fault(fault), &place);
    }
    Err(told)
}

/// Shows the frame of a take that stands at the render's time.
fn show(ask: &Ask<'_, '_>, args: &mut RenderArgs<'_>, playback: &Playback) -> Result<(), Refusal> {
    let Ask { instance, values, .. } = *ask;
    let take = playback.stored().take();
    let (scale, time, first) = (args.at.scale, args.at.time, i64::from(values.first));
    let index = if values.context == Context::Retimer {
        let between = placement::between(take, first, questions::source_time(instance, time));
        between.ok_or_else(|| Refusal::Take(other_span()))?
    } else {
        placement::frame_of(take, first, time)
    };
    let is_limited = matte::limits(ask);
    if is_limited {
        // Pictures are put together in memory only.
        args.in_memory().map_err(Refusal::Host)?;
    }
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(ask, output.layout(), scale, time);
        let rect = geometry::place(playback.size(), take.request.pixel_aspect, region, aspect, Fit::at(values.fit));
        if is_limited {
            let window = output.window();
            let limited = paint::picture(playback, index, rect, window).and_then(|mut picture| {
                matte::limit(ask, &mut picture, window, time)?;
                paint::put_picture(&picture, (window.x1, window.y1), &mut output).map_err(|e| status::from_host(&e))
            });
            return Ok(limited);
        }
        Ok(match geometry::pixel_on_pixel(playback.size(), rect) {
            Some(at) => paint::copy(playback, index, at, &mut output),
            None => paint::scaled(playback, index, rect, &mut output),
        })
    });
    match done {
        Ok(Some(shown)) => shown.map_err(Refusal::Take),
        Ok(None) => Err(Refusal::Host(Error::Status(Status::FAILED))),
        Err(error) => Err(Refusal::Host(error)),
    }
}

/// A retimer was given other frames since its take was made.
fn other_span() -> Fault {
    Fault::new(Code::Take, "the take holds no in-betweens of this moment of the clip", "set In and Out around it and press Generate")
}

/// Why a take was not shown.
enum Refusal {
    /// The take is at fault: the editor must know, a viewer can show something else.
    Take(Fault),
    /// The host is at fault.
    Host(Error),
}

impl Refusal {
    fn into_error(self) -> Error {
        match self {
            Self::Host(error) => error,
            Self::Take(fault) => Error::Status(status::status_of(fault.code)),
        }
    }
}

/// What to do where no take was made yet, in this host.
fn advice(ask: &Ask<'_, '_>, place: &Result<Placement, Fault>) -> String {
    if ask.instance.host().has(What::NeverSendsInstanceChanged) {
        return "make the take with the program pickup and put its id into Take, because this host gives effects no buttons".to_owned();
    }
    match guide::lacking(ask.instance, ask.values, place) {
        Some(fault) => format!("{}: {}", fault.what, fault.remedy),
        None => "press Generate, or let final renders make the take or show the slate".to_owned(),
    }
}

/// Shows what is known while there is no take.
fn slate(ask: &Ask<'_, '_>, args: &mut RenderArgs<'_>, found: &Found, place: &Result<Placement, Fault>) -> Result<()> {
    let Ask { instance, values, .. } = *ask;
    let (scale, time) = (args.at.scale, args.at.time);
    let rate = order::rate_of(instance, values, time);
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(ask, output.layout(), scale, time);
        let frame = geometry::around(region);
        let Ok(size) = shot::Size::new(frame.width(), frame.height()).checked() else {
            return paint::bars(&mut output, 0, 0, 0, 0);
        };
        let format = capture::Format { region, size, pixel_aspect: aspect, rate };
        let at = |name, time| {
            let clip = instance.clip(name).ok().filter(|c| c.is_connected())?;
            capture::read(&clip, time, format, scale).ok()?
        };
        let neighbour = |name| at(name, time);
        let inputs = order::inputs(instance, values);
        let source = questions::source_time(instance, time);
        let neighbours = match values.context {
            // Within one clip the nearest picture is the clip's own.
            Context::Filter => (neighbour(inputs.tail), None),
            Context::Retimer => (at(inputs.tail, source.floor()), at(inputs.tail, source.ceil())),
            Context::Generator => (None, None),
            _ if inputs.tail == inputs.head => (neighbour(inputs.tail), None),
            _ => (neighbour(inputs.tail), neighbour(inputs.head)),
        };
        let place_known = place.as_ref().ok().copied();
        let elapsed = place_known.map_or(0.5, |p| (time - p.first as f64 + 0.5) / f64::from(p.frames.max(1)));
        // Before Generate only the host knows where the transition lies.
        let part = match values.context {
            Context::Transition => transition(instance, time).unwrap_or(elapsed),
            Context::Retimer => source - source.floor(),
            _ => elapsed,
        };
        let colour = colours::of_inputs(instance, inputs);
        let picture = slates::pending(&slates::Pending {
            size,
            pixel_aspect: aspect,
            rate,
            is_linear: colours::resolve(values.colour, &colour, instance.host()).space.is_linear(),
            advice: &advice(ask, place),
            values,
            found,
            place: place_known,
            neighbours,
            part,
        });
        paint::put_picture(&picture, (frame.x1, frame.y1), &mut output)
    })?;
    done.ok_or(Error::Status(Status::FAILED))
}

/// How far a transition has come, as the host has it.
fn transition(instance: &Instance<'_>, time: f64) -> Option<f64> {
    let value = instance.params().ok()?.get("Transition").ok()?.double(Some(time)).ok()?;
    value.is_finite().then_some(value)
}

/// The region of the shot in pixels of the output image, and the width of its pixels over their height.
fn region(ask: &Ask<'_, '_>, layout: &Layout, args_scale: (f64, f64), time: f64) -> (RectD, f64) {
    let Ask { instance, values, .. } = *ask;
    let aspect = instance.clip("Output").ok().and_then(|c| c.pixel_aspect()).unwrap_or(layout.pixel_aspect);
    let inputs = order::inputs(instance, values);
    let connected = |name: &'static str| instance.clip(name).ok().filter(|c| c.is_connected());
    let rod = |name| connected(name).and_then(|c| c.region_of_definition(time));
    let canonical = match values.context {
        Context::Generator => None,
        _ => geometry::union(rod(inputs.tail), rod(inputs.head)),
    };
    let canonical = canonical.or_else(|| capture::project_region(instance)).or_else(|| inputs.reference.and_then(rod));
    let b = layout.bounds;
    let bounds = RectD::new(f64::from(b.x1), f64::from(b.y1), f64::from(b.x2), f64::from(b.y2));
    let in_pixels = instance.host().has(What::RegionOfDefinitionInPixels);
    let region = canonical.map_or(bounds, |r| if in_pixels { r } else { geometry::to_pixels(r, args_scale, aspect) });
    (region, aspect)
}
