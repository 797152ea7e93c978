//! Who is at work on a take, so that no take is made twice.
//!
//! Two means together, because neither does for every file system. A lock on `claims/<id>.lock` excludes others wherever locks
//! reach (one machine always, NFS and most shares too) and ends with its process, however that ends. Beside it `claims/<id>.json`
//! names the holder and is written anew every few seconds: where locks do not reach another machine, a holder whose text is
//! fresh is believed. Ages are differences between times that the file server gave, so clocks need not agree.
//!
//! The lock's file is removed by whoever holds the lock, when the claim ends or, after a kill, by the next process that opens the
//! store. So a lock counts only while its file is still the one of that name: two processes that hold locks on two files, of
//! which one is gone, do not both hold the claim.
//!
//! Should both means fail, a take is made twice and published once: waste, never damage.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use shot::{Cancel, TakeId};

use crate::durable;
use crate::error::{Error, Result};
use crate::store::{Place, Store};
use crate::stored::Stored;

/// How often a holder says that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// How long a holder on another machine is believed after it last said so: twelve beats, because shares cache and stall.
const BELIEVED: Duration = Duration::from_secs(60);
/// How often a waiter looks; short, because a bridge of a second is made in a second.
const LOOK: Duration = Duration::from_millis(100);

/// Who holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Machine, with the id of its boot where the system has one.
    pub machine: String,
    /// Process id there.
    pub pid: u32,
    /// Told apart from other claims of the same process.
    token: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.machine.split(' ').next().unwrap_or_default();
        if self.pid == 0 { f.write_str("another process") } else { write!(f, "process {} on {name}", self.pid) }
    }
}

/// What a claim came to.
#[derive(Debug)]
pub enum Claimed {
    /// The take is ours to make.
    Mine(Claim),
    /// It exists already.
    Done(Stored),
    /// Somebody is making it.
    Busy(Holder),
}

/// The right to make a take. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    me: Holder,
    /// Held locked, where the file system has locks.
    lock: Option<File>,
    heart: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Store {
    /// Claims a take, without waiting. A damaged take counts as none: publishing moves it aside.
    pub fn claim(&self, id: &TakeId) -> Result<Claimed> {
        if let Some(done) = self.sound(id)? {
            return Ok(Claimed::Done(done));
        }
        let path = self.place(Place::Claims).join(format!("{id}.json"));
        let lock_path = path.with_extension("lock");
        let (lock, locked) = loop {
            let lock =
                OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(|e| Error::write(&lock_path, 0, e))?;
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &lock_path) => break (lock, true),
                // Its holder went, and its file with it, between our opening and our locking.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Claimed::Busy(read(&path))),
                // No locks here: the text alone decides.
                Err(TryLockError::Error(_)) => break (lock, false),
            }
        };
        let me = Holder { machine: durable::machine().to_owned(), pid: std::process::id(), token: durable::unique() };
        if let Some(other) = self.other_holder(&path, &me, locked)? {
            return Ok(Claimed::Busy(other));
        }
        // Its last holder may have published between our look and our lock.
        if let Some(done) = self.sound(id)? {
            return Ok(Claimed::Done(done));
        }
        durable::replace(&path, &text(&me))?;
        // Without locks two may have come this far at once: the later text stands, and its writer has the claim.
        if !locked {
            std::thread::sleep(LOOK);
            let stands = read(&path);
            if stands != me {
                return Ok(Claimed::Busy(stands));
            }
        }
        let heart = beat(path.clone(), me.clone());
        Ok(Claimed::Mine(Claim { path, me, lock: locked.then_some(lock), heart }))
    }

    /// Claims a take, waiting while somebody else makes it: until it is done, or its maker gave up or died, or `cancel` says
    /// stop. `waiting` is told who, each time that changes.
    pub fn claim_or_wait(&self, id: &TakeId, cancel: &Cancel, waiting: &mut dyn FnMut(&Holder)) -> Result<Claimed> {
        let mut told = None;
        loop {
            match self.claim(id)? {
                Claimed::Busy(holder) => {
                    if cancel.is_cancelled() {
                        return Err(Error::Cancelled { id: id.clone(), holder: holder.to_string() });
                    }
                    if told.as_ref() != Some(&holder) {
                        waiting(&holder);
                        told = Some(holder);
                    }
                    std::thread::sleep(LOOK);
                }
                claimed => return Ok(claimed),
            }
        }
    }

    /// A take that can be used; a damaged one counts as none.
    fn sound(&self, id: &TakeId) -> Result<Option<Stored>> {
        match self.find(id) {
            Err(damage @ Error::Damaged { .. }) => {
                log::warn!("{damage}; it will be made again");
                Ok(None)
            }
            found => found,
        }
    }

    /// Whoever else the text names, when that one must be believed.
    fn other_holder(&self, path: &Path, me: &Holder, locked: bool) -> Result<Option<Holder>> {
        let Ok(written) = fs::metadata(path).and_then(|m| m.modified()) else { return Ok(None) };
        let other = read(path);
        // A holder on this machine would still have its lock.
        if locked && other.machine == me.machine {
            return Ok(None);
        }
        let now = self.server_time()?;
        let fresh = now.duration_since(written).is_ok_and(|past| past < BELIEVED) || written > now;
        Ok(fresh.then_some(other))
    }

    /// What time the machine with the disk takes it to be.
    fn server_time(&self) -> Result<SystemTime> {
        let probe = durable::beside(&self.place(Place::Claims).join("time"));
        let time = File::create_new(&probe).and_then(|mut f| {
            f.write_all(b".")?;
            f.metadata()?.modified()
        });
        let _ = fs::remove_file(&probe);
        time.map_err(|e| Error::write(&probe, 0, e))
    }

    /// Whether somebody is at work on a take right now.
    pub(crate) fn is_claimed(&self, id: &TakeId) -> bool {
        let lock = self.place(Place::Claims).join(format!("{id}.lock"));
        let held = File::open(lock).is_ok_and(|f| matches!(f.try_lock(), Err(TryLockError::WouldBlock)));
        let path = self.place(Place::Claims).join(format!("{id}.json"));
        held || path.exists() && !crate::sweep::is_old(&path, BELIEVED)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            let _ = heart.join();
        }
        // A holder that stalled for longer than it is believed may have been succeeded.
        if read(&self.path) == self.me {
            let _ = fs::remove_file(&self.path);
        }
        if self.lock.is_some() && CAN_TELL_FILES {
            let _ = fs::remove_file(self.path.with_extension("lock"));
        }
        self.lock = None;
    }
}

