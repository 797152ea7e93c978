//! The host and the plug-ins it has loaded.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_sys::raw::{self, OfxHost, OfxPlugin, OfxPropertySetHandle, OfxStatus};
use libloading::Library;
use parking_lot::Mutex;

use crate::bundle::Bundle;
use crate::describe::Description;
use crate::effect::{Effect, Job, Setup};
use crate::instance::Instance;
use crate::props::PropSet;
use crate::quirks::{Context, Quirks, StrChoice};
use crate::record::Record;
use crate::registry::{self, as_handle};
use crate::schema;
use crate::state::{Call, HostState};
use crate::status::Status;
use crate::suites;

/// A host. Clones are the same host; its handles die with the last of them.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) state: Arc<HostState>,
    /// What the plug-in is given by `setHost`; it may keep the address as long as it is loaded.
    ofx: Fixed<OfxHost>,
}

/// A C struct that nobody changes once it is made.
struct Fixed<T: 'static>(&'static T);

// SAFETY: it is only read, and what its pointers lead to is made for all threads.
unsafe impl<T> Send for Fixed<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Fixed<T> {}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::leave_host(self.state.number);
    }
}

impl Host {
    /// A host that is as good or as bad as the quirks say.
    pub fn new(quirks: Quirks) -> Self {
        let state = HostState::new(quirks);
        let props = schema::host(&state).share();
        let ofx = Box::leak(Box::new(OfxHost { host: as_handle(props.id), fetchSuite: Some(suites::fetch) }));
        Self { inner: Arc::new(Inner { state, ofx: Fixed(ofx) }) }
    }

    /// Loads a bundle's library and introduces the host to its first plug-in. Panics when it is not an OpenFX bundle.
    pub fn load(&self, bundle: Bundle) -> Plugin {
        let path = bundle.binary();
        // SAFETY: the library under test; its initialisers are Rust's own.
        let library = unsafe { Library::new(&path) }.unwrap_or_else(|e| panic!("{} could not be loaded: {e}", path.display()));
        // SAFETY: the names and types are those of ofxCore.h.
        let (count, raw) = unsafe {
            let count = library.get::<unsafe extern "C" fn() -> c_int>(b"OfxGetNumberOfPlugins\0").expect("OfxGetNumberOfPlugins")();
            let get = library.get::<unsafe extern "C" fn(c_int) -> *const OfxPlugin>(b"OfxGetPlugin\0").expect("OfxGetPlugin");
            assert!(get(count).is_null() && get(-1).is_null(), "there is no plug-in {count} and none −1");
            (count, get(0))
        };
        assert!(count >= 1 && !raw.is_null(), "the bundle holds no plug-in");
        // SAFETY: a plug-in's struct lives as long as its library.
        let raw: &'static OfxPlugin = unsafe { &*raw };
        let entry = Entry(raw.mainEntry.expect("a plug-in has a main entry"));
        let set_host = raw.setHost.expect("a plug-in can be given a host");
        // SAFETY: the host's struct lives as long as the process.
        unsafe { set_host(std::ptr::from_ref(self.inner.ofx.0).cast_mut()) };
        let bundle_path = bundle.path_for_the_plugin();
        let loaded = AtomicBool::new(false);
        let inner =
            PluginInner { host: self.clone(), raw: Fixed(raw), entry, bundle_path, contexts: Mutex::default(), loaded, bundle, library };
        Plugin { inner: Arc::new(inner) }
    }

    /// A copy of the built bundle, loaded.
    pub fn open(&self) -> Plugin {
        self.load(Bundle::copied(|_| ()))
    }

    /// What the host saw so far.
    pub fn record(&self) -> Record {
        self.inner.state.record.lock().clone()
    }

    /// Forgets what it saw, rules that were broken excepted: for hours of frames.
    pub fn forget(&self) {
        let mut record = self.inner.state.record.lock();
        let violations = std::mem::take(&mut record.violations);
        *record = Record { violations, progress_open: record.progress_open, ..Record::default() };
    }

