//! `pickup worker`: jobs on standard input, events on standard output.

use parking_lot::Mutex;
use shot::{Cancel, Fault, Stage};
use worker::{Events, Finished, Hello, Job};

use crate::cli::Model;
use crate::job::{self, Place, Watch};

/// Serves until standard input closes.
pub fn run() -> Result<(), Fault> {
    let mut hello = Hello::new("pickup", env!("CARGO_PKG_VERSION"), &["bridge", "insert", "establish", "extend", "retake", "retime"]);
    hello.publishes = true;
    hello.trained = false;
    // One job at a time: the tools are looked for at the first of them, so that a missing ffmpeg is that job's fault.
    let tools = Mutex::new(None);
    worker::serve(hello, std::io::stdin(), std::io::stdout(), |job, events, cancel| one(&tools, &job, events, cancel))?;
    Ok(())
}

fn one(tools: &Mutex<Option<media::Tools>>, job: &Job, events: &Events, cancel: &Cancel) -> Result<Finished, Fault> {
    let store = job
        .store
        .as_ref()
        .ok_or_else(|| Fault::new(shot::Code::Argument, "a job came to `pickup worker` without a take store", "send its `store`"))?;
    let found = {
        let mut tools = tools.lock();
        match &*tools {
            Some(t) => t.clone(),
            None => tools.insert(media::Tools::find()?).clone(),
        }
    };
    let place = Place { tools: found, store: takes::Store::open(store)?, model: Model::default() };
    let mut wire = Wire { events };
    let done = job::make(&place, &job.request, &mut wire, cancel)?;
    Ok(Finished::Take { id: done.take.take().id.clone(), folder: done.take.folder().to_owned() })
}

struct Wire<'a> {
    events: &'a Events,
}

impl Watch for Wire<'_> {
    fn progress(&mut self, stage: Stage, done: u64, of: u64) {
        // A cancel is seen through the job's own flag.
        let _ = self.events.progress(stage, done, of);
    }

    fn note(&mut self, text: &str) {
        self.events.note(text);
    }
}
