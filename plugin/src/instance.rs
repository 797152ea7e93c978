//! An instance: its data, its controls, and what happens when the editor changes something.
//!
//! Parameters are set in InstanceChanged and nowhere else. Setting one calls us again on the same stack, so no lock is held
//! here while the host is called, and changes that we made ourselves are answered at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_sys::{Change, Changed, Context, Instance, ParamSet, Reason, Result};
use parking_lot::Mutex;
use shot::{Fault, TakeId};

use crate::find::{Found, find};
use crate::job::{Job, Watch};
use crate::order::{self, Desk};
use crate::params::id;
use crate::placement;
use crate::values::Values;
use crate::{browse, status};

/// What is kept for an instance.
#[derive(Default)]
pub struct Data {
    /// The context it was made in, where the host said one.
    context: Option<Context>,
    /// The job it follows.
    watch: Mutex<Option<Watch>>,
    /// Whether a message of ours stands at the instance.
    pub holds_message: AtomicBool,
    /// What that message says.
    pub said: Mutex<Option<String>>,
    /// Whether a progress bar is shown.
    pub shows_progress: AtomicBool,
    /// Whether a render is capturing.
    pub captures: AtomicBool,
}

/// A switch that is on for as long as this lives.
pub struct On<'a>(&'a AtomicBool);

impl<'a> On<'a> {
    /// Switches on; `None` where it is on already.
    pub fn new(switch: &'a AtomicBool) -> Option<Self> {
        switch.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok().then_some(Self(switch))
    }
}

impl Drop for On<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Data {
    /// CreateInstance.
    pub fn new(instance: &Instance<'_>) -> Self {
        let context = instance.context();
        show_controls(instance, context.unwrap_or(Context::General));
        Self { context, ..Self::default() }
    }

    /// The context; some hosts tell it only later than CreateInstance.
    pub fn context(&self, instance: &Instance<'_>) -> Context {
        self.context.or_else(|| instance.context()).unwrap_or(Context::General)
    }

    /// The job it follows.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.watch.lock().as_ref().map(|w| Arc::clone(w.job()))
    }

    /// Follows a job: when no instance follows it any more, it is stopped.
    pub fn follow(&self, job: &Arc<Job>) {
        let watch = job.watch();
        // The old one is dropped outside of the lock: that may stop its job.
        let old = self.watch.lock().replace(watch);
        drop(old);
    }

    /// Follows no job any more.
    pub fn leave(&self) {
        let old = self.watch.lock().take();
        drop(old);
    }
}

/// Hides what the context has no use for. Here and not in the description: Nuke would never show it again.
fn show_controls(instance: &Instance<'_>, context: Context) {
    let Ok(set) = instance.params() else { return };
    let secret = |id: &'static str, hidden: bool| {
        if let Err(error) = set.get(id).and_then(|p| p.set_secret(hidden)) {
            log::debug!("passed over: {error}");
        }
    };
    let is_filter = context == Context::Filter;
    for id in [id::OUT, id::SET_OUT] {
        secret(id, !is_filter);
    }
    for id in [id::LENGTH_IN, id::FRAMES, id::SECONDS] {
        secret(id, is_filter);
    }
    secret(id::KEEP, !is_filter);
}

/// InstanceChanged.
pub fn changed(instance: &Instance<'_>, data: &Data, change: &Change) -> Result<()> {
    // Ours, on the same stack.
    if change.reason == Reason::Plugin {
        return Ok(());
    }
    let param = match &change.what {
        Changed::Param(id) => id.as_str(),
        Changed::Clip(_) | Changed::Unknown => "",
    };
    if change.reason == Reason::User && param != id::STATUS {
        status::clear(instance, data);
    }
    let done = match param {
        id::GENERATE => generate(instance, data, change),
        id::NEW_TAKE => new_take(instance, data, change),
        id::CANCEL => {
            cancel(data);
            Ok(())
        }
        id::NEXT_TAKE => step(instance, data, 1),
        id::PREVIOUS_TAKE => step(instance, data, -1),
        id::SET_IN => set_time(instance, id::IN, change),
        id::SET_OUT => set_time(instance, id::OUT, change),
        _ => Ok(()),
    };
    // A job that failed beside the host is told at the first change that the editor makes after it.
    let late = || data.job().and_then(|job| job.fault_to_tell());
    let told = done.err().or_else(late);
    if let Some(fault) = &told {
        say(instance, &status::sentence(fault));
        status::tell_user(instance, data, fault);
    }
    adopt(instance, data, param == id::REFRESH);
    if told.is_none() {
        report(instance, data, change.time);
    }
    // A fault was told; a failed InstanceChanged would help no host.
    Ok(())
}

fn set(instance: &Instance<'_>, set: impl FnOnce(&ParamSet<'_>) -> Result<()>) {
    if let Err(error) = instance.params().and_then(|p| set(&p)) {
        log::warn!("{error}");
    }
}

fn say(instance: &Instance<'_>, text: &str) {
    set(instance, |p| p.get(id::STATUS)?.set_string(text));
}

