//! Loudness by ITU-R BS.1770-4.

use ebur128::{Channel, EbuR128, Mode};
use shot::Sound;

use crate::channels::{Speaker, layout};

/// Integrated loudness in LUFS, gated. `None` where no 400 ms block rises above the absolute gate of −70 LUFS: silence, or
/// sound shorter than 400 ms. Samples that are no numbers count as silence.
pub fn integrated_loudness(sound: &Sound) -> Option<f64> {
    let channels = sound.channels();
    let mut meter = EbuR128::new(u32::try_from(channels.len()).ok()?, sound.rate(), Mode::I).ok()?;
    if let Some(speakers) = layout(channels.len()) {
        for (c, speaker) in speakers.iter().enumerate() {
            let place = match speaker {
                Speaker::Left => Channel::Left,
                Speaker::Right => Channel::Right,
                Speaker::Centre => Channel::Center,
                Speaker::Lfe => Channel::Unused,
                Speaker::LeftBack | Speaker::LeftSide => Channel::LeftSurround,
                Speaker::RightBack | Speaker::RightSide | Speaker::BackCentre => Channel::RightSurround,
            };
            meter.set_channel(c as u32, place).ok()?;
        }
    }
    // A second at a time: not a number must not reach the meter's filters, and no second copy of the whole is needed.
    let step = sound.rate() as usize;
    let mut clean: Vec<Vec<f32>> = vec![Vec::with_capacity(step); channels.len()];
    for start in (0..sound.len()).step_by(step.max(1)) {
        let end = (start + step).min(sound.len());
        for (to, from) in clean.iter_mut().zip(channels) {
            to.clear();
            to.extend(from[start..end].iter().map(|s| if s.is_finite() { *s } else { 0.0 }));
        }
        let planes: Vec<&[f32]> = clean.iter().map(Vec::as_slice).collect();
        meter.add_frames_planar_f32(&planes).ok()?;
    }
    meter.loudness_global().ok().filter(|l| l.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sine(rate: u32, seconds: f64, db: f64, channels: usize) -> Sound {
        let n = (f64::from(rate) * seconds) as usize;
        let gain = 10f64.powf(db / 20.0);
        let wave: Vec<f32> = (0..n).map(|i| (gain * (std::f64::consts::TAU * 997.0 * i as f64 / f64::from(rate)).sin()) as f32).collect();
        Sound::new(rate, vec![wave; channels]).unwrap()
    }

    #[test]
    fn a_sine_reads_as_bs1770_says() {
        // BS.1770-4 annex 1: a 0 dBFS 997 Hz sine in one front channel reads −3.01 LKFS.
        assert!((integrated_loudness(&sine(48_000, 2.0, 0.0, 1)).unwrap() + 3.01).abs() < 0.05);
        assert!((integrated_loudness(&sine(44_100, 2.0, -20.0, 2)).unwrap() + 20.0).abs() < 0.05);
        assert!((integrated_loudness(&sine(96_000, 2.0, -20.0, 2)).unwrap() + 20.0).abs() < 0.05);
    }

    #[test]
    fn the_lfe_does_not_count() {
        let mut channels = Sound::silence(48_000, 6, 96_000).into_channels();
        channels[3] = sine(48_000, 2.0, -10.0, 1).into_channels().remove(0);
        assert_eq!(integrated_loudness(&Sound::new(48_000, channels).unwrap()), None);
    }

    #[test]
    fn silence_and_splinters_have_no_loudness() {
        assert_eq!(integrated_loudness(&Sound::silence(48_000, 2, 96_000)), None);
        assert_eq!(integrated_loudness(&Sound::silence(48_000, 2, 0)), None);
        assert_eq!(integrated_loudness(&sine(48_000, 0.2, -10.0, 1)), None);
        let broken = Sound::new(48_000, vec![vec![f32::NAN; 96_000]]).unwrap();
        assert_eq!(integrated_loudness(&broken), None);
    }
}
