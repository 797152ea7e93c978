//! What a neighbour sounds like: steady or lively ambience, or something that stands over a floor.

use crate::RATE;
use crate::prepare::Neighbour;

/// Samples that are averaged into one for the pitch search: 6 kHz are plenty for a voice's fundamental.
const DECIMATE: usize = 8;
/// Length and step of a pitch frame, in decimated samples: 80 ms and 20 ms.
const PITCH_FRAME: usize = 480;
const PITCH_STEP: usize = 120;
/// Fundamentals of voices, as lags at 6 kHz: 400 Hz down to 80 Hz.
const LAGS: std::ops::RangeInclusive<usize> = 15..=75;
/// Normalised autocorrelation from which a frame counts as voiced.
const VOICED: f32 = 0.7;
/// A voice is looked for only in frames this much above the quiet ones, in dB: a hum is part of the floor.
const ABOVE_DB: f32 = 8.0;

/// Measured traits of a stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Character {
    /// Share of frames, 0 to 1, that are voiced and stand above the quiet ones.
    pub voiced: f32,
    /// Level in dB that loud moments (95th percentile of 50 ms) have above quiet ones (20th).
    pub spread: f32,
}

impl Character {
    /// Dialogue stands over a floor. Speech over ambience that lies 15 dB below it is voiced in at least .48 of its frames with
    /// a spread above 18 dB; 33 stretches of rain, wind, fire, city, sea, storm, crickets, birds and a full café reach .04.
    pub fn has_voices(&self) -> bool {
        self.voiced >= 0.12 && self.spread >= 9.0
    }
}

/// Measures a neighbour. Silence and stretches too short to tell have no character: zeros.
pub(crate) fn measure(neighbour: &Neighbour) -> Character {
    let voice = voice_band(neighbour);
    let energy: Vec<f32> =
        voice.chunks(RATE as usize / DECIMATE / 20).map(|c| c.iter().map(|s| s * s).sum::<f32>() / c.len() as f32).collect();
    if energy.len() < 8 {
        return Character { voiced: 0.0, spread: 0.0 };
    }
    let mut levels: Vec<f32> = energy.iter().map(|e| 10.0 * e.max(1e-14).log10()).collect();
    levels.sort_by(f32::total_cmp);
    let at = |q: f32| levels[((levels.len() - 1) as f32 * q).round() as usize];
    let threshold = at(0.2) + ABOVE_DB;
    let (mut frames, mut voiced) = (0usize, 0usize);
    for frame in voice.windows(PITCH_FRAME).step_by(PITCH_STEP) {
        frames += 1;
        let power = frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32;
        if 10.0 * power.max(1e-14).log10() > threshold && periodicity(frame) > VOICED {
            voiced += 1;
        }
    }
    Character { voiced: voiced as f32 / frames.max(1) as f32, spread: at(0.95) - at(0.2) }
}

/// The mean of all channels between about 80 Hz and 1.5 kHz, decimated.
fn voice_band(neighbour: &Neighbour) -> Vec<f32> {
    let pole = |hz: f32| 1.0 - (-std::f32::consts::TAU * hz / RATE as f32).exp();
    let (high, low) = (pole(80.0), pole(1500.0));
    let (mut rumble, mut first, mut second) = (0.0f32, 0.0f32, 0.0f32);
    let mut out = Vec::with_capacity(neighbour.len() / DECIMATE + 1);
    let mut sum = 0.0;
    for i in 0..neighbour.len() {
        let x = neighbour.channels.iter().map(|c| c[i]).sum::<f32>() / neighbour.channels.len() as f32;
        rumble += high * (x - rumble);
        first += low * (x - rumble - first);
        second += low * (first - second);
        sum += second;
        if i % DECIMATE == DECIMATE - 1 {
            out.push(sum / DECIMATE as f32);
            sum = 0.0;
        }
    }
    out
}

/// Highest normalised autocorrelation over the lags of a voice, −1 to 1.
fn periodicity(frame: &[f32]) -> f32 {
    LAGS.map(|lag| {
        let (a, b) = (&frame[lag..], &frame[..frame.len() - lag]);
        let (mut cross, mut left, mut right) = (0.0f32, 0.0f32, 0.0f32);
        for (x, y) in a.iter().zip(b) {
            cross += x * y;
            left += x * x;
            right += y * y;
        }
        cross / (left * right).sqrt().max(1e-20)
    })
    .fold(-1.0, f32::max)
}
