//! What there is to do for each file: is it here, has a neighbour got it, what does the hub say of it.

use std::fs::{self, File};
use std::path::Path;

use shot::{Code, Fault};

use super::{Doing, Event, Progress, Watch};
use crate::hub::Hub;
use crate::library::Library;
use crate::part::{self, Hashed};
use crate::record::{Kept, Record, inside};
use crate::refusal::{Asked, Refusal};
use crate::stream::{Ask, Head, Lost, Stream};
use crate::table::{Wanted, is_name, is_sha256};
use crate::{durable, when};

/// What the hub says of a file.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// Its length.
    pub size: Option<u64>,
    /// Its SHA-256: the table's, else the hub's.
    pub sha256: Option<String>,
    /// The commit it belongs to.
    pub commit: Option<String>,
}

/// A file to fetch.
pub struct Step<'a> {
    /// Which.
    pub file: &'a Wanted,
    /// Bytes that are here from an earlier time.
    pub begun: u64,
    /// What the hub says.
    pub remote: Remote,
}

impl Remote {
    fn of(head: &Head) -> Self {
        // Files of some size are described by the hub itself in headers of their own; small ones it delivers, with their length.
        let tag = head.of_hub("x-linked-etag").map(|t| t.trim_start_matches("W/").trim_matches('"').to_ascii_lowercase());
        let linked = head.of_hub("x-linked-size").and_then(|v| v.trim().parse().ok());
        let commit = head.of_hub("x-repo-commit").filter(|c| is_name(c)).map(str::to_owned);
        Self { size: linked.or_else(|| head.length()), sha256: tag.filter(|t| is_sha256(t)), commit }
    }

    /// The hub and the table must mean the same file; what one does not know is taken from the other.
    pub fn agreed_with(self, file: &Wanted, asked: &Asked<'_>) -> Result<Self, Fault> {
        if let (Some(expected), Some(got)) = (&file.sha256, &self.sha256)
            && expected != got
        {
            return Err(asked.other_file(expected, got));
        }
        if let (Some(expected), Some(got)) = (file.size, self.size)
            && expected != got
        {
            return Err(asked.wrong_size(expected, got));
        }
        Ok(Self { size: file.size.or(self.size), sha256: file.sha256.clone().or(self.sha256), commit: self.commit })
    }
}

/// Asks the hub about a file. `None` when it was stopped.
pub fn ask(hub: &Hub, asked: &Asked<'_>, stop: &dyn Fn() -> bool) -> Result<Option<Remote>, Refusal> {
    let stream = Stream::open(hub, Ask { address: hub.address(asked.source, asked.path), head_only: true, from: None });
    let head = match stream.head(stop) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(None),
        Err(lost) => return Err(lost_again(&lost, asked, 0, None)),
    };
    let is_described = head.of_hub("x-linked-size").is_some() && (200..400).contains(&head.status);
    if head.status != 200 && !is_described {
        return Err(asked.refused(&head));
    }
    if !is_described && is_page(&head) && !asked.path.ends_with(".html") {
        return Err(asked.page_instead(&head.host).into());
    }
    Ok(Some(Remote::of(&head)))
}

