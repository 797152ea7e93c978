//! `pickup doctor`: what works on this machine, what is missing, and the command that mends it.

use std::path::{Path, PathBuf};

use shot::{Code, Fault};
use worker::conformance::{self, Check};

use crate::cli::Doctor;
use crate::{engines, place};

/// Runs the command. It fails when something that is needed is missing.
pub fn run(args: &Doctor) -> Result<(), Fault> {
    let checks = match &args.engine {
        Some(program) => engine(program)?,
        None => machine(args),
    };
    for check in &checks {
        if args.json {
            println!("{}", serde_json::json!({"check": check.name, "ok": check.ok, "detail": check.detail, "remedy": check.remedy}));
        } else {
            println!("{} {:<24} {}", if check.ok { "ok     " } else { "MISSING" }, check.name, check.detail);
            if !check.ok {
                println!("        {:<24} → {}", "", check.remedy);
            }
        }
    }
    let failed = checks.iter().filter(|c| !c.ok).count();
    if failed > 0 {
        return Err(Fault::new(
            Code::Missing,
            format!("{failed} of {} checks failed", checks.len()),
            "follow the remedies above, then run it again",
        ));
    }
    Ok(())
}

fn engine(program: &Path) -> Result<Vec<Check>, Fault> {
    let scratch = tempfile::tempdir()
        .map_err(|e| Fault::new(Code::Output, format!("no temporary folder can be made: {e}"), "free some space, or set TMPDIR"))?;
    Ok(conformance::check(&place::absolute(program)?, scratch.path()))
}

fn machine(args: &Doctor) -> Vec<Check> {
    let check = |name: &str, result: Result<String, Fault>| match result {
        Ok(detail) => Check { name: name.to_owned(), ok: true, detail, remedy: String::new() },
        Err(fault) => Check { name: name.to_owned(), ok: false, detail: fault.what, remedy: fault.remedy },
    };
    let mut out = vec![
        check("ffmpeg and ffprobe", media::Tools::find().and_then(|t| t.version().map(str::to_owned)).map_err(Fault::from)),
        check("ProRes 4444 encoder", encoder(&["prores_ks"])),
        check("preview encoder", encoder(&["libx264", "libopenh264", "mpeg4"])),
        check("takes folder", takes_folder(args)),
        check("weights", weights_here()),
    ];
    for (name, version, what) in engines::installed() {
        out.push(check(&format!("engine {name}"), Ok(format!("version {version}: {what}"))));
    }
    out.push(check("OpenFX bundle", Ok(bundle())));
    out
}

fn encoder(names: &[&str]) -> Result<String, Fault> {
    let found = media::Tools::find()?.first_encoder(names)?;
    found.map(str::to_owned).ok_or_else(|| {
        Fault::new(
            Code::Missing,
            format!("this ffmpeg was built without {}", names.join(" and ")),
            "install your system's full ffmpeg package",
        )
    })
}

/// Opens the store as a job would, and says how much room is left.
fn takes_folder(args: &Doctor) -> Result<String, Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let free = takes::space::free(store.root()).unwrap_or(0);
    Ok(format!("{} ({} GiB free)", store.root().display(), free >> 30))
}

/// Which checkpoints are here. That there are none is no fault: the draft engine needs none.
fn weights_here() -> Result<String, Fault> {
    let library = weights::Library::open()?;
    let mut here = library.own_folders()?;
    for entry in library.table().entries().iter().filter(|e| e.kind == weights::Kind::Checkpoint) {
        if library.state(entry)? == weights::State::Installed {
            here.push(entry.name.clone());
        }
    }
    let root = library.root().display();
    Ok(if here.is_empty() {
        format!("none in {root}; `pickup weights list` shows what can be had")
    } else {
        format!("{} in {root}", here.join(", "))
    })
}

/// Where a host would find the effect. That it is not installed is no fault of the machine: the command line works without it.
fn bundle() -> String {
    let mut folders: Vec<PathBuf> = std::env::var_os("OFX_PLUGIN_PATH").map(|p| std::env::split_paths(&p).collect()).unwrap_or_default();
    folders.push(PathBuf::from(if cfg!(target_os = "macos") {
        "/Library/OFX/Plugins"
    } else if cfg!(windows) {
        r"C:\Program Files\Common Files\OFX\Plugins"
    } else {
        "/usr/OFX/Plugins"
    }));
    match folders.iter().map(|f| f.join("Pickup.ofx.bundle")).find(|b| b.join("Contents").is_dir()) {
        Some(found) => format!("installed in {}", found.display()),
        None => {
            let names: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
            format!("not installed: copy Pickup.ofx.bundle into {} to see the effect in a host", names.join(" or "))
        }
    }
}
