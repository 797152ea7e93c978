//! What else an OpenColorIO configuration calls a colour space: read from its text, without its library, because names are all
//! that is exchanged.
//!
//! Understood are the roles and, of each colour space, its name and aliases, as OpenColorIO 2 writes its files. Configurations
//! that are built into the library (`ocio://…`) or packed (`.ocioz`) hold no text here; their names are those of the native list.

use std::path::Path;

/// Configurations are at most some hundred kilobytes.
const MOST_BYTES: u64 = 8 << 20;

/// All names of the space that a configuration knows under this one, itself left out; empty where it knows none.
pub fn other_names(config: &str, name: &str) -> Vec<String> {
    let path = Path::new(config.trim());
    let is_text = path.is_absolute() && std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= MOST_BYTES);
    let text = if is_text { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    names_in(&text, name)
}

fn names_in(text: &str, name: &str) -> Vec<String> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    // A role stands for the space that it names.
    let wanted = roles(text).find(|(role, _)| same(role, name)).map_or(name, |(_, space)| space);
    let found = spaces(text).into_iter().find(|names| names.iter().any(|n| same(n, wanted))).unwrap_or_default();
    found.into_iter().map(str::to_owned).filter(|n| !same(n, name)).collect()
}

/// The entries of the section `roles:`.
fn roles(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let section = text.lines().skip_while(|l| l.trim_end() != "roles:").skip(1);
    section.take_while(|l| l.starts_with(' ') || l.trim().is_empty()).filter_map(|l| l.split_once(':')).map(|(k, v)| (plain(k), plain(v)))
}

/// The names of each colour space.
fn spaces(text: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    let mut is_space = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("- !<") {
            is_space = line.starts_with("- !<ColorSpace>");
            if is_space {
                all.push(Vec::new());
            }
            continue;
        }
        let Some(names) = all.last_mut().filter(|_| is_space) else { continue };
        if let Some(name) = line.strip_prefix("name:") {
            names.push(plain(name));
        } else if let Some(list) = line.strip_prefix("aliases:") {
            names.extend(list.trim().trim_matches(['[', ']']).split(',').map(plain).filter(|n| !n.is_empty()));
        }
    }
    all
}

fn plain(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CONFIG: &str = "ocio_profile_version: 2\n\nroles:\n  default: plain\n  scene_linear: \"Show Linear\"\n\ndisplays:\n  sRGB:\n    \
        - !<View> {name: Raw, colorspace: Raw}\n\ncolorspaces:\n  - !<ColorSpace>\n    name: Show Linear\n    aliases: [show_lin, \"lin_ap1\"]\n    \
        encoding: scene-linear\n\n  - !<ColorSpace>\n    name: Show Log\n    family: Log\n";

    #[test]
    fn a_role_and_an_alias_lead_to_the_same_space() {
        assert_eq!(names_in(CONFIG, "scene_linear"), ["Show Linear", "show_lin", "lin_ap1"]);
        assert_eq!(names_in(CONFIG, "SHOW_LIN"), ["Show Linear", "lin_ap1"]);
        assert_eq!(names_in(CONFIG, "Show Log"), [""; 0]);
        assert_eq!(names_in(CONFIG, "sRGB"), [""; 0], "a display is no colour space");
        assert_eq!(names_in("roles:", "x"), [""; 0]);
    }

    #[test]
    fn what_is_no_file_has_no_names() {
        for config in ["", "ocio://default", "relative.ocio", "/not/there.ocio"] {
            assert!(other_names(config, "ACEScg").is_empty(), "{config}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.ocio");
        std::fs::write(&path, CONFIG).unwrap();
        assert_eq!(other_names(path.to_str().unwrap(), "scene_linear").len(), 3);
    }
}
