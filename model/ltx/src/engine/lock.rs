//! Colour and light of the made frames locked to the frames that stand on both sides.
//!
//! The model gives the editor's own handle frames back too, a little changed by its way through the latents. What it changed there
//! it changed in the made frames as well, so the difference at each end is measured and undone: as a colour transform that glides
//! from one end to the other, and as a soft picture of what remains (light that fell off, a shadow that moved), which is let out
//! over a few frames. Only made frames are touched.

use shot::{ColourSpace, Picture};

/// Frames over which what remains is let out, at most.
const REACH: usize = 8;

/// The part of the longer side under which what remains counts as detail and is left alone.
const SOFT: usize = 24;

/// One side: its frames as the editor has them and as the model gave them back, in the same order.
pub struct Side<'a> {
    /// The editor's own, the one that touches the made frames among them.
    pub real: Vec<&'a Picture>,
    /// What the model made of them.
    pub seen: Vec<&'a Picture>,
    /// Which of them touches the made frames.
    pub touching: usize,
}

/// What is undone at one end.
struct End {
    colour: colour::Match,
    rest: Vec<[f32; 3]>,
}

/// Both ends.
pub struct Lock {
    start: Option<End>,
    end: Option<End>,
    space: ColourSpace,
    frames: usize,
}

impl Lock {
    /// From what came back on both sides; `frames` is the number of made frames, `amount` how much of the difference is undone, 0 to 1.
    pub fn new(start: Option<&Side<'_>>, end: Option<&Side<'_>>, space: ColourSpace, frames: usize, amount: f64) -> Self {
        let of = |side: Option<&Side<'_>>| side.filter(|_| amount > 0.0).and_then(|s| End::new(s, space, amount));
        Self { start: of(start), end: of(end), space, frames }
    }

    /// Whether it knows either side: what it does not know, somebody else may match.
    pub const fn holds(&self) -> bool {
        self.start.is_some() || self.end.is_some()
    }

    /// Undoes in made frame `index` what the model changed.
    pub fn apply(&self, index: usize, picture: &mut Picture) {
        let colour = match (&self.start, &self.end) {
            (Some(a), Some(b)) => colour::Match::lerp(&a.colour, &b.colour, (index + 1) as f64 / (self.frames + 1) as f64),
            (Some(one), None) | (None, Some(one)) => one.colour.clone(),
            (None, None) => colour::Match::identity(self.space),
        };
        colour.apply(picture);
        let reach = REACH.min(self.frames.div_ceil(2));
        for (end, distance) in [(&self.start, index), (&self.end, self.frames - 1 - index.min(self.frames - 1))] {
            if let Some(end) = end
                && distance < reach
                && end.rest.len() == picture.pixels().len()
            {
                // A raised cosine: nothing begins or ends with a jump.
                let weight = 0.5 + 0.5 * (std::f32::consts::PI * (distance as f32 + 0.5) / reach as f32).cos();
                for (p, r) in picture.pixels_mut().iter_mut().zip(&end.rest) {
                    (0..3).for_each(|c| p[c] += weight * r[c]);
                }
            }
        }
    }
}

impl End {
    fn new(side: &Side<'_>, space: ColourSpace, amount: f64) -> Option<Self> {
        let (real, seen) = (*side.real.get(side.touching)?, *side.seen.get(side.touching)?);
        if real.size() != seen.size() {
            return None;
        }
        let colour = colour::Match::estimate(&side.seen, &side.real, space);
        let mut corrected = seen.clone();
        colour.apply(&mut corrected);
        let difference = |(a, b): (&[f32; 4], &[f32; 4])| {
            // The editor's values beyond what the model could see are not its mistake.
            [0, 1, 2].map(|c| a[c] - b[c]).map(|d| if d.is_finite() { d.clamp(-0.25, 0.25) } else { 0.0 })
        };
        let mut rest: Vec<[f32; 3]> = real.pixels().iter().zip(corrected.pixels()).map(difference).collect();
        let radius = (real.width().max(real.height()) / SOFT).max(1);
        soften(&mut rest, real.width(), radius);
        rest.iter_mut().flatten().for_each(|r| *r *= amount as f32);
        Some(Self { colour: colour.scaled(amount), rest })
    }
}

/// Three box blurs one after another, as good as a Gaussian (Wells, IEEE PAMI 8, 1986).
fn soften(values: &mut Vec<[f32; 3]>, width: usize, radius: usize) {
    let height = values.len() / width.max(1);
    for _ in 0..3 {
        let mut out = values.clone();
        for y in 0..height {
            box_blur(&values[y * width..], &mut out[y * width..], width, 1, radius);
        }
        std::mem::swap(values, &mut out);
        for x in 0..width {
            box_blur(&values[x..], &mut out[x..], height, width, radius);
        }
        std::mem::swap(values, &mut out);
    }
}

fn box_blur(from: &[[f32; 3]], to: &mut [[f32; 3]], count: usize, stride: usize, radius: usize) {
    let at = |i: isize| from[i.clamp(0, count as isize - 1) as usize * stride];
    let r = radius as isize;
    let mut sum = [0.0f64; 3];
    for i in -r..=r {
        (0..3).for_each(|c| sum[c] += f64::from(at(i)[c]));
    }
    for i in 0..count as isize {
        to[i as usize * stride] = sum.map(|s| (s / f64::from(2 * radius as u32 + 1)) as f32);
        (0..3).for_each(|c| sum[c] += f64::from(at(i + r + 1)[c]) - f64::from(at(i - r)[c]));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use shot::Size;

    fn picture(shift: f32) -> Picture {
        let size = Size::new(96, 64);
        let at = |i: usize| {
            let (x, y) = ((i % 96) as f32, (i / 96) as f32);
            [0.4 + 0.2 * (x * 0.3).sin() + shift, 0.4 + 0.2 * (y * 0.2).cos() + shift, 0.35 + 0.1 * ((x + y) * 0.1).sin() + shift, 1.0]
        };
        Picture::new(size, (0..size.pixels()).map(at).collect()).unwrap()
    }

    fn error(a: &Picture, b: &Picture) -> f32 {
        a.pixels().iter().zip(b.pixels()).flat_map(|(a, b)| (0..3).map(|c| (a[c] - b[c]).abs())).fold(0.0, f32::max)
    }

    #[test]
    fn a_change_that_the_model_made_everywhere_is_undone() {
        let (real, seen) = (picture(0.0), picture(0.05));
        let side = Side { real: vec![&real], seen: vec![&seen], touching: 0 };
        let lock = Lock::new(Some(&side), Some(&side), ColourSpace::Rec709, 20, 1.0);
        let mut first = seen.clone();
        lock.apply(0, &mut first);
        assert!(error(&first, &real) < 0.01, "{}", error(&first, &real));
    }

    #[test]
    fn nothing_is_changed_where_the_model_was_right() {
        let real = picture(0.0);
        let side = Side { real: vec![&real], seen: vec![&real], touching: 0 };
        let lock = Lock::new(Some(&side), None, ColourSpace::Rec709, 5, 1.0);
        for i in 0..5 {
            let mut made = picture(0.1);
            lock.apply(i, &mut made);
            assert_eq!(error(&made, &picture(0.1)), 0.0);
        }
    }

    #[test]
    fn without_sides_nothing_happens() {
        let lock = Lock::new(None, None, ColourSpace::Rec709, 1, 1.0);
        let mut made = picture(0.0);
        lock.apply(0, &mut made);
        assert_eq!(made, picture(0.0));
    }
}