    /// Rules that the plug-in broke so far.
    pub fn violations(&self) -> Vec<String> {
        self.inner.state.record.lock().violations.clone()
    }

    /// Moves the play head.
    pub fn set_time(&self, time: f64) {
        *self.inner.state.time.lock() = time;
    }

    /// First and last time of the timeline.
    pub fn set_bounds(&self, first: f64, last: f64) {
        *self.inner.state.bounds.lock() = (first, last);
    }
}

/// A plug-in's main entry.
#[derive(Clone, Copy)]
pub(crate) struct Entry(
    pub(crate) unsafe extern "C" fn(*const c_char, *const c_void, OfxPropertySetHandle, OfxPropertySetHandle) -> OfxStatus,
);

impl Entry {
    /// Calls an action, and afterwards looks whether the plug-in kept to the rules.
    pub(crate) fn call(
        self,
        host: &Arc<HostState>,
        action: &CStr,
        handle: usize,
        args: (Option<&PropSet>, Option<&PropSet>),
        job: Option<Arc<Job>>,
    ) -> Status {
        let call = Call::new(host, action.to_owned(), (handle, self), job);
        let serial = call.serial;
        let id = |set: Option<&PropSet>| as_handle(set.map_or(0, |s| s.id));
        let status = call.scope(|| {
            // SAFETY: a main entry takes any action with any handles and answers a status.
            let answer = Status(unsafe { self.0(action.as_ptr(), as_handle::<c_void>(handle), id(args.0), id(args.1)) });
            for image in registry::images_of(host.number).iter().filter(|i| i.serial == serial) {
                host.violation(format!("an image of {:?} was not released", image.name));
                image.take_back();
            }
            if !answer.is_known() {
                host.violation(format!("the answer was {answer}"));
            }
            answer
        });
        host.record.lock().actions.push((action.to_string_lossy().into_owned(), status.0));
        status
    }

    /// Tells an instance that a param or clip changed.
    pub(crate) fn changed(self, effect: &Arc<Effect>, kind: &CStr, name: &CStr, reason: &CStr, time: f64) -> Status {
        let host = &effect.host;
        let bracket = PropSet::new(host, "in change bracket").text(raw::kOfxPropChangeReason, reason).share();
        let args = PropSet::new(host, "in InstanceChanged")
            .text(raw::kOfxPropType, kind)
            .text(raw::kOfxPropName, name)
            .text(raw::kOfxPropChangeReason, reason)
            .double(raw::kOfxPropTime, time)
            .doubles(raw::kOfxImageEffectPropRenderScale, &[1.0, 1.0])
            .share();
        self.call(host, raw::kOfxActionBeginInstanceChanged, effect.id, (Some(&bracket), None), None);
        let status = self.call(host, raw::kOfxActionInstanceChanged, effect.id, (Some(&args), None), None);
        self.call(host, raw::kOfxActionEndInstanceChanged, effect.id, (Some(&bracket), None), None);
        registry::remove(bracket.id);
        registry::remove(args.id);
        status
    }
}

/// A plug-in that was loaded. Clones are the same plug-in; with the last of them it is unloaded.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) inner: Arc<PluginInner>,
}

pub(crate) struct PluginInner {
    pub(crate) host: Host,
    raw: Fixed<OfxPlugin>,
    pub(crate) entry: Entry,
    bundle_path: CString,
    contexts: Mutex<BTreeMap<Context, Arc<Effect>>>,
    loaded: AtomicBool,
    bundle: Bundle,
    /// Last, so that it is closed after everything else.
    #[allow(dead_code)]
    library: Library,
}

impl Drop for PluginInner {
    fn drop(&mut self) {
        if self.loaded.swap(false, Ordering::Relaxed) {
            self.entry.call(&self.host.inner.state, raw::kOfxActionUnload, 0, (None, None), None);
        }
    }
}

impl Plugin {
    /// The host it is in.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// The bundle it came from.
    pub fn bundle(&self) -> &Bundle {
        &self.inner.bundle
    }

