//! What all instances in a host process share: the worker on call, the jobs, the takes that are being played.
//!
//! Nothing is started before it is needed: hosts load and describe the effect for every frame.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use shot::{Code, Fault, Key, TakeId};
use takes::{Cache, Playback, Store};
use worker::{Client, Options};

use crate::job::{Job, Watch};
use crate::paths;
use crate::values::Values;

/// Takes kept open for playback; each is a manifest in memory, at most some hundred kilobytes.
const PLAYING: usize = 16;

/// The program that does the work, beside the effect in its bundle.
const PROGRAM: &str = if cfg!(windows) { "pickup.exe" } else { "pickup" };

/// Libraries and interpreters of the host's own: a worker that inherited them would load those instead of the system's.
const HOST_VARIABLES: [&str; 6] =
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONHOME", "PYTHONPATH"];

/// The state of this process.
#[derive(Default)]
pub struct Process {
    client: Mutex<Option<Arc<Client>>>,
    jobs: Mutex<BTreeMap<Key, Arc<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    playing: Mutex<VecDeque<(PathBuf, Arc<Playback>)>>,
    cache: OnceLock<Arc<Cache>>,
    /// Instances that live.
    instances: AtomicUsize,
    /// Programs that were started and are not waited for.
    children: Mutex<Vec<std::process::Child>>,
}

/// The one state of this process.
pub fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(Process::default)
}

impl Process {
    /// An instance was made.
    pub fn enter(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    /// An instance is gone. With the last one the worker ends too, beside the host: the project is closed, and what is left
    /// running would only hold memory.
    pub fn leave(&self) {
        let before = self.instances.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| n.checked_sub(1));
        if before != Ok(1) {
            return;
        }
        if let Some(client) = self.client.lock().take()
            && let Err(fault) = self.spawn("pickup end", move || drop(client))
        {
            log::warn!("{fault}");
        }
    }

    /// The worker on call. The program is looked for at every first job, so that installing it needs no restart.
    pub fn client(&self) -> Result<Arc<Client>, Fault> {
        let mut client = self.client.lock();
        if let Some(client) = &*client {
            return Ok(Arc::clone(client));
        }
        let mut options = Options::pickup(program()?);
        options.env_remove = HOST_VARIABLES.map(OsString::from).to_vec();
        Ok(Arc::clone(client.insert(Arc::new(Client::new(options)))))
    }

    /// The job of a request, watched: the one that is under way, else one that `start` makes.
    pub fn job(&self, key: Key, start: impl FnOnce() -> Arc<Job>) -> Watch {
        let mut jobs = self.jobs.lock();
        jobs.retain(|_, job| job.is_running() || Arc::strong_count(job) > 1);
        match jobs.get(&key) {
            // One that was stopped goes on for a moment, and makes nothing.
            Some(job) if job.is_running() && !job.is_cancelled() => job.watch(),
            _ => {
                let job = start();
                let watch = job.watch();
                jobs.insert(key, job);
                watch
            }
        }
    }

    /// Runs `last` while nobody can take up a job: whether one is still wanted must not change before it is stopped.
    pub fn settle(&self, last: impl FnOnce()) {
        let _jobs = self.jobs.lock();
        last();
    }

    /// The job of a request, if there is one.
    pub fn find_job(&self, key: &Key) -> Option<Arc<Job>> {
        self.jobs.lock().get(key).cloned()
    }

    /// Runs something beside the host, joined at unload.
    pub fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
        let mut threads = self.threads.lock();
        threads.retain(|t| !t.is_finished());
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|e| {
            Fault::new(Code::Worker, format!("this process gets no further thread ({e})"), "close other programs and try again")
        })?;
        threads.push(thread);
        Ok(())
    }

    /// A take that can be played; `None` where the store has none of that id.
    pub fn playback(&self, store: &Store, id: &TakeId) -> Result<Option<Arc<Playback>>, Fault> {
        let is_it = |(root, p): &(PathBuf, Arc<Playback>)| root == store.root() && p.stored().id() == id;
        {
            let mut playing = self.playing.lock();
            if let Some(at) = playing.iter().position(is_it)
                && let Some(found) = playing.remove(at)
            {
                let playback = Arc::clone(&found.1);
                playing.push_front(found);
                return Ok(Some(playback));
            }
        }
        let Some(stored) = store.find(id)? else { return Ok(None) };
        let cache = self.cache.get_or_init(|| Arc::new(Cache::standard()));
        let playback = Arc::new(Playback::open(&stored, cache));
        let mut playing = self.playing.lock();
        playing.push_front((store.root().to_owned(), Arc::clone(&playback)));
        playing.truncate(PLAYING);
        Ok(Some(playback))
    }

    /// Takes a program that nobody waits for: it is only noticed when it has ended, so that no dead process stays behind.
    pub fn adopt(&self, child: std::process::Child) {
        let mut children = self.children.lock();
        children.retain_mut(|c| matches!(c.try_wait(), Ok(None)));
        children.push(child);
    }

    /// Forgets what can be read again.
    pub fn purge(&self) {
        self.playing.lock().clear();
    }

    /// Stops all work and waits for it: the library is about to go.
    pub fn stop(&self) {
        let jobs = std::mem::take(&mut *self.jobs.lock());
        jobs.values().for_each(|job| job.cancel());
        let client = self.client.lock().take();
        // The threads below hold clones: the last one to go ends the worker.
        drop(client);
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                log::error!("a thread of ours panicked");
            }
        }
        self.purge();
    }
}

