//! Which take an instance shows: the one its parameter names, else the one that was made for what it asked.

use std::sync::Arc;

use host_sys::Instance;
use shot::{Fault, Key, TakeId};
use takes::{Playback, Store};

use crate::instance::Data;
use crate::job::Job;
use crate::order;
use crate::process::{process, stores};
use crate::values::Values;

/// What was found.
pub enum Found {
    /// The take.
    Take(Arc<Playback>),
    /// It is being made.
    Job(Arc<Job>),
    /// It cannot be shown or could not be made.
    Fault(Fault),
    /// Nothing was asked for yet.
    Nothing,
}

/// Finds the take. Reads small files at most; never waits for work.
pub fn find(instance: &Instance<'_>, data: &Data, values: &Values) -> Found {
    let result = look(instance, data, values);
    result.unwrap_or_else(Found::Fault)
}

fn look(instance: &Instance<'_>, data: &Data, values: &Values) -> Result<Found, Fault> {
    let stores = stores(values)?;
    // A take that was chosen is shown whatever else is under way; without one, what is being made goes first.
    let chosen = values.take.trim();
    if !chosen.is_empty() {
        return played(&stores, &TakeId::parse(chosen)?);
    }
    let job = data.job();
    match job.as_ref().map(|job| job.outcome()) {
        Some(None) => return Ok(job.map_or(Found::Nothing, Found::Job)),
        Some(Some(Ok(id))) => return played(&stores, &id),
        _ => {}
    }
    let asked = key(&values.request);
    if let Some(job) = asked.as_ref().and_then(|key| process().find_job(key)) {
        match job.outcome() {
            None => return Ok(Found::Job(job)),
            Some(Ok(id)) => return played(&stores, &id),
            Some(Err(_)) => {}
        }
    }
    for key in asked.into_iter().chain([order::identity(instance, values)]) {
        for store in &stores {
            if let Some(id) = store.by_request(&key)? {
                return played(&stores, &id);
            }
        }
    }
    match job.and_then(|j| j.outcome()) {
        Some(Err(fault)) => Ok(Found::Fault(fault)),
        _ => Ok(Found::Nothing),
    }
}

/// A take that must be there, in one of the stores.
fn played(stores: &[Store], id: &TakeId) -> Result<Found, Fault> {
    for store in stores {
        if let Some(playback) = process().playback(store, id)? {
            return Ok(Found::Take(playback));
        }
    }
    let Some(first) = stores.first() else { return Ok(Found::Nothing) };
    Err(takes::Error::Absent { id: id.clone(), store: first.root().to_path_buf() }.into())
}

/// The key that a parameter holds.
pub fn key(text: &str) -> Option<Key> {
    serde_json::from_value(serde_json::Value::String(text.trim().to_owned())).ok()
}
