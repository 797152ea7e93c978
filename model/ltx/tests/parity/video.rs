//! Encoder and convolutional decoder of the video VAE.

use candle_core::Tensor;
use ltx::video::{Decoder, Encoder, Tiling};

use super::folder::{Dump, Folder, Rows};

/// Bars of the issue: latents as every stage, pictures looser.
const STAGE: f64 = 2e-5;

/// `[1, C, F, H, W]` as `[F, H, W, C]`.
pub fn last(tensor: &Tensor) -> Tensor {
    tensor.squeeze(0).unwrap().permute((1, 2, 3, 0)).unwrap().contiguous().unwrap()
}

pub fn rows(folder: &Folder, rows: &mut Rows) {
    let checkpoint = folder.checkpoint();
    let decoder = Decoder::load(&checkpoint).unwrap();
    if let Some(dump) = folder.dump("a2v_modules") {
        if dump.has("vae.encode.in") {
            let encoder = Encoder::load(&checkpoint).unwrap();
            let latent = encoder.encode(&last(&dump.tensor("vae.encode.in")), &|| false).unwrap();
            let raw = encoder.statistics().denormalise(&latent).unwrap();
            rows.compare("video encoder", "vae.encode.mean", &raw, &last(&dump.tensor("vae.encode.mean")), STAGE);
        }
        if dump.has("vae.decode.out") {
            let latent = decoder.statistics().normalise(&last(&dump.tensor("vae.encode.mean"))).unwrap();
            rows.compare("video decoder", "vae.decode.out", &decode(&decoder, &latent), &last(&dump.tensor("vae.decode.out")), STAGE);
            tiled(folder, &decoder, &dump, &latent, rows);
        }
    }
    if let Some(dump) = folder.dump("keyframes") {
        stills(&Encoder::load(&checkpoint).unwrap(), &dump, rows);
    }
    for name in ["t2v", "t2v_guided", "keyframes"] {
        let Some(dump) = folder.dump(name) else { continue };
        if dump.has("vae.decoder#0.in.hidden_states") {
            let latent = decoder.statistics().normalise(&last(&dump.tensor("vae.decoder#0.in.hidden_states"))).unwrap();
            let want = last(&dump.tensor("vae.decoder#0.out"));
            rows.compare("video decoder", &format!("{name}: vae.decoder#0.out"), &decode(&decoder, &latent), &want, STAGE);
        }
    }
}

/// Pictures of one frame, as conditions are encoded.
fn stills(encoder: &Encoder, dump: &Dump, rows: &mut Rows) {
    for call in 0.. {
        let at = |name: &str| format!("vae.encoder#{call}.{name}");
        if !dump.has(&at("in.hidden_states")) {
            break;
        }
        let latent = encoder.encode(&last(&dump.tensor(&at("in.hidden_states"))), &|| false).unwrap();
        let raw = encoder.statistics().denormalise(&latent).unwrap();
        // What follows the means are variances.
        let want = last(&dump.tensor(&at("out"))).narrow(3, 0, raw.dim(3).unwrap()).unwrap();
        rows.compare("video encoder", &format!("keyframes: {}", at("out")), &raw, &want, STAGE);
    }
}

/// The reference's tiles are not ours: tiles of 64×96 pixels every 64×64, each blended into its left neighbour over 32 columns.
/// Its rule is repeated here over our decodes of its tiles.
fn tiled(folder: &Folder, decoder: &Decoder, dump: &Dump, latent: &Tensor, rows: &mut Rows) {
    if !dump.has("vae.tiled_decode.out") {
        return;
    }
    let (height, width) = (latent.dim(1).unwrap(), latent.dim(2).unwrap());
    assert_eq!(folder.argument("height"), height * 32);
    let want = last(&dump.tensor("vae.tiled_decode.out"));
    let got = if height <= 2 && width <= 3 {
        decode(decoder, latent)
    } else {
        let bands: Vec<_> = (0..height)
            .step_by(2)
            .map(|y| {
                let band = latent.narrow(1, y, 2.min(height - y)).unwrap();
                let tiles: Vec<_> = (0..width)
                    .step_by(2)
                    .map(|x| decode(decoder, &band.narrow(2, x, 3.min(width - x)).unwrap().contiguous().unwrap()))
                    .collect();
                let blended: Vec<_> = tiles
                    .iter()
                    .enumerate()
                    .map(|(n, tile)| {
                        let tile = if n == 0 { tile.clone() } else { blend(&tiles[n - 1], tile) };
                        tile.narrow(2, 0, 64.min(tile.dim(2).unwrap())).unwrap()
                    })
                    .collect();
                Tensor::cat(&blended, 2).unwrap()
            })
            .collect();
        Tensor::cat(&bands, 1).unwrap()
    };
    rows.compare("video decoder", "vae.tiled_decode.out", &got, &want, STAGE);
}

/// `tile` with its first columns faded in over the last of its left neighbour.
fn blend(left: &Tensor, tile: &Tensor) -> Tensor {
    let columns = 32.min(left.dim(2).unwrap()).min(tile.dim(2).unwrap());
    let ramp: Vec<f32> = (0..columns).map(|x| x as f32 / columns as f32).collect();
    let ramp = Tensor::from_vec(ramp, (1, 1, columns, 1), tile.device()).unwrap();
    let old = left.narrow(2, left.dim(2).unwrap() - columns, columns).unwrap();
    let new = tile.narrow(2, 0, columns).unwrap();
    let faded = (&old + (new - &old).unwrap().broadcast_mul(&ramp).unwrap()).unwrap();
    Tensor::cat(&[faded, tile.narrow(2, columns, tile.dim(2).unwrap() - columns).unwrap()], 2).unwrap()
}

/// All of a latent at once.
pub fn decode(decoder: &Decoder, latent: &Tensor) -> Tensor {
    let mut frames = Vec::new();
    decoder
        .decode(latent, &Tiling::WHOLE, &|| false, &mut |f| {
            frames.push(f);
            Ok(())
        })
        .unwrap();
    Tensor::cat(&frames, 0).unwrap()
}
