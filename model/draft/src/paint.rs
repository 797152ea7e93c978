//! Paints a plan at full size.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;
use shot::{Picture, Size};
use wide::f32x4;

use crate::bridge::dissolve;
use crate::frame::Frame;
use crate::luma::reduction;
use crate::plane::Grid;
use crate::sharpness::{self, Energy};
use crate::warp::{Kernel, LEAST, Places, Sampler};

/// Weights below this are not painted: a sixtieth of an 8-bit code value of a full swing.
const NOTHING: f32 = 1.0 / 16_384.0;

/// Places down the picture at which its detail is measured.
const PROBES: usize = 16;

/// The picture at time `t` from what stands in `plan` (see [`crate::inbetween::Cell`]) for every sample of the frames' grid. `sure`,
/// 0 to 1: how much of the detail that is lost on the way is given back.
pub fn render(a: &Frame, b: &Frame, grid: Grid, plan: &[[f32; 8]], t: f32, sure: f32) -> Picture {
    let size = a.picture.size();
    let (width, height) = (a.picture.width(), a.picture.height());
    if width.min(height) < LEAST {
        return dissolve(&a.picture, &b.picture, t);
    }
    let step = reduction(width, height);
    let (sampler_a, sampler_b) = (Sampler::new(a), Sampler::new(b));
    // From here on positions are in pixels, and each row of the plan is eight rows, one after the other. Whether a side has detail
    // where it is read goes with them: looking it up for every pixel costs as much as reading.
    let mut lanes = vec![0.0_f32; 8 * plan.len()];
    lanes.par_chunks_mut(8 * grid.width).zip(plan.par_chunks(grid.width)).with_min_len(8).enumerate().for_each(|(y, (lanes, row))| {
        let s = step as f32;
        let py = (y as f32 + 0.5) * s;
        for (n, lane) in lanes.chunks_exact_mut(grid.width).enumerate() {
            let scale = if n < 4 { s } else { 1.0 };
            for (o, cell) in lane.iter_mut().zip(row) {
                *o = scale * cell[n];
            }
        }
        let (ways, fines) = lanes.split_at_mut(6 * grid.width);
        let (fine_a, fine_b) = fines.split_at_mut(grid.width);
        for (x, (a, b)) in fine_a.iter_mut().zip(fine_b).enumerate() {
            let px = (x as f32 + 0.5) * s;
            let way = |n: usize| ways[n * grid.width + x];
            *a *= f32::from(u8::from(sampler_a.is_fine(px + way(0), py + way(1))));
            *b *= f32::from(u8::from(sampler_b.is_fine(px + way(2), py + way(3))));
        }
    });
    let canvas = Canvas { a: sampler_a, b: sampler_b, grid, lanes, step, t };
    let arch = Arch::new();
    let brushes = || Brushes::new(width, grid.width);
    let gain = if sure > 0.0 { sure * sharpness::gain(&canvas.energies(size)) } else { 0.0 };
    let kernel = Kernel::new(gain);
    // Zeroes that the system hands out: nothing is written twice.
    let mut pixels = vec![[0.0_f32; 4]; size.pixels()];
    pixels.par_chunks_mut(width).with_min_len(8).enumerate().for_each_init(brushes, |brushes, (y, out)| {
        arch.dispatch(Row { canvas: &canvas, kernel: &kernel, brushes, out, y });
    });
    Picture::new(size, pixels).unwrap_or_else(|_| Picture::filled(size, [0.0; 4]))
}

/// What is painted, and from what.
struct Canvas<'a> {
    a: Sampler<'a>,
    b: Sampler<'a>,
    grid: Grid,
    /// The plan, positions in pixels: for each of its rows eight, one after the other.
    lanes: Vec<f32>,
    /// Pixels from one sample of the plan to the next.
    step: usize,
    t: f32,
}

