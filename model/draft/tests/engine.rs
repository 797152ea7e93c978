//! The draft as the worker uses it: every task, good and bad context.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use draft::Draft;
use shot::request::End;
use shot::{
    Camera, Code, ColourSpace, Context, Engine, Fault, Figure, Frames, Keep, Picture, Rate, Request, Sink, Size, Sound, SoundMode, Stage,
    Task,
};

#[derive(Default)]
struct Got {
    pictures: Vec<Picture>,
    sound: Option<Sound>,
    card: bool,
    notes: Vec<String>,
    figures: Vec<Figure>,
    stop_after: Option<u64>,
}

impl Sink for Got {
    fn picture(&mut self, picture: Picture) -> Result<(), Fault> {
        self.pictures.push(picture);
        Ok(())
    }
    fn sound(&mut self, sound: Sound) -> Result<(), Fault> {
        self.sound = Some(sound);
        Ok(())
    }
    fn progress(&mut self, _: Stage, done: u64, _: u64) -> Result<(), Fault> {
        if self.stop_after.is_some_and(|n| done >= n) { Err(Fault::cancelled()) } else { Ok(()) }
    }
    fn card(&mut self) {
        self.card = true;
    }
    fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }
    fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// Value noise in two sizes, moved by (dx, dy); another `scene` is another picture.
fn texture(size: Size, dx: f32, dy: f32, scene: u32) -> Picture {
    let w = size.width as usize;
    let lattice = |x: i32, y: i32, n: u32| {
        let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca6b) ^ (n + 7 * scene).wrapping_mul(0xc2b2_ae35);
        h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
        h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
        (h >> 8) as f32 / 16_777_216.0
    };
    let noise = |x: f32, y: f32, n: u32| {
        let (ix, iy) = (x.floor() as i32, y.floor() as i32);
        let ease = |f: f32| f * f * (3.0 - 2.0 * f);
        let (fx, fy) = (ease(x - x.floor()), ease(y - y.floor()));
        let top = lattice(ix, iy, n) * (1.0 - fx) + lattice(ix + 1, iy, n) * fx;
        let low = lattice(ix, iy + 1, n) * (1.0 - fx) + lattice(ix + 1, iy + 1, n) * fx;
        top * (1.0 - fy) + low * fy
    };
    let pixels = (0..size.pixels()).map(|i| {
        let (x, y) = ((i % w) as f32 - dx, (i / w) as f32 - dy);
        // Another scene has other sizes and another brightness, as scenes have.
        let (coarse, fine, low) = if scene == 0 { (17.0, 6.0, 0.0) } else { (47.0, 11.0, 0.5) };
        let v = low + (1.0 - low) * (0.7 * noise(x / coarse, y / coarse, 1) + 0.3 * noise(x / fine, y / fine, 2));
        [v, 0.8 * v, 1.0 - v, 1.0]
    });
    Picture::new(size, pixels.collect()).unwrap()
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let e: f64 = a.pixels().iter().flatten().zip(b.pixels().iter().flatten()).map(|(x, y)| f64::from(x - y).powi(2)).sum();
    -10.0 * (e / (4 * a.pixels().len()) as f64).max(1e-12).log10()
}

fn strip(pictures: impl IntoIterator<Item = Picture>) -> Vec<Arc<Picture>> {
    pictures.into_iter().map(Arc::new).collect()
}

fn request(task: Task, frames: u32, size: Size) -> Request {
    Request { sound: SoundMode::None, ..Request::new(task, frames, Rate::whole(24), size) }
}

fn make(request: &Request, context: &Context<'_>) -> Result<Got, Fault> {
    let mut got = Got::default();
    Draft.generate(request, context, &mut got)?;
    Ok(got)
}

const TASKS: [Task; 8] = [
    Task::Bridge,
    Task::Insert,
    Task::Establish,
    Task::Extend { at: End::Tail },
    Task::Extend { at: End::Head },
    Task::Retake { keep: Keep::Nothing },
    Task::Retake { keep: Keep::Sound },
    Task::Retime { num: 5, den: 2 },
];

