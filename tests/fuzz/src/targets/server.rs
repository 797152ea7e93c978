//! What a client writes to a worker's stdin.

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use shot::{Fault, Stage};
use worker::protocol::{Decoded, decode};
use worker::{Finished, FromWorker, Hello, Job, Made, Server};

use super::{Target, client};

/// See the module.
pub struct ServerSide;

/// How the words for a line begin that no client reads.
const WRONG: &str = "wrong:";

/// An output that can be read afterwards.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Target for ServerSide {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let job = client::job(std::path::Path::new("/nowhere"));
        let line = worker::protocol::encode(&worker::ToWorker::Job(Box::new(job))).unwrap_or_default();
        let hello = b"{\"type\":\"hello\",\"protocol\":1}\n".to_vec();
        let cancel = b"{\"type\":\"cancel\",\"job\":\"7\"}\n".to_vec();
        vec![[hello.clone(), line.clone(), cancel].concat(), [hello, line.clone(), line, b"{\"type\":\"bye\"}\n".to_vec()].concat()]
    }

    fn words(&self) -> &'static [&'static str] {
        client::WORDS
    }

    fn run(&mut self, input: &[u8]) -> String {
        let sink = Sink::default();
        let server = Server::new(Hello::new("fuzz", "1", &["insert"])).grace(Duration::from_secs(10)).on_hang(|| {
            // A panic on the guard's thread would end nothing.
            eprintln!("the server hangs: panicked at its guard");
        });
        let ended = server.serve(Cursor::new(input.to_vec()), sink.clone(), |job: Job, events, cancel| {
            events.progress(Stage::Picture, job.request.seed, u64::from(job.request.frames))?;
            events.note(job.request.prompt.clone());
            cancel.check()?;
            if job.request.prompt.is_empty() {
                return Err(Fault::internal("nothing was asked for"));
            }
            let count = job.request.frames;
            Ok(Finished::Made(Made {
                frames: "%06d.png".into(),
                first: 0,
                count,
                sound: None,
                card: false,
                notes: vec![],
                figures: vec![],
            }))
        });
        let written = sink.0.lock().clone();
        let mut said = vec![format!("{}", ended.is_ok())];
        for line in written.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            match decode::<FromWorker>(line) {
                Decoded::Message(message) => said.push(kind(&message)),
                other => said.push(format!("{WRONG} {other:?}")),
            }
        }
        assert!(!said.iter().any(|s| s.starts_with(WRONG)), "the server wrote what no client reads: {said:?}");
        said.dedup();
        said.truncate(12);
        said.join(" ")
    }
}

fn kind(message: &FromWorker) -> String {
    match message {
        FromWorker::Error { fault, job } => format!("error of {}: {}", job.is_some(), fault.what.chars().take(60).collect::<String>()),
        FromWorker::Hello(_) => "hello".into(),
        FromWorker::Queued { .. } => "queued".into(),
        FromWorker::Made { .. } => "made".into(),
        // How many of them fit through is a matter of time.
        FromWorker::Progress { .. } | FromWorker::Note { .. } => String::new(),
        FromWorker::Take { .. } => "take".into(),
        FromWorker::Log { .. } => "log".into(),
    }
}
