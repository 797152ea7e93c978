//! The build script where things are missing: no downloaded packages, no libclang, no network.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../build/headers.rs"]
mod headers;

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn workspace_lock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock")
}

/// A workspace that needs the headers' package as ours does, and nothing else, with the entries of our own lock file.
fn small_workspace(folder: &Path) -> PathBuf {
    let text = fs::read_to_string(workspace_lock()).unwrap();
    let blocks: Vec<&str> = text.split("\n\n").filter(|b| b.trim_start().starts_with("[[package]]")).collect();
    let field = |block: &str, key: &str| {
        block.lines().find_map(|l| l.strip_prefix(&format!("{key} = \"")).and_then(|v| v.strip_suffix('"')).map(str::to_owned))
    };
    // A dependency is written as its name, with its version where several are locked.
    let find = |want: &str| {
        let mut words = want.split(' ');
        let (name, version) = (words.next().unwrap().to_owned(), words.next().map(str::to_owned));
        blocks.iter().position(|b| field(b, "name").as_deref() == Some(&name) && (version.is_none() || field(b, "version") == version))
    };
    let mut needed = BTreeSet::new();
    let mut open = vec![headers::PACKAGE.0.to_owned()];
    while let Some(want) = open.pop() {
        let at = find(&want).unwrap_or_else(|| panic!("{want} is not in Cargo.lock"));
        if needed.insert(at) {
            let depends = blocks[at].lines().skip_while(|l| !l.starts_with("dependencies")).skip(1);
            open.extend(depends.take_while(|l| *l != "]").map(|l| l.trim().trim_matches([',', '"']).to_owned()));
        }
    }
    // Inside a smaller lock file a name may be unique again, and cargo then wants it without the version.
    let kept: Vec<&str> = needed.iter().map(|i| blocks[*i]).collect();
    let names: Vec<String> = kept.iter().map(|b| field(b, "name").unwrap()).collect();
    let mut lock = String::from("version = 4\n");
    for block in kept {
        lock.push('\n');
        for line in block.trim().lines() {
            let word = line.trim().trim_matches([',', '"']);
            match word.split_once(' ') {
                Some((name, _)) if line.starts_with(" \"") && names.iter().filter(|n| *n == name).count() == 1 => {
                    lock += &format!(" \"{name}\",\n");
                }
                _ => lock += &format!("{line}\n"),
            }
        }
    }
    lock += &format!("\n[[package]]\nname = \"zz-small\"\nversion = \"0.0.0\"\ndependencies = [\n \"{}\",\n]\n", headers::PACKAGE.0);
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), "").unwrap();
    fs::write(folder.join("Cargo.lock"), lock).unwrap();
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"zz-small\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [target.'cfg(pickup_headers_only)'.dependencies]\n{} = \"={}\"\n",
        headers::PACKAGE.0,
        headers::PACKAGE.1
    );
    fs::write(&manifest, text).unwrap();
    manifest
}

/// A CARGO_HOME without a package, but with the user's own configuration, which may name another registry.
fn empty_home(folder: &Path) -> PathBuf {
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    let user = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| std::env::var_os("HOME").map(|h| Path::new(&h).join(".cargo")));
    for name in ["config.toml", "config", "credentials.toml"] {
        if let Some(from) = user.as_ref().map(|u| u.join(name)).filter(|f| f.is_file()) {
            fs::copy(from, home.join(name)).unwrap();
        }
    }
    home
}

#[test]
fn headers_are_downloaded_when_cargo_home_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = small_workspace(folder.path());
    let home = empty_home(folder.path());
    let include = headers::find(&cargo(), &manifest, Some(&home)).unwrap();
    assert!(include.starts_with(home.canonicalize().unwrap()) || include.starts_with(&home), "{}", include.display());
    assert!(include.join("ofxImageEffect.h").is_file());
    // Now that it is there, the network is not asked again.
    assert_eq!(headers::find(&cargo(), &manifest, Some(&home)).unwrap(), include);
}

#[cfg(unix)]
#[test]
fn the_network_is_asked_only_when_the_answer_without_it_is_of_no_use() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("pkg");
    fs::create_dir_all(package.join("openfx/include")).unwrap();
    fs::write(package.join("openfx/include/ofxCore.h"), "").unwrap();
    let answer = |at: &Path| {
        let manifest = at.join("Cargo.toml");
        format!(r#"{{"packages":[{{"name":"openfx-sys","version":"0.1.0","manifest_path":"{}"}}]}}"#, manifest.display())
    };
    let fake = folder.path().join("cargo");
    let ask = |offline: &str, online: &str| {
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *--locked*) ;; *) exit 9 ;; esac\n\
             case \"$*\" in *--offline*) {offline} ;; *) {online} ;; esac\n"
        );
        fs::write(&fake, script).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        headers::find(fake.as_os_str(), &folder.path().join("Cargo.toml"), None)
    };
    let good = format!("echo '{}'", answer(&package));
    let gone = format!("echo '{}'", answer(&folder.path().join("gone")));
    let include = package.join("openfx/include");
    assert_eq!(ask(&good, "exit 7").unwrap(), include);
    assert_eq!(ask("exit 7", &good).unwrap(), include);
    assert_eq!(ask(&gone, &good).unwrap(), include, "a folder that is not there counts as no answer");
    assert_eq!(ask("echo no JSON", &good).unwrap(), include);
    let error = ask("echo offline-trouble >&2; exit 7", "echo online-trouble >&2; exit 7").unwrap_err();
    for part in ["offline-trouble", "online-trouble", "cargo fetch --locked"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_missing_libclang_says_what_to_install() {
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("HOST_SYS_BUILD_SCRIPT"))
        .env("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))
        .env("CARGO", cargo())
        .env("OUT_DIR", out.path())
        .env("LIBCLANG_PATH", out.path())
        .env("TARGET", "x86_64-unknown-linux-gnu")
        .env("HOST", "x86_64-unknown-linux-gnu")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it found libclang elsewhere");
    for part in ["apt install libclang-dev", "LIBCLANG_PATH"] {
        assert!(text.contains(part), "{text}");
    }
}
