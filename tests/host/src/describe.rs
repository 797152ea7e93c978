//! What a plug-in described, as text for snapshots and as questions for tests.

use std::fmt::Write;

use host_sys::raw;

use crate::effect::Effect;
use crate::props::{PropSet, Values};

/// One clip as described.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipDescription {
    /// Its name.
    pub name: String,
    /// Components it takes.
    pub components: Vec<String>,
    /// Whether it may stay unconnected.
    pub optional: bool,
    /// Whether it wants frames of other times.
    pub temporal: bool,
}

/// One param as described.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamDescription {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// Its properties that are worth a look, as text.
    pub details: String,
    /// Whether the editor does not see it.
    pub secret: bool,
}

/// What a plug-in described.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The effect's label.
    pub label: String,
    /// Contexts it says it supports.
    pub contexts: Vec<String>,
    /// Pixel depths it says it supports.
    pub depths: Vec<String>,
    /// How safe its render is on many threads.
    pub thread_safety: String,
    /// Whether it says that it renders on a CUDA device, and on the host's stream there.
    pub cuda: (bool, bool),
    /// Clips in order of definition.
    pub clips: Vec<ClipDescription>,
    /// Params in order of definition.
    pub params: Vec<ParamDescription>,
}

fn texts(set: &PropSet, name: &std::ffi::CStr) -> Vec<String> {
    match set.peek(name) {
        Some(Values::Text(v)) => v.iter().map(|t| t.to_string_lossy().into_owned()).collect(),
        _ => Vec::new(),
    }
}

fn text(set: &PropSet, name: &std::ffi::CStr) -> String {
    texts(set, name).into_iter().next().unwrap_or_default()
}

fn flag(set: &PropSet, name: &std::ffi::CStr) -> bool {
    set.peek_one::<i32>(name).is_some_and(|v| v != 0)
}

impl Description {
    pub(crate) fn of(effect: &Effect) -> Self {
        let clip = |clip: &std::sync::Arc<crate::effect::Clip>| ClipDescription {
            name: clip.name.to_string_lossy().into_owned(),
            components: texts(&clip.props, raw::kOfxImageEffectPropSupportedComponents),
            optional: flag(&clip.props, raw::kOfxImageClipPropOptional),
            temporal: flag(&clip.props, raw::kOfxImageEffectPropTemporalClipAccess),
        };
        let clips = effect.clips.lock().iter().map(clip).collect();
        let param = |p: &std::sync::Arc<crate::param::Param>| ParamDescription {
            name: p.name.to_string_lossy().into_owned(),
            kind: p.kind.to_string_lossy().trim_start_matches("OfxParamType").to_owned(),
            label: text(&p.props, raw::kOfxPropLabel),
            details: details(&p.props),
            secret: flag(&p.props, raw::kOfxParamPropSecret),
        };
        let params = effect.params.params.lock().iter().map(param).collect();
        Self {
            label: text(&effect.props, raw::kOfxPropLabel),
            contexts: texts(&effect.props, raw::kOfxImageEffectPropSupportedContexts),
            depths: texts(&effect.props, raw::kOfxImageEffectPropSupportedPixelDepths),
            thread_safety: text(&effect.props, raw::kOfxImageEffectPluginRenderThreadSafety),
            cuda: (
                text(&effect.props, raw::kOfxImageEffectPropCudaRenderSupported) == "true",
                text(&effect.props, raw::kOfxImageEffectPropCudaStreamSupported) == "true",
            ),
            clips,
            params,
        }
    }

    /// A param by name.
    pub fn param(&self, name: &str) -> Option<&ParamDescription> {
        self.params.iter().find(|p| p.name == name)
    }

    /// Clips and params, one a line.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for c in &self.clips {
            let short = |s: &String| s.trim_start_matches("OfxImageComponent").to_owned();
            let components: Vec<_> = c.components.iter().map(short).collect();
            let optional = if c.optional { " optional" } else { "" };
            let temporal = if c.temporal { " temporal" } else { "" };
            let _ = writeln!(out, "clip {}: {}{optional}{temporal}", c.name, components.join(" "));
        }
        for p in &self.params {
            let secret = if p.secret { " secret" } else { "" };
            let _ = writeln!(out, "{} {} {:?}{secret}{}", p.kind, p.name, p.label, p.details);
        }
        out
    }
}

/// Default, ranges, options, parent and what differs from the ordinary.
fn details(set: &PropSet) -> String {
    let mut out = String::new();
    let shown = [
        (raw::kOfxParamPropDefault, "default"),
        (raw::kOfxParamPropMin, "min"),
        (raw::kOfxParamPropMax, "max"),
        (raw::kOfxParamPropDisplayMin, "shown from"),
        (raw::kOfxParamPropDisplayMax, "to"),
        (raw::kOfxParamPropChoiceOption, "options"),
        (raw::kOfxParamPropStringMode, "mode"),
        (raw::kOfxParamPropParent, "in"),
    ];
    for (name, word) in shown {
        let Some(values) = set.peek(name) else { continue };
        let text = match values {
            Values::Int(v) => v.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Values::Double(v) => v.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Values::Text(v) => v.iter().map(|t| t.to_string_lossy().into_owned()).collect::<Vec<_>>().join("|"),
            Values::Pointer(_) => continue,
        };
        if !(text.is_empty() || text == "OfxParamStringIsSingleLine") {
            let _ = write!(out, ", {word} {text}");
        }
    }
    for (name, word) in [
        (raw::kOfxParamPropAnimates, "still"),
        (raw::kOfxParamPropEvaluateOnChange, "no render"),
        (raw::kOfxParamPropPersistant, "not saved"),
        (raw::kOfxParamPropEnabled, "disabled"),
    ] {
        if set.peek_one::<i32>(name) == Some(0) {
            let _ = write!(out, ", {word}");
        }
    }
    out
}
