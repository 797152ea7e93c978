//! One request from context to take: decode → generate → check → mark → publish. The command line and the worker both come here.

use std::sync::Arc;

use parking_lot::Mutex;
use shot::{Cancel, Engine, Fault, FrameIndex, Key, Picture, Request, SoundMode, Stage};
use takes::exr::FrameTags;
use takes::{Claimed, Store, Stored};

use crate::cli::Model;
use crate::context::Decoded;
use crate::engines;
use crate::sink::{Made, Of, TakeSink};

/// Longest side of a poster, in pixels.
const POSTER_SIDE: u32 = 960;

/// Who is told how far a job has come.
pub trait Watch {
    /// `done` of `of` steps of a stage.
    fn progress(&mut self, stage: Stage, done: u64, of: u64);
    /// Something the editor should know.
    fn note(&mut self, text: &str);
    /// A rough picture of what is being made stands in a file.
    fn preview(&mut self, _path: &std::path::Path) {}
}

/// What jobs need beside the request.
pub struct Place {
    /// The ffmpeg executables.
    pub tools: media::Tools,
    /// Where takes are kept.
    pub store: Store,
    /// The model behind the ltx engine.
    pub model: Model,
}

/// A finished job.
pub struct Finished {
    /// The take in the store.
    pub take: Stored,
    /// True when it stood there already.
    pub found: bool,
}

/// Makes what `request` asks for, or finds it made.
pub fn make(place: &Place, request: &Request, watch: &mut dyn Watch, cancel: &Cancel) -> Result<Finished, Fault> {
    request.check()?;
    let engine = engines::choose(request, &place.model)?;
    watch.progress(Stage::Context, 0, 1);
    let context = Decoded::read(&place.tools, request, engine.handle_frames(request))?;
    cancel.check()?;
    watch.progress(Stage::Context, 1, 1);

    let hash = context.hash()?;
    let key = request.key(&hash, engine.name(), engine.version(), &engine.weights());
    let id = key.take_id();
    // Another process may be making the same take right now: wait for it rather than do its work again.
    let mut waiting = |holder: &takes::Holder| watch.note(&format!("{holder} is making this take already: waiting for it"));
    match place.store.claim_or_wait(&id, cancel, &mut waiting)? {
        Claimed::Done(take) => Ok(Finished { take, found: true }),
        Claimed::Busy(holder) => Err(Fault::internal(format!("the wait for {holder} ended too early"))),
        Claimed::Mine(_claim) => {
            let take = generate(place, request, &*engine, &context, Ids { key, context: hash }, watch, cancel)?;
            Ok(Finished { take, found: false })
        }
    }
}

/// The hashes that name a take.
pub struct Ids {
    /// Of all that made it so.
    pub key: Key,
    /// Of the context as the engine saw it.
    pub context: Key,
}

fn generate(
    place: &Place,
    request: &Request,
    engine: &dyn Engine,
    context: &Decoded,
    ids: Ids,
    watch: &mut dyn Watch,
    cancel: &Cancel,
) -> Result<Stored, Fault> {
    let publication = place.store.begin(&ids.key.take_id())?;
    let unfinished = place.store.unfinished(&ids.key.take_id());
    let broken = Mutex::new(None);
    let made = std::thread::scope(|scope| -> Result<Made, Fault> {
        // Compressing a frame costs about as much as making one: a thread of its own, two frames ahead at most.
        let (send, receive) = std::sync::mpsc::sync_channel::<(u32, Arc<Picture>)>(2);
        let writer = std::thread::Builder::new().name("pickup-write-frames".to_owned());
        let kind = crate::sink::source_type(engine, context);
        let shelf = &publication;
        let broken = &broken;
        writer
            .spawn_scoped(scope, move || {
                for (index, picture) in receive {
                    let number = FrameIndex(request.first_frame().0 + i64::from(index));
                    if let Err(e) = shelf.picture(number, &picture, &FrameTags::of(request, index, kind)) {
                        *broken.lock() = Some(Fault::from(e));
                        return;
                    }
                }
            })
            .map_err(|e| Fault::internal(format!("no thread could be started: {e}")))?;
        let of = Of { request, context, trained: engine.is_trained(), frames: send, broken, unfinished: &unfinished };
        let mut sink = TakeSink::new(of, watch, cancel);
        engine.generate(request, &context.view(), &mut sink)?;
        sink.finish()
    })?;
    if let Some(fault) = broken.lock().take() {
        return Err(fault);
    }
    watch.progress(Stage::Publish, 0, 1);
    if request.sound != SoundMode::None
        && let Some(sound) = &made.sound
    {
        let tags = crate::sink::wave_tags(request, engine, crate::sink::source_type(engine, context), &ids);
        media::write_wave(&publication.folder().join(takes::SOUND), sound, &tags)?;
    }
    if let Some(poster) = &made.poster {
        media::poster(&publication.folder().join(takes::POSTER), poster, POSTER_SIDE)?;
    }
    for (name, bytes) in &made.kept {
        publication.keep(name, bytes)?;
    }
    cancel.check()?;
    let take = crate::sink::manifest(request, engine, context, &ids, made);
    for note in &take.notes {
        watch.note(note);
    }
    let stored = publication.publish(take)?;
    unfinished.forget();
    watch.progress(Stage::Publish, 1, 1);
    Ok(stored)
}
