//! Fetching the files of an entry: asked about, counted against the disk, taken over from a neighbour or downloaded, checked.

mod download;
mod plan;

use std::path::Path;
use std::time::{Duration, Instant};

use shot::{Code, Fault};

use crate::hub::Hub;
use crate::library::{self, Library};
use crate::record::{Kept, Record, inside};
use crate::refusal::{Asked, Refusal};
use crate::size;
use crate::table::{Entry, Wanted};
use crate::{durable, when};
use download::Download;
use plan::{Remote, Step};

/// How often a file is asked for again while nothing of it comes.
const TRIES: u32 = 5;

/// The first wait before asking again; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest wait, also when the server asks for a longer one: then it is said and left to the user.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Room that is left free on the disk.
const MARGIN: u64 = 64 << 20;

/// What goes on, for a bar or a line of JSON.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// What is about to be fetched: files and, as far as known, bytes.
    Plan {
        /// Files to fetch.
        files: usize,
        /// Bytes to fetch.
        bytes: u64,
        /// Where to.
        folder: &'a Path,
    },
    /// How far it is.
    Progress(Progress<'a>),
    /// Something to know, in one sentence.
    Note(&'a str),
    /// A file stands in its place.
    Ready {
        /// Its path in the folder.
        file: &'a str,
        /// How it came there: `fetched`, `linked` or `kept`.
        how: &'static str,
        /// Its length.
        size: u64,
        /// Its SHA-256.
        sha256: &'a str,
    },
}

/// What is done with the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// They come from the network.
    Fetching,
    /// They are read and hashed here.
    Checking,
    /// They are made here from other weights.
    Making,
}

/// How far it is, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is done with them.
    pub doing: Doing,
    /// The file's path in the folder.
    pub file: &'a str,
    /// Bytes of this file.
    pub done: u64,
    /// Its length, where known.
    pub of: Option<u64>,
    /// Bytes of all files.
    pub all_done: u64,
    /// Length of all files, as far as known.
    pub all_of: u64,
}

/// Who looks on, and may stop it.
pub trait Watch {
    /// Something happened.
    fn told(&mut self, event: Event<'_>);
    /// Whether to stop. It is asked often.
    fn is_stopped(&self) -> bool;
}

/// Brings every file of an entry into its folder. What is there is kept, what was begun is continued. Licences must have been
/// accepted before, see [`Library::unaccepted`].
///
/// # Errors
/// Faults with remedies for everything that servers, networks and disks do; [`Code::Cancelled`] when the watch stops it. Nothing
/// of a file that is not whole and right stands under its name at any time.
pub fn get(library: &Library, entry: &Entry, hub: &Hub, watch: &mut dyn Watch) -> Result<(), Fault> {
    if let Some(licence) = library.unaccepted(entry)?.first() {
        return Err(Fault::new(
            Code::Argument,
            format!("the licence {} was not accepted for {}", licence.name, entry.name),
            format!("read {}, then add --accept-licence {}", licence.url, licence.name),
        ));
    }
    let folder = library.folder(&entry.name)?;
    durable::make_folder(&folder)?;
    let _held = library::lock(&folder, &entry.name)?;
    let mut work = Work { entry, hub, watch, record: Record::load(&folder, &entry.name)?, folder, done: 0, of: 0 };
    let left = work.keep_and_link(library)?;
    if left.is_empty() {
        return Ok(());
    }
    let steps = work.ask(left)?;
    work.check_room(&steps)?;
    for step in steps {
        work.fetch(&step)?;
    }
    Ok(())
}

/// Something that may be tried several times: `None` when it was stopped. Its second argument counts tries in vain.
type Attempt<'f, W, T> = dyn FnMut(&mut W, &mut u32) -> Result<Option<T>, Refusal> + 'f;

/// One `get` under way.
struct Work<'a> {
    entry: &'a Entry,
    hub: &'a Hub,
    watch: &'a mut dyn Watch,
    record: Record,
    folder: std::path::PathBuf,
    /// Bytes of the steps that are done.
    done: u64,
    /// Bytes of all steps.
    of: u64,
}

impl<'a> Work<'a> {
    fn asked(&self, file: &'a Wanted) -> Asked<'a> {
        Asked { endpoint: self.hub.endpoint(), source: &file.source, path: &file.path, token: self.hub.has_token(), name: &self.entry.name }
    }

    /// Keeps files that are there and right, links those that another folder has, and gives the rest.
    fn keep_and_link(&mut self, library: &Library) -> Result<Vec<&'a Wanted>, Fault> {
        let mut left = Vec::new();
        for file in &self.entry.files {
            let kept = match plan::standing(&self.folder, &self.record, file, self.watch)? {
                Some(kept) => Some((kept, "kept")),
                None => plan::link(library, &self.folder, file)?.map(|kept| (kept, "linked")),
            };
            match kept {
                Some((kept, how)) => self.note_down(file, kept, how)?,
                None => left.push(file),
            }
        }
        Ok(left)
    }

    fn note_down(&mut self, file: &Wanted, kept: Kept, how: &'static str) -> Result<(), Fault> {
        self.watch.told(Event::Ready { file: &file.to, how, size: kept.size, sha256: &kept.sha256 });
        if self.record.files.get(&file.to) != Some(&kept) {
            self.record.files.insert(file.to.clone(), kept);
            self.record.save(&self.folder)?;
        }
        Ok(())
    }

