//! `pickup takes choose`, `pin` and `gc`: what people decide lies beside the takes, never in them, and gc heeds it.

use serde_json::json;
use shot::{Fault, TakeId};

use super::shots;
use crate::cli::{TakesChoose, TakesGc, TakesPin};
use crate::place;

/// Says that a project uses a take, or does not any more.
pub fn choose(args: &TakesChoose) -> Result<(), Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let take = store.get(&TakeId::parse(&args.id)?)?;
    let shot = args.shot.clone().unwrap_or_else(|| shots::name(take.take()));
    if !args.clear {
        store.choose(&args.project, &shot, take.id())?;
        eprintln!("{} uses take {} for {shot}", args.project, take.id());
        return Ok(());
    }
    // Another take may have been chosen since: that choice stands.
    if store.choices(&args.project)?.get(&shot) == Some(take.id()) {
        store.unchoose(&args.project, &shot)?;
    }
    eprintln!("{} does not use take {} for {shot}", args.project, take.id());
    Ok(())
}

/// Pins a take, or takes the pin off.
pub fn pin(args: &TakesPin) -> Result<(), Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let id = TakeId::parse(&args.id)?;
    if args.off {
        store.unpin(&id)?
    } else {
        store.pin(&id)?
    }
    eprintln!("take {id} is {}", if args.off { "not pinned" } else { "pinned" });
    Ok(())
}

/// Brings the store within a size.
pub fn gc(args: &TakesGc) -> Result<(), Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let done = store.gc(args.quota.0, args.pretend)?;
    if args.json {
        let removed: Vec<_> = done.removed.iter().map(|(id, bytes)| json!({"id": id, "bytes": bytes})).collect();
        println!(
            "{}",
            json!({"removed": removed, "contexts": done.contexts, "freed": done.freed, "left": done.left, "over": done.over, "pretend": args.pretend})
        );
        return Ok(());
    }
    let would = if args.pretend { "would go" } else { "went" };
    for (id, bytes) in &done.removed {
        println!("{id}  {} {would}", weights::size::text(*bytes));
    }
    println!(
        "{} takes and {} captured contexts {would}: {} freed, {} left",
        done.removed.len(),
        done.contexts,
        weights::size::text(done.freed),
        weights::size::text(done.left)
    );
    if done.over > 0 {
        println!(
            "still {} above the quota: all that is left is pinned, chosen, linked from a project or being made",
            weights::size::text(done.over)
        );
    }
    Ok(())
}
