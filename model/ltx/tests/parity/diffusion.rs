//! The diffusion decoder of generation 2.5.

use candle_core::Tensor;
use ltx::checkpoint::{Part, Place};
use ltx::video::diffusion::{Area, DiffusionDecoder};

use crate::folder::{Folder, Rows};

const BAR: f64 = 2e-5;

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let Some(dump) = folder.dump("a2v_modules") else { return };
    if !dump.has("diffusion_decoder.out") {
        return;
    }
    let checkpoint = folder.checkpoint();
    assert!(checkpoint.has(Part::DiffusionDecoder), "the decoder's file is not among the parts");
    let decoder = DiffusionDecoder::load(&checkpoint, &Place::default()).unwrap();
    // [1, channels, frames, rows, columns] → [frames, rows, columns, channels]
    let last = |name: &str| dump.tensor(name).squeeze(0).unwrap().permute((1, 2, 3, 0)).unwrap().contiguous().unwrap();
    let noise = last("diffusion_decoder.noise");
    let mut pictures = Vec::new();
    let mut source = |area: Area| {
        assert_eq!((area.from, area.size), ([0, 0], [noise.dim(1).unwrap(), noise.dim(2).unwrap()]));
        Ok(noise.get(area.frame).unwrap())
    };
    let mut emit = |picture: Tensor| {
        pictures.push(picture);
        Ok(())
    };
    decoder.decode_raw(&last("diffusion_decoder.in"), &mut source, &mut emit).unwrap();
    rows.compare("modules", "diffusion_decoder", &Tensor::cat(&pictures, 0).unwrap(), &last("diffusion_decoder.out"), BAR);
}
