//! Describe and DescribeInContext: what the host is told of the effect.
//!
//! Hosts differ in which properties they know; a property that cannot be set is passed over, because a host that lacks it acts
//! by its default. Nothing here is secret or disabled: Nuke keeps that for ever (see `instance`).

use host_sys::raw;
use host_sys::{Context, Descriptor, Kind as HostKind, ParamSet, PropertySet, Result};

use crate::colours;
use crate::params::{self, Kind, Mode, Page, Param, Section};

/// What an editor reads in menus.
pub const LABEL: &str = "Pickup";
/// What the status line says until the first change.
const FIRST_WORDS: &str = "No take yet. Choose a task and press Generate.";
/// Where the menus put it.
pub const GROUP: &str = "Pickup";

/// The contexts the effect offers, the richest first.
pub const CONTEXTS: [Context; 5] = [Context::General, Context::Filter, Context::Transition, Context::Generator, Context::Retimer];

/// The input that limits a retake.
pub const MATTE: &str = "Matte";

/// The clips of a context beside `Output`: name, whether it may be unconnected, label.
pub const fn inputs(context: Context) -> &'static [(&'static str, bool, &'static str)] {
    match context {
        Context::Transition => &[("SourceFrom", false, "From"), ("SourceTo", false, "To")],
        Context::Filter | Context::Retimer => &[("Source", false, "Source")],
        // Some hosts cannot place a generator without an input.
        Context::Generator => &[("Source", true, "Reference")],
        _ => &[("From", true, "From"), ("To", true, "To"), ("Reference", true, "Reference"), (MATTE, true, "Matte")],
    }
}

/// Sets a property where the host has it.
fn try_set(result: Result<()>) {
    if let Err(error) = result {
        log::debug!("passed over: {error}");
    }
}

/// Describe.
pub fn describe(descriptor: &Descriptor<'_>) -> Result<()> {
    let props = descriptor.props()?;
    props.set_string(raw::kOfxPropLabel, LABEL)?;
    props.set_strings(raw::kOfxImageEffectPropSupportedContexts, CONTEXTS.map(Context::name))?;
    let depths = [raw::kOfxBitDepthFloat, raw::kOfxBitDepthHalf, raw::kOfxBitDepthShort, raw::kOfxBitDepthByte];
    props.set_strings(raw::kOfxImageEffectPropSupportedPixelDepths, depths)?;
    try_set(props.set_string(raw::kOfxPropShortLabel, LABEL));
    try_set(props.set_string(raw::kOfxPropLongLabel, "Pickup: makes the missing shot"));
    try_set(props.set_string(raw::kOfxImageEffectPluginPropGrouping, GROUP));
    try_set(props.set_string(
        raw::kOfxPropPluginDescription,
        "Makes the shot that is missing between two others, or at their ends, on this machine. Choose a task, press Generate, and go \
         on working; the take appears when it is there.",
    ));
    try_set(props.set_ints(raw::kOfxPropVersion, &[crate::VERSION.0 as i32, crate::VERSION.1 as i32, 0]));
    try_set(props.set_string(raw::kOfxPropVersionLabel, env!("CARGO_PKG_VERSION")));
    for (name, value) in [
        (raw::kOfxImageEffectPluginPropSingleInstance, 0),
        (raw::kOfxImageEffectPluginPropHostFrameThreading, 0),
        (raw::kOfxImageEffectPropSupportsMultiResolution, 1),
        (raw::kOfxImageEffectPropSupportsTiles, 1),
        (raw::kOfxImageEffectPropTemporalClipAccess, 1),
        (raw::kOfxImageEffectPluginPropFieldRenderTwiceAlways, 0),
        (raw::kOfxImageEffectPropSupportsMultipleClipDepths, 0),
        (raw::kOfxImageEffectPropSupportsMultipleClipPARs, 0),
    ] {
        try_set(props.set_int(name, value));
    }
    // Whatever style the host has, only names of encodings are exchanged; see `colours` for those that are understood.
    if !descriptor.host().colour_management.is_empty() {
        try_set(props.set_strings(raw::kOfxImageEffectPropColourManagementStyle, [colours::STYLE]));
        try_set(props.set_string(raw::kOfxImageEffectPropColourManagementAvailableConfigs, colours::CONFIG));
    }
    if descriptor.host().cuda {
        try_set(props.set_string(raw::kOfxImageEffectPropCudaRenderSupported, "true"));
        try_set(props.set_string(raw::kOfxImageEffectPropCudaStreamSupported, "true"));
    }
    // Fully safe: renders share nothing that changes but what is behind locks (tests/host renders from eight threads).
    try_set(props.set_strings(raw::kOfxImageEffectPluginRenderThreadSafety, [raw::kOfxImageEffectRenderFullySafe]));
    Ok(())
}

