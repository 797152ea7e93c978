//! Prompts to tokens, by the checkpoint's own tokenizer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Tokenizer;

use crate::error::{Error, Result};
use crate::text::config::GemmaConfig;

/// A prompt's tokens.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// `<bos>` and what follows; never `<eos>`.
    pub tokens: Vec<u32>,
    /// The end of the prompt, for which there was no room.
    pub unread: String,
}

/// The tokenizer.
#[derive(Debug)]
pub struct Prompts {
    tokenizer: Tokenizer,
    bos: u32,
    vocabulary: usize,
}

impl Prompts {
    /// From a `tokenizer.json`.
    pub fn read(json: &[u8], config: &GemmaConfig) -> Result<Self> {
        let wrong = |why: String| Error::Config { file: "tokenizer.json".into(), why };
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(json)).map_err(|e| wrong(format!("it cannot be read ({e})")))?;
        // A file may ask for padding or truncation of its own; both are ours to decide.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|e| wrong(e.to_string()))?;
        let bos = tokenizer.token_to_id("<bos>").or(config.bos).ok_or_else(|| wrong("it has no <bos>".into()))?;
        Ok(Self { tokenizer, bos, vocabulary: config.vocabulary })
    }

    /// The tokens of a prompt without the space around it, at most `longest`: the reference cuts off the end as well
    /// (ltx_core/text_encoders/gemma/tokenizer.py at 400fd31).
    pub fn tokens(&self, prompt: &str, longest: usize) -> Result<Prompt> {
        // Special tokens are not left to the tokenizer's template: Gemma 3's has <bos>, Gemma 4's has not, and <eos> is never wanted.
        let prompt = prompt.trim();
        let encoded = guarded(|| self.tokenizer.encode(prompt, false));
        let encoded = encoded.map_err(|e| Error::Unfit(format!("the prompt cannot be split into tokens ({e})")))?;
        let mut tokens = encoded.get_ids().to_vec();
        if tokens.first() != Some(&self.bos) {
            tokens.insert(0, self.bos);
        }
        let own = encoded.get_ids().len();
        let first = longest.checked_sub(tokens.len() - own).filter(|first| *first < own);
        let place = first.and_then(|first| encoded.get_offsets().get(first)).map(|(start, _)| *start);
        let unread = place.and_then(|start| prompt.get(start..)).unwrap_or_default().trim().to_owned();
        tokens.truncate(longest);
        if let Some(beyond) = tokens.iter().find(|t| **t as usize >= self.vocabulary) {
            let why = format!("it makes the token {beyond}, the text encoder knows {}", self.vocabulary);
            return Err(Error::Config { file: "tokenizer.json".into(), why });
        }
        Ok(Prompt { tokens, unread })
    }
}

/// The tokenizers' crate panics on some files that it half understands (0.23.2 on a decoder of no known kind): a stranger's file must
/// not end the process.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|e| e.to_string()),
        Err(_) => Err("a part of it makes no sense".into()),
    }
}
