//! How weights tell what happens to them: a bar in bytes on a terminal, lines elsewhere, JSON events with `--json`.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use shot::Cancel;
use weights::fetch::{Doing, Event, Progress, Watch};
use weights::size;

use crate::cli::Tell;

/// The rate is that of the last seconds: what a network did ten minutes ago says nothing of now.
const WINDOW: Duration = Duration::from_secs(10);

/// Ten a second tell a person enough.
const OFTEN: Duration = Duration::from_millis(100);

/// Lines in a log: one a minute.
const SELDOM: Duration = Duration::from_secs(60);

enum Voice {
    Json,
    Quiet,
    Bar(ProgressBar),
    Lines,
}

/// The voice of one command.
pub struct Teller {
    voice: Voice,
    cancel: Cancel,
    told: Option<Instant>,
    doing: Option<(Doing, String)>,
    seen: VecDeque<(Instant, u64)>,
}

impl Teller {
    /// A voice as the options ask for, which also hears Ctrl-C.
    pub fn new(tell: Tell, cancel: &Cancel) -> Self {
        let voice = if tell.json {
            Voice::Json
        } else if tell.quiet {
            Voice::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template("{bar:28} {percent:>3} %  {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            Voice::Bar(bar)
        } else {
            Voice::Lines
        };
        Self { voice, cancel: cancel.clone(), told: None, doing: None, seen: VecDeque::new() }
    }

    /// An event for programs, and a line for people.
    pub fn say(&self, event: &Value, line: &str) {
        match &self.voice {
            Voice::Json => {
                let mut out = std::io::stdout().lock();
                // Whoever read us may have gone; the work goes on all the same.
                let _ = writeln!(out, "{event}").and_then(|()| out.flush());
            }
            Voice::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Voice::Lines => eprintln!("{line}"),
            Voice::Quiet => {}
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Voice::Bar(bar) = &self.voice {
            bar.finish_and_clear();
        }
    }

    fn progress(&mut self, p: &Progress<'_>) {
        let now = Instant::now();
        let doing = (p.doing, p.file.to_owned());
        let is_new = self.doing.as_ref() != Some(&doing);
        if is_new {
            self.doing = Some(doing);
            self.seen.clear();
        }
        self.seen.push_back((now, p.done));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(t, _)| now.duration_since(*t) > WINDOW) {
            self.seen.pop_front();
        }
        let is_last = p.of == Some(p.done);
        let pause = if matches!(self.voice, Voice::Lines) { SELDOM } else { OFTEN };
        if !is_new && !is_last && self.told.is_some_and(|t| now.duration_since(t) < pause) {
            return;
        }
        self.told = Some(now);
        let rate = self.rate();
        let eta = rate.filter(|r| *r > 0.0).map(|r| p.all_of.saturating_sub(p.all_done) as f64 / r);
        let stage = match p.doing {
            Doing::Fetching => "fetch",
            Doing::Checking => "check",
            Doing::Making => "make",
        };
        let event = json!({
            "event": "progress", "stage": stage, "file": p.file, "done": p.done, "of": p.of,
            "all_done": p.all_done, "all_of": p.all_of, "bytes_per_second": rate.map(f64::round), "eta": eta.map(f64::round),
        });
        if let Voice::Bar(bar) = &self.voice {
            bar.set_length(p.all_of.max(1));
            bar.set_position(p.all_done);
            bar.set_message(words(p, rate, eta));
        } else {
            self.say(&event, &words(p, rate, eta));
        }
    }

    /// Bytes a second over the last seconds.
    fn rate(&self) -> Option<f64> {
        let ((t0, b0), (t1, b1)) = (self.seen.front()?, self.seen.back()?);
        let seconds = t1.duration_since(*t0).as_secs_f64();
        (seconds > 0.2 && b1 >= b0).then(|| (b1 - b0) as f64 / seconds)
    }
}

fn words(p: &Progress<'_>, rate: Option<f64>, eta: Option<f64>) -> String {
    let verb = match p.doing {
        Doing::Fetching => "fetching",
        Doing::Checking => "checking",
        Doing::Making => "making",
    };
    let of = p.of.map_or(String::new(), |of| format!(" of {}", size::text(of)));
    let rate = rate.map_or(String::new(), |r| format!(", {}/s", size::text(r as u64)));
    let eta = eta.filter(|s| *s >= 1.0).map_or(String::new(), |s| format!(", {} left", duration(s)));
    format!("{verb} {}: {}{of}{rate}{eta}", p.file, size::text(p.done))
}

fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min", s.div_ceil(60)),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

impl Watch for Teller {
    fn told(&mut self, event: Event<'_>) {
        match event {
            Event::Progress(p) => self.progress(&p),
            Event::Plan { files, bytes, folder } => self.say(
                &json!({"event": "plan", "files": files, "bytes": bytes, "folder": folder}),
                &format!("{} in {files} {} to {}", size::text(bytes), if files == 1 { "file" } else { "files" }, folder.display()),
            ),
            Event::Note(text) => self.say(&json!({"event": "note", "text": text}), text),
            Event::Ready { file, how, size, sha256 } => self.say(
                &json!({"event": "file", "file": file, "how": how, "size": size, "sha256": sha256}),
                &format!(
                    "{file}: {}",
                    if how == "kept" {
                        "is here"
                    } else if how == "linked" {
                        "taken over from other weights on this machine"
                    } else {
                        "is here, checked"
                    }
                ),
            ),
        }
    }

    fn is_stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_progress_reads_well() {
        let p = Progress {
            doing: Doing::Fetching,
            file: "a.safetensors",
            done: 1_200_000_000,
            of: Some(42_000_000_000),
            all_done: 0,
            all_of: 0,
        };
        assert_eq!(words(&p, Some(25_000_000.0), Some(1632.0)), "fetching a.safetensors: 1.2 GB of 42.0 GB, 25.0 MB/s, 28 min left");
        assert_eq!(words(&Progress { doing: Doing::Checking, of: None, ..p }, None, None), "checking a.safetensors: 1.2 GB");
        assert_eq!((duration(59.6), duration(8000.0)), ("60 s".to_owned(), "2 h 13 min".to_owned()));
    }
}
