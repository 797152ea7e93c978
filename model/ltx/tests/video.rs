//! The video VAE as a stream: what must hold whatever the weights are, on the checkpoints of the parity fixtures.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::Cell;
use std::path::Path;

use candle_core::{Device, Tensor};
use ltx::Error;
use ltx::checkpoint::Checkpoint;
use ltx::video::tiling::Tiles;
use ltx::video::{Decoder, Encoder, Tiling};

fn checkpoint() -> Checkpoint {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures/ltx-2.3/original");
    Checkpoint::open(&[folder]).unwrap()
}

/// Values that look random, −1..1, the same at every run.
fn noise(shape: (usize, usize, usize, usize)) -> Tensor {
    let count = shape.0 * shape.1 * shape.2 * shape.3;
    let value = |i: u32| (i.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519) >> 8) as f32 / 8_388_608.0 - 1.0;
    Tensor::from_vec((0..count as u32).map(value).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

fn decode(decoder: &Decoder, latent: &Tensor, tiling: &Tiling) -> Tensor {
    let mut frames = Vec::new();
    decoder
        .decode(latent, tiling, &|| false, &mut |f| {
            frames.push(f);
            Ok(())
        })
        .unwrap();
    Tensor::cat(&frames, 0).unwrap()
}

#[test]
fn any_number_of_threads_makes_the_same_bits() {
    let checkpoint = checkpoint();
    let (decoder, encoder) = (Decoder::load(&checkpoint).unwrap(), Encoder::load(&checkpoint).unwrap());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let pictures = decode(&decoder, &noise((3, 3, 5, 4)), &Tiling::WHOLE);
            let latent = encoder.encode(&noise((9, 64, 96, 3)), &|| false).unwrap();
            (bits(&pictures), bits(&latent))
        })
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(3));
}

#[test]
fn pictures_that_depend_on_the_past_alone_do_not_change_when_the_future_does() {
    // The encoder never looks ahead: the latent of a clip's beginning is the beginning of the clip's latent, to the bit.
    let encoder = Encoder::load(&checkpoint()).unwrap();
    let clip = noise((25, 32, 64, 3));
    let whole = encoder.encode(&clip, &|| false).unwrap();
    let head = encoder.encode(&clip.narrow(0, 0, 9).unwrap(), &|| false).unwrap();
    assert_eq!(bits(&whole.narrow(0, 0, 2).unwrap()), bits(&head));
}

#[test]
fn frames_come_in_order_and_none_twice() {
    let decoder = Decoder::load(&checkpoint()).unwrap();
    for frames in [1, 2, 5] {
        assert_eq!(decode(&decoder, &noise((frames, 2, 3, 4)), &Tiling::WHOLE).dims(), [(frames - 1) * 8 + 1, 64, 96, 3]);
    }
}

#[test]
fn tiles_larger_than_the_picture_are_the_whole_picture() {
    let decoder = Decoder::load(&checkpoint()).unwrap();
    let latent = noise((2, 3, 4, 4));
    let tiles = Tiles { size: [3, 4], overlap: 2, window: 2, window_overlap: 1 };
    let tiled = decode(&decoder, &latent, &Tiling { tiles: Some(tiles) });
    assert_eq!(bits(&tiled), bits(&decode(&decoder, &latent, &Tiling::WHOLE)));
}

#[test]
fn tiles_meet_without_a_step() {
    let decoder = Decoder::load(&checkpoint()).unwrap();
    // A constant picture has no other difference between neighbouring pixels than what tiles and edges make.
    let latent = Tensor::ones((10, 4, 10, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
    let tiles = Tiles { size: [4, 8], overlap: 4, window: 7, window_overlap: 3 };
    let tiled = decode(&decoder, &latent, &Tiling { tiles: Some(tiles) });
    let whole = decode(&decoder, &latent, &Tiling::WHOLE);
    assert_eq!(tiled.dims(), whole.dims());
    // Largest step between neighbours along an axis, at any place that is the same within the 32-pixel (8-frame) lattice.
    let step = |t: &Tensor, axis: usize, lattice: usize| {
        let length = t.dim(axis).unwrap() - lattice;
        let difference = (t.narrow(axis, lattice, length).unwrap() - t.narrow(axis, 0, length).unwrap()).unwrap();
        difference.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
    };
    for (axis, lattice) in [(2, 32), (0, 8)] {
        let (got, bar) = (step(&tiled, axis, lattice), step(&whole, axis, lattice));
        assert!(got <= bar * 1.05 + 1e-4, "axis {axis}: {got} where the whole picture has {bar}");
    }
}

#[test]
fn a_small_budget_makes_tiles_and_a_large_one_none() {
    let decoder = Decoder::load(&checkpoint()).unwrap();
    let needed = decoder.memory(22, 40);
    assert_eq!(decoder.tiling([16, 22, 40], needed), Tiling::WHOLE);
    let tiles = decoder.tiling([16, 22, 40], needed / 2).tiles.unwrap();
    assert!(tiles.size[0] * tiles.size[1] < 22 * 40);
}

#[test]
fn a_decode_can_be_stopped_and_refused() {
    let decoder = Decoder::load(&checkpoint()).unwrap();
    let asked = Cell::new(0);
    let cancel = || asked.replace(asked.get() + 1) > 8;
    let stopped = decoder.decode(&noise((5, 2, 2, 4)), &Tiling::WHOLE, &cancel, &mut |_| Ok(()));
    assert!(matches!(stopped, Err(Error::Cancelled)) && asked.get() < 12);
    let refused = decoder.decode(&noise((2, 2, 2, 4)), &Tiling::WHOLE, &|| false, &mut |_| Err(Error::Unfit("full".into())));
    assert_eq!(refused.unwrap_err().to_string(), "full");
}

#[test]
fn what_does_not_fit_is_an_error_with_the_numbers() {
    let checkpoint = checkpoint();
    let (decoder, encoder) = (Decoder::load(&checkpoint).unwrap(), Encoder::load(&checkpoint).unwrap());
    let message = decoder.decode(&noise((2, 2, 2, 5)), &Tiling::WHOLE, &|| false, &mut |_| Ok(())).unwrap_err().to_string();
    assert!(message.contains("4 channels") && message.contains('5'), "{message}");
    let refused = |shape| encoder.encode(&noise(shape), &|| false).unwrap_err().to_string();
    for shape in [(8, 64, 64, 3), (9, 60, 64, 3)] {
        let message = refused(shape);
        assert!(message.contains("8·k+1") && message.contains("32"), "{message}");
    }
    let message = refused((9, 64, 64, 4));
    assert!(message.contains("3 colours") && message.contains("[9, 64, 64, 4]"), "{message}");
}
