//! The suites, one file each, and the function that hands their tables out.
//!
//! Safety, for every `unsafe extern "C"` function below: the plug-in calls it as the suite's header says, with addresses
//! of variables it owns and strings that end with a zero byte. Handles are never followed (see `registry`).

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use host_sys::raw::{self, OfxPropertySetHandle};

use crate::registry;
use crate::state::HostState;

pub(crate) mod effect;
pub(crate) mod interact;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod param;
pub(crate) mod progress;
pub(crate) mod property;
pub(crate) mod threads;
pub(crate) mod timeline;

/// A suite at one version: its functions by name in the order of the table.
struct Suite {
    name: &'static CStr,
    version: i32,
    functions: &'static [&'static str],
    /// The table's pointers.
    table: fn() -> Vec<usize>,
}

/// A table of function pointers as numbers.
macro_rules! numbers {
    ($table:expr, $type:ty) => {
        || {
            const COUNT: usize = size_of::<$type>() / size_of::<usize>();
            // SAFETY: a suite is a struct of nothing but (nullable) function pointers, each as large as an address.
            unsafe { std::mem::transmute::<$type, [usize; COUNT]>($table) }.to_vec()
        }
    };
}

static SUITES: [Suite; 11] = [
    Suite {
        name: raw::kOfxPropertySuite,
        version: 1,
        functions: &[
            "propSetPointer",
            "propSetString",
            "propSetDouble",
            "propSetInt",
            "propSetPointerN",
            "propSetStringN",
            "propSetDoubleN",
            "propSetIntN",
            "propGetPointer",
            "propGetString",
            "propGetDouble",
            "propGetInt",
            "propGetPointerN",
            "propGetStringN",
            "propGetDoubleN",
            "propGetIntN",
            "propReset",
            "propGetDimension",
        ],
        table: numbers!(property::table(), raw::OfxPropertySuiteV1),
    },
    Suite {
        name: raw::kOfxImageEffectSuite,
        version: 1,
        functions: &[
            "getPropertySet",
            "getParamSet",
            "clipDefine",
            "clipGetHandle",
            "clipGetPropertySet",
            "clipGetImage",
            "clipReleaseImage",
            "clipGetRegionOfDefinition",
            "abort",
            "imageMemoryAlloc",
            "imageMemoryFree",
            "imageMemoryLock",
            "imageMemoryUnlock",
        ],
        table: numbers!(effect::table(), raw::OfxImageEffectSuiteV1),
    },
    Suite {
        name: raw::kOfxParameterSuite,
        version: 1,
        functions: &[
            "paramDefine",
            "paramGetHandle",
            "paramSetGetPropertySet",
            "paramGetPropertySet",
            "paramGetValue",
            "paramGetValueAtTime",
            "paramGetDerivative",
            "paramGetIntegral",
            "paramSetValue",
            "paramSetValueAtTime",
            "paramGetNumKeys",
            "paramGetKeyTime",
            "paramGetKeyIndex",
            "paramDeleteKey",
            "paramDeleteAllKeys",
            "paramCopy",
            "paramEditBegin",
            "paramEditEnd",
        ],
        table: numbers!(param::table(), raw::OfxParameterSuiteV1),
    },
    Suite {
        name: raw::kOfxMemorySuite,
        version: 1,
        functions: &["memoryAlloc", "memoryFree"],
        table: numbers!(memory::table(), raw::OfxMemorySuiteV1),
    },
    Suite {
        name: raw::kOfxMultiThreadSuite,
        version: 1,
        functions: &[
            "multiThread",
            "multiThreadNumCPUs",
            "multiThreadIndex",
            "multiThreadIsSpawnedThread",
            "mutexCreate",
            "mutexDestroy",
            "mutexLock",
            "mutexUnLock",
            "mutexTryLock",
        ],
        table: numbers!(threads::table(), raw::OfxMultiThreadSuiteV1),
    },
    Suite {
        name: raw::kOfxMessageSuite,
        version: 1,
        functions: &["message"],
        table: numbers!(message::table_v1(), raw::OfxMessageSuiteV1),
    },
    Suite {
        name: raw::kOfxMessageSuite,
        version: 2,
        functions: &["message", "setPersistentMessage", "clearPersistentMessage"],
        table: numbers!(message::table_v2(), raw::OfxMessageSuiteV2),
    },
    Suite {
        name: raw::kOfxProgressSuite,
        version: 1,
        functions: &["progressStart", "progressUpdate", "progressEnd"],
        table: numbers!(progress::table_v1(), raw::OfxProgressSuiteV1),
    },
    Suite {
        name: raw::kOfxProgressSuite,
        version: 2,
        functions: &["progressStart", "progressUpdate", "progressEnd"],
        table: numbers!(progress::table_v2(), raw::OfxProgressSuiteV2),
    },
    Suite {
        name: raw::kOfxTimeLineSuite,
        version: 1,
        functions: &["getTime", "gotoTime", "getTimeBounds"],
        table: numbers!(timeline::table(), raw::OfxTimeLineSuiteV1),
    },
    Suite {
        name: raw::kOfxInteractSuite,
        version: 1,
        functions: &["interactSwapBuffers", "interactRedraw", "interactGetPropertySet"],
        table: numbers!(interact::table(), raw::OfxInteractSuiteV1),
    },
];