/// The parameter by which a host tells a retimer the time of the clip, in its frames, fractions between.
pub const SOURCE_TIME: &str = "SourceTime";

/// DescribeInContext.
pub fn describe_in_context(descriptor: &Descriptor<'_>, context: Context) -> Result<()> {
    for (name, optional, label) in inputs(context) {
        let clip = descriptor.define_clip(name)?;
        clip_properties(&clip, *optional)?;
        try_set(clip.set_string(raw::kOfxPropLabel, label));
        if *name == MATTE {
            try_set(clip.set_int(raw::kOfxImageClipPropIsMask, 1));
        } else {
            try_set(clip.set_int(raw::kOfxImageEffectPropTemporalClipAccess, 1));
        }
    }
    clip_properties(&descriptor.define_clip("Output")?, false)?;
    let set = descriptor.params()?;
    match context {
        Context::Transition => {
            // Required of every transition; its eased value is not read, because a take is played at its own speed.
            let props = set.define(HostKind::Double, "Transition")?;
            try_set(props.set_string(raw::kOfxPropLabel, "Transition"));
            range(&props, 0.0, (0.0, 1.0), (0.0, 1.0));
        }
        Context::Retimer => {
            // Required of every retimer: the time of the clip that is to be shown.
            let props = set.define(HostKind::Double, SOURCE_TIME)?;
            try_set(props.set_string(raw::kOfxPropLabel, "Source time"));
            range(&props, 0.0, (-1e7, 1e7), (0.0, 1000.0));
        }
        _ => {}
    }
    groups(&set);
    for param in params::table() {
        define(&set, param, context)?;
    }
    pages(&set);
    Ok(())
}

fn clip_properties(clip: &PropertySet<'_>, optional: bool) -> Result<()> {
    let components = [raw::kOfxImageComponentRGBA, raw::kOfxImageComponentRGB, raw::kOfxImageComponentAlpha];
    clip.set_strings(raw::kOfxImageEffectPropSupportedComponents, components)?;
    if optional {
        clip.set_int(raw::kOfxImageClipPropOptional, 1)?;
    }
    // Whole frames, both fields in their lines: what is let through stays as it is.
    try_set(clip.set_strings(raw::kOfxImageClipPropFieldExtraction, [raw::kOfxImageFieldBoth]));
    try_set(clip.set_int(raw::kOfxImageEffectPropSupportsTiles, 1));
    Ok(())
}

fn range(props: &PropertySet<'_>, default: f64, range: (f64, f64), display: (f64, f64)) {
    try_set(props.set_double(raw::kOfxParamPropDefault, default));
    // Resolve clamps a number to ±1 unless both ranges are given.
    try_set(props.set_double(raw::kOfxParamPropMin, range.0));
    try_set(props.set_double(raw::kOfxParamPropMax, range.1));
    try_set(props.set_double(raw::kOfxParamPropDisplayMin, display.0));
    try_set(props.set_double(raw::kOfxParamPropDisplayMax, display.1));
}

