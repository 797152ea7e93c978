//! The draft as an engine: which task is made in which way, and what the editor is told about it.

use shot::request::End;
use shot::{Camera, ColourSpace, Context, Engine, Fault, Figure, Frames, Keep, Picture, Quality, Request, Sink, SoundMode, Stage, Task};

use crate::bridge::bridge;
use crate::cut::{Hideability, Likeness};
use crate::error::Error;
use crate::extend::{Extension, HANDLE, Reversed, Way};
use crate::flow::Settings;
use crate::frame::healed;
use crate::join;
use crate::reel::{Joined, Reel};
use crate::retime::retime;
use crate::still::{Move, ease, show};

/// The embedded engine: no weights, no state, near real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Draft;

impl Engine for Draft {
    fn name(&self) -> &str {
        "draft"
    }

    fn version(&self) -> u32 {
        1
    }

    fn handle_frames(&self, request: &Request) -> u32 {
        match request.task {
            // Two on each side tell the velocity, a third whether it changes; the others may hold a better join.
            Task::Bridge => join::REACH as u32,
            Task::Retake { .. } => 3,
            Task::Extend { .. } => HANDLE as u32,
            Task::Insert | Task::Establish | Task::Retime { .. } => 0,
        }
    }

    fn is_trained(&self) -> bool {
        false
    }

    fn generate(&self, request: &Request, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), Fault> {
        request.check()?;
        if !request.storyboard.is_empty() || !context.keyframes.is_empty() {
            sink.note("the draft engine does not follow a storyboard: choose an engine with weights".into());
        }
        let job = Job { request, context, settings: if request.quality == Quality::Draft { Settings::DRAFT } else { Settings::FINAL } };
        job.pictures(sink)?;
        job.sound(sink)
    }
}

/// What is said about frames that are woven from fields.
const INTERLACED: &str = "the frames are interlaced: every moving edge is a comb; deinterlace the clip and make this again";

struct Job<'a> {
    request: &'a Request,
    context: &'a Context<'a>,
    settings: Settings,
}

/// A side without a frame is no side.
fn present(frames: Option<&dyn Frames>) -> Option<&dyn Frames> {
    frames.filter(|f| f.count() > 0)
}

