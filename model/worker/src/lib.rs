//! The worker protocol, its client and its server.
//!
//! A model runs in a process of its own: when it crashes, hangs or runs out of memory, the editor's project goes on, and
//! when it ends, every byte of graphics memory is free again. This crate is the wire between the two: one JSON message a
//! line, jobs to the worker's stdin, events from its stdout ([`protocol`]). `docs/engine-protocol.md` describes it for
//! people who write an engine in another language.
//!
//! Life cycle:
//! 1. The plug-in or the command line makes a [`Client`]; nothing is started yet.
//! 2. [`Client::submit`] queues a [`Job`] and returns a [`JobHandle`] at once. The program is started for the first job,
//!    greeted, refused when it speaks another protocol, and started anew after a crash (a few times a minute, not more).
//! 3. The worker side, [`Server::serve`], runs jobs one after another and reports progress.
//! 4. The handle becomes [`JobState::Done`] (the worker published a take), [`JobState::Made`] (an engine left frames for the
//!    caller to conform, mark and publish) or [`JobState::Failed`].
//! 5. Dropping the client closes the worker's stdin, waits briefly, kills what is left with all its children, and joins its
//!    threads. A worker whose client dies of whatever cause sees its stdin close and ends by itself, hung engine or not.
//!
//! Threads: every public type may be used from any thread. The client owns four named threads while a worker runs; no call
//! but [`JobHandle::wait`], [`Client::greet`] and the drop ever blocks. The server runs jobs on the caller's thread and owns a
//! reader and a writer.
//!
//! It refuses lines longer than [`line::MAX_LINE`], relative paths in jobs, two unfinished jobs of one name, and more jobs
//! than [`client::MAX_JOBS`]. It never panics on what the other side sends.

pub mod client;
pub mod conformance;
pub mod error;
pub mod line;
mod process;
pub mod protocol;
pub mod server;
mod supervisor;

pub use client::{Client, JobHandle, JobState, Options};
pub use error::Error;
pub use protocol::{FromWorker, Hello, Job, JobId, Made, PROTOCOL, ToWorker};
pub use server::{Events, Finished, Server, serve};
