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
use crate::placement::{self, Placement};
use crate::process::{process, takes_folder};
use crate::values::Values;
use crate::{browse, controls, guide, reveal, status, weights};

/// What is kept for an instance.
#[derive(Default)]
pub struct Data {
    /// The context it was made in, where the host said one.
    context: Option<Context>,
    /// The job it follows.
    watch: Mutex<Option<Watch>>,
    /// Whether the first take of that job was adopted: the others land beside it.
    adopted: AtomicBool,
    /// What the editor should know of the last Generate.
    notes: Mutex<Vec<String>>,
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
        process().enter();
        let data = Self { context: instance.context(), ..Self::default() };
        controls::begin(instance, &data.values(instance, None));
        data
    }

    /// DestroyInstance: what was being made for it alone is stopped.
    pub fn end(&self) {
        self.leave();
        process().leave();
    }

    /// The parameters as they stand, or at a time of a render.
    pub fn values(&self, instance: &Instance<'_>, time: Option<f64>) -> Values {
        Values::read(instance, self.context(instance), time)
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
        self.adopted.store(false, Ordering::Relaxed);
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
    if controls::depends_on(param) {
        controls::refresh(instance, &data.values(instance, None));
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
        id::REVEAL => show_folder(instance, data),
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
        let asks_for_weights = param == id::ENGINE || param == id::WEIGHTS;
        match if asks_for_weights { weights::word(&data.values(instance, None)) } else { None } {
            Some(word) => say(instance, &word),
            None => report(instance, data, change.time),
        }
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
    fix_place(instance, data, change.time);
    let mut values = data.values(instance, None);
    if values.instance.trim().is_empty() {
        set(instance, |p| p.get(id::INSTANCE)?.set_string(&browse::fresh_name()));
        values = data.values(instance, None);
    }
    let rate = order::rate_of(instance, &values, change.time);
    let place = placement::of(&values, rate)?;
    let takes = values.take_count.max(1) as u32;
    let placed = order::place(&Desk { instance, values: &values, place, takes, now: change.time, scale: change.scale })?;
    let key = placed.key;
    let watch = Job::start(key, placed.order);
    data.follow(watch.job());
    set(instance, |p| p.get(id::REQUEST)?.set_string(&key.to_string()));
    *data.notes.lock() = placed.notes;
    Ok(())
}

/// Where only the host knows where the shot lies, Generate writes it down: from then on it is fixed.
fn fix_place(instance: &Instance<'_>, data: &Data, time: f64) {
    let values = data.values(instance, None);
    let place = match values.context {
        Context::Transition => placement::of_transition(instance, time),
        Context::Retimer if values.out <= values.first => placement::of_clip(instance),
        _ => None,
    };
    let Some(Placement { first, frames }) = place else { return };
    let first = i32::try_from(first).unwrap_or(0);
    set(instance, |p| {
        p.get(id::IN)?.set_int(first)?;
        if placement::is_span(values.context) {
            return p.get(id::OUT)?.set_int(first.saturating_add(frames as i32));
        }
        p.get(id::LENGTH_IN)?.set_int(0)?;
        p.get(id::FRAMES)?.set_int(frames as i32)
    });
}

fn new_take(instance: &Instance<'_>, data: &Data, change: &Change) -> Result<(), Fault> {
    let seed = data.values(instance, None).seed;
    set(instance, |p| p.get(id::SEED)?.set_int(seed.checked_add(1).unwrap_or(0)));
    generate(instance, data, change)
}

/// Opens the folder of the take that is shown, else that of all takes.
fn show_folder(instance: &Instance<'_>, data: &Data) -> Result<(), Fault> {
    let values = data.values(instance, None);
    match find(instance, data, &values) {
        Found::Take(playback) => reveal::reveal(playback.stored().folder()),
        _ => reveal::reveal(&takes_folder(&values)?),
    }
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
    let values = data.values(instance, None);
    let shown = match find(instance, data, &values) {
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
    let job = data.job();
    // Asked first: what ends between the two questions has landed by the second.
    let has_ended = job.as_ref().is_some_and(|job| !job.is_running());
    let outcome = job.and_then(|job| job.outcome()?.ok());
    // While more takes of it are made the job is followed: with the instance it would be stopped.
    if has_ended && outcome.is_some() {
        data.leave();
    }
    let landed = outcome.filter(|_| !data.adopted.load(Ordering::Relaxed));
    if landed.is_none() && !refresh {
        return;
    }
    let values = data.values(instance, None);
    if let Some(id) = landed {
        data.adopted.store(true, Ordering::Relaxed);
        if values.take.trim() != id.as_str() {
            choose(instance, &id, values.version);
            return;
        }
    } else if values.take.trim().is_empty()
        && let Found::Take(playback) = find(instance, data, &values)
    {
        // Made by another process, such as a farm, or before the project was saved.
        choose(instance, playback.stored().id(), values.version);
        return;
    }
    if refresh {
        process().purge();
        set(instance, |p| bump(p, values.version));
    }
}

/// The status line: how far the shot has come, what is shown, or what is missing.
fn report(instance: &Instance<'_>, data: &Data, time: f64) {
    let text = words(instance, data, time);
    // Setting what stands there already would only make the host busy.
    let stands = instance.params().and_then(|p| p.get(id::STATUS)?.string(None)).unwrap_or_default();
    if stands != text {
        say(instance, &text);
    }
}

/// Notes as the end of a sentence, each once.
fn listed(notes: &[String]) -> String {
    let mut seen: Vec<&String> = Vec::new();
    notes.iter().for_each(|n| {
        if !seen.contains(&n) {
            seen.push(n)
        }
    });
    seen.iter().map(|n| format!("; {n}")).collect()
}

fn words(instance: &Instance<'_>, data: &Data, time: f64) -> String {
    let mut notes = data.notes.lock().clone();
    if let Some(job) = data.job().filter(|job| job.is_running()) {
        return format!("Being made: {}{}. Press Refresh to see how far it is.", job.progress(), listed(&notes));
    }
    let values = data.values(instance, None);
    let place = placement::of(&values, order::rate_of(instance, &values, time));
    match find(instance, data, &values) {
        Found::Job(job) => format!("Being made: {}", job.progress()),
        Found::Fault(fault) => status::sentence(&fault),
        Found::Nothing => match guide::lacking(instance, &values, &place) {
            Some(fault) => format!("No take yet: {}. To make one: {}, then press Generate.", fault.what, fault.remedy),
            None => "No take yet. Press Generate.".to_owned(),
        },
        Found::Take(playback) => {
            let take = playback.stored().take();
            let card = if take.is_card { ", a card: the shot is still missing" } else { "" };
            let trimmed = placement::is_trimmed(instance, &values, time).then_some("the place of the transition");
            let stale = trimmed.or_else(|| order::out_of_date(&values, place.ok(), take));
            let stale = stale
                .map_or_else(String::new, |what| format!(". Out of date: {what} was changed since. It stays until you press Generate"));
            notes.extend(take.notes.iter().cloned());
            let (engine, notes) = (&take.provenance.engine, listed(&notes));
            format!("Take {} of {} frames by {engine}{card}{notes}{stale}", take.id, take.request.frames)
        }
    }
}
