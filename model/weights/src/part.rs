//! A file that is on its way: its bytes so far in `NAME.part`, and beside them what they are a part of.
//!
//! Only bytes that belong to the same file may be continued: the small JSON holds the hash and the entity tag of the file they
//! came from. What is continued is hashed again from the disk, because nobody watched over it meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shot::{Code, Fault};

use crate::durable;

/// Bytes hashed between two looks at the stop.
const BLOCK: usize = 1 << 20;

/// What a part is a part of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `owner/name@commit/path`.
    pub from: String,
    /// The whole file's length.
    pub size: Option<u64>,
    /// The whole file's SHA-256.
    pub sha256: Option<String>,
    /// The entity tag of whoever delivered it; strong ones only.
    pub etag: Option<String>,
}

impl Identity {
    /// Whether bytes of `self` may go on with bytes of `new`: the same content by hash, or by the server's word.
    fn goes_on_with(&self, new: &Self) -> bool {
        match (&self.sha256, &new.sha256) {
            (Some(a), Some(b)) => a == b,
            // A delivery with an entity tag is continued with If-Range: the server itself says whether it is still the same.
            _ => self.from == new.from && self.size == new.size && self.etag.is_some(),
        }
    }
}

/// A file being written. The hash runs along.
pub struct Part {
    to: PathBuf,
    path: PathBuf,
    about: PathBuf,
    file: File,
    hash: Sha256,
    length: u64,
    identity: Identity,
}

/// How the hashing of a file ended.
pub enum Hashed {
    /// Length and hash.
    Done(u64, Sha256),
    /// It was stopped.
    Stopped,
}

impl Part {
    /// The part of `to`, continued where what is there belongs to the same file, else begun anew. `watch` is called with bytes
    /// hashed and bytes in all while what is there is read; when it says false, the answer is `None`.
    pub fn open(to: &Path, identity: Identity, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<Option<Self>, Fault> {
        let (path, about) = (beside(to, ".part"), beside(to, ".part.json"));
        if let Some(folder) = to.parent() {
            durable::make_folder(folder)?;
        }
        for file in [&path, &about] {
            refuse_link(file)?;
        }
        let before: Option<Identity> = durable::read_small(&about, 1 << 16)?.and_then(|b| serde_json::from_slice(&b).ok());
        let goes_on = before.as_ref().is_some_and(|b| b.goes_on_with(&identity));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|e| durable::write_fault(&path, &e, identity.size))?;
        let too_long = |f: &File| f.metadata().map(|m| identity.size.is_some_and(|s| m.len() > s));
        if !goes_on || too_long(&file).map_err(|e| durable::read_fault(&path, &e))? {
            file.set_len(0).map_err(|e| durable::write_fault(&path, &e, identity.size))?;
        }
        let (length, hash) = match hash(&mut file, watch).map_err(|e| durable::read_fault(&path, &e))? {
            Hashed::Done(length, hash) => (length, hash),
            Hashed::Stopped => return Ok(None),
        };
        let etag = before.filter(|_| goes_on).and_then(|b| b.etag);
        let part = Self { to: to.to_owned(), path, about, file, hash, length, identity: Identity { etag, ..identity } };
        part.write_identity()?;
        Ok(Some(part))
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// The entity tag of the delivery that is continued.
    pub fn etag(&self) -> Option<&str> {
        self.identity.etag.as_deref()
    }

    /// The server's answer says what is delivered.
    pub fn delivered(&mut self, etag: Option<&str>, size: Option<u64>) -> Result<(), Fault> {
        // A weak tag promises no equal bytes.
        let etag = etag.filter(|t| !t.starts_with("W/")).map(str::to_owned);
        if self.identity.etag != etag || (self.identity.size.is_none() && size.is_some()) {
            self.identity.etag = etag;
            self.identity.size = self.identity.size.or(size);
            self.write_identity()?;
        }
        Ok(())
    }

    /// Throws away what is there.
    pub fn restart(&mut self) -> Result<(), Fault> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|e| durable::write_fault(&self.path, &e, self.identity.size))?;
        self.length = 0;
        self.hash = Sha256::new();
        Ok(())
    }

    /// More bytes. When the disk refuses them the part is cut to what was hashed, so that it can be continued.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Err(e) = self.file.write_all(bytes) {
            let left = self.identity.size.map(|s| s.saturating_sub(self.length));
            let kept = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            if let Err(e) = kept {
                log::warn!("{} could not be cut to {}: {e}", self.path.display(), self.length);
            }
            return Err(durable::write_fault(&self.path, &e, left));
        }
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// The hash so far.
    pub fn sha256(&self) -> String {
        hex(self.hash.clone())
    }

    /// Brings the bytes to the disk, so that a crash later does not take them.
    pub fn sync(&self) -> Result<(), Fault> {
        self.file.sync_data().map_err(|e| durable::write_fault(&self.path, &e, None))
    }

    /// Puts the finished file in its place, in one step.
    pub fn finish(self) -> Result<(), Fault> {
        let moved = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.to));
        moved.map_err(|e| durable::write_fault(&self.to, &e, None))?;
        let _ = fs::remove_file(&self.about);
        durable::sync_folder_of(&self.to)
    }

    fn write_identity(&self) -> Result<(), Fault> {
        let text = serde_json::to_vec(&self.identity).map_err(|e| Fault::internal(e.to_string()))?;
        durable::replace(&self.about, &text)
    }
}