/// A command that starts a program of the system's, not of the host's bundle.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in HOST_VARIABLES {
        command.env_remove(name);
    }
    command
}

/// The worker's program: PICKUP_WORKER, else the one in the bundle.
pub fn program() -> Result<PathBuf, Fault> {
    if let Some(program) = std::env::var_os("PICKUP_WORKER").filter(|p| !p.is_empty()) {
        return Ok(PathBuf::from(program));
    }
    let beside = host_sys::library::path().and_then(|p| Some(p.parent()?.join(PROGRAM)));
    beside.filter(|p| p.is_file()).ok_or_else(|| {
        Fault::new(
            Code::Missing,
            format!("the program {PROGRAM} is not beside the effect in its bundle"),
            "install the whole bundle again, or set PICKUP_WORKER to the program",
        )
    })
}

/// The folder of takes that the parameters mean: absolute and by the name it has here, below PICKUP_TAKES, or empty for the usual
/// one.
pub fn takes_folder(values: &Values) -> Result<PathBuf, Fault> {
    let text = values.takes_folder.trim();
    if text.is_empty() {
        return Ok(takes::default_root()?);
    }
    let folder = values.paths().local(text);
    if folder.is_absolute() {
        return Ok(folder);
    }
    let refused = |why: &str, remedy: &str| Err(Fault::new(Code::Argument, format!("the takes folder {text} {why}"), remedy));
    if !paths::foreign(text).is_empty() {
        return refused(
            "is one of another system",
            "add a line to Path mapping that says what it is called here, such as S:\\show = /mnt/show",
        );
    }
    let root = takes::default_root()?;
    let stays = folder.components().all(|c| matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if stays {
        return Ok(root.join(folder));
    }
    refused(&format!("leads out of {}", root.display()), "give an absolute folder, or one below the folder that PICKUP_TAKES names")
}

/// Where a take is looked for: the folder of the parameters, then the usual one, because folders move.
pub fn stores(values: &Values) -> Result<Vec<Store>, Fault> {
    let first = takes_folder(values);
    let usual = takes::default_root().ok();
    let folders: Vec<PathBuf> = match (&first, usual) {
        (Ok(first), Some(usual)) if *first != usual => vec![first.clone(), usual],
        (Ok(first), _) => vec![first.clone()],
        (Err(fault), _) => return Err(fault.clone()),
    };
    let mut stores = vec![Store::existing(folders[0].clone())?];
    stores.extend(folders.into_iter().skip(1).filter_map(|f| Store::existing(f).ok()));
    Ok(stores)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use host_sys::Context;

    use super::*;

    fn folder(text: &str, path_mapping: &str) -> Result<PathBuf, Fault> {
        let fresh = Values::fresh(Context::Filter);
        takes_folder(&Values { takes_folder: text.to_owned(), path_mapping: path_mapping.to_owned(), ..fresh })
    }

    #[cfg(unix)]
    #[test]
    fn a_takes_folder_is_found_by_the_name_it_has_here() {
        assert_eq!(folder("/a/b", "").unwrap(), Path::new("/a/b"));
        let root = folder("", "").unwrap();
        assert_eq!(folder(" show/reel1 ", "").unwrap(), root.join("show/reel1"));
        assert!(folder("../elsewhere", "").is_err());
        let here = tempfile::tempdir().unwrap();
        let fault = folder(r"S:\takes", "").unwrap_err();
        assert!(fault.what.contains("another system") && fault.remedy.contains("Path mapping"), "{fault}");
        assert_eq!(folder(r"S:\takes\one", &format!(r"S:\takes = {}", here.path().display())).unwrap(), here.path().join("one"));
    }
}
