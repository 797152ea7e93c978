//! Which properties each kind of set has, and their defaults, as the standard lists them.

use std::ffi::CStr;
use std::sync::Arc;

use host_sys::raw;

use crate::param::Holds;
use crate::props::PropSet;
use crate::quirks::StrChoice;
use crate::state::HostState;

/// `INT_MAX` and `INT_MIN`, the standard's words for endless.
const ENDLESS: f64 = i32::MAX as f64;

/// The host itself.
pub(crate) fn host(state: &Arc<HostState>) -> PropSet {
    let q = &state.quirks;
    let name = std::ffi::CString::new(q.name).unwrap_or_default();
    let contexts: Vec<&CStr> = q.contexts.iter().map(|c| c.name()).collect();
    let set = PropSet::new(state, "host")
        .text(raw::kOfxPropType, raw::kOfxTypeImageEffectHost)
        .text(raw::kOfxPropName, &name)
        .text(raw::kOfxPropLabel, c"Pickup's test host")
        .ints(raw::kOfxPropAPIVersion, &[q.api.0, q.api.1])
        .ints(raw::kOfxPropVersion, &[1, 0, 0])
        .text(raw::kOfxPropVersionLabel, c"1.0.0")
        .int(raw::kOfxImageEffectHostPropIsBackground, 0)
        .int(raw::kOfxImageEffectPropSupportsOverlays, 1)
        .int(raw::kOfxImageEffectPropSupportsMultiResolution, 1)
        .int(raw::kOfxImageEffectPropSupportsTiles, 1)
        .int(raw::kOfxImageEffectPropTemporalClipAccess, i32::from(q.temporal_access))
        .texts(
            raw::kOfxImageEffectPropSupportedComponents,
            &[raw::kOfxImageComponentRGBA, raw::kOfxImageComponentRGB, raw::kOfxImageComponentAlpha],
        )
        .texts(raw::kOfxImageEffectPropSupportedContexts, &contexts)
        .texts(raw::kOfxImageEffectPropSupportedPixelDepths, &DEPTHS)
        .int(raw::kOfxImageEffectPropSupportsMultipleClipDepths, 0)
        .int(raw::kOfxImageEffectPropSupportsMultipleClipPARs, 0)
        .int(raw::kOfxImageEffectPropSetableFrameRate, 1)
        .int(raw::kOfxImageEffectPropSetableFielding, 0)
        .int(raw::kOfxImageEffectInstancePropSequentialRender, 1)
        .int(raw::kOfxParamHostPropSupportsStringAnimation, 0)
        .int(raw::kOfxParamHostPropSupportsCustomInteract, 0)
        .int(raw::kOfxParamHostPropSupportsChoiceAnimation, 0)
        .int(raw::kOfxParamHostPropSupportsBooleanAnimation, 0)
        .int(raw::kOfxParamHostPropSupportsCustomAnimation, 0)
        .int(raw::kOfxParamHostPropMaxParameters, -1)
        .int(raw::kOfxParamHostPropMaxPages, 0)
        .ints(raw::kOfxParamHostPropPageRowColumnCount, &[0, 0])
        .pointer(raw::kOfxPropHostOSHandle, 0)
        .text(raw::kOfxImageEffectHostPropNativeOrigin, raw::kOfxHostNativeOriginBottomLeft)
        .text(raw::kOfxImageEffectPropCudaRenderSupported, if q.cuda { c"true" } else { c"false" })
        .text(raw::kOfxImageEffectPropCudaStreamSupported, if q.cuda { c"true" } else { c"false" })
        .text(raw::kOfxImageEffectPropOpenCLRenderSupported, c"false")
        .text(raw::kOfxImageEffectPropMetalRenderSupported, c"false");
    if q.api < (1, 5) {
        return set;
    }
    set.int(raw::kOfxParamHostPropSupportsStrChoice, i32::from(q.str_choice == StrChoice::Supported))
        .int(raw::kOfxParamHostPropSupportsStrChoiceAnimation, 0)
        .text(raw::kOfxImageEffectPropColourManagementStyle, raw::kOfxImageEffectColourManagementNone)
        .texts(raw::kOfxImageEffectPropColourManagementAvailableConfigs, &[])
}

const DEPTHS: [&CStr; 4] = [raw::kOfxBitDepthByte, raw::kOfxBitDepthShort, raw::kOfxBitDepthHalf, raw::kOfxBitDepthFloat];

