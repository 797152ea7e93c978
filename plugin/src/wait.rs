//! Waiting for the take of a final render.

use std::sync::Arc;
use std::time::Duration;

use host_sys::RenderArgs;
use shot::Fault;
use takes::Playback;

use crate::instance::On;
use crate::job::{Job, Watch};
use crate::order::{self, Desk};
use crate::placement;
use crate::process::{process, takes_folder};
use crate::render::Ask;

/// How long a wait goes on before the host is asked whether it wants to stop: it must be answered within 100 ms.
const LOOK: Duration = Duration::from_millis(40);

/// Waits for the take of a final render, making it first where nobody does.
pub fn wait(ask: &Ask<'_, '_>, args: &RenderArgs<'_>, job: Option<Arc<Job>>) -> Result<Arc<Playback>, Fault> {
    let Ask { instance, data, values, .. } = *ask;
    let watch = match job {
        Some(job) => job.watch(),
        None => begin(ask, args)?,
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
    let store = takes::Store::existing(takes_folder(values)?)?;
    process().playback(&store, &id)?.ok_or_else(|| takes::Error::Absent { id, store: store.root().to_path_buf() }.into())
}

/// Starts the job of a final render; of several threads one captures, the others wait for it.
fn begin(ask: &Ask<'_, '_>, args: &RenderArgs<'_>) -> Result<Watch, Fault> {
    let Ask { instance, data, values } = *ask;
    loop {
        if let Some(_on) = On::new(&data.captures) {
            if let Some(job) = data.job().filter(|j| !matches!(j.outcome(), Some(Err(_)))) {
                return Ok(job.watch());
            }
            let rate = order::rate_of(instance, values, args.at.time);
            let place = placement::of(values, rate)?;
            let placed = order::place(&Desk { instance, values, place, takes: 1, now: args.at.time, scale: args.at.scale })?;
            placed.notes.iter().for_each(|note| log::warn!("{note}"));
            let watch = Job::start(placed.key, placed.order);
            data.follow(watch.job());
            return Ok(watch);
        }
        if instance.is_aborted() {
            return Err(Fault::cancelled());
        }
        std::thread::sleep(LOOK / 2);
    }
}
