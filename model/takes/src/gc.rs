//! Keeping a store within a size.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use shot::TakeId;

use crate::durable;
use crate::error::{Error, Result};
use crate::store::{Place, Store};
use crate::stored::MANIFEST;
use crate::sweep;

/// Captured handle frames that nobody added to for so long are no longer of use to a job.
const CONTEXT_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a collection did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Takes that went, oldest first, with their bytes.
    pub removed: Vec<(TakeId, u64)>,
    /// Captured contexts that went.
    pub contexts: usize,
    /// Bytes of all that went.
    pub freed: u64,
    /// Bytes that stay.
    pub left: u64,
    /// Bytes by which the store is still above its quota: all that is left is in use.
    pub over: u64,
}

impl Store {
    /// Removes captured contexts of last week, then takes, oldest first, until at most `quota` bytes are left. Never a take that
    /// is pinned, chosen by a project, linked from a request, or claimed; nor a damaged one, which somebody may want to mend.
    /// With `pretend` nothing is removed.
    pub fn gc(&self, quota: u64, pretend: bool) -> Result<Collected> {
        let used = self.used()?;
        let mut contexts = self.contexts()?;
        let mut takes = Vec::new();
        let mut left = contexts.iter().map(|c| c.1).sum::<u64>();
        for id in self.ids()? {
            let folder = self.folder_of(&id);
            let bytes = bytes_below(&folder)?;
            left += bytes;
            let made = fs::metadata(folder.join(MANIFEST)).and_then(|m| m.modified());
            if let (Ok(made), Ok(Some(_)), false) = (made, self.find(&id), used.contains(&id) || self.is_claimed(&id)) {
                takes.push((made, id, bytes));
            }
        }
        let mut report = Collected::default();
        contexts.retain(|(name, _)| sweep::is_old(&self.place(Place::Context).join(name), CONTEXT_AGE));
        for (name, bytes) in contexts {
            if left <= quota {
                break;
            }
            if !pretend {
                self.discard(Place::Context, &name)?;
            }
            report.contexts += 1;
            report.freed += bytes;
            left -= bytes;
        }
        takes.sort_unstable();
        for (_, id, bytes) in takes {
            if left <= quota {
                break;
            }
            if !pretend {
                self.discard(Place::Takes, id.as_str())?;
            }
            report.removed.push((id, bytes));
            report.freed += bytes;
            left -= bytes;
        }
        report.left = left;
        report.over = left.saturating_sub(quota);
        Ok(report)
    }

    /// Removes one take, which must not be in use.
    pub fn remove(&self, id: &TakeId) -> Result<()> {
        let in_use = |why: &str| Err(Error::InUse { id: id.clone(), why: why.into() });
        if self.pins()?.contains(id) {
            return in_use("it is pinned");
        }
        if self.chosen()?.contains(id) {
            return in_use("a project has chosen it");
        }
        if self.is_claimed(id) {
            return in_use("it is being made");
        }
        if !self.folder_of(id).exists() {
            return Err(Error::Absent { id: id.clone(), store: self.root().to_owned() });
        }
        self.discard(Place::Takes, id.as_str())
    }

    fn used(&self) -> Result<BTreeSet<TakeId>> {
        let mut used = self.chosen()?;
        used.extend(self.pins()?);
        let links = self.place(Place::ByRequest);
        for name in durable::names(&links)?.iter().filter(|n| !n.starts_with('.')) {
            let text = durable::read_small(&links.join(name), 256).unwrap_or_default();
            used.extend(std::str::from_utf8(&text).ok().and_then(|t| TakeId::parse(t).ok()));
        }
        Ok(used)
    }

    fn contexts(&self) -> Result<Vec<(String, u64)>> {
        let folder = self.place(Place::Context);
        durable::names(&folder)?.into_iter().map(|n| bytes_below(&folder.join(&n)).map(|bytes| (n, bytes))).collect()
    }

    /// Takes a folder out of sight in one step, so that nobody finds half of it, then removes it.
    fn discard(&self, place: Place, name: &str) -> Result<()> {
        let folder = self.place(place).join(name);
        let gone = self.place(Place::Tmp).join(format!("gone.{name}.{}", durable::unique()));
        match fs::rename(&folder, &gone) {
            // Another collection was faster.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            moved => moved.map_err(|e| Error::write(&folder, 0, e))?,
        }
        // What stays behind here is swept later.
        let _ = fs::remove_dir_all(&gone);
        Ok(())
    }
}

/// Bytes of all files in a folder and below; files that go while it is counted do not count.
fn bytes_below(folder: &std::path::Path) -> Result<u64> {
    let mut bytes = 0;
    for name in durable::names(folder)? {
        let path = folder.join(name);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => bytes += bytes_below(&path)?,
            Ok(meta) => bytes += meta.len(),
            Err(_) => {}
        }
    }
    Ok(bytes)
}
