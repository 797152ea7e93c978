//! `pickup takes promote`: the full picture of a light take, from the latents that it kept; compared with the light one, because what
//! the editor chose is what must come out.

use shot::{Cancel, Code, Fault, Quality, Request, TakeId};

use crate::cli::TakesPromote;
use crate::deliver::{self, Order};
use crate::job::{self, Place};
use crate::place;
use crate::tell::Teller;

/// Decibels under which the full picture is another one than was chosen.
const ALIKE: f64 = 22.0;

/// Runs the command.
pub fn run(args: &TakesPromote, teller: &mut Teller, cancel: &Cancel) -> Result<(), Fault> {
    let place = Place { tools: media::Tools::find()?, store: place::store(args.takes_dir.as_deref())?, model: args.model.clone() };
    let id = TakeId::parse(&args.id)?;
    let light = place.store.get(&id)?;
    let latents = light.folder().join(ltx::engine::latents::KEPT);
    if !latents.is_file() {
        return Err(Fault::new(
            Code::Take,
            format!(
                "the take {id} keeps no latents: engine {}, quality {:?}",
                light.take().provenance.engine,
                light.take().request.quality
            ),
            "promote works on takes that the ltx engine made with --quality draft or preview",
        ));
    }
    let mut request = Request { quality: Quality::Final, ..light.take().request.clone() };
    request.context.latents = Some(latents);
    request.engine = shot::EngineChoice::Ltx;
    let done = job::make(&place, &request, teller, cancel)?;
    teller.take(done.take.id(), done.take.folder(), done.found);
    let likeness = compare(&light, &done.take)?;
    teller.fact("promoted", serde_json::json!({"from": id, "to": done.take.id(), "psnr": likeness}));
    if likeness < ALIKE {
        teller.say(&format!("the full picture differs from the light one more than it should ({likeness:.1} dB): look at both"));
    } else {
        teller.say(&format!("the full picture agrees with the light one to {likeness:.1} dB"));
    }
    if let Some(out) = &args.out {
        let order = Order { tools: &place.tools, out, format: args.format, depth: media::Depth::Sixteen, with_handles: true };
        deliver::take(&order, &done.take, None, None)?;
        teller.output(&place::absolute(out)?);
    }
    Ok(())
}

/// PSNR over the frames of both, in dB, at the size of what the eye follows: an eighth of the picture.
fn compare(light: &takes::Stored, full: &takes::Stored) -> Result<f64, Fault> {
    let (mut sum, mut count) = (0.0, 0usize);
    let step = (light.frames() / 8).max(1);
    for index in (0..light.frames().min(full.frames())).step_by(step as usize) {
        let (a, b) = (light.frame(index)?, full.frame(index)?);
        for (a, b) in coarse(&a).into_iter().zip(coarse(&b)) {
            sum += (a - b).powi(2);
            count += 1;
        }
    }
    Ok(-10.0 * (sum / count.max(1) as f64).max(1e-12).log10())
}

/// Means of blocks of eight by eight pixels.
fn coarse(picture: &shot::Picture) -> Vec<f64> {
    let (w, h) = (picture.width().div_ceil(8), picture.height().div_ceil(8));
    let mut sums = vec![(0.0, 0.0); w * h];
    for y in 0..picture.height() {
        for (x, p) in picture.row(y).iter().enumerate() {
            let block = &mut sums[y / 8 * w + x / 8];
            *block = (block.0 + f64::from((p[0] + p[1] + p[2]) / 3.0), block.1 + 1.0);
        }
    }
    sums.into_iter().map(|(sum, n)| sum / n).collect()
}
