//! The log: to the file that PICKUP_LOG names, else warnings to stderr. Never to stdout, which is the host's.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

struct Sink {
    file: Option<Mutex<File>>,
}

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.file.is_some() || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("pickup: {}: {}\n", record.level().as_str().to_lowercase(), record.args());
        // A log that cannot be written must not stop anything, and eprintln! would panic.
        let _ = match &self.file {
            Some(file) => file.lock().write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }

    fn flush(&self) {}
}

/// Begins to log, once in a process.
pub(crate) fn start() {
    static SINK: OnceLock<Sink> = OnceLock::new();
    let sink = SINK.get_or_init(|| {
        let name = std::env::var_os("PICKUP_LOG").filter(|n| !n.is_empty());
        let file = name.and_then(|n| OpenOptions::new().create(true).append(true).open(n).ok());
        Sink { file: file.map(Mutex::new) }
    });
    if log::set_logger(sink).is_ok() {
        log::set_max_level(if sink.file.is_some() { LevelFilter::Debug } else { LevelFilter::Warn });
    }
}
