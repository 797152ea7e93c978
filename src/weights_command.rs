//! `pickup weights`: which checkpoints there are, which are here, and the way between.

pub mod grammar;
mod quantise;
mod voice;

use std::io::{BufRead, IsTerminal, Write};

use serde_json::{Value, json};
use shot::{Cancel, Code, Fault};
use weights::{Condition, Entry, Hub, Library, Licence, State, size};

use crate::cli::Tell;
use grammar::{Get, List, PathOf, Remove, Verify, Weights, WeightsCommand};
use voice::Teller;

/// Runs the command.
pub fn run(args: &Weights, cancel: &Cancel) -> Result<(), Fault> {
    match &args.command {
        WeightsCommand::List(a) => list(a),
        WeightsCommand::Get(a) => get(a, cancel),
        WeightsCommand::Verify(a) => verify(a, cancel),
        WeightsCommand::Path(a) => path(a),
        WeightsCommand::Rm(a) => remove(a),
        WeightsCommand::Quantise(a) => quantise::run(a, cancel),
    }
}

fn list(args: &List) -> Result<(), Fault> {
    let library = Library::open()?;
    for name in &args.names {
        if !library.own_folders()?.contains(name) {
            library.entry(name)?;
        }
    }
    let is_asked = |name: &str| args.names.is_empty() || args.names.iter().any(|n| n == name);
    let mut rows = Vec::new();
    for entry in library.table().entries().iter().filter(|e| is_asked(&e.name)) {
        rows.push(row(&library, entry)?);
    }
    for name in library.own_folders()?.into_iter().filter(|n| is_asked(n)) {
        let bytes = library.bytes(&name)?;
        let folder = library.folder(&name)?;
        rows.push(json!({"name": name, "state": "own", "size": bytes, "have": bytes, "is_size_known": true, "folder": folder}));
    }
    if args.json {
        rows.iter().for_each(|r| println!("{r}"));
        return Ok(());
    }
    println!("{}", library.root().display());
    print_table(&rows);
    Ok(())
}

fn row(library: &Library, entry: &Entry) -> Result<Value, Fault> {
    let (size, is_size_known) = entry.size();
    let (state, have) = match library.state(entry)? {
        State::Installed => ("installed", library.bytes(&entry.name)?),
        State::Partial(have) => ("partial", have),
        State::Missing => ("missing", 0),
    };
    let licences: Vec<Value> =
        entry.licences.iter().map(|l| json!({"name": l.name, "title": l.title, "url": l.url, "means": l.means})).collect();
    Ok(json!({
        "name": entry.name, "state": state, "size": size, "is_size_known": is_size_known, "have": have, "generation": entry.generation,
        "kind": entry.kind, "title": entry.title, "licences": licences, "login": entry.login(), "folder": library.folder(&entry.name)?,
    }))
}

