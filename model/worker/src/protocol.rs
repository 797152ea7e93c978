//! The messages. `docs/engine-protocol.md` says the same in words, `docs/engine-protocol.schema.json` as a JSON schema.
//!
//! Rules that let both sides grow: fields that are not known are ignored, messages whose `type` is not known are skipped with a
//! line in the log, and [`PROTOCOL`] changes only when an old reader would misunderstand a message it knows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use shot::{Code, Fault, Figure, Request, Seconds, Stage, TakeId};

use crate::error::Error;
use crate::line::MAX_LINE;

/// The protocol's number.
pub const PROTOCOL: u32 = 1;

/// The name of a job: any text of 1 to 128 bytes that its client chose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

impl JobId {
    /// A name that this process gives only once.
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One shot to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, not used by another unfinished job.
    pub id: JobId,
    /// What to make; paths in it are absolute.
    pub request: Request,
    /// The take store to publish into. Only workers that say `publishes` get one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// Where an engine leaves frames and sound when `store` is absent: an absolute path; the engine makes the folder.
    pub out: PathBuf,
}

impl Job {
    /// A job with a fresh name whose engine fills `out`.
    pub fn new(request: Request, out: impl Into<PathBuf>) -> Self {
        Self { id: JobId::fresh(), request, store: None, out: out.into() }
    }

    /// The same job, its take to be published into `store` by the worker.
    #[must_use]
    pub fn published_to(mut self, store: impl Into<PathBuf>) -> Self {
        self.store = Some(store.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |why: String| Err(Error::BadJob { job: self.id.0.chars().take(128).collect(), why });
        if self.id.0.is_empty() || self.id.0.len() > 128 {
            return bad("its name must have 1 to 128 bytes".into());
        }
        let context = &self.request.context;
        let clips = [&context.tail.picture, &context.head.picture, &context.clip].into_iter().flatten().chain(&context.like);
        let sounds = [&context.tail.sound, &context.head.sound].into_iter().flatten();
        let paths = clips.map(|c| &c.path).chain(sounds.map(|s| &s.path)).chain(&context.still).chain(&self.store);
        match paths.chain([&self.out]).find(|p| !p.is_absolute()) {
            Some(path) => bad(format!("the path {} is not absolute", path.display())),
            None => Ok(()),
        }
    }
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] as the worker knows it.
    pub protocol: u32,
    /// The engine's name, as manifests and menus show it.
    pub name: String,
    /// The program's version, for people.
    #[serde(default)]
    pub version: String,
    /// Raised by hand whenever the same request would give other bytes.
    #[serde(default = "one")]
    pub revision: u32,
    /// Hashes of the weights in use, empty for none.
    #[serde(default)]
    pub weights: String,
    /// The tasks it can do, in the words of [`shot::Task::word`].
    pub tasks: Vec<String>,
    /// Whether it publishes takes into a store by itself. Engines of others leave that to their caller.
    #[serde(default)]
    pub publishes: bool,
    /// Whether a trained model makes the pictures, for the provenance. Who does not say is taken to be.
    #[serde(default = "yes")]
    pub trained: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

impl Hello {
    /// A greeting of this protocol for an engine that leaves frames.
    pub fn new(name: impl Into<String>, version: impl Into<String>, tasks: &[&str]) -> Self {
        Self {
            protocol: PROTOCOL,
            name: name.into(),
            version: version.into(),
            revision: 1,
            weights: String::new(),
            tasks: tasks.iter().map(|t| (*t).to_owned()).collect(),
            publishes: false,
            trained: true,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.protocol == PROTOCOL {
            return Ok(());
        }
        Err(Error::Protocol { name: format!("the engine {}", self.name), expected: PROTOCOL, got: self.protocol })
    }
}

/// Frames and sound that an engine left in the job's `out` folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The frame files: a pattern such as `%06d.exr` or `%06d.png`, absolute or below `out`.
    pub frames: String,
    /// Number of the first frame file.
    #[serde(default)]
    pub first: i64,
    /// How many there are: the request's frames and its handles.
    pub count: u32,
    /// The sound file, absolute or below `out`; absent when none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<PathBuf>,
    /// True when the pictures are a card: the shot is still missing.
    #[serde(default)]
    pub card: bool,
    /// What the editor should know about the result, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Measured figures of the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

impl Made {
    /// The file of frame `index`, counted from 0 whatever `first` is; `None` when the pattern has no `%d` or `%0Nd`.
    pub fn frame_path(&self, index: u32) -> Option<PathBuf> {
        let number = self.first.checked_add(i64::from(index))?;
        let (before, rest) = self.frames.rsplit_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let width: usize = if digits.is_empty() { 1 } else { digits.strip_prefix('0')?.parse().ok().filter(|w| *w <= 20)? };
        Some(PathBuf::from(format!("{before}{number:0width$}{after}")))
    }

