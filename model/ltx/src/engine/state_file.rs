//! Latents as bytes: what a killed job goes on from, and what a light take keeps for `promote`. A safetensors file in memory, so
//! that any tool can look into it; numbers of the job stand in its metadata.

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::ops::slices;

/// Tensors and words by name.
#[derive(Clone, Debug, Default)]
pub struct StateFile {
    /// f32 tensors.
    pub tensors: BTreeMap<String, Tensor>,
    /// What belongs to them.
    pub words: BTreeMap<String, String>,
}

impl StateFile {
    /// As bytes.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".into(), json!(self.words));
        let mut data = Vec::new();
        for (name, tensor) in &self.tensors {
            let start = data.len();
            slices::with(tensor, |values| values.iter().for_each(|v| data.extend_from_slice(&v.to_le_bytes())))?;
            header.insert(name.clone(), json!({"dtype": "F32", "shape": tensor.dims(), "data_offsets": [start, data.len()]}));
        }
        let mut head = Value::Object(header).to_string().into_bytes();
        // Values begin at a multiple of eight, as readers expect.
        head.resize(head.len().next_multiple_of(8), b' ');
        let mut out = (head.len() as u64).to_le_bytes().to_vec();
        out.extend(head);
        out.extend(data);
        Ok(out)
    }

    /// From bytes that may be anything.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let bad = |why: &str| Error::Unfit(format!("the latents that were kept cannot be read: {why}"));
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| bad("they are cut off"))?;
        let length =
            usize::try_from(u64::from_le_bytes(*length)).ok().filter(|n| *n <= rest.len()).ok_or_else(|| bad("they are cut off"))?;
        let (header, data) = rest.split_at(length);
        let header: HashMap<String, Value> = serde_json::from_slice(header).map_err(|_| bad("their header is not JSON"))?;
        let mut out = Self::default();
        for (name, entry) in header {
            if name == "__metadata__" {
                out.words = serde_json::from_value(entry).map_err(|_| bad("their words are not text"))?;
                continue;
            }
            let sizes =
                |key: &str| -> Option<Vec<usize>> { entry.get(key)?.as_array()?.iter().map(|n| n.as_u64().map(|n| n as usize)).collect() };
            let shape = sizes("shape").ok_or_else(|| bad("a shape is missing"))?;
            let place = sizes("data_offsets")
                .and_then(|o| data.get(*o.first()?..*o.get(1)?))
                .ok_or_else(|| bad("a tensor lies outside of them"))?;
            let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            if entry.get("dtype") != Some(&json!("F32")) || count.and_then(|n| n.checked_mul(4)) != Some(place.len()) {
                return Err(bad("a tensor has another size than it says"));
            }
            let values = place.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            out.tensors.insert(name, Tensor::from_vec::<_, f32>(values, shape, &Device::Cpu)?);
        }
        Ok(out)
    }

    /// A tensor that must be there.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::Unfit(format!("the latents that were kept hold no {name}")))
    }

    /// A number that must be there.
    pub fn number(&self, name: &str) -> Result<usize> {
        let number = self.words.get(name).and_then(|w| w.parse().ok());
        number.ok_or_else(|| Error::Unfit(format!("the latents that were kept do not say {name}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn sample() -> StateFile {
        let tensor = Tensor::from_vec(vec![1.0f32, -2.5, f32::MIN_POSITIVE, 3.0, 4.0, 5.0], (2, 3), &Device::Cpu).unwrap();
        StateFile { tensors: BTreeMap::from([("video".into(), tensor)]), words: BTreeMap::from([("step".into(), "7".into())]) }
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let bytes = sample().write().unwrap();
        let back = StateFile::read(&bytes).unwrap();
        assert_eq!(back.tensor("video").unwrap().to_vec2::<f32>().unwrap(), sample().tensor("video").unwrap().to_vec2::<f32>().unwrap());
        assert_eq!(back.number("step").unwrap(), 7);
        assert!(back.tensor("audio").is_err() && back.number("window").is_err());
    }

    proptest! {
        #[test]
        fn anything_else_is_an_error_and_no_panic(at in 0usize..200, with in any::<u8>(), keep in 0usize..300) {
            let mut bytes = sample().write().unwrap();
            let n = bytes.len();
            bytes[at % n] = with;
            bytes.truncate(keep);
            let _ = StateFile::read(&bytes);
        }
    }
}
