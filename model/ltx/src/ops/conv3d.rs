//! Convolutions over time, rows and columns of channels-last frames, with weights that are either packed once or packed from the
//! mapped file, a few outputs at a time, whenever they are used.

use rayon::prelude::*;

use crate::checkpoint::{Matrix, Weights};
use crate::error::Result;
use crate::ops::conv_kernel::{PANEL, Panel, Source, convolve};
use crate::ops::frame::Frame;
use crate::ops::gemm::Grid;

/// Pixels that one task computes: enough to make the task worth its start, few enough that every core has several.
const TASK: usize = 160;

/// Panels that are packed together from the file before they are used.
const TOGETHER: usize = 8;

/// When weights are brought into the form that the inner loops read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// When they are loaded: fastest, takes 4 bytes a weight for as long as the layer lives.
    AtLoad,
    /// At every use, from the mapped file: takes nothing but a few panels while the layer works.
    AtUse,
}

/// How the outputs of a layer follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// As in the file.
    AsStored,
    /// The file has `[channel, place]` with this many places; here `[place, channel]`, so that spreading the places over the picture
    /// moves whole pixels.
    ByPlace(usize),
}

/// The shape of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Taps in time, rows, columns.
    pub taps: [usize; 3],
    /// Their order.
    pub order: Outputs,
}

/// A convolution.
#[derive(Clone, Debug)]
pub struct Conv3d {
    shape: Shape,
    /// Outputs of one panel.
    panel: usize,
    matrix: Matrix,
    packed: Option<Vec<f32>>,
    bias: Vec<f32>,
}

impl Conv3d {
    /// A layer whose `weight` (`[outputs, inputs, taps…]`) and `bias` lie here. Kernels with one tap in time are also stored without
    /// that axis.
    pub fn load(weights: &Weights, shape: Shape, packing: Packing) -> Result<Self> {
        let Shape { inputs, outputs, taps: [time, rows, columns], .. } = shape;
        let flat = time == 1 && weights.shape("weight").is_some_and(|s| s.len() == 4);
        let matrix = match flat {
            true => weights.matrix("weight", &[outputs, inputs, rows, columns])?,
            false => weights.matrix("weight", &[outputs, inputs, time, rows, columns])?,
        };
        let stored = weights.values("bias", &[outputs])?;
        let bias = (0..outputs).map(|o| stored[shape.stored(o)]).collect();
        let panel = match outputs {
            0..=16 => 16,
            33..=48 => 48,
            _ => 32,
        };
        let mut conv = Self { shape, panel, matrix, packed: None, bias };
        if packing == Packing::AtLoad {
            let mut packed = vec![0.0; conv.panels() * conv.panel_len()];
            conv.pack(0, &mut packed);
            conv.matrix.done_with();
            conv.packed = Some(packed);
        }
        Ok(conv)
    }

