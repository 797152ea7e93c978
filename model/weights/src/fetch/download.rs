//! One file from the network into its part, from wherever it stands, until it is whole and right.

use std::path::Path;
use std::time::Duration;

use shot::{Code, Fault};

use super::plan::{self, Step};
use super::{Doing, Event, Progress, Watch};
use crate::hub::Hub;
use crate::part::{Identity, Part};
use crate::refusal::{Asked, Refusal};
use crate::stream::{Ask, Head, Lost, Next, Stream};

/// A file on its way.
pub struct Download<'a> {
    hub: &'a Hub,
    step: Known,
    asked: Asked<'a>,
    file: &'a str,
    part: Part,
    /// Bytes of the files before, and of all.
    all: (u64, u64),
}

struct Known {
    size: Option<u64>,
    sha256: Option<String>,
}

impl<'a> Download<'a> {
    /// Opens the part of `to`. `None` when it was stopped.
    pub fn open(
        hub: &'a Hub,
        step: &Step<'a>,
        asked: Asked<'a>,
        to: &Path,
        watch: &mut dyn Watch,
        all: (u64, u64),
    ) -> Result<Option<Self>, Fault> {
        let identity =
            Identity { from: step.remote.from(step.file), size: step.remote.size, sha256: step.remote.sha256.clone(), etag: None };
        let file = step.file.to.as_str();
        let part = Part::open(to, identity, &mut |done, of| {
            watch.told(Event::Progress(Progress {
                doing: Doing::Checking,
                file,
                done,
                of: Some(of),
                all_done: all.0 + done,
                all_of: all.1,
            }));
            !watch.is_stopped()
        })?;
        let known = Known { size: step.remote.size, sha256: step.remote.sha256.clone() };
        Ok(part.map(|part| Self { hub, step: known, asked, file, part, all }))
    }

    /// Bytes that are here.
    pub fn len(&self) -> u64 {
        self.part.len()
    }

    /// Goes on from where it stands to the end, and checks length and hash: the hash is the answer. `None` when it was stopped.
    pub fn go_on(&mut self, watch: &mut dyn Watch) -> Result<Option<String>, Refusal> {
        if self.part.len() == 0 || self.step.size != Some(self.part.len()) {
            let came = self.transfer(watch);
            if !matches!(came, Ok(true))
                && let Err(fault) = self.part.sync()
            {
                // The bytes are there all the same unless the power fails now; why nothing more came matters more.
                log::warn!("{fault}");
            }
            if !came? {
                return Ok(None);
            }
        }
        let got = self.part.sha256();
        match &self.step.sha256 {
            Some(expected) if *expected != got => {
                let fault = self.asked.wrong_hash(expected, &got);
                self.part.restart()?;
                Err(Refusal::Final(fault))
            }
            _ => Ok(Some(got)),
        }
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<(), Fault> {
        self.part.finish()
    }

    /// Whether all came; false when it was stopped.
    fn transfer(&mut self, watch: &mut dyn Watch) -> Result<bool, Refusal> {
        let from = self.part.len();
        let range = (from > 0).then(|| (from, self.part.etag().map(str::to_owned)));
        let address = self.hub.address(self.asked.source, self.asked.path);
        let stream = Stream::open(self.hub, Ask { address, head_only: false, from: range });
        let head = match stream.head(&|| watch.is_stopped()) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(false),
            Err(lost) => return Err(self.lost(&lost)),
        };
        self.begin(&head, from, watch)?;
        let expected = self.step.size.or_else(|| head.length().map(|l| l + self.part.len()));
        self.part.delivered(head.get("etag"), expected)?;
        loop {
            match stream.next(&|| watch.is_stopped()) {
                Next::Bytes(bytes) => {
                    if self.part.len() == 0 && looks_like_page(&bytes) && !self.asked.path.ends_with(".html") {
                        return Err(self.asked.page_instead(&head.host).into());
                    }
                    let all = self.part.len() + bytes.len() as u64;
                    if let Some(expected) = expected.filter(|e| all > *e) {
                        self.part.restart()?;
                        return Err(self.asked.wrong_size(expected, all).into());
                    }
                    self.part.append(&bytes)?;
                    self.tell(expected, watch);
                }
                Next::End if expected.is_none_or(|e| e == self.part.len()) => return Ok(true),
                Next::End => return Err(self.lost(&Lost::Cut("it ended early".to_owned()))),
                Next::Lost(lost) => return Err(self.lost(&lost)),
                Next::Stopped => return Ok(false),
            }
        }
    }

    /// What the head says: bytes from where we stand, from the start, or none.
    fn begin(&mut self, head: &Head, from: u64, watch: &mut dyn Watch) -> Result<(), Refusal> {
        match head.status {
            200 | 206 if plan::is_page(head) && !self.asked.path.ends_with(".html") => {
                return Err(self.asked.page_instead(&head.host).into());
            }
            200 => {
                if from > 0 {
                    let why = if self.part.etag().is_some() { "has another version or knows no ranges" } else { "knows no ranges" };
                    watch.told(Event::Note(&format!("the server {why}: {} is fetched from its start", self.asked.path)));
                    self.part.restart()?;
                }
                self.check_length(head.length())?;
            }
            206 => {
                let range = head.get("content-range").and_then(content_range);
                match range {
                    Some((start, total)) if start == from => self.check_length(total)?,
                    _ => {
                        self.part.restart()?;
                        return Err(self.lost(&Lost::Cut("the server sent another range than it was asked for".to_owned())));
                    }
                }
            }
            416 if from > 0 => {
                // What is here reaches beyond the file that is there now.
                self.part.restart()?;
                let what = format!("the server refuses to go on with {} after {from} bytes (416), so it begins again", self.asked.path);
                return Err(Refusal::Again(Fault::new(Code::Missing, what, "run it again"), Some(Duration::ZERO)));
            }
            _ => return Err(self.asked.refused(head)),
        }
        Ok(())
    }

    fn check_length(&self, total: Option<u64>) -> Result<(), Refusal> {
        match (self.step.size, total) {
            (Some(expected), Some(got)) if expected != got => Err(self.asked.wrong_size(expected, got).into()),
            _ => Ok(()),
        }
    }

    fn lost(&self, lost: &Lost) -> Refusal {
        plan::lost_again(lost, &self.asked, self.part.len(), self.step.size)
    }

    fn tell(&self, of: Option<u64>, watch: &mut dyn Watch) {
        let done = self.part.len();
        let all_of = self.all.1.max(self.all.0 + done);
        watch.told(Event::Progress(Progress { doing: Doing::Fetching, file: self.file, done, of, all_done: self.all.0 + done, all_of }));
    }
}

/// Start and total of `bytes 5-9/10`; a total of `*` is none.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.trim().parse().ok()?, total))
}

/// Whether a file begins as a web page does.
fn looks_like_page(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes.iter().take(64).map(u8::to_ascii_lowercase).skip_while(|b| b.is_ascii_whitespace()).collect();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes */10", "5-9/10", "bytes x-9/10", "bytes 5-9/x"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn pages_are_known_by_how_they_begin() {
        assert!(looks_like_page(b"  \n<!DOCTYPE HTML><html>"));
        assert!(looks_like_page(b"<html lang=en>"));
        assert!(!looks_like_page(b"\x10\0\0\0\0\0\0\0{\"a\":1}"));
        assert!(!looks_like_page(b""));
    }
}
