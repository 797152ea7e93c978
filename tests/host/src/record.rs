//! What the host saw the plug-in do.

use std::collections::{BTreeMap, BTreeSet};

/// A message the plug-in showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `OfxMessageError`, `OfxMessageMessage` and so on.
    pub kind: String,
    /// The plug-in's name for it.
    pub id: String,
    /// The text after formatting.
    pub text: String,
    /// The format string it came with.
    pub format: String,
    /// Whether it stays until cleared.
    pub persistent: bool,
}

/// Everything a host observed.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Rules of the standard that the plug-in broke, in words.
    pub violations: Vec<String>,
    /// How often each suite function was called.
    pub calls: BTreeMap<&'static str, usize>,
    /// Suites that were asked for, with their versions.
    pub suites: BTreeSet<(String, i32)>,
    /// Every property that the host offered: kind of set, name.
    pub offered: BTreeSet<(String, String)>,
    /// Properties that the plug-in read: kind of set, name.
    pub read: BTreeSet<(String, String)>,
    /// Properties that the plug-in asked for or set in vain: kind of set, name. No violation: a newer plug-in tries newer names.
    pub unknown: BTreeSet<(String, String)>,
    /// Messages, oldest first.
    pub messages: Vec<Message>,
    /// The message that stands now.
    pub persistent: Option<Message>,
    /// Progress windows: their labels.
    pub progress: Vec<String>,
    /// Values of progress, all windows together.
    pub progress_values: Vec<f64>,
    /// Progress windows that are open.
    pub progress_open: i32,
    /// Times that source images were fetched at: clip, time.
    pub fetched: Vec<(String, f64)>,
    /// Actions and their answers, oldest first.
    pub actions: Vec<(String, i32)>,
    /// Params the plug-in set, oldest first: name, new value.
    pub sets: Vec<(String, String)>,
}

impl Record {
    /// How often a suite function was called.
    pub fn calls_of(&self, function: &str) -> usize {
        self.calls.get(function).copied().unwrap_or(0)
    }
}