impl Job<'_> {
    fn pictures(&self, sink: &mut dyn Sink) -> Result<(), Fault> {
        let (tail, head) = (present(self.context.tail), present(self.context.head));
        for (side, frames) in [("tail", tail), ("head", head), ("clip", present(self.context.clip))] {
            if let Some(f) = frames.filter(|f| f.size() != self.request.size) {
                return Err(Error::Size { side, index: 0, expected: self.request.size, got: f.size() }.into());
            }
        }
        match self.request.task {
            Task::Retake { keep: Keep::Picture } => self.keep_picture(sink),
            Task::Bridge | Task::Retake { .. } => match (tail, head) {
                (Some(t), Some(h)) => self.bridge(t, h, sink),
                (Some(t), None) => {
                    sink.note("nothing stands after the hole: the shot before it is extended instead".into());
                    self.extend(t, End::Tail, sink)
                }
                (None, Some(h)) => {
                    sink.note("nothing stands before the hole: the shot after it is extended instead".into());
                    self.extend(h, End::Head, sink)
                }
                (None, None) => Err(Error::Missing { task: self.request.task, needed: "the shot on at least one side" }.into()),
            },
            Task::Extend { at } => {
                let side = if at == End::Tail { tail } else { head };
                let side = side.or(present(self.context.clip));
                let side = side.ok_or(Error::Missing { task: self.request.task, needed: "the shot that grows" })?;
                self.extend(side, at, sink)
            }
            Task::Retime { num, den } => {
                let clip = present(self.context.clip).ok_or(Error::Missing { task: self.request.task, needed: "the clip" })?;
                let mut reel = Reel::new(clip, self.request.context.colour, self.settings);
                let cuts = retime(self.request, num, den, &mut reel, sink)?;
                if cuts > 0 {
                    let s = if cuts == 1 { "a cut was" } else { "cuts were" };
                    sink.note(format!("{s} found inside the clip ({cuts}): nothing is blended across"));
                    sink.figure(figure("cuts", cuts as f64, "cuts"));
                }
                if reel.is_interlaced() {
                    sink.note(INTERLACED.into());
                }
                Ok(())
            }
            Task::Insert | Task::Establish => match &self.context.still {
                Some(still) => self.still(&healed(still), sink),
                None => self.card(sink),
            },
        }
    }

    /// A retake of the sound alone: the span's own frames pass through untouched.
    fn keep_picture(&self, sink: &mut dyn Sink) -> Result<(), Fault> {
        let total = self.request.total_frames();
        let clip = present(self.context.clip).filter(|c| c.count() >= total as usize);
        let clip = clip.ok_or(Error::Missing { task: self.request.task, needed: "the span's own frames, because its picture stays" })?;
        for i in 0..total {
            sink.picture(Picture::clone(&*clip.frame(i as usize)?))?;
            sink.progress(Stage::Picture, u64::from(i) + 1, u64::from(total))?;
        }
        Ok(())
    }

    fn bridge(&self, tail: &dyn Frames, head: &dyn Frames, sink: &mut dyn Sink) -> Result<(), Fault> {
        let joined = Joined { tail, head };
        let mut reel = Reel::new(&joined, self.request.context.colour, self.settings);
        let likeness = bridge(self.request, tail.count() - 1, &mut reel, sink)?;
        self.judge(likeness, sink);
        if likeness.hideability() != Hideability::Good
            && self.request.task == Task::Bridge
            && let Some(join) = join::search(tail, head, self.request.context.colour)?
        {
            sink.note(format!(
                "these shots join better where they look and move alike: end the one before {} frames earlier and begin the one after {} \
                 frames later, and {:.0} % of the difference is left",
                join.before,
                join.after,
                100.0 * join.left
            ));
        }
        if reel.is_interlaced() {
            sink.note(INTERLACED.into());
        }
        Ok(())
    }

    fn judge(&self, likeness: Likeness, sink: &mut dyn Sink) {
        let hideability = likeness.hideability();
        sink.figure(figure("hideability", f64::from(likeness.consistent), "share of the picture whose motion is certain"));
        if likeness.is_cut() {
            sink.note("the two sides do not match: a cutaway would hide this better; they are dissolved".into());
        } else {
            sink.note(match hideability {
                Hideability::Good => "hideability: good".into(),
                Hideability::Visible => "hideability: visible to who looks for it; a shorter hole hides better".into(),
                Hideability::Cutaway => "hideability: use a cutaway; too much changes between the two sides".to_owned(),
            });
        }
    }

    fn extend(&self, side: &dyn Frames, at: End, sink: &mut dyn Sink) -> Result<(), Fault> {
        let reversed = Reversed(side);
        let frames: &dyn Frames = if at == End::Tail { side } else { &reversed };
        let mut extension = Extension::new(frames, self.request.context.colour, self.settings, self.request.motion as f32)?;
        let total = self.request.total_frames() as usize;
        for i in 0..total {
            let distance = if at == End::Tail { i + 1 } else { total - i };
            sink.picture(extension.at(distance)?)?;
            sink.progress(Stage::Picture, i as u64 + 1, total as u64)?;
        }
        if let Some(seam) = extension.jump {
            sink.figure(figure("loop-seam", f64::from(seam), "steps from frame to frame"));
        }
        sink.note(match extension.way {
            Way::Loop { after } => format!("extended by a loop of {} frames of the handle", frames.count() - 1 - after),
            Way::Settle(_) => "the camera move goes on and settles; edges that it uncovers repeat the last row seen".into(),
            Way::Hold => "the frame at the end is held: no loop was found in the handle".to_owned(),
        });
        Ok(())
    }

    fn still(&self, still: &Picture, sink: &mut dyn Sink) -> Result<(), Fault> {
        let r = self.request;
        let total = r.total_frames();
        let camera = Move { camera: r.camera, motion: r.motion, pixel_aspect: r.pixel_aspect };
        for i in 0..total {
            let p = f64::from(i) / f64::from((total - 1).max(1));
            sink.picture(show(still, camera.window(still.size(), r.size, ease(p)), r.size))?;
            sink.progress(Stage::Picture, u64::from(i) + 1, u64::from(total))?;
        }
        if r.camera == Camera::Auto && r.motion > 0.0 {
            sink.note("a slow push on the still".into());
        }
        Ok(())
    }

    fn card(&self, sink: &mut dyn Sink) -> Result<(), Fault> {
        const WHY: &str = "the draft engine cannot make a picture from words alone: give it a still, or choose an engine with weights";
        sink.card();
        let mut card = slate::missing(&slate::Missing::of(self.request, WHY));
        // Cards are drawn for a display; the take is in the editor's space.
        colour::convert(card.pixels_mut(), ColourSpace::Rec709, self.request.context.colour);
        let total = self.request.total_frames();
        for i in 0..total {
            sink.picture(card.clone())?;
            sink.progress(Stage::Picture, u64::from(i) + 1, u64::from(total))?;
        }
        sink.note(WHY.into());
        Ok(())
    }

    fn sound(&self, sink: &mut dyn Sink) -> Result<(), Fault> {
        let r = self.request;
        if r.sound == SoundMode::None || matches!(r.task, Task::Retake { keep: Keep::Sound }) {
            return Ok(());
        }
        let samples = usize::try_from(r.total_samples().0).unwrap_or(0);
        let (before, after) = (self.context.tail_sound.as_ref(), self.context.head_sound.as_ref());
        sink.progress(Stage::Sound, 0, 1)?;
        let made = sound::ambience(before, after, samples, usize::from(r.channels), r.seed)?;
        made.figures.into_iter().for_each(|f| sink.figure(f));
        made.notes.into_iter().for_each(|n| sink.note(n));
        sink.sound(made.sound)?;
        sink.progress(Stage::Sound, 1, 1)
    }
}

pub(crate) fn figure(name: &str, value: f64, unit: &str) -> Figure {
    Figure { name: name.to_owned(), value, unit: unit.to_owned() }
}
