//! Images of every shape: bounds, row bytes, depth and components that fit together or not, windows and scales of any size.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use test_host::{Alpha, Buffer, Claim, Components, Depth, Format, ImageFault, Quirks, Rect, RenderArgs, Rows, Setup, TestClip};

use super::Target;
use super::plugin::{CONTEXTS, judge, load, trace, word};
use crate::bytes::Bytes;

const DEPTHS: [&str; 9] = [
    "OfxBitDepthByte",
    "OfxBitDepthShort",
    "OfxBitDepthHalf",
    "OfxBitDepthFloat",
    "OfxBitDepthNone",
    "OfxBitDepthByteBGR",
    "OfxBitDepthFloatBGR",
    "OfxBitDepthDouble",
    "",
];
const COMPONENTS: [&str; 5] =
    ["OfxImageComponentRGBA", "OfxImageComponentRGB", "OfxImageComponentAlpha", "OfxImageComponentNone", "uk.example.Spectral"];

/// See the module.
pub struct Images {
    takes: PathBuf,
}

impl Images {
    /// Works without takes: slates, dissolves and what is let through.
    pub fn new(scratch: &Path) -> Self {
        Self { takes: scratch.join("takes") }
    }
}

/// Mostly a claim that could be true: rows as long as they must be, and a little more.
fn claim(bytes: &mut Bytes<'_>) -> ImageFault {
    let depth = DEPTHS[bytes.below(DEPTHS.len())];
    let components = COMPONENTS[bytes.below(COMPONENTS.len())];
    let small = |bytes: &mut Bytes<'_>| i32::from(bytes.byte() as i8);
    let (x, y) = (small(bytes), small(bytes));
    let bounds = match bytes.byte() {
        0..=199 => [x, y, x.saturating_add(small(bytes).abs()), y.saturating_add(small(bytes).abs())],
        _ => [bytes.int(), bytes.int(), bytes.int(), bytes.int()],
    };
    let width = bounds[2].saturating_sub(bounds[0]).max(0);
    let row_bytes = match bytes.byte() {
        0..=159 => width.saturating_mul(16),
        160..=199 => width.saturating_mul(-16),
        200..=219 => width.saturating_mul(16).saturating_add(small(bytes)),
        _ => bytes.int(),
    };
    let offset = if bytes.byte() < 200 { 0 } else { bytes.byte() };
    ImageFault::Claims(Claim { bounds, row_bytes, depth, components, offset })
}

impl Target for Images {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let spread = |n: u8| (0..48).map(|i: u8| i.wrapping_mul(n).wrapping_add(n)).collect();
        [1, 3, 9, 27, 81, 243].into_iter().map(spread).chain([Vec::new()]).collect()
    }

    fn patience(&self) -> u32 {
        12
    }

    fn run(&mut self, input: &[u8]) -> String {
        let mut bytes = Bytes::new(input);
        let context = CONTEXTS[bytes.below(CONTEXTS.len())];
        let which = bytes.byte() % 4;
        let (image, output) = (claim(&mut bytes), claim(&mut bytes));
        let quirks = Quirks {
            contexts: vec![context],
            image: if which & 1 != 0 { image } else { ImageFault::None },
            output: if which & 2 != 0 { output } else { ImageFault::None },
            bare_images: bytes.byte() > 200,
            watches: false,
            ..Quirks::default()
        };
        let (w, h) = (f64::from(1 + bytes.byte() % 40), f64::from(1 + bytes.byte() % 30));
        let format = Format {
            depth: Depth::ALL[bytes.below(4)],
            components: [Components::Rgba, Components::Rgb, Components::Alpha][bytes.below(3)],
        };
        let alpha = [Alpha::Premultiplied, Alpha::Straight, Alpha::Opaque][bytes.below(3)];
        let mut setup = Setup { format, alpha, aspect: [1.0, 2.0, 0.5, 1.0926][bytes.below(4)], ..Setup::sized(context, w, h) };
        // One clip of another size.
        if let Some((_, clip)) = setup.clips.first_mut() {
            *clip = TestClip { range: clip.range, ..TestClip::moving(f64::from(bytes.byte()), f64::from(bytes.byte()), 0.2) };
        }
        let setup = setup.with("takesFolder", self.takes.as_path()).with("finalRender", 2).with("shotIn", 2).with("shotOut", 9);
        let window = match bytes.byte() {
            0..=159 => Rect::new(0, 0, w as i32, h as i32),
            160..=219 => Rect::new(bytes.int() % 50, bytes.int() % 50, bytes.int() % 60, bytes.int() % 60),
            _ => Rect::new(bytes.int(), bytes.int(), bytes.int(), bytes.int()),
        };
        let scale = match bytes.byte() {
            0..=159 => (1.0, 1.0),
            160..=199 => (0.5, 0.25),
            _ => (bytes.double(), bytes.double()),
        };
        let (host, plugin) = load(quirks);
        let mut said = word(plugin.start().good().map(drop));
        match plugin.create(context, &setup) {
            Err(status) => said += &word(Err(status)),
            Ok(instance) => {
                // Pictures at a huge scale are the test host's to draw: it is spared them.
                let drawn = if scale.0.abs() <= 4.0 && scale.1.abs() <= 4.0 { scale } else { (1.0, 1.0) };
                for time in [1.0, 5.0] {
                    let args = RenderArgs { window: Some(window), scale: drawn, ..RenderArgs::interactive(time) };
                    let buffer = Arc::new(Buffer::new(Rect::new(-3, -2, w as i32 + 3, h as i32 + 2), format, Rows::default()));
                    said += &word(instance.draw_into(&args, window, buffer.clone()).good().map(drop));
                    assert_eq!(buffer.damage(), None);
                }
                drop(instance);
            }
        }
        plugin.stop();
        judge(&host);
        said + &trace(&host)
    }
}