    /// Asks the hub about every file before any is fetched: what is wrong is known at once, and how much room is needed.
    fn ask(&mut self, files: Vec<&'a Wanted>) -> Result<Vec<Step<'a>>, Fault> {
        let mut steps = Vec::new();
        for file in files {
            let asked = self.asked(file);
            let hub = self.hub;
            let remote = self.patiently(&asked, &mut |work, _| plan::ask(hub, &asked, &|| work.watch.is_stopped()))?;
            let remote = remote.agreed_with(file, &asked)?;
            let begun = crate::part::bytes_so_far(&inside(&self.folder, &file.to));
            steps.push(Step { file, begun: begun.min(remote.size.unwrap_or(begun)), remote });
        }
        self.of = steps.iter().filter_map(|s| s.remote.size).sum();
        Ok(steps)
    }

    fn check_room(&mut self, steps: &[Step<'_>]) -> Result<(), Fault> {
        let bytes: u64 = steps.iter().filter_map(|s| s.remote.size.map(|size| size - s.begun)).fold(0, u64::saturating_add);
        self.watch.told(Event::Plan { files: steps.len(), bytes, folder: &self.folder });
        match size::free(&self.folder) {
            Ok(free) if free < bytes.saturating_add(MARGIN) => Err(Fault::new(
                Code::Output,
                format!(
                    "{} needs {} more, and the disk of {} has {} free",
                    self.entry.name,
                    size::text(bytes),
                    self.folder.display(),
                    size::text(free)
                ),
                format!("free some room, or set {} to a folder on a larger disk; what is there already is kept", crate::VARIABLE),
            )),
            Ok(_) => Ok(()),
            Err(e) => {
                log::info!("free room of {} is not known: {e}", self.folder.display());
                Ok(())
            }
        }
    }

    fn fetch(&mut self, step: &Step<'a>) -> Result<(), Fault> {
        let asked = self.asked(step.file);
        let to = inside(&self.folder, &step.file.to);
        let (done, of) = (self.done, self.of);
        let Some(mut download) = Download::open(self.hub, step, asked, &to, self.watch, (done, of))? else {
            return Err(self.stopped(step.file));
        };
        // Only what was never reached before is progress: a server that always begins anew must not be asked for ever.
        let mut furthest = download.len();
        let sha256 = self.patiently(&asked, &mut |work, tries| {
            let result = download.go_on(work.watch);
            if download.len() > furthest {
                furthest = download.len();
                *tries = 0;
            }
            result
        })?;
        let size = download.len();
        download.finish()?;
        self.done += size;
        let confirmed = step.remote.sha256.is_some();
        if !confirmed {
            self.watch.told(Event::Note(&format!("the server tells no SHA-256 of {}: only its length could be checked", step.file.path)));
        }
        let from = step.remote.from(step.file);
        self.note_down(step.file, Kept { size, sha256, from, confirmed, damaged: false, checked: when::now() }, "fetched")
    }

    fn stopped(&self, file: &Wanted) -> Fault {
        let so_far = crate::part::bytes_so_far(&inside(&self.folder, &file.to));
        Fault::new(
            Code::Cancelled,
            format!("stopped with {} of {}", size::text(so_far), file.to),
            format!("run `pickup weights get {}` again: it goes on from there", self.entry.name),
        )
    }

    /// Tries something that may fail for a while: waits longer each time, as long as the server asks, and no longer than
    /// [`LONGEST_WAIT`].
    fn patiently<T>(&mut self, asked: &Asked<'a>, attempt: &mut Attempt<'_, Self, T>) -> Result<T, Fault> {
        let mut tries = 0;
        loop {
            let (fault, wait) = match attempt(self, &mut tries) {
                Ok(Some(result)) => return Ok(result),
                Ok(None) => return Err(self.stopped_at(asked)),
                Err(Refusal::Final(fault)) => return Err(fault),
                Err(Refusal::Again(fault, wait)) => (fault, wait),
            };
            tries += 1;
            if tries >= TRIES {
                return Err(Fault { what: format!("{}; it was tried {TRIES} times", fault.what), ..fault });
            }
            let wait = wait.unwrap_or(FIRST_WAIT * 2u32.pow(tries - 1));
            if wait > LONGEST_WAIT {
                return Err(Fault {
                    what: format!("{}, and asks to wait {} s", fault.what, wait.as_secs()),
                    remedy: format!("run `pickup weights get {}` again after that time: it goes on from where it stopped", self.entry.name),
                    ..fault
                });
            }
            self.watch.told(Event::Note(&format!("{}; again in {:.1} s", fault.what, wait.as_secs_f64())));
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if self.watch.is_stopped() {
                    return Err(self.stopped_at(asked));
                }
                std::thread::sleep(Duration::from_millis(20).min(until.saturating_duration_since(Instant::now())));
            }
        }
    }

    fn stopped_at(&self, asked: &Asked<'_>) -> Fault {
        match self.entry.files.iter().find(|f| f.path == asked.path && f.source.repository == asked.source.repository) {
            Some(file) => self.stopped(file),
            None => Fault::cancelled(),
        }
    }
}

impl Remote {
    /// `owner/name@commit/path`.
    fn from(&self, file: &Wanted) -> String {
        let revision = self.commit.as_deref().unwrap_or(&file.source.revision);
        format!("{}@{revision}/{}", file.source.repository, file.path)
    }
}
