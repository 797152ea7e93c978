//! A folder of the parity program, and the rows that come from comparing with it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use candle_core::{Device, Tensor};
use ltx::checkpoint::matrix::Matrix;
use ltx::checkpoint::{Checkpoint, Mapped};

/// The dumps' names, as [`Folder::dump`] takes them.
const DUMPS: [&str; 4] = ["t2v", "t2v_guided", "keyframes", "a2v_modules"];

/// What the reference made and no stage reads, by the beginning of its name, and why. Any other result that no stage reads fails.
const EXCUSED: [(&str, &str); 7] = [
    ("tf_masked#", "diffusers' rule for masks is not the authors'"),
    ("connectors#0.out.2", "a mask, of ones"),
    ("connectors.video.blocks.", "inside the connectors, whose contexts are compared"),
    ("transformer.blocks.", "the first block of later passes, which are compared as a whole"),
    ("diffusion_decoder.stage3", "inside the diffusion decoder, whose picture is compared"),
    ("diffusion_decoder.context", "the same"),
    ("final.video_0_1", "the decoder's picture, moved to 0..1"),
];

/// Dumps and tensors of them.
type Read = Rc<RefCell<BTreeSet<(String, String)>>>;

/// What the program made.
pub struct Folder {
    root: PathBuf,
    diffusers: bool,
    /// Dump and tensor that some stage read.
    read: Read,
}

impl Folder {
    /// The folder of PICKUP_PARITY, or the fixtures; twice where the program's diffusers folder is whole: all must be the same from it.
    pub fn all() -> Vec<Self> {
        if let Some(root) = std::env::var_os("PICKUP_PARITY") {
            return Self::at(Path::new(&root));
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures");
        if !fixtures.exists() {
            return Vec::new();
        }
        let mut roots: Vec<_> = std::fs::read_dir(&fixtures).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
        roots.sort();
        assert!(!roots.is_empty(), "{} is empty", fixtures.display());
        roots.iter().map(|root| Self::new(root, false)).collect()
    }

    /// One that was made elsewhere, in each layout that it has.
    pub fn at(root: &Path) -> Vec<Self> {
        let single = Self::new(root, false);
        // diffusers has no settings for an encoder that steps as the authors' does.
        let whole = root.join("diffusers/transformer").exists() && single.argument("strided_encoder") != true;
        std::iter::once(single).chain(whole.then(|| Self::new(root, true))).collect()
    }

    fn new(root: &Path, diffusers: bool) -> Self {
        Self { root: root.to_owned(), diffusers, read: Rc::default() }
    }

    /// Whether its checkpoint is read in the diffusers layout.
    pub fn diffusers(&self) -> bool {
        self.diffusers
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The single-file layout with everything beside it, or the diffusers layout.
    pub fn checkpoint(&self) -> Checkpoint {
        let of = |name: &str| self.root.join(name);
        let paths = match self.diffusers {
            false => &["original", "diffusers/text_encoder", "diffusers/tokenizer", "diffusion_decoder"][..],
            true => &["diffusers", "latent_upsampler", "temporal_upsampler", "diffusion_decoder", "duration_head"],
        };
        Checkpoint::open(&paths.iter().copied().map(of).filter(|p| p.exists()).collect::<Vec<_>>()).unwrap()
    }

    /// Where its rows are written.
    pub fn rows(&self) -> PathBuf {
        self.root.join(if self.diffusers { "rows-diffusers.json" } else { "rows.json" })
    }

    /// The tensors of a dump, `t2v` for `dump_t2v.safetensors`; `None` where this folder has no such dump.
    pub fn dump(&self, name: &str) -> Option<Dump> {
        let path = self.root.join(format!("dump_{name}.safetensors"));
        path.exists().then(|| Dump { read: Some((name.to_owned(), self.read.clone())), ..Dump::open(&path) })
    }

    /// Results of the reference that no stage read and that nothing excuses. (Inputs have `.in` in their names; a step's `.t` is its
    /// level times 1000.)
    fn unread(&self) -> Vec<String> {
        let excused = |name: &str| EXCUSED.iter().any(|(start, _)| name.starts_with(start));
        let result = |name: &str| !name.contains(".in.") && !name.ends_with(".in") && !name.ends_with(".t") && !excused(name);
        let read = self.read.borrow();
        let of = |dump: &str| {
            let names = self.dump(dump).map(|d| d.file.entries().keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
            names.into_iter().filter(|name| result(name)).map(|name| (dump.to_owned(), name)).collect::<Vec<_>>()
        };
        let all = DUMPS.into_iter().flat_map(of).filter(|key| !read.contains(key));
        all.map(|(dump, name)| format!("{dump}: {name}")).collect()
    }

    /// The program's arguments: `height`, `frames`, `prompt`, …
    pub fn argument(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read_to_string(self.root.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        manifest["args"][name].clone()
    }
}

/// Recorded tensors.
pub struct Dump {
    file: Mapped,
    /// Its name, and where is noted what was read.
    read: Option<(String, Read)>,
}

impl Dump {
    pub fn open(path: &Path) -> Self {
        Self { file: Mapped::open(path).unwrap(), read: None }
    }

    pub fn has(&self, name: &str) -> bool {
        self.file.entries().contains_key(name)
    }

    pub fn tensor(&self, name: &str) -> Tensor {
        let entry = self.file.entries().get(name).unwrap_or_else(|| panic!("{name} is not in {}", self.file.label()));
        if let Some((dump, read)) = &self.read {
            read.borrow_mut().insert((dump.clone(), name.to_owned()));
        }
        let values = match entry.stored {
            Ok(stored) if !stored.is_number() => {
                let mut out = vec![0.0; entry.shape.iter().product()];
                ltx::checkpoint::matrix::widen(stored, self.file.bytes(entry), &mut out);
                out
            }
            _ => Matrix::new(name, &self.file, entry, 1.0).unwrap().to_vec(),
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
        self.note(stage, tensor, relative(got, want), bar);
    }

    /// Notes an error that was measured otherwise.
    pub fn note(&mut self, stage: &str, tensor: &str, error: f64, bar: f64) {
        // NaN is above every bar.
        let met = error <= bar;
        self.1 |= !met;
        println!("{} {stage:<24} {tensor:<44} {error:9.2e}  bar {bar:.1e}", if met { " " } else { "✗" });
        self.0.push(BTreeMap::from([("stage", stage.into()), ("tensor", tensor.into()), ("error", error.into()), ("bar", bar.into())]));
    }

    /// Writes `rows.json` where PICKUP_PARITY names the folder, and into the folder of PICKUP_PARITY_ROWS under the name of what was
    /// compared; fails when a bar was missed.
    pub fn finish(self, folder: &Folder) {
        let rows = serde_json::to_vec_pretty(&self.0).unwrap();
        if std::env::var_os("PICKUP_PARITY").is_some() {
            std::fs::write(folder.rows(), &rows).unwrap();
        }
        if let Some(all) = std::env::var_os("PICKUP_PARITY_ROWS") {
            let word = |name: &str| folder.argument(name).to_string().replace('"', "");
            let layout = if folder.diffusers { "-diffusers" } else { "" };
            let name = format!("{}-seed-{}{layout}.json", word("flavour"), word("seed"));
            std::fs::write(Path::new(&all).join(name), &rows).unwrap();
        }
        assert!(!self.0.is_empty(), "nothing was compared");
        let unread = folder.unread();
        assert!(unread.is_empty(), "no stage reads these of {}:\n{}", folder.root().display(), unread.join("\n"));
        assert!(!self.1, "a stage misses its bar in {}", folder.root().display());
    }
}
