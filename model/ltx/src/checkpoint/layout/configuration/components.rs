//! Settings of the diffusers components, renamed into the sections of the single file.

use serde_json::{Value, json};

use super::{Class, Renamed, video};
use crate::checkpoint::{Part, Section};
use crate::error::Result;

/// A part's section from a component's `config.json`; null where the component does not speak of the part.
pub fn section(class: Class, part: Part, from: &Section) -> Result<Value> {
    Ok(match (class, part) {
        (Class::Transformer, Part::Transformer) => transformer(from)?,
        (Class::Connectors, Part::Transformer | Part::TextProjection) => connectors(from)?,
        (Class::VideoVae, Part::VideoVae) => video::section(from)?,
        (Class::AudioVae, Part::AudioVae) => audio(from),
        (Class::Vocoder, Part::Vocoder) => vocoder(from)?,
        (Class::Upsampler, Part::SpatialUpsampler | Part::TemporalUpsampler) => upsampler(from),
        (Class::DiffusionDecoder, Part::DiffusionDecoder) | (Class::DurationHead, Part::DurationHead) => from.value().clone(),
        _ => Value::Null,
    })
}

fn transformer(from: &Section) -> Result<Value> {
    let mut to = Renamed::new(from)
        .same(&["num_attention_heads", "attention_head_dim", "in_channels", "out_channels", "cross_attention_dim", "ff_bias"])
        .same(&["audio_num_attention_heads", "audio_attention_head_dim", "audio_in_channels", "audio_out_channels"])
        .same(&["audio_cross_attention_dim", "audio_ff_bias", "num_layers", "caption_channels", "norm_eps", "timestep_scale_multiplier"])
        .same(&["use_keyframes_abs_pos_embedding", "use_prompt_adaln_single"])
        .key("rope_theta", "positional_embedding_theta")
        .key("cross_attn_timestep_scale_multiplier", "av_ca_timestep_scale_multiplier")
        .key("gated_attn", "apply_gated_attention")
        .key("cross_attn_mod", "cross_attention_adaln")
        .set("use_middle_indices_grid", true);
    to = pairing(to)?;
    for (modality, video) in [("audio_gated_attn", "gated_attn"), ("audio_cross_attn_mod", "cross_attn_mod")] {
        if from.flag_or(modality, false)? != from.flag_or(video, false)? {
            return Err(from.wrong(format!("{modality} differs from {video}: no published model is made so")));
        }
    }
    let longest = from.size_or("pos_embed_max_pos", 20)?;
    let (height, width) = (from.size_or("base_height", 2048)?, from.size_or("base_width", 2048)?);
    to = to.set("positional_embedding_max_pos", json!([longest, height, width]));
    to = to.set("audio_positional_embedding_max_pos", json!([from.size_or("audio_pos_embed_max_pos", longest)?]));
    to = precision(to)?;
    // Whether captions are projected before the connectors or by the transformer.
    let inside = from.flag_or("use_prompt_embeddings", true)?;
    Ok(if inside { to.done() } else { projected(to).done() })
}

fn connectors(from: &Section) -> Result<Value> {
    let mut to = Renamed::new(from).key("video_gated_attn", "connector_apply_gated_attention");
    to = pairing(to)?;
    for key in ["num_attention_heads", "attention_head_dim", "num_layers", "num_learnable_registers"] {
        to = to.key(&format!("video_connector_{key}"), &format!("connector_{key}"));
        let audio = format!("audio_connector_{key}");
        to = to.key(&audio, &audio);
    }
    if from.flag_or("audio_gated_attn", false)? != from.flag_or("video_gated_attn", false)? {
        return Err(from.wrong("audio_gated_attn differs from video_gated_attn: no published model is made so"));
    }
    to = to.set("connector_positional_embedding_max_pos", json!([from.size_or("connector_rope_base_seq_len", 4096)?]));
    to = precision(to)?;
    Ok(if from.flag_or("per_modality_projections", false)? { projected(to).done() } else { to.done() })
}