/// Whether an answer is a web page by its own word.
pub fn is_page(head: &Head) -> bool {
    head.get("content-type").is_some_and(|t| t.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// A connection that failed, as a reason to try again: `done` bytes of the file are here.
pub fn lost_again(lost: &Lost, asked: &Asked<'_>, done: u64, of: Option<u64>) -> Refusal {
    let so_far = || match of {
        Some(of) => format!("with {} of {} here", crate::size::text(done), crate::size::text(of)),
        None => format!("with {} here", crate::size::text(done)),
    };
    let again = format!("run `pickup weights get {}` again: it goes on from where it stopped", asked.name);
    let (what, remedy) = match lost {
        Lost::Unreachable(why) => (
            format!("no connection to the model hub: {why}"),
            format!("look after the network (behind a proxy, set HTTPS_PROXY), then {again}"),
        ),
        Lost::Proxy(why) => (
            format!("the proxy does not let it through: {why}"),
            "look after HTTPS_PROXY, or ask who runs the proxy to let it through".to_owned(),
        ),
        Lost::Stalled => (format!("nothing more came of {}, {}", asked.path, so_far()), again),
        Lost::Cut(why) => (format!("the connection was cut at {}, {} ({why})", asked.path, so_far()), again),
        Lost::Astray(why) => {
            let what = format!("the server sends for {} to a place that is not asked: {why}", asked.path);
            return Refusal::Final(Fault::new(Code::Missing, what, "is HF_ENDPOINT right? nothing was sent there"));
        }
    };
    Refusal::Again(Fault::new(Code::Missing, what, remedy), None)
}

/// A file that stands in its place already, if it is the right one. What the record does not know is hashed: somebody may have
/// copied it there by hand.
pub fn standing(folder: &Path, record: &Record, file: &Wanted, watch: &mut dyn Watch) -> Result<Option<Kept>, Fault> {
    let path = inside(folder, &file.to);
    let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
    if !metadata.is_file() {
        return Err(Fault::new(
            Code::Output,
            format!("{} is in the way: a file of weights belongs there", path.display()),
            "move it elsewhere, then run it again",
        ));
    }
    if file.size.is_some_and(|size| size != metadata.len()) {
        return Ok(None);
    }
    if let Some(kept) = record.files.get(&file.to)
        && !kept.damaged
        && kept.size == metadata.len()
        && file.sha256.as_ref().is_none_or(|h| *h == kept.sha256)
    {
        return Ok(Some(kept.clone()));
    }
    let Some(expected) = &file.sha256 else { return Ok(None) };
    let mut opened = File::open(&path).map_err(|e| durable::read_fault(&path, &e))?;
    let hashed = part::hash(&mut opened, &mut |done, of| {
        watch.told(Event::Progress(Progress { doing: Doing::Checking, file: &file.to, done, of: Some(of), all_done: done, all_of: of }));
        !watch.is_stopped()
    });
    match hashed.map_err(|e| durable::read_fault(&path, &e))? {
        Hashed::Stopped => Err(Fault::cancelled()),
        Hashed::Done(size, hash) => {
            let sha256 = part::hex(hash);
            let from = format!("{}@{}/{}", file.source.repository, file.source.revision, file.path);
            Ok((sha256 == *expected).then(|| Kept { size, sha256, from, confirmed: true, damaged: false, checked: when::now() }))
        }
    }
}

/// The same file in another folder of weights, by its recorded hash, linked into this one: the text encoder of two checkpoints
/// need not be fetched and kept twice.
pub fn link(library: &Library, folder: &Path, file: &Wanted) -> Result<Option<Kept>, Fault> {
    let Some(expected) = &file.sha256 else { return Ok(None) };
    for name in durable::names(library.root())?.into_iter().filter(|n| is_name(n)) {
        let other = library.root().join(&name);
        let Ok(record) = Record::load(&other, &name) else { continue };
        let found = record.files.iter().find(|(_, kept)| kept.sha256 == *expected && kept.confirmed && !kept.damaged);
        let Some((to, kept)) = found.filter(|(to, _)| to.split('/').all(is_name)) else { continue };
        let from = inside(&other, to);
        if other == folder || !fs::symlink_metadata(&from).is_ok_and(|m| m.is_file() && m.len() == kept.size) {
            continue;
        }
        let here = inside(folder, &file.to);
        if let Some(parent) = here.parent() {
            durable::make_folder(parent)?;
        }
        let _ = fs::remove_file(&here);
        match fs::hard_link(&from, &here) {
            Ok(()) => return Ok(Some(kept.clone())),
            // Another disk, or a file system without links: it is fetched as if there were none.
            Err(e) => log::info!("{} cannot be linked to {}: {e}", from.display(), here.display()),
        }
    }
    Ok(None)
}
