//! Which encoding the host's pixels have: what the editor says, else what the host says, else what such a host works in.
//!
//! OpenFX 1.5 lets host and effect exchange names. The styles Basic, Core and Full name spaces of one list (an OpenColorIO
//! studio configuration, [`CONFIG`]); the style OCIO names spaces of the project's own configuration ([`crate::ocio`]). Pickup
//! takes pixels as they are and names what it makes like what it was given, so it asks for a conversion only where it would not
//! understand the input, and for one encoding where it has two inputs.

use std::ffi::CStr;

use host_sys::quirks::What;
use host_sys::{HostInfo, Instance, raw};
use shot::ColourSpace;

use crate::capture::Inputs;
use crate::ocio;

/// The highest style that is offered; the host picks the highest that both have.
pub const STYLE: &CStr = raw::kOfxImageEffectColourManagementOCIO;
/// The list of names that the native styles take theirs from.
pub const CONFIG: &str = "ofx-native-v1.5_aces-v1.3_ocio-v2.3";

/// Names of the native list that are asked for where the input's own is not understood, the likeliest to cost nothing first. The
/// last ones are families that every style knows.
const WISHES: [&str; 9] = [
    "ACEScct",
    "ACEScg",
    "lin_rec709_srgb",
    "rec1886_rec709_display",
    "srgb_tx",
    "ofx_scene_log",
    "ofx_scene_linear",
    "ofx_display_sdr",
    "ofx_display_hdr",
];

/// The menu: Auto, then every space that Pickup knows.
pub fn labels() -> Vec<&'static str> {
    std::iter::once("Auto").chain(ColourSpace::ALL.map(ColourSpace::label)).collect()
}

/// The space of a place in the menu; `None` for Auto and for places that are not there.
pub fn at(place: i32) -> Option<ColourSpace> {
    usize::try_from(place - 1).ok().and_then(|i| ColourSpace::ALL.get(i)).copied()
}

/// The space that a name of the native list means, of a published OpenColorIO configuration for ACES, or of our own.
pub fn named(name: &str) -> Option<ColourSpace> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    Some(match plain.as_str() {
        "srgbtx" | "srgbtexture" | "utilitysrgbtexture" | "srgb" | "srgbdisplay" | "outputsrgb" => ColourSpace::Srgb,
        "rec1886rec709display" | "rec709" | "g24rec709tx" | "gamma24rec709texture" | "camerarec709" | "outputrec709" | "ofxdisplaysdr" => {
            ColourSpace::Rec709
        }
        "linrec709srgb" | "linrec709" | "linearrec709srgb" | "utilitylinearsrgb" | "utilitylinearrec709" | "ofxscenelinear" => {
            ColourSpace::LinearRec709
        }
        "acescg" | "linap1" | "acesacescg" => ColourSpace::AcesCg,
        "acescct" | "acesacescct" | "ofxscenelog" => ColourSpace::AcesCct,
        "davinciintermediatewidegamut" | "davinciintermediate" => ColourSpace::DavinciIntermediate,
        "arrilogc3ei800" | "arrilogc3" | "inputarriv3logcei800widegamut" => ColourSpace::LogC3,
        "arrilogc4" => ColourSpace::LogC4,
        "slog3sgamut3" | "inputsonyslog3sgamut3" => ColourSpace::SLog3,
        "slog3sgamut3cine" | "inputsonyslog3sgamut3cine" => ColourSpace::SLog3Cine,
        "canonlog3cinemagamutd55" | "canonlog3" => ColourSpace::CanonLog3,
        "log3g10redwidegamutrgb" | "log3g10" | "inputredredlog3g10redwidegamutrgb" => ColourSpace::Log3G10,
        "rec2100pqdisplay" | "rec2100pq" | "ofxdisplayhdr" => ColourSpace::Pq,
        "rec2100hlgdisplay" | "rec2100hlg" => ColourSpace::Hlg,
        _ => return name.parse().ok(),
    })
}

/// Whether a name says that there is nothing to say. Resolve gives it to pixels of projects that are not colour managed.
fn is_raw(name: &str) -> bool {
    matches!(name.trim().to_ascii_lowercase().as_str(), "" | "raw" | "ofx_raw" | "data")
}

/// An encoding, and what the editor should know of how it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The encoding.
    pub space: ColourSpace,
    /// Why it may be another.
    pub note: Option<String>,
}

/// The encoding to take: `place` in the menu, else the host's own `name` for the clip's, else what the host works in.
pub fn resolve(place: i32, name: &str, host: &HostInfo) -> Found {
    let usual = if host.has(What::WorksInLinearLight) { ColourSpace::LinearRec709 } else { ColourSpace::Rec709 };
    let sure = |space| Found { space, note: None };
    if let Some(space) = at(place) {
        return sure(space);
    }
    match named(name) {
        Some(space) if name.starts_with("ofx_") => {
            let note =
                format!("the host says of its colour only {name}, which is taken for {}: Footage colour tells it better", space.label());
            Found { space, note: Some(note) }
        }
        Some(space) => sure(space),
        None if is_raw(name) => sure(usual),
        None => {
            let note = format!("the host's colour {name} is not known here and taken for {}: set Footage colour", usual.label());
            Found { space: usual, note: Some(note) }
        }
    }
}

