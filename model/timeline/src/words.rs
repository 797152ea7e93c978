//! A prompt from what the neighbours are called: what an assistant would read off the bin.
//!
//! Names of clips, of files, and a few fields of metadata are taken apart into words; what cameras, labs and editors write for
//! machines (reels, takes, versions, codecs, dates) is left out; what both sides share comes first. Nothing is looked up, nothing
//! leaves the machine, and the sentence is shown before it is used: it is a start for the editor's own words.

use serde_json::Value;

/// Most words of a prompt: names repeat themselves.
const MOST_WORDS: usize = 12;

/// Fields of a clip's metadata that people write sentences into.
const FIELDS: &[&str] = &["description", "keywords", "location", "scene", "comment", "comments", "notes", "log_note", "place"];

/// Words that name no place, light or thing.
const NOISE: &[&str] = &[
    "a", "an", "and", "the", "of", "in", "on", "at", "to", "for", "with", "from", "by", "clip", "shot", "take", "scene", "sc", "tk", "cam",
    "camera", "reel", "roll", "card", "day", "unit", "version", "ver", "final", "proxy", "proxies", "raw", "graded", "grade", "log",
    "copy", "new", "old", "test", "temp", "untitled", "sequence", "seq", "comp", "render", "export", "master", "edit", "cut", "pro", "res",
    "prores", "dnxhd", "dnxhr", "h264", "h265", "hevc", "avc", "mov", "mp4", "mxf", "exr", "dpx", "hdr", "sdr", "uhd", "hd", "img",
];

/// Words that say when or where, which a prompt puts last.
const LIGHT: &[&str] = &[
    "dawn",
    "sunrise",
    "morning",
    "noon",
    "midday",
    "afternoon",
    "evening",
    "dusk",
    "sunset",
    "night",
    "interior",
    "exterior",
    "rain",
    "fog",
    "snow",
    "storm",
    "sunny",
    "cloudy",
    "overcast",
    "twilight",
];

/// What is known of one neighbour: its name, its file's name, its metadata.
#[derive(Clone, Debug, Default)]
pub struct Told {
    texts: Vec<String>,
}

impl Told {
    /// Adds a name of a clip or a file.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.texts.push(name.to_owned());
        self
    }

    /// Adds what people wrote into metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: &Value) -> Self {
        gather(metadata, None, 0, &mut self.texts);
        self
    }

    /// The words, each once, in their order.
    fn words(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for word in self.texts.iter().flat_map(|t| split(t)) {
            let word = match word.as_str() {
                "int" => "interior".to_owned(),
                "ext" => "exterior".to_owned(),
                _ => word,
            };
            if says_something(&word) && !out.contains(&word) {
                out.push(word);
            }
        }
        out
    }
}

/// A prompt from the neighbours; `None` when their names say nothing. Words that all of them share come first; where they share
/// none, each gives its own.
pub fn prompt(neighbours: &[Told]) -> Option<String> {
    let mut sides = neighbours.iter().map(Told::words).filter(|w| !w.is_empty());
    let first = sides.next()?;
    let rest: Vec<Vec<String>> = sides.collect();
    let mut words: Vec<String> = first.iter().filter(|w| rest.iter().all(|side| side.contains(w))).cloned().collect();
    if words.is_empty() {
        words = first;
        for word in rest.into_iter().flatten() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.truncate(MOST_WORDS);
    let (light, things): (Vec<String>, Vec<String>) = words.into_iter().partition(|w| LIGHT.contains(&w.as_str()));
    let parts = [things.join(" "), light.join(", ")];
    Some(parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", "))
}

/// Texts below the fields that people write into, at any depth that hosts use.
fn gather(value: &Value, field: Option<&str>, depth: usize, out: &mut Vec<String>) {
    if depth > 6 {
        return;
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| {
            let key = key.to_ascii_lowercase().replace([' ', '-'], "_");
            gather(v, FIELDS.contains(&key.as_str()).then_some("").or(field), depth + 1, out);
        }),
        Value::Array(items) => items.iter().for_each(|v| gather(v, field, depth + 1, out)),
        Value::String(text) if field.is_some() => out.push(text.chars().take(400).collect()),
        _ => {}
    }
}

/// A name in words: at everything that is no letter or digit, and where small letters meet capitals.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Whether a word is one of a language, as far as its letters tell: no numbers, no codes, no noise.
fn says_something(word: &str) -> bool {
    word.chars().count() > 2 && word.chars().all(char::is_alphabetic) && has_vowel(word) && !NOISE.contains(&word)
}

/// Codes such as `mvi` and `dscf` have few vowels; words of languages with other letters pass.
fn has_vowel(word: &str) -> bool {
    !word.is_ascii() || (word.chars().any(|c| "aeiouy".contains(c)) && !matches!(word, "mvi" | "gopro" | "gopr" | "pano"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(names: &[&str]) -> Option<String> {
        prompt(&names.iter().map(|n| Told::default().name(n)).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_read_as_an_assistant_reads_them() {
        assert_eq!(said(&["EXT_Harbour_dusk_sc12_tk3_v002.mov", "ext-harbour-DUSK-sc12_tk4.mov"]), Some("harbour, exterior, dusk".into()));
        assert_eq!(said(&["oldTownSquare_4K_ProRes.mov"]), Some("town square".into()));
        assert_eq!(said(&["highway_cars_A.mp4", "highway_bridge.mp4"]), Some("highway".into()));
        assert_eq!(said(&["market.mov", "kitchen.mov"]), Some("market kitchen".into()));
        // What cameras write says nothing.
        assert_eq!(said(&["A001_C003_0412AB.mov", "MVI_1234.MOV", "DSCF0001.mov"]), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn metadata_is_read_where_people_write_into_it() {
        let metadata =
            json!({"resolve": {"Keywords": ["harbour", "boats"], "Codec": "nonsense"}, "Description": "Boats at dawn", "uid": "abcdef"});
        assert_eq!(prompt(&[Told::default().name("A001_C003").metadata(&metadata)]), Some("harbour boats, dawn".into()));
    }

    proptest! {
        #[test]
        fn any_name_is_read(a in ".{0,40}", b in ".{0,40}") {
            let _ = said(&[&a, &b]);
        }
    }
}
