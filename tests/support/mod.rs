//! What the flow tests share: the program as it ships, clips, and a scratch folder.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The built program.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_pickup"))
}

/// The interpreter that installers/python.sh makes.
pub fn python() -> PathBuf {
    let given = std::env::var_os("PICKUP_TEST_PYTHON").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
    let python = given.unwrap_or(own);
    assert!(python.exists(), "{} is missing: run `make python`", python.display());
    python
}

/// A file of tests/media.
pub fn media(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
    assert!(path.exists(), "{} is missing from the repository", path.display());
    path
}

/// A scratch folder and the takes folder in it.
pub struct Scratch(pub tempfile::TempDir);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with these arguments, its takes and caches in this folder.
    pub fn command<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut c = Command::new(program());
        c.args(args).env("PICKUP_TAKES", self.path("takes")).env("PICKUP_CACHE", self.path("cache")).current_dir(self.0.path());
        c
    }

    /// Runs it to its end.
    pub fn run<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it and demands success.
    pub fn ok<I: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Output {
        let out = self.run(args);
        assert!(out.status.success(), "exit {:?}\n{}", out.status.code(), String::from_utf8_lossy(&out.stderr));
        out
    }

    /// Runs it, demands this exit code, and gives what it said.
    pub fn fails<I: AsRef<std::ffi::OsStr>>(&self, code: i32, args: impl IntoIterator<Item = I>) -> String {
        let out = self.run(args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{said}");
        said
    }
}

/// The JSON events on standard output.
pub fn events(out: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Events of one kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == kind).collect()
}

/// What ffprobe says of a file, as JSON.
pub fn probe(path: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json"])
        .arg(path)
        .output()
        .unwrap();
    assert!(out.status.success(), "ffprobe: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The first stream of a kind.
pub fn stream<'a>(probe: &'a Value, kind: &str) -> &'a Value {
    probe["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == kind).unwrap_or_else(|| panic!("no {kind} stream"))
}

/// The frames of a folder, by name.
pub fn frames(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    all.sort();
    all
}

/// Decodes frames `start..end` of a clip as 8-bit RGB PNG files `%06d.png` into a folder.
pub fn truth(clip: &Path, start: usize, end: usize, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(clip)
        .args(["-vf", &format!("trim=start_frame={start}:end_frame={end}"), "-fps_mode", "passthrough", "-start_number", "0"])
        .arg(folder.join("%06d.png"))
        .status()
        .unwrap();
    assert!(status.success());
}

/// PSNR of two 8-bit pictures, in dB.
pub fn psnr(a: &Path, b: &Path) -> f64 {
    let (a, b) = (image::open(a).unwrap().to_rgb8(), image::open(b).unwrap().to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: f64 = a.as_raw().iter().zip(b.as_raw()).map(|(p, q)| (f64::from(*p) - f64::from(*q)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) / (sum / a.as_raw().len() as f64).max(1e-9)).log10()
}
