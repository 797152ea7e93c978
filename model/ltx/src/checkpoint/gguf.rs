//! Headers of GGUF files: quantised weights as the llama.cpp family of tools writes them.
//!
//! The format (ggml's `docs/gguf.md`, versions 2 and 3): "GGUF", version, counts of tensors and of metadata; metadata as key, type and
//! value; for every tensor its name, sizes with the fastest first, type and place; the data, aligned. Names are those of the
//! source's safetensors. The file comes from strangers: lengths and counts are never allocated by, only read along until the file
//! ends.

use std::collections::BTreeMap;

use super::file::{Entry, Stored};

/// What the file begins with.
pub const MAGIC: &[u8; 4] = b"GGUF";

/// Longest header that is believed.
const LONGEST_HEADER: usize = 100_000_000;
/// Key of the alignment, and its value where the key is absent.
pub(super) const ALIGNMENT: (&str, usize) = ("general.alignment", 32);
/// Key before a tensor's name where its shape has more axes than other readers take: the real sizes, slowest first.
pub(super) const SHAPE: &str = "comfy.gguf.orig_shape.";
/// Most axes of a tensor that is believed.
const MOST_AXES: u32 = 8;
/// Longest name that is believed; the format itself grants 64 bytes, the models have up to about a hundred.
const LONGEST_NAME: usize = 1000;
/// Deepest nesting of lists in the metadata.
const DEEPEST: u32 = 4;

/// Tensors and text metadata of a file.
pub(super) type Header = (BTreeMap<String, Entry>, BTreeMap<String, String>);

/// Reads a header; an error is a clause about the file.
pub(super) fn read(bytes: &[u8]) -> Result<Header, String> {
    let mut reader = Reader { rest: bytes, read: 0 };
    if reader.take(4)? != MAGIC {
        return Err("it is no GGUF".into());
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("its GGUF version is {version}, 2 and 3 are understood"));
    }
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    let mut facts = Facts { alignment: ALIGNMENT.1, metadata: BTreeMap::new(), shapes: BTreeMap::new() };
    for _ in 0..pairs {
        facts.read(&mut reader)?;
    }
    let mut found = Vec::new();
    for _ in 0..tensors {
        found.push(tensor(&mut reader)?);
    }
    let data = reader.read.next_multiple_of(facts.alignment);
    let mut entries = BTreeMap::new();
    for Tensor { name, mut shape, kind, offset } in found {
        if let Some(real) = facts.shapes.remove(&name) {
            if count(&real) != count(&shape) {
                return Err(format!("the tensor {name} has the shape {shape:?} and is said to be {real:?}"));
            }
            shape = real;
        }
        let stored = stored(kind).ok_or_else(|| format!("GGUF type {kind}"));
        let size = match stored {
            Ok(stored) => size(stored, &shape).ok_or_else(|| {
                let block = stored.block().0;
                format!("the tensor {name} of shape {shape:?} has no whole blocks of {block} values in a row, as {stored:?} needs")
            })?,
            // What is not understood is an error only when it is needed.
            Err(_) => 0,
        };
        let start = usize::try_from(offset).ok().and_then(|offset| data.checked_add(offset));
        let end = start.and_then(|start| start.checked_add(size));
        let (start, end) = start
            .zip(end)
            .filter(|(_, end)| *end <= bytes.len())
            .ok_or_else(|| format!("the tensor {name} lies at {offset} and takes {size} bytes, beyond the file's end: it is cut off"))?;
        if entries.insert(name.clone(), Entry::new(stored, shape, start..end)).is_some() {
            return Err(format!("there are two tensors called {name}"));
        }
    }
    Ok((entries, facts.metadata))
}

/// GGUF's number of a form of storage.
pub(super) const fn number(stored: Stored) -> Option<u32> {
    Some(match stored {
        Stored::F32 => 0,
        Stored::F16 => 1,
        Stored::Q8_0 => 8,
        Stored::Q4K => 12,
        Stored::Q6K => 14,
        // Bytes have one type, signed or not.
        Stored::U8 | Stored::I8 => 24,
        Stored::I64 => 27,
        Stored::F64 => 28,
        Stored::Bf16 => 30,
        Stored::F8E4M3 => return None,
    })
}

fn stored(number: u32) -> Option<Stored> {
    const ALL: [Stored; 9] =
        [Stored::F32, Stored::F16, Stored::Q8_0, Stored::Q4K, Stored::Q6K, Stored::I8, Stored::I64, Stored::F64, Stored::Bf16];
    ALL.into_iter().find(|stored| self::number(*stored) == Some(number))
}

fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side))
}

/// Bytes of a tensor: its rows hold whole blocks.
pub(super) fn size(stored: Stored, shape: &[usize]) -> Option<usize> {
    let (values, bytes) = stored.block();
    let row = match shape {
        [] => 1,
        [only] => *only,
        [_, rest @ ..] => count(rest)?,
    };
    if row % values != 0 {
        return None;
    }
    (count(shape)? / values).checked_mul(bytes)
}

struct Tensor {
    name: String,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

fn tensor(reader: &mut Reader<'_>) -> Result<Tensor, String> {
    let name = reader.name()?;
    let axes = reader.u32()?;
    if axes > MOST_AXES {
        return Err(format!("the tensor {name} has {axes} axes"));
    }
    let side = |n: u64| usize::try_from(n).map_err(|_| format!("the tensor {name} has a side of {n}"));
    let mut shape = (0..axes).map(|_| reader.u64().and_then(side)).collect::<Result<Vec<_>, _>>()?;
    shape.reverse();
    Ok(Tensor { name, shape, kind: reader.u32()?, offset: reader.u64()? })
}

/// What the metadata say that is of use here.
struct Facts {
    alignment: usize,
    metadata: BTreeMap<String, String>,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl Facts {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), String> {
        let key = reader.name()?;
        let kind = reader.u32()?;
        if kind == TEXT {
            self.metadata.insert(key, reader.text()?);
        } else if key == ALIGNMENT.0 && kind == U32 {
            let alignment = reader.u32()? as usize;
            if !alignment.is_power_of_two() || alignment > 1 << 20 {
                return Err(format!("its alignment is {alignment}"));
            }
            self.alignment = alignment;
        } else if let (Some(name), LIST) = (key.strip_prefix(SHAPE), kind) {
            let (of, length) = (reader.u32()?, reader.u64()?);
            if of != I32 || length > u64::from(MOST_AXES) {
                return Err(format!("the shape of {name} is a list of {length} values of type {of}"));
            }
            let side = |n: u32| if n <= i32::MAX as u32 { Ok(n as usize) } else { Err(format!("{name} has a negative side")) };
            let shape = (0..length).map(|_| reader.u32().and_then(side)).collect::<Result<_, _>>()?;
            self.shapes.insert(name.to_owned(), shape);
        } else {
            reader.skip(kind, DEEPEST)?;
        }
        Ok(())
    }
}

/// Types of metadata.
pub(super) const U32: u32 = 4;
pub(super) const I32: u32 = 5;
pub(super) const TEXT: u32 = 8;
pub(super) const LIST: u32 = 9;

struct Reader<'a> {
    rest: &'a [u8],
    read: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let count = usize::try_from(count).ok().filter(|n| self.read.checked_add(*n).is_some_and(|end| end <= LONGEST_HEADER));
        let taken = count.and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = taken.ok_or_else(|| format!("its header is cut off or lies at byte {}", self.read))?;
        (self.rest, self.read) = (rest, self.read + taken.len());
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N as u64)?;
        Ok(taken.first_chunk::<N>().copied().unwrap_or([0; N]))
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.u64()?;
        let at = self.read;
        let text = self.take(length)?;
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| format!("its header has no text at byte {at}"))
    }

    /// Text that messages may repeat.
    fn name(&mut self) -> Result<String, String> {
        let at = self.read;
        let name = self.text()?;
        if name.len() > LONGEST_NAME {
            return Err(format!("its header has a name of {} bytes at byte {at}", name.len()));
        }
        Ok(name)
    }

    /// Over a value of no interest.
    fn skip(&mut self, kind: u32, depth: u32) -> Result<(), String> {
        let size = |kind: u32| match kind {
            0 | 1 | 7 => Some(1u64),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        match (kind, size(kind)) {
            (_, Some(size)) => self.take(size).map(drop),
            (TEXT, _) => {
                let length = self.u64()?;
                self.take(length).map(drop)
            }
            (LIST, _) if depth > 0 => {
                let (of, length) = (self.u32()?, self.u64()?);
                if let Some(size) = size(of) {
                    let all = length.checked_mul(size).ok_or_else(|| format!("a list claims {length} values"))?;
                    return self.take(all).map(drop);
                }
                // Each value takes at least eight bytes, so the file's end is the end of this.
                (0..length).try_for_each(|_| self.skip(of, depth - 1))
            }
            _ => Err(format!("its metadata have a value of type {kind}")),
        }
    }
}