/// Generate: captures and returns; the rest happens beside the host.
fn generate(instance: &Instance<'_>, data: &Data, change: &Change) -> Result<(), Fault> {
    let context = data.context(instance);
    if context == Context::Transition
        && let Some(place) = placement::of_transition(instance, change.time)
    {
        set(instance, |p| {
            p.get(id::IN)?.set_int(i32::try_from(place.first).unwrap_or(0))?;
            p.get(id::LENGTH_IN)?.set_int(0)?;
            p.get(id::FRAMES)?.set_int(place.frames as i32)
        });
    }
    let mut values = Values::read(instance, None);
    if values.instance.trim().is_empty() {
        set(instance, |p| p.get(id::INSTANCE)?.set_string(&browse::fresh_name()));
        values = Values::read(instance, None);
    }
    let rate = order::rate_of(instance, context, change.time);
    let place = placement::of(&values, context, rate)?;
    let desk = Desk { instance, context, values: &values, place, now: change.time, scale: change.scale };
    let placed = order::place(&desk)?;
    let key = placed.key;
    let job = Job::start(key, placed.order);
    data.follow(&job);
    set(instance, |p| p.get(id::REQUEST)?.set_string(&key.to_string()));
    let notes = if placed.notes.is_empty() { String::new() } else { format!("; {}", placed.notes.join("; ")) };
    say(instance, &format!("Being made{notes}. Press Refresh to see how far it is."));
    Ok(())
}

fn new_take(instance: &Instance<'_>, data: &Data, change: &Change) -> Result<(), Fault> {
    let seed = Values::read(instance, None).seed;
    set(instance, |p| p.get(id::SEED)?.set_int(seed.checked_add(1).unwrap_or(0)));
    generate(instance, data, change)
}

fn cancel(data: &Data) {
    if let Some(job) = data.job() {
        job.cancel();
    }
}

fn set_time(instance: &Instance<'_>, id: &'static str, change: &Change) -> Result<(), Fault> {
    let time = instance.timeline_time().unwrap_or(change.time);
    let frame = i32::try_from(placement::nearest(time)).unwrap_or(0);
    set(instance, |p| p.get(id)?.set_int(frame));
    Ok(())
}

/// Next and previous take of the same shot.
fn step(instance: &Instance<'_>, data: &Data, by: i64) -> Result<(), Fault> {
    let values = Values::read(instance, None);
    let context = data.context(instance);
    let shown = match find(instance, data, context, &values) {
        Found::Take(playback) => playback.stored().id().clone(),
        Found::Fault(fault) => return Err(fault),
        Found::Job(_) | Found::Nothing => {
            return Err(Fault::new(shot::Code::Take, "no take is shown yet, so there is no next one", "press Generate first"));
        }
    };
    let next = browse::beside(&values, &shown, by)?;
    choose(instance, &next, values.version);
    Ok(())
}

/// Shows a take, and has the host ask again for what it has cached.
fn choose(instance: &Instance<'_>, take: &TakeId, version: i32) {
    set(instance, |p| {
        let _edit = p.edit("Pickup take");
        p.get(id::TAKE)?.set_string(take.as_str())?;
        bump(p, version)
    });
}

fn bump(p: &ParamSet<'_>, version: i32) -> Result<()> {
    p.get(id::VERSION)?.set_int(version.checked_add(1).unwrap_or(0))
}

/// Puts a take that has landed into the take parameter. `refresh`: has the host ask again in any case.
fn adopt(instance: &Instance<'_>, data: &Data, refresh: bool) {
    let landed = data.job().and_then(|job| job.outcome()?.ok());
    if landed.is_none() && !refresh {
        return;
    }
    let values = Values::read(instance, None);
    if let Some(id) = landed {
        data.leave();
        if values.take.trim() != id.as_str() {
            choose(instance, &id, values.version);
            return;
        }
    } else if values.take.trim().is_empty()
        && let Found::Take(playback) = find(instance, data, data.context(instance), &values)
    {
        // Made by another process, such as a farm, or before the project was saved.
        choose(instance, playback.stored().id(), values.version);
        return;
    }
    if refresh {
        crate::process::process().purge();
        set(instance, |p| bump(p, values.version));
    }
}

/// The status line: how far the shot has come, or what is shown.
fn report(instance: &Instance<'_>, data: &Data, time: f64) {
    let context = data.context(instance);
    let values = Values::read(instance, None);
    let text = match data.job() {
        Some(job) if job.outcome().is_none() => format!("Being made: {}", job.progress()),
        _ => match find(instance, data, context, &values) {
            Found::Job(job) => format!("Being made: {}", job.progress()),
            Found::Fault(fault) => status::sentence(&fault),
            Found::Nothing => "No take yet. Press Generate.".to_owned(),
            Found::Take(playback) => {
                let take = playback.stored().take();
                let place = placement::of(&values, context, order::rate_of(instance, context, time)).ok();
                let card = if take.is_card { ", a card: the shot is still missing" } else { "" };
                let stale = if order::is_out_of_date(&values, place, &take.request) { ". Out of date: press Generate" } else { "" };
                let notes: String = take.notes.iter().map(|n| format!("; {n}")).collect();
                format!("Take {} of {} frames by {}{card}{stale}{notes}", take.id, take.request.frames, take.provenance.engine)
            }
        },
    };
    // Setting what stands there already would only make the host busy.
    let stands = instance.params().and_then(|p| p.get(id::STATUS)?.string(None)).unwrap_or_default();
    if stands != text && !(stands.starts_with("Being made") && text.starts_with("Being made: waiting")) {
        say(instance, &text);
    }
}
