//! A hole within one set-up: motion runs from the last frame before it to the first after it.

use shot::{Fault, Picture, Request, Sink, Stage};

use crate::cut::Likeness;
use crate::reel::Reel;

/// Makes the frames of a bridge over the hole after frame `last` of the reel. Returns how alike both sides are.
pub fn bridge(request: &Request, last: usize, reel: &mut Reel<'_>, sink: &mut dyn Sink) -> Result<Likeness, Fault> {
    let total = request.total_frames();
    let pair = reel.pair(last)?;
    let likeness = pair.likeness;
    for i in 0..total {
        let t = (i + 1) as f32 / (total + 1) as f32;
        let picture = if likeness.is_cut() { dissolve(&pair.a.picture, &pair.b.picture, t) } else { reel.between(last, t, total + 1)? };
        sink.picture(picture)?;
        sink.progress(Stage::Picture, u64::from(i) + 1, u64::from(total))?;
    }
    Ok(likeness)
}

/// One picture fading into another: the honest answer where they show different things.
pub fn dissolve(a: &Picture, b: &Picture, t: f32) -> Picture {
    let mut out = a.clone();
    for (p, q) in out.pixels_mut().iter_mut().zip(b.pixels()) {
        for (x, y) in p.iter_mut().zip(q) {
            *x += t * (y - *x);
        }
    }
    out
}