    /// Its shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Computes output frames from padded input frames: output `i` reads the inputs from `i · steps[0]` on, as many as there are taps
    /// in time; `steps[1]` is the step down and right. Adds to what the outputs hold when `add` is set.
    ///
    /// # Panics
    /// When frames are too few, too small, or of other channels.
    pub fn run(&self, inputs: &[Frame], steps: [usize; 2], outs: &mut [Frame], add: bool) {
        let Shape { inputs: channels, outputs, taps: [time, rows, columns], .. } = self.shape;
        let Some(out) = outs.first() else { return };
        let [step_time, step] = steps;
        assert!(inputs.len() >= (outs.len() - 1) * step_time + time, "too few frames for a convolution");
        assert!(inputs.iter().all(|f| {
            f.channels == channels && (out.height - 1) * step + rows <= f.height && (out.width - 1) * step + columns <= f.width
        }));
        assert!(outs.iter().all(|f| f.channels == outputs && f.height == out.height && f.width == out.width));
        let (width, row_stride) = (out.width, inputs[0].row());
        let rows_together = (TASK / width.max(1)).max(1);
        let mut scratch = Vec::new();
        for first in (0..self.panels()).step_by(self.together()) {
            let panels = first..(first + self.together()).min(self.panels());
            let weights = match &self.packed {
                Some(packed) => &packed[..],
                None => {
                    scratch.resize(panels.len() * self.panel_len(), 0.0);
                    self.pack(first, &mut scratch);
                    &scratch[..]
                }
            };
            outs.par_iter_mut().enumerate().for_each(|(index, out)| {
                let frames: Vec<&[f32]> = inputs[index * step_time..][..time].iter().map(|f| &f.data[..]).collect();
                out.data.par_chunks_mut(rows_together * width * outputs).enumerate().for_each(|(block, out)| {
                    let source = Source {
                        frames: &frames,
                        channels,
                        row_stride,
                        taps: [rows, columns],
                        step,
                        width,
                        first_row: block * rows_together,
                    };
                    let pixels = out.len() / outputs;
                    for (n, (start, mut target)) in Grid::new(out, pixels, outputs, self.panel).blocks().into_iter().enumerate() {
                        if !panels.contains(&n) {
                            continue;
                        }
                        let weights = &weights[(n - first) * self.panel_len()..][..self.panel_len()];
                        let bias = &self.bias[start..(start + self.panel).min(outputs)];
                        convolve(source, Panel { weights, width: self.panel, bias: Some(bias) }, &mut target, add);
                    }
                });
            });
        }
        if self.packed.is_none() {
            self.matrix.done_with();
        }
    }

    /// Bytes that running it takes beside its inputs and outputs.
    pub fn scratch(&self) -> usize {
        if self.packed.is_some() { 0 } else { self.together().min(self.panels()) * self.panel_len() * size_of::<f32>() }
    }

    fn together(&self) -> usize {
        if self.packed.is_some() { self.panels().max(1) } else { TOGETHER }
    }

    fn panels(&self) -> usize {
        self.shape.outputs.div_ceil(self.panel)
    }

    fn panel_len(&self) -> usize {
        self.shape.taps.iter().product::<usize>() * self.shape.inputs * self.panel
    }

    /// Packs the panels from `first` on, as many as `out` holds: `[taps, inputs, outputs of the panel]`.
    fn pack(&self, first: usize, out: &mut [f32]) {
        let Shape { inputs, outputs, taps, .. } = self.shape;
        let (taps, panel) = (taps.iter().product::<usize>(), self.panel);
        out.par_chunks_mut(self.panel_len()).enumerate().for_each_init(Vec::new, |scratch, (n, out)| {
            debug_assert!(PANEL >= panel);
            for o in 0..panel {
                let output = (first + n) * panel + o;
                if output >= outputs {
                    out.iter_mut().skip(o).step_by(panel).for_each(|v| *v = 0.0);
                    continue;
                }
                let stored = self.shape.stored(output);
                let row = self.matrix.read(stored..stored + 1, scratch);
                for (input, row) in row.chunks_exact(taps).enumerate() {
                    for (tap, value) in row.iter().enumerate() {
                        out[(tap * inputs + input) * panel + o] = *value;
                    }
                }
            }
        });
    }
}

