//! The engine on tiny checkpoints of random weights. What it shows is noise; what must hold is everything around it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ltx::engine::{Ltx, Options, wish};
use shot::request::{Beat, End, Keep};
use shot::{Code, Context, Engine, Fault, Figure, Picture, Quality, Rate, Request, Sink, Size, Sound, Stage, Task};

/// Everything that came.
#[derive(Default)]
struct Taken {
    pictures: Vec<Picture>,
    sound: Option<Sound>,
    notes: Vec<String>,
    figures: Vec<Figure>,
    previews: usize,
    kept: Vec<(String, Vec<u8>)>,
    state: Option<Vec<u8>>,
    /// Stops after so many states.
    stop_after: Option<usize>,
    last: (u64, u64),
}

impl Sink for Taken {
    fn picture(&mut self, picture: Picture) -> Result<(), Fault> {
        self.pictures.push(picture);
        Ok(())
    }

    fn sound(&mut self, sound: Sound) -> Result<(), Fault> {
        self.sound = Some(sound);
        Ok(())
    }

    fn progress(&mut self, stage: Stage, done: u64, of: u64) -> Result<(), Fault> {
        if stage == Stage::Picture {
            assert!(done >= self.last.0 && done <= of, "progress fell from {:?} to {done} of {of}", self.last);
            self.last = (done, of);
        }
        match self.stop_after {
            Some(0) => Err(Fault::cancelled()),
            _ => Ok(()),
        }
    }

    fn card(&mut self) {
        panic!("a model makes no cards");
    }

    fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn preview(&mut self, picture: &Picture) {
        assert!(picture.pixels().iter().flatten().all(|v| v.is_finite()));
        self.previews += 1;
    }

    fn keep(&mut self, name: &str, bytes: Vec<u8>) {
        self.kept.push((name.to_owned(), bytes));
    }

    fn remember(&mut self, state: &[u8]) -> Result<(), Fault> {
        self.state = Some(state.to_vec());
        self.stop_after = self.stop_after.map(|n| n.saturating_sub(1));
        Ok(())
    }

    fn remembered(&mut self) -> Option<Vec<u8>> {
        self.state.clone()
    }
}

fn engine(generation: &str, sampling: wish::Sampling) -> Ltx {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures").join(generation);
    let weights: Vec<PathBuf> = ["original", "diffusers/text_encoder", "diffusers/tokenizer"].iter().map(|p| folder.join(p)).collect();
    Ltx::open(Options { weights, sampling, ..Options::default() }).unwrap()
}

fn shot(count: usize, shift: f32) -> Vec<Arc<Picture>> {
    let size = Size::new(96, 64);
    let pixel = |i: usize, f: usize| {
        let (x, y) = ((i % 96) as f32, (i / 96) as f32);
        [0.5 + 0.3 * ((x + f as f32) * 0.1 + shift).sin(), 0.5 + 0.3 * (y * 0.12).cos(), 0.4 + 0.001 * f as f32, 1.0]
    };
    (0..count).map(|f| Arc::new(Picture::new(size, (0..size.pixels()).map(|i| pixel(i, f)).collect()).unwrap())).collect()
}

