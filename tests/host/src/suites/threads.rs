//! The multi-thread suite.

use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::sync::Arc;

use host_sys::raw::{OfxMultiThreadSuiteV1, OfxMutexHandle, OfxStatus, OfxThreadFunctionV1};
use parking_lot::{Condvar, Mutex};

use crate::registry::{self, Object, as_handle};
use crate::state::{Answer, HostState, current, enter, number, open};
use crate::status::Status;

pub(crate) fn table() -> OfxMultiThreadSuiteV1 {
    OfxMultiThreadSuiteV1 {
        multiThread: Some(multi_thread),
        multiThreadNumCPUs: Some(num_cpus),
        multiThreadIndex: Some(index),
        multiThreadIsSpawnedThread: Some(is_spawned),
        mutexCreate: Some(create),
        mutexDestroy: Some(destroy),
        mutexLock: Some(lock),
        mutexUnLock: Some(unlock),
        mutexTryLock: Some(try_lock),
    }
}

/// Threads this host offers.
const THREADS: c_uint = 4;

thread_local! {
    static INDEX: Cell<Option<c_uint>> = const { Cell::new(None) };
}

unsafe extern "C" fn multi_thread(run: OfxThreadFunctionV1, count: c_uint, argument: *mut c_void) -> OfxStatus {
    number((|| {
        let host = enter("multiThread", None)?;
        let run = run.ok_or(Status::VALUE)?;
        if INDEX.get().is_some() {
            return Err(Status::EXISTS);
        }
        let count = if count == 0 { THREADS } else { count };
        let argument = argument as usize;
        let work = |i: c_uint| {
            INDEX.set(Some(i));
            // SAFETY: the plug-in's own function and argument, called as the suite says: each index once, before we return.
            unsafe { run(i, count, argument as *mut c_void) };
            INDEX.set(None);
        };
        if host.quirks.single_thread {
            (0..count).for_each(work);
            return Ok(());
        }
        let call = current();
        std::thread::scope(|scope| {
            for i in 0..count {
                let call = call.clone();
                scope.spawn(move || match call {
                    Some(call) => call.scope(|| work(i)),
                    None => work(i),
                });
            }
        });
        Ok(())
    })())
}

unsafe fn give<T>(host: &HostState, out: *mut T, value: T) -> Answer {
    if out.is_null() {
        host.violation("a function of the thread suite was given nowhere to write".into());
        return Err(Status::VALUE);
    }
    // SAFETY: see the top of `suites`.
    unsafe { out.write(value) };
    Ok(())
}

unsafe extern "C" fn num_cpus(out: *mut c_uint) -> OfxStatus {
    number((|| {
        let host = enter("multiThreadNumCPUs", None)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, out, if host.quirks.single_thread { 1 } else { THREADS }) }
    })())
}

unsafe extern "C" fn index(out: *mut c_uint) -> OfxStatus {
    number((|| {
        let host = enter("multiThreadIndex", None)?;
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, out, INDEX.get().unwrap_or(0)) }
    })())
}

unsafe extern "C" fn is_spawned() -> c_int {
    c_int::from(enter("multiThreadIsSpawnedThread", None).is_ok() && INDEX.get().is_some())
}

/// A mutex that counts, as the suite wants it.
pub(crate) struct Lock {
    count: Mutex<c_int>,
    freed: Condvar,
}

fn find(function: &'static str, handle: OfxMutexHandle) -> Answer<(Arc<HostState>, Arc<Lock>)> {
    open(function, handle, |o| if let Object::Lock(l) = o { Some(l) } else { None })
}

unsafe extern "C" fn create(out: *mut OfxMutexHandle, count: c_int) -> OfxStatus {
    number((|| {
        let host = enter("mutexCreate", None)?;
        let id = registry::reserve(host.number);
        registry::insert(id, Object::Lock(Arc::new(Lock { count: Mutex::new(count), freed: Condvar::new() })));
        // SAFETY: see the top of `suites`.
        unsafe { give(&host, out, as_handle(id)) }
    })())
}

unsafe extern "C" fn destroy(handle: OfxMutexHandle) -> OfxStatus {
    number(find("mutexDestroy", handle).map(|_| {
        registry::remove(registry::as_id(handle));
    }))
}

unsafe extern "C" fn lock(handle: OfxMutexHandle) -> OfxStatus {
    number(find("mutexLock", handle).map(|(_, lock)| {
        let mut count = lock.count.lock();
        while *count > 0 {
            lock.freed.wait(&mut count);
        }
        *count += 1;
    }))
}

unsafe extern "C" fn unlock(handle: OfxMutexHandle) -> OfxStatus {
    number((|| {
        let (host, lock) = find("mutexUnLock", handle)?;
        let mut count = lock.count.lock();
        if *count == 0 {
            host.violation("a mutex that nobody holds was unlocked".into());
            return Err(Status::FAILED);
        }
        *count -= 1;
        lock.freed.notify_one();
        Ok(())
    })())
}

unsafe extern "C" fn try_lock(handle: OfxMutexHandle) -> OfxStatus {
    number((|| {
        let (_, lock) = find("mutexTryLock", handle)?;
        let mut count = lock.count.lock();
        if *count > 0 {
            return Err(Status::FAILED);
        }
        *count += 1;
        Ok(())
    })())
}