#[test]
fn every_task_makes_every_frame_at_every_size() {
    for size in [(1, 1), (2, 1), (1, 3), (7, 5), (17, 300), (64, 36), (3000, 2)].map(|(w, h)| Size::new(w, h)) {
        let tail = strip((0..3).map(|i| texture(size, i as f32, 0.0, 0)));
        let head = strip((6..9).map(|i| texture(size, i as f32, 0.0, 0)));
        for task in TASKS {
            for still in [None, Some(Arc::clone(&tail[0]))] {
                let context = Context { tail: Some(&tail), head: Some(&head), clip: Some(&tail), still, ..Context::default() };
                let got = make(&request(task, 5, size), &context).unwrap_or_else(|f| panic!("{task:?} at {size}: {f}"));
                assert_eq!(got.pictures.len(), 5, "{task:?} at {size}");
                assert!(got.pictures.iter().all(|p| p.size() == size && p.pixels().iter().flatten().all(|v| v.is_finite())));
            }
        }
    }
}

#[test]
fn kept_frames_of_a_retime_are_copies_and_the_others_stand_where_the_motion_is() {
    let size = Size::new(160, 96);
    let clip = strip((0..4).map(|i| texture(size, 6.0 * i as f32, -3.0 * i as f32, 0)));
    let got = make(&request(Task::Retime { num: 3, den: 1 }, 10, size), &Context { clip: Some(&clip), ..Context::default() }).unwrap();
    for (i, p) in got.pictures.iter().enumerate() {
        if i % 3 == 0 {
            assert_eq!(p, &*clip[i / 3]);
        } else {
            let truth = texture(size, 2.0 * i as f32, -(i as f32), 0);
            assert!(psnr(p, &truth) > 38.0, "frame {i}: {:.1} dB", psnr(p, &truth));
        }
    }
}

#[test]
fn motion_that_speeds_up_is_followed() {
    let size = Size::new(160, 96);
    let at = |i: f32| texture(size, 1.5 * i * i, 0.0, 0);
    let clip = strip((0..4).map(|i| at(i as f32)));
    let got = make(&request(Task::Retime { num: 2, den: 1 }, 7, size), &Context { clip: Some(&clip), ..Context::default() }).unwrap();
    let straight = texture(size, 0.5 * (1.5 + 6.0), 0.0, 0);
    let (ours, line) = (psnr(&got.pictures[3], &at(1.5)), psnr(&straight, &at(1.5)));
    assert!(ours > line + 1.5, "{ours:.1} dB, on a straight line {line:.1} dB");
}

#[test]
fn a_cut_is_never_warped_across() {
    let size = Size::new(160, 96);
    let clip = strip([texture(size, 0.0, 0.0, 0), texture(size, 2.0, 0.0, 0), texture(size, 0.0, 0.0, 9), texture(size, 2.0, 0.0, 9)]);
    let got = make(&request(Task::Retime { num: 4, den: 1 }, 13, size), &Context { clip: Some(&clip), ..Context::default() }).unwrap();
    for i in 5..8 {
        assert!(got.pictures[i] == *clip[1] || got.pictures[i] == *clip[2], "frame {i} is neither side of the cut");
    }
    assert!(got.notes.iter().any(|n| n.contains("a cut was found")), "{:?}", got.notes);
    let (tail, head) = (strip([clip[0].as_ref().clone()]), strip([clip[2].as_ref().clone()]));
    let got = make(&request(Task::Bridge, 3, size), &Context { tail: Some(&tail), head: Some(&head), ..Context::default() }).unwrap();
    assert!(got.notes.iter().any(|n| n.contains("cutaway")), "{:?}", got.notes);
    let middle = psnr(&got.pictures[1], &draft::bridge::dissolve(&clip[0], &clip[2], 0.5));
    assert!(middle > 80.0, "not a dissolve: {middle:.1} dB");
}

#[test]
fn bars_stay_where_they_are_while_the_picture_pans() {
    let size = Size::new(160, 96);
    let barred = |dx: f32| {
        let mut p = texture(size, dx, 0.0, 0);
        for y in (0..12).chain(84..96) {
            p.row_mut(y).fill([0.0, 0.0, 0.0, 1.0]);
        }
        p
    };
    let clip = strip([barred(0.0), barred(8.0)]);
    let got = make(&request(Task::Retime { num: 2, den: 1 }, 3, size), &Context { clip: Some(&clip), ..Context::default() }).unwrap();
    for y in (0..10).chain(86..96) {
        let worst = got.pictures[1].row(y).iter().flat_map(|p| &p[..3]).fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(worst < 0.02, "row {y}: {worst}");
    }
    assert!(psnr(&got.pictures[1], &barred(4.0)) > 32.0);
}

