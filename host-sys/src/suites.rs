//! The host's suites: tables of functions, any of which may be missing.
//!
//! They are fetched at Load; the tables live as long as the host does. The message suite's second version is only asked for
//! when a persistent message is to be shown, because one host in the field aborts on the question (see [`crate::quirks`]).

use std::ffi::{CStr, c_int};
use std::sync::OnceLock;

use crate::host::HostInfo;
use crate::props::PropertySet;
use crate::quirks::What;
use crate::raw;
use crate::status::{Error, Result};

/// Which progress suite the host has; the second version is asked for first, because a host that ignores versions and answers
/// with the first can be called as if it were the second, but not the other way round.
#[derive(Clone, Copy)]
pub(crate) enum ProgressSuite {
    V1(&'static raw::OfxProgressSuiteV1),
    V2(&'static raw::OfxProgressSuiteV2),
}

/// The tables and what the host says of itself.
pub struct Suites {
    host: *const raw::OfxHost,
    pub(crate) property: &'static raw::OfxPropertySuiteV1,
    pub(crate) effect: &'static raw::OfxImageEffectSuiteV1,
    pub(crate) param: Option<&'static raw::OfxParameterSuiteV1>,
    pub(crate) message: Option<&'static raw::OfxMessageSuiteV1>,
    pub(crate) progress: Option<ProgressSuite>,
    pub(crate) timeline: Option<&'static raw::OfxTimeLineSuiteV1>,
    message_v2: OnceLock<Option<&'static raw::OfxMessageSuiteV2>>,
    pub(crate) info: HostInfo,
}

// SAFETY: the tables are constants of the host that it lets plug-ins call from any of its threads (ofxCore.h, "fetchSuite");
// the host pointer is only used to fetch one more of them.
unsafe impl Send for Suites {}
// SAFETY: as above.
unsafe impl Sync for Suites {}

impl Suites {
    /// Fetches what the host has. Properties and image effects must be there; everything else may be missing.
    ///
    /// # Safety
    /// `host` must be null or the structure that the host handed to `setHost`, which lives until it unloads the library.
    pub(crate) unsafe fn fetch(host: *const raw::OfxHost) -> Result<Self> {
        // SAFETY: as this function's own promise says.
        let property = unsafe { table::<raw::OfxPropertySuiteV1>(host, raw::kOfxPropertySuite, 1) }.ok_or(Error::NoSuite("property"))?;
        // SAFETY: as above; each table is asked for by the name and version of its type.
        unsafe {
            let effect = table(host, raw::kOfxImageEffectSuite, 1).ok_or(Error::NoSuite("image effect"))?;
            let progress = table(host, raw::kOfxProgressSuite, 2)
                .map(ProgressSuite::V2)
                .or_else(|| table(host, raw::kOfxProgressSuite, 1).map(ProgressSuite::V1));
            let mut suites = Self {
                host,
                property,
                effect,
                param: table(host, raw::kOfxParameterSuite, 1),
                message: table(host, raw::kOfxMessageSuite, 1),
                progress,
                timeline: table(host, raw::kOfxTimeLineSuite, 1),
                message_v2: OnceLock::new(),
                info: HostInfo::default(),
            };
            suites.info = HostInfo::read(&PropertySet::new(&suites, (*host).host));
            Ok(suites)
        }
    }

    /// The message suite's second version, for messages that stay.
    pub(crate) fn message_v2(&self) -> Option<&'static raw::OfxMessageSuiteV2> {
        if let Some(known) = self.message_v2.get() {
            return *known;
        }
        if self.info.has(What::AbortsOnMessageV2) {
            return None;
        }
        // Asked outside of the lock's own initialisation: a host may call us back on this stack.
        // SAFETY: the host pointer is the one `fetch` was promised.
        let found = unsafe { table(self.host, raw::kOfxMessageSuite, 2) };
        let _ = self.message_v2.set(found);
        found
    }

    /// What the host says of itself.
    pub const fn info(&self) -> &HostInfo {
        &self.info
    }
}

/// Asks the host for one table.
///
/// # Safety
/// `host` is null or a living `OfxHost`; `T` is the type that OpenFX gives to `name` at `version`.
unsafe fn table<T>(host: *const raw::OfxHost, name: &CStr, version: c_int) -> Option<&'static T> {
    if host.is_null() {
        return None;
    }
    // SAFETY: the host lives, as promised.
    let (handle, fetch) = unsafe { ((*host).host, (*host).fetchSuite?) };
    // SAFETY: called as ofxCore.h says; the answer is null or a table that lives as long as the host.
    let pointer = unsafe { fetch(handle, name.as_ptr(), version) }.cast::<T>();
    // A table that is not even aligned as a struct of pointers cannot be one.
    if pointer.is_null() || !pointer.is_aligned() {
        return None;
    }
    // SAFETY: not null, aligned, and of this type by the promise of name and version.
    Some(unsafe { &*pointer })
}

#[cfg(test)]
mod tests {
    use crate::fake;

    #[test]
    fn a_host_with_little_is_known_by_what_it_says() {
        let suites = fake::suites(c"org.example.host");
        assert_eq!((suites.info().name.as_str(), suites.info().api), ("org.example.host", [1, 4]));
        assert!(!suites.info().temporal_access && suites.info().contexts.is_empty());
        assert!(suites.param.is_none() && suites.progress.is_none() && suites.message_v2().is_none());
    }
}
