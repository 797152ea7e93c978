//! A job of this process: from captured frames to a take that lies in the store, beside the host's threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use shot::{Fault, Key, Picture, Request, Stage, TakeId};
use takes::exr::FrameTags;
use takes::{Part, Store};
use worker::{JobHandle, JobState};

use crate::process::process;

/// How often a job looks whether it was cancelled: a cancel is answered within a tenth of a second.
const LOOK: Duration = Duration::from_millis(50);

/// Where a job stands.
enum Phase {
    /// Captured frames are being written.
    Writing,
    /// The worker has it.
    Working(JobHandle),
    /// The take is there.
    Done(TakeId),
    /// It failed or was stopped.
    Failed(Fault),
}

/// One shot being made. Instances and renders share it.
pub struct Job {
    phase: Mutex<Phase>,
    changed: Condvar,
    cancelled: AtomicBool,
    /// Whether an instance has told its editor how it ended.
    told: AtomicBool,
    watchers: AtomicUsize,
}

/// What a job needs.
pub struct Order {
    /// The store that gets the take.
    pub store: Store,
    /// What to make.
    pub request: Request,
    /// Hash of the captured context.
    pub context: Key,
    /// Captured frames that the request's patterns name.
    pub frames: Vec<(Part, Vec<Picture>)>,
    /// The names under which the take is to be found again.
    pub links: Vec<Key>,
}

/// How far a job has come, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What it is busy with.
    pub stage: String,
    /// The same in the worker's terms, once the worker has it.
    pub stage_of: Option<Stage>,
    /// How far that has come, 0 to 1.
    pub part: f64,
    /// Seconds left, where known.
    pub left: Option<f64>,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {:.0} %", self.stage, self.part * 100.0)?;
        match self.left {
            Some(left) if left.is_finite() && left >= 1.0 => write!(f, ", about {left:.0} s left"),
            _ => Ok(()),
        }
    }
}

impl Job {
    /// Starts a job; the same request that is already under way is not started twice.
    pub fn start(key: Key, order: Order) -> Arc<Self> {
        process().job(key, || {
            let job = Arc::new(Self {
                phase: Mutex::new(Phase::Writing),
                changed: Condvar::new(),
                cancelled: AtomicBool::new(false),
                told: AtomicBool::new(false),
                watchers: AtomicUsize::new(0),
            });
            let own = Arc::clone(&job);
            let body = move || {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| own.run(order)));
                let result = result.unwrap_or_else(|_| Err(Fault::internal("the thread of a job panicked")));
                if let Err(fault) = &result {
                    log::warn!("a job ended: {fault}");
                }
                own.set(match result {
                    Ok(id) => Phase::Done(id),
                    Err(fault) => Phase::Failed(fault),
                });
            };
            if let Err(fault) = process().spawn("pickup job", body) {
                job.set(Phase::Failed(fault));
            }
            job
        })
    }

    fn set(&self, phase: Phase) {
        *self.phase.lock() = phase;
        self.changed.notify_all();
    }

    fn check(&self) -> Result<(), Fault> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Fault::cancelled()) } else { Ok(()) }
    }

    fn run(&self, order: Order) -> Result<TakeId, Fault> {
        let store = Store::open(order.store.root())?;
        let tags = FrameTags {
            timecode: order.request.timecode(),
            colour: order.request.context.colour,
            pixel_aspect: order.request.pixel_aspect,
            source_type: None,
        };
        for (part, pictures) in order.frames {
            for (index, picture) in pictures.into_iter().enumerate() {
                self.check()?;
                store.put_context_frame(&order.context, part, index as u32, &picture, &tags)?;
            }
        }
        self.check()?;
        let out = std::env::temp_dir().join(format!("pickup-{}", order.context));
        // The client is not kept: at unload its last owner must be the process, whose drop ends the worker and so this job.
        let handle = process().client()?.submit(worker::Job::new(order.request, out).published_to(store.root()))?;
        self.set(Phase::Working(handle.clone()));
        let state = loop {
            let state = handle.wait(LOOK);
            if state.is_final() {
                break state;
            }
            if self.check().is_err() {
                handle.cancel();
            }
        };
        match state {
            JobState::Done { id, .. } => {
                for link in &order.links {
                    store.set_by_request(link, &id)?;
                }
                Ok(id)
            }
            JobState::Failed(fault) => Err(fault),
            other => Err(Fault::internal(format!("the worker left {other:?} where a take was asked for"))),
        }
    }

    /// Stops it. Nothing is published.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Phase::Working(handle) = &*self.phase.lock() {
            handle.cancel();
        }
    }

    /// Its end, if it has come to it.
    pub fn outcome(&self) -> Option<Result<TakeId, Fault>> {
        match &*self.phase.lock() {
            Phase::Done(id) => Some(Ok(id.clone())),
            Phase::Failed(fault) => Some(Err(fault.clone())),
            Phase::Writing | Phase::Working(_) => None,
        }
    }

    /// Waits for its end, at most so long.
    pub fn wait(&self, patience: Duration) -> Option<Result<TakeId, Fault>> {
        {
            let mut phase = self.phase.lock();
            if matches!(*phase, Phase::Writing | Phase::Working(_)) {
                self.changed.wait_for(&mut phase, patience);
            }
        }
        self.outcome()
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let simple = |stage: &str, part| Progress { stage: stage.to_owned(), stage_of: None, part, left: None };
        match &*self.phase.lock() {
            Phase::Writing => simple("writing the neighbours' frames", 0.0),
            Phase::Done(_) => simple("done", 1.0),
            Phase::Failed(_) => simple("stopped", 1.0),
            Phase::Working(handle) => match handle.state() {
                JobState::Running { stage, done, of, eta } => Progress {
                    stage: stage.label().to_owned(),
                    stage_of: Some(stage),
                    part: done as f64 / of.max(1) as f64,
                    left: eta.map(|e| e.0),
                },
                JobState::Queued => simple("waiting for its turn", 0.0),
                _ => simple("done", 1.0),
            },
        }
    }

    /// Its fault, once: for the first who asks.
    pub fn fault_to_tell(&self) -> Option<Fault> {
        let fault = self.outcome()?.err()?;
        (!self.told.swap(true, Ordering::Relaxed)).then_some(fault)
    }

    /// An instance follows it.
    pub fn watch(self: &Arc<Self>) -> Watch {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watch(Arc::clone(self))
    }
}

/// An instance's interest in a job. When the last one goes (its node is deleted, the project is closed), the job is stopped.
pub struct Watch(Arc<Job>);

impl Watch {
    /// The job.
    pub const fn job(&self) -> &Arc<Job> {
        &self.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.0.watchers.fetch_sub(1, Ordering::AcqRel) == 1 && self.0.outcome().is_none() {
            self.0.cancel();
        }
    }
}
