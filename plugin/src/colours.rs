//! Which encoding the host's pixels have: what the editor says, else what the host says, else what such a host works in.

use host_sys::HostInfo;
use host_sys::quirks::What;
use shot::ColourSpace;

/// The menu: Auto, then every space that Pickup knows.
pub fn labels() -> Vec<&'static str> {
    std::iter::once("Auto").chain(ColourSpace::ALL.map(ColourSpace::label)).collect()
}

/// The space of a place in the menu; `None` for Auto and for places that are not there.
pub fn at(place: i32) -> Option<ColourSpace> {
    usize::try_from(place - 1).ok().and_then(|i| ColourSpace::ALL.get(i)).copied()
}

/// The space that a name of the OpenFX native colourspace list means (ofx-native-v1.5_aces-v1.3_ocio-v2.3), or of our own.
pub fn named(name: &str) -> Option<ColourSpace> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    Some(match plain.as_str() {
        "srgbtx" | "srgbtexture" | "srgb" | "srgbdisplay" => ColourSpace::Srgb,
        "rec1886rec709display" | "rec709" | "g24rec709tx" | "camerarec709" | "ofxdisplaysdr" => ColourSpace::Rec709,
        "linrec709srgb" | "linrec709" | "linearrec709srgb" | "ofxscenelinear" => ColourSpace::LinearRec709,
        "acescg" | "linap1" => ColourSpace::AcesCg,
        "acescct" | "ofxscenelog" => ColourSpace::AcesCct,
        "davinciintermediatewidegamut" | "davinciintermediate" => ColourSpace::DavinciIntermediate,
        "arrilogc3ei800" | "arrilogc3" => ColourSpace::LogC3,
        "arrilogc4" => ColourSpace::LogC4,
        "slog3sgamut3" => ColourSpace::SLog3,
        "slog3sgamut3cine" => ColourSpace::SLog3Cine,
        "canonlog3cinemagamutd55" | "canonlog3" => ColourSpace::CanonLog3,
        "log3g10redwidegamutrgb" | "log3g10" => ColourSpace::Log3G10,
        "rec2100pqdisplay" | "rec2100pq" => ColourSpace::Pq,
        "rec2100hlgdisplay" | "rec2100hlg" => ColourSpace::Hlg,
        _ => return None,
    })
}

/// The encoding to take: `place` in the menu, else the clip's own name for it, else what the host works in.
pub fn resolve(place: i32, clip: &str, host: &HostInfo) -> ColourSpace {
    let usual = if host.has(What::WorksInLinearLight) { ColourSpace::LinearRec709 } else { ColourSpace::Rec709 };
    at(place).or_else(|| named(clip)).unwrap_or(usual)
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
        assert_eq!(resolve(2, "ACEScg", &host), ColourSpace::Srgb);
        assert_eq!(resolve(0, "ACEScg", &host), ColourSpace::AcesCg);
        assert_eq!(resolve(0, "Rec.1886 Rec.709 - Display", &host), ColourSpace::Rec709);
        assert_eq!(resolve(0, "", &host), ColourSpace::Rec709);
    }
}
