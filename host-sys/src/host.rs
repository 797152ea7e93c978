//! What the host says of itself, read once at Load.

use crate::props::PropertySet;
use crate::quirks::{self, What};
use crate::raw;

/// The host's name, version and abilities. What it does not say is empty or false.
#[derive(Clone, Debug, Default)]
pub struct HostInfo {
    /// Its reverse-address name, such as `fr.inria.Natron`.
    pub name: String,
    /// The name a user knows.
    pub label: String,
    /// Its version as numbers; what it does not say is 0.
    pub version: [i32; 3],
    /// Its version in words.
    pub version_label: String,
    /// The version of OpenFX it follows; 1.0 where it does not say.
    pub api: [i32; 2],
    /// Whether images at other times than the current one can be fetched.
    pub temporal_access: bool,
    /// Whether it renders without anybody watching.
    pub is_background: bool,
    /// Contexts it knows.
    pub contexts: Vec<String>,
    /// Whether StrChoice parameters work (1.5).
    pub str_choice: bool,
    /// Colour management style it offers (1.5), empty for none.
    pub colour_management: String,
    /// Whether it can keep images on a CUDA device.
    pub cuda: bool,
    /// Its quirks.
    quirks: Vec<What>,
}

impl HostInfo {
    pub(crate) fn read(props: &PropertySet<'_>) -> Self {
        let text = |name| props.string(name).unwrap_or_default();
        let flag = |name| props.int(name).is_ok_and(|v| v != 0);
        let number = |name, i| props.int_at(name, i).unwrap_or(0);
        let name = text(raw::kOfxPropName);
        let version = [0, 1, 2].map(|i| number(raw::kOfxPropVersion, i));
        let api = match number(raw::kOfxPropAPIVersion, 0) {
            0 => [1, 0],
            major => [major, number(raw::kOfxPropAPIVersion, 1)],
        };
        let quirks = quirks::of(&name, version);
        Self {
            label: text(raw::kOfxPropLabel),
            version_label: text(raw::kOfxPropVersionLabel),
            temporal_access: flag(raw::kOfxImageEffectPropTemporalClipAccess),
            is_background: flag(raw::kOfxImageEffectHostPropIsBackground),
            contexts: props.strings(raw::kOfxImageEffectPropSupportedContexts).unwrap_or_default(),
            str_choice: flag(raw::kOfxParamHostPropSupportsStrChoice),
            colour_management: text(raw::kOfxImageEffectPropColourManagementStyle),
            cuda: text(raw::kOfxImageEffectPropCudaRenderSupported) == "true",
            name,
            version,
            api,
            quirks,
        }
    }

    /// Whether the host has a quirk of the table in [`crate::quirks`].
    pub fn has(&self, what: What) -> bool {
        self.quirks.contains(&what)
    }
}
