//! Cards and slates of every size: whole, inside the title-safe area, never a crash.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use shot::request::Task;
use shot::{FrameIndex, Picture, Rate, Request, Seconds, Size, Stage};
use slate::{Missing, Progress, missing, progress, stamp};

const PROMPT: &str = "A harbour town at dawn, fog over the water, gulls; the camera drifts slowly to the right.";
const REASON: &str = "The draft engine cannot make a picture from words alone; connect a still to start from.";

fn card(size: Size, prompt: &str) -> Picture {
    let mut request = Request::new(Task::Establish, 120, Rate::whole(24), size);
    request.prompt = prompt.into();
    request.start = FrameIndex(86_400);
    missing(&Missing::of(&request, REASON))
}

fn slate(size: Size, done: f64) -> Progress<'static> {
    Progress {
        size,
        pixel_aspect: 1.0,
        task: "bridge",
        prompt: PROMPT,
        stage: Some(Stage::Picture),
        done,
        left: Some(Seconds(95.0)),
        hint: "Press Cancel to stop.",
    }
}

fn is_display(picture: &Picture) -> bool {
    picture.pixels().iter().all(|p| p[3] == 1.0 && p[..3].iter().all(|v| (0.0..=1.0).contains(v)))
}

/// Pixels of the signal colour.
fn signal(picture: &Picture) -> usize {
    picture.pixels().iter().filter(|p| p[0] > 0.6 && p[2] < 0.35).count()
}

/// Pixels of text.
fn bright(picture: &Picture) -> usize {
    picture.pixels().iter().filter(|p| p[0] > 0.6 && p[2] > 0.5).count()
}

#[test]
fn nothing_stands_outside_the_title_safe_area() {
    for (width, height) in [(1920, 1080), (1080, 1920), (320, 180), (2048, 858), (720, 576), (100, 3000)] {
        let size = Size::new(width, height);
        for picture in [card(size, &PROMPT.repeat(40)), progress(&slate(size, 1.0))] {
            let ground = picture.pixels()[0];
            let (left, top) = (width as usize / 20, height as usize / 20);
            for y in 0..picture.height() {
                for (x, pixel) in picture.row(y).iter().enumerate() {
                    let outside = x + 1 < left || y + 1 < top || x > width as usize - left || y > height as usize - top;
                    assert!(!outside || *pixel == ground, "{size} at {x}, {y}");
                }
            }
            assert!(bright(&picture) > 100, "{size}");
        }
    }
}

#[test]
fn a_longer_prompt_fills_the_card_and_no_more() {
    let size = Size::new(640, 360);
    let ink = |prompt: &str| bright(&card(size, prompt));
    let (none, one, many, endless) = (ink(""), ink(PROMPT), ink(&PROMPT.repeat(4)), ink(&PROMPT.repeat(400)));
    assert!(none < one && one < many, "{none} {one} {many}");
    assert!(endless < many * 4);
}

#[test]
fn the_bar_is_as_long_as_the_work_that_is_done() {
    let size = Size::new(1920, 1080);
    let lamp = signal(&progress(&slate(size, 0.0)));
    let full = signal(&progress(&slate(size, 1.0))) - lamp;
    for done in [0.25, 0.5, 0.75] {
        let part = signal(&progress(&slate(size, done))) - lamp;
        assert!((part as f64 / full as f64 - done).abs() < 0.01, "{done}: {part} of {full}");
    }
    for odd in [f64::NAN, -1.0, 7.0, f64::INFINITY] {
        assert!(is_display(&progress(&slate(size, odd))));
    }
}

#[test]
fn a_card_is_never_empty_however_small() {
    for (width, height) in [(1, 1), (2, 1), (1, 50), (16, 16), (64, 36), (200, 10), (10, 200)] {
        let size = Size::new(width, height);
        for picture in [card(size, PROMPT), progress(&slate(size, 0.5))] {
            assert_eq!(picture.size(), size);
            let ground = 0.085f32;
            assert!(picture.pixels().iter().any(|p| p[0] > ground * 2.0), "{size}");
        }
    }
}

#[test]
fn the_largest_rasters_are_drawn_too() {
    let picture = card(Size::new(8192, 4320), PROMPT);
    let small = card(Size::new(2048, 1080), PROMPT);
    let share = |p: &Picture| bright(p) as f64 / p.size().pixels() as f64;
    assert!((share(&picture) / share(&small) - 1.0).abs() < 0.2, "{} {}", share(&picture), share(&small));
}

#[test]
fn sizes_that_cannot_be_are_one_pixel() {
    for size in [Size::new(0, 0), Size::new(0, 10), Size::new(u32::MAX, u32::MAX)] {
        assert_eq!(card(size, PROMPT).size(), Size::new(1, 1));
        assert_eq!(progress(&slate(size, 0.5)).size(), Size::new(1, 1));
    }
}

#[test]
fn pixels_that_are_not_square_squeeze_the_letters() {
    let size = Size::new(960, 1080);
    let request =
        |aspect| Request { pixel_aspect: aspect, prompt: PROMPT.into(), ..Request::new(Task::Establish, 24, Rate::whole(24), size) };
    let squeezed = missing(&Missing::of(&request(2.0), REASON));
    let square = card(Size::new(1920, 1080), PROMPT);
    // Shown twice as wide it has the same share of ink as a card of square pixels.
    let share = |p: &Picture| bright(p) as f64 / p.size().pixels() as f64;
    assert!((share(&squeezed) / share(&square) - 1.0).abs() < 0.12, "{} {}", share(&squeezed), share(&square));
}

#[test]
fn a_stamp_touches_only_its_strip() {
    let size = Size::new(640, 360);
    let clean = Picture::filled(size, [3.0, -0.5, 0.25, 1.0]);
    let mut stamped = clean.clone();
    stamp(&mut stamped, 1.0, "Pickup: dissolve in place of the take");
    let changed: Vec<usize> = (0..360).filter(|y| stamped.row(*y) != clean.row(*y)).collect();
    assert!(!changed.is_empty() && changed.len() < 24 && changed.iter().all(|y| (306..=342).contains(y)), "{changed:?}");
    assert!(changed.iter().all(|y| stamped.row(*y)[..31] == clean.row(*y)[..31]));
}

#[test]
fn the_same_words_are_the_same_pixels() {
    let size = Size::new(333, 222);
    assert_eq!(card(size, PROMPT), card(size, PROMPT));
    assert_eq!(progress(&slate(size, 0.3)), progress(&slate(size, 0.3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_size_and_no_text_is_too_much(width in 1u32..400, height in 1u32..400, aspect in 0.05f64..20.0, prompt in "\\PC{0,300}", done: f64, left: f64) {
        let size = Size::new(width, height);
        let request = Request { pixel_aspect: aspect, prompt: prompt.clone(), ..Request::new(Task::Insert, u32::MAX, Rate::whole(24), size) };
        let picture = missing(&Missing::of(&request, &prompt));
        prop_assert!(is_display(&picture));
        let slate = Progress { size, pixel_aspect: aspect, task: &prompt, prompt: &prompt, stage: None, done, left: Some(Seconds(left)), hint: &prompt };
        let mut picture = progress(&slate);
        prop_assert!(is_display(&picture));
        stamp(&mut picture, aspect, &prompt);
        prop_assert!(is_display(&picture));
    }
}
