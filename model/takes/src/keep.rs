//! What people decide about takes: pinned, chosen, ranked. All of it lies outside the takes, which are frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shot::{Key, TakeId};

use crate::durable;
use crate::error::{Error, Result};
use crate::store::{Place, Store};

/// A project with a choice for each of 100,000 shots stays below this.
const DECISIONS_LIMIT: u64 = 64 << 20;

/// A take's place in a ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The take.
    pub id: TakeId,
    /// Higher is better; what it means is the ranker's affair.
    pub score: f64,
}

#[derive(Serialize, Deserialize)]
struct Choices {
    project: String,
    shots: BTreeMap<String, TakeId>,
}

#[derive(Serialize, Deserialize)]
struct Ranking {
    shot: String,
    takes: Vec<Ranked>,
}

impl Store {
    /// Keeps a take from [`Store::gc`] until it is unpinned.
    pub fn pin(&self, id: &TakeId) -> Result<()> {
        self.get(id)?;
        durable::replace(&self.place(Place::Pins).join(id.as_str()), b"")
    }

    /// Takes a pin off; a take without one stays as it is.
    pub fn unpin(&self, id: &TakeId) -> Result<()> {
        let path = self.place(Place::Pins).join(id.as_str());
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::write(&path, 0, e)),
            _ => Ok(()),
        }
    }

    /// All pinned takes, in order of id.
    pub fn pins(&self) -> Result<Vec<TakeId>> {
        Ok(durable::names(&self.place(Place::Pins))?.iter().filter_map(|n| TakeId::parse(n).ok()).collect())
    }

    /// Says that a project uses a take for a shot, instead of what it used before.
    pub fn choose(&self, project: &str, shot: &str, id: &TakeId) -> Result<()> {
        self.get(id)?;
        self.change_choices(project, |shots| {
            shots.insert(shot.to_owned(), id.clone());
        })
    }

    /// Says that a project uses no take for a shot any more.
    pub fn unchoose(&self, project: &str, shot: &str) -> Result<()> {
        self.change_choices(project, |shots| {
            shots.remove(shot);
        })
    }

    /// The takes a project uses, by shot.
    pub fn choices(&self, project: &str) -> Result<BTreeMap<String, TakeId>> {
        Ok(read::<Choices>(&self.decisions(Place::Choices, project))?.map(|c| c.shots).unwrap_or_default())
    }

    fn change_choices(&self, project: &str, change: impl FnOnce(&mut BTreeMap<String, TakeId>)) -> Result<()> {
        let path = self.decisions(Place::Choices, project);
        // Two hosts that choose for two shots of one project must both be heard.
        let lock_path = path.with_extension("lock");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(|e| Error::write(&lock_path, 0, e))?;
        // A file system without locks still replaces whole files.
        let _ = lock.lock();
        let mut shots = self.choices(project)?;
        change(&mut shots);
        write(&path, &Choices { project: project.to_owned(), shots })
    }

    /// Every take that some project uses.
    pub fn chosen(&self) -> Result<BTreeSet<TakeId>> {
        let folder = self.place(Place::Choices);
        let mut chosen = BTreeSet::new();
        for name in durable::names(&folder)?.iter().filter(|n| n.ends_with(".json") && !n.starts_with('.')) {
            chosen.extend(read::<Choices>(&folder.join(name))?.into_iter().flat_map(|c| c.shots.into_values()));
        }
        Ok(chosen)
    }

    /// Keeps the order in which the takes of a shot were ranked.
    pub fn set_ranking(&self, shot: &str, takes: &[Ranked]) -> Result<()> {
        write(&self.decisions(Place::Rankings, shot), &Ranking { shot: shot.to_owned(), takes: takes.to_vec() })
    }

    /// The order in which the takes of a shot were ranked last; empty where they never were.
    pub fn ranking(&self, shot: &str) -> Result<Vec<Ranked>> {
        Ok(read::<Ranking>(&self.decisions(Place::Rankings, shot))?.map(|r| r.takes).unwrap_or_default())
    }

    /// Names of projects and shots are free text, so their files are named by hash.
    fn decisions(&self, place: Place, name: &str) -> PathBuf {
        self.place(place).join(format!("{}.json", Key::of(name.as_bytes()).take_id()))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match durable::read_small(path, DECISIONS_LIMIT) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|e| Error::read(path, e))?,
    };
    // Never taken for empty: gc would then remove what a project uses.
    serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::Torn { path: path.to_owned(), why: e.to_string() })
}

fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| Error::Torn { path: path.to_owned(), why: e.to_string() })?;
    text.push(b'\n');
    durable::replace(path, &text)
}
