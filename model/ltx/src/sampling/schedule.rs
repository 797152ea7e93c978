//! Levels of noise, from the first step to none. One more than there are steps; the last is 0.
//!
//! The numbers are the model's authors' (Lightricks/LTX-2, `utils/constants.py` and `components/schedulers.py`).

use crate::error::{Error, Result};

/// The levels that the distilled models were trained at: eight steps.
pub const DISTILLED: [f32; 9] = [1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875, 0.0];

/// The levels of the second stage, after upsampling: three steps.
pub const SECOND_STAGE: [f32; 4] = [0.909375, 0.725, 0.421875, 0.0];

/// Most steps that are ever taken: beyond that a request is a mistake.
pub const MOST_STEPS: usize = 1000;

/// Token counts between which the shift grows, and its values there.
const ANCHORS: [(f64, f64); 2] = [(1024.0, 0.95), (4096.0, 2.05)];

/// Noise that is left before the last step.
const TERMINAL: f64 = 0.1;

/// How far the levels are shifted towards much noise, which large pictures need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shift {
    /// As for 4096 tokens, whatever the size: what the authors' one- and two-stage pipelines do.
    #[default]
    Fixed,
    /// By the number of video tokens: what their second-order pipeline does, and diffusers always.
    Tokens(usize),
}

/// Levels for the undistilled model, in any number of steps.
pub fn dev(steps: usize, shift: Shift) -> Result<Vec<f32>> {
    if steps == 0 || steps > MOST_STEPS {
        return Err(Error::Unfit(format!("{steps} steps were asked for; 1 to {MOST_STEPS} can be taken")));
    }
    let [(few, low), (many, high)] = ANCHORS;
    let tokens = match shift {
        Shift::Fixed => many,
        Shift::Tokens(tokens) => tokens as f64,
    };
    let shift = (low + (high - low) * (tokens - few) / (many - few)).exp();
    let level = |i: usize| {
        let sigma = 1.0 - i as f64 / steps as f64;
        shift / (shift + (1.0 / sigma - 1.0))
    };
    // Stretched so that the last level is the terminal one; a single step has nothing to stretch.
    let stretch = (1.0 - level(steps - 1)) / (1.0 - TERMINAL);
    let stretched = |sigma: f64| if stretch > 0.0 { 1.0 - (1.0 - sigma) / stretch } else { sigma };
    Ok((0..steps).map(|i| stretched(level(i)) as f32).chain([0.0]).collect())
}

/// The part of a schedule from `sigma` on, for what does not begin as pure noise: the first level is `sigma`, the others those
/// of the schedule below it.
pub fn from_level(levels: &[f32], sigma: f32) -> Result<Vec<f32>> {
    check(levels)?;
    if !(sigma > 0.0 && sigma <= 1.0) {
        return Err(Error::Unfit(format!("the noise to begin with is {sigma}, it must be above 0 and at most 1")));
    }
    Ok([sigma].into_iter().chain(levels.iter().copied().filter(|s| *s < sigma)).collect())
}

/// Whether levels make a schedule: at least one step, each below the one before, from at most 1 down to exactly 0.
pub fn check(levels: &[f32]) -> Result<()> {
    let falling = levels.windows(2).all(|w| w[0] > w[1]);
    match levels {
        _ if levels.len() > MOST_STEPS + 1 => Err(Error::Unfit(format!("{} steps are more than {MOST_STEPS}", levels.len() - 1))),
        [first, .., last] if falling && *first <= 1.0 && *last == 0.0 => Ok(()),
        _ => Err(Error::Unfit(format!("the levels of noise {levels:?} must fall from at most 1 to 0"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_schedules_are_schedules() {
        check(&DISTILLED).unwrap();
        check(&SECOND_STAGE).unwrap();
        assert_eq!(dev(1, Shift::Fixed).unwrap(), [1.0, 0.0]);
        assert!(dev(0, Shift::Fixed).is_err() && dev(MOST_STEPS + 1, Shift::Fixed).is_err());
    }

    #[test]
    fn the_fixed_shift_is_that_of_4096_tokens() {
        assert_eq!(dev(30, Shift::Fixed).unwrap(), dev(30, Shift::Tokens(4096)).unwrap());
        assert_ne!(dev(30, Shift::Fixed).unwrap(), dev(30, Shift::Tokens(1024)).unwrap());
    }

    #[test]
    fn what_makes_no_schedule_is_refused() {
        for levels in [&[][..], &[0.0], &[1.0], &[1.0, 0.5], &[0.5, 0.5, 0.0], &[2.0, 0.0], &[f32::NAN, 0.0], &[0.2, 0.4, 0.0]] {
            assert!(check(levels).is_err(), "{levels:?}");
        }
        assert!(from_level(&DISTILLED, 0.0).is_err() && from_level(&DISTILLED, f32::NAN).is_err());
    }

    proptest! {
        #[test]
        fn levels_fall_from_all_noise_to_the_terminal(steps in 2usize..200, tokens in 1usize..40_000) {
            let levels = dev(steps, Shift::Tokens(tokens)).unwrap();
            check(&levels).unwrap();
            prop_assert_eq!(levels.len(), steps + 1);
            prop_assert_eq!(levels[0], 1.0);
            prop_assert!((levels[steps - 1] - 0.1).abs() < 1e-6);
        }

        #[test]
        fn a_schedule_can_begin_at_any_level(steps in 1usize..60, sigma in 0.01f32..=1.0) {
            let whole = dev(steps, Shift::Fixed).unwrap();
            let part = from_level(&whole, sigma).unwrap();
            check(&part).unwrap();
            prop_assert_eq!(part[0], sigma);
            prop_assert!(part.len() <= whole.len() + 1 && whole.ends_with(&part[1..]));
        }
    }
}
