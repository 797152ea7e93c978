//! What can be measured of a take beside its neighbours: seams, flicker, colour, motion, loudness, and likeness to other takes.
//!
//! Pictures are measured small and in sRGB, so that figures mean the same at every size and in every encoding, and a take of 48
//! frames at 1080 lines takes seconds.

use std::sync::Arc;

use shot::{Fault, Frames, Picture, Request, Size};
use takes::Stored;

use super::picture::small;
use crate::context::Decoded;

/// Size at which pictures are measured.
const MEASURED: Size = Size::new(96, 54);
/// Size at which takes are compared with each other, and how many frames of each.
const COMPARED: (Size, usize) = (Size::new(24, 14), 8);
/// Frames that are read: all of them up to so many, else runs of three spread over the take.
const FRAMES: u32 = 48;

/// What stands around a shot: measured once for all its takes.
#[derive(Default)]
pub struct Around {
    /// Mean colours of the shots it should look like.
    looks: Vec<[f64; 3]>,
    /// Change from frame to frame on the two sides; `None` without frames.
    motion: Option<f64>,
    /// Loudness of the sides in LUFS.
    loudness: Option<f64>,
    /// The last two frames before it and the first two after it, where they can be read.
    pub sides: [Vec<Arc<Picture>>; 2],
}

impl Around {
    /// Reads the neighbours of a request again.
    pub fn read(tools: &media::Tools, request: &Request) -> Result<Self, Fault> {
        let context = Decoded::read(tools, request, 2)?;
        let colour = request.context.colour;
        let view = context.view();
        let frames = |side: Option<&dyn Frames>| -> Result<Vec<Arc<Picture>>, Fault> {
            side.map_or(Ok(Vec::new()), |f| (0..f.count().min(2)).map(|i| f.frame(i)).collect())
        };
        let sides = [frames(view.tail)?, frames(view.head)?];
        let steps: Vec<f64> = sides
            .iter()
            .filter_map(|s| match &s[..] {
                [a, b] => Some(difference(&small(a, colour, MEASURED), &small(b, colour, MEASURED))),
                _ => None,
            })
            .collect();
        let loud: Vec<f64> = [&view.tail_sound, &view.head_sound].into_iter().flatten().filter_map(sound::integrated_loudness).collect();
        Ok(Self {
            looks: context.looks().iter().map(|p| mean(&small(p, colour, MEASURED))).collect(),
            motion: average(&steps),
            loudness: average(&loud),
            sides,
        })
    }
}

/// What was measured of one take. Lower is better for each of them; `None` where there is nothing to compare with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// The worse of the two seams, in steps inside the shot: 1 is as smooth as the shot itself.
    pub seam: Option<f64>,
    /// Change of the mean brightness from frame to frame that is no steady drift, in per cent of white.
    pub flicker: f64,
    /// Distance of the mean colour to the nearest neighbour's, in per cent of white.
    pub colour: Option<f64>,
    /// How many times more or less it moves than the neighbours do, in octaves.
    pub motion: Option<f64>,
    /// Difference of loudness to the neighbours' in LU.
    pub loudness: Option<f64>,
    /// Share of frames that stand still.
    pub frozen: f64,
    /// True for a card.
    pub is_card: bool,
    /// Small frames, for comparing takes.
    sample: Vec<f32>,
}

impl Measured {
    /// Reads and measures a take.
    pub fn of(stored: &Stored, around: &Around) -> Result<Self, Fault> {
        let take = stored.take();
        let colour = take.request.context.colour;
        let mut means: Vec<Vec<f64>> = Vec::new();
        let (mut steps, mut colours, mut sample) = (Vec::new(), Vec::new(), Vec::new());
        let runs = runs(take.frames);
        let count: usize = runs.iter().map(|r| r.len()).sum();
        let mut index = 0;
        for run in runs {
            let (mut last, mut brightness): (Option<Picture>, Vec<f64>) = (None, Vec::new());
            for frame in run {
                let frame = small(&stored.frame(frame)?, colour, MEASURED);
                let [r, g, b] = mean(&frame);
                // Luma of ITU-R BT.709.
                brightness.push(0.2126 * r + 0.7152 * g + 0.0722 * b);
                colours.push([r, g, b]);
                steps.extend(last.as_ref().map(|l| difference(l, &frame)));
                if (index * COMPARED.1) / count.max(1) != ((index + 1) * COMPARED.1) / count.max(1) || count <= COMPARED.1 {
                    sample.extend(small(&frame, shot::ColourSpace::Srgb, COMPARED.0).pixels().iter().flat_map(|p| [p[0], p[1], p[2]]));
                }
                last = Some(frame);
                index += 1;
            }
            means.push(brightness);
        }
        let own = colours.iter().fold([0.0; 3], |a, c| [a[0] + c[0], a[1] + c[1], a[2] + c[2]]).map(|v| v / colours.len().max(1) as f64);
        let nearest = around.looks.iter().map(|l| distance(l, &own)).min_by(f64::total_cmp);
        let figure = |name: &str| take.figures.iter().find(|f| f.name == name).map(|f| f.value);
        let seams = [figure("seam-in"), figure("seam-out")];
        steps.sort_by(f64::total_cmp);
        let motion = steps.get(steps.len() / 2).copied();
        let loudness = match (stored.sound_path(), around.loudness) {
            (Some(path), Some(wanted)) => sound::integrated_loudness(&media::read_wave(&path)?.sound).map(|own| (own - wanted).abs()),
            _ => None,
        };
        Ok(Self {
            seam: seams.into_iter().flatten().max_by(f64::total_cmp),
            flicker: 100.0 * flicker(&means),
            colour: nearest.map(|d| 100.0 * d),
            motion: motion.zip(around.motion).filter(|(a, b)| *a > 1e-4 && *b > 1e-4).map(|(a, b)| (a / b).log2().abs()),
            loudness,
            frozen: figure("frozen").unwrap_or(0.0) / f64::from(take.frames.max(1)),
            is_card: take.is_card,
            sample,
        })
    }

