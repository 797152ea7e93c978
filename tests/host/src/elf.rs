//! Which libraries an ELF file asks for, read from the file itself: a test must not depend on binutils.

use std::fs;
use std::path::Path;

const PT_DYNAMIC: u64 = 2;
const DT_NEEDED: u64 = 1;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const SHT_DYNAMIC: u64 = 6;
/// The loader keeps the library until the process ends.
pub const DF_1_NODELETE: u64 = 0x8;

/// What the dynamic section of a library says.
#[derive(Clone, Debug, Default)]
pub struct Dynamic {
    /// Names of the libraries it asks for.
    pub needed: Vec<String>,
    /// `DT_FLAGS_1`.
    pub flags: u64,
}

fn number(bytes: &[u8], at: u64, size: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let mut value = [0; 8];
    value.get_mut(..size)?.copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
    Some(u64::from_le_bytes(value))
}

/// Reads a 64-bit little-endian ELF file. `None` when it is not one or has no dynamic section.
pub fn dynamic(path: &Path) -> Option<Dynamic> {
    let file = fs::read(path).ok()?;
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let get = |at: u64, size: usize| number(&file, at, size);
    let (programs, entry, count) = (get(32, 8)?, get(54, 2)?, get(56, 2)?);
    (0..count).find(|i| get(programs + i * entry, 4) == Some(PT_DYNAMIC))?;
    // Section headers give the dynamic section with its string table at hand.
    let (sections, entry, count) = (get(40, 8)?, get(58, 2)?, get(60, 2)?);
    let section = (0..count).map(|i| sections + i * entry).find(|s| get(s + 4, 4) == Some(SHT_DYNAMIC))?;
    let (offset, size, link) = (get(section + 24, 8)?, get(section + 32, 8)?, get(section + 40, 4)?);
    let strings = get(sections + link * entry + 24, 8)?;
    let mut found = Dynamic::default();
    for at in (offset..offset + size).step_by(16) {
        let (tag, value) = (get(at, 8)?, get(at + 8, 8)?);
        match tag {
            0 => break,
            DT_NEEDED => {
                let name = file.get(usize::try_from(strings + value).ok()?..)?;
                let end = name.iter().position(|b| *b == 0)?;
                found.needed.push(String::from_utf8_lossy(&name[..end]).into_owned());
            }
            DT_FLAGS_1 => found.flags = value,
            _ => {}
        }
    }
    Some(found)
}
