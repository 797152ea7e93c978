//! Where the primaries and white points of our colour spaces lie in CIE 1931 xy.

use exr::math::Vec2;
use exr::meta::attribute::Chromaticities;
use shot::ColourSpace;

const D65: (f32, f32) = (0.3127, 0.3290);

/// Red, green, blue and white of a colour space.
///
/// Sources: ITU-R BT.709-6, ITU-R BT.2020-2 (which BT.2100 takes over), SMPTE ST 2065-1 / Academy S-2014-004 (AP1), Blackmagic
/// "DaVinci Wide Gamut Intermediate" (2021), ARRI "LogC3" and "LogC4" specifications, Sony "Technical Summary for
/// S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3", Canon "Cinema Gamut" white paper, RED "REDWideGamutRGB and Log3G10" white paper.
pub(super) fn of(space: ColourSpace) -> Chromaticities {
    use ColourSpace as C;
    let (red, green, blue, white) = match space {
        C::Srgb | C::Rec709 | C::LinearRec709 => ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
        C::AcesCg | C::AcesCct => ((0.713, 0.293), (0.165, 0.830), (0.128, 0.044), (0.32168, 0.33767)),
        C::DavinciIntermediate => ((0.8000, 0.3130), (0.1682, 0.9877), (0.0790, -0.1155), D65),
        C::LogC3 => ((0.6840, 0.3130), (0.2210, 0.8480), (0.0861, -0.1020), D65),
        C::LogC4 => ((0.7347, 0.2653), (0.1424, 0.8576), (0.0991, -0.0308), D65),
        C::SLog3 => ((0.730, 0.280), (0.140, 0.855), (0.100, -0.050), D65),
        C::SLog3Cine => ((0.766, 0.275), (0.225, 0.800), (0.089, -0.087), D65),
        C::CanonLog3 => ((0.740, 0.270), (0.170, 1.140), (0.080, -0.100), D65),
        C::Log3G10 => ((0.780308, 0.304253), (0.121595, 1.493994), (0.095612, -0.084589), D65),
        C::Pq | C::Hlg => ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    };
    let at = |(x, y): (f32, f32)| Vec2(x, y);
    Chromaticities { red: at(red), green: at(green), blue: at(blue), white: at(white) }
}
