//! A clip slower or faster: kept positions are copies, positions between two frames are made.

use shot::{Fault, Picture, Request, Sink, Stage};

use crate::reel::Reel;

/// Where made frame `i` (handles counted) stands in a clip of `count` frames: the frame at or before it, and how far on to the
/// next one. Before the first and after the last frame the clip is held.
pub fn position(i: i64, num: u32, den: u32, count: usize) -> (usize, f32) {
    let at = i128::from(i) * i128::from(den);
    let num = i128::from(num.max(1));
    let whole = at.div_euclid(num);
    let last = count.saturating_sub(1);
    if whole < 0 {
        (0, 0.0)
    } else if whole >= last as i128 {
        (last, 0.0)
    } else {
        (whole as usize, at.rem_euclid(num) as f32 / num as f32)
    }
}

/// Makes all frames of a retime. Returns how many cuts were met, across which nothing was warped.
pub fn retime(request: &Request, num: u32, den: u32, reel: &mut Reel<'_>, sink: &mut dyn Sink) -> Result<usize, Fault> {
    let total = request.total_frames();
    let offset = i64::from(request.handle_frames().0);
    let mut cuts = Vec::new();
    for i in 0..total {
        let (index, t) = position(i64::from(i) - offset, num, den, reel.count());
        let picture = if t == 0.0 {
            Picture::clone(&*reel.original(index)?)
        } else {
            let pair = reel.pair(index)?;
            if pair.likeness.is_cut() {
                if cuts.last() != Some(&index) {
                    cuts.push(index);
                }
                // The nearest frame: a cut stays a cut.
                Picture::clone(&*reel.original(if t < 0.5 { index } else { index + 1 })?)
            } else {
                reel.between(index, t, 1)?
            }
        };
        sink.picture(picture)?;
        sink.progress(Stage::Picture, u64::from(i) + 1, u64::from(total))?;
    }
    Ok(cuts.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn positions_are_exact_fractions() {
        assert_eq!(position(3, 2, 1, 10), (1, 0.5));
        assert_eq!(position(8, 8, 1, 10), (1, 0.0));
        assert_eq!(position(5, 1, 2, 100), (10, 0.0));
        assert_eq!(position(1, 25, 24, 100), (0, 24.0 / 25.0));
        assert_eq!(position(-3, 2, 1, 10), (0, 0.0));
        assert_eq!(position(100, 2, 1, 10), (9, 0.0));
        assert_eq!(position(0, 2, 1, 1), (0, 0.0));
    }

    proptest! {
        #[test]
        fn positions_never_leave_the_clip(i in -1000i64..1_000_000, num in 1u32..1000, den in 1u32..1000, count in 1usize..500) {
            let (index, t) = position(i, num, den, count);
            prop_assert!(index < count && (0.0..1.0).contains(&t) && (t == 0.0 || index + 1 < count));
        }
    }
}
