//! Whether the fixtures can prove anything: weights that are all the same hide code that is missing.

use std::path::Path;

use ltx::checkpoint::{Mapped, Matrix};

use crate::folder::Folder;

/// All fixtures of the crate's tests together, in bytes.
const MOST: u64 = 20_000_000;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_weight_of_the_fixtures_is_constant() {
    if std::env::var_os("PICKUP_PARITY").is_some() {
        println!("not run: PICKUP_PARITY names another folder");
        return;
    }
    let mut seen = 0;
    for folder in Folder::all() {
        for path in files(folder.root()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with(".safetensors") || name.starts_with("dump_") {
                continue;
            }
            let file = Mapped::open(&path).unwrap();
            for (tensor, entry) in file.entries() {
                if !matches!(entry.stored, Ok(stored) if stored.is_number()) || entry.shape.iter().product::<usize>() < 2 {
                    continue;
                }
                let values = Matrix::new(tensor, &file, entry, 1.0).unwrap().to_vec();
                assert!(values.iter().all(|v| v.is_finite()), "{tensor} of {name} is not finite");
                assert!(values.iter().any(|v| *v != values[0]), "{tensor} of {name} is {} throughout", values[0]);
                seen += 1;
            }
        }
    }
    assert!(seen > 3000, "only {seen} tensors");
}

#[test]
fn the_fixtures_are_small() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let size: u64 = files(&tests).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(size < MOST, "{size} bytes");
}
