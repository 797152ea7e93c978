//! What a clip and its neighbour both show, and the transform between.

use rayon::prelude::*;
use shot::{ColourSpace, Picture};

use crate::align::{self, Found, SPACING, View};
use crate::fit::{self, FLOOR, FOLDS, Kind, Model, Pair};
use crate::grade::Match;

/// Frames of either side that are looked at, at most: spread evenly.
const FRAMES: usize = 3;

impl Match {
    /// The transform that carries `clip` to the look of `reference`.
    ///
    /// Both are frames of one or more shots in the encoding `space`, of any size; the more of the same things they show, the
    /// surer the answer. Where the shots already match, or where nothing speaks clearly for a difference, this is exactly the
    /// identity. No frames on either side give the identity.
    pub fn estimate(clip: &[&Picture], reference: &[&Picture], space: ColourSpace) -> Self {
        let (clip, reference) = (spread(clip), spread(reference));
        let count = clip.len().max(reference.len());
        let mut views = Vec::new();
        for i in 0..count {
            if let (Some(a), Some(b)) = (clip.get(i.min(clip.len().max(1) - 1)), reference.get(i.min(reference.len().max(1) - 1))) {
                let size = align::working_size(b);
                views.push(Overlap::new(View::new(a, space, size), View::new(b, space, size)));
            }
        }
        decide(&views, space)
    }
}

fn spread<'a>(frames: &[&'a Picture]) -> Vec<&'a Picture> {
    let n = frames.len().min(FRAMES);
    (0..n).map(|i| frames[if n == 1 { 0 } else { i * (frames.len() - 1) / (n - 1) }]).collect()
}

/// Two frames, and where each spot of the first may be in the second.
struct Overlap {
    clip: View,
    reference: View,
    spots: Vec<Spot>,
}

struct Spot {
    x: isize,
    y: isize,
    /// Found by its own texture.
    certainty: f32,
    /// Shifts worth a try; where it was found itself comes first.
    shifts: Vec<(isize, isize)>,
}

impl Overlap {
    fn new(clip: View, reference: View) -> Self {
        let found = align::find(&clip, &reference);
        let sure: Vec<Found> = found.iter().filter(|f| f.certainty > 0.3).copied().collect();
        let spots: Vec<Spot> = (0..clip.height)
            .step_by(SPACING)
            .flat_map(|y| (0..clip.width).step_by(SPACING).map(move |x| (x as isize, y as isize)))
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(x, y)| {
                let own = found.iter().find(|f| f.x == x && f.y == y);
                let mut shifts: Vec<(isize, isize)> = own.map(|f| f.shift).into_iter().collect();
                shifts.extend(neighbours(&sure, x, y));
                shifts.push((0, 0));
                shifts.dedup();
                Spot { x, y, certainty: own.map_or(0.0, |f| f.certainty), shifts }
            })
            .collect();
        Self { clip, reference, spots }
    }

    /// Pairs of colours with each spot shifted to where `model` explains it best; `only_sure` takes only spots that were found
    /// by their own texture.
    fn pairs(&self, model: &Model, space: ColourSpace, only_sure: bool) -> Vec<Pair> {
        self.spots
            .par_iter()
            .filter(|s| !only_sure || s.certainty > 0.3)
            .flat_map_iter(|spot| {
                let shifts = if only_sure { &spot.shifts[..1] } else { &spot.shifts[..] };
                let best = shifts
                    .iter()
                    .map(|s| self.samples(spot, *s))
                    .filter(|p| !p.is_empty())
                    .map(|p| (model.residuals(&p, space).iter().map(|r| fit::loss(*r, 6.0 * FLOOR)).sum::<f64>() / p.len() as f64, p))
                    .min_by(|a, b| a.0.total_cmp(&b.0));
                best.map_or(Vec::new(), |b| b.1)
            })
            .collect()
    }

    /// The colours around a spot: itself and four near it.
    fn samples(&self, spot: &Spot, (dx, dy): (isize, isize)) -> Vec<Pair> {
        const NEAR: [(isize, isize); 5] = [(0, 0), (-3, -2), (3, -2), (-3, 2), (3, 2)];
        let block = 4 * SPACING as isize;
        let fold = ((spot.x / block) + 2 * (spot.y / block)).rem_euclid(isize::from(FOLDS)) as u8;
        NEAR.iter()
            .filter_map(|(ox, oy)| {
                let (x, y) = (spot.x + ox, spot.y + oy);
                let from = self.clip.at(x, y)?;
                let to = self.reference.at(x + dx, y + dy)?;
                Some(Pair { from, to, weight: 0.3 + 0.7 * f64::from(spot.certainty), fold })
            })
            .collect()
    }
}

