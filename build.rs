//! The version stamp: the commit this program was built from, where there is one.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|o| o.status.success())
        .and_then(|o| String::from_utf8(o.stdout).ok())
        .map(|s| s.trim().to_owned());
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo:rustc-env=PICKUP_VERSION={}", commit.map_or_else(|| version.to_owned(), |c| format!("{version} ({c})")));
}
