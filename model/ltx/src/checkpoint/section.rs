//! One section of a checkpoint's description of itself: typed values by key, with errors that name file, section and key.

use serde_json::Value;

use crate::error::{Error, Result};

/// A JSON object of the configuration and where it was found.
#[derive(Clone, Debug)]
pub struct Section {
    file: String,
    path: String,
    value: Value,
}

impl Section {
    /// A section; `path` is its name in messages.
    pub fn new(file: impl Into<String>, path: impl Into<String>, value: Value) -> Self {
        Self { file: file.into(), path: path.into(), value }
    }

    /// The JSON itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether a key is there and not null.
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(|v| !v.is_null())
    }

    /// The section under a key; an empty one where it is absent.
    pub fn section(&self, key: &str) -> Self {
        let value = self.value.get(key).cloned().unwrap_or(Value::Null);
        Self { file: self.file.clone(), path: format!("{}.{key}", self.path), value }
    }

    /// A whole number that must be there, from 1 to a million: every size that makes a model.
    pub fn size(&self, key: &str) -> Result<usize> {
        self.read(key, |v| v.as_u64().filter(|n| (1..=1_000_000).contains(n)).map(|n| n as usize), "a whole number from 1 to 1,000,000")
    }

    /// The same, with a value where the key is absent.
    pub fn size_or(&self, key: &str, default: usize) -> Result<usize> {
        if self.has(key) { self.size(key) } else { Ok(default) }
    }

    /// A finite number that must be there.
    pub fn number(&self, key: &str) -> Result<f64> {
        self.read(key, |v| v.as_f64().filter(|n| n.is_finite()), "a number")
    }

    /// The same, with a value where the key is absent.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64> {
        if self.has(key) { self.number(key) } else { Ok(default) }
    }

    /// Yes or no, with a value where the key is absent.
    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool> {
        if self.has(key) { self.read(key, Value::as_bool, "true or false") } else { Ok(default) }
    }

    /// A word, with a value where the key is absent.
    pub fn word_or(&self, key: &str, default: &str) -> Result<String> {
        if self.has(key) { self.read(key, |v| v.as_str().map(str::to_owned), "text") } else { Ok(default.to_owned()) }
    }

    /// A list of whole numbers that must be there.
    pub fn sizes(&self, key: &str) -> Result<Vec<usize>> {
        let list = |v: &Value| v.as_array()?.iter().map(|n| n.as_u64().filter(|n| *n <= 1_000_000).map(|n| n as usize)).collect();
        self.read(key, list, "a list of whole numbers")
    }

    /// The same, with a value where the key is absent.
    pub fn sizes_or(&self, key: &str, default: &[usize]) -> Result<Vec<usize>> {
        if self.has(key) { self.sizes(key) } else { Ok(default.to_vec()) }
    }

    /// The value of a key through `read`; `expected` says in words what it should be.
    pub fn read<T>(&self, key: &str, read: impl FnOnce(&Value) -> Option<T>, expected: &str) -> Result<T> {
        let value = self.value.get(key).filter(|v| !v.is_null());
        let value = value.ok_or_else(|| self.wrong(format!("{key} is missing")))?;
        read(value).ok_or_else(|| self.wrong(format!("{key} is {}, expected {expected}", short(value))))
    }

    /// An error about this section.
    pub fn wrong(&self, why: impl Into<String>) -> Error {
        Error::Config { file: self.file.clone(), why: format!("{}: {}", self.path, why.into()) }
    }
}

/// A value as a message shows it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
