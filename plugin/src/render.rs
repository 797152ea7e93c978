//! Render: the take where there is one, else what the editor chose for its lack.

use host_sys::quirks::What;
use host_sys::{Context, Error, Instance, Layout, RectD, RenderArgs, Result, Status};
use shot::{Code, Fault};
use takes::Playback;

use crate::find::{Found, find};
use crate::geometry::{self, Fit};
use crate::instance::Data;
use crate::placement::{self, Placement};
use crate::values::{Missing, Values};
use crate::{capture, colours, order, paint, questions, slates, status, wait};

/// Who asks, and what was chosen.
#[derive(Clone, Copy)]
pub struct Ask<'i, 'a> {
    /// The instance.
    pub instance: &'i Instance<'a>,
    /// What is kept for it.
    pub data: &'i Data,
    /// Its context.
    pub context: Context,
    /// Its parameters.
    pub values: &'i Values,
}

/// Render.
pub fn render(instance: &Instance<'_>, data: &Data, args: &mut RenderArgs<'_>) -> Result<()> {
    let context = data.context(instance);
    let values = Values::read(instance, Some(args.at.time));
    let ask = Ask { instance, data, context, values: &values };
    if let Some(identity) = questions::identity(instance, context, &values, args.at.time) {
        return paint::pass(instance, &identity, args);
    }
    let is_final = !(args.is_interactive || args.is_draft || args.is_thumbnail);
    let rate = order::rate_of(instance, context, args.at.time);
    let place = placement::of(&values, context, rate);
    let found = match find(instance, data, context, &values) {
        Found::Take(playback) => match show(&ask, args, &playback) {
            Err(Refusal::Take(fault)) => Found::Fault(fault),
            done => return done.map_err(Refusal::into_error),
        },
        found => found,
    };
    // On a device only stored frames can be shown: for anything else the host asks again, with images in memory.
    args.in_memory()?;
    if !is_final || (values.missing() == Missing::Slate && !matches!(found, Found::Fault(_))) {
        return slate(&ask, args, &found, place.ok());
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
        (..) => Fault::new(Code::Take, "no take was made yet, and this is a final render", advice(instance)),
    };
    let told = status::tell(instance, data, &fault);
    if instance.host().has(What::IgnoresRenderFailure) {
        // There a refusal would ship the source as if nothing were missing: a slate at least is seen.
        return slate(&ask, args, &Found::Fault(fault), place.ok());
    }
    Err(told)
}

/// Shows the frame of a take that stands at the render's time.
fn show(ask: &Ask<'_, '_>, args: &mut RenderArgs<'_>, playback: &Playback) -> std::result::Result<(), Refusal> {
    let Ask { instance, context, values, .. } = *ask;
    let take = playback.stored().take();
    let index = placement::frame_of(take, i64::from(values.first), args.at.time);
    let (scale, time) = (args.at.scale, args.at.time);
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(instance, context, output.layout(), scale, time);
        let rect = geometry::place(playback.size(), take.request.pixel_aspect, region, aspect, Fit::at(values.fit));
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
fn advice(instance: &Instance<'_>) -> &'static str {
    if instance.host().has(What::NeverSendsInstanceChanged) {
        "make the take with the program pickup and put its id into Take, because this host gives effects no buttons"
    } else {
        "press Generate, or let final renders make the take or show the slate"
    }
}

/// Shows what is known while there is no take.
fn slate(ask: &Ask<'_, '_>, args: &mut RenderArgs<'_>, found: &Found, place: Option<Placement>) -> Result<()> {
    let Ask { instance, context, values, .. } = *ask;
    let (scale, time) = (args.at.scale, args.at.time);
    let rate = order::rate_of(instance, context, time);
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(instance, context, output.layout(), scale, time);
        let frame = geometry::around(region);
        let Ok(size) = shot::Size::new(frame.width(), frame.height()).checked() else {
            return paint::bars(&mut output, 0, 0, 0, 0);
        };
        let format = capture::Format { region, size, pixel_aspect: aspect, rate };
        let neighbour = |name| {
            let clip = instance.clip(name).ok().filter(|c| c.is_connected())?;
            capture::read(&clip, time, format, scale).ok()?
        };
        let inputs = order::inputs(context);
        let neighbours = match context {
            // Within one clip the nearest picture is the clip's own.
            Context::Filter => (neighbour(inputs.tail), None),
            Context::Generator => (None, None),
            _ => (neighbour(inputs.tail), neighbour(inputs.head)),
        };
        let elapsed = place.map_or(0.5, |p| (time - p.first as f64 + 0.5) / f64::from(p.frames.max(1)));
        // Before Generate only the host knows where the transition lies.
        let part = transition(instance, context, time).unwrap_or(elapsed);
        let colour = instance.clip(inputs.tail).map(|c| c.colourspace()).unwrap_or_default();
        let picture = slates::pending(&slates::Pending {
            size,
            pixel_aspect: aspect,
            rate,
            is_linear: colours::resolve(values.colour, &colour, instance.host()).is_linear(),
            advice: advice(instance),
            values,
            found,
            place,
            neighbours,
            part,
        });
        paint::put_picture(&picture, (frame.x1, frame.y1), &mut output)
    })?;
    done.ok_or(Error::Status(Status::FAILED))
}

/// How far a transition has come, as the host has it.
fn transition(instance: &Instance<'_>, context: Context, time: f64) -> Option<f64> {
    if context != Context::Transition {
        return None;
    }
    let value = instance.params().ok()?.get("Transition").ok()?.double(Some(time)).ok()?;
    value.is_finite().then_some(value)
}

/// The region of the shot in pixels of the output image, and the width of its pixels over their height.
fn region(instance: &Instance<'_>, context: Context, layout: &Layout, args_scale: (f64, f64), time: f64) -> (RectD, f64) {
    let aspect = instance.clip("Output").ok().and_then(|c| c.pixel_aspect()).unwrap_or(layout.pixel_aspect);
    let inputs = order::inputs(context);
    let connected = |name: &'static str| instance.clip(name).ok().filter(|c| c.is_connected());
    let rod = |name| connected(name).and_then(|c| c.region_of_definition(time));
    let canonical = match context {
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
