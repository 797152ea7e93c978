//! The parameters: one table ([`table`]), read by description, capture and documentation (docs/parameters.md).
//!
//! Ids, their order within choices, and kinds never change once shipped: projects hold them. Labels and hints may. The
//! snapshot test below prints the table, so that a change is seen in review.

pub mod id;
#[cfg(test)]
mod reference;
mod table;

use std::sync::LazyLock;

use host_sys::Context;

/// A page of the effect's controls, for hosts that show pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// What to make, and the button that makes it.
    Shot,
    /// How it looks.
    Look,
    /// How it sounds.
    Sound,
    /// Which take is shown.
    Takes,
    /// What is seldom needed.
    Advanced,
}

impl Page {
    /// All of them, as shown.
    pub const ALL: [Self; 5] = [Self::Shot, Self::Look, Self::Sound, Self::Takes, Self::Advanced];

    /// Its frozen id and its label.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Shot => ("pageShot", "Shot"),
            Self::Look => ("pageLook", "Look"),
            Self::Sound => ("pageSound", "Sound"),
            Self::Takes => ("pageTakes", "Takes"),
            Self::Advanced => ("pageAdvanced", "Advanced"),
        }
    }
}

/// A part of a page. Hosts without pages show each as a group that folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// On the page Shot, in no group: what everybody needs stays in sight.
    Shot,
    /// On the page Shot: what happens when.
    Storyboard,
    /// The page Look.
    Look,
    /// The page Sound.
    Sound,
    /// The page Takes.
    Takes,
    /// The page Advanced.
    Advanced,
}

impl Section {
    /// All of them, as shown.
    pub const ALL: [Self; 6] = [Self::Shot, Self::Storyboard, Self::Look, Self::Sound, Self::Takes, Self::Advanced];

    /// The page it is on.
    pub const fn page(self) -> Page {
        match self {
            Self::Shot | Self::Storyboard => Page::Shot,
            Self::Look => Page::Look,
            Self::Sound => Page::Sound,
            Self::Takes => Page::Takes,
            Self::Advanced => Page::Advanced,
        }
    }

    /// Its group's frozen id and label, and whether it is unfolded at first.
    pub const fn group(self) -> Option<(&'static str, &'static str, bool)> {
        match self {
            Self::Shot => None,
            Self::Storyboard => Some(("groupStoryboard", "Storyboard", false)),
            Self::Look => Some(("groupLook", "Look", true)),
            Self::Sound => Some(("groupSound", "Sound", false)),
            Self::Takes => Some(("groupTakes", "Takes", true)),
            Self::Advanced => Some(("groupAdvanced", "Advanced", false)),
        }
    }
}

/// How a text is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One line.
    Line,
    /// Several lines.
    Lines,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Shown only.
    Label,
}

/// A number's default, its range, and the range its slider shows.
#[derive(Clone, Copy, Debug)]
pub struct Span<T> {
    /// Default.
    pub default: T,
    /// Least and most.
    pub range: (T, T),
    /// Least and most on the slider.
    pub display: (T, T),
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of a list.
    Choice(fn() -> Vec<&'static str>, usize),
    /// A whole number.
    Integer(Span<i32>),
    /// A number.
    Double(Span<f64>),
    /// A text.
    Text(Mode),
    /// A button.
    Button,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Frozen id.
    pub id: &'static str,
    /// What an editor reads.
    pub label: &'static str,
    /// What an editor reads when the mouse rests on it.
    pub hint: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where it stands.
    pub section: Section,
    /// Whether a change can change the picture that is shown. Others must not throw away what the host has rendered.
    pub evaluates: bool,
}

/// The tasks, in the order of their choice.
pub const TASKS: [&str; 6] = ["Bridge", "Insert", "Establish", "Extend tail", "Extend head", "Retake"];

/// The task an effect begins with in a context.
pub const fn default_task(context: Context) -> usize {
    match context {
        Context::Filter => 5,
        Context::Generator => 2,
        _ => 0,
    }
}

/// Every parameter, in the order it is shown.
pub fn table() -> &'static [Param] {
    static TABLE: LazyLock<Vec<Param>> = LazyLock::new(table::build);
    &TABLE
}

/// A parameter of the table.
pub fn find(id: &str) -> Option<&'static Param> {
    table().iter().find(|p| p.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    /// The table as text, for the snapshot and for people.
    fn print() -> String {
        let mut out = String::new();
        for p in table() {
            let kind = match p.kind {
                Kind::Choice(options, default) => format!("choice {default} of {}", options().join(" | ")),
                Kind::Integer(s) => format!("integer {} in {:?} shows {:?}", s.default, s.range, s.display),
                Kind::Double(s) => format!("double {:?} in {:?} shows {:?}", s.default, s.range, s.display),
                Kind::Text(mode) => format!("text {mode:?}"),
                Kind::Button => "button".into(),
            };
            let _ = writeln!(out, "{:?} {} \"{}\"{}: {kind}", p.section, p.id, p.label, if p.evaluates { " *" } else { "" });
        }
        out
    }

    #[test]
    fn the_table_is_as_it_was_shipped() {
        insta::assert_snapshot!(print());
    }

    #[test]
    fn ids_are_unique_and_numbers_lie_in_their_ranges() {
        let table = table();
        let others = Page::ALL.map(|p| p.names().0).into_iter().chain(Section::ALL.iter().filter_map(|s| Some(s.group()?.0)));
        let ids: BTreeSet<&str> = table.iter().map(|p| p.id).chain(others).collect();
        assert_eq!(ids.len(), table.len() + Page::ALL.len() + Section::ALL.len() - 1);
        // MLT keeps a parameter under its id among the filter's own properties, which these are: it would overwrite the parameter.
        for taken in ["in", "out", "length", "id", "type", "resource", "service", "producer", "track", "disable"] {
            assert!(!ids.contains(taken), "{taken}");
        }
        for p in table {
            assert!(p.id.bytes().all(|b| b.is_ascii_alphanumeric()) && !p.hint.is_empty() && !p.label.is_empty(), "{}", p.id);
            match p.kind {
                Kind::Integer(Span { default, range, display }) => {
                    assert!(range.0 <= display.0 && display.0 <= default && default <= display.1 && display.1 <= range.1, "{}", p.id);
                }
                Kind::Double(Span { default, range, display }) => {
                    assert!(range.0 <= display.0 && display.0 <= default && default <= display.1 && display.1 <= range.1, "{}", p.id);
                }
                Kind::Choice(options, default) => assert!(default < options().len(), "{}", p.id),
                Kind::Text(_) | Kind::Button => {}
            }
        }
    }
}