impl Canvas<'_> {
    /// How much detail rows all over the picture have: in both frames, and painted without and with gain.
    fn energies(&self, size: Size) -> Vec<Energy> {
        let (width, height) = (size.width as usize, size.height as usize);
        let kernels = [Kernel::new(0.0), Kernel::new(sharpness::TRIED)];
        let arch = Arch::new();
        let apart = (height / PROBES).max(3);
        let rows: Vec<usize> = (1..height - 1).skip(apart / 2).step_by(apart).collect();
        let energy = |brushes: &mut Brushes, y: usize| {
            let painted = [&kernels[0], &kernels[1]].map(|kernel| {
                let mut lines = vec![[0.0; 4]; 3 * width];
                for (k, out) in lines.chunks_mut(width).enumerate() {
                    arch.dispatch(Row { canvas: self, kernel, brushes, out, y: y + k - 1 });
                }
                lines
            });
            let [plain, sharp] = &painted;
            let [p, q] = [plain, sharp].map(|l| [&l[..width], &l[width..2 * width], &l[2 * width..]]);
            let [a, b] = [&self.a, &self.b].map(|s| [s.row(y - 1), s.row(y), s.row(y + 1)]);
            Energy::of([a, b], [p, q], self.t)
        };
        rows.into_par_iter().map_init(|| Brushes::new(width, self.grid.width), energy).collect()
    }
}

/// What a row of pixels needs beside the plan; kept from row to row.
struct Brushes {
    /// The plan on this row: eight arrays.
    line: Vec<f32>,
    at_a: Places,
    at_b: Places,
}

impl Brushes {
    fn new(width: usize, samples: usize) -> Self {
        Self { line: vec![0.0; 8 * samples], at_a: Places::new(width), at_b: Places::new(width) }
    }
}

/// One row of pixels, compiled for every instruction set that is worth it.
struct Row<'a> {
    canvas: &'a Canvas<'a>,
    kernel: &'a Kernel,
    brushes: &'a mut Brushes,
    /// Zeroes.
    out: &'a mut [[f32; 4]],
    y: usize,
}

impl NullaryFnOnce for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { canvas: Canvas { a, b, grid, lanes, step, t }, kernel, brushes: Brushes { line, at_a, at_b }, out, y } = self;
        let count = grid.width;
        let g = ((y as f32 + 0.5) / *step as f32 - 0.5).clamp(0.0, (grid.height - 1) as f32);
        let (above, fy) = (g as usize, g - g.floor());
        let row = |y: usize| lanes.chunks_exact(8 * count).nth(y).unwrap_or_default();
        for ((o, p), q) in line.iter_mut().zip(row(above)).zip(row((above + 1).min(grid.height - 1))) {
            *o = p + fy * (q - p);
        }
        let targets =
            [&mut at_a.x, &mut at_a.y, &mut at_b.x, &mut at_b.y, &mut at_a.weight, &mut at_b.weight, &mut at_a.fine, &mut at_b.fine];
        for (samples, target) in line.chunks(count).zip(targets) {
            match *step {
                1 => target[..count].copy_from_slice(samples),
                2 => widen::<2>(samples, target),
                3 => widen::<3>(samples, target),
                4 => widen_by_four(samples, target),
                6 => widen::<6>(samples, target),
                _ => widen_by(*step, samples, target),
            }
        }
        a.add(at_a, y, kernel, out, NOTHING);
        b.add(at_b, y, kernel, out, NOTHING);
        let both = a.row(y).iter().zip(b.row(y));
        for ((o, (p, q)), (wa, wb)) in out.iter_mut().zip(both).zip(at_a.weight.iter().zip(&at_b.weight)) {
            let rest = 1.0 - wa - wb;
            if rest > NOTHING {
                let (wp, wq) = (f32x4::splat(rest * (1.0 - t)), f32x4::splat(rest * t));
                *o = (f32x4::new(*o) + wp * f32x4::new(*p) + wq * f32x4::new(*q)).to_array();
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
    for (block, pair) in blocks.iter_mut().zip(samples.windows(2)) {
        *block = (f32x4::splat(pair[0]) + fractions * f32x4::splat(pair[1] - pair[0])).to_array();
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
