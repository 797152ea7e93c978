//! Whether the ltx engine has what it needs, and the command that gets it: asked of the program beside the effect, which knows
//! the library of weights.

use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::order;
use crate::process::{command, process, program};
use crate::values::Values;

/// How long the editor's change of a parameter may wait for the answer, which takes some hundredths of a second.
const PATIENCE: Duration = Duration::from_millis(400);

/// What an editor should know about the weights of the engine that is chosen; `None` where it needs none, or the answer is late.
pub fn word(values: &Values) -> Option<String> {
    let named = order::weights(values);
    if values.engine != 2 && (values.engine != 0 || named.is_empty()) {
        return None;
    }
    if named.contains(['/', '\\']) {
        let there = Path::new(&named).exists();
        return Some(if there { format!("LTX uses the weights in {named}.") } else { format!("Weights: {named} is not there.") });
    }
    let program = program().ok()?;
    let (answer, answered) = mpsc::sync_channel(1);
    let shown = program.display().to_string();
    let ask = move || {
        let list = command(&program).args(["weights", "list", "--json"]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let text = list.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
        let rows: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        // Nobody may wait for it any more.
        let _ = answer.send(rows);
    };
    if let Err(fault) = process().spawn("pickup weights", ask) {
        log::warn!("{fault}");
        return None;
    }
    let rows = answered.recv_timeout(PATIENCE).ok().filter(|rows| !rows.is_empty())?;
    Some(judge(&rows, &named, &shown))
}

fn judge(rows: &[Value], named: &str, program: &str) -> String {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let is_here = |row: &&Value| matches!(row["state"].as_str(), Some("installed" | "own"));
    let is_checkpoint = |row: &&Value| row["kind"] == "checkpoint" || row["state"] == "own";
    let get = |name: &str| format!("To get it, in a terminal: \"{program}\" weights get {name}");
    if !named.is_empty() {
        return match rows.iter().find(|row| row["name"] == named) {
            Some(row) if is_here(&row) => format!("LTX uses the weights {named}."),
            Some(_) => format!("The weights {named} are not on this machine. {}", get(named)),
            None => {
                let names: Vec<String> = rows.iter().filter(is_checkpoint).map(|r| text(r, "name")).collect();
                format!("There are no weights called {named}: use one of {}, or a folder.", names.join(", "))
            }
        };
    }
    let here: Vec<String> = rows.iter().filter(is_here).filter(is_checkpoint).map(|r| text(r, "name")).collect();
    match &here[..] {
        [one] => format!("LTX uses the weights {one}."),
        [] => {
            let first = rows.iter().find(is_checkpoint).map(|r| text(r, "name")).unwrap_or_default();
            format!("LTX needs weights, and none are on this machine. {}", get(&first))
        }
        several => format!("Several weights are on this machine: write one of {} into Weights.", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, state: &str, kind: &str) -> Value {
        json!({"name": name, "state": state, "kind": kind})
    }

    #[test]
    fn the_engine_says_what_is_missing_and_how_to_get_it() {
        let none = [row("look", "installed", "lora"), row("ltx-a", "missing", "checkpoint"), row("ltx-b", "partial", "checkpoint")];
        assert!(judge(&none, "", "/b/pickup").ends_with("\"/b/pickup\" weights get ltx-a"));
        assert!(judge(&none, "ltx-b", "/b/pickup").ends_with("weights get ltx-b"));
        assert!(judge(&none, "ltx-z", "/b/pickup").contains("ltx-a, ltx-b"));
        let one = [row("ltx-a", "installed", "checkpoint"), row("ltx-b", "missing", "checkpoint")];
        assert_eq!(judge(&one, "", "p"), "LTX uses the weights ltx-a.");
        assert_eq!(judge(&one, "ltx-a", "p"), "LTX uses the weights ltx-a.");
        let two = [row("ltx-a", "installed", "checkpoint"), row("mine", "own", "")];
        assert!(judge(&two, "", "p").contains("ltx-a, mine into Weights"));
    }
}
