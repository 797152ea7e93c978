//! Channels to pixels and pixels to channels, channels last.
//!
//! A stored order `(channel, t, y, x)` puts the places of one channel next to each other. Where a convolution of ours makes the
//! values, its outputs come as `(t, y, x, channel)` ([`Outputs::ByPlace`](crate::ops::conv3d::Outputs)), so that whole pixels move.

use rayon::prelude::*;

use crate::ops::frame::Frame;

/// Spreads `[height, width, places · channels]` (place slowest) over `factors[0]` frames of `[height·factors[1], width·factors[2], channels]`.
pub fn spread(frame: &Frame, factors: [usize; 3]) -> Vec<Frame> {
    let [time, rows, columns] = factors;
    let channels = frame.channels / (time * rows * columns);
    let (height, width) = (frame.height * rows, frame.width * columns);
    let make = |t: usize| {
        let mut out = Frame::zeros(height, width, channels);
        out.data.par_chunks_mut((width * channels).max(1)).enumerate().for_each(|(y, out)| {
            let input = &frame.data[y / rows * frame.row()..][..frame.row()];
            let place = (t * rows + y % rows) * columns * channels;
            // The columns of one row of places lie next to each other, in the input as in the output.
            let run = columns * channels;
            for (out, input) in out.chunks_exact_mut(run).zip(input.chunks_exact(frame.channels)) {
                out.copy_from_slice(&input[place..place + run]);
            }
        });
        out
    };
    (0..time).map(make).collect()
}

/// Adds to spread frames the input itself, spread the same way from its stored order `(channel, t, y, x)`, its channels repeated as
/// often as is needed: the skip of the 2.0 decoder.
pub fn add_spread(input: &Frame, factors: [usize; 3], outs: &mut [Frame]) {
    let [_, rows, columns] = factors;
    let places: usize = factors.iter().product();
    let own = input.channels / places;
    for (t, out) in outs.iter_mut().enumerate() {
        let (row, channels) = (out.row(), out.channels);
        out.data.par_chunks_mut(row.max(1)).enumerate().for_each(|(y, out)| {
            let input = &input.data[y / rows * input.row()..][..input.row()];
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                let pixel = &input[x / columns * own * places..][..own * places];
                let place = (t * rows + y % rows) * columns + x % columns;
                for (channel, out) in out.iter_mut().enumerate() {
                    *out += pixel[channel % own * places + place];
                }
            }
        });
    }
}

/// Takes `factors[0]` frames together and their pixels into channels, in the order `(channel, t, y, x)`; rows and columns beyond
/// the last whole place are left out.
pub fn gather(frames: &[Frame], factors: [usize; 3]) -> Frame {
    let [time, rows, columns] = factors;
    let places = time * rows * columns;
    let Some(first) = frames.first() else { return Frame::default() };
    let (height, width, channels) = (first.height / rows, first.width / columns, first.channels);
    let mut out = Frame::zeros(height, width, channels * places);
    out.data.par_chunks_mut((width * channels * places).max(1)).enumerate().for_each(|(y, out)| {
        for (x, out) in out.chunks_exact_mut(channels * places).enumerate() {
            for place in 0..places {
                let (t, row, column) = (place / (rows * columns), place / columns % rows, place % columns);
                let at = ((y * rows + row) * first.width + x * columns + column) * channels;
                let pixel = &frames[t].data[at..at + channels];
                for (channel, value) in pixel.iter().enumerate() {
                    out[channel * places + place] = *value;
                }
            }
        }
    });
    out
}

/// Adds to `out` the mean of every `group` channels of `gathered`: the skip of the encoder.
pub fn add_group_means(gathered: &Frame, out: &mut Frame) {
    let group = gathered.channels / out.channels.max(1);
    let factor = 1.0 / group as f32;
    let row = out.row().max(1);
    out.data.par_chunks_mut(row).zip(gathered.data.par_chunks(gathered.row().max(1))).for_each(|(out, gathered)| {
        for (out, group) in out.iter_mut().zip(gathered.chunks_exact(group)) {
            *out += group.iter().sum::<f32>() * factor;
        }
    });
}

