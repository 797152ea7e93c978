//! Where an engine's pictures go: checked one by one, measured, and handed to the thread that writes them.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use parking_lot::Mutex;
use shot::take::{Provenance, SourceType, TAKE_VERSION};
use shot::{Cancel, Code, Engine, Fault, Figure, Frames, Picture, Request, Samples, Sink, Sound, Stage, Take};
use takes::Unfinished;

use crate::context::{Decoded, Kept};
use crate::figures::Seams;
use crate::job::{Ids, Watch};

/// Longest side of a preview, in pixels.
const PREVIEW_SIDE: u32 = 512;

/// What came out of an engine beside the frames that are written already.
pub struct Made {
    /// The whole sound.
    pub sound: Option<Sound>,
    /// The middle picture.
    pub poster: Option<Picture>,
    /// Measured figures.
    pub figures: Vec<Figure>,
    /// What the editor should know.
    pub notes: Vec<String>,
    /// Whether the pictures are a card.
    pub card: bool,
    /// Whether highlights end at display white.
    pub sdr: bool,
    /// Files of the engine's own, by name.
    pub kept: Vec<(String, Vec<u8>)>,
}

/// What a sink is for.
pub struct Of<'a> {
    /// What was asked.
    pub request: &'a Request,
    /// What the engine sees.
    pub context: &'a Decoded,
    /// Whether the engine is a trained model.
    pub trained: bool,
    /// Where frames go.
    pub frames: SyncSender<(u32, Arc<Picture>)>,
    /// The writer's fault, once it has one.
    pub broken: &'a Mutex<Option<Fault>>,
    /// Where the state of a job stays that is killed.
    pub unfinished: &'a Unfinished,
}

/// The sink of one job.
pub struct TakeSink<'a> {
    request: &'a Request,
    frames: SyncSender<(u32, Arc<Picture>)>,
    broken: &'a Mutex<Option<Fault>>,
    watch: &'a mut dyn Watch,
    cancel: &'a Cancel,
    seams: Seams,
    colour: ColourLock<'a>,
    kept: &'a Kept,
    unfinished: &'a Unfinished,
    count: u32,
    made: Made,
}

/// Pictures that do not come from camera frames are matched to the neighbours' look, by a change estimated once, on the first of them.
enum ColourLock<'a> {
    Off,
    Waiting(&'a Decoded),
    Set(Box<colour::Match>),
}

impl<'a> TakeSink<'a> {
    /// A sink of a job.
    pub fn new(of: Of<'a>, watch: &'a mut dyn Watch, cancel: &'a Cancel) -> Self {
        let Of { request, context, trained, frames, broken, unfinished } = of;
        // The draft's bridges are made of the neighbours' own pixels: there is nothing to match.
        let foreign = trained || matches!(request.task, shot::Task::Insert);
        let lock = foreign && request.colour_match > 0.0 && !context.looks().is_empty();
        Self {
            request,
            frames,
            broken,
            watch,
            cancel,
            seams: Seams::new(context.tail_frame().cloned(), context.head_frame().cloned(), request.task.joins()),
            colour: if lock { ColourLock::Waiting(context) } else { ColourLock::Off },
            kept: context.kept(),
            unfinished,
            count: 0,
            made: Made { sound: None, poster: None, figures: Vec::new(), notes: Vec::new(), card: false, sdr: false, kept: Vec::new() },
        }
    }

    /// Checks that everything came, and gives out what was gathered.
    pub fn finish(mut self) -> Result<Made, Fault> {
        let asked = self.request.total_frames();
        if self.count != asked {
            return Err(engine_fault(format!("the engine made {} frames of {asked}", self.count)));
        }
        if self.made.card {
            self.made.notes.insert(0, "this is a missing-shot card, not a picture: the shot is still to be made".to_owned());
        } else {
            self.made.figures.append(&mut self.seams.figures());
        }
        // The span's own sound stays, whether the engine said anything of it or not.
        if self.made.sound.is_none() {
            self.made.sound.clone_from(&self.kept.sound);
        }
        if let Some(loudness) = self.made.sound.as_ref().and_then(sound::integrated_loudness) {
            self.made.figures.push(Figure { name: "loudness".into(), value: loudness, unit: "LUFS".into() });
        }
        Ok(self.made)
    }

