//! The names of the encodings a picture can be in. The arithmetic is in crate `colour`.

use serde::{Deserialize, Serialize};

/// How pixel values relate to light, and in which primaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourSpace {
    /// IEC 61966-2-1, Rec.709 primaries.
    Srgb,
    /// ITU-R BT.1886 display (gamma 2.4), Rec.709 primaries: what ordinary video is.
    #[default]
    Rec709,
    /// Scene-linear light in Rec.709 primaries.
    LinearRec709,
    /// Scene-linear light in AP1 primaries.
    AcesCg,
    /// ACEScct: AP1 primaries, logarithmic with a toe.
    AcesCct,
    /// DaVinci Intermediate in DaVinci Wide Gamut.
    DavinciIntermediate,
    /// ARRI LogC3 (EI 800) in ARRI Wide Gamut 3.
    LogC3,
    /// ARRI LogC4 in ARRI Wide Gamut 4.
    LogC4,
    /// Sony S-Log3 in S-Gamut3.
    SLog3,
    /// Sony S-Log3 in S-Gamut3.Cine.
    SLog3Cine,
    /// Canon Log 3 in Cinema Gamut.
    CanonLog3,
    /// RED Log3G10 in REDWideGamutRGB.
    Log3G10,
    /// Rec.2100 PQ (SMPTE ST 2084).
    Pq,
    /// Rec.2100 HLG (ARIB STD-B67).
    Hlg,
}

impl ColourSpace {
    /// Every space, in the order menus show them.
    pub const ALL: [Self; 14] = [
        Self::Rec709,
        Self::Srgb,
        Self::LinearRec709,
        Self::AcesCg,
        Self::AcesCct,
        Self::DavinciIntermediate,
        Self::LogC3,
        Self::LogC4,
        Self::SLog3,
        Self::SLog3Cine,
        Self::CanonLog3,
        Self::Log3G10,
        Self::Pq,
        Self::Hlg,
    ];

    /// The name used on the command line, in JSON and in take manifests.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Srgb => "srgb",
            Self::Rec709 => "rec709",
            Self::LinearRec709 => "linear-rec709",
            Self::AcesCg => "aces-cg",
            Self::AcesCct => "aces-cct",
            Self::DavinciIntermediate => "davinci-intermediate",
            Self::LogC3 => "log-c3",
            Self::LogC4 => "log-c4",
            Self::SLog3 => "s-log3",
            Self::SLog3Cine => "s-log3-cine",
            Self::CanonLog3 => "canon-log3",
            Self::Log3G10 => "log3-g10",
            Self::Pq => "pq",
            Self::Hlg => "hlg",
        }
    }

    /// The name an editor reads in a menu.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Srgb => "sRGB",
            Self::Rec709 => "Rec.709 (gamma 2.4)",
            Self::LinearRec709 => "Linear Rec.709",
            Self::AcesCg => "ACEScg",
            Self::AcesCct => "ACEScct",
            Self::DavinciIntermediate => "DaVinci Intermediate",
            Self::LogC3 => "ARRI LogC3",
            Self::LogC4 => "ARRI LogC4",
            Self::SLog3 => "Sony S-Log3 / S-Gamut3",
            Self::SLog3Cine => "Sony S-Log3 / S-Gamut3.Cine",
            Self::CanonLog3 => "Canon Log 3",
            Self::Log3G10 => "RED Log3G10",
            Self::Pq => "Rec.2100 PQ",
            Self::Hlg => "Rec.2100 HLG",
        }
    }

    /// True where values are proportional to light.
    pub const fn is_linear(self) -> bool {
        matches!(self, Self::LinearRec709 | Self::AcesCg)
    }
}

impl std::fmt::Display for ColourSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

impl std::str::FromStr for ColourSpace {
    type Err = crate::Fault;

    fn from_str(text: &str) -> Result<Self, crate::Fault> {
        Self::ALL.into_iter().find(|c| c.id().eq_ignore_ascii_case(text.trim())).ok_or_else(|| {
            crate::Fault::new(
                crate::Code::Argument,
                format!("'{text}' is not a colour space that Pickup knows"),
                format!("use one of {}", Self::ALL.map(Self::id).join(", ")),
            )
        })
    }
}

/// Where in the editor's colour pipeline the context was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourStage {
    /// As the camera recorded it; the neighbour's grade still comes on top.
    CameraLog,
    /// Finished: nothing comes on top.
    #[default]
    Graded,
}
