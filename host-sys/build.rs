//! Makes the raw bindings from the OpenFX headers that package `openfx-sys` carries.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[path = "build/headers.rs"]
mod headers;

/// In this order: some of the headers lean on what an earlier one has included.
const HEADERS: [&str; 16] = [
    "ofxCore.h",
    "ofxProperty.h",
    "ofxPixels.h",
    "ofxImageEffect.h",
    "ofxParam.h",
    "ofxParametricParam.h",
    "ofxInteract.h",
    "ofxKeySyms.h",
    "ofxMemory.h",
    "ofxMessage.h",
    "ofxMultiThread.h",
    "ofxOpenGLRender.h",
    "ofxProgress.h",
    "ofxTimeLine.h",
    "ofxDialog.h",
    "ofxDrawSuite.h",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n{why}\n");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-env-changed=LIBCLANG_PATH");
    let var = |name: &str| env::var_os(name).ok_or_else(|| format!("{name} is not set: run this through cargo"));
    let manifest = PathBuf::from(var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let include = headers::find(&var("CARGO")?, &manifest, None)?;
    let out = PathBuf::from(var("OUT_DIR")?);
    generate(&include, &out)?;
    if let Ok(script) = env::current_exe() {
        // For the test that runs this script where there is no libclang.
        println!("cargo::rustc-env=HOST_SYS_BUILD_SCRIPT={}", script.display());
    }
    Ok(())
}

fn generate(include: &Path, out: &Path) -> Result<(), String> {
    let mut wrapper = String::from("#include <stdbool.h>\n#include <stddef.h>\n");
    for header in HEADERS {
        wrapper += &format!("#include \"{header}\"\n");
    }
    let builder = bindgen::Builder::default()
        .header_contents("openfx.h", &wrapper)
        .clang_arg(format!("-I{}", include.display()))
        .allowlist_item("(k?Ofx|ofx).*")
        // Written as casts, or only in some versions of the headers: src/names.rs has them all.
        .blocklist_item("kOfxStat.*")
        .generate_cstr(true)
        .derive_default(true)
        .layout_tests(true)
        .generate_comments(false);
    // bindgen panics when it cannot load libclang; its text is for programmers, ours says what to install.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.generate()));
    std::panic::set_hook(quiet);
    let bindings = match made {
        Ok(result) => result.map_err(|e| format!("bindgen could not read the OpenFX headers in {}: {e}", include.display()))?,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            return Err(no_libclang(text.unwrap_or("no reason was given")));
        }
    };
    let file = out.join("openfx.rs");
    bindings.write_to_file(&file).map_err(|e| format!("{} could not be written: {e}", file.display()))
}

/// What to say when bindgen cannot work without libclang.
fn no_libclang(why: &str) -> String {
    format!(
        "libclang is needed to read the OpenFX headers and could not be loaded: {why}\n\
         Install it (Debian, Ubuntu: apt install libclang-dev; Fedora: dnf install clang-devel; macOS: xcode-select --install; \
         Windows: winget install LLVM.LLVM), or set LIBCLANG_PATH to the folder of libclang."
    )
}
