//! Compiles what must be C: the variadic suite functions (Rust can call a function with `...`, but cannot define one), and the
//! stand-in for the CUDA driver, a library of its own that the loader finds by the driver's name.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=c");
    let build = |file: &str| {
        let mut build = cc::Build::new();
        build.file(file).std("c11").warnings(true).extra_warnings(true);
        build
    };
    build("c/variadic.c").compile("test_host_variadic");
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names the folder for what is built"));
    let library = folder.join("libcuda.so.1");
    let mut compiler = build("c/cuda.c").pic(true).get_compiler().to_command();
    let done = compiler.args(["-shared", "-Wl,-soname,libcuda.so.1", "-o"]).arg(&library).args(["c/cuda.c", "-lpthread"]).status();
    assert!(done.is_ok_and(|s| s.success()), "the stand-in for the CUDA driver cannot be compiled");
    println!("cargo::rustc-env=STAND_IN_CUDA={}", folder.display());
}
