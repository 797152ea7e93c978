//! Handles. A handle is a number that was never given out before and never will be again, not an address: whatever a plug-in
//! hands back is looked up, so that a handle used after its life, or of the wrong kind, is told from a good one.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::effect::{Clip, Effect, Image};
use crate::param::{Param, ParamSet};
use crate::props::PropSet;
use crate::state::HostState;
use crate::suites::memory::Block;
use crate::suites::threads::Lock;

/// What a handle can stand for.
#[derive(Clone)]
pub(crate) enum Object {
    Props(Arc<PropSet>),
    ParamSet(Arc<ParamSet>),
    Param(Arc<Param>),
    Effect(Arc<Effect>),
    Clip(Arc<Clip>),
    Image(Arc<Image>),
    Block(Arc<Block>),
    Lock(Arc<Lock>),
}

/// Room for a host's handles: the host's number stands above these bits.
const SERIAL_BITS: u32 = 40;
/// Handles are this far apart and even, so that a plug-in that reads low bits as flags finds none.
const STEP: usize = 16;

static NEXT: AtomicUsize = AtomicUsize::new(STEP);
static OBJECTS: LazyLock<RwLock<HashMap<usize, Object>>> = LazyLock::new(RwLock::default);
static HOSTS: LazyLock<RwLock<HashMap<usize, Arc<HostState>>>> = LazyLock::new(RwLock::default);
static HOST_COUNT: AtomicUsize = AtomicUsize::new(1);

/// A number for a new host.
pub(crate) fn new_host() -> usize {
    HOST_COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A handle that does not stand for anything yet.
pub(crate) fn reserve(host: usize) -> usize {
    (host << SERIAL_BITS) | NEXT.fetch_add(STEP, Ordering::Relaxed)
}

pub(crate) fn insert(id: usize, object: Object) {
    OBJECTS.write().insert(id, object);
}

pub(crate) fn remove(id: usize) -> Option<Object> {
    OBJECTS.write().remove(&id)
}

pub(crate) fn get(id: usize) -> Option<Object> {
    OBJECTS.read().get(&id).cloned()
}

/// Whether this number was a handle once.
pub(crate) fn was_given_out(id: usize) -> bool {
    let serial = id & ((1 << SERIAL_BITS) - 1);
    id >> SERIAL_BITS != 0 && serial >= STEP && serial < NEXT.load(Ordering::Relaxed) && serial.is_multiple_of(STEP)
}

pub(crate) fn enter_host(number: usize, host: Arc<HostState>) {
    HOSTS.write().insert(number, host);
}

/// Forgets a host and every handle it gave out.
pub(crate) fn leave_host(number: usize) {
    HOSTS.write().remove(&number);
    let gone: Vec<Object> = {
        let mut objects = OBJECTS.write();
        let ids: Vec<usize> = objects.keys().copied().filter(|id| id >> SERIAL_BITS == number).collect();
        ids.iter().filter_map(|id| objects.remove(id)).collect()
    };
    // Dropped outside the lock: an object may own others.
    drop(gone);
}

/// The host that gave a handle out.
pub(crate) fn host_of(id: usize) -> Option<Arc<HostState>> {
    HOSTS.read().get(&(id >> SERIAL_BITS)).cloned()
}

/// All images that are out, of one host.
pub(crate) fn images_of(host: usize) -> Vec<Arc<Image>> {
    OBJECTS
        .read()
        .iter()
        .filter(|(id, _)| **id >> SERIAL_BITS == host)
        .filter_map(|(_, o)| if let Object::Image(image) = o { Some(image.clone()) } else { None })
        .collect()
}

/// The handle of a number, in whatever pointer type a suite wants.
pub(crate) fn as_handle<T>(id: usize) -> *mut T {
    id as *mut T
}

/// The number of a handle.
pub(crate) fn as_id<T>(handle: *const T) -> usize {
    handle.cast::<c_void>() as usize
}