#[test]
fn broken_pixels_are_healed_and_any_range_survives() {
    let size = Size::new(64, 40);
    for space in [ColourSpace::Rec709, ColourSpace::AcesCg, ColourSpace::SLog3] {
        let frame = |dx: f32, broken: bool| {
            let mut p = texture(size, dx, 0.0, 0);
            p.pixels_mut().iter_mut().for_each(|v| *v = [v[0] * 1e6, -v[1], v[2] * 1e-6, 0.5]);
            if broken {
                p.row_mut(20)[30] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0];
            }
            p
        };
        let (tail, head) = (strip([frame(0.0, false), frame(2.0, true)]), strip([frame(6.0, false)]));
        let mut r = request(Task::Bridge, 3, size);
        r.context.colour = space;
        let got = make(&r, &Context { tail: Some(&tail), head: Some(&head), ..Context::default() }).unwrap();
        for p in &got.pictures {
            assert!(p.pixels().iter().flatten().all(|v| v.is_finite()));
            assert!(p.row(5).iter().all(|v| (v[3] - 0.5).abs() < 0.01), "alpha is carried");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let size = Size::new(150, 110);
    let clip = strip((0..4).map(|i| texture(size, 5.0 * i as f32, 2.0, 0)));
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            make(&request(Task::Retime { num: 3, den: 1 }, 10, size), &Context { clip: Some(&clip), ..Context::default() })
                .unwrap()
                .pictures
        })
    };
    let one = run(1);
    assert!(one == run(3) && one == run(8));
}

#[test]
fn a_missing_side_is_said_and_no_side_is_refused() {
    let size = Size::new(32, 18);
    let side = strip((0..12).map(|i| texture(size, 0.3 * i as f32, 0.0, 0)));
    let got = make(&request(Task::Bridge, 4, size), &Context { tail: Some(&side), ..Context::default() }).unwrap();
    assert_eq!(got.pictures.len(), 4);
    assert!(got.notes.iter().any(|n| n.contains("nothing stands after")));
    let got = make(&request(Task::Bridge, 4, size), &Context { head: Some(&side), ..Context::default() }).unwrap();
    assert!(got.notes.iter().any(|n| n.contains("nothing stands before")));
    let empty: Vec<Arc<Picture>> = Vec::new();
    for task in [Task::Bridge, Task::Extend { at: End::Tail }, Task::Retime { num: 2, den: 1 }, Task::Retake { keep: Keep::Picture }] {
        let fault = make(&request(task, 4, size), &Context { tail: Some(&empty), ..Context::default() }).err().unwrap();
        assert_eq!(fault.code, Code::Argument, "{task:?}");
        assert!(!fault.remedy.is_empty());
    }
    let other = strip([texture(Size::new(8, 8), 0.0, 0.0, 0)]);
    let fault =
        make(&request(Task::Bridge, 4, size), &Context { tail: Some(&side), head: Some(&other), ..Context::default() }).err().unwrap();
    assert!(fault.what.contains("8×8") && fault.what.contains("32×18"), "{fault}");
}

#[test]
fn a_frame_of_another_size_inside_a_clip_is_refused() {
    struct Odd;
    impl Frames for Odd {
        fn count(&self) -> usize {
            2
        }
        fn size(&self) -> Size {
            Size::new(32, 18)
        }
        fn frame(&self, index: usize) -> Result<Arc<Picture>, Fault> {
            Ok(Arc::new(texture(Size::new(32 - 8 * index as u32, 18), 0.0, 0.0, 0)))
        }
    }
    let r = request(Task::Retime { num: 2, den: 1 }, 3, Size::new(32, 18));
    let fault = make(&r, &Context { clip: Some(&Odd), ..Context::default() }).err().unwrap();
    assert_eq!(fault.code, Code::Input);
}

