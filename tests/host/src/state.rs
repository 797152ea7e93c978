//! A host's state, and the call that a thread is in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use host_sys::raw;
use parking_lot::Mutex;

use crate::effect::Job;
use crate::host::Entry;
use crate::quirks::Quirks;
use crate::record::Record;
use crate::registry::{self, Object};
use crate::status::Status;

/// What all suite functions of one host share.
pub(crate) struct HostState {
    pub number: usize,
    pub quirks: Quirks,
    pub record: Mutex<Record>,
    /// The play head.
    pub time: Mutex<f64>,
    /// First and last time of the timeline.
    pub bounds: Mutex<(f64, f64)>,
    pub progress_updates: AtomicU32,
    pub abort_calls: AtomicU32,
    /// Suite tables that were handed out: they stay as long as the process, as a real host's do.
    pub tables: Mutex<HashMap<(String, i32), usize>>,
}

impl HostState {
    pub(crate) fn new(quirks: Quirks) -> Arc<Self> {
        let state = Arc::new(Self {
            number: registry::new_host(),
            quirks,
            record: Mutex::default(),
            time: Mutex::new(0.0),
            bounds: Mutex::new((0.0, 99.0)),
            progress_updates: AtomicU32::new(0),
            abort_calls: AtomicU32::new(0),
            tables: Mutex::default(),
        });
        registry::enter_host(state.number, state.clone());
        state
    }

    /// The plug-in broke a rule.
    pub(crate) fn violation(&self, what: String) {
        let during = current().map(|c| format!(" in {}", c.action.to_string_lossy())).unwrap_or_else(|| " outside any action".into());
        self.record.lock().violations.push(what + &during);
    }
}

/// The action a thread is in.
#[derive(Clone)]
pub(crate) struct Call {
    pub host: Arc<HostState>,
    pub action: CString,
    /// Every call of an action has its own number: images are released within the one that fetched them.
    pub serial: u64,
    pub job: Option<Arc<Job>>,
    /// The instance that the action is for, and the way into the plug-in.
    pub target: Option<(usize, Entry)>,
}

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

impl Call {
    pub(crate) fn new(host: &Arc<HostState>, action: CString, target: (usize, Entry), job: Option<Arc<Job>>) -> Self {
        Self { host: host.clone(), action, serial: SERIAL.fetch_add(1, Ordering::Relaxed), job, target: Some(target) }
    }

    /// Runs something as part of this call, on this thread.
    pub(crate) fn scope<T>(self, run: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                CALLS.with_borrow_mut(|calls| calls.pop());
            }
        }
        CALLS.with_borrow_mut(|calls| calls.push(self));
        let _leave = Leave;
        run()
    }
}

/// The innermost call this thread is in.
pub(crate) fn current() -> Option<Call> {
    CALLS.with_borrow(|calls| calls.last().cloned())
}

/// How deep this thread is in calls of the plug-in.
pub(crate) fn depth() -> usize {
    CALLS.with_borrow(Vec::len)
}

/// What a suite function answers before it is turned into a number.
pub(crate) type Answer<T = ()> = Result<T, Status>;

/// Opens a suite function that has no handle: counts it and lets it fail where the quirks say so.
pub(crate) fn enter(function: &'static str, host: Option<Arc<HostState>>) -> Answer<Arc<HostState>> {
    expire_strings();
    let host = host.or_else(|| current().map(|c| c.host)).ok_or(Status::BAD_HANDLE)?;
    *host.record.lock().calls.entry(function).or_default() += 1;
    if host.quirks.reenters.as_deref() == Some(function) {
        call_back();
    }
    match host.quirks.failing.get(function) {
        Some(status) => Err(*status),
        None => Ok(host),
    }
}

/// Opens a suite function that has a handle: counts it, lets it fail where the quirks say so, and looks the handle up.
pub(crate) fn open<T, H>(function: &'static str, handle: *const H, pick: impl FnOnce(Object) -> Option<T>) -> Answer<(Arc<HostState>, T)> {
    let id = registry::as_id(handle);
    let host = enter(function, registry::host_of(id))?;
    let wrong = match registry::get(id) {
        Some(object) => match pick(object) {
            Some(found) => return Ok((host, found)),
            None => "a handle of another kind",
        },
        None if id == 0 => "a null handle",
        None if registry::was_given_out(id) => "a handle after its life",
        None => "a handle that was never given out",
    };
    host.violation(format!("{function} was given {wrong}"));
    Err(Status::BAD_HANDLE)
}

/// Calls the plug-in back from within a suite function, as hosts do that draw or save while a plug-in asks them something: a few
/// actions on the same instance, on this stack, once.
fn call_back() {
    let Some((call, (instance, entry))) = current().and_then(|c| c.target.map(|t| (c, t))) else { return };
    if depth() > 1 {
        return;
    }
    for action in [
        raw::kOfxActionLoad,
        raw::kOfxImageEffectActionGetClipPreferences,
        raw::kOfxActionSyncPrivateData,
        raw::kOfxActionPurgeCaches,
        raw::kOfxActionInstanceChanged,
        raw::kOfxImageEffectActionRender,
        raw::kOfxActionCreateInstance,
        raw::kOfxActionUnload,
    ] {
        let target = if action == raw::kOfxActionLoad || action == raw::kOfxActionUnload { 0 } else { instance };
        entry.call(&call.host, action, target, (None, None), call.job.clone());
    }
}

/// An answer as the number that crosses the border.
pub(crate) fn number(answer: Answer) -> i32 {
    answer.err().unwrap_or(Status::OK).0
}

/// Strings lent to the plug-in on this thread.
#[derive(Default)]
struct Scratch {
    lent: Vec<Vec<u8>>,
    spoilt: Vec<Vec<u8>>,
}

/// Lends a string until the next suite call on this thread. After that its bytes read `#`, so that a plug-in which kept the
/// pointer sees nonsense at once rather than once a month at a customer's.
pub(crate) fn lend(text: &std::ffi::CStr) -> *mut std::ffi::c_char {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut bytes = text.to_bytes_with_nul().to_vec();
        let pointer = bytes.as_mut_ptr().cast();
        scratch.lent.push(bytes);
        pointer
    })
}

fn expire_strings() {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.spoilt = std::mem::take(&mut scratch.lent);
        for bytes in &mut scratch.spoilt {
            let end = bytes.len() - 1;
            bytes[..end].fill(b'#');
        }
    });
}
