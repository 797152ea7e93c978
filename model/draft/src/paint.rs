//! Paints a plan at full size.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;
use shot::Picture;
use wide::f32x4;

use crate::bridge::dissolve;
use crate::frame::Frame;
use crate::luma::reduction;
use crate::plane::Grid;
use crate::warp::{Kernel, LEAST, Places, Sampler};

/// Weights below this are not painted: a sixtieth of an 8-bit code value of a full swing.
const NOTHING: f32 = 1.0 / 16_384.0;

/// The picture at time `t` from what stands in `plan` (see [`crate::inbetween::Cell`]) for every sample of the frames' grid.
pub fn render(a: &Frame, b: &Frame, grid: Grid, mut plan: Vec<[f32; 8]>, t: f32) -> Picture {
    let size = a.picture.size();
    let (width, height) = (a.picture.width(), a.picture.height());
    if width.min(height) < LEAST {
        return dissolve(&a.picture, &b.picture, t);
    }
    let step = reduction(width, height);
    let kernel = Kernel::new();
    let (pa, pb) = (Sampler::new(a, &kernel), Sampler::new(b, &kernel));
    // From here on positions are in pixels. Whether a side has detail where it is read goes with the plan: looking it up for
    // every pixel costs as much as reading.
    plan.par_chunks_mut(grid.width).with_min_len(8).enumerate().for_each(|(y, row)| {
        let s = step as f32;
        for (x, cell) in row.iter_mut().enumerate() {
            let (px, py) = ((x as f32 + 0.5) * s, (y as f32 + 0.5) * s);
            cell[..4].iter_mut().for_each(|c| *c *= s);
            cell[6] *= f32::from(u8::from(pa.is_fine(px + cell[0], py + cell[1])));
            cell[7] *= f32::from(u8::from(pb.is_fine(px + cell[2], py + cell[3])));
        }
    });
    let arch = Arch::new();
    // Zeroes that the system hands out: nothing is written twice.
    let mut pixels = vec![[0.0_f32; 4]; size.pixels()];
    pixels.par_chunks_mut(width).with_min_len(8).enumerate().for_each_init(
        || (vec![0.0; 8 * grid.width], Places::new(width), Places::new(width)),
        |(line, at_a, at_b), (y, out)| {
            let g = ((y as f32 + 0.5) / step as f32 - 0.5).clamp(0.0, (grid.height - 1) as f32);
            let (above, fy) = (g as usize, g - g.floor());
            let top = &plan[above * grid.width..][..grid.width];
            let low = &plan[(above + 1).min(grid.height - 1) * grid.width..][..grid.width];
            arch.dispatch(Row { a: &pa, b: &pb, top, low, fy, step, line, at_a, at_b, out, y, t });
        },
    );
    Picture::new(size, pixels).unwrap_or_else(|_| Picture::filled(size, [0.0; 4]))
}

/// One row of pixels, compiled for every instruction set that is worth it.
struct Row<'a> {
    a: &'a Sampler<'a>,
    b: &'a Sampler<'a>,
    /// Rows of the plan above and below, and how far from one to the other.
    top: &'a [[f32; 8]],
    low: &'a [[f32; 8]],
    fy: f32,
    /// Pixels from one sample of the plan to the next.
    step: usize,
    /// The plan on this row: eight arrays.
    line: &'a mut [f32],
    at_a: &'a mut Places,
    at_b: &'a mut Places,
    out: &'a mut [[f32; 4]],
    y: usize,
    t: f32,
}

