//! The diffusion decoder of generation 2.5.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use ltx::checkpoint::{Checkpoint, Part, Place};
use ltx::sampling::noise::{Noise, Purpose};
use ltx::video::Tiling;
use ltx::video::diffusion::{Area, DiffusionDecoder, Hands};
use ltx::video::tiling::Tiles;

use crate::folder::{Folder, Rows, relative};

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
    let hands = Hands { noise: &mut source, cancel: &|| false, sink: &mut emit };
    decoder.decode_raw(&last("diffusion_decoder.in"), hands, &Tiling::WHOLE).unwrap();
    rows.compare("diffusion decoder", "diffusion_decoder.out", &Tensor::cat(&pictures, 0).unwrap(), &last("diffusion_decoder.out"), BAR);
}

/// The decoder of the fixtures and a latent for it.
fn fixture() -> (DiffusionDecoder, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures/ltx-2.5");
    let paths = ["original", "diffusion_decoder"].map(|name| root.join(name));
    let decoder = DiffusionDecoder::load(&Checkpoint::open(&paths).unwrap(), &Place::default()).unwrap();
    (decoder, root)
}

fn latent(decoder: &DiffusionDecoder, [frames, rows, columns]: [usize; 3]) -> Tensor {
    let channels = decoder.config().latent;
    let noise = Noise::new(7).grid(Purpose::Video, [frames, rows, columns], channels).unwrap();
    noise.reshape((frames, rows, columns, channels)).unwrap()
}

fn decode(decoder: &DiffusionDecoder, latent: &Tensor, seed: u64, tiling: &Tiling) -> Tensor {
    let mut pictures = Vec::new();
    let mut sink = |picture: Tensor| {
        pictures.push(picture);
        Ok(())
    };
    decoder.decode(latent, &Noise::new(seed), tiling, &|| false, &mut sink).unwrap();
    Tensor::cat(&pictures, 0).unwrap()
}

#[test]
fn tiles_and_windows_are_exact_away_from_their_edges_and_near_the_whole_everywhere() {
    let (decoder, _) = fixture();
    let latent = latent(&decoder, [7, 4, 9]);
    let whole = decode(&decoder, &latent, 3, &Tiling::WHOLE);
    assert_eq!(whole.dims(), [49, 128, 288, 3]);
    let tiles = Tiles { size: [4, 5], overlap: 2, window: 4, window_overlap: 1 };
    let parts = decode(&decoder, &latent, 3, &Tiling { tiles: Some(tiles) });
    assert!(relative(&parts, &whole) < 0.02, "{}", relative(&parts, &whole));
    // Two columns of tiles that share two latents, two windows that share one: the corner belongs to one part alone.
    let corner = |t: &Tensor| t.narrow(0, 0, 20).unwrap().narrow(2, 0, 64).unwrap();
    let error = relative(&corner(&parts), &corner(&whole));
    assert!(error < 1e-5, "{error:e}");
    let end = |t: &Tensor| t.narrow(0, 35, 14).unwrap().narrow(2, 224, 64).unwrap();
    let error = relative(&end(&parts), &end(&whole));
    assert!(error < 1e-5, "{error:e}");
}

#[test]
fn a_clip_shorter_and_smaller_than_a_window_has_its_own_size() {
    let (decoder, _) = fixture();
    for extent in [[1, 1, 1], [2, 1, 4]] {
        let picture = decode(&decoder, &latent(&decoder, extent), 3, &Tiling::WHOLE);
        assert_eq!(picture.dims(), [(extent[0] - 1) * 8 + 1, extent[1] * 32, extent[2] * 32, 3]);
        assert!(picture.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap().is_finite());
    }
}

#[test]
fn a_seed_is_a_picture_and_a_stop_is_a_stop() {
    let (decoder, _) = fixture();
    let latent = latent(&decoder, [2, 2, 2]);
    let bytes = |seed: u64| decode(&decoder, &latent, seed, &Tiling::WHOLE).flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(bytes(1) == bytes(1) && bytes(1) != bytes(2));
    let stopped = decoder.decode(&latent, &Noise::new(1), &Tiling::WHOLE, &|| true, &mut |_| Ok(()));
    assert!(matches!(stopped, Err(ltx::Error::Cancelled)));
    let wrong = Tensor::zeros((1, 2, 2, 99), candle_core::DType::F32, &Device::Cpu).unwrap();
    let refused = decoder.decode(&wrong, &Noise::new(1), &Tiling::WHOLE, &|| false, &mut |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("99"), "{refused}");
}

#[test]
fn a_small_budget_makes_tiles_and_a_large_one_none() {
    let (decoder, _) = fixture();
    let whole = decoder.memory(20, 30);
    assert_eq!(decoder.tiling([30, 20, 30], whole), Tiling::WHOLE);
    let tiles = decoder.tiling([30, 20, 30], whole * 3 / 4).tiles.unwrap();
    assert!(tiles.size[0] * tiles.size[1] < 600 && tiles.overlap > 0 && tiles.window_overlap > 0, "{tiles:?}");
}

