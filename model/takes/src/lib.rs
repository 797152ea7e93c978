//! The take store: frozen takes on disk, found by hash, held by id, published in one step; and their playback.
//!
//! A take is a folder that any program can read without us, and that never changes:
//!
//! ```text
//! STORE/takes/<id>/take.json               the manifest, written last
//!                  frames/NNNNNNNN.exr     half-float RGBA, numbered by record frame
//!                  sound.wav, poster.png
//! STORE/by-request/<hash>                  the id of the take that answers a request
//! STORE/context/<hash>/tail.NNNNNN.exr     handle frames that the effect captured
//! STORE/claims, tmp                        who is making what, and takes in the making
//! STORE/pins, choices, rankings            what people decided
//! STORE/damaged                            damaged takes that had to make room
//! ```
//!
//! Life cycle of a take:
//! 1. [`Store::find`] by the id of the request's key: it may exist.
//! 2. [`Store::claim_or_wait`]: nobody else makes it meanwhile, on any machine that shares the store.
//! 3. [`Store::begin`]; [`Publication::picture`] for each frame; sound and poster into [`Publication::folder`].
//! 4. [`Publication::publish`]: hashed, brought to the disk, renamed. Dropped instead, it leaves nothing.
//! 5. [`Playback`] hands its rows to a host, from a local cache of uncompressed frames.
//! 6. [`Store::pin`], [`Store::choose`], [`Store::set_ranking`], [`Store::gc`].
//!
//! Threads: every type may be used from any number of threads and every store from any number of processes at once. One thread
//! is started, for as long as a [`Claim`] lives; none for reading, so that the effect starts none in its host.
//!
//! What is damaged, foreign, missing or in the way is an [`Error`] that names the file and becomes a [`shot::Fault`] with a
//! remedy. This crate refuses to map files into memory (a share that drops would end the host), to change a published take, to
//! follow names out of a take's folder, and to remove a take that somebody uses.

mod claim;
mod context;
mod durable;
mod error;
pub mod exr;
mod gc;
mod halves;
pub mod home;
mod keep;
mod playback;
mod publication;
pub mod space;
mod store;
mod stored;
mod sweep;
mod unfinished;

pub use claim::{Claim, Claimed, Holder};
pub use context::Part;
pub use error::{Error, Result};
pub use gc::Collected;
pub use half::f16;
pub use halves::to_floats;
pub use home::default_root;
pub use keep::Ranked;
pub use playback::{Cache, Playback};
pub use publication::Publication;
pub use store::Store;
pub use stored::{FRAMES, MANIFEST, POSTER, SOUND, Stored, frame_name};
pub use unfinished::Unfinished;
