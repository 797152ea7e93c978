//! What stands in for a take that is not there: the nearest picture with a line over it, or a slate.

use shot::{FrameIndex, Picture, Rate, Size, Timecode};

use crate::find::Found;
use crate::placement::Placement;
use crate::status;
use crate::values::Values;

/// What is known where a take is missing.
pub struct Pending<'a> {
    /// Pixels of the picture wanted.
    pub size: Size,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// Frames per second of the shot.
    pub rate: Rate,
    /// Whether the host's pixels are proportional to light.
    pub is_linear: bool,
    /// What to do about it.
    pub advice: &'a str,
    /// What the editor asked for.
    pub values: &'a Values,
    /// What was found instead of a take.
    pub found: &'a Found,
    /// Where the shot lies.
    pub place: Option<Placement>,
    /// What stands before and after it now, at the size wanted.
    pub neighbours: (Option<Picture>, Option<Picture>),
    /// How far from the one to the other, 0 to 1.
    pub part: f64,
}

/// The picture for a missing take.
pub fn pending(p: &Pending<'_>) -> Picture {
    if let Some(mut nearest) = slate::nearest(p.neighbours.0.as_ref(), p.neighbours.1.as_ref(), p.part, p.size) {
        slate::stamp(&mut nearest, p.pixel_aspect, &line(p.found));
        return nearest;
    }
    let mut drawn = draw(p);
    if p.is_linear {
        // Slates are drawn in code values of a display of gamma 2.4 (BT.1886).
        drawn.pixels_mut().iter_mut().flat_map(|v| v.iter_mut().take(3)).for_each(|v| *v = v.max(0.0).powf(2.4));
    }
    drawn
}

fn draw(p: &Pending<'_>) -> Picture {
    let task = p.values.task();
    let prompt = p.values.prompt.as_str();
    if let Found::Job(job) = p.found {
        let progress = job.progress();
        return slate::progress(&slate::Progress {
            size: p.size,
            pixel_aspect: p.pixel_aspect,
            task: task.word(),
            prompt,
            stage: progress.stage_of,
            done: progress.part,
            left: progress.left.map(shot::Seconds),
            hint: "Press Cancel in the effect's controls to stop.",
        });
    }
    let place = p.place.unwrap_or(Placement { first: i64::from(p.values.first), frames: p.values.frames.max(0) as u32 });
    let reason = match p.found {
        Found::Fault(fault) => status::sentence(fault),
        _ => p.advice.to_owned(),
    };
    let timecode = Timecode::parse(&p.values.timecode, p.rate).unwrap_or(Timecode::new(FrameIndex(place.first), p.rate, false));
    slate::missing(&slate::Missing {
        size: p.size,
        pixel_aspect: p.pixel_aspect,
        task: task.word(),
        prompt,
        frames: place.frames,
        start: timecode,
        reason: &reason,
    })
}

fn line(found: &Found) -> String {
    match found {
        Found::Job(job) => format!("PICKUP  {}", job.progress()),
        Found::Fault(fault) => format!("PICKUP  {}", fault.what),
        Found::Nothing | Found::Take(_) => "PICKUP  no take yet: press Generate".to_owned(),
    }
}
