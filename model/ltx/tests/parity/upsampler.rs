//! The latent upsampler of the folder, whatever it makes more of.

use ltx::checkpoint::Part;
use ltx::upsampler::Upsampler;

use super::folder::{Folder, Rows};
use super::video::last;

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let checkpoint = folder.checkpoint();
    for (part, prefix) in [(Part::SpatialUpsampler, "upsampler"), (Part::TemporalUpsampler, "temporal_upsampler")] {
        if !checkpoint.has(part) {
            continue;
        }
        let Some(dump) = folder.dump("a2v_modules").filter(|d| d.has(&format!("{prefix}.in"))) else { continue };
        let raw = last(&dump.tensor(&format!("{prefix}.in")));
        let got = Upsampler::load(&checkpoint, part).unwrap().upsample(&raw, &|| false).unwrap();
        let name = format!("{prefix}.out");
        rows.compare("latent upsampler", &name, &got, &last(&dump.tensor(&name)), 2e-5);
    }
}
