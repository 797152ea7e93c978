//! Bringing pictures to another size.

use shot::{Picture, Size};

/// How a picture fills a frame of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it is seen; opaque black fills what remains, as editors' default is.
    #[default]
    Letterbox,
    /// The frame is filled; what stands over is cut off, alike on both sides.
    Cover,
    /// Each side is scaled on its own; the shape is not kept.
    Stretch,
}

/// What a clip is brought to while it is read. The default leaves it as it is; colour is always left to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conform {
    /// The size to bring it to.
    pub size: Option<Size>,
    /// Width of a pixel over its height in the result, above 0; `None` is 1.
    pub pixel_aspect: Option<f64>,
    /// How to fill it.
    pub fit: Fit,
}

/// Black bars are opaque: what lies behind the neighbours of a hole is no part of the picture.
const BAR: [f32; 4] = [0.0, 0.0, 0.0, 1.0];

/// A resampling from one size to another, computed once for all frames of a clip.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    to: Size,
    across: Axis,
    down: Axis,
}

/// For each sample of one axis of the result: the first source sample and the weights from there on; none in a bar.
#[derive(Clone, Debug)]
struct Axis(Vec<(usize, Vec<f32>)>);

impl Conform {
    /// A picture of square pixels, brought to the size; as it is where it fits already.
    pub fn apply(&self, picture: &Picture) -> Picture {
        self.resampler(picture.size(), 1.0).map_or_else(|| picture.clone(), |r| r.apply(picture))
    }

    /// The resampling that a source needs; `None` where it is right already.
    pub(crate) fn resampler(&self, from: Size, from_aspect: f64) -> Option<Resampler> {
        let to = self.size.filter(|to| to.width > 0 && to.height > 0)?;
        let to_aspect = self.pixel_aspect.filter(|a| a.is_finite() && *a > 0.0).unwrap_or(1.0);
        let (fw, fh) = (f64::from(from.width), f64::from(from.height));
        let (tw, th) = (f64::from(to.width), f64::from(to.height));
        // Result pixels per source pixel, each way, that keep the shape.
        let shape = from_aspect / to_aspect;
        let (fill_x, fill_y) = (tw / fw, th / fh);
        let (sx, sy) = match self.fit {
            Fit::Stretch => (fill_x, fill_y),
            Fit::Letterbox => {
                let s = (fill_x / shape).min(fill_y);
                (s * shape, s)
            }
            Fit::Cover => {
                let s = (fill_x / shape).max(fill_y);
                (s * shape, s)
            }
        };
        // A bar or an overhang of less than half a pixel is rounding: 1920×1080 into 1280×720 has neither.
        let near = |s: f64, fill: f64, n: f64| if (s / fill - 1.0).abs() * n < 0.5 { fill } else { s };
        let (sx, sy) = (near(sx, fill_x, tw), near(sy, fill_y, th));
        if from == to && sx == 1.0 && sy == 1.0 {
            return None;
        }
        Some(Resampler { to, across: Axis::new(from.width, to.width, sx), down: Axis::new(from.height, to.height, sy) })
    }
}

impl Resampler {
    pub(crate) const fn size(&self) -> Size {
        self.to
    }

    pub(crate) fn apply(&self, picture: &Picture) -> Picture {
        let width = self.to.width as usize;
        // Rows first, so that each source row is resampled across once; only those that the result needs.
        let mut rows: Vec<Option<Vec<[f32; 4]>>> = vec![None; picture.height()];
        let mut pixels = Vec::with_capacity(self.to.pixels());
        let mut done = 0;
        for (first, weights) in &self.down.0 {
            if weights.is_empty() {
                pixels.extend(std::iter::repeat_n(BAR, width));
                continue;
            }
            for old in rows.iter_mut().take(*first).skip(done) {
                *old = None;
            }
            done = done.max(*first);
            let mut sum = vec![[0.0_f32; 4]; width];
            for (y, k) in (*first..).zip(weights) {
                let Some(slot) = rows.get_mut(y) else { break };
                let row = slot.get_or_insert_with(|| self.across.apply(picture.row(y)));
                for (s, p) in sum.iter_mut().zip(row.iter()) {
                    for c in 0..4 {
                        s[c] += k * p[c];
                    }
                }
            }
            // Bars at the sides are black, whatever the weights of the rows sum up.
            for (s, (_, across)) in sum.iter_mut().zip(&self.across.0) {
                if across.is_empty() {
                    *s = BAR;
                }
            }
            pixels.append(&mut sum);
        }
        Picture::new(self.to, pixels).unwrap_or_else(|_| Picture::filled(self.to, BAR))
    }
}

