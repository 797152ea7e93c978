//! The one place that names concrete engines.

use shot::{Code, Engine, EngineChoice, Fault, Request};

use crate::program::Program;

/// The engine a request asks for; `auto` takes the best one that is installed.
pub fn choose(request: &Request) -> Result<Box<dyn Engine>, Fault> {
    match &request.engine {
        EngineChoice::Auto | EngineChoice::Draft => Ok(Box::new(draft::Draft)),
        EngineChoice::Program(path) => Ok(Box::new(Program::start(path)?)),
        EngineChoice::Ltx => Err(Fault::new(
            Code::Unsupported,
            "this build of Pickup does not contain the ltx engine",
            "use --engine draft, or the path of a program that speaks the worker protocol",
        )),
    }
}

/// The engines of this build, with a word on each.
pub fn installed() -> Vec<(&'static str, u32, &'static str)> {
    vec![("draft", Engine::version(&draft::Draft), "embedded, no weights, CPU")]
}
