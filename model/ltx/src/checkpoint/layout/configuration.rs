//! What files say of themselves, as sections of the published single file's configuration.

use serde_json::{Map, Value};

use super::files;
use crate::checkpoint::file::Mapped;
use crate::checkpoint::{Part, Section};
use crate::error::{Error, Result};

mod components;
mod video;

/// A component of a diffusers folder, by the class its `config.json` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The joint transformer.
    Transformer,
    /// Text projections and connectors.
    Connectors,
    /// Encoder and convolutional decoder.
    VideoVae,
    /// The sound VAE.
    AudioVae,
    /// With or without bandwidth extension.
    Vocoder,
    /// Spatial or temporal.
    Upsampler,
    /// The diffusion decoder of 2.5.
    DiffusionDecoder,
    /// Seconds from a prompt.
    DurationHead,
}

impl Class {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "LTX2VideoTransformer3DModel" => Self::Transformer,
            "LTX2TextConnectors" => Self::Connectors,
            "AutoencoderKLLTX2Video" => Self::VideoVae,
            "AutoencoderKLLTX2Audio" => Self::AudioVae,
            "LTX2Vocoder" | "LTX2VocoderWithBWE" => Self::Vocoder,
            "LTX2LatentUpsamplerModel" => Self::Upsampler,
            "LTX2VideoDiffusionDecoderModel" => Self::DiffusionDecoder,
            "LTX2DurationHead" => Self::DurationHead,
            _ => return None,
        })
    }
}

/// A file and what it says of itself.
#[derive(Clone, Debug)]
pub struct Described {
    /// The file.
    pub file: Mapped,
    /// The component it is of, where a diffusers folder holds it.
    pub class: Option<Class>,
    config: Value,
    gemma: Value,
}

impl Described {
    /// Opens a file and reads its metadata, or the `config.json` beside it.
    pub fn open(path: &std::path::Path) -> Result<Self> {
        let file = Mapped::open(path)?;
        let parse = |text: &[u8], what: &str| {
            serde_json::from_slice::<Value>(text)
                .map_err(|e| Error::Config { file: file.label(), why: format!("{what} is not JSON ({e})") })
        };
        let metadata = |key: &str| file.metadata().get(key).map(|text| parse(text.as_bytes(), key)).transpose();
        let (config, gemma) = (metadata("config")?, metadata("gemma_config")?);
        if config.is_some() || gemma.is_some() {
            return Ok(Self { class: None, config: config.unwrap_or_default(), gemma: gemma.unwrap_or_default(), file });
        }
        let beside = path.with_file_name("config.json");
        let config = if beside.is_file() { parse(&files::read(&beside)?, "the config.json beside it")? } else { Value::Null };
        let class = config.get("_class_name").and_then(Value::as_str).and_then(Class::parse);
        let gemma = if config.get("model_type").is_some() { config.clone() } else { Value::Null };
        Ok(Self { file, class, config, gemma })
    }

    /// A part's settings as far as this file knows them.
    pub fn section(&self, part: Part) -> Result<Option<Settings>> {
        let (path, value) = match self.class {
            Some(class) => {
                (part.label(), components::section(class, part, &Section::new(self.file.label(), part.label(), self.config.clone()))?)
            }
            None => self.published(part)?,
        };
        Ok((value.is_object()).then(|| Settings { file: self.file.label(), path, value }))
    }

    fn published(&self, part: Part) -> Result<(&'static str, Value)> {
        let under = |key: &'static str| (key, self.config.get(key).cloned().unwrap_or_default());
        Ok(match part {
            Part::Transformer | Part::TextProjection => under("transformer"),
            Part::VideoVae => under("vae"),
            Part::AudioVae => under("audio_vae"),
            Part::Vocoder => under("vocoder"),
            Part::DurationHead => under("duration_head"),
            Part::DiffusionDecoder => {
                let (path, value) = under("vae");
                (path, components::diffusion(&Section::new(self.file.label(), path, value)))
            }
            Part::TextEncoder => ("text encoder", self.gemma.clone()),
            Part::SpatialUpsampler | Part::TemporalUpsampler => (part.label(), self.config.clone()),
        })
    }

    /// Whether a latent upsampler works on time, if its settings say so.
    pub fn is_temporal(&self) -> Option<bool> {
        let flag = |key: &str| self.config.get(key).and_then(Value::as_bool);
        flag("temporal_upsample").map(|temporal| temporal && flag("spatial_upsample") != Some(true))
    }

    /// The text encoder's own settings, or nothing.
    pub fn gemma(&self) -> &Value {
        &self.gemma
    }
}

/// Settings of a part from one file.
#[derive(Clone, Debug)]
pub struct Settings {
    file: String,
    path: &'static str,
    value: Value,
}

impl Settings {
    /// The JSON itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// As modules read them.
    pub fn into_section(self) -> Section {
        Section::new(self.file, self.path, self.value)
    }
}

/// Settings of a part whose tensors come from several files: the last ones count where two speak of the same key.
pub fn merge(all: Vec<Settings>) -> Option<Settings> {
    all.into_iter().reduce(|first, last| {
        let mut merged = first.value.as_object().cloned().unwrap_or_default();
        merged.extend(last.value.as_object().cloned().unwrap_or_default());
        Settings { value: Value::Object(merged), ..last }
    })
}

/// An object under construction: keys that are absent there stay absent here.
struct Renamed<'a> {
    from: &'a Section,
    to: Map<String, Value>,
}

impl<'a> Renamed<'a> {
    fn new(from: &'a Section) -> Self {
        Self { from, to: Map::new() }
    }

    /// Takes keys over as they are.
    fn same(mut self, keys: &[&str]) -> Self {
        for key in keys {
            self = self.key(key, key);
        }
        self
    }

    /// Takes a key over under another name.
    fn key(mut self, from: &str, to: &str) -> Self {
        if let Some(value) = self.from.value().get(from).filter(|v| !v.is_null()) {
            self.to.insert(to.to_owned(), value.clone());
        }
        self
    }

    /// Adds a value.
    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.to.insert(key.to_owned(), value.into());
        self
    }

    fn done(self) -> Value {
        Value::Object(self.to)
    }
}