impl NullaryFnOnce for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { a, b, top, low, fy, step, line, at_a, at_b, out, y, t } = self;
        let count = top.len();
        let targets =
            [&mut at_a.x, &mut at_a.y, &mut at_b.x, &mut at_b.y, &mut at_a.weight, &mut at_b.weight, &mut at_a.fine, &mut at_b.fine];
        for (x, (p, q)) in top.iter().zip(low).enumerate() {
            for n in 0..8 {
                line[n * count + x] = p[n] + fy * (q[n] - p[n]);
            }
        }
        for (samples, target) in line.chunks(count).zip(targets) {
            match step {
                1 => target[..count].copy_from_slice(samples),
                2 => widen::<2>(samples, target),
                3 => widen::<3>(samples, target),
                4 => widen_by_four(samples, target),
                6 => widen::<6>(samples, target),
                _ => widen_by(step, samples, target),
            }
        }
        a.add(at_a, y, out, NOTHING);
        b.add(at_b, y, out, NOTHING);
        let start = y * out.len();
        for (i, ((o, wa), wb)) in out.iter_mut().zip(&at_a.weight).zip(&at_b.weight).enumerate() {
            let rest = 1.0 - wa - wb;
            if rest > NOTHING {
                let (p, q) = (a.pixel(start + i), b.pixel(start + i));
                let (wp, wq) = (rest * (1.0 - t), rest * t);
                for n in 0..4 {
                    o[n] += wp * p[n] + wq * q[n];
                }
            }
        }
    }
}

/// Samples that stand `S` pixels apart, in the middle of their pixels, brought to every pixel: linear between them, held
/// outside.
#[inline(always)]
fn widen<const S: usize>(samples: &[f32], out: &mut [f32]) {
    let lead = S / 2;
    let fractions: [f32; S] = std::array::from_fn(|k| ((lead + k) as f32 + 0.5) / S as f32 - 0.5);
    let (first, rest) = out.split_at_mut(lead.min(out.len()));
    first.fill(samples[0]);
    let (blocks, tail) = rest.as_chunks_mut::<S>();
    let ends = samples.iter().skip(1).chain(samples.last());
    for ((block, s), e) in blocks.iter_mut().zip(samples).zip(ends) {
        for k in 0..S {
            block[k] = s + fractions[k] * (e - s);
        }
    }
    // The tail belongs to the last sample or to the one before it, when the picture ends inside the last block.
    let from = blocks.len().min(samples.len() - 1);
    let (s, e) = (samples[from], samples[(from + 1).min(samples.len() - 1)]);
    for (o, f) in tail.iter_mut().zip(fractions) {
        *o = s + f * (e - s);
    }
}

/// The same for a distance of four, that of most pictures, in whole registers.
#[inline(always)]
fn widen_by_four(samples: &[f32], out: &mut [f32]) {
    let (first, rest) = out.split_at_mut(2.min(out.len()));
    first.fill(samples[0]);
    let (blocks, tail) = rest.as_chunks_mut::<4>();
    let fractions = f32x4::new([0.125, 0.375, 0.625, 0.875]);
    let ends = samples.iter().skip(1).chain(samples.last());
    for ((block, s), e) in blocks.iter_mut().zip(samples).zip(ends) {
        *block = (f32x4::splat(*s) + fractions * f32x4::splat(e - s)).to_array();
    }
    let from = blocks.len().min(samples.len() - 1);
    let (s, e) = (samples[from], samples[(from + 1).min(samples.len() - 1)]);
    for (o, f) in tail.iter_mut().zip(fractions.to_array()) {
        *o = s + f * (e - s);
    }
}

/// The same for any distance.
fn widen_by(step: usize, samples: &[f32], out: &mut [f32]) {
    for (x, o) in out.iter_mut().enumerate() {
        let g = ((x as f32 + 0.5) / step as f32 - 0.5).clamp(0.0, (samples.len() - 1) as f32);
        let i = g as usize;
        *o = samples[i] + (g - i as f32) * (samples[(i + 1).min(samples.len() - 1)] - samples[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distance_widens_in_the_same_way() {
        for width in 1..60_usize {
            let check = |step: usize, widen: fn(&[f32], &mut [f32])| {
                let samples: Vec<f32> = (0..width.div_ceil(step)).map(|i| (i * i % 7) as f32).collect();
                let (mut fast, mut plain) = (vec![9.0; width], vec![9.0; width]);
                widen(&samples, &mut fast);
                widen_by(step, &samples, &mut plain);
                for (f, p) in fast.iter().zip(&plain) {
                    assert!((f - p).abs() < 1e-4, "{width} by {step}: {fast:?} {plain:?}");
                }
            };
            check(2, widen::<2>);
            check(3, widen::<3>);
            check(4, widen_by_four);
            check(6, widen::<6>);
        }
    }
}