/// Bytes that a download of `to` has on the disk already.
pub fn bytes_so_far(to: &Path) -> u64 {
    fs::metadata(beside(to, ".part")).map_or(0, |m| m.len())
}

/// The hash of a file from its start; the position is left at its end.
pub fn hash(file: &mut File, watch: &mut dyn FnMut(u64, u64) -> bool) -> io::Result<Hashed> {
    let total = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let (mut block, mut length, mut hash) = (vec![0; BLOCK], 0, Sha256::new());
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(Hashed::Done(length, hash)),
            Ok(n) => {
                hash.update(&block[..n]);
                length += n as u64;
                if !watch(length, total) {
                    return Ok(Hashed::Stopped);
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// A hash in lower-case hexadecimal.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    to.with_file_name(name)
}

/// A link in the place of a part would let a download write into any file it points to.
fn refuse_link(path: &Path) -> Result<(), Fault> {
    if fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
        return Err(Fault::new(
            Code::Output,
            format!("{} is a link, which is not written through", path.display()),
            "remove that link, then run it again",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn identity(sha256: Option<&str>) -> Identity {
        Identity { from: "a/b@1/x".into(), size: Some(3), sha256: sha256.map(str::to_owned), etag: None }
    }

    fn open(to: &Path, identity: Identity) -> Part {
        Part::open(to, identity, &mut |_, _| true).unwrap().unwrap()
    }

    #[test]
    fn bytes_are_continued_with_the_right_hash_and_put_in_place_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("sub/x");
        let mut part = open(&to, identity(Some(ABC)));
        part.append(b"a").unwrap();
        drop(part);
        assert_eq!(bytes_so_far(&to), 1);
        let mut part = open(&to, identity(Some(ABC)));
        assert_eq!(part.len(), 1);
        part.append(b"bc").unwrap();
        assert_eq!(part.sha256(), ABC);
        assert!(!to.exists());
        part.finish().unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"abc");
        assert_eq!(durable::names(to.parent().unwrap()).unwrap(), ["x"]);
    }

    #[test]
    fn bytes_of_another_file_are_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("x");
        let begin = |identity: Identity, tag: Option<&str>| {
            let mut part = open(&to, identity);
            part.restart().unwrap();
            part.delivered(tag, Some(3)).unwrap();
            part.append(b"ab").unwrap();
        };
        begin(identity(Some(ABC)), None);
        assert_eq!(open(&to, identity(Some(&"0".repeat(64)))).len(), 0, "another hash");
        begin(identity(None), Some("\"one\""));
        assert_eq!(open(&to, identity(None)).len(), 2, "the server will say whether it is the same");
        begin(identity(None), None);
        assert_eq!(open(&to, identity(None)).len(), 0, "nothing says that it is the same");
        begin(identity(None), Some("W/\"one\""));
        assert_eq!(open(&to, identity(None)).len(), 0, "a weak tag says nothing of bytes");
        begin(identity(Some(ABC)), None);
        fs::write(to.with_file_name("x.part"), "abcd").unwrap();
        assert_eq!(open(&to, identity(Some(ABC))).len(), 0, "longer than the whole");
    }

    #[test]
    fn hashing_what_is_there_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("x");
        open(&to, identity(Some(ABC))).append(b"ab").unwrap();
        assert!(Part::open(&to, identity(Some(ABC)), &mut |_, _| false).unwrap().is_none());
        assert_eq!(bytes_so_far(&to), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let film = folder.path().join("film.mov");
        fs::write(&film, "film").unwrap();
        std::os::unix::fs::symlink(&film, folder.path().join("x.part")).unwrap();
        let fault = Part::open(&folder.path().join("x"), identity(None), &mut |_, _| true).err().unwrap();
        assert!(fault.what.contains("link"), "{fault}");
        assert_eq!(fs::read(&film).unwrap(), b"film");
    }

    /// The kernel's own full disk.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_fills_up_says_how_much_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(&folder.path().join("x"), Identity { size: Some(5_000_000_000), ..identity(Some(ABC)) });
        part.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let fault = part.append(b"abc").unwrap_err();
        assert_eq!(fault.code, Code::Output);
        assert!(fault.what.contains("full") && fault.remedy.contains("5.0 GB") && fault.remedy.contains("goes on"), "{fault}");
        assert_eq!(part.len(), 0, "what was not written is not counted");
    }
}
