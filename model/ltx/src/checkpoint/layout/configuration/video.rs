//! Settings of diffusers' video VAE as the block lists of the single file.
//!
//! The single file lists the encoder's blocks in the order in which they run and the decoder's in the opposite one.

use serde_json::{Value, json};

use super::Renamed;
use crate::checkpoint::Section;
use crate::error::Result;

/// The `vae` section.
pub fn section(from: &Section) -> Result<Value> {
    if !from.flag_or("encoder_causal", true)? {
        return Err(from.wrong("encoder_causal is false: no published model is made so"));
    }
    let (decoder, base) = decoder(from)?;
    let mut to = Renamed::new(from)
        .same(&["in_channels", "out_channels", "latent_channels", "patch_size", "timestep_conditioning"])
        .key("decoder_causal", "causal_decoder")
        .set("_class_name", "CausalVideoAutoencoder")
        .set("dims", 3)
        .set("norm_layer", "pixel_norm")
        .set("latent_log_var", "uniform")
        .set("encoder_blocks", encoder(from)?)
        .set("decoder_blocks", decoder)
        .set("decoder_base_channels", base);
    // One key has both halves' padding there; without it the encoder has its own and the decoder reflects.
    let encoder = from.word_or("encoder_spatial_padding_mode", "zeros")?;
    let decoder = from.word_or("decoder_spatial_padding_mode", "reflect")?;
    to = to.set("encoder_spatial_padding_mode", encoder.clone());
    if decoder == encoder {
        to = to.set("spatial_padding_mode", decoder);
    } else if decoder != "reflect" {
        return Err(from.wrong(format!("the decoder pads with {decoder}, the encoder with {encoder}: no published model is made so")));
    }
    Ok(to.done())
}

fn encoder(from: &Section) -> Result<Vec<Value>> {
    let widths = from.sizes_or("block_out_channels", &[256, 512, 1024, 2048])?;
    let layers = from.sizes_or("layers_per_block", &[4, 6, 6, 2, 2])?;
    let kinds = words(from, "downsample_type", &["spatial", "temporal", "spatiotemporal", "spatiotemporal"])?;
    whole(from, "spatio_temporal_scaling")?;
    fit(from, "layers_per_block", layers.len(), widths.len() + 1)?;
    fit(from, "downsample_type", kinds.len(), widths.len())?;
    let mut width = from.size_or("latent_channels", 128)?;
    let mut blocks = vec![residual(layers[0], false)];
    for ((next, kind), layers) in widths.iter().zip(&kinds).zip(&layers[1..]) {
        if width == 0 || !next.is_multiple_of(width) {
            return Err(from.wrong(format!("block_out_channels goes from {width} to {next}, which is no multiple")));
        }
        blocks.push(json!([format!("{}_res", compress(from, kind)?), {"multiplier": next / width}]));
        blocks.push(residual(*layers, false));
        width = *next;
    }
    Ok(blocks)
}

/// The decoder's blocks, last to run first, and the width that they multiply.
fn decoder(from: &Section) -> Result<(Vec<Value>, usize)> {
    let widths = from.sizes_or("decoder_block_out_channels", &[256, 512, 1024])?;
    let layers = from.sizes_or("decoder_layers_per_block", &[5, 5, 5, 5])?;
    let kinds = words(from, "upsample_type", &["spatiotemporal"; 3])?;
    let factors = from.sizes_or("upsample_factor", &[2, 2, 2])?;
    let count = widths.len();
    let passes = flags(from, "upsample_residual", true, count)?;
    let noise = flags(from, "decoder_inject_noise", false, count + 1)?;
    whole(from, "decoder_spatio_temporal_scaling")?;
    for (key, length, expected) in [
        ("decoder_layers_per_block", layers.len(), count + 1),
        ("upsample_type", kinds.len(), count),
        ("upsample_factor", factors.len(), count),
    ] {
        fit(from, key, length, expected)?;
    }
    let product = factors.iter().try_fold(1usize, |all, factor| all.checked_mul(*factor)).filter(|product| *product > 0);
    let last = widths.last().copied().unwrap_or(0);
    let base = product.filter(|product| last > 0 && last.is_multiple_of(*product)).map(|product| last / product);
    let base = base.ok_or_else(|| from.wrong(format!("decoder_block_out_channels end with {last}, upsample_factor is {factors:?}")))?;
    // Everything is listed from the output backwards but the kinds, which are in the order in which they run.
    let mut blocks = vec![residual(layers[0], noise[0])];
    for index in 0..count {
        let kind = compress(from, &kinds[count - 1 - index])?;
        let settings =
            if passes[index] { json!({"multiplier": factors[index], "residual": true}) } else { json!({"multiplier": factors[index]}) };
        blocks.push(json!([kind, settings]));
        blocks.push(residual(layers[index + 1], noise[index + 1]));
    }
    Ok((blocks, base))
}

fn residual(layers: usize, noise: bool) -> Value {
    if noise { json!(["res_x", {"num_layers": layers, "inject_noise": true}]) } else { json!(["res_x", {"num_layers": layers}]) }
}

fn compress(from: &Section, kind: &str) -> Result<&'static str> {
    Ok(match kind {
        "spatial" => "compress_space",
        "temporal" => "compress_time",
        "spatiotemporal" => "compress_all",
        other => return Err(from.wrong(format!("a resampling is {other:?}, expected spatial, temporal or spatiotemporal"))),
    })
}

fn words(from: &Section, key: &str, default: &[&str]) -> Result<Vec<String>> {
    if !from.has(key) {
        return Ok(default.iter().map(|word| (*word).to_owned()).collect());
    }
    from.read(key, |v| v.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect(), "a list of words")
}

/// One flag for all, or one for each.
fn flags(from: &Section, key: &str, default: bool, count: usize) -> Result<Vec<bool>> {
    let list = |v: &Value| match v {
        Value::Bool(all) => Some(vec![*all; count]),
        Value::Array(each) => each.iter().map(Value::as_bool).collect::<Option<Vec<_>>>().filter(|each| each.len() == count),
        _ => None,
    };
    if from.has(key) { from.read(key, list, &format!("true, false or {count} of them")) } else { Ok(vec![default; count]) }
}

/// Refuses a level that does not change the size: blocks would be numbered otherwise.
fn whole(from: &Section, key: &str) -> Result<()> {
    let all = |v: &Value| v.as_bool().or_else(|| v.as_array().map(|each| each.iter().all(|flag| flag.as_bool() == Some(true))));
    if from.has(key) && !from.read(key, all, "a list of flags")? {
        return Err(from.wrong(format!("{key} has a level that keeps its size: no published model is made so")));
    }
    Ok(())
}

fn fit(from: &Section, key: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected && got > 0 { Ok(()) } else { Err(from.wrong(format!("{key} has {got} entries, expected {expected}"))) }
}
