//! A cached frame: 64 bytes of header, then width × height × RGBA half floats, top row first, in the machine's byte order (a
//! cache belongs to one machine).
//!
//! | Bytes | What |
//! |---|---|
//! | 0–7 | `PICKUPHF` |
//! | 8–11 | version of this form |
//! | 12–15, 16–19 | width, height |
//! | 20–23 | 0 |
//! | 24–31 | bytes that follow the header |
//! | 32–63 | BLAKE3 of them |

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use shot::Size;

/// Bytes before the first row.
pub(super) const HEADER: u64 = 64;

const MAGIC: [u8; 8] = *b"PICKUPHF";
const VERSION: u32 = 1;

/// Where the rows of a frame come from.
#[derive(Debug)]
pub(super) enum Frame {
    /// The cache.
    File(File),
    /// No cache can be written.
    Memory(Vec<u16>),
}

/// The header but for its hash.
fn form(size: Size) -> Vec<u8> {
    let payload = size.pixels() as u64 * 8;
    let numbers = [VERSION, size.width, size.height, 0].map(u32::to_ne_bytes);
    [&MAGIC, numbers.as_flattened(), &payload.to_ne_bytes()].concat()
}

/// Writes a frame to a new file.
pub(super) fn write(path: &Path, size: Size, halves: &[u16]) -> io::Result<()> {
    let payload: &[u8] = bytemuck::cast_slice(halves);
    let mut file = File::create_new(path)?;
    file.write_all(&form(size))?;
    file.write_all(blake3::hash(payload).as_bytes())?;
    file.write_all(payload)
}

/// Opens a frame and refuses what is not a whole frame of that size. With `prove` its hash is computed, too: the length alone
/// does not show blocks that a crash of the machine left empty.
pub(super) fn open(path: &Path, size: Size, prove: bool) -> io::Result<File> {
    let file = File::open(path)?;
    let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let expected = size.pixels() as u64 * 8;
    if file.metadata()?.len() != HEADER + expected {
        return Err(bad("its length is not that of the frame"));
    }
    let mut found = [0; HEADER as usize];
    read_at(&file, &mut found, 0)?;
    let (found_form, hash) = found.split_at(32);
    if found_form != form(size) {
        return Err(bad("its header is not that of the frame"));
    }
    if prove {
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; super::BLOCK_BYTES];
        let mut at = 0;
        while at < expected {
            let count = (expected - at).min(block.len() as u64) as usize;
            read_at(&file, &mut block[..count], HEADER + at)?;
            hasher.update(&block[..count]);
            at += count as u64;
        }
        if hasher.finalize().as_bytes() != hash {
            return Err(bad("its hash does not hold"));
        }
    }
    Ok(file)
}

/// Fills `bytes` from a position, whatever position other threads read at.
#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Fills `bytes` from a position. Windows moves the handle's own position with it, which nobody here relies on.
#[cfg(windows)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