/// The four keys that ask for one text projection per modality.
fn projected(to: Renamed<'_>) -> Renamed<'_> {
    to.set("caption_proj_before_connector", true)
        .set("caption_projection_first_linear", false)
        .set("caption_proj_input_norm", false)
        .set("caption_projection_second_linear", false)
}

/// Which channels turn together; where a component does not say, diffusers means another way than the authors' loader.
fn pairing(to: Renamed<'_>) -> Result<Renamed<'_>> {
    let said = to.from.word_or("rope_type", "interleaved")?;
    Ok(to.set("rope_type", said))
}

fn precision(to: Renamed<'_>) -> Result<Renamed<'_>> {
    let double = to.from.flag_or("rope_double_precision", true)?;
    Ok(to.set("frequencies_precision", if double { "float64" } else { "float32" }))
}

fn audio(from: &Section) -> Value {
    let net = Renamed::new(from)
        .same(&["ch_mult", "num_res_blocks", "attn_resolutions", "resolution", "norm_type", "causality_axis", "mid_block_add_attention"])
        .same(&["mel_bins", "in_channels", "double_z"])
        .key("base_channels", "ch")
        .key("output_channels", "out_ch")
        .key("latent_channels", "z_channels")
        .done();
    let params = Renamed::new(from).key("sample_rate", "sampling_rate").set("ddconfig", net).done();
    let stft = Renamed::new(from).key("mel_hop_length", "hop_length").key("is_causal", "causal").done();
    let mel = Renamed::new(from).key("mel_bins", "n_mel_channels").done();
    json!({"model": {"params": params}, "preprocessing": {"stft": stft, "mel": mel}})
}

fn vocoder(from: &Section) -> Result<Value> {
    let class = from.word_or("_class_name", "")?;
    if class != "LTX2VocoderWithBWE" {
        return Ok(Renamed { from, to: object(generator(from, "", None)?) }.same(&["output_sampling_rate"]).done());
    }
    let second = generator(from, "bwe_", Some((512, &[6, 5, 2, 2, 2], &[12, 11, 4, 4, 4])))?;
    let extension = Renamed { from, to: object(second) }
        .same(&["input_sampling_rate", "output_sampling_rate", "hop_length"])
        .key("filter_length", "n_fft")
        .key("num_mel_channels", "num_mels");
    let first = generator(from, "", Some((1536, &[5, 2, 2, 2, 2, 2], &[11, 4, 4, 4, 4, 4])))?;
    Ok(json!({"vocoder": first, "bwe": extension.done()}))
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    if let Value::Object(map) = value { map } else { serde_json::Map::new() }
}

/// Width, rates and kernel sizes of a generator that are meant where its file has none.
type Steps<'a> = Option<(usize, &'a [usize], &'a [usize])>;

/// One generator of the vocoder; the second one's keys begin with `bwe_`. The vocoder with extension has other defaults than the
/// one without.
fn generator(from: &Section, prefix: &str, steps: Steps<'_>) -> Result<Value> {
    let key = |name: &str| format!("{prefix}{name}");
    let absent = |name: &str| from.value().get(key(name)).is_none();
    let extended = steps.is_some();
    let mut to = Renamed::new(from);
    if let Some((width, rates, sizes)) = steps {
        to = to.set("upsample_initial_channel", width).set("upsample_rates", json!(rates)).set("upsample_kernel_sizes", json!(sizes));
    }
    // A key that is there and null asks for no activation at the end, which is not the same as no key.
    let tanh = if absent("final_act_fn") { !extended } else { from.word_or(&key("final_act_fn"), "")? == "tanh" };
    let activation = from.word_or(&key("act_fn"), if extended { "snakebeta" } else { "leaky_relu" })?;
    to = to
        .set("use_bias_at_final", !extended)
        .key(&key("hidden_channels"), "upsample_initial_channel")
        .key(&key("upsample_factors"), "upsample_rates")
        .key(&key("upsample_kernel_sizes"), "upsample_kernel_sizes")
        .key(&key("resnet_kernel_sizes"), "resblock_kernel_sizes")
        .key(&key("resnet_dilations"), "resblock_dilation_sizes")
        .key(&key("final_bias"), "use_bias_at_final")
        .set("stereo", from.size_or(&key("out_channels"), 2)? == 2)
        .set("use_tanh_at_final", tanh);
    to = match activation.as_str() {
        "leaky_relu" => to.set("resblock", "1"),
        other => to.set("resblock", "AMP1").set("activation", other),
    };
    Ok(to.done())
}

/// Both libraries' keys: they differ in two names only.
fn upsampler(from: &Section) -> Value {
    let to = Renamed { from, to: object(from.value().clone()) };
    to.key("rational_spatial_scale", "spatial_scale").key("use_rational_resampler", "rational_resampler").done()
}

/// The diffusion decoder's settings from the `vae` section of the single file, under the names of diffusers as its tensors are.
/// Defaults are those of the model authors' loader.
pub fn diffusion(vae: &Section) -> Value {
    if !vae.has("decoder") && !vae.has("stage_channels") {
        return Value::Null;
    }
    let nested = vae.section("decoder");
    let decoder = if vae.has("decoder") { &nested } else { vae };
    let of = |key: &str| decoder.value().get(key).filter(|v| !v.is_null()).cloned();
    let beside = |key: &str| vae.value().get(key).filter(|v| !v.is_null()).cloned();
    let mut to = Renamed::new(decoder)
        .same(&["out_channels", "patch_size"])
        .key("na_head_dim", "decoder_head_dim")
        .key("head_dim", "decoder_head_dim")
        .key("stage_channels", "decoder_stage_channels")
        .key("stage_depths", "decoder_stage_depths")
        .key("stage_kernels", "decoder_stage_kernels")
        .key("stage5_kernel", "decoder_stage5_kernel")
        .key("stage5_channels", "decoder_stage5_channels")
        .key("t_emb_dim", "decoder_t_emb_dim")
        .set("decoder_num_inference_steps", of("default_num_inference_steps").unwrap_or_else(|| json!(2)))
        .set("decoder_timestep_scale_multiplier", of("timestep_scale_multiplier").unwrap_or_else(|| json!(1.0)))
        .set("decoder_model_output_type", beside("model_output_type").unwrap_or_else(|| json!("v")))
        .set("latent_channels", of("in_channels").or_else(|| beside("latent_channels")).unwrap_or_else(|| json!(128)));
    if let Some(Value::Array(steps)) = of("upsamples") {
        let part = |i: usize| steps.iter().map(|step| step.get(i).cloned().unwrap_or_default()).collect::<Vec<_>>();
        to = to.set("decoder_upsample_strides", part(0)).set("decoder_upsample_channel_reductions", part(1));
    }
    to.done()
}
