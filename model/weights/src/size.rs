//! Bytes as people read them, and bytes that are free.

use std::io;
use std::path::Path;

/// A number of bytes in the units in which disks and downloads are sold: `42.0 GB` is 42,000,000,000 bytes.
pub fn text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// Bytes that are free for this user on the disk that holds `path`, which itself need not exist yet.
pub fn free(path: &Path) -> io::Result<u64> {
    let there = path.ancestors().find(|p| p.exists()).unwrap_or_else(|| Path::new("."));
    fs4::available_space(if there.as_os_str().is_empty() { Path::new(".") } else { there })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_decimal_units() {
        assert_eq!(text(570), "570 bytes");
        assert_eq!(text(1_000), "1.0 kB");
        assert_eq!(text(3_843_690), "3.8 MB");
        assert_eq!(text(42_018_190_584), "42.0 GB");
        assert_eq!(text(u64::MAX), "18446744.1 TB");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_its_disk() {
        let here = std::env::temp_dir();
        assert!(free(&here.join("not/there/yet")).is_ok_and(|b| b > 0));
    }
}