    /// The same with absolute paths, checked against what was asked: the count, and that every file is there.
    /// It looks at the disk, so no host thread should call it; [`crate::JobHandle`] gives results that went through it.
    pub fn resolved(mut self, job: &Job) -> Result<Self, Error> {
        let wrong = |expected: String, got: String| {
            Err(Error::WrongAnswer { job: job.id.0.clone(), expected, got: got.chars().take(400).collect() })
        };
        let total = job.request.total_frames();
        if self.count != total {
            return wrong(format!("{total} frames (handles included)"), format!("{} frames", self.count));
        }
        let Some(pattern) = job.out.join(&self.frames).to_str().map(str::to_owned) else {
            return wrong("a path that is Unicode".into(), job.out.display().to_string());
        };
        self.frames = pattern;
        self.sound = self.sound.map(|s| job.out.join(s));
        let there = |path: &Path| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0);
        for index in 0..self.count {
            match self.frame_path(index) {
                Some(path) if there(&path) => {}
                Some(path) => return wrong(format!("a frame file {}", path.display()), "no such file".into()),
                None => return wrong("a pattern such as %06d.exr".into(), format!("the pattern {}", self.frames)),
            }
        }
        match &self.sound {
            Some(sound) if !there(sound) => wrong(format!("a sound file {}", sound.display()), "no such file".into()),
            _ => Ok(self),
        }
    }
}

/// From the client to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ToWorker {
    /// The first line. The worker answers with its own hello.
    Hello {
        /// [`PROTOCOL`] as the client knows it.
        protocol: u32,
    },
    /// Work, answered with `queued` and, at its end, exactly one of `take`, `made` and `error`.
    Job(Box<Job>),
    /// Stop this job, queued or running; answered with its `error` of code `cancelled`, or with its result when it was faster.
    Cancel {
        /// Which.
        job: JobId,
    },
    /// The same as closing stdin: cancel everything and end.
    Bye,
}

/// From the worker to the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromWorker {
    /// The answer to the client's hello.
    Hello(Hello),
    /// The job was understood and waits.
    Queued {
        /// Which.
        job: JobId,
    },
    /// How far the running job has come. Stages come in the order of [`Stage`], `done` never falls within one.
    Progress {
        /// Which.
        job: JobId,
        /// Busy with what.
        stage: Stage,
        /// So many steps …
        done: u64,
        /// … of so many.
        of: u64,
        /// Until this stage ends, as far as the worker can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        eta: Option<Seconds>,
    },
    /// Something the editor should know, before the job ends.
    Note {
        /// Which.
        job: JobId,
        /// One sentence.
        text: String,
    },
    /// The job's end: a take was published.
    Take {
        /// Which.
        job: JobId,
        /// The take's name.
        id: TakeId,
        /// Its folder.
        folder: PathBuf,
    },
    /// The job's end: frames and sound lie in its `out` folder.
    Made {
        /// Which.
        job: JobId,
        /// What lies there.
        #[serde(flatten)]
        made: Made,
    },
    /// The job's end, or without a job: the worker's own trouble.
    Error {
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        job: Option<JobId>,
        /// What is wrong and what to do.
        #[serde(deserialize_with = "fault")]
        fault: Fault,
    },
    /// A line for the log.
    Log {
        /// How much it matters.
        #[serde(default)]
        level: Level,
        /// The line.
        text: String,
    },
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Ordinary news.
    #[default]
    Info,
    /// For us. Words that are not known count as this.
    #[serde(other)]
    Debug,
}

impl From<Level> for log::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}

/// Reads a fault with kindness: a code that a later version invented must not cost the message that ends a job.
fn fault<'de, D: Deserializer<'de>>(d: D) -> Result<Fault, D::Error> {
    #[derive(Deserialize)]
    struct Loose {
        #[serde(default)]
        code: serde_json::Value,
        what: String,
        #[serde(default)]
        remedy: String,
    }
    let Loose { code, what, remedy } = Loose::deserialize(d)?;
    let remedy = if remedy.is_empty() { "look into the engine's log".into() } else { remedy };
    Ok(Fault { code: serde_json::from_value(code).unwrap_or(Code::Engine), what, remedy })
}

/// Messages of one direction.
pub trait Message: Serialize + DeserializeOwned {
    /// The values of `type` that this side knows.
    const TYPES: &'static [&'static str];
}

impl Message for ToWorker {
    const TYPES: &'static [&'static str] = &["hello", "job", "cancel", "bye"];
}

impl Message for FromWorker {
    const TYPES: &'static [&'static str] = &["hello", "queued", "progress", "note", "take", "made", "error", "log"];
}

