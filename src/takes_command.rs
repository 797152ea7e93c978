//! `pickup takes`: look at the takes that were made, rank them, choose, and clear away.

mod decide;
mod measure;
mod picture;
mod rank;
mod sheet;
mod shots;

use shot::{Cancel, Code, Fault, Take, TakeId};

use crate::cli::{Takes, TakesCommand, TakesList, TakesShow};
use crate::place;
use crate::tell::Teller;

/// Runs the command.
pub fn run(args: &Takes, cancel: &Cancel) -> Result<(), Fault> {
    match &args.command {
        TakesCommand::Promote(promote) => crate::promote::run(promote, &mut Teller::new(promote.tell, "promote"), cancel),
        TakesCommand::List(list) => self::list(list),
        TakesCommand::Rank(rank) => rank::run(rank, cancel),
        TakesCommand::Sheet(sheet) => sheet::run(sheet, &mut Teller::new(sheet.tell, "sheet"), cancel),
        TakesCommand::Choose(choose) => decide::choose(choose),
        TakesCommand::Pin(pin) => decide::pin(pin),
        TakesCommand::Gc(gc) => decide::gc(gc),
        TakesCommand::Show(show) => self::show(show),
    }
}

fn list(args: &TakesList) -> Result<(), Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let takes = store.list()?;
    if takes.is_empty() && !args.json {
        eprintln!("no takes in {}", store.root().display());
    }
    for entry in takes {
        match entry {
            Ok(stored) => {
                let take = stored.take();
                if args.json {
                    println!(
                        "{}",
                        serde_json::json!({"id": take.id, "folder": stored.folder(), "task": take.request.task.word(), "frames": take.frames, "seed": take.request.seed, "prompt": take.request.prompt, "card": take.is_card, "sdr": take.is_sdr})
                    );
                } else {
                    println!("{}", line(take));
                }
            }
            Err(damaged) => {
                let fault = Fault::from(damaged);
                if args.json {
                    println!("{}", serde_json::json!({"damaged": fault.what, "remedy": fault.remedy}));
                } else {
                    eprintln!("damaged: {fault}");
                }
            }
        }
    }
    Ok(())
}

fn line(take: &Take) -> String {
    let r = &take.request;
    let card = if take.is_card { "  (card)" } else { "" };
    let prompt: String = r.prompt.chars().take(48).collect();
    format!(
        "{}  {:<9} {:>5} frames  {} at {} fps  {}  seed {}{card}  {prompt}",
        take.id,
        r.task.word(),
        r.frames,
        r.size,
        r.rate,
        r.timecode(),
        r.seed
    )
}

fn show(args: &TakesShow) -> Result<(), Fault> {
    let store = place::store(args.takes_dir.as_deref())?;
    let id = TakeId::parse(&args.id)?;
    let stored = store.find(&id)?.ok_or_else(|| {
        Fault::new(
            Code::Take,
            format!("there is no take {id} in {}", store.root().display()),
            "see `pickup takes list`, or give --takes-dir",
        )
    })?;
    if let Some(damage) = stored.verify().into_iter().next() {
        return Err(damage.into());
    }
    let take = stored.take();
    if args.json {
        println!("{}", serde_json::to_string_pretty(take).map_err(|e| Fault::internal(e.to_string()))?);
        return Ok(());
    }
    println!("{}", line(take));
    println!("folder    {}", stored.folder().display());
    println!("handles   {} before, {} after", take.handle_in, take.handle_out);
    println!("made by   {}, engine {} version {}", take.provenance.generator, take.provenance.engine, take.provenance.engine_version);
    println!("kind      {}", take.provenance.source_type_uri);
    for f in &take.figures {
        println!("{:<9} {:.2} {}", f.name, f.value, f.unit);
    }
    for note in &take.notes {
        println!("note      {note}");
    }
    println!("files     {} checked, all as they were made", take.provenance.files.len());
    Ok(())
}