#[test]
fn words_alone_give_a_card_and_a_still_gives_a_move() {
    let size = Size::new(96, 54);
    let r = Request { prompt: "a harbour at dawn".into(), ..request(Task::Establish, 6, size) };
    let got = make(&r, &Context::default()).unwrap();
    assert!(got.card && got.pictures.len() == 6);
    let still = Arc::new(texture(Size::new(200, 200), 0.0, 0.0, 0));
    for camera in [Camera::Auto, Camera::PanLeft, Camera::TiltUp] {
        let got = make(&Request { camera, ..r.clone() }, &Context { still: Some(Arc::clone(&still)), ..Context::default() }).unwrap();
        assert!(!got.card && got.pictures[0] != got.pictures[5], "{camera:?}");
    }
}

#[test]
fn an_error_of_the_sink_stops_at_once() {
    let size = Size::new(32, 18);
    let clip = strip((0..3).map(|i| texture(size, i as f32, 0.0, 0)));
    let mut got = Got { stop_after: Some(2), ..Got::default() };
    let r = request(Task::Retime { num: 10, den: 1 }, 20, size);
    let fault = Draft.generate(&r, &Context { clip: Some(&clip), ..Context::default() }, &mut got).unwrap_err();
    assert_eq!(fault.code, Code::Cancelled);
    assert_eq!(got.pictures.len(), 2);
}

#[test]
fn sound_is_as_long_as_the_picture_to_the_sample() {
    let size = Size::new(8, 8);
    let side = strip([texture(size, 0.0, 0.0, 0)]);
    let mut r = request(Task::Bridge, 7, size);
    r.sound = SoundMode::Match;
    r.rate = "30000/1001".parse().unwrap();
    let got = make(&r, &Context { tail: Some(&side), head: Some(&side), ..Context::default() }).unwrap();
    let sound = got.sound.unwrap();
    assert_eq!((sound.len() as i64, sound.channels().len()), (r.total_samples().0, 2));
}

#[test]
fn a_still_handle_is_held_and_a_pan_goes_on() {
    let size = Size::new(160, 90);
    let pan = strip((0..4).map(|i| texture(size, 4.0 * i as f32, 0.0, 0)));
    let got = make(&request(Task::Extend { at: End::Tail }, 3, size), &Context { tail: Some(&pan), ..Context::default() }).unwrap();
    // Settling: the first new frame keeps four fifths of the speed.
    let truth = texture(size, 12.0 + 3.2, 0.0, 0);
    let crop = |p: &Picture| {
        let rows = (10..80).flat_map(|y| p.row(y)[20..140].to_vec()).collect();
        Picture::new(Size::new(120, 70), rows).unwrap()
    };
    assert!(psnr(&crop(&got.pictures[0]), &crop(&truth)) > 32.0, "{:.1}", psnr(&crop(&got.pictures[0]), &crop(&truth)));
    let head = strip((0..4).map(|i| texture(size, 4.0 * i as f32, 0.0, 0)));
    let got = make(&request(Task::Extend { at: End::Head }, 3, size), &Context { head: Some(&head), ..Context::default() }).unwrap();
    let truth = texture(size, -3.2, 0.0, 0);
    assert!(psnr(&crop(&got.pictures[2]), &crop(&truth)) > 32.0, "{:.1}", psnr(&crop(&got.pictures[2]), &crop(&truth)));
}

#[test]
fn a_bridge_goes_on_with_the_speed_on_both_sides() {
    let size = Size::new(320, 180);
    // Speeds from 2 to 6 pixels a frame over a hole of 4 frames: x(i) = 2i + 0.4 i² between frames 0 and 5.
    let at = |i: f32| {
        texture(
            size,
            if i < 0.0 {
                2.0 * i
            } else if i <= 5.0 {
                2.0 * i + 0.4 * i * i
            } else {
                20.0 + 6.0 * (i - 5.0)
            },
            0.0,
            0,
        )
    };
    let (tail, head) = (strip([at(-2.0), at(-1.0), at(0.0)]), strip([at(5.0), at(6.0), at(7.0)]));
    let got = make(&request(Task::Bridge, 4, size), &Context { tail: Some(&tail), head: Some(&head), ..Context::default() }).unwrap();
    for (i, p) in got.pictures.iter().enumerate() {
        let i = i as f32 + 1.0;
        let straight = texture(size, 4.0 * i, 0.0, 0);
        let (ours, line) = (psnr(p, &at(i)), psnr(&straight, &at(i)));
        assert!(ours > line + 1.5, "frame {i}: {ours:.1} dB, at even speed {line:.1} dB");
    }
    assert!(got.notes.iter().any(|n| n.contains("good")), "{:?}", got.notes);
}

