//! Which take an instance shows: the one its parameter names, else the one that was made for what it asked.

use std::sync::Arc;

use host_sys::{Context, Instance};
use shot::{Fault, Key, TakeId};
use takes::{Playback, Store};

use crate::instance::Data;
use crate::job::Job;
use crate::order;
use crate::process::{process, takes_folder};
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
pub fn find(instance: &Instance<'_>, data: &Data, context: Context, values: &Values) -> Found {
    let result = look(instance, data, context, values);
    result.unwrap_or_else(Found::Fault)
}

fn look(instance: &Instance<'_>, data: &Data, context: Context, values: &Values) -> Result<Found, Fault> {
    let store = Store::existing(takes_folder(&values.takes_folder)?)?;
    // A take that was chosen is shown whatever else is under way; without one, what is being made goes first.
    let job = data.job();
    if let Some(job) = &job {
        match job.outcome() {
            None if values.take.trim().is_empty() => return Ok(Found::Job(Arc::clone(job))),
            Some(Ok(id)) if values.take.trim().is_empty() => return played(&store, &id),
            _ => {}
        }
    }
    if !values.take.trim().is_empty() {
        return played(&store, &TakeId::parse(&values.take)?);
    }
    if let Some(key) = key(&values.request) {
        if let Some(job) = process().find_job(&key) {
            match job.outcome() {
                None => return Ok(Found::Job(job)),
                Some(Ok(id)) => return played(&store, &id),
                Some(Err(_)) => {}
            }
        }
        if let Some(id) = store.by_request(&key)? {
            return played(&store, &id);
        }
    }
    if let Some(id) = store.by_request(&order::identity(instance, context, values))? {
        return played(&store, &id);
    }
    match job.and_then(|j| j.outcome()) {
        Some(Err(fault)) => Ok(Found::Fault(fault)),
        _ => Ok(Found::Nothing),
    }
}

/// A take that must be there.
fn played(store: &Store, id: &TakeId) -> Result<Found, Fault> {
    match process().playback(store, id)? {
        Some(playback) => Ok(Found::Take(playback)),
        None => Err(takes::Error::Absent { id: id.clone(), store: store.root().to_path_buf() }.into()),
    }
}

/// The key that a parameter holds.
pub fn key(text: &str) -> Option<Key> {
    serde_json::from_value(serde_json::Value::String(text.trim().to_owned())).ok()
}
