//! Values of properties and parameters that no polite host has: of other types, too many, too few, at every edge.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use test_host::{Quirks, RenderArgs, Setup, Status, Value, Values};

use super::Target;
use super::plugin::{CONTEXTS, judge, load, questions, trace, word};
use crate::bytes::Bytes;

/// Texts that OpenFX and the effect know, and some that nobody does.
const TEXTS: [&str; 24] = [
    "",
    "OfxBitDepthByte",
    "OfxBitDepthShort",
    "OfxBitDepthHalf",
    "OfxBitDepthFloat",
    "OfxBitDepthNone",
    "OfxImageComponentRGBA",
    "OfxImageComponentRGB",
    "OfxImageComponentAlpha",
    "OfxImageAlphaUnPremultiplied",
    "OfxImagePreMultiplied",
    "OfxImageOpaque",
    "OfxImageEffectContextFilter",
    "OfxImageEffectContextTransition",
    "OfxImageEffectContextGeneral",
    "OfxImageEffectContextGenerator",
    "OfxImageEffectContextRetimer",
    "OfxChangeTime",
    "OfxChangePluginEdited",
    "OfxTypeClip",
    "true",
    "%s%n%99999d",
    "mltframework.org",
    "fr.inria.Natron",
];

/// Memory and its shape: what the images target is for.
const SHAPE: [&str; 6] = [
    "OfxImagePropData",
    "OfxImagePropBounds",
    "OfxImagePropRowBytes",
    "OfxImageEffectPropPixelDepth",
    "OfxImageEffectPropComponents",
    // An address that the effect would be right to follow.
    "OfxPropHostOSHandle",
];

/// See the module.
pub struct Properties {
    /// Kind of set and name, of everything that a polite host offers.
    offered: Vec<(String, String)>,
    params: Vec<(String, Value)>,
    takes: PathBuf,
}

impl Properties {
    /// Lives one polite life to see what there is.
    pub fn new(scratch: &Path) -> Self {
        let (host, plugin) = load(Quirks::default());
        let mut params = Vec::new();
        test_host::exercise::exercise(&plugin);
        if let Ok(instance) = plugin.start().good().and_then(|_| plugin.create(CONTEXTS[2], &Setup::connected(CONTEXTS[2]))) {
            params = instance.saved();
        }
        let shape = |name: &str| SHAPE.contains(&name);
        let offered = host.record().offered.into_iter().filter(|(_, name)| !shape(name)).collect();
        Self { offered, params, takes: scratch.join("takes") }
    }
}

impl Target for Properties {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let spread = |n: u8| (0..64).map(|i: u8| i.wrapping_mul(n).wrapping_add(n)).collect();
        [1, 7, 31, 85, 129, 200].into_iter().map(spread).chain([Vec::new()]).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        &TEXTS
    }

    fn patience(&self) -> u32 {
        12
    }

    fn run(&mut self, input: &[u8]) -> String {
        let mut bytes = Bytes::new(input);
        let context = CONTEXTS[bytes.below(CONTEXTS.len())];
        let mut quirks = Quirks { contexts: vec![context], ..Quirks::default() };
        for _ in 0..bytes.below(6) {
            if let Some(key) = bytes.pick(&self.offered) {
                quirks.altered.insert(key.clone(), values(&mut bytes));
            }
        }
        let mut setup = Setup::sized(context, 24.0, 16.0).with("takesFolder", self.takes.as_path());
        for _ in 0..bytes.below(6) {
            let Some((name, honest)) = bytes.pick(&self.params) else { break };
            let value = match honest {
                Value::None => continue,
                Value::Ints(all) => Value::Ints(all.iter().map(|_| bytes.int()).collect()),
                Value::Doubles(all) => Value::Doubles(all.iter().map(|_| bytes.double()).collect()),
                Value::Text(_) => Value::Text(text(&mut bytes).to_string_lossy().into_owned()),
            };
            setup = setup.with(name, value);
        }
        let time = bytes.double();
        let (host, plugin) = load(quirks);
        let mut said = word(plugin.start().good().map(drop));
        said += &word(plugin.describe().map(drop));
        match plugin.create(context, &setup) {
            Err(status) => said += &word(Err(status)),
            Ok(instance) => {
                questions(&instance, time, &mut said);
                for button in ["generate", "setIn", "nextTake", "refresh", "cancel"] {
                    if instance.params().iter().any(|p| p == button) {
                        said += &word(instance.press(button).good().map(drop));
                    }
                }
                for args in
                    [RenderArgs::interactive(time), RenderArgs::at(3.0), RenderArgs { scale: (0.5, 0.5), ..RenderArgs::interactive(3.0) }]
                {
                    let window = Some(test_host::Rect::new(0, 0, 20, 10));
                    said += &word(instance.render(&RenderArgs { window, ..args }).map(drop));
                }
                said += &word(match instance.destroy() {
                    Status::OK => Ok(()),
                    other => Err(other),
                });
            }
        }
        plugin.stop();
        judge(&host);
        said + &trace(&host)
    }
}

fn text(bytes: &mut Bytes<'_>) -> CString {
    let text = match bytes.byte() {
        0..=127 => bytes.pick(&TEXTS).map_or_else(String::new, |t| (*t).to_owned()),
        128..=143 => "x".repeat(bytes.below(40_000)),
        _ => bytes.line(200),
    };
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

fn values(bytes: &mut Bytes<'_>) -> Values {
    let kind = bytes.byte() % 3;
    let count = bytes.below(6);
    match kind {
        0 => Values::Int((0..count).map(|_| bytes.int()).collect()),
        1 => Values::Double((0..count).map(|_| bytes.double()).collect()),
        _ => Values::Text((0..count).map(|_| text(bytes)).collect()),
    }
}
