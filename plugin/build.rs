//! Link arguments of the effect's library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // Host threads that ran Rust code keep its thread-local destructors: the library must not go when it is closed.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // A symbol that is not there shall be known at the link, not in an editor's project.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,defs");
    }
}
