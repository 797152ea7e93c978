//! The camera's own motion: one affine map under a dense flow.

use crate::flow::Field;

/// u = a + b·x + c·y and v = d + e·x + f·y, in grid samples, x and y counted from the middle of the grid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Affine {
    /// a, b, c.
    pub u: [f32; 3],
    /// d, e, f.
    pub v: [f32; 3],
    /// Share of samples that move with it, 0 to 1.
    pub share: f32,
}

/// How far a sample may be from the map and still move with it: half a sample and a twentieth of the motion.
fn tolerance(u: f32, v: f32) -> f32 {
    0.5 + 0.05 * (u * u + v * v).sqrt()
}

impl Affine {
    /// The map's vector at (x, y) of a grid of `width` × `height`.
    pub fn at(&self, x: f32, y: f32, width: usize, height: usize) -> (f32, f32) {
        let (x, y) = (x - 0.5 * width as f32, y - 0.5 * height as f32);
        (self.u[0] + self.u[1] * x + self.u[2] * y, self.v[0] + self.v[1] * x + self.v[2] * y)
    }

    /// The map that most of the flow follows: least squares, weighted again eight times by how near each sample is
    /// (Holland and Welsch, 1977, Cauchy weights), so that what moves by itself loses its say.
    pub fn fit(field: &Field) -> Self {
        let (w, h) = (field.grid.width, field.grid.height);
        let step = (w.max(h) / 80).max(1);
        let mut map = Self::default();
        let samples = || (0..h).step_by(step).flat_map(move |y| (0..w).step_by(step).map(move |x| (x, y)));
        let mut us: Vec<f32> = samples().map(|(x, y)| field.u[y * w + x]).collect();
        let mut vs: Vec<f32> = samples().map(|(x, y)| field.v[y * w + x]).collect();
        // Start from the median, which a third of outliers cannot move.
        let middle = us.len() / 2;
        us.sort_by(f32::total_cmp);
        vs.sort_by(f32::total_cmp);
        map.u[0] = us[middle];
        map.v[0] = vs[middle];
        for _ in 0..8 {
            let mut m = [[0.0_f64; 3]; 3];
            let (mut ru, mut rv) = ([0.0_f64; 3], [0.0_f64; 3]);
            for (x, y) in samples() {
                let (u, v) = (field.u[y * w + x], field.v[y * w + x]);
                let (p, q) = map.at(x as f32, y as f32, w, h);
                let off = ((u - p).powi(2) + (v - q).powi(2)) / tolerance(u, v).powi(2);
                let weight = f64::from(1.0 / (1.0 + off));
                let basis = [1.0, f64::from(x as f32 - 0.5 * w as f32), f64::from(y as f32 - 0.5 * h as f32)];
                for i in 0..3 {
                    for j in 0..3 {
                        m[i][j] += weight * basis[i] * basis[j];
                    }
                    ru[i] += weight * basis[i] * f64::from(u);
                    rv[i] += weight * basis[i] * f64::from(v);
                }
            }
            // A picture of one row or column says nothing about change across it.
            m[1][1] += 1e-3;
            m[2][2] += 1e-3;
            let (Some(u), Some(v)) = (solve(m, ru), solve(m, rv)) else { break };
            map.u = u;
            map.v = v;
        }
        let (mut near, mut all) = (0.0_f32, 0.0_f32);
        for (x, y) in samples() {
            let (u, v) = (field.u[y * w + x], field.v[y * w + x]);
            let (p, q) = map.at(x as f32, y as f32, w, h);
            all += 1.0;
            near += f32::from(u8::from(((u - p).powi(2) + (v - q).powi(2)).sqrt() < tolerance(u, v)));
        }
        map.share = near / all.max(1.0);
        map
    }

    /// Mean speed over the grid, in samples.
    pub fn speed(&self, width: usize, height: usize) -> f32 {
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)];
        corners
            .iter()
            .map(|(x, y)| {
                let (u, v) = self.at(x * width as f32, y * height as f32, width, height);
                (u * u + v * v).sqrt() * 0.2
            })
            .sum()
    }
}

/// Cramer's rule; `None` where the system has no single solution.
fn solve(m: [[f64; 3]; 3], r: [f64; 3]) -> Option<[f32; 3]> {
    let det = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let d = det(m);
    if d.abs() < 1e-12 {
        return None;
    }
    Some(std::array::from_fn(|k| {
        let mut n = m;
        for i in 0..3 {
            n[i][k] = r[i];
        }
        (det(n) / d) as f32
    }))
}
