//! How far every colour space is from OpenColorIO: `spaces`, with rows as tests/ocio/ocio.py writes them on standard input; one JSON
//! line a space with the worst relative error of all rows from it and to it. It is what the bench's figures are made with.

use std::process::ExitCode;

use shot::ColourSpace;

#[path = "../tests/ocio/compare.rs"]
mod compare;

fn main() -> ExitCode {
    let Ok(table) = std::io::read_to_string(std::io::stdin()) else {
        eprintln!("standard input is no text");
        return ExitCode::FAILURE;
    };
    let Some(rows) = compare::rows(&table) else {
        eprintln!("a row is not from, to, three values in, three values out");
        return ExitCode::FAILURE;
    };
    for space in ColourSpace::ALL {
        let of: Vec<&compare::Row<'_>> = rows.iter().filter(|r| r.from == space.id() || r.to == space.id()).collect();
        if let Some(worst) = of.iter().max_by(|a, b| a.error.total_cmp(&b.error)) {
            println!("{{\"space\":\"{space}\",\"rows\":{},\"error\":{:e},\"worst\":\"{}\"}}", of.len(), worst.error, worst.text);
        }
    }
    ExitCode::SUCCESS
}
