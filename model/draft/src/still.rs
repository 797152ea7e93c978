//! A camera move on a still: eased, and resampled so that fine detail neither shimmers nor goes soft.

use rayon::prelude::*;
use shot::{Camera, Picture, Size};
use wide::f32x4;

/// How much closer the camera is at the end of a push, for a motion amount of 1. Eight per cent over a shot reads as a slow
/// push and costs little resolution.
const PUSH: f64 = 0.08;
/// Share of the frame's width that a pan travels at least, for a motion amount of 1.
const TRAVEL: f64 = 0.08;
/// Half width of the Lanczos window in samples of the coarser grid.
const LOBES: f64 = 3.0;

/// The part of a still that one frame shows, in pixels of the still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Which camera move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// The direction.
    pub camera: Camera,
    /// The amount, 0 to 2.
    pub motion: f64,
    /// Width of an output pixel over its height.
    pub pixel_aspect: f64,
}

/// Starts and stops without a jerk: the integral of a raised trapezoid, a quarter of the way to speed, half at speed, a quarter
/// to rest. Its largest speed is 4/3 of the mean, where a smoothstep reaches 3/2.
pub fn ease(p: f64) -> f64 {
    let p = p.clamp(0.0, 1.0);
    if p < 0.25 {
        p * p * 8.0 / 3.0
    } else if p <= 0.75 {
        (4.0 * p - 0.5) / 3.0
    } else {
        1.0 - (1.0 - p) * (1.0 - p) * 8.0 / 3.0
    }
}

impl Move {
    /// What is seen of a still of size `still` at `progress` (0 to 1, already eased) when the output is `out`.
    pub fn window(&self, still: Size, out: Size, progress: f64) -> Window {
        let (w, h) = (f64::from(still.width), f64::from(still.height));
        let aspect = f64::from(out.width) * self.pixel_aspect / f64::from(out.height);
        // The largest window of the output's shape.
        let (fw, fh) = if w / h > aspect { (h * aspect, h) } else { (w, w / aspect) };
        let motion = self.motion.clamp(0.0, 2.0);
        let closer = 1.0 / (1.0 + PUSH * motion);
        let tighter = 1.0 - TRAVEL * motion;
        let centred = |scale: f64| Window { x: (w - fw * scale) / 2.0, y: (h - fh * scale) / 2.0, width: fw * scale, height: fh * scale };
        // Zoom is even to the eye when the scale changes by equal factors.
        let zoom = |p: f64| centred(closer.powf(p));
        match self.camera {
            Camera::Still => centred(1.0),
            Camera::Auto | Camera::Push => zoom(progress),
            Camera::Pull => zoom(1.0 - progress),
            Camera::PanLeft | Camera::PanRight => {
                let frame = if w - fw >= fw * TRAVEL * motion { 1.0 } else { tighter };
                let room = (w - fw * frame).min(fw * motion);
                let p = if self.camera == Camera::PanRight { progress } else { 1.0 - progress };
                Window { x: (w - fw * frame - room) / 2.0 + room * p, ..centred(frame) }
            }
            Camera::TiltUp | Camera::TiltDown => {
                let frame = if h - fh >= fh * TRAVEL * motion { 1.0 } else { tighter };
                let room = (h - fh * frame).min(fh * motion);
                let p = if self.camera == Camera::TiltDown { progress } else { 1.0 - progress };
                Window { y: (h - fh * frame - room) / 2.0 + room * p, ..centred(frame) }
            }
        }
    }
}

/// Filter taps of one output sample.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

fn lanczos(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 1.0;
    }
    if x.abs() >= LOBES {
        return 0.0;
    }
    let p = std::f64::consts::PI * x;
    LOBES * p.sin() * (p / LOBES).sin() / (p * p)
}

fn taps(start: f64, length: f64, from: usize, to: usize) -> Vec<Taps> {
    let step = length / to as f64;
    // Making smaller widens the filter to the output's grid, so that nothing above its limit is left to shimmer.
    let wide = step.max(1.0);
    (0..to)
        .map(|i| {
            let centre = start + (i as f64 + 0.5) * step - 0.5;
            let low = (centre - LOBES * wide).ceil() as i64;
            let high = (centre + LOBES * wide).floor() as i64;
            let first = low.clamp(0, from as i64 - 1) as usize;
            let last = high.clamp(0, from as i64 - 1) as usize;
            let mut weights = vec![0.0_f64; last - first + 1];
            for k in low..=high {
                // What lies outside is the edge again.
                weights[k.clamp(first as i64, last as i64) as usize - first] += lanczos((k as f64 - centre) / wide);
            }
            let sum: f64 = weights.iter().sum();
            Taps { first, weights: weights.into_iter().map(|w| (w / sum) as f32).collect() }
        })
        .collect()
}

