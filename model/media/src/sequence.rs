//! Numbered images: `shot.%06d.exr`, `shot.%d.png`, `shot.######.exr`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use shot::Span;

use crate::error::{Error, Result};

/// A numbered sequence on disk. Frame 0 is its lowest number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sequence {
    /// The pattern as it was given.
    pub pattern: PathBuf,
    folder: PathBuf,
    name: Name,
    numbers: BTreeSet<u64>,
    first: u64,
    last: u64,
}

/// A file name with a number in it. Bytes and not text: names on disk need not be Unicode.
#[derive(Clone, Debug, PartialEq)]
struct Name {
    before: Vec<u8>,
    /// Least number of digits; zeros stand in front.
    digits: usize,
    after: Vec<u8>,
}

impl Sequence {
    /// Understands a pattern and lists its files; `None` when the name is no pattern, [`Error::NoMatch`] when no file matches.
    /// Only the last part of a path is a pattern; folders are taken by the letter.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        let Some(name) = path.file_name().and_then(|n| Name::parse(n.as_encoded_bytes())) else { return Ok(None) };
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut numbers = BTreeSet::new();
        for entry in std::fs::read_dir(&folder).map_err(|e| Error::read(&folder, e))? {
            let entry = entry.map_err(|e| Error::read(&folder, e))?;
            numbers.extend(name.number(entry.file_name().as_encoded_bytes()));
        }
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            return Err(Error::NoMatch { pattern: path.to_owned() });
        };
        Ok(Some(Self { pattern: path.to_owned(), folder, name, numbers, first, last }))
    }

    /// Frames from the lowest to the highest number, gaps counted.
    pub(crate) const fn frames(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The file of a frame; `None` beyond the last.
    pub(crate) fn file(&self, frame: u64) -> Option<PathBuf> {
        let number = self.first.checked_add(frame).filter(|n| *n <= self.last)?;
        Some(self.folder.join(self.name.with(number)?))
    }

    /// Refuses gaps inside a span (all, where `None`), naming the first missing file.
    pub(crate) fn check(&self, span: Option<Span>) -> Result<()> {
        let (from, to) = match span {
            Some(s) => (self.first + s.start().0.max(0) as u64, self.first + s.end().0.max(0) as u64),
            None => (self.first, self.last + 1),
        };
        let mut expected = from;
        for &number in self.numbers.range(from..to) {
            if number != expected {
                break;
            }
            expected += 1;
        }
        if expected < to {
            return Err(Error::Gap { path: self.file(expected - self.first).unwrap_or_else(|| self.pattern.clone()) });
        }
        Ok(())
    }
}

impl Name {
    fn parse(name: &[u8]) -> Option<Self> {
        if let Some(end) = name.iter().rposition(|b| *b == b'#').filter(|_| !name.contains(&b'%')) {
            let run = name[..=end].iter().rev().take_while(|b| **b == b'#').count();
            return Some(Self { before: name[..end + 1 - run].to_vec(), digits: run.min(18), after: name[end + 1..].to_vec() });
        }
        let mut found: Option<Self> = None;
        let mut text = Vec::new();
        let mut rest = name;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match (first, tail) {
                (b'%', [b'%', tail @ ..]) => {
                    text.push(b'%');
                    rest = tail;
                }
                (b'%', _) => {
                    let width = tail.iter().take_while(|b| b.is_ascii_digit()).count();
                    // One number a name; `%s` and the like are no patterns of ours.
                    if tail.get(width) != Some(&b'd') || found.is_some() || width > 3 {
                        return None;
                    }
                    let digits = std::str::from_utf8(&tail[..width]).ok()?;
                    // %6d would pad with spaces, which nobody means.
                    let digits = if digits.is_empty() { 1 } else { digits.parse::<usize>().ok()?.clamp(1, 18) };
                    found = Some(Self { before: std::mem::take(&mut text), digits, after: Vec::new() });
                    rest = &tail[width + 1..];
                }
                (byte, _) => text.push(*byte),
            }
        }
        found.map(|name| Self { after: text, ..name })
    }

    /// The number in a file's name, if the name is of this form and is the only way to write that number.
    fn number(&self, name: &[u8]) -> Option<u64> {
        let digits = name.strip_prefix(&self.before[..])?.strip_suffix(&self.after[..])?;
        let padded = digits.len() == self.digits || (digits.len() > self.digits && digits[0] != b'0');
        if !padded || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    #[cfg(unix)]
    fn with(&self, number: u64) -> Option<OsString> {
        use std::os::unix::ffi::OsStringExt;
        let digits = format!("{number:0width$}", width = self.digits);
        Some(OsString::from_vec([&self.before, digits.as_bytes(), &self.after].concat()))
    }

    #[cfg(not(unix))]
    fn with(&self, number: u64) -> Option<OsString> {
        let digits = format!("{number:0width$}", width = self.digits);
        Some(String::from_utf8([&self.before, digits.as_bytes(), &self.after].concat()).ok()?.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shot::FrameIndex;

    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        folder
    }

    #[test]
    fn patterns_are_read_in_every_spelling() {
        let folder = folder(&["a b.0009.png", "a b.0010.png", "a b.10000.png", "a b.011.png", "a b.00012.png", "50% 007.png", "7", "8"]);
        for (pattern, first, frames) in [
            ("a b.%04d.png", "a b.0009.png", 9992),
            ("a b.####.png", "a b.0009.png", 9992),
            ("50%% %03d.png", "50% 007.png", 1),
            ("%d", "7", 2),
            ("#", "7", 2),
        ] {
            let sequence = Sequence::find(&folder.path().join(pattern)).unwrap().unwrap();
            assert_eq!((sequence.file(0).unwrap(), sequence.frames()), (folder.path().join(first), frames), "{pattern}");
        }
        for none in ["a b.png", "%s.png", "%d%d.png", "100%"] {
            assert_eq!(Sequence::find(&folder.path().join(none)).unwrap(), None, "{none}");
        }
        assert!(matches!(Sequence::find(&folder.path().join("c.%04d.png")), Err(Error::NoMatch { .. })));
    }

    #[test]
    fn a_gap_is_named_unless_the_span_avoids_it() {
        let folder = folder(&["5.png", "6.png", "8.png"]);
        let sequence = Sequence::find(&folder.path().join("%d.png")).unwrap().unwrap();
        let span = |a, b| Some(Span::new(FrameIndex(a), FrameIndex(b)).unwrap());
        for bad in [None, span(1, 4), span(2, 3), span(0, 3)] {
            let Err(Error::Gap { path }) = sequence.check(bad) else { unreachable!("{bad:?} has a gap") };
            assert_eq!(path, folder.path().join("7.png"));
        }
        for good in [span(0, 2), span(3, 4), span(2, 2)] {
            sequence.check(good).unwrap();
        }
    }
}
