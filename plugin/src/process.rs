//! What all instances in a host process share: the worker on call, the jobs, the takes that are being played.
//!
//! Nothing is started before it is needed: hosts load and describe the effect for every frame.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use shot::{Code, Fault, Key, TakeId};
use takes::{Cache, Playback, Store};
use worker::{Client, Options};

use crate::job::Job;

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
}

/// The one state of this process.
pub fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(Process::default)
}

impl Process {
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

    /// The job of a request: the one that is under way, else one that `start` makes.
    pub fn job(&self, key: Key, start: impl FnOnce() -> Arc<Job>) -> Arc<Job> {
        let mut jobs = self.jobs.lock();
        jobs.retain(|_, job| job.outcome().is_none() || Arc::strong_count(job) > 1);
        match jobs.get(&key) {
            Some(job) if job.outcome().is_none() => Arc::clone(job),
            _ => {
                let job = start();
                jobs.insert(key, Arc::clone(&job));
                job
            }
        }
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

/// The worker's program: PICKUP_WORKER, else the one in the bundle.
fn program() -> Result<PathBuf, Fault> {
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

/// The folder of takes that a parameter means: absolute, below PICKUP_TAKES, or empty for the usual one.
pub fn takes_folder(text: &str) -> Result<PathBuf, Fault> {
    let text = text.trim();
    let folder = Path::new(text);
    if folder.is_absolute() {
        return Ok(folder.to_owned());
    }
    let root = takes::default_root()?;
    if text.is_empty() {
        return Ok(root);
    }
    let stays = folder.components().all(|c| matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if stays {
        return Ok(root.join(folder));
    }
    Err(Fault::new(
        Code::Argument,
        format!("the takes folder {text} leads out of {}", root.display()),
        "give an absolute folder, or one below the folder that PICKUP_TAKES names",
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_relative_takes_folder_stays_below_the_usual_one() {
        assert_eq!(takes_folder("/a/b").unwrap(), Path::new("/a/b"));
        let root = takes_folder("").unwrap();
        assert_eq!(takes_folder(" show/reel1 ").unwrap(), root.join("show/reel1"));
        assert!(takes_folder("../elsewhere").is_err());
    }
}
