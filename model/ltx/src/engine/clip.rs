//! The pictures of one clip of the model, laid one after another on its canvas: the shot before, a first guess of what is to be made,
//! the shot after.

use std::sync::Arc;

use candle_core::Tensor;
use shot::{Context, Engine, Fault, Figure, Frames, Picture, Request, Sink, Sound, SoundMode, Stage};

use super::canvas;
use super::plan::{self, Canvas, Window};
use crate::error::Result;
use crate::ops::slices;

/// What stands around the frames to make.
#[derive(Clone, Copy, Default)]
pub struct Around<'a> {
    /// Frames before; the last one touches.
    pub tail: Option<&'a dyn Frames>,
    /// Frames after; the first one touches.
    pub head: Option<&'a dyn Frames>,
}

/// What stands around a window, at the model's clock.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// Frames before; the last one touches.
    pub tail: Vec<Arc<Picture>>,
    /// Frames after; the first one touches.
    pub head: Vec<Arc<Picture>>,
}

impl Neighbours {
    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.head.is_empty()
    }
}

/// What is laid where the frames are to be made.
#[derive(Clone, Copy)]
pub enum Middle<'a> {
    /// What another engine made of it, if it could.
    Guess(Option<&'a Guess>),
    /// The editor's own frames, which stay.
    Own(&'a [Arc<Picture>]),
}

/// A clip on the canvas.
pub struct Clip {
    /// `[frames, height, width, 3]`, −1…1.
    pub pictures: Tensor,
    /// Whether the frames to make hold a guess, not just something to fill them.
    pub guessed: bool,
}

/// Lays a window's clip.
pub fn lay(window: &Window, around: Around<'_>, request: &Request, canvas: &Canvas, middle: Middle<'_>) -> Result<Clip> {
    let frames = &window.frames;
    let size = canvas.canvas.pixels() * 3;
    let mut values = vec![0.0f32; frames.total() * size];
    let space = request.context.colour;
    let mut put = |index: usize, picture: &Picture| {
        canvas::show(picture, space, canvas, &mut values[index * size..(index + 1) * size]);
    };
    if let Some(tail) = around.tail.filter(|_| frames.tail > 0) {
        for i in 0..frames.tail {
            put(i, &*tail.frame(tail.count() - frames.tail + i)?);
        }
    }
    let made = frames.range();
    if let Some(head) = around.head.filter(|_| frames.head > 0) {
        for i in 0..frames.head {
            put(made.end + i, &*head.frame(i)?);
        }
    }
    if let Middle::Own(own) = middle {
        own.iter().take(frames.made).enumerate().for_each(|(i, p)| put(made.start + i, p));
    }
    let guess = if let Middle::Guess(Some(guess)) = middle { Some(guess).filter(|g| g.fits(window, size)) } else { None };
    let guessed = guess.is_some();
    if let Some(guess) = guess {
        values[made.start * size..made.end * size].copy_from_slice(&guess.values[window.made.start * size..window.made.end * size]);
    } else if matches!(middle, Middle::Guess(_)) {
        // Something plausible for the encoder to look at: the nearest frame that is known. What is sampled from pure noise never
        // sees it.
        let nearest = |i: usize| match (frames.tail, frames.head) {
            (0, 0) => None,
            (0, _) => Some(made.end),
            (_, 0) => Some(made.start - 1),
            _ if i - made.start < made.len() / 2 => Some(made.start - 1),
            _ => Some(made.end),
        };
        for i in made.clone() {
            if let Some(from) = nearest(i) {
                values.copy_within(from * size..(from + 1) * size, i * size);
            }
        }
    }
    let last = frames.total() - frames.spare;
    for i in last..frames.total() {
        values.copy_within((last - 1) * size..last * size, i * size);
    }
    let shape = (frames.total(), canvas.canvas.height as usize, canvas.canvas.width as usize, 3);
    Ok(Clip { pictures: slices::tensor(values, shape)?, guessed })
}

/// What another engine makes of the request, on the canvas.
pub struct Guess {
    values: Vec<f32>,
    frames: usize,
}

impl Guess {
    /// Asks `engine`; `every` is how many of the timeline's frames one frame of the model stands for.
    pub fn ask(
        engine: &dyn Engine,
        request: &Request,
        context: &Context<'_>,
        canvas: &Canvas,
        every: usize,
    ) -> std::result::Result<Option<Self>, Fault> {
        let request = Request { sound: SoundMode::None, ..request.clone() };
        let mut taken = Taken { canvas: *canvas, request: &request, every, values: Vec::new(), count: 0, card: false };
        engine.generate(&request, context, &mut taken)?;
        // A card is no picture, and a model must not be shown one.
        Ok((!taken.card).then(|| Self { frames: taken.count.div_ceil(every), values: taken.values }))
    }

    fn fits(&self, window: &Window, size: usize) -> bool {
        window.made.end <= self.frames && self.values.len() == self.frames * size
    }
}

/// A sink that keeps what it is given on the canvas only: a fraction of the memory.
struct Taken<'a> {
    canvas: Canvas,
    request: &'a Request,
    every: usize,
    values: Vec<f32>,
    count: usize,
    card: bool,
}

