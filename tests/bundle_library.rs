//! The shipped library: what it loads, how large it is, and that it stays when it is closed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use test_host::{Bundle, Host, Quirks, elf};

#[test]
fn the_library_asks_for_nothing_beyond_the_c_library() {
    let found = elf::dynamic(&Bundle::built().binary()).unwrap();
    let allowed: BTreeSet<&str> = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"].into();
    let needed: BTreeSet<&str> = found.needed.iter().map(String::as_str).collect();
    assert!(needed.contains("libc.so.6"), "{needed:?}");
    assert!(needed.is_subset(&allowed), "{needed:?}");
}

#[test]
fn the_library_stays_when_it_is_closed() {
    let found = elf::dynamic(&Bundle::built().binary()).unwrap();
    assert_ne!(found.flags & elf::DF_1_NODELETE, 0, "threads of the host keep destructors of ours: link with -z nodelete");
}

#[test]
fn the_library_is_small() {
    let size = std::fs::metadata(Bundle::built().binary()).unwrap().len();
    assert!(size < 5_000_000, "{size} bytes");
}

#[test]
fn the_bundle_has_what_hosts_look_for() {
    let bundle = Bundle::built();
    let plist = std::fs::read_to_string(bundle.root().join("Contents/Info.plist")).unwrap();
    for (key, value) in [("CFBundleExecutable", "Pickup.ofx"), ("CFBundlePackageType", "BNDL"), ("CFBundleInfoDictionaryVersion", "6.0")] {
        let after = plist.split_once(&format!("<key>{key}</key>")).unwrap_or_else(|| panic!("no {key}")).1;
        assert!(after.trim_start().starts_with(&format!("<string>{value}</string>")), "{key}");
    }
    for key in ["CFBundleVersion", "CFBundleDevelopmentRegion"] {
        assert!(plist.contains(&format!("<key>{key}</key>")), "no {key}");
    }
    let plugin = Host::new(Quirks::default()).open();
    let icon = bundle.root().join("Contents/Resources").join(format!("{}.png", plugin.identity().0));
    let icon = image::open(&icon).unwrap_or_else(|e| panic!("{}: {e}", icon.display()));
    assert!(icon.width() >= 128 && icon.height() >= 128 && icon.color().has_alpha());
    let worker = std::fs::metadata(bundle.worker()).unwrap();
    assert!(worker.permissions().mode() & 0o111 != 0, "the worker cannot be run");
}

#[test]
fn the_plug_in_says_who_it_is() {
    let (identifier, major, _, api, version) = Host::new(Quirks::default()).open().identity();
    assert_eq!((api.as_str(), version), ("OfxImageEffectPluginAPI", 1));
    assert!(major >= 1);
    // MLT rewrites colons, and hosts name files after it.
    assert!(identifier.contains('.') && identifier.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'), "{identifier}");
}
