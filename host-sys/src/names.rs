//! What the headers of `openfx-sys` 0.1.0 (OpenFX 1.4 and a little more) lack: status codes, which bindgen cannot read because
//! the headers write them as casts, and the names that OpenFX 1.5 and 1.5.1 added. Declared by hand from the published names;
//! the test below compares each with crate `openfx` 0.6.0, whose bindings come from the 1.5.1 headers.

#![allow(missing_docs, non_upper_case_globals)]

use std::ffi::{CStr, c_int};

/// Hands the whole list to a macro: one list, declared here and checked in the test.
macro_rules! with_statuses {
    ($then:ident) => {
        $then! {
            kOfxStatOK = 0, kOfxStatFailed = 1, kOfxStatErrFatal = 2, kOfxStatErrUnknown = 3, kOfxStatErrMissingHostFeature = 4,
            kOfxStatErrUnsupported = 5, kOfxStatErrExists = 6, kOfxStatErrFormat = 7, kOfxStatErrMemory = 8,
            kOfxStatErrBadHandle = 9, kOfxStatErrBadIndex = 10, kOfxStatErrValue = 11, kOfxStatReplyYes = 12,
            kOfxStatReplyNo = 13, kOfxStatReplyDefault = 14, kOfxStatUnlicensed = 15, kOfxStatErrImageFormat = 1000,
            kOfxStatGLOutOfMemory = 1001, kOfxStatGPUOutOfMemory = 1001, kOfxStatGLRenderFailed = 1002,
            kOfxStatGPURenderFailed = 1002,
        }
    };
}

macro_rules! with_names {
    ($then:ident) => {
        $then! {
            // Colour management (1.5).
            kOfxImageClipPropColourspace = c"OfxImageClipPropColourspace",
            kOfxImageClipPropPreferredColourspaces = c"OfxImageClipPropPreferredColourspaces",
            kOfxImageEffectActionGetOutputColourspace = c"OfxImageEffectActionGetOutputColourspace",
            kOfxImageEffectColourManagementBasic = c"OfxImageEffectColourManagementBasic",
            kOfxImageEffectColourManagementCore = c"OfxImageEffectColourManagementCore",
            kOfxImageEffectColourManagementFull = c"OfxImageEffectColourManagementFull",
            kOfxImageEffectColourManagementNone = c"OfxImageEffectColourManagementNone",
            kOfxImageEffectColourManagementOCIO = c"OfxImageEffectColourManagementOCIO",
            kOfxImageEffectPropColourManagementAvailableConfigs = c"OfxImageEffectPropColourManagementAvailableConfigs",
            kOfxImageEffectPropColourManagementConfig = c"OfxImageEffectPropColourManagementConfig",
            kOfxImageEffectPropColourManagementStyle = c"OfxImageEffectPropColourManagementStyle",
            kOfxImageEffectPropDisplayColourspace = c"OfxImageEffectPropDisplayColourspace",
            kOfxImageEffectPropOCIOConfig = c"OfxImageEffectPropOCIOConfig",
            kOfxImageEffectPropOCIODisplay = c"OfxImageEffectPropOCIODisplay",
            kOfxImageEffectPropOCIOView = c"OfxImageEffectPropOCIOView",
            // GPU render (1.5, 1.5.1); the CUDA and Metal names are in the headers already.
            kOfxImageEffectPropCPURenderSupported = c"OfxImageEffectPropCPURenderSupported",
            kOfxImageEffectPropOpenCLImage = c"OfxImageEffectPropOpenCLImage",
            kOfxImageEffectPropOpenCLSupported = c"OfxImageEffectPropOpenCLSupported",
            kOfxOpenCLProgramSuite = c"OfxOpenCLProgramSuite",
            // Render arguments and effect properties.
            kOfxImageEffectPropNoSpatialAwareness = c"OfxImageEffectPropNoSpatialAwareness",
            kOfxImageEffectPropThumbnailRender = c"OfxImageEffectPropThumbnailRender",
            kOfxImageEffectPluginPropObsolete = c"OfxImageEffectPluginPropObsolete",
            kOfxImageEffectPropBehaviourWhenUnlicensed = c"OfxImageEffectPropBehaviourWhenUnlicensed",
            kOfxUnlicensedContinue = c"OfxUnlicensedContinue",
            kOfxUnlicensedFail = c"OfxUnlicensedFail",
            // Parameters.
            kOfxParamTypeBytes = c"OfxParamTypeBytes",
            kOfxParamTypeStrChoice = c"OfxParamTypeStrChoice",
            kOfxParamPropChoiceEnum = c"OfxParamPropChoiceEnum",
            kOfxParamPropChoiceOrder = c"OfxParamPropChoiceOrder",
            kOfxParamHostPropSupportsStrChoice = c"OfxParamHostPropSupportsStrChoice",
            kOfxParamHostPropSupportsStrChoiceAnimation = c"OfxParamHostPropSupportsStrChoiceAnimation",
            kOfxParamInterpType = c"OfxParamInterpType",
            kOfxParamInterpTypeConstantStep = c"OfxParamInterpTypeConstantStep",
            kOfxParamInterpTypeLinear = c"OfxParamInterpTypeLinear",
            kOfxParamInterpTypeSmooth = c"OfxParamInterpTypeSmooth",
        }
    };
}

macro_rules! declare_statuses { ($($name:ident = $value:expr,)*) => { $(pub const $name: c_int = $value;)* }; }
macro_rules! declare_names { ($($name:ident = $text:expr,)*) => { $(pub const $name: &CStr = $text;)* }; }

with_statuses!(declare_statuses);
with_names!(declare_names);

#[cfg(test)]
mod tests {
    mod published {
        #![allow(unused_imports)]
        pub use openfx::sys::generic::core::*;
        pub use openfx::sys::image_effect_v1::colour::*;
        pub use openfx::sys::image_effect_v1::gpu_render::*;
        pub use openfx::sys::image_effect_v1::image_effect::*;
        pub use openfx::sys::image_effect_v1::param::*;
    }

    macro_rules! compare {
        ($($name:ident = $ours:expr,)*) => { $(assert_eq!(super::$name, published::$name, stringify!($name));)* };
    }

    #[test]
    fn status_codes_are_those_published() {
        with_statuses!(compare);
    }

    #[test]
    fn names_declared_by_hand_are_those_published() {
        with_names!(compare);
    }
}