    fn coloured(&mut self, mut picture: Picture) -> Picture {
        if self.made.card {
            return picture;
        }
        if let ColourLock::Waiting(context) = self.colour {
            let space = self.request.context.colour;
            let found = colour::Match::estimate(&[&picture], &context.looks(), space).scaled(self.request.colour_match);
            self.colour = if found.is_identity() { ColourLock::Off } else { ColourLock::Set(Box::new(found)) };
        }
        if let ColourLock::Set(change) = &self.colour {
            change.apply(&mut picture);
        }
        picture
    }
}

/// Sound made louder by so many decibels. At 0 every sample stays as it is.
fn at_level(sound: Sound, decibels: f64) -> Result<Sound, Fault> {
    if decibels == 0.0 {
        return Ok(sound);
    }
    let (rate, gain) = (sound.rate(), 10f64.powf(decibels / 20.0) as f32);
    let mut channels = sound.into_channels();
    channels.iter_mut().flatten().for_each(|v| *v *= gain);
    Sound::new(rate, channels)
}

fn engine_fault(what: String) -> Fault {
    Fault::new(Code::Engine, what, "nothing was published; try another seed or engine, and report it if it stays so")
}

impl Sink for TakeSink<'_> {
    fn picture(&mut self, picture: Picture) -> Result<(), Fault> {
        self.cancel.check()?;
        let number = self.count;
        if picture.size() != self.request.size {
            return Err(engine_fault(format!("frame {number} came as {}, {} was asked for", picture.size(), self.request.size)));
        }
        if number >= self.request.total_frames() {
            return Err(engine_fault(format!("the engine made more than the {number} frames that were asked for")));
        }
        if picture.pixels().iter().flatten().any(|v| !v.is_finite()) {
            return Err(engine_fault(format!("frame {number} holds values that are not numbers")));
        }
        let picture = match &self.kept.picture {
            Some(clip) => clip.frame(number as usize)?,
            None => Arc::new(self.coloured(picture)),
        };
        self.seams.add(&picture);
        if number == self.request.total_frames() / 2 {
            self.made.poster = Some((*picture).clone());
        }
        self.count += 1;
        self.frames
            .send((number, picture))
            .map_err(|_| self.broken.lock().take().unwrap_or_else(|| Fault::internal("the thread that writes frames is gone")))
    }

    fn sound(&mut self, sound: Sound) -> Result<(), Fault> {
        let asked = (shot::SAMPLE_RATE, usize::from(self.request.channels), self.request.total_samples());
        let came = (sound.rate(), sound.channels().len(), Samples(sound.len() as i64));
        if came != asked {
            return Err(engine_fault(format!("sound came as {came:?}, {asked:?} was asked for (rate, channels, samples)")));
        }
        if sound.channels().iter().flatten().any(|v| !v.is_finite()) {
            return Err(engine_fault("the sound holds values that are not numbers".to_owned()));
        }
        self.made.sound = Some(match &self.kept.sound {
            Some(own) => own.clone(),
            None => at_level(sound, self.request.sound_level)?,
        });
        Ok(())
    }

    fn progress(&mut self, stage: Stage, done: u64, of: u64) -> Result<(), Fault> {
        self.cancel.check()?;
        self.watch.progress(stage, done, of);
        Ok(())
    }

    fn card(&mut self) {
        self.made.card = true;
    }

    fn matched(&mut self) {
        self.colour = ColourLock::Off;
    }

    fn sdr(&mut self) {
        self.made.sdr = true;
    }

    fn figure(&mut self, figure: Figure) {
        self.made.figures.push(figure);
    }

    fn note(&mut self, note: String) {
        if !self.made.notes.contains(&note) {
            self.made.notes.push(note);
        }
    }

    fn preview(&mut self, picture: &Picture) {
        // Nobody's take fails because nobody could look at it meanwhile.
        let written = self.unfinished.preview().map_err(Fault::from).and_then(|path| {
            media::poster(&path, picture, PREVIEW_SIDE)?;
            Ok(path)
        });
        match written {
            Ok(path) => self.watch.preview(&path),
            Err(fault) => log::warn!("no preview: {fault}"),
        }
    }

    fn keep(&mut self, name: &str, bytes: Vec<u8>) {
        self.made.kept.push((name.to_owned(), bytes));
    }

    fn remember(&mut self, state: &[u8]) -> Result<(), Fault> {
        Ok(self.unfinished.remember(state)?)
    }

    fn remembered(&mut self) -> Option<Vec<u8>> {
        self.unfinished.remembered().unwrap_or_else(|e| {
            log::warn!("the state of the last run is lost: {e}");
            None
        })
    }
}

