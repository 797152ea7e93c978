//! How ffmpeg's pixel formats lie in memory, and in which of them frames are pulled from it.
//!
//! Frames come out of ffmpeg as the decoder made them, plane by plane, and are turned into float RGBA here: no 8-bit or 16-bit
//! RGB step in between, no clipping of what lies above white or below black, and a third of the bytes through the pipe.

use shot::ColourSpace;

/// What the planes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// Luma alone.
    Grey,
    /// Luma and two colour differences.
    Yuv,
    /// Green, blue, red: the order of ffmpeg's planar formats.
    Gbr,
    /// Green, blue, red as 32-bit float.
    GbrFloat,
}

/// A planar pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub model: Model,
    /// Bits that carry the value: 8 in one byte, 9 to 16 in the low end of two bytes, 32 for float.
    pub depth: u8,
    pub alpha: bool,
    /// Halvings of the chroma planes: (across, down).
    pub shift: (u8, u8),
    /// ffmpeg's old full-range names (`yuvj420p`).
    pub full_by_name: bool,
}

impl Layout {
    /// The layout in which frames of ffmpeg's format `name` are pulled: the same numbers where the format is planar or only
    /// packed otherwise, RGB of 16 bits by ffmpeg's own conversion for the exotic rest (XYZ, Bayer, YCgCo is handled by the caller).
    pub(crate) fn for_format(name: &str) -> Self {
        let base = name.trim_end_matches("le").trim_end_matches("be");
        let gbr = |depth, alpha| Self { model: Model::Gbr, depth, alpha, shift: (0, 0), full_by_name: false };
        let yuv = |depth, shift| Self { model: Model::Yuv, depth, alpha: false, shift, full_by_name: false };
        if let Some(rest) = base.strip_prefix("yuv") {
            let (alpha, rest) = rest.strip_prefix('a').map_or((false, rest), |r| (true, r));
            let (full_by_name, rest) = rest.strip_prefix('j').map_or((false, rest), |r| (true, r));
            if let Some((sampling, depth)) = rest.split_once('p')
                && let Some(shift) = shift_of(sampling)
                && let Some(depth) = if depth.is_empty() { Some(8) } else { depth.parse().ok() }
            {
                return Self { model: Model::Yuv, depth, alpha, shift, full_by_name };
            }
        }
        match base {
            "gray" => return Self { model: Model::Grey, ..gbr(8, false) },
            "gray9" | "gray10" | "gray12" | "gray14" | "gray16" => {
                return Self { model: Model::Grey, ..gbr(base[4..].parse().unwrap_or(16), false) };
            }
            "gbrpf32" => return Self { model: Model::GbrFloat, ..gbr(32, false) },
            "grayf32" => return Self { model: Model::GbrFloat, ..gbr(32, false) },
            "gbrapf32" => return Self { model: Model::GbrFloat, ..gbr(32, true) },
            "nv12" | "nv21" => return yuv(8, (1, 1)),
            "nv16" | "yuyv422" | "uyvy422" | "yvyu422" => return yuv(8, (1, 0)),
            "nv24" | "nv42" | "vuyx" => return yuv(8, (0, 0)),
            "nv20" | "p210" | "y210" => return yuv(10, (1, 0)),
            "p010" => return yuv(10, (1, 1)),
            "p012" => return yuv(12, (1, 1)),
            "p016" => return yuv(16, (1, 1)),
            "y212" => return yuv(12, (1, 0)),
            "p216" => return yuv(16, (1, 0)),
            "p410" | "xv30" => return yuv(10, (0, 0)),
            "xv36" => return yuv(12, (0, 0)),
            "p416" => return yuv(16, (0, 0)),
            "ayuv64" => return Self { alpha: true, ..yuv(16, (0, 0)) },
            "rgb24" | "bgr24" | "rgb0" | "bgr0" | "0rgb" | "0bgr" | "rgb8" | "bgr8" | "rgb565" | "bgr565" | "rgb555" | "bgr555" => {
                return gbr(8, false);
            }
            "rgba" | "bgra" | "argb" | "abgr" | "pal8" | "ya8" | "vuya" => return gbr(8, true),
            "monow" | "monob" => return gbr(8, false),
            "x2rgb10" | "x2bgr10" => return gbr(10, false),
            "rgb48" | "bgr48" | "xyz12" => return gbr(16, false),
            _ => {}
        }
        for (prefix, alpha) in [("gbrap", true), ("gbrp", false)] {
            if let Some(depth) = base.strip_prefix(prefix)
                && let Some(depth) = if depth.is_empty() { Some(8) } else { depth.parse().ok().filter(|d| (8..=16).contains(d)) }
            {
                return gbr(depth, alpha);
            }
        }
        gbr(16, base.starts_with("ya") || base.contains("rgba") || base.contains("bgra"))
    }

    /// ffmpeg's name of the format, to be asked for.
    pub(crate) fn name(self) -> String {
        let depth = if self.depth == 8 { String::new() } else { format!("{}le", self.depth) };
        let a = if self.alpha { "a" } else { "" };
        match self.model {
            Model::Grey => format!("gray{depth}"),
            Model::Gbr => format!("gbr{a}p{depth}"),
            Model::GbrFloat => format!("gbr{a}pf32le"),
            Model::Yuv => {
                let j = if self.full_by_name { "j" } else { "" };
                let sampling = match self.shift {
                    (1, 1) => "420",
                    (1, 0) => "422",
                    (0, 1) => "440",
                    (2, 0) => "411",
                    (2, 2) => "410",
                    _ => "444",
                };
                format!("yuv{a}{j}{sampling}p{depth}")
            }
        }
    }

