//! What the model is told: the prompt with camera and storyboard in words, the schedule, the size to work at.

use shot::{Camera, Quality, Request};

use super::plan::{Canvas, Window};

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

/// The canvas, and whether it is reached in two stages: half the size first, then upsampled and refined.
pub fn canvas(request: &Request, upsampler: bool) -> (Canvas, bool) {
    let two = upsampler && request.quality == Quality::Final;
    let cell = if two { 64 } else { 32 };
    (Canvas::fit(request.size, request.pixel_aspect, pixels(request.quality), cell), two)
}

/// The prompt of a window of the shot: what was asked, the camera, and the beats that fall into it with their seconds.
pub fn prompt(request: &Request, window: &Window, every: usize) -> String {
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
        if window.made.contains(&at) {
            let seconds = ((at - window.made.start) * every) as f64 / fps;
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
    use crate::engine::plan::{Wanted, windows};
    use shot::{Beat, Rate, Size, Task};

    #[test]
    fn camera_and_beats_become_words_with_their_seconds() {
        let mut request = Request::new(Task::Establish, 48, Rate::whole(24), Size::new(1920, 1080));
        request.prompt = "a harbour at dusk".into();
        request.camera = Camera::Push;
        request.handles = 24;
        request.storyboard = vec![Beat { frame: 12, prompt: "a lamp goes on".into() }];
        let window = windows(Wanted { made: request.total_frames() as usize, tail: 0, head: 0 }, 24.0).remove(0);
        let text = prompt(&request, &window, 1);
        assert_eq!(text, "a harbour at dusk. The camera slowly pushes in. At 1.5 seconds: a lamp goes on");
        request.prompt.clear();
        request.camera = Camera::Auto;
        request.storyboard.clear();
        assert_eq!(prompt(&request, &window, 1), "");
    }

    #[test]
    fn two_stages_need_an_upsampler_and_the_time_for_them() {
        let mut request = Request::new(Task::Establish, 48, Rate::whole(24), Size::new(1920, 1080));
        let (canvas, two) = canvas(&request, true);
        assert!(two && canvas.canvas.width % 64 == 0 && canvas.canvas.pixels() <= 1344 * 768);
        assert!(!super::canvas(&request, false).1);
        request.quality = Quality::Draft;
        assert!(!super::canvas(&request, true).1);
    }
}
