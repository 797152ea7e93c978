//! The server over pipes of this process.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shot::{Cancel, Code, Fault, Rate, Request, Size, Stage, Task};
use worker::protocol::{Decoded, decode, encode};
use worker::{Events, Finished, FromWorker, Hello, Job, JobId, Made, PROTOCOL, Server, ToWorker};

struct Wire {
    to: Option<PipeWriter>,
    from: BufReader<PipeReader>,
    server: JoinHandle<Result<(), Fault>>,
    hung: std::sync::mpsc::Receiver<()>,
}

/// An engine whose prompt says how it behaves.
fn engine(job: Job, events: &Events, cancel: &Cancel) -> Result<Finished, Fault> {
    events.progress(Stage::Context, 0, 1)?;
    match job.request.prompt.as_str() {
        "panic" => panic!("no tensor"),
        "hang" => std::thread::sleep(Duration::from_millis(1500)),
        "slow" => {
            for i in 0..2000 {
                events.progress(Stage::Picture, i, 2000)?;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        "fail" => return Err(Fault::new(Code::Engine, "out of memory", "make it smaller")),
        _ => events.note("it went well"),
    }
    assert!(!cancel.is_cancelled() || job.request.prompt == "hang");
    let frames = "%06d.png".into();
    Ok(Finished::Made(Made { frames, first: 0, count: job.request.frames, sound: None, card: false, notes: vec![], figures: vec![] }))
}

fn wire() -> Wire {
    let (input, to) = std::io::pipe().unwrap();
    let (from, output) = std::io::pipe().unwrap();
    let (hang, hung) = channel();
    let server = std::thread::spawn(move || {
        let server = Server::new(Hello::new("test", "1", &["insert"])).grace(Duration::from_millis(300));
        server
            .on_hang(move || {
                let _ = hang.send(());
            })
            .serve(input, output, engine)
    });
    Wire { to: Some(to), from: BufReader::new(from), server, hung }
}

fn job(id: &str, prompt: &str) -> ToWorker {
    let mut request = Request::new(Task::Insert, 4, Rate::whole(24), Size::new(8, 8));
    request.prompt = prompt.into();
    ToWorker::Job(Box::new(Job { id: JobId(id.into()), request, store: None, out: "/tmp/none".into() }))
}

impl Wire {
    fn say(&mut self, message: &ToWorker) {
        self.raw(&encode(message).unwrap());
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.to.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn hear(&mut self) -> FromWorker {
        let mut line = Vec::new();
        self.from.read_until(b'\n', &mut line).unwrap();
        match decode(&line) {
            Decoded::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    /// The next end of a job, as its name and its code.
    fn end_of(&mut self) -> (String, Option<Code>) {
        loop {
            match self.hear() {
                FromWorker::Made { job, .. } => return (job.0, None),
                FromWorker::Error { job: Some(job), fault } => return (job.0, Some(fault.code)),
                _ => {}
            }
        }
    }
}

#[test]
fn jobs_run_in_order_and_their_errors_stay_inside() {
    let mut w = wire();
    w.say(&ToWorker::Hello { protocol: PROTOCOL });
    assert!(matches!(w.hear(), FromWorker::Hello(h) if h.name == "test" && h.protocol == PROTOCOL));
    for (id, prompt) in [("a", "fail"), ("b", "panic"), ("c", "")] {
        w.say(&job(id, prompt));
    }
    assert_eq!(w.end_of(), ("a".into(), Some(Code::Engine)));
    assert_eq!(w.end_of(), ("b".into(), Some(Code::Internal)));
    assert_eq!(w.end_of(), ("c".into(), None));
    w.to = None;
    assert!(w.server.join().unwrap().is_ok());
}

#[test]
fn rubbish_is_answered_and_skipped() {
    let mut w = wire();
    w.raw(b"\xff\xfe\n\n[1]\n{\"type\":\"sing\"}\n{\"type\":\"job\",\"id\":\"x\",\"request\":{}}\n");
    assert!(matches!(w.hear(), FromWorker::Error { job: None, .. }));
    assert!(matches!(w.hear(), FromWorker::Error { job: None, .. }));
    assert!(matches!(w.hear(), FromWorker::Log { .. }));
    assert!(matches!(w.hear(), FromWorker::Error { job: Some(id), fault } if id.0 == "x" && fault.code == Code::Argument));
    let ToWorker::Job(mut relative) = job("r", "") else { unreachable!() };
    relative.out = "frames".into();
    w.say(&ToWorker::Job(relative));
    assert_eq!(w.end_of(), ("r".into(), Some(Code::Argument)));
    w.say(&job("y", ""));
    assert_eq!(w.end_of(), ("y".into(), None));
}

#[test]
fn queued_and_running_jobs_are_cancelled() {
    let mut w = wire();
    w.say(&job("a", "slow"));
    w.say(&job("b", "slow"));
    w.say(&job("c", ""));
    while !matches!(w.hear(), FromWorker::Progress { stage: Stage::Picture, .. }) {}
    w.say(&ToWorker::Cancel { job: JobId("b".into()) });
    assert_eq!(w.end_of(), ("b".into(), Some(Code::Cancelled)));
    w.say(&ToWorker::Cancel { job: JobId("a".into()) });
    assert_eq!(w.end_of(), ("a".into(), Some(Code::Cancelled)));
    assert_eq!(w.end_of(), ("c".into(), None));
}

#[test]
fn a_name_is_given_once_and_free_again_after_its_end() {
    let mut w = wire();
    w.say(&job("a", "slow"));
    w.say(&job("a", ""));
    assert_eq!(w.end_of(), ("a".into(), Some(Code::Argument)));
    w.say(&ToWorker::Cancel { job: JobId("a".into()) });
    assert_eq!(w.end_of(), ("a".into(), Some(Code::Cancelled)));
    w.say(&job("a", ""));
    assert_eq!(w.end_of(), ("a".into(), None));
}

#[test]
fn another_protocol_is_refused_in_words() {
    let mut w = wire();
    w.say(&ToWorker::Hello { protocol: PROTOCOL + 1 });
    assert!(matches!(w.hear(), FromWorker::Hello(_)));
    let FromWorker::Error { job: None, fault } = w.hear() else { panic!("it must be refused") };
    assert_eq!(fault.what, "the client speaks protocol 2, and this Pickup speaks protocol 1");
    w.say(&job("a", ""));
    assert_eq!(w.end_of(), ("a".into(), Some(Code::Unsupported)));
}

#[test]
fn a_client_that_goes_ends_the_running_job() {
    let mut w = wire();
    w.say(&job("a", "slow"));
    while !matches!(w.hear(), FromWorker::Progress { stage: Stage::Picture, .. }) {}
    let gone = Instant::now();
    w.to = None;
    assert!(w.server.join().unwrap().is_ok());
    assert!(gone.elapsed() < Duration::from_millis(300), "{:?}", gone.elapsed());
    assert!(w.hung.try_recv().is_err());
}

#[test]
fn a_client_that_reads_no_more_ends_the_running_job() {
    let mut w = wire();
    w.say(&job("a", "slow"));
    while !matches!(w.hear(), FromWorker::Progress { stage: Stage::Picture, .. }) {}
    drop(w.from);
    assert!(w.server.join().unwrap().is_ok());
    drop(w.to);
}

#[test]
fn an_engine_that_hangs_does_not_keep_the_process() {
    let mut w = wire();
    w.say(&job("a", "hang"));
    while !matches!(w.hear(), FromWorker::Progress { .. }) {}
    w.to = None;
    assert!(w.hung.recv_timeout(Duration::from_millis(1000)).is_ok());
}
