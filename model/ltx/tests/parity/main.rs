//! Every stage against the reference's tensors.
//!
//! `PICKUP_PARITY=FOLDER cargo test --release -p ltx --test parity` compares on a folder that the parity program made: it prints a
//! row per stage, writes `FOLDER/rows.json` and fails when an error is above its bar, or when the reference recorded something that no
//! stage compares. Without the variable it runs on the fixtures. With `PICKUP_TORCH_PYTHON=PYTHON`, a Python that has torch, diffusers and
//! transformers, it makes models of other seeds and dimensions and compares with them too. `PICKUP_PARITY_ROWS=FOLDER` collects all rows.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod audio;
mod diffusion;
mod folder;
mod material;
mod quantised;
mod sampling;
mod seeds;
mod text;
mod transformer;
mod upsampler;
mod video;

use folder::{Folder, Rows};

#[test]
fn every_stage_agrees_with_the_reference() {
    Folder::all().iter().for_each(compare);
}

/// All stages on one folder.
fn compare(folder: &Folder) {
    let mut rows = Rows::default();
    println!("{}", folder.root().display());
    sampling::rows(folder, &mut rows);
    audio::rows(folder, &mut rows);
    text::rows(folder, &mut rows);
    transformer::rows(folder, &mut rows);
    diffusion::rows(folder, &mut rows);
    video::rows(folder, &mut rows);
    upsampler::rows(folder, &mut rows);
    quantised::rows(folder, &mut rows);
    rows.finish(folder);
}