/// The authors' file holds three projections in one, other names, gates that are to be folded in, and a head for previews.
#[test]
fn the_authors_layout_gives_the_same_picture() {
    let (decoder, root) = fixture();
    let file = root.join("diffusion_decoder/diffusion_pytorch_model.safetensors");
    let theirs = candle_core::safetensors::load(&file, &Device::Cpu).unwrap();
    let mut ours = BTreeMap::new();
    for (name, tensor) in &theirs {
        let tensor = tensor.to_dtype(candle_core::DType::F32).unwrap();
        let of = |other: &str| theirs[&name.replace(".to_q.", other)].to_dtype(candle_core::DType::F32).unwrap();
        let (name, tensor) = match name.as_str() {
            "latents_mean" => ("per_channel_statistics.mean-of-means".to_owned(), tensor),
            "latents_std" => ("per_channel_statistics.std-of-means".to_owned(), tensor),
            n if n.contains(".to_k.") || n.contains(".to_v.") => continue,
            n if n.contains(".to_q.") => {
                (n.replace(".to_q.", ".qkv."), Tensor::cat(&[tensor.clone(), of(".to_k."), of(".to_v.")], 0).unwrap())
            }
            // Half of the weights: the gate doubles them.
            n if n.contains("diff_blocks") && (n.contains(".to_out.0.") || n.contains(".w_down.") || n.contains(".context_proj.")) => {
                (n.replace(".to_out.0.", ".proj."), (tensor * 0.5).unwrap())
            }
            n => {
                let n = n.replace(".to_out.0.", ".proj.").replace("norm_q.", "q_norm.").replace("norm_k.", "k_norm.");
                (n.replace("timestep_embedder.linear_1", "mlp.0").replace("timestep_embedder.linear_2", "mlp.2"), tensor)
            }
        };
        ours.insert(name, tensor);
    }
    let config = decoder.config();
    for index in 0..config.depth {
        for gate in ["gate_msa", "gate_mlp", "gate_ctx"] {
            let two = Tensor::full(2f32, config.channels, &Device::Cpu).unwrap();
            ours.insert(format!("decoder.diff_blocks.{index}.{gate}"), two);
        }
    }
    ours.insert("decoder.coarse_head.weight".into(), Tensor::zeros((2, 2), candle_core::DType::F32, &Device::Cpu).unwrap());
    let widths: Vec<usize> = config.stages.iter().map(|s| s.channels).chain([config.context]).collect();
    let depths: Vec<usize> = config.stages.iter().map(|s| s.depth).chain([config.depth]).collect();
    let windows: Vec<_> = config.stages.iter().map(|s| s.window).chain([config.window]).collect();
    let ups: Vec<_> = config.stages.iter().map(|s| (s.up, s.fewer)).collect();
    let vae = serde_json::json!({"vae": {"_class_name": "CausalDiffusionVAE", "latent_channels": config.latent, "model_output_type": "x0",
        "decoder": {"stage_channels": widths, "stage_depths": depths, "stage_kernels": windows, "upsamples": ups,
            "stage5_kernel": config.window, "head_dim": config.head, "t_emb_dim": config.time, "default_num_inference_steps": 1,
            "timestep_scale_multiplier": config.time_scale, "patch_size": config.patch}}});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vae.safetensors");
    write(&path, &ours, &[("config", vae.to_string())]);
    let checkpoint = Checkpoint::open(&[root.join("original"), path]).unwrap();
    let same = DiffusionDecoder::load(&checkpoint, &Place::default()).unwrap();
    assert_eq!(same.config(), config);
    let latent = latent(&decoder, [2, 2, 3]);
    let (want, got) = (decode(&decoder, &latent, 5, &Tiling::WHOLE), decode(&same, &latent, 5, &Tiling::WHOLE));
    assert!(relative(&got, &want) < 1e-6, "{:e}", relative(&got, &want));
}

/// A file of f32 tensors with metadata.
fn write(path: &Path, tensors: &BTreeMap<String, Tensor>, metadata: &[(&str, String)]) {
    let mut header = serde_json::Map::new();
    header.insert(
        "__metadata__".into(),
        metadata.iter().map(|(k, v)| ((*k).to_owned(), v.clone().into())).collect::<serde_json::Map<_, _>>().into(),
    );
    let mut data: Vec<u8> = Vec::new();
    for (name, tensor) in tensors {
        let start = data.len();
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        header.insert(name.clone(), serde_json::json!({"dtype": "F32", "shape": tensor.dims(), "data_offsets": [start, data.len()]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let bytes = [(header.len() as u64).to_le_bytes().as_slice(), header.as_slice(), data.as_slice()].concat();
    std::fs::write(path, bytes).unwrap();
}
