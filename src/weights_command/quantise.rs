//! `pickup weights quantise`: a folder of smaller weights from a folder of weights.
//!
//! Files that hold layers of a transformer or a language model become GGUF, shards one file; everything else, LoRAs included, is
//! taken over as it is. Which file is what is read from the names of its tensors, never from its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ltx::checkpoint::Mapped;
use ltx::checkpoint::quantise::{Kind, Report, quantise};
use serde_json::json;
use shot::{Cancel, Code, Fault};
use weights::fetch::{Doing, Event, Progress, Watch};
use weights::{Library, Making, size};

use super::grammar::{Quantise, SmallArg};
use super::voice::Teller;
use crate::cli::Tell;

/// Folders below the one given that are looked into.
const DEPTH: u32 = 6;

impl SmallArg {
    const fn kind(self) -> Kind {
        match self {
            Self::Q8 => Kind::Q8_0,
            Self::Q6 => Kind::Q6K,
            Self::Q4 => Kind::Q4K,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Q8 => "q8_0",
            Self::Q6 => "q6_k",
            Self::Q4 => "q4_k",
        }
    }
}

/// What the files of a folder become.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// New file by its path in the folder, with the files it is made from.
    smaller: BTreeMap<String, Vec<PathBuf>>,
    /// Files that stay as they are, by their path in the folder.
    same: Vec<(String, PathBuf)>,
}

/// Runs the command.
pub fn run(args: &Quantise, cancel: &Cancel) -> Result<(), Fault> {
    let library = Library::open()?;
    let source = library.resolve(&args.name)?;
    if !source.is_dir() {
        return Err(Fault::new(Code::Argument, format!("{} is not a folder", source.display()), "give the folder that holds the weights"));
    }
    let base = source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = args.new_name.clone().unwrap_or_else(|| format!("{base}-{}", args.to.word()));
    let plan = plan(&source, args.to.word())?;
    if plan.smaller.is_empty() {
        return Err(Fault::new(
            Code::Input,
            format!("{} holds no transformer or text encoder that could be made smaller", source.display()),
            "give the folder of a checkpoint in safetensors files; what is quantised already cannot be quantised again",
        ));
    }
    let mut teller = Teller::new(Tell { json: args.json, quiet: false }, cancel);
    let made = make(&library, &plan, args, (&source, &name), &mut teller, cancel);
    teller.end();
    let folder = made?;
    teller.say(&json!({"event": "output", "path": folder}), &format!("{name} is complete: {}", folder.display()));
    Ok(())
}

fn make(
    library: &Library,
    plan: &Plan,
    args: &Quantise,
    names: (&Path, &str),
    teller: &mut Teller,
    cancel: &Cancel,
) -> Result<PathBuf, Fault> {
    let (source, name) = names;
    let making = Making::begin(library, name)?;
    let mut files = Vec::new();
    for (to, from) in &plan.smaller {
        let report = smaller(&making, to, from, args.to.kind(), teller, cancel)?;
        let mut line =
            format!("{to}: {} instead of {}, relative error {:.4}", size::text(report.after), size::text(report.before), report.error);
        if report.shorter > 0 {
            line += &format!(
                "; {} of {} layers are q8_0, as their rows hold no whole blocks of {}",
                report.shorter,
                report.quantised,
                args.to.word()
            );
        }
        let worst = report.worst.as_ref().map(|(tensor, error)| json!({"tensor": tensor, "error": error}));
        teller.say(
            &json!({"event": "quantised", "file": to, "tensors": report.tensors, "quantised": report.quantised, "shorter": report.shorter, "before": report.before, "after": report.after, "error": report.error, "worst": worst}),
            &line,
        );
        files.push(to.clone());
    }
    for (to, from) in &plan.same {
        cancel.check()?;
        making.take_over(from, to)?;
        files.push(to.clone());
    }
    let from = format!("{} of {}", args.to.word(), args.name);
    making.finish(&files, &from, source, teller)
}

fn smaller(making: &Making, to: &str, from: &[PathBuf], kind: Kind, teller: &mut Teller, cancel: &Cancel) -> Result<Report, Fault> {
    let report = quantise(from, &making.file(to)?, kind, &mut |done, of| {
        teller.told(Event::Progress(Progress { doing: Doing::Making, file: to, done, of: Some(of), all_done: done, all_of: of }));
        if cancel.is_cancelled() { Err(ltx::Error::Cancelled) } else { Ok(()) }
    })?;
    Ok(report)
}

/// What becomes of each file below a folder.
fn plan(source: &Path, word: &str) -> Result<Plan, Fault> {
    let mut all = Vec::new();
    walk(source, "", DEPTH, &mut all)?;
    let mut plan = Plan::default();
    for (to, path) in &all {
        if to.ends_with(".safetensors") && has_layers(path)? {
            plan.smaller.entry(format!("{}-{word}.gguf", whole_name(to))).or_default().push(path.clone());
        } else {
            plan.same.push((to.clone(), path.clone()));
        }
    }
    // The index of shards that are one file now would lead nowhere.
    let is_stale =
        |to: &str| to.strip_suffix(".safetensors.index.json").is_some_and(|stem| plan.smaller.contains_key(&format!("{stem}-{word}.gguf")));
    let (stale, same) = std::mem::take(&mut plan.same).into_iter().partition::<Vec<_>, _>(|(to, _)| is_stale(to));
    log::debug!("left out: {stale:?}");
    plan.same = same;
    Ok(plan)
}

/// `model-00002-of-00005.safetensors` is a shard of `model`; any other file is whole.
fn whole_name(to: &str) -> &str {
    let stem = to.strip_suffix(".safetensors").unwrap_or(to);
    let is_number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    match stem.rsplit_once("-of-").and_then(|(rest, of)| Some((rest.rsplit_once('-')?, of))) {
        Some(((whole, number), of)) if is_number(number) && is_number(of) => whole,
        _ => stem,
    }
}

/// Whether a file holds matrices of blocks, and is no LoRA: its matrices are small, and made to be added to others.
fn has_layers(path: &Path) -> Result<bool, Fault> {
    let file = Mapped::open(path)?;
    let names = || file.entries().keys();
    let is_layer = |n: &String| {
        ["transformer_blocks.", "transformer_1d_blocks.", "model.layers.", "language_model.layers."].iter().any(|b| n.contains(b))
    };
    Ok(names().any(is_layer) && !names().any(|n| n.contains(".lora_") || n.contains("lora_down")))
}

fn walk(folder: &Path, prefix: &str, depth: u32, all: &mut Vec<(String, PathBuf)>) -> Result<(), Fault> {
    let fault =
        |e: std::io::Error| Fault::new(Code::Input, format!("{} cannot be read: {e}", folder.display()), "look after its permissions");
    let mut entries: Vec<_> = std::fs::read_dir(folder).map_err(fault)?.collect::<Result<_, _>>().map_err(fault)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, to) = (entry.path(), format!("{prefix}{name}"));
        let is_ours = name.starts_with('.') || name == "pickup-weights.json" || name.ends_with(".part") || name.ends_with(".part.json");
        if path.is_dir() && depth > 0 && !name.starts_with('.') {
            walk(&path, &format!("{to}/"), depth - 1, all)?;
        } else if path.is_file() && !is_ours {
            all.push((to, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_parts_of_one_file() {
        assert_eq!(whole_name("text_encoder/model-00002-of-00005.safetensors"), "text_encoder/model");
        assert_eq!(whole_name("ltx-2.3-22b-dev.safetensors"), "ltx-2.3-22b-dev");
        assert_eq!(whole_name("made-of-glass.safetensors"), "made-of-glass");
    }
}