impl Sink for Taken<'_> {
    fn picture(&mut self, picture: Picture) -> std::result::Result<(), Fault> {
        if self.count.is_multiple_of(self.every) {
            let size = self.canvas.canvas.pixels() * 3;
            let start = self.values.len();
            self.values.resize(start + size, 0.0);
            canvas::show(&picture, self.request.context.colour, &self.canvas, &mut self.values[start..]);
        }
        self.count += 1;
        Ok(())
    }

    fn sound(&mut self, _: Sound) -> std::result::Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, _: Stage, _: u64, _: u64) -> std::result::Result<(), Fault> {
        Ok(())
    }

    fn card(&mut self) {
        self.card = true;
    }

    fn figure(&mut self, _: Figure) {}

    fn note(&mut self, _: String) {}
}

/// A sink that hands on the first frames and nothing else.
pub struct First<'a> {
    /// To whom.
    pub sink: &'a mut dyn Sink,
    /// How many.
    pub left: usize,
}

impl Sink for First<'_> {
    fn picture(&mut self, picture: Picture) -> std::result::Result<(), Fault> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.sink.picture(picture)
    }

    fn sound(&mut self, _: Sound) -> std::result::Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, stage: Stage, done: u64, of: u64) -> std::result::Result<(), Fault> {
        self.sink.progress(stage, done, of)
    }

    fn card(&mut self) {}

    fn figure(&mut self, _: Figure) {}

    fn note(&mut self, _: String) {}
}

/// Every nth frame, so that the model's clock is one that it knows. On the head's side the frame that touches comes first, on the
/// tail's side last.
pub fn thinned(frames: &dyn Frames, every: usize, tail: bool) -> Result<Vec<Arc<Picture>>> {
    let count = frames.count().div_ceil(every).min(plan::HANDLE + plan::STEP);
    let at = |i: usize| if tail { frames.count() - 1 - (count - 1 - i) * every } else { i * every };
    Ok((0..count).map(|i| frames.frame(at(i))).collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::plan::{Wanted, windows};
    use shot::{Rate, Size, Task};

    fn grey(v: f32) -> Arc<Picture> {
        Arc::new(Picture::filled(Size::new(32, 32), [v, v, v, 1.0]))
    }

    #[test]
    fn every_frame_lies_where_it_belongs() {
        let tail: Vec<_> = (0..30).map(|i| grey(i as f32 / 100.0)).collect();
        let head: Vec<_> = (0..30).map(|i| grey(0.5 + i as f32 / 100.0)).collect();
        let window = windows(Wanted { made: 10, tail: 30, head: 30 }, 24.0).remove(0);
        let request = Request::new(Task::Bridge, 10, Rate::whole(24), Size::new(32, 32));
        let canvas = Canvas::fit(request.size, 1.0, 10_000, 32);
        let clip = lay(&window, Around { tail: Some(&tail), head: Some(&head) }, &request, &canvas, Middle::Guess(None)).unwrap();
        let values: Vec<f32> = clip.pictures.flatten_all().unwrap().to_vec1().unwrap();
        let at = |i: usize| (values[i * 32 * 32 * 3] + 1.0) / 2.0;
        let made = window.frames.range();
        assert!((at(0) - 0.05).abs() < 1e-6 && (at(made.start - 1) - 0.29).abs() < 1e-6);
        assert!((at(made.end) - 0.5).abs() < 1e-6);
        assert!((at(made.start) - 0.29).abs() < 1e-6 && (at(made.end - 1) - 0.5).abs() < 1e-6);
        assert!(!clip.guessed);
    }

    #[test]
    fn thinning_keeps_the_frames_that_touch() {
        let frames: Vec<_> = (0..9).map(|i| grey(i as f32)).collect();
        let of = |tail| thinned(&frames, 2, tail).unwrap().iter().map(|p| p.pixels()[0][0]).collect::<Vec<_>>();
        assert_eq!(of(true), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(of(false), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let frames: Vec<_> = (0..8).map(|i| grey(i as f32)).collect();
        let of = |tail| thinned(&frames, 2, tail).unwrap().iter().map(|p| p.pixels()[0][0]).collect::<Vec<_>>();
        assert_eq!(of(true), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!(of(false), [0.0, 2.0, 4.0, 6.0]);
    }
}
