//! One file of weights, mapped: header checked once, tensors found without reading them. Safetensors here, GGUF in [`super::gguf`].
//!
//! The format of safetensors: 8 bytes little-endian length N, N bytes of JSON, then the data. The header comes from strangers: every offset is
//! checked against the file's length, every shape against the bytes it claims, before anything is believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::gguf;
use crate::error::{Error, Result};

/// Longest header that is believed, as the reference implementation has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// Axes that a tensor of any model has at most.
const MOST_AXES: usize = 8;

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// 16-bit float.
    F16,
    /// bfloat16.
    Bf16,
    /// 8-bit float, 4 exponent bits, no infinities.
    F8E4M3,
    /// Bytes.
    U8,
    /// Signed bytes.
    I8,
    /// 64-bit integers.
    I64,
    /// 32 values of 8 bits with a factor (GGUF).
    Q8_0,
    /// 256 values of 6 bits: a factor, and one for every 16 (GGUF).
    Q6K,
    /// 256 values of 4 bits: a factor and an offset, and both for every 32 (GGUF).
    Q4K,
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F8_E4M3" => Self::F8E4M3,
            "U8" | "BOOL" => Self::U8,
            "I8" => Self::I8,
            "I64" => Self::I64,
            _ => return None,
        })
    }

    /// How many values are stored together, and in how many bytes.
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F64 | Self::I64 => (1, 8),
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::F8E4M3 | Self::U8 | Self::I8 => (1, 1),
            Self::Q8_0 => (32, 34),
            Self::Q6K => (256, 210),
            Self::Q4K => (256, 144),
        }
    }

    /// Whether the values are weights, not bytes of something else.
    pub const fn is_number(self) -> bool {
        !matches!(self, Self::U8 | Self::I8 | Self::I64)
    }
}

/// Where a tensor lies.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How its values are stored; the text of the header where that is not understood.
    pub stored: std::result::Result<Stored, String>,
    /// Its axes, slowest first.
    pub shape: Vec<usize>,
    start: usize,
    end: usize,
}

impl Entry {
    /// Some of a tensor's rows (its first axis) as a tensor of their own; `None` where there are no such rows.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Option<Self> {
        let count = *self.shape.first()?;
        let bytes = self.end - self.start;
        if rows.is_empty() || rows.end > count || !bytes.is_multiple_of(count) {
            return None;
        }
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        let row = bytes / count;
        Some(Self { stored: self.stored.clone(), shape, start: self.start + rows.start * row, end: self.start + rows.end * row })
    }

    /// A tensor at a place of a file, which the caller has checked.
    pub(super) fn new(stored: std::result::Result<Stored, String>, shape: Vec<usize>, place: std::ops::Range<usize>) -> Self {
        Self { stored, shape, start: place.start, end: place.end }
    }
}

/// A mapped file.
#[derive(Clone, Debug)]
pub struct Mapped(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    map: Mmap,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Raw {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// A header as it is written. Read straight into this: a hostile one would be many times larger as a tree of values.
#[derive(Default)]
struct Header {
    tensors: BTreeMap<String, Raw>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Header;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Header, A::Error> {
        let mut header = Header::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                header.metadata = map.next_value().map_err(|e| serde::de::Error::custom(format!("the metadata: {e}")))?;
                continue;
            }
            let raw = map.next_value().map_err(|e| serde::de::Error::custom(format!("the tensor {}: {e}", short(&name))))?;
            if header.tensors.insert(name.clone(), raw).is_some() {
                return Err(serde::de::Error::custom(format!("the tensor {} is there twice", short(&name))));
            }
        }
        Ok(header)
    }
}

