//! Does a program speak the protocol? What `pickup doctor --engine PROGRAM` asks it, and what it answers.
//!
//! The program is driven line by line rather than through [`crate::Client`]: the client is kind to what it does not understand,
//! and a check must not be. Every wait has an end; the program is killed when the check is over, however it behaves.

mod files;
mod talk;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use shot::{Request, Size, Task};

use self::talk::Talk;
use crate::protocol::PROTOCOL;

/// Time to say hello: interpreters and weights take a while to load.
const HELLO: Duration = Duration::from_secs(20);
/// Time for a job of six small frames.
const JOB: Duration = Duration::from_secs(120);
/// Time to stop after a cancel, and to end after stdin closed.
const STOP: Duration = Duration::from_secs(10);
/// Size of the pictures asked for.
const SIZE: Size = Size::new(64, 36);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it was as it should be.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// What to change in the program, empty where nothing is.
    pub remedy: String,
}

type Outcome = Result<String, (String, &'static str)>;

/// Checks a program. `scratch` is an empty folder; what the program makes is left there to look at.
pub fn check(program: &Path, scratch: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut note = |name: &str, outcome: Outcome| {
        let ok = outcome.is_ok();
        let (detail, remedy) = match outcome {
            Ok(detail) => (detail, String::new()),
            Err((detail, remedy)) => (detail, remedy.to_owned()),
        };
        checks.push(Check { name: name.to_owned(), ok, detail, remedy });
        ok
    };
    let mut talk = match Talk::start(program) {
        Ok(talk) => talk,
        Err(e) => {
            note(
                "starts",
                Err((
                    format!("{} cannot be started: {e}", program.display()),
                    "make it executable, with a first line such as #!/usr/bin/env python3",
                )),
            );
            return checks;
        }
    };
    note("starts", Ok(program.display().to_string()));
    let mut hello = Value::Null;
    if !note("says hello", greet(&mut talk, &mut hello)) {
        return checks;
    }
    let Some(task) = easiest(&hello) else {
        note(
            "names its tasks",
            Err((format!("its tasks are {}", hello["tasks"]), "list at least one of bridge, insert, establish, extend, retake, retime")),
        );
        return checks;
    };
    note("names its tasks", Ok(hello["tasks"].to_string()));
    note("skips what it does not know", skips(&mut talk));
    let job = Order { task, scratch, publishes: hello["publishes"] == true };
    if note("makes a shot", make(&mut talk, &job, "first", 6)) {
        note("makes another one after it", make(&mut talk, &job, "second", 3));
        note("stops when it is told to", stops(&mut talk, &job));
        note("refuses what cannot be done", refuses(&mut talk, &job));
        note("goes on after a refusal", make(&mut talk, &job, "third", 2));
    }
    note("ends when its input closes", talk.close(STOP));
    checks
}

fn greet(talk: &mut Talk, hello: &mut Value) -> Outcome {
    talk.say(&json!({"type": "hello", "protocol": PROTOCOL}))?;
    *hello = talk.wait(HELLO, |m| m["type"] == "hello").map_err(|seen| {
        (format!("no hello within {} s{seen}", HELLO.as_secs()), "answer the first line with a hello, and flush every line")
    })?;
    match (hello["protocol"].as_u64(), hello["name"].as_str()) {
        (Some(p), Some(name)) if p == u64::from(PROTOCOL) && !name.is_empty() => Ok(format!("{name}, protocol {p}")),
        (p, name) => Err((format!("its hello has protocol {p:?} and name {name:?}"), "give protocol 1 and a name")),
    }
}

/// The task that needs least context.
fn easiest(hello: &Value) -> Option<Task> {
    let offers = |word: &str| hello["tasks"].as_array().is_some_and(|t| t.iter().any(|w| w == word));
    let tasks = [
        Task::Establish,
        Task::Insert,
        Task::Bridge,
        Task::Extend { at: shot::request::End::Tail },
        Task::Retake { keep: shot::request::Keep::Nothing },
        Task::Retime { num: 2, den: 1 },
    ];
    tasks.into_iter().find(|t| offers(t.word()))
}

fn skips(talk: &mut Talk) -> Outcome {
    talk.say(&json!({"type": "a-message-of-the-future", "x": 1}))?;
    talk.say_raw(b"this line is no message\n")?;
    std::thread::sleep(Duration::from_millis(200));
    match talk.is_alive() {
        true => Ok("it is still there".into()),
        false => Err(("it ended at a line it did not know".into(), "ignore message types you do not know, and lines that are not JSON")),
    }
}

/// What is asked for.
struct Order<'a> {
    task: Task,
    scratch: &'a Path,
    publishes: bool,
}

impl Order<'_> {
    fn request(&self, frames: u32) -> Request {
        let mut request = Request::new(self.task, frames, shot::Rate::whole(24), SIZE);
        request.prompt = "a check".into();
        request.start = shot::FrameIndex(86_400);
        files::context(self.scratch, &mut request);
        request
    }

    fn job(&self, name: &str, request: &Request) -> Value {
        let mut job = json!({"type": "job", "id": name, "request": request, "out": self.scratch.join(name)});
        if self.publishes {
            job["store"] = json!(self.scratch.join("store"));
        }
        job
    }
}