/// Every suite with its functions, for tests that take them away one by one.
pub fn all_functions() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> =
        SUITES.iter().flat_map(|s| s.functions.iter().map(|f| (s.name.to_str().expect("names of suites are ASCII"), *f))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Every suite's name.
pub fn all_suites() -> Vec<&'static str> {
    let mut all: Vec<_> = all_functions().iter().map(|(suite, _)| *suite).collect();
    all.dedup();
    all
}

/// The host's `fetchSuite`.
pub(crate) unsafe extern "C" fn fetch(host: OfxPropertySetHandle, name: *const c_char, version: c_int) -> *const c_void {
    let Some(state) = registry::host_of(registry::as_id(host)) else { return std::ptr::null() };
    if name.is_null() {
        state.violation("a suite without a name was asked for".into());
        return std::ptr::null();
    }
    // SAFETY: see the top of this file.
    let name = unsafe { CStr::from_ptr(name) };
    find(&state, name, version).map_or(std::ptr::null(), |table| table as *const c_void)
}

fn find(state: &Arc<HostState>, name: &CStr, version: i32) -> Option<usize> {
    let text = name.to_string_lossy().into_owned();
    state.record.lock().suites.insert((text.clone(), version));
    let quirks = &state.quirks;
    if quirks.missing_suites.contains(&text) {
        return None;
    }
    let newest = quirks.suite_versions.get(&text).copied().unwrap_or(i32::MAX);
    let mut offered = SUITES.iter().filter(|s| s.name == name && s.version <= newest);
    let suite = if quirks.ignores_versions { offered.next_back() } else { offered.find(|s| s.version == version) }?;
    let key = (text, suite.version);
    let mut tables = state.tables.lock();
    if let Some(table) = tables.get(&key) {
        return Some(*table);
    }
    let mut pointers = (suite.table)();
    for (pointer, function) in pointers.iter_mut().zip(suite.functions) {
        if quirks.null_functions.contains(&(key.0.clone(), (*function).to_owned())) {
            *pointer = 0;
        }
    }
    // A plug-in may keep a table as long as it is loaded, and some cannot be unloaded.
    let table = Box::leak(pointers.into_boxed_slice()).as_ptr() as usize;
    tables.insert(key, table);
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_name_for_each_function() {
        for suite in &SUITES {
            let table = (suite.table)();
            assert_eq!(table.len(), suite.functions.len(), "{:?} {}", suite.name, suite.version);
            assert!(table.iter().all(|p| *p != 0));
        }
    }
}
