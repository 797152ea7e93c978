//! The sound of a clip of the model: the neighbours' sound laid where it belongs, which latents of it are the editor's own, and the
//! made part cut out of what the model gives, joined to the sample.

use std::ops::Range;

use shot::{Fault, SAMPLE_RATE, Sound};

use super::plan::Frames;
use crate::error::Result;

/// What is known of a clip's sound.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The clip at [`SAMPLE_RATE`] in stereo, silent where nothing is known.
    pub sound: Sound,
    /// Where it is known, in seconds.
    pub known: Vec<Range<f64>>,
}

/// Lays the sound that stands before and after the made frames into the clip; `None` where nothing stands.
pub fn lay(tail: Option<&Sound>, head: Option<&Sound>, frames: &Frames, fps: f64) -> Result<Option<Heard>> {
    let seconds = |frames: usize| frames as f64 / fps;
    let at = |seconds: f64| (seconds * f64::from(SAMPLE_RATE)).round() as usize;
    let length = at(seconds(frames.total()));
    let (start, end) = (at(seconds(frames.range().start)), at(seconds(frames.range().end)));
    let mut channels = vec![vec![0.0; length]; 2];
    let mut known = Vec::new();
    let of = |from: usize, to: usize| from as f64 / f64::from(SAMPLE_RATE)..to as f64 / f64::from(SAMPLE_RATE);
    if let Some(tail) = tail.filter(|s| !s.is_empty()) {
        let tail = sound::conform(tail, SAMPLE_RATE, 2).map_err(Fault::from)?;
        let n = tail.len().min(start);
        for (to, from) in channels.iter_mut().zip(tail.channels()) {
            to[start - n..start].copy_from_slice(&from[from.len() - n..]);
        }
        known.push(of(start - n, start));
    }
    if let Some(head) = head.filter(|s| !s.is_empty()) {
        let head = sound::conform(head, SAMPLE_RATE, 2).map_err(Fault::from)?;
        let n = head.len().min(length.saturating_sub(end));
        for (to, from) in channels.iter_mut().zip(head.channels()) {
            to[end..end + n].copy_from_slice(&from[..n]);
        }
        known.push(of(end, end + n));
    }
    known.retain(|r| r.end > r.start);
    if known.is_empty() {
        return Ok(None);
    }
    let sound = Sound::new(SAMPLE_RATE, channels)?;
    Ok(Some(Heard { sound, known }))
}

/// Latents of a clip's sound.
pub fn latents(frames: usize, fps: f64) -> usize {
    crate::audio::latents_for(frames, fps).max(1)
}

/// For every latent whether all that it stands for is known.
pub fn kept(latents: usize, known: &[Range<f64>]) -> Vec<bool> {
    // Latent i covers mel frames 4i−3 to 4i, each of a hundredth of a second (notes, §5.4); half a hop of the window's reach on
    // either side is forgiven, or the latent at a cut would never be the editor's.
    let covers = |i: usize| (4 * i).saturating_sub(3) as f64 * 0.01..(4 * i + 1) as f64 * 0.01;
    (0..latents).map(covers).map(|c| known.iter().any(|k| k.start <= c.start + 0.005 && c.end <= k.end + 0.005)).collect()
}

/// What is cut out of a clip's sound.
pub struct Cut<'a> {
    /// The clip's frames.
    pub frames: &'a Frames,
    /// The model's frames per second.
    pub fps: f64,
    /// Samples of the made part.
    pub samples: usize,
    /// Channels that are asked for.
    pub channels: usize,
    /// The editor's sound before.
    pub tail: Option<&'a Sound>,
    /// The editor's sound after.
    pub head: Option<&'a Sound>,
}

/// The made part of `clip` (at [`SAMPLE_RATE`]), levelled to its neighbours and joined to them.
pub fn cut(clip: &Sound, cut: &Cut<'_>) -> Result<Sound> {
    let clip = sound::conform(clip, SAMPLE_RATE, cut.channels).map_err(Fault::from)?;
    let start = (cut.frames.range().start as f64 / cut.fps * f64::from(SAMPLE_RATE)).round() as usize;
    let end = start + cut.samples;
    let side = |s: Option<&Sound>| s.filter(|s| !s.is_empty()).map(|s| sound::conform(s, SAMPLE_RATE, cut.channels)).transpose();
    let (tail, head) = (side(cut.tail).map_err(Fault::from)?, side(cut.head).map_err(Fault::from)?);
    let margin = sound::JOIN_MARGIN;
    let mut channels = Vec::with_capacity(cut.channels);
    for (c, channel) in clip.channels().iter().enumerate() {
        let real = |s: &Option<Sound>| s.as_ref().map(|s| s.channels()[c].clone()).unwrap_or_default();
        let (before, after) = (real(&tail), real(&head));
        // The kept latents come back a little louder or softer than they went in: the made part has the same error.
        let in_gain = gain(
            &before[before.len().saturating_sub(LEVEL)..],
            &channel[start.saturating_sub(LEVEL).min(channel.len())..start.min(channel.len())],
        );
        let out_gain = gain(&after[..after.len().min(LEVEL)], &channel[end.min(channel.len())..(end + LEVEL).min(channel.len())]);
        let (first, last) = (in_gain.or(out_gain).unwrap_or(1.0), out_gain.or(in_gain).unwrap_or(1.0));
        let at = |i: isize| usize::try_from(i).ok().and_then(|i| channel.get(i)).copied().unwrap_or(0.0);
        let total = (cut.samples + 2 * margin) as f32;
        let mut made: Vec<f32> = (0..cut.samples + 2 * margin)
            .map(|i| at((start + i) as isize - margin as isize) * (first + (last - first) * i as f32 / total))
            .collect();
        fade_where_it_ends(&mut made, (channel.len() + margin).saturating_sub(start));
        channels.push(made);
    }
    let made = Sound::new(SAMPLE_RATE, channels)?;
    Ok(sound::join(tail.as_ref(), made, head.as_ref())?)
}

