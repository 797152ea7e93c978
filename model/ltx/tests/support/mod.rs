//! Small checkpoints for the tests, taken from the parity fixtures and written in other layouts.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ltx::checkpoint::Mapped;
use ltx::checkpoint::file::Stored;
use serde_json::{Value, json};

/// A folder of the parity fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures").join(name)
}

/// One tensor as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stuff {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Stuff {
    pub fn bytes(bytes: &[u8]) -> Self {
        Self { dtype: "U8".into(), shape: vec![bytes.len()], bytes: bytes.to_vec() }
    }

    pub fn floats(shape: &[usize], values: impl Iterator<Item = f32>) -> Self {
        let bytes: Vec<u8> = values.take(shape.iter().product()).flat_map(f32::to_le_bytes).collect();
        Self { dtype: "F32".into(), shape: shape.to_vec(), bytes }
    }
}

/// A safetensors file in memory.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub tensors: BTreeMap<String, Stuff>,
    pub metadata: BTreeMap<String, String>,
}

impl File {
    pub fn read(path: &Path) -> Self {
        let file = Mapped::open(path).unwrap();
        let dtype = |stored: &Result<Stored, String>| match stored {
            Ok(Stored::F32) => "F32",
            Ok(Stored::Bf16) => "BF16",
            Ok(Stored::U8) => "U8",
            other => panic!("{other:?}"),
        };
        let one = |(name, entry): (&String, &ltx::checkpoint::file::Entry)| {
            let stuff = Stuff { dtype: dtype(&entry.stored).into(), shape: entry.shape.clone(), bytes: file.bytes(entry).to_vec() };
            (name.clone(), stuff)
        };
        Self { tensors: file.entries().iter().map(one).collect(), metadata: file.metadata().clone() }
    }

    /// The tensors whose names `rename` keeps.
    pub fn renamed(&self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let tensors = self.tensors.iter().filter_map(|(name, stuff)| Some((rename(name)?, stuff.clone()))).collect();
        Self { tensors, metadata: BTreeMap::new() }
    }

    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.into(), value.to_string());
        self
    }

    pub fn config(&self) -> Value {
        serde_json::from_str(&self.metadata["config"]).unwrap()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        let mut data = Vec::new();
        for (name, stuff) in &self.tensors {
            let start = data.len();
            data.extend(&stuff.bytes);
            header.insert(name.clone(), json!({"dtype": stuff.dtype, "shape": stuff.shape, "data_offsets": [start, data.len()]}));
        }
        let header = serde_json::to_vec(&header).unwrap();
        [(header.len() as u64).to_le_bytes().to_vec(), header, data].concat()
    }

    pub fn write(&self, path: &Path) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.to_bytes()).unwrap();
        path.to_owned()
    }
}

/// The published single file of a fixture.
pub fn single(generation: &str) -> File {
    File::read(&fixture(&format!("ltx-{generation}/original/ltx-tiny-{generation}.safetensors")))
}

/// A file's settings of some sections only.
pub fn sections(file: &File, keys: &[&str]) -> Value {
    let all = file.config();
    Value::Object(keys.iter().map(|key| ((*key).to_owned(), all[*key].clone())).collect())
}
