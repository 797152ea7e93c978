//! Folders that have another name on another system: a project made on one machine finds its takes and files on every other.
//!
//! Each line of the parameter Path mapping, and of the environment variable PICKUP_PATHS, names one folder as all systems call
//! it, parted by `=`: `/mnt/show = S:\show = /Volumes/show`. A path that begins with any of these names is looked for under the
//! name that exists here.

use std::path::{Path, PathBuf};

use shot::{Code, Fault};

/// The environment variable with lines for all projects of a facility.
const VARIABLE: &str = "PICKUP_PATHS";

/// The lines that count: the project's, then the facility's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The names of each folder.
    folders: Vec<Vec<String>>,
}

impl Paths {
    /// Reads the lines of a parameter, and those of the environment.
    pub fn read(text: &str) -> Self {
        let facility = std::env::var(VARIABLE).unwrap_or_default();
        Self::parse(&format!("{text}\n{facility}"))
    }

    fn parse(text: &str) -> Self {
        let names = |line: &str| -> Vec<String> {
            let plain = |name: &str| name.trim().trim_end_matches(['/', '\\']).to_owned();
            line.split('=').map(plain).filter(|n| !n.is_empty()).collect()
        };
        Self { folders: text.lines().map(names).filter(|names| names.len() > 1).collect() }
    }

    /// What a path is called here: the first name of a mapped folder that exists, else the path as it stands.
    pub fn local(&self, text: &str) -> PathBuf {
        let text = text.trim();
        for names in &self.folders {
            let Some(rest) = names.iter().find_map(|name| below(text, name)) else { continue };
            // The rest is written in the manner of the other system.
            let inside: PathBuf = rest.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
            if let Some(here) = names.iter().map(Path::new).find(|name| name.is_absolute() && name.is_dir()) {
                return here.join(inside);
            }
        }
        PathBuf::from(text)
    }

    /// The absolute path here of a file that a parameter names; `what` names it to the editor.
    pub fn file(&self, text: &str, what: &str) -> Result<PathBuf, Fault> {
        let path = self.local(text);
        if path.is_absolute() {
            return Ok(path);
        }
        Err(Fault::new(
            Code::Argument,
            format!("{what} {} is not an absolute path{}", text.trim(), foreign(text)),
            "choose the file with the host's file dialogue, or map its folder in Path mapping",
        ))
    }
}

/// What stands below a folder's name in a path; Windows tells neither case nor the two slashes apart.
fn below<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let head = text.get(..name.len())?;
    let plain = |s: &str| if is_windows(name) { s.replace('\\', "/").to_lowercase() } else { s.to_owned() };
    let rest = &text[name.len()..];
    (plain(head) == plain(name) && (rest.is_empty() || rest.starts_with(['/', '\\']))).then_some(rest)
}

/// Whether a path is written as on Windows: `S:\show` or `\\server\show`.
pub fn is_windows(text: &str) -> bool {
    let text = text.trim().as_bytes();
    matches!(text, [letter, b':', ..] if letter.is_ascii_alphabetic()) || text.starts_with(br"\\")
}

/// A word on a path that belongs to another system.
pub fn foreign(text: &str) -> &'static str {
    match (cfg!(windows), is_windows(text)) {
        (false, true) => ": it is one of a Windows machine",
        (true, false) if text.trim().starts_with('/') => ": it is not one of a Windows machine",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_of_another_system_is_found_here() {
        let here = tempfile::tempdir().unwrap();
        let name = here.path().to_str().unwrap();
        let paths = Paths::parse(&format!("# no mapping\n S:\\Show = {name}/ = /Volumes/show\n\n/only/one"));
        assert_eq!(paths.folders.len(), 1);
        for text in [r"S:\Show\reel 1\takes", r"s:/show/reel 1\takes", " /Volumes/show/reel 1/takes ", &format!("{name}/reel 1/takes")] {
            assert_eq!(paths.local(text), here.path().join("reel 1/takes"), "{text}");
        }
        assert_eq!(paths.local(r"S:\Show"), here.path());
        assert_eq!(paths.local("/Volumes/shows/x"), Path::new("/Volumes/shows/x"), "another folder that begins alike");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_nothing_maps_is_refused_by_name() {
        let fault = Paths::default().file(r"S:\show\a.png", "the still").unwrap_err();
        assert!(fault.what.contains("Windows") && fault.remedy.contains("Path mapping"), "{fault}");
        assert_eq!(Paths::parse("S:\\x = /not/there").local(r"S:\x\a"), Path::new(r"S:\x\a"));
    }
}