/// Shifts of the nearest sure spots, the commonest ways in which this part of the picture moves.
fn neighbours(sure: &[Found], x: isize, y: isize) -> Vec<(isize, isize)> {
    let mut near: Vec<(isize, &Found)> = sure.iter().map(|f| ((f.x - x).pow(2) + (f.y - y).pow(2), f)).collect();
    near.sort_by_key(|(d, f)| (*d, f.y, f.x));
    near.truncate(9);
    if near.is_empty() {
        return Vec::new();
    }
    let middle = |v: &mut Vec<isize>| {
        v.sort_unstable();
        v[v.len() / 2]
    };
    let median = (middle(&mut near.iter().map(|n| n.1.shift.0).collect()), middle(&mut near.iter().map(|n| n.1.shift.1).collect()));
    let mut out = vec![median];
    out.extend(near.iter().take(3).map(|n| n.1.shift));
    out.dedup();
    out
}

fn decide(views: &[Overlap], space: ColourSpace) -> Match {
    let gather = |model: &Model, only_sure: bool| -> Vec<Pair> { views.iter().flat_map(|v| v.pairs(model, space, only_sure)).collect() };
    let sure = gather(&Model::IDENTITY, true);
    if std::env::var_os("COLOUR_TRACE").is_some() {
        eprint!("sure {} of {}; ", sure.len(), views.iter().map(|v| v.spots.len() * 5).sum::<usize>());
    }
    let enough = 100;
    let mut start = Model::IDENTITY;
    if sure.len() >= enough {
        start = fit::fit(Kind::GainAffine, &sure, space, start);
    }
    let mut best: Option<(f64, Kind, Model, Vec<Pair>)> = None;
    for kind in [Kind::Gain, Kind::Affine, Kind::GainAffine] {
        let mut model = start;
        let mut pairs = Vec::new();
        for _ in 0..3 {
            pairs = gather(&model, false);
            model = fit::fit(kind, &pairs, space, if kind == Kind::Affine { Model { gain: [1.0; 3], ..model } } else { model });
        }
        if pairs.len() < enough {
            continue;
        }
        let s = held_out(kind, &pairs, space, model);
        if std::env::var_os("COLOUR_TRACE").is_some() {
            eprint!("{kind:?} {s:.4}; ");
        }
        if best.as_ref().is_none_or(|b| s < b.0 * 0.98) {
            best = Some((s, kind, model, pairs));
        }
    }
    let Some((score, _, model, _)) = best else { return Match::identity(space) };
    let same = gather(&Model::IDENTITY, false);
    let nothing = mean_loss(&Model::IDENTITY, &same, space);
    if std::env::var_os("COLOUR_TRACE").is_some() {
        eprint!("identity {nothing:.4}; ");
    }
    if nothing < score * 1.1 { Match::identity(space) } else { model.finish(space) }
}

const SCALE: f64 = 4.0 * FLOOR;

fn mean_loss(model: &Model, pairs: &[Pair], space: ColourSpace) -> f64 {
    let total: f64 = pairs.iter().map(|p| p.weight).sum();
    model.residuals(pairs, space).iter().zip(pairs).map(|(r, p)| p.weight * fit::loss(*r, SCALE)).sum::<f64>() / total.max(1e-9)
}

fn held_out(kind: Kind, pairs: &[Pair], space: ColourSpace, start: Model) -> f64 {
    let parts: Vec<f64> = (0..FOLDS)
        .map(|fold| {
            let (train, test): (Vec<Pair>, Vec<Pair>) = pairs.iter().partition(|p| p.fold != fold);
            mean_loss(&fit::fit(kind, &train, space, start), &test, space)
        })
        .collect();
    parts.iter().sum::<f64>() / parts.len() as f64
}