    /// Whether two takes show the same, as far as an eye would tell: a root mean square below one 8-bit step.
    pub fn is_like(&self, other: &Self) -> bool {
        if self.sample.is_empty() || self.sample.len() != other.sample.len() {
            return false;
        }
        let sum: f64 = self.sample.iter().zip(&other.sample).map(|(a, b)| f64::from((a - b) * (a - b))).sum();
        (sum / self.sample.len() as f64).sqrt() < 1.0 / 255.0
    }

    /// 100 for a take without fault; each fault takes off what it weighs, up to a most, so that no single one hides the others.
    /// The weights are ours: seams and cards first, because a cut is seen where it joins.
    pub fn score(&self) -> f64 {
        let off = |fault: Option<f64>, weight: f64, most: f64| fault.map_or(0.0, |x| (x.max(0.0) * weight).min(most));
        let lost = off(self.seam.map(|s| s - 1.0), 10.0, 40.0)
            + off(Some(self.flicker), 10.0, 15.0)
            + off(self.colour, 1.5, 15.0)
            + off(self.motion, 4.0, 10.0)
            + off(self.loudness, 1.0, 10.0)
            + off(Some(self.frozen), 10.0, 10.0)
            + if self.is_card { 60.0 } else { 0.0 };
        (100.0 - lost).max(0.0)
    }
}

/// Runs of neighbouring frames that are read.
fn runs(frames: u32) -> Vec<std::ops::Range<u32>> {
    if frames <= FRAMES {
        return std::iter::once(0..frames).collect();
    }
    let count = FRAMES / 3;
    (0..count).map(|i| i * (frames - 3) / (count - 1)).map(|at| at..at + 3).collect()
}

/// Root mean square of the second differences: a steady drift has none.
fn flicker(means: &[Vec<f64>]) -> f64 {
    let bends: Vec<f64> = means.iter().flat_map(|run| run.windows(3).map(|w| w[0] - 2.0 * w[1] + w[2])).collect();
    (bends.iter().map(|b| b * b).sum::<f64>() / bends.len().max(1) as f64).sqrt()
}

fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn mean(picture: &Picture) -> [f64; 3] {
    let sum =
        picture.pixels().iter().fold([0.0; 3], |a: [f64; 3], p| [a[0] + f64::from(p[0]), a[1] + f64::from(p[1]), a[2] + f64::from(p[2])]);
    sum.map(|v| v / picture.size().pixels().max(1) as f64)
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// Root mean square over pixels and colours of two pictures of one size.
fn difference(a: &Picture, b: &Picture) -> f64 {
    let sum: f64 =
        a.pixels().iter().zip(b.pixels()).map(|(p, q)| f64::from((0..3).map(|c| (p[c] - q[c]) * (p[c] - q[c])).sum::<f32>())).sum();
    (sum / (3.0 * a.size().pixels().max(1) as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drift_does_not_flicker_and_a_blink_does() {
        let ramp: Vec<f64> = (0..20).map(|i| f64::from(i) * 0.01).collect();
        assert!(flicker(std::slice::from_ref(&ramp)) < 1e-12);
        let mut blink = ramp;
        blink[10] += 0.05;
        assert!(flicker(&[blink]) > 0.02);
    }

    #[test]
    fn every_fault_costs() {
        let whole = Measured { seam: Some(1.0), ..Measured::default() };
        assert_eq!(whole.score(), 100.0);
        for worse in [
            Measured { seam: Some(2.0), ..whole.clone() },
            Measured { flicker: 0.5, ..whole.clone() },
            Measured { colour: Some(3.0), ..whole.clone() },
            Measured { motion: Some(1.0), ..whole.clone() },
            Measured { loudness: Some(3.0), ..whole.clone() },
            Measured { frozen: 0.5, ..whole.clone() },
            Measured { is_card: true, ..whole.clone() },
        ] {
            assert!(worse.score() < 100.0, "{worse:?}");
        }
    }

    #[test]
    fn runs_stay_inside_the_take() {
        for frames in 1..3000 {
            let runs = runs(frames);
            assert!(runs.iter().all(|r| r.start < r.end && r.end <= frames), "{frames}: {runs:?}");
            assert!(runs.iter().map(|r| r.len() as u32).sum::<u32>() <= FRAMES, "{frames}: {runs:?}");
        }
    }
}
