//! Inputs on disk: one file each, named by a hash of the behaviour that it showed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The corpora that the repository keeps.
pub fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a folder in order of name; none where there is no folder.
pub fn load(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut paths = entries.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

/// Keeps an input under the name of its behaviour.
pub fn save(folder: &Path, behaviour: &str, input: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name(behaviour)), input)
}

/// FNV-1a of the words of a behaviour. A length in an error message, or a piece of the input that it quotes, is no behaviour of its
/// own: only words of letters between blanks count.
pub fn name(behaviour: &str) -> String {
    let is_word = |w: &&str| w.bytes().all(|b| b.is_ascii_alphabetic() || b".,:;()".contains(&b));
    let words: Vec<&str> = behaviour.split_whitespace().filter(is_word).collect();
    let letters = words.iter().flat_map(|w| w.bytes().chain([b' ']));
    let hash = letters.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_make_no_behaviour() {
        assert_eq!(super::name("row 12 of 30"), super::name("row 7 of 4"));
        assert_eq!(super::name("unknown field `abc`, expected"), super::name("unknown field `x-y`, expected"));
        assert_ne!(super::name("row 12"), super::name("column 12"));
    }
}
