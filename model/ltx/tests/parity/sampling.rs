//! Schedules, and whole runs from the first noise to picture and sound.

use candle_core::{Device, Tensor};
use ltx::sampling::schedule::{self, Shift};

use crate::folder::{Folder, Rows};

/// Compares everything this folder has.
pub fn rows(folder: &Folder, rows: &mut Rows) {
    schedules(folder, rows);
}

fn schedules(folder: &Folder, rows: &mut Rows) {
    let size = |name: &str| folder.argument(name).as_u64().unwrap() as usize;
    let tokens = ((size("frames") - 1) / 8 + 1) * (size("height") / 32) * (size("width") / 32);
    if let Some(dump) = folder.dump("t2v_guided") {
        let levels = schedule::dev(size("steps"), Shift::Tokens(tokens)).unwrap();
        rows.compare("schedule", "dev", &list(&levels), &dump.tensor("scheduler.sigmas"), 2e-6);
    }
    if let Some(dump) = folder.dump("t2v") {
        let steps = size("steps");
        let levels = if steps < 8 { &schedule::DISTILLED[8 - steps..] } else { &schedule::DISTILLED[..] };
        rows.compare("schedule", "distilled", &list(levels), &dump.tensor("scheduler.sigmas"), 2e-6);
    }
}

fn list(values: &[f32]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}
