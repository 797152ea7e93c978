//! Everything that our own types write fits the published schema: docs/engine-protocol.schema.json.
#![allow(clippy::unwrap_used)]

use shot::{Code, Fault, Figure, Rate, Request, Seconds, Size, Stage, TakeId, Task};
use worker::protocol::{FromWorker, Level, Made, encode};
use worker::{Hello, Job, JobId, ToWorker};

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../docs/engine-protocol.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

fn fits(line: &[u8]) {
    let value = serde_json::from_slice(line).unwrap();
    let schema = schema();
    let wrong: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{value}\n{wrong:#?}");
}

#[test]
fn what_a_client_writes_fits() {
    for task in [Task::Bridge, Task::Establish, Task::Retime { num: 2, den: 1 }] {
        let request = Request::new(task, 12, Rate::new(24_000, 1001).unwrap(), Size::new(64, 36));
        fits(&encode(&ToWorker::Job(Box::new(Job::new(request.clone(), "/tmp/out")))).unwrap());
        fits(&encode(&ToWorker::Job(Box::new(Job::new(request, "/tmp/out").published_to("/tmp/store")))).unwrap());
    }
    fits(&encode(&ToWorker::Hello { protocol: 1 }).unwrap());
    fits(&encode(&ToWorker::Cancel { job: JobId("a".into()) }).unwrap());
    fits(&encode(&ToWorker::Bye).unwrap());
}

#[test]
fn what_a_worker_writes_fits() {
    let job = JobId("a".into());
    let made = Made {
        frames: "%06d.exr".into(),
        first: 0,
        count: 12,
        sound: Some("audio.wav".into()),
        card: false,
        notes: vec!["a note".into()],
        figures: vec![Figure { name: "seam-in".into(), value: 1.0, unit: "steps".into() }],
    };
    for message in [
        FromWorker::Hello(Hello::new("example", "1.0", &["bridge", "retime"])),
        FromWorker::Queued { job: job.clone() },
        FromWorker::Progress { job: job.clone(), stage: Stage::Publish, done: 1, of: 2, eta: Some(Seconds(1.5)) },
        FromWorker::Note { job: job.clone(), text: "a note".into() },
        FromWorker::Take { job: job.clone(), id: TakeId::parse("0123456789abcdef01234567").unwrap(), folder: "/tmp/x".into() },
        FromWorker::Made { job: job.clone(), made },
        FromWorker::Error { job: Some(job), fault: Fault::cancelled() },
        FromWorker::Error { job: None, fault: Fault::new(Code::Input, "what", "remedy") },
        FromWorker::Log { level: Level::Warn, text: "a line".into() },
    ] {
        fits(&encode(&message).unwrap());
    }
}

#[test]
fn what_is_wrong_does_not_fit() {
    for line in [r#"{"type":"made","job":"a"}"#, r#"{"type":"take","job":"a","id":"../x","folder":"/"}"#, r#"{"type":"dance"}"#] {
        assert!(!schema().is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
}
