//! What an editor does: press Generate, and wait until the take is there.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::{Context, Setup};

/// Ids of the params that the flow touches.
pub mod id {
    #![allow(missing_docs)]
    pub const TASK: &str = "task";
    pub const FRAMES: &str = "frames";
    pub const IN: &str = "shotIn";
    pub const OUT: &str = "shotOut";
    pub const SOUND: &str = "sound";
    pub const ENGINE: &str = "engine";
    pub const GENERATE: &str = "generate";
    pub const CANCEL: &str = "cancel";
    pub const REFRESH: &str = "refresh";
    pub const STATUS: &str = "status";
    pub const TAKE: &str = "take";
    pub const TAKES_FOLDER: &str = "takesFolder";
    pub const FINAL_RENDER: &str = "finalRender";
    pub const PROMPT: &str = "prompt";
    pub const VERSION: &str = "takeVersion";
}

/// A bridge of 12 frames in the general context, by the draft, without sound: the shortest way to a take.
pub fn short_bridge(takes: &Path) -> Setup {
    Setup::connected(Context::General)
        .with(id::TAKES_FOLDER, takes)
        .with(id::SOUND, 1)
        .with(id::ENGINE, 1)
        .with(id::IN, 48)
        .with(id::FRAMES, 12)
}

/// How the answer begins when neither a take nor an error came in time.
pub const TOO_LATE: &str = "nothing came in";

/// How often an impatient editor presses Refresh.
const LOOK: Duration = Duration::from_millis(100);

/// Presses Generate and then Refresh until a new take is shown. Its id, or what the status said when the time was up or the
/// effect gave up.
pub fn generate(instance: &Instance, seconds: u64) -> Result<String, String> {
    let (before, errors_before) = (instance.text(id::TAKE), errors(instance));
    let answer = instance.press(id::GENERATE);
    if !answer.is_good() {
        return Err(format!("Generate answered {answer}: {}", said(instance)));
    }
    until(instance, &before, errors_before, seconds)
}

/// How many error messages were shown so far.
fn errors(instance: &Instance) -> usize {
    instance.plugin().host().record().messages.iter().filter(|m| m.kind == "OfxMessageError").count()
}

/// Presses Refresh until another take than `before` is shown.
pub fn wait(instance: &Instance, before: &str, seconds: u64) -> Result<String, String> {
    until(instance, before, errors(instance), seconds)
}

fn until(instance: &Instance, before: &str, errors_before: usize, seconds: u64) -> Result<String, String> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        instance.press(id::REFRESH);
        let take = instance.text(id::TAKE);
        if take != before && !take.is_empty() {
            return Ok(take);
        }
        if errors(instance) > errors_before {
            return Err(said(instance));
        }
        if Instant::now() > end {
            return Err(format!("{TOO_LATE} {seconds} seconds: {}", said(instance)));
        }
        std::thread::sleep(LOOK);
    }
}

/// Everything the effect has told the editor: the status line and the messages.
pub fn said(instance: &Instance) -> String {
    let record = instance.plugin().host().record();
    let mut all = vec![instance.text(id::STATUS)];
    all.extend(record.persistent.map(|m| m.text));
    all.extend(record.messages.into_iter().map(|m| m.text));
    all.join("\n")
}