fn define(set: &ParamSet<'_>, param: &Param, context: Context) -> Result<()> {
    let kind = match param.kind {
        Kind::Choice(..) => HostKind::Choice,
        Kind::Integer(_) => HostKind::Integer,
        Kind::Double(_) => HostKind::Double,
        Kind::Text(_) => HostKind::String,
        Kind::Button => HostKind::PushButton,
    };
    let props = match set.define(kind, param.id) {
        Ok(props) => props,
        // A host without buttons still has everything else.
        Err(error) if matches!(param.kind, Kind::Button) => {
            log::debug!("passed over: {error}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    try_set(props.set_string(raw::kOfxPropLabel, param.label));
    if let Some((group, ..)) = param.section.group() {
        try_set(props.set_string(raw::kOfxParamPropParent, group));
    }
    try_set(props.set_string(raw::kOfxParamPropScriptName, param.id));
    try_set(props.set_string(raw::kOfxParamPropHint, param.hint));
    match param.kind {
        Kind::Choice(options, default) => {
            for (i, option) in options().into_iter().enumerate() {
                try_set(props.set_string_at(raw::kOfxParamPropChoiceOption, i as i32, option));
            }
            let default = if param.id == params::id::TASK { params::default_task(context) } else { default };
            try_set(props.set_int(raw::kOfxParamPropDefault, default as i32));
        }
        Kind::Integer(s) => {
            try_set(props.set_int(raw::kOfxParamPropDefault, s.default));
            try_set(props.set_int(raw::kOfxParamPropMin, s.range.0));
            try_set(props.set_int(raw::kOfxParamPropMax, s.range.1));
            try_set(props.set_int(raw::kOfxParamPropDisplayMin, s.display.0));
            try_set(props.set_int(raw::kOfxParamPropDisplayMax, s.display.1));
        }
        Kind::Double(s) => range(&props, s.default, s.range, s.display),
        Kind::Text(mode) => {
            let word = match mode {
                Mode::Line => raw::kOfxParamStringIsSingleLine,
                Mode::Lines => raw::kOfxParamStringIsMultiLine,
                Mode::File => raw::kOfxParamStringIsFilePath,
                Mode::Folder => raw::kOfxParamStringIsDirectoryPath,
                Mode::Label => raw::kOfxParamStringIsLabel,
            };
            try_set(props.set_strings(raw::kOfxParamPropStringMode, [word]));
            // Before the first change nothing can be set: what a fresh effect says stands in its description.
            let default = if param.id == params::id::STATUS { FIRST_WORDS } else { "" };
            try_set(props.set_string(raw::kOfxParamPropDefault, default));
            if mode == Mode::File {
                // The folder or file may come later than its name.
                try_set(props.set_int(raw::kOfxParamPropStringFilePathExists, 0));
            }
        }
        Kind::Button => return Ok(()),
    }
    try_set(props.set_int(raw::kOfxParamPropAnimates, 0));
    try_set(props.set_int(raw::kOfxParamPropEvaluateOnChange, i32::from(param.evaluates)));
    Ok(())
}

/// Groups are a wish as well: where there are none, all parameters stand in one list.
fn groups(set: &ParamSet<'_>) {
    for (id, label, is_open) in Section::ALL.into_iter().filter_map(Section::group) {
        let Ok(props) = set.define(HostKind::Group, id) else { return };
        try_set(props.set_string(raw::kOfxPropLabel, label));
        try_set(props.set_int(raw::kOfxParamPropGroupOpen, i32::from(is_open)));
    }
}

/// Pages are a wish: hosts without them show the parameters in the order of the table.
fn pages(set: &ParamSet<'_>) {
    for page in Page::ALL {
        let (id, label) = page.names();
        let Ok(props) = set.define(HostKind::Page, id) else { return };
        try_set(props.set_string(raw::kOfxPropLabel, label));
        for (i, param) in params::table().iter().filter(|p| p.section.page() == page).enumerate() {
            try_set(props.set_string_at(raw::kOfxParamPropPageChild, i as i32, param.id));
        }
    }
}
