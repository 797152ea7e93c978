//! `--prompt auto`: words from what the neighbours are called, said before they are used.

use shot::Request;
use timeline::words::{Told, prompt};

use crate::job::Watch;
use crate::tell::Teller;

/// The word that asks for it.
pub const AUTO: &str = "auto";

/// Gives a request that asks for it a prompt from the names of its clips, and says so; never silently.
pub fn settle(request: &mut Request, teller: &mut Teller) {
    if request.prompt.trim() != AUTO {
        return;
    }
    let context = &request.context;
    let clips = [&context.tail.picture, &context.head.picture].into_iter().flatten().chain(&context.like);
    let paths = clips.map(|c| c.path.as_path()).chain(context.still.as_deref());
    let told: Vec<Told> = paths.filter_map(|p| p.file_stem()).map(|s| Told::default().name(&s.to_string_lossy())).collect();
    take(request, prompt(&told), teller);
}

/// Takes what the names say for the prompt, and says what.
pub fn take(request: &mut Request, found: Option<String>, teller: &mut Teller) {
    match &found {
        Some(words) => teller.note(&format!("prompt from the neighbours' names: \"{words}\" (--prompt says it better)")),
        None => teller.note("the neighbours' names say nothing that a prompt could use: give --prompt"),
    }
    request.prompt = found.unwrap_or_default();
}
