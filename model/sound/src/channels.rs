//! Channel maps: which loudspeaker a channel feeds, and what happens where the other side has no such loudspeaker.
//!
//! Layouts are those of WAV (`WAVEFORMATEXTENSIBLE`): 1 C, 2 L R, 3 L R C, 4 L R Lb Rb, 5 L R C Lb Rb, 6 (5.1) L R C LFE Lb
//! Rb, 7 (6.1) L R C LFE Cb Ls Rs, 8 (7.1) L R C LFE Lb Rb Ls Rs. From 9 channels on there is no agreed layout: channels are
//! kept by number.
//!
//! A loudspeaker that stands on both sides keeps its signal at unity. Otherwise, after ITU-R BS.775-3 annex 4 (with −3 dB
//! written as √½):
//!
//! | from | to | gain |
//! |---|---|---|
//! | mono | stereo, no centre | 1 to L and R: a mono clip on a stereo track plays equally loud in both |
//! | stereo | mono | ½ from L and R, so that a mono sound survives the way there and back unchanged |
//! | C | L R | √½ each |
//! | surround (Lb, Ls) | L | √½ (R alike) |
//! | back centre | Lb Rb or Ls Rs | √½ each; to L R ½ each |
//! | back ↔ side pair | the other pair | 1 |
//! | any | mono | the stereo map, then ½ from L and R |
//! | LFE | no LFE | left out |
//! | anything | LFE, surrounds that nothing feeds | silence |

use shot::Sound;

use crate::Error;

/// The most channels that a request may ask for.
pub const MAX_CHANNELS: usize = 16;

/// Where a channel is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    Left,
    Right,
    Centre,
    Lfe,
    LeftBack,
    RightBack,
    BackCentre,
    LeftSide,
    RightSide,
}

/// The loudspeakers of a number of channels, or `None` where no layout is agreed on.
pub(crate) fn layout(channels: usize) -> Option<&'static [Speaker]> {
    use Speaker::{BackCentre, Centre, Left, LeftBack, LeftSide, Lfe, Right, RightBack, RightSide};
    Some(match channels {
        1 => &[Centre],
        2 => &[Left, Right],
        3 => &[Left, Right, Centre],
        4 => &[Left, Right, LeftBack, RightBack],
        5 => &[Left, Right, Centre, LeftBack, RightBack],
        6 => &[Left, Right, Centre, Lfe, LeftBack, RightBack],
        7 => &[Left, Right, Centre, Lfe, BackCentre, LeftSide, RightSide],
        8 => &[Left, Right, Centre, Lfe, LeftBack, RightBack, LeftSide, RightSide],
        _ => return None,
    })
}

const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Where a loudspeaker's signal goes when the other side lacks it: the first list of which every member exists.
fn stand_ins(speaker: Speaker) -> &'static [&'static [(Speaker, f32)]] {
    use Speaker::{BackCentre, Centre, Left, LeftBack, LeftSide, Lfe, Right, RightBack, RightSide};
    match speaker {
        Centre => &[&[(Left, HALF_POWER), (Right, HALF_POWER)]],
        LeftBack => &[&[(LeftSide, 1.0)], &[(Left, HALF_POWER)]],
        RightBack => &[&[(RightSide, 1.0)], &[(Right, HALF_POWER)]],
        LeftSide => &[&[(LeftBack, 1.0)], &[(Left, HALF_POWER)]],
        RightSide => &[&[(RightBack, 1.0)], &[(Right, HALF_POWER)]],
        BackCentre => &[
            &[(LeftBack, HALF_POWER), (RightBack, HALF_POWER)],
            &[(LeftSide, HALF_POWER), (RightSide, HALF_POWER)],
            &[(Left, 0.5), (Right, 0.5)],
        ],
        Left | Right | Lfe => &[],
    }
}

