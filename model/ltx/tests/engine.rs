//! The engine on tiny checkpoints of random weights. What it shows is noise; what must hold is everything around it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

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
    matched: bool,
    sdr: bool,
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

    fn matched(&mut self) {
        assert!(self.pictures.is_empty(), "said too late");
        self.matched = true;
    }

    fn sdr(&mut self) {
        self.sdr = true;
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

fn options(generation: &str, sampling: wish::Sampling) -> Options {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures").join(generation);
    let weights: Vec<PathBuf> = ["original", "diffusers/text_encoder", "diffusers/tokenizer"].iter().map(|p| folder.join(p)).collect();
    Options { weights, sampling, ..Options::default() }
}

fn engine(generation: &str, sampling: wish::Sampling) -> Ltx {
    Ltx::open(options(generation, sampling)).unwrap()
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

fn figure(taken: &Taken, name: &str) -> f64 {
    taken.figures.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no figure {name}: {:?}", taken.figures)).value
}

#[test]
fn a_shot_longer_than_the_model_goes_on_with_the_latents_of_each_stretch_and_can_be_stopped_anywhere() {
    let engine = engine("ltx-2.3", wish::Sampling::Distilled);
    let (tail, head) = (shot(30, 0.0), shot(30, 0.4));
    let sides = || Context {
        tail: Some(&tail),
        head: Some(&head),
        tail_sound: Some(tone(4.0, 220.0)),
        head_sound: Some(tone(4.0, 330.0)),
        ..Context::default()
    };
    // Eight frames a second: the model has 160 frames, with the handles these are more. A minute is measured by `make bench`.
    let long = Request { rate: Rate::whole(8), size: Size::new(64, 64), ..request(Task::Bridge, 110) };
    let whole = made(&engine, &long, &sides());
    assert_eq!(whole.sound.as_ref().unwrap().len(), 110 * 6000);
    assert_eq!(whole.last.0, whole.last.1);
    assert!(whole.notes.iter().any(|n| n.contains("2 stretches")), "{:?}", whole.notes);
    // No frame stands twice, and the picture goes on over the joins as it does elsewhere.
    assert!(whole.pictures.windows(2).all(|p| p[0] != p[1]));
    println!("seams {} {}", figure(&whole, "window-seam"), figure(&whole, "window-seam-sound"));
    assert!(figure(&whole, "window-seam") < 3.0 && figure(&whole, "window-seam-sound") < 4.0, "{:?}", whole.figures);
    // In the second stretch of the first stage, and in the first of the second.
    for steps in [12, 20] {
        let mut taken = Taken { stop_after: Some(steps), ..Taken::default() };
        assert_eq!(engine.generate(&long, &sides(), &mut taken).unwrap_err().code, Code::Cancelled);
        let mut again = Taken { state: taken.state, ..Taken::default() };
        engine.generate(&long, &sides(), &mut again).unwrap();
        assert!(again.pictures == whole.pictures && again.sound == whole.sound, "stopped after {steps}");
    }
}

/// A LoRA that changes nothing but what its file says of it.
fn lora(name: &str, metadata: &[(&str, &str)]) -> (tempfile::TempDir, (PathBuf, f32)) {
    let folder = tempfile::tempdir().unwrap();
    let layer = "transformer_blocks.0.attn1.to_q";
    let shape = &support::single("2.3").tensors[&format!("model.diffusion_model.{layer}.weight")].shape;
    let mut file = support::File::default();
    for (part, shape) in [("lora_A", [1, shape[1]]), ("lora_B", [shape[0], 1])] {
        file.tensors.insert(format!("diffusion_model.{layer}.{part}.weight"), support::Stuff::floats(&shape, std::iter::repeat(0.0)));
    }
    let file = metadata.iter().fold(file, |file, (key, value)| file.with(key, value));
    let path = file.write(&folder.path().join(name));
    (folder, (path, 1.0))
}

fn adapted(name: &str, metadata: &[(&str, &str)]) -> Ltx {
    let (_folder, lora) = lora(name, metadata);
    Ltx::open(Options { loras: vec![lora], ..options("ltx-2.3", wish::Sampling::Distilled) }).unwrap()
}

fn brightest(taken: &Taken) -> f32 {
    taken.pictures.iter().flat_map(|p| p.pixels()).flat_map(|p| &p[..3]).copied().fold(0.0, f32::max)
}

#[test]
fn takes_are_sdr_by_label_unless_a_lora_makes_a_log_picture() {
    // Scene-linear light with highlights six times as bright as white.
    let bright = |count: usize| -> Vec<Arc<Picture>> {
        let lit = |p: &Arc<Picture>| {
            let pixels = p.pixels().iter().map(|p| [p[0] * 7.0, p[1] * 7.0, p[2] * 7.0, 1.0]).collect();
            Arc::new(Picture::new(p.size(), pixels).unwrap())
        };
        shot(count, 0.0).iter().map(lit).collect()
    };
    let (tail, head) = (bright(17), bright(17));
    let context = || Context { tail: Some(&tail), head: Some(&head), ..Context::default() };
    let mut request = request(Task::Bridge, 7);
    request.context.colour = shot::ColourSpace::LinearRec709;
    let plain = made(&engine("ltx-2.3", wish::Sampling::Distilled), &request, &context());
    assert!(plain.sdr && plain.notes.iter().any(|n| n.starts_with("SDR")), "{:?}", plain.notes);
    for (key, value) in [("hdr_transform", "logc3"), ("hdr_transform", "true"), ("use_hdr_transform", "true"), ("hdr_transform", "acescct")]
    {
        let hdr = made(&adapted("hdr.safetensors", &[(key, value)]), &request, &context());
        assert!(!hdr.sdr && hdr.notes.iter().any(|n| n.starts_with("HDR")), "{value}: {:?}", hdr.notes);
        println!("{value}: brightest {} against {}", brightest(&hdr), brightest(&plain));
        assert!(brightest(&hdr) > 1.5 * brightest(&plain), "{value}: brightest {} against {}", brightest(&hdr), brightest(&plain));
    }
    // A curve that nobody knows is no curve, and a LoRA without strength changes no meaning.
    let (_folder, unknown) = lora("x.safetensors", &[("hdr_transform", "rainbow")]);
    let error = Ltx::open(Options { loras: vec![unknown], ..options("ltx-2.3", wish::Sampling::Distilled) }).err().unwrap().to_string();
    assert!(error.contains("rainbow"), "{error}");
    let (_folder, (path, _)) = lora("x.safetensors", &[("hdr_transform", "logc3")]);
    let none = Ltx::open(Options { loras: vec![(path, 0.0)], ..options("ltx-2.3", wish::Sampling::Distilled) }).unwrap();
    assert!(made(&none, &request, &context()).sdr);
}

#[test]
fn an_ic_lora_is_shown_references_as_it_was_trained_whatever_its_factor_is() {
    let like = shot(9, 0.2);
    let request = Request { handles: 1, ..request(Task::Insert, 5) };
    let context = || Context { like: vec![&like], ..Context::default() };
    let make = |name: &str, metadata: &[(&str, &str)]| made(&adapted(name, metadata), &request, &context()).pictures;
    let plain = made(&engine("ltx-2.3", wish::Sampling::Distilled), &request, &context()).pictures;
    assert!(make("style.safetensors", &[]) == plain, "a LoRA that changes nothing changed something");
    let ic = make("style.safetensors", &[("reference_downscale_factor", "1")]);
    assert!(ic != plain, "the reference stands before the shot, not over it");
    assert!(make("some-ic-lora-1.0.safetensors", &[]) == ic && make("Some_IC_LoRA.safetensors", &[]) == ic);
    assert!(make("x.safetensors", &[("reference_downscale_factor", "2")]) != ic);
}

#[test]
fn colour_is_matched_where_the_model_gives_the_neighbours_back_and_only_as_far_as_asked() {
    let engine = engine("ltx-2.3", wish::Sampling::Distilled);
    let (tail, head) = (shot(17, 0.0), shot(17, 0.4));
    let sides = || Context { tail: Some(&tail), head: Some(&head), ..Context::default() };
    let full = made(&engine, &request(Task::Bridge, 7), &sides());
    assert!(full.matched);
    let none = made(&engine, &Request { colour_match: 0.0, ..request(Task::Bridge, 7) }, &sides());
    assert!(!none.matched && none.pictures != full.pictures);
    // An insert meets nobody: whoever writes the take matches it to its references.
    assert!(!made(&engine, &request(Task::Insert, 5), &sides()).matched);
}

#[test]
fn what_is_larger_than_the_model_is_refined_in_parts_that_show_no_border() {
    let open = |largest| Ltx::open(Options { largest, ..options("ltx-2.3", wish::Sampling::Distilled) }).unwrap();
    // 14 × 14 latents, of which 169 go through the model at once.
    let request = Request { size: Size::new(440, 430), ..request(Task::Establish, 9) };
    let still = shot(1, 0.2).remove(0);
    let context = || Context { still: Some(still.clone()), keyframes: vec![(8, still.clone())], ..Context::default() };
    let (whole, parts) = (made(&open(None), &request, &context()), made(&open(Some(169)), &request, &context()));
    assert!(parts.pictures != whole.pictures);
    let values = |taken: &Taken| taken.pictures.iter().flat_map(|p| p.pixels()).flat_map(|p| p[..3].to_vec()).collect::<Vec<_>>();
    let (a, b) = (values(&whole), values(&parts));
    let mean = a.iter().sum::<f32>() / a.len() as f32;
    let spread = (a.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / a.len() as f32).sqrt();
    let off = (a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / a.len() as f32).sqrt();
    // Steps from a row to the next, where a latent ends: those at a part's border among them.
    let step = |y: usize| {
        let rows = parts.pictures.iter().flat_map(|p| p.row(y - 1).iter().zip(p.row(y)));
        rows.map(|(a, b)| (0..3).map(|c| (a[c] - b[c]).abs()).sum::<f32>()).sum::<f32>()
    };
    let steps: Vec<f32> = (1..13).map(|latent| step(latent * 32)).collect();
    let mut sorted = steps.clone();
    sorted.sort_by(f32::total_cmp);
    println!("parts differ by {} of {spread}; steps {steps:?}", off / spread);
    // Pictures that have nothing to do with each other differ by 1.4 of it; weights of noise are far from indifferent to the places
    // that tokens lie at.
    assert!(off < 0.75 * spread, "{off} of {spread}");
    assert!(sorted[11] < 2.0 * sorted[6], "{steps:?}");
}

#[test]
fn a_take_says_how_sharp_and_grainy_it_is_beside_its_neighbours() {
    let (tail, head) = (shot(17, 0.0), shot(17, 0.4));
    let taken = made(
        &engine("ltx-2.3", wish::Sampling::Distilled),
        &request(Task::Bridge, 9),
        &Context { tail: Some(&tail), head: Some(&head), ..Context::default() },
    );
    for name in ["sharpness", "grain"] {
        let off = (figure(&taken, name) - 1.0).abs();
        assert_eq!(taken.notes.iter().any(|n| n.starts_with(name)), off > 0.1, "{name} {off}: {:?}", taken.notes);
    }
}