impl Axis {
    /// `scale` result samples per source sample, both centred on each other. The kernel is Catmull-Rom's cubic, which is exact
    /// for linear ramps, widened when scaling down so that nothing aliases (Mitchell & Netravali, SIGGRAPH 1988, B = 0, C = ½).
    fn new(from: u32, to: u32, scale: f64) -> Self {
        let (from_n, to_n) = (f64::from(from), f64::from(to));
        let stretch = (1.0 / scale).max(1.0);
        let axis = (0..to)
            .map(|i| {
                let centre = (f64::from(i) + 0.5 - to_n / 2.0) / scale + from_n / 2.0;
                if centre <= 0.0 || centre >= from_n {
                    return (0, Vec::new());
                }
                let reach = 2.0 * stretch;
                let low = (centre - reach - 0.5).ceil() as i64;
                let high = (centre + reach - 0.5).floor() as i64;
                let first = low.clamp(0, i64::from(from) - 1);
                let last = high.clamp(0, i64::from(from) - 1);
                let mut weights = vec![0.0_f64; (last - first + 1) as usize];
                for tap in low..=high {
                    // Beyond the edge the last sample stands for all.
                    let at = (tap.clamp(first, last) - first) as usize;
                    weights[at] += cubic((tap as f64 + 0.5 - centre) / stretch);
                }
                let sum: f64 = weights.iter().sum();
                (first as usize, weights.iter().map(|w| (w / sum) as f32).collect())
            })
            .collect();
        Self(axis)
    }

    fn apply(&self, row: &[[f32; 4]]) -> Vec<[f32; 4]> {
        self.0
            .iter()
            .map(|(first, weights)| {
                let mut sum = [0.0_f32; 4];
                for (p, k) in row[*first..].iter().zip(weights) {
                    for c in 0..4 {
                        sum[c] += k * p[c];
                    }
                }
                sum
            })
            .collect()
    }
}

fn cubic(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// A picture no larger than `side` either way, for posters and contact sheets; a smaller one stays.
pub(crate) fn shrink(picture: &Picture, side: u32) -> Option<Picture> {
    let (w, h) = (picture.size().width, picture.size().height);
    let longest = w.max(h);
    if longest <= side.max(1) {
        return None;
    }
    let scaled = |n: u32| ((u64::from(n) * u64::from(side.max(1)) + u64::from(longest) / 2) / u64::from(longest)).max(1) as u32;
    let conform = Conform { size: Some(Size::new(scaled(w), scaled(h))), pixel_aspect: None, fit: Fit::Stretch };
    conform.resampler(picture.size(), 1.0).map(|r| r.apply(picture))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn to(width: u32, height: u32, fit: Fit) -> Conform {
        Conform { size: Some(Size::new(width, height)), pixel_aspect: None, fit }
    }

    #[test]
    fn a_picture_of_the_right_size_is_left_alone() {
        assert!(to(16, 9, Fit::Letterbox).resampler(Size::new(16, 9), 1.0).is_none());
        assert!(Conform::default().resampler(Size::new(16, 9), 2.0).is_none());
    }

    #[test]
    fn a_narrow_picture_gets_black_bars_and_a_cover_none() {
        let grey = Picture::filled(Size::new(40, 40), [0.5; 4]);
        let boxed = to(80, 40, Fit::Letterbox).resampler(grey.size(), 1.0).unwrap().apply(&grey);
        assert_eq!((boxed.row(20)[19], boxed.row(20)[20], boxed.row(20)[59], boxed.row(20)[60]), (BAR, [0.5; 4], [0.5; 4], BAR));
        let cover = to(80, 40, Fit::Cover).resampler(grey.size(), 1.0).unwrap().apply(&grey);
        assert!(cover.pixels().iter().all(|p| (p[0] - 0.5).abs() < 1e-6));
    }

    #[test]
    fn anamorphic_pixels_are_widened() {
        // 720×576 with pixels of 64:45 is 16:9: it fills 1920×1080 but for rounding.
        let grey = Picture::filled(Size::new(720, 576), [0.5; 4]);
        let out = to(1920, 1080, Fit::Letterbox).resampler(grey.size(), 64.0 / 45.0).unwrap().apply(&grey);
        assert!(out.pixels().iter().all(|p| (p[0] - 0.5).abs() < 1e-6));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_ramp_stays_a_ramp(w in 8u32..60, tw in 8u32..90) {
            let size = Size::new(w, 3);
            let pixels = (0..3 * w).map(|i| [((i % w) as f32 + 0.5) / w as f32; 4]).collect();
            let picture = Picture::new(size, pixels).unwrap();
            let Some(r) = to(tw, 3, Fit::Stretch).resampler(size, 1.0) else { return Ok(()) };
            let out = r.apply(&picture);
            // A widened kernel, sampled, is linear only nearly. Edges repeat a sample, which bends the ramp within the kernel's reach.
            let tolerance = if tw < w { 6e-3 } else { 1e-5 };
            let reach = (2.0 * (f64::from(tw) / f64::from(w)).max(1.0)).ceil() as usize + 1;
            for x in reach..(tw as usize).saturating_sub(reach) {
                let error = (out.row(1)[x][0] - (x as f32 + 0.5) / tw as f32).abs();
                prop_assert!(error < tolerance, "{error}");
            }
        }
    }
}