/// Whether this system tells which file an open one is: only there may a lock's file be removed.
const CAN_TELL_FILES: bool = cfg!(unix);

/// Whether an open file is still the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |m: fs::Metadata| (m.dev(), m.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(open), Ok(named)) if open == named)
}

/// Files are never removed here, so the open one is the one of that name.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

/// Removes locks and texts that killed processes left in a folder of claims. Nobody is kept waiting by them; they only pile up.
pub(crate) fn sweep(claims: &Path) {
    for name in durable::names(claims).unwrap_or_default() {
        let path = claims.join(&name);
        let text = path.with_extension("json");
        if !name.ends_with(".lock") || !CAN_TELL_FILES || !crate::sweep::is_old(&path, BELIEVED) {
            continue;
        }
        let Ok(lock) = OpenOptions::new().write(true).open(&path) else { continue };
        // A fresh text may be that of a holder whose lock does not reach this machine.
        if lock.try_lock().is_ok() && is_at(&lock, &path) && (!text.exists() || crate::sweep::is_old(&text, BELIEVED)) {
            let _ = fs::remove_file(&text);
            let _ = fs::remove_file(&path);
        }
    }
}

fn text(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec(holder).unwrap_or_default()
}

/// The holder that a text names; a torn or missing text is somebody, too.
fn read(path: &Path) -> Holder {
    let bytes = durable::read_small(path, 4096).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Holder { machine: String::new(), pid: 0, token: String::new() })
}

/// Writes the text anew at every beat. In place, not by rename: only its time matters, and it must not come back after a
/// takeover removed it.
fn beat(path: PathBuf, me: Holder) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel();
    let heart = std::thread::Builder::new().name("pickup claim".into()).spawn(move || {
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
            if read(&path) == me {
                let _ = OpenOptions::new().write(true).open(&path).and_then(|mut f| f.write_all(&text(&me)));
            }
        }
    });
    Some((stop, heart.ok()?))
}
