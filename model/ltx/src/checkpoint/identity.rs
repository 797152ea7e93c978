//! A short name for the exact weights in use, for a take's key and its provenance.
//!
//! Hashing 40 GB before every take would take longer than a draft. Each file is known by its length, its whole header and 256
//! stretches of 4 KiB spread evenly over its data: another training, another precision and another set of tensors all differ there.

use super::file::Mapped;

/// Stretches that are read.
const STRETCHES: usize = 256;

/// Bytes of a stretch.
const LENGTH: usize = 4096;

/// BLAKE3 over all files, in order of their contents, so that names and places do not matter. 32 hexadecimal digits.
pub fn of(files: &[Mapped]) -> String {
    let mut each: Vec<[u8; 32]> = files.iter().map(one).collect();
    each.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    each.iter().for_each(|h| {
        hasher.update(h);
    });
    hasher.finalize().to_hex()[..32].to_owned()
}

fn one(file: &Mapped) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let (header, data) = file.whole();
    hasher.update(&(data.len() as u64).to_le_bytes());
    hasher.update(header);
    if data.len() <= STRETCHES * LENGTH {
        hasher.update(data);
    } else {
        let step = (data.len() - LENGTH) / (STRETCHES - 1);
        for i in 0..STRETCHES {
            hasher.update(&data[i * step..i * step + LENGTH]);
        }
    }
    *hasher.finalize().as_bytes()
}