/// What a line turned out to be.
#[derive(Debug, PartialEq)]
pub enum Decoded<T> {
    /// A message.
    Message(T),
    /// Nothing but space.
    Blank,
    /// A message of a later version, to be skipped.
    Unknown {
        /// Its `type`.
        kind: String,
    },
    /// Not JSON, not a message, or a message with a wrong field.
    Bad {
        /// Its `type`, if it has one.
        kind: Option<String>,
        /// The job it names, if it names one.
        job: Option<JobId>,
        /// What is wrong.
        why: String,
    },
}

/// Reads one line. Never panics, whatever the bytes are.
pub fn decode<T: Message>(line: &[u8]) -> Decoded<T> {
    if line.trim_ascii().is_empty() {
        return Decoded::Blank;
    }
    let value: serde_json::Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(e) => return Decoded::Bad { kind: None, job: None, why: format!("it is not JSON: {e}") },
    };
    let text = |v: Option<&serde_json::Value>| v.and_then(|v| v.as_str()).map(|t| t.chars().take(128).collect::<String>());
    let Some(kind) = text(value.get("type")) else {
        return Decoded::Bad { kind: None, job: None, why: "it has no type".into() };
    };
    if !T::TYPES.contains(&kind.as_str()) {
        return Decoded::Unknown { kind };
    }
    // Only a job itself carries its name as `id`.
    let job = text(value.get("job").or_else(|| value.get("id").filter(|_| kind == "job"))).map(JobId);
    match serde_json::from_value(value) {
        Ok(message) => Decoded::Message(message),
        Err(e) => Decoded::Bad { kind: Some(kind), job, why: e.to_string() },
    }
}

/// Writes one line, its newline included.
pub fn encode<T: Message>(message: &T) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(message)?;
    if line.len() > MAX_LINE {
        return Err(Error::TooLong { bytes: line.len(), limit: MAX_LINE });
    }
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn later_messages_are_told_from_broken_ones() {
        let read = |t: &str| decode::<FromWorker>(t.as_bytes());
        assert_eq!(read(" \t"), Decoded::Blank);
        assert_eq!(read(r#"{"type":"applause"}"#), Decoded::Unknown { kind: "applause".into() });
        assert!(matches!(read("Loading checkpoint shards:  50%"), Decoded::Bad { kind: None, .. }));
        let Decoded::Bad { kind, job, .. } = read(r#"{"type":"made","job":"7","count":-1}"#) else { panic!("it is broken") };
        assert_eq!((kind.as_deref(), job), (Some("made"), Some(JobId("7".into()))));
        let more = r#"{"type":"queued","job":"7","place":3}"#;
        assert_eq!(read(more), Decoded::Message(FromWorker::Queued { job: JobId("7".into()) }));
    }

    #[test]
    fn a_fault_of_a_later_version_still_ends_its_job() {
        let text = r#"{"type":"error","job":"7","fault":{"code":"melted","what":"the card melted"}}"#;
        let Decoded::Message(FromWorker::Error { fault, .. }) = decode(text.as_bytes()) else { panic!("it must be read") };
        assert_eq!((fault.code, fault.what.as_str()), (Code::Engine, "the card melted"));
    }

    #[test]
    fn frame_patterns_are_expanded() {
        let made =
            |frames: &str, first| Made { frames: frames.into(), first, count: 1, sound: None, card: false, notes: vec![], figures: vec![] };
        assert_eq!(made("/a/%06d.exr", 0).frame_path(12), Some("/a/000012.exr".into()));
        assert_eq!(made("/a/50%d/x_%d.png", 1001).frame_path(1), Some("/a/50%d/x_1002.png".into()));
        for pattern in ["/a/frame.exr", "/a/%s.exr", "/a/%099d.exr", "/a/%", "/a/%6x"] {
            assert_eq!(made(pattern, 0).frame_path(0), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<FromWorker>(&bytes);
            let _ = decode::<ToWorker>(&bytes);
        }

        /// JSON that is nearly a message: the right keys with any values.
        #[test]
        fn no_json_upsets_the_decoder(kind in 0usize..8, key in "[a-z]{1,8}", n in any::<f64>(), text in ".{0,20}") {
            for types in [FromWorker::TYPES, ToWorker::TYPES] {
                let mut v = serde_json::json!({"type": types[kind % types.len()], "job": text, "done": n, "of": n, "stage": "picture",
                    "count": n, "first": n, "frames": text, "fault": {"code": text, "what": text}, "eta": n, "protocol": n});
                v[key.as_str()] = serde_json::json!([text, n]);
                let line = v.to_string();
                if let Decoded::Message(FromWorker::Made { made, .. }) = decode::<FromWorker>(line.as_bytes()) {
                    let _ = made.frame_path(u32::MAX);
                }
                let _ = decode::<ToWorker>(line.as_bytes());
            }
        }
    }
}
