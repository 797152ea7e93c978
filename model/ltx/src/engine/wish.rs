//! What the model is told: the prompt with camera and storyboard in words, the schedule, the size to work at.

use std::ops::Range;

use shot::{Camera, Quality, Request, Size};

use super::plan::{self, Canvas};

/// How a checkpoint is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampling {
    /// By the names of the files: `distilled` in the transformer's or a LoRA's.
    #[default]
    Auto,
    /// The eight levels of the distilled model, no guidance.
    Distilled,
    /// The full model with guidance.
    Dev,
}

/// Pixels of the picture that the model makes at most, by quality: it was trained up to about 1280 × 704.
pub fn pixels(quality: Quality) -> usize {
    match quality {
        Quality::Draft => 512 * 288,
        Quality::Preview => 768 * 448,
        Quality::Final => 1280 * 720,
    }
}

/// Steps of the full model.
pub const fn steps(quality: Quality) -> usize {
    match quality {
        Quality::Draft => 12,
        Quality::Preview => 20,
        // What the authors' pipelines take for 2.3 and 2.5 (notes, §1).
        Quality::Final => 30,
    }
}

/// The model's own size in latents, 1280 × 704: what is larger is refined in parts of at most that.
pub const LARGEST: usize = 40 * 22;

/// By how much a canvas may be larger than the size that its quality asks for, so that halving the picture ends near it.
const TOLERANCE: f64 = 1.6;

/// The canvases that lead to the picture, smallest first: the one that the model begins at, and twice its size as often as it takes.
/// Without an upscaler there is one, and what is larger is resampled.
pub fn canvases(request: &Request, upsampler: bool) -> Vec<Canvas> {
    let most = pixels(request.quality);
    if !upsampler {
        return vec![Canvas::fit(request.size, request.pixel_aspect, most, plan::CELL)];
    }
    let full = Canvas::fit(request.size, request.pixel_aspect, usize::MAX, plan::CELL).picture;
    // Final pictures begin at half of the model's size at most.
    let (least, most) = if request.quality == Quality::Final { (1, most / 4) } else { (0, most) };
    let fits = |halvings: &u32| full.pixels() as f64 / 4f64.powi(*halvings as i32) <= most as f64 * TOLERANCE;
    let halvings = (least..16).find(fits).unwrap_or(16);
    let stages = ladder(full, halvings);
    // Light takes end where the full picture begins to be refined.
    if request.quality == Quality::Final { stages } else { stages.into_iter().take(1).collect() }
}

/// The canvases of a promotion: from the light take's on, doubled once at least and until the picture is reached.
pub fn promotion(request: &Request, light: Canvas) -> Vec<Canvas> {
    let full = Canvas::fit(request.size, request.pixel_aspect, usize::MAX, plan::CELL).picture;
    let reached = |n: &u32| light.picture.width << n >= full.width && light.picture.height << n >= full.height;
    let doublings = (1..16).find(reached).unwrap_or(1);
    let exact = ladder(full, doublings);
    if exact.first() == Some(&light) { exact } else { (0..=doublings).map(|n| light.times(1 << n)).collect() }
}

/// A picture halved so many times, and back: canvases of which each is twice the one before, the last one with exactly the picture.
fn ladder(full: Size, halvings: u32) -> Vec<Canvas> {
    let part = |n: u32| Size::new(full.width.div_ceil(1 << n), full.height.div_ceil(1 << n));
    let cells = |side: u32| side.div_ceil(plan::CELL) * plan::CELL;
    let small = part(halvings);
    let (width, height) = (cells(small.width), cells(small.height));
    (0..=halvings).map(|n| Canvas { canvas: Size::new(width << n, height << n), picture: part(halvings - n) }).collect()
}

