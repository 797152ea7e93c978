//! Paints a plan at full size.

use rayon::prelude::*;
use shot::Picture;
use wide::{f32x4, f32x8};

use crate::frame::Frame;
use crate::luma::reduction;
use crate::plane::Grid;
use crate::warp::{Sampler, Spot};

/// Weights below this are not painted: a sixtieth of an 8-bit code value of a full swing.
const NOTHING: f32 = 1.0 / 16_384.0;

/// The picture at time `t` from what stands in `plan` (see [`crate::inbetween::Cell`]) for every sample of the frames' grid.
pub fn render(a: &Frame, b: &Frame, grid: Grid, plan: &[[f32; 8]], t: f32) -> Picture {
    let size = a.picture.size();
    let (width, height) = (a.picture.width(), a.picture.height());
    let step = reduction(width, height) as f32;
    // Where a pixel stands on the grid: the sample at or before it and how far on to the next.
    let on_grid = |p: usize, count: usize| {
        let g = ((p as f32 + 0.5) / step - 0.5).clamp(0.0, (count - 1) as f32);
        (g as usize, g - g.floor())
    };
    let columns: Vec<(usize, f32)> = (0..width).map(|x| on_grid(x, grid.width)).collect();
    let (pa, pb) = (Sampler::new(a), Sampler::new(b));
    let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
    let limit = f32x4::new([right, bottom, right, bottom]);
    let scale = f32x8::new([step, step, step, step, 1.0, 1.0, 1.0, 1.0]);
    // Whether a side has detail where it is read goes with the plan: looking it up for every pixel costs as much as reading.
    let mut plan = plan.to_vec();
    plan.par_chunks_mut(grid.width).with_min_len(8).enumerate().for_each(|(y, row)| {
        for (x, cell) in row.iter_mut().enumerate() {
            let (px, py) = ((x as f32 + 0.5) * step, (y as f32 + 0.5) * step);
            cell[6] *= f32::from(u8::from(pa.is_fine(px + cell[0] * step, py + cell[1] * step)));
            cell[7] *= f32::from(u8::from(pb.is_fine(px + cell[2] * step, py + cell[3] * step)));
        }
    });
    // Zeroes that the system hands out: nothing is written twice.
    let mut pixels = vec![[0.0_f32; 4]; size.pixels()];
    pixels.par_chunks_mut(width).with_min_len(8).enumerate().for_each_init(
        || (vec![[f32x4::splat(0.0); 4]; grid.width], vec![[f32x4::splat(0.0); 2]; grid.width + 1]),
        |(line, ends), (y, out)| {
            let (iy, fy) = on_grid(y, grid.height);
            let fy = f32x8::splat(fy);
            let (top, low) = (&plan[iy * grid.width..], &plan[(iy + 1).min(grid.height - 1) * grid.width..]);
            for ((end, p), q) in ends[..grid.width].iter_mut().zip(top).zip(low) {
                let (p, q) = (f32x8::new(*p), f32x8::new(*q));
                let [a, b, c, d, e, f, g, h] = ((p + fy * (q - p)) * scale).to_array();
                *end = [f32x4::new([a, b, c, d]), f32x4::new([e, f, g, h])];
            }
            ends[grid.width] = ends[grid.width - 1];
            for (l, e) in line.iter_mut().zip(ends.windows(2)) {
                *l = [e[0][0], e[1][0] - e[0][0], e[0][1], e[1][1] - e[0][1]];
            }
            let row = y * width;
            for (x, (o, (ix, fx))) in out.iter_mut().zip(&columns).enumerate() {
                let [from, slope, weight, change] = &line[*ix];
                let fx = f32x4::splat(*fx);
                let here = f32x4::new([x as f32, y as f32, x as f32, y as f32]);
                let at = (here + *from + fx * *slope).fast_max(f32x4::splat(0.0)).fast_min(limit);
                let whole = at.fast_trunc_int();
                let part = (at - whole.round_float()).to_array();
                let whole = whole.to_array();
                let [wa, wb, da, db] = (*weight + fx * *change).to_array();
                let spot = |k: usize| Spot { x: whole[k] as u32 as usize, y: whole[k + 1] as u32 as usize, fx: part[k], fy: part[k + 1] };
                let mut sum = f32x4::splat(0.0);
                if wa > NOTHING {
                    sum += pa.read(spot(0), da > 0.25) * f32x4::splat(wa);
                }
                if wb > NOTHING {
                    sum += pb.read(spot(2), db > 0.25) * f32x4::splat(wb);
                }
                let rest = 1.0 - wa - wb;
                if rest > NOTHING {
                    sum += pa.pixel(row + x) * f32x4::splat(rest * (1.0 - t)) + pb.pixel(row + x) * f32x4::splat(rest * t);
                }
                *o = sum.to_array();
            }
        },
    );
    Picture::new(size, pixels).unwrap_or_else(|_| Picture::filled(size, [0.0; 4]))
}
