//! What came out, looked at before anybody else does: broken output is refused, the rest measured for the ranking of takes.

use shot::{Figure, Picture};

use crate::error::{Error, Result};

/// Gathers what is known of the frames of a shot, in time order.
#[derive(Debug, Default)]
pub struct Examined {
    lights: Vec<f64>,
    frames: usize,
    sharpness: Vec<f64>,
    noise: Vec<f64>,
    brightest: f32,
    darkest: f32,
    last: Vec<f32>,
    steps: Vec<f64>,
}

impl Examined {
    /// Looks at the next frame; refuses one with values that are no numbers.
    pub fn look(&mut self, picture: &Picture) -> Result<()> {
        let bad = picture.pixels().iter().flatten().filter(|v| !v.is_finite()).count();
        if bad > 0 {
            return Err(Error::Broken(format!(
                "frame {} came out with {bad} values that are no numbers: the weights do not fit, or a lower precision overflowed",
                self.frames
            )));
        }
        // Every fourth pixel tells as much.
        let luma: Vec<f32> = picture.pixels().iter().step_by(4).map(|p| (p[0] + p[1] + p[2]) / 3.0).collect();
        let light = luma.iter().map(|v| f64::from(*v)).sum::<f64>() / luma.len().max(1) as f64;
        let range = |pick: fn(f32, f32) -> f32, from: f32| luma.iter().fold(from, |a, b| pick(a, *b));
        let (low, high) = (range(f32::min, f32::INFINITY), range(f32::max, f32::NEG_INFINITY));
        (self.darkest, self.brightest) = if self.frames == 0 { (low, high) } else { (self.darkest.min(low), self.brightest.max(high)) };
        self.lights.push(light);
        if self.last.len() == luma.len() {
            let step = self.last.iter().zip(&luma).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / luma.len().max(1) as f64;
            self.steps.push(step);
        }
        self.last = luma;
        // Measured on a few frames: it is a property of the shot.
        if self.frames.is_multiple_of(8) {
            self.sharpness.push(colour::measure::sharpness(picture));
            self.noise.push(colour::measure::noise(picture));
        }
        self.frames += 1;
        Ok(())
    }

    /// Refuses a shot without a picture in it, where the neighbours show one.
    pub fn accept(&self, neighbours_show_something: bool) -> Result<()> {
        if neighbours_show_something && self.frames > 0 && self.brightest - self.darkest < 0.004 {
            return Err(Error::Broken("all frames came out as one flat colour: nothing was published".into()));
        }
        Ok(())
    }

    /// The greatest step of the picture into one of these frames, in units of the median step: 1 is as smooth as the shot itself.
    pub fn step_into(&self, frames: &[usize]) -> Option<f64> {
        relative(&self.steps, frames.iter().filter_map(|f| f.checked_sub(1)))
    }

    /// The shot's figures: flicker, and how sharpness and noise compare with the neighbours'.
    pub fn figures(&self, neighbours: &[&Picture]) -> Vec<Figure> {
        let figure = |name: &str, value: f64, unit: &str| Figure { name: name.into(), value, unit: unit.into() };
        // What the light does beside gliding: the mean second difference.
        let flicker = self.lights.windows(3).map(|l| (l[0] - 2.0 * l[1] + l[2]).abs()).sum::<f64>()
            / self.lights.len().saturating_sub(2).max(1) as f64;
        let mut figures = vec![figure("flicker", flicker * 255.0, "8-bit code values, mean second difference of light")];
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        let ratio = |made: &[f64], measure: fn(&Picture) -> f64| {
            let real = mean(&neighbours.iter().map(|p| measure(p)).collect::<Vec<_>>());
            (real > 0.0 && !made.is_empty()).then(|| mean(made) / real)
        };
        figures.extend(ratio(&self.sharpness, colour::measure::sharpness).map(|r| figure("sharpness", r, "of the neighbours'")));
        figures.extend(ratio(&self.noise, colour::measure::noise).map(|r| figure("grain", r, "of the neighbours'")));
        figures
    }
}

/// The greatest of some steps in units of the median of all.
fn relative(steps: &[f64], which: impl Iterator<Item = usize>) -> Option<f64> {
    let worst = which.filter_map(|i| steps.get(i)).copied().reduce(f64::max)?;
    let mut sorted = steps.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(worst / sorted.get(sorted.len() / 2).copied().unwrap_or(0.0).max(1e-6))
}

/// The greatest step in level between the 40 ms before and after one of these samples, in units of the median step of all such pairs.
pub fn level_step(channels: &[Vec<f32>], at: &[usize], rate: u32) -> Option<f64> {
    let block = rate as usize / 25;
    let level = |from: usize| {
        let power = channels.iter().filter_map(|c| c.get(from..from + block)).flatten().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        10.0 * (power / (block * channels.len().max(1)) as f64).max(1e-12).log10()
    };
    let length = channels.first().map_or(0, Vec::len);
    let step = |at: usize| (at >= block && at + block <= length).then(|| (level(at) - level(at - block)).abs());
    let mut steps: Vec<f64> = at.iter().filter_map(|at| step(*at)).collect();
    let asked = steps.len();
    steps.extend((block..length).step_by(block).filter_map(step));
    relative(&steps, 0..asked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use shot::Size;

    fn flat(value: f32) -> Picture {
        Picture::filled(Size::new(16, 16), [value, value, value, 1.0])
    }

    #[test]
    fn broken_output_is_refused_with_the_frame() {
        let mut e = Examined::default();
        e.look(&flat(0.5)).unwrap();
        let error = e.look(&flat(f32::NAN)).unwrap_err().to_string();
        assert!(error.contains("frame 1") && error.contains("no numbers"), "{error}");
    }

    #[test]
    fn a_shot_without_a_picture_is_refused() {
        let mut e = Examined::default();
        (0..3).for_each(|_| e.look(&flat(0.2)).unwrap());
        assert!(e.accept(true).is_err());
        assert!(e.accept(false).is_ok());
        e.look(&flat(0.9)).unwrap();
        assert!(e.accept(true).is_ok());
    }

    #[test]
    fn a_jump_at_a_join_shows_in_picture_and_sound() {
        let run = |jump: f32| {
            let mut e = Examined::default();
            (0..10).for_each(|i| e.look(&flat(0.1 + 0.01 * i as f32 + if i >= 5 { jump } else { 0.0 })).unwrap());
            e.step_into(&[5]).unwrap()
        };
        assert!((run(0.0) - 1.0).abs() < 0.01 && (run(0.09) - 10.0).abs() < 0.1);
        assert!(Examined::default().step_into(&[5]).is_none());
        let sound = |jump: f32| {
            // The level falls by 1 dB every 40 ms.
            let sample = |i: usize| 10f32.powf(-(i as f32) / 1920.0 / 20.0) * if i >= 9600 { jump } else { 1.0 };
            level_step(&[(0..19_200).map(sample).collect()], &[9600], 48_000).unwrap()
        };
        assert!((sound(1.0) - 1.0).abs() < 0.05, "{}", sound(1.0));
        assert!((sound(0.1) - 21.0).abs() < 1.0, "{}", sound(0.1));
    }

    #[test]
    fn flicker_is_counted() {
        let mut e = Examined::default();
        for v in [0.1, 0.1, 0.5, 0.1, 0.1] {
            e.look(&flat(v)).unwrap();
        }
        let figures = e.figures(&[]);
        assert!((figures[0].value - 255.0 * (0.4 + 0.8 + 0.4) / 3.0).abs() < 0.01);
    }
}