fn tone(seconds: f32, hertz: f32) -> Sound {
    let samples =
        (0..(seconds * 48_000.0) as usize).map(|i| (i as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin() * 0.2).collect::<Vec<_>>();
    Sound::new(48_000, vec![samples.clone(), samples]).unwrap()
}

fn request(task: Task, frames: u32) -> Request {
    Request { prompt: "a harbour at dawn".into(), seed: 5, ..Request::new(task, frames, Rate::whole(24), Size::new(96, 64)) }
}

fn made(engine: &Ltx, request: &Request, context: &Context<'_>) -> Taken {
    let mut taken = Taken::default();
    engine.generate(request, context, &mut taken).unwrap();
    assert_eq!(taken.pictures.len(), request.total_frames() as usize, "{:?}", request.task);
    assert!(taken.pictures.iter().all(|p| p.size() == request.size));
    taken
}

#[test]
fn a_bridge_is_whole_and_comes_out_the_same_when_it_was_stopped_after_any_step() {
    let engine = engine("ltx-2.3", wish::Sampling::Distilled);
    let (tail, head) = (shot(30, 0.0), shot(30, 0.4));
    let context = Context {
        tail: Some(&tail),
        head: Some(&head),
        tail_sound: Some(tone(2.0, 220.0)),
        head_sound: Some(tone(2.0, 330.0)),
        ..Context::default()
    };
    let request = request(Task::Bridge, 10);
    let whole = made(&engine, &request, &context);
    let sound = whole.sound.as_ref().unwrap();
    assert_eq!((sound.len(), sound.channels().len(), sound.rate()), (20_000, 2, 48_000));
    assert!(whole.figures.iter().any(|f| f.name == "flicker") && whole.previews > 0);
    assert_eq!(whole.last.0, whole.last.1, "progress ends where it should");
    for steps in [1, 4, 9] {
        let mut taken = Taken { stop_after: Some(steps), ..Taken::default() };
        let stopped = engine.generate(&request, &context, &mut taken).unwrap_err();
        assert_eq!(stopped.code, Code::Cancelled);
        assert!(taken.pictures.is_empty());
        let mut again = Taken { state: taken.state, ..Taken::default() };
        engine.generate(&request, &context, &mut again).unwrap();
        assert!(again.pictures == whole.pictures && again.sound == whole.sound, "stopped after {steps}");
    }
    // What another job remembered is no state of this one: it begins anew.
    let mut confused = Taken { state: Some(b"nonsense".to_vec()), ..Taken::default() };
    engine.generate(&request, &context, &mut confused).unwrap();
    assert!(confused.pictures == whole.pictures);
}

#[test]
fn every_task_makes_exactly_what_was_asked() {
    let engine = engine("ltx-2.5", wish::Sampling::Distilled);
    let (tail, head) = (shot(12, 0.0), shot(12, 0.4));
    let sides = || Context { tail: Some(&tail), head: Some(&head), tail_sound: Some(tone(1.0, 220.0)), ..Context::default() };
    let mut establish =
        Request { handles: 2, rate: Rate::new(24_000, 1001).unwrap(), size: Size::new(100, 60), ..request(Task::Establish, 7) };
    establish.storyboard = vec![Beat { frame: 4, prompt: "a gull lands".into() }];
    let still = Some(shot(1, 0.2).remove(0));
    let keyframes = vec![(6, shot(1, 0.3).remove(0))];
    made(&engine, &establish, &Context { still, keyframes, ..Context::default() });
    made(&engine, &Request { handles: 3, ..request(Task::Insert, 5) }, &Context { like: vec![&tail], ..sides() });
    made(&engine, &request(Task::Extend { at: End::Tail }, 9), &sides());
    made(&engine, &request(Task::Extend { at: End::Head }, 9), &sides());
    made(&engine, &request(Task::Bridge, 1), &Context { tail: Some(&tail), ..Context::default() });
    let span = shot(10, 0.1);
    let kept = made(&engine, &request(Task::Retake { keep: Keep::Picture }, 10), &Context { clip: Some(&span), ..sides() });
    assert!(kept.pictures.iter().zip(&span).all(|(a, b)| *a == **b) && kept.sound.is_some());
    let kept =
        made(&engine, &request(Task::Retake { keep: Keep::Sound }, 10), &Context { clip_sound: Some(tone(10.0 / 24.0, 440.0)), ..sides() });
    assert!(kept.sound.is_none(), "the span's own sound stays where it is");
    made(&engine, &request(Task::Retake { keep: Keep::Nothing }, 10), &sides());
}

#[test]
fn guidance_and_second_stages_run_and_light_takes_become_whole_ones() {
    let engine = engine("ltx-2.3", wish::Sampling::Dev);
    let light = Request { quality: Quality::Draft, ..request(Task::Establish, 9) };
    let first = made(&engine, &light, &Context::default());
    let (name, latents) = &first.kept[0];
    assert_eq!(name, ltx::engine::latents::KEPT);
    let whole = Request { quality: Quality::Final, ..light.clone() };
    let promoted = made(&engine, &whole, &Context { latents: Some(latents.clone()), ..Context::default() });
    assert!(promoted.kept.is_empty() && promoted.pictures != first.pictures);
    let error =
        engine.generate(&whole, &Context { latents: Some(vec![1, 2, 3]), ..Context::default() }, &mut Taken::default()).unwrap_err();
    assert!(error.what.contains("latents"), "{}", error.what);
}

#[test]
fn what_it_cannot_do_is_said() {
    let engine = engine("ltx-2.3", wish::Sampling::Distilled);
    let fails = |request: &Request| engine.generate(request, &Context::default(), &mut Taken::default()).unwrap_err().what;
    assert!(fails(&request(Task::Bridge, 5)).contains("bridge"));
    assert!(fails(&request(Task::Retime { num: 2, den: 1 }, 5)).contains("retime"));
    assert!(fails(&request(Task::Retake { keep: Keep::Picture }, 5)).contains("own frames"));
    let alone = Options { weights: vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")], ..Options::default() };
    assert!(Ltx::open(alone).err().unwrap().to_string().contains("Cargo.toml"));
}

#[test]
fn the_same_bytes_come_out_for_any_number_of_threads() {
    let engine = engine("ltx-2.5", wish::Sampling::Distilled);
    let request = request(Task::Establish, 9);
    let with = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| made(&engine, &request, &Context::default()))
    };
    let (one, three) = (with(1), with(3));
    assert!(one.pictures == three.pictures && one.sound == three.sound);
}