/// The matrix from one layout to another: `matrix[to][from]`, linear gains.
pub(crate) fn matrix(from: usize, to: usize) -> Vec<Vec<f32>> {
    let mut gains = vec![vec![0.0; from]; to];
    let by_number = |gains: &mut Vec<Vec<f32>>| (0..from.min(to)).for_each(|c| gains[c][c] = 1.0);
    let (Some(sources), Some(targets)) = (layout(from), layout(to)) else {
        by_number(&mut gains);
        return gains;
    };
    if to == 1 && from > 1 {
        for row in matrix(from, 2) {
            row.iter().enumerate().for_each(|(c, g)| gains[0][c] += 0.5 * g);
        }
        return gains;
    }
    let place = |s: Speaker| targets.iter().position(|t| *t == s);
    for (c, speaker) in sources.iter().enumerate() {
        if let Some(t) = place(*speaker) {
            gains[t][c] = 1.0;
        } else if from == 1 {
            for side in [Speaker::Left, Speaker::Right] {
                if let Some(t) = place(side) {
                    gains[t][c] = 1.0;
                }
            }
        } else if let Some(list) = stand_ins(*speaker).iter().find(|list| list.iter().all(|(s, _)| place(*s).is_some())) {
            for (s, gain) in *list {
                if let Some(t) = place(*s) {
                    gains[t][c] += gain;
                }
            }
        }
    }
    gains
}

/// Maps sound to a number of channels by the documented matrix; nothing changes where the number is right already.
pub(crate) fn map(sound: &Sound, channels: usize) -> Result<Sound, Error> {
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(Error::Channels { got: channels });
    }
    let from = sound.channels();
    if from.len() == channels {
        return Ok(sound.clone());
    }
    let mapped = matrix(from.len(), channels)
        .iter()
        .map(|row| {
            let mut out = vec![0.0f32; sound.len()];
            for (source, gain) in from.iter().zip(row).filter(|(_, g)| **g != 0.0) {
                out.iter_mut().zip(source).for_each(|(o, s)| *o += gain * s);
            }
            out
        })
        .collect();
    Ok(Sound::new(sound.rate(), mapped)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ones(channels: usize) -> Sound {
        Sound::new(48_000, (0..channels).map(|c| vec![(c + 1) as f32; 3]).collect()).unwrap()
    }

    #[test]
    fn the_matrices_are_the_documented_ones() {
        assert_eq!(matrix(1, 2), [[1.0], [1.0]]);
        assert_eq!(matrix(2, 1), [[0.5, 0.5]]);
        assert_eq!(matrix(6, 2), [[1.0, 0.0, HALF_POWER, 0.0, HALF_POWER, 0.0], [0.0, 1.0, HALF_POWER, 0.0, 0.0, HALF_POWER]]);
        assert_eq!(matrix(1, 6), [[0.0], [0.0], [1.0], [0.0], [0.0], [0.0]]);
        let up = matrix(2, 6);
        assert_eq!((up[0][0], up[1][1]), (1.0, 1.0));
        assert_eq!(up.iter().flatten().sum::<f32>(), 2.0);
        assert_eq!(matrix(8, 6)[4], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(matrix(7, 6)[4], [0.0, 0.0, 0.0, 0.0, HALF_POWER, 1.0, 0.0]);
    }

    #[test]
    fn mono_survives_the_way_through_stereo() {
        let mono = ones(1);
        assert_eq!(map(&map(&mono, 2).unwrap(), 1).unwrap(), mono);
    }

    #[test]
    fn every_pair_of_layouts_keeps_length_and_is_finite() {
        for from in 1..=20 {
            for to in 1..=MAX_CHANNELS {
                let out = map(&ones(from), to).unwrap();
                assert_eq!((out.channels().len(), out.len()), (to, 3));
                assert!(matrix(from, to).iter().all(|row| row.len() == from && row.iter().all(|g| (0.0..=1.0).contains(g))));
            }
        }
        assert!(matches!(map(&ones(1), 0), Err(Error::Channels { got: 0 })));
        assert!(matches!(map(&ones(1), 17), Err(Error::Channels { got: 17 })));
    }
}
