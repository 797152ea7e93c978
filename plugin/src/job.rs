//! A job of this process: from captured frames to takes that lie in the store, beside the host's threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
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
    /// The worker has a take of it: which, counted from 0, and of how many.
    Working(JobHandle, usize, usize),
    /// All its takes are there.
    Done,
    /// It failed or was stopped.
    Failed(Fault),
}

/// One shot being made, in one take or several. Instances and renders share it.
pub struct Job {
    phase: Mutex<Phase>,
    /// The first take that landed: it is shown while the others are made.
    first: OnceLock<TakeId>,
    changed: Condvar,
    cancelled: AtomicBool,
    /// Whether an instance has told its editor how it ended.
    told: AtomicBool,
    watchers: AtomicUsize,
}

/// What a job needs.
pub struct Order {
    /// The store that gets the takes.
    pub store: Store,
    /// What to make, at least one, and the names under which each take is to be found again.
    pub makes: Vec<(Request, Vec<Key>)>,
    /// Hash of the captured context.
    pub context: Key,
    /// Captured frames that the request's patterns name.
    pub frames: Vec<(Part, Vec<Picture>)>,
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
    pub fn start(key: Key, order: Order) -> Watch {
        process().job(key, || {
            let job = Arc::new(Self {
                phase: Mutex::new(Phase::Writing),
                first: OnceLock::new(),
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
                    Ok(()) => Phase::Done,
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
        if self.is_cancelled() { Err(Fault::cancelled()) } else { Ok(()) }
    }

    fn run(&self, order: Order) -> Result<(), Fault> {
        let store = Store::open(order.store.root())?;
        let Some((request, _)) = order.makes.first() else { return Err(Fault::internal("a job came without a request")) };
        let tags = FrameTags {
            timecode: request.timecode(),
            colour: request.context.colour,
            pixel_aspect: request.pixel_aspect,
            source_type: None,
        };
        for (part, pictures) in order.frames {
            for (index, picture) in pictures.into_iter().enumerate() {
                self.check()?;
                store.put_context_frame(&order.context, part, index as u32, &picture, &tags)?;
            }
        }
        let out = std::env::temp_dir().join(format!("pickup-{}", order.context));
        let of = order.makes.len();
        for (n, (request, links)) in order.makes.into_iter().enumerate() {
            self.check()?;
            let id = self.make(worker::Job::new(request, &out).published_to(store.root()), n, of)?;
            for link in &links {
                store.set_by_request(link, &id)?;
            }
            // Later takes land beside it, found by Next take.
            if self.first.set(id).is_ok() {
                self.changed.notify_all();
            }
        }
        Ok(())
    }

    /// One take, by the worker.
    fn make(&self, job: worker::Job, n: usize, of: usize) -> Result<TakeId, Fault> {
        // The client is not kept: at unload its last owner must be the process, whose drop ends the worker and so this job.
        let handle = process().client()?.submit(job)?;
        self.set(Phase::Working(handle.clone(), n, of));
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
            JobState::Done { id, .. } => Ok(id),
            JobState::Failed(fault) => Err(fault),
            other => Err(Fault::internal(format!("the worker left {other:?} where a take was asked for"))),
        }
    }

    /// Stops it. Nothing is published.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let Phase::Working(handle, ..) = &*self.phase.lock() {
            handle.cancel();
        }
    }

    /// Whether it was told to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Whether it is still at work.
    pub fn is_running(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Writing | Phase::Working(..))
    }

    /// What came of it so far: its first take as soon as that is there, or the fault that kept it from coming.
    pub fn outcome(&self) -> Option<Result<TakeId, Fault>> {
        if let Some(id) = self.first.get() {
            return Some(Ok(id.clone()));
        }
        match &*self.phase.lock() {
            Phase::Failed(fault) => Some(Err(fault.clone())),
            Phase::Done => Some(Err(Fault::internal("a job ended without a take"))),
            Phase::Writing | Phase::Working(..) => None,
        }
    }

    /// Waits for [`Job::outcome`], at most so long.
    pub fn wait(&self, patience: Duration) -> Option<Result<TakeId, Fault>> {
        {
            let mut phase = self.phase.lock();
            if self.first.get().is_none() && matches!(*phase, Phase::Writing | Phase::Working(..)) {
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
            Phase::Done => simple("done", 1.0),
            Phase::Failed(_) => simple("stopped", 1.0),
            Phase::Working(handle, n, takes) => match handle.state() {
                JobState::Running { stage, done, of, eta } => Progress {
                    stage: if *takes > 1 { format!("take {} of {takes}, {}", n + 1, stage.label()) } else { stage.label().to_owned() },
                    stage_of: Some(stage),
                    part: done as f64 / of.max(1) as f64,
                    left: eta.map(|e| e.0),
                },
                JobState::Queued => simple("waiting for its turn", 0.0),
                _ => simple("done", 1.0),
            },
        }
    }

    /// Its fault, once: for the first who asks. Takes that landed before it count all the same.
    pub fn fault_to_tell(&self) -> Option<Fault> {
        let fault = if let Phase::Failed(fault) = &*self.phase.lock() { fault.clone() } else { return None };
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
        process().settle(|| {
            if self.0.watchers.fetch_sub(1, Ordering::AcqRel) == 1 && self.0.is_running() {
                self.0.cancel();
            }
        });
    }
}
