//! What is written beside the pixels.

use exr::meta::attribute::{AttributeValue, Text, TimeCode};
use exr::meta::header::{Header, ImageAttributes, LayerAttributes};
use shot::take::SourceType;
use shot::{ColourSpace, FrameIndex, Rate, Request, Timecode};

use super::chromaticities;

/// Our own attribute: the id of the [`ColourSpace`], because chromaticities say nothing of the transfer function.
const COLOUR_SPACE: &str = "pickupColourSpace";
/// The attribute that carries IPTC's digital source type, named as IPTC names the property.
const SOURCE_TYPE: &str = "digitalSourceType";

/// What a frame of a take says about itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameTags {
    /// Record timecode of this very frame; its rate becomes `framesPerSecond`.
    pub timecode: Timecode,
    /// The encoding of the values.
    pub colour: ColourSpace,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// Where the pixels come from; `None` for frames of the editor's own.
    pub source_type: Option<SourceType>,
}

impl FrameTags {
    /// The tags of a made frame, `index` counted from 0 at the first frame made.
    pub fn of(request: &Request, index: u32, source_type: SourceType) -> Self {
        let frame = FrameIndex(request.first_frame().0 + i64::from(index));
        Self {
            timecode: Timecode::new(frame, request.rate, request.drop_frame),
            colour: request.context.colour,
            pixel_aspect: request.pixel_aspect,
            source_type: Some(source_type),
        }
    }

    pub(super) fn put(&self, header: Header) -> Header {
        let rate = self.timecode.rate;
        let text = |t: &str| AttributeValue::Text(Text::new_or_none(t).unwrap_or_default());
        let name = |t: &str| Text::new_or_none(t).unwrap_or_default();
        let mut own = LayerAttributes { software_name: Text::new_or_none("Pickup"), ..header.own_attributes.clone() };
        own.layer_name = None;
        own.frames_per_second = i32::try_from(rate.num()).ok().map(|num| (num, rate.den()));
        // One entry in each of the two maps and no more: crate exr writes them in the order of a hash map, and the same frame
        // must be the same bytes.
        if let Some(source) = self.source_type {
            own.other.insert(name(SOURCE_TYPE), text(source.uri()));
        }
        let mut shared = ImageAttributes {
            pixel_aspect: self.pixel_aspect as f32,
            chromaticities: Some(chromaticities::of(self.colour)),
            time_code: Some(pack(self.timecode)),
            ..header.shared_attributes.clone()
        };
        shared.other.insert(name(COLOUR_SPACE), text(self.colour.id()));
        header.with_attributes(own).with_shared_attributes(shared)
    }
}

/// What a file says about itself, as far as it does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FileTags {
    /// Frames per second.
    pub rate: Option<Rate>,
    /// Timecode, where the file gives a rate to count in.
    pub timecode: Option<Timecode>,
    /// The encoding, where Pickup wrote the file.
    pub colour: Option<ColourSpace>,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
}

impl FileTags {
    pub(super) fn of(header: &Header) -> Self {
        let rate = header.own_attributes.frames_per_second.and_then(|(n, d)| Rate::new(u32::try_from(n).ok()?, d).ok());
        let colour = header.shared_attributes.other.iter().chain(&header.own_attributes.other).find_map(|(name, value)| {
            if *name != *COLOUR_SPACE {
                return None;
            }
            value.to_text().ok()?.to_string().parse().ok()
        });
        let aspect = f64::from(header.shared_attributes.pixel_aspect);
        Self {
            rate,
            timecode: rate.zip(header.shared_attributes.time_code).and_then(|(rate, tc)| unpack(tc, rate)),
            colour,
            pixel_aspect: if aspect.is_finite() && aspect > 0.0 { aspect } else { 1.0 },
        }
    }
}

/// How many frames share one number: timecode counts to 30 at most, faster rates count pairs (SMPTE ST 12-1).
fn frames_per_number(rate: Rate) -> u32 {
    rate.nominal().div_ceil(30)
}

fn pack(timecode: Timecode) -> TimeCode {
    let nominal = i64::from(timecode.rate.nominal());
    let dropped = if timecode.drop { nominal / 15 * (24 * 60 - 24 * 6) } else { 0 };
    let of_day = timecode.frame.0.rem_euclid(nominal * 86_400 - dropped);
    let shown = Timecode { frame: FrameIndex(of_day), ..timecode }.to_string();
    let mut parts = shown.split([':', ';']).map(|p| p.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (hours, minutes, seconds, frame) = (next(), next(), next(), next());
    let per = frames_per_number(timecode.rate);
    TimeCode {
        hours: hours as u8,
        minutes: minutes as u8,
        seconds: seconds as u8,
        frame: (frame / per).min(29) as u8,
        drop_frame: timecode.drop,
        // The field mark says which of a pair of progressive frames this is.
        field_phase: frame % per != 0,
        ..TimeCode::default()
    }
}

fn unpack(tc: TimeCode, rate: Rate) -> Option<Timecode> {
    let per = frames_per_number(rate);
    let frame = u32::from(tc.frame) * per + u32::from(per > 1 && tc.field_phase);
    let mark = if tc.drop_frame && shot::timecode::can_drop(rate) { ';' } else { ':' };
    Timecode::parse(&format!("{:02}:{:02}:{:02}{mark}{frame:02}", tc.hours, tc.minutes, tc.seconds), rate).ok()
}
