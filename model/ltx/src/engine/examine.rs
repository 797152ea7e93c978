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
    fn flicker_is_counted() {
        let mut e = Examined::default();
        for v in [0.1, 0.1, 0.5, 0.1, 0.1] {
            e.look(&flat(v)).unwrap();
        }
        let figures = e.figures(&[]);
        assert!((figures[0].value - 255.0 * (0.4 + 0.8 + 0.4) / 3.0).abs() < 0.01);
    }
}
