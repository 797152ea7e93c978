//! A folder of the parity program, and the rows that come from comparing with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ltx::checkpoint::matrix::Matrix;
use ltx::checkpoint::{Checkpoint, Mapped};

/// What the program made.
pub struct Folder {
    root: PathBuf,
    diffusers: bool,
}

impl Folder {
    /// The folder of PICKUP_PARITY, or the fixtures; twice where the program's diffusers folder is whole: all must be the same from it.
    pub fn all() -> Vec<Self> {
        if let Some(root) = std::env::var_os("PICKUP_PARITY") {
            let root = PathBuf::from(root);
            let layouts = [false, true].into_iter().filter(|diffusers| !diffusers || root.join("diffusers/transformer").exists());
            return layouts.map(|diffusers| Self { root: root.clone(), diffusers }).collect();
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures");
        if !fixtures.exists() {
            return Vec::new();
        }
        let mut roots: Vec<_> = std::fs::read_dir(&fixtures).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
        roots.sort();
        assert!(!roots.is_empty(), "{} is empty", fixtures.display());
        roots.into_iter().map(|root| Self { root, diffusers: false }).collect()
    }

    /// One that was made elsewhere, in the single-file layout.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), diffusers: false }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The single-file layout with everything beside it, or the diffusers layout.
    pub fn checkpoint(&self) -> Checkpoint {
        let of = |name: &str| self.root.join(name);
        let paths = match self.diffusers {
            false => ["original", "diffusers/text_encoder", "diffusers/tokenizer", "diffusion_decoder"],
            true => ["diffusers", "latent_upsampler", "diffusion_decoder", "duration_head"],
        };
        let paths = paths.map(of);
        Checkpoint::open(&paths.into_iter().filter(|p| p.exists()).collect::<Vec<_>>()).unwrap()
    }

    /// Where its rows are written.
    pub fn rows(&self) -> PathBuf {
        self.root.join(if self.diffusers { "rows-diffusers.json" } else { "rows.json" })
    }

    /// The tensors of a dump, `t2v` for `dump_t2v.safetensors`; `None` where this folder has no such dump.
    pub fn dump(&self, name: &str) -> Option<Dump> {
        let path = self.root.join(format!("dump_{name}.safetensors"));
        path.exists().then(|| Dump::open(&path))
    }

    /// The program's arguments: `height`, `frames`, `prompt`, …
    pub fn argument(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read_to_string(self.root.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest["args"][name].clone()
    }
}

/// Recorded tensors.
pub struct Dump(Mapped);

impl Dump {
    pub fn open(path: &Path) -> Self {
        Self(Mapped::open(path).unwrap())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.entries().contains_key(name)
    }

    pub fn tensor(&self, name: &str) -> Tensor {
        let entry = self.0.entries().get(name).unwrap_or_else(|| panic!("{name} is not in {}", self.0.label()));
        let values = match entry.stored {
            Ok(stored) if !stored.is_number() => {
                let mut out = vec![0.0; entry.shape.iter().product()];
                ltx::checkpoint::matrix::widen(stored, self.0.bytes(entry), &mut out);
                out
            }
            _ => Matrix::new(name, &self.0, entry, 1.0).unwrap().to_vec(),
        };
        Tensor::from_vec(values, entry.shape.clone(), &Device::Cpu).unwrap()
    }
}

/// Relative L2 norm ‖a−b‖₂ / ‖b‖₂ over the whole tensor, in f64.
pub fn relative(got: &Tensor, want: &Tensor) -> f64 {
    assert_eq!(got.dims(), want.dims(), "shapes differ");
    let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (got, want) = (values(got), values(want));
    let square = |v: f64| v * v;
    let error: f64 = got.iter().zip(&want).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = want.iter().map(|b| square(f64::from(*b))).sum();
    assert!(norm > 0.0, "the reference is all zeros: comparing with it proves nothing");
    (error / norm).sqrt()
}

/// One line per comparison.
#[derive(Default)]
pub struct Rows(Vec<BTreeMap<&'static str, serde_json::Value>>, bool);

impl Rows {
    /// Compares and notes the result.
    pub fn compare(&mut self, stage: &str, tensor: &str, got: &Tensor, want: &Tensor, bar: f64) {
        let error = relative(got, want);
        // NaN is above every bar.
        let met = error <= bar;
        self.1 |= !met;
        println!("{} {stage:<24} {tensor:<44} {error:9.2e}  bar {bar:.0e}", if met { " " } else { "✗" });
        self.0.push(BTreeMap::from([("stage", stage.into()), ("tensor", tensor.into()), ("error", error.into()), ("bar", bar.into())]));
    }

    /// Writes `rows.json` where PICKUP_PARITY names the folder, and fails when a bar was missed.
    pub fn finish(self, folder: &Folder) {
        if std::env::var_os("PICKUP_PARITY").is_some() {
            std::fs::write(folder.rows(), serde_json::to_vec_pretty(&self.0).unwrap()).unwrap();
        }
        assert!(!self.0.is_empty(), "nothing was compared");
        assert!(!self.1, "a stage misses its bar in {}", folder.root().display());
    }
}
