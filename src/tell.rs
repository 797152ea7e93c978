//! How a command tells what it does: a bar on a terminal, lines elsewhere, JSON events with `--json`, nothing with `--quiet`.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use shot::{Fault, Stage, TakeId};

use crate::cli::Tell;
use crate::job::Watch;

enum Voice {
    Json,
    Quiet,
    Bar(ProgressBar),
    Lines(Option<Stage>),
}

/// The voice of one command. It is used from one thread.
pub struct Teller {
    voice: Voice,
    what: String,
    stage_began: Option<(Stage, Instant)>,
    told: Instant,
}

impl Teller {
    /// A voice as the options ask for; `what` names the job, such as `bridge`.
    pub fn new(tell: Tell, what: impl Into<String>) -> Self {
        let voice = if tell.json {
            Voice::Json
        } else if tell.quiet {
            Voice::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(12));
            if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {bar:32} {percent:>3} %  {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            Voice::Bar(bar)
        } else {
            Voice::Lines(None)
        };
        let mut teller = Self { voice, what: what.into(), stage_began: None, told: Instant::now() };
        teller.event(&json!({"event": "queued", "what": teller.what}));
        teller
    }

    /// What is worked on now, for a command that does several things.
    pub fn rename(&mut self, what: impl Into<String>) {
        self.what = what.into();
        self.stage_began = None;
        if let Voice::Lines(stage) = &mut self.voice {
            *stage = None;
        }
    }

    fn event(&mut self, event: &Value) {
        if matches!(self.voice, Voice::Json) {
            let mut out = std::io::stdout().lock();
            // Whoever read us may have gone; the work goes on all the same.
            let _ = writeln!(out, "{event}").and_then(|()| out.flush());
        }
    }

    fn line(&self, text: &str) {
        match &self.voice {
            Voice::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Voice::Lines(_) => eprintln!("{text}"),
            Voice::Json | Voice::Quiet => {}
        }
    }

    /// A take stands in the store.
    pub fn take(&mut self, id: &TakeId, folder: &Path, found: bool) {
        self.event(&json!({"event": "take", "id": id, "folder": folder, "found": found}));
        if found {
            self.line(&format!("{}: this take was made before, {id}", self.what));
        }
    }

    /// A result stands where it was asked for.
    pub fn output(&mut self, path: &Path) {
        self.event(&json!({"event": "output", "path": path}));
        if let Voice::Bar(bar) = &self.voice {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        self.line(&format!("{}: {}", self.what, path.display()));
    }

    /// A sentence at the end.
    pub fn say(&mut self, text: &str) {
        self.line(&format!("{}: {text}", self.what));
    }

    /// Facts that only a program wants, as an event of its own.
    pub fn fact(&mut self, name: &str, mut value: Value) {
        if let Some(map) = value.as_object_mut() {
            map.insert("event".to_owned(), json!(name));
        }
        self.event(&value);
    }

    /// The end that failed.
    pub fn fault(tell: Tell, fault: &Fault) {
        if tell.json {
            println!("{}", json!({"event": "error", "code": fault.code, "what": fault.what, "remedy": fault.remedy}));
        }
        eprintln!("pickup: {}\n        {}", fault.what, fault.remedy);
    }
}

impl Watch for Teller {
    fn progress(&mut self, stage: Stage, done: u64, of: u64) {
        let began = match self.stage_began {
            Some((s, began)) if s == stage => began,
            _ => {
                self.stage_began = Some((stage, Instant::now()));
                self.told = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now);
                Instant::now()
            }
        };
        let of = of.max(1);
        let eta = (done > 0).then(|| began.elapsed().as_secs_f64() / done as f64 * of.saturating_sub(done) as f64);
        match &mut self.voice {
            Voice::Json => {
                // Ten a second tell a person enough; the last one of a stage is always told.
                if done < of && self.told.elapsed() < Duration::from_millis(100) {
                    return;
                }
                self.told = Instant::now();
                let event = json!({"event": "progress", "stage": stage, "done": done, "of": of, "eta": eta});
                self.event(&event);
            }
            Voice::Bar(bar) => {
                bar.set_length(of);
                bar.set_position(done);
                bar.set_prefix(self.what.clone());
                let left = eta.filter(|s| *s >= 1.0).map_or(String::new(), |s| format!(", {s:.0} s left"));
                bar.set_message(format!("{}{left}", stage.label()));
            }
            Voice::Lines(last) => {
                if *last != Some(stage) {
                    *last = Some(stage);
                    eprintln!("{}: {} …", self.what, stage.label());
                }
            }
            Voice::Quiet => {}
        }
    }

    fn note(&mut self, text: &str) {
        self.event(&json!({"event": "note", "text": text}));
        self.line(&format!("{}: {text}", self.what));
    }

    fn preview(&mut self, path: &Path) {
        self.event(&json!({"event": "preview", "path": path}));
    }
}