    /// Bytes of one value.
    pub(crate) const fn bytes(self) -> usize {
        match self.depth {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        }
    }

    /// Width and height of a chroma plane.
    pub(crate) const fn chroma(self, width: usize, height: usize) -> (usize, usize) {
        let (x, y) = self.shift;
        ((width + (1 << x) - 1) >> x, (height + (1 << y) - 1) >> y)
    }

    /// Bytes of one frame.
    pub(crate) const fn frame_bytes(self, width: usize, height: usize) -> usize {
        let whole = width * height;
        let (cw, ch) = self.chroma(width, height);
        let values = match self.model {
            Model::Grey => whole,
            Model::Yuv => whole + 2 * cw * ch,
            Model::Gbr | Model::GbrFloat => 3 * whole,
        };
        (values + if self.alpha { whole } else { 0 }) * self.bytes()
    }
}

fn shift_of(sampling: &str) -> Option<(u8, u8)> {
    Some(match sampling {
        "420" => (1, 1),
        "422" => (1, 0),
        "440" => (0, 1),
        "444" => (0, 0),
        "411" => (2, 0),
        "410" => (2, 2),
        _ => return None,
    })
}

/// The luma weights of a matrix, from which all its coefficients follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Matrix {
    pub red: f32,
    pub blue: f32,
}

impl Matrix {
    /// ITU-R BT.601-7, §2.5.1.
    pub(crate) const BT601: Self = Self { red: 0.299, blue: 0.114 };
    /// ITU-R BT.709-6, item 3.2.
    pub(crate) const BT709: Self = Self { red: 0.2126, blue: 0.0722 };
    /// ITU-R BT.2020-2, table 4 (non-constant luminance).
    pub(crate) const BT2020: Self = Self { red: 0.2627, blue: 0.0593 };
    /// SMPTE ST 240.
    pub(crate) const SMPTE240: Self = Self { red: 0.212, blue: 0.087 };
    /// FCC 73.682 (1953).
    pub(crate) const FCC: Self = Self { red: 0.3, blue: 0.11 };

    /// The matrix of a ffprobe `color_space`; untagged material is BT.709 from 720 lines (or 1280 pixels across) upward and
    /// BT.601 below, as players hold it.
    pub(crate) fn of_tag(tag: Option<&str>, width: u32, height: u32) -> Self {
        match tag {
            Some("bt709") => Self::BT709,
            Some("smpte170m" | "bt470bg") => Self::BT601,
            Some("bt2020nc" | "bt2020c") => Self::BT2020,
            Some("smpte240m") => Self::SMPTE240,
            Some("fcc") => Self::FCC,
            _ if width.min(height) >= 720 || width.max(height) >= 1280 => Self::BT709,
            _ => Self::BT601,
        }
    }

    /// The matrix in which a delivery of this encoding is written.
    pub(crate) const fn of_space(space: ColourSpace) -> Self {
        match space {
            ColourSpace::Pq | ColourSpace::Hlg => Self::BT2020,
            _ => Self::BT709,
        }
    }

    pub(crate) fn green(self) -> f32 {
        1.0 - self.red - self.blue
    }
}

/// Black, white and the reach of chroma in code values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Levels {
    pub black: f32,
    pub luma: f32,
    pub grey: f32,
    pub chroma: f32,
}

impl Levels {
    /// Limited range (BT.709-6 item 4.6: 16 to 235 and 16 to 240, times 2^(depth−8)) or full range.
    pub(crate) fn new(depth: u8, full: bool) -> Self {
        let scale = f32::from(1_u16 << (depth.clamp(8, 16) - 8));
        let grey = 128.0 * scale;
        if full {
            let top = 256.0 * scale - 1.0;
            Self { black: 0.0, luma: top, grey, chroma: top }
        } else {
            Self { black: 16.0 * scale, luma: 219.0 * scale, grey, chroma: 224.0 * scale }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planar_formats_are_pulled_as_they_are() {
        for name in [
            "yuv420p",
            "yuvj420p",
            "yuv422p",
            "yuv422p10le",
            "yuv444p12le",
            "yuva444p10le",
            "yuva420p",
            "yuv440p",
            "yuv411p",
            "yuv410p",
            "gray",
            "gray10le",
            "gray16le",
            "gbrp",
            "gbrp10le",
            "gbrap12le",
            "gbrpf32le",
            "gbrapf32le",
            "gbrp16le",
        ] {
            assert_eq!(Layout::for_format(name).name(), name);
        }
    }

    #[test]
    fn packed_formats_keep_their_depth_and_alpha() {
        for (name, pulled) in [
            ("nv12", "yuv420p"),
            ("p010le", "yuv420p10le"),
            ("uyvy422", "yuv422p"),
            ("yuv422p10be", "yuv422p10le"),
            ("rgb24", "gbrp"),
            ("bgra", "gbrap"),
            ("pal8", "gbrap"),
            ("rgb48be", "gbrp16le"),
            ("rgba64be", "gbrap16le"),
            ("xyz12le", "gbrp16le"),
            ("bayer_rggb8", "gbrp16le"),
            ("something_new", "gbrp16le"),
        ] {
            assert_eq!(Layout::for_format(name).name(), pulled, "{name}");
        }
    }

    #[test]
    fn frames_of_odd_size_round_their_chroma_up() {
        assert_eq!(Layout::for_format("yuv420p").frame_bytes(5, 3), 15 + 2 * 3 * 2);
        assert_eq!(Layout::for_format("yuva444p10le").frame_bytes(1, 1), 8);
        assert_eq!(Layout::for_format("gbrpf32le").frame_bytes(2, 1), 24);
    }
}
