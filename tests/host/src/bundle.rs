//! The bundle under test.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A bundle on disk.
pub struct Bundle {
    root: PathBuf,
    /// The folder of a copy; it goes with the value.
    _folder: Option<TempDir>,
}

const ARCHITECTURE: &str = "Contents/Linux-x86-64";

impl Bundle {
    /// The bundle that `make bundle` built, or the one that PICKUP_BUNDLE names. Panics when there is none: a test without what
    /// it tests has failed.
    pub fn built() -> Self {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies in tests/host");
        let built = checkout.join("target/bundle/Pickup.ofx.bundle");
        let root = std::env::var_os("PICKUP_BUNDLE").map_or(built, PathBuf::from);
        let bundle = Self { root, _folder: None };
        assert!(bundle.binary().is_file(), "no bundle at {}: run make bundle", bundle.root.display());
        bundle
    }

    /// A copy in a folder of its own: the system's loader takes it for another library, with statics of its own, so that
    /// tests in one process do not see each other. `prepare` may change the copy before it is loaded.
    pub fn copied(prepare: impl FnOnce(&Self)) -> Self {
        let built = Self::built();
        let folder = tempfile::Builder::new().prefix("pickup-bundle-").tempdir().expect("a temporary folder can be made");
        let copied = built.copied_to(&folder.path().join("Pickup.ofx.bundle"));
        let mut copy = copied.unwrap_or_else(|e| panic!("{} could not be copied: {e}", built.root.display()));
        copy._folder = Some(folder);
        prepare(&copy);
        copy
    }

    /// A copy at a place of the caller's, which stays.
    pub fn copied_to(&self, root: &Path) -> std::io::Result<Self> {
        copy_folder(&self.root, root)?;
        Ok(Self { root: root.to_owned(), _folder: None })
    }

    /// The bundle's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The plug-in's library.
    pub fn binary(&self) -> PathBuf {
        self.root.join(ARCHITECTURE).join("Pickup.ofx")
    }

    /// The worker beside it.
    pub fn worker(&self) -> PathBuf {
        self.root.join(ARCHITECTURE).join("pickup")
    }

    pub(crate) fn path_for_the_plugin(&self) -> CString {
        CString::new(self.root.as_os_str().as_bytes()).unwrap_or_default()
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if entry.file_name() == "pickup" && fs::hard_link(entry.path(), &target).is_ok() {
            // The worker is large and never loaded into this process: a link will do.
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