/// Patches of pixels to channels in the order `(colour, column, row)`: `[height, width, colours]` → `[height/patch, width/patch, …]`.
pub fn patchify(frame: &Frame, patch: usize) -> Frame {
    let colours = frame.channels;
    let (height, width) = (frame.height / patch, frame.width / patch);
    let mut out = Frame::zeros(height, width, colours * patch * patch);
    let row = out.row().max(1);
    out.data.par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        for (x, out) in out.chunks_exact_mut(colours * patch * patch).enumerate() {
            for (channel, out) in out.iter_mut().enumerate() {
                let (colour, column, row) = (channel / (patch * patch), channel / patch % patch, channel % patch);
                *out = frame.data[((y * patch + row) * frame.width + x * patch + column) * colours + colour];
            }
        }
    });
    out
}

/// The inverse of [`patchify`].
pub fn unpatchify(frame: &Frame, patch: usize) -> Frame {
    let colours = frame.channels / (patch * patch);
    let mut out = Frame::zeros(frame.height * patch, frame.width * patch, colours);
    let row = out.row().max(1);
    out.data.par_chunks_mut(row).enumerate().for_each(|(y, out)| {
        let input = &frame.data[y / patch * frame.row()..][..frame.row()];
        let row = y % patch;
        for (pixel, out) in input.chunks_exact(frame.channels).zip(out.chunks_exact_mut(patch * colours)) {
            for (column, out) in out.chunks_exact_mut(colours).enumerate() {
                for (colour, out) in out.iter_mut().enumerate() {
                    *out = pixel[(colour * patch + column) * patch + row];
                }
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(height: usize, width: usize, channels: usize, from: usize) -> Frame {
        Frame::new(height, width, channels, (from..from + height * width * channels).map(|v| v as f32).collect())
    }

    proptest! {
        #[test]
        fn patches_come_back(height in 1usize..5, width in 1usize..5, colours in 1usize..4, log in 0u32..3) {
            let patch = 1 << log;
            let frame = numbered(height * patch, width * patch, colours, 0);
            let patches = patchify(&frame, patch);
            prop_assert_eq!((patches.height, patches.width, patches.channels), (height, width, colours * patch * patch));
            prop_assert_eq!(unpatchify(&patches, patch), frame);
        }

        #[test]
        fn what_was_gathered_is_spread_again(height in 1usize..4, width in 1usize..4, channels in 1usize..4, t in 1usize..3, r in 1usize..3, c in 1usize..3) {
            let factors = [t, r, c];
            let frames: Vec<_> = (0..t).map(|i| numbered(height * r, width * c, channels, i * 1000)).collect();
            let gathered = gather(&frames, factors);
            // From the stored order to the order of places.
            let places = t * r * c;
            let mut by_place = gathered.clone();
            for (to, from) in by_place.data.chunks_exact_mut(channels * places).zip(gathered.data.chunks_exact(channels * places)) {
                for i in 0..channels * places {
                    to[i] = from[i % channels * places + i / channels];
                }
            }
            prop_assert_eq!(&spread(&by_place, factors), &frames);
            // Without repetition the skip is the same movement.
            let mut outs: Vec<_> = (0..t).map(|_| Frame::zeros(height * r, width * c, channels)).collect();
            add_spread(&gathered, factors, &mut outs);
            prop_assert_eq!(outs, frames);
        }
    }

    #[test]
    fn a_patch_lists_columns_before_rows() {
        let patches = patchify(&numbered(2, 2, 2, 0), 2);
        // Colour 0: top left, bottom left, top right, bottom right.
        assert_eq!(patches.data, [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]);
    }

    #[test]
    fn group_means_are_added() {
        let gathered = Frame::new(1, 1, 4, vec![1.0, 3.0, 10.0, 20.0]);
        let mut out = Frame::new(1, 1, 2, vec![0.5, 0.5]);
        add_group_means(&gathered, &mut out);
        assert_eq!(out.data, [2.5, 15.5]);
    }
}