/// The effect while it is described.
pub(crate) fn descriptor(state: &Arc<HostState>, context: Option<&CStr>, bundle: &CStr) -> PropSet {
    let mut set = PropSet::new(state, "descriptor")
        .text(raw::kOfxPropType, raw::kOfxTypeImageEffect)
        .text(raw::kOfxPropLabel, c"")
        .text(raw::kOfxPropShortLabel, c"")
        .text(raw::kOfxPropLongLabel, c"")
        .growing_ints(raw::kOfxPropVersion)
        .text(raw::kOfxPropVersionLabel, c"")
        .text(raw::kOfxPropPluginDescription, c"")
        .texts(raw::kOfxPropIcon, &[c"", c""])
        .texts(raw::kOfxImageEffectPropSupportedContexts, &[])
        .text(raw::kOfxImageEffectPluginPropGrouping, c"")
        .int(raw::kOfxImageEffectPluginPropSingleInstance, 0)
        .text(raw::kOfxImageEffectPluginRenderThreadSafety, raw::kOfxImageEffectRenderInstanceSafe)
        .int(raw::kOfxImageEffectPluginPropHostFrameThreading, 1)
        .pointer(raw::kOfxImageEffectPluginPropOverlayInteractV1, 0)
        .int(raw::kOfxImageEffectPropSupportsMultiResolution, 1)
        .int(raw::kOfxImageEffectPropSupportsTiles, 1)
        .int(raw::kOfxImageEffectPropTemporalClipAccess, 0)
        .texts(raw::kOfxImageEffectPropSupportedPixelDepths, &[])
        .int(raw::kOfxImageEffectPluginPropFieldRenderTwiceAlways, 1)
        .int(raw::kOfxImageEffectPropSupportsMultipleClipDepths, 0)
        .int(raw::kOfxImageEffectPropSupportsMultipleClipPARs, 0)
        .int(raw::kOfxImageEffectInstancePropSequentialRender, 0)
        .texts(raw::kOfxImageEffectPropClipPreferencesSlaveParam, &[])
        .text(raw::kOfxPluginPropFilePath, bundle)
        .text(raw::kOfxImageEffectPropCudaRenderSupported, c"false")
        .text(raw::kOfxImageEffectPropCudaStreamSupported, c"false")
        .text(raw::kOfxImageEffectPropOpenCLRenderSupported, c"false")
        .text(raw::kOfxImageEffectPropMetalRenderSupported, c"false");
    if let Some(context) = context {
        set = set.text(raw::kOfxImageEffectPropContext, context);
    }
    if state.quirks.api < (1, 5) {
        return set;
    }
    set.text(raw::kOfxImageEffectPropColourManagementStyle, raw::kOfxImageEffectColourManagementNone)
        .texts(raw::kOfxImageEffectPropColourManagementAvailableConfigs, &[])
        .text(raw::kOfxImageEffectPropCPURenderSupported, c"true")
        .int(raw::kOfxImageEffectPropNoSpatialAwareness, 0)
}

/// A clip while it is described.
pub(crate) fn clip_descriptor(state: &Arc<HostState>, name: &CStr) -> PropSet {
    PropSet::new(state, "clip descriptor")
        .text(raw::kOfxPropType, raw::kOfxTypeClip)
        .text(raw::kOfxPropName, name)
        .text(raw::kOfxPropLabel, name)
        .text(raw::kOfxPropShortLabel, name)
        .text(raw::kOfxPropLongLabel, name)
        .texts(raw::kOfxImageEffectPropSupportedComponents, &[])
        .int(raw::kOfxImageEffectPropTemporalClipAccess, 0)
        .int(raw::kOfxImageClipPropOptional, 0)
        .text(raw::kOfxImageClipPropFieldExtraction, raw::kOfxImageFieldDoubled)
        .int(raw::kOfxImageClipPropIsMask, 0)
        .int(raw::kOfxImageEffectPropSupportsTiles, 1)
}

/// The params of an effect as a whole.
pub(crate) fn param_set(state: &Arc<HostState>) -> PropSet {
    PropSet::new(state, "param set")
        .text(raw::kOfxPropType, c"OfxTypeParamSet")
        .texts(raw::kOfxPluginPropParamPageOrder, &[])
        .int(raw::kOfxPropParamSetNeedsSyncing, 0)
}

