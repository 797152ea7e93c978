//! How a host can be bad, and the hosts of the field as presets. What each host does is told in docs/hosts.md and its sources.

use std::collections::{BTreeMap, BTreeSet};

use crate::props::Values;
use crate::status::Status;

/// What `clipGetImage` does wrong with source images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ImageFault {
    /// Nothing.
    #[default]
    None,
    /// Answers with this status and no image.
    Fails(Status),
    /// Answers OK with a null handle.
    NullHandle,
    /// Answers OK with a handle that was never given out.
    WildHandle,
    /// The image has a null data pointer.
    NullData,
    /// The image says these row bytes.
    RowBytes(i32),
    /// The image says these bounds: x1, y1, x2, y2.
    Bounds([i32; 4]),
    /// The image says this depth.
    Depth(&'static str),
    /// The image says these components.
    Components(&'static str),
    /// All pixels are NaN or infinite.
    NotNumbers,
    /// The image says all this of itself, and memory of that shape is there.
    Claims(Claim),
}

/// What an image says of itself; see [`ImageFault::Claims`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Its bounds: x1, y1, x2, y2.
    pub bounds: [i32; 4],
    /// Its row bytes.
    pub row_bytes: i32,
    /// Its depth.
    pub depth: &'static str,
    /// Its components.
    pub components: &'static str,
    /// Bytes that its pixels lie off an address which is a multiple of 64.
    pub offset: u8,
}

/// How a host differs from a complete and polite one. The default is complete and polite.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// What the host calls itself.
    pub name: &'static str,
    /// Version of the standard it offers; 1.5 has more properties and parameter types than 1.4.
    pub api: (i32, i32),
    /// Suites it does not have, by name.
    pub missing_suites: BTreeSet<String>,
    /// Newest version of a suite that it has, where it differs from the newest there is.
    pub suite_versions: BTreeMap<String, i32>,
    /// Answers a request for any version of a suite with its newest.
    pub ignores_versions: bool,
    /// Functions whose pointer is null: suite, function.
    pub null_functions: BTreeSet<(String, String)>,
    /// Functions that always answer so: name, status.
    pub failing: BTreeMap<String, Status>,
    /// Properties it does not have: kind of set, name.
    pub missing_properties: BTreeSet<(String, String)>,
    /// Properties it has in another type: kind of set, name.
    pub wrong_types: BTreeSet<(String, String)>,
    /// Properties that have other values than a polite host's: kind of set, name.
    pub altered: BTreeMap<(String, String), Values>,
    /// The suite function within which the host calls the plug-in back, on the same stack.
    pub reenters: Option<String>,
    /// What goes wrong with source images.
    pub image: ImageFault,
    /// What goes wrong with the output image.
    pub output: ImageFault,
    /// Whether it offers temporal clip access.
    pub temporal_access: bool,
    /// Any time fetched gives the picture of the time being rendered, and OK (MLT).
    pub frozen_time: bool,
    /// Numeric params without a range are clamped to ±1 (Resolve).
    pub clamps_unranged: bool,
    /// Defining a StrChoice answers OK, and CreateInstance then fails (Natron).
    pub str_choice: StrChoice,
    /// A set param inside InstanceChanged calls InstanceChanged again, on the same stack.
    pub reentrant: bool,
    /// Secret and enabled set in the descriptor cannot be changed later (Nuke).
    pub secret_is_permanent: bool,
    /// Rows come bottom up in memory, with negative row bytes.
    pub negative_rows: bool,
    /// Images carry no render scale and no field.
    pub bare_images: bool,
    /// Unconnected clips lack most properties.
    pub bare_clips: bool,
    /// The MultiThread suite runs everything on the calling thread.
    pub single_thread: bool,
    /// Progress answers ReplyNo from this update on.
    pub cancels_progress_after: Option<u32>,
    /// `abort` answers 1 from this call on.
    pub aborts_after: Option<u32>,
    /// What a question message is answered with.
    pub reply: Status,
    /// Whether it renders on a CUDA device.
    pub cuda: bool,
    /// Contexts this host knows.
    pub contexts: Vec<Context>,
    /// Properties that are offered, read and asked for in vain are written down, and source pictures are compared before and
    /// after. Off for timing, so that the plug-in's time is not the host's.
    pub watches: bool,
}

/// What a host makes of the StrChoice parameter type of OpenFX 1.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrChoice {
    /// Knows it, and says so.
    Supported,
    /// Does not know it: `paramDefine` answers so.
    Unknown,
    /// Does not know it, answers OK, and then cannot create the effect.
    Trap,
}