/// Rows of the output that are made together: few enough to stay in the cache, many enough to share the rows they read.
const BAND: usize = 16;

/// Shows a window of a still at the output's size.
pub fn show(still: &Picture, window: Window, out: Size) -> Picture {
    let (width, height) = (out.width as usize, out.height as usize);
    let across = taps(window.x, window.width, still.width(), width);
    let down = taps(window.y, window.height, still.height(), height);
    let mut picture = Picture::filled(out, [0.0; 4]);
    picture.pixels_mut().par_chunks_mut(BAND * width).enumerate().for_each(|(band, rows)| {
        let lines = &down[band * BAND..band * BAND + rows.len() / width];
        let first = lines.iter().map(|l| l.first).min().unwrap_or(0);
        let last = lines.iter().map(|l| l.first + l.weights.len()).max().unwrap_or(0);
        let narrow: Vec<[f32; 4]> = (first..last)
            .flat_map(|y| {
                let row = still.row(y);
                across.iter().map(move |t| {
                    let mut sum = f32x4::splat(0.0);
                    for (p, w) in row[t.first..].iter().zip(&t.weights) {
                        sum += f32x4::new(*p) * f32x4::splat(*w);
                    }
                    sum.to_array()
                })
            })
            .collect();
        for (line, row) in lines.iter().zip(rows.chunks_mut(width)) {
            for (x, o) in row.iter_mut().enumerate() {
                let mut sum = f32x4::splat(0.0);
                for (k, w) in line.weights.iter().enumerate() {
                    sum += f32x4::new(narrow[(line.first + k - first) * width + x]) * f32x4::splat(*w);
                }
                *o = sum.to_array();
            }
        }
    });
    picture
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chart(size: Size) -> Picture {
        let pixels = (0..size.pixels()).map(|i| [(i % 7) as f32 * 0.1, (i % 5) as f32 * 0.2, -0.5 + (i % 3) as f32, 1.0]).collect();
        Picture::new(size, pixels).unwrap()
    }

    #[test]
    fn a_still_that_is_not_moved_stays_bit_exact() {
        let size = Size::new(37, 21);
        let m = Move { camera: Camera::Still, motion: 1.0, pixel_aspect: 1.0 };
        let still = chart(size);
        let shown = show(&still, m.window(size, size, 0.5), size);
        for (a, b) in still.pixels().iter().flatten().zip(shown.pixels().iter().flatten()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn every_move_stays_inside_the_still() {
        for still in [Size::new(400, 100), Size::new(100, 400), Size::new(160, 90), Size::new(1, 1), Size::new(2, 1)] {
            for camera in [
                Camera::Auto,
                Camera::Still,
                Camera::Push,
                Camera::Pull,
                Camera::PanLeft,
                Camera::PanRight,
                Camera::TiltUp,
                Camera::TiltDown,
            ] {
                for motion in [0.0, 1.0, 2.0] {
                    for p in [0.0, 0.3, 1.0] {
                        let w = Move { camera, motion, pixel_aspect: 1.0 }.window(still, Size::new(64, 36), p);
                        let right = w.x + w.width <= f64::from(still.width) + 1e-6 && w.x >= -1e-6;
                        let down = w.y + w.height <= f64::from(still.height) + 1e-6 && w.y >= -1e-6;
                        assert!(right && down && w.width > 0.0, "{still} {camera:?} {motion} {p}: {w:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn easing_starts_and_ends_at_rest_and_never_turns() {
        assert_eq!((ease(0.0), ease(1.0), ease(0.5)), (0.0, 1.0, 0.5));
        assert!(ease(0.01) < 0.001 && ease(0.99) > 0.999);
        assert!((0..100).all(|i| ease(f64::from(i) / 100.0) < ease(f64::from(i + 1) / 100.0)));
    }

    #[test]
    fn a_flat_still_stays_flat_whatever_the_size() {
        let still = Picture::filled(Size::new(13, 9), [0.25, 4.0, -1.0, 0.5]);
        for out in [Size::new(1, 1), Size::new(5, 3), Size::new(64, 64)] {
            let m = Move { camera: Camera::Push, motion: 1.0, pixel_aspect: 1.0 };
            for p in show(&still, m.window(still.size(), out, 0.7), out).pixels() {
                for (a, b) in p.iter().zip([0.25, 4.0, -1.0, 0.5]) {
                    assert!((a - b).abs() < 1e-4);
                }
            }
        }
    }
}
