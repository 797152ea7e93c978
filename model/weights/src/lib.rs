//! Model weights on this machine: which checkpoints are known, where they are kept, how they are fetched and checked.
//!
//! ```text
//! ROOT                          PICKUP_WEIGHTS, else pickup/weights in the user's data folder
//!   weights.json                entries of the user's own, in the form of known.json
//!   NAME/                       one folder a checkpoint, complete in itself
//!     pickup-weights.json       the record: where each file came from, its size and hash, which licences were accepted and when
//!     …/file.safetensors
//!     …/file.safetensors.part   a download that has not ended, and .part.json, what it is a part of
//! ```
//!
//! Life cycle:
//! 1. [`Library::open`]: the folder and the table, [`Table`].
//! 2. [`Library::accept`] for each of [`Entry::licences`], once a person has agreed.
//! 3. [`fetch::get`]: asks the server about every file, checks the room on the disk, takes over files that another checkpoint
//!    has already, fetches the rest, checks size and hash, and puts each in place by a rename.
//! 4. [`verify`] reads everything again; [`resolve`] answers `--weights NAME|FOLDER`; [`Library::remove`].
//! 5. [`Making`]: weights made from others on this machine, such as quantised ones, become a folder like any other.
//!
//! Threads: what is here is used from one thread. One thread is started for each request, `weights-network`; it ends with it.
//!
//! What fails is a [`shot::Fault`] that names the file and the command that mends it. This crate refuses plain HTTP to other
//! machines, to send a login to any host but the one asked first, to follow links out of its folder or remove through them, to
//! put a file in place whose hash is not the one expected, and to invent a figure: what the table does not know is taken from the
//! server and written down.

mod adopt;
mod durable;
pub mod fetch;
mod home;
mod hub;
mod library;
mod part;
mod record;
mod refusal;
pub mod size;
mod stream;
mod table;
mod verify;
mod when;

pub use adopt::Making;
pub use home::{VARIABLE, root};
pub use hub::Hub;
pub use library::{Library, State, resolve};
pub use table::{Entry, Kind, Licence, OWN_TABLE, Source, Table, Wanted};
pub use verify::{Checked, Condition, verify};
