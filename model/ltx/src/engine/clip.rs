//! The pictures of the clip that the model sees, one after another on its canvas: the shot before, a first guess of what is to be
//! made, the shot after. They are laid one by one when somebody asks: a whole clip on a large canvas would not fit any memory.

use std::sync::Arc;

use shot::{Context, Engine, Fault, Figure, Frames, Picture, Request, Sink, Sound, SoundMode, Stage};

use super::canvas;
use super::look::Look;
use super::plan::{self, Canvas};
use crate::error::Result;

/// What stands around the frames to make, at the model's clock.
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
    /// The editor's own frames, of which one in so many is shown.
    Own(&'a dyn Frames, usize),
}

/// The clip.
pub struct Clip<'a> {
    /// Its frames.
    pub frames: plan::Frames,
    /// What stands around them, as the model was trained to see it.
    pub around: Neighbours,
    /// What stands where they are to be made.
    pub middle: Middle<'a>,
    /// What the model's values mean.
    pub look: Look,
}

impl Clip<'_> {
    /// Whether the frames to make hold a guess on this canvas.
    pub fn guessed(&self, canvas: &Canvas) -> bool {
        matches!(self.middle, Middle::Guess(Some(guess)) if guess.canvas == *canvas && guess.count >= self.frames.made)
    }

    /// Whether the editor's own frames stay.
    pub const fn keeps_picture(&self) -> bool {
        matches!(self.middle, Middle::Own(..))
    }

    /// Lays frame `index` of the clip: `height × width × 3` values of −1…1.
    pub fn lay(&self, index: usize, canvas: &Canvas, out: &mut [f32]) -> Result<()> {
        let frames = &self.frames;
        // Frames that only fill the grid repeat the last one before them.
        let index = index.min(frames.total() - frames.spare - 1);
        let (made, tail, head) = (frames.range(), &self.around.tail, &self.around.head);
        let given = if index < made.start {
            (tail.len() + index).checked_sub(made.start).and_then(|i| tail.get(i))
        } else if index >= made.end {
            head.get(index - made.end)
        } else {
            match self.middle {
                Middle::Own(own, every) => {
                    let last = own.count().saturating_sub(1);
                    canvas::show(&*own.frame(((index - made.start) * every).min(last))?, self.look, canvas, out);
                    return Ok(());
                }
                Middle::Guess(Some(guess)) if self.guessed(canvas) => {
                    guess.lay(index - made.start, out);
                    return Ok(());
                }
                // Something plausible for the encoder to look at: the nearest frame that is known. What is sampled from pure noise
                // never sees it.
                Middle::Guess(_) => match (tail.last(), head.first()) {
                    (Some(before), Some(_)) if index - made.start < made.len() / 2 => Some(before),
                    (before, after) => after.or(before),
                },
            }
        };
        match given {
            Some(picture) => canvas::show(picture, self.look, canvas, out),
            None => out.fill(0.0),
        }
        Ok(())
    }
}

/// What another engine makes of the request, on the canvas, in eight bits: it goes into noise.
pub struct Guess {
    values: Vec<u8>,
    canvas: Canvas,
    count: usize,
}

impl Guess {
    /// Asks `engine`; `every` is how many of the timeline's frames one frame of the model stands for.
    pub fn ask(
        engine: &dyn Engine,
        request: &Request,
        context: &Context<'_>,
        (canvas, look): (&Canvas, Look),
        every: usize,
    ) -> std::result::Result<Option<Self>, Fault> {
        let request = Request { sound: SoundMode::None, ..request.clone() };
        let mut taken = Taken { canvas: *canvas, look, every, values: Vec::new(), count: 0, card: false };
        engine.generate(&request, context, &mut taken)?;
        // A card is no picture, and a model must not be shown one.
        Ok((!taken.card).then(|| Self { count: taken.count.div_ceil(every), values: taken.values, canvas: *canvas }))
    }

    fn lay(&self, index: usize, out: &mut [f32]) {
        let size = out.len();
        if let Some(values) = self.values.get(index * size..(index + 1) * size) {
            out.iter_mut().zip(values).for_each(|(out, v)| *out = f32::from(*v) / 127.5 - 1.0);
        }
    }
}

/// A sink that keeps what it is given on the canvas only: a fraction of the memory.
struct Taken {
    canvas: Canvas,
    look: Look,
    every: usize,
    values: Vec<u8>,
    count: usize,
    card: bool,
}

impl Sink for Taken {
    fn picture(&mut self, picture: Picture) -> std::result::Result<(), Fault> {
        if self.count.is_multiple_of(self.every) {
            let mut values = vec![0.0; self.canvas.canvas.pixels() * 3];
            canvas::show(&picture, self.look, &self.canvas, &mut values);
            self.values.extend(values.iter().map(|v| ((v + 1.0) * 127.5).round() as u8));
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
    use crate::engine::plan::Wanted;
    use shot::{ColourSpace, Size};

    fn grey(v: f32) -> Arc<Picture> {
        Arc::new(Picture::filled(Size::new(32, 32), [v, v, v, 1.0]))
    }

    #[test]
    fn every_frame_lies_where_it_belongs() {
        let tail: Vec<_> = (0..30).map(|i| grey(i as f32 / 100.0)).collect();
        let head: Vec<_> = (0..30).map(|i| grey(0.5 + i as f32 / 100.0)).collect();
        let frames = plan::Frames::fit(Wanted { made: 10, tail: 30, head: 3 });
        let canvas = Canvas::fit(Size::new(32, 32), 1.0, 10_000, 32);
        let look = Look::display(ColourSpace::Rec709);
        let of = |middle| Clip { frames, around: Neighbours { tail: tail.clone(), head: head.clone() }, middle, look };
        let at = |clip: &Clip<'_>, i: usize| {
            let mut out = vec![9.0; 32 * 32 * 3];
            clip.lay(i, &canvas, &mut out).unwrap();
            (out[0] + 1.0) / 2.0
        };
        let clip = of(Middle::Guess(None));
        let made = frames.range();
        assert!((at(&clip, 0) - 0.05).abs() < 1e-6 && (at(&clip, made.start - 1) - 0.29).abs() < 1e-6);
        assert!((at(&clip, made.end) - 0.5).abs() < 1e-6);
        assert!((at(&clip, made.start) - 0.29).abs() < 1e-6 && (at(&clip, made.end - 1) - 0.5).abs() < 1e-6);
        assert!(frames.spare > 0 && (at(&clip, frames.total() - 1) - 0.52).abs() < 1e-6);
        assert!(!clip.guessed(&canvas));
        let own: Vec<_> = (0..20).map(|i| grey(0.01 * i as f32)).collect();
        assert!((at(&of(Middle::Own(&own, 2)), made.start + 3) - 0.06).abs() < 1e-6);
        // A guess is as good as eight bits are.
        let values = (0..10u8).flat_map(|i| vec![i * 20; 32 * 32 * 3]).collect();
        let guess = Guess { values, canvas, count: 10 };
        let clip = of(Middle::Guess(Some(&guess)));
        assert!(clip.guessed(&canvas) && (at(&clip, made.start + 3) - 60.0 / 255.0).abs() < 1e-6);
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
