//! Figures of a take, measured while its frames pass by: how visible the seams are, and whether frames stand still.

use std::sync::Arc;

use shot::{Figure, Picture};

/// Gathers the differences between neighbouring frames. Only three frames are held.
pub struct Seams {
    tail: Option<Arc<Picture>>,
    head: Option<Arc<Picture>>,
    joins: (bool, bool),
    last: Option<Arc<Picture>>,
    seam_in: Option<f64>,
    steps: Vec<f64>,
    frozen: u32,
}

impl Seams {
    /// For a shot between `tail` and `head`; `joins` says which of them it meets without a cut.
    pub fn new(tail: Option<Arc<Picture>>, head: Option<Arc<Picture>>, joins: (bool, bool)) -> Self {
        Self { tail, head, joins, last: None, seam_in: None, steps: Vec::new(), frozen: 0 }
    }

    /// The next frame.
    pub fn add(&mut self, picture: &Arc<Picture>) {
        match &self.last {
            None => self.seam_in = self.tail.take().filter(|_| self.joins.0).map(|t| difference(&t, picture)),
            Some(last) => {
                let step = difference(last, picture);
                self.steps.push(step);
                self.frozen += u32::from(step == 0.0);
            }
        }
        self.last = Some(picture.clone());
    }

    /// `seam-in` and `seam-out`: the step over the seam in units of the median step inside, 1 is as smooth as the shot itself;
    /// `frozen`: frames equal to the one before.
    pub fn figures(self) -> Vec<Figure> {
        let seam_out = match (&self.last, self.head.as_ref().filter(|_| self.joins.1)) {
            (Some(last), Some(head)) => Some(difference(last, head)),
            _ => None,
        };
        let mut steps = self.steps;
        steps.sort_by(f64::total_cmp);
        let median = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
        let relative = |step: f64| step / median.max(1e-4);
        let figure = |name: &str, value: f64, unit: &str| Figure { name: name.into(), value, unit: unit.into() };
        let mut out = Vec::new();
        out.extend(self.seam_in.map(|s| figure("seam-in", relative(s), "median steps")));
        out.extend(seam_out.map(|s| figure("seam-out", relative(s), "median steps")));
        out.push(figure("frozen", f64::from(self.frozen), "frames"));
        out
    }
}

/// Root mean square over pixels and colours; pictures of two sizes differ by nothing that can be measured here.
fn difference(a: &Picture, b: &Picture) -> f64 {
    if a.size() != b.size() {
        return 0.0;
    }
    // Row sums in f64, added in order: the same figure for any number of threads.
    let sum: f64 = (0..a.height())
        .map(|y| {
            let row = a.row(y).iter().zip(b.row(y));
            f64::from(row.map(|(p, q)| (0..3).map(|c| (p[c] - q[c]) * (p[c] - q[c])).sum::<f32>()).sum::<f32>())
        })
        .sum();
    (sum / (3.0 * a.size().pixels() as f64)).sqrt()
}

#[cfg(test)]
mod tests {
    use shot::Size;

    use super::*;

    fn grey(v: f32) -> Arc<Picture> {
        Arc::new(Picture::filled(Size::new(4, 4), [v, v, v, 1.0]))
    }

    #[test]
    fn an_even_ramp_has_seams_of_one_and_a_jump_shows() {
        let run = |tail: f32, head: f32| {
            let mut s = Seams::new(Some(grey(tail)), Some(grey(head)), (true, true));
            [0.1, 0.2, 0.3, 0.4].iter().for_each(|v| s.add(&grey(*v)));
            s.figures().into_iter().map(|f| (f.value * 100.0).round() / 100.0).collect::<Vec<_>>()
        };
        assert_eq!(run(0.0, 0.5), [1.0, 1.0, 0.0]);
        assert_eq!(run(0.0, 0.9), [1.0, 5.0, 0.0]);
    }

    #[test]
    fn frames_that_stand_still_are_counted() {
        let mut s = Seams::new(None, None, (false, false));
        [0.1, 0.1, 0.2].iter().for_each(|v| s.add(&grey(*v)));
        assert_eq!(s.figures()[0].value, 1.0);
    }
}