/// What kind of media a take is, in IPTC's words.
pub fn source_type(engine: &dyn Engine, context: &Decoded) -> SourceType {
    match (engine.is_trained(), context.has_pictures()) {
        (true, true) => SourceType::CompositeWithTrainedAlgorithmicMedia,
        (true, false) => SourceType::TrainedAlgorithmicMedia,
        (false, true) => SourceType::CompositeSynthetic,
        (false, false) => SourceType::AlgorithmicMedia,
    }
}

/// The Broadcast WAV's own words about itself.
pub fn wave_tags(request: &Request, engine: &dyn Engine, kind: SourceType, ids: &Ids) -> media::WaveTags {
    media::WaveTags {
        time_reference: request.rate.sample_at(request.first_frame()),
        rate: Some(request.rate),
        drop_frame: request.drop_frame,
        description: format!("Pickup {}: {}, engine {}", env!("CARGO_PKG_VERSION"), request.task.word(), engine.name()),
        originator: "Pickup".to_owned(),
        origination: None,
        reference: ids.key.take_id().to_string(),
        source_type: Some(kind),
    }
}

/// The manifest of what was made; the store fills in the hashes of its files.
pub fn manifest(request: &Request, engine: &dyn Engine, context: &Decoded, ids: &Ids, made: Made) -> Take {
    let (handle_in, handle_out) = request.handle_frames();
    let kind = source_type(engine, context);
    Take {
        version: TAKE_VERSION,
        id: ids.key.take_id(),
        key: ids.key,
        request: request.clone(),
        first_frame: request.first_frame(),
        frames: request.total_frames(),
        handle_in,
        handle_out,
        samples: made.sound.as_ref().map(|s| Samples(s.len() as i64)),
        figures: made.figures,
        notes: made.notes,
        is_card: made.card,
        is_sdr: made.sdr,
        provenance: Provenance {
            generator: format!("Pickup {}", env!("CARGO_PKG_VERSION")),
            engine: engine.name().to_owned(),
            engine_version: engine.version(),
            weights: engine.weights(),
            source_type: kind,
            source_type_uri: kind.uri().to_owned(),
            context: ids.context,
            files: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use shot::{Key, Rate, Size, Task};

    struct Nobody;

    impl Watch for Nobody {
        fn progress(&mut self, _: Stage, _: u64, _: u64) {}
        fn note(&mut self, _: &str) {}
    }

    fn picture(tint: f32) -> Picture {
        let size = Size::new(64, 48);
        let at = |i: usize| {
            let (x, y) = ((i % 64) as f32 / 64.0, (i / 64) as f32 / 48.0);
            [0.2 + 0.5 * x * tint, 0.2 + 0.5 * y, 0.3 + 0.4 * (x * 9.0).sin().abs() * y, 1.0]
        };
        Picture::new(size, (0..size.pixels()).map(at).collect()).unwrap()
    }

    /// What reaches the writer of a picture that an engine made; `matched` says that the engine has matched it.
    fn written(matched: bool) -> (Picture, Made) {
        let folder = tempfile::tempdir().unwrap();
        let store = takes::Store::open(folder.path()).unwrap();
        let request = Request::new(Task::Bridge, 1, Rate::whole(24), Size::new(64, 48));
        let context = Decoded::after(picture(0.6));
        let (frames, came) = std::sync::mpsc::sync_channel(4);
        let (broken, unfinished) = (Mutex::new(None), store.unfinished(&Key::of(b"x").take_id()));
        let of = Of { request: &request, context: &context, trained: true, frames, broken: &broken, unfinished: &unfinished };
        let (mut watch, cancel) = (Nobody, Cancel::default());
        let mut sink = TakeSink::new(of, &mut watch, &cancel);
        if matched {
            sink.matched();
            sink.sdr();
        }
        sink.picture(picture(1.0)).unwrap();
        let made = sink.finish().unwrap();
        ((*came.recv().unwrap().1).clone(), made)
    }

    #[test]
    fn what_the_engine_matched_is_not_matched_again() {
        let ((once, made), (twice, plain)) = (written(true), written(false));
        assert!(once == picture(1.0), "a matched picture was changed");
        assert!(twice != picture(1.0), "a picture that nobody matched was left as it was");
        assert!(made.sdr && !plain.sdr);
    }
}