/// A name as a message shows it: a stranger's may be megabytes long.
fn short(name: &str) -> String {
    match name.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

impl Mapped {
    /// Maps a file and reads its header.
    pub fn open(path: &Path) -> Result<Self> {
        let read = |source| Error::Read { path: path.to_owned(), source };
        let damaged = |why: String| Error::Damaged { path: path.to_owned(), why };
        let file = File::open(path).map_err(read)?;
        let map = map(&file).map_err(read)?;
        if map.starts_with(gguf::MAGIC) {
            let (entries, metadata) = gguf::read(&map).map_err(damaged)?;
            apart(&entries).map_err(damaged)?;
            return Ok(Self(Arc::new(Inner { path: path.to_owned(), map, entries, metadata })));
        }
        let length: [u8; 8] = map.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(|| damaged("it has no header".into()))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || 8 + length > map.len() as u64 {
            return Err(damaged(format!("its header claims {length} bytes, the file has {}", map.len())));
        }
        let data = 8 + length as usize;
        let header: Header = serde_json::from_slice(&map[8..data]).map_err(|e| damaged(format!("its header cannot be read ({e})")))?;
        let mut entries = BTreeMap::new();
        for (name, raw) in header.tensors {
            let entry = entry(&raw, data, map.len()).map_err(|why| damaged(format!("the tensor {} {why}", short(&name))))?;
            entries.insert(name, entry);
        }
        apart(&entries).map_err(damaged)?;
        let metadata = header.metadata;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), map, entries, metadata })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its name without the folders, as errors give it.
    pub fn label(&self) -> String {
        self.0.path.file_name().map_or_else(|| self.0.path.display().to_string(), |n| n.to_string_lossy().into_owned())
    }

    /// What the file says of itself.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// All tensors, in order of name.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.0.entries
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.0.map.len() as u64
    }

    /// A tensor's bytes as they lie in the file; they need not be aligned.
    pub fn bytes(&self, entry: &Entry) -> &[u8] {
        &self.0.map[entry.start..entry.end]
    }

    /// Header and data as they lie in the file.
    pub fn whole(&self) -> (&[u8], &[u8]) {
        let data = self.0.entries.values().map(|e| e.start).min().unwrap_or(self.0.map.len());
        self.0.map.split_at(data)
    }

    /// Tells the system that a tensor will be read soon, so that disk and arithmetic overlap.
    pub fn will_need(&self, entry: &Entry) {
        #[cfg(unix)]
        // Advice that is not taken costs time and nothing else.
        let _ = self.0.map.advise_range(memmap2::Advice::WillNeed, entry.start, entry.end - entry.start);
    }

    /// Tells the system that a tensor's pages can go: what streams through must not fill memory.
    #[allow(unsafe_code)]
    pub fn done_with(&self, entry: &Entry) {
        #[cfg(unix)]
        {
            // SAFETY: the mapping is read-only and backed by a file that is not written: dropped pages come back with the same
            // content when they are touched again, so no reference into them changes its value.
            let _ = unsafe { self.0.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, entry.start, entry.end - entry.start) };
        }
    }
}

/// Whether no byte belongs to two tensors, as both formats have it: a file where one does was made to deceive.
fn apart(entries: &BTreeMap<String, Entry>) -> std::result::Result<(), String> {
    let mut places: Vec<_> = entries.iter().filter(|(_, e)| e.start < e.end).map(|(name, e)| (e.start, e.end, name)).collect();
    places.sort_unstable();
    match places.windows(2).find(|pair| pair[0].1 > pair[1].0) {
        Some(pair) => Err(format!("the tensors {} and {} lie over each other", short(pair[0].2), short(pair[1].2))),
        None => Ok(()),
    }
}

fn entry(raw: &Raw, data: usize, length: usize) -> std::result::Result<Entry, String> {
    let (start, end) = raw.data_offsets;
    let place = data.checked_add(start).zip(data.checked_add(end)).filter(|(s, e)| s <= e && *e <= length);
    let (start, end) = place.ok_or_else(|| format!("lies at {start}..{end}, beyond the file's end: it is cut off"))?;
    // No product of axes may leave the range of sizes, not even where another axis is 0.
    let most = raw.shape.iter().try_fold(1usize, |n, d| n.checked_mul((*d).max(1)));
    if raw.shape.len() > MOST_AXES || most.is_none() {
        return Err(format!("has {} axes of impossible sizes", raw.shape.len()));
    }
    let stored = Stored::parse(&raw.dtype).ok_or_else(|| short(&raw.dtype));
    if let Ok(stored) = stored {
        let (_, size) = stored.block();
        let bytes = raw.shape.iter().try_fold(size, |n, d| n.checked_mul(*d));
        if bytes != Some(end - start) {
            return Err(format!("of shape {:?} claims {} bytes", raw.shape, end - start));
        }
    }
    Ok(Entry::new(stored, raw.shape.clone(), start..end))
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the file is opened for reading and never written by us. Another program that truncates it while it is mapped would
    // end this process (SIGBUS): the worker's, by design not the host's. That is the price of not copying 40 GB.
    unsafe { Mmap::map(file) }
}