/// Samples over which levels are compared.
const LEVEL: usize = SAMPLE_RATE as usize / 2;

/// The factor from `made` to `real`, within 6 dB; `None` where either is too short or silent.
fn gain(real: &[f32], made: &[f32]) -> Option<f32> {
    let rms = |x: &[f32]| (x.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / x.len().max(1) as f64).sqrt();
    if real.len() < LEVEL / 4 || made.len() < LEVEL / 4 {
        return None;
    }
    let (real, made) = (rms(real), rms(made));
    (real > 1e-5 && made > 1e-5).then(|| (real / made).clamp(0.5, 2.0) as f32)
}

/// The model's sound ends a few hundredths of a second before its picture: it is let out softly instead of being cut off.
fn fade_where_it_ends(made: &mut [f32], end: usize) {
    const FADE: usize = SAMPLE_RATE as usize / 100;
    if end < made.len() {
        let start = end.saturating_sub(FADE);
        for (i, s) in made[start..end].iter_mut().enumerate() {
            *s *= 1.0 - (i + 1) as f32 / (FADE + 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::plan::Wanted;

    fn tone(samples: usize, from: usize) -> Vec<f32> {
        (0..samples).map(|i| (((from + i) as f32) * 0.0131).sin() * 0.3).collect()
    }

    #[test]
    fn the_neighbours_stand_where_they_belong_and_are_kept() {
        let frames = Frames::fit(Wanted { made: 24, tail: 25, head: 32 });
        let fps = 24.0;
        let (tail, head) = (Sound::new(48_000, vec![vec![0.5; 200_000]]).unwrap(), Sound::new(48_000, vec![vec![0.25; 200_000]]).unwrap());
        let heard = lay(Some(&tail), Some(&head), &frames, fps).unwrap().unwrap();
        let start = (frames.tail as f64 / fps * 48_000.0).round() as usize;
        assert_eq!(heard.sound.channels()[1][start - 1], 0.5);
        assert_eq!(heard.sound.channels()[0][start], 0.0);
        assert_eq!(heard.sound.channels()[0][start + 48_000], 0.25);
        let kept = kept(latents(frames.total(), fps), &heard.known);
        let (made_from, made_to) = (25.0 / fps, 49.0 / fps);
        for (i, kept) in kept.iter().enumerate() {
            let middle = (4.0 * i as f64 - 1.0) * 0.01;
            assert_eq!(*kept, !(made_from - 0.02..made_to + 0.02).contains(&middle), "latent {i}");
        }
        assert!(lay(None, None, &frames, fps).unwrap().is_none());
    }

    #[test]
    fn what_is_cut_out_has_the_asked_length_and_continues_its_neighbours() {
        let frames = Frames::fit(Wanted { made: 24, tail: 25, head: 24 });
        let start = 50_000;
        let clip = Sound::new(48_000, vec![tone(150_000, 0).iter().map(|s| s * 0.8).collect()]).unwrap();
        let tail = Sound::new(48_000, vec![tone(start, 0)]).unwrap();
        let head = Sound::new(48_000, vec![tone(48_000, start + 48_000)]).unwrap();
        let wanted = Cut { frames: &frames, fps: 24.0, samples: 48_000, channels: 2, tail: Some(&tail), head: Some(&head) };
        let made = cut(&clip, &wanted).unwrap();
        assert_eq!((made.len(), made.channels().len()), (48_000, 2));
        let want = tone(48_000, start);
        let worst = made.channels()[0].iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn a_clip_that_ends_early_is_let_out_softly() {
        let frames = Frames::fit(Wanted { made: 25, tail: 0, head: 0 });
        let clip = Sound::new(48_000, vec![tone(40_000, 0)]).unwrap();
        let wanted = Cut { frames: &frames, fps: 25.0, samples: 48_000, channels: 1, tail: None, head: None };
        let made = cut(&clip, &wanted).unwrap();
        assert_eq!(made.len(), 48_000);
        assert!(made.channels()[0][39_995].abs() < 0.01 && made.channels()[0][45_000] == 0.0);
    }
}