#[test]
fn motion_that_comes_round_is_looped_and_its_seam_is_told() {
    let size = Size::new(96, 54);
    // Water: every part sways in its own way, with a period of 12 frames.
    let at = |i: f32| {
        let w = std::f32::consts::TAU * i / 12.0;
        let pixels = (0..size.pixels()).map(|n| {
            let (x, y) = ((n % 96) as f32, (n / 96) as f32);
            let v = 0.5 + 0.2 * (x * 0.3 + w).sin() + 0.2 * (y * 0.4 - w + x * 0.1).cos();
            [v, v, 0.5, 1.0]
        });
        Picture::new(size, pixels.collect()).unwrap()
    };
    let handle = strip((0..30).map(|i| at(i as f32)));
    let got = make(&request(Task::Extend { at: End::Tail }, 30, size), &Context { tail: Some(&handle), ..Context::default() }).unwrap();
    for (i, p) in got.pictures.iter().enumerate() {
        assert!(psnr(p, &at(30.0 + i as f32)) > 34.0, "frame {i}: {:.1} dB: it turned round or stood", psnr(p, &at(30.0 + i as f32)));
    }
    let seam = got.figures.iter().find(|f| f.name == "loop-seam").unwrap();
    assert!(seam.value < 0.5, "{seam:?}");
}

#[test]
fn interlaced_frames_are_said_to_be() {
    let size = Size::new(160, 96);
    let woven = |i: i32| {
        let (mut p, later) = (texture(size, 6.0 * i as f32, 0.0, 0), texture(size, 6.0 * i as f32 + 3.0, 0.0, 0));
        for y in (1..96).step_by(2) {
            p.row_mut(y).copy_from_slice(later.row(y));
        }
        p
    };
    let task = Task::Retime { num: 2, den: 1 };
    let got = make(&request(task, 7, size), &Context { clip: Some(&strip((0..4).map(woven))), ..Context::default() }).unwrap();
    assert!(got.notes.iter().any(|n| n.contains("interlaced")), "{:?}", got.notes);
    let whole = strip((0..4).map(|i| texture(size, 6.0 * i as f32, 0.0, 0)));
    let got = make(&request(task, 7, size), &Context { clip: Some(&whole), ..Context::default() }).unwrap();
    assert!(!got.notes.iter().any(|n| n.contains("interlaced")), "{:?}", got.notes);
}

#[test]
fn a_better_join_in_the_handles_is_told() {
    let size = Size::new(320, 180);
    // Both takes pan by 9 pixels a frame; the second begins 72 pixels behind where the first ends.
    let take = |start: f32| strip((0..12).map(|i| texture(size, start + 9.0 * i as f32, 0.0, 0)));
    let (tail, head) = (take(0.0), take(99.0 - 72.0));
    let join = draft::join::search(&tail, &head, ColourSpace::Rec709).unwrap().unwrap();
    assert_eq!(join.before + join.after, 8, "{join:?}");
    assert!(join.left < 0.1, "{join:?}");
    let got = make(&request(Task::Bridge, 2, size), &Context { tail: Some(&tail), head: Some(&head), ..Context::default() }).unwrap();
    assert!(got.notes.iter().any(|n| n.contains("join better")) != got.notes.iter().any(|n| n.contains("good")), "{:?}", got.notes);
    // A shot that goes on joins best where it is.
    assert_eq!(draft::join::search(&tail, &take(108.0), ColourSpace::Rec709).unwrap(), None);
    let still = strip((0..12).map(|_| texture(size, 0.0, 0.0, 0)));
    assert_eq!(draft::join::search(&still, &still, ColourSpace::Rec709).unwrap(), None);
    assert_eq!(draft::join::search(&strip([texture(size, 0.0, 0.0, 0)]), &still, ColourSpace::Rec709).unwrap(), None);
}
