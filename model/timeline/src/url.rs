//! Addresses of media, as OpenTimelineIO has them, and paths.

use std::path::{Component, Path, PathBuf};

/// What an address points at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// A file, or several spellings of one; the first that is there counts.
    File(Vec<PathBuf>),
    /// Something else, such as a web address.
    Elsewhere,
}

/// Reads an address. Relative ones are looked up from the cut's folder; hosts that write plain paths instead of addresses are
/// understood.
pub(crate) fn target(url: &str, folder: Option<&Path>) -> Target {
    if let Some(rest) = strip_scheme(url, "file") {
        // file:///path, file://localhost/path, file:/path; a drive letter follows the slash on Windows.
        let path = match rest.strip_prefix("//") {
            Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
            None => rest,
        };
        let bare = |p: &str| match p.as_bytes() {
            [b'/', drive, b':', ..] if drive.is_ascii_alphabetic() => PathBuf::from(&p[1..]),
            _ => PathBuf::from(p),
        };
        // The decoded form is right by the book; some hosts do not encode at all.
        return Target::File(spellings(bare(&decode(path)), bare(path)));
    }
    let scheme = url.split_once("://").map(|(s, _)| s);
    if scheme.is_some_and(|s| s.len() > 1 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))) {
        return Target::Elsewhere;
    }
    let absolute = |p: &str| folder.map_or_else(|| PathBuf::from(p), |f| f.join(p));
    Target::File(spellings(absolute(url), absolute(&decode(url))))
}

/// Whether an address depends on where the cut lies.
pub(crate) fn is_relative(url: &str) -> bool {
    let has_scheme = url.split_once(':').is_some_and(|(s, _)| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric()));
    !url.is_empty() && !has_scheme && !url.starts_with(['/', '\\'])
}

fn spellings(first: PathBuf, second: PathBuf) -> Vec<PathBuf> {
    if first == second { vec![first] } else { vec![first, second] }
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = url.split_once(':')?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The address of an absolute path: `file:///…`. `None` when the path is not absolute or not Unicode.
pub(crate) fn absolute(path: &Path) -> Option<String> {
    if !path.is_absolute() {
        return None;
    }
    let text = path.to_str()?;
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() };
    let slash = if text.starts_with('/') { "" } else { "/" };
    Some(format!("file://{slash}{}", encode(&text)))
}

/// The address of a path as seen from a folder; `None` when it does not lie below it.
pub(crate) fn below(path: &Path, folder: &Path) -> Option<String> {
    let rest = path.strip_prefix(folder).ok()?;
    let parts: Option<Vec<&str>> = rest
        .components()
        .map(|c| match c {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Some(encode(&parts.filter(|p| !p.is_empty())?.join("/")))
}

/// Percent-encodes what RFC 3986 does not allow in a path; slashes stay, and colons go, since a first segment with a colon
/// would be read as a scheme.
pub(crate) fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Resolves percent-encoding; what is none, or does not give Unicode, stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|p| bytes[at] == b'%' && p.bytes().all(|b| b.is_ascii_hexdigit()));
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_as_hosts_write_them() {
        let cut = Some(Path::new("/cut"));
        for (url, path) in [
            ("file:///media/a%20b.mov", "/media/a b.mov"),
            ("file://localhost/media/a.mov", "/media/a.mov"),
            ("FILE:/media/a.mov", "/media/a.mov"),
            ("/media/a.mov", "/media/a.mov"),
            ("media/a.mov", "/cut/media/a.mov"),
            ("../a.mov", "/cut/../a.mov"),
            ("file:///C:/media/a.mov", "C:/media/a.mov"),
        ] {
            let Target::File(paths) = target(url, cut) else { unreachable!("{url} is a file") };
            assert_eq!(paths[0], Path::new(path), "{url}");
        }
        assert_eq!(target("100%/a%20b.mov", cut), Target::File(vec!["/cut/100%/a%20b.mov".into(), "/cut/100%/a b.mov".into()]));
        assert_eq!(target("https://example.com/a.mov", cut), Target::Elsewhere);
    }

    #[test]
    fn paths_below_the_cut_become_relative() {
        let folder = Path::new("/cut");
        assert_eq!(below(Path::new("/cut/takes/a b#1.mov"), folder).unwrap(), "takes/a%20b%231.mov");
        assert_eq!(below(Path::new("/other/a.mov"), folder), None);
        assert_eq!(below(Path::new("/cut/../a.mov"), folder), None);
        assert_eq!(absolute(Path::new("/ö/a:b.mov")).unwrap(), "file:///%C3%B6/a%3Ab.mov");
        assert!(is_relative("a/b.mov") && !is_relative("/a.mov") && !is_relative("file:///a") && !is_relative("C:/a"));
    }

    proptest! {
        #[test]
        fn a_path_survives_its_address(name in "[^/\0]{1,20}") {
            let path = PathBuf::from(format!("/m/{name}"));
            let Target::File(paths) = target(&absolute(&path).unwrap(), None) else { unreachable!("it is a file") };
            prop_assert_eq!(&paths[0], &path);
            let _ = (target(&name, None), is_relative(&name));
        }
    }
}