    /// Identifier, major and minor version, and the API it says it is for.
    pub fn identity(&self) -> (String, u32, u32, String, i32) {
        // SAFETY: strings that live as long as the library.
        let text = |p: *const c_char| unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned();
        let raw = self.inner.raw.0;
        (text(raw.pluginIdentifier), raw.pluginVersionMajor, raw.pluginVersionMinor, text(raw.pluginApi), raw.apiVersion)
    }

    /// Any action, known or not, with any handle.
    pub fn action(&self, action: &CStr, handle: usize) -> Status {
        self.inner.entry.call(&self.inner.host.inner.state, action, handle, (None, None), None)
    }

    /// The action without a name: a null pointer.
    pub fn nameless_action(&self) -> Status {
        let nothing = std::ptr::null_mut();
        // SAFETY: a hostile call: the plug-in must answer a status.
        Status(unsafe { (self.inner.entry.0)(std::ptr::null(), std::ptr::null(), nothing, nothing) })
    }

    /// The load action.
    pub fn start(&self) -> Status {
        let status = self.action(raw::kOfxActionLoad, 0);
        if status.is_good() {
            self.inner.loaded.store(true, Ordering::Relaxed);
        }
        status
    }

    /// The unload action.
    pub fn stop(&self) -> Status {
        self.inner.loaded.store(false, Ordering::Relaxed);
        self.action(raw::kOfxActionUnload, 0)
    }

    /// The describe action.
    pub fn describe(&self) -> Result<Description, Status> {
        let descriptor = Effect::descriptor(&self.inner.host.inner.state, None, &self.inner.bundle_path);
        let answer = self.action(raw::kOfxActionDescribe, descriptor.id).good();
        let description = answer.map(|_| Description::of(&descriptor));
        descriptor.retire();
        description
    }

    /// The describe-in-context action.
    pub fn describe_in_context(&self, context: Context) -> Result<Description, Status> {
        self.descriptor(context).map(|d| Description::of(&d))
    }

    /// Describes a context as a host does that reads plug-ins afresh: what was described before is forgotten.
    fn descriptor(&self, context: Context) -> Result<Arc<Effect>, Status> {
        let state = &self.inner.host.inner.state;
        let descriptor = Effect::descriptor(state, Some(context), &self.inner.bundle_path);
        let args = PropSet::new(state, "in DescribeInContext").text(raw::kOfxImageEffectPropContext, context.name()).share();
        let answer = self.inner.entry.call(state, raw::kOfxImageEffectActionDescribeInContext, descriptor.id, (Some(&args), None), None);
        registry::remove(args.id);
        if let Err(status) = answer.good() {
            descriptor.retire();
            return Err(status);
        }
        if let Some(old) = self.inner.contexts.lock().insert(context, descriptor.clone()) {
            old.retire();
        }
        Ok(descriptor)
    }

    /// The create-instance action, after describing the context where that was not done before.
    pub fn create(&self, context: Context, setup: &Setup) -> Result<Instance, Status> {
        let known = self.inner.contexts.lock().get(&context).cloned();
        let descriptor = known.map_or_else(|| self.descriptor(context), Ok)?;
        let state = &self.inner.host.inner.state;
        let traps = descriptor.params.params.lock().iter().any(|p| p.kind.as_c_str() == raw::kOfxParamTypeStrChoice);
        if traps && state.quirks.str_choice == StrChoice::Trap {
            return Err(Status::FAILED);
        }
        Instance::create(self.clone(), &descriptor, setup)
    }

    /// Load, Describe and all contexts of this host: what a host does when it first meets a plug-in.
    pub fn meet(&self) -> Result<(), Status> {
        self.start().good()?;
        self.describe()?;
        for context in self.inner.host.inner.state.quirks.contexts.clone() {
            if self.describe_in_context(context).is_err() && context != Context::Paint && context != Context::Retimer {
                return Err(Status::FAILED);
            }
        }
        Ok(())
    }
}
