//! What an engine leaves behind: a frozen take.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::request::Request;
use crate::units::{FrameIndex, Samples};

/// The version of a take's form.
pub const TAKE_VERSION: u32 = 1;

/// A 256-bit BLAKE3 hash, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

impl Key {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A hash that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the take that answers a request of this key: its first 24 digits.
    pub fn take_id(&self) -> TakeId {
        TakeId(self.to_string()[..24].to_owned())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let digit = |i: usize| text.get(2 * i..2 * i + 2).and_then(|p| u8::from_str_radix(p, 16).ok());
        let mut bytes = [0; 32];
        for (i, b) in bytes.iter_mut().enumerate() {
            *b = digit(i).filter(|_| text.len() == 64).ok_or_else(|| serde::de::Error::custom("a hash is 64 hexadecimal digits"))?;
        }
        Ok(Self(bytes))
    }
}

/// The name of a take: 24 lower-case hexadecimal digits, safe as a folder's name on every system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TakeId(String);

impl TakeId {
    /// Reads an id; anything else than 24 lower-case hexadecimal digits is refused, so that no id can name a path.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.len() == 24 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(
            Code::Argument,
            format!("'{}' is not the id of a take", text.chars().take(40).collect::<String>()),
            "copy the id from `pickup takes list`: 24 digits and letters a to f",
        ))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TakeId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|f| f.what)
    }
}

impl From<TakeId> for String {
    fn from(id: TakeId) -> Self {
        id.0
    }
}

impl fmt::Display for TakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One measured figure of a take: its seam, its flicker, its loudness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, such as `seam-in`.
    pub name: String,
    /// How much.
    pub value: f64,
    /// In what.
    pub unit: String,
}

/// Where a take's pixels come from, in the words of IPTC's digital source types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceType {
    /// Made by a trained model alone.
    TrainedAlgorithmicMedia,
    /// Made by a trained model from camera frames.
    CompositeWithTrainedAlgorithmicMedia,
    /// Made by an algorithm that was not trained.
    AlgorithmicMedia,
    /// Made by an algorithm that was not trained, from camera frames.
    CompositeSynthetic,
    /// Camera frames that an algorithm changed in colour or tone.
    AlgorithmicallyEnhanced,
}

impl SourceType {
    /// The published address of the term.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::TrainedAlgorithmicMedia => "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            Self::CompositeWithTrainedAlgorithmicMedia => {
                "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
            }
            Self::AlgorithmicMedia => "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
            Self::AlgorithmicallyEnhanced => "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
            Self::CompositeSynthetic => "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic",
        }
    }
}

/// How a take was made, for people and machines that must know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The program and its version.
    pub generator: String,
    /// The engine's name.
    pub engine: String,
    /// The engine's hand-bumped version.
    pub engine_version: u32,
    /// Hashes of the weights, empty for none.
    pub weights: String,
    /// What kind of media this is.
    pub source_type: SourceType,
    /// The published address of that kind.
    pub source_type_uri: String,
    /// The hash of the context as the engine saw it.
    pub context: Key,
    /// BLAKE3 of every file of the take but the manifest, by name, in order of name.
    pub files: Vec<(String, Key)>,
}

/// The manifest of a take, `take.json`: written last, so that a take without it does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// [`TAKE_VERSION`].
    pub version: u32,
    /// The take's name.
    pub id: TakeId,
    /// The hash of all that made it so.
    pub key: Key,
    /// What was asked.
    pub request: Request,
    /// Number of the first frame file, handles included.
    pub first_frame: FrameIndex,
    /// Frames, handles included.
    pub frames: u32,
    /// Handle frames before the shot.
    pub handle_in: u32,
    /// Handle frames after the shot.
    pub handle_out: u32,
    /// Samples of the sound, `None` without sound.
    pub samples: Option<Samples>,
    /// Measured figures.
    pub figures: Vec<Figure>,
    /// What the editor should know.
    pub notes: Vec<String>,
    /// True for a card that says the shot is still missing.
    #[serde(default)]
    pub is_card: bool,
    /// Whether highlights end at display white because the engine could not know more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sdr: bool,
    /// How it was made.
    pub provenance: Provenance,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_id_can_name_a_path() {
        for text in
            ["", "..", "../../../../../etc/passwd", "ABCDEFABCDEFABCDEFABCDEF", "0123456789abcdef0123456", "/tmp/aaaaaaaaaaaaaaaaaaaa"]
        {
            assert!(TakeId::parse(text).is_err(), "{text}");
        }
        assert_eq!(TakeId::parse(" 0123456789abcdef01234567 ").unwrap().as_str(), "0123456789abcdef01234567");
    }

    #[test]
    fn a_key_survives_its_text() {
        let key = Key::of(b"x");
        assert_eq!(serde_json::from_str::<Key>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        assert!(serde_json::from_str::<Key>("\"00\"").is_err());
    }
}