fn ends(m: &Value, job: &str) -> bool {
    m["job"] == job && ["made", "take", "error"].iter().any(|k| m["type"] == *k)
}

fn make(talk: &mut Talk, order: &Order<'_>, name: &str, frames: u32) -> Outcome {
    let request = order.request(frames);
    talk.say(&order.job(name, &request))?;
    let mut last = (String::new(), 0);
    let mut backwards = None;
    let end = talk.wait(JOB, |m| {
        if m["type"] == "progress" && m["job"] == name {
            let now = (m["stage"].to_string(), m["done"].as_u64().unwrap_or(0));
            if now.0 == last.0 && now.1 < last.1 {
                backwards = Some(format!("progress fell from {} to {} in {}", last.1, now.1, now.0));
            }
            last = now;
        }
        ends(m, name)
    });
    let end = end.map_err(|seen| (format!("the job {name} did not end{seen}"), "end every job with made, take or error"))?;
    if let Some(why) = backwards {
        return Err((why, "let `done` only grow within a stage"));
    }
    match end["type"].as_str() {
        Some("made") => files::made(&end, &request, &order.scratch.join(name)),
        Some("take") if order.publishes => Ok(format!("take {}", end["id"])),
        Some("take") => Err(("it answered with a take, and no store was given".into(), "answer with made")),
        _ => Err((format!("it answered: {}", end["fault"]["what"]), "make this job: six frames of 64×36 with stereo sound")),
    }
}

fn stops(talk: &mut Talk, order: &Order<'_>) -> Outcome {
    talk.say(&order.job("long", &order.request(20_000)))?;
    let begun = talk.wait(JOB, |m| (m["type"] == "progress" && m["job"] == "long") || ends(m, "long"));
    begun.map_err(|seen| (format!("a long job told no progress{seen}"), "send progress at least every few seconds"))?;
    talk.say(&json!({"type": "cancel", "job": "long"}))?;
    let end = talk.wait(STOP, |m| ends(m, "long")).map_err(|seen| {
        (
            format!("it did not stop within {} s of the cancel{seen}", STOP.as_secs()),
            "read stdin while you work, and look for a cancel between frames",
        )
    })?;
    match (end["type"].as_str(), end["fault"]["code"].as_str()) {
        (Some("error"), Some("cancelled")) => Ok("an error of code cancelled".into()),
        (Some("error"), code) => {
            Err((format!("the cancelled job ended with the code {code:?}"), "answer a cancel with an error of code cancelled"))
        }
        _ => Ok("it was faster than the cancel".into()),
    }
}

fn refuses(talk: &mut Talk, order: &Order<'_>) -> Outcome {
    let mut job = order.job("impossible", &order.request(2));
    job["request"]["task"] = json!({"kind": "levitate"});
    talk.say(&job)?;
    let end = talk.wait(STOP, |m| ends(m, "impossible") || (m["type"] == "error" && m["job"].is_null()));
    let end = end
        .map_err(|seen| (format!("a job of an unknown task got no answer{seen}"), "answer what you cannot do with an error, and go on"))?;
    match end["type"] == "error" && end["fault"]["what"].as_str().is_some_and(|w| !w.is_empty()) {
        true => Ok(format!("{}", end["fault"]["what"])),
        false => {
            Err((format!("a job of an unknown task got {}", end["type"]), "answer with an error that has a fault with what and remedy"))
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn failed(script: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("engine");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        check(&program, folder.path()).into_iter().filter(|c| !c.ok).map(|c| c.name).collect()
    }

    #[test]
    fn the_example_engine_conforms() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/engine.py");
        let folder = tempfile::tempdir().unwrap();
        let checks = check(&example, folder.path());
        assert!(checks.iter().all(|c| c.ok), "{checks:#?}");
        assert_eq!(checks.len(), 10);
    }

    /// An engine in Python whose answer to a job is given.
    fn python(on_job: &str) -> String {
        format!(
            "#!/usr/bin/env python3\nimport sys, json\ndef say(**m): print(json.dumps(m), flush=True)\n\
             for line in sys.stdin:\n    try: m = json.loads(line)\n    except ValueError: continue\n\
             \x20   if m['type'] == 'hello': say(type='hello', protocol=1, name='bad', tasks=['establish'])\n\
             \x20   if m['type'] == 'job': {on_job}\n"
        )
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(failed("no program"), ["starts"]);
        assert_eq!(failed("#!/bin/sh\necho hello\nexit 0\n"), ["says hello"]);
        assert_eq!(failed(&python("say(type='error', job=m['id'], fault={'what': 'no'})")), ["makes a shot"]);
        assert_eq!(failed(&python("say(type='made', job=m['id'], frames='%06d.png', count=6)")), ["makes a shot"]);
        assert_eq!(failed(&python("sys.exit(1)")), ["makes a shot", "ends when its input closes"]);
    }
}
