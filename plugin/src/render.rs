//! Render: the take where there is one, else what the editor chose for its lack.

use std::sync::Arc;
use std::time::Duration;

use host_sys::{Context, FramesNeeded, Identity, Instance, Layout, Output, Range, RectD, RenderArgs, Result};
use shot::{Code, Fault, Picture};
use takes::Playback;

use crate::capture;
use crate::find::{Found, find};
use crate::geometry::{self, Fit};
use crate::instance::{Data, On};
use crate::job::{Job, Watch};
use crate::order::{self, Desk};
use crate::placement::{self, Placement};
use crate::resample::{Scaler, needed, taps};
use crate::values::{Missing, Values};
use crate::{pixels, slates, status};

/// How long a wait goes on before the host is asked whether it wants to stop: it must be answered within 100 ms.
const LOOK: Duration = Duration::from_millis(40);

/// What stands around the picture, and where there is none: opaque black, as a monitor shows it.
const BLACK: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// Render.
pub fn render(instance: &Instance<'_>, data: &Data, args: &mut RenderArgs<'_>) -> Result<()> {
    let context = data.context(instance);
    let values = Values::read(instance, Some(args.at.time));
    if let Some(identity) = identity(instance, context, &values, args.at.time) {
        return pass(instance, &identity, args);
    }
    let is_final = !(args.is_interactive || args.is_draft || args.is_thumbnail);
    let rate = order::rate_of(instance, context, args.at.time);
    let place = placement::of(&values, context, rate);
    let fit = Fit::at(values.fit);
    let found = match find(instance, data, context, &values) {
        Found::Take(playback) => match show(instance, context, &values, args, &playback, fit) {
            Err(Refusal::Take(fault)) => Found::Fault(fault),
            done => return done.map_err(Refusal::into_error),
        },
        found => found,
    };
    if !is_final || (values.missing() == Missing::Slate && !matches!(found, Found::Fault(_))) {
        return slate(instance, context, &values, args, &found, place.ok());
    }
    let fault = match (values.missing(), found) {
        (_, Found::Fault(fault)) => fault,
        (Missing::Wait, found) => {
            let job = if let Found::Job(job) = found { Some(job) } else { None };
            match wait(instance, data, context, &values, args, job) {
                Ok(playback) => match show(instance, context, &values, args, &playback, fit) {
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
        (..) => Fault::new(
            Code::Take,
            "no take was made yet, and this is a final render",
            "press Generate, or let final renders make the take or show the slate",
        ),
    };
    Err(status::tell(instance, data, &fault))
}

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

/// Hands an input through, for hosts that do not ask IsIdentity.
fn pass(instance: &Instance<'_>, identity: &Identity, args: &mut RenderArgs<'_>) -> Result<()> {
    let source = instance.source_image(identity.clip, identity.time)?;
    let done = args.with_output(|mut output| {
        let window = output.window();
        let (mut layout, mut from) = (*output.layout(), source.as_ref().map(|s| *s.layout()));
        // Of one kind on both sides, colours are neither multiplied nor divided: what is let through stays as it is.
        if from.is_some_and(|f| f.premultiplied == layout.premultiplied) {
            layout.premultiplied = None;
            from = from.map(|f| Layout { premultiplied: None, ..f });
        }
        let mut row = vec![[0.0; 4]; window.width() as usize];
        for y in window.y1..window.y2 {
            row.fill([0.0; 4]);
            if let Some((source, from)) = source.as_ref().zip(from) {
                let b = from.bounds;
                let (x1, x2) = (window.x1.max(b.x1), window.x2.min(b.x2));
                if y >= b.y1 && y < b.y2 && x1 < x2 {
                    let pixels = pixels::take(&source.row(y, x1, x2)?, &from);
                    let at = (x1 - window.x1) as usize;
                    row[at..at + pixels.len()].copy_from_slice(&pixels);
                }
            }
            pixels::put(output.row(y)?, &layout, &row);
        }
        Ok(())
    })?;
    drop(source);
    done.ok_or(host_sys::Error::Status(host_sys::Status::FAILED))
}

/// Waits for the take of a final render, making it first where nobody does.
fn wait(
    instance: &Instance<'_>,
    data: &Data,
    context: Context,
    values: &Values,
    args: &RenderArgs<'_>,
    job: Option<Arc<Job>>,
) -> std::result::Result<Arc<Playback>, Fault> {
    let watch = match job {
        Some(job) => job.watch(),
        None => begin(instance, data, context, values, args)?,
    };
    // One bar for an instance, however many frames are rendered at once.
    let shows = On::new(&data.shows_progress);
    let mut bar = shows.as_ref().map(|_| instance.progress("Pickup is making the shot"));
    let end = loop {
        if let Some(outcome) = watch.job().wait(LOOK) {
            break outcome;
        }
        // The host may ask again at once (Nuke does after Esc): the job goes on as long as the instance lives.
        if instance.is_aborted() {
            data.follow(watch.job());
            break Err(Fault::cancelled());
        }
        if bar.as_mut().is_some_and(|b| !b.update(watch.job().progress().part)) {
            watch.job().cancel();
            break Err(Fault::cancelled());
        }
    };
    drop(bar);
    drop(shows);
    let id = end?;
    data.follow(watch.job());
    let store = takes::Store::existing(crate::process::takes_folder(&values.takes_folder)?)?;
    crate::process::process().playback(&store, &id)?.ok_or_else(|| takes::Error::Absent { id, store: store.root().to_path_buf() }.into())
}

/// Starts the job of a final render; of several threads one captures, the others wait for it.
fn begin(
    instance: &Instance<'_>,
    data: &Data,
    context: Context,
    values: &Values,
    args: &RenderArgs<'_>,
) -> std::result::Result<Watch, Fault> {
    loop {
        if let Some(_on) = On::new(&data.captures) {
            if let Some(job) = data.job().filter(|j| !matches!(j.outcome(), Some(Err(_)))) {
                return Ok(job.watch());
            }
            let rate = order::rate_of(instance, context, args.at.time);
            let place = placement::of(values, context, rate)?;
            let placed = order::place(&Desk { instance, context, values, place, now: args.at.time, scale: args.at.scale })?;
            placed.notes.iter().for_each(|note| log::warn!("{note}"));
            let job = Job::start(placed.key, placed.order);
            data.follow(&job);
            return Ok(job.watch());
        }
        if instance.is_aborted() {
            return Err(Fault::cancelled());
        }
        std::thread::sleep(LOOK / 2);
    }
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
    let in_pixels = instance.host().has(host_sys::quirks::What::RegionOfDefinitionInPixels);
    let region = canonical.map_or(bounds, |r| if in_pixels { r } else { geometry::to_pixels(r, args_scale, aspect) });
    (region, aspect)
}

/// Shows the frame of a take that stands at the render's time.
fn show(
    instance: &Instance<'_>,
    context: Context,
    values: &Values,
    args: &mut RenderArgs<'_>,
    playback: &Playback,
    fit: Fit,
) -> std::result::Result<(), Refusal> {
    let take = playback.stored().take();
    let index = placement::frame_of(take, i64::from(values.first), args.at.time);
    let (scale, time) = (args.at.scale, args.at.time);
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(instance, context, output.layout(), scale, time);
        let rect = geometry::place(playback.size(), take.request.pixel_aspect, region, aspect, fit);
        Ok(match geometry::pixel_on_pixel(playback.size(), rect) {
            Some(at) => copy(playback, index, at, &mut output),
            None => scaled(playback, index, rect, &mut output),
        })
    });
    match done {
        Ok(Some(shown)) => shown.map_err(Refusal::Take),
        Ok(None) => Err(Refusal::Host(host_sys::Error::Status(host_sys::Status::FAILED))),
        Err(error) => Err(Refusal::Host(error)),
    }
}

/// Why a take was not shown.
enum Refusal {
    /// The take is at fault: the editor must know, a viewer can show something else.
    Take(Fault),
    /// The host is at fault.
    Host(host_sys::Error),
}

impl Refusal {
    fn into_error(self) -> host_sys::Error {
        match self {
            Self::Host(error) => error,
            Self::Take(fault) => host_sys::Error::Status(status::status_of(fault.code)),
        }
    }
}

/// A take pixel on pixel, its lower left corner at `at`.
fn copy(playback: &Playback, index: u32, at: (i32, i32), output: &mut Output<'_>) -> std::result::Result<(), Fault> {
    let size = playback.size();
    let (window, layout) = (output.window(), *output.layout());
    let top = at.1.saturating_add(size.height as i32);
    let right = at.0.saturating_add(size.width as i32);
    let (x1, x2) = (window.x1.max(at.0), window.x2.min(right));
    let (y1, y2) = (window.y1.max(at.1), window.y2.min(top));
    let mut wrong = None;
    bars(output, x1, x2, y1, y2).map_err(|e| status::from_host(&e))?;
    if x1 >= x2 || y1 >= y2 {
        return Ok(());
    }
    let whole = x1 == window.x1 && x2 == window.x2;
    let (from, to) = ((x1 - at.0) as usize * 4, (x2 - at.0) as usize * 4);
    let mut scratch = vec![[0.0f32; 4]; (x2 - x1) as usize];
    let mut wide = if whole { Vec::new() } else { vec![BLACK; window.width() as usize] };
    let lead = (x1 - window.x1) as usize;
    playback.rows(index, (top - y2) as u32..(top - y1) as u32, &mut |y, row| {
        let Some(part) = row.get(from..to) else { return };
        match output.row(top - 1 - y as i32) {
            Ok(out) if whole => pixels::put_halves(out, &layout, part, &mut scratch),
            Ok(out) => {
                takes::to_floats(part, scratch.as_flattened_mut());
                wide[lead..lead + scratch.len()].copy_from_slice(&scratch);
                pixels::put(out, &layout, &wide);
            }
            Err(e) => wrong = Some(e),
        }
    })?;
    wrong.map_or(Ok(()), |e| Err(status::from_host(&e)))
}

/// A take made smaller or larger, covering `rect`.
fn scaled(playback: &Playback, index: u32, rect: RectD, output: &mut Output<'_>) -> std::result::Result<(), Fault> {
    let size = playback.size();
    let (window, layout) = (output.window(), *output.layout());
    let columns = taps(size.width as usize, rect.x1, rect.x2, window.x1, window.x2, false);
    let rows = taps(size.height as usize, rect.y1, rect.y2, window.y1, window.y2, true);
    let inside = |t: &&crate::resample::Tap| !t.weights.is_empty();
    let count = |all: &[crate::resample::Tap]| all.iter().filter(inside).count() as i32;
    let lead = |all: &[crate::resample::Tap]| all.iter().take_while(|t| t.weights.is_empty()).count() as i32;
    let (x1, y1) = (window.x1 + lead(&columns), window.y1 + lead(&rows));
    let (x2, y2) = (x1 + count(&columns), y1 + count(&rows));
    bars(output, x1, x2, y1, y2).map_err(|e| status::from_host(&e))?;
    let range = needed(&rows);
    if x1 >= x2 || range.is_empty() {
        return Ok(());
    }
    let mut wrong = None;
    let mut scaler = Scaler::new(&columns, &rows, window.y1);
    let mut floats = vec![[0.0f32; 4]; size.width as usize];
    let mut wide = vec![BLACK; window.width() as usize];
    let span = (x1 - window.x1) as usize..(x2 - window.x1) as usize;
    let first = range.start as u32;
    playback.rows(index, first..range.end as u32, &mut |y, row| {
        // A cached file that failed midway is handed out again from its first row.
        if y == first {
            scaler = Scaler::new(&columns, &rows, window.y1);
        }
        takes::to_floats(row, floats.as_flattened_mut());
        scaler.push(y as usize, &floats, |n, made| {
            wide[span.clone()].copy_from_slice(&made[span.clone()]);
            match output.row(n) {
                Ok(out) => pixels::put(out, &layout, &wide),
                Err(e) => wrong = Some(e),
            }
        });
    })?;
    wrong.map_or(Ok(()), |e| Err(status::from_host(&e)))
}

/// Fills the rows of the window that the picture, from x1 to x2 and y1 to y2, does not reach.
fn bars(output: &mut Output<'_>, x1: i32, x2: i32, y1: i32, y2: i32) -> Result<()> {
    let (window, layout) = (output.window(), *output.layout());
    let black = vec![BLACK; window.width() as usize];
    for y in window.y1..window.y2 {
        if x1 >= x2 || y < y1 || y >= y2 {
            pixels::put(output.row(y)?, &layout, &black);
        }
    }
    Ok(())
}

/// Shows what is known while there is no take.
fn slate(
    instance: &Instance<'_>,
    context: Context,
    values: &Values,
    args: &mut RenderArgs<'_>,
    found: &Found,
    place: Option<Placement>,
) -> Result<()> {
    let (scale, time) = (args.at.scale, args.at.time);
    let rate = order::rate_of(instance, context, time);
    let done = args.with_output(|mut output| {
        let (region, aspect) = region(instance, context, output.layout(), scale, time);
        let frame = geometry::around(region);
        let Ok(size) = shot::Size::new(frame.width(), frame.height()).checked() else {
            return bars(&mut output, 0, 0, 0, 0);
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
        let picture = slates::pending(&slates::Pending { size, pixel_aspect: aspect, rate, values, found, place, neighbours, part });
        put_picture(&picture, (frame.x1, frame.y1), &mut output)
    })?;
    done.ok_or(host_sys::Error::Status(host_sys::Status::FAILED))
}

/// How far a transition has come, as the host has it.
fn transition(instance: &Instance<'_>, context: Context, time: f64) -> Option<f64> {
    if context != Context::Transition {
        return None;
    }
    let value = instance.params().ok()?.get("Transition").ok()?.double(Some(time)).ok()?;
    value.is_finite().then_some(value)
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

/// A picture pixel on pixel, its lower left corner at `at`.
fn put_picture(picture: &Picture, at: (i32, i32), output: &mut Output<'_>) -> Result<()> {
    let (window, layout) = (output.window(), *output.layout());
    let mut wide = vec![BLACK; window.width() as usize];
    for y in window.y1..window.y2 {
        wide.fill(BLACK);
        let from_top = at.1 + picture.height() as i32 - 1 - y;
        if let Ok(row) = usize::try_from(from_top)
            && row < picture.height()
        {
            for (x, out) in (window.x1..window.x2).zip(&mut wide) {
                if let Some(p) = usize::try_from(x - at.0).ok().and_then(|x| picture.row(row).get(x)) {
                    *out = *p;
                }
            }
        }
        pixels::put(output.row(y)?, &layout, &wide);
    }
    Ok(())
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