/// What an effect is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Makes pictures from nothing.
    Generator,
    /// One picture in, one out.
    Filter,
    /// From one clip to another.
    Transition,
    /// Anything.
    General,
    /// One clip, another time.
    Retimer,
    /// A brush.
    Paint,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Generator, Self::Filter, Self::Transition, Self::General, Self::Retimer, Self::Paint];

    /// The standard's name for it.
    pub const fn name(self) -> &'static std::ffi::CStr {
        use host_sys::raw;
        match self {
            Self::Generator => raw::kOfxImageEffectContextGenerator,
            Self::Filter => raw::kOfxImageEffectContextFilter,
            Self::Transition => raw::kOfxImageEffectContextTransition,
            Self::General => raw::kOfxImageEffectContextGeneral,
            Self::Retimer => raw::kOfxImageEffectContextRetimer,
            Self::Paint => raw::kOfxImageEffectContextPaint,
        }
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            name: "uk.example.testhost",
            api: (1, 5),
            missing_suites: BTreeSet::new(),
            suite_versions: BTreeMap::new(),
            ignores_versions: false,
            null_functions: BTreeSet::new(),
            failing: BTreeMap::new(),
            missing_properties: BTreeSet::new(),
            wrong_types: BTreeSet::new(),
            altered: BTreeMap::new(),
            reenters: None,
            image: ImageFault::None,
            output: ImageFault::None,
            temporal_access: true,
            frozen_time: false,
            clamps_unranged: false,
            str_choice: StrChoice::Supported,
            reentrant: true,
            secret_is_permanent: false,
            negative_rows: false,
            bare_images: false,
            bare_clips: false,
            single_thread: false,
            cancels_progress_after: None,
            aborts_after: None,
            reply: Status::OK,
            cuda: false,
            contexts: vec![Context::Generator, Context::Filter, Context::Transition, Context::General],
            watches: true,
        }
    }
}

impl Quirks {
    /// MLT (Kdenlive, Shotcut): Filter only, no temporal access, negative rows, no progress, no timeline.
    pub fn mlt() -> Self {
        Self {
            name: "mltframework.org",
            api: (1, 4),
            temporal_access: false,
            frozen_time: true,
            str_choice: StrChoice::Unknown,
            reentrant: false,
            negative_rows: true,
            contexts: vec![Context::Filter],
            failing: ["getTime", "gotoTime", "getTimeBounds"].map(|f| (f.to_owned(), Status::UNSUPPORTED)).into(),
            ..Self::default()
        }
    }

    /// Natron: General before all others, and a StrChoice breaks the node.
    pub fn natron() -> Self {
        Self {
            name: "fr.inria.Natron",
            api: (1, 4),
            str_choice: StrChoice::Trap,
            contexts: vec![Context::General, Context::Filter, Context::Paint, Context::Generator, Context::Transition],
            ..Self::default()
        }
    }

    /// Nuke: secret and enabled of the descriptor are for ever.
    pub fn nuke() -> Self {
        Self {
            name: "uk.co.thefoundry.nuke",
            api: (1, 4),
            str_choice: StrChoice::Unknown,
            secret_is_permanent: true,
            contexts: vec![Context::General, Context::Filter, Context::Generator, Context::Transition],
            ..Self::default()
        }
    }

    /// DaVinci Resolve: clamps params without a range, bare images, bare unconnected clips, MultiThread a dummy.
    pub fn resolve() -> Self {
        Self {
            name: "DaVinciResolve",
            api: (1, 4),
            str_choice: StrChoice::Unknown,
            clamps_unranged: true,
            bare_images: true,
            bare_clips: true,
            single_thread: true,
            contexts: vec![Context::Filter, Context::Transition, Context::General, Context::Generator],
            failing: [("paramCopy".to_owned(), Status::FAILED)].into(),
            ..Self::default()
        }
    }

    /// The openfx-runner test host, which calls itself openfx-driver: message suite 1 only, and aborts where asked for more; here it answers null.
    pub fn runner() -> Self {
        Self {
            name: "openfx-driver",
            api: (1, 4),
            str_choice: StrChoice::Unknown,
            suite_versions: [("OfxMessageSuite".to_owned(), 1), ("OfxProgressSuite".to_owned(), 1)].into(),
            ..Self::default()
        }
    }

    /// All presets, the polite host first.
    pub fn presets() -> Vec<Self> {
        vec![Self::default(), Self::mlt(), Self::natron(), Self::nuke(), Self::resolve(), Self::runner()]
    }

    /// This host without a suite.
    pub fn without_suite(mut self, suite: &str) -> Self {
        self.missing_suites.insert(suite.to_owned());
        self
    }

    /// This host with a null function pointer.
    pub fn with_null(mut self, suite: &str, function: &str) -> Self {
        self.null_functions.insert((suite.to_owned(), function.to_owned()));
        self
    }

    /// This host with a function that always answers so.
    pub fn with_failing(mut self, function: &str, status: Status) -> Self {
        self.failing.insert(function.to_owned(), status);
        self
    }

    /// This host without a property.
    pub fn without_property(mut self, kind: &str, name: &str) -> Self {
        self.missing_properties.insert((kind.to_owned(), name.to_owned()));
        self
    }

    /// This host with a property of another type.
    pub fn with_wrong_type(mut self, kind: &str, name: &str) -> Self {
        self.wrong_types.insert((kind.to_owned(), name.to_owned()));
        self
    }
}
