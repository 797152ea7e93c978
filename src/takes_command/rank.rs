//! `pickup takes rank`: the takes of each shot in order, best first, and why.

use rayon::prelude::*;
use serde_json::{Value, json};
use shot::{Cancel, Fault};
use takes::{Ranked, Store, Stored};

use super::measure::{Around, Measured};
use super::shots::{self, Shot};
use crate::cli::TakesRank;
use crate::place;

/// A take in its place.
pub struct Placed {
    /// The take.
    pub stored: Stored,
    /// What was measured.
    pub measured: Measured,
    /// 0 to 100, higher is better.
    pub score: f64,
    /// A better take that shows the same.
    pub same_as: Option<String>,
}

/// What a take that shows the same as a better one loses: it is no choice.
const SAME: f64 = 20.0;

/// Runs the command.
pub fn run(args: &TakesRank, cancel: &Cancel) -> Result<(), Fault> {
    let tools = media::Tools::find()?;
    let store = place::store(args.takes_dir.as_deref())?;
    let shots = shots::of(&store, &args.only)?;
    if shots.is_empty() && !args.json {
        eprintln!("no takes in {}", store.root().display());
    }
    for shot in shots {
        let placed = rank(&tools, &store, &shot, cancel)?.0;
        if !args.json {
            println!("shot {}  {}", shot.name, shot.words());
        }
        for (place, p) in placed.iter().enumerate() {
            if args.json {
                let mut value =
                    json!({"shot": shot.name, "id": p.stored.id(), "place": place + 1, "score": round(p.score), "same_as": p.same_as});
                if let (Some(all), Value::Object(more)) = (value.as_object_mut(), figures(&p.measured)) {
                    all.extend(more);
                }
                println!("{value}");
            } else {
                println!("{}", line(place + 1, p));
            }
        }
    }
    Ok(())
}

/// Measures the takes of a shot, puts them in order, and keeps the order beside them. Gives the neighbours too.
pub fn rank(tools: &media::Tools, store: &Store, shot: &Shot, cancel: &Cancel) -> Result<(Vec<Placed>, Around), Fault> {
    let around = match shot.takes.first() {
        // Media that was moved since is no reason to rank nothing: what needs it is left out.
        Some(first) => Around::read(tools, &first.take().request).unwrap_or_else(|why| {
            eprintln!("shot {}: its neighbours cannot be read, so colour, motion and loudness are not compared ({})", shot.name, why.what);
            Around::default()
        }),
        None => Around::default(),
    };
    let measured: Vec<Measured> = shot
        .takes
        .par_iter()
        .map(|stored| {
            cancel.check()?;
            Measured::of(stored, &around)
        })
        .collect::<Result<_, Fault>>()?;
    let mut placed: Vec<Placed> = shot
        .takes
        .iter()
        .zip(measured)
        .map(|(stored, measured)| Placed { stored: stored.clone(), score: measured.score(), measured, same_as: None })
        .collect();
    order(&mut placed);
    for n in 1..placed.len() {
        let (better, rest) = placed.split_at_mut(n);
        if let Some(first) = better.iter().find(|b| b.same_as.is_none() && b.measured.is_like(&rest[0].measured)) {
            rest[0].same_as = Some(first.stored.id().to_string());
            rest[0].score = (rest[0].score - SAME).max(0.0);
        }
    }
    order(&mut placed);
    let ranking: Vec<Ranked> = placed.iter().map(|p| Ranked { id: p.stored.id().clone(), score: p.score }).collect();
    store.set_ranking(&shot.name, &ranking)?;
    Ok((placed, around))
}

/// Best first; equal ones by seed, so that the order is the same each time.
fn order(placed: &mut [Placed]) {
    placed.sort_by(|a, b| {
        let seed = |p: &Placed| p.stored.take().request.seed;
        b.score.total_cmp(&a.score).then_with(|| seed(a).cmp(&seed(b))).then_with(|| a.stored.id().cmp(b.stored.id()))
    });
}

/// Two decimals: more would pretend.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The figures by name.
pub fn figures(m: &Measured) -> Value {
    json!({
        "seam": m.seam.map(round), "flicker": round(m.flicker), "colour": m.colour.map(round), "motion": m.motion.map(round),
        "loudness": m.loudness.map(round), "frozen": round(m.frozen), "card": m.is_card,
    })
}

fn line(place: usize, p: &Placed) -> String {
    let some = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    let m = &p.measured;
    let mut text = format!(
        "{place:>4}  {}  {:>6.2}  seam {}  flicker {:.2} %  colour {} %  motion {} oct  loudness {} LU  frozen {:.0} %  seed {}",
        p.stored.id(),
        p.score,
        some(m.seam),
        m.flicker,
        some(m.colour),
        some(m.motion),
        some(m.loudness),
        100.0 * m.frozen,
        p.stored.take().request.seed
    );
    if m.is_card {
        text.push_str("  (card)");
    }
    if let Some(other) = &p.same_as {
        text.push_str(&format!("  shows the same as {other}"));
    }
    text
}
