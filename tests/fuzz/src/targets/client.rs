//! What a worker writes to its stdout: a program that prints the input, whatever it was asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shot::request::{Request, Task};
use shot::{Rate, Size};
use worker::{Client, Job, JobId, JobState, Options};

use super::Target;

/// Words of the protocol, both ways.
pub const WORDS: &[&str] = &[
    "{\"type\":\"hello\",\"protocol\":1,\"name\":\"x\",\"tasks\":[]}\n",
    "{\"type\":\"take\",\"job\":\"7\",",
    "{\"type\":\"made\",\"job\":\"7\",",
    "{\"type\":\"error\",\"job\":\"7\",\"fault\":{\"what\":\"x\"}}\n",
    "{\"type\":\"progress\",\"job\":\"7\",\"stage\":\"picture\",\"done\":1,\"of\":2}\n",
    "\"frames\":\"%06d.png\"",
    "\"count\":",
    "\"first\":",
    "\"%099d\"",
    "\"job\":\"7\"",
    "\"stage\":",
    "\"eta\":-1",
    "\"eta\":1e999",
    "\"type\":",
    "\n",
    "\r\n",
    "\0",
    "{",
    "}",
    "\"level\":\"warn\"",
    "\"id\":\"0123456789abcdef01234567\"",
    "\"folder\":\"/\"",
    "\"sound\":\"../../x\"",
    "\"prompt\":\"\"",
    "{\"type\":\"cancel\",\"job\":\"7\"}\n",
    "{\"type\":\"bye\"}\n",
    "\"frames\":0",
    "\"size\":{\"width\":0,\"height\":0}",
    "\"rate\":\"0/0\"",
];

/// A job of a fixed name.
pub fn job(out: &Path) -> Job {
    let mut request = Request::new(Task::Insert, 1, Rate::whole(24), Size::new(8, 8));
    request.prompt = "a lighthouse".into();
    Job { id: JobId("7".into()), ..Job::new(request, out.join("out")) }
}

/// See the module.
pub struct ClientSide {
    lines: PathBuf,
    out: PathBuf,
}

impl ClientSide {
    /// A place for the lines and for the job's output, which holds one honest frame.
    pub fn new(scratch: &Path) -> Self {
        let out = scratch.join("job");
        std::fs::create_dir_all(out.join("out")).expect("a folder can be made");
        std::fs::write(out.join("out/000000.png"), "x").expect("a file can be written");
        Self { lines: scratch.join("lines"), out }
    }
}

impl Target for ClientSide {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let hello = "{\"type\":\"hello\",\"protocol\":1,\"name\":\"fuzz\",\"version\":\"1\",\"revision\":1,\"tasks\":[\"insert\"]}\n";
        let all = [
            "{\"type\":\"queued\",\"job\":\"7\"}\n{\"type\":\"progress\",\"job\":\"7\",\"stage\":\"picture\",\"done\":3,\"of\":8,\"eta\":2.5}\n",
            "{\"type\":\"note\",\"job\":\"7\",\"text\":\"x\"}\n{\"type\":\"made\",\"job\":\"7\",\"frames\":\"%06d.png\",\"count\":1}\n",
            "{\"type\":\"take\",\"job\":\"7\",\"id\":\"0123456789abcdef01234567\",\"folder\":\"/nowhere\"}\n",
            "{\"type\":\"error\",\"job\":\"7\",\"fault\":{\"code\":\"engine\",\"what\":\"x\",\"remedy\":\"y\"}}\n",
            "{\"type\":\"log\",\"level\":\"warn\",\"text\":\"x\"}\nLoading checkpoint shards:  50%\n",
        ];
        all.iter().map(|text| format!("{hello}{text}").into_bytes()).chain([b"nonsense\n".to_vec()]).collect()
    }

    fn words(&self) -> &'static [&'static str] {
        WORDS
    }

    fn patience(&self) -> u32 {
        40
    }

    fn run(&mut self, input: &[u8]) -> String {
        std::fs::write(&self.lines, input).expect("the lines can be written");
        // It reads nothing and prints all; then it goes, as a worker does that was killed.
        let mut options = Options::new("/bin/cat");
        options.args = vec![self.lines.clone().into()];
        options.grace = Duration::from_millis(20);
        let client = Client::new(options);
        let handle = client.submit(job(&self.out)).expect("an honest job is taken");
        let state = handle.wait(Duration::from_secs(15));
        let said = match &state {
            JobState::Failed(fault) => format!("{:?} {}", fault.code, fault.what),
            JobState::Done { .. } => "done".into(),
            JobState::Made(made) => format!("made {} {} {}", made.notes.is_empty(), made.figures.is_empty(), made.card),
            JobState::Queued | JobState::Running { .. } => "for ever".into(),
        };
        assert!(state.is_final(), "the job never ends");
        let notes = handle.notes().len();
        format!("{} {}", if notes > 0 { "noted" } else { "" }, said.chars().take(160).collect::<String>())
    }
}
