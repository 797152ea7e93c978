//! Markers that speak to Pickup.
//!
//! A marker belongs to us when its name begins with `pickup:`, in any case of letters. A task may follow, and then the prompt:
//! `pickup: bridge`, `pickup: insert a wide of the harbour`, `pickup: a wide of the harbour` (task left to the cut),
//! `pickup: extend head`, or only `pickup:`. Where the name has no prompt, the marker's comment is one.
//!
//! A marker of more than one frame makes a hole of its range, whatever stands there. One of a single frame, which is how hosts
//! write markers without a range, speaks for the hole it stands in; pinned to a clip that is there, it asks for that clip
//! again; pinned to anything else it says nothing, and a remark tells so. Further ones in the same hole are the rows of a
//! storyboard: what the shot shows from their frame on.

use shot::Task;
use shot::request::{End, Keep};

/// What a marker asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    /// The marker's whole name.
    pub name: String,
    /// The task, when it names one.
    pub task: Option<Task>,
    /// The rest of the name, else the comment; empty when both are.
    pub prompt: String,
}

const PREFIX: &str = "pickup:";

/// Whether a marker's name is addressed to us.
pub(crate) fn is_ours(name: &str) -> bool {
    name.trim_start().get(..PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(PREFIX))
}

/// Reads a marker; `None` when it is not ours.
pub(crate) fn read(name: &str, comment: &str) -> Option<Wish> {
    let rest = name.trim_start().get(PREFIX.len()..).filter(|_| is_ours(name))?.trim();
    let (word, after) = split(rest);
    let (task, prompt) = match word.to_ascii_lowercase().as_str() {
        "bridge" => (Some(Task::Bridge), after),
        "insert" => (Some(Task::Insert), after),
        "establish" => (Some(Task::Establish), after),
        "retake" => (Some(Task::Retake { keep: Keep::Nothing }), after),
        "extend" => match split(after) {
            (end, after) if end.eq_ignore_ascii_case("head") => (Some(Task::Extend { at: End::Head }), after),
            (end, after) if end.eq_ignore_ascii_case("tail") => (Some(Task::Extend { at: End::Tail }), after),
            _ => (Some(Task::Extend { at: End::Tail }), after),
        },
        _ => (None, rest),
    };
    let prompt = if prompt.is_empty() { comment.trim() } else { prompt };
    Some(Wish { name: name.trim().to_owned(), task, prompt: prompt.to_owned() })
}

/// The first word, and the rest without the punctuation between them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start_matches(|c: char| c.is_whitespace() || ",:;-–—".contains(c)).trim_end())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markers_are_read_as_editors_write_them() {
        let wish = |name: &str| read(name, "from the comment").map(|w| (w.task, w.prompt));
        let some = |task: Option<Task>, prompt: &str| Some((task, prompt.to_owned()));
        assert_eq!(wish("pickup: bridge"), some(Some(Task::Bridge), "from the comment"));
        assert_eq!(wish("Pickup: Insert a wide of the harbour"), some(Some(Task::Insert), "a wide of the harbour"));
        assert_eq!(wish("pickup:insert – rain"), some(Some(Task::Insert), "rain"));
        assert_eq!(wish("pickup: a wide of the harbour"), some(None, "a wide of the harbour"));
        assert_eq!(wish("PICKUP: extend head, slower"), some(Some(Task::Extend { at: End::Head }), "slower"));
        assert_eq!(wish("pickup: bridges burn"), some(None, "bridges burn"));
        assert_eq!(wish("pickup:"), some(None, "from the comment"));
        assert_eq!(wish("please pickup: bridge"), None);
        assert_eq!(wish("pickup"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in ".{0,30}") {
            let _ = read(&name, "");
            let _ = read(&format!("pickup:{name}"), "");
        }
    }
}
