//! The one place that names concrete engines.

use std::path::PathBuf;

use shot::{Code, Engine, EngineChoice, Fault, Request, Task};

use crate::cli::{Device, Model};
use crate::program::Program;

/// The engine a request asks for; `auto` takes ltx where weights are named, else the draft. Weights named on the command line go
/// before those of the request.
pub fn choose(request: &Request, model: &Model) -> Result<Box<dyn Engine>, Fault> {
    let named = model.weights.clone().or_else(|| Some(request.weights.clone()).filter(|w| !w.is_empty()));
    let model = &Model { weights: named, ..model.clone() };
    match &request.engine {
        // In-betweening needs no model of the world: the draft is the better one at it, and a thousand times faster.
        EngineChoice::Auto if model.weights.is_some() && !matches!(request.task, Task::Retime { .. }) => Ok(Box::new(ltx(model)?)),
        EngineChoice::Auto | EngineChoice::Draft => Ok(Box::new(draft::Draft)),
        EngineChoice::Program(path) => Ok(Box::new(Program::start(path)?)),
        EngineChoice::Ltx if matches!(request.task, Task::Retime { .. }) => Err(Fault::new(
            Code::Unsupported,
            "the ltx engine does not retime: it makes new pictures, not in-betweens",
            "use --engine draft",
        )),
        EngineChoice::Ltx => Ok(Box::new(ltx(model)?)),
    }
}

fn ltx(model: &Model) -> Result<ltx::engine::Ltx, Fault> {
    if let Device::Cuda(_) = model.device {
        return Err(Fault::new(
            Code::Unsupported,
            "this build of Pickup does its arithmetic on the processor only",
            "use --device cpu or auto",
        ));
    }
    let options = ltx::engine::Options {
        weights: vec![weights(model)?],
        loras: model.lora.iter().map(|l| (l.path.clone(), l.strength)).collect(),
        memory: model.memory.map(|m| m.0),
        guess: Some(Box::new(draft::Draft)),
        compress: Some(Box::new(|pictures, crf| Ok(media::recompress(&media::Tools::find()?, pictures, crf)?))),
        ..ltx::engine::Options::default()
    };
    Ok(ltx::engine::Ltx::open(options)?)
}

/// Where the checkpoint lies: the one named, else the only one installed.
fn weights(model: &Model) -> Result<PathBuf, Fault> {
    if let Some(name) = &model.weights {
        return weights::resolve(name);
    }
    let library = weights::Library::open()?;
    let mut installed = Vec::new();
    for entry in library.table().entries().iter().filter(|e| e.kind == weights::Kind::Checkpoint) {
        if library.installed(entry).is_ok() {
            installed.push(entry.name.clone());
        }
    }
    match &installed[..] {
        [one] => library.resolve(one),
        [] => Err(Fault::new(
            Code::Missing,
            "the ltx engine needs a checkpoint, and none is installed",
            "see `pickup weights list`, get one with `pickup weights get NAME`, or give --weights FOLDER; --engine draft needs none",
        )),
        several => Err(Fault::new(
            Code::Argument,
            format!("several checkpoints are installed: {}", several.join(", ")),
            "say which with --weights NAME",
        )),
    }
}

/// The engines of this build, with a word on each.
pub fn installed() -> Vec<(&'static str, u32, &'static str)> {
    vec![
        ("draft", Engine::version(&draft::Draft), "embedded, no weights, CPU"),
        ("ltx", ltx::engine::VERSION, "the LTX-2 family; needs the user's own checkpoint (--weights)"),
    ]
}