impl Shape {
    /// Where an output stands in the file.
    fn stored(&self, output: usize) -> usize {
        match self.order {
            Outputs::AsStored => output,
            Outputs::ByPlace(places) => {
                let channels = self.outputs / places.max(1);
                output % channels * places + output / channels
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::checkpoint::{Mapped, Place, Store};
    use proptest::prelude::*;

    /// A file with one layer of random weights, in f32 or bf16.
    fn weights(shape: &[usize], brain: bool, seed: u32) -> Weights {
        let count: usize = shape.iter().product();
        let (width, name) = if brain { (2, "BF16") } else { (4, "F32") };
        let header = serde_json::json!({
            "weight": {"dtype": name, "shape": shape, "data_offsets": [0, count * width]},
            "bias": {"dtype": "F32", "shape": [shape[0]], "data_offsets": [count * width, count * width + shape[0] * 4]},
        })
        .to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        for v in (0..count).map(|i| random(i, seed)) {
            match brain {
                true => bytes.extend(half::bf16::from_f32(v).to_le_bytes()),
                false => bytes.extend(v.to_le_bytes()),
            }
        }
        bytes.extend((0..shape[0]).flat_map(|i| random(i, seed + 1).to_le_bytes()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.safetensors");
        std::fs::write(&path, bytes).unwrap();
        let file = Mapped::open(&path).unwrap();
        let mut store = Store::default();
        for (name, entry) in file.entries() {
            store.insert(name.clone(), &file, entry);
        }
        Weights::new(Arc::new(store), Place::default())
    }

    fn random(i: usize, seed: u32) -> f32 {
        (((i as u32).wrapping_add(seed.wrapping_mul(7919))).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn agrees_with_the_sum_as_it_is_written(
            inputs in 1usize..20, places in 1usize..3, channels in 1usize..40, time in 1usize..4, kernel in 0usize..2, height in 1usize..6,
            width in 1usize..20, frames in 1usize..3, steps in (1usize..3, 1usize..3), flags in 0u32..8, seed in 0u32..1000,
        ) {
            let (taps, outputs) = ([time, 2 * kernel + 1, 2 * kernel + 1], channels * places);
            let (brain, late, add) = (flags & 1 > 0, flags & 2 > 0, flags & 4 > 0);
            let weights = weights(&[outputs, inputs, taps[0], taps[1], taps[2]], brain, seed);
            let shape = Shape { inputs, outputs, taps, order: if places > 1 { Outputs::ByPlace(places) } else { Outputs::AsStored } };
            let conv = Conv3d::load(&weights, shape, if late { Packing::AtUse } else { Packing::AtLoad }).unwrap();
            let (rows, columns) = ((height - 1) * steps.1 + taps[1], (width - 1) * steps.1 + taps[2]);
            let input = |f: usize| Frame::new(rows, columns, inputs, (0..rows * columns * inputs).map(|i| random(i + f * 1000, seed + 2)).collect());
            let inputs_: Vec<Frame> = (0..(frames - 1) * steps.0 + time).map(input).collect();
            let before = |f: usize| Frame::new(height, width, outputs, (0..height * width * outputs).map(|i| random(i + f, seed + 3)).collect());
            let mut outs: Vec<Frame> = (0..frames).map(before).collect();
            conv.run(&inputs_, [steps.0, steps.1], &mut outs, add);
            let (matrix, bias) = (weights.values("weight", &[outputs, inputs, taps[0], taps[1], taps[2]]).unwrap(), weights.values("bias", &[outputs]).unwrap());
            for (f, out) in outs.iter().enumerate() {
                let old = before(f);
                for (i, got) in out.data.iter().enumerate() {
                    let (pixel, o) = (i / outputs, i % outputs);
                    let stored = if places > 1 { o % channels * places + o / channels } else { o };
                    let mut want = f64::from(bias[stored]) + if add { f64::from(old.data[i]) } else { 0.0 };
                    for t in 0..time {
                        for y in 0..taps[1] {
                            for x in 0..taps[2] {
                                let at = ((pixel / width * steps.1 + y) * columns + pixel % width * steps.1 + x) * inputs;
                                for c in 0..inputs {
                                    let weight = matrix[(((stored * inputs + c) * time + t) * taps[1] + y) * taps[2] + x];
                                    want += f64::from(inputs_[f * steps.0 + t].data[at + c]) * f64::from(weight);
                                }
                            }
                        }
                    }
                    prop_assert!((f64::from(*got) - want).abs() < 1e-4, "{got} is not {want}");
                }
            }
        }
    }

    #[test]
    fn weights_of_another_shape_are_refused_by_name() {
        let weights = weights(&[4, 3, 3, 3, 3], false, 1);
        let shape = Shape { inputs: 4, outputs: 4, taps: [3, 3, 3], order: Outputs::AsStored };
        let message = Conv3d::load(&weights, shape, Packing::AtLoad).unwrap_err().to_string();
        assert!(message.contains("weight") && message.contains("layer.safetensors") && message.contains("[4, 4, 3, 3, 3]"), "{message}");
    }
}
