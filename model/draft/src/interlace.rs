//! Are the frames woven from two fields of different times? Then every moving edge is a comb, and no in-between of whole frames
//! can be right: the editor is told to deinterlace first.

use rayon::prelude::*;
use shot::Picture;

/// Columns from one that is looked at to the next.
const STEP: usize = 8;
/// Mean combing in which motion shows, in parts of white: a tenth of an 8-bit code value over the whole picture.
const MOVING: f64 = 0.1 / 255.0;

/// How far the lines of a picture whose even rows are `even`'s and whose odd rows are `odd`'s stand out from the lines above and
/// below them, on average: where a line lies between its neighbours it does not count, so that edges and ramps do not.
fn combing(even: &Picture, odd: &Picture) -> f64 {
    let rows: Vec<f64> = (1..even.height() - 1)
        .into_par_iter()
        .map(|y| {
            let (own, other) = if y % 2 == 0 { (even, odd) } else { (odd, even) };
            let (above, here, below) = (other.row(y - 1), own.row(y), other.row(y + 1));
            let lines = above.iter().zip(here).zip(below).step_by(STEP);
            let sum: f32 = lines.map(|((a, p), b)| ((2.0 * p[1] - a[1] - b[1]).abs() - (a[1] - b[1]).abs()).clamp(0.0, 2.0)).sum();
            f64::from(sum) * STEP as f64 / here.len() as f64
        })
        .collect();
    // Summed in order: the same for any number of threads.
    rows.iter().sum::<f64>() / (2 * rows.len()) as f64
}

/// Whether two frames in a row are interlaced; `None` where too little moves to say.
///
/// In progressive footage weaving the rows of both frames combs more than either frame does, whichever takes the even rows. In
/// interlaced footage one of the two ways joins fields that are as near in time as those of one frame, and combs no more; the
/// other joins fields three times as far apart.
pub fn is_interlaced(first: &Picture, second: &Picture) -> Option<bool> {
    if first.size() != second.size() || first.height() < 8 {
        return None;
    }
    let own = 0.5 * (combing(first, first) + combing(second, second));
    let (one, two) = (combing(first, second), combing(second, first));
    let (near, far) = (one.min(two), one.max(two));
    if far - own.min(near) < MOVING {
        return None;
    }
    // Between combing as much as one frame (1) and as the far weave of progressive footage, whose ways are alike.
    Some(near < 1.25 * own && far > 1.25 * near)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shot::Size;

    use super::*;

    /// Soft blobs, `x` pixels to the right.
    fn scene(x: f32) -> Picture {
        let size = Size::new(160, 90);
        let pixels = (0..size.pixels()).map(|i| {
            let (px, py) = ((i % 160) as f32 - x, (i / 160) as f32);
            let v = 0.5 + 0.25 * (px * 0.21).sin() + 0.25 * (py * 0.13 + px * 0.05).cos();
            [v, v, v, 1.0]
        });
        Picture::new(size, pixels.collect()).unwrap()
    }

    /// Two fields, `speed / 2` apart, in one frame.
    fn woven(x: f32, speed: f32, bottom_first: bool) -> Picture {
        let (mut frame, later) = (scene(x), scene(x + 0.5 * speed));
        for y in (usize::from(!bottom_first)..90).step_by(2) {
            frame.row_mut(y).copy_from_slice(later.row(y));
        }
        frame
    }

    #[test]
    fn fields_of_either_order_are_found() {
        for bottom_first in [false, true] {
            for speed in [2.0, 4.0, 9.0, -6.0] {
                let got = is_interlaced(&woven(0.0, speed, bottom_first), &woven(speed, speed, bottom_first));
                assert_eq!(got, Some(true), "{speed} {bottom_first}");
            }
        }
    }

    #[test]
    fn whole_frames_are_whole_and_stills_say_nothing() {
        for speed in [2.0, 4.0, 9.0, -6.0] {
            assert_eq!(is_interlaced(&scene(0.0), &scene(speed)), Some(false), "{speed}");
        }
        assert_eq!(is_interlaced(&scene(3.0), &scene(3.0)), None);
        assert_eq!(is_interlaced(&Picture::filled(Size::new(4, 4), [0.0; 4]), &scene(0.0)), None);
    }

    #[test]
    fn fine_lines_are_no_combs() {
        let lines = |x: f32| {
            let mut p = scene(x);
            for y in (0..90).step_by(2) {
                p.row_mut(y).iter_mut().for_each(|v| v[1] += 0.3);
            }
            p
        };
        assert_ne!(is_interlaced(&lines(0.0), &lines(5.0)), Some(true));
    }
}
