//! Compiles the variadic suite functions: Rust can call a C function with `...`, but cannot define one.

fn main() {
    println!("cargo::rerun-if-changed=c/variadic.c");
    cc::Build::new().file("c/variadic.c").std("c11").warnings(true).extra_warnings(true).compile("test_host_variadic");
}