/// What the host calls the encoding of the first input that is connected, brought to a name that is understood where its
/// configuration knows one.
pub fn of_inputs(instance: &Instance<'_>, inputs: Inputs) -> String {
    let names = [Some(inputs.tail), Some(inputs.head), inputs.reference];
    let clips = names.into_iter().flatten().filter_map(|name| instance.clip(name).ok()).filter(|c| c.is_connected());
    let Some(name) = clips.map(|c| c.colourspace()).find(|name| !name.is_empty()) else { return String::new() };
    if named(&name).is_some() || is_raw(&name) || style(instance) != raw::kOfxImageEffectColourManagementOCIO.to_bytes() {
        return name;
    }
    let config = text(instance, raw::kOfxImageEffectPropOCIOConfig);
    ocio::other_names(&config, &name).into_iter().find(|other| named(other).is_some()).unwrap_or(name)
}

fn text(instance: &Instance<'_>, name: &CStr) -> String {
    instance.props().and_then(|p| p.string(name)).unwrap_or_default()
}

fn style(instance: &Instance<'_>) -> Vec<u8> {
    text(instance, raw::kOfxImageEffectPropColourManagementStyle).into_bytes()
}

/// Which encodings an effect with these inputs would like to have them in: nothing for one that is understood as it is, and the
/// first one's for all others.
pub fn preferred(instance: &Instance<'_>, inputs: Inputs) -> Vec<(&'static str, Vec<String>)> {
    let negotiated = style(instance);
    if negotiated.is_empty() || negotiated == raw::kOfxImageEffectColourManagementNone.to_bytes() {
        return Vec::new();
    }
    let is_basic = negotiated == raw::kOfxImageEffectColourManagementBasic.to_bytes();
    let mut names = vec![inputs.tail];
    names.extend([Some(inputs.head), inputs.reference].into_iter().flatten().filter(|n| *n != inputs.tail));
    names.dedup();
    let first = names.iter().find(|n| instance.clip(n).is_ok_and(|c| c.is_connected())).copied().unwrap_or(inputs.tail);
    let own = of_inputs(instance, inputs);
    let understood = own.is_empty() || is_raw(&own) || named(&own).is_some();
    let wishes = || WISHES.iter().filter(|w| !is_basic || w.starts_with("ofx_")).map(|w| (*w).to_owned()).collect();
    let wish = |name: &'static str| match name == first {
        true if understood => Vec::new(),
        true => wishes(),
        false => vec![format!("OfxColourspace_{first}")],
    };
    names.into_iter().map(|name| (name, wish(name))).filter(|(_, wish)| !wish.is_empty()).collect()
}

/// What the output's encoding is called: like the first input's; without one the first of the host's wishes that is understood.
pub fn of_output(instance: &Instance<'_>, inputs: Inputs, wishes: &[String]) -> Option<String> {
    let first = [Some(inputs.tail), Some(inputs.head), inputs.reference].into_iter().flatten();
    let connected = first.into_iter().find(|n| instance.clip(n).is_ok_and(|c| c.is_connected()));
    match connected {
        Some(name) => Some(format!("OfxColourspace_{name}")),
        None => wishes.iter().find(|w| named(w).is_some()).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_and_its_places_agree() {
        for (place, label) in labels().into_iter().enumerate() {
            let space = at(i32::try_from(place).unwrap_or(-1));
            assert_eq!(space.map_or("Auto", ColourSpace::label), label);
        }
        assert_eq!(at(-1), None);
        assert_eq!(at(99), None);
    }

    #[test]
    fn the_editor_goes_before_the_clip_and_the_clip_before_the_host() {
        let host = HostInfo::default();
        let space = |place, name| resolve(place, name, &host).space;
        assert_eq!(space(2, "ACEScg"), ColourSpace::Srgb);
        assert_eq!(space(0, "ACEScg"), ColourSpace::AcesCg);
        assert_eq!(space(0, "Rec.1886 Rec.709 - Display"), ColourSpace::Rec709);
        for raw in ["", "Raw", "ofx_raw", "data"] {
            assert_eq!(resolve(0, raw, &host), Found { space: ColourSpace::Rec709, note: None }, "{raw}");
        }
    }

    #[test]
    fn a_name_that_says_little_or_nothing_is_told() {
        let host = HostInfo::default();
        for name in ["vlog_vgamut", "ofx_scene_linear"] {
            assert!(resolve(0, name, &host).note.is_some_and(|n| n.contains(name)), "{name}");
            assert_eq!(resolve(1, name, &host).note, None, "the editor knows");
        }
    }

    #[test]
    fn every_wish_is_understood_and_every_own_name_too() {
        assert!(WISHES.iter().all(|w| named(w).is_some()));
        for space in ColourSpace::ALL {
            assert_eq!(named(space.id()), Some(space), "{space}");
        }
    }
}
