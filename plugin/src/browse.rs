//! The takes of one shot: which one comes next.

use std::time::{SystemTime, UNIX_EPOCH};

use shot::{Code, EngineChoice, Fault, Key, References, Request, TakeId};
use takes::Store;

use crate::process::stores;
use crate::values::Values;

/// A name for an instance that no other has: not part of any take, so the clock may be read.
pub fn fresh_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let here = std::ptr::from_ref(&now).addr();
    Key::of(format!("{now} {} {here}", std::process::id()).as_bytes()).to_string()[..16].to_owned()
}

/// A request without what differs between the takes of one shot.
fn family(request: &Request) -> Request {
    let context = References { colour: request.context.colour, stage: request.context.stage, ..References::default() };
    Request { seed: 0, engine: EngineChoice::Auto, context, ..request.clone() }
}

/// The store that has a take, and the take.
pub fn whose(values: &Values, id: &TakeId) -> Result<(Store, takes::Stored), Fault> {
    let stores = stores(values)?;
    for store in &stores {
        if let Some(found) = store.find(id)? {
            return Ok((store.clone(), found));
        }
    }
    let root = stores.first().map(|s| s.root().to_path_buf()).unwrap_or_default();
    Err(takes::Error::Absent { id: id.clone(), store: root }.into())
}

/// The take that comes `by` places after the one shown, in order of seed, around the end to the beginning.
pub fn beside(values: &Values, shown: &TakeId, by: i64) -> Result<TakeId, Fault> {
    let (store, here) = whose(values, shown)?;
    let (wanted, context) = (family(&here.take().request), here.take().provenance.context);
    let mut all: Vec<(u64, TakeId)> = store
        .list()?
        .into_iter()
        .filter_map(Result::ok)
        .filter(|s| s.take().provenance.context == context && family(&s.take().request) == wanted)
        .map(|s| (s.take().request.seed, s.id().clone()))
        .collect();
    all.sort();
    if all.len() < 2 {
        return Err(Fault::new(Code::Take, "this is the only take of the shot", "press New take to make another"));
    }
    let at = all.iter().position(|(_, id)| id == shown).unwrap_or(0) as i64;
    let next = (at + by).rem_euclid(all.len() as i64) as usize;
    Ok(all.swap_remove(next).1)
}

#[cfg(test)]
mod tests {
    use shot::{Rate, Size, Task};

    use super::*;

    #[test]
    fn takes_of_a_shot_differ_in_their_seed_alone() {
        let base = Request::new(Task::Bridge, 12, Rate::whole(24), Size::new(64, 36));
        assert_eq!(family(&base), family(&Request { seed: 7, ..base.clone() }));
        assert_ne!(family(&base), family(&Request { prompt: "rain".into(), ..base.clone() }));
    }

    #[test]
    fn names_are_not_given_twice() {
        assert_ne!(fresh_name(), fresh_name());
    }
}