fn print_table(rows: &[Value]) {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|r| {
            let number = |key: &str| r[key].as_u64().unwrap_or(0);
            let size = match (number("size"), r["is_size_known"] == true) {
                (0, false) => "?".to_owned(),
                (size, false) => format!("> {}", size::text(size)),
                (size, true) => size::text(size),
            };
            let state = match r["state"].as_str() {
                Some("partial") => format!("partial, {}", size::text(number("have"))),
                state => state.unwrap_or_default().to_owned(),
            };
            let licences: Vec<String> = r["licences"].as_array().into_iter().flatten().map(|l| text(l, "name")).collect();
            let login = if r["login"] == true { "*" } else { "" };
            [text(r, "name"), state, size, text(r, "generation"), format!("{}{login}", licences.join(", ")), text(r, "title")]
        })
        .collect();
    let head = ["name", "here", "size", "model", "licence", ""].map(str::to_owned);
    let width = |i: usize| cells.iter().chain([&head]).map(|c| c[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for c in [&head].into_iter().chain(&cells) {
        let line = format!(
            "{:<w0$}  {:<w1$}  {:>w2$}  {:<w3$}  {:<w4$}  {}",
            c[0],
            c[1],
            c[2],
            c[3],
            c[4],
            c[5],
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
            w4 = widths[4]
        );
        println!("{}", line.trim_end());
    }
}

fn get(args: &Get, cancel: &Cancel) -> Result<(), Fault> {
    let library = Library::open()?;
    let entry = library.entry(&args.name)?;
    if let Some(stranger) = args.accept_licence.iter().find(|n| !entry.licences.iter().any(|l| l.name == **n)) {
        let names: Vec<&str> = entry.licences.iter().map(|l| l.name.as_str()).collect();
        return Err(Fault::new(
            Code::Argument,
            format!("{} does not stand under a licence called {stranger:?}", entry.name),
            format!("its licences are {}", names.join(" and ")),
        ));
    }
    let tell = Tell { json: args.json, quiet: args.quiet };
    let mut teller = Teller::new(tell, cancel);
    agree(&library, entry, args, &teller)?;
    // Ctrl-C while a question stood open.
    cancel.check()?;
    let hub = Hub::from_environment()?;
    let fetched = weights::fetch::get(&library, entry, &hub, &mut teller);
    teller.end();
    fetched?;
    let folder = library.installed(entry)?;
    teller.say(&json!({"event": "output", "path": folder}), &format!("{} is complete: {}", entry.name, folder.display()));
    Ok(())
}

/// Every licence is shown before it is accepted, and accepted by its name: on the command line, or typed on a terminal.
fn agree(library: &Library, entry: &Entry, args: &Get, teller: &Teller) -> Result<(), Fault> {
    let (accepted, open): (Vec<Licence>, Vec<Licence>) =
        library.unaccepted(entry)?.into_iter().partition(|l| args.accept_licence.contains(&l.name));
    for licence in accepted.iter().chain(&open) {
        let event = json!({"event": "licence", "name": licence.name, "title": licence.title, "url": licence.url, "means": licence.means, "accepted": accepted.contains(licence)});
        teller.say(
            &event,
            &format!("{} stands under {} ({})\n  {}\n  {}", entry.name, licence.title, licence.name, licence.means, licence.url),
        );
    }
    if open.is_empty() {
        return if accepted.is_empty() { Ok(()) } else { library.accept(entry, &accepted) };
    }
    let can_ask = !args.json && !args.quiet && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !can_ask || !open.iter().all(|l| ask(&format!("If you agree, type {}: ", l.name)).is_some_and(|said| said == l.name)) {
        let flags: Vec<String> = open.iter().chain(&accepted).map(|l| format!("--accept-licence {}", l.name)).collect();
        let read: Vec<&str> = open.iter().map(|l| l.url.as_str()).collect();
        return Err(Fault::new(
            Code::Argument,
            format!("{} is not fetched before you agree to its licence", entry.name),
            format!("read {}, then run `pickup weights get {} {}`", read.join(" and "), entry.name, flags.join(" ")),
        ));
    }
    library.accept(entry, &[accepted, open].concat())
}

/// What a person types on the terminal.
fn ask(question: &str) -> Option<String> {
    eprint!("{question}");
    std::io::stderr().flush().ok()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}

fn verify(args: &Verify, cancel: &Cancel) -> Result<(), Fault> {
    let library = Library::open()?;
    let mut teller = Teller::new(Tell { json: args.json, quiet: false }, cancel);
    let voice = Teller::new(Tell { json: args.json, quiet: false }, cancel);
    let results = weights::verify(&library, &args.name, &mut teller, &mut |checked| {
        let mut event = json!(checked);
        if let Some(map) = event.as_object_mut() {
            map.insert("event".to_owned(), json!("checked"));
        }
        voice.say(&event, &format!("{:<8} {}", word(&checked.condition), checked.file));
    });
    teller.end();
    let results = results?;
    let bad: Vec<_> = results.iter().filter(|c| !c.condition.is_fine()).collect();
    let Some(first) = bad.first() else {
        let files = results.len();
        let line = if files == 1 { format!("{} is whole", args.name) } else { format!("{}: all {files} files are whole", args.name) };
        voice.say(&json!({"event": "verified", "name": args.name, "files": files}), &line);
        return Ok(());
    };
    let more = if bad.len() > 1 { format!(", and {} more", bad.len() - 1) } else { String::new() };
    let what = match &first.condition {
        Condition::Missing => format!("{} is missing", first.path.display()),
        Condition::WrongSize { expected, got } => format!("{} has {got} bytes instead of {expected}", first.path.display()),
        Condition::Damaged { expected, got } => format!("{} is damaged: SHA-256 {got} instead of {expected}", first.path.display()),
        Condition::Whole | Condition::Unknown { .. } => String::new(),
    };
    let remedy = match library.table().find(&args.name) {
        Some(_) => format!("run `pickup weights get {}`: it fetches what is damaged or missing, and only that", args.name),
        None => "make or copy these weights again".to_owned(),
    };
    Err(Fault::new(Code::Input, format!("{what}{more}"), remedy))
}

fn word(condition: &Condition) -> &'static str {
    match condition {
        Condition::Whole => "whole",
        Condition::Unknown { .. } => "unknown",
        Condition::Missing => "MISSING",
        Condition::WrongSize { .. } | Condition::Damaged { .. } => "DAMAGED",
    }
}

fn path(args: &PathOf) -> Result<(), Fault> {
    let path = weights::resolve(&args.name)?;
    if args.json {
        println!("{}", json!({"name": args.name, "path": path}));
    } else {
        println!("{}", path.display());
    }
    Ok(())
}

fn remove(args: &Remove) -> Result<(), Fault> {
    let library = Library::open()?;
    let folder = library.folder(&args.name)?;
    if !args.yes && folder.is_dir() {
        let can_ask = !args.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        let question = format!("Remove {} with {}? Type yes: ", folder.display(), size::text(library.bytes(&args.name)?));
        if !can_ask || ask(&question).as_deref() != Some("yes") {
            return Err(Fault::new(
                Code::Argument,
                format!("{} was not removed", folder.display()),
                format!("run `pickup weights rm {} --yes` if you mean it", args.name),
            ));
        }
    }
    let bytes = library.remove(&args.name)?;
    if args.json {
        println!("{}", json!({"event": "removed", "name": args.name, "folder": folder, "bytes": bytes}));
    } else {
        eprintln!("removed {} ({})", folder.display(), size::text(bytes));
    }
    Ok(())
}
