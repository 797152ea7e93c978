//! docs/parameters.md and docs/host-quirks.md: written from the tables, so that they cannot tell anything else.
//!
//! `PICKUP_WRITE_DOCS=1 cargo test --release -p pickup-ofx reference` writes them anew; without the variable the test fails
//! where they are stale.

use std::fmt::Write;
use std::path::PathBuf;

use host_sys::quirks;

use super::{Kind, Mode, Page, Param, Section, table};

/// A cell of a table: nothing in it may end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn kind(param: &Param) -> String {
    match param.kind {
        Kind::Choice(options, default) => {
            let options: Vec<String> =
                options().iter().enumerate().map(|(i, o)| if i == default { format!("**{o}**") } else { (*o).to_owned() }).collect();
            options.join(", ")
        }
        Kind::Integer(s) => {
            format!("whole number, **{}**, {} to {} (slider {} to {})", s.default, s.range.0, s.range.1, s.display.0, s.display.1)
        }
        Kind::Double(s) => format!("number, **{}**, {} to {} (slider {} to {})", s.default, s.range.0, s.range.1, s.display.0, s.display.1),
        Kind::Text(Mode::Line) => "text".to_owned(),
        Kind::Text(Mode::Lines) => "text of several lines".to_owned(),
        Kind::Text(Mode::File) => "file".to_owned(),
        Kind::Text(Mode::Folder) => "folder".to_owned(),
        Kind::Text(Mode::Label) => "shown only".to_owned(),
        Kind::Button => "button".to_owned(),
    }
}

fn parameters() -> String {
    let mut out = String::from(
        "# The effect's parameters\n\nWritten from the table in `plugin/src/params/table.rs`; do not edit. The default is in bold. The id is what scripts and saved\n\
         projects know; it never changes. ● marks those whose change makes the host render again: they choose what is shown. All others\n\
         say what the next *Generate* makes, and leave the take that is shown as it is.\n",
    );
    for page in Page::ALL {
        let _ = write!(out, "\n## {}\n", page.names().1);
        for section in Section::ALL.into_iter().filter(|s| s.page() == page) {
            if let Some((_, label, _)) = section.group().filter(|_| section == Section::Storyboard) {
                let _ = write!(out, "\n### {label}\n");
            }
            let _ = write!(out, "\n| Parameter | Id | Values | What it does |\n|---|---|---|---|\n");
            for p in table().iter().filter(|p| p.section == section) {
                let mark = if p.evaluates { " ●" } else { "" };
                let _ = writeln!(out, "| {}{mark} | `{}` | {} | {} |", p.label, p.id, cell(&kind(p)), cell(p.hint));
            }
        }
    }
    out
}

fn host_quirks() -> String {
    let mut out = String::from(
        "# What single hosts do otherwise\n\nWritten from the table in `host-sys/src/quirks.rs`, the one place where a host's name decides anything; do not edit.\n\n\
         | Host, as it names itself | Versions | What it does | How that is known | Looked at |\n|---|---|---|---|---|\n",
    );
    let version = |v: [i32; 3]| v.map(|n| n.to_string()).join(".");
    for q in quirks::TABLE {
        let from = if q.from == [0; 3] { "all".to_owned() } else { format!("from {}", version(q.from)) };
        let until = q.until.map_or_else(String::new, |v| format!(" until before {}", version(v)));
        let _ = writeln!(out, "| `{}` | {from}{until} | {} | {} | {} |", q.host, q.what.words(), cell(q.source), q.date);
    }
    out
}

#[test]
fn the_reference_in_docs_is_written_from_the_tables() {
    let docs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    for (name, text) in [("parameters.md", parameters()), ("host-quirks.md", host_quirks())] {
        let path = docs.join(name);
        if std::env::var_os("PICKUP_WRITE_DOCS").is_some() {
            let written = std::fs::write(&path, &text);
            assert!(written.is_ok(), "{}: {written:?}", path.display());
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/{name} is stale: PICKUP_WRITE_DOCS=1 cargo test --release -p pickup-ofx reference");
    }
}
