//! Which takes belong together: takes of one shot differ in nothing but the seed, and in how much time was spent on them.

use shot::{Code, Fault, Key, Quality, Request, Take, TakeId};
use takes::{Store, Stored};

/// The takes of one shot, in order of seed.
pub struct Shot {
    /// Its name: 12 hexadecimal digits.
    pub name: String,
    /// Never empty.
    pub takes: Vec<Stored>,
}

impl Shot {
    /// What it is, for people: `bridge 01:00:10:05, 48 frames`.
    pub fn words(&self) -> String {
        let request = self.takes.first().map(|t| &t.take().request);
        request.map_or_else(String::new, |r| format!("{} {}, {} frames", r.task.word(), r.timecode(), r.frames))
    }
}

/// The name of the shot that a take was made for. Seed, quality and kept latents do not tell shots apart, so that a light take and
/// the full one made of it stay together.
pub fn name(take: &Take) -> String {
    let mut request = Request { seed: 0, quality: Quality::Final, engine: shot::EngineChoice::Auto, ..take.request.clone() };
    request.context.latents = None;
    let text = serde_json::to_vec(&request).unwrap_or_default();
    Key::of(&text).to_string()[..12].to_owned()
}

/// All shots of a store, or those that `only` names by shot or by take, in order of record timecode. Damaged takes are told to
/// standard error and passed over.
pub fn of(store: &Store, only: &[String]) -> Result<Vec<Shot>, Fault> {
    let mut shots: Vec<Shot> = Vec::new();
    for entry in store.list()? {
        match entry {
            Err(damaged) => eprintln!("damaged: {}", Fault::from(damaged)),
            Ok(stored) => {
                let name = name(stored.take());
                match shots.iter_mut().find(|s| s.name == name) {
                    Some(shot) => shot.takes.push(stored),
                    None => shots.push(Shot { name, takes: vec![stored] }),
                }
            }
        }
    }
    for wanted in only {
        let is_take = |s: &Shot| TakeId::parse(wanted).is_ok_and(|id| s.takes.iter().any(|t| *t.id() == id));
        if !shots.iter().any(|s| s.name == *wanted || is_take(s)) {
            return Err(Fault::new(
                Code::Take,
                format!("there is no shot or take '{wanted}' in {}", store.root().display()),
                "see `pickup takes rank` for shots and `pickup takes list` for takes",
            ));
        }
    }
    shots.retain(|s| only.is_empty() || only.iter().any(|w| s.name == *w || s.takes.iter().any(|t| t.id().as_str() == w)));
    for shot in &mut shots {
        shot.takes.sort_by(|a, b| (a.take().request.seed, a.id()).cmp(&(b.take().request.seed, b.id())));
    }
    shots.sort_by(|a, b| start(a).cmp(&start(b)).then_with(|| a.name.cmp(&b.name)));
    Ok(shots)
}

fn start(shot: &Shot) -> Option<i64> {
    shot.takes.first().map(|t| t.take().request.start.0)
}