/// One param.
pub(crate) fn param(state: &Arc<HostState>, kind: &CStr, name: &CStr, holds: Holds) -> PropSet {
    let mut set = PropSet::new(state, "param descriptor")
        .text(raw::kOfxPropType, raw::kOfxTypeParameter)
        .text(raw::kOfxParamPropType, kind)
        .text(raw::kOfxPropName, name)
        .text(raw::kOfxPropLabel, name)
        .text(raw::kOfxPropShortLabel, name)
        .text(raw::kOfxPropLongLabel, name)
        .text(raw::kOfxParamPropHint, c"")
        .text(raw::kOfxParamPropScriptName, name)
        .text(raw::kOfxParamPropParent, c"")
        .int(raw::kOfxParamPropSecret, 0)
        .int(raw::kOfxParamPropEnabled, 1)
        .pointer(raw::kOfxParamPropDataPtr, 0)
        .texts(raw::kOfxPropIcon, &[c"", c""]);
    if kind == raw::kOfxParamTypeGroup {
        return set.int(raw::kOfxParamPropGroupOpen, 1);
    }
    if kind == raw::kOfxParamTypePage {
        return set.texts(raw::kOfxParamPropPageChild, &[]);
    }
    if kind == raw::kOfxParamTypePushButton {
        return set;
    }
    set = set
        .int(raw::kOfxParamPropAnimates, 1)
        .int(raw::kOfxParamPropIsAnimating, 0)
        .int(raw::kOfxParamPropIsAutoKeying, 0)
        .int(raw::kOfxParamPropPersistant, 1)
        .int(raw::kOfxParamPropEvaluateOnChange, 1)
        .int(raw::kOfxParamPropPluginMayWrite, 0)
        .text(raw::kOfxParamPropCacheInvalidation, raw::kOfxParamInvalidateValueChange)
        .int(raw::kOfxParamPropCanUndo, 1);
    match holds {
        Holds::Ints(n) if kind == raw::kOfxParamTypeChoice => set
            .ints(raw::kOfxParamPropDefault, &vec![0; n])
            .texts(raw::kOfxParamPropChoiceOption, &[])
            .growing_ints(raw::kOfxParamPropChoiceOrder),
        Holds::Ints(n) if kind == raw::kOfxParamTypeBoolean => set.ints(raw::kOfxParamPropDefault, &vec![0; n]),
        Holds::Ints(n) => set
            .ints(raw::kOfxParamPropDefault, &vec![0; n])
            .ints(raw::kOfxParamPropMin, &vec![i32::MIN; n])
            .ints(raw::kOfxParamPropMax, &vec![i32::MAX; n])
            .ints(raw::kOfxParamPropDisplayMin, &vec![i32::MIN; n])
            .ints(raw::kOfxParamPropDisplayMax, &vec![i32::MAX; n])
            .texts(raw::kOfxParamPropDimensionLabel, &vec![c""; n]),
        Holds::Doubles(n) if kind == raw::kOfxParamTypeRGB || kind == raw::kOfxParamTypeRGBA => {
            set.doubles(raw::kOfxParamPropDefault, &vec![0.0; n])
        }
        Holds::Doubles(n) => set
            .doubles(raw::kOfxParamPropDefault, &vec![0.0; n])
            .doubles(raw::kOfxParamPropMin, &vec![-ENDLESS; n])
            .doubles(raw::kOfxParamPropMax, &vec![ENDLESS; n])
            .doubles(raw::kOfxParamPropDisplayMin, &vec![-ENDLESS; n])
            .doubles(raw::kOfxParamPropDisplayMax, &vec![ENDLESS; n])
            .double(raw::kOfxParamPropIncrement, 1.0)
            .int(raw::kOfxParamPropDigits, 2)
            .text(raw::kOfxParamPropDoubleType, raw::kOfxParamDoubleTypePlain)
            .text(raw::kOfxParamPropDefaultCoordinateSystem, raw::kOfxParamCoordinatesCanonical)
            .int(raw::kOfxParamPropShowTimeMarker, 0)
            .texts(raw::kOfxParamPropDimensionLabel, &vec![c""; n]),
        Holds::Text if kind == raw::kOfxParamTypeStrChoice => {
            set.text(raw::kOfxParamPropDefault, c"").texts(raw::kOfxParamPropChoiceOption, &[]).texts(raw::kOfxParamPropChoiceEnum, &[])
        }
        Holds::Text => set
            .text(raw::kOfxParamPropDefault, c"")
            .text(raw::kOfxParamPropStringMode, raw::kOfxParamStringIsSingleLine)
            .int(raw::kOfxParamPropStringFilePathExists, 1),
        Holds::Nothing => set,
    }
}