/// The prompt of a stretch of the shot (`shown`, its frames at the model's clock): what was asked, the camera, and the beats that
/// fall into it with their seconds.
pub fn prompt(request: &Request, shown: &Range<usize>, every: usize) -> String {
    let mut text = request.prompt.trim().to_owned();
    let mut add = |sentence: &str| {
        if !text.is_empty() {
            if !text.ends_with(['.', '!', '?', ':', ';', ',']) {
                text.push('.');
            }
            text.push(' ');
        }
        text.push_str(sentence);
    };
    if let Some(words) = camera(request.camera) {
        add(words);
    }
    let before = request.handle_frames().0 as usize;
    let fps = request.rate.as_f64();
    for beat in &request.storyboard {
        let at = (before + beat.frame as usize) / every;
        if shown.contains(&at) {
            let seconds = ((at - shown.start) * every) as f64 / fps;
            add(&format!("At {seconds:.1} seconds: {}", beat.prompt.trim()));
        }
    }
    text
}

/// A camera move in words that the model's captions use.
const fn camera(camera: Camera) -> Option<&'static str> {
    Some(match camera {
        Camera::Auto => return None,
        Camera::Still => "The camera is locked off and does not move.",
        Camera::Push => "The camera slowly pushes in.",
        Camera::Pull => "The camera slowly pulls back.",
        Camera::PanLeft => "The camera pans to the left.",
        Camera::PanRight => "The camera pans to the right.",
        Camera::TiltUp => "The camera tilts up.",
        Camera::TiltDown => "The camera tilts down.",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use shot::{Beat, Rate, Task};

    #[test]
    fn camera_and_beats_become_words_with_their_seconds() {
        let mut request = Request::new(Task::Establish, 48, Rate::whole(24), Size::new(1920, 1080));
        request.prompt = "a harbour at dusk".into();
        request.camera = Camera::Push;
        request.handles = 24;
        request.storyboard = vec![Beat { frame: 12, prompt: "a lamp goes on".into() }];
        let text = prompt(&request, &(0..96), 1);
        assert_eq!(text, "a harbour at dusk. The camera slowly pushes in. At 1.5 seconds: a lamp goes on");
        request.prompt.clear();
        request.camera = Camera::Auto;
        request.storyboard.clear();
        assert_eq!(prompt(&request, &(0..96), 1), "");
    }

    #[test]
    fn canvases_double_until_they_hold_exactly_the_picture() {
        let mut request = Request::new(Task::Establish, 48, Rate::whole(24), Size::new(1920, 1080));
        let pictures = |request: &Request, upsampler| {
            canvases(request, upsampler).iter().map(|c| (c.picture.width, c.picture.height)).collect::<Vec<_>>()
        };
        assert_eq!(pictures(&request, true), [(480, 270), (960, 540), (1920, 1080)]);
        assert_eq!(pictures(&request, false), [(1280, 720)]);
        request.size = Size::new(3840, 2160);
        assert_eq!(pictures(&request, true), [(480, 270), (960, 540), (1920, 1080), (3840, 2160)]);
        request.size = Size::new(1280, 720);
        assert_eq!(pictures(&request, true), [(640, 360), (1280, 720)]);
        request.quality = Quality::Draft;
        assert_eq!(pictures(&request, true), [(640, 360)]);
    }

    proptest! {
        #[test]
        fn every_canvas_is_twice_the_one_before_and_promotion_goes_on_from_a_light_take(
            width in 16u32..8000, height in 16u32..5000, light in prop_oneof![Just(Quality::Draft), Just(Quality::Preview)], upsampler in any::<bool>()) {
            let full = Request::new(Task::Establish, 48, Rate::whole(24), Size::new(width, height));
            let request = Request { quality: light, ..full.clone() };
            let small = canvases(&request, upsampler);
            prop_assert_eq!(small.len(), 1);
            for stages in [canvases(&full, true), promotion(&full, small[0])] {
                prop_assert!(stages.len() > 1);
                for pair in stages.windows(2) {
                    prop_assert_eq!(pair[0].times(2).canvas, pair[1].canvas);
                }
                for c in &stages {
                    prop_assert!(c.canvas.width.is_multiple_of(plan::CELL) && c.canvas.height.is_multiple_of(plan::CELL));
                    prop_assert!(c.picture.width <= c.canvas.width && c.picture.height <= c.canvas.height);
                }
            }
            let last = canvases(&full, true).pop().unwrap();
            prop_assert_eq!((last.picture.width, last.picture.height), (width, height));
            prop_assert_eq!(promotion(&full, small[0])[0], small[0]);
        }
    }
}
