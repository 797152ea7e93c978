//! Clearing away what dead processes left half made.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::durable;
use crate::publication::ALIVE;
use crate::store::{Place, Store};

/// Leftovers younger than this are not touched: their owner may work on another machine whose locks we cannot see.
const OLD: Duration = Duration::from_secs(3600);

/// Unfinished work that nobody took up for so long is given up.
const GIVEN_UP: Duration = Duration::from_secs(14 * 24 * 3600);

/// Removes temporary folders and files that nobody is at work on. What cannot be removed stays for the next time: a store that
/// can be used must not be refused because of rubbish in it.
pub(crate) fn leftovers(store: &Store) {
    let tmp = store.place(Place::Tmp);
    for name in durable::names(&tmp).unwrap_or_default() {
        let path = tmp.join(name);
        if is_old(&path, OLD) && is_abandoned(&path) {
            log::info!("removing {}, which a process left half made", path.display());
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
    crate::claim::sweep(&store.place(Place::Claims));
    let unfinished = store.place(Place::Unfinished);
    for name in durable::names(&unfinished).unwrap_or_default() {
        let path = unfinished.join(name);
        if is_old(&path, GIVEN_UP) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Whether a file or folder was last changed longer ago than `age`. A folder changes with every file made in it. When in doubt,
/// it is young.
pub(crate) fn is_old(path: &Path, age: Duration) -> bool {
    let newest = |path: &Path| fs::symlink_metadata(path).and_then(|m| m.modified()).ok();
    let inner = durable::names(path).unwrap_or_default().into_iter().filter_map(|n| newest(&path.join(n))).max();
    newest(path).max(inner).is_some_and(|at| SystemTime::now().duration_since(at).is_ok_and(|past| past > age))
}

/// Whether the owner's lock on a temporary folder is free, or there never was one.
fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(ALIVE)) {
        Ok(alive) => alive.try_lock().is_ok(),
        Err(_) => true,
    }
}
